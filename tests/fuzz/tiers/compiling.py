"""The compiled tier as the runtime uses it, and the memory that it is given here: against guard pages, full of canaries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from rushlight.backend.cpu import pool, program, team
from rushlight.passes import donation, rematerialise
from rushlight.passes.rematerialise import Budget
from rushlight.runtime import compiled as runtime
from rushlight.runtime.plan import Plan

from ..guarded import CANARY, canaries_live, guarded
from .case import Case
from .judge import Prepared, as_bytes


class GaveUp(Exception):
    """A kernel met what only the interpreter can tell, and the interpreter found nothing to tell."""


def compiled(case: Case) -> Prepared:
    """The compiled run. A plan that gives up is interpreted, which is to raise the user's error."""
    plan = runtime.CompiledPlan(case.key, case.live, case.inputs)

    def run() -> list[Any]:
        values = plan.run(list(case.inputs))
        if values is None:
            Plan(case.key, case.live).run(list(case.inputs))
            raise GaveUp
        return values

    return run


def in_little_memory(case: Case) -> Prepared:
    """The compiled run where all is written over that may be, however small, and all is computed again that can be."""
    before = donation.LEAST_BYTES, rematerialise.LEAST, Budget.bytes, runtime.MUCH
    donation.LEAST_BYTES, rematerialise.LEAST, Budget.bytes, runtime.MUCH = 1, 1, 0, 0
    try:
        plan = runtime.CompiledPlan(case.key, case.live, case.inputs)
    finally:
        donation.LEAST_BYTES, rematerialise.LEAST, Budget.bytes, runtime.MUCH = before

    def run() -> list[Any]:
        own = [array.copy() if array.flags.c_contiguous else array for array in case.inputs]
        is_free, runtime.is_free = runtime.is_free, lambda values, value: True
        try:
            values = plan.run(own, lending=True)
        finally:
            runtime.is_free = is_free
        if values is None:
            Plan(case.key, case.live).run(list(case.inputs))
            raise GaveUp
        return values

    return run


def thread_counts_agree(case: Case, run: Prepared) -> str | None:
    """Whether one thread and two give the same bits."""
    before = team.threads()
    try:
        team.set_threads(1)
        alone = [as_bytes(result) for result in run()]
        team.set_threads(2)
        together = [as_bytes(result) for result in run()]
    finally:
        team.set_threads(before)
    for slot, one, two in zip(case.live, alone, together, strict=True):
        if one != two:
            return f"%{slot}: two threads give other bits than one"
    return None


class _GuardedArena:
    """An arena that ends at a guard page, with canaries in all of it before each run: what reads them was not written."""

    def __init__(self) -> None:
        self.size = -1
        self._block: np.ndarray = np.zeros(0, np.uint8)

    def reserve(self, count: int) -> int:
        """As `pool.Arena.reserve`."""
        if count != self.size:
            self._block, self.size = guarded((count,), "u1", align=pool.ALIGN), count
        self._block[:] = CANARY
        return int(self._block.ctypes.data)


@contextmanager
def guarded_memory() -> Iterator[list[np.ndarray]]:
    """Results and the arena lie against guard pages. Yields the list of results, whose surroundings may be looked at."""
    made: list[np.ndarray] = []

    def take(shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
        made.append(guarded(tuple(shape), dtype, align=pool.ALIGN))
        return made[-1]

    before = runtime.take, program.ARENA
    runtime.take, program.ARENA = take, _GuardedArena()
    try:
        yield made
    finally:
        runtime.take, program.ARENA = before


def surroundings(made: list[np.ndarray]) -> str | None:
    """Whether anything was written beside a result."""
    for result in made:
        if not canaries_live(result):
            return f"bytes beside a result of {result.dtype}{list(result.shape)} were written to"
    return None
