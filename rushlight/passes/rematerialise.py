"""Values that are computed again when they are needed late, where keeping them costs more memory than computing them costs time.

What a forward pass makes and the backward pass reads is alive at the program's peak. An elementwise value (a norm's output, a gelu, a relu) whose
own operands are alive there anyway need not be: its late readers get a second value, computed just before the first of them. The one
that frees most for its time goes first, until the peak is within the budget, or the time for it is used up: `SHARE` of the program's time as it is
estimated here, which measures hardly; any time, where a budget asks (`rushlight.memory.set_budget`).

The cost model: bytes moved take their time at `BYTES` a unit, operations on elements at `ELEMENTS`, terms of contractions at `TERMS`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

from ..ir.type import Type
from ..kernel.contraction import Contract
from .element import loads
from .fuse import Fusion
from .graph import Graph
from .lower import Launch, Lowering, expense

SHARE = 0.045  # of a program's time, at most, for computing again what is not kept
LEAST = 1 << 20  # bytes that it has to free
BYTES, ELEMENTS, TERMS = 10.0, 40.0, 80.0  # a nanosecond, on two cores; only how they compare counts


class Budget:
    """Bytes that a program's values shall stay within, whatever that costs in time; None: no such bound."""

    bytes: int | None = None


@dataclass
class Again:
    """A value, its readers that get it computed again, and the values that its element is made of down to what is in memory.

    `begin` is the step before which that is done. `seconds` are values that are computed again too, and then read this second value.
    """

    value: int
    readers: set[int]
    chain: list[int]
    begin: int
    seconds: set[int]


@dataclass
class Plan:
    """Lives of the values that lie in the arena: size, first step, last step."""

    steps: int
    lives: dict[int, tuple[int, int, int]] = field(default_factory=dict)

    def peak(self) -> tuple[int, int]:
        """The most bytes, and the step where."""
        change = [0] * (self.steps + 1)
        for size, first, last in self.lives.values():
            change[first] += size
            change[last + 1] -= size
        most, where, now = 0, 0, 0
        for step, delta in enumerate(change):
            now += delta
            if now > most:
                most, where = now, step
        return most, where


def lives_of(launches: Sequence[Launch], lowering: Lowering, graph: Graph) -> Plan:
    """The lives of what lies in a program's arena."""
    outside = set(graph.outputs) | {base for base, *_ in lowering.views.values()}
    plan = Plan(len(launches))
    for number, launch in enumerate(launches):
        for value in (*launch.results, *[place.value for place in launch.operands]):
            type = graph.types[value]
            if value in plan.lives:
                size, first, _ = plan.lives[value]
                plan.lives[value] = size, first, number
            elif value in launch.results and value not in outside and isinstance(type, Type):
                plan.lives[value] = type.nbytes, number, number
    return plan


