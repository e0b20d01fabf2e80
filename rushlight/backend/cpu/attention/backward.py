"""Attention backward: the weights are computed again from the scores and the logarithms of their sums.

With the weights P = exp(scores - sums) and the scores' cotangents dS = P·(g·vᵀ - t), a panel of keys for a group of queries adds Pᵀ·g to
the values' gradient and dSᵀ·q to the keys'; when a block of panels has gone by, dS·k is added to the queries' (Dao et al.,
"FlashAttention", 2022; Dao, "FlashAttention-2", 2023). A thread takes whole heads, so that nobody else adds to its sums.
"""

from __future__ import annotations

from ....kernel.attention import Attention
from ...machine import Machine
from ..assembly import Function, Int, constant
from ..contraction.microkernel import Step
from ..generated import Generated
from .division import Columns, Division, Tiles, tallest
from .layer import Layer


def generate_backward(kernel: Attention, machine: Machine) -> Generated:
    """The kernel of the gradients of queries, keys and values."""
    return _Backward(kernel, machine).write()


def _rooms(division: Division) -> dict[str, int]:
    rows, all_rows = division.group_rows, division.tiles.count
    return {
        "q": all_rows * division.q.pitch,
        "g": all_rows * division.v.pitch,
        "k": division.padded * division.q.pitch,
        "keys": division.padded * division.q.extent,
        "values": division.padded * division.v.extent,
        "to_q": rows * division.q.pitch,
        "to_k": division.padded * division.q.pitch,
        "to_v": division.padded * division.v.pitch,
        "weights": rows * division.lanes,
        "slopes": division.block * rows * division.lanes,
    }


