"""Where values lie between the steps of one program: offsets in an arena, reused as soon as the last reader is done.

A step needs a barrier where it reads what a step since the last barrier wrote, or writes where one of these reads or writes; not between
two steps that one thread does, since it is the same one, which does them in order. Best fit by
size over free intervals, in the order of the steps (Pisarchyk & Lee 2020 compare such planners: the order of execution costs little).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

ALIGN = 64


class Gap(NamedTuple):
    """What of the arena no value needs from a step's last barrier to the next: the widest place between values, and all from `top` on."""

    start: int
    size: int
    top: int


@dataclass
class Layout:
    """Offsets in bytes by value, the arena's size, and for each step whether it must wait for those before it."""

    offsets: dict[int, int] = field(default_factory=dict)
    bytes: int = 0
    barriers: list[bool] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)  # for each step
    lodged: dict[int, int] = field(
        default_factory=dict
    )  # offsets in the late results' block, of these and of their guests
    lodging: int = 0  # bytes of that block


class _Free:
    """Free intervals, joined where they touch."""

    def __init__(self) -> None:
        self.intervals: list[tuple[int, int]] = []
        self.end = 0

    def take(self, size: int) -> int:
        fitting = [(stop - start, start, stop) for start, stop in self.intervals if stop - start >= size]
        if fitting:
            _, start, stop = min(fitting)
            self.intervals.remove((start, stop))
            if stop - start > size:
                self.intervals.append((start + size, stop))
            return start
        for start, stop in self.intervals:  # the last one may grow
            if stop == self.end:
                self.intervals.remove((start, stop))
                self.end = start + size
                return start
        self.end += size
        return self.end - size

    def take_below(self, size: int, limit: int) -> int | None:
        """A place that ends before a limit; None where there is none."""
        fitting = [
            (min(stop, limit) - start, start, stop)
            for start, stop in self.intervals
            if min(stop, limit) - start >= size
        ]
        if not fitting:
            return None
        _, start, stop = min(fitting)
        self.intervals.remove((start, stop))
        if stop - start > size:
            self.intervals.append((start + size, stop))
        return start

    def give(self, start: int, size: int) -> None:
        stop = start + size
        for other in list(self.intervals):
            if other[1] == start or other[0] == stop:
                self.intervals.remove(other)
                start, stop = min(start, other[0]), max(stop, other[1])
        self.intervals.append((start, stop))


class _Since:
    """What steps since the last barrier read and wrote, and the intervals of the arena among that."""

    def __init__(self) -> None:
        self.written: set[int] = set()
        self.read: set[int] = set()
        self.touched: list[tuple[int, int]] = []

    def hinders(self, reads: Sequence[int], own: list[tuple[int, int]], covered: Sequence[int]) -> bool:
        """Whether a step must wait that reads values, and writes intervals of the arena and over values."""
        return (
            any(value in self.written for value in reads)
            or any(value in self.read for value in covered)
            or any(start < end and begin < stop for start, stop in own for begin, end in self.touched)
        )

    def clear(self) -> None:
        self.written.clear()
        self.read.clear()
        self.touched.clear()


class _Lodging:
    """One block for results that live on, in which values lie that die before the results are written: those written last lie first.

    Its addresses are negative, so that no interval of it is one of the arena.
    """

    def __init__(self, late: Mapping[int, int], born: Mapping[int, int]) -> None:
        self.offsets: dict[int, int] = {}
        self.size = 0
        self._starts: list[tuple[int, int]] = []  # (step, bytes of the results that are written after it)
        for value in sorted(late, key=lambda value: -born[value]):
            self.offsets[value] = self.size
            self.size += _rounded(late[value])
            self._starts.append((born[value], self.size))
        self._free = _Free()
        self._free.give(0, self.size)

    def place(self, value: int) -> int:
        """The address of a result."""
        return self.offsets[value] - self.size

    def lodge(self, value: int, size: int, last: int) -> int | None:
        """An address for a value that is read for the last time in a step; None where there is no room."""
        limit = max((end for step, end in self._starts if step > last), default=0)
        start = self._free.take_below(size, limit)
        if start is None:
            return None
        self.offsets[value] = start
        return start - self.size

    def leave(self, start: int, size: int) -> None:
        """A guest's room is free again; `start` is its address."""
        self._free.give(start + self.size, size)


