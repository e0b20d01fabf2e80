"""Element expressions as instructions: lanes along one axis, addresses by strides, guarded loads under masks.

LLVM runs no passes, so what does not change in a loop must be written before it: `prepare` is called on entering each loop with all the
expressions inside, and emits every part that is known there: whole subexpressions, and what of an address the loops so far decide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import numpy as np

from ...dtype import ALL, bool_, dtype, int64
from ...ir.expr import Apply, Expr, Literal, Load
from ...kernel.buffer import Buffer
from ...kernel.index import Atom, Index, add, scale
from ...kernel.nest import Temp
from ..machine import Machine
from .arithmetic import apply
from .assembly import Function, Int, constant, lanes, vector
from .values import Value, broadcast, gather, literal, load, memory_element, round_to

_BY_STORAGE = {d.storage: d for d in reversed(ALL) if d.storage.kind == d.compute.kind}
T = TypeVar("T")
_CONDITIONS = {"index_ge": "sge", "index_lt": "slt", "index_eq": "eq"}


def literal_dtype(value: object) -> dtype:
    """The dtype of a number in an expression: NumPy scalars say it."""
    if isinstance(value, np.generic):
        return _BY_STORAGE[value.dtype]
    return bool_ if isinstance(value, bool) else int64 if isinstance(value, int) else _BY_STORAGE[np.dtype("float32")]


def flat_index(index: Iterable[Expr], buffer: Buffer) -> Index:
    """The place of an element from element 0 on."""
    total = Index((), 0)
    for part, stride in zip(index, buffer.strides, strict=True):
        assert isinstance(part, Index)
        total = add(total, scale(part, stride))
    return total


def _with_data(expression: Load) -> list[Index]:
    return [part for part in expression.index if isinstance(part, Index) and part.data()]


def _parts(expression: Expr) -> Iterable[Expr]:
    """What an expression is made of."""
    if isinstance(expression, Apply):
        return expression.arguments
    if isinstance(expression, Load):
        return expression.index
    return expression.data() if isinstance(expression, Index) else ()


def _is_scalar(guard: str) -> bool:
    return guard.partition("|")[2] in ("", "1")


class Emitter:
    """Emits expressions at one place of a function; `axes` holds the index of each loop entered so far.

    With a lane axis, values that depend on it have `width` lanes, which stand at `axes[lane]` and after; `mask` tells the lanes that count
    (None: all).
    """

    def __init__(
        self, function: Function, machine: Machine, buffers: tuple[Buffer, ...], pointers: list[str], failure: str
    ) -> None:
        self.function = function
        self.machine = machine
        self.buffers = buffers
        self.pointers = pointers
        self.failure = failure
        self.risk = ""  # what has been found that may set it (`Generated.risk`)
        self.axes: dict[int, Int] = {}
        self.temps: dict[int, Value] = {}
        self.lane: int | None = None
        self.width = 1
        self.mask: str | None = None
        self.flats: dict[int, Index] = {}
        self._guards: tuple[str, ...] = ()  # masks of the choices that we are in
        self._scopes: list[dict[object, object]] = [{}]
        self._needs: dict[int, frozenset[object]] = {}
        self._alive: list[Expr] = []

    # ---- scopes ----

    def enter(self) -> None:
        """Begins a block: what is emitted now is known until `leave`."""
        self._scopes.append({})

    def leave(self) -> None:
        self._scopes.pop()

    def _find(self, key: object) -> object | None:
        for scope in reversed(self._scopes):
            found = scope.get(key)
            if found is not None:
                return found
        return None

    def flat(self, expression: Load) -> Index:
        found = self.flats.get(id(expression))
        if found is None:
            found = self.flats[id(expression)] = flat_index(expression.index, self.buffers[expression.operand])
            self._alive.append(expression)
        return found

    def needs(self, expression: Expr) -> frozenset[object]:
        """Axes (numbers) and temporaries (their `t…`) that an expression depends on."""
        found = self._needs.get(id(expression))
        if found is not None:
            return found
        if isinstance(expression, Temp):
            found = frozenset([repr(expression)])
        elif isinstance(expression, Load):
            found = self._index_needs(self.flat(expression)).union(
                *[self._index_needs(i) for i in _with_data(expression)]
            )
        elif isinstance(expression, Index):
            found = self._index_needs(expression)
        elif isinstance(expression, Apply):
            found = frozenset().union(*[self.needs(a) for a in expression.arguments])
        else:
            found = frozenset()
        self._needs[id(expression)] = found
        self._alive.append(expression)
        return found

    def _index_needs(self, index: Index) -> frozenset[object]:
        return frozenset(index.loops()).union(*[self.needs(part) for part in index.data()])

    def _known(self, needs: frozenset[object]) -> bool:
        return all((n in self.axes) if isinstance(n, int) else int(str(n)[1:]) in self.temps for n in needs)

    def prepare(self, expressions: Iterable[Expr]) -> None:
        """Emits what is known here of expressions that are used in loops to come."""
        seen: set[tuple[int, bool]] = set()
        stack = [(expression, False) for expression in expressions]
        while stack:
            expression, guarded = stack.pop()
            if (id(expression), guarded) in seen or isinstance(expression, (Literal, Temp)):
                continue
            seen.add((id(expression), guarded))
            if guarded:
                # What a choice guards may be out of range elsewhere: of that, only what is there in any case is read.
                if self._is_free(expression):
                    if self._known(self.needs(expression)):
                        self.value(expression)
                else:
                    stack += [(part, True) for part in _parts(expression)]
            elif self._known(self.needs(expression)):
                if not isinstance(expression, Index):
                    self.value(expression)
            elif isinstance(expression, Load):
                self._partial(self.pointers[expression.operand], expression.operand, self.flat(expression))
            elif isinstance(expression, Apply):
                chooses = expression.function == "choose"
                stack += [(argument, chooses and place > 0) for place, argument in enumerate(expression.arguments)]

    def _partial(self, base: str, operand: int, flat: Index) -> tuple[str, tuple[tuple[Atom, int], ...]]:
        """A pointer with all terms of an address added that are known and the same in all lanes, and the terms that are left."""
        left, address, done = [], base, []
        for level in self._levels(flat):
            if level is None:
                continue
            known, terms = level
            if not known:
                left += terms
                continue
            done += terms
            key = ("address", operand, tuple(done), self._guards)
            found = self._find(key)
            if found is None:
                found = address
                for atom, factor in terms:
                    offset = self.function.mul(self._atom(atom), factor)
                    found = self.function.pointer(str(found), offset, memory_element(self.buffers[operand].dtype))
                self._scopes[-1][key] = found
            address = str(found)
        return address, tuple(left)

    def _levels(self, flat: Index) -> list[tuple[bool, list[tuple[Atom, int]]] | None]:
        """The terms of an address: those of each loop entered so far, outermost first, then those that are not known or vary by lane."""
        order = {axis: place for place, axis in enumerate(self.axes)}
        levels: dict[int, list[tuple[Atom, int]]] = {}
        left: list[tuple[Atom, int]] = []
        for atom, factor in flat.terms:
            one = Index(((atom, 1),), 0)
            needs = self._index_needs(one)
            if not self._known(needs) or (self.lane in needs and atom.key[0] != "loop") or self._differs(one):
                left.append((atom, factor))
                continue
            level = max((order[n] for n in needs if isinstance(n, int)), default=-1)
            levels.setdefault(level, []).append((atom, factor))
        return [*[(True, levels[level]) for level in sorted(levels)], (False, left)]

    def _varies(self, needs: frozenset[object]) -> bool:
        """Whether something differs from lane to lane."""
        if self.width == 1:
            return False
        return any(n == self.lane if isinstance(n, int) else self.temps[int(str(n)[1:])].width > 1 for n in needs)

    def _differs(self, index: Index) -> bool:
        """Whether an index differs from lane to lane, or holds data that only some lanes may read."""
        if self._varies(self._index_needs(index)):
            return True
        return self._vector_guard() and not all(map(self._is_always_there, index.data()))

    def _is_free(self, expression: Expr) -> bool:
        """Whether something may be read outside of the choices that guard it, once for all lanes."""
        return self._is_always_there(expression) and not self._varies(self.needs(expression))

    def _is_always_there(self, expression: Expr) -> bool:
        """Whether bounds tell that what is read lies in its buffer, whatever a choice guards."""
        return isinstance(expression, Load) and all(
            isinstance(part, Index) and not part.data() and part.low >= 0 and part.high < extent
            for part, extent in zip(expression.index, self.buffers[expression.operand].shape, strict=True)
        )

    # ---- indices ----

    def _atom(self, atom: Atom) -> Int:
        """An atom that is the same in all lanes."""
        kind = atom.key[0]
        if kind == "loop":
            return self.axes[atom.key[1]]
        if self._vector_guard():  # it is the same in all lanes, so none of them guards it
            return self._under(tuple(filter(_is_scalar, self._guards)), lambda: self._atom(atom))
        key = ("atom", atom, self._guards)
        found = self._find(key)
        if found is None:
            if kind == "data":
                found = self._datum(atom, 1).text
            else:
                inner = self.scalar_index(atom.key[1])
                found = (self.function.div if kind == "div" else self.function.rem)(inner, atom.key[2])
            self._scopes[-1][key] = found
        return found if isinstance(found, int) else str(found)

    def scalar_index(self, index: Index) -> Int:
        """An index that is the same in all lanes, as an i64."""
        total: Int = index.constant
        for atom, factor in index.terms:
            total = self.function.add(total, self.function.mul(self._atom(atom), factor))
        return total

    def lane_numbers(self) -> str:
        return lanes(vector("i64", self.width), list(range(self.width)))

    def vector_index(self, index: Index) -> str:
        """An index for each lane, as a vector of i64."""
        type = vector("i64", self.width)
        same = Index(tuple(t for t in index.terms if not self._differs(Index((t,), 0))), index.constant)
        start = self.scalar_index(same)
        total = constant(type, start) if isinstance(start, int) else self.function.splat(type, start)
        for atom, factor in index.terms:
            if self._differs(Index(((atom, 1),), 0)):
                part = self._vector_atom(atom, type)
                if factor != 1:
                    part = self.function.binary("mul", type, part, constant(type, factor))
                total = self.function.binary("add", type, total, part)
        return total

    def _vector_atom(self, atom: Atom, type: str) -> str:
        key = ("vector", atom, self._guards)
        found = self._find(key)
        if found is not None:
            return str(found)
        kind = atom.key[0]
        if kind == "loop":
            start = self.axes[atom.key[1]]
            first = constant(type, start) if isinstance(start, int) else self.function.splat(type, start)
            result = self.function.binary("add", type, first, self.lane_numbers())
        elif kind == "data":
            result = self._datum(atom, self.width).text
        else:
            inner = self.vector_index(atom.key[1])
            small = atom.key[1].high < 1 << 31  # a division of 32 bits is far cheaper
            narrow = vector("i32", self.width) if small else type
            if small:
                inner = self.function.convert("trunc", type, inner, narrow)
            operation = "udiv" if kind == "div" else "urem"
            result = self.function.binary(operation, narrow, inner, constant(narrow, atom.key[2]))
            if small:
                result = self.function.convert("zext", narrow, result, type)
        self._scopes[-1][key] = result
        return result

    def _datum(self, atom: Atom, width: int) -> Value:
        """An index read from memory: checked, and 0 where it is out of range, which is reported."""
        value = broadcast(self.function, self.value(atom.key[1]), width)
        type = vector("i64", width)
        text = value.text
        if value.dtype.itemsize < 8:
            text = self.function.convert("sext" if value.dtype.is_signed else "zext", value.type, text, type)
        wrong = self.function.emit(f"icmp ugt {type} {text}, {constant(type, atom.high)}")
        self.risk = self.risk or "indices"
        self.fail(wrong, width)
        return Value(self.function.select(type, wrong, constant(type, 0), text), int64, width)

    def fail(self, condition: str, width: int) -> None:
        """Reports a failure where the condition holds in a lane that counts."""
        mask = self.active(width)
        type = vector("i1", width)
        if mask is not None:
            condition = self.function.binary("and", type, condition, mask)
        if width > 1:
            name = f"llvm.vector.reduce.or.v{width}i1"
            condition = self.function.call(name, "i1", [(type, condition)])
        with self.function.when(condition):
            self.function.store("i64", "1", self.failure, 8)

    def active(self, width: int) -> str | None:
        """The lanes that count, by the tail and by the choices that we are in."""
        masks = list(self._guards)
        if width > 1 and self.mask is not None:
            masks.append(self.mask)
        total = None
        for mask in masks:
            text, _, lanes_of = mask.partition("|")
            if width > 1 and lanes_of == "1":
                text = self.function.splat(vector("i1", width), text)
            elif width == 1 and lanes_of not in ("", "1"):
                continue
            total = text if total is None else self.function.binary("and", vector("i1", width), total, text)
        return total

    # ---- values ----

    def value(self, expression: Expr) -> Value:
        """The value of an expression here; emitted once in a block."""
        if isinstance(expression, Temp):
            return self.temps[expression.number]
        if isinstance(expression, Literal):
            return literal(expression.value, literal_dtype(expression.value), 1)
        if self._guards and self._is_free(expression):
            return self._under((), lambda: self.value(expression))
        for guards in (self._guards[:n] for n in range(len(self._guards) + 1)):
            found = self._find((id(expression), guards))
            if found is not None:
                assert isinstance(found, Value)
                return found
        result = self._load(expression) if isinstance(expression, Load) else self._apply(expression)
        self._scopes[-1][(id(expression), self._guards)] = result
        self._alive.append(expression)
        return result

    def _load(self, expression: Load) -> Value:
        flat, buffer = self.flat(expression), self.buffers[expression.operand]
        self._check_where_nothing_moves(expression, buffer)
        address, left = self._partial(self.pointers[expression.operand], expression.operand, flat)
        element = memory_element(buffer.dtype)
        if not left and not self._vector_guard():
            address = self.function.pointer(address, flat.constant, element)
            return load(self.function, buffer.dtype, address, 1, self.active(1))
        rest = Index(left, flat.constant)
        step = 0 if self.lane is None else rest.factor(self.lane)
        mask = self.active(self.width)
        if step == 1 and len(left) == 1:
            address = self.function.pointer(
                address, self.function.add(self.axes[left[0][0].key[1]], flat.constant), element
            )
            return load(self.function, buffer.dtype, address, self.width, mask)
        if step == -1 and len(left) == 1:
            return self._load_backward(buffer.dtype, address, left[0][0], flat.constant, mask)
        places = self.vector_index(rest)
        return gather(self.function, buffer.dtype, address, Value(places, int64, self.width), self.width, mask)

    def _load_backward(self, dtype: dtype, base: str, loop: Atom, place: int, mask: str | None) -> Value:
        """Neighbours that lie the other way round: loaded together, up from the last lane's, and turned. A gather takes several times as long."""
        function, order = self.function, range(self.width - 1, -1, -1)
        last = function.add(self.axes[loop.key[1]], self.width - 1 - place)
        address = function.pointer(base, function.mul(last, -1), memory_element(dtype))
        if mask is not None:
            mask = function.shuffle(vector("i1", self.width), mask, "poison", order)
        if mask is None or self.width < 8:
            value = load(function, dtype, address, self.width, mask)
            return Value(function.shuffle(value.type, value.text, "poison", order), dtype, self.width)
        # By halves: LLVM 22 would join a whole masked load, its turning and the choice after it to one instruction of AVX-512, which reads
        # the lanes that are not chosen too.
        half, masks = self.width // 2, vector("i1", self.width)
        parts = []
        for first in (0, half):
            chosen = function.shuffle(masks, mask, "poison", range(first, first + half))
            start = function.pointer(address, first, memory_element(dtype))
            parts.append(load(function, dtype, start, half, chosen))
        return Value(function.shuffle(parts[0].type, parts[0].text, parts[1].text, order), dtype, self.width)

    def _check_where_nothing_moves(self, expression: Load, buffer: Buffer) -> None:
        """Indices along axes whose stride is 0 are no part of the address; they are checked all the same."""
        for part, stride in zip(expression.index, buffer.strides, strict=True):
            if stride == 0 and isinstance(part, Index) and part.data():
                if self._differs(part):
                    self.vector_index(part)
                else:
                    self.scalar_index(part)

    def _vector_guard(self) -> bool:
        return not all(map(_is_scalar, self._guards))

    def _apply(self, expression: Expr) -> Value:
        assert isinstance(expression, Apply), expression
        name = expression.function
        if name == "choose":
            return self._choose(expression)
        if name in _CONDITIONS or name == "index_and":
            return self._condition(expression)
        if name == "place":
            return self._place(expression.arguments[0])
        arguments = self._arguments(expression)
        if name.startswith("round_"):
            target = next(d for d in ALL if d.name == name[6:])
            return round_to(self.function, arguments[0], target)
        if name == "wrap":
            return self._wrap(*arguments)
        return apply(self.function, name, arguments, self.machine, self.fail_where)

    def fail_where(self, condition: Value) -> None:
        self.risk = "values"
        self.fail(condition.text, condition.width)

    def _arguments(self, expression: Apply) -> list[Value]:
        """The arguments with literals in the dtype of the others, all of one width."""
        given = [None if isinstance(a, Literal) else self.value(a) for a in expression.arguments]
        typed = [v for v in given if v is not None]
        conditional = expression.function in ("select", "require")
        if conditional:  # the condition's dtype says nothing of the others'
            typed = [v for v in given[1:] if v is not None]
        width = max((v.width for v in given if v is not None), default=1)
        result = []
        for number, (argument, value) in enumerate(zip(expression.arguments, given, strict=True)):
            if value is None:
                assert isinstance(argument, Literal)
                kind = typed[0].dtype if typed else literal_dtype(argument.value)
                value = literal(argument.value, bool_ if conditional and not number else kind, width)
            result.append(broadcast(self.function, value, width))
        return result

    def _wrap(self, place: Value, extent: Value) -> Value:
        """A negative index counts from the end."""
        low = self.function.emit(f"icmp slt {place.type} {place.text}, {constant(place.type, 0)}")
        moved = self.function.binary("add", place.type, place.text, extent.text)
        return Value(self.function.select(place.type, low, moved, place.text), place.dtype, place.width)

    def _condition(self, expression: Apply) -> Value:
        if expression.function == "index_and":
            a, b = (self.value(part) for part in expression.arguments)
            width = max(a.width, b.width)
            a, b = broadcast(self.function, a, width), broadcast(self.function, b, width)
            return Value(self.function.binary("and", a.type, a.text, b.text), bool_, width)
        index = expression.arguments[0]
        assert isinstance(index, Index)
        predicate = _CONDITIONS[expression.function]
        if self.lane is not None and self._differs(index):
            type = vector("i64", self.width)
            text = self.function.emit(f"icmp {predicate} {type} {self.vector_index(index)}, {constant(type, 0)}")
            return Value(text, bool_, self.width)
        return Value(self.function.compare(predicate, self.scalar_index(index), 0), bool_, 1)

    def _place(self, index: Expr) -> Value:
        """An index as a number."""
        assert isinstance(index, Index)
        if self.lane is not None and self._differs(index):
            return Value(self.vector_index(index), int64, self.width)
        return Value(str(self.scalar_index(index)), int64, 1)

    def _choose(self, expression: Apply) -> Value:
        """One of two by a condition over indices; what is not chosen is not read."""
        test, yes, no = expression.arguments
        condition = self.value(test)
        inverse = self.function.binary("xor", condition.type, condition.text, constant(condition.type, True))
        negated = Value(inverse, bool_, condition.width)
        if isinstance(yes, Literal) and not isinstance(no, Literal):
            other = self._guarded(no, negated)
            chosen = literal(yes.value, other.dtype, 1)
        elif isinstance(no, Literal) and not isinstance(yes, Literal):
            chosen = self._guarded(yes, condition)
            other = literal(no.value, chosen.dtype, 1)
        else:
            chosen, other = self._guarded(yes, condition), self._guarded(no, negated)
        width = max(condition.width, chosen.width, other.width)
        condition, chosen, other = (broadcast(self.function, v, width) for v in (condition, chosen, other))
        return Value(self.function.select(chosen.type, condition.text, chosen.text, other.text), chosen.dtype, width)

    def _under(self, guards: tuple[str, ...], emit: Callable[[], T]) -> T:
        """Emits something under these guards alone."""
        before, self._guards = self._guards, guards
        try:
            return emit()
        finally:
            self._guards = before

    def _guarded(self, expression: Expr, condition: Value) -> Value:
        guards = (*self._guards, f"{condition.text}|{condition.width}")
        return self._under(guards, lambda: self.value(expression))
