"""What the kernels of recurrent layers have in common: packed weights, each step's product, reading and writing vectors of units."""

from __future__ import annotations

from collections.abc import Sequence

from ....dtype import dtype as ElementType
from ....dtype import int64
from ....kernel.buffer import Buffer
from ...machine import Machine
from ..arithmetic import apply
from ..assembly import Function, Int, Module, constant, lanes, vector
from ..contraction.transpose import block
from ..exponential import tanh
from ..generated import BARRIER, OPERANDS, SCRATCH
from ..lanes import Lanes
from ..team import barrier
from ..values import Value, gather, literal, load, register_element, store
from .division import Division
from .tile import write_tile

LINE = 64  # bytes


class Layer:
    """One kernel in the making.

    Args:
        pointers: operands, then results.
        division: how a step is divided.
    """

    def __init__(self, name: str, dtype: ElementType, machine: Machine, division: Division, pointers: int) -> None:
        self.name = name
        self.dtype = dtype
        self.machine = machine
        self.division = division
        self.dtype = dtype
        self.element = register_element(dtype)
        self.size = dtype.itemsize
        self.module = Module(machine.triple, machine.halves)
        self._write_product()
        parameters = [("ptr", "arguments"), ("i64", "thread"), ("i64", "threads")]
        self.function = Function(self.module, name, parameters, internal=False)
        self.pointers = [self._argument(OPERANDS + slot) for slot in range(pointers)]
        self.shared = 0  # bytes
        self._scratch = self._argument(SCRATCH)
        self._barrier = self._argument(BARRIER)
        barrier(self.module)

    def _argument(self, slot: int) -> str:
        return self.function.load("ptr", self.function.pointer("%arguments", slot, "i64"), 8)

    # ---- scratch ----

    @property
    def per_thread(self) -> int:
        """Bytes of each thread's tiles."""
        return _whole_lines(self.division.rows * self.division.sums * self.size)

    def reserve(self, elements: int) -> str:
        """Scratch that all threads share. Before `tiles` is asked for."""
        place = self.function.pointer(self._scratch, self.shared, "i8")
        self.shared += _whole_lines(elements * self.size)
        return place

    def tiles(self) -> str:
        """This thread's sums, for each of its rows."""
        own = self.function.mul("%thread", self.per_thread)
        return self.function.pointer(self._scratch, self.function.add(own, self.shared), "i8")

    # ---- threads ----

    def wait(self) -> None:
        """All threads meet."""
        self.function.call("rushlight_barrier", "void", [("ptr", self._barrier), ("i64", "%threads")])

    def share(self, count: int) -> tuple[Int, Int]:
        """Which of `count` pieces this thread takes."""
        function = self.function
        low = function.mul("%thread", count)
        high = function.add(low, count)
        return function.emit(f"udiv i64 {low}, %threads"), function.emit(f"udiv i64 {high}, %threads")

    def shares(self) -> tuple[tuple[Int, Int], tuple[Int, Int]]:
        """The blocks of units and the tiles of rows that this thread computes in each step."""
        division = self.division
        if division.by_units:
            return self.share(division.blocks), (0, division.tiles)
        return (0, division.blocks), self.share(division.tiles)

    def first_row(self, function: Function, tile: Int) -> Int:
        """Where a tile of rows begins."""
        division = self.division
        return function.add(function.mul(tile, division.low_height), function.least(tile, division.high_tiles))

    def start(self, block: Int) -> Int:
        """The first unit of a block."""
        function, division = self.function, self.division
        start = function.mul(block, division.lanes)
        if division.units == division.blocks * division.lanes:
            return start
        return function.least(start, division.units - division.lanes)

    def there_and_back(self, turn: Int, blocks: tuple[Int, Int], step: Int) -> tuple[Int, Int]:
        """The block at a turn, and the one after it.

        Every other step goes backward, over weights that the second cache still has, where it has not room for all.
        """
        function = self.function
        last = function.sub(blocks[1], 1)
        after = function.least(function.add(turn, 1), last)
        if not self.division.by_units:
            return turn, after
        odd, total = function.compare("eq", function.rem(step, 2), 1), function.add(blocks[0], last)
        here, following = (function.choose(odd, "i64", function.sub(total, one), one) for one in (turn, after))
        return here, following

    # ---- the product ----

    def _write_product(self) -> None:
        """Writes `product(source, panel, tiles, low, high)`: the sums of one block of units for some tiles of rows."""
        division, module, size = self.division, self.module, self.size
        kernels = {height: self._tile_kernel(height) for height in self._heights()}
        parameters = [("ptr", "source"), ("ptr", "panel"), ("ptr", "following"), ("ptr", "tiles")]
        function = Function(module, f"{self.name}_product", [*parameters, ("i64", "low"), ("i64", "high")])
        origin = self.first_row(function, "%low")
        with function.loop(0, division.depth, division.chunk) as chunk:
            turns = function.least(function.sub(division.depth, chunk.index), division.chunk)
            first = function.compare("eq", chunk.index, 0)
            panel = function.pointer("%panel", function.mul(chunk.index, division.sums), self.element)
            terms = function.pointer("%source", chunk.index, self.element)
            beyond = function.pointer(panel, division.chunk * division.sums, self.element)
            last = function.compare("sge", function.add(chunk.index, division.chunk), division.depth)
            following = function.choose(last, "ptr", "%following", beyond)
            with function.loop("%low", "%high") as tile:
                row = self.first_row(function, tile.index)
                source = function.pointer(terms, function.mul(row, division.depth), self.element)
                place = function.mul(function.sub(row, origin), division.sums * size)
                target = function.pointer("%tiles", place, "i8")
                turned = function.mul(function.sub(tile.index, "%low"), division.chunk * division.ahead)
                later = function.pointer(following, turned, "i8")
                arguments = [("ptr", source), ("ptr", panel), ("ptr", later), ("ptr", target)]
                arguments += [("i64", str(turns)), ("i1", first)]
                for height, kernel in kernels.items():
                    if len(kernels) == 1:
                        function.call(kernel, "void", arguments)
                        continue
                    high = "slt" if height > division.low_height else "sge"
                    with function.when(function.compare(high, tile.index, division.high_tiles)):
                        function.call(kernel, "void", arguments)
        function.end()

    def _heights(self) -> list[int]:
        division = self.division
        return [division.low_height] + ([division.low_height + 1] if division.high_tiles else [])

    def _tile_kernel(self, height: int) -> str:
        division = self.division
        name = f"{self.name}_tile_{height}"
        write_tile(self.module, name, self.element, self.size, division, height, self.machine.fma)
        return name

    def product(self, source: str, panels: str, tiles: str, blocks: tuple[Int, Int], share: tuple[Int, Int]) -> None:
        """The sums of `blocks[0]`'s units over `source` (rows, depth), for tiles of rows from `share[0]` to `share[1]`; meanwhile the
        weights of `blocks[1]` come nearer."""
        function, size = self.function, self.division.panel
        places = [function.pointer(panels, function.mul(block, size), self.element) for block in blocks]
        arguments = [("ptr", source), *[("ptr", place) for place in places], ("ptr", tiles)]
        arguments += [("i64", str(share[0])), ("i64", str(share[1]))]
        function.call(f"{self.name}_product", "void", arguments)

    # ---- packing ----

    def pack(self, weight: Buffer, pointer: str, target: str, axis: int) -> None:
        """Packs the weights, each thread its blocks: a line of a panel has for one term the weights of all its sums.

        `axis` of the weight has the sums (units, section by section), the other one the terms.
        """
        function, division = self.function, self.division
        low, high = self.share(division.blocks)
        units, terms = weight.strides[axis], weight.strides[1 - axis]
        with function.loop(low, high) as turn:
            panel = function.pointer(target, function.mul(turn.index, division.panel), self.element)
            start = self.start(turn.index)
            for number in range(division.sections * division.vectors):
                section, place = divmod(number, division.vectors)
                unit = function.add(start, section * division.units + place * division.width)
                source = function.pointer(pointer, function.mul(unit, units), self.element)
                line = function.pointer(panel, number * division.width, self.element)
                if terms == 1 and units != 1 and 1 < division.width <= division.depth:
                    self._pack_turned(source, units, line)
                else:
                    self._pack_lines(source, units, terms, line)

    def _pack_turned(self, source: str, pitch: int, target: str) -> None:
        """Squares with neighbouring terms in a row are turned; the last one overlaps the one before."""
        function, division = self.function, self.division
        name = block(self.module, f"{self.name}_turn", self.dtype, division.width, masked=False)
        with function.loop(0, division.depth, division.width) as turn:
            term = function.least(turn.index, division.depth - division.width)
            arguments = [
                ("ptr", function.pointer(source, term, self.element)),
                ("i64", str(pitch)),
                ("ptr", function.pointer(target, function.mul(term, division.sums), self.element)),
                ("i64", str(division.sums)),
                ("i64", str(division.width)),
                ("i64", str(division.width)),
            ]
            function.call(name, "void", arguments)

    def _pack_lines(self, source: str, units: int, terms: int, target: str) -> None:
        function, division = self.function, self.division
        with function.loop(0, division.depth) as turn:
            value = self.read(function.pointer(source, function.mul(turn.index, terms), self.element), units)
            place = function.pointer(target, function.mul(turn.index, division.sums), self.element)
            self.write(value, place)

    # ---- vectors of units ----

    def read(self, address: str, stride: int = 1) -> Value:
        """A vector of elements that lie `stride` apart."""
        function, width = self.function, self.division.width
        if stride == 1 or width == 1:
            return load(function, self.dtype, address, width)
        if stride == 0:
            one = load(function, self.dtype, address, 1)
            return Value(function.splat(vector(self.element, width), one.text), self.dtype, width)
        places = Value(lanes(vector("i64", width), [lane * stride for lane in range(width)]), int64, width)
        return gather(function, self.dtype, address, places, width)

    def read_at(self, buffer: Buffer, pointer: str, index: Sequence[Int]) -> Value:
        """The vector along a buffer's last axis from an element on."""
        return self.read(self.place(buffer, pointer, index), buffer.strides[-1])

    def place(self, buffer: Buffer, pointer: str, index: Sequence[Int]) -> str:
        """An element's address."""
        function = self.function
        offset: Int = 0
        for position, stride in zip(index, buffer.strides, strict=True):
            offset = function.add(offset, function.mul(position, stride))
        return function.pointer(pointer, offset, self.element)

    def write(self, value: Value, address: str) -> None:
        store(self.function, value, address)

    def number(self, value: float) -> Value:
        return literal(value, self.dtype, self.division.width)

    def apply(self, name: str, *arguments: Value) -> Value:
        """A scalar function in each lane."""
        if name == "tanh":  # written here: a call would spill the other gates
            inside = Lanes(self.function, self.element, self.division.width, self.machine)
            return Value(tanh(inside, arguments[0].text), self.dtype, self.division.width)
        return apply(self.function, name, arguments, self.machine)

    def settled(self, state: Buffer, pointer: str) -> str:
        """A first state (N, H) where its rows follow each other without gaps: as it lies, or copied, each thread its rows."""
        if state.contiguous:
            return pointer
        function, (rows, units) = self.function, state.shape
        target = self.reserve(rows * units)
        low, high = self.share(rows)
        with function.loop(low, high) as row, function.loop(0, self.division.blocks) as turn:
            for number in range(self.division.vectors):
                place = (row.index, function.add(self.start(turn.index), number * self.division.width))
                value = self.read_at(state, pointer, place)
                self.write(value, self.place(Buffer.of(self.dtype, state.shape), target, place))
        return target

    def fill(self, target: str, count: Int, value: float) -> None:
        """Sets vectors of scratch."""
        function, type = self.function, vector(self.element, self.division.width)
        with function.loop(0, count) as turn:
            place = function.pointer(target, function.mul(turn.index, self.division.width), self.element)
            function.store(type, constant(type, value), place, self.size)


def _whole_lines(count: int) -> int:
    return -(-count // LINE) * LINE
