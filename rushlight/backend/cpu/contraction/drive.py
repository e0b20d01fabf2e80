"""The loops round a microkernel: packing, the share of each thread, storing tiles."""

from __future__ import annotations

from math import prod

from ....ir.affine import Axis
from ..assembly import Function, Int, first_lanes, vector
from ..generated import BARRIER
from ..team import barrier
from ..values import memory_element, register_element
from .box import offset
from .frame import Frame, digits
from .lanes import Lanes, numerator
from .microkernel import Microkernel, Step
from .packing import Chunk, element_size, pack, turn_strip
from .product import Factor, Product, stores_turned

LINE = 64  # bytes


class Driver:
    """Writes one product into a kernel."""

    def __init__(self, frame: Frame, plan: Product, name: str) -> None:
        self.frame = frame
        self.plan = plan
        self.name = name
        self.element = register_element(frame.dtype)
        self.size = element_size(frame.dtype)
        self.width = frame.machine.width(self.size)
        self.turned = stores_turned(plan.summation.places[0], plan.rows, plan.lanes)

    # ---- scratch ----

    @property
    def batches(self) -> int:
        return prod(self.plan.summation.extents[loop] for loop in self.plan.batch)

    @property
    def shared(self) -> int:
        """Bytes of scratch for all threads."""
        panel, lanes = self.plan.lanes.panel, self.plan.lanes
        return self.batches * lanes.box.count * panel.size * self.size if panel and self.plan.shared else 0

    @property
    def private(self) -> int:
        """Bytes of scratch for each thread."""
        rows, lanes = self.plan.rows.panel, self.plan.lanes.panel
        own = self.plan.group * lanes.size if lanes and not self.plan.shared else 0
        return _whole_lines((own + (rows.size if rows else 0)) * self.size)

    # ---- the loops ----

    def emit(self, shared: str, private: str) -> None:
        """Adds the product to the kernel's function."""
        function, plan = self.frame.function, self.plan
        self.microkernel = self._microkernel()
        self.microkernel.write(self.frame.module)
        self._write_store()
        lines = -(-plan.rows.box.size // self.width) * self.width  # whole blocks, for turning them
        self.tile = function.stack(self.element, lines * len(plan.lanes.chunks) * self.width)
        lanes = plan.lanes.panel
        self.row_panel = private
        if lanes is not None and not plan.shared:
            self.row_panel = function.pointer(private, plan.group * lanes.size, self.element)
        self.lane_panels = shared if plan.shared else private
        if plan.shared:
            self._pack_shared()
        groups = -(-plan.lanes.box.count // plan.group)
        count = plan.rows.box.count
        low, high = self.frame.share(self.batches * groups * count)
        with function.loop(low, high, carried=[("i64", "-1")]) as turn:
            *_, row_box = digits(function, turn.index, [self.batches * groups, count])
            here = function.div(turn.index, count)
            place = digits(function, here, [self.batches, groups])
            values = self._batch_values(place[0])
            if lanes is not None and not plan.shared:
                with function.when(function.compare("ne", here, turn.carried[0])):
                    self._pack_group(values, place[1])
            turn.next = [str(here)] if isinstance(here, str) else [f"{here}"]
            values |= plan.rows.box.origin(function, row_box)
            row = self._row_pointer(values)
            self._go_through_group(values, row, place)

    def _batch_values(self, number: Int) -> dict[int, Int]:
        extents = [self.plan.summation.extents[loop] for loop in self.plan.batch]
        return dict(zip(self.plan.batch, digits(self.frame.function, number, extents), strict=True))

    def _group_bounds(self, group: Int) -> tuple[Int, Int]:
        """The boxes of lanes in a group."""
        function, plan = self.frame.function, self.plan
        low = function.mul(group, plan.group)
        high = function.add(low, plan.group)
        if plan.lanes.box.count % plan.group:
            high = function.least(high, plan.lanes.box.count)
        return low, high

    def _go_through_group(self, values: dict[int, Int], row: str, place: list[Int]) -> None:
        """All tiles of one box of rows with a group's boxes of lanes."""
        function, plan = self.frame.function, self.plan
        low, high = self._group_bounds(place[1])
        with function.loop(low, high) as turn:
            here = values | plan.lanes.box.origin(function, turn.index)
            lane = self._lane_pointer(here, place[0], turn.index, low)
            outermost = self.microkernel.steps[0].turns
            arguments = [("ptr", row), ("ptr", lane), ("ptr", self.tile), ("i64", str(outermost)), ("i1", "true")]
            function.call(self.microkernel.name, "void", arguments)
            self._store(here)

    # ---- the factors ----

    def _row_pointer(self, values: dict[int, Int]) -> str:
        """Where the microkernel finds a box of rows; packs it if need be."""
        frame, plan = self.frame, self.plan
        factor = plan.rows
        base = frame.operands[factor.number]
        if factor.panel is None:
            return self._direct(factor, values)
        pack(frame, plan.summation, factor.read, base, factor.panel, self.row_panel, values, plan.terms)
        return self.row_panel

    def _direct(self, factor: Factor, values: dict[int, Int]) -> str:
        frame = self.frame
        here = values | dict.fromkeys(self.plan.terms, 0)
        place = numerator(frame.function, factor.read.address, here)
        return frame.function.pointer(frame.operands[factor.number], place, memory_element(frame.dtype))

    def _lane_pointer(self, values: dict[int, Int], batch: Int, box: Int, low: Int) -> str:
        function, plan = self.frame.function, self.plan
        panel = plan.lanes.panel
        if panel is None:
            return self._direct(plan.lanes, values)
        if plan.shared:
            number = function.add(function.mul(batch, plan.lanes.box.count), box)
        else:
            number = function.sub(box, low)
        return function.pointer(self.lane_panels, function.mul(number, panel.size), self.element)

    def _pack_lane_box(self, values: dict[int, Int], box: Int, target: str) -> None:
        frame, plan = self.frame, self.plan
        factor = plan.lanes
        assert factor.panel is not None
        here = values | factor.box.origin(frame.function, box)
        base = frame.operands[factor.number]
        pack(frame, plan.summation, factor.read, base, factor.panel, target, here, plan.terms)

    def _pack_group(self, values: dict[int, Int], group: Int) -> None:
        """A thread's own panels of a group."""
        function, plan = self.frame.function, self.plan
        assert plan.lanes.panel is not None
        low, high = self._group_bounds(group)
        with function.loop(low, high) as turn:
            number = function.sub(turn.index, low)
            target = function.pointer(self.lane_panels, function.mul(number, plan.lanes.panel.size), self.element)
            self._pack_lane_box(values, turn.index, target)

    def _pack_shared(self) -> None:
        """All panels, by all threads."""
        frame, function, plan = self.frame, self.frame.function, self.plan
        assert plan.lanes.panel is not None
        count = plan.lanes.box.count
        low, high = frame.share(self.batches * count)
        with function.loop(low, high) as turn:
            batch, box = digits(function, turn.index, [self.batches, count])
            target = function.pointer(self.lane_panels, function.mul(turn.index, plan.lanes.panel.size), self.element)
            self._pack_lane_box(self._batch_values(batch), box, target)
        barrier(frame.module)
        function.call("rushlight_barrier", "void", [("ptr", frame.argument(BARRIER)), ("i64", "%threads")])

    def _microkernel(self) -> Microkernel:
        plan, extents = self.plan, self.plan.summation.extents
        rows, lanes = plan.rows, plan.lanes
        if rows.panel is None:
            row_offsets = tuple(offset(rows.read.address, point) for point in rows.box.points())
        else:
            row_offsets = tuple(range(rows.box.size))
        if lanes.panel is None:
            lane_offsets = tuple(offset(lanes.read.address, chunk.first) for chunk in lanes.chunks)
            count = lanes.chunks[0].count
        else:
            lane_offsets = tuple(index * self.width for index in range(len(lanes.chunks)))
            count = self.width
        steps = []
        if rows.panel is not None and lanes.panel is not None:
            steps = [Step(plan.summation.depth, rows.panel.pitch, lanes.panel.pitch)]
        else:
            left = plan.summation.depth
            for loop in plan.terms:
                left //= extents[loop]
                row = rows.panel.pitch * left if rows.panel else rows.read.address.coefficient(loop)
                lane = lanes.panel.pitch * left if lanes.panel else lanes.read.address.coefficient(loop)
                steps.append(Step(extents[loop], row, lane))
        name = f"{self.name}_tile"
        return Microkernel(
            name, self.element, self.width, row_offsets, lane_offsets, count, tuple(steps), self.frame.machine.fma
        )

    # ---- storing ----

    def _places(self) -> list[Axis]:
        """The output's addresses inside a tile."""
        own = {loop: loop for loop in (*self.plan.rows.box.loops, *self.plan.lanes.box.loops)}
        return [Axis(axis.rename(own).terms) for axis in self.plan.summation.places]

    def _store(self, values: dict[int, Int]) -> None:
        """Calls what stores a tile, with the places of the tile's origin."""
        frame = self.frame
        arguments = [("ptr", self.tile)]
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
        parameters = [("ptr", "tile")]
        parameters += [("ptr" if e else "i64", f"place{i}") for i, e in enumerate(frame.epilogue.elements())]
        outer, frame.function = frame.function, Function(frame.module, f"{self.name}_store", parameters)
        lanes = tuple(chunk for chunk in plan.lanes.chunks)
        rows = tuple(
            Chunk(start, one, min(self.width, plan.rows.box.size - index * self.width))
            for index, (start, one) in enumerate(plan.rows.box.chunks(self.width))
        )
        if self.turned:
            tile = self._turn_tile(len(rows), lanes)
            lane = plan.lanes.box.loops[-1]
            size = plan.lanes.box.sizes[-1]
            with frame.function.loop(0, size) as turn:
                self._store_line(tile, {lane: turn.index}, turn.index, rows)
        else:
            sizes = plan.rows.box.sizes
            with frame.function.loop(0, prod(sizes)) as turn:
                at = dict(zip(plan.rows.box.loops, digits(frame.function, turn.index, sizes), strict=True))
                self._store_line("%tile", at, turn.index, lanes)
        frame.function.end()
        frame.function = outer

    def _store_line(self, tile: str, at: dict[int, Int], number: Int, chunks: tuple[Chunk, ...]) -> None:
        frame, function = self.frame, self.frame.function
        type = vector(self.element, self.width)
        own = dict.fromkeys((*self.plan.rows.box.loops, *self.plan.lanes.box.loops), 0)
        for index, chunk in enumerate(chunks):
            place = function.add(function.mul(number, len(chunks) * self.width), index * self.width)
            total = function.load(type, function.pointer(tile, place, self.element), self.size)
            mask = None if chunk.count == self.width else first_lanes(chunk.count, self.width)
            values = {loop: function.add(own[loop] + chunk.first.get(loop, 0), at.get(loop, 0)) for loop in own}
            lanes = Lanes(self.width, chunk.lanes.steps, mask)
            pointers = [f"%place{i}" for i in range(len(self.plan.summation.places))]
            frame.epilogue.emit(function, total, self._places(), pointers, values, lanes)

    def _turn_tile(self, rows: int, lanes: tuple[Chunk, ...]) -> str:
        """The tile with a line for each lane."""
        function, plan = self.frame.function, self.plan
        pitch = len(lanes) * self.width
        target = function.stack(self.element, plan.lanes.box.sizes[-1] * rows * self.width + self.width * self.width)
        for index in range(len(lanes)):
            for block in range(rows):
                source = function.pointer("%tile", block * self.width * pitch + index * self.width, self.element)
                step = rows * self.width
                start = lanes[index].first.get(plan.lanes.box.loops[-1], 0)
                place = function.pointer(target, start * step + block * self.width, self.element)
                turn_strip(self.frame, source, pitch, place, step, self.width, self.width)
        return target


def _whole_lines(count: int) -> int:
    return -(-count // LINE) * LINE
