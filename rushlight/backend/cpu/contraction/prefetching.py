"""Asking for the lines that a tile's epilogue reads and writes before the tile is multiplied, so that they have come from memory when it is stored.

A tile has short pieces of many lines, which the processor does not foresee, and stores that wait for their lines hold up what comes after them.
Asked for, a weight's gradient of 512×512×3×3 with its optimizer's step takes 0.84 of the time; asking for what is read alone gains nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from ....ir.affine import Axis
from ..assembly import Function, Int
from ..values import memory_element
from .box import Box, offset
from .frame import Frame, digits
from .lanes import Values, numerator

LINE = 64  # bytes
DENSE = 4  # elements of a line that a tile has at least; asked for again and again by others, it took 1.15 of the time


class Prefetching:
    """The function `name(pointers …)` that asks for a tile's part of each large array; of one array alone, which is only stored, it asks for nothing.

    Args:
        slow, fast: the two boxes of a tile; one turn of `slow` reads lines along `fast`.
    """

    def __init__(self, frame: Frame, places: Sequence[Axis], slow: Box, fast: Box, name: str) -> None:
        self.frame = frame
        self.slow = slow
        self.name = name
        self.lines: dict[int, list[int]] = {}  # a place: its lines' first elements, from the tile's origin
        self.places = places
        known: set[tuple[int, Axis]] = set()
        for number, (place, array) in enumerate(zip(places, frame.epilogue.arrays, strict=True)):
            buffer = frame.epilogue.buffer(number)
            if array is None or buffer is None or (array, place) in known:
                continue
            size = buffer.dtype.storage.itemsize
            lines = _lines(place, fast, LINE // size)
            if prod(buffer.shape) * size > frame.machine.l2 // 4 and len(lines) * DENSE <= fast.size:
                known.add((array, place))
                self.lines[number] = lines

        if len({frame.epilogue.arrays[number] for number in self.lines}) < 2:
            self.lines = {}

    def write(self) -> None:
        """Adds the function, if there is anything to ask for."""
        if not self.lines:
            return
        parameters = [("ptr", f"place{number}") for number in self.lines]
        function = Function(self.frame.module, self.name, parameters)
        with function.loop(0, self.slow.size) as turn:
            at = dict(zip(self.slow.loops, digits(function, turn.index, self.slow.sizes), strict=True))
            for number, lines in self.lines.items():
                base = self._pointer(function, f"%place{number}", number, Axis(self.places[number].terms), at)
                for line in lines:
                    spot = function.pointer(base, line, self._element(number))
                    function.call("llvm.prefetch.p0", "void", [("ptr", spot), ("i32", "0"), ("i32", "2"), ("i32", "1")])
        function.end()

    def emit(self, values: Values) -> None:
        """Calls it for the tile whose origin is at `values`."""
        if not self.lines:
            return
        frame = self.frame
        arguments = []
        for number in self.lines:
            place = self._pointer(frame.function, frame.bases[number], number, self.places[number], values)
            arguments.append(("ptr", place))
        frame.function.call(self.name, "void", arguments)

    def _pointer(self, function: Function, base: str, number: int, place: Axis, values: Values) -> str:
        here: dict[int, Int] = {loop: values.get(loop, 0) for loop in place.loops}
        return function.pointer(base, numerator(function, place, here), self._element(number))

    def _element(self, number: int) -> str:
        buffer = self.frame.epilogue.buffer(number)
        assert buffer is not None
        return memory_element(buffer.dtype)


def _lines(place: Axis, box: Box, elements: int) -> list[int]:
    """Elements so far apart that each line of the cache with a point of the box has one, wherever lines begin."""
    offsets = sorted({offset(place, point) for point in box.points()})
    found = offsets[:1]
    for here in offsets:
        if here - found[-1] >= elements:
            found.append(here)
    return found if found[-1] == offsets[-1] else [*found, offsets[-1]]
