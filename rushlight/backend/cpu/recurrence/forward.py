"""Recurrent layers forward: each step's product, and the gates as its tiles are stored."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from ....kernel.buffer import Buffer
from ....kernel.recurrence import GATES, Recurrence
from ...machine import Machine
from ..assembly import Int
from ..generated import Generated
from ..values import Value
from .division import SMALL, divide
from .layer import Layer

RESULTS = {"LSTM": 3, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}


def generate_recurrence(kernel: Recurrence, machine: Machine) -> Generated:
    """The kernel of a layer."""
    name = "recurrence_" + hashlib.sha256(kernel.key().encode()).hexdigest()[:16]
    forward = _Forward(name, kernel, machine)
    forward.emit()
    layer, depth = forward.layer, kernel.weight.size
    parallel = kernel.length * kernel.rows * depth >= SMALL
    return Generated(name, layer.module.text(), layer.shared, layer.per_thread, parallel)


class _Forward:
    """Writes one layer."""

    def __init__(self, name: str, kernel: Recurrence, machine: Machine) -> None:
        self.kernel = kernel
        self.gates = GATES[kernel.kind]
        units = kernel.weight.shape[1]
        division = divide(machine, kernel.dtype.itemsize, kernel.rows, units, self.gates, units)
        self.operands = 2 + len(kernel.states)
        self.layer = Layer(name, kernel.dtype, machine, division, self.operands + RESULTS[kernel.kind])
        self.function = self.layer.function
        self.state = Buffer.of(kernel.dtype, (kernel.rows, units))
        self.outputs = Buffer.of(kernel.dtype, (kernel.length, kernel.rows, units))
        self.wide = Buffer.of(kernel.dtype, kernel.projected.shape)
        self.results = self.layer.pointers[self.operands :]

    def emit(self) -> None:
        layer, function, kernel, division = self.layer, self.function, self.kernel, self.layer.division
        pointers = layer.pointers
        panels = layer.reserve(division.blocks * division.panel)
        layer.pack(kernel.weight, pointers[1], panels, 0)
        count = 2 if kernel.kind == "LSTM" else 1
        states = [layer.settled(kernel.states[i], pointers[2 + i]) for i in range(count)]
        tiles = layer.tiles()
        layer.wait()
        blocks, rows = layer.shares()
        carried = [("ptr", state) for state in states]
        with function.loop(0, kernel.length, carried=carried) as step:
            t = function.sub(kernel.length - 1, step.index) if kernel.reverse else step.index
            with function.loop(*blocks) as turn:
                number = layer.there_and_back(turn.index, blocks, step.index)
                layer.product(step.carried[0], panels, tiles, number, rows)
                self._store_block(t, layer.start(number[0]), step.carried, tiles, rows)
            step.next = [layer.place(self.outputs, self.results[i], (t, 0, 0)) for i in range(count)]
            if division.by_units:
                layer.wait()
        function.end()

    def _store_block(self, t: Int, start: Int, before: list[str], tiles: str, share: tuple[Int, Int]) -> None:
        """A block's gates, for this thread's rows, from its sums."""
        layer, function, division = self.layer, self.function, self.layer.division
        gates = {"LSTM": self._lstm, "GRU": self._gru}.get(self.kernel.kind, self._rnn)
        units = [function.add(start, place * division.width) for place in range(division.vectors)]
        biases = [self._biases(unit) for unit in units]
        low, high = (layer.first_row(function, tile) for tile in share)
        with function.loop(low, high) as row:
            line = function.mul(function.sub(row.index, low), division.sums)
            for place, unit in enumerate(units):

                def total(gate: int, place: int = place) -> Value:
                    number = gate * division.vectors + place
                    spot = function.pointer(tiles, function.add(line, number * division.width), layer.element)
                    return layer.read(spot)

                gates((t, row.index), unit, before, total, biases[place])

    def _biases(self, unit: Int) -> list[Value]:
        """A GRU's hidden biases of a vector of units."""
        if self.kernel.kind != "GRU":
            return []
        bias, pointer, size = self.kernel.states[1], self.layer.pointers[3], self.layer.division.units
        return [
            self.layer.read_at(bias, pointer, (self.function.add(unit, gate * size),)) for gate in range(self.gates)
        ]

    # ---- the gates ----

    def _projected(self, at: tuple[Int, Int], unit: Int, gate: int) -> Value:
        column = self.function.add(unit, gate * self.layer.division.units)
        return self.layer.read_at(self.kernel.projected, self.layer.pointers[0], (*at, column))

    def _save(self, result: int, buffer: Buffer, at: tuple[Int, Int], column: Int, value: Value) -> None:
        self.layer.write(value, self.layer.place(buffer, self.results[result], (*at, column)))

    def _save_gate(self, result: int, at: tuple[Int, Int], unit: Int, gate: int, value: Value) -> None:
        self._save(result, self.wide, at, self.function.add(unit, gate * self.layer.division.units), value)

    def _before(self, pointer: str, at: tuple[Int, Int], unit: Int) -> Value:
        return self.layer.read_at(self.state, pointer, (at[1], unit))

    def _rnn(
        self, at: tuple[Int, Int], unit: Int, before: list[str], total: Callable[[int], Value], biases: list[Value]
    ) -> None:
        layer = self.layer
        score = layer.apply("add", total(0), self._projected(at, unit, 0))
        relu = self.kernel.kind == "RNN_RELU"
        new = layer.apply("maximum", score, layer.number(0)) if relu else layer.apply("tanh", score)
        self._save(0, self.outputs, at, unit, new)

    def _lstm(
        self, at: tuple[Int, Int], unit: Int, before: list[str], total: Callable[[int], Value], biases: list[Value]
    ) -> None:
        apply = self.layer.apply
        found = []
        for gate, name in enumerate(("sigmoid", "sigmoid", "tanh", "sigmoid")):
            value = apply(name, apply("add", total(gate), self._projected(at, unit, gate)))
            self._save_gate(2, at, unit, gate, value)
            found.append(value)
        into, kept, new, out = found
        cell = apply("add", apply("mul", kept, self._before(before[1], at, unit)), apply("mul", into, new))
        self._save(1, self.outputs, at, unit, cell)
        self._save(0, self.outputs, at, unit, apply("mul", out, apply("tanh", cell)))

    def _gru(
        self, at: tuple[Int, Int], unit: Int, before: list[str], total: Callable[[int], Value], biases: list[Value]
    ) -> None:
        apply = self.layer.apply
        inner = [apply("add", total(gate), bias) for gate, bias in enumerate(biases)]
        reset, kept = (apply("sigmoid", apply("add", self._projected(at, unit, gate), inner[gate])) for gate in (0, 1))
        new = apply("tanh", apply("add", self._projected(at, unit, 2), apply("mul", reset, inner[2])))
        for gate, value in enumerate((reset, kept, new)):
            self._save_gate(1, at, unit, gate, value)
        self._save(2, self.outputs, at, unit, inner[2])
        moved = apply("mul", kept, apply("sub", self._before(before[0], at, unit), new))
        self._save(0, self.outputs, at, unit, apply("add", new, moved))
