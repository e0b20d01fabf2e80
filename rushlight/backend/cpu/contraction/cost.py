"""What ways of computing a product cost, in cycles of one thread, roughly: enough to choose between them."""

from __future__ import annotations

from math import prod

from ....ir.affine import Axis
from .box import Box, offset
from .factor import Chunk, Factor, chunks_of, lane_chunks, run_of, turns
from .frame import Frame
from .roles import Roles, elements
from .skipping import Unrolled, share, skips_of
from .staging import Stage
from .summation import Read

TASKS = 16  # into how many pieces work should fall, so that threads end together

# For each element: copying lines, copying blocks turned, reading one by one, copying with margins; reading from beyond the second cache.
PACK_LINES, PACK_TURNED, PACK_GATHERED, STAGE, STAGE_GATHERED, FAR = 0.5, 0.7, 2.0, 0.25, 1.5, 0.3
SHARE = 0.8  # reading what another thread has written just now
JUMP, JUMP_AHEAD, PAGE = (
    12,
    3,
    4096,
)  # cycles for a line that no prefetch foresees; where much else can be done meanwhile; bytes within which it does
# An instruction's share where the core is another thread's too: a tile of 6 rows and 4 vectors has fewer of them for its products than one of 14
# and 2, and is then up to a tenth faster; on a core of its own both are as fast.
ISSUE, STEP_INSTRUCTIONS = 1 / 16, 4
SECOND_CACHE = 24  # bytes that come from the second cache in a cycle
# Storing a vector; storing it element by element, within a page and over many; turning a block of vectors; calling for a tile; adding up a vector.
LINE, SCATTER, SCATTER_FAR, TURN, CALL, ADD_UP = 4, 35, 200, 80, 40, 8
READ_LINE, GATHER, PARTIAL = (
    2,
    10,
    2.5,
)  # reading what an epilogue needs: a vector, one by elements; what a vector costs of which some lanes count
SCATTER_MORE = 14  # storing one element by element where another has just been


def cost_of_tiles(frame: Frame, roles: Roles, rows: Box, lanes: Box, unrolled: Unrolled | None = None) -> float:
    """Multiplying and storing, whatever the factors are like."""
    tiles = _batches(roles) * rows.count * lanes.count
    lines = roles.summation.depth
    each = _multiplying(frame, roles, rows, lanes, lines, unrolled) + storing(frame, roles, rows, lanes) + CALL
    return tiles * each


def cost_of_dots(frame: Frame, roles: Roles, rows: Box, lanes: Box) -> float:
    """The same where terms lie in lanes."""
    return cost_of_tiles(frame, roles, rows, lanes)


def cost_in_parts(frame: Frame, roles: Roles, rows: Factor, lanes: Factor, parts: int, blocks: int) -> float:
    """The same in parts, with all that has to be made ready."""
    tiles, sums = rows.box.count * lanes.box.count, _sums(frame, roles, rows.box, lanes.box)
    lines = roles.summation.depth // blocks
    each = _multiplying(frame, roles, rows.box, lanes.box, lines, rows.unrolled)
    each += storing(frame, roles, rows.box, lanes.box)
    total = tiles * (each + blocks * (CALL + 2 * sums) + 2 * parts * sums)
    if tiles * sums * frame.width * frame.size > frame.machine.l2 // 2:
        total += FAR * 2 * tiles * sums * frame.width * blocks
    for factor in (rows, lanes):
        if factor.stage is not None:
            total += factor.stage.size * blocks * _cost_of_staging(factor.stage)
        elif factor.panel is not None:
            total += blocks * factor.panel.size * factor.box.count * _cost_of_line(frame, roles, factor)
        else:
            total += _jumping(frame, roles, factor, tiles) + FAR * _volume(roles, factor)
    return total


def _sums(frame: Frame, roles: Roles, rows: Box, lanes: Box) -> int:
    """Vectors of sums of a tile."""
    if roles.dot is not None:
        return rows.size * lanes.size
    assert roles.lane is not None
    return rows.size * len(lane_chunks(lanes, roles.lane, frame.width))