def lay_out(
    steps: Sequence[tuple[Sequence[int], Sequence[int]]],
    sizes: Mapping[int, int],
    shared: Sequence[bool],
    over: Mapping[int, int] | None = None,
    stop: int = -1,
    late: Mapping[int, int] | None = None,
) -> Layout:
    """`steps` are (values read, values written); `sizes` has the bytes of those that are to lie in the arena.

    `shared` tells which steps all threads do together; the others are done by the first thread. `over` has for results the values that
    they may be written over: both outside of the arena, or both in it, where the other is read for the last time. The step `stop` waits.
    `late` has the bytes of results that live on in one block, where others lie as long as they are not written.
    """
    over, late = over or {}, late or {}
    layout, free = Layout(), _Free()
    last: dict[int, int] = {}
    for number, (reads, writes) in enumerate(steps):
        for value in (*reads, *writes):
            last[value] = number
    lodging = _Lodging(late, {value: number for number, (_, writes) in enumerate(steps) for value in writes})
    placed = {**sizes, **late}
    together, alone = _Since(), _Since()
    covers: set[int] = set()  # values whose place a result has taken over
    for number, (reads, writes) in enumerate(steps):
        for value in writes:
            if value in late:
                layout.offsets[value] = lodging.place(value)
            if value not in sizes:
                continue
            other = over.get(value, value)
            alike = other != value and other in sizes and sizes[other] == sizes[value] and last[other] == number
            if alike and layout.offsets[other] >= 0:
                layout.offsets[value] = layout.offsets[other]
                covers.add(other)
            else:
                room = lodging.lodge(value, _rounded(sizes[value]), last[value]) if late else None
                layout.offsets[value] = free.take(_rounded(sizes[value])) if room is None else room
        own = [_interval(layout, placed, value) for value in writes if value in placed]
        covered = [over[value] for value in writes if value in over]
        waits = together.hinders(reads, own, covered) or (shared[number] and alone.hinders(reads, own, covered))
        if waits or number == stop:
            waits = True
            together.clear()
            alone.clear()
        layout.barriers.append(waits and number > 0)
        since = together if shared[number] else alone
        since.written.update(writes)
        since.read.update(reads)
        since.touched += own + [_interval(layout, placed, value) for value in reads if value in placed]
        for value in dict.fromkeys((*reads, *writes)):
            if value in sizes and last[value] == number and value not in covers:
                start = layout.offsets[value]
                (lodging.leave if start < 0 else free.give)(start, _rounded(sizes[value]))
    layout.bytes = free.end
    layout.gaps = _gaps(steps, placed, layout, last)
    layout.lodging = lodging.size
    layout.lodged = {value: start + lodging.size for value, start in layout.offsets.items() if start < 0}
    layout.offsets = {value: start for value, start in layout.offsets.items() if start >= 0}
    return layout


def _gaps(
    steps: Sequence[tuple[Sequence[int], Sequence[int]]],
    sizes: Mapping[int, int],
    layout: Layout,
    last: Mapping[int, int],
) -> list[Gap]:
    """For each step the gap of the steps from its barrier to the next, which may run at the same time."""
    born = {value: number for number, (_, writes) in enumerate(steps) for value in writes}
    begins = [0, *(number for number, waits in enumerate(layout.barriers) if waits), len(steps)]
    gaps: list[Gap] = []
    for begin, end in itertools.pairwise(begins):
        if begin == end:
            continue
        living = sorted(
            _interval(layout, sizes, value) for value in layout.offsets if born[value] < end and last[value] >= begin
        )
        top, start, size = 0, 0, 0
        for low, high in living:
            if low - top > size:
                start, size = top, low - top
            top = max(top, high)
        gaps += [Gap(start, size, top)] * (end - begin)
    return gaps


def _rounded(size: int) -> int:
    return max(-(-size // ALIGN), 1) * ALIGN


def _interval(layout: Layout, sizes: Mapping[int, int], value: int) -> tuple[int, int]:
    start = layout.offsets[value]
    return start, start + _rounded(sizes[value])
