"""The register tile of a step's product: rows of the state times a panel of weights."""

from __future__ import annotations

from collections.abc import Sequence

from ..assembly import Function, Module, constant, vector
from .division import Division

PARAMETERS = [("ptr", "source"), ("ptr", "panel"), ("ptr", "later"), ("ptr", "sums"), ("i64", "turns"), ("i1", "first")]
LINE = 64  # bytes


def write_tile(module: Module, name: str, element: str, size: int, division: Division, height: int, fma: bool) -> None:
    """Writes `name(source, panel, later, sums, turns, first)`: adds so many terms to the sums of `height` rows.

    Sums start from 0 where `first`, else from what is there. An element of the source is spread over a vector for each row, and
    multiplied with all vectors of the panel's line. Meanwhile a share of the weights that are needed `later` comes nearer.
    """
    function = Function(module, name, PARAMETERS)
    type = vector(element, division.width)
    places = [number * division.width for number in range(height * division.sums // division.width)]
    carried = [
        *((type, start) for start in _start(function, type, size, element, places)),
        ("ptr", "%source"),
        ("ptr", "%panel"),
        ("ptr", "%later"),
    ]
    with function.loop(0, "%turns", carried=carried) as turn:
        *sums, source, panel, later = turn.carried
        for offset in range(0, division.ahead, LINE):
            prefetch(function, function.pointer(later, offset, "i8"))
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
        moved = [function.pointer(source, 1, element), function.pointer(panel, division.sums, element)]
        turn.next = [*sums, *moved, function.pointer(later, division.ahead, "i8")]
    for place, total in zip(places, turn.results[:-3], strict=True):
        function.store(type, total, function.pointer("%sums", place, element), size)
    function.end()


def prefetch(function: Function, address: str) -> None:
    """Asks for a line of memory to be brought into the second cache; an address that is none does no harm."""
    function.call("llvm.prefetch.p0", "void", [("ptr", address), ("i32", "0"), ("i32", "2"), ("i32", "1")])


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
