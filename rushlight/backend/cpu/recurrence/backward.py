"""Recurrent layers backward through time: each step's product of the later step's scores, and the gates' derivatives as its tiles are stored."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from ....kernel.buffer import Buffer
from ....kernel.recurrence import GATES, RecurrenceBack
from ...machine import Machine
from ..assembly import Int
from ..generated import Generated
from ..values import Value
from .division import SMALL, divide
from .layer import Layer

At = tuple[Int, Int]  # step and row


def generate_recurrence_back(kernel: RecurrenceBack, machine: Machine) -> Generated:
    """The kernel of a layer's gradient."""
    name = "recurrence_back_" + hashlib.sha256(kernel.key().encode()).hexdigest()[:16]
    backward = _Backward(name, kernel, machine)
    backward.emit()
    layer = backward.layer
    parallel = kernel.length * kernel.rows * kernel.weight.size >= SMALL
    return Generated(name, layer.module.text(), layer.shared, layer.per_thread, parallel)


class _Backward:
    """Writes the gradient of one layer."""

    def __init__(self, name: str, kernel: RecurrenceBack, machine: Machine) -> None:
        self.kernel = kernel
        self.gates = GATES[kernel.kind]
        depth, units = kernel.weight.shape
        division = divide(machine, kernel.dtype.itemsize, kernel.rows, units, 1, depth)
        given = [buffer for buffer in kernel.given if buffer is not None]
        operands = len(given) + len(kernel.saved) + 1 + len(kernel.states)
        results = {"LSTM": 3, "GRU": 3}.get(kernel.kind, 2)
        self.layer = Layer(name, kernel.dtype, machine, division, operands + results)
        self.function = self.layer.function
        pointers = iter(self.layer.pointers)
        self.given = [None if buffer is None else (buffer, next(pointers)) for buffer in kernel.given]
        self.saved = [(buffer, next(pointers)) for buffer in kernel.saved]
        self.weight = next(pointers)
        self.states = [next(pointers) for _ in kernel.states]
        self.results = list(pointers)
        self.state = Buffer.of(kernel.dtype, (kernel.rows, units))
        self.scores = Buffer.of(kernel.dtype, (kernel.length, kernel.rows, depth))

    def emit(self) -> None:
        layer, function, kernel, division = self.layer, self.function, self.kernel, self.layer.division
        self.panels = layer.reserve(division.blocks * division.panel)
        layer.pack(kernel.weight, self.weight, self.panels, 1)
        which = {"LSTM": 1, "GRU": 0}.get(kernel.kind)
        first = "null" if which is None else layer.settled(kernel.states[which], self.states[which])
        self.carry = "" if which is None else layer.reserve(division.blocks * division.rows * division.lanes)
        self.tiles = layer.tiles()
        layer.wait()
        blocks, tiles = layer.shares()
        rows = layer.first_row(function, tiles[0]), layer.first_row(function, tiles[1])
        self._begin(blocks, rows)
        with function.loop(0, kernel.length, carried=[("ptr", "null")]) as step:
            place = function.sub(kernel.length - 1, step.index)
            t, earlier = (
                (step.index, function.add(step.index, 1)) if kernel.reverse else (place, function.sub(place, 1))
            )
            before = self._before(place, earlier, first)
            with function.loop(*blocks) as turn:
                number = layer.there_and_back(turn.index, blocks, step.index)
                with function.when(function.compare("ne", step.index, 0)):
                    layer.product(step.carried[0], self.panels, self.tiles, number, tiles)
                self._over_rows(number[0], rows, self._step(t, before))
            step.next = [layer.place(self.scores, self._to_product(), (t, 0, 0))]
            if division.by_units:
                layer.wait()
        with function.loop(*blocks) as turn:
            layer.product(step.results[0], self.panels, self.tiles, (turn.index, turn.index), tiles)
            self._over_rows(turn.index, rows, self._finish)
        function.end()

    def _to_product(self) -> str:
        """The scores that the weight is multiplied with: of a GRU those of the hidden part."""
        return self.results[2] if self.kernel.kind == "GRU" else self.results[0]

    def _begin(self, blocks: At, rows: At) -> None:
        """At the last step nothing comes from later ones: -0.0, which changes no sum."""
        layer, function, division = self.layer, self.function, self.layer.division
        count = function.sub(rows[1], rows[0])
        layer.fill(self.tiles, function.mul(count, division.vectors), -0.0)
        if self.carry:
            with function.loop(*blocks) as turn:
                layer.fill(self._carried(turn.index, rows[0]), function.mul(count, division.vectors), -0.0)

    def _carried(self, block: Int, row: Int) -> str:
        """Where a block has for a row what goes on to the step before, beside the product."""
        function, division = self.function, self.layer.division
        line = function.add(function.mul(block, division.rows), row)
        return function.pointer(self.carry, function.mul(line, division.lanes), self.layer.element)

    def _before(self, place: Int, earlier: Int, first: str) -> str:
        """The state that a step began with: an LSTM's cells, a GRU's outputs."""
        if first == "null":
            return first
        function = self.function
        buffer, pointer = self.saved[1 if self.kernel.kind == "LSTM" else 0]
        # At the first step there is none earlier, and its place is not used.
        offset = function.mul(function.greatest(function.least(earlier, self.kernel.length - 1), 0), buffer.strides[0])
        saved = function.pointer(pointer, offset, self.layer.element)
        return function.choose(function.compare("eq", place, 0), "ptr", first, saved)

    def _over_rows(self, block: Int, rows: At, body: Callable[[Int, Int, Value, str], None]) -> None:
        """Calls `body(row, unit, sum, where is carried)` for all vectors of a block."""
        layer, function, division = self.layer, self.function, self.layer.division
        start = layer.start(block)
        with function.loop(*rows) as row:
            line = function.mul(function.sub(row.index, rows[0]), division.sums)
            carried = self._carried(block, row.index) if self.carry else ""
            for place in range(division.vectors):
                offset = place * division.width
                total = layer.read(function.pointer(self.tiles, function.add(line, offset), layer.element))
                spot = function.pointer(carried, offset, layer.element) if carried else ""
                body(row.index, function.add(start, offset), total, spot)

    def _finish(self, row: Int, unit: Int, total: Value, carried: str) -> None:
        """The first states' cotangents."""
        layer = self.layer
        if self.kernel.kind == "GRU":
            total = layer.apply("add", total, layer.read(carried))
        layer.write(total, layer.place(self.state, self.results[1], (row, unit)))
        if self.kernel.kind == "LSTM":
            layer.write(layer.read(carried), layer.place(self.state, self.results[2], (row, unit)))

    # ---- one step ----

    def _step(self, t: Int, before: str) -> Callable[[Int, Int, Value, str], None]:
        rule = {"LSTM": self._lstm, "GRU": self._gru}.get(self.kernel.kind, self._rnn)

        def body(row: Int, unit: Int, total: Value, carried: str) -> None:
            rule((t, row), unit, self._plus(total, 0, (t, row), unit), before, carried)

        return body

    def _column(self, unit: Int, gate: int) -> Int:
        return self.function.add(unit, gate * self.layer.division.units)

    def _read(self, part: int, at: At, unit: Int, gate: int = 0) -> Value:
        """A saved part of the layer."""
        return self.layer.read_at(*self.saved[part], (*at, self._column(unit, gate)))

    def _plus(self, value: Value, part: int, at: At, unit: Int, gate: int = 0) -> Value:
        """With a part's own cotangent added."""
        given = self.given[part]
        if given is None:
            return value
        return self.layer.apply("add", value, self.layer.read_at(*given, (*at, self._column(unit, gate))))

    def _write(self, result: int, at: At, unit: Int, gate: int, value: Value) -> None:
        place = self.layer.place(self.scores, self.results[result], (*at, self._column(unit, gate)))
        self.layer.write(value, place)

    def _mul(self, a: Value, b: Value) -> Value:
        return self.layer.apply("mul", a, b)

    def _less_square(self, a: Value) -> Value:
        """1 - a², tanh's derivative."""
        return self.layer.apply("sub", self.layer.number(1), self._mul(a, a))

    def _rest(self, a: Value) -> Value:
        return self.layer.apply("sub", self.layer.number(1), a)

    def _rnn(self, at: At, unit: Int, dh: Value, before: str, carried: str) -> None:
        h = self._read(0, at, unit)
        if self.kernel.kind == "RNN_RELU":
            zero, one = self.layer.number(0), self.layer.number(1)
            slope = self.layer.apply("select", self.layer.apply("gt", h, zero), one, zero)
        else:
            slope = self._less_square(h)
        self._write(0, at, unit, 0, self._mul(dh, slope))

    def _lstm(self, at: At, unit: Int, dh: Value, before: str, carried: str) -> None:
        layer, mul = self.layer, self._mul
        into, kept, new, out = (self._read(2, at, unit, gate) for gate in range(4))
        bent = layer.apply("tanh", self._read(1, at, unit))
        dc = self._plus(mul(mul(dh, out), self._less_square(bent)), 1, at, unit)
        dc = layer.apply("add", dc, layer.read(carried))
        earlier = layer.read_at(self.state, before, (at[1], unit))
        found = [mul(dc, new), mul(dc, earlier), mul(dc, into), mul(dh, bent)]
        for gate, value in enumerate((into, kept, new, out)):
            d = self._plus(found[gate], 2, at, unit, gate)
            slope = self._less_square(value) if gate == 2 else mul(value, self._rest(value))
            self._write(0, at, unit, gate, mul(d, slope))
        layer.write(mul(dc, kept), carried)

    def _gru(self, at: At, unit: Int, dh: Value, before: str, carried: str) -> None:
        layer, mul = self.layer, self._mul
        dh = layer.apply("add", dh, layer.read(carried))
        reset, kept, new = (self._read(1, at, unit, gate) for gate in range(3))
        earlier = layer.read_at(self.state, before, (at[1], unit))
        d_new = mul(self._plus(mul(dh, self._rest(kept)), 1, at, unit, 2), self._less_square(new))
        turn = self._plus(mul(dh, layer.apply("sub", earlier, new)), 1, at, unit, 1)
        d_kept = mul(turn, mul(kept, self._rest(kept)))
        turn = self._plus(mul(d_new, self._read(2, at, unit)), 1, at, unit, 0)
        d_reset = mul(turn, mul(reset, self._rest(reset)))
        d_inner = self._plus(mul(d_new, reset), 2, at, unit)
        for gate, (score, inner) in enumerate(((d_reset, d_reset), (d_kept, d_kept), (d_new, d_inner))):
            self._write(0, at, unit, gate, score)
            self._write(2, at, unit, gate, inner)
        layer.write(mul(dh, kept), carried)
