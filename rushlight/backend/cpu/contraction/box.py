"""Boxes: the part of some loops that one register tile computes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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

    @property
    def counts(self) -> tuple[int, ...]:
        """How many boxes lie along each loop."""
        return tuple(-(-extent // size) for extent, size in zip(self.extents, self.sizes, strict=True))

    @property
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

    def chunks(self, width: int) -> list[tuple[dict[int, int], Lanes]]:
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


def offset(axis: Axis, point: Mapping[int, int]) -> int:
    """How far an address is at a point from where it is at the origin."""
    return sum(value * point.get(loop, 0) for loop, value in axis.terms)
