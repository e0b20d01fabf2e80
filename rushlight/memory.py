"""Memory: what this process holds, and what a function will need, told without running it.

>>> import rushlight as torch
>>> x = torch.ones(256, 256)
>>> need = torch.memory.peak(lambda: torch.softmax(x @ x, 1))
>>> need.inputs, need.results
(262144, 262144)
>>> need.bytes >= need.inputs + need.results
True
"""

from __future__ import annotations

import mmap
import os
import pickle
import sys
import warnings
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .backend.cpu import build, pool, team
from .backend.cpu.generate import request
from .backend.cpu.program import scratch_places
from .debug.arena import size_text
from .ir.type import TupleType, Type
from .passes.lower import Launch, Place
from .passes.memory import Layout
from .passes.rematerialise import Budget
from .runtime import cache, executor, lending, tier
from .runtime.compiled import CompiledPlan, Native
from .runtime.plan import Plan, typed

_SMALL = 1 << 20  # bytes up to which zeros are real ones
_NORESERVE = 0x4000 if sys.platform == "linux" else 0  # Python before 3.13 does not name Linux's flag

# ---- what is held ----


def allocated() -> int:
    """Bytes of the pool's blocks in which arrays live. Small arrays, and those that the interpreter made, are not in the pool."""
    return pool.live()


def reserved() -> int:
    """Bytes that are held: `allocated()`, blocks kept for what comes next, and the arena of programs."""
    return pool.held()


def statistics() -> dict[str, int]:
    """The pool's counters, in bytes."""
    return {
        "allocated": pool.live(),
        "kept": pool.POOL.kept(),
        "arena": pool.ARENA.size,
        "reserved": pool.held(),
    }


def trim() -> None:
    """Gives the blocks back that are kept for reuse."""
    pool.POOL.trim(-1.0)


def set_budget(bytes: int | None) -> None:
    """How much memory the values inside of one program may take; None (as at first): what is cheap is computed again, nothing else.

    Programs are compiled anew. What a budget asks for is done as far as elementwise values can be computed again, at any cost in time;
    the rest of a program takes what it takes. Weights, gradients and what lies between programs are not in it: `peak` tells all.

    >>> set_budget(64 << 20)
    >>> set_budget(None)
    """
    executor.flush()
    Budget.bytes = bytes
    cache.clear()


# ---- what will be needed ----


@dataclass
class PlanNeed:
    """What one flush needs, in bytes."""

    steps: int
    inputs: int
    results: int
    between: int  # most that values between native programs and interpreted steps take at once, beside the results
    arena: int  # with the kernels' scratch memory
    elsewhere: int  # results of earlier flushes that are still there, and are no inputs

    @property
    def bytes(self) -> int:
        return self.inputs + self.results + self.between + self.arena + self.elsewhere


@dataclass
class Need:
    """What `peak` found. `bytes` is the most that any flush needs; the parts are those of that flush."""

    plans: list[PlanNeed] = field(default_factory=list)

    @property
    def most(self) -> PlanNeed:
        return max(self.plans, key=lambda plan: plan.bytes, default=PlanNeed(0, 0, 0, 0, 0, 0))

    @property
    def bytes(self) -> int:
        return self.most.bytes

    @property
    def inputs(self) -> int:
        return self.most.inputs

    @property
    def results(self) -> int:
        return self.most.results

    @property
    def arena(self) -> int:
        return self.most.arena

    def __str__(self) -> str:
        lines = [f"peak {size_text(self.bytes)}; flushes: {len(self.plans)}"]
        for number, plan in enumerate(self.plans, 1):
            lines.append(
                f"  flush {number}, {plan.steps} steps: {size_text(plan.bytes)} = inputs {size_text(plan.inputs)} "
                f"+ results {size_text(plan.results)} + between programs {size_text(plan.between)} "
                f"+ arena {size_text(plan.arena)} + from earlier flushes {size_text(plan.elsewhere)}"
            )
        return "\n".join(lines)


class _Planned(CompiledPlan):
    """A plan as it would be compiled, without its machine code; `scratch` is what its kernels need beside the arena."""

    def _compiled(self, run: list[Launch]) -> Any:
        machine = build.host_machine()
        return [request(launch.kernel, machine)[1]() for launch in run]

    def _program(self, run: list[Launch], kernels: Any, places: list[Place], memory: Layout, stop: int) -> Any:
        found = scratch_places(kernels, memory.barriers, memory.gaps, team.threads())
        return max([0, *(end - memory.bytes for _, end, _ in found)])


