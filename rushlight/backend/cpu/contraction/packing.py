"""Writing panels. Addresses are read as they are, with their conditions: padding and strides cost nothing after that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

from ....dtype import bfloat16, float16
from ....dtype import dtype as ElementType
from ..assembly import Function, Int, vector
from ..values import load, memory_element, register_element
from .factor import Chunk, Factor, pitch_of, run_of, turns
from .frame import Frame
from .lanes import Lanes, Values, both, first, inside, numerator, read
from .summation import Summation
from .transpose import block

Bounds = tuple[Int, Int]


def pack(
    frame: Frame,
    summation: Summation,
    factor: Factor,
    bounds: Bounds,
    target: str,
    values: Values,
    terms: Sequence[int],
    slowest: Bounds | None = None,
) -> None:
    """Writes the panels of some boxes, one after the other.

    Args:
        terms: the summed loops, the slowest first.
        slowest: which turns of the slowest, if not all.
    """
    function, panel = frame.function, factor.panel
    assert panel is not None
    if turns(factor.read, panel.chunks, terms, frame.dtypes[factor.number]):
        with over_boxes(function, bounds) as turn:
            place = function.mul(function.sub(turn, bounds[0]), panel.size)
            here = {**values, **factor.box.origin(function, turn)}
            spot = function.pointer(target, place, frame.element)
            _pack_turned(frame, summation, factor, spot, here, terms, slowest)
        return

    # The boxes innermost: what lies side by side is read together.
    def line(here: dict[int, Int], number: Int) -> None:
        place = function.pointer(target, function.mul(number, panel.pitch), frame.element)
        with over_boxes(function, bounds) as turn:
            at = {**here, **factor.box.origin(function, turn)}
            spot = function.pointer(place, function.mul(function.sub(turn, bounds[0]), panel.size), frame.element)
            for index, chunk in enumerate(panel.chunks):
                value = read_chunk(frame, factor, at, chunk)
                type = vector(frame.element, panel.width)
                function.store(type, value, function.pointer(spot, index * panel.width, frame.element), frame.size)

    over_lines(function, summation, terms, dict(values), 0, line, slowest)


class over_boxes:
    """A loop over boxes; of one box known now, no loop."""

    def __init__(self, function: Function, bounds: Bounds) -> None:
        self.single = isinstance(bounds[0], int) and isinstance(bounds[1], int) and bounds[1] - bounds[0] == 1
        self.low = bounds[0]
        self.loop = function.loop(*bounds)

    def __enter__(self) -> Int:
        return self.low if self.single else self.loop.__enter__().index

    def __exit__(self, *error: object) -> None:
        if not self.single:
            self.loop.__exit__(*error)  # type: ignore[arg-type]


def over_lines(
    function: Function,
    summation: Summation,
    terms: Sequence[int],
    here: dict[int, Int],
    number: Int,
    body: Callable[[dict[int, Int], Int], None],
    slowest: Bounds | None = None,
) -> None:
    """Calls `body(values, line)` inside loops over the terms; lines are counted from 0."""
    if not terms:
        body(here, number)
        return
    loop, *rest = terms
    low, high = slowest or (0, summation.extents[loop])
    with function.loop(low, high) as turn:
        following = function.add(function.mul(number, summation.extents[loop]), function.sub(turn.index, low))
        over_lines(function, summation, rest, {**here, loop: turn.index}, following, body)


def read_chunk(frame: Frame, factor: Factor, values: dict[int, Int], chunk: Chunk) -> str:
    function, width = frame.function, chunk.lanes.width
    here = {loop: function.add(value, chunk.first.get(loop, 0)) for loop, value in values.items()}
    mask = None if chunk.count == width else first(function, chunk.count, width)
    for condition in factor.read.conditions:
        mask = both(function, mask, inside(function, condition.axis, condition.extent, here, chunk.lanes), width)
    at = Lanes(width, chunk.lanes.steps, mask)
    return read(
        function, frame.dtypes[factor.number], frame.operands[factor.number], factor.read.address, here, at
    ).text


# Panels whose lines lie across memory.


def _pack_turned(
    frame: Frame,
    summation: Summation,
    factor: Factor,
    target: str,
    values: dict[int, Int],
    terms: Sequence[int],
    slowest: Bounds | None,
) -> None:
    function, panel, axis = frame.function, factor.panel, factor.read.address
    assert panel is not None
    outer, run = run_of(axis, summation.extents, terms, 1 if slowest is not None else 0)
    extent = prod(summation.extents[loop] for loop in run)

    def column(here: dict[int, Int], number: Int) -> None:
        # The last chunk first: what it writes beyond its lines, the others write over.
        for index in reversed(range(len(panel.chunks))):
            chunk = panel.chunks[index]
            at = {loop: function.add(value, chunk.first.get(loop, 0)) for loop, value in here.items()}
            place = numerator(function, axis, {**at, **dict.fromkeys(run, 0)})
            source = function.pointer(frame.operands[factor.number], place, memory_element(frame.dtypes[factor.number]))
            line = function.add(function.mul(function.mul(number, extent), panel.pitch), index * panel.width)
            pitch = pitch_of(axis, chunk)
            assert pitch is not None
            spot = function.pointer(target, line, frame.element)
            turn_strip(frame, source, pitch, spot, panel.pitch, chunk.count, extent, frame.dtypes[factor.number])

    assert outer or slowest is None
    over_lines(function, summation, outer, values, 0, column, slowest)


def turn_strip(
    frame: Frame,
    source: str,
    pitch: int,
    target: str,
    step: int,
    rows: int,
    columns: int,
    dtype: ElementType,
) -> None:
    """target[j][i] = source[i][j] for at most a vector of rows; `pitch` and `step` are elements from line to line.

    Whole vectors are written to the target's lines, in order. Half precision, which `dtype` of the source may be, is decoded.
    """
    function, machine, width = frame.function, frame.machine, frame.width
    element, memory = register_element(dtype), memory_element(dtype)
    name = f"{frame.name}_turn" + (f"_{dtype.name}" if dtype in (bfloat16, float16) else "")

    def call(masked: bool, start: Int, count: int) -> None:
        arguments = [
            ("ptr", function.pointer(source, start, memory)),
            ("i64", str(pitch)),
            ("ptr", function.pointer(target, function.mul(start, step), element)),
            ("i64", str(step)),
            ("i64", str(rows)),
            ("i64", str(count)),
        ]
        function.call(block(frame.module, name, dtype, width, masked), "void", arguments)

    whole = columns // width * width if rows == width or machine.masks else 0
    if whole:
        with function.loop(0, whole, width) as turn:
            call(rows != width, turn.index, width)
    if whole == columns:
        return
    if machine.masks:
        call(True, whole, columns - whole)
        return
    with function.loop(whole, columns) as column, function.loop(0, rows) as row:
        place = function.add(function.mul(row.index, pitch), column.index)
        value = load(function, dtype, function.pointer(source, place, memory), 1).text
        spot = function.add(function.mul(column.index, step), row.index)
        function.store(element, value, function.pointer(target, spot, element), frame.size)
