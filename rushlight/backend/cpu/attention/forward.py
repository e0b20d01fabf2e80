"""Attention forward: blocks of keys go by, and each row keeps its greatest score, the sum of its exponentials and its result so far.

When a greater score comes, what was summed is scaled down (Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018;
Dao et al., "FlashAttention", 2022; Dao, "FlashAttention-2", 2023). A thread takes groups of queries of one head after the other; keys and
values are packed once for each head.
"""

from __future__ import annotations

from ....kernel.attention import Attention
from ...machine import Machine
from ..arithmetic import apply
from ..assembly import Function, Int, constant, first_lanes
from ..contraction.microkernel import Step
from ..generated import Generated
from ..values import Value, store
from .division import Division
from .layer import Layer, across


def generate_forward(kernel: Attention, machine: Machine) -> Generated:
    """The kernel of the result and the logarithms of the sums."""
    return _Forward(kernel, machine).write()


def _rooms(division: Division) -> dict[str, int]:
    rows = division.group_rows
    return {
        "q": rows * division.q.pitch,
        "keys": division.padded * division.q.extent,
        "values": division.padded * division.v.pitch,
        "scores": division.block * division.tiles.most * division.lanes,
        "sums": rows * division.v.pitch,
        "top": rows + division.width,  # they are read by whole vectors
        "total": rows * division.width,
        "whole": division.tiles.most + division.width,
    }


