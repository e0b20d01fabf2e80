"""The function of a template's kernel: its arguments, the rows that a thread takes, and where a row's elements lie."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ...dtype import int64
from ...kernel.buffer import Buffer, Shape
from ..machine import Machine
from .assembly import Function, Int, Module, first_lanes, lanes, vector
from .generated import FAILURE, OPERANDS, SCRATCH, Generated
from .values import Value, broadcast, gather, load, memory_element, store

ABI = [("ptr", "arguments"), ("i64", "thread"), ("i64", "threads")]
SMALL = 1 << 13  # elements below which one thread does it all


class Frame:
    """One kernel in the making.

    Args:
        operands, results: pointers to element 0 of each.
        failure: address of the flag.
        parallel: whether the team calls it, or one thread alone.
    """

    def __init__(
        self, machine: Machine, name: str, operands: Sequence[Buffer], results: Sequence[Buffer], parallel: bool
    ) -> None:
        self.machine = machine
        self.name = name
        self.parallel = parallel
        self.module = Module(machine.triple, machine.halves)
        self.function = Function(self.module, name, ABI, internal=False)
        self.operands = [self.argument(OPERANDS + place) for place in range(len(operands))]
        self.results = [self.argument(OPERANDS + len(operands) + place) for place in range(len(results))]
        self.failure = self.argument(FAILURE)
        self.risk = ""

    def argument(self, slot: int) -> str:
        return self.function.load("ptr", self.function.pointer("%arguments", slot, "i64"), 8)

    def scratch(self, per_thread: int) -> str:
        """This thread's scratch memory, of so many bytes."""
        return self.function.pointer(self.argument(SCRATCH), self.function.mul("%thread", per_thread), "i8")

    def share(self, count: int) -> tuple[Int, Int]:
        """Which of `count` pieces of work this thread does."""
        if not self.parallel:
            return 0, count
        function = self.function
        low, high = function.mul("%thread", count), function.mul(function.add("%thread", 1), count)
        return function.emit(f"udiv i64 {low}, %threads"), function.emit(f"udiv i64 {high}, %threads")

    @contextmanager
    def rows(self, count: int) -> Iterator[Int]:
        """A loop over this thread's share of `count` rows."""
        low, high = self.share(count)
        with self.function.loop(low, high) as turn:
            yield turn.index

    def fail(self, condition: str) -> None:
        """Raises the flag where an i1 holds: an index is out of range."""
        self.risk = "indices"
        with self.function.when(condition):
            self.function.store("i64", "1", self.failure, 8)

    def generated(self, per_thread: int = 0) -> Generated:
        """The end of the function, and all of it."""
        self.function.end()
        return Generated(self.name, self.module.text(), 0, per_thread, self.parallel, self.risk)


# ---- where elements lie ----


def offsets(function: Function, number: Int, shape: Shape, strides: Sequence[Shape]) -> list[Int]:
    """Where element `number` of a shape, counted in rows, lies in arrays with the given strides; in elements."""
    totals: list[Int] = [0] * len(strides)
    axes = merged(shape, strides)
    for place in range(len(axes) - 1, -1, -1):
        extent, steps = axes[place]
        digit = function.rem(number, extent) if place else number
        number = function.div(number, extent) if place else 0
        totals = [function.add(total, function.mul(digit, step)) for total, step in zip(totals, steps, strict=True)]
    return totals


def merged(shape: Shape, strides: Sequence[Shape]) -> list[tuple[int, list[int]]]:
    """(extent, strides) of a shape's axes: those of one element gone, those that all arrays go through as one put together."""
    axes: list[tuple[int, list[int]]] = []
    for axis, extent in enumerate(shape):
        steps = [own[axis] for own in strides]
        if extent == 1:
            continue
        if axes and all(before == step * extent for before, step in zip(axes[-1][1], steps, strict=True)):
            axes[-1] = (axes[-1][0] * extent, steps)
        else:
            axes.append((extent, steps))
    return axes


# ---- lanes that lie apart ----


