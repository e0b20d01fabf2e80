"""Memory for results and for what lies between them.

`take` makes arrays. The memory of a big one is kept when the array and all views of it have died, and the next array of about its size
lives there: fresh memory costs a page fault for every 4 KB, which is more than most kernels take. `ARENA` is what programs use while they
run: one block, since one program runs at a time.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

ALIGN = 64
BIG = 128 << 10  # bytes from which a block is kept; below, the C library's own reuse does well
LONG = 10.0  # seconds after which a free block that nobody asked for is given back
TICK = 64  # so many blocks come and go between two looks at what is kept

# Where NumPy keeps the address of an array's first element: after the head of any Python object (PyArrayObject_fields.data).
DATA = object.__basicsize__
_pointer = ctypes.c_size_t.from_address
_clock = time.monotonic

Array = np.ndarray[Any, Any]
Bytes = np.dtype(np.uint8)


def address_of(array: Array) -> int:
    """The address of an array's first element; `array.ctypes.data` takes many times as long."""
    return _pointer(id(array) + DATA).value


def memory_of_machine() -> int:
    """Bytes of memory, where the system tells; else a modest guess."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 8 << 30


class _Block(np.ndarray[Any, Any]):
    """Memory of its own. Not a plain array: NumPy would make a plain one the base of each view and skip the lease."""


class Lease(np.ndarray[Any, Any]):
    """Stands between a block and the arrays that live in it: it dies with the last of them, and the block is free."""

    def __del__(self, finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        if not finalizing():  # at the interpreter's end the pool may be gone before the last array
            POOL.give(self.base)


class Pool:
    """Blocks by size. A deque is changed in one step, so that `take` needs no lock, and a garbage collection may come at any time."""

    def __init__(self, most: int) -> None:
        self.most = most  # bytes kept, at most
        self._free: dict[int, deque[tuple[Any, float]]] = {}  # with the time since when
        self._held = 0
        self._lock = threading.RLock()
        self._ticks = itertools.count(1)

    def unlock(self) -> None:
        """In a forked child: nobody else would release the lock."""
        self._lock = threading.RLock()

    def block(self, size: int) -> Any:
        """A block of this size, one used before if there is one; the one freed last, since it may still be in the caches."""
        free = self._free.get(size)
        if free:
            try:
                return free.pop()[0]
            except IndexError:  # another thread was faster
                pass
        with self._lock:
            self._free.setdefault(size, deque())
            self._held += size
        return _Block(size, Bytes)

    def give(self, block: Any) -> None:
        """Takes a block back."""
        size = len(block)
        self._free[size].append((block, _clock()))
        if next(self._ticks) % TICK == 0 or size > self.most // TICK:
            self.trim()

    def trim(self, age: float = LONG) -> None:
        """Gives back blocks that have been free for so many seconds, and what is beyond the bound, the oldest first."""
        with self._lock:
            limit, excess = _clock() - age, self.kept() - self.most
            bins = sorted(self._free.items(), key=lambda item: -item[0])
            for size, free in bins:
                while free and (excess > 0 or free[0][1] <= limit):
                    try:
                        free.popleft()
                    except IndexError:
                        break
                    self._held -= size
                    excess -= size

    def held(self) -> int:
        """Bytes of all blocks, those in which arrays live and those kept."""
        return self._held

    def kept(self) -> int:
        """Bytes of blocks kept for reuse."""
        return sum(size * len(free) for size, free in list(self._free.items()))


POOL = Pool(memory_of_machine() // 4)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=POOL.unlock)


def _size_class(count: int) -> int:
    """Bytes of the block for so many: at most an eighth more."""
    step = 1 << max(12, count.bit_length() - 4)
    return -(-count // step) * step + ALIGN


def maker(shape: Sequence[int], dtype: np.dtype[Any]) -> Callable[[], Array]:
    """What makes new arrays of a shape with nothing particular in them, aligned to 64 bytes: for who needs one each time."""
    count, shape = prod(shape) * dtype.itemsize, tuple(shape)

    def small() -> Array:
        memory = np.empty(count + ALIGN, Bytes)
        return np.ndarray(shape, dtype, memory, -_pointer(id(memory) + DATA).value % ALIGN)

    size = _size_class(count)

    def big() -> Array:
        block = POOL.block(size)
        return np.ndarray(shape, dtype, block.view(Lease), -_pointer(id(block) + DATA).value % ALIGN)

    return small if count < BIG else big


def take(shape: Sequence[int], dtype: np.dtype[Any]) -> Array:
    """One new array with nothing particular in it, aligned to 64 bytes."""
    return maker(shape, dtype)()


class Arena:
    """One block for what lies between the steps of a program. It grows to what is asked for and, when it was too big for long, shrinks."""

    LOOK_AFTER = 1024  # requests

    def __init__(self) -> None:
        self.address = 0
        self.size = 0
        self._block: Any = None
        self._most = 0
        self._requests = 0

    def reserve(self, count: int) -> int:
        """The address of at least so many bytes, aligned to 64. What lay there before may be gone."""
        self._most = max(self._most, count)
        self._requests += 1
        if count > self.size:
            self._allocate(count)
        elif self._requests >= self.LOOK_AFTER:
            if self._most < self.size // 2:
                self._allocate(self._most)
            self._most = self._requests = 0
        return self.address

    def _allocate(self, count: int) -> None:
        self._block, self.address, self.size = None, 0, 0
        if count:
            self._block = np.empty(_size_class(count), Bytes)
            start = address_of(self._block)
            self.address = start + -start % ALIGN
            self.size = len(self._block) - ALIGN


ARENA = Arena()  # of this process's programs; hold `team.LOCK`


def held() -> int:
    """Bytes that this process holds for results and for programs."""
    return POOL.held() + ARENA.size


def live() -> int:
    """Bytes of big blocks in which arrays live."""
    return POOL.held() - POOL.kept()
