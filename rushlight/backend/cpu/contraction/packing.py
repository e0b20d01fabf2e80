"""Panels: a factor copied in the order in which a microkernel reads it.

A panel has a line for each term, with an element for each row or lane of the register tile. Addresses are read as they are, with their
conditions: padding and strides cost nothing after that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ....dtype import dtype as ElementType
from ....ir.affine import Axis
from ..assembly import Function, Int, vector
from ..values import memory_element, register_element
from .frame import Frame
from .lanes import Lanes, Values, both, first, inside, numerator, read
from .summation import Read, Summation
from .transpose import block


@dataclass(frozen=True)
class Chunk:
    """A vector of a panel's line: where it begins, how its lanes lie, and how many of them count."""

    first: dict[int, int]
    lanes: Lanes
    count: int


@dataclass(frozen=True)
class Panel:
    """How a factor's panels look.

    Args:
        chunks: the vectors of a line; the last may reach beyond it.
        pitch: elements from line to line.
        lines: the terms.
    """

    chunks: tuple[Chunk, ...]
    pitch: int
    lines: int
    width: int

    @property
    def size(self) -> int:
        """Elements of a panel and what is written after it."""
        return -(-(self.pitch * self.lines + self.width) // 16) * 16


def pack(
    frame: Frame,
    summation: Summation,
    one: Read,
    base: str,
    panel: Panel,
    target: str,
    values: Values,
    terms: Sequence[int],
) -> None:
    """Writes the panel that begins where `values` say. `terms` are the summed loops, the slowest first."""
    if _turns(one, panel, terms, frame.dtype):
        _pack_turned(frame, summation, one.address, base, panel, target, values, terms)
        return

    def line(function: Function, here: dict[int, Int], number: Int) -> None:
        place = function.pointer(target, function.mul(number, panel.pitch), register_element(frame.dtype))
        for index, chunk in enumerate(panel.chunks):
            vectors = _read_chunk(frame, one, base, here, chunk)
            spot = function.pointer(place, index * panel.width, register_element(frame.dtype))
            type = vector(register_element(frame.dtype), panel.width)
            function.store(type, vectors, spot, element_size(frame.dtype))

    _over_lines(frame.function, summation, terms, dict(values), 0, line)


def element_size(dtype: ElementType) -> int:
    """Bytes of an element in a register."""
    return max(4, dtype.itemsize)


def _over_lines(function, summation, terms, here, number, body) -> None:  # type: ignore[no-untyped-def]
    """Calls `body(function, values, line)` inside loops over the terms."""
    if not terms:
        body(function, here, number)
        return
    loop, *rest = terms
    with function.loop(0, summation.extents[loop]) as turn:
        following = function.add(function.mul(number, summation.extents[loop]), turn.index)
        _over_lines(function, summation, rest, {**here, loop: turn.index}, following, body)


def _read_chunk(frame: Frame, one: Read, base: str, values: dict[int, Int], chunk: Chunk) -> str:
    function, width = frame.function, chunk.lanes.width
    here = {loop: function.add(value, chunk.first.get(loop, 0)) for loop, value in values.items()}
    mask = None if chunk.count == width else first(function, chunk.count, width)
    for condition in one.conditions:
        mask = both(function, mask, inside(function, condition.axis, condition.extent, here, chunk.lanes), width)
    at = Lanes(width, chunk.lanes.steps, mask)
    return read(function, frame.dtype, base, one.address, here, at).text


# Panels whose lines lie across memory.


def _turns(one: Read, panel: Panel, terms: Sequence[int], dtype: ElementType) -> bool:
    """Whether neighbours in memory are the terms, so that blocks are read along them and turned."""
    if one.conditions or not terms or one.address.coefficient(terms[-1]) != 1 or dtype.itemsize < 4:
        return False
    return all(_pitch(one.address, chunk) not in (None, 0, 1) for chunk in panel.chunks)


def _pitch(axis: Axis, chunk: Chunk) -> int | None:
    """How far lanes are apart, if they all are as far."""
    offsets = chunk.lanes.offsets(axis)
    step = offsets[1] - offsets[0] if len(offsets) > 1 else 1
    return step if all(offsets[i] == i * step for i in range(chunk.count)) else None


def _pack_turned(
    frame: Frame,
    summation: Summation,
    axis: Axis,
    base: str,
    panel: Panel,
    target: str,
    values: Values,
    terms: Sequence[int],
) -> None:
    function, element, width = frame.function, register_element(frame.dtype), panel.width
    *outer, inner = terms
    extent = summation.extents[inner]

    def column(function: Function, here: dict[int, Int], number: Int) -> None:
        # The last chunk first: what it writes beyond its lines, the others write over.
        for index in reversed(range(len(panel.chunks))):
            chunk = panel.chunks[index]
            at = {loop: function.add(value, chunk.first.get(loop, 0)) for loop, value in here.items()}
            source = function.pointer(base, numerator(function, axis, {**at, inner: 0}), memory_element(frame.dtype))
            line = function.add(function.mul(function.mul(number, extent), panel.pitch), index * width)
            place = function.pointer(target, line, element)
            pitch = _pitch(axis, chunk)
            assert pitch is not None
            turn_strip(frame, source, pitch, place, panel.pitch, chunk.count, extent)

    _over_lines(function, summation, outer, dict(values), 0, column)


def turn_strip(frame: Frame, source: str, pitch: int, target: str, step: int, rows: int, columns: int) -> None:
    """target[j][i] = source[i][j] for at most a vector of rows; `pitch` and `step` are elements from line to line.

    Whole vectors are written to the target's lines, in order.
    """
    function, element, machine = frame.function, register_element(frame.dtype), frame.machine
    width = machine.width(element_size(frame.dtype))
    name = f"{frame.name}_turn"

    def call(masked: bool, start: Int, count: int) -> None:
        arguments = [
            ("ptr", function.pointer(source, start, element)),
            ("i64", str(pitch)),
            ("ptr", function.pointer(target, function.mul(start, step), element)),
            ("i64", str(step)),
            ("i64", str(rows)),
            ("i64", str(count)),
        ]
        function.call(block(frame.module, name, element, width, masked), "void", arguments)

    whole = columns // width * width if rows == width or machine.masks else 0
    if whole:
        with function.loop(0, whole, width) as turn:
            call(rows != width, turn.index, width)
    if whole == columns:
        return
    if machine.masks:
        call(True, whole, columns - whole)
        return
    size = element_size(frame.dtype)
    with function.loop(whole, columns) as column, function.loop(0, rows) as row:
        place = function.add(function.mul(row.index, pitch), column.index)
        value = function.load(element, function.pointer(source, place, element), size)
        spot = function.add(function.mul(column.index, step), row.index)
        function.store(element, value, function.pointer(target, spot, element), size)
