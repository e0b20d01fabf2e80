"""Boxes: the part of some loops that one register tile computes, and groups of boxes that are worked on together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod

from ....ir.affine import Axis
from ..assembly import Function, Int
from .frame import digits
from .lanes import Lanes


@dataclass(frozen=True)
class Box:
    """A box along loops, the slowest first. Boxes cover the loops; the last one along a loop begins so early that it is whole."""

    loops: tuple[int, ...]
    extents: tuple[int, ...]
    sizes: tuple[int, ...]

    @cached_property
    def counts(self) -> tuple[int, ...]:
        """How many boxes lie along each loop."""
        return tuple(-(-extent // size) for extent, size in zip(self.extents, self.sizes, strict=True))

    @cached_property
    def count(self) -> int:
        return prod(self.counts)

    @property
    def size(self) -> int:
        return prod(self.sizes)

    def points(self) -> list[dict[int, int]]:
        """The points of a box, from its origin."""
        return [dict(zip(self.loops, at, strict=True)) for at in product(*map(range, self.sizes))]

    def origin(self, function: Function, number: Int) -> dict[int, Int]:
        """Where the box of a number begins."""
        found: dict[int, Int] = {}
        places = digits(function, number, self.counts)
        for loop, place, size, extent, count in zip(
            self.loops, places, self.sizes, self.extents, self.counts, strict=True
        ):
            start = function.mul(place, size)
            found[loop] = start if extent == size * count else function.least(start, extent - size)
        return found

    def vectors(self, width: int) -> list[tuple[dict[int, int], Lanes]]:
        """The points as vectors: where each begins, and how its lanes lie. Lanes beyond the last point go on along the last loop."""
        points = self.points()
        while len(points) % width:
            last = dict(points[-1])
            if self.loops:
                last[self.loops[-1]] += 1
            points.append(last)
        found = []
        for start in range(0, len(points), width):
            first = points[start]
            steps = {
                loop: tuple(points[start + lane][loop] - first[loop] for lane in range(width)) for loop in self.loops
            }
            found.append((first, Lanes(width, steps)))
        return found


@dataclass(frozen=True)
class Groups:
    """Boxes in groups: all boxes of the loops after `position`, `chunk` boxes along the loop there, one along loops before."""

    box: Box
    position: int
    chunk: int

    @cached_property
    def counts(self) -> tuple[int, ...]:
        before = self.box.counts[: self.position]
        return (*before, -(-self.box.counts[self.position] // self.chunk)) if self.box.loops else ()

    @cached_property
    def count(self) -> int:
        return prod(self.counts)

    @cached_property
    def most(self) -> int:
        """Boxes in a group."""
        return self.chunk * prod(self.box.counts[self.position + 1 :]) if self.box.loops else 1

    def spans(self) -> dict[int, int]:
        """How far a group reaches along each loop."""
        found = {}
        for place, loop in enumerate(self.box.loops):
            size, extent = self.box.sizes[place], self.box.extents[place]
            along = 1 if place < self.position else self.chunk if place == self.position else self.box.counts[place]
            found[loop] = min(extent, along * size)
        return found

    def origin(self, function: Function, first: Int) -> dict[int, Int]:
        """Where the region of the group that begins with a box begins: a last group of fewer boxes reaches back, so that none leaves the loops."""
        found = self.box.origin(function, first)
        if self.box.loops:
            loop, extent = self.box.loops[self.position], self.box.extents[self.position]
            span = self.spans()[loop]
            if extent % span:
                found[loop] = function.least(found[loop], extent - span)
        return found

    def bounds(self, function: Function, number: Int) -> tuple[Int, Int]:
        """The first box of a group and the one after its last."""
        if not self.box.loops:
            return 0, 1
        along = self.box.counts[self.position]
        rest = prod(self.box.counts[self.position + 1 :])
        pieces = self.counts[-1]
        before, piece = digits(function, number, [prod(self.counts[:-1]), pieces])
        start = function.mul(piece, self.chunk)
        stop = function.add(start, self.chunk)
        if along % self.chunk:
            stop = function.least(stop, along)
        base = function.mul(before, along)
        return function.mul(function.add(base, start), rest), function.mul(function.add(base, stop), rest)


def groups_within(box: Box, most: int) -> Groups:
    """Groups of about `most` boxes or fewer, of like sizes."""
    if not box.loops:
        return Groups(box, 0, 1)
    rest = 1
    for position in reversed(range(len(box.loops))):
        count = box.counts[position]
        if rest * count > most or position == 0:
            pieces = -(-count // max(1, min(count, most // rest)))
            return Groups(box, position, -(-count // pieces))
        rest *= count
    raise AssertionError("unreachable")


def offset(axis: Axis, point: Mapping[int, int]) -> int:
    """How far an address is at a point from where it is at the origin."""
    return sum(value * point.get(loop, 0) for loop, value in axis.terms)
