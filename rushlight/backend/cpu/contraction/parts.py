"""Long sums cut into parts, each with sums of its own, which are added in the end.

For the gradient of a weight, which has few elements and sums over all images: a part is some images, brought into the cache once for
all tiles. Into how many parts depends on the shapes alone, and they are added in order, so the result is the same for any number of
threads.
"""

from __future__ import annotations

from ..assembly import Int, constant, vector
from ..generated import BARRIER
from ..team import barrier
from .drive import Driver, whole_lines
from .frame import digits


class PartsDriver(Driver):
    """Writes one product whose terms are cut into parts."""

    @property
    def tiles(self) -> int:
        return self.plan.rows.box.count * self.plan.lanes.box.count

    @property
    def shared(self) -> int:
        """Bytes of scratch for the sums of all parts."""
        return whole_lines(self.plan.parts * self.tiles * self.size_of_sums * self.frame.size)

    def emit(self, shared: str, private: str) -> None:
        """Adds the product to the kernel's function."""
        frame, function, plan = self.frame, self.frame.function, self.plan
        self._begin()
        self._lay_out(shared, private)
        low, high = frame.share(plan.parts)
        extent = plan.summation.extents[plan.terms[0]]
        with function.loop(low, high) as part:
            start = function.div(function.mul(part.index, extent), plan.parts)
            stop = function.div(function.mul(function.add(part.index, 1), extent), plan.parts)
            place = function.mul(part.index, self.tiles * self.size_of_sums)
            sums = function.pointer(shared, place, frame.element)
            with function.loop(start, stop, plan.stretch) as block:
                first = function.compare("eq", block.index, start)
                end = function.least(function.add(block.index, plan.stretch), stop)
                self._multiply_block((block.index, end), sums, first)
        barrier(frame.module)
        function.call("rushlight_barrier", "void", [("ptr", frame.argument(BARRIER)), ("i64", "%threads")])
        self._add_parts(shared)

    def _multiply_block(self, slowest: tuple[Int, Int], sums: str, first: str) -> None:
        """Adds the terms of some turns of the slowest loop to all tiles."""
        frame, function, plan = self.frame, self.frame.function, self.plan
        row_bounds, lane_bounds = (0, plan.rows.box.count), (0, plan.lanes.box.count)
        for factor, bounds in ((plan.lanes, lane_bounds), (plan.rows, row_bounds)):
            if factor.prepared:
                self._prepare(factor, bounds, {}, slowest)
        step = self.microkernel.steps[0]
        turns = function.mul(function.sub(slowest[1], slowest[0]), step.turns // plan.summation.extents[plan.terms[0]])
        with function.loop(*lane_bounds) as over_lanes:
            # What is not copied is read from where the block begins.
            lane_values = {plan.terms[0]: slowest[0], **plan.lanes.box.origin(function, over_lanes.index)}
            lane = self._pointer(plan.lanes, lane_values, 0, over_lanes.index, lane_bounds)
            with function.loop(*row_bounds) as over_rows:
                here = lane_values | plan.rows.box.origin(function, over_rows.index)
                row = self._pointer(plan.rows, here, 0, over_rows.index, row_bounds)
                number = function.add(function.mul(over_lanes.index, plan.rows.box.count), over_rows.index)
                tile = function.pointer(sums, function.mul(number, self.size_of_sums), frame.element)
                self._multiply(row, lane, here, tile, first, turns)

    def _add_parts(self, shared: str) -> None:
        """Adds the parts of each tile, in order, and stores it."""
        frame, function, plan = self.frame, self.frame.function, self.plan
        type = vector(frame.element, self.width)
        low, high = frame.share(self.tiles)
        with function.loop(low, high) as turn:
            lane_box, row_box = digits(function, turn.index, [plan.lanes.box.count, plan.rows.box.count])
            values = plan.lanes.box.origin(function, lane_box) | plan.rows.box.origin(function, row_box)
            self.prefetching.emit(values)
            tile = function.pointer(shared, function.mul(turn.index, self.size_of_sums), frame.element)
            with function.loop(0, self.size_of_sums, self.width) as place:
                spot = function.pointer(tile, place.index, frame.element)
                with function.loop(0, plan.parts, carried=[(type, constant(type, 0))]) as part:
                    step = function.mul(part.index, self.tiles * self.size_of_sums)
                    value = function.load(type, function.pointer(spot, step, frame.element), frame.size)
                    part.next = [function.binary("fadd", type, part.carried[0], value)]
                target = function.pointer(self.sums, place.index, frame.element)
                function.store(type, part.results[0], target, frame.size)
            self._add_up()
            self._store(values, self.tile)
