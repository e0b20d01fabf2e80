"""A product of matrices in the widest sense: which loops are rows, lanes and terms, and how to tile, pack and stage.

Loops of the output that both factors read are a batch; those that one factor reads alone are its own. One factor becomes rows, whose
elements are spread over a vector, the other lanes. Each may be read as it lies, packed into panels, or copied with its margins. All ways
that make sense are costed and the cheapest is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod

from ...machine import Machine
from .box import Box, Groups, groups_within
from .cost import TASKS, cost_in_parts, cost_of, cost_of_dots, cost_of_tiles
from .factor import Factor, Panel, chunks_of, lane_chunks
from .frame import Frame
from .matrix import TALLEST, WIDEST, matrix_ways, paired, parts_of
from .roles import Roles, elements
from .skipping import Unrolled, skips_of, unrolled_of, unskipped
from .staging import Stage, stage_of
from .summation import Condition, Read, Summation, merged, split

LEAST = 4000  # terms from which a product pays
CANDIDATES = 4  # register tiles that are looked at closely, of each way round
MOST_SHARED = 1 << 24  # elements of scratch that all threads share
STRETCHES = range(512, 127, -1)  # sizes into which one long term may be cut
LONG = 1024  # terms from which it may pay to cut sums into parts
NEAR = 1.3  # and how much dearer than the best, at most, their multiplying may be


@dataclass(frozen=True)
class Product:
    """How a summation is computed as a product.

    Args:
        batch: loops of the output that both factors read (or none does).
        rows, lanes: the factors.
        terms: the summed loops, the slowest first.
        dot: a term whose neighbours are neighbours in both factors and lie in lanes, if that is how sums are made.
        lanes_first: whether the groups of rows are gone through for each group of lanes, or the other way about.
        cost: in cycles of one thread.
        parts: into how many parts the terms are cut, each with sums of its own; 0 if they are not.
        stretch: how many turns of the slowest term a thread brings into its cache at once, where there are parts.
        matrix: of how many numbers of bfloat16 each is the sum if it is computed in matrix registers, else 0.
    """

    summation: Summation
    batch: tuple[int, ...]
    rows: Factor
    lanes: Factor
    terms: tuple[int, ...]
    dot: int | None
    lanes_first: bool
    cost: float
    parts: int = 0
    stretch: int = 0
    matrix: int = 0

    @property
    def outer_terms(self) -> tuple[int, ...]:
        """The terms that the microkernel goes through one by one."""
        return tuple(loop for loop in self.terms if loop != self.dot)


def plan_product(frame: Frame, summation: Summation) -> Product | None:
    """The best way to compute a summation as a product; None if it is none, or too small."""
    if len(summation.reads) != 2 or not frame.dtype.is_floating_point or not summation.summed:
        return None
    if not all(read.integral for read in summation.reads) or summation.points * summation.depth < LEAST:
        return None
    return min(plans(frame, summation), key=lambda plan: plan.cost, default=None)


def plans(frame: Frame, summation: Summation) -> Iterator[Product]:
    """All ways."""
    for rows in (0, 1):
        yield from _ways(frame, summation, rows)


def _ways(frame: Frame, summation: Summation, rows: int) -> Iterator[Product]:
    """Ways with one factor as rows."""
    reads = _with_conditions(summation, rows)
    if reads is None:
        return
    summation = replace(summation, reads=reads, conditions=())
    row, lane = summation.reads[rows], summation.reads[1 - rows]
    batch = [loop for loop in summation.output if (loop in row.loops) == (loop in lane.loops)]
    own_rows = [loop for loop in summation.output if loop in row.loops and loop not in lane.loops]
    own_lanes = [loop for loop in summation.output if loop in lane.loops and loop not in row.loops]
    summation, own_rows = merged(summation, own_rows)
    summation, own_lanes = merged(summation, own_lanes)
    summation, batch = merged(summation, batch)
    summation, terms = merged(summation, summation.summed)
    if len(terms) == 1:
        summation, terms = _cut(summation, terms[0])
    row, lane = summation.reads[rows], summation.reads[1 - rows]
    terms.sort(key=lambda loop: abs(row.address.coefficient(loop)) + abs(lane.address.coefficient(loop)), reverse=True)
    roles = Roles(summation, rows, tuple(batch), tuple(own_rows), tuple(own_lanes), tuple(terms))
    if parts_of(frame):
        yield from _in_matrices(frame, roles)
    tilings = list(_tilings(frame, roles))
    for kind in (False, True):
        some = sorted((tiling for tiling in tilings if (tiling.unrolled is not None) == kind), key=lambda t: t.cost)
        for tiling in some[:CANDIDATES]:
            if tiling.cost < NEAR * min(t.cost for t in tilings):
                yield from _with_boxes(frame, tiling)


@dataclass(frozen=True)
class _Tiling:
    """A register tile, and what multiplying and storing cost with it."""

    cost: float
    roles: Roles
    rows: Box
    lanes: Box
    unrolled: Unrolled | None = None


def _tilings(frame: Frame, roles: Roles) -> Iterator[_Tiling]:
    """Register tiles with the lanes along any loop, or with a term in lanes."""
    summation, extents = roles.summation, roles.summation.extents
    row, lane = summation.reads[roles.number], summation.reads[1 - roles.number]
    longest = max((extents[loop] for loop in roles.lanes), default=0)
    for loop in roles.lanes:
        if extents[loop] < min(frame.width // 2, longest):
            continue
        laid = replace(roles, lane=loop)
        for vectors, height in _tiles(frame.machine):
            lane_box = _lane_box(laid.lanes, [extents[one] for one in laid.lanes], loop, vectors, frame.width)
            for row_box in _row_boxes(laid, height):
                yield _Tiling(cost_of_tiles(frame, laid, row_box, lane_box), laid, row_box, lane_box)
                skips = skips_of(summation, row, row_box)
                unrolled = unrolled_of(summation, row, row_box, roles.terms, skips, vectors)
                if unrolled is not None and frame.in_place(roles.number):
                    cost = cost_of_tiles(frame, laid, row_box, lane_box, unrolled)
                    yield _Tiling(cost, laid, row_box, lane_box, unrolled)
    for loop in roles.terms:
        if _neighbours(row, loop) and _neighbours(lane, loop) and extents[loop] >= frame.width // 2:
            inner = replace(roles, dot=loop)
            for columns, height in _dot_tiles(frame.machine):
                row_box = _row_box(inner.rows, [extents[one] for one in inner.rows], height)
                lane_box = _row_box(inner.lanes, [extents[one] for one in inner.lanes], columns)
                yield _Tiling(cost_of_dots(frame, inner, row_box, lane_box), inner, row_box, lane_box)


def _in_matrices(frame: Frame, roles: Roles) -> Iterator[Product]:
    """In matrix registers."""
    extents, terms = roles.summation.extents, paired(roles.summation, roles.terms)
    row_box = _row_box(roles.rows, [extents[one] for one in roles.rows], TALLEST)
    for loop in roles.lanes:
        laid = replace(roles, lane=loop, terms=terms)
        lane_box = _lane_box(roles.lanes, [extents[one] for one in roles.lanes], loop, WIDEST, frame.width)
        for rows, lanes, lanes_first, cost in matrix_ways(frame, laid, row_box, lane_box):
            found = Product(roles.summation, roles.batch, rows, lanes, terms, None, lanes_first, cost)
            yield replace(found, matrix=parts_of(frame))


def _cut(summation: Summation, term: int) -> tuple[Summation, list[int]]:
    """One long term as two, for sums in parts."""
    extent = summation.extents[term]
    sizes = [size for size in STRETCHES if extent % size == 0]
    if extent < 8 * STRETCHES[0] or not sizes or any(term in w.axis.loops for r in summation.reads for w in r.windows):
        return summation, [term]
    summation, outer = split(summation, term, extent // sizes[0])
    return summation, [outer, term]


def _tiles(machine: Machine) -> list[tuple[int, int]]:
    """Register tiles (vectors, most rows): the sums, the vectors and one spread element are in registers."""
    room = machine.registers - 1
    return [(vectors, room // vectors - 1) for vectors in (1, 2, 3, 4, 6) if room // vectors > 2]


def _dot_tiles(machine: Machine) -> list[tuple[int, int]]:
    """Tiles of sums of vectors (columns, rows): the sums, the columns and one row are in registers."""
    room = machine.registers - 1
    return [(columns, room // columns - 1) for columns in (1, 2, 3, 4, 5, 7, 9) if room // columns > 1]


def _neighbours(read: Read, loop: int) -> bool:
    """Whether the turns of a loop lie side by side."""
    return read.address.coefficient(loop) == 1 and all(w.axis.coefficient(loop) in (0, 1) for w in read.windows)


def _with_conditions(summation: Summation, rows: int) -> tuple[Read, Read] | None:
    """The reads with the conditions that belong to no read added to one that has their loops; None if there is none."""
    conditions: list[list[Condition]] = [list(read.conditions) for read in summation.reads]
    output = set(summation.output)
    for condition in summation.conditions:
        loops = set(condition.axis.loops)
        for number in (1 - rows, rows):
            others = summation.reads[1 - number].loops & output - summation.reads[number].loops
            if not loops & others:
                conditions[number].append(condition)
                break
        else:
            return None
    first, second = (replace(read, conditions=tuple(c)) for read, c in zip(summation.reads, conditions, strict=True))
    return first, second


# Boxes.


def _row_boxes(roles: Roles, height: int) -> list[Box]:
    """Boxes of rows: the fastest loops first; and with one turn of a loop that reaches into a margin, whose taps each tile may then choose."""
    extents = [roles.summation.extents[one] for one in roles.rows]
    boxes = [_row_box(roles.rows, extents, height)]
    for condition in roles.summation.reads[roles.number].conditions:
        for loop in condition.axis.loops:
            box = _row_box(roles.rows, extents, height, loop)
            if loop in roles.rows[:-1] and box not in boxes:
                boxes.append(box)
    return boxes


def _row_box(loops: Sequence[int], extents: Sequence[int], height: int, single: int | None = None) -> Box:
    """The fastest loops first fill the tile, in boxes of like sizes; `single` has one turn."""
    sizes = []
    for loop, extent in zip(reversed(loops), reversed(extents), strict=True):
        if loop == single:
            sizes.append(1)
            continue
        pieces = -(-extent // height)
        size = -(-extent // pieces)
        sizes.append(size)
        height = max(1, height // size) if pieces == 1 else 1
    return Box(tuple(loops), tuple(extents), tuple(reversed(sizes)))


def _lane_box(loops: Sequence[int], extents: Sequence[int], lane: int, vectors: int, width: int) -> Box:
    """Vectors lie along one loop; where that is short and the last, along the one before it too."""
    place = loops.index(lane)
    sizes = [1] * len(loops)
    sizes[place] = min(extents[place], vectors * width)
    left = vectors // -(-sizes[place] // width) if sizes[place] == extents[place] else 1
    if place and place == len(loops) - 1 and left > 1:
        pieces = -(-extents[place - 1] // left)
        sizes[place - 1] = -(-extents[place - 1] // pieces)
    return Box(tuple(loops), tuple(extents), tuple(sizes))


# Ways to make factors ready.


def _with_boxes(frame: Frame, tiling: _Tiling) -> Iterator[Product]:
    """Ways with one register tile."""
    roles, row_box, lane_box, unrolled = tiling.roles, tiling.rows, tiling.lanes, tiling.unrolled
    yield from _in_parts(frame, tiling)
    row_ways = list(
        _ways_of_dots(frame, roles, roles.number, row_box)
        if roles.dot is not None
        else _ways_of_rows(frame, roles, row_box, unrolled)
    )
    lane_ways = (
        _ways_of_dots(frame, roles, 1 - roles.number, lane_box)
        if roles.dot is not None
        else _ways_of_lanes(frame, roles, lane_box)
    )
    for lanes in lane_ways:
        if unrolled is not None and lanes.skips.keys() & set(unrolled.terms):
            continue
        for rows in row_ways:
            for lanes_first in (True, False):
                if lanes_first or (rows.groups.count > 1 and lanes.groups.count > 1):
                    cost = cost_of(frame, roles, tiling.cost, rows, lanes, lanes_first)
                    yield Product(roles.summation, roles.batch, rows, lanes, roles.terms, roles.dot, lanes_first, cost)


def _in_parts(frame: Frame, tiling: _Tiling) -> Iterator[Product]:
    """With the slowest term cut into parts."""
    roles, row_box, lane_box, unrolled = tiling.roles, tiling.rows, tiling.lanes, tiling.unrolled
    summation = roles.summation
    slowest = roles.terms[0]
    windows = [window for read in summation.reads for window in read.windows]
    conditions = [condition for read in summation.reads for condition in read.conditions]
    plain = not any(slowest in axis.loops for axis in [*(w.axis for w in windows), *(c.axis for c in conditions)])
    if roles.batch or len(roles.terms) < 2 or slowest == roles.dot or not plain or summation.depth < LONG:
        return
    extent = summation.extents[slowest]
    sums = row_box.count * lane_box.count * row_box.size * lane_box.size
    parts = max((p for p in (2, 4, 8) if p <= extent and p * sums * frame.size <= 4 * frame.machine.l2), default=0)
    if not parts:
        return
    each = summation.depth // extent * (lane_box.count * lane_box.size + _per_turn(frame, roles, row_box))
    stretch = max(1, min(-(-extent // parts), frame.machine.l2 // 2 // frame.size // each))
    lane_ways = _ready_by_stretches(frame, roles, 1 - roles.number, lane_box, stretch)
    row_ways = _ready_by_stretches(frame, roles, roles.number, row_box, stretch, unrolled)
    for lanes in lane_ways:
        if unrolled is not None and lanes.skips.keys() & set(unrolled.terms):
            continue
        for rows in row_ways:
            cost = cost_in_parts(frame, roles, rows, lanes, parts, -(-extent // stretch))
            yield Product(summation, (), rows, lanes, roles.terms, roles.dot, True, cost, parts, stretch)


def _per_turn(frame: Frame, roles: Roles, box: Box) -> int:
    """Elements of the rows' factor for each term, roughly."""
    read = roles.summation.reads[roles.number]
    return max(1, elements(roles.summation, read) // roles.summation.depth)


def _ready_by_stretches(
    frame: Frame, roles: Roles, number: int, box: Box, stretch: int, unrolled: Unrolled | None = None
) -> list[Factor]:
    """Ways to make all of a factor ready for some turns of the slowest term."""
    summation, slowest, width = roles.summation, roles.terms[0], frame.width
    read, groups = summation.reads[number], Groups(box, 0, box.counts[0] if box.loops else 1)
    lane = roles.lane if number != roles.number else None
    chunks = chunks_of(box, width) if lane is None else lane_chunks(box, lane, width)
    skips = skips_of(summation, read, box, roles.dot)
    factor = Factor(number, read, box, chunks, groups, lane=lane, skips=skips, unrolled=unrolled)
    if unrolled is not None:
        return [factor]
    beside = roles.dot if roles.dot is not None else lane
    smooth = beside is None or read.address.coefficient(beside) == 1
    whole = lane is None or box.sizes[box.loops.index(lane)] >= width or frame.machine.masks
    found = []
    if smooth and whole and not unskipped(read, skips) and frame.in_place(number):
        found.append(factor)
    lines = summation.depth // summation.extents[slowest] * stretch
    if roles.dot is None:
        pitch = box.size if lane is None else len(chunks) * width
        found.append(replace(factor, panel=Panel(chunks, pitch, lines, width)))
    spans = {loop: summation.extents[loop] for loop in read.loops} | {slowest: stretch}
    stage = stage_of(read, spans, (), lane) if read.windows else None
    if stage is not None and (beside is None or stage.address.coefficient(beside) == 1):
        found.append(replace(factor, stage=stage))
    return found


def _ways_of_lanes(frame: Frame, roles: Roles, box: Box) -> Iterator[Factor]:
    """As it lies; packed by all threads at first, or by each thread as it goes; copied with margins, or so that lanes lie side by side."""
    number, loop = 1 - roles.number, roles.lane
    assert loop is not None
    summation, read = roles.summation, roles.summation.reads[number]
    chunks = lane_chunks(box, loop, frame.width)
    skips = skips_of(summation, read, box)
    panel = Panel(chunks, len(chunks) * frame.width, summation.depth, frame.width)
    budget = frame.machine.l2 // 2 // frame.size
    near = max(1, budget // panel.size)
    factor = Factor(number, read, box, chunks, groups_within(box, near), lane=loop, skips=skips)
    smooth = read.address.coefficient(loop) == 1
    whole = box.sizes[box.loops.index(loop)] >= frame.width or frame.machine.masks
    if smooth and whole and not unskipped(read, skips) and frame.in_place(number):
        yield factor
    batches = prod(summation.extents[loop] for loop in roles.batch)
    if batches * box.count * panel.size <= min(MOST_SHARED, 4 * max(1 << 20, elements(summation, read))):
        yield replace(factor, panel=panel, shared=True)
    # Each thread packs what it will read: what another has packed comes from that one's cache. That is up to a third faster for small matrices.
    for most in sorted({_evenly(box.count, min(near, max(1, box.count // p))) for p in (2, TASKS)}):
        yield replace(factor, panel=panel, groups=groups_within(box, most))
    if read.windows:
        staged = _stage_groups(frame, roles, read, box, frame.machine.l2 * 3 // 4 // frame.size, loop)
        if staged is not None and staged[1].address.coefficient(loop) == 1:
            yield replace(factor, groups=staged[0], stage=staged[1])
        whole_stage = _whole_stage(frame, roles, factor)
        if whole_stage is not None and whole_stage.address.coefficient(loop) == 1:
            groups = groups_within(box, max(1, budget // (summation.depth * box.size)))
            yield replace(factor, groups=groups, stage=whole_stage, shared=True)


def _evenly(count: int, most: int) -> int:
    """Boxes in a group, at most so many, so that the groups are an even number: of an odd one two threads would both pack the one in the middle."""
    pieces = -(-count // most)
    return -(-count // (pieces + pieces % 2)) if pieces > 1 else most


def _ways_of_rows(frame: Frame, roles: Roles, box: Box, unrolled: Unrolled | None = None) -> Iterator[Factor]:
    """The same for rows, whose elements are spread and may lie as they like; with terms written out, as they lie."""
    number, summation = roles.number, roles.summation
    read = summation.reads[number]
    chunks = chunks_of(box, frame.width)
    skips = skips_of(summation, read, box)
    panel = Panel(chunks, box.size, summation.depth, frame.width)
    budget = frame.machine.l2 // 4 // frame.size
    factor = Factor(number, read, box, chunks, groups_within(box, 1), skips=skips, unrolled=unrolled)
    if unrolled is not None or (not unskipped(read, skips) and frame.in_place(number)):
        yield factor
    if unrolled is not None:
        return
    most = max(1, min(budget // panel.size, box.count // TASKS if box.count >= 2 * TASKS else 1))
    grouped = replace(factor, groups=groups_within(box, most), panel=panel)
    yield grouped
    batches = prod(summation.extents[loop] for loop in roles.batch)
    if batches * box.count * panel.size <= min(MOST_SHARED, 2 * elements(summation, read) + 4096):
        yield replace(grouped, shared=True)
    if read.windows:
        staged = _stage_groups(frame, roles, read, box, budget)
        if staged is not None:
            yield replace(factor, groups=staged[0], stage=staged[1])


def _ways_of_dots(frame: Frame, roles: Roles, number: int, box: Box) -> Iterator[Factor]:
    """A factor whose terms lie side by side: as it lies, or with margins."""
    read, dot = roles.summation.reads[number], roles.dot
    assert dot is not None
    skips = skips_of(roles.summation, read, box, dot)
    factor = Factor(number, read, box, chunks_of(box, frame.width), groups_within(box, 1), skips=skips)
    if not unskipped(read, skips) and frame.in_place(number):
        yield factor
    if read.windows:
        staged = _stage_groups(frame, roles, read, box, frame.machine.l2 // 4 // frame.size)
        if staged is not None and staged[1].address.coefficient(dot) == 1:
            yield replace(factor, groups=staged[0], stage=staged[1])


def _whole_stage(frame: Frame, roles: Roles, factor: Factor) -> Stage | None:
    """A copy of all that is read, without margins where taps that fall into them are skipped."""
    spans = {loop: roles.summation.extents[loop] for loop in factor.read.loops}
    needless = [condition for conditions in factor.skips.values() for condition in conditions]
    stage = stage_of(factor.read, spans, (), factor.lane, needless)
    if stage is None or len(stage.axes) < 2 or stage.axes[0].size < 8 or stage.size > MOST_SHARED:
        return None
    return stage


def _stage_groups(
    frame: Frame, roles: Roles, read: Read, box: Box, budget: int, lane: int | None = None
) -> tuple[Groups, Stage] | None:
    """The largest regions that fit, and leave enough pieces."""
    extents = roles.summation.extents
    spans_of_terms = {loop: extents[loop] for loop in roles.terms}
    for position in range(len(box.loops)):
        chunk = box.counts[position]
        while chunk >= 1:
            groups = Groups(box, position, chunk)
            stage = stage_of(read, {**groups.spans(), **spans_of_terms}, roles.batch, lane)
            if stage is None:
                return None
            many = groups.count >= min(TASKS, box.count) or prod(extents[loop] for loop in roles.batch) >= TASKS
            last = chunk == 1 and position == len(box.loops) - 1
            if last or (stage.size <= budget and many):
                return groups, stage
            if chunk == 1:
                break
            chunk = -(-chunk // 2)
    return None