class Chooser:
    """Chooses what is computed again. `launches` are the program's steps as it stands."""

    def __init__(self, fusion: Fusion, lowering: Lowering) -> None:
        self.fusion, self.graph = fusion, fusion.graph
        self.launches = lowering.launches
        self.stored = lowering.stored
        self.step = {fusion.home[launch.value].number: number for number, launch in enumerate(self.launches)}
        self.plan = lives_of(self.launches, lowering, self.graph)
        self._readers: dict[int, set[int]] = {}
        self._taken: dict[int, Again] = {}
        self._reads: dict[int, set[int]] = {}  # of the second values, what is in memory

    def choose(self) -> list[Again]:
        """What pays, in the order in which it was found."""
        allowed = SHARE * sum(map(self._time, self.launches))
        found: list[Again] = []
        while True:
            peak, where = self.plan.peak()
            if Budget.bytes is not None and peak <= Budget.bytes:
                return found
            best, rate, cost, after = None, 0.0, 0.0, None
            for value, (size, first, last) in self.plan.lives.items():
                if first < where < last and size >= LEAST and value in self.fusion.maps:
                    looked = self._look_at(value, where)
                    if looked is None:
                        continue
                    again, freed, time, lives = looked
                    affordable = time <= allowed or Budget.bytes is not None
                    if freed >= LEAST and affordable and freed / time > rate:
                        best, rate, cost, after = again, freed / time, time, lives
            if best is None or after is None:
                return found
            allowed -= cost
            found.append(best)
            self._take(best, after)

    def _take(self, again: Again, lives: Mapping[int, tuple[int, int, int]]) -> None:
        """Has a value computed again; where what it reads is computed again too, it reads that."""
        self._taken[again.value] = again
        self._reads[again.value] = self._read_by(again.value)
        self.plan.lives.update(lives)
        for read in self._reads[again.value] & self._taken.keys():
            self._taken[read].seconds.add(again.value)
            self._move(read, again.begin)

    def _move(self, value: int, step: int) -> None:
        """Has a second value ready in a step, and all that it reads."""
        size, first, last = self.plan.lives[~value]
        self.plan.lives[~value] = size, min(first, step), max(last, step)
        if step < self._taken[value].begin:
            self._taken[value].begin = step
            for read in self._reads[value] & self._taken.keys():
                self._move(read, step)

    def _read_by(self, value: int) -> set[int]:
        """What a value's element is made of, as far as it is in memory."""
        body = self.fusion.elements.body(value, self.fusion.domain(value))
        return {load.operand for load in loads([body])} - {value}

    def _look_at(self, value: int, where: int) -> tuple[Again, int, float, dict[int, tuple[int, int, int]]] | None:
        """Computing a value again for its readers after a step: bytes that it frees there, its time, the lives that it leaves."""
        found = self._late_readers(value, where)
        if found is None:
            return None
        again, early = found
        size, first, last = self.plan.lives[value]
        lives = {value: (size, first, max([first, *early])), ~value: (size, again.begin, last)}
        moved, freed = float(size), size
        for read in self._read_by(value):
            type = self.graph.types[read]
            assert isinstance(type, Type)
            moved += type.nbytes
            if read in self._taken:
                continue
            if read in self.plan.lives:
                bytes, born, until = self.plan.lives[read]
                lives[read] = bytes, born, max(until, again.begin)
                freed -= bytes if until <= where else 0
            elif self.graph.signatures[read] is not None and read not in self.stored:
                return None  # it is known inside of a kernel alone
        body = self.fusion.elements.body(value, self.fusion.domain(value))
        time = moved / BYTES + size / 4 * expense(body) / ELEMENTS
        return again, freed, time, lives

    def _late_readers(self, value: int, where: int) -> tuple[Again, set[int]] | None:
        """Who would read a second value, and the steps of those who read the first; None where there are none or they cannot be told apart."""
        early, late, seconds = set[int](), set[int](), set[int]()
        begin = len(self.launches)
        for reader in self.fusion.users[value]:
            steps = {self.step[self.fusion.home[root].number] for root in self._roots(reader) if self._runs(root)}
            if steps and min(steps) > where:
                late.add(reader)
                begin = min(begin, *steps)
            elif steps and max(steps) > where:
                return None
            elif steps:
                early |= steps
        for other, again in self._taken.items():
            if value in self._reads[other] and again.begin > where:
                seconds.add(other)
                begin = min(begin, again.begin)
            elif value in self._reads[other]:
                early.add(again.begin)
        if not late and not seconds:
            return None
        return Again(value, late, self._chain(value), begin, seconds), early

    def _runs(self, root: int) -> bool:
        home = self.fusion.home.get(root)
        return home is not None and home.number in self.step

    def _roots(self, value: int) -> set[int]:
        """The values computed on their own that a value is part of."""
        if value in self.fusion.separate:
            return {value}
        found = self._readers.get(value)
        if found is None:
            found = self._readers[value] = set().union(*(self._roots(user) for user in self.fusion.users[value]))
        return found

    def _chain(self, value: int) -> list[int]:
        """A value and what it is made of, down to what is computed on its own, operands first."""
        found: dict[int, None] = {}

        def visit(one: int) -> None:
            for operand in self.graph.operands[one]:
                if operand not in self.fusion.separate and operand not in found and operand in self.fusion.maps:
                    visit(operand)
            found[one] = None

        visit(value)
        return list(found)

    def _time(self, launch: Launch) -> float:
        if isinstance(launch.kernel, Contract):
            return prod(launch.kernel.spec.loops) / TERMS
        values = {*launch.results, *(place.value for place in launch.operands)}
        types = [self.graph.types[value] for value in values]
        return sum(type.nbytes for type in types if isinstance(type, Type)) / BYTES


def rewritten(graph: Graph, chosen: Sequence[Again]) -> tuple[Graph, Mapping[int, int], set[int]]:
    """The graph with second values, the new number of each value, and those of the second values."""
    made = Graph()
    number: dict[int, int] = {}
    second: dict[tuple[int, int], int] = {}  # (reader, value) -> what it reads instead; ~v is v's second value
    copies: set[int] = set()
    before: dict[int, list[Again]] = {}
    for again, place in _places(chosen):
        before.setdefault(place, []).append(again)
    for value in range(len(graph)):
        for again in before.get(value, ()):
            own: dict[int, int] = {}
            for part in again.chain:
                made.source = graph.sources[part]
                operands = tuple(
                    own[o] if o in own else second.get((~again.value, o)) or second.get((part, o), number[o])
                    for o in graph.operands[part]
                )
                own[part] = made._append(graph.signatures[part], operands, graph.types[part])
            copies.add(own[again.value])
            for reader in (*again.readers, *[~other for other in again.seconds]):
                second[reader, again.value] = own[again.value]
        made.source = graph.sources[value]
        operands = tuple(second.get((value, o), number[o]) for o in graph.operands[value])
        number[value] = made._append(graph.signatures[value], operands, graph.types[value])
    made.inputs = [number[value] for value in graph.inputs]
    made.constants = {number[value]: array for value, array in graph.constants.items()}
    made.outputs = [number[value] for value in graph.outputs]
    return made, number, copies


def _places(chosen: Sequence[Again]) -> list[tuple[Again, int]]:
    """Before which value of the graph each is computed again: its readers stand behind it, and operands before their users."""
    by_value = {again.value: again for again in chosen}

    @functools.cache
    def place(value: int) -> int:
        again = by_value[value]
        return min([*again.readers, *map(place, again.seconds)])

    return [(by_value[value], place(value)) for value in sorted(by_value)]


def delayed(launches: Sequence[Launch], copies: set[int]) -> list[Launch]:
    """Steps that compute nothing but second values, each just before the first that reads it."""
    late = [launch for launch in launches if launch.results and copies.issuperset(launch.results)]
    order = [launch for launch in launches if not copies.issuperset(launch.results) or not launch.results]
    for launch in reversed(late):
        results = set(launch.results)
        place = next(
            (n for n, other in enumerate(order) if any(p.value in results for p in other.operands)), len(order)
        )
        order.insert(place, launch)
    return order