class _Backward:
    """Writes one kernel. *Slopes* are the cotangents of the scores."""

    def __init__(self, kernel: Attention, machine: Machine) -> None:
        assert kernel.back is not None
        self.kernel = kernel
        self.machine = machine
        self.g, self.logarithms, self.through = kernel.back
        self.layer = Layer(kernel, machine, _rooms)
        self.division = self.layer.division
        self.function = self.layer.function
        self.key_tiles = Tiles.of(self.division.lanes, tallest(machine, 2))
        self.slopes = self._write_slopes()

    def write(self) -> Generated:
        layer, function, division = self.layer, self.function, self.division
        low, high = layer.frame.share(self.kernel.heads)
        with function.loop(low, high) as turn:
            q, k, v, *given, _, g, logarithms, through = layer.heads(turn.index)
            self._pack(q, k, v, g)
            with function.loop(0, division.groups) as group:
                first = function.mul(group.index, division.group)
                self._group(turn.index, first, [logarithms, through, *given])
            self._finish_keys(turn.index)
        return layer.generated()

    def _pack(self, q: str, k: str, v: str, g: str) -> None:
        layer, kernel, division, room = self.layer, self.kernel, self.division, self.layer.room
        layer.pack_rows(kernel.q, q, kernel.length, division.q, room["q"], layer.scale)
        layer.pack_rows(self.g, g, kernel.length, division.v, room["g"])
        layer.pack_rows(kernel.k, k, kernel.source, division.q, room["k"])
        missing = division.padded - kernel.source
        if missing:
            end = self._at("k", kernel.source * division.q.pitch)
            layer.clear(end, missing * division.q.pitch)
        layer.pack_panels(kernel.k, k, room["keys"])
        layer.pack_panels(kernel.v, v, room["values"])
        layer.clear(room["to_k"], division.padded * division.q.pitch)
        layer.clear(room["to_v"], division.padded * division.v.pitch)

    def _at(self, room: str, place: Int) -> str:
        """The address of an element of scratch memory."""
        return self.function.pointer(self.layer.room[room], place, self.layer.element)

    # ---- a group of queries ----

    def _group(self, head: Int, first: Int, given: list[str]) -> None:
        layer, function, division = self.layer, self.function, self.division
        last = function.least(function.add(first, division.group), division.tiles.number)
        row, end = layer.start(first), layer.start(last)
        seen = layer.seen(function.sub(end, 1))
        with function.loop(0, seen, division.block) as block:
            stop = function.least(function.add(block.index, division.block), seen)
            with function.loop(block.index, stop) as panel:
                place = function.mul(function.sub(panel.index, block.index), division.group_rows * division.lanes)
                slopes = self._at("slopes", place)
                with function.loop(first, last) as tile:
                    layer.by_height(
                        tile.index, lambda height: self._tile(height, tile.index, row, panel.index, slopes, given)
                    )
                self._to_keys(panel.index, row, end, slopes)
            with function.loop(first, last) as tile:
                layer.by_height(tile.index, lambda height: self._to_queries(height, tile.index, row, block.index, stop))
        with function.loop(first, last) as tile:
            layer.by_height(tile.index, lambda height: self._finish_queries(height, head, tile.index, row))

    def _tile(self, height: int, tile: Int, group_row: Int, panel: Int, slopes: str, given: list[str]) -> None:
        """Weights and slopes of one tile and one panel."""
        layer, function, division = self.layer, self.function, self.division
        row, key = layer.start(tile), function.mul(panel, division.lanes)
        seen = function.compare("sge", function.add(row, height - 1), key) if self.kernel.causal else "true"
        with function.when(seen):
            own = function.mul(function.sub(row, group_row), division.lanes)
            weights, slopes = self._at("weights", own), function.pointer(slopes, own, layer.element)
            for rows, lanes, columns, target in (
                ("q", "keys", division.q, weights),
                ("g", "values", division.v, slopes),
            ):
                product = layer.product(
                    [place * columns.pitch for place in range(height)],
                    division.vectors,
                    (Step(columns.extent, 1, division.lanes),),
                )
                source = self._at(rows, function.mul(row, columns.pitch))
                panels = self._at(lanes, function.mul(key, columns.extent))
                product(source, panels, target, "true", columns.extent)
            arguments = [("ptr", weights), ("ptr", slopes)]
            for pointer, buffer in zip(given, (self.logarithms, self.through), strict=False):
                place = function.mul(row, buffer.strides[-1])
                arguments.append(("ptr", function.pointer(pointer, place, layer.element)))
            arguments += [("i64", str(row)), ("i64", str(key)), ("i64", str(height))]
            if self.kernel.mask is not None:
                arguments.append(("ptr", layer.mask_at(function, given[-1], row, key)))
            function.call(self.slopes, "void", arguments)

    def _write_slopes(self) -> str:
        """Writes the step from scores to weights, and from the weights' cotangents to the scores'."""
        layer, division = self.layer, self.division
        name = f"{layer.name}_slopes"
        parameters = [("ptr", name) for name in ("weights", "slopes", "sums", "through")]
        parameters += [("i64", name) for name in ("row", "key", "height")]
        parameters += [("ptr", "mask")] if self.kernel.mask is not None else []
        function = Function(layer.module, name, parameters)
        with function.loop(0, "%height") as row:
            shifts = [
                function.splat(layer.type, self._number(function, pointer, buffer.strides[-1], row.index))
                for pointer, buffer in (("%sums", self.logarithms), ("%through", self.through))
            ]
            reach = layer.reach(function, function.add("%row", row.index), "%key")
            for number in range(division.vectors):
                lane = number * division.width
                place = function.add(function.mul(row.index, division.lanes), lane)
                self._vector(function, place, row.index, lane, reach, shifts)
        function.end()
        return name

    def _number(self, function: Function, pointer: str, step: int, row: Int) -> str:
        layer = self.layer
        return function.load(
            layer.element, function.pointer(pointer, function.mul(row, step), layer.element), layer.size
        )

    def _vector(self, function: Function, place: Int, row: Int, lane: int, reach: Int, shifts: list[str]) -> None:
        layer, type, size = self.layer, self.layer.type, self.layer.size
        weights = function.pointer("%weights", place, layer.element)
        slopes = function.pointer("%slopes", place, layer.element)
        scores = function.load(type, weights, size)
        if self.kernel.mask is not None:
            scores = layer.masked(function, scores, "%mask", row, "%key", lane)
        weight = layer.exponential(function, function.binary("fsub", type, scores, shifts[0]), layer.width)
        slope = function.binary("fsub", type, function.load(type, slopes, size), shifts[1])
        slope = function.binary("fmul", type, slope, weight)
        if layer.bounded:
            inside, zero = layer.within(function, reach, lane), constant(type, 0)
            weight, slope = (function.select(type, inside, value, zero) for value in (weight, slope))
        function.store(type, weight, weights, size)
        function.store(type, slope, slopes, size)

    # ---- sums ----

    def _to_keys(self, panel: Int, group_row: Int, end: Int, slopes: str) -> None:
        """Adds what a panel's keys and values have of a group's rows; of those from the panel's first key on, if it is causal."""
        layer, function, division = self.layer, self.function, self.division
        key = function.mul(panel, division.lanes)
        row = function.greatest(group_row, key) if self.kernel.causal else group_row
        skipped = function.mul(function.sub(row, group_row), division.lanes)
        weights = self._at("weights", skipped)
        slopes = function.pointer(slopes, skipped, layer.element)
        turns = function.sub(end, row)
        for source, rows, target, columns in ((weights, "g", "to_v", division.v), (slopes, "q", "to_k", division.q)):
            matrix = self._at(rows, function.mul(row, columns.pitch))
            sums = self._at(target, function.mul(key, columns.pitch))
            for number in range(self.key_tiles.number):
                first, height = self.key_tiles.start(number), self.key_tiles.height(number)
                for column, vectors in columns.groups:
                    step = Step(division.group_rows, division.lanes, columns.pitch)
                    product = layer.product(range(height), vectors, (step,))
                    product(
                        function.pointer(source, first, layer.element),
                        function.pointer(matrix, column, layer.element),
                        function.pointer(sums, first * columns.pitch + height * column, layer.element),
                        "false",
                        turns,
                    )

    def _to_queries(self, height: int, tile: Int, group_row: Int, block: Int, stop: Int) -> None:
        """Adds what a tile's queries have of a block of panels."""
        layer, function, division = self.layer, self.function, self.division
        row, lanes, pitch = layer.start(tile), division.lanes, division.q.pitch
        seen = function.least(stop, layer.seen(function.add(row, height - 1)))
        count = function.sub(seen, block)
        own = function.sub(row, group_row)
        steps = (
            Step(division.block, division.group_rows * lanes, lanes * pitch),
            Step(lanes, 1, pitch),
        )
        with function.when(function.compare("sgt", count, 0)):
            for column, vectors in division.q.groups:
                product = layer.product([place * lanes for place in range(height)], vectors, steps)
                product(
                    self._at("slopes", function.mul(own, lanes)),
                    self._at("k", function.add(function.mul(block, lanes * pitch), column)),
                    self._at("to_q", function.add(function.mul(own, pitch), height * column)),
                    function.compare("eq", block, 0),
                    count,
                )

    # ---- results ----

    def _finish_queries(self, height: int, head: Int, tile: Int, group_row: Int) -> None:
        layer, function, columns = self.layer, self.function, self.division.q
        row = layer.start(tile)
        place = function.mul(function.add(function.mul(head, self.kernel.length), row), columns.extent)
        target = function.pointer(layer.frame.results[0], place, layer.element)
        sums = self._at("to_q", function.mul(function.sub(row, group_row), columns.pitch))
        layer.write_out(sums, height, height, columns, target, lambda row: layer.scale)

    def _finish_keys(self, head: Int) -> None:
        layer, function, division = self.layer, self.function, self.division
        with function.loop(0, division.panels) as panel:
            key = function.mul(panel.index, division.lanes)
            for result, (room, columns) in enumerate((("to_k", division.q), ("to_v", division.v)), 1):
                for number in range(self.key_tiles.number):
                    self._finish_key_tile(head, key, number, layer.frame.results[result], room, columns)

    def _finish_key_tile(self, head: Int, key: Int, number: int, result: str, room: str, columns: Columns) -> None:
        layer, function, source = self.layer, self.function, self.kernel.source
        height = self.key_tiles.height(number)
        key = function.add(key, self.key_tiles.start(number))
        rows = function.least(height, function.sub(source, key))
        place = function.mul(function.add(function.mul(head, source), key), columns.extent)
        target = function.pointer(result, place, layer.element)
        layer.write_out(self._at(room, function.mul(key, columns.pitch)), height, rows, columns, target, None)