class _Forward:
    """Writes one kernel."""

    def __init__(self, kernel: Attention, machine: Machine) -> None:
        self.kernel = kernel
        self.machine = machine
        self.layer = Layer(kernel, machine, _rooms)
        self.division = self.layer.division
        self.function = self.layer.function
        self.weights = {height: self._write_weights(height) for height in self.division.tiles.heights}

    def write(self) -> Generated:
        layer, function, division = self.layer, self.function, self.division
        groups = division.groups
        low, high = layer.frame.share(self.kernel.heads * groups)
        with function.loop(low, high, carried=[("i64", "-1")]) as unit:
            head = function.div(unit.index, groups)
            q, k, v, *rest = layer.heads(head)
            with function.when(function.compare("ne", head, unit.carried[0])):
                layer.pack_panels(self.kernel.k, k, layer.room["keys"])
                layer.pack_rows(self.kernel.v, v, self.kernel.source, division.v, layer.room["values"])
                self._fill_values()
            unit.next = [str(head)]
            first = function.mul(function.rem(unit.index, groups), division.group)
            self._group(head, first, q, rest[0])
        return layer.generated()

    def _fill_values(self) -> None:
        """Weights of keys that fill the last panel are 0; so must be their values, lest they be infinite."""
        division, missing = self.division, self.division.padded - self.kernel.source
        if missing:
            end = self.function.pointer(
                self.layer.room["values"], self.kernel.source * division.v.pitch, self.layer.element
            )
            self.layer.clear(end, missing * division.v.pitch)

    # ---- groups, tiles ----

    def _group(self, head: Int, first: Int, q: str, mask: str) -> None:
        layer, function, division = self.layer, self.function, self.division
        last = function.least(function.add(first, division.group), division.tiles.number)
        row, end = layer.start(first), layer.start(last)
        source = function.pointer(q, function.mul(row, self.kernel.q.strides[-2]), layer.element)
        layer.pack_rows(self.kernel.q, source, function.sub(end, row), division.q, layer.room["q"], layer.scale)
        seen = layer.seen(function.sub(end, 1))
        with function.loop(0, seen, division.block) as block, function.loop(first, last) as tile:
            layer.by_height(tile.index, lambda height: self._tile(height, tile.index, row, block.index, mask))
        with function.loop(first, last) as tile:
            layer.by_height(tile.index, lambda height: self._finish(height, head, tile.index, row))

    def _tile(self, height: int, tile: Int, group_row: Int, panel: Int, mask: str) -> None:
        """One tile of queries against a block of keys."""
        layer, function, division = self.layer, self.function, self.division
        row = layer.start(tile)
        count = function.least(division.block, function.sub(layer.seen(function.add(row, height - 1)), panel))
        with function.when(function.compare("sgt", count, 0)):
            key = function.mul(panel, division.lanes)
            own = function.sub(row, group_row)
            self._scores(height, own, panel, count)
            first = function.compare("eq", panel, 0)
            arguments = [("ptr", layer.room["scores"]), *self._row_state(own)]
            arguments += [("i64", str(row)), ("i64", str(key)), ("i64", str(count))]
            if self.kernel.mask is not None:
                arguments.append(("ptr", layer.mask_at(function, mask, row, key)))
            function.call(self.weights[height], "void", arguments)
            self._products(height, own, key, count, first)

    def _row_state(self, own: Int) -> list[tuple[str, str]]:
        """The addresses of a tile's sums, greatest scores and totals."""
        function, layer, division = self.function, self.layer, self.division
        steps = (("sums", division.v.pitch), ("top", 1), ("total", division.width))
        return [
            ("ptr", function.pointer(layer.room[name], function.mul(own, step), layer.element)) for name, step in steps
        ]

    def _scores(self, height: int, own: Int, panel: Int, count: Int) -> None:
        layer, function, division = self.layer, self.function, self.division
        pitch, lanes, depth = division.q.pitch, division.lanes, division.q.extent
        steps = (Step(depth, 1, lanes),)
        product = layer.product([row * pitch for row in range(height)], division.vectors, steps)
        source = function.pointer(layer.room["q"], function.mul(own, pitch), layer.element)
        with function.loop(0, count) as turn:
            keys = function.mul(function.add(panel, turn.index), depth * lanes)
            target = function.mul(turn.index, height * lanes)
            product(
                source,
                function.pointer(layer.room["keys"], keys, layer.element),
                function.pointer(layer.room["scores"], target, layer.element),
                "true",
                depth,
            )

    def _products(self, height: int, own: Int, key: Int, count: Int, first: str) -> None:
        """The weights times the values."""
        layer, function, division = self.layer, self.function, self.division
        lanes, pitch = division.lanes, division.v.pitch
        steps = (Step(division.block, height * lanes, lanes * pitch), Step(lanes, 1, pitch))
        values = function.pointer(layer.room["values"], function.mul(key, pitch), layer.element)
        sums = function.pointer(layer.room["sums"], function.mul(own, pitch), layer.element)
        for column, vectors in division.v.groups:
            product = layer.product([row * lanes for row in range(height)], vectors, steps)
            product(
                layer.room["scores"],
                function.pointer(values, column, layer.element),
                function.pointer(sums, height * column, layer.element),
                first,
                count,
            )

    # ---- weights ----

    def _write_weights(self, height: int) -> str:
        """Writes the step from scores to weights of one tile: masks them, raises the greatest, scales what there is, and sums."""
        layer = self.layer
        name = f"{layer.name}_weights_{height}"
        parameters = [("ptr", name) for name in ("scores", "sums", "top", "total")]
        parameters += [("i64", name) for name in ("row", "key", "count")]
        parameters += [("ptr", "mask")] if self.kernel.mask is not None else []
        function = Function(layer.module, name, parameters)
        later = function.compare("sgt", "%key", 0)
        with function.loop(0, height) as row:
            line = function.pointer("%scores", function.mul(row.index, self.division.lanes), layer.element)
            panel = height * self.division.lanes  # elements from one panel of scores to the next
            reach = layer.reach(function, function.add("%row", row.index), "%key")
            greatest = self._greatest(function, line, panel, row.index, reach)
            place = function.pointer("%top", row.index, layer.element)
            lowest = constant(layer.element, float("-inf"))
            before = function.choose(later, layer.element, function.load(layer.element, place, layer.size), lowest)
            greatest = _greater(function, layer.element, before, greatest)
            shift = self._shift(function, layer.element, greatest)
            function.store(layer.element, greatest, place, layer.size)
            total = self._exponentials(function, line, panel, shift, reach)
            less = function.binary("fsub", layer.element, before, shift)
            self._add(function, height, row.index, later, less, total)
        function.end()
        return name

    def _shift(self, function: Function, type: str, greatest: str) -> str:
        """What is taken from a row's scores: the greatest, or 0 where the row may look at nothing."""
        nothing = function.emit(f"fcmp oeq {type} {greatest}, {constant(type, float('-inf'))}")
        return function.select(type, nothing, constant(type, 0), greatest)

    def _greatest(self, function: Function, line: str, panel: int, row: Int, reach: Int) -> str:
        """The greatest of a row's scores, to which the mask is added on the way."""
        layer, division = self.layer, self.division
        start = [(layer.type, constant(layer.type, float("-inf")))] * division.vectors
        with function.loop(0, "%count", carried=start) as turn:
            place = function.pointer(line, function.mul(turn.index, panel), layer.element)
            first = function.mul(turn.index, division.lanes)
            found = []
            for number, best in enumerate(turn.carried):
                address = function.pointer(place, number * division.width, layer.element)
                scores = function.load(layer.type, address, layer.size)
                lane = function.add(first, number * division.width)
                if self.kernel.mask is not None:
                    scores = layer.masked(function, scores, "%mask", row, "%key", lane)
                    function.store(layer.type, scores, address, layer.size)
                if layer.bounded:
                    inside = layer.within(function, function.sub(reach, first), number * division.width)
                    scores = function.select(layer.type, inside, scores, constant(layer.type, float("-inf")))
                found.append(_greater(function, layer.type, scores, best))
            turn.next = found
        best = turn.results[0]
        for other in turn.results[1:]:
            best = _greater(function, layer.type, best, other)
        return across(function, layer.type, best, lambda type, a, b: _greater(function, type, a, b))

    def _exponentials(self, function: Function, line: str, panel: int, shift: str, reach: Int) -> str:
        """Puts weights in the scores' place; their sum, lane by lane."""
        layer, division = self.layer, self.division
        less = function.splat(layer.type, shift)
        start = [(layer.type, constant(layer.type, 0))] * division.vectors
        with function.loop(0, "%count", carried=start) as turn:
            place = function.pointer(line, function.mul(turn.index, panel), layer.element)
            for number, total in enumerate(turn.carried):
                address = function.pointer(place, number * division.width, layer.element)
                scores = function.load(layer.type, address, layer.size)
                scores = function.binary("fsub", layer.type, scores, less)
                weights = layer.exponential(function, scores, division.width)
                if layer.bounded:
                    left = function.sub(reach, function.mul(turn.index, division.lanes))
                    inside = layer.within(function, left, number * division.width)
                    weights = function.select(layer.type, inside, weights, constant(layer.type, 0))
                function.store(layer.type, weights, address, layer.size)
                turn.next[number] = function.binary("fadd", layer.type, total, weights)
        total = turn.results[0]
        for other in turn.results[1:]:
            total = function.binary("fadd", layer.type, total, other)
        return total

    def _add(self, function: Function, height: int, row: Int, later: str, less: str, total: str) -> None:
        """Adds to a row's total; what it and the row's sums were before is scaled by e^less."""
        layer, division = self.layer, self.division
        place = function.pointer("%total", function.mul(row, division.width), layer.element)
        before = function.load(layer.type, place, layer.size)
        function.store(layer.type, total, place, layer.size)
        with function.when(later):
            factor = function.splat(layer.type, layer.exponential(function, less, 1))
            before = function.binary("fmul", layer.type, before, factor)
            function.store(layer.type, function.binary("fadd", layer.type, before, total), place, layer.size)
            for column, vectors in division.v.groups:
                for number in range(vectors):
                    spot = function.mul(row, vectors * division.width)
                    spot = function.add(spot, height * column + number * division.width)
                    address = function.pointer("%sums", spot, layer.element)
                    value = function.load(layer.type, address, layer.size)
                    value = function.binary("fmul", layer.type, value, factor)
                    function.store(layer.type, value, address, layer.size)

    # ---- results ----

    def _finish(self, height: int, head: Int, tile: Int, group_row: Int) -> None:
        """Divides a tile's sums by the totals, and writes them and the logarithms."""
        layer, function, division, length = self.layer, self.function, self.division, self.kernel.length
        result, logarithms = layer.frame.results
        row = layer.start(tile)
        sums, top, total = (value for _, value in self._row_state(function.sub(row, group_row)))
        number = function.add(function.mul(head, length), row)
        target = function.pointer(result, function.mul(number, division.v.extent), layer.element)
        log_target = function.pointer(logarithms, number, layer.element)

        def factor(row: Int) -> str:
            place = function.pointer(total, function.mul(row, division.width), layer.element)
            parts = function.load(layer.type, place, layer.size)
            whole = across(function, layer.type, parts, lambda type, a, b: function.binary("fadd", type, a, b))
            empty = function.emit(f"fcmp oeq {layer.element} {whole}, {constant(layer.element, 0)}")
            one = constant(layer.element, 1)
            whole = function.select(layer.element, empty, one, whole)
            function.store(layer.element, whole, function.pointer(layer.room["whole"], row, layer.element), layer.size)
            return function.splat(layer.type, function.binary("fdiv", layer.element, one, whole))

        layer.write_out(sums, height, height, division.v, target, factor)
        self._logarithms(height, top, log_target)

    def _logarithms(self, height: int, top: str, target: str) -> None:
        """Writes the logarithms of a tile's rows, which lie in lanes."""
        layer, function, width = self.layer, self.function, self.division.width
        for first in range(0, height, width):
            whole, greatest = (
                function.load(layer.type, function.pointer(base, first, layer.element), layer.size)
                for base in (layer.room["whole"], top)
            )
            found = apply(function, "log", [Value(whole, layer.dtype, width)], self.machine)
            shift = self._shift(function, layer.type, greatest)
            found = Value(function.binary("fadd", layer.type, shift, found.text), layer.dtype, width)
            active = min(width, height - first)
            mask = None if active == width else first_lanes(active, width)
            store(function, found, function.pointer(target, first, layer.element), mask)


def _greater(function: Function, type: str, a: str, b: str) -> str:
    """The greater one; NaN does not matter, since its exponential is one as well."""
    above = function.emit(f"fcmp ogt {type} {a}, {b}")
    return function.select(type, above, a, b)
