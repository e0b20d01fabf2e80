"""Nests as LLVM IR: rows shared among threads, sweeps with folds carried in registers, tails by masks or lane by lane."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import numpy as np

from ...dtype import FLOATING, bfloat16, bool_, dtype, float16, float32, int64
from ...ir.expr import Apply, Expr, Literal
from ...kernel.index import Index
from ...kernel.nest import Fold, Let, Nest, Row, Statement, Sweep, Tally, Write, walk
from ..machine import Machine
from .ahead import LINE, Ahead, Stream, ahead
from .arithmetic import apply
from .assembly import Function, Int, Module, constant, first_lanes, vector
from .expression import Emitter
from .generated import FAILURE, OPERANDS, SCRATCH, Generated
from .loops import Schedule, schedule
from .values import Value, broadcast, literal, load, memory_element, round_to, store

BLOCK = 128  # turns of a loop that sums into one accumulator
FEW_TURNS = 32  # fewer are summed on into what came before
ABREAST = 4  # accumulators of a short sweep, in which each sum would wait for the one before: softmax in three quarters of the time
SHORT = {"add", "sub", "mul", "neg", "abs", "square"}  # one instruction each
SHORTEST = 4  # of them: a sweep with more has enough to do while it waits
SMALL = 1 << 13  # element operations below which one thread does it all
Emit = Callable[[], None]


def generate_nest(nest: Nest, machine: Machine, name: str = "nest") -> Generated:
    """The kernel of a nest."""
    writer = NestWriter(nest, machine, name)
    writer.write()
    return Generated(name, writer.module.text(), 0, writer.scratch, writer.parallel, writer.emitter.risk)


class NestWriter:
    """Writes one nest."""

    def __init__(self, nest: Nest, machine: Machine, name: str) -> None:
        self.nest = nest
        self.machine = machine
        self.plan: Schedule = schedule(nest, machine)
        self.module = Module(machine.triple, machine.halves)
        self.function = Function(
            self.module, name, [("ptr", "arguments"), ("i64", "thread"), ("i64", "threads")], internal=False
        )
        self.lane_width = self.plan.width if self.plan.lane is not None else 1
        size = prod(nest.extents)
        self.parallel = size * sum(1 + len(list(_arguments(s.value))) for s in nest.statements()) > SMALL
        self.kept: dict[int, int] = {}  # temp -> offset in a thread's scratch
        self.scratch = self._lay_out_kept()
        self.emitter: Emitter
        self.starts: list[
            tuple[bool, Value]
        ] = []  # of the sweep's accumulators: whether it is a sum, what it starts from
        self.current: list[Expr] = []  # of the sweep that is being written
        self.ahead: Ahead = ahead(nest, self.plan, machine)
        self.following: dict[int, Int] = {}  # the row (the lanes' rows) after the one at hand
        self.asked: list[tuple[Stream, str]] = []  # by the sweep that is being written, with the address of its row

    def _lay_out_kept(self) -> int:
        length = prod(self.plan.extents[axis] for axis in self.plan.inner)
        if self.plan.down:
            length *= self.lane_width
        total = 0
        for statement in self.nest.statements():
            if isinstance(statement, Let) and statement.temp in self.nest.kept:
                self.kept[statement.temp] = total
                total += -(-length * statement.dtype.itemsize // 64) * 64
        return total

    # ---- frame ----

    def _slot(self, number: int) -> str:
        return self.function.load("ptr", self.function.pointer("%arguments", number, "ptr"), 8)

    def write(self) -> None:
        """The whole function."""
        function = self.function
        operands = [self._slot(OPERANDS + place) for place in range(len(self.nest.operands))]
        self.results = [self._slot(OPERANDS + len(operands) + place) for place in range(len(self.nest.results))]
        if self.scratch:
            offset = function.mul("%thread", self.scratch)
            self.kept_base = function.pointer(self._slot(SCRATCH), offset, "i8")
        failure = self._slot(FAILURE)
        self.emitter = Emitter(function, self.machine, self.nest.operands, operands, failure)
        self.emitter.flats = self.plan.loads
        self.emitter.prepare(self._expressions())
        if self.plan.down:
            self._write_down()
        else:
            self._write_across()
        function.end()

    def _expressions(self) -> list[Expr]:
        return [statement.value for statement in self.nest.statements()]

    def _share(self, count: Int) -> tuple[Int, Int]:
        """The part of `count` turns that this thread takes."""
        if not self.parallel:
            return 0, count
        function = self.function
        low = function.emit(f"udiv i64 {function.mul('%thread', count)}, %threads")
        following = function.add("%thread", 1)
        return low, function.emit(f"udiv i64 {function.mul(following, count)}, %threads")

    def _over_rows(self, axes: Sequence[int], low: Int, high: Int, body: Emit) -> None:
        """A loop over the axes together, from flat number `low` to `high`; sets each one's index."""
        emitter, function = self.emitter, self.function
        if not axes:
            body()
            return
        with function.loop(low, high) as turn:
            emitter.enter()
            emitter.axes |= self._places(axes, turn.index)
            if self.ahead.streams and not self.plan.down:
                following = function.least(function.add(turn.index, 1), function.sub(high, 1))
                self.following = self._places(axes, following)
            emitter.prepare(self._expressions())
            body()
            for axis in axes:
                del emitter.axes[axis]
            emitter.leave()

    def _places(self, axes: Sequence[int], number: Int) -> dict[int, Int]:
        """The index of each axis at a flat number over all of them, the outermost first."""
        function, found, rest = self.function, dict[int, Int](), number
        for axis in axes[:0:-1]:
            found[axis] = function.rem(rest, self.plan.extents[axis])
            rest = function.div(rest, self.plan.extents[axis])
        found[axes[0]] = rest
        return {axis: found[axis] for axis in axes}

    # ---- lanes across a row ----

    def _write_across(self) -> None:
        rows = self.plan.rows
        count = prod(self.plan.extents[axis] for axis in rows)
        if not rows:
            self.parallel = False
            self._row_body(1)
            return
        turns = next((s.turns for s in self.nest.statements() if isinstance(s, Tally)), 1)
        low, high = (self.function.mul(place, turns) for place in self._share(count // turns))
        self._over_rows(rows, low, high, lambda: self._row_body(1))

    def _row_body(self, width: int) -> None:
        """Everything of one row (or of `width` rows side by side)."""
        emitter = self.emitter
        emitter.enter()
        for part in self.nest.body:
            if isinstance(part, Row):
                for statement in part.statements:
                    self._statement(statement)
            else:
                self._sweep(part, width)
        for statement in self.nest.statements():
            if isinstance(statement, (Let, Fold)):
                emitter.temps.pop(statement.temp, None)
        emitter.leave()

    # ---- lanes down the rows ----

    def _write_down(self) -> None:
        lane = self.plan.lane
        assert lane is not None
        others = self.plan.rows[:-1]
        extent, width = self.plan.extents[lane], self.lane_width
        count = prod(self.plan.extents[axis] for axis in others)
        full, rest = extent // width, extent % width
        if others and (count >= 8 or count >= full):
            low, high = self._share(count)
            self._over_rows(others, low, high, lambda: self._blocks(0, full, rest, None))
            return
        low, high = self._share(full)
        first = self.function.compare("eq", "%thread", 0) if self.parallel else None
        self._over_rows(others, 0, count, lambda: self._blocks(low, high, rest, first))

    def _blocks(self, low: Int, high: Int, rest: int, condition: str | None) -> None:
        """The lanes' blocks from `low` to `high`, and the tail where the condition holds (None: always)."""
        lane, width, function, emitter = self.plan.lane, self.lane_width, self.function, self.emitter
        assert lane is not None
        if not (isinstance(low, int) and isinstance(high, int) and low >= high):
            with function.loop(low, high) as turn:
                self._at_lane(function.mul(turn.index, width), width, None)
        if not rest:
            return
        start = self.plan.extents[lane] - rest

        def tail() -> None:
            if self.machine.masks and width > 1:
                self._at_lane(start, width, first_lanes(rest, width))
            else:
                with function.loop(start, start + rest) as turn:
                    self._at_lane(turn.index, 1, None)

        if condition is None:
            tail()
        else:
            emitter.enter()
            with function.when(condition):
                tail()
            emitter.leave()

    def _at_lane(self, start: Int, width: int, mask: str | None) -> None:
        emitter, lane = self.emitter, self.plan.lane
        assert lane is not None
        emitter.enter()
        emitter.axes[lane], emitter.lane, emitter.width, emitter.mask = start, lane, width, mask
        if self.ahead.streams:
            last = max(0, self.plan.extents[lane] - width)
            self.following = emitter.axes | {lane: self.function.least(self.function.add(start, width), last)}
        emitter.prepare(self._expressions())
        self._row_body(width)
        emitter.lane, emitter.width, emitter.mask = None, 1, None
        del emitter.axes[lane]
        emitter.leave()

    # ---- statements ----

    def _statement(self, statement: Statement) -> None:
        if isinstance(statement.value, Literal):
            of = statement if isinstance(statement, (Let, Fold)) else self.nest.results[statement.result]
            value = literal(statement.value.value, of.dtype, 1)
        else:
            value = self.emitter.value(statement.value)
        if isinstance(statement, Let):
            value = typed(value, statement.dtype)
            self.emitter.temps[statement.temp] = value
            if statement.temp in self.kept:
                self._keep(statement, value)
        elif isinstance(statement, Write):
            self._store(statement, value)
        elif isinstance(statement, Tally):
            self._tally(statement, value)

    def _tally(self, statement: Tally, value: Value) -> None:
        """Adds to what the rows of the block before this one came to; the first one finds nothing there."""
        emitter, function = self.emitter, self.function
        flat, buffer = self.plan.writes[id(statement)], self.nest.results[statement.result]
        value = broadcast(function, typed(value, buffer.dtype), emitter.width)
        row = function.rem(emitter.axes[self.plan.rows[-1]], statement.turns)
        later: str = function.compare("ne", row, 0)
        if emitter.width > 1:
            later = function.splat(value.mask, later)
        address = function.pointer(
            self.results[statement.result], emitter.scalar_index(flat), memory_element(buffer.dtype)
        )
        mask = emitter.active(emitter.width)
        before = load(function, buffer.dtype, address, emitter.width, mask)
        zero = literal(0, buffer.dtype, emitter.width)
        before = Value(function.select(value.type, later, before.text, zero.text), buffer.dtype, emitter.width)
        store(function, self._merge("sum", before, value), address, mask)

    def _store(self, statement: Write, value: Value) -> None:
        emitter, function = self.emitter, self.function
        flat, buffer = self.plan.writes[id(statement)], self.nest.results[statement.result]
        element = memory_element(buffer.dtype)
        base = self.results[statement.result]
        step = 0 if emitter.lane is None else flat.factor(emitter.lane)
        value = typed(value, buffer.dtype)
        address = function.pointer(base, emitter.scalar_index(flat), element)  # of the first lane
        if step == 0 or emitter.width == 1:
            store(function, value, address)
        elif step == 1:
            store(function, broadcast(function, value, emitter.width), address, emitter.active(emitter.width))
        else:
            assert step is not None
            self._scatter(broadcast(function, value, emitter.width), address, step, element)

    def _scatter(self, value: Value, address: str, step: int, element: str) -> None:
        """Lane by lane, `step` elements apart."""
        function, mask = self.function, self.emitter.active(self.emitter.width)
        for number in range(value.width):
            text = function.emit(f"extractelement {value.type} {value.text}, i64 {number}")
            one = Value(text, value.dtype, 1)
            place = function.pointer(address, number * step, element)
            if mask is None:
                store(function, one, place)
            else:
                with function.when(function.emit(f"extractelement {value.mask} {mask}, i64 {number}")):
                    store(function, one, place)

    def _kept_address(self, temp: int, dtype: dtype) -> str:
        emitter, function = self.emitter, self.function
        base = function.pointer(self.kept_base, self.kept[temp], "i8")
        place: Int = 0
        for axis in self.plan.inner:
            place = function.add(function.mul(place, self.plan.extents[axis]), emitter.axes[axis])
        if self.plan.down:
            place = function.mul(place, self.lane_width)
        return function.pointer(base, place, memory_element(dtype))

    def _keep(self, statement: Let, value: Value) -> None:
        value = broadcast(self.function, value, self.emitter.width)
        store(
            self.function, value, self._kept_address(statement.temp, statement.dtype), self.emitter.active(value.width)
        )

    # ---- sweeps ----

    def _sweep(self, sweep: Sweep, rows_width: int) -> None:
        emitter = self.emitter
        folds = [s for s in sweep.statements if isinstance(s, Fold)]
        across = not self.plan.down and self.plan.lane is not None
        outer = self.plan.inner[:-1] if across else self.plan.inner
        width = self.lane_width if across else rows_width
        starts = [identity_of(fold, width) for fold in folds]
        flat = [value for one in starts for value in one]
        self.starts = [(fold.combine == "sum", value) for fold, one in zip(folds, starts, strict=True) for value in one]
        self.current = [statement.value for statement in sweep.statements]
        self.asked = [(stream, self._row_address(stream)) for stream in self.ahead.of(sweep)]
        if across:
            results = self._outer_loops(outer, flat, lambda values: self._lane_loop(sweep, folds, values))
        else:
            results = self._outer_loops(outer, flat, lambda values: self._turn(sweep, folds, values))
        results = self._finished(folds, results, across)
        for fold, value in zip(folds, results, strict=True):
            emitter.temps[fold.temp] = value

    # ---- asking for what comes ----

    def _row_address(self, stream: Stream) -> str:
        """Where a stream begins in its row: a result's in the row at hand, an operand's in the following one."""
        base = self.results[stream.number] if stream.written else self.emitter.pointers[stream.number]
        axes = self.emitter.axes if stream.written else self.following
        place: Int = stream.flat.constant
        for atom, factor in stream.flat.terms:
            if atom.key[1] in axes:
                place = self.function.add(place, self.function.mul(axes[atom.key[1]], factor))
        return self.function.pointer(base, place, memory_element(stream.buffer.dtype))

    def _ask(self) -> None:
        """Asks for the lines of a vector of each stream that this sweep is to ask for."""
        function, emitter = self.function, self.emitter
        rows = self.plan.rows
        for stream, start in self.asked:
            place: Int = 0
            for atom, factor in stream.flat.terms:
                if atom.key[1] not in rows:
                    place = function.add(place, function.mul(emitter.axes[atom.key[1]], factor))
            address = function.pointer(start, place, memory_element(stream.buffer.dtype))
            for offset in range(0, emitter.width * stream.buffer.dtype.itemsize, LINE):
                line = function.pointer(address, offset, "i8")
                level = 3 if stream.near else 2
                arguments = [("ptr", line), ("i32", str(int(stream.written))), ("i32", str(level)), ("i32", "1")]
                function.call("llvm.prefetch.p0", "void", arguments)

    def _outer_loops(
        self, axes: Sequence[int], carried: list[Value], body: Callable[[list[Value]], list[Value]]
    ) -> list[Value]:
        """Loops over axes with the accumulators carried through."""
        if not axes:
            return body(carried)
        turns = prod(self.plan.extents[axis] for axis in axes[1:])

        def once(values: list[Value]) -> list[Value]:
            return self._apart(turns, values, lambda inner: self._outer_loops(axes[1:], inner, body))

        return self._in_blocks(axes[0], 0, self.plan.extents[axes[0]], 1, carried, once)

    def _apart(self, turns: int, carried: list[Value], run: Callable[[list[Value]], list[Value]]) -> list[Value]:
        """Sums over many turns start anew and are added to what came before: so errors grow with the number of blocks and turns in one."""
        if turns < FEW_TURNS or not any(sums for sums, _ in self.starts):
            return run(carried)
        found = run([start if sums else value for (sums, start), value in zip(self.starts, carried, strict=True)])
        return [
            self._merge("sum", before, value) if sums else value
            for (sums, _), before, value in zip(self.starts, carried, found, strict=True)
        ]

    def _in_blocks(
        self,
        axis: int,
        low: int,
        high: int,
        step: int,
        carried: list[Value],
        body: Callable[[list[Value]], list[Value]],
    ) -> list[Value]:
        """A loop, cut into blocks of `BLOCK` turns where it sums over more than two of them."""
        turns = (high - low) // step
        if turns <= 2 * BLOCK or not any(sums for sums, _ in self.starts):
            return self._loop_over(axis, low, high, step, carried, body)
        function, length = self.function, BLOCK * step
        stop = low + turns // BLOCK * length
        with function.loop(low, stop, length, [(value.type, value.text) for value in carried]) as turn:
            self.emitter.enter()
            inside = [Value(text, v.dtype, v.width) for text, v in zip(turn.carried, carried, strict=True)]
            end = function.add(turn.index, length)
            found = self._apart(
                BLOCK, inside, lambda values: self._loop_over(axis, turn.index, end, step, values, body)
            )
            turn.next = [value.text for value in found]
            self.emitter.leave()
        carried = [Value(text, v.dtype, v.width) for text, v in zip(turn.results, carried, strict=True)]
        if stop >= high:
            return carried
        return self._apart(BLOCK, carried, lambda values: self._loop_over(axis, stop, high, step, values, body))

    def _loop_over(
        self,
        axis: int,
        low: Int,
        high: Int,
        step: int,
        carried: list[Value],
        body: Callable[[list[Value]], list[Value]],
    ) -> list[Value]:
        emitter, function = self.emitter, self.function
        with function.loop(low, high, step, [(value.type, value.text) for value in carried]) as turn:
            emitter.enter()
            emitter.axes[axis] = turn.index
            if axis != self.plan.lane:  # else when the lanes are set
                emitter.prepare(self.current)
            inside = [Value(text, v.dtype, v.width) for text, v in zip(turn.carried, carried, strict=True)]
            turn.next = [value.text for value in body(inside)]
            del emitter.axes[axis]
            emitter.leave()
        return [Value(text, v.dtype, v.width) for text, v in zip(turn.results, carried, strict=True)]

    def _lane_loop(self, sweep: Sweep, folds: list[Fold], carried: list[Value]) -> list[Value]:
        """The innermost loop with its lanes: whole vectors, then the tail."""
        lane, width, emitter = self.plan.lane, self.lane_width, self.emitter
        assert lane is not None
        extent = self.plan.extents[lane]
        whole = extent - extent % width

        def lanes_at(count: int, mask: str | None) -> Callable[[list[Value]], list[Value]]:
            def body(values: list[Value]) -> list[Value]:
                emitter.lane, emitter.width, emitter.mask = lane, count, mask
                emitter.enter()
                emitter.prepare(self.current)
                result = self._turn(sweep, folds, values)
                emitter.leave()
                emitter.lane, emitter.width, emitter.mask = None, 1, None
                return result

            return body

        begun = 0
        if whole >= 2 * ABREAST * width and self._is_short(sweep, folds):
            begun = whole - whole % (ABREAST * width)
            carried = self._abreast(folds, begun, carried, lanes_at(width, None))
        if begun < whole:
            carried = self._in_blocks(lane, begun, whole, width, carried, lanes_at(width, None))
        if whole == extent:
            return carried
        if self.machine.masks:
            emitter.enter()
            emitter.axes[lane] = whole
            result = lanes_at(width, first_lanes(extent - whole, width))(carried)
            del emitter.axes[lane]
            emitter.leave()
            return result
        # Without masks the tail goes one by one into the first lane.
        return self._loop_over(lane, whole, extent, 1, carried, lanes_at(1, None))

    def _is_short(self, sweep: Sweep, folds: list[Fold]) -> bool:
        """Whether a sweep's turns would wait for each other's folds."""
        parts: set[int] = set()
        names = [
            part.function
            for statement in sweep.statements
            for part in walk(statement.value, parts)
            if isinstance(part, Apply)
        ]
        simple = len(names) <= SHORTEST and SHORT.issuperset(names)
        return simple and bool(folds) and not any(fold.combine.startswith("arg") for fold in folds)

    def _abreast(
        self, folds: list[Fold], stop: int, carried: list[Value], body: Callable[[list[Value]], list[Value]]
    ) -> list[Value]:
        """The lanes' loop up to `stop` with several vectors a turn, each with accumulators of its own, which are then put together."""
        lane, width, emitter, count = self.plan.lane, self.lane_width, self.emitter, len(folds)
        assert lane is not None
        starts = self.starts

        def turn(values: list[Value]) -> list[Value]:
            first, found = emitter.axes[lane], list[Value]()
            for number in range(ABREAST):
                emitter.axes[lane] = self.function.add(first, number * width)
                found += body(values[number * count : (number + 1) * count])
            emitter.axes[lane] = first
            return found

        self.starts = starts * ABREAST
        fresh = [value for _, value in starts]
        found = self._in_blocks(lane, 0, stop, ABREAST * width, carried + fresh * (ABREAST - 1), turn)
        self.starts = starts
        while len(found) > count:
            half = len(found) // 2
            together = zip(folds * (half // count), found[:half], found[half:], strict=True)
            found = [self._merge(fold.combine, a, b) for fold, a, b in together]
        return found

    def _turn(self, sweep: Sweep, folds: list[Fold], carried: list[Value]) -> list[Value]:
        """One turn of a sweep."""
        emitter = self.emitter
        emitter.enter()
        self._ask()
        for temp in self._kept_before(sweep):
            dtype = self._dtypes[temp]
            emitter.temps[temp] = load(
                self.function, dtype, self._kept_address(temp, dtype), emitter.width, emitter.active(emitter.width)
            )
        place, result = 0, []
        for statement in sweep.statements:
            if isinstance(statement, Fold):
                count = 2 if statement.combine.startswith("arg") else 1
                result += self._combined(statement, carried[place : place + count], emitter.value(statement.value))
                place += count
            else:
                self._statement(statement)
        for temp in [*self._kept_before(sweep), *[s.temp for s in sweep.statements if isinstance(s, Let)]]:
            emitter.temps.pop(temp, None)
        emitter.leave()
        return result

    @property
    def _dtypes(self) -> dict[int, dtype]:
        return {s.temp: s.dtype for s in self.nest.statements() if isinstance(s, (Let, Fold))}

    def _kept_before(self, sweep: Sweep) -> list[int]:
        """Kept temporaries that a sweep reads and does not compute."""
        own = {s.temp for s in sweep.statements if isinstance(s, Let)}
        read: set[object] = set()
        for statement in sweep.statements:
            read |= self.emitter.needs(statement.value)
        return [temp for temp in self.kept if f"t{temp}" in read and temp not in own]

    # ---- folds ----

    def _combined(self, fold: Fold, carried: list[Value], value: Value) -> list[Value]:
        """The accumulators with one more value taken in; lanes that do not count are left as they are."""
        function, emitter = self.function, self.emitter
        width = emitter.width
        value = broadcast(function, self._taken(fold, value), width)
        wide = carried[0].width
        current = carried
        if width < wide:  # one element goes into the first lane
            current = [self._first_lane(c) for c in carried]
        if fold.combine.startswith("arg"):
            place = self._place(fold, width)
            result = self._better(fold.combine, current, [value, place])
        else:
            result = [self._merge(fold.combine, current[0], value)]
        mask = emitter.active(width)
        if mask is not None:
            result = [
                Value(function.select(new.type, mask, new.text, old.text), new.dtype, width)
                for new, old in zip(result, current, strict=True)
            ]
        if width < wide:
            return [
                Value(
                    function.emit(f"insertelement {old.type} {old.text}, {new.type} {new.text}, i64 0"), old.dtype, wide
                )
                for new, old in zip(result, carried, strict=True)
            ]
        return result

    def _first_lane(self, value: Value) -> Value:
        return Value(self.function.emit(f"extractelement {value.type} {value.text}, i64 0"), value.dtype, 1)

    def _taken(self, fold: Fold, value: Value) -> Value:
        """A value in the dtype that its fold computes in."""
        if fold.combine in ("any", "all") and value.dtype is not bool_:
            return apply(self.function, "cast_bool", [value], self.machine, self.emitter.fail_where)
        return widened(value)

    def _merge(self, combine: str, a: Value, b: Value) -> Value:
        name = {
            "sum": "add",
            "prod": "mul",
            "max": "maximum",
            "min": "minimum",
            "any": "logical_or",
            "all": "logical_and",
        }[combine]
        return apply(self.function, name, [a, b], self.machine, self.emitter.fail_where)

    def _place(self, fold: Fold, width: int) -> Value:
        """Where along the one inner axis the lanes stand."""
        (axis,) = self.plan.inner
        emitter, function = self.emitter, self.function
        type = vector("i64", width)
        start = emitter.axes[axis]
        text = constant(type, start) if isinstance(start, int) else function.splat(type, start)
        if emitter.lane == axis and width > 1:
            text = function.binary("add", type, text, emitter.lane_numbers())
        return Value(text, int64, width)

    def _better(self, combine: str, a: list[Value], b: list[Value]) -> list[Value]:
        """The greater (less) of two candidates, NaN above all, the earlier of equal ones."""
        function, width = self.function, a[0].width
        mask = vector("i1", width)

        def test(name: str, x: Value, y: Value) -> str:
            return apply(function, name, [x, y], self.machine, self.emitter.fail_where).text

        wins = test("gt" if combine == "argmax" else "lt", b[0], a[0])
        equal = test("eq", b[0], a[0])
        if a[0].dtype.category == FLOATING:
            nan_a, nan_b = (test("ne", v, v) for v in (a[0], b[0]))
            not_a = function.binary("xor", mask, nan_a, constant(mask, True))
            wins = function.binary("or", mask, wins, function.binary("and", mask, nan_b, not_a))
            equal = function.binary("or", mask, equal, function.binary("and", mask, nan_a, nan_b))
        earlier = function.emit(f"icmp ult {b[1].type} {b[1].text}, {a[1].text}")
        wins = function.binary("or", mask, wins, function.binary("and", mask, equal, earlier))
        return [
            Value(function.select(new.type, wins, new.text, old.text), old.dtype, width)
            for new, old in zip(b, a, strict=True)
        ]

    def _finished(self, folds: list[Fold], results: list[Value], across: bool) -> list[Value]:
        """The folds' values: lanes combined in a fixed order, rounded to the dtype."""
        finished, place = [], 0
        for fold in folds:
            count = 2 if fold.combine.startswith("arg") else 1
            parts = results[place : place + count]
            place += count
            if across:
                parts = self._across_lanes(fold, parts)
            value = parts[-1]
            if len(parts) == 2:  # nothing was greater than the least: the first place
                value = self._found_place(value)
            if fold.dtype in (bfloat16, float16):
                value = Value(round_to(self.function, value, fold.dtype).text, fold.dtype, value.width)
            finished.append(value)
        return finished

    def _found_place(self, place: Value) -> Value:
        type, never = place.type, constant(place.type, np.iinfo(np.int64).max)
        none = self.function.emit(f"icmp eq {type} {place.text}, {never}")
        return Value(self.function.select(type, none, constant(type, 0), place.text), int64, place.width)

    def _across_lanes(self, fold: Fold, parts: list[Value]) -> list[Value]:
        width = parts[0].width
        while width > 1:
            half = width // 2
            a = [self._part(p, 0, half) for p in parts]
            b = [self._part(p, half, half) for p in parts]
            parts = self._better(fold.combine, a, b) if len(parts) == 2 else [self._merge(fold.combine, a[0], b[0])]
            width = half
        return parts

    def _part(self, value: Value, first: int, count: int) -> Value:
        """Some neighbouring lanes."""
        if count == 1:
            text = self.function.emit(f"extractelement {value.type} {value.text}, i64 {first}")
        else:
            text = self.function.shuffle(value.type, value.text, "poison", list(range(first, first + count)))
        return Value(text, value.dtype, count)


def widened(value: Value) -> Value:
    """Half precision folds in float32."""
    return Value(value.text, float32, value.width) if value.dtype in (bfloat16, float16) else value


def typed(value: Value, dtype: dtype) -> Value:
    """A value known to be of a dtype with the same form in registers."""
    return value if value.dtype is dtype else Value(value.text, dtype, value.width)


def identity_of(fold: Fold, width: int) -> list[Value]:
    """What a fold starts from."""
    kind = float32 if fold.dtype in (bfloat16, float16) else fold.dtype
    if fold.combine in ("any", "all"):
        return [literal(fold.combine == "all", bool_, width)]
    if fold.combine in ("sum", "prod"):
        return [literal(0 if fold.combine == "sum" else 1, kind, width)]
    greatest = fold.combine in ("max", "argmax")
    source = float32 if fold.source in (bfloat16, float16) else fold.source
    start = literal(lowest(source) if greatest else highest(source), source, width)
    return [start, literal(np.iinfo(np.int64).max, int64, width)] if fold.combine.startswith("arg") else [start]


def lowest(kind: dtype) -> float | int:
    if kind is bool_:
        return 0
    return -np.inf if kind.category == FLOATING else int(np.iinfo(kind.storage).min)


def highest(kind: dtype) -> float | int:
    if kind is bool_:
        return 1
    return np.inf if kind.category == FLOATING else int(np.iinfo(kind.storage).max)


def _arguments(expression: Expr) -> list[Expr]:
    return [part for part in walk(expression) if not isinstance(part, Index)]
