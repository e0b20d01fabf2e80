"""Compiles a contraction's kernel and calls it on arrays: the reference is the interpreter's evaluation."""

from __future__ import annotations

import ctypes
import itertools
import threading
from collections.abc import Sequence

import numpy as np

from rushlight.backend.cpu.build import compiled, machine_of
from rushlight.backend.cpu.contraction import generate_contraction
from rushlight.backend.cpu.generated import OPERANDS
from rushlight.dtype import BY_NAME
from rushlight.kernel.buffer import Buffer
from rushlight.kernel.contraction import Contract

GUARD = 64  # elements round a result, to see that nothing is written there
_numbers = itertools.count()


def buffer_of(array: np.ndarray, name: str = "") -> Buffer:
    """How an array lies; its pointer is that of element 0."""
    dtype = BY_NAME[name or array.dtype.name]
    return Buffer(dtype, array.shape, tuple(step // array.itemsize for step in array.strides))


def run(kernel: Contract, arrays: Sequence[np.ndarray], kind: str = "avx512", threads: int = 1) -> list[np.ndarray]:
    """The results of a kernel for the arrays of its operands and extras.

    Results lie where their buffers say, in memory whose other elements must stay as they were.
    """
    machine = machine_of(kind)
    key = f"test {next(_numbers)} {kernel.key()}"
    keep = []

    def make():  # noqa: ANN202
        keep.append(generate_contraction(kernel, machine))
        return keep[-1]

    (entry,) = compiled([(key, make)], machine)
    outputs = [_Room(buffer) for buffer in kernel.results]
    scratch = np.zeros(entry.shared + threads * entry.per_thread + 128, np.uint8)
    barrier = np.zeros(64, np.int64)
    failed = np.zeros(1, np.int64)
    slots = np.zeros(OPERANDS + len(arrays) + len(outputs), np.int64)
    slots[:OPERANDS] = [_aligned(barrier), _aligned(scratch), 0]
    slots[OPERANDS:] = [array.ctypes.data for array in arrays] + [room.address for room in outputs]
    slots[2] = failed.ctypes.data
    threads = threads if entry.parallel else 1
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(entry.address)
    team = [threading.Thread(target=function, args=(slots.ctypes.data, t, threads)) for t in range(1, threads)]
    for thread in team:
        thread.start()
    function(slots.ctypes.data, 0, threads)
    for thread in team:
        thread.join()
    return [room.value() for room in outputs]


def _aligned(array: np.ndarray) -> int:
    return (array.ctypes.data + 63) // 64 * 64


class _Room:
    """Memory for a result, with known bytes round and between its elements."""

    def __init__(self, buffer: Buffer) -> None:
        reach = [
            (extent - 1) * stride for extent, stride in zip(buffer.shape, buffer.strides, strict=True) if extent > 1
        ]
        low, high = sum(min(0, r) for r in reach), sum(max(0, r) for r in reach)
        size = buffer.dtype.storage.itemsize
        self.memory = np.full((high - low + 1 + 2 * GUARD) * size, 0xA5, np.uint8)
        self.before = self.memory.copy()
        start = (GUARD - low) * size
        strides = tuple(stride * size for stride in buffer.strides)
        self.array = np.ndarray(buffer.shape, buffer.dtype.storage, self.memory, start, strides)
        self.address = self.memory.ctypes.data + start

    def value(self) -> np.ndarray:
        value = self.array.copy()
        untouched = self.memory.copy()
        shadow = np.ndarray(
            self.array.shape, self.array.dtype, untouched, self.address - self.memory.ctypes.data, self.array.strides
        )
        shadow[...] = np.ndarray(
            shadow.shape, shadow.dtype, self.before, self.address - self.memory.ctypes.data, shadow.strides
        )
        assert np.array_equal(untouched, self.before), "something outside the result was written"
        return value
