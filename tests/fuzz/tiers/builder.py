"""Grows a random graph: proposals emit nodes; what is known of each is worked out as it is recorded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import rushlight.nn.functional  # noqa: F401  (registers the records of layers)
from rushlight.dtype import (
    FLOATING,
    bfloat16,
    bool_,
    complex64,
    complex128,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
)
from rushlight.dtype import dtype as ElementType
from rushlight.errors import InternalError
from rushlight.ir.graph import Node, input_node, signatures, trace
from rushlight.ir.type import Shape, TupleType, Type

from . import inputs
from .case import Case
from .derive import Rejected, derive
from .facts import Fact, known

FLOATS = (float32, float64, float16, bfloat16)
INTEGERS = (int64, int32, int16, int8, uint8)
EXTENTS = (1, 2, 3, 4, 5, 7, 8, 13, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 129)
Proposal = Callable[["Builder"], "Node | None"]
PROPOSALS: list[tuple[float, Proposal]] = []


def proposal(weight: float) -> Callable[[Proposal], Proposal]:
    """Puts a function among those that propose nodes."""

    def put(function: Proposal) -> Proposal:
        PROPOSALS.append((weight, function))
        return function

    return put


class Builder:
    """The pending trace of one graph with a fact for each slot."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.draw = np.random.default_rng(seed)
        self.nodes: list[Node] = []  # that others may use: of which something is known
        self.facts: list[Any] = []  # by slot; None where nothing is known
        self.cause: dict[int, Exception] = {}  # by slot: what the evaluation raised
        self.uses: dict[int, int] = {}
        self.kept: list[Node] = []  # keeps the nodes of the trace from being dropped
        roll = self.draw.random()
        self.limit = 600 if roll < 0.75 else 6000 if roll < 0.97 else 150_000  # elements of a node
        self.home = self.shape()
        trace.reset()
        self._place = self._inputs = 0

    # ---- draws ----

    def chance(self, p: float) -> bool:
        return bool(self.draw.random() < p)

    def one(self, options: Any) -> Any:
        """One of some options, as it is."""
        listed = list(options)
        return listed[int(self.draw.integers(len(listed)))]

    def integer(self, low: int, high: int) -> int:
        """low <= n <= high."""
        return int(self.draw.integers(low, high + 1))

    def extent(self) -> int:
        return 0 if self.chance(0.015) else int(self.one(EXTENTS))

    def shape(self, rank: int | None = None, limit: int | None = None) -> Shape:
        """A random shape within the limit of elements."""
        rank = (
            int(self.draw.choice((0, 1, 2, 3, 4, 5), p=(0.06, 0.22, 0.36, 0.22, 0.1, 0.04))) if rank is None else rank
        )
        limit = limit or self.limit
        found: list[int] = []
        room = limit
        for _ in range(rank):
            e = self.extent()
            if limit > 50_000 and self.chance(0.4):
                e = self.integer(100, 4000)
            e = min(e, max(room, 1))
            found.append(e)
            room //= max(e, 1)
        order = self.draw.permutation(rank)
        return tuple(found[i] for i in order)

    def dtype(self) -> ElementType:
        roll = self.draw.random()
        if roll < 0.72:
            return FLOATS[int(self.draw.choice(4, p=(0.62, 0.18, 0.1, 0.1)))]
        if roll < 0.9:
            return self.one(INTEGERS)
        return bool_ if roll < 0.96 else self.one((complex64, complex128))

    def dtype_of_products(self) -> ElementType:
        return FLOATS[int(self.draw.choice(4, p=(0.7, 0.14, 0.08, 0.08)))]

    # ---- nodes ----

    def fact(self, node: Node) -> Fact:
        return self.facts[node.slot]

    def input(self, type: Type, kind: str | None = None, array: np.ndarray | None = None) -> Node:
        """A new input."""
        value = inputs.array(self.draw, type, kind) if array is None else array
        node = input_node(value, type)
        node.tracked = type.dtype.category >= FLOATING and self.chance(0.7)
        node.sided()  # `grad.backward` stops and asks at nodes that have a side
        with trace.lock:
            trace.enter(node)
        self.absorb()
        self.nodes.append(node)
        return node

    def integers(self, shape: Shape, low: int, high: int) -> Node:
        """An int64 input of numbers from low to high - 1."""
        made = self.draw.integers(low, high, shape) if high > low else np.zeros(shape, np.int64)
        return self.input(Type.of(shape, int64), array=inputs.placed(self.draw, np.asarray(made, np.int64)))

    def absorb(self) -> None:
        """Works out what is known of the entries recorded since the last call."""
        key = trace.key
        while self._place < len(key):
            number, slot = key[self._place], len(self.facts)
            self._place += 1
            if number < 0:
                self.facts.append(known(Type.by_number[-1 - number], trace.inputs[self._inputs]))
                self._inputs += 1
                continue
            signature = signatures[number]
            operands = key[self._place : self._place + len(signature.operands)]
            self._place += len(signature.operands)
            given = tuple(self.facts[operand] for operand in operands)
            for operand in operands:
                self.uses[operand] = self.uses.get(operand, 0) + 1
            fact = None
            if None not in given:
                try:
                    fact = derive(signature, given)
                except Rejected as why:
                    if why.cause is not None:
                        self.cause[slot] = why.cause
            self.facts.append(fact)

    def add(self, node: Node | None) -> bool:
        """Takes a proposed node in; False if nothing is known of it."""
        self.absorb()
        if node is None or node.slot < 0 or self.facts[node.slot] is None or node.epoch != trace.epoch:
            return False
        self.kept.append(node)
        if not isinstance(node.type, TupleType):
            self.nodes.append(node)
        return True

    def pick(self, want: Callable[[Node], bool] = lambda node: True, fresh: float = 0.12) -> Node | None:
        """A node that fits, the later the likelier; now and then a new input."""
        fits = [node for node in self.nodes if want(node)]
        if fits and not self.chance(fresh):
            back = min(int(self.draw.exponential(2.5)), len(fits) - 1)
            return fits[-1 - back]
        for _ in range(4):
            type = Type.of(self.home if self.chance(0.5) else self.shape(), self.dtype())
            made = input_node(np.zeros(0), type)
            if want(made) if fits else True:
                node = self.input(type)
                return node if want(node) else None
        return self.one(fits) if fits else None

    def floating(self, certain: bool = False, minimum_rank: int = 0, filled: bool = False) -> Node | None:
        """A floating node; `certain`: one with nothing rounded; `filled`: with elements."""

        def want(node: Node) -> bool:
            fits = node.type.dtype.category == FLOATING and node.type.ndim >= minimum_rank
            fits = fits and (not filled or node.type.size > 0)
            return fits and (not certain or node.epoch != trace.epoch or self.fact(node).certain)

        return self.pick(want)

    def like(self, node: Node) -> Node:
        """Another operand of the same dtype that broadcasts with this one."""
        shape, dtype = node.type.shape, node.type.dtype

        def want(other: Node) -> bool:
            if other.type.dtype is not dtype:
                return False
            pairs = zip(reversed(shape), reversed(other.type.shape), strict=False)
            return (
                all(a == b or 1 in (a, b) for a, b in pairs) and _broadcast_size(shape, other.type.shape) <= self.limit
            )

        fits = [other for other in self.nodes if want(other)]
        if fits and self.chance(0.75):
            return self.one(fits[-6:])
        lead = self.integer(0, len(shape)) if self.chance(0.3) else 0
        own = tuple(1 if self.chance(0.2) else e for e in shape[lead:])
        return self.input(Type.of(own, dtype))

    # ---- the whole ----

    def grow(self, steps: int) -> None:
        """Adds some nodes."""
        weights = np.array([weight for weight, _ in PROPOSALS], float)
        weights /= weights.sum()
        while steps > 0 and len(self.facts) < 120:
            steps -= 1
            function = PROPOSALS[int(self.draw.choice(len(PROPOSALS), p=weights))][1]
            try:
                node = function(self)
            except (RuntimeError, InternalError, NotImplementedError):
                node = None  # shapes or dtypes that `infer` refuses
            self.add(node)

    def live(self) -> tuple[int, ...]:
        """The slots whose values are asked for: those nobody uses, and now and then others."""
        found, inputs_ = [], self._input_slots()
        for slot, fact in enumerate(self.facts):
            if fact is None or slot in inputs_ or isinstance(fact, tuple) and not self.chance(0.3):
                continue
            if not self.uses.get(slot) or self.chance(0.25):
                found.append(slot)
        if len(found) > 14:
            found = sorted(self.draw.choice(found, 14, replace=False).tolist())
        return tuple(found)

    def _input_slots(self) -> set[int]:
        slots, place, slot = set(), 0, 0
        key = trace.key
        while place < len(key):
            number = key[place]
            place += 1
            if number < 0:
                slots.add(slot)
            else:
                place += len(signatures[number].operands)
            slot += 1
        return slots

    def case(self, live: tuple[int, ...], raises: str | None = None) -> Case:
        return Case.of(self.seed, tuple(trace.key), live, list(trace.inputs), raises, self.facts)


def _broadcast_size(a: Shape, b: Shape) -> int:
    size = 1
    for axis in range(1, max(len(a), len(b)) + 1):
        size *= max(a[-axis] if axis <= len(a) else 1, b[-axis] if axis <= len(b) else 1)
    return size
