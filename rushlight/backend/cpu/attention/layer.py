"""What both ways of attention share: scratch memory, packing, register tiles, masks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from ....dtype import bool_, int64
from ....kernel.attention import Attention
from ....kernel.buffer import Buffer
from ...machine import Machine
from ..arithmetic import apply
from ..assembly import Function, Int, constant, first_lanes, lanes, vector
from ..contraction.lanes import first
from ..contraction.microkernel import Microkernel, Step
from ..contraction.transpose import block
from ..frame import Frame, load_apart, offsets
from ..generated import Generated
from ..lanes import Lanes
from ..values import Value, gather, literal, load, memory_element, register_element, store
from .division import LINE, Columns, Division, divide

LEAST_EXPONENT = {"float": -87.0, "double": -708.0}  # where e^x is a normal number just so
PARALLEL = 1 << 16  # products below which one thread does it all


class Layer:
    """One kernel in the making.

    Args:
        rooms: elements of scratch that each thread needs, by name.
    """

    def __init__(self, kernel: Attention, machine: Machine, rooms: Callable[[Division], dict[str, int]]) -> None:
        self.kernel = kernel
        self.machine = machine
        self.division = divide(kernel, machine)
        self.dtype = kernel.dtype
        self.element = register_element(kernel.dtype)
        self.size = kernel.dtype.itemsize
        self.width = self.division.width
        self.type = vector(self.element, self.width)
        self.name = "attention_" + hashlib.sha256(kernel.key().encode()).hexdigest()[:16]
        products = kernel.heads * kernel.length * kernel.source * (self.division.q.extent + self.division.v.extent)
        self.frame = Frame(machine, self.name, kernel.operands, kernel.results, products > PARALLEL)
        self.module = self.frame.module
        self.function = self.frame.function
        self._microkernels: dict[Microkernel, str] = {}
        self.per_thread = 0
        places: dict[str, int] = {}
        for room, count in rooms(self.division).items():
            places[room] = self.per_thread
            self.per_thread += -(-count * self.size // LINE) * LINE
        scratch = self.frame.scratch(self.per_thread)
        self.room = {room: self.function.pointer(scratch, place, "i8") for room, place in places.items()}
        pointers = iter(self.frame.operands)
        self.pointers = [next(pointers) for _ in kernel.operands]
        self.scale = self._splat_scale()

    def generated(self) -> Generated:
        return self.frame.generated(self.per_thread)

    def _splat_scale(self) -> str:
        place = self.pointers[3 if self.kernel.mask is None else 4]
        return self.function.splat(self.type, self.function.load(self.element, place, self.size))

    # ---- heads, tiles ----

    def heads(self, head: Int) -> list[str]:
        """Where one head's part of each operand begins."""
        shape = self.kernel.batch
        strides = [b.strides[: len(shape)] if b.shape else (0,) * len(shape) for b in self.kernel.operands]
        starts = offsets(self.function, head, shape, strides)
        return [
            self.function.pointer(pointer, start, memory_element(buffer.dtype))
            for pointer, start, buffer in zip(self.pointers, starts, self.kernel.operands, strict=True)
        ]

    def start(self, tile: Int) -> Int:
        """The first row of a tile."""
        tiles, function = self.division.tiles, self.function
        return function.add(function.mul(tile, tiles.low_height), function.least(tile, tiles.high))

    def by_height(self, tile: Int, body: Callable[[int], None]) -> None:
        """Calls `body(height)` for what is to be done with a tile of each height."""
        tiles = self.division.tiles
        for height in tiles.heights:
            if len(tiles.heights) == 1:
                body(height)
                continue
            tall = "slt" if height > tiles.low_height else "sge"
            with self.function.when(self.function.compare(tall, tile, tiles.high)):
                body(height)

    def seen(self, last_row: Int) -> Int:
        """How many panels a row may look at."""
        if not self.kernel.causal:
            return self.division.panels
        function = self.function
        return function.least(function.add(function.div(last_row, self.division.lanes), 1), self.division.panels)

    # ---- register tiles ----

    def product(
        self, rows: Sequence[int], vectors: int, steps: tuple[Step, ...], function: Function | None = None
    ) -> Callable[[str, str, str, str, Int], None]:
        """Writes a product's register tile, once; the result calls it: (rows, lanes, sums, whether they start from 0, turns)."""
        places = tuple(number * self.width for number in range(vectors))
        count = vectors * self.width
        made = Microkernel("", self.element, self.width, tuple(rows), places, count, steps, 0, self.machine.fma)
        name = self._microkernels.setdefault(made, f"{self.name}_product_{len(self._microkernels)}")
        if not self.module.has(name):
            Microkernel(name, self.element, self.width, tuple(rows), places, count, steps, 0, self.machine.fma).write(
                self.module
            )
        target = function or self.function

        def call(row: str, lane: str, sums: str, begin: str, turns: Int) -> None:
            arguments = [("ptr", row), ("ptr", lane), ("ptr", sums), ("i1", begin), ("i64", str(turns))]
            target.call(name, "void", arguments)

        return call

    # ---- packing ----

    def pack_rows(
        self, buffer: Buffer, source: str, rows: Int, columns: Columns, target: str, factor: str | None = None
    ) -> None:
        """Copies rows side by side, filled up to whole vectors with 0, multiplied with a factor if there is one."""
        function, (row_step, step) = self.function, buffer.strides[-2:]
        whole = columns.extent // self.width * self.width

        def copy(row: Int, column: Int, active: int) -> None:
            place = function.add(function.mul(row, row_step), function.mul(column, step))
            value = load_apart(
                function, buffer, function.pointer(source, place, self.element), step, self.width, active
            ).text
            if factor is not None:
                value = function.binary("fmul", self.type, value, factor)
            spot = function.add(function.mul(row, columns.pitch), column)
            function.store(self.type, value, function.pointer(target, spot, self.element), self.size)

        with function.loop(0, rows) as row:
            if whole:
                with function.loop(0, whole, self.width) as column:
                    copy(row.index, column.index, self.width)
            if whole < columns.extent:
                copy(row.index, whole, columns.extent - whole)

    def pack_panels(self, buffer: Buffer, source: str, target: str) -> None:
        """Turns rows of keys into panels: a line for each column, whose lanes are keys; those that fill the last panel are 0."""
        function, division, width = self.function, self.division, self.width
        count, depth = buffer.shape[-2:]

        def strip(number: Int, active: int) -> None:
            """A vector of keys."""
            panel = function.mul(function.div(number, division.vectors), division.lanes * depth)
            place = function.add(panel, function.mul(function.rem(number, division.vectors), width))
            line = function.pointer(target, place, self.element)
            row = function.mul(number, width * buffer.strides[-2])
            self._turn_strip(buffer, function.pointer(source, row, self.element), line, active)

        whole = count // width
        if whole:
            with function.loop(0, whole) as turn:
                strip(turn.index, width)
        if count % width:
            strip(whole, count % width)
        zero = constant(self.type, 0)
        for number in range(-(-count // width), division.panels * division.vectors):
            place = number // division.vectors * division.lanes * depth + number % division.vectors * width
            with function.loop(0, depth) as column:
                spot = function.add(function.mul(column.index, division.lanes), place)
                function.store(self.type, zero, function.pointer(target, spot, self.element), self.size)

    def _turn_strip(self, buffer: Buffer, source: str, target: str, active: int) -> None:
        function, division, width = self.function, self.division, self.width
        row_step, step = buffer.strides[-2:]
        depth = buffer.shape[-1]
        start = 0
        if step == 1:
            start = depth // width * width
            for first_column, columns in ((0, start), (start, depth - start)):
                if not columns:
                    continue
                masked = active < width or columns < width
                name = block(self.module, f"{self.name}_turn", self.dtype, width, masked)
                high = first_column + columns
                with function.loop(first_column, high, width) as turn:
                    spot = function.mul(turn.index, division.lanes)
                    arguments = [
                        ("ptr", function.pointer(source, turn.index, self.element)),
                        ("i64", str(row_step)),
                        ("ptr", function.pointer(target, spot, self.element)),
                        ("i64", str(division.lanes)),
                        ("i64", str(active)),
                        ("i64", str(min(columns, width))),
                    ]
                    function.call(name, "void", arguments)
            return
        with function.loop(0, depth) as turn:
            place = function.pointer(source, function.mul(turn.index, step), self.element)
            value = load_apart(function, buffer, place, row_step, width, active)
            spot = function.pointer(target, function.mul(turn.index, division.lanes), self.element)
            function.store(self.type, value.text, spot, self.size)

    def clear(self, target: str, count: int) -> None:
        """Sets whole vectors to 0."""
        with self.function.loop(0, count, self.width) as turn:
            place = self.function.pointer(target, turn.index, self.element)
            self.function.store(self.type, constant(self.type, 0), place, self.size)

    def write_out(
        self, tile: str, height: int, rows: Int, columns: Columns, target: str, factor: Callable[[Int], str] | None
    ) -> None:
        """Copies the first rows of a tile's sums to a contiguous result, each multiplied with `factor(row)` if that is given."""
        function = self.function
        with function.loop(0, rows) as row:
            times = None if factor is None else factor(row.index)
            for column, vectors in columns.groups:
                for place in range(vectors):
                    offset = height * column + place * self.width
                    spot = function.add(function.mul(row.index, vectors * self.width), offset)
                    value = function.load(self.type, function.pointer(tile, spot, self.element), self.size)
                    if times is not None:
                        value = function.binary("fmul", self.type, value, times)
                    start = column + place * self.width
                    active = min(self.width, columns.extent - start)
                    mask = None if active == self.width else first_lanes(active, self.width)
                    spot = function.add(function.mul(row.index, columns.extent), start)
                    address = function.pointer(target, spot, self.element)
                    store(function, Value(value, self.dtype, self.width), address, mask)

    def exponential(self, function: Function, x: str, width: int) -> str:
        """e^x of lanes; 0 where it is less than a normal number, which takes many processors a hundred times as long."""
        v = Lanes(function, self.element, width, self.machine)
        low = LEAST_EXPONENT[self.element]
        found = apply(function, "exp", [Value(v.at_least(x, low), self.dtype, width)], self.machine)
        return v.select(v.test("olt", x, low), 0.0, found.text)

    # ---- masks ----

    @property
    def bounded(self) -> bool:
        """Whether some lanes of some panels are keys that no row or not every row may look at."""
        return self.kernel.causal or self.kernel.source % self.division.lanes != 0

    def reach(self, function: Function, row: Int, key: Int) -> Int:
        """How many keys from `key` on a row may look at."""
        bound: Int = self.kernel.source
        if self.kernel.causal:
            bound = function.least(function.add(row, 1), bound)
        return function.sub(bound, key)

    def within(self, function: Function, reach: Int, lane: int) -> str:
        """Which lanes of a vector, whose first is the panel's lane `lane`, are among so many."""
        type = vector("i32", self.width)
        have = function.splat(type, function.emit(f"trunc i64 {reach} to i32"))
        return function.emit(f"icmp slt {type} {lanes(type, range(lane, lane + self.width))}, {have}")

    def mask_at(self, function: Function, mask: str, row: Int, key: Int) -> str:
        """The address of the mask's element for a row and a key."""
        buffer = self.kernel.mask
        assert buffer is not None
        row_step, step = buffer.strides[-2:]
        place = function.add(function.mul(row, row_step), function.mul(key, step))
        return function.pointer(mask, place, memory_element(buffer.dtype))

    def masked(self, function: Function, scores: str, mask: str, row: Int, key: Int, lane: Int) -> str:
        """A vector of scores with the mask: `row` and `lane` count from `mask`'s element on, which is that of key `key`."""
        left = function.sub(function.sub(self.kernel.source, key), lane)
        address = self.mask_at(function, mask, row, lane)
        arguments = [(self.type, scores), ("ptr", address), ("i64", str(left))]
        return function.call(self._mask_function(), self.type, arguments)

    def _mask_function(self) -> str:
        """Writes, once, `name(scores, address, count)`: scores with the mask at an address, of which `count` elements may be read."""
        mask = self.kernel.mask
        assert mask is not None
        name = f"{self.name}_masked"
        if self.module.has(name):
            return name
        parameters = [(self.type, "scores"), ("ptr", "address"), ("i64", "count")]
        function = Function(self.module, name, parameters, self.type)
        part, whole = function.new_label(), function.new_label()
        function.branch_if(function.compare("sge", "%count", self.width), whole, part)
        function.label(whole)
        function.do(f"ret {self.type} {self._with_mask(function, mask, None)}")
        function.label(part)
        some = first(function, "%count", self.width)
        function.end(f"ret {self.type} {self._with_mask(function, mask, some)}")
        return name

    def _with_mask(self, function: Function, mask: Buffer, some: str | None) -> str:
        step, width = mask.strides[-1], self.width
        if step == 1:
            found = load(function, mask.dtype, "%address", width, some)
        else:
            places = Value(lanes(vector("i64", width), [lane * step for lane in range(width)]), int64, width)
            found = gather(function, mask.dtype, "%address", places, width, some)
        if mask.dtype is bool_:
            low = literal(float("-inf"), self.dtype, width)
            return function.select(self.type, found.text, "%scores", low.text)
        return function.binary("fadd", self.type, "%scores", found.text)


def across(function: Function, type: str, value: str, combine: Callable[[str, str, str], str]) -> str:
    """The lanes of a vector put together: halves, quarters, … by `combine(type, a, b)`."""
    width, element = int(type[1:-1].split(" x ")[0]), type[1:-1].split(" x ")[1]
    while width > 1:
        half = width // 2
        if half == 1:
            low, high = (function.emit(f"extractelement {type} {value}, i64 {lane}") for lane in range(2))
        else:
            low = function.shuffle(type, value, "poison", range(half))
            high = function.shuffle(type, value, "poison", range(half, width))
        type = vector(element, half)
        value = combine(type, low, high)
        width = half
    return value
