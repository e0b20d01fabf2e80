"""Writing panels of pairs of bfloat16 for matrix registers.

A panel is a row of blocks, each what one register takes: sixteen lines of sixteen pairs. For lanes a line is a pair of terms, for rows it is a row.
Where neighbours in memory are the terms, lines of rows are copied, else lines of pairs are put together; blocks that then lie the wrong way are turned.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..assembly import Function, Int, constant, first_lanes, vector
from .factor import Chunk, Factor, pitch_of
from .frame import Frame
from .lanes import Lanes, Values, both, inside, numerator
from .matrix import SIDE, TERMS, in_lines, lines_of
from .packing import Bounds, over_boxes, over_lines, read_chunk
from .summation import Summation
from .transpose import transposed

BLOCK = SIDE * SIDE  # pairs of a block
PAIRS = vector("i32", SIDE)
HALVES = vector("i16", TERMS)
CHOSEN = vector("i1", TERMS)


def pack_pairs(
    frame: Frame,
    summation: Summation,
    factor: Factor,
    bounds: Bounds,
    target: str,
    values: Values,
    terms: Sequence[int],
    lanes: bool,
) -> None:
    """Writes the panels of some boxes, one after the other; `lanes` tells which of the two factors it is."""
    panel = factor.panel
    assert panel is not None
    if in_lines(summation, factor.read, panel.chunks, terms):
        _copy_lines(frame, summation, factor, bounds, target, values, terms, lanes)
        return
    _put_together(frame, summation, factor, bounds, target, values, terms)
    if not lanes:
        _turn_blocks(frame, factor, bounds, target)


def _copy_lines(
    frame: Frame,
    summation: Summation,
    factor: Factor,
    bounds: Bounds,
    target: str,
    values: Values,
    terms: Sequence[int],
    turned: bool,
) -> None:
    function, panel, axis = frame.function, factor.panel, factor.read.address
    assert panel is not None
    *outer, inner = terms
    extent, chunks = summation.extents[inner], len(panel.chunks)

    def blocks(spot: str, here: dict[int, Int], number: Int) -> None:
        start = function.mul(number, extent // TERMS * chunks * BLOCK)
        for index, chunk in enumerate(panel.chunks):
            at = {loop: function.add(value, chunk.first.get(loop, 0)) for loop, value in here.items()}
            source = function.pointer(frame.operands[factor.number], numerator(function, axis, {**at, inner: 0}), "i16")
            place = function.pointer(spot, function.add(start, index * BLOCK), "i32")

            def counts(term: Int, at: dict[int, Int] = at) -> str | None:
                return _counting(function, factor, {**at, inner: term}, inner)

            _copy_strip(frame, source, chunk, pitch_of(axis, chunk) or 0, place, chunks, extent, turned, counts)

    with over_boxes(function, bounds) as turn:
        spot = function.pointer(target, function.mul(function.sub(turn, bounds[0]), panel.size), "i32")
        here = {**values, **factor.box.origin(function, turn)}
        over_lines(function, summation, outer, here, 0, lambda at, number: blocks(spot, at, number))


def _counting(function: Function, factor: Factor, values: dict[int, Int], inner: int) -> str | None:
    """The mask of a block's terms for which the conditions hold; None if there are none."""
    at, mask = Lanes.along(inner, TERMS), None
    for condition in factor.read.conditions:
        mask = both(function, mask, inside(function, condition.axis, condition.extent, values, at), TERMS)
    return mask


def _copy_strip(
    frame: Frame,
    source: str,
    chunk: Chunk,
    pitch: int,
    target: str,
    step: int,
    extent: int,
    turned: bool,
    counts: Callable[[Int], str | None],
) -> None:
    """The blocks of one chunk, `step` blocks from each other; `counts` gives the mask of a block's terms from one on."""
    function = frame.function
    whole = extent // TERMS

    def copy(number: Int, terms: int) -> None:
        start = function.mul(number, TERMS)
        mask = counts(start)
        name = _block(frame, turned, chunk.count < SIDE or terms < TERMS or mask is not None)
        if terms < TERMS or mask is None:
            mask = both(function, mask, first_lanes(terms, TERMS), TERMS)
        arguments = [
            ("ptr", function.pointer(source, start, "i16")),
            ("i64", str(pitch)),
            ("ptr", function.pointer(target, function.mul(number, step * BLOCK), "i32")),
            ("i64", str(chunk.count)),
            (CHOSEN, str(mask)),
        ]
        function.call(name, "void", arguments)

    if whole:
        with function.loop(0, whole) as turn:
            copy(turn.index, TERMS)
    if extent % TERMS:
        copy(whole, extent % TERMS)


