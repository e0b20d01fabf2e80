"""Writing panels of pairs of bfloat16 for matrix registers.

A panel is a row of blocks, each what one register takes: sixteen lines of sixteen pairs. For lanes a line is a pair of terms, for rows it is a row.
Where neighbours in memory are the terms, lines of rows are copied, else lines of pairs are put together; blocks that then lie the wrong way are turned.
Of float32 there are several blocks for one, each with a part of every number, and behind a panel the range of what is in it (`splitting`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..assembly import Function, Int, constant, first_lanes, vector
from ..values import memory_element
from .factor import Chunk, Factor, Panel, pitch_of
from .frame import Frame
from .lanes import Lanes, Values, both, inside, numerator
from .matrix import SIDE, TERMS, in_lines, lie_apart, lines_of
from .packing import Bounds, over_boxes, over_lines, read_chunk
from .splitting import NOTHING, UPPER, close_range, load_range, parted, store_range, widen
from .summation import Summation
from .transpose import transposed

BLOCK = SIDE * SIDE  # pairs of a block
PAIRS = vector("i32", SIDE)
HALVES = vector("i16", TERMS)
FLOATS = vector("float", SIDE)
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
    function, panel = frame.function, factor.panel
    assert panel is not None
    ranges = _Ranges(function, factor, bounds, target)
    ranges.open()
    if in_lines(summation, factor.read, panel.chunks, terms):
        _copy_lines(frame, summation, factor, bounds, target, values, terms, lanes)
    else:
        _put_together(frame, summation, factor, bounds, target, values, terms)
        if not lanes:
            _turn_blocks(frame, factor, bounds, target)
    ranges.close()


class _Ranges:
    """The ranges behind some panels, where numbers have several parts."""

    def __init__(self, function: Function, factor: Factor, bounds: Bounds, target: str) -> None:
        assert factor.panel is not None
        self.function, self.panel, self.bounds, self.target = function, factor.panel, bounds, target

    def _each(self, body: Callable[[str], None]) -> None:
        if self.panel.parts > 1:
            with over_boxes(self.function, self.bounds) as turn:
                place = self.function.mul(self.function.sub(turn, self.bounds[0]), self.panel.size)
                panel = self.function.pointer(self.target, place, "i32")
                body(range_behind(self.function, self.panel, panel))

    def open(self) -> None:
        self._each(lambda place: store_range(self.function, place, NOTHING))

    def close(self) -> None:
        self._each(lambda place: close_range(self.function, place))


def range_behind(function: Function, panel: Panel, place: str) -> str:
    """Where a panel's range is."""
    return function.pointer(place, panel.pitch * panel.lines, "i32")


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
    extent, step = summation.extents[inner], panel.pitch * SIDE  # pairs of the blocks that belong together
    element = memory_element(frame.dtypes[factor.number])

    def blocks(panel_at: str, here: dict[int, Int], number: Int) -> None:
        start = function.mul(number, extent // TERMS * step)
        for index, chunk in enumerate(panel.chunks):
            at = {loop: function.add(value, chunk.first.get(loop, 0)) for loop, value in here.items()}
            origin = numerator(function, axis, {**at, inner: 0})
            source = function.pointer(frame.operands[factor.number], origin, element)
            place = function.pointer(panel_at, function.add(start, index * BLOCK), "i32")
            strip = _Strip(frame, panel, source, chunk, pitch_of(axis, chunk) or 0, place, turned, panel_at)

            def counts(term: Int, at: dict[int, Int] = at) -> str | None:
                return _counting(function, factor, {**at, inner: term}, inner)

            strip.copy(extent, counts)

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


@dataclass(frozen=True)
class _Strip:
    """The blocks of one chunk, which follow each other along a panel.

    Args:
        source, pitch: where its first row or lane begins, and how far the next one is.
        target: the first block.
        turned: whether blocks are lines of pairs, not rows.
        place: the panel.
    """

    frame: Frame
    panel: Panel
    source: str
    chunk: Chunk
    pitch: int
    target: str
    turned: bool
    place: str

    def copy(self, extent: int, counts: Callable[[Int], str | None]) -> None:
        """Copies a run of terms; `counts` gives the mask of a block's terms from one on."""
        whole = extent // TERMS
        if whole:
            with self.frame.function.loop(0, whole) as turn:
                self._block(turn.index, TERMS, counts)
        if extent % TERMS:
            self._block(whole, extent % TERMS, counts)

    def _block(self, number: Int, terms: int, counts: Callable[[Int], str | None]) -> None:
        function, panel, chunk = self.frame.function, self.panel, self.chunk
        start = function.mul(number, TERMS)
        mask = counts(start)
        masked = chunk.count < SIDE or terms < TERMS or mask is not None
        if terms < TERMS or mask is None:
            mask = both(function, mask, first_lanes(terms, TERMS), TERMS)
        target = function.pointer(self.target, function.mul(number, panel.pitch * SIDE), "i32")
        element = "i16" if panel.parts == 1 else "float"
        arguments = [
            ("ptr", function.pointer(self.source, start, element)),
            ("i64", str(self.pitch)),
            ("ptr", target),
            ("i64", str(chunk.count)),
            (CHOSEN, str(mask)),
        ]
        if panel.parts == 1:
            function.call(_block(self.frame, self.turned, masked), "void", arguments)
            return
        apart = len(panel.chunks) * BLOCK
        more = [("i64", str(apart)), ("ptr", range_behind(function, panel, self.place))]
        function.call(_block_of_parts(self.frame, panel.parts, masked), "void", [*arguments, *more])
        if self.turned:
            for part in range(panel.parts):
                _turn_in_place(self.frame, function.pointer(target, part * apart, "i32"))


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
            line = function.masked_load(HALVES, place, _chosen_in(function, number), 2)
        else:
            line = function.load(HALVES, place, 2)
        lines.append(function.convert("bitcast", HALVES, line, PAIRS))
        place = function.pointer(place, "%pitch", "i16")
    for number, line in enumerate(transposed(function, PAIRS, lines) if turned else lines):
        function.store(PAIRS, line, function.pointer("%target", number * SIDE, "i32"), 4)
    function.end()
    return name


def _chosen_in(function: Function, number: int) -> str:
    """The mask of a line's terms: none if the line does not count."""
    here = function.splat(CHOSEN, function.compare("sgt", "%rows", number))
    return str(both(function, "%terms", here, TERMS))


def _block_of_parts(frame: Frame, count: int, masked: bool) -> str:
    """The same for a block of float32, which makes blocks of its parts, `apart` pairs from each other, and widens the panel's range."""
    name = f"{frame.name}_parted_{'part' if masked else 'block'}"
    if frame.module.has(name):
        return name
    parameters = [("ptr", "source"), ("i64", "pitch"), ("ptr", "target"), ("i64", "rows"), (CHOSEN, "terms")]
    function = Function(frame.module, name, [*parameters, ("i64", "apart"), ("ptr", "range")])
    extremes = load_range(function, "%range")
    targets, place = ["%target"], "%source"
    while len(targets) < count:
        targets.append(function.pointer(targets[-1], "%apart", "i32"))
    for number in range(SIDE):
        mask = _chosen_in(function, number) if masked else None
        parts = []
        for half in range(2):
            spot = function.pointer(place, half * SIDE, "float")
            if mask is None:
                value = function.load(FLOATS, spot, 4)
            else:
                places = ", ".join(f"i32 {half * SIDE + lane}" for lane in range(SIDE))
                own = function.emit(f"shufflevector {CHOSEN} {mask}, {CHOSEN} poison, <{SIDE} x i32> <{places}>")
                value = function.masked_load(FLOATS, spot, own, 4)
            extremes = widen(function, extremes, value)
            parts.append(parted(function, value, count))
        for low, high, target in zip(*parts, targets, strict=True):
            line = _upper_halves(function, low, high)
            function.store(PAIRS, line, function.pointer(target, number * SIDE, "i32"), 4)
        place = function.pointer(place, "%pitch", "float")
    store_range(function, "%range", extremes)
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
    distance = SIDE if panel.parts > 1 and lie_apart(summation, terms) else 1
    pairs = extent // (2 * distance) * distance + min(extent % (2 * distance), distance)

    def store(line: Int, turn: Int, index: int, parts: Sequence[str]) -> None:
        block = function.add(function.mul(function.div(line, SIDE), chunks * panel.parts), index)
        place = function.add(function.mul(block, BLOCK), function.mul(function.rem(line, SIDE), SIDE))
        place = function.add(place, function.mul(function.sub(turn, bounds[0]), panel.size))
        for number, value in enumerate(parts):
            spot = function.pointer(target, function.add(place, number * chunks * BLOCK), "i32")
            function.store(PAIRS, value, spot, 4)

    def lines(here: dict[int, Int], number: Int) -> None:
        with function.loop(0, pairs) as pair, over_boxes(function, bounds) as turn:
            line = function.add(function.mul(number, pairs), pair.index)
            term = function.mul(pair.index, 2)
            if distance == SIDE:
                term = function.add(pair.index, function.emit(f"and i64 {pair.index}, {-SIDE}"))
            at = {**here, **factor.box.origin(function, turn), inner: term}
            read = [_two_terms(frame, factor, at, chunk, inner, extent, distance) for chunk in panel.chunks]
            for index, two in enumerate(read):
                store(line, turn, index, _pairs(function, *two, panel.parts))
            if panel.parts > 1:
                panel_at = function.pointer(target, function.mul(function.sub(turn, bounds[0]), panel.size), "i32")
                every = [value for two in read for value in two]
                _widen_range(function, range_behind(function, panel, panel_at), every)

    over_lines(function, summation, outer, dict(values), 0, lines)
    written = pairs if not outer else lines_of(summation, terms)
    if written < panel.lines:
        with function.loop(written, panel.lines) as line, over_boxes(function, bounds) as turn:
            for index in range(chunks):
                store(line.index, turn, index, [constant(PAIRS, 0)] * panel.parts)


def _two_terms(
    frame: Frame, factor: Factor, values: dict[int, Int], chunk: Chunk, inner: int, extent: int, apart: int
) -> tuple[str, str]:
    """A term and the one `apart` from it, for each lane; in place of one beyond the last there is 0."""
    function = frame.function
    following, cut = function.add(values[inner], apart), extent % (2 * apart)
    last = function.least(following, extent - 1) if cut else following
    low = read_chunk(frame, factor, values, chunk)
    high = read_chunk(frame, factor, {**values, inner: last}, chunk)
    if cut:
        high = function.choose(function.compare("slt", following, extent), FLOATS, high, constant(FLOATS, 0))
    return low, high


def _pairs(function: Function, low: str, high: str, parts: int) -> list[str]:
    """Pairs of two vectors of floats, or of their parts."""
    if parts == 1:
        return [_upper_halves(function, *(function.convert("bitcast", FLOATS, value, PAIRS) for value in (low, high)))]
    both_parted = zip(parted(function, low, parts), parted(function, high, parts), strict=True)
    return [_upper_halves(function, *two) for two in both_parted]


def _upper_halves(function: Function, low: str, high: str) -> str:
    """Pairs of the upper halves of two vectors' lanes."""
    low = function.binary("lshr", PAIRS, low, constant(PAIRS, 16))
    high = function.binary("and", PAIRS, high, constant(PAIRS, UPPER))
    return function.binary("or", PAIRS, low, high)


def _widen_range(function: Function, place: str, values: Sequence[str]) -> None:
    extremes = load_range(function, place)
    for value in values:
        extremes = widen(function, extremes, value)
    store_range(function, place, extremes)


def _turn_blocks(frame: Frame, factor: Factor, bounds: Bounds, target: str) -> None:
    """Each block of lines of pairs becomes one of rows, where it lies."""
    function, panel = frame.function, factor.panel
    assert panel is not None
    with over_boxes(function, bounds) as turn:
        spot = function.pointer(target, function.mul(function.sub(turn, bounds[0]), panel.size), "i32")
        with function.loop(0, panel.lines * panel.pitch // BLOCK) as block:
            _turn_in_place(frame, function.pointer(spot, function.mul(block.index, BLOCK), "i32"))


def _turn_in_place(frame: Frame, place: str) -> None:
    """Changes a block's lines of pairs into rows, or rows into lines."""
    every = [("i64", str(SIDE)), (CHOSEN, constant(CHOSEN, True))]
    name = _block(frame, turned=True, masked=False)
    frame.function.call(name, "void", [("ptr", place), ("i64", str(TERMS)), ("ptr", place), *every])
