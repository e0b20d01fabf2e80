"""The innermost loops of a product: a register tile of sums, rows of one factor times vectors of the other.

The five loops round it are those of Goto and van de Geijn, "Anatomy of high-performance matrix multiplication" (2008), as BLIS
arranges them (Van Zee and van de Geijn, 2015).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..assembly import Function, Int, Module, constant, first_lanes, suffix, vector


@dataclass(frozen=True)
class Step:
    """A loop over terms: its most turns, and how far each takes the pointers of the two factors.

    `term` is the loop where its range depends on the tile: then its turns are an argument.
    """

    turns: int
    row: int
    lane: int
    term: int | None = None


@dataclass(frozen=True)
class Turn:
    """One of the terms that are written out: how far it is in both factors, and which rows count."""

    row: int
    lane: int
    rows: tuple[int, ...]


@dataclass(frozen=True)
class Microkernel:
    """A register tile.

    Args:
        name: of the function.
        element, width: the vectors' type.
        rows: how far each row's element is from the row factor's pointer.
        lanes: how far each vector is from the lane factor's pointer.
        count: how many lanes of the lane factor may be read.
        steps: the loops over terms, outermost first; the turns of the outermost are an argument.
        dot: the turns of one more loop over terms, whose neighbours are neighbours in both factors: then rows too are vectors, and
            each sum is a vector of partial sums. 0 if there is none.
        fma: whether the machine multiplies and adds at once.
        turns: terms inside of all steps, written out one after the other; none if each step's turn is a term.
        registers: how many vectors the machine has.
    """

    name: str
    element: str
    width: int
    rows: tuple[int, ...]
    lanes: tuple[int, ...]
    count: int
    steps: tuple[Step, ...]
    dot: int
    fma: bool
    turns: tuple[Turn, ...] = ()
    registers: int = 0

    @property
    def size(self) -> int:
        """Bytes of an element."""
        return int(suffix(self.element)[1:]) // 8

    @property
    def align(self) -> int:
        return self.width * self.size

    def write(self, module: Module) -> None:
        """Adds the function: `name(row, lane, tile, first, turns, turns of each step with a range of its own …)`.

        `tile` holds the sums, row by row; they start from 0 where `first`, else from what is there.
        """
        parameters = [("ptr", "row"), ("ptr", "lane"), ("ptr", "tile"), ("i1", "first"), ("i64", "turns")]
        parameters += [("i64", f"turns{step.term}") for step in self.steps[1:] if step.term is not None]
        function = Function(module, self.name, parameters)
        type = vector(self.element, self.width)
        sums = self._start(function, type)
        sums = self._nest(function, type, self.steps, sums, "%row", "%lane")
        for number, total in enumerate(sums):
            function.store(type, total, function.pointer("%tile", number * self.width, self.element), self.align)
        function.end()

    def _start(self, function: Function, type: str) -> list[str]:
        count = len(self.rows) * len(self.lanes)
        more, ready = function.new_label(), function.new_label()
        before = function.block
        function.branch_if("%first", ready, more)
        function.label(more)
        loaded = [
            function.load(type, function.pointer("%tile", number * self.width, self.element), self.align)
            for number in range(count)
        ]
        function.branch(ready)
        function.label(ready)
        zero = constant(type, 0)
        return [function.emit(f"phi {type} [ {zero}, %{before} ], [ {value}, %{more} ]") for value in loaded]

    def _nest(
        self, function: Function, type: str, steps: Sequence[Step], sums: list[str], row: str, lane: str
    ) -> list[str]:
        if not steps:
            if self.turns:
                return self._written_out(function, type, sums, row, lane)
            return (
                self._along(function, type, sums, row, lane)
                if self.dot
                else self._term(function, type, sums, row, lane)
            )
        step, *rest = steps
        turns: Int = step.turns if step.term is None else f"%turns{step.term}"
        if step is self.steps[0]:
            turns = "%turns"
        if turns == 1:
            return self._nest(function, type, rest, sums, row, lane)
        carried = [*((type, value) for value in sums), ("ptr", row), ("ptr", lane)]
        with function.loop(0, turns, carried=carried) as turn:
            *inside, row_here, lane_here = turn.carried
            inside = self._nest(function, type, rest, inside, row_here, lane_here)
            row_next = function.pointer(row_here, step.row, self.element)
            turn.next = [*inside, row_next, function.pointer(lane_here, step.lane, self.element)]
        return turn.results[:-2]

    def _written_out(self, function: Function, type: str, sums: list[str], row: str, lane: str) -> list[str]:
        """All turns, each for the rows that count."""
        distinct = {turn.row + self.rows[number] for turn in self.turns for number in turn.rows}
        apart = len(distinct) + len(sums) + len(self.lanes) > self.registers
        for turn in self.turns:
            # LLVM would load an element once for all turns, and store it away where registers are too few; behind a pointer that it does not
            # know to be the same, each is loaded by the product that needs it.
            base = function.emit(f'call ptr asm "", "=r,0"(ptr {row})') if apart else row
            found = self._term(
                function,
                type,
                [sums[number * len(self.lanes) + place] for number in turn.rows for place in range(len(self.lanes))],
                function.pointer(base, turn.row, self.element),
                function.pointer(lane, turn.lane, self.element),
                rows=turn.rows,
            )
            for index, number in enumerate(turn.rows):
                for place in range(len(self.lanes)):
                    sums[number * len(self.lanes) + place] = found[index * len(self.lanes) + place]
        return sums

    def _along(self, function: Function, type: str, sums: list[str], row: str, lane: str) -> list[str]:
        """A vector of terms at a time."""
        whole = self.dot // self.width * self.width
        if whole:
            with function.loop(0, whole, self.width, carried=[(type, value) for value in sums]) as turn:
                row_here = function.pointer(row, turn.index, self.element)
                lane_here = function.pointer(lane, turn.index, self.element)
                turn.next = self._term(function, type, turn.carried, row_here, lane_here)
            sums = turn.results
        if whole < self.dot:
            row = function.pointer(row, whole, self.element)
            lane = function.pointer(lane, whole, self.element)
            sums = self._term(function, type, sums, row, lane, self.dot - whole)
        return sums

    def _term(
        self,
        function: Function,
        type: str,
        sums: list[str],
        row: str,
        lane: str,
        count: int = 0,
        rows: Sequence[int] | None = None,
    ) -> list[str]:
        """Adds the products of one turn, or of a vector of turns, to the sums of all rows, or of some."""
        count = count or self.count
        vectors = [self._vector(function, type, lane, offset, count) for offset in self.lanes]
        found = []
        offsets = self.rows if rows is None else [self.rows[number] for number in rows]
        for number, offset in enumerate(offsets):
            if self.dot:
                left = self._vector(function, type, row, offset, count)
            else:
                one = function.load(self.element, function.pointer(row, offset, self.element), self.size)
                left = function.splat(type, one)
            for place, right in enumerate(vectors):
                total = sums[number * len(vectors) + place]
                if self.fma:
                    found.append(function.fma(type, left, right, total))
                else:
                    found.append(function.binary("fadd", type, total, function.binary("fmul", type, left, right)))
        return found

    def _vector(self, function: Function, type: str, base: str, offset: int, count: int) -> str:
        place = function.pointer(base, offset, self.element)
        if count >= self.width:
            return function.load(type, place, self.size)
        return function.masked_load(type, place, first_lanes(count, self.width), self.size)
