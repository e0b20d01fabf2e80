"""Which loop of a product is what."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from ....ir.affine import Axis
from .summation import Read, Summation


@dataclass(frozen=True)
class Roles:
    """Which loop is what.

    Args:
        number: the operand whose loops are rows.
        lane: the loop of the other that lies in lanes; None if a term does, `dot`.
    """

    summation: Summation
    number: int
    batch: tuple[int, ...]
    rows: tuple[int, ...]
    lanes: tuple[int, ...]
    terms: tuple[int, ...]
    lane: int | None = None
    dot: int | None = None


def elements(summation: Summation, read: Read) -> int:
    """How many different places are read, roughly."""
    windows = prod(min(window.extent, _reach(window.axis, summation)) for window in read.windows)
    inside = {loop for window in read.windows for loop in window.axis.loops}
    rest = prod(summation.extents[loop] for loop in read.loops if loop not in inside)
    return windows * rest


def _reach(axis: Axis, summation: Summation) -> int:
    low, high = axis.numerator_bounds(summation.extents)
    return high - low + 1
