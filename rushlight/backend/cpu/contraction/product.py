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
TASKS = 16  # into how many pieces work should fall, so that threads end together

# What things cost, in cycles for each element, for choosing between ways.
PACK_LINES, PACK_TURNED, PACK_GATHERED, STAGE = 0.25, 0.6, 2.0, 0.25
STORE, STORE_TURNED = 0.25, 0.6
FAR = 0.3  # reading from beyond the second cache


@dataclass(frozen=True)
class Product:
    """How a summation is computed as a product.

    Args:
        batch: loops of the output that both factors read (or none does).
        rows, lanes: the factors.
        terms: the summed loops, the slowest first.
        lanes_first: whether the groups of rows are gone through for each group of lanes, or the other way about.
        cost: in cycles of one thread.
    """

    summation: Summation
    batch: tuple[int, ...]
    rows: Factor
    lanes: Factor
    terms: tuple[int, ...]
    lanes_first: bool
    cost: float


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
    loops = _Roles(summation, rows, tuple(batch), tuple(own_rows), tuple(own_lanes), tuple(terms))
    for loop in own_lanes[-2:]:
        if summation.extents[loop] < frame.width // 2:
            continue
        ordered = (*[other for other in own_lanes if other != loop], loop)
        for vectors, height in _tiles(frame.machine):
            yield from _tilings(frame, replace(loops, lanes=ordered), vectors, height)


@dataclass(frozen=True)
class _Roles:
    """Which loop is what; `number` is the operand whose loops are rows."""

    summation: Summation
    number: int
    batch: tuple[int, ...]
    rows: tuple[int, ...]
    lanes: tuple[int, ...]
    terms: tuple[int, ...]


def _tiles(machine: Machine) -> list[tuple[int, int]]:
    """Register tiles (vectors, most rows)."""
    sums = machine.tile[0] * machine.tile[1]
    return [(vectors, sums // vectors) for vectors in (1, 2, 3, 4, 6) if sums // vectors >= 2]


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


def _tilings(frame: Frame, roles: _Roles, vectors: int, height: int) -> Iterator[Product]:
    """Ways with one register tile."""
    extents = roles.summation.extents
    row_box = _row_box(roles.rows, [extents[loop] for loop in roles.rows], height)
    lane_box = _lane_box(roles.lanes, [extents[loop] for loop in roles.lanes], vectors, frame.width)
    lane_ways = list(_ways_of_lanes(frame, roles, lane_box, row_box.count))
    for lanes in lane_ways:
        for rows in _ways_of_rows(frame, roles, row_box, lanes):
            yield from _orders(frame, roles, rows, lanes)


def _orders(frame: Frame, roles: _Roles, rows: Factor, lanes: Factor) -> Iterator[Product]:
    for lanes_first in (True, False):
        cost = _cost(frame, roles, rows, lanes, lanes_first)
        yield Product(roles.summation, roles.batch, rows, lanes, roles.terms, lanes_first, cost)


def _ways_of_lanes(frame: Frame, roles: _Roles, box: Box, uses: int) -> Iterator[Factor]:
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
        if staged is not None:
            yield Factor(number, read, box, chunks, staged[0], stage=staged[1])


def _ways_of_rows(frame: Frame, roles: _Roles, box: Box, lanes: Factor) -> Iterator[Factor]:
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
    if read.windows and frame.dtype in (float32, float64, frame.dtype):
        staged = _stage_groups(frame, roles, read, box, budget)
        if staged is not None:
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


def _cost(frame: Frame, roles: _Roles, rows: Factor, lanes: Factor, lanes_first: bool) -> float:
    """Cycles of one thread."""
    summation = roles.summation
    depth, vectors, height = summation.depth, len(lanes.chunks), rows.box.size
    batches = prod(summation.extents[loop] for loop in roles.batch)
    turn = max(vectors * height / 2, (vectors + height) / 2, 4)
    tiles = rows.box.count * lanes.box.count * batches
    tasks = batches * rows.groups.count * lanes.groups.count
    if tasks < 4 * TASKS:
        tiles = tiles * (tasks + tasks % 2) / tasks
    total = tiles * (depth * turn + 30)
    turned = stores_turned(summation.places[0], rows, lanes)
    total += tiles * vectors * height * frame.width * (STORE_TURNED if turned else STORE)
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
    whole_lanes = lanes.box.count * depth * len(lanes.chunks) * frame.width
    whole_rows = rows.box.count * depth * rows.box.size
    near = frame.machine.l2 // frame.size
    if lanes_first:
        cost += FAR * whole_rows * (lanes.groups.count - 1)
        if lanes.groups.most * depth * len(lanes.chunks) * frame.width > near:
            cost += FAR * whole_lanes * (rows.groups.count - 1)
    else:
        cost += FAR * whole_lanes * (rows.groups.count - 1) if whole_lanes > near else 0
    return cost


def _crowds(frame: Frame, factor: Factor) -> bool:
    """Whether many rows share few sets of the first cache."""
    lines = {offset(factor.address, point) * frame.size // 64 for point in factor.box.points()}
    sets: dict[int, int] = {}
    for line in lines:
        sets[line % 64] = sets.get(line % 64, 0) + 1
    return max(sets.values(), default=0) > 6


def stores_turned(place: Axis, rows: Factor, lanes: Factor) -> bool:
    """Whether neighbours in the result are rows rather than lanes."""
    if place.coefficient(lanes.box.loops[-1]) == 1 or not rows.box.loops:
        return False
    return place.coefficient(rows.box.loops[-1]) == 1 and rows.box.sizes[-1] > 1
