"""Products in matrix registers (AMX), of bfloat16 or of float32 in parts: ways to divide them, and the innermost loops.

A matrix register has 16 lines of 64 bytes. One instruction takes 16 rows of 32 terms and 32 terms of 16 lanes, and adds the products to 16
rows of 16 lanes of float32. Numbers less than the least normal one count as 0, in operands and in sums: 2^-126, which no result of bfloat16 that is
to be told from rounding stands on. The order of a sum is the same in each run: terms of even and of odd number by themselves, then both.

Panels hold terms in pairs, each pair as one element of four bytes: a line has a pair of terms for each row or lane. What float32 needs beyond that
is told in `splitting`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod

from ....dtype import bfloat16, float32
from ..assembly import Function, Module, vector
from .box import Box, Groups, groups_within
from .cost import CALL, PACK_LINES, PACK_TURNED, TASKS, cost_of, storing
from .factor import Chunk, Factor, Panel, chunks_of, lane_chunks, pitch_of
from .frame import Frame
from .microkernel import Step
from .roles import Roles
from .summation import Read, Summation

SIDE = 16  # rows or lanes of a register, and pairs of terms
TALLEST, WIDEST = 2 * SIDE, 2  # rows and vectors of a tile: four registers of sums, two of each factor
CYCLES, LOAD = 16, 8  # of an instruction that multiplies; of filling a register, beside which others are multiplied
TERMS = 2 * SIDE  # of a register
BYTES = 4  # of a pair
STRETCH, PIECES = 256, 4  # most lines of a stretch of several parts; into how many pieces rows fall, and lanes
# Products of parts, the parts of the rows and of the lanes, for numbers of so many parts: what the others would add is beyond the last part's
# last place. Least first; neighbours share a part.
PRODUCTS = {1: ((0, 0),), 2: ((1, 0), (0, 0), (0, 1)), 3: ((2, 0), (0, 0), (1, 0), (1, 1), (0, 1), (0, 2))}


def parts_of(frame: Frame) -> int:
    """Of how many numbers of bfloat16 each one is the sum whose products matrix registers are to compute; 0 where they cannot, or are not to."""
    if not frame.machine.matrices:
        return 0
    if all(dtype is bfloat16 for dtype in frame.dtypes):
        return 1
    return frame.kernel.parts if frame.dtype is float32 and all(dtype is float32 for dtype in frame.dtypes) else 0


def paired(summation: Summation, terms: Sequence[int]) -> tuple[int, ...]:
    """The terms with one last whose turns make pairs: the fastest of an even extent, or the longest."""
    even = [loop for loop in terms if summation.extents[loop] % 2 == 0]
    last = even[-1] if even else max(terms, key=lambda loop: summation.extents[loop])
    return (*(loop for loop in terms if loop != last), last)


def lines_of(summation: Summation, terms: Sequence[int]) -> int:
    """Pairs of terms; of an odd extent the last pair is half empty."""
    *outer, inner = terms
    return prod(summation.extents[loop] for loop in outer) * -(-summation.extents[inner] // 2)


def lie_apart(summation: Summation, terms: Sequence[int]) -> bool:
    """Whether the terms of a pair of float32 are a vector apart, as vectors of neighbours give them; else they are neighbours.

    Of bfloat16 they are always neighbours, which lie in pairs already.
    """
    *outer, inner = terms
    return not outer or summation.extents[inner] % TERMS == 0


def matrix_ways(
    frame: Frame, roles: Roles, row_box: Box, lane_box: Box
) -> Iterator[tuple[Factor, Factor, bool, float]]:
    """Rows, lanes, whether lanes come first, and the cost; `roles` has its terms paired. Each factor is packed by all threads at first, or as it is needed."""
    summation, lane, parts = roles.summation, roles.lane, parts_of(frame)
    assert lane is not None
    batches = prod(summation.extents[loop] for loop in roles.batch)
    row_chunks, lanes_of_box = chunks_of(row_box, SIDE), lane_chunks(lane_box, lane, SIDE)
    reads = summation.reads
    row_panel = _panel(roles, reads[roles.number], row_chunks, PACK_LINES, parts)
    lane_panel = _panel(roles, reads[1 - roles.number], lanes_of_box, PACK_TURNED, parts)
    row_groups, lane_groups = _groups(frame, row_box, row_panel, lane_box, lane_panel)
    number = roles.number
    cost = batches * row_box.count * lane_box.count * _cost_of_tile(frame, roles, row_box, lane_box)
    for lanes_shared in (True, False):
        lanes = Factor(
            1 - number, reads[1 - number], lane_box, lanes_of_box, lane_groups, lane_panel, None, lanes_shared, lane
        )
        for rows_shared in (True, False):
            rows = Factor(number, reads[number], row_box, row_chunks, row_groups, row_panel, None, rows_shared)
            for lanes_first in (True, False):
                yield rows, lanes, lanes_first, cost_of(frame, roles, cost, rows, lanes, lanes_first)


def _groups(frame: Frame, rows: Box, row_panel: Panel, lanes: Box, lane_panel: Panel) -> tuple[Groups, Groups]:
    """Which boxes are made ready together.

    Of float32 the rows of a group stay in the second cache, for all the lanes that pass by: as many as fit, but so that there are pieces for many threads.
    """
    room = frame.machine.l2 // 2 // BYTES
    if row_panel.parts == 1:
        most = max(1, min(room // 2 // row_panel.size, rows.count // TASKS if rows.count >= 2 * TASKS else 1))
        return groups_within(rows, most), groups_within(lanes, max(1, room // lane_panel.size))
    lines = stretch_of(row_panel.lines)
    most = max(1, min(room * 3 // 4 // (row_panel.pitch * lines), rows.count // PIECES))
    across = -(-lanes.count // PIECES)
    if lines < row_panel.lines:
        across = max(1, min(across, room // 2 // (row_panel.pitch * lane_panel.pitch * most // row_panel.parts**2)))
    return groups_within(rows, most), groups_within(lanes, across)


def stretch_of(lines: int) -> int:
    """How many lines of a panel of several parts are gone through for all tiles of a group before the next ones."""
    blocks = -(-lines // STRETCH)
    return -(-lines // blocks // SIDE) * SIDE


def in_lines(summation: Summation, read: Read, chunks: Sequence[Chunk], terms: Sequence[int]) -> bool:
    """Whether a block's terms lie side by side in memory, its rows or lanes equally far from each other, and which terms count is the same for all."""
    *outer, inner = terms
    if read.address.coefficient(inner) != 1 or (outer and summation.extents[inner] % TERMS):
        return False
    for condition in read.conditions:
        if any(any(chunk.lanes.offsets(condition.axis)[: chunk.count]) for chunk in chunks):
            return False
    return all(pitch_of(read.address, chunk) is not None for chunk in chunks)


