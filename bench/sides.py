"""The processes that are compared, seen from the one that compares them, and the comparison by alternating blocks."""

from __future__ import annotations

import json
import os
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .load import DOUBTFUL, Load
from .rows import Row

AGREE = (1e-3, 1e-2)  # relative difference allowed of first results, and after some training steps
LIMIT = 600.0  # seconds after which a worker that does not answer is ended
NAP = 0.012  # before each block: the other side's threads spin for a while after their work, and would hold a core
ROOT = Path(__file__).resolve().parents[1]
PYTORCH = os.environ.get("RUSHLIGHT_PEER", sys.executable)


class Failed(Exception):
    """A side could not do a row; the text says why."""


class Absent(Failed):
    """A side does not have yet what a row needs."""


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    block: seconds that a block of repetitions takes; budget: seconds of blocks a row; least, most: rounds of blocks;
    patience: seconds after which a slow row has fewer than `least`; extra: seconds more where others keep the processors busy; processes: how often a whole process is timed.
    """

    block: float
    budget: float
    least: int
    most: int
    patience: float
    extra: float
    processes: int
    images: int  # in each of the five files of the data set of the sample program
    epochs: int

    def rounds(self, round_seconds: float) -> int:
        """How often all sides are timed, where once takes so long."""
        wanted = min(self.most, max(self.least, int(self.budget / round_seconds)))
        return max(1, min(wanted, int(self.patience / round_seconds)))


FULL = Effort(block=0.03, budget=4.0, least=7, most=41, patience=40.0, extra=10.0, processes=5, images=2000, epochs=3)
QUICK = Effort(block=0.02, budget=0.3, least=3, most=5, patience=6.0, extra=1.5, processes=1, images=400, epochs=2)


def set_environment(threads: int) -> None:
    """For every process that this one starts: so many threads, whatever computes, and this checkout."""
    os.environ.update({f"{library}_NUM_THREADS": str(threads) for library in ("OMP", "OPENBLAS", "MKL")})
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    os.environ["PYTHONWARNINGS"] = "ignore"
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else this checkout is compiled from source at every start


def command(side: str, module: str, *arguments: str) -> list[str]:
    """How `python -m module arguments…` is started on a side."""
    if side == "ours":
        return [sys.executable, "-m", "rushlight", "-m", module, *arguments]
    return [PYTORCH, "-m", module, *arguments]


class Side:
    """A worker process; started anew after it has died."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.facts: dict[str, Any] = {}
        self._process: subprocess.Popen[str] | None = None
        self._complaints, path = tempfile.mkstemp()  # a file, since a pipe that nobody reads would stop the worker
        os.unlink(path)
        self.start()

    def start(self) -> None:
        os.ftruncate(self._complaints, 0)
        os.lseek(self._complaints, 0, os.SEEK_SET)
        self._process = subprocess.Popen(
            command(self.name, "bench.worker", self.name),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            text=True,
        )
        self.facts = self.ask("start", self.name)

    def ask(self, action: str, *details: Any) -> dict[str, Any]:
        """The answer of the worker; raises Failed where it has none."""
        if self._process is None:
            self.start()
        process = self._process
        assert process is not None and process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(json.dumps([action, *details]) + "\n")
            process.stdin.flush()
            if not select.select([process.stdout], [], [], LIMIT)[0]:
                process.kill()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            self._process = None
            raise Failed(f"{self.name}: {self._death(process)}")
        answer: dict[str, Any] = json.loads(line)
        if "absent" in answer:
            raise Absent(answer["absent"])
        if "failed" in answer:
            self.end()  # what failed may have left the process in a state that fails the next row too
            raise Failed(f"{self.name}: {answer['failed']}")
        return answer

    def _death(self, process: subprocess.Popen[str]) -> str:
        code = process.wait()
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        size = os.fstat(self._complaints).st_size
        lines = os.pread(self._complaints, size, 0).decode(errors="replace").strip().splitlines()
        # faulthandler prints the calls of the thread that died after "Current thread", the last call first.
        current = [number for number, line in enumerate(lines) if line.startswith("Current thread")]
        what = lines[-1] if lines else "no message"
        if code < 0 and current and current[0] + 1 < len(lines):
            what = lines[current[0] + 1].strip()
        return f"the worker ended ({how}): {what}"

    @property
    def pid(self) -> int | None:
        """Of the worker that runs now."""
        return None if self._process is None else self._process.pid

    def end(self) -> None:
        """Ends the worker; the next question starts another."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait()
        self._process = None

    def close(self) -> None:
        self.end()
        os.close(self._complaints)


def quartiles(samples: Sequence[float]) -> list[float]:
    """The lower quartile, the median and the upper."""
    if len(samples) == 1:
        return [samples[0]] * 3
    return statistics.quantiles(samples, n=4, method="inclusive")


def summary(ours: Sequence[float], peer: Sequence[float]) -> dict[str, Any]:
    """Medians and quartiles of samples that were taken in pairs, and of the ratios of the pairs, in which slow drift cancels."""
    low, ratio, high = quartiles([a / b for a, b in zip(ours, peer, strict=True)])
    sides = {}
    for name, samples in (("ours", ours), ("peer", peer)):
        lower, median, upper = quartiles(samples)
        sides[name] = {"median": median, "quartiles": [lower, upper], "samples": len(samples)}
    return {**sides, "ratio": ratio, "ratio_quartiles": [low, high]}


def same(ours: Sequence[float], peer: Sequence[float], tolerance: float) -> bool:
    """Whether two digests are those of one result, but for rounding."""
    size = max((abs(number) for number in peer), default=0.0)
    return len(ours) == len(peer) and all(
        abs(a - b) <= tolerance * abs(b) + 0.1 * tolerance * size for a, b in zip(ours, peer, strict=True)
    )


def _prepare(row: Row, ours: Side, peer: Side) -> dict[str, dict[str, Any]]:
    """Both sides' answers. The first results must agree, and the last of as many repetitions, which compiled code may have made."""
    mine = ours.ask("prepare", row.name, None)
    theirs = peer.ask("prepare", row.name, mine["repetitions"])
    for which, tolerance, a, b in zip(("first", "last"), AGREE, mine["digests"], theirs["digests"], strict=True):
        if not same(a, b, tolerance):
            raise Failed(f"the {which} of {mine['repetitions']} results differ: {shown(a)}, PyTorch's {shown(b)}")
    return {"ours": mine, "peer": theirs}


