"""Scattering as LLVM IR.

Each thread goes through all values that go to its part of the result, in their order, so that no two threads write to one place and sums do
not depend on how many threads there are. A part is what one of these leaves to a thread:

    outer     some of the outer coordinates
    columns   some of the inner elements, of all rows
    rows      some of the rows that the indices tell; values for others are passed over
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod

from ...kernel.buffer import contiguous_strides
from ...kernel.scatter import Scatter
from ..machine import Machine
from .arithmetic import apply
from .assembly import Int, first_lanes, lanes, vector
from .frame import SMALL, Frame, chunks, merged, offsets
from .generated import Generated
from .values import Value, broadcast, load, memory_element, store

FUNCTIONS = {"add": "add", "mul": "mul", "max": "maximum", "min": "minimum"}
MANY = 16  # outer coordinates from which they are enough for all threads
BLOCK = 64  # neighbouring inner elements that stay together
Lanes = Callable[[Int, int, str | None], None]


def generate_scatter(kernel: Scatter, machine: Machine, name: str = "scatter") -> Generated:
    """The kernel of values that are brought to places."""
    return _Writer(kernel, machine, name).write()


class _Writer:
    """One kernel in the making. Inner elements are counted in the result; the value has the same where they are shared out."""

    def __init__(self, kernel: Scatter, machine: Machine, name: str) -> None:
        self.kernel = kernel
        self.machine = machine
        work = kernel.result.size + kernel.value.size
        self.frame = Frame(machine, name, kernel.operands, (kernel.result,), work > SMALL)
        self.function = self.frame.function
        self.dtype = kernel.result.dtype
        self.element = memory_element(self.dtype)
        self.width = machine.width(max(4, self.dtype.itemsize))
        given = list(self.frame.operands)
        self.base = None if kernel.base is None else given.pop(0)
        self.value, *self.indices = given
        self.count = prod(kernel.rows)
        self.inner = prod(kernel.result_inner)
        self.counts = ""

    # ---- parts ----

    def _split(self) -> str:
        kernel = self.kernel
        if not self.frame.parallel:
            return "alone"
        if prod(kernel.result.shape[: kernel.start]) >= MANY:
            return "outer"
        even = kernel.inner == kernel.result_inner and self.inner >= 2 * BLOCK
        return "columns" if even else "rows"

    def write(self) -> Generated:
        """The whole function."""
        kernel, function = self.kernel, self.function
        outer = prod(kernel.result.shape[: kernel.start])
        bytes = -(-8 * self.count // 64) * 64 if kernel.averaged else 0
        if bytes:
            self.counts = self.frame.scratch(bytes)
        how = self._split()
        columns: tuple[Int, Int] = (0, self.inner)
        rows: tuple[Int, Int] = (0, self.count)
        if how == "columns":
            low, high = self.frame.share(-(-self.inner // BLOCK))
            columns = function.mul(low, BLOCK), function.least(function.mul(high, BLOCK), self.inner)
        elif how == "rows":
            rows = self.frame.share(self.count)
        low, high = self.frame.share(outer) if how == "outer" else (0, outer)
        with function.loop(low, high) as turn:
            self._outer(turn.index, rows, columns)
        return self.frame.generated(bytes)

    def _outer(self, number: Int, rows: tuple[Int, Int], columns: tuple[Int, Int]) -> None:
        """One outer coordinate: the base's elements, then the values."""
        kernel, function = self.kernel, self.function
        whole = self.count * self.inner
        target = function.pointer(self.frame.results[0], function.mul(number, whole), self.element)
        self._copy(number, target, rows, columns)
        shape = kernel.result.shape[: kernel.start]
        inside, rest = None, number
        for place in range(len(shape) - 1, -1, -1):
            digit = function.rem(rest, shape[place]) if place else rest
            rest = function.div(rest, shape[place]) if place else 0
            if kernel.outer[place] < shape[place]:
                one = function.compare("slt", digit, kernel.outer[place])
                inside = one if inside is None else function.binary("and", "i1", inside, one)
        if inside is None:
            self._entries(number, target, rows, columns)
            return
        with function.when(inside):
            self._entries(number, target, rows, columns)

    # ---- the base ----

    def _copy(self, number: Int, target: str, rows: tuple[Int, Int], columns: tuple[Int, Int]) -> None:
        """The base's elements of this part."""
        kernel, function = self.kernel, self.function
        base, start = kernel.base, kernel.start
        whole = columns == (0, self.inner)
        if self.counts:
            self._clear(self.counts, self.count * 8)
        if base is None:
            size = self.dtype.storage.itemsize
            if whole:
                first = function.pointer(target, function.mul(rows[0], self.inner), self.element)
                self._clear(first, function.mul(function.sub(rows[1], rows[0]), self.inner * size))
                return
            length = function.mul(function.sub(columns[1], columns[0]), size)
            with function.loop(0, self.count) as row:
                place = function.add(function.mul(row.index, self.inner), columns[0])
                self._clear(function.pointer(target, place, self.element), length)
            return
        assert self.base is not None
        (lead,) = offsets(function, number, base.shape[:start], [base.strides[:start]])
        source = function.pointer(self.base, lead, self.element)
        own = base.shape[start:], base.strides[start:]
        if whole and len(merged(own[0], [own[1]])) <= 1:
            # All rows together are one stretch.
            low, high = function.mul(rows[0], self.inner), function.mul(rows[1], self.inner)
            self._copy_stretch(source, _step(*own), target, low, high)
            return
        split = start + len(kernel.indices)
        inner = merged(base.shape[split:], [base.strides[split:]])
        with function.loop(*rows) as row:
            (lead,) = offsets(function, row.index, base.shape[start:split], [base.strides[start:split]])
            line = function.pointer(source, lead, self.element)
            to = function.pointer(target, function.mul(row.index, self.inner), self.element)
            if len(inner) <= 1:
                self._copy_stretch(line, inner[0][1][0] if inner else 1, to, *columns)
            else:
                with function.loop(*columns) as column:
                    (place,) = offsets(function, column.index, base.shape[split:], [base.strides[split:]])
                    one = load(function, self.dtype, function.pointer(line, place, self.element), 1)
                    store(function, one, function.pointer(to, column.index, self.element))

    def _clear(self, address: str, bytes: Int) -> None:
        arguments = [("ptr", address), ("i8", "0"), ("i64", str(bytes)), ("i1", "false")]
        self.function.call("llvm.memset.p0.i64", "void", arguments)

    def _copy_stretch(self, source: str, step: int, target: str, low: Int, high: Int) -> None:
        function = self.function
        one = load(function, self.dtype, source, 1) if step == 0 else None

        def body(at: Int, width: int, mask: str | None) -> None:
            if one is None:
                value = load(function, self.dtype, function.pointer(source, at, self.element), width, mask)
            else:
                value = broadcast(function, one, width)
            store(function, value, function.pointer(target, at, self.element), mask)

        if step in (0, 1):
            self._lanes(low, high, body)
            return
        with function.loop(low, high) as turn:
            place = function.pointer(source, function.mul(turn.index, step), self.element)
            value = load(function, self.dtype, place, 1)
            store(function, value, function.pointer(target, turn.index, self.element))

    def _lanes(self, low: Int, high: Int, body: Lanes) -> None:
        """Calls body(index, width, mask) so that all from `low` to `high` are covered."""
        function, width = self.function, self.width
        count = function.sub(high, low)
        last = function.add(low, function.sub(count, function.rem(count, width)))
        if not (isinstance(low, int) and isinstance(last, int) and low >= last):
            with function.loop(low, last, width) as turn:
                body(turn.index, width, None)
        if isinstance(low, int) and isinstance(high, int):
            for start, size, active in chunks(self.machine, high - low, width):
                body(low + start, size, None if active == size else first_lanes(active, size))
            return
        if not self.machine.masks or width == 1:
            with function.loop(last, high) as turn:
                body(turn.index, 1, None)
            return
        type = vector("i64", width)
        left = function.sub(high, last)
        with function.when(function.compare("sgt", left, 0)):
            splat = function.splat(type, str(left))
            body(last, width, function.emit(f"icmp slt {type} {lanes(type, list(range(width)))}, {splat}"))

    # ---- the values ----

    def _entries(self, number: Int, target: str, rows: tuple[Int, Int], columns: tuple[Int, Int]) -> None:
        """All entries of one outer coordinate, in their order."""
        kernel, function = self.kernel, self.function
        start, stop = kernel.start, kernel.stop
        buffers = (kernel.value, *kernel.indices)
        # The value's outer axes may be shorter than the result's, in which the number counts.
        leads = offsets(function, number, kernel.result.shape[:start], [buffer.strides[:start] for buffer in buffers])
        pointers = [
            function.pointer(pointer, lead, memory_element(buffer.dtype))
            for pointer, lead, buffer in zip((self.value, *self.indices), leads, buffers, strict=True)
        ]
        with function.loop(0, prod(kernel.entries)) as entry:
            places = offsets(function, entry.index, kernel.entries, [buffer.strides[start:stop] for buffer in buffers])
            value, *indices = [
                function.pointer(pointer, place, memory_element(buffer.dtype))
                for pointer, place, buffer in zip(pointers, places, buffers, strict=True)
            ]
            if kernel.by_rows:
                row = self._row(indices)
                with function.when(self._wanted(row, rows)):
                    self._count(row)
                    line = function.pointer(target, function.mul(row, self.inner), self.element)
                    self._line(value, line, columns)
            else:
                self._elements(value, indices, target, rows, columns)
        if kernel.averaged:
            self._average(target, rows, columns)

    def _row(self, indices: list[str]) -> Int:
        """The row that an entry goes to; 0 and a failure where it is none."""
        kernel, function = self.kernel, self.function
        row: Int = 0
        for address, extent in zip(indices, kernel.rows, strict=True):
            own = function.load("i64", address, 8)
            if kernel.wrap:
                negative = function.compare("slt", own, 0)
                own = function.choose(negative, "i64", function.add(own, extent), own)
            wrong = function.compare("uge", own, extent)
            self.frame.fail(wrong)
            own = function.choose(wrong, "i64", 0, own)
            row = function.add(function.mul(row, extent), own)
        return row

    def _wanted(self, row: Int, rows: tuple[Int, Int]) -> str:
        """Whether a row is of this part and not skipped."""
        function, skipped = self.function, self.kernel.skipped
        condition = "true"
        if rows != (0, self.count):
            condition = function.compare("ult", function.sub(row, rows[0]), function.sub(rows[1], rows[0]))
        if skipped is not None:
            kept = function.compare("ne", row, skipped)
            condition = kept if condition == "true" else function.binary("and", "i1", condition, kept)
        return condition

    def _count(self, row: Int) -> None:
        if not self.counts:
            return
        place = self.function.pointer(self.counts, row, "i64")
        self.function.store("i64", str(self.function.add(self.function.load("i64", place, 8), 1)), place, 8)

    def _reduced(self, old: str, new: Value, mask: str | None = None) -> Value:
        """What an element becomes, of what stands at an address and the value."""
        name = FUNCTIONS.get(self.kernel.reduce)
        if name is None:
            return new
        return apply(self.function, name, (load(self.function, self.dtype, old, new.width, mask), new), self.machine)

    def _line(self, value: str, line: str, columns: tuple[Int, Int]) -> None:
        """One entry's inner elements to one row."""
        kernel, function = self.kernel, self.function
        strides = kernel.value.strides[kernel.stop :]
        if self.inner == 1:
            self._put(value, line)
            return
        axes = merged(kernel.inner, [contiguous_strides(kernel.result_inner), strides])

        def body(at: Int, width: int, mask: str | None) -> None:
            if step:
                new = load(function, self.dtype, function.pointer(value, at, self.element), width, mask)
            else:
                new = broadcast(function, load(function, self.dtype, value, 1), width)
            place = function.pointer(line, at, self.element)
            store(function, self._reduced(place, new, mask), place, mask)

        step = axes[0][1][1] if axes else 1
        if kernel.inner == kernel.result_inner and len(axes) <= 1 and step in (0, 1):
            self._lanes(*columns, body)
            return
        with self._inner_loop(columns) as number:
            own, to = offsets(function, number, kernel.inner, [strides, contiguous_strides(kernel.result_inner)])
            self._put(function.pointer(value, own, self.element), function.pointer(line, to, self.element))

    def _put(self, value: str, place: str) -> None:
        store(self.function, self._reduced(place, load(self.function, self.dtype, value, 1)), place)

    @contextmanager
    def _inner_loop(self, columns: tuple[Int, Int]) -> Iterator[Int]:
        """A loop over the value's inner elements of this part."""
        kernel = self.kernel
        even = kernel.inner == kernel.result_inner
        low, high = columns if even else (0, prod(kernel.inner))
        with self.function.loop(low, high) as turn:
            yield turn.index

    def _elements(
        self, value: str, indices: list[str], target: str, rows: tuple[Int, Int], columns: tuple[Int, Int]
    ) -> None:
        """One entry's inner elements, each with an index of its own."""
        kernel, function, stop = self.kernel, self.function, self.kernel.stop
        strides = [
            kernel.value.strides[stop:],
            contiguous_strides(kernel.result_inner),
            *[index.strides[stop:] for index in kernel.indices],
        ]
        with self._inner_loop(columns) as number:
            own, to, *places = offsets(function, number, kernel.inner, strides)
            row = self._row(
                [function.pointer(index, place, "i64") for index, place in zip(indices, places, strict=True)]
            )
            with function.when(self._wanted(row, rows)):
                place = function.add(function.mul(row, self.inner), to)
                self._put(function.pointer(value, own, self.element), function.pointer(target, place, self.element))

    def _average(self, target: str, rows: tuple[Int, Int], columns: tuple[Int, Int]) -> None:
        """Divides each row by how many values it got."""
        function = self.function
        with function.loop(*rows) as row:
            count = function.load("i64", function.pointer(self.counts, row.index, "i64"), 8)
            kind = memory_element(self.dtype)
            divisor = Value(function.convert("sitofp", "i64", str(function.greatest(count, 1)), kind), self.dtype, 1)
            line = function.pointer(target, function.mul(row.index, self.inner), self.element)

            def body(at: Int, width: int, mask: str | None, line: str = line, divisor: Value = divisor) -> None:
                place = function.pointer(line, at, self.element)
                old = load(function, self.dtype, place, width, mask)
                store(function, apply(function, "div", (old, divisor), self.machine), place, mask)

            self._lanes(*columns, body)


def _step(shape: tuple[int, ...], strides: tuple[int, ...]) -> int:
    """From one element to the next, of axes that are one stretch."""
    axes = merged(shape, [strides])
    return axes[0][1][0] if axes else 1