def load_apart(function: Function, buffer: Buffer, address: str, step: int, width: int, active: int) -> Value:
    """The first `active` of `width` elements that lie `step` apart. Two apart come by two loads and a shuffle, others by a gather."""
    mask = None if active == width else first_lanes(active, width)
    if width == 1 or step == 1:
        return load(function, buffer.dtype, address, width, mask)
    if step == 0:
        return broadcast(function, load(function, buffer.dtype, address, 1), width)
    if step == 2:
        return _every_second(function, buffer, address, width, active)
    places = Value(lanes(vector("i64", width), [lane * step for lane in range(width)]), int64, width)
    return gather(function, buffer.dtype, address, places, width, mask)


def _every_second(function: Function, buffer: Buffer, address: str, width: int, active: int) -> Value:
    """The second vector begins one before the first one's end, so that it ends with the last element that is asked for."""
    span = 2 * active - 1
    first = _masked(function, buffer, address, width, min(width, span))
    if span <= width:
        second = first
    else:
        beyond = function.pointer(address, width - 1, memory_element(buffer.dtype))
        second = _masked(function, buffer, beyond, width, span - width + 1)
    places = [2 * lane if 2 * lane < width else width + 2 * lane - (width - 1) for lane in range(width)]
    return Value(function.shuffle(first.type, first.text, second.text, places), buffer.dtype, width)


def load_pairs(function: Function, buffer: Buffer, address: str, width: int, active: int) -> tuple[Value, Value]:
    """The first elements of `active` neighbouring pairs, and the second ones."""
    if width == 1:
        beyond = function.pointer(address, 1, memory_element(buffer.dtype))
        return load(function, buffer.dtype, address, 1), load(function, buffer.dtype, beyond, 1)
    first = _masked(function, buffer, address, width, min(width, 2 * active))
    second = first
    if 2 * active > width:
        beyond = function.pointer(address, width, memory_element(buffer.dtype))
        second = _masked(function, buffer, beyond, width, 2 * active - width)
    even, odd = (
        Value(
            function.shuffle(first.type, first.text, second.text, [2 * lane + odd for lane in range(width)]),
            buffer.dtype,
            width,
        )
        for odd in (0, 1)
    )
    return even, odd


def store_pairs(function: Function, even: Value, odd: Value, address: str, active: int) -> None:
    """The inverse of `load_pairs`."""
    width, element = even.width, memory_element(even.dtype)
    if width == 1:
        store(function, even, address)
        store(function, odd, function.pointer(address, 1, element))
        return
    for half in (0, 1):
        count = min(width, 2 * active - half * width)
        if count <= 0:
            return
        places = [(lane + half * width) // 2 + (width if lane % 2 else 0) for lane in range(width)]
        text = function.shuffle(even.type, even.text, odd.text, places)
        mask = None if count == width else first_lanes(count, width)
        store(function, Value(text, even.dtype, width), function.pointer(address, half * width, element), mask)


def store_apart(function: Function, value: Value, address: str, step: int, active: int) -> None:
    """Writes the first `active` lanes to places `step` elements apart."""
    if value.width == 1 or step == 1:
        store(function, value, address, None if active == value.width else first_lanes(active, value.width))
        return
    for lane in range(active):
        one = function.emit(f"extractelement {value.type} {value.text}, i64 {lane}")
        place = function.pointer(address, lane * step, memory_element(value.dtype))
        store(function, Value(one, value.dtype, 1), place)


def _masked(function: Function, buffer: Buffer, address: str, width: int, count: int) -> Value:
    return load(function, buffer.dtype, address, width, None if count == width else first_lanes(count, width))


def chunks(machine: Machine, count: int, width: int) -> list[tuple[int, int, int]]:
    """(start, width, active lanes) of vectors that cover what whole vectors leave over of `count` elements.

    With masks it is one vector; without, smaller ones. A vector has no more lanes than a power of two that is needed.
    """
    start, found = count - count % width, []
    while start < count:
        rest = count - start
        size = 1 << (rest - 1).bit_length() if machine.masks else 1 << rest.bit_length() - 1
        active = min(size, rest)
        found.append((start, size, active))
        start += active
    return found
