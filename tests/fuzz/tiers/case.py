"""One graph with inputs: what the tiers are given, what is known of its results, and smaller graphs that still differ."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from rushlight.ir.op import bind
from rushlight.ir.text import Entry, show
from rushlight.ir.type import TupleType
from rushlight.runtime.plan import typed

from .derive import Rejected, derive
from .facts import known


@dataclass(frozen=True)
class Case:
    """Entries as `ir.text` has them, the live slots, an array for each input, and the seed they came from."""

    seed: int
    entries: tuple[Entry, ...]
    live: tuple[int, ...]
    inputs: tuple[np.ndarray, ...]
    raises: str | None = None  # the class of the error that running it raises
    known: dict[int, Any] | None = field(default=None, compare=False)  # facts of the live slots, if they are worked out

    @staticmethod
    def of(
        seed: int,
        key: tuple[int, ...],
        live: tuple[int, ...],
        inputs: list[np.ndarray],
        raises: str | None,
        facts: list[Any],
    ) -> Case:
        """From a trace's key and what is known of its slots."""
        known = {slot: facts[slot] for slot in live if facts[slot] is not None}
        return Case(seed, tuple(typed(key)), live, tuple(inputs), raises, known)

    @property
    def key(self) -> tuple[int, ...]:
        """The trace's key."""
        found: list[int] = []
        for signature, type, operands in self.entries:
            found += (-1 - type.number,) if signature is None else (signature.number, *operands)
        return tuple(found)

    def names(self) -> list[str]:
        """The ops in it."""
        return [signature.op.name for signature, _, _ in self.entries if signature is not None]

    def text(self) -> str:
        """The graph and its inputs, to read."""
        lines = [show(list(self.entries), self.live)]
        slots = [slot for slot, (signature, _, _) in enumerate(self.entries) if signature is None]
        for slot, array in zip(slots, self.inputs, strict=True):
            values = np.array2string(array, threshold=40, precision=9, separator=",").replace("\n", "")
            base = array.ctypes.data % 64
            lines.append(f"%{slot}: strides {array.strides}, address {base} mod 64: {values}")
        return "\n".join(lines)

    def facts(self) -> dict[int, Any]:
        """What is known of the live slots; a slot of which nothing is known is missing."""
        if self.known is not None:
            return self.known
        every: list[Any] = []
        inputs = iter(self.inputs)
        for signature, type, operands in self.entries:
            if signature is None:
                every.append(known(type, next(inputs)))
                continue
            given = [every[slot] for slot in operands]
            try:
                every.append(None if None in given else derive(signature, tuple(given)))
            except Rejected:
                every.append(None)
        return {slot: every[slot] for slot in self.live if every[slot] is not None}

    def values(self) -> list[Any]:
        """Every slot's value, interpreted; None where it raises."""
        found: list[Any] = []
        inputs = iter(self.inputs)
        for signature, _, operands in self.entries:
            if signature is None:
                found.append(next(inputs))
                continue
            given = [found[slot] for slot in operands]
            try:
                found.append(None if any(g is None for g in given) else bind(signature)(*given))
            except Exception:  # whatever an op's eval raises; the judge compares that
                found.append(None)
        return found

    def pruned(self) -> Case:
        """Without what nothing live stands on."""
        wanted = set(self.live)
        for slot in range(len(self.entries) - 1, -1, -1):
            if slot in wanted:
                wanted.update(self.entries[slot][2])
        return self._only(wanted)

    def _only(self, wanted: set[int]) -> Case:
        numbers: dict[int, int] = {}
        entries: list[Entry] = []
        inputs = []
        arrays = iter(self.inputs)
        for slot, (signature, type, operands) in enumerate(self.entries):
            array = next(arrays) if signature is None else None
            if slot not in wanted:
                continue
            numbers[slot] = len(entries)
            entries.append((signature, type, tuple(numbers[operand] for operand in operands)))
            if array is not None:
                inputs.append(array)
        return replace(
            self,
            known=None,
            entries=tuple(entries),
            live=tuple(numbers[slot] for slot in self.live),
            inputs=tuple(inputs),
        )

    def _cut(self, slot: int, value: np.ndarray) -> Case:
        """With a slot's value as an input."""
        entries = list(self.entries)
        entries[slot] = (None, entries[slot][1], ())
        inputs, arrays = [], iter(self.inputs)
        for place, (signature, _, _) in enumerate(entries):
            if signature is None:
                inputs.append(value if place == slot else next(arrays))
        return replace(self, known=None, entries=tuple(entries), inputs=tuple(inputs)).pruned()

    def smaller(self) -> Iterator[Case]:
        """Cases with fewer outputs, then with an intermediate value as an input, then with plain contiguous inputs."""
        if len(self.live) > 1:
            for slot in self.live:
                yield replace(self, known=None, live=(slot,)).pruned()
            for slot in self.live:
                yield replace(self, known=None, live=tuple(other for other in self.live if other != slot)).pruned()
        values = self.values()
        for slot in range(len(self.entries) - 1, -1, -1):
            signature, type, _ = self.entries[slot]
            value = values[slot]
            plain = signature is not None and not isinstance(type, TupleType) and slot not in self.live
            if plain and isinstance(value, np.ndarray):
                yield self._cut(slot, np.ascontiguousarray(value).reshape(value.shape))
        for place, array in enumerate(self.inputs):
            if not array.flags.c_contiguous:
                arrays = list(self.inputs)
                arrays[place] = np.array(array, order="C")
                yield replace(self, known=None, inputs=tuple(arrays))


def shrink(case: Case, differs: Callable[[Case], str | None], seconds: float = 15.0) -> Case:
    """The smallest case found that differs too, looked for no longer than some seconds."""
    best, again, end = case.pruned(), True, time.monotonic() + seconds
    if not differs(best):
        return case
    while again:
        again = False
        for candidate in best.smaller():
            if time.monotonic() > end:
                return best
            if differs(candidate):
                best, again = candidate, True
                break
    return best
