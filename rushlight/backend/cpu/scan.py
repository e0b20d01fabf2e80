"""Scans as LLVM IR.

Lanes stand beside each other along another axis where there is one whose elements lie together, or where a step costs much; each lane then
goes its own way in order. Running sums and products along the last axis are computed in a register, by shifting it over itself by 1, 2, 4, …
lanes (Hillis & Steele 1986), so that one vector takes the time of a few elements.
"""

from __future__ import annotations

from math import prod

import numpy as np

from ...dtype import FLOATING, int64
from ...kernel.scan import Scan
from ..machine import Machine
from .arithmetic import apply
from .assembly import Int, constant, vector
from .frame import SMALL, Frame, chunks, load_apart, merged, offsets, store_apart
from .generated import Generated
from .values import Value, broadcast, literal, memory_element

COSTLY = 16  # how many additions a step of a logarithmic sum is worth


def generate_scan(kernel: Scan, machine: Machine, name: str = "scan") -> Generated:
    """The kernel of a scan."""
    return _Writer(kernel, machine, name).write()


class _Writer:
    """One kernel in the making."""

    def __init__(self, kernel: Scan, machine: Machine, name: str) -> None:
        self.kernel = kernel
        self.machine = machine
        costly = kernel.kind.startswith("log")
        work = kernel.result.size * (COSTLY if costly else 1)
        self.frame = Frame(machine, name, kernel.operands, (kernel.result,), work > SMALL)
        self.function = self.frame.function
        self.buffers = (*kernel.operands, kernel.result)
        self.pointers = (*self.frame.operands, *self.frame.results)
        self.dtype = kernel.operands[0].dtype
        self.length = kernel.result.shape[kernel.axis]
        self.steps = [buffer.strides[kernel.axis] for buffer in self.buffers]
        self.width = machine.width(max(4, *[buffer.dtype.itemsize for buffer in self.buffers]))
        self.backwards = kernel.kind == "logcumsumexp_back"

    # ---- loops ----

    def write(self) -> Generated:
        """The whole function."""
        axis, shape = self.kernel.axis, self.kernel.result.shape
        strides = [buffer.strides for buffer in self.buffers]
        last = axis == len(shape) - 1
        before = merged(shape[:axis], [own[:axis] for own in strides])
        after = merged(shape[axis + 1 :], [own[axis + 1 :] for own in strides])
        if not last and after:
            *after, lane = after
            self._beside(before + after, lane)
        elif self.kernel.kind in ("cumsum", "cumprod"):
            self._rows(before)
        elif before:
            *before, lane = before
            self._beside(before, lane)
        else:
            self._beside([], (1, [0] * len(strides)))
        return self.frame.generated()

    def _addresses(self, axes: list[tuple[int, list[int]]], number: Int) -> list[str]:
        """Where a row begins in each array."""
        shape = tuple(extent for extent, _ in axes)
        strides = [tuple(steps[place] for _, steps in axes) for place in range(len(self.buffers))]
        starts = offsets(self.function, number, shape, strides)
        return [
            self.function.pointer(pointer, start, memory_element(buffer.dtype))
            for pointer, start, buffer in zip(self.pointers, starts, self.buffers, strict=True)
        ]

    def _moved(self, addresses: list[str], number: Int, steps: list[int]) -> list[str]:
        return [
            self.function.pointer(address, self.function.mul(number, step), memory_element(buffer.dtype))
            for address, step, buffer in zip(addresses, steps, self.buffers, strict=True)
        ]

    def _beside(self, axes: list[tuple[int, list[int]]], lane: tuple[int, list[int]]) -> None:
        """Lanes along an axis that is not the scan's: whole vectors of all rows, then what is left of each."""
        extent, steps = lane
        rows, full = prod(count for count, _ in axes), extent // self.width
        if full:
            with self.frame.rows(rows * full) as number:
                row = self.function.div(number, full)
                at = self.function.mul(self.function.rem(number, full), self.width)
                self._scan(self._moved(self._addresses(axes, row), at, steps), steps, self.width, self.width)
        for start, width, active in chunks(self.machine, extent, self.width):
            with self.frame.rows(rows) as row:
                self._scan(self._moved(self._addresses(axes, row), start, steps), steps, width, active)

    def _load(self, addresses: list[str], lanes: list[int], width: int, active: int) -> list[Value]:
        return [
            load_apart(self.function, buffer, address, step, width, active)
            for buffer, address, step in zip(self.kernel.operands, addresses, lanes, strict=False)
        ]

    def _scan(self, addresses: list[str], lanes: list[int], width: int, active: int) -> None:
        """Lane by lane along the axis."""
        function = self.function

        def turn(place: Int, carried: list[Value] | None) -> list[Value]:
            position = function.sub(self.length - 1, place) if self.backwards else place
            here = self._moved(addresses, position, self.steps)
            values = self._load(here, lanes, width, active)
            carried, result = self._step(carried, values, place)
            store_apart(function, result, here[-1], lanes[-1], active)
            return carried

        carried = turn(0, None)
        if self.length == 1:
            return
        with function.loop(1, self.length, carried=[(value.type, value.text) for value in carried]) as loop:
            inside = [Value(text, v.dtype, v.width) for text, v in zip(loop.carried, carried, strict=True)]
            loop.next = [value.text for value in turn(loop.index, inside)]

    # ---- one step ----

    def _apply(self, name: str, *values: Value) -> Value:
        return apply(self.function, name, values, self.machine)

    def _step(self, carried: list[Value] | None, values: list[Value], place: Int) -> tuple[list[Value], Value]:
        """What is carried on, and the result's element."""
        kind = self.kernel.kind
        if kind == "logcumsumexp_back":
            return self._step_back(carried, *values)
        if kind in ("argcummax", "argcummin"):
            return self._extreme(carried, values[0], place)
        (value,) = values
        if carried is not None:
            name = {"cumsum": "add", "cumprod": "mul", "logcumsumexp": "logaddexp"}[kind]
            value = self._apply(name, carried[0], value)
        return [value], value

    def _extreme(self, carried: list[Value] | None, value: Value, place: Int) -> tuple[list[Value], Value]:
        function, type = self.function, vector("i64", value.width)
        text = constant(type, place) if isinstance(place, int) else function.splat(type, place)
        here = Value(text, int64, value.width)
        if carried is None:
            return [value, here], here
        best, where = carried
        # No comparison with NaN holds, so that one stays until another comes.
        takes = self._apply("ge" if self.kernel.kind == "argcummax" else "le", value, best).text
        if value.dtype.category == FLOATING:
            takes = function.binary("or", value.mask, takes, self._apply("isnan", value).text)
        best, where = (
            Value(function.select(new.type, takes, new.text, old.text), new.dtype, new.width)
            for new, old in ((value, best), (here, where))
        )
        return [best, where], where

    def _step_back(self, carried: list[Value] | None, g: Value, y: Value, x: Value) -> tuple[list[Value], Value]:
        """Positive and negative cotangents apart, as logarithms."""
        function = self.function
        zero, one, least = (literal(number, g.dtype, g.width) for number in (0, 1, -np.inf))
        sums, parts = [], []
        for number, part in enumerate((g, self._apply("neg", g))):
            positive = self._apply("gt", part, zero)
            safe = Value(function.select(g.type, positive.text, part.text, one.text), g.dtype, g.width)
            log = self._apply("log", safe)
            log = Value(function.select(g.type, positive.text, log.text, least.text), g.dtype, g.width)
            term = self._apply("sub", log, y)
            sums.append(term if carried is None else self._apply("logaddexp", carried[number], term))
            parts.append(self._apply("exp", self._apply("add", sums[-1], x)))
        return sums, self._apply("sub", *parts)

    # ---- lanes along the axis ----

    def _rows(self, axes: list[tuple[int, list[int]]]) -> None:
        """Sums and products of one row after another, a vector at a time."""
        function, width = self.function, self.width
        whole = self.length - self.length % width
        start = self._neutral(1)
        with self.frame.rows(prod(count for count, _ in axes)) as row:
            addresses = self._addresses(axes, row)
            carried = start
            if whole:
                with function.loop(0, whole, width, [(start.type, start.text)]) as loop:
                    one = Value(loop.carried[0], self.dtype, 1)
                    loop.next = [self._vector(addresses, loop.index, one, width, width).text]
                carried = Value(loop.results[0], self.dtype, 1)
            for at, size, active in chunks(self.machine, self.length, width):
                carried = self._vector(addresses, at, carried, size, active)

    def _neutral(self, width: int) -> Value:
        """What changes nothing, also no sign of a zero."""
        zero = -0.0 if self.dtype.category == FLOATING else 0
        return literal(zero if self.kernel.kind == "cumsum" else 1, self.dtype, width)

    def _vector(self, addresses: list[str], at: Int, carried: Value, width: int, active: int) -> Value:
        """The running values of one vector, stored; returns the last."""
        function, name = self.function, "add" if self.kernel.kind == "cumsum" else "mul"
        here = self._moved(addresses, at, self.steps)
        (value,) = self._load(here, self.steps, width, active)
        neutral = self._neutral(width)
        shift = 1
        while shift < width:
            places = [lane - shift if lane >= shift else width + lane for lane in range(width)]
            moved = function.shuffle(value.type, value.text, neutral.text, places)
            value = self._apply(name, Value(moved, self.dtype, width), value)
            shift *= 2
        value = self._apply(name, broadcast(function, carried, width), value)
        store_apart(function, value, here[-1], self.steps[-1], active)
        if width == 1:
            return value
        return Value(function.emit(f"extractelement {value.type} {value.text}, i64 {width - 1}"), self.dtype, 1)
