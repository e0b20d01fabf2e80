"""Maxima over windows as LLVM IR.

The lanes of a vector are neighbouring windows along the last axis, where all their elements lie inside; the others, and adaptive windows, are
gone through one by one. Along the other axes a window is a loop over the elements that lie inside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import numpy as np

from ...dtype import FLOATING, int32
from ...ir.pool import Windows
from ...kernel.buffer import contiguous_strides
from ...kernel.window import MaxPool, interior, is_inside
from ..machine import Machine
from .arithmetic import apply
from .assembly import Int, constant, lanes, vector
from .frame import (
    SMALL,
    Frame,
    chunks,
    load_apart,
    load_pairs,
    offsets,
    store_apart,
    store_pairs,
)
from .generated import Generated
from .values import Value, literal, load, memory_element, store

UNROLLED = 3  # elements of a window along an outer axis up to which they are written out
COLUMNS = 16  # and along the last axis, for windows side by side
Leaf = Callable[[str, Int, list[Value]], list[Value]]


def generate_max_pool(kernel: MaxPool, machine: Machine, name: str = "max_pool") -> Generated:
    """The kernel of maxima over windows, or of one of the ways back."""
    return _ROUTINES[kernel.kind](kernel, machine, name).write()


class _Pool:
    """What all kinds share: intervals of windows, and folds over them."""

    def __init__(self, kernel: MaxPool, machine: Machine, name: str) -> None:
        self.kernel = kernel
        self.machine = machine
        self.windows, self.extents = kernel.windows, kernel.extents
        count = len(self.windows)
        self.x = kernel.x
        self.lead = self.x.shape[: len(self.x.shape) - count]
        self.steps = self.x.strides[len(self.lead) :]  # of the window axes
        self.numbers = tuple(each.number for each in self.windows)
        self.frame = Frame(machine, name, kernel.operands, (kernel.result,), self.x.size > SMALL)
        self.function = self.frame.function
        self.dtype = self.x.dtype
        self.element = memory_element(self.dtype)
        self.width = machine.width(max(4, self.dtype.itemsize))

    def lowest(self, width: int) -> Value:
        floating = self.dtype.category == FLOATING
        return literal(-np.inf if floating else np.iinfo(self.dtype.storage).min, self.dtype, width)

    # ---- windows ----

    def interval(self, axis: int, number: Int) -> tuple[Int, Int]:
        """Where a window's first element inside the axis lies, and how many there are from there on."""
        function, each, extent = self.function, self.windows[axis], self.extents[axis]
        if each.adaptive:
            first = function.div(function.mul(number, extent), each.number)
            end = function.div(
                function.add(function.mul(function.add(number, 1), extent), each.number - 1), each.number
            )
            return first, function.sub(end, first)
        start = function.sub(function.mul(number, each.stride), each.low)
        if is_inside(each, extent):
            return start, each.size
        up = each.dilation - 1
        before = function.div(function.add(function.greatest(function.sub(0, start), 0), up), each.dilation)
        beyond = function.div(function.add(function.sub(extent, start), up), each.dilation)
        count = function.sub(function.least(beyond, each.size), before)
        return function.add(start, function.mul(before, each.dilation)), count

    def fold(
        self, axis: int, numbers: Sequence[Int], address: str, place: Int, carried: list[Value], leaf: Leaf
    ) -> list[Value]:
        """Goes through the elements of a window along the axes that `numbers` tells the window of, then calls `leaf`.

        `place` counts elements of the flattened window axes.
        """
        if axis == len(numbers):
            return leaf(address, place, carried)
        function, dilation = self.function, self.windows[axis].dilation
        first, count = self.interval(axis, numbers[axis])
        within = prod(self.extents[axis + 1 :])

        def turn(number: Int, values: list[Value]) -> list[Value]:
            position = function.add(first, function.mul(number, dilation))
            own = function.pointer(address, function.mul(position, self.steps[axis]), self.element)
            return self.fold(axis + 1, numbers, own, function.add(place, function.mul(position, within)), values, leaf)

        if isinstance(count, int) and count <= UNROLLED:
            for number in range(count):
                carried = turn(number, carried)
            return carried
        with function.loop(0, count, carried=[(value.type, value.text) for value in carried]) as loop:
            inside = [Value(text, v.dtype, v.width) for text, v in zip(loop.carried, carried, strict=True)]
            loop.next = [value.text for value in turn(loop.index, inside)]
        return [Value(text, v.dtype, v.width) for text, v in zip(loop.results, carried, strict=True)]

    def columns(self, address: str, width: int, active: int) -> list[Value]:
        """Of windows side by side along the last axis the first elements, the second ones, …; the address is that of the first window."""
        each, step = self.windows[-1], self.steps[-1]
        found: list[Value] = []
        while len(found) < each.size:
            place = self.function.pointer(address, len(found) * each.dilation * step, self.element)
            if each.stride * step == 2 and each.dilation * step == 1 and len(found) + 2 <= each.size:
                found += load_pairs(self.function, self.x, place, width, active)
            else:
                found.append(load_apart(self.function, self.x, place, each.stride * step, width, active))
        return found

    def over_columns(self, low: int, high: int, body: Callable[[Int, int, int], None]) -> None:
        """Calls body(first window, width, active lanes) so that the windows from `low` to `high` are covered."""
        count, width = high - low, self.width
        if count >= width:
            with self.function.loop(low, high - count % width, width) as turn:
                body(turn.index, width, width)
        for start, size, active in chunks(self.machine, count, width):
            body(low + start, size, active)

    def rectified(self, g: Value, x: Value) -> Value:
        """0 where x is not above 0; NaN passes."""
        below = apply(self.function, "le", (x, literal(0, x.dtype, x.width)), self.machine).text
        return Value(self.function.select(g.type, below, constant(g.type, 0), g.text), g.dtype, g.width)

    def maximum(self, a: Value, b: Value) -> Value:
        return apply(self.function, "maximum", (a, b), self.machine)

    def place_row(self, number: Int) -> tuple[Int, list[Int]]:
        """A row's plane, and its windows along the outer axes."""
        function, outer = self.function, self.numbers[:-1]
        plane = function.div(number, prod(outer))
        rest = function.rem(number, prod(outer)) if outer else 0
        found: list[Int] = []
        for axis in range(len(outer) - 1, -1, -1):
            found.append(function.rem(rest, outer[axis]) if axis else rest)
            rest = function.div(rest, outer[axis]) if axis else 0
        return plane, found[::-1]


