"""The loops round a microkernel of matrix registers: those of any product, with panels of pairs."""

from __future__ import annotations

from ..assembly import Function, Int, constant, first_lanes, vector
from ..generated import OPERANDS
from .drive import LINE, REUSE, Driver
from .factor import Factor
from .lanes import Values
from .matrix import BYTES, SIDE, MatrixMicrokernel, configure, release, stretch_of
from .matrix_packing import pack_pairs, range_behind
from .packing import over_lines, read_chunk
from .splitting import doubts, least_sum, settled_from


class MatrixDriver(Driver):
    """Writes one product in matrix registers into a kernel."""

    def emit(self, shared: str, private: str) -> None:
        """Adds the product to the kernel's function."""
        configure(self.frame.function, self.name)
        super().emit(shared, private)
        release(self.frame.function)

    @property
    def depth(self) -> int:
        """Lines of a panel."""
        panel = self.plan.lanes.panel
        assert panel is not None
        return panel.lines

    @property
    def lines(self) -> int:
        """How many of them are gone through for all tiles of a group before the next ones."""
        panel = self.plan.lanes.panel
        assert panel is not None
        if panel.parts > 1:
            return stretch_of(self.depth) if self.plan.rows.groups.most > 1 else self.depth
        if self.plan.rows.groups.most < REUSE:
            return self.depth
        room = self.frame.machine.l1 * 5 // 8 // (panel.pitch * BYTES)
        blocks = -(-self.depth // max(SIDE, room))
        return -(-self.depth // blocks // SIDE) * SIDE

    def _pack(
        self,
        factor: Factor,
        bounds: tuple[Int, Int],
        target: str,
        values: Values,
        slowest: tuple[Int, Int] | None = None,
    ) -> None:
        assert slowest is None
        lanes = factor is self.plan.lanes
        pack_pairs(self.frame, self.plan.summation, factor, bounds, target, values, self.plan.terms, lanes)

    def _microkernel(self) -> MatrixMicrokernel:
        plan = self.plan
        down, across = len(plan.rows.chunks), len(plan.lanes.chunks)
        return MatrixMicrokernel(f"{self.name}_tile", down, across, self.depth, plan.matrix, self._ahead)

    @property
    def _ahead(self) -> int:
        """Lines of the cache to be fetched while a register's terms are multiplied; 0 if none."""
        return 0


class SplitDriver(MatrixDriver):
    """Writes one product of float32 into a kernel."""

    def _begin(self) -> None:
        super()._begin()
        self._write_least()
        self._write_exactly()

    @property
    def _ahead(self) -> int:
        """A share of the next box of lanes: each tile of a group's rows with one box fetches some of it.

        From the third cache panels come at a third of the speed at which they are multiplied.
        """
        rows, lanes = self.plan.rows, self.plan.lanes
        assert lanes.panel is not None
        if lanes.panel.size * lanes.box.count * BYTES < self.frame.machine.l2 // 2:
            return 0
        return -(-lanes.panel.pitch * SIDE * BYTES // LINE // rows.groups.most)

    def _more_arguments(self, row: str, lane: str) -> list[tuple[str, str]]:
        """Where what a tile fetches of the next box of lanes begins."""
        rows, lanes, function = self.plan.rows, self.plan.lanes, self.frame.function
        if not self._ahead:
            return []
        assert rows.panel is not None and lanes.panel is not None
        start, place = (function.convert("ptrtoint", "ptr", where, "i64") for where in (self.copies[rows.number], row))
        number = function.rem(function.div(function.sub(place, start), rows.panel.size * BYTES), rows.groups.most)
        share = self._ahead * (self.lines // SIDE) * LINE
        following = function.add(function.mul(number, share), lanes.panel.size * BYTES)
        return [("ptr", function.pointer(lane, following, "i8"))]

    def _settle(self, row: str, lane: str, values: Values, sums: str) -> None:
        """Looks at the ranges of a tile's panels, at its sums where there is doubt, and computes it once more where that does not help."""
        function, rows, lanes = self.frame.function, self.plan.rows.panel, self.plan.lanes.panel
        assert rows is not None and lanes is not None
        doubt, great = doubts(function, range_behind(function, rows, row), range_behind(function, lanes, lane))
        with function.when(doubt):
            least = function.call(f"{self.name}_least", "i32", [("ptr", sums)])
            little = function.emit(f"icmp ult i32 {least}, {settled_from(self.plan.summation.depth)}")
            with function.when(function.emit(f"or i1 {great}, {little}")):
                places = [("i64", str(values[loop])) for loop in self._loops]
                function.call(f"{self.name}_exactly", "void", [("ptr", "%arguments"), ("ptr", sums), *places])

    @property
    def _loops(self) -> tuple[int, ...]:
        plan = self.plan
        return (*plan.batch, *plan.rows.box.loops, *plan.lanes.box.loops)

    def _write_least(self) -> None:
        """The function that finds the least absolute value of a tile's sums that count."""
        name, chunks, type = f"{self.name}_least", self.plan.lanes.chunks, vector("float", SIDE)
        function = Function(self.frame.module, name, [("ptr", "tile")], "i32")
        masks = [None if chunk.count == SIDE else first_lanes(chunk.count, SIDE) for chunk in chunks]
        with function.loop(0, self.plan.rows.box.size, carried=[("i32", "-1")]) as row:
            start = function.mul(row.index, len(chunks) * SIDE)
            places = [function.pointer("%tile", function.add(start, i * SIDE), "float") for i in range(len(chunks))]
            found = least_sum(function, [function.load(type, place, BYTES) for place in places], masks)
            row.next = [function.intrinsic("llvm.umin", "i32", [("i32", row.carried[0]), ("i32", found)])]
        function.end(f"ret i32 {row.results[0]}")

    def _write_exactly(self) -> None:
        """The function that computes a tile term by term in float32, from where the operands lie."""
        frame, plan, type = self.frame, self.plan, vector("float", SIDE)
        parameters = [("ptr", "arguments"), ("ptr", "tile"), *(("i64", f"at{loop}") for loop in self._loops)]
        function = Function(frame.module, f"{self.name}_exactly", parameters)
        outer, operands, frame.function = frame.function, frame.operands, function
        frame.operands = [frame.argument(OPERANDS + number) for number in range(len(operands))]
        rows, lanes = plan.rows.chunks, plan.lanes.chunks
        column = function.stack("float", len(rows) * SIDE)
        with function.loop(0, len(rows) * SIDE * len(lanes) * SIDE, SIDE) as turn:
            function.store(type, constant(type, 0), function.pointer("%tile", turn.index, "float"), BYTES)

        def term(here: dict[int, Int], number: Int) -> None:
            for index, chunk in enumerate(rows):
                value = read_chunk(frame, plan.rows, here, chunk)
                function.store(type, value, function.pointer(column, index * SIDE, "float"), BYTES)
            vectors = [read_chunk(frame, plan.lanes, here, chunk) for chunk in lanes]
            with function.loop(0, plan.rows.box.size) as row:
                one = function.load("float", function.pointer(column, row.index, "float"), BYTES)
                one, start = function.splat(type, one), function.mul(row.index, len(lanes) * SIDE)
                for index, value in enumerate(vectors):
                    place = function.pointer("%tile", function.add(start, index * SIDE), "float")
                    total = function.fma(type, one, value, function.load(type, place, BYTES))
                    function.store(type, total, place, BYTES)

        over_lines(function, plan.summation, plan.terms, {loop: f"%at{loop}" for loop in self._loops}, 0, term)
        function.end()
        frame.function, frame.operands = outer, operands
