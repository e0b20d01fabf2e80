"""What this machine can do at most, measured once a process with two small kernels: multiply-adds in registers, and reading memory.

Memory is measured for several sizes, since what lies in a cache comes faster. A measurement takes the best of several runs: whatever else
the machine does can only slow it.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from ..backend.cpu import build, team
from ..backend.cpu.assembly import Function, Module, constant, vector
from ..backend.cpu.generated import OPERANDS, Generated
from ..backend.cpu.pool import take
from ..backend.cpu.program import Program, Step
from ..backend.machine import Machine

_CHAINS = 12  # independent chains of operations: more than the latency of one times how many begin each cycle
_TURNS = 1 << 16
_RUNS = 7
_READ = 64 << 20  # bytes that a run reads, whatever the array's size
_BIGGEST = 128 << 20  # larger than most caches


@dataclass(frozen=True)
class Peak:
    """Of all threads together."""

    flops: float  # a second, of float32
    bandwidths: tuple[tuple[int, float], ...]  # (size in bytes, bytes a second), by size
    threads: int

    def bandwidth(self, size: int) -> float:
        """Bytes a second of reading again what is that big."""
        return next((rate for bytes, rate in self.bandwidths if size <= bytes), self.bandwidths[-1][1])

    def least_seconds(self, flops: float, bytes: float, itemsize: int = 4) -> float:
        """What so much work takes at least: the longer of computing and moving (the roofline model, Williams et al. 2009)."""
        return max(flops / (self.flops * 4 / max(itemsize, 4)), bytes / self.bandwidth(int(bytes)))


def _generate_arithmetic(machine: Machine) -> Generated:
    """Each thread: `_CHAINS` chains of x ← x·c + d; the sum is stored, so that nothing can be left out."""
    module = Module(machine.triple)
    width = machine.width(4)
    kind = vector("float", width)
    f = Function(module, "arithmetic", [("ptr", "arguments"), ("i64", "thread"), ("i64", "threads")], internal=False)
    result = f.load("ptr", f.pointer("%arguments", OPERANDS, "i64"), 8)
    factor, addend = constant(kind, 0.5), constant(kind, 1.0)
    starts = [(kind, constant(kind, float(number))) for number in range(_CHAINS)]
    with f.loop(0, _TURNS, carried=starts) as turn:
        for number, value in enumerate(turn.carried):
            if machine.fma:
                turn.next[number] = f.fma(kind, value, factor, addend)
            else:
                turn.next[number] = f.binary("fadd", kind, f.binary("fmul", kind, value, factor), addend)
    total = functools.reduce(lambda a, b: f.binary("fadd", kind, a, b), turn.results)
    f.store(kind, total, f.pointer(result, f.mul("%thread", 64), "float"), 4)
    f.end()
    return Generated("arithmetic", module.text())


def _generate_reading(machine: Machine, size: int) -> Generated:
    """Each thread sums its share of an array, again and again."""
    module = Module(machine.triple)
    width = machine.width(4)
    kind, step = vector("float", width), 8 * width
    f = Function(module, "reading", [("ptr", "arguments"), ("i64", "thread"), ("i64", "threads")], internal=False)
    data = f.load("ptr", f.pointer("%arguments", OPERANDS, "i64"), 8)
    result = f.load("ptr", f.pointer("%arguments", OPERANDS + 1, "i64"), 8)
    # Shares of whole steps: what is left over at the end is not read.
    share = f.emit(f"udiv i64 {size // 4 // step}, %threads")
    start = f.mul(f.mul("%thread", share), step)
    count = f.mul(share, step)
    zeros = [(kind, constant(kind, 0.0))] * 8
    with f.loop(0, max(1, _READ // size), carried=zeros) as turn:
        with f.loop(0, count, step, carried=[(kind, value) for value in turn.carried]) as inner:
            base = f.pointer(data, f.add(start, inner.index), "float")
            for number, value in enumerate(inner.carried):
                read = f.load(kind, f.pointer(base, number * width, "float"), 4)
                inner.next[number] = f.binary("fadd", kind, value, read)
        turn.next = list(inner.results)
    total = functools.reduce(lambda a, b: f.binary("fadd", kind, a, b), turn.results)
    f.store(kind, total, f.pointer(result, f.mul("%thread", 64), "float"), 4)
    f.end()
    return Generated("reading", module.text())


def _best(made: Generated, arrays: list[np.ndarray]) -> float:
    """Seconds of the fastest of several runs on all threads."""
    (kernel,) = build.compiled([("peak\n" + made.text, lambda: made)], build.host_machine())
    program = Program([Step(kernel, tuple(range(len(arrays))), False)], len(arrays), {}, 0)
    program.run(arrays)
    program.measure()
    times = []
    for _ in range(_RUNS):
        program.run(arrays)
        times += program.timings()
    return min(times)


def _measured(threads: int) -> Peak:
    machine = build.host_machine()
    results = take((threads, 64), np.dtype(np.float32))
    seconds = _best(_generate_arithmetic(machine), [results])
    flops = 2 * threads * _CHAINS * _TURNS * machine.width(4) / seconds
    bandwidths = []
    for size in sorted({machine.l1 * threads // 2, machine.l2 * threads // 2, 8 * machine.l2 * threads, _BIGGEST}):
        data = take((size // 4,), np.dtype(np.float32))
        data.fill(1)
        seconds = _best(_generate_reading(machine, size), [data, results])
        bandwidths.append((size, max(1, _READ // size) * size / seconds))
    return Peak(flops, tuple(bandwidths), threads)


@functools.cache
def _of_threads(threads: int) -> Peak:
    return _measured(threads)


def peak() -> Peak:
    """This machine's, with as many threads as there are."""
    return _of_threads(team.threads())
