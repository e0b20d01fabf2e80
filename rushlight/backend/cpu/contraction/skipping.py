"""Taps that fall into a margin, skipped: where all of a tile reads at one place along an axis, the terms that count are a range.

So a tile at the edge of an image does less work, and what it reads needs no margin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod

from ....ir.affine import Axis
from ..assembly import Function, Int
from .box import Box
from .lanes import Values, numerator
from .summation import Condition, Read, Summation

Skips = dict[int, tuple[Condition, ...]]  # a term: the conditions that give its range
FEW = 1 << 16  # points that are gone through to see how many terms count
LONGEST = 448  # products of scalars and vectors that stand one after the other in a microkernel at most


@dataclass(frozen=True)
class Unrolled:
    """The last terms written out one by one: where a tile has all turns of a loop, it is known which of its rows read a margin at which tap.

    The products of those are left out, and no margin is needed. A tile of one line of an 8×8 image has 22 of 24 taps along it, one of a 4×4 image
    10 of 12. Of the
    time without it, forward of 256 channels at 8×8 takes 0.84, the gradient of the input of 512 at 4×4 0.74.

    Args:
        terms: those written out, the last ones.
        conditions: which are known for each row and turn.
        turns: for each turn of all these terms where it stands, and the rows that count.
        rows: how many rows there are.
    """

    terms: tuple[int, ...]
    conditions: tuple[Condition, ...]
    turns: tuple[tuple[dict[int, int], tuple[int, ...]], ...]
    rows: int

    @cached_property
    def share(self) -> float:
        """How many of the rows' products are left."""
        return sum(len(rows) for _, rows in self.turns) / (len(self.turns) * self.rows)


def unrolled_of(
    summation: Summation, read: Read, box: Box, terms: Sequence[int], skips: Skips, vectors: int
) -> Unrolled | None:
    """What is gained by writing out terms for a factor of rows, if its conditions are then all kept; `vectors` are those of a row."""
    whole = {loop for loop, size, extent in zip(box.loops, box.sizes, box.extents, strict=True) if size == extent}
    left = unskipped(read, skips)
    loops = {loop for condition in left for loop in condition.axis.loops}
    inner = loops & set(summation.summed)
    if not inner or not loops - inner <= whole or any(condition.axis.denominator != 1 for condition in left):
        return None
    outer, last = terms[: len(terms) - len(inner)], tuple(terms[len(terms) - len(inner) :])
    if not outer or set(last) != inner or inner & skips.keys():
        return None
    if box.size * vectors * prod(summation.extents[loop] for loop in last) > 2 * LONGEST:
        return None
    points = box.points()
    turns = []
    for turn in product(*(range(summation.extents[loop]) for loop in last)):
        at = dict(zip(last, turn, strict=True))
        counting = [row for row, point in enumerate(points) if all(_holds(c, {**point, **at}) for c in left)]
        turns.append((at, tuple(counting)))
    count = vectors * sum(len(rows) for _, rows in turns)
    return Unrolled(last, left, tuple(turns), len(points)) if 0 < count <= LONGEST else None


def _holds(condition: Condition, point: Mapping[int, int]) -> bool:
    place = condition.axis.offset + sum(value * point[loop] for loop, value in condition.axis.terms)
    return 0 <= place < condition.extent


def skips_of(summation: Summation, read: Read, box: Box, dot: int | None = None) -> Skips:
    """The terms whose range a tile with this box may choose."""
    sizes = dict(zip(box.loops, box.sizes, strict=True))
    found: Skips = {}
    for condition in read.conditions:
        terms = [loop for loop in condition.axis.loops if loop in summation.summed]
        alone = all(sizes.get(loop, 1) == 1 for loop in condition.axis.loops)
        if len(terms) == 1 and alone and condition.axis.denominator == 1 and terms[0] != dot:
            found[terms[0]] = (*found.get(terms[0], ()), condition)
    return found


def unskipped(read: Read, skips: Skips) -> tuple[Condition, ...]:
    """The conditions that are left."""
    done = {condition for conditions in skips.values() for condition in conditions}
    return tuple(condition for condition in read.conditions if condition not in done)


def share(summation: Summation, skips: Skips) -> float:
    """How many of all terms count, on average over the output."""
    result = 1.0
    for conditions in skips.values():
        for condition in conditions:
            result *= _share(condition.axis, condition.extent, summation.extents)
    return result


def _share(axis: Axis, extent: int, extents: Mapping[int, int]) -> float:
    points = [axis.offset]
    for loop, value in axis.terms:
        if len(points) * extents[loop] > FEW:
            return 1.0
        points = [point + value * turn for point in points for turn in range(extents[loop])]
    return sum(0 <= point < extent for point in points) / len(points)


def range_of(
    function: Function, summation: Summation, term: int, conditions: tuple[Condition, ...], values: Values
) -> tuple[Int, Int]:
    """The first turn of a term that counts, and the one after the last; they may be the wrong way about if none counts."""
    low: Int = 0
    high: Int = summation.extents[term]
    for condition in conditions:
        step = condition.axis.coefficient(term)
        start = numerator(function, condition.axis, {**values, term: 0})
        size = abs(step)
        if step > 0:  # 0 <= start + step * turn < extent
            below, above = function.sub(0, start), function.sub(condition.extent - 1, start)
        else:
            below, above = function.sub(start, condition.extent - 1), start
        first = function.greatest(below, 0)
        last = function.greatest(function.add(above, size), 0)
        low = function.greatest(low, function.div(function.add(first, size - 1), size))
        high = function.least(high, function.div(last, size))
    return low, high
