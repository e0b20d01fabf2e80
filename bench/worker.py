"""One side of the comparison: a process that makes a row's program and times blocks of it, as it is told on standard input.

    python -m rushlight -m bench.worker ours       `import torch` means Rushlight
    python -m bench.worker peer                    PyTorch, eager
    python -m bench.worker torch.compile           PyTorch, compiled
    python -m bench.worker jax | tinygrad          programs of their own (bench/others/)

Each line of input is a request in JSON, each line of output its answer; what cannot be done answers {"failed": why}.
"""

from __future__ import annotations

import faulthandler
import gc
import importlib
import json
import os
import statistics
import sys
import time
import traceback
from collections.abc import Callable
from importlib import metadata
from typing import Any

from .rows import BY_NAME, Row

OTHERS = ("jax", "tinygrad")
WARM = 40  # repetitions before anything is timed, so that what is compiled when it comes often is compiled
WARM_SECONDS = 3.0  # but no longer than this, after the first ones
WARM_LEAST = 3


class Absent(Exception):
    """This side does not have yet what the row needs."""


def start(side: str) -> dict[str, Any]:
    """Loads the side's library; says what it is."""
    if side in OTHERS:
        return {"version": metadata.version(side)}
    torch = importlib.import_module("torch")
    if (torch.__name__ == "rushlight") != (side == "ours"):
        raise SystemExit(
            f"bench: {side!r} got {torch.__name__}; ours is started by `python -m rushlight -m bench.worker`"
        )
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    facts = {"version": str(torch.__version__), "threads": torch.get_num_threads()}
    if side == "ours":
        facts["tier"] = importlib.import_module("rushlight.config").TIER
    return facts


def make(side: str, row: Row) -> Callable[[], Any]:
    """What one repetition does on this side; it returns only when its results are there."""
    if side in OTHERS:
        other = importlib.import_module(f"bench.others.{side}_programs").PROGRAMS.get(row.program)
        if other is None:
            raise Absent("no program of this row")
        repeat: Callable[[], Any] = other(*row.arguments)
        return repeat
    importlib.import_module("torch").set_float32_matmul_precision("highest")  # a row before may have asked for less
    torch = importlib.import_module("torch")
    compiled = side == "torch.compile" or (side == "ours" and row.compiled)
    if compiled and not hasattr(torch, "compile"):
        raise Absent("not there yet")
    program = row.make()
    run, arguments = program.run, program.arguments
    if compiled:
        if side == "torch.compile":
            torch.compiler.reset()  # one function's variants are bounded in number, and the rows share the step's code
        run = torch.compile(run)
    if program.is_step:
        return lambda: run(*arguments).item()
    if side != "ours":
        return lambda: run(*arguments)
    flush = importlib.import_module("rushlight.tensor").flush_pending

    def forced() -> Any:
        """Runs what is pending while the result is held, so that all of it is computed; nothing is copied."""
        result = run(*arguments)
        flush()
        return result

    return forced


def digest(result: Any) -> list[float]:
    """A few numbers that tell a wrong result from a right one: of each tensor the mean, the mean size, the first element."""
    if isinstance(result, float):
        return [result]
    tensors = result if isinstance(result, tuple) else (result,)
    numbers = []
    for tensor in tensors:
        flat = tensor.detach().double().flatten()
        numbers += [flat.mean().item(), flat.abs().mean().item(), flat[0].item()]
    return numbers


class Worker:
    """Answers requests; holds one row's program at a time."""

    def __init__(self, side: str) -> None:
        self._side = side
        self._repeat: Callable[[], Any] | None = None

    def prepare(self, name: str, repetitions: int | None) -> dict[str, Any]:
        """Makes the row's program and warms it, by so many repetitions where a number is given.

        Says how many they were, how long the first took and how long one takes, and the digests of the first result and the last.
        """
        self._repeat = None
        gc.collect()
        self._repeat = repeat = make(self._side, BY_NAME[name])
        times: list[float] = []
        digests: list[list[float]] = []

        def once() -> Any:
            started = time.perf_counter()
            result = repeat()
            times.append(time.perf_counter() - started)
            return result

        digests.append(self._digest(once()))
        begun = time.perf_counter()
        while len(times) + 1 < (repetitions or WARM) and (
            repetitions or len(times) < WARM_LEAST or time.perf_counter() - begun < WARM_SECONDS
        ):
            once()
        digests.append(self._digest(once()))
        estimate = statistics.median(times[-5:])
        return {"repetitions": len(times), "first": times[0], "estimate": estimate, "digests": digests}

    def _digest(self, result: Any) -> list[float]:
        return [] if self._side in OTHERS else digest(result)

    def block(self, repetitions: int) -> dict[str, Any]:
        """Seconds a repetition. Short ones are run once before, to wake the threads."""
        repeat = self._repeat
        assert repeat is not None
        if repetitions > 1:
            repeat()
        started = time.perf_counter()
        for _ in range(repetitions):
            repeat()
        return {"seconds": (time.perf_counter() - started) / repetitions}


def complaint(error: BaseException) -> str:
    """Class, first line and place of an exception."""
    text = f"{type(error).__name__}: {error}".strip().splitlines()[0][:200]
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{text} ({'/'.join(frame.filename.split('/')[-2:])}:{frame.lineno})"


def main() -> None:
    faulthandler.enable()
    # What the libraries print must not come between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    worker = Worker(sys.argv[1])
    actions: dict[str, Callable[..., dict[str, Any]]] = {
        "start": start,
        "prepare": worker.prepare,
        "block": worker.block,
    }
    for line in sys.stdin:
        action, *details = json.loads(line)
        try:
            answer = actions[action](*details)
        except Absent as absent:
            answer = {"absent": str(absent)}
        except Exception as error:
            answer = {"failed": complaint(error)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