def _panel(roles: Roles, read: Read, chunks: tuple[Chunk, ...], cost: float, parts: int) -> Panel:
    """A panel of pairs; `cost` is that of an element whose lines are copied."""
    lines = -(-lines_of(roles.summation, roles.terms) // SIDE) * SIDE
    lying = in_lines(roles.summation, read, chunks, roles.terms)
    behind = 2 * SIDE if parts > 1 else 0
    return Panel(chunks, parts * len(chunks) * SIDE, lines, SIDE, cost if lying else None, parts, behind)


def _cost_of_tile(frame: Frame, roles: Roles, rows: Box, lanes: Box) -> float:
    assert roles.lane is not None
    down, across = len(chunks_of(rows, SIDE)), len(lane_chunks(lanes, roles.lane, SIDE))
    blocks = -(-lines_of(roles.summation, roles.terms) // SIDE)
    products = PRODUCTS[parts_of(frame)]
    row_loads, lane_loads = (1 + sum(a[side] != b[side] for a, b in pairwise(products)) for side in range(2))
    loads = LOAD * (row_loads * down + lane_loads * across)
    turn = max(CYCLES * len(products) * down * across, loads, CYCLES * 2)
    return blocks * turn + storing(frame, roles, rows, lanes) + CALL


@dataclass(frozen=True)
class MatrixMicrokernel:
    """The sums of a tile: `down` registers below each other, `across` side by side.

    Args:
        name: of the function.
        lines: pairs of terms, in whole registers.
        parts: of how many numbers each is the sum.
        ahead: lines of the cache that are fetched from one more argument on, `ahead`, for each register of terms.
    """

    name: str
    down: int
    across: int
    lines: int
    parts: int = 1
    ahead: int = 0

    @property
    def steps(self) -> tuple[Step, ...]:
        return (Step(self.lines, self.down * SIDE, self.across * SIDE),)

    @property
    def sets(self) -> int:
        """Sets of sums, to which products are added in turn: one instruction's result is the next one's operand after that of four others."""
        return 2 if self.parts > 1 and self.down * self.across <= 2 else 1

    def write(self, module: Module) -> None:
        """Adds the function `name(row, lane, tile, first, turns)`, which does what `Microkernel`'s does."""
        parameters = [("ptr", "row"), ("ptr", "lane"), ("ptr", "tile"), ("i1", "first"), ("i64", "turns")]
        if self.ahead:
            parameters.append(("ptr", "ahead"))
        function = Function(module, self.name, parameters)
        sums = range(self.down * self.across)
        self._start(function, sums)
        pointers = [("ptr", "%row"), ("ptr", "%lane"), *([("ptr", "%ahead")] if self.ahead else [])]
        with function.loop(0, "%turns", SIDE, pointers) as turn:
            row, lane, *ahead = turn.carried
            for place in ahead:
                self._fetch(function, place)
            self._block(function, row, lane)
            turn.next = [
                function.pointer(row, self.parts * self.down * SIDE * SIDE, "i32"),
                function.pointer(lane, self.parts * self.across * SIDE * SIDE, "i32"),
                *(function.pointer(place, self.ahead * SIDE, "i32") for place in ahead),
            ]
        for register in sums:
            self._move(function, "llvm.x86.tilestored64", "%tile", register)
        if self.sets > 1:
            self._join(function)
        function.end()

    def _start(self, function: Function, sums: Sequence[int]) -> None:
        """The sums from 0, or from what is in the tile."""
        fresh, more, ready = function.new_label(), function.new_label(), function.new_label()
        function.branch_if("%first", fresh, more)
        function.label(fresh)
        for register in sums:
            function.call("llvm.x86.tilezero", "void", [("i8", str(register))])
        function.branch(ready)
        function.label(more)
        for register in sums:
            self._move(function, "llvm.x86.tileloadd64", "%tile", register)
        function.branch(ready)
        function.label(ready)
        for register in range(len(sums), self.sets * len(sums)):
            function.call("llvm.x86.tilezero", "void", [("i8", str(register))])

    def _block(self, function: Function, row: str, lane: str) -> None:
        """Adds the products of a register's terms. A part stays in its registers as long as the next product takes it too."""
        count = self.down * self.across
        rows = [self.sets * count + place for place in range(self.down)]
        lanes = [self.sets * count + self.down + place for place in range(self.across)]
        held = [-1, -1]
        for number, parts in enumerate(PRODUCTS[self.parts]):
            for side, (registers, base) in enumerate(((rows, row), (lanes, lane))):
                if held[side] != parts[side]:
                    held[side] = parts[side]
                    for place, register in enumerate(registers):
                        block = parts[side] * len(registers) + place
                        _fill(function, register, function.pointer(base, block * SIDE * SIDE, "i32"))
            for place in range(count):
                down, across = divmod(place, self.across)
                taken = (number % self.sets * count + place, rows[down], lanes[across])
                function.call("llvm.x86.tdpbf16ps", "void", [("i8", str(one)) for one in taken])

    def _fetch(self, function: Function, place: str) -> None:
        """Asks for lines in the second cache."""
        for line in range(self.ahead):
            spot = function.pointer(place, line * SIDE, "i32")
            function.call("llvm.prefetch.p0", "void", [("ptr", spot), ("i32", "0"), ("i32", "2"), ("i32", "1")])

    def _move(self, function: Function, instruction: str, tile: str, register: int) -> None:
        """Between a register of sums and its place in a tile."""
        down, across = divmod(register % (self.down * self.across), self.across)
        place = function.pointer(tile, (down * SIDE * self.across + across) * SIDE, "float")
        step = str(self.across * SIDE * BYTES)
        function.call(instruction, "void", [("i8", str(register)), ("ptr", place), ("i64", step)])

    def _join(self, function: Function) -> None:
        """Adds the second set of sums to the tile."""
        count, type = self.down * self.across, vector("float", SIDE)
        second = function.stack("float", count * SIDE * SIDE)
        for register in range(count, 2 * count):
            self._move(function, "llvm.x86.tilestored64", second, register)
        with function.loop(0, count * SIDE * SIDE, SIDE) as turn:
            place = function.pointer("%tile", turn.index, "float")
            more = function.load(type, function.pointer(second, turn.index, "float"), BYTES)
            total = function.binary("fadd", type, function.load(type, place, BYTES), more)
            function.store(type, total, place, BYTES)


def _fill(function: Function, register: int, place: str) -> None:
    """Sixteen lines that follow each other."""
    function.call("llvm.x86.tileloadd64", "void", [("i8", str(register)), ("ptr", place), ("i64", str(SIDE * BYTES))])


def configure(function: Function, name: str) -> None:
    """All eight registers with sixteen lines of 64 bytes; `release` gives them back, so that nobody saves what they hold."""
    widths = [number for _ in range(8) for number in (SIDE * BYTES, 0)]
    layout = [1, *[0] * 15, *widths, *[0] * 16, *[SIDE] * 8, *[0] * 8]
    table = function.module.table(f"{name}_registers", "i8", layout)
    function.call("llvm.x86.ldtilecfg", "void", [("ptr", table)])


def release(function: Function) -> None:
    function.call("llvm.x86.tilerelease", "void", [])