class _Forward(_Pool):
    """Values or places of maxima, a row of windows at a time."""

    @property
    def tracked(self) -> bool:
        return self.kernel.kind != "value"

    def write(self) -> Generated:
        function, frame = self.function, self.frame
        outer = self.numbers[:-1]
        with frame.rows(prod(self.lead) * prod(outer)) as number:
            plane, numbers = self.place_row(number)
            (start,) = offsets(function, plane, self.lead, [self.x.strides[: len(self.lead)]])
            address = function.pointer(frame.operands[0], start, self.element)
            target = memory_element(self.kernel.result.dtype)
            result = function.pointer(frame.results[0], function.mul(number, self.numbers[-1]), target)
            self.row(address, numbers, lambda at, found, active: self.put(result, at, found, active))
        return frame.generated()

    def put(self, result: str, at: Int, found: list[Value], active: int) -> None:
        """Stores what was found of windows from number `at` on."""
        value = found[-1]
        if self.tracked:
            type = vector("i64", value.width)
            value = Value(
                self.function.convert("zext", value.type, value.text, type), self.kernel.result.dtype, value.width
            )
        store_apart(self.function, value, self.function.pointer(result, at, memory_element(value.dtype)), 1, active)

    def row(self, address: str, numbers: list[Int], put: Callable[[Int, list[Value], int], None]) -> None:
        """The windows of one row: those that are whole side by side, those at the edges one by one."""
        low, high = interior(self.windows[-1], self.extents[-1])
        if self.windows[-1].size > COLUMNS or high - low < 2:
            low = high = 0
        if high > low:
            self.over_columns(
                low, high, lambda at, width, active: put(at, self.abreast(address, numbers, at, width, active), active)
            )
        for start, end in ((0, low), (high, self.numbers[-1])):
            if start < end:
                with self.function.loop(start, end) as turn:
                    put(turn.index, self.single(address, numbers, turn.index), 1)

    def single(self, address: str, numbers: list[Int], column: Int) -> list[Value]:
        """One window, element by element."""
        every = [*numbers, column]

        def leaf(at: str, place: Int, carried: list[Value]) -> list[Value]:
            return self.combine(carried, load(self.function, self.dtype, at, 1), place, 0)

        return self.fold(0, every, address, 0, self.start(every, 1), leaf)

    def abreast(self, address: str, numbers: list[Int], column: Int, width: int, active: int) -> list[Value]:
        """Whole windows side by side along the last axis."""
        function, each = self.function, self.windows[-1]
        first = function.sub(function.mul(column, each.stride), each.low)
        base = function.pointer(address, function.mul(first, self.steps[-1]), self.element)

        def leaf(at: str, place: Int, carried: list[Value]) -> list[Value]:
            for number, value in enumerate(self.columns(at, width, active)):
                carried = self.combine(carried, value, function.add(place, first), number * each.dilation)
            return carried

        unrolled = all(
            is_inside(w, e) and w.size <= UNROLLED for w, e in zip(self.windows[:-1], self.extents[:-1], strict=True)
        )
        start = [] if unrolled and not self.tracked else self.start([*numbers, column], width)
        return self.fold(0, numbers, base, 0, start, leaf)

    def start(self, numbers: list[Int], width: int) -> list[Value]:
        """What a search begins with: less than anything, at the first element."""
        if not self.tracked:
            return [self.lowest(width)]
        function = self.function
        where: Int = 0
        for axis, number in enumerate(numbers):
            where = function.add(function.mul(where, self.extents[axis]), self.interval_start(axis, number, width))
        return [self.lowest(width), self.spread(where, 0, width)]

    def interval_start(self, axis: int, number: Int, width: int) -> Int:
        if width > 1 and axis == len(self.windows) - 1:  # whole windows
            each = self.windows[axis]
            return self.function.sub(self.function.mul(number, each.stride), each.low)
        return self.interval(axis, number)[0]

    def spread(self, place: Int, beyond: int, width: int) -> Value:
        """A place, and those of the windows beside, as 32-bit integers."""
        type, stride = vector("i32", width), self.windows[-1].stride
        steps = [beyond + lane * stride for lane in range(width)]
        if isinstance(place, int):
            places = [place + step for step in steps]
            return Value(lanes(type, places) if width > 1 else str(places[0]), int32, width)
        narrow = self.function.convert("trunc", "i64", place, "i32")
        added = lanes(type, steps) if width > 1 else str(beyond)
        return Value(self.function.binary("add", type, self.function.splat(type, narrow), added), int32, width)

    def combine(self, carried: list[Value], value: Value, place: Int, beyond: int) -> list[Value]:
        """Takes in one more element of each window."""
        if not self.tracked:
            return [self.maximum(carried[0], value) if carried else value]
        best, where = carried
        better = apply(self.function, "gt", (value, best), self.machine).text
        if self.dtype.category == FLOATING:
            nan = apply(self.function, "isnan", (value,), self.machine).text
            better = self.function.binary("or", value.mask, better, nan)
        here = self.spread(place, beyond, value.width)
        return [
            Value(self.function.select(new.type, better, new.text, old.text), new.dtype, new.width)
            for new, old in ((value, best), (here, where))
        ]


