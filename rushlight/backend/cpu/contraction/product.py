"""A product of matrices in the widest sense: which loops are rows, lanes and terms, and how to tile and pack them.

Loops of the output that both factors read are a batch; those that one factor reads alone are its own. One factor becomes rows, whose
elements are spread over a vector, the other lanes. Either may be read as it lies or be packed. Both ways round are costed and the
cheaper is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod

from ....dtype import float32, float64
from ....ir.affine import Axis
from ...machine import Machine
from ..values import register_element
from .box import Box, offset
from .frame import Frame
from .lanes import Lanes
from .packing import Chunk, Panel, element_size
from .summation import Condition, Read, Summation, merged

LEAST = 4000  # terms from which a product pays

# What things cost, in cycles for each element, for choosing between ways.
PACK_LINES, PACK_TURNED, PACK_GATHERED = 0.25, 0.6, 2.0
STORE, STORE_TURNED = 0.25, 0.6


@dataclass(frozen=True)
class Factor:
    """One side of a product.

    Args:
        number: which operand it is.
        read: where it is read, with the conditions that concern it.
        box: the part of its own loops that a tile takes.
        panel: how it is packed; None if it is read as it lies.
        chunks: its points as vectors.
    """

    number: int
    read: Read
    box: Box
    panel: Panel | None
    chunks: tuple[Chunk, ...]


@dataclass(frozen=True)
class Product:
    """How a summation is computed as a product.

    Args:
        batch: loops of the output that both factors read (or none does).
        rows, lanes: the factors.
        terms: the summed loops, the slowest first.
        group: how many boxes of lanes are gone through for one box of rows, so that they stay in the second cache.
        shared: whether the lanes' panels are packed once, by all threads, before anything is computed.
        cost: in cycles of one thread.
    """

    summation: Summation
    batch: tuple[int, ...]
    rows: Factor
    lanes: Factor
    terms: tuple[int, ...]
    group: int
    shared: bool
    cost: float


def plan_product(frame: Frame, summation: Summation) -> Product | None:
    """The best way to compute a summation as a product; None if it is none, or too small."""
    if len(summation.reads) != 2 or not frame.dtype.is_floating_point or not summation.summed:
        return None
    if not all(read.integral for read in summation.reads) or summation.points * summation.depth < LEAST:
        return None
    found = [plan for rows in (0, 1) for plan in _plans(frame, summation, rows)]
    return min(found, key=lambda plan: plan.cost, default=None)


def _plans(frame: Frame, summation: Summation, rows: int) -> Iterator[Product]:
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
    width = frame.machine.width(element_size(frame.dtype))
    for loop in own_lanes[-2:]:
        if summation.extents[loop] >= width // 2:
            ordered = [other for other in own_lanes if other != loop] + [loop]
            for vectors, height in _tiles(frame.machine):
                yield _plan(frame, summation, rows, batch, own_rows, ordered, terms, vectors, height)


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


def _plan(
    frame: Frame,
    summation: Summation,
    rows: int,
    batch: Sequence[int],
    own_rows: Sequence[int],
    own_lanes: Sequence[int],
    terms: Sequence[int],
    vectors: int,
    height: int,
) -> Product:
    """One way, with what it costs."""
    machine, extents = frame.machine, summation.extents
    width = machine.width(element_size(frame.dtype))
    row_box = _row_box(own_rows, [extents[loop] for loop in own_rows], height)
    lane_box = _lane_box(own_lanes, [extents[loop] for loop in own_lanes], vectors, width)
    lane = _lane_factor(frame, summation, 1 - rows, lane_box, width, row_box.count)
    row = _row_factor(frame, summation, rows, row_box, width)
    depth, batches = summation.depth, prod(extents[loop] for loop in batch)
    bytes_of_panel = depth * len(lane.chunks) * width * element_size(frame.dtype)
    group = max(1, min(lane_box.count, machine.l2 // 2 // max(1, bytes_of_panel)))
    groups = -(-lane_box.count // group)
    group = -(-lane_box.count // groups)
    shared = lane.panel is not None and batches * groups < 4 and row_box.count > 1
    cost = _cost(frame, summation, batches, row, lane, groups)
    return Product(summation, tuple(batch), row, lane, tuple(terms), group, shared, cost)


def _cost(frame: Frame, summation: Summation, batches: int, row: Factor, lane: Factor, groups: int) -> float:
    depth, vectors, height = summation.depth, len(lane.chunks), row.box.size
    turn = max(vectors * height / 2, (vectors + height) / 2, 4)
    tiles = row.box.count * lane.box.count * batches
    if tiles < 64:
        tiles += tiles % 2
    total = tiles * (depth * turn + 20)
    if lane.panel is not None:
        total += batches * lane.box.count * lane.panel.size * _cost_of_packing(lane)
    if row.panel is not None:
        total += batches * groups * row.box.count * row.panel.size * _cost_of_packing(row)
    turned = stores_turned(summation.places[0], row, lane)
    return total + tiles * vectors * height * 16 * (STORE_TURNED if turned else STORE)


def _cost_of_packing(factor: Factor) -> float:
    address = factor.read.address
    kinds = []
    for chunk in factor.chunks:
        offsets = chunk.lanes.offsets(address)[: chunk.count]
        if offsets == tuple(range(len(offsets))):
            kinds.append(PACK_LINES)
        else:
            kinds.append(PACK_GATHERED if factor.read.conditions else PACK_TURNED)
    return max(kinds, default=PACK_LINES)


def stores_turned(place: Axis, row: Factor, lane: Factor) -> bool:
    """Whether neighbours in the result are rows rather than lanes."""
    if lane.box.loops and place.coefficient(lane.box.loops[-1]) == 1:
        return False
    return bool(row.box.loops) and place.coefficient(row.box.loops[-1]) == 1 and row.box.sizes[-1] > 1


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
    """Vectors lie along the last loop only; a tile takes at most so many."""
    *outer, last = extents
    return Box(tuple(loops), tuple(extents), (*[1] * len(outer), min(last, vectors * width)))


def _lane_factor(frame: Frame, summation: Summation, number: int, box: Box, width: int, uses: int) -> Factor:
    """The factor whose elements lie in lanes; packed unless its vectors lie in memory as they are used."""
    read, loop, size = summation.reads[number], box.loops[-1], box.sizes[-1]
    if size >= width:
        starts = [min(start, size - width) for start in range(0, size, width)]
    else:
        starts = [0]
    lanes = Lanes.along(loop, width)
    chunks = tuple(Chunk({loop: start}, lanes, min(size, width)) for start in starts)
    plain = not read.conditions and read.address.coefficient(loop) == 1 and frame.dtype in (float32, float64)
    plain = plain and (size >= width or frame.machine.masks)
    if plain and not _wants_packing(frame, summation, read, box, uses):
        return Factor(number, read, box, None, chunks)
    panel = Panel(chunks, len(chunks) * width, summation.depth, width)
    return Factor(number, read, box, panel, chunks)


def _wants_packing(frame: Frame, summation: Summation, read: Read, box: Box, uses: int) -> bool:
    """Whether lines that lie apart are worth being brought together: they are used often, and are many."""
    size = summation.depth * prod(box.sizes) * element_size(frame.dtype)
    return uses > 4 and size * box.count > frame.machine.l1


def _row_factor(frame: Frame, summation: Summation, number: int, box: Box, width: int) -> Factor:
    """The factor whose elements are spread; packed where it has conditions or its rows fall into the same lines of the cache."""
    read = summation.reads[number]
    chunks = tuple(
        Chunk(start, lanes, min(width, box.size - index * width))
        for index, (start, lanes) in enumerate(box.chunks(width))
    )
    direct = not read.conditions and frame.dtype in (float32, float64)
    if direct and not _crowds(frame, read, box):
        return Factor(number, read, box, None, chunks)
    return Factor(number, read, box, Panel(chunks, box.size, summation.depth, width), chunks)


def _crowds(frame: Frame, read: Read, box: Box) -> bool:
    """Whether many rows share few sets of the first cache."""
    size = element_size(frame.dtype)
    lines = {offset(read.address, point) * size // 64 for point in box.points()}
    sets: dict[int, int] = {}
    for line in lines:
        sets[line % 64] = sets.get(line % 64, 0) + 1
    return max(sets.values(), default=0) > 6


def element_of(frame: Frame) -> str:
    """The type in which sums are kept."""
    return register_element(frame.dtype)
