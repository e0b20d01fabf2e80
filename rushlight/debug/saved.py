"""Kernels in files of their own, and how such a file runs.

The file holds the kernel as LLVM IR, what its arguments are, and nothing else; it needs Rushlight to compile and call it.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ..backend.cpu import build, team
from ..backend.cpu.generated import Generated
from ..backend.cpu.program import Program, Step
from ..backend.machine import Machine
from ..dtype import BY_NAME, encode

_REPEAT = 50
_LONG = 2.0  # seconds that the timed runs together may take, roughly


class Argument(NamedTuple):
    """A buffer: NumPy's dtype in memory, Rushlight's, shape, strides in elements, places it may name (0: no index), whether it is written."""

    storage: str
    dtype: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    bound: int = 0
    result: bool = False


def source(kernel: Any, made: Generated, arguments: Sequence[Argument], machine: Machine) -> str:
    """The text of the file."""
    listed = "\n".join(f"    {tuple(argument)!r}," for argument in arguments)
    quoted = made.text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    comment = "\n".join(f"#   {line}" for line in kernel.text().splitlines())
    facts = (made.name, made.shared, made.per_thread, made.parallel)
    return f'''"""{kernel.name}

A kernel that Rushlight made for {machine.name}. `python FILE` compiles it, runs it on random operands and tells how long it takes;
`python FILE --assembly` prints the machine's assembly instead.
"""

# What it computes:
{comment}

from rushlight.debug.saved import main

NAME = {kernel.name!r}
FLOPS, BYTES = {kernel.flops!r}, {kernel.bytes!r}
FACTS = {facts!r}  # function, bytes of scratch memory for all threads and for each, whether all threads call it
# For each operand, then each result: dtype in memory, dtype, shape, strides, places (of indices), whether it is written.
ARGUMENTS = [
{listed}
]
TEXT = """
{quoted}"""

if __name__ == "__main__":
    main(NAME, TEXT, FACTS, ARGUMENTS, FLOPS, BYTES)
'''


def _array(argument: Argument, rng: np.random.Generator) -> np.ndarray:
    """Random elements, laid out as the argument says; the array's own first element is the buffer's."""
    storage = np.dtype(argument.storage)
    pairs = list(zip(argument.shape, argument.strides, strict=True))
    low = sum((extent - 1) * stride for extent, stride in pairs if stride < 0)
    high = sum((extent - 1) * stride for extent, stride in pairs if stride > 0)
    count = high - low + 1 if prod(argument.shape) else 0
    if argument.result:
        values = np.zeros(count, storage)
    elif argument.bound:
        values = rng.integers(0, argument.bound, count).astype(storage)
    else:
        values = encode(rng.standard_normal(count).astype(BY_NAME[argument.dtype].compute), BY_NAME[argument.dtype])
    start = -low * storage.itemsize
    strides = tuple(stride * storage.itemsize for stride in argument.strides)
    return np.ndarray(argument.shape, storage, values, start if count else 0, strides)


def program(
    text: str, facts: tuple[str, int, int, bool], arguments: Sequence[Argument]
) -> tuple[Program, list[np.ndarray]]:
    """A program of this one kernel, with operands for it."""
    machine = build.host_machine()
    (kernel,) = build.compiled([("a saved kernel\n" + text, lambda: Generated(facts[0], text, *facts[1:]))], machine)
    rng = np.random.default_rng(0)
    arrays = [_array(argument, rng) for argument in arguments]
    return Program([Step(kernel, tuple(range(len(arrays))), False)], len(arrays), {}, 0), arrays


def main(
    name: str,
    text: str,
    facts: tuple[str, int, int, bool],
    arguments: Sequence[tuple[Any, ...]],
    flops: int | None,
    bytes: int,
) -> None:
    """Runs a saved kernel and prints what there is to say of it."""
    if "--assembly" in sys.argv[1:]:
        print(build.assembly(text, build.host_machine()))
        return
    made, arrays = program(text, facts, [Argument(*argument) for argument in arguments])
    failed = made.run(arrays)
    made.measure()
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < _REPEAT and (len(times) < 3 or time.perf_counter() - began < _LONG):
        made.run(arrays)
        times += made.timings()
    seconds = statistics.median(times)
    rates = [] if flops is None else [f"{flops / seconds / 1e9:.1f} GFLOP/s"]
    rates.append(f"{bytes / seconds / 1e9:.1f} GB/s")
    print(
        f"{name}: {seconds * 1e6:.1f} us, {', '.join(rates)} (median of {len(times)} runs, threads: {team.threads()})"
    )
    if failed:
        print(
            "with these operands it meets what only the interpreter can tell (an index out of range, a division by zero)"
        )
