"""Sorting as LLVM IR.

Elements become keys: integers without sign whose order is the one that is wanted. A key with the element's place behind it is a *record*; no
two are equal, so that whatever sorts records keeps the order of equal elements. A row is sorted in one of three ways:

    by rank       short rows: an element's place in order is how many come before it, counted a vector at a time
    by selection  the first few of a long row: the best so far stand in order; a vector none of whose keys comes before their last is passed over
    by radix      else: digits of 8 bits, the least first, digits that are the same in all keys left out (Knuth, The Art of Computer
                  Programming, vol. 3, 5.2.5)
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from ...dtype import FLOATING, int64
from ...kernel.sort import Sort
from ..machine import Machine
from .assembly import Function, Int, constant, lanes, vector
from .frame import SMALL, Frame, load_apart, offsets
from .generated import Generated
from .values import Value, memory_element, store

RANKED = 64  # elements of a row up to which it is sorted by rank
SELECTED = 64  # elements up to which they are selected,
MORE_SELECTED, PART = 256, 32  # and up to which they are where they are so small a part of the row
DIGITS = 256
WORK = 32  # what one element costs, in additions


def generate_sort(kernel: Sort, machine: Machine, name: str = "sort") -> Generated:
    """The kernel of a sort or a selection."""
    (x,) = kernel.operands
    length = x.shape[kernel.axis]
    if length <= RANKED:
        return _ByRank(kernel, machine, name).write()
    if kernel.count <= SELECTED or (kernel.count <= MORE_SELECTED and kernel.count * PART <= length):
        return _BySelection(kernel, machine, name).write()
    return _ByRadix(kernel, machine, name).write()


class _Writer:
    """What the ways share: rows, keys, records."""

    def __init__(self, kernel: Sort, machine: Machine, name: str) -> None:
        self.kernel = kernel
        self.machine = machine
        (self.x,) = kernel.operands
        self.length = self.x.shape[kernel.axis]
        self.step = self.x.strides[kernel.axis]
        self.out_step = kernel.result.strides[kernel.axis]
        self.rows = self.x.size // self.length
        parallel = self.rows > 1 and self.x.size * WORK > SMALL
        self.frame = Frame(machine, name, kernel.operands, (kernel.result,), parallel)
        self.function = self.frame.function
        self.element = memory_element(self.x.dtype)
        self.bits = 64 if self.x.dtype.itemsize == 8 else 32
        self.word = f"i{self.bits}"
        self.record = f"i{2 * self.bits}"
        self.width = machine.width(self.bits // 8)

    def scratch_bytes(self) -> int:
        """For each thread."""
        raise NotImplementedError

    def sort_row(self, source: str, target: str, scratch: str) -> None:
        """Writes the code that sorts one row."""
        raise NotImplementedError

    def write(self) -> Generated:
        """The whole function."""
        function, axis, bytes = self.function, self.kernel.axis, self.scratch_bytes()
        scratch = self.frame.scratch(bytes)
        shape = (*self.x.shape[:axis], *self.x.shape[axis + 1 :])
        strides = [(*own[:axis], *own[axis + 1 :]) for own in (self.x.strides, self.kernel.result.strides)]
        with self.frame.rows(prod(shape)) as row:
            start, to = offsets(function, row, shape, strides)
            source = function.pointer(self.frame.operands[0], start, self.element)
            self.sort_row(source, function.pointer(self.frame.results[0], to, "i64"), scratch)
        return self.frame.generated(bytes)

    # ---- keys ----

    def keys(self, source: str, at: Int, width: int, active: int) -> str:
        """The keys of elements from number `at` on."""
        place = self.function.pointer(source, self.function.mul(at, self.step), self.element)
        return self._key(load_apart(self.function, self.x, place, self.step, width, active))

    def _key(self, value: Value) -> str:
        function, type = self.function, vector(self.word, value.width)
        if value.dtype.category == FLOATING:
            key = self._key_of_float(value, type)
        else:
            key = value.text
            own = value.dtype.itemsize * 8 if value.type != value.mask else 1
            if own < self.bits:
                key = function.convert("sext" if value.dtype.is_signed else "zext", value.type, key, type)
            if value.dtype.is_signed:
                key = function.binary("xor", type, key, constant(type, 1 << self.bits - 1))
        return function.binary("xor", type, key, constant(type, -1)) if self.kernel.descending else key

    def _key_of_float(self, value: Value, type: str) -> str:
        """Numbers below zero count backwards. Adding 0.0 makes -0.0 the other zero."""
        function = self.function
        number = function.binary("fadd", value.type, value.text, constant(value.type, 0.0))
        bits = function.convert("bitcast", value.type, number, type)
        sign = function.binary("ashr", type, bits, constant(type, self.bits - 1))
        turned = function.binary("or", type, sign, constant(type, 1 << self.bits - 1))
        key = function.binary("xor", type, bits, turned)
        nan = function.binary("fcmp uno", value.type, value.text, value.text)
        return function.select(type, nan, constant(type, -1), key)

    def record_of(self, key: str, place: Int) -> str:
        """A key with a place behind it."""
        function, type = self.function, self.record
        wide = function.convert("zext", self.word, key, type)
        high = function.binary("shl", type, wide, str(self.bits))
        behind = str(place)
        if self.bits == 64 and not isinstance(place, int):
            behind = function.convert("zext", "i64", behind, type)
        return function.binary("or", type, high, behind)

    def place_in(self, record: str) -> str:
        """The place of a record, as an i64."""
        narrow = self.function.convert("trunc", self.record, record, "i32")
        return self.function.convert("zext", "i32", narrow, "i64")

    def put(self, target: str, rank: Int, place: str) -> None:
        store(
            self.function,
            Value(place, int64, 1),
            self.function.pointer(target, self.function.mul(rank, self.out_step), "i64"),
        )

    @property
    def record_bytes(self) -> int:
        return self.bits // 4


class _ByRank(_Writer):
    """Keys are compared each with each."""

    def scratch_bytes(self) -> int:
        return -(-self._padded() * self.bits // 8 // 64) * 64

    def _padded(self) -> int:
        return -(-self.length // self.width) * self.width

    def sort_row(self, source: str, target: str, scratch: str) -> None:
        function, width, kind = self.function, self.width, vector(self.word, self.width)
        size = self.bits // 8
        function.store(kind, constant(kind, -1), function.pointer(scratch, self._padded() - width, self.word), size)
        with function.loop(0, self.length) as turn:
            key = self.keys(source, turn.index, 1, 1)
            function.store(self.word, key, function.pointer(scratch, turn.index, self.word), size)
        with function.loop(0, self.length) as turn:
            rank = self._rank(scratch, turn.index)
            if self.kernel.count == self.length:
                self.put(target, rank, turn.index)
            else:
                with function.when(function.compare("slt", rank, self.kernel.count)):
                    self.put(target, rank, turn.index)

    def _rank(self, scratch: str, number: str) -> str:
        """How many keys come before one: those that are less, and equal ones in front of it."""
        function, width, kind, size = self.function, self.width, vector(self.word, self.width), self.bits // 8
        mask = vector("i1", width)
        own = function.splat(kind, function.load(self.word, function.pointer(scratch, number, self.word), size))
        narrow = number if self.bits == 64 else function.convert("trunc", "i64", number, self.word)
        place = function.splat(kind, narrow)
        total = constant(kind, 0)
        for start in range(0, self._padded(), width):
            other = function.load(kind, function.pointer(scratch, start, self.word), size)
            less = function.binary("icmp ult", kind, other, own)
            equal = function.binary("icmp eq", kind, other, own)
            here = lanes(kind, list(range(start, start + width))) if width > 1 else str(start)
            front = function.binary("icmp ult", kind, here, place)
            before = function.binary("or", mask, less, function.binary("and", mask, equal, front))
            total = function.binary("sub", kind, total, function.convert("sext", mask, before, kind))
        if width > 1:
            total = function.call(f"llvm.vector.reduce.add.v{width}{self.word}", self.word, [(kind, total)])
        return total if self.bits == 64 else function.convert("zext", self.word, total, "i64")


class _BySelection(_Writer):
    """The first few records stand in scratch memory, in order."""

    def scratch_bytes(self) -> int:
        return -(-self.kernel.count * self.record_bytes // 64) * 64

    def sort_row(self, source: str, target: str, scratch: str) -> None:
        function, count, width = self.function, self.kernel.count, self.width
        with function.loop(0, count) as turn:
            place = function.pointer(scratch, turn.index, self.record)
            function.store(self.record, "-1", place, self.bits // 4)
        # The first ones fill the room, then whole vectors are looked through, then what is left.
        whole = count + (self.length - count) // width * width
        with function.loop(0, count) as turn:
            self._offer(source, scratch, turn.index)
        if whole > count:
            with function.loop(count, whole, width) as turn:
                self._look(source, scratch, turn.index)
        if whole < self.length:
            with function.loop(whole, self.length) as turn:
                self._offer(source, scratch, turn.index)
        with function.loop(0, count) as turn:
            record = function.load(self.record, function.pointer(scratch, turn.index, self.record), self.record_bytes)
            self.put(target, turn.index, self.place_in(record))

    def _last(self, scratch: str) -> str:
        place = self.function.pointer(scratch, self.kernel.count - 1, self.record)
        return self.function.load(self.record, place, self.record_bytes)

    def _look(self, source: str, scratch: str, at: Int) -> None:
        """One vector of keys."""
        function, width, kind = self.function, self.width, vector(self.word, self.width)
        keys = self.keys(source, at, width, width)
        last = function.binary("lshr", self.record, self._last(scratch), str(self.bits))
        last = function.splat(kind, function.convert("trunc", self.record, last, self.word))
        # A key that equals the last one stands behind it.
        any_before = function.binary("icmp ult", kind, keys, last)
        if width > 1:
            mask = vector("i1", width)
            any_before = function.call(f"llvm.vector.reduce.or.v{width}i1", "i1", [(mask, any_before)])
        with function.when(any_before), function.loop(0, width) as turn:
            self._offer(source, scratch, function.add(at, turn.index))

    def _offer(self, source: str, scratch: str, number: Int) -> None:
        """Takes an element in where it comes before the last of those that stand there."""
        function, count, size = self.function, self.kernel.count, self.record_bytes
        record = self.record_of(self.keys(source, number, 1, 1), number)
        better = function.emit(f"icmp ult {self.record} {record}, {self._last(scratch)}")
        with function.when(better):

            def moves(room: str) -> str:
                """Whether the record before a room stands behind the new one."""
                before = function.pointer(scratch, function.sub(room, 1), self.record)
                return function.emit(f"icmp ult {self.record} {record}, {function.load(self.record, before, size)}")

            def move(room: str) -> None:
                before = function.pointer(scratch, function.sub(room, 1), self.record)
                value = function.load(self.record, before, size)
                function.store(self.record, value, function.pointer(scratch, room, self.record), size)

            room = _descend(function, count - 1, moves, move)
            function.store(self.record, record, function.pointer(scratch, room, self.record), size)


def _descend(function: Function, start: int, goes_on: Callable[[str], str], body: Callable[[str], None]) -> str:
    """Counts down from `start` while it is above 0 and `goes_on`; returns where it stopped."""
    before, test, look, inside, after = function.block, *[function.new_label() for _ in range(4)]
    room, lower = function.name_value(), function.name_value()
    function.branch(test)
    function.label(test)
    place = len(function.lines)
    function.lines.append("")
    function.branch_if(function.compare("sgt", room, 0), look, after)
    function.label(look)
    function.branch_if(goes_on(room), inside, after)
    function.label(inside)
    body(room)
    function.do(f"{lower} = sub nsw i64 {room}, 1")
    latch = function.block
    function.branch(test)
    function.lines[place] = f"  {room} = phi i64 [ {start}, %{before} ], [ {lower}, %{latch} ]"
    function.label(after)
    return room


class _ByRadix(_Writer):
    """Two arrays of records, between which they go, and for each digit how often it has each of its values."""

    def __init__(self, kernel: Sort, machine: Machine, name: str) -> None:
        super().__init__(kernel, machine, name)
        # Where the records are, and where they go next: swapped by each digit that sorts.
        self.places = [self.function.stack("ptr"), self.function.stack("ptr")]

    def scratch_bytes(self) -> int:
        return 2 * self._array() + self.bits // 8 * DIGITS * 8

    def _array(self) -> int:
        return -(-self.length * self.record_bytes // 64) * 64

    def sort_row(self, source: str, target: str, scratch: str) -> None:
        function = self.function
        first, second = scratch, function.pointer(scratch, self._array(), "i8")
        counts = function.pointer(scratch, 2 * self._array(), "i8")
        arguments = [("ptr", counts), ("i8", "0"), ("i64", str(self.bits // 8 * DIGITS * 8)), ("i1", "false")]
        function.call("llvm.memset.p0.i64", "void", arguments)
        self._make_records(source, first, counts)
        for place, value in zip(self.places, (first, second), strict=True):
            function.store("ptr", value, place, 8)
        with function.loop(0, self.bits // 8) as digit:
            own = function.pointer(counts, function.mul(digit.index, DIGITS), "i64")
            self._sort_digit(own, function.add(function.mul(digit.index, 8), self.bits))
        ordered = function.load("ptr", self.places[0], 8)
        with function.loop(0, self.kernel.count) as turn:
            record = function.load(self.record, function.pointer(ordered, turn.index, self.record), self.record_bytes)
            self.put(target, turn.index, self.place_in(record))

    def _make_records(self, source: str, records: str, counts: str) -> None:
        function = self.function
        with function.loop(0, self.length) as turn:
            key = self.keys(source, turn.index, 1, 1)
            record = self.record_of(key, turn.index)
            place = function.pointer(records, turn.index, self.record)
            function.store(self.record, record, place, self.record_bytes)
            for digit in range(self.bits // 8):
                value = function.binary("lshr", self.word, key, str(8 * digit))
                low = function.convert("trunc", self.word, value, "i8")
                count = function.pointer(counts, digit * DIGITS, "i64")
                count = function.pointer(count, function.convert("zext", "i8", low, "i64"), "i64")
                function.store("i64", str(function.add(function.load("i64", count, 8), 1)), count, 8)

    def _digit(self, record: str, shift: Int) -> str:
        function = self.function
        amount = str(shift)
        if self.bits == 64:
            amount = function.convert("zext", "i64", amount, self.record)
        shifted = function.binary("lshr", self.record, record, amount)
        return function.convert("zext", "i8", function.convert("trunc", self.record, shifted, "i8"), "i64")

    def _sort_digit(self, counts: str, shift: Int) -> None:
        """Brings the records in the order of one digit, unless it is the same in all."""
        function, size = self.function, self.record_bytes
        source, target = (function.load("ptr", place, 8) for place in self.places)
        first = self._digit(function.load(self.record, source, size), shift)
        all_same = function.load("i64", function.pointer(counts, first, "i64"), 8)
        with function.when(function.compare("ne", all_same, self.length)):
            with function.loop(0, DIGITS, carried=[("i64", "0")]) as value:
                place = function.pointer(counts, value.index, "i64")
                count = function.load("i64", place, 8)
                function.store("i64", value.carried[0], place, 8)
                value.next = [str(function.add(value.carried[0], count))]
            with function.loop(0, self.length) as turn:
                record = function.load(self.record, function.pointer(source, turn.index, self.record), size)
                count = function.pointer(counts, self._digit(record, shift), "i64")
                to = function.load("i64", count, 8)
                function.store("i64", str(function.add(to, 1)), count, 8)
                function.store(self.record, record, function.pointer(target, to, self.record), size)
            function.store("ptr", target, self.places[0], 8)
            function.store("ptr", source, self.places[1], 8)