class _Scattered(_Forward):
    """The way back of windows that overlap: a plane at a time, places of a row of windows, then its cotangents."""

    def write(self) -> Generated:
        function, frame = self.function, self.frame
        g, size = self.kernel.operands[0], prod(self.extents)
        count = self.numbers[-1]
        bytes = -(-4 * count // 64) * 64
        places = frame.scratch(bytes)
        lead = len(self.lead)
        with frame.rows(prod(self.lead)) as plane:
            from_g, from_x = offsets(function, plane, self.lead, [g.strides[:lead], self.x.strides[:lead]])
            address = function.pointer(frame.operands[1], from_x, self.element)
            cotangents = function.pointer(frame.operands[0], from_g, self.element)
            target = function.pointer(frame.results[0], function.mul(plane, size), self.element)
            clear(frame, target, size * self.dtype.itemsize)
            with function.loop(0, prod(self.numbers[:-1])) as row:
                _, numbers = self.place_row(row.index)
                self.row(address, numbers, lambda at, found, active: self.keep(places, at, found[1], active))
                (start,) = offsets(function, row.index, self.numbers[:-1], [g.strides[lead:-1]])
                self.add(function.pointer(cotangents, start, self.element), places, target)
        return frame.generated(bytes)

    def keep(self, places: str, at: Int, found: Value, active: int) -> None:
        store_apart(self.function, found, self.function.pointer(places, at, "i32"), 1, active)

    def add(self, cotangents: str, places: str, target: str) -> None:
        """Adds a row's cotangents where their places say, in their order."""
        function, step = self.function, self.kernel.operands[0].strides[-1]
        with function.loop(0, self.numbers[-1]) as turn:
            narrow = function.load("i32", function.pointer(places, turn.index, "i32"), 4)
            place = function.pointer(target, function.convert("zext", "i32", narrow, "i64"), self.element)
            own = load(
                function, self.dtype, function.pointer(cotangents, function.mul(turn.index, step), self.element), 1
            )
            sum = apply(function, "add", (load(function, self.dtype, place, 1), own), self.machine)
            store(function, sum, place)


class _Routed(_Pool):
    """The way back of windows without overlap: each element is written once, from its window."""

    def write(self) -> Generated:
        function, frame = self.function, self.frame
        outer, planes = prod(self.numbers[:-1]), prod(self.lead)
        tiled = all(
            w.size == w.stride and w.number * w.size == e for w, e in zip(self.windows, self.extents, strict=True)
        )
        if tiled:
            with frame.rows(planes * outer) as number:
                self.row(*self.place_row(number))
            return frame.generated()
        size = prod(self.extents)
        with frame.rows(planes) as plane:
            target = function.pointer(frame.results[0], function.mul(plane, size), self.element)
            clear(frame, target, size * self.dtype.itemsize)
            with function.loop(0, outer) as row:
                self.row(plane, self.place_row(row.index)[1])
        return frame.generated()

    def row(self, plane: Int, numbers: list[Int]) -> None:
        """One row of windows: the addresses of their first elements, then vector by vector."""
        function, lead = self.function, len(self.lead)
        bases = []
        buffers = (*self.kernel.operands, self.kernel.result)
        pointers = (*self.frame.operands, *self.frame.results)
        starts = offsets(function, plane, self.lead, [buffer.strides[:lead] for buffer in buffers])
        for which, (buffer, pointer, start) in enumerate(zip(buffers, pointers, starts, strict=True)):
            of_windows = which in (0, 2)  # g and y have an element for each window
            for axis, number in enumerate(numbers):
                factor = 1 if of_windows else self.windows[axis].stride
                start = function.add(start, function.mul(number, factor * buffer.strides[lead + axis]))
            bases.append(function.pointer(pointer, start, self.element))
        self.over_columns(0, self.numbers[-1], lambda at, width, active: self.abreast(bases, at, width, active))

    def abreast(self, bases: list[str], at: Int, width: int, active: int) -> None:
        """Windows side by side."""
        function, stride = self.function, self.windows[-1].stride
        found = []
        for which in (0, 2):
            buffer = self.kernel.operands[which]
            place = function.pointer(bases[which], function.mul(at, buffer.strides[-1]), self.element)
            found.append(load_apart(function, buffer, place, buffer.strides[-1], width, active))
        x = function.pointer(bases[1], function.mul(at, stride * self.steps[-1]), self.element)
        target = function.pointer(bases[3], function.mul(at, stride), self.element)
        g, y = found
        self.route(0, g, y, self.level(0, x, width, active), target, active)

    def level(self, axis: int, x: str, width: int, active: int) -> list[_Level]:
        """What a window has along an axis: elements, or rows with their maxima."""
        each = self.windows[axis]
        if axis == len(self.windows) - 1:
            return [_Level(value, []) for value in self.columns(x, width, active)]
        found = []
        for number in range(each.size):
            place = self.function.pointer(x, number * each.dilation * self.steps[axis], self.element)
            parts = self.level(axis + 1, place, width, active)
            value = parts[0].value
            for part in parts[1:]:
                value = self.maximum(value, part.value)
            found.append(_Level(value, parts))
        return found

    def route(self, axis: int, g: Value, y: Value, parts: list[_Level], target: str, active: int) -> None:
        """Gives the cotangent to the first part that equals the maximum, or to the last one."""
        function, each = self.function, self.windows[axis]
        nothing = constant(g.type, 0)
        shares = []
        for part in parts[:-1]:
            equal = apply(function, "eq", (part.value, y), self.machine).text
            shares.append(Value(function.select(g.type, equal, g.text, nothing), g.dtype, g.width))
            g = Value(function.select(g.type, equal, nothing, g.text), g.dtype, g.width)
        shares.append(g)
        if self.kernel.rectified and axis == len(self.windows) - 1:
            shares = [self.rectified(share, part.value) for share, part in zip(shares, parts, strict=True)]
        if axis < len(self.windows) - 1:
            step = contiguous_strides(self.extents)[axis] * each.dilation
            for number, (part, share) in enumerate(zip(parts, shares, strict=True)):
                place = function.pointer(target, number * step, self.element)
                self.route(axis + 1, share, part.value, part.parts, place, active)
        elif each == Windows(each.number, 2, 2):
            store_pairs(function, shares[0], shares[1], target, active)
        else:
            for number, share in enumerate(shares):
                place = function.pointer(target, number * each.dilation, self.element)
                store_apart(function, share, place, each.stride, active)


class _Level:
    """A part of a window and what it consists of."""

    def __init__(self, value: Value, parts: list[_Level]) -> None:
        self.value = value
        self.parts = parts


class _Searched(_Pool):
    """The same way back for large windows: axis by axis the part that has the maximum is looked for, then one element is written."""

    def write(self) -> Generated:
        function, frame, kernel = self.function, self.frame, self.kernel
        size, lead = prod(self.extents), len(self.lead)
        shape = (*self.lead, *self.numbers)
        with frame.rows(prod(self.lead)) as plane:
            (start,) = offsets(function, plane, self.lead, [self.x.strides[:lead]])
            x = function.pointer(frame.operands[1], start, self.element)
            target = function.pointer(frame.results[0], function.mul(plane, size), self.element)
            clear(frame, target, size * self.dtype.itemsize)
            with function.loop(0, prod(self.numbers)) as turn:
                number = function.add(function.mul(plane, prod(self.numbers)), turn.index)
                places = offsets(function, number, shape, [kernel.operands[0].strides, kernel.operands[2].strides])
                g, y = (
                    load(function, self.dtype, function.pointer(frame.operands[which], place, self.element), 1)
                    for which, place in zip((0, 2), places, strict=True)
                )
                _, numbers = self.place_row(function.div(turn.index, self.numbers[-1]))
                numbers.append(function.rem(turn.index, self.numbers[-1]))
                self.window(numbers, x, target, g, y)
        return frame.generated()

    def window(self, numbers: list[Int], x: str, target: str, g: Value, y: Value) -> None:
        """One window: narrows it to an element, then writes there."""
        function = self.function
        at: Int = 0
        for axis, (each, number) in enumerate(zip(self.windows, numbers, strict=True)):
            first = function.mul(number, each.stride)
            found, y = self.search(
                axis, function.pointer(x, function.mul(first, self.steps[axis]), self.element), numbers, y
            )
            position = function.add(first, function.mul(found, each.dilation))
            x = function.pointer(x, function.mul(position, self.steps[axis]), self.element)
            at = function.add(at, function.mul(position, contiguous_strides(self.extents)[axis]))
        share = self.rectified(g, y) if self.kernel.rectified else g
        store(function, share, function.pointer(target, at, self.element))

    def search(self, axis: int, x: str, numbers: list[Int], y: Value) -> tuple[Int, Value]:
        """Which part of a window along an axis is the first whose maximum is y, or the last; and its maximum."""
        function, each = self.function, self.windows[axis]
        with function.loop(0, each.size, carried=[("i64", "0"), (y.type, y.text)]) as loop:
            number = function.sub(each.size - 1, loop.index)
            place = function.pointer(x, function.mul(number, each.dilation * self.steps[axis]), self.element)
            value = self.largest(axis + 1, place, numbers)
            equal = apply(function, "eq", (value, y), self.machine).text
            taken = function.binary("or", "i1", equal, function.compare("eq", loop.index, 0))
            loop.next = [
                function.choose(taken, "i64", number, loop.carried[0]),
                function.select(y.type, taken, value.text, loop.carried[1]),
            ]
        return loop.results[0], Value(loop.results[1], y.dtype, 1)

    def largest(self, axis: int, x: str, numbers: list[Int]) -> Value:
        """The maximum of a window along the axes from `axis` on."""
        if axis == len(self.windows):
            return load(self.function, self.dtype, x, 1)

        def leaf(at: str, place: Int, carried: list[Value]) -> list[Value]:
            return [self.maximum(carried[0], load(self.function, self.dtype, at, 1))]

        return self.fold(axis, numbers, x, 0, [self.lowest(1)], leaf)[0]


def clear(frame: Frame, address: str, bytes: int) -> None:
    """Fills memory with zeros."""
    arguments = [("ptr", address), ("i8", "0"), ("i64", str(bytes)), ("i1", "false")]
    frame.function.call("llvm.memset.p0.i64", "void", arguments)


_ROUTINES: dict[str, type[_Forward] | type[_Scattered] | type[_Routed] | type[_Searched]] = {
    "value": _Forward,
    "place": _Forward,
    "scattered": _Scattered,
    "routed": _Routed,
    "searched": _Searched,
}
