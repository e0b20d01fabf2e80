"""What ways of computing a product cost, in cycles of one thread, roughly: enough to choose between them."""

from __future__ import annotations

from math import prod

from ....ir.affine import Axis
from .box import Box, offset
from .factor import Chunk, Factor, lane_chunks, turns
from .frame import Frame
from .roles import Roles, elements
from .skipping import share, skips_of
from .summation import Read

TASKS = 16  # into how many pieces work should fall, so that threads end together

# For each element: copying lines, copying blocks turned, reading one by one, copying with margins; reading from beyond the second cache.
PACK_LINES, PACK_TURNED, PACK_GATHERED, STAGE, STAGE_GATHERED, FAR = 0.25, 0.6, 2.0, 0.25, 1.5, 0.3
SECOND_CACHE = 20  # bytes that come from the second cache in a cycle
# Storing a vector; storing it element by element; turning a block of vectors; calling for a tile; adding up a vector.
LINE, SCATTER, TURN, CALL, ADD_UP = 4, 35, 80, 40, 8


def cost_of_tiles(frame: Frame, roles: Roles, rows: Box, lanes: Box) -> float:
    """Multiplying and storing, whatever the factors are like."""
    assert roles.lane is not None
    summation, width = roles.summation, frame.width
    vectors = len(lane_chunks(lanes, roles.lane, width))
    turn = max(vectors * rows.size / 2, (vectors + rows.size) / 2, 4)
    line = vectors * width * frame.size
    if summation.depth * line > frame.machine.l1 * 3 // 4:
        turn = max(turn, line / SECOND_CACHE)
    place = summation.places[0]
    if turns_when_stored(place, rows, roles.lane):
        blocks = -(-rows.size // width)
        store = vectors * blocks * TURN + lanes.size * blocks * LINE
    else:
        store = rows.size * vectors * (LINE if place.coefficient(roles.lane) == 1 else SCATTER)
    return _batches(roles) * rows.count * lanes.count * (_terms(roles, rows, lanes) * turn + store + CALL)


def cost_of_dots(frame: Frame, roles: Roles, rows: Box, lanes: Box) -> float:
    """The same where terms lie in lanes."""
    assert roles.dot is not None
    extent, sums = roles.summation.extents[roles.dot], rows.size * lanes.size
    turn = max(sums / 2, (rows.size + lanes.size) * 0.7, 4)
    turns_of_all = _terms(roles, rows, lanes) / extent * -(-extent // frame.width)
    store = sums * ADD_UP + rows.size * -(-lanes.size // frame.width) * LINE
    return _batches(roles) * rows.count * lanes.count * (turns_of_all * turn + store + CALL)


def _batches(roles: Roles) -> int:
    return prod(roles.summation.extents[loop] for loop in roles.batch)


def _terms(roles: Roles, rows: Box, lanes: Box) -> float:
    """How many terms are not skipped."""
    summation = roles.summation
    result = float(summation.depth)
    for number, box in ((roles.number, rows), (1 - roles.number, lanes)):
        result *= share(summation, skips_of(summation, summation.reads[number], box, roles.dot))
    return result


def cost_of(frame: Frame, roles: Roles, tiles: float, rows: Factor, lanes: Factor, lanes_first: bool) -> float:
    """Cycles of one thread."""
    batches = _batches(roles)
    tasks = batches * rows.groups.count * lanes.groups.count
    total = tiles * (tasks + tasks % 2) / tasks if tasks < 4 * TASKS else tiles
    total += batches * _preparation(frame, roles, lanes) * (1 if lanes_first or lanes.shared else rows.groups.count)
    total += batches * _preparation(frame, roles, rows) * (lanes.groups.count if lanes_first and not rows.shared else 1)
    return total + batches * _distance(frame, roles, rows, lanes, lanes_first)


def _preparation(frame: Frame, roles: Roles, factor: Factor) -> float:
    """Making all groups of a factor ready once."""
    if factor.stage is not None:
        smooth = abs(factor.stage.axes[-1].step) == 1
        copies = 1 / _batches(roles) if factor.shared else factor.groups.count
        far = FAR if factor.shared and factor.stage.size * frame.size > frame.machine.l2 else 0
        return factor.stage.size * copies * ((STAGE if smooth else STAGE_GATHERED) + far)
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


def _distance(frame: Frame, roles: Roles, rows: Factor, lanes: Factor, lanes_first: bool) -> float:
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


def _volume(roles: Roles, factor: Factor) -> float:
    """Elements that are read, wherever they are."""
    if factor.stage is not None:
        return factor.stage.size if factor.shared else factor.stage.size * factor.groups.count
    whole = roles.summation.depth * factor.box.size * factor.box.count
    return whole if factor.panel is not None else min(whole, elements(roles.summation, factor.read))


def _crowds(frame: Frame, factor: Factor) -> bool:
    """Whether many rows share few sets of the first cache."""
    lines = {offset(factor.address, point) * frame.size // 64 for point in factor.box.points()}
    sets: dict[int, int] = {}
    for line in lines:
        sets[line % 64] = sets.get(line % 64, 0) + 1
    return max(sets.values(), default=0) > frame.machine.l1 // 4096 - 3  # a way of the first cache has 64 lines


def turns_when_stored(place: Axis, rows: Box, lane: int) -> bool:
    """Whether neighbours in the result are rows rather than lanes."""
    if not rows.loops or place.coefficient(lane) == 1:
        return False
    return place.coefficient(rows.loops[-1]) == 1 and rows.sizes[-1] > 1
