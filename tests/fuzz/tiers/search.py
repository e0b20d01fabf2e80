"""Many graphs in other processes: a crash or a hang is an answer like any other, and names its seed."""

from __future__ import annotations

import json
import os
import platform
import re
import selectors
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
HUNG = 180.0  # seconds for one graph, its reduction included
REDUCED = 8  # so many crashes of a chunk are reduced, each in many processes
INSTRUCTION_SETS = ("", "avx2", "sse") if platform.machine().lower() in ("x86_64", "amd64") else ("",)


@dataclass
class Chunk:
    """Consecutive seeds, run for the host's processor (""), or for a lesser one."""

    first: int
    count: int
    cpu: str = ""
    tier: str = "compiled"


@dataclass
class Outcome:
    """What a chunk's run said: a report for each seed that differs, and how often each op was computed."""

    chunk: Chunk
    failures: dict[int, str] = field(default_factory=dict)
    ops: Counter[str] = field(default_factory=Counter)


def _environment(chunk: Chunk) -> dict[str, str]:
    """One thread, since other processes are at work too: a share of the graphs asks for two."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RUSHLIGHT_")}
    single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    own = {"PYTHONPATH": str(ROOT), "RUSHLIGHT_CACHE": os.environ.get("RUSHLIGHT_CACHE", "off")}
    return kept | single | own | ({"RUSHLIGHT_CPU": chunk.cpu} if chunk.cpu else {})


def _command(chunk: Chunk, word: str, first: int, count: int) -> list[str]:
    return [sys.executable, "-m", "tests.fuzz.tiers", word, str(first), str(count), "--tier", chunk.tier]


def _lines(process: subprocess.Popen[bytes]) -> Iterator[dict[str, Any]]:
    """What a worker says, until it ends or has said nothing for long, in which case it is killed."""
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        held = b""
        while True:
            if not selector.select(HUNG):
                process.kill()
                return
            part = os.read(process.stdout.fileno(), 1 << 16)
            if not part:
                return
            *whole, held = (held + part).split(b"\n")
            yield from map(json.loads, whole)


def run_chunk(chunk: Chunk) -> Outcome:
    """Runs a chunk; after a crash goes on behind the seed that crashed."""
    outcome, place, end, crashes = Outcome(chunk), chunk.first, chunk.first + chunk.count, 0
    while place < end:
        command = _command(chunk, "worker", place, end - place)
        with subprocess.Popen(
            command, cwd=ROOT, env=_environment(chunk), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            current, complete = place, False
            for said in _lines(process):
                if "seed" in said:
                    current = said["seed"]
                if "report" in said:
                    outcome.failures[current] = said["report"]
                outcome.ops.update(said.get("ops", {}))
                complete = complete or "end" in said
            assert process.stderr is not None
            trouble = process.stderr.read().decode(errors="replace")
            code = process.wait()
        if complete and not code:
            break
        crashes += 1
        what = crashed(chunk, current) if crashes <= REDUCED else ""
        outcome.failures[current] = f"seed {current}: the process ended with {code}\n{what}\n{trouble[-3000:]}"
        place = current + 1
    return outcome


def crashed(chunk: Chunk, seed: int) -> str:
    """The graph of a seed that crashes, made smaller in processes of its own."""
    run = subprocess.run(
        _command(chunk, "crash", seed, 1),
        cwd=ROOT,
        env=_environment(chunk),
        capture_output=True,
        text=True,
        timeout=20 * HUNG,
    )
    return run.stdout or run.stderr[-2000:]


def cause(report: str) -> str:
    """What reports of one cause have in common: the complaint without its numbers, and the ops of the reduced graph."""
    head, *lines = report.splitlines()
    complaint = re.sub(r"the first at.*", "", re.sub(r"^seed \d+: (%\d+: )?", "", head))
    ops = dict.fromkeys(match[1] for line in lines if (match := re.match(r"%\d+ = (\w+)\(", line)))
    return f"{re.sub(r'[0-9]+', 'N', complaint).strip()} — {' '.join(list(ops)[-3:])}"


class Record:
    """A file to which every finished chunk is appended, so that a run that was broken off goes on where it was."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.outcomes: list[Outcome] = []
        if path.exists():
            for line in path.read_text().splitlines():
                entry = json.loads(line)
                failures = {int(seed): report for seed, report in entry["failures"].items()}
                self.outcomes.append(Outcome(Chunk(**entry["chunk"]), failures, Counter(entry["ops"])))

    def has(self, chunk: Chunk) -> bool:
        return any(outcome.chunk == chunk for outcome in self.outcomes)

    def add(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            entry = {"chunk": vars(outcome.chunk), "failures": outcome.failures, "ops": outcome.ops}
            file.write(json.dumps(entry) + "\n")

    def summary(self) -> str:
        """Causes with their seeds and the smallest report of each, and how often each op was computed."""
        failures = {seed: report for outcome in self.outcomes for seed, report in outcome.failures.items()}
        causes: dict[str, list[int]] = {}
        for seed, report in sorted(failures.items()):
            like = re.match(r"seed \d+: like seed (\d+): ", report)
            causes.setdefault(cause(failures[int(like[1])] if like else report), []).append(seed)
        lines = []
        for name, seeds in sorted(causes.items(), key=lambda item: -len(item[1])):
            lines.append(f"== {len(seeds)} × {name}\n   seeds {seeds[:12]}{' …' if len(seeds) > 12 else ''}")
            whole = [failures[seed] for seed in seeds if "\n" in failures[seed]]
            lines.append(min(whole, key=len))
        ops: Counter[str] = sum((outcome.ops for outcome in self.outcomes), Counter())
        lines.append(
            "ops: " + " ".join(f"{name} {count}" for name, count in sorted(ops.items(), key=lambda item: item[1]))
        )
        graphs = sum(outcome.chunk.count for outcome in self.outcomes)
        lines.append(f"{len(failures)} of {graphs} graphs differ, of {len(causes)} causes")
        return "\n".join(lines)
