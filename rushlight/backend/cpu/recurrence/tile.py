"""The register tile of a step's product: rows of the state times a panel of weights."""

from __future__ import annotations

from collections.abc import Sequence

from ..assembly import Function, Module, constant, vector
from .division import Division

PARAMETERS = [("ptr", "source"), ("ptr", "panel"), ("ptr", "sums"), ("i64", "turns"), ("i1", "first")]


def write_tile(module: Module, name: str, element: str, size: int, division: Division, height: int, fma: bool) -> None:
    """Writes `name(source, panel, sums, turns, first)`: adds so many terms to the sums of `height` rows.

    Sums start from 0 where `first`, else from what is there. An element of the source is spread over a vector for each row, and
    multiplied with all vectors of the panel's line.
    """
    function = Function(module, name, PARAMETERS)
    type = vector(element, division.width)
    places = [number * division.width for number in range(height * division.sums // division.width)]
    carried = [
        *((type, start) for start in _start(function, type, size, element, places)),
        ("ptr", "%source"),
        ("ptr", "%panel"),
    ]
    with function.loop(0, "%turns", carried=carried) as turn:
        *sums, source, panel = turn.carried
        line = [
            function.load(type, function.pointer(panel, offset, element), size)
            for offset in range(0, division.sums, division.width)
        ]
        for row in range(height):
            one = function.load(element, function.pointer(source, row * division.depth, element), size)
            left = function.splat(type, one)
            for place, right in enumerate(line):
                number = row * len(line) + place
                if fma:
                    sums[number] = function.fma(type, left, right, sums[number])
                else:
                    product = function.binary("fmul", type, left, right)
                    sums[number] = function.binary("fadd", type, sums[number], product)
        turn.next = [*sums, function.pointer(source, 1, element), function.pointer(panel, division.sums, element)]
    for place, total in zip(places, turn.results[:-2], strict=True):
        function.store(type, total, function.pointer("%sums", place, element), size)
    function.end()


def _start(function: Function, type: str, size: int, element: str, places: Sequence[int]) -> list[str]:
    """The sums before the first turn."""
    more, ready, before = function.new_label(), function.new_label(), function.block
    function.branch_if("%first", ready, more)
    function.label(more)
    loaded = [function.load(type, function.pointer("%sums", place, element), size) for place in places]
    function.branch(ready)
    function.label(ready)
    zero = constant(type, 0)
    return [function.emit(f"phi {type} [ {zero}, %{before} ], [ {value}, %{more} ]") for value in loaded]