def _multiplying(
    frame: Frame, roles: Roles, rows: Box, lanes: Box, lines: int, unrolled: Unrolled | None = None
) -> float:
    """All terms of a tile; `lines` of them are gone through for one tile after the other."""
    summation, sums, width = roles.summation, _sums(frame, roles, rows, lanes), frame.width
    if roles.dot is not None:
        extent = summation.extents[roles.dot]
        turn = max(sums / 2, (rows.size + lanes.size) * 0.85, 4)
        issue = ISSUE * (sums + rows.size + lanes.size + STEP_INSTRUCTIONS)
        return _terms(roles, rows, lanes) / extent * -(-extent // width) * (turn + issue)
    vectors = sums // rows.size
    counting = unrolled.share if unrolled is not None else 1
    products, loads = sums * counting, vectors + rows.size * counting
    turn, line = max(products / 2, loads / 2, 4), vectors * width * frame.size
    if lines * line > frame.machine.l1 * 3 // 4:
        turn = max(turn, line / SECOND_CACHE)
    overhead = STEP_INSTRUCTIONS / (len(unrolled.turns) if unrolled is not None else 1)
    return _terms(roles, rows, lanes) * (turn + ISSUE * (products + loads + overhead))


def storing(frame: Frame, roles: Roles, rows: Box, lanes: Box) -> float:
    """A tile, and what its epilogue reads: an optimizer's step that goes with a weight's gradient reads two arrays and writes two.

    Counting all of them, not the first result alone, chooses tiles whose neighbours lie side by side: 0.90 for 256×256×3×3.
    """
    sums, width, summation = _sums(frame, roles, rows, lanes), frame.width, roles.summation
    if roles.lane is None:
        return sums * ADD_UP + rows.size * -(-lanes.size // width) * LINE
    turned = turns_when_stored(summation.places[0], rows, roles.lane)
    blocks = -(-rows.size // width)
    chunks = chunks_of(rows, width) if turned else lane_chunks(lanes, roles.lane, width)
    lines = lanes.size if turned else rows.size
    total: float = sums // rows.size * blocks * TURN if turned else 0
    results = len(frame.kernel.results)
    for number, (place, array) in enumerate(zip(summation.places, frame.epilogue.arrays, strict=True)):
        if array is not None:
            costs = (LINE, SCATTER_MORE if number else SCATTER) if number < results else (READ_LINE, GATHER)
            total += lines * sum(_accessing(frame, place, chunk, *costs) for chunk in chunks)
    return total


def _accessing(frame: Frame, place: Axis, chunk: Chunk, together: float, apart: float) -> float:
    """Storing or reading a vector, which costs so much where its lanes lie together, and so much where they lie apart."""
    offsets = chunk.lanes.offsets(place)[: chunk.count]
    if offsets == tuple(range(len(offsets))):
        return together * (1 if chunk.count == frame.width else PARTIAL)
    if not any(offsets):
        return together
    far = max(offsets) - min(offsets) >= PAGE // frame.size * len(offsets)
    return SCATTER_FAR if far else apart


def _batches(roles: Roles) -> int:
    return prod(roles.summation.extents[loop] for loop in roles.batch)


def _terms(roles: Roles, rows: Box, lanes: Box) -> float:
    """How many terms are not skipped."""
    summation = roles.summation
    result = float(summation.depth)
    for number, box in ((roles.number, rows), (1 - roles.number, lanes)):
        read = summation.reads[number]
        if read.conditions:
            result *= share(summation, skips_of(summation, read, box, roles.dot))
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
        copies = 1 / _batches(roles) if factor.shared else factor.groups.count
        far = FAR if factor.shared and factor.stage.size * frame.size > frame.machine.l2 else 0
        return factor.stage.size * copies * (_cost_of_staging(factor.stage) + far)
    if factor.panel is None:
        return 0
    far = FAR if elements(roles.summation, factor.read) * frame.size > frame.machine.l2 else 0
    other = SHARE if factor.shared else 0
    return factor.panel.size * factor.box.count * (_cost_of_line(frame, roles, factor) + far + other)


def _cost_of_staging(stage: Stage) -> float:
    """Copying an element."""
    return STAGE if abs(stage.axes[-1].step) == 1 else STAGE_GATHERED


def _cost_of_line(frame: Frame, roles: Roles, factor: Factor) -> float:
    """Packing an element."""
    if factor.panel is not None and factor.panel.cost is not None:
        return factor.panel.cost
    if turns(factor.read, factor.chunks, roles.terms, frame.dtypes[factor.number]):
        _, run = run_of(factor.read.address, roles.summation.extents, roles.terms)
        columns = prod(roles.summation.extents[loop] for loop in run)
        return PACK_TURNED * -(-columns // frame.width) * frame.width / columns
    return max(_cost_of_chunk(factor.read, chunk) for chunk in factor.chunks)


def _cost_of_chunk(read: Read, chunk: Chunk) -> float:
    offsets = chunk.lanes.offsets(read.address)[: chunk.count]
    if offsets == tuple(range(len(offsets))):
        return PACK_LINES * (2 if read.conditions else 1)
    return PACK_GATHERED


def _distance(frame: Frame, roles: Roles, rows: Factor, lanes: Factor, lanes_first: bool) -> float:
    """What it costs that factors are not close at hand: lines that fall into few sets, pages, and what is read again from afar."""
    tiles = rows.box.count * lanes.box.count
    cost = _jumping(frame, roles, rows, tiles) + _jumping(frame, roles, lanes, tiles)
    near = frame.machine.l2 // frame.size
    fast, slow = (rows, lanes) if lanes_first else (lanes, rows)
    volume = _volume(roles, fast)
    if volume > near // 2:
        cost += FAR * volume * (slow.groups.count - 1)
    if _volume(roles, slow) / slow.groups.count > near:
        cost += FAR * _volume(roles, slow) * (fast.groups.count - 1)
    return cost


def _jumping(frame: Frame, roles: Roles, factor: Factor, tiles: int) -> float:
    """What reading a factor where it lies costs beyond reading a panel, for so many tiles."""
    if factor.panel is not None:
        return 0
    depth, address = roles.summation.depth, factor.address
    cost = depth * len(factor.chunks) / 4 if factor.lane is not None else 0.0  # vectors that lie across two lines
    far = [loop for loop in roles.terms if abs(address.coefficient(loop)) * frame.size >= PAGE // 4]
    if factor.stage is None and far:
        near = {loop: roles.summation.extents[loop] for loop in roles.terms if loop not in far}
        span = sum(abs(address.coefficient(loop)) * (extent - 1) for loop, extent in near.items())
        lines = {offset(address, point) * frame.size // 64 for point in factor.box.points()}
        touched = len(lines) * (1 + span * frame.size // 64)
        close = elements(roles.summation, factor.read) * frame.size <= frame.machine.l2
        jump = JUMP_AHEAD if close and factor.unrolled is not None else JUMP
        cost += prod(roles.summation.extents[loop] for loop in far) * touched * jump
    if factor.lane is None and roles.dot is None and _crowds(frame, factor):
        cost += depth
    return tiles * cost


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
