"""A product of matrices in the widest sense: which loops are rows, lanes and terms, and how to tile, pack and stage.

Loops of the output that both factors read are a batch; those that one factor reads alone are its own. One factor becomes rows, whose
elements are spread over a vector, the other lanes. Each may be read as it lies, packed into panels, or copied with its margins. All ways
that make sense are costed and the cheapest is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod

from ....dtype import float32, float64
from ....ir.affine import Axis
from ...machine import Machine
from .box import Box, Groups, groups_within, offset
from .factor import Chunk, Factor, Panel, chunks_of, lane_chunks, turns
from .frame import Frame
from .staging import Stage, stage_of
from .summation import Condition, Read, Summation, merged

LEAST = 4000  # terms from which a product pays
CANDIDATES = 4  # register tiles that are looked at closely, of each way round
TASKS = 16  # into how many pieces work should fall, so that threads end together

# What things cost, in cycles for each element, for choosing between ways.
PACK_LINES, PACK_TURNED, PACK_GATHERED, STAGE = 0.25, 0.6, 2.0, 0.25
LINE, TURN, CALL, ADD_UP = 4, 80, 40, 8  # storing a vector; turning a block of vectors; calling for a tile; adding up a vector
FAR = 0.3  # reading from beyond the second cache


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
    """

    summation: Summation
    batch: tuple[int, ...]
    rows: Factor
    lanes: Factor
    terms: tuple[int, ...]
    dot: int | None
    lanes_first: bool
    cost: float

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
    row, lane = summation.reads[rows], summation.reads[1 - rows]
    terms.sort(key=lambda loop: abs(row.address.coefficient(loop)) + abs(lane.address.coefficient(loop)), reverse=True)
    roles = _Roles(summation, rows, tuple(batch), tuple(own_rows), tuple(own_lanes), tuple(terms))
    tilings: list[tuple[float, _Roles, Box, Box]] = []
    for loop in own_lanes[-2:]:
        if summation.extents[loop] < frame.width // 2:
            continue
        ordered = replace(roles, lanes=(*[other for other in own_lanes if other != loop], loop))
        for vectors, height in _tiles(frame.machine):
            row_box = _row_box(ordered.rows, [summation.extents[one] for one in ordered.rows], height)
            lane_box = _lane_box(ordered.lanes, [summation.extents[one] for one in ordered.lanes], vectors, frame.width)
            tilings.append((_cost_of_tiles(frame, ordered, row_box, lane_box), ordered, row_box, lane_box))
    for loop in terms:
        if _neighbours(row, loop) and _neighbours(lane, loop) and summation.extents[loop] >= frame.width // 2:
            inner = replace(roles, dot=loop)
            for columns, height in _dot_tiles(frame.machine):
                row_box = _row_box(inner.rows, [summation.extents[one] for one in inner.rows], height)
                lane_box = _row_box(inner.lanes, [summation.extents[one] for one in inner.lanes], columns)
                tilings.append((_cost_of_dots(frame, inner, row_box, lane_box), inner, row_box, lane_box))
    tilings.sort(key=lambda tiling: tiling[0])
    for cost, ordered, row_box, lane_box in tilings[:CANDIDATES]:
        if cost < 1.3 * tilings[0][0]:
            yield from _with_boxes(frame, ordered, cost, row_box, lane_box)


@dataclass(frozen=True)
class _Roles:
    """Which loop is what; `number` is the operand whose loops are rows; `dot` is a term in lanes."""

    summation: Summation
    number: int
    batch: tuple[int, ...]
    rows: tuple[int, ...]
    lanes: tuple[int, ...]
    terms: tuple[int, ...]
    dot: int | None = None


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


