"""The loops round a microkernel: making factors ready, the share of each thread, storing tiles."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, reduce
from math import prod

from ....ir.affine import Axis
from ..assembly import Function, Int, constant, lanes, suffix, vector
from ..generated import BARRIER
from ..team import barrier
from ..values import memory_element
from .box import groups_within, offset
from .cost import TASKS, turns_when_stored
from .factor import Chunk, Factor, chunks_of
from .frame import Frame, digits
from .lanes import Lanes, Values, both, numerator
from .matrix import MatrixMicrokernel
from .microkernel import Microkernel, Step, Turn
from .packing import pack, turn_strip
from .prefetching import Prefetching
from .product import Product
from .skipping import range_of
from .staging import emit_stage, relative

LINE = 64  # bytes
SHORT = 4  # turns of an innermost loop that are written out: 0.94 for 3×3 convolutions of 64 channels at 32×32, 0.95 for strided ones
REUSE = 3  # boxes of rows that have to share a panel of lanes for keeping it in the first cache to pay


class Driver:
    """Writes one product into a kernel."""

    def __init__(self, frame: Frame, plan: Product, name: str) -> None:
        self.frame = frame
        self.plan = plan
        self.name = name
        self.width = frame.width
        self.turned = plan.lanes.lane is not None and turns_when_stored(
            plan.summation.places[0], plan.rows.box, plan.lanes.lane
        )

    # ---- scratch ----

    @property
    def batches(self) -> int:
        return prod(self.plan.summation.extents[loop] for loop in self.plan.batch)

    def _shared_room(self, factor: Factor) -> int:
        if not factor.shared:
            return 0
        if factor.panel is not None:
            return whole_lines(self.batches * factor.box.count * factor.panel.size * self.frame.size)
        assert factor.stage is not None
        return whole_lines((factor.stage.size + 2 * self.width) * self.frame.size)

    @property
    def shared(self) -> int:
        """Bytes of scratch for all threads."""
        return self._shared_room(self.plan.lanes) + self._shared_room(self.plan.rows)

    @property
    def private(self) -> int:
        """Bytes of scratch for each thread."""
        rooms = (self.plan.lanes.room, self.plan.rows.room, self._room_of_sums)
        return sum(whole_lines(room * self.frame.size) for room in rooms)

    @property
    def _room_of_sums(self) -> int:
        """Elements for the sums of a group, where they are kept while its terms are gone through by stretches."""
        plan = self.plan
        if plan.parts or self.lines == self.depth:
            return 0
        slack = self.width * self.width * len(plan.lanes.chunks)  # turning a tile reads whole blocks
        return plan.lanes.groups.most * plan.rows.groups.most * self.size_of_sums + slack

    # ---- the loops ----

    def emit(self, shared: str, private: str) -> None:
        """Adds the product to the kernel's function."""
        function, plan = self.frame.function, self.plan
        self._begin()
        self._lay_out(shared, private)
        self._prepare_shared()
        row_groups, lane_groups = plan.rows.groups.count, plan.lanes.groups.count
        outer, inner = (lane_groups, row_groups) if plan.lanes_first else (row_groups, lane_groups)
        low, high = self.frame.share(self.batches * outer * inner)
        with function.loop(low, high, carried=[("i64", "-1")]) as turn:
            batch, first, second = digits(function, turn.index, [self.batches, outer, inner])
            whole = function.div(turn.index, inner)
            turn.next = [str(whole)]
            lane, row = (first, second) if plan.lanes_first else (second, first)
            values = self._batch_values(batch)
            lane_bounds = plan.lanes.groups.bounds(function, lane)
            row_bounds = plan.rows.groups.bounds(function, row)
            slow, fast = (plan.lanes, lane_bounds), (plan.rows, row_bounds)
            if not plan.lanes_first:
                slow, fast = fast, slow
            if slow[0].prepared:
                with function.when(function.compare("ne", whole, turn.carried[0])):
                    self._prepare(*slow, values)
            if fast[0].prepared:
                self._prepare(*fast, values)
            self._go_through(batch, values, lane_bounds, row_bounds)

    def _begin(self) -> None:
        """Writes the functions for a tile, and makes room for one."""
        function, plan = self.frame.function, self.plan
        self.microkernel = self._microkernel()
        self.microkernel.write(self.frame.module)
        self._write_store()
        slow, fast = (plan.lanes.box, plan.rows.box) if self.turned else (plan.rows.box, plan.lanes.box)
        self.prefetching = Prefetching(self.frame, plan.summation.places, slow, fast, f"{self.name}_ahead")
        self.prefetching.write()
        lines = -(-plan.rows.box.size // self.width) * self.width  # whole blocks, for turning them
        self.tile = function.stack(self.frame.element, lines * len(plan.lanes.chunks) * self.width)
        self.sums = self.tile
        if plan.dot is not None:
            self.sums = function.stack(self.frame.element, self.size_of_sums)

    @property
    def size_of_sums(self) -> int:
        """Elements of the sums of a tile."""
        rows, lanes = self.plan.rows.box.size, self.plan.lanes
        return rows * self.width * (len(lanes.chunks) if self.plan.dot is None else lanes.box.size)

    def _lay_out(self, shared: str, private: str) -> None:
        """Where copies of the factors are."""
        function, plan = self.frame.function, self.plan
        self.copies: dict[int, str] = {}
        for factor in (plan.lanes, plan.rows):
            if factor.shared:
                self.copies[factor.number] = shared
                shared = function.pointer(shared, self._shared_room(factor), "i8")
            else:
                self.copies[factor.number] = private
                private = function.pointer(private, whole_lines(factor.room * self.frame.size), "i8")
        self.sums_of_group = private

    def _batch_values(self, number: Int) -> dict[int, Int]:
        extents = [self.plan.summation.extents[loop] for loop in self.plan.batch]
        return dict(zip(self.plan.batch, digits(self.frame.function, number, extents), strict=True))

    @property
    def depth(self) -> int:
        """How many terms there are."""
        return self.plan.summation.depth

    @property
    def lines(self) -> int:
        """How many terms are gone through for all tiles of a group before the next ones.

        As many as keep a panel of lanes in the first cache, where there are several boxes of rows to use it for.
        """
        plan = self.plan
        depth, rows, lanes = self.depth, plan.rows, plan.lanes
        if rows.panel is None or lanes.panel is None or rows.skips or lanes.skips or rows.groups.most < REUSE:
            return depth
        room = self.frame.machine.l1 * 5 // 8 // (lanes.panel.pitch * self.frame.size)
        blocks = -(-depth // max(16, room))
        return -(-depth // blocks)

    def _go_through(
        self, batch: Int, values: dict[int, Int], lane_bounds: tuple[Int, Int], row_bounds: tuple[Int, Int]
    ) -> None:
        """All tiles of a group of rows with a group of lanes."""
        function, depth = self.frame.function, self.depth
        if self.lines == depth:
            for row, lane, here, _ in self._over_tiles(batch, values, lane_bounds, row_bounds):
                self.prefetching.emit(here)
                self._multiply(row, lane, here, self.sums)
                self._add_up()
                self._settle(row, lane, here, self.tile)
                self._store(here, self.tile)
            return
        blocks = -(-depth // self.lines)
        last = (blocks - 1) * self.lines
        with function.loop(0, last, self.lines) as block:
            first = function.compare("eq", block.index, 0)
            for row, lane, _, sums in self._over_tiles(batch, values, lane_bounds, row_bounds):
                self._multiply_lines(row, lane, sums, first, block.index, self.lines)
        # Each tile is stored as soon as it is done: the stores wait for memory while the next one is multiplied. That is 2 % of a product of
        # 1024 rows, of which storing all tiles of a group at once took 6 %.
        for row, lane, here, sums in self._over_tiles(batch, values, lane_bounds, row_bounds):
            self.prefetching.emit(here)
            self._multiply_lines(row, lane, sums, "false", last, depth - last)
            self._settle(row, lane, here, sums)
            self._store(here, sums)

    def _settle(self, row: str, lane: str, values: Values, sums: str) -> None:
        """Sees to it that a tile's sums are right, where that is not certain."""

    def _multiply_lines(self, row: str, lane: str, sums: str, first: str, start: Int, count: int) -> None:
        """Adds some lines of two panels to a tile."""
        function, rows, lanes = self.frame.function, self.plan.rows.panel, self.plan.lanes.panel
        assert rows is not None and lanes is not None
        row = function.pointer(row, function.mul(start, rows.pitch), self.frame.element)
        lane = function.pointer(lane, function.mul(start, lanes.pitch), self.frame.element)
        self._multiply(row, lane, {}, sums, first, count)

    def _over_tiles(
        self, batch: Int, values: dict[int, Int], lane_bounds: tuple[Int, Int], row_bounds: tuple[Int, Int]
    ) -> Iterator[tuple[str, str, dict[int, Int], str]]:
        """Loops over the tiles of a group: where rows and lanes are, the tile's origin, and where its sums are kept."""
        function, plan = self.frame.function, self.plan
        with function.loop(*lane_bounds) as over_lanes:
            lane_values = values | plan.lanes.box.origin(function, over_lanes.index)
            lane = self._pointer(plan.lanes, lane_values, batch, over_lanes.index, lane_bounds)
            with function.loop(*row_bounds) as over_rows:
                here = lane_values | plan.rows.box.origin(function, over_rows.index)
                row = self._pointer(plan.rows, here, batch, over_rows.index, row_bounds)
                sums = self.sums
                if self.lines < self.depth:
                    column = function.mul(function.sub(over_lanes.index, lane_bounds[0]), plan.rows.groups.most)
                    number = function.add(column, function.sub(over_rows.index, row_bounds[0]))
                    place = function.mul(number, self.size_of_sums)
                    sums = function.pointer(self.sums_of_group, place, self.frame.element)
                yield row, lane, here, sums

    def _multiply(
        self, row: str, lane: str, values: Values, sums: str, first: str = "true", most: Int | None = None
    ) -> None:
        """Calls the microkernel for the terms that count; `most` says how many turns of its outermost loop, if not all."""
        function, plan = self.frame.function, self.plan
        turns: list[Int] = []
        for number, step in enumerate(self.microkernel.steps):
            count: Int = step.turns
            if number == 0 and most is not None:
                count = most
            if step.term is not None:
                conditions = plan.rows.skips.get(step.term, ()) + plan.lanes.skips.get(step.term, ())
                low, high = range_of(function, plan.summation, step.term, conditions, values)
                count = function.sub(high, low)
                row = function.pointer(row, function.mul(low, step.row), self.frame.element)
                lane = function.pointer(lane, function.mul(low, step.lane), self.frame.element)
            if step.term is not None or not turns:
                turns.append(count)
        arguments = [("ptr", row), ("ptr", lane), ("ptr", sums), ("i1", first)]
        arguments += [*(("i64", str(count)) for count in turns), *self._more_arguments(row, lane)]
        function.call(self.microkernel.name, "void", arguments)

    def _more_arguments(self, row: str, lane: str) -> list[tuple[str, str]]:
        """What else a microkernel takes."""
        return []

    # ---- the factors ----

    def _prepare(
        self, factor: Factor, bounds: tuple[Int, Int], values: dict[int, Int], slowest: tuple[Int, Int] | None = None
    ) -> None:
        """Packs or copies a group; `slowest` says which turns of the slowest term, if not all."""
        frame, function, plan = self.frame, self.frame.function, self.plan
        target = self.copies[factor.number]
        if factor.panel is not None:
            self._pack(factor, bounds, target, values, slowest)
            return
        assert factor.stage is not None
        origin = {**values, **factor.groups.origin(function, bounds[0]), **dict.fromkeys(plan.terms, 0)}
        turns: dict[int | None, Int] = {}
        if slowest is not None:
            origin[plan.terms[0]] = slowest[0]
            turns[plan.terms[0]] = function.sub(slowest[1], slowest[0])
        emit_stage(frame, factor.read, factor.stage, factor.number, target, origin, turns=turns)

    def _pack(
        self,
        factor: Factor,
        bounds: tuple[Int, Int],
        target: str,
        values: Values,
        slowest: tuple[Int, Int] | None = None,
    ) -> None:
        """Writes the panels of some boxes."""
        pack(self.frame, self.plan.summation, factor, bounds, target, values, self.plan.terms, slowest)

    def _pointer(self, factor: Factor, values: Values, batch: Int, box: Int, bounds: tuple[Int, Int]) -> str:
        """Where the microkernel finds a box."""
        frame, function = self.frame, self.frame.function
        copy = self.copies[factor.number]
        if factor.panel is not None:
            number = function.sub(box, bounds[0])
            if factor.shared:
                number = function.add(function.mul(batch, factor.box.count), box)
            return function.pointer(copy, function.mul(number, factor.panel.size), frame.element)
        if factor.stage is not None:
            origin = {} if factor.shared else factor.groups.origin(function, bounds[0])
            here = {loop: value for loop, value in values.items() if loop not in self.plan.terms}
            return function.pointer(copy, relative(function, factor.stage, here, origin), frame.element)
        place = numerator(function, factor.read.address, {**dict.fromkeys(self.plan.terms, 0), **values})
        return function.pointer(frame.operands[factor.number], place, memory_element(frame.dtypes[factor.number]))

    def _prepare_shared(self) -> None:
        """Packs or copies what is made ready once, by all threads."""
        frame, function, plan = self.frame, self.frame.function, self.plan
        shared = [factor for factor in (plan.lanes, plan.rows) if factor.shared]
        for factor in shared:
            if factor.stage is not None:
                bounds = frame.share(factor.stage.axes[0].size)
                origin = dict.fromkeys((*plan.batch, *factor.box.loops, *plan.terms), 0)
                target = self.copies[factor.number]
                emit_stage(frame, factor.read, factor.stage, factor.number, target, origin, bounds)
                continue
            assert factor.panel is not None
            self._pack_shared(factor)
        if shared:
            barrier(frame.module)
            function.call("rushlight_barrier", "void", [("ptr", frame.argument(BARRIER)), ("i64", "%threads")])

    def _pack_shared(self, factor: Factor) -> None:
        """Packs this thread's share of a factor's panels: small groups, so that all threads have some."""
        frame, function, panel = self.frame, self.frame.function, factor.panel
        assert panel is not None
        groups = groups_within(factor.box, max(1, factor.box.count // TASKS))
        low, high = frame.share(self.batches * groups.count)
        with function.loop(low, high) as turn:
            batch, group = digits(function, turn.index, [self.batches, groups.count])
            bounds = groups.bounds(function, group)
            number = function.mul(function.add(function.mul(batch, factor.box.count), bounds[0]), panel.size)
            target = function.pointer(self.copies[factor.number], number, frame.element)
            self._pack(factor, bounds, target, self._batch_values(batch))

    def _microkernel(self) -> Microkernel | MatrixMicrokernel:
        plan, extents = self.plan, self.plan.summation.extents
        rows, lanes = plan.rows, plan.lanes
        if rows.panel is None:
            row_offsets = tuple(offset(rows.address, point) for point in rows.box.points())
        else:
            row_offsets = tuple(range(rows.box.size))
        count = self.width
        if plan.dot is not None:
            lane_offsets = tuple(offset(lanes.address, point) for point in lanes.box.points())
        elif lanes.panel is None:
            lane_offsets = tuple(offset(lanes.address, chunk.first) for chunk in lanes.chunks)
            if lanes.stage is None:
                count = lanes.chunks[0].count
        else:
            lane_offsets = tuple(index * self.width for index in range(len(lanes.chunks)))
        steps, turns = [], []
        skips = rows.skips.keys() | lanes.skips.keys()
        if rows.panel is not None and lanes.panel is not None and not skips:
            steps = [Step(plan.summation.depth, rows.panel.pitch, lanes.panel.pitch)]
        else:
            left = plan.summation.depth
            pitches = {}
            for loop in plan.outer_terms:
                left //= extents[loop]
                row = rows.panel.pitch * left if rows.panel else rows.address.coefficient(loop)
                lane = lanes.panel.pitch * left if lanes.panel else lanes.address.coefficient(loop)
                pitches[loop] = row, lane
                if rows.unrolled is None or loop not in rows.unrolled.terms:
                    steps.append(Step(extents[loop], row, lane, loop if loop in skips else None))
            for at, counting in rows.unrolled.turns if rows.unrolled else ():
                row = sum(pitches[loop][0] * turn for loop, turn in at.items())
                lane = sum(pitches[loop][1] * turn for loop, turn in at.items())
                turns.append(Turn(row, lane, counting))
            if (
                not turns
                and plan.dot is None
                and len(steps) > 1
                and steps[-1].term is None
                and steps[-1].turns <= SHORT
            ):
                last = steps.pop()
                everything = tuple(range(rows.box.size))
                turns = [Turn(last.row * turn, last.lane * turn, everything) for turn in range(last.turns)]
        return Microkernel(
            f"{self.name}_tile",
            self.frame.element,
            self.width,
            row_offsets,
            lane_offsets,
            count,
            tuple(steps) or (Step(1, 0, 0),),
            extents[plan.dot] if plan.dot is not None else 0,
            self.frame.machine.fma,
            tuple(turns),
            self.frame.machine.registers,
        )

    # ---- storing ----

    def _add_up(self) -> None:
        """Makes a tile of the vectors of partial sums, where there are such."""
        function, element, plan = self.frame.function, self.frame.element, self.plan
        if plan.dot is None:
            return
        type, columns, pitch = vector(element, self.width), plan.lanes.box.size, len(plan.lanes.chunks) * self.width
        with function.loop(0, plan.rows.box.size) as row, function.loop(0, columns) as column:
            number = function.add(function.mul(row.index, columns), column.index)
            place = function.pointer(self.sums, function.mul(number, self.width), element)
            value = function.load(type, place, self.frame.size)
            arguments = [(element, constant(element, -0.0)), (type, value)]
            total = function.call(f"llvm.vector.reduce.fadd.{suffix(type)}", element, arguments, "reassoc")
            spot = function.add(function.mul(row.index, pitch), column.index)
            function.store(element, total, function.pointer(self.tile, spot, element), self.frame.size)

    def _places(self) -> list[Axis]:
        """The output's addresses inside a tile."""
        own = {loop: loop for loop in (*self.plan.rows.box.loops, *self.plan.lanes.box.loops)}
        return [Axis(axis.rename(own).terms) for axis in self.plan.summation.places]

    def _store(self, values: Values, tile: str) -> None:
        """Calls what stores a tile, with the places of the tile's origin."""
        frame = self.frame
        function = frame.function
        arguments = [("ptr", tile)]
        for loop, (extent, size, count) in self._overlaps.items():
            last = function.compare("eq", values[loop], extent - size)
            arguments.append(("i64", function.choose(last, "i64", size * count - extent, 0)))
        elements = frame.epilogue.elements()
        for axis, base, element in zip(self.plan.summation.places, frame.bases, elements, strict=True):
            place = numerator(frame.function, axis, values)
            if element:
                arguments.append(("ptr", frame.function.pointer(base, place, element)))
            else:
                arguments.append(("i64", str(place)))
        frame.function.call(f"{self.name}_store", "void", arguments)

    def _write_store(self) -> None:
        """The function that stores a tile: line by line, a line being one row's lanes, or one lane's rows."""
        frame, plan = self.frame, self.plan
        parameters = [("ptr", "tile"), *(("i64", f"stored{loop}") for loop in self._overlaps)]
        parameters += [("ptr" if e else "i64", f"place{i}") for i, e in enumerate(frame.epilogue.elements())]
        outer, frame.function = frame.function, Function(frame.module, f"{self.name}_store", parameters)
        if self.turned:
            rows = chunks_of(plan.rows.box, self.width)
            tile = self._turn_tile(len(rows))
            box = plan.lanes.box
            with frame.function.loop(0, box.size) as turn:
                at = dict(zip(box.loops, digits(frame.function, turn.index, box.sizes), strict=True))
                self._store_line(tile, at, turn.index, rows)
        else:
            box = plan.rows.box
            with frame.function.loop(0, box.size) as turn:
                at = dict(zip(box.loops, digits(frame.function, turn.index, box.sizes), strict=True))
                self._store_line("%tile", at, turn.index, plan.lanes.chunks)
        frame.function.end()
        frame.function = outer

    @cached_property
    def _once(self) -> bool:
        """Whether no element is stored twice, so that a result may lie where an array lay that the epilogue reads at the same place.

        Where there is none such, it does no harm, and is simpler.
        """
        return any(extra.shape == self.frame.kernel.spec.output_shape for extra in self.frame.kernel.extras)

    @cached_property
    def _overlaps(self) -> dict[int, tuple[int, int, int]]:
        """Of loops whose last box reaches back into the one before: extent, size and count of the boxes."""
        if not self._once:
            return {}
        return {
            loop: (extent, size, count)
            for box in (self.plan.rows.box, self.plan.lanes.box)
            for loop, extent, size, count in zip(box.loops, box.extents, box.sizes, box.counts, strict=True)
            if size * count != extent
        }

    def _store_line(self, tile: str, at: dict[int, Int], number: Int, chunks: tuple[Chunk, ...]) -> None:
        """A line of a tile, but for what the tile before has stored along loops where the two overlap."""
        function = self.frame.function
        conditions = [function.compare("sge", at[loop], f"%stored{loop}") for loop in self._overlaps if loop in at]
        if not conditions:
            self._store_chunks(tile, at, number, chunks)
            return
        with function.when(reduce(lambda a, b: function.emit(f"and i1 {a}, {b}"), conditions)):
            self._store_chunks(tile, at, number, chunks)

    def _mask(self, chunk: Chunk, seen: set[tuple[tuple[int, int], ...]]) -> str | None:
        """Which lanes of a vector are stored: those that count, and that neither the vectors nor the tile before have stored."""
        function, width = self.frame.function, self.width
        points = [
            tuple(sorted((loop, first + chunk.lanes.steps[loop][lane] if loop in chunk.lanes.steps else first)
                         for loop, first in chunk.first.items()))
            for lane in range(width)
        ]  # fmt: skip
        known = seen if self._once else set()
        counting = [lane < chunk.count and point not in known for lane, point in enumerate(points)]
        seen.update(points[: chunk.count])
        mask = None if all(counting) else lanes(vector("i1", width), counting)
        type = vector("i64", width)
        for loop in self._overlaps:
            if loop in chunk.first:
                places = lanes(type, [dict(point)[loop] for point in points])
                stored = function.splat(type, f"%stored{loop}")
                mask = both(function, mask, function.emit(f"icmp sge {type} {places}, {stored}"), width)
        return mask

    def _store_chunks(self, tile: str, at: dict[int, Int], number: Int, chunks: tuple[Chunk, ...]) -> None:
        frame, function = self.frame, self.frame.function
        type = vector(frame.element, self.width)
        own = (*self.plan.rows.box.loops, *self.plan.lanes.box.loops)
        seen: set[tuple[tuple[int, int], ...]] = set()
        for index, chunk in enumerate(chunks):
            place = function.add(function.mul(number, len(chunks) * self.width), index * self.width)
            total = function.load(type, function.pointer(tile, place, frame.element), frame.size)
            mask = self._mask(chunk, seen)
            values = {loop: function.add(chunk.first.get(loop, 0), at.get(loop, 0)) for loop in own}
            lanes = Lanes(self.width, chunk.lanes.steps, mask)
            bases = [f"%place{i}" for i in range(len(self.plan.summation.places))]
            frame.epilogue.emit(function, total, self._places(), bases, values, lanes)

    def _turn_tile(self, rows: int) -> str:
        """The tile with a line for each point of the box of lanes."""
        function, plan, frame = self.frame.function, self.plan, self.frame
        lanes, box = plan.lanes.chunks, plan.lanes.box
        pitch, step = len(lanes) * self.width, rows * self.width
        target = function.stack(frame.element, (box.size + self.width) * step)  # whole blocks are written
        numbers = {tuple(point.items()): number for number, point in enumerate(box.points())}
        for index, chunk in enumerate(lanes):
            start = numbers[tuple((loop, chunk.first[loop]) for loop in box.loops)]
            for block in range(rows):
                source = function.pointer("%tile", block * self.width * pitch + index * self.width, frame.element)
                place = function.pointer(target, start * step + block * self.width, frame.element)
                turn_strip(frame, source, pitch, place, step, self.width, self.width, self.frame.kind)
        return target


def whole_lines(count: int) -> int:
    """Bytes rounded up to lines of the cache."""
    return -(-count // LINE) * LINE
