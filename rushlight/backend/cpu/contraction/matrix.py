"""Products of bfloat16 in matrix registers (AMX): ways to divide them, and the innermost loops.

A matrix register has 16 lines of 64 bytes. One instruction takes 16 rows of 32 terms and 32 terms of 16 lanes, and adds the products to 16
rows of 16 lanes of float32. Numbers less than the least normal one count as 0, in operands and in sums: 2^-126, which no result of bfloat16 that is
to be told from rounding stands on. The order of a sum is the same in each run: terms of even and of odd number by themselves, then both.

Panels hold terms in pairs, each pair as one element of four bytes: a line has a pair of terms for each row or lane.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

from ....dtype import bfloat16
from ..assembly import Function, Module
from .box import Box, groups_within
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


def multiplies(frame: Frame) -> bool:
    """Whether matrix registers can compute the products of a kernel."""
    return frame.machine.matrices and all(dtype is bfloat16 for dtype in frame.dtypes)


def paired(summation: Summation, terms: Sequence[int]) -> tuple[int, ...]:
    """The terms with one last whose turns make pairs: the fastest of an even extent, or the longest."""
    even = [loop for loop in terms if summation.extents[loop] % 2 == 0]
    last = even[-1] if even else max(terms, key=lambda loop: summation.extents[loop])
    return (*(loop for loop in terms if loop != last), last)


def lines_of(summation: Summation, terms: Sequence[int]) -> int:
    """Pairs of terms; of an odd extent the last pair is half empty."""
    *outer, inner = terms
    return prod(summation.extents[loop] for loop in outer) * -(-summation.extents[inner] // 2)


def matrix_ways(
    frame: Frame, roles: Roles, row_box: Box, lane_box: Box
) -> Iterator[tuple[Factor, Factor, bool, float]]:
    """Rows, lanes, whether lanes come first, and the cost; `roles` has its terms paired. Each factor is packed by all threads at first, or as it is needed."""
    summation, lane = roles.summation, roles.lane
    assert lane is not None
    batches = prod(summation.extents[loop] for loop in roles.batch)
    row_chunks, lanes_of_box = chunks_of(row_box, SIDE), lane_chunks(lane_box, lane, SIDE)
    reads = summation.reads
    row_panel = _panel(roles, reads[roles.number], row_chunks, PACK_LINES)
    lane_panel = _panel(roles, reads[1 - roles.number], lanes_of_box, PACK_TURNED)
    room = frame.machine.l2 // 2 // BYTES
    most = max(1, min(room // 2 // row_panel.size, row_box.count // TASKS if row_box.count >= 2 * TASKS else 1))
    row_groups, lane_groups = groups_within(row_box, most), groups_within(lane_box, max(1, room // lane_panel.size))
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


def in_lines(summation: Summation, read: Read, chunks: Sequence[Chunk], terms: Sequence[int]) -> bool:
    """Whether a block's terms lie side by side in memory, its rows or lanes equally far from each other, and which terms count is the same for all."""
    *outer, inner = terms
    if read.address.coefficient(inner) != 1 or (outer and summation.extents[inner] % TERMS):
        return False
    for condition in read.conditions:
        if any(any(chunk.lanes.offsets(condition.axis)[: chunk.count]) for chunk in chunks):
            return False
    return all(pitch_of(read.address, chunk) is not None for chunk in chunks)


def _panel(roles: Roles, read: Read, chunks: tuple[Chunk, ...], cost: float) -> Panel:
    """A panel of pairs; `cost` is that of an element whose lines are copied."""
    lines = -(-lines_of(roles.summation, roles.terms) // SIDE) * SIDE
    lying = in_lines(roles.summation, read, chunks, roles.terms)
    return Panel(chunks, len(chunks) * SIDE, lines, SIDE, cost if lying else None)


def _cost_of_tile(frame: Frame, roles: Roles, rows: Box, lanes: Box) -> float:
    assert roles.lane is not None
    down, across = len(chunks_of(rows, SIDE)), len(lane_chunks(lanes, roles.lane, SIDE))
    blocks = -(-lines_of(roles.summation, roles.terms) // SIDE)
    turn = max(CYCLES * down * across, LOAD * (down + across), CYCLES * 2)
    return blocks * turn + storing(frame, roles, rows, lanes) + CALL


@dataclass(frozen=True)
class MatrixMicrokernel:
    """The sums of a tile: `down` registers below each other, `across` side by side.

    Args:
        name: of the function.
        lines: pairs of terms, in whole registers.
    """

    name: str
    down: int
    across: int
    lines: int

    @property
    def steps(self) -> tuple[Step, ...]:
        return (Step(self.lines, self.down * SIDE, self.across * SIDE),)

    def write(self, module: Module) -> None:
        """Adds the function `name(row, lane, tile, first, turns)`, which does what `Microkernel`'s does."""
        parameters = [("ptr", "row"), ("ptr", "lane"), ("ptr", "tile"), ("i1", "first"), ("i64", "turns")]
        function = Function(module, self.name, parameters)
        sums = range(self.down * self.across)
        rows = [len(sums) + place for place in range(self.down)]
        lanes = [len(sums) + self.down + place for place in range(self.across)]
        fresh, more, ready = function.new_label(), function.new_label(), function.new_label()
        function.branch_if("%first", fresh, more)
        function.label(fresh)
        for register in sums:
            function.call("llvm.x86.tilezero", "void", [("i8", str(register))])
        function.branch(ready)
        function.label(more)
        for register in sums:
            self._move(function, "llvm.x86.tileloadd64", register)
        function.branch(ready)
        function.label(ready)
        with function.loop(0, "%turns", SIDE, [("ptr", "%row"), ("ptr", "%lane")]) as turn:
            row, lane = turn.carried
            for place, register in enumerate(rows):
                _fill(function, register, function.pointer(row, place * SIDE * SIDE, "i32"))
            for place, register in enumerate(lanes):
                _fill(function, register, function.pointer(lane, place * SIDE * SIDE, "i32"))
            for register in sums:
                down, across = divmod(register, self.across)
                taken = [("i8", str(one)) for one in (register, rows[down], lanes[across])]
                function.call("llvm.x86.tdpbf16ps", "void", taken)
            row = function.pointer(row, self.down * SIDE * SIDE, "i32")
            turn.next = [row, function.pointer(lane, self.across * SIDE * SIDE, "i32")]
        for register in sums:
            self._move(function, "llvm.x86.tilestored64", register)
        function.end()

    def _move(self, function: Function, instruction: str, register: int) -> None:
        """Between a register of sums and its place in the tile."""
        down, across = divmod(register, self.across)
        place = function.pointer("%tile", (down * SIDE * self.across + across) * SIDE, "float")
        step = str(self.across * SIDE * BYTES)
        function.call(instruction, "void", [("i8", str(register)), ("ptr", place), ("i64", step)])


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