def _over_time(plan: CompiledPlan, lent: set[int]) -> tuple[int, int, int]:
    """Bytes of the results, but for `lent`, which take inputs' memory; the most that other values outside of an arena take at once; the
    largest arena."""
    graph, arena, now, most = plan.graph, 0, 0, 0
    kept = {base for base, *_ in plan.views.values()} | set(graph.outputs)
    kept = {v for v in kept if v not in graph.inputs and v not in graph.constants and v not in plan.views}
    results = sum(graph.types[value].nbytes for value in kept - lent)
    held: set[int] = set()
    for segment, drops in zip(plan.segments, plan._drops, strict=True):
        if isinstance(segment, Native):
            arena = max(arena, segment.memory.bytes + segment.program)  # type: ignore[operator]
            held.update(value for value in segment.fresh if value not in kept)
        elif segment.result not in kept:
            held.add(segment.result)
        now = sum(graph.types[value].nbytes for value in held)
        most = max(most, now)
        held.difference_update(drops)
    return results, most, arena


class _Watch:
    """Stands in for the runs of plans: counts what they need, and gives zeros as their results."""

    def __init__(self) -> None:
        self.need = Need()
        self._alive: dict[int, int] = {}  # zeros that are still referenced, with the bytes that the results would have

    def run(self, plan: Plan, inputs: list[Any], lends: bool) -> list[Any]:
        planned = _Planned(plan.key, plan.live, inputs)
        lent = self._lent(planned, inputs) if lends else set()
        own = {id(value) for value in inputs}
        distinct = {_place(array): array.nbytes for value in inputs for array in _parts(value)}
        elsewhere = sum(count for number, count in self._alive.items() if number not in own)
        results, between, arena = _over_time(planned, lent)
        self.need.plans.append(PlanNeed(len(plan.steps), sum(distinct.values()), results, between, arena, elsewhere))
        slots = typed(plan.key)
        return [self._zeros(slots[slot][1]) for slot in plan.live]

    def _lent(self, plan: CompiledPlan, inputs: list[Any]) -> set[int]:
        """The results that will be written over inputs."""
        segment = plan.segments[-1] if plan.segments else None
        if not isinstance(segment, Native):
            return set()
        values = dict(zip(plan.graph.inputs, inputs, strict=True))
        found = set()
        for result, value in segment.over.items():
            zeros = id(values[value]) in self._alive  # whose memory will be the pool's
            if lending.is_unseen(values, value) if zeros else lending.is_free(values, value):
                found.add(result)
        return found

    def _zeros(self, type: Type | TupleType) -> Any:
        if isinstance(type, TupleType):
            return tuple(self._zeros(part) for part in type.parts)
        array = _unbacked(type)
        number = id(array)
        self._alive[number] = type.nbytes
        weakref.finalize(array, self._alive.pop, number, None)
        return array


def _unbacked(type: Type) -> np.ndarray:
    """Zeros that take address space alone, until somebody writes to them: a result may be larger than all memory."""
    if type.nbytes < _SMALL:
        return np.zeros(type.shape, type.dtype.storage)
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", _NORESERVE)
    return np.frombuffer(mmap.mmap(-1, type.nbytes, flags), type.dtype.storage).reshape(type.shape)


def _parts(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _place(array: np.ndarray) -> tuple[int, int]:
    """What tells the memory of an input from that of another."""
    return array.__array_interface__["data"][0], array.nbytes


def peak(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Need:
    """The most memory that a function will need, with what that is made of; nothing is computed.

    The function's Python code is run, in a forked process, so that whatever it changes in memory is changed there alone, and its prints are
    thrown away. What it records is planned instead of run: where it looks at a value (`item`, a condition), it sees zeros. What it writes
    to files it really writes. Memory inside of an interpreted op is not known.
    """
    if not hasattr(os, "fork"):
        raise OSError("memory.peak needs a system that can fork a process, and this one cannot")
    if not build.available():
        raise RuntimeError(f"memory.peak plans native code, which there cannot be here: {build.why_not()}")
    executor.flush()
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        # Python 3.12 warns of forks while there are threads: the child uses none of what they may hold.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:
        os.close(reader)
        _answer(writer, function, args, kwargs)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        message = pipe.read()
    os.waitpid(child, 0)
    if not message:
        raise RuntimeError("memory.peak: the process that planned the function ended without an answer")
    found = pickle.loads(message)
    if isinstance(found, BaseException):
        raise found
    return found  # type: ignore[no-any-return]


def _answer(writer: int, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """The child's life: plans the function, sends what it found, and ends without any clearing up."""
    watch = _Watch()
    try:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        sys.stdout = os.fdopen(os.dup(quiet), "w")  # what a program has put there may write elsewhere
        tier.Instead.run = watch.run
        answer: Any = watch.need
        try:
            result = function(*args, **kwargs)
            executor.flush()
            del result
        except BaseException as error:
            answer = error
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(_pickled(answer))
    finally:
        os._exit(0)


def _pickled(answer: Any) -> bytes:
    try:
        return pickle.dumps(answer)
    except Exception:
        return pickle.dumps(RuntimeError(f"memory.peak: {type(answer).__name__}: {answer}"))