def _row_box(loops: Sequence[int], extents: Sequence[int], height: int) -> Box:
    """The fastest loops first fill the tile, in boxes of like sizes."""
    sizes = []
    for extent in reversed(extents):
        pieces = -(-extent // height)
        size = -(-extent // pieces)
        sizes.append(size)
        height = max(1, height // size) if pieces == 1 else 1
    return Box(tuple(loops), tuple(extents), tuple(reversed(sizes)))


def _lane_box(loops: Sequence[int], extents: Sequence[int], vectors: int, width: int) -> Box:
    """Vectors lie along the last loop, and where that is short along the one before it too."""
    *outer, last = extents
    size = min(last, vectors * width)
    left = vectors // -(-size // width) if size == last else 1
    sizes = [1] * len(outer)
    if outer and left > 1:
        pieces = -(-outer[-1] // left)
        sizes[-1] = -(-outer[-1] // pieces)
    return Box(tuple(loops), tuple(extents), (*sizes, size))


# Ways to make factors ready.


def _with_boxes(frame: Frame, roles: _Roles, tiles: float, row_box: Box, lane_box: Box) -> Iterator[Product]:
    """Ways with one register tile."""
    row_ways = list(_ways_of_dots(frame, roles, roles.number, row_box) if roles.dot is not None else _ways_of_rows(frame, roles, row_box))
    lane_ways = _ways_of_dots(frame, roles, 1 - roles.number, lane_box) if roles.dot is not None else _ways_of_lanes(frame, roles, lane_box)
    for lanes in lane_ways:
        for rows in row_ways:
            for lanes_first in (True, False):
                if lanes_first or (rows.groups.count > 1 and lanes.groups.count > 1):
                    cost = _cost(frame, roles, tiles, rows, lanes, lanes_first)
                    yield Product(roles.summation, roles.batch, rows, lanes, roles.terms, roles.dot, lanes_first, cost)


def _ways_of_lanes(frame: Frame, roles: _Roles, box: Box) -> Iterator[Factor]:
    """As it lies; packed by all threads at first, or by each thread as it goes; with margins."""
    number = 1 - roles.number
    summation, read = roles.summation, roles.summation.reads[number]
    chunks = lane_chunks(box, frame.width)
    depth, loop = summation.depth, box.loops[-1]
    panel = Panel(chunks, len(chunks) * frame.width, depth, frame.width)
    budget = frame.machine.l2 // 2 // frame.size
    group = groups_within(box, max(1, budget // panel.size))
    smooth = read.address.coefficient(loop) == 1 and frame.dtype in (float32, float64)
    whole = box.sizes[-1] >= frame.width or frame.machine.masks
    if smooth and whole and not read.conditions:
        yield Factor(number, read, box, chunks, group)
    batches = prod(summation.extents[loop] for loop in roles.batch)
    if batches * box.count * panel.size <= 4 * max(1 << 20, _elements(summation, read)):
        yield Factor(number, read, box, chunks, group, panel, shared=True)
    yield Factor(number, read, box, chunks, group, panel)
    if smooth and read.windows:
        staged = _stage_groups(frame, roles, read, box, budget)
        if staged is not None and staged[1].address.coefficient(loop) == 1:
            yield Factor(number, read, box, chunks, staged[0], stage=staged[1])


def _ways_of_rows(frame: Frame, roles: _Roles, box: Box) -> Iterator[Factor]:
    number, summation = roles.number, roles.summation
    read = summation.reads[number]
    chunks = chunks_of(box, frame.width)
    panel = Panel(chunks, box.size, summation.depth, frame.width)
    budget = frame.machine.l2 // 4 // frame.size
    if not read.conditions and frame.dtype in (float32, float64):
        yield Factor(number, read, box, chunks, groups_within(box, 1))
    most = max(1, min(budget // panel.size, box.count // TASKS if box.count >= 2 * TASKS else 1))
    group = groups_within(box, most)
    yield Factor(number, read, box, chunks, group, panel)
    batches = prod(summation.extents[loop] for loop in roles.batch)
    if batches * box.count * panel.size <= 2 * _elements(summation, read) + 4096:
        yield Factor(number, read, box, chunks, group, panel, shared=True)
    if read.windows:
        staged = _stage_groups(frame, roles, read, box, budget)
        if staged is not None:
            yield Factor(number, read, box, chunks, staged[0], stage=staged[1])


def _ways_of_dots(frame: Frame, roles: _Roles, number: int, box: Box) -> Iterator[Factor]:
    """A factor whose terms lie side by side: as it lies, or with margins."""
    read = roles.summation.reads[number]
    chunks = chunks_of(box, frame.width)
    if not read.conditions and frame.dtype in (float32, float64):
        yield Factor(number, read, box, chunks, groups_within(box, 1))
    if read.windows:
        staged = _stage_groups(frame, roles, read, box, frame.machine.l2 // 4 // frame.size)
        if staged is not None and staged[1].address.coefficient(roles.dot or 0) == 1:
            yield Factor(number, read, box, chunks, staged[0], stage=staged[1])


def _elements(summation: Summation, read: Read) -> int:
    """How many different places are read, roughly."""
    windows = prod(min(window.extent, _reach(window.axis, summation)) for window in read.windows)
    inside = {loop for window in read.windows for loop in window.axis.loops}
    rest = prod(summation.extents[loop] for loop in read.loops if loop not in inside)
    return windows * rest


def _reach(axis: Axis, summation: Summation) -> int:
    low, high = axis.numerator_bounds(summation.extents)
    return high - low + 1


def _stage_groups(frame: Frame, roles: _Roles, read: Read, box: Box, budget: int) -> tuple[Groups, Stage] | None:
    """The largest regions that fit, and leave enough pieces."""
    extents = roles.summation.extents
    spans_of_terms = {loop: extents[loop] for loop in roles.terms}
    for position in range(len(box.loops)):
        chunk = box.counts[position]
        while chunk >= 1:
            groups = Groups(box, position, chunk)
            stage = stage_of(read, {**groups.spans(), **spans_of_terms}, roles.batch)
            if stage is None:
                return None
            many = groups.count >= min(TASKS, box.count) or prod(extents[loop] for loop in roles.batch) >= TASKS
            last = chunk == 1 and position == len(box.loops) - 1
            if last or (stage.size <= budget and many):
                return (groups, stage) if abs(stage.axes[-1].step) == 1 else None
            if chunk == 1:
                break
            chunk = -(-chunk // 2)
    return None


# Costs.


def _cost_of_tiles(frame: Frame, roles: _Roles, rows: Box, lanes: Box) -> float:
    """Multiplying and storing, whatever the factors are like."""
    width, vectors = frame.width, len(lane_chunks(lanes, frame.width))
    turn = max(vectors * rows.size / 2, (vectors + rows.size) / 2, 4)
    if turns_when_stored(roles.summation.places[0], rows, lanes):
        blocks = -(-rows.size // width)
        store = vectors * blocks * TURN + lanes.size * blocks * LINE
    else:
        store = rows.size * vectors * LINE
    batches = prod(roles.summation.extents[loop] for loop in roles.batch)
    return batches * rows.count * lanes.count * (roles.summation.depth * turn + store + CALL)


def _cost_of_dots(frame: Frame, roles: _Roles, rows: Box, lanes: Box) -> float:
    """The same where terms lie in lanes."""
    assert roles.dot is not None
    extent, sums = roles.summation.extents[roles.dot], rows.size * lanes.size
    turn = max(sums / 2, (rows.size + lanes.size) * 0.7, 4)
    turns_of_all = roles.summation.depth // extent * -(-extent // frame.width)
    store = sums * ADD_UP + rows.size * -(-lanes.size // frame.width) * LINE
    batches = prod(roles.summation.extents[loop] for loop in roles.batch)
    return batches * rows.count * lanes.count * (turns_of_all * turn + store + CALL)


def _cost(frame: Frame, roles: _Roles, tiles: float, rows: Factor, lanes: Factor, lanes_first: bool) -> float:
    """Cycles of one thread."""
    batches = prod(roles.summation.extents[loop] for loop in roles.batch)
    tasks = batches * rows.groups.count * lanes.groups.count
    total = tiles * (tasks + tasks % 2) / tasks if tasks < 4 * TASKS else tiles
    total += batches * _preparation(frame, roles, lanes) * (1 if lanes_first or lanes.shared else rows.groups.count)
    total += batches * _preparation(frame, roles, rows) * (lanes.groups.count if lanes_first and not rows.shared else 1)
    return total + batches * _distance(frame, roles, rows, lanes, lanes_first)


def _preparation(frame: Frame, roles: _Roles, factor: Factor) -> float:
    """Making all groups of a factor ready once."""
    if factor.stage is not None:
        return factor.stage.size * factor.groups.count * STAGE
    if factor.panel is None:
        return 0
    size = factor.panel.size * factor.box.count
    if turns(factor.read, factor.chunks, roles.terms, frame.dtype):
        return size * PACK_TURNED
    return size * max(_cost_of_chunk(factor.read, chunk) for chunk in factor.chunks)


def _cost_of_chunk(read: Read, chunk: Chunk) -> float:
    offsets = chunk.lanes.offsets(read.address)[: chunk.count]
    if offsets == tuple(range(len(offsets))):
        return PACK_LINES * (2 if read.conditions else 1)
    return PACK_GATHERED


def _distance(frame: Frame, roles: _Roles, rows: Factor, lanes: Factor, lanes_first: bool) -> float:
    """What it costs that factors are not close at hand: lines that fall into few sets, pages, and what is read again from afar."""
    depth, cost = roles.summation.depth, 0.0
    tiles = rows.box.count * lanes.box.count
    line = 64 // frame.size
    for factor in (rows, lanes):
        if factor.panel is None:
            steps = [abs(factor.address.coefficient(loop)) for loop in roles.terms]
            if min(steps) >= line and depth * 64 > frame.machine.l1 // 4:
                cost += tiles * depth * 4
            elif factor is rows and _crowds(frame, factor):
                cost += tiles * depth * 2
            if factor is lanes:  # vectors that lie across two lines
                cost += tiles * depth * len(lanes.chunks) / 4
    near = frame.machine.l2 // frame.size
    fast, slow = (rows, lanes) if lanes_first else (lanes, rows)
    volume = _volume(roles, fast)
    if volume > near // 2:
        cost += FAR * volume * (slow.groups.count - 1)
    if _volume(roles, slow) / slow.groups.count > near:
        cost += FAR * _volume(roles, slow) * (fast.groups.count - 1)
    return cost


def _volume(roles: _Roles, factor: Factor) -> float:
    """Elements that are read, wherever they are."""
    if factor.stage is not None:
        return factor.stage.size * factor.groups.count
    whole = roles.summation.depth * factor.box.size * factor.box.count
    return whole if factor.panel is not None else min(whole, _elements(roles.summation, factor.read))


def _crowds(frame: Frame, factor: Factor) -> bool:
    """Whether many rows share few sets of the first cache."""
    lines = {offset(factor.address, point) * frame.size // 64 for point in factor.box.points()}
    sets: dict[int, int] = {}
    for line in lines:
        sets[line % 64] = sets.get(line % 64, 0) + 1
    return max(sets.values(), default=0) > 6


def turns_when_stored(place: Axis, rows: Box, lanes: Box) -> bool:
    """Whether neighbours in the result are rows rather than lanes."""
    if not rows.loops or (lanes.loops and place.coefficient(lanes.loops[-1]) == 1):
        return False
    return place.coefficient(rows.loops[-1]) == 1 and rows.sizes[-1] > 1