def _block(frame: Frame, turned: bool, masked: bool) -> str:
    """Writes, once, a function that copies a block of at most sixteen lines, with 0 for terms that do not count: those are not read."""
    name = f"{frame.name}_{'turned' if turned else 'copied'}_{'part' if masked else 'block'}"
    if frame.module.has(name):
        return name
    parameters = [("ptr", "source"), ("i64", "pitch"), ("ptr", "target"), ("i64", "rows"), (CHOSEN, "terms")]
    function = Function(frame.module, name, parameters)
    lines, place = [], "%source"
    for number in range(SIDE):
        if masked:
            here = function.splat(vector("i1", TERMS), function.compare("sgt", "%rows", number))
            line = function.masked_load(HALVES, place, str(both(function, "%terms", here, TERMS)), 2)
        else:
            line = function.load(HALVES, place, 2)
        lines.append(function.convert("bitcast", HALVES, line, PAIRS))
        place = function.pointer(place, "%pitch", "i16")
    for number, line in enumerate(transposed(function, PAIRS, lines) if turned else lines):
        function.store(PAIRS, line, function.pointer("%target", number * SIDE, "i32"), 4)
    function.end()
    return name


def _put_together(
    frame: Frame,
    summation: Summation,
    factor: Factor,
    bounds: Bounds,
    target: str,
    values: Values,
    terms: Sequence[int],
) -> None:
    """Lines of pairs of terms. The boxes innermost: what lies side by side is read together."""
    function, panel = frame.function, factor.panel
    assert panel is not None
    *outer, inner = terms
    extent, chunks = summation.extents[inner], len(panel.chunks)
    pairs = -(-extent // 2)

    def store(line: Int, turn: Int, index: int, value: str) -> None:
        block = function.add(function.mul(function.div(line, SIDE), chunks), index)
        place = function.add(function.mul(block, BLOCK), function.mul(function.rem(line, SIDE), SIDE))
        place = function.add(place, function.mul(function.sub(turn, bounds[0]), panel.size))
        function.store(PAIRS, value, function.pointer(target, place, "i32"), 4)

    def lines(here: dict[int, Int], number: Int) -> None:
        with function.loop(0, pairs) as pair, over_boxes(function, bounds) as turn:
            line = function.add(function.mul(number, pairs), pair.index)
            at = {**here, **factor.box.origin(function, turn), inner: function.mul(pair.index, 2)}
            for index, chunk in enumerate(panel.chunks):
                store(line, turn, index, _pair(frame, factor, at, chunk, inner, extent))

    over_lines(function, summation, outer, dict(values), 0, lines)
    written = lines_of(summation, terms)
    if written < panel.lines:
        with function.loop(written, panel.lines) as line, over_boxes(function, bounds) as turn:
            for index in range(chunks):
                store(line.index, turn, index, constant(PAIRS, 0))


def _pair(frame: Frame, factor: Factor, values: dict[int, Int], chunk: Chunk, inner: int, extent: int) -> str:
    """A term and the next one for each lane: the upper halves of what is decoded."""
    function, floats = frame.function, vector("float", SIDE)
    following = function.add(values[inner], 1)
    last = function.least(following, extent - 1) if extent % 2 else following
    low = read_chunk(frame, factor, values, chunk)
    high = read_chunk(frame, factor, {**values, inner: last}, chunk)
    low = function.binary("lshr", PAIRS, function.convert("bitcast", floats, low, PAIRS), constant(PAIRS, 16))
    high = function.binary("and", PAIRS, function.convert("bitcast", floats, high, PAIRS), constant(PAIRS, 0xFFFF0000))
    if extent % 2:
        high = function.choose(function.compare("slt", following, extent), PAIRS, high, constant(PAIRS, 0))
    return function.binary("or", PAIRS, low, high)


def _turn_blocks(frame: Frame, factor: Factor, bounds: Bounds, target: str) -> None:
    """Each block of lines of pairs becomes one of rows, where it lies."""
    function, panel = frame.function, factor.panel
    assert panel is not None
    name = _block(frame, turned=True, masked=False)
    with over_boxes(function, bounds) as turn:
        spot = function.pointer(target, function.mul(function.sub(turn, bounds[0]), panel.size), "i32")
        with function.loop(0, panel.lines // SIDE * len(panel.chunks)) as block:
            place = function.pointer(spot, function.mul(block.index, BLOCK), "i32")
            every = [("i64", str(SIDE)), (CHOSEN, constant(CHOSEN, True))]
            function.call(name, "void", [("ptr", place), ("i64", str(TERMS)), ("ptr", place), *every])
