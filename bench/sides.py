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
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .rows import Row

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
    patience: seconds after which a slow row has fewer than `least`; processes: how often a whole process is timed.
    """

    block: float
    budget: float
    least: int
    most: int
    patience: float
    processes: int
    images: int  # in each of the five files of the data set of the sample program
    epochs: int

    def rounds(self, round_seconds: float) -> int:
        """How often all sides are timed, where once takes so long."""
        wanted = min(self.most, max(self.least, int(self.budget / round_seconds)))
        return max(1, min(wanted, int(self.patience / round_seconds)))


FULL = Effort(block=0.03, budget=4.0, least=7, most=41, patience=40.0, processes=5, images=2000, epochs=3)
QUICK = Effort(block=0.02, budget=0.3, least=3, most=5, patience=6.0, processes=1, images=400, epochs=2)


def set_environment(threads: int) -> None:
    """For every process that this one starts: so many threads, whatever computes, and this checkout."""
    os.environ.update({f"{library}_NUM_THREADS": str(threads) for library in ("OMP", "OPENBLAS", "MKL")})
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    os.environ["PYTHONWARNINGS"] = "ignore"


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
        self._process = subprocess.Popen(
            command(self.name, "bench.worker", self.name),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            text=True,
        )
        self.facts = self.ask("start", self.name)

    def ask(self, action: str, argument: Any) -> dict[str, Any]:
        """The answer of the worker; raises Failed where it has none."""
        if self._process is None:
            self.start()
        process = self._process
        assert process is not None and process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(json.dumps([action, argument]) + "\n")
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
            raise Failed(f"{self.name}: {answer['failed']}")
        return answer

    def _death(self, process: subprocess.Popen[str]) -> str:
        code = process.wait()
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        size = os.fstat(self._complaints).st_size
        lines = os.pread(self._complaints, size, 0).decode(errors="replace").strip().splitlines()
        return f"the worker ended ({how}): {lines[-1] if lines else 'no message'}"

    @property
    def pid(self) -> int | None:
        """Of the worker that runs now."""
        return None if self._process is None else self._process.pid

    def close(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait()
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


def same(ours: Sequence[float], peer: Sequence[float]) -> bool:
    """Whether two digests are those of one result, but for rounding."""
    size = max((abs(number) for number in peer), default=0.0)
    return len(ours) == len(peer) and all(
        abs(a - b) <= 1e-3 * abs(b) + 1e-4 * size for a, b in zip(ours, peer, strict=True)
    )


def compare(row: Row, ours: Side, peer: Side, others: Sequence[Side], effort: Effort) -> dict[str, Any]:
    """Medians over rounds in which each side is timed once, in changing order. What another peer cannot do is noted."""
    prepared = {side.name: side.ask("prepare", row.name) for side in (ours, peer)}
    if not same(prepared["ours"]["digest"], prepared["peer"]["digest"]):
        raise Failed(f"the results differ: {prepared['ours']['digest']} and PyTorch {prepared['peer']['digest']}")
    sides, reasons = [ours, peer], {}
    for other in others:
        try:
            prepared[other.name] = other.ask("prepare", row.name)
            sides.append(other)
        except Absent:
            continue  # it has no program of this row
        except Failed as failure:
            reasons[other.name] = str(failure)
    estimates = {name: answer["estimate"] for name, answer in prepared.items()}
    counts = {name: max(1, min(1000, int(effort.block / each))) for name, each in estimates.items()}
    round_seconds = sum(counts[name] * each + NAP for name, each in estimates.items())
    samples: dict[str, list[float]] = {side.name: [] for side in sides}
    for number in range(effort.rounds(round_seconds)):
        for side in sides if number % 2 == 0 else reversed(sides):
            time.sleep(NAP)
            samples[side.name].append(side.ask("block", counts[side.name])["seconds"])
    result = summary(samples["ours"], samples["peer"])
    for name in ("ours", "peer"):
        result[name] |= {"first": prepared[name]["first"], "repetitions": counts[name]}
    result["others"] = {side.name: summary(samples["ours"], samples[side.name])["peer"] for side in sides[2:]}
    result["others"] |= {name: {"failed": reason} for name, reason in reasons.items()}
    return result