def shown(numbers: Sequence[float]) -> str:
    return " ".join(f"{number:.6g}" for number in numbers)


def compare(
    row: Row, ours: Side, peer: Side, others: Sequence[Side], watch: Callable[[], Load], effort: Effort
) -> dict[str, Any]:
    """Medians over rounds in which each side is timed once, in changing order. What another peer cannot do is noted."""
    prepared = _prepare(row, ours, peer)
    sides, reasons = [ours, peer], {}
    for other in others:
        try:
            prepared[other.name] = other.ask("prepare", row.name, None)
            sides.append(other)
        except Absent:
            continue  # it has no program of this row
        except Failed as failure:
            reasons[other.name] = str(failure)
    counts = {name: max(1, min(1000, int(effort.block / answer["estimate"]))) for name, answer in prepared.items()}
    round_seconds = sum(counts[name] * answer["estimate"] + NAP for name, answer in prepared.items())
    rounds = _rounds(sides, counts, watch, effort.rounds(round_seconds), effort.extra)
    samples = {side.name: [seconds[side.name] for seconds, _ in rounds] for side in sides}
    loads = [load for _, load in rounds if load is not None]
    result = summary(samples["ours"], samples["peer"])
    for name in ("ours", "peer"):
        result[name] |= {"first": prepared[name]["first"], "repetitions": counts[name]}
    result["others"] = {side.name: summary(samples["ours"], samples[side.name])["peer"] for side in sides[2:]}
    result["others"] |= {name: {"failed": reason} for name, reason in reasons.items()}
    result["others_load"] = round(statistics.mean(loads), 3) if loads else None
    return result


def _rounds(
    sides: Sequence[Side], counts: dict[str, int], watch: Callable[[], Load], wanted: int, extra: float
) -> list[tuple[dict[str, float], float | None]]:
    """Seconds a repetition of each side, and the load of others meanwhile, of so many rounds.

    Where others are busy it goes on for `extra` seconds more, in hope of quiet rounds; the quietest are kept. Which they are does not
    depend on what was measured.
    """
    rounds: list[tuple[dict[str, float], float | None]] = []
    quiet, ends = 0, time.perf_counter()
    while quiet < wanted and (len(rounds) < wanted or time.perf_counter() - ends < extra):
        load, seconds = watch(), {}
        for side in sides if len(rounds) % 2 == 0 else reversed(sides):
            time.sleep(NAP)
            seconds[side.name] = side.ask("block", counts[side.name])["seconds"]
        others = load.of_others()
        rounds.append((seconds, others))
        quiet += others is None or others <= DOUBTFUL
        if len(rounds) == wanted:
            ends = time.perf_counter()
    return sorted(rounds, key=lambda each: each[1] or 0.0)[:wanted]
