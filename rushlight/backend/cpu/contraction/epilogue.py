"""What is done to a contraction's value before it is stored: element expressions on whole vectors.

Addresses are affine in the output's loops; so an epilogue needs nothing but a place for each array that it reads or writes, and lanes.
"""

from __future__ import annotations

from collections.abc import Sequence

from ....dtype import ALL, bool_, int64
from ....ir.affine import Axis
from ....ir.expr import Apply, Expr, Literal, Load, Loop
from ....kernel.buffer import Buffer
from ....kernel.contraction import Contract
from ....kernel.functions import Unsupported
from ....kernel.index import Index
from ...machine import Machine
from ..arithmetic import apply
from ..assembly import Function, constant, lanes, vector
from ..expression import literal_dtype
from ..values import Value, broadcast, literal, memory_element, round_to
from .lanes import Lanes, Values, numerator, read, write

CONDITIONS = {"index_ge": "sge", "index_lt": "slt", "index_eq": "eq"}


class Epilogue:
    """The epilogue of a kernel.

    Args:
        places: the addresses that it needs, over the output's axes: where each result is written, then where each load reads, then
            each number made of the output's loops.
        arrays: for each place the number of the array among extras and results, None for a number.
    """

    def __init__(self, kernel: Contract, machine: Machine) -> None:
        self.kernel = kernel
        self.machine = machine
        self.dtype = kernel.dtype
        self.places: list[Axis] = [_place_in(buffer) for buffer in kernel.results]
        self.arrays: list[int | None] = [len(kernel.extras) + i for i in range(len(kernel.results))]
        self._numbers: dict[int, int] = {}  # an expression's identity: its place
        for expression in kernel.epilogue:
            self._collect(expression, set())

    def _collect(self, expression: Expr, seen: set[int]) -> None:
        if id(expression) in seen:
            return
        seen.add(id(expression))
        if isinstance(expression, Load):
            if expression.operand:
                buffer = self.kernel.extras[expression.operand - 1]
                self._add(expression, _place_of(expression, buffer), expression.operand - 1)
        elif isinstance(expression, (Index, Loop)):
            self._add(expression, _affine(expression), None)
        elif isinstance(expression, Apply):
            for argument in expression.arguments:
                self._collect(argument, seen)
        elif not isinstance(expression, Literal):
            raise Unsupported(f"{expression!r} in the epilogue of a contraction")

    def _add(self, expression: Expr, axis: Axis, array: int | None) -> None:
        self._numbers[id(expression)] = len(self.places)
        self.places.append(axis)
        self.arrays.append(array)

    def buffer(self, place: int) -> Buffer | None:
        """The array of a place."""
        number = self.arrays[place]
        return None if number is None else (*self.kernel.extras, *self.kernel.results)[number]

    def elements(self) -> list[str]:
        """For each place the type of an element in memory, "" for a number."""
        buffers = [self.buffer(place) for place in range(len(self.places))]
        return ["" if buffer is None else memory_element(buffer.dtype) for buffer in buffers]

    def bases(self, arrays: Sequence[str]) -> list[str]:
        """For each place what its address counts from, given the pointers to extras and results."""
        return ["0" if number is None else arrays[number] for number in self.arrays]

    def emit(
        self, function: Function, total: str, places: Sequence[Axis], bases: Sequence[str], values: Values, at: Lanes
    ) -> None:
        """Stores what becomes of the sums `total`.

        Args:
            places: where `self.places` have gone in the summation at hand.
            bases: what they count from.
        """
        value = Value(total, self.dtype, at.width)
        if not self.kernel.epilogue:
            write(function, value, bases[0], places[0], values, at)
            return
        scope = _Scope(self, function, round_to(function, value, self.dtype), places, bases, values, at)
        outcomes = [scope.value(expression) for expression in self.kernel.epilogue]
        for number, outcome in enumerate(outcomes):
            write(function, broadcast(function, outcome, at.width), bases[number], places[number], values, at)


def _place_in(buffer: Buffer) -> Axis:
    """Where an array of the output's shape is written, over the output's axes."""
    return Axis([(axis, stride) for axis, stride in enumerate(buffer.strides) if buffer.shape[axis] != 1])


def _affine(index: Expr) -> Axis:
    """An index as a sum of the output's loops."""
    if isinstance(index, Loop):
        return Axis(((index.axis, 1),))
    if isinstance(index, Literal):
        return Axis((), int(index.value))
    if isinstance(index, Index) and index.affine():
        return Axis([(atom.key[1], factor) for atom, factor in index.terms], index.constant)
    raise Unsupported(f"the index {index!r} in the epilogue of a contraction is not a sum of loops")


def _place_of(expression: Load, buffer: Buffer) -> Axis:
    total = Axis()
    if 0 in buffer.shape:  # there is nothing to read, nor to write
        return total
    for index, stride, extent in zip(expression.index, buffer.strides, buffer.shape, strict=True):
        if isinstance(index, Index) and (index.low < 0 or index.high >= extent):
            raise Unsupported(f"the index {index!r} in the epilogue of a contraction leaves [0, {extent})")
        part = _affine(index)
        if extent != 1:
            factors = dict(total.terms)
            for loop, value in part.terms:
                factors[loop] = factors.get(loop, 0) + value * stride
            total = Axis(factors, total.offset + part.offset * stride)
    return total


class _Scope:
    """The values of expressions for one vector of results."""

    def __init__(
        self,
        epilogue: Epilogue,
        function: Function,
        value: Value,
        places: Sequence[Axis],
        bases: Sequence[str],
        values: Values,
        at: Lanes,
    ) -> None:
        self.epilogue = epilogue
        self.function = function
        self.contracted = value
        self.places = places
        self.bases = bases
        self.values = values
        self.at = at
        self._found: dict[int, Value] = {}

    def value(self, expression: Expr) -> Value:
        """The value of an expression, emitted once."""
        found = self._found.get(id(expression))
        if found is None:
            found = self._found[id(expression)] = self._emit(expression)
        return found

    def _emit(self, expression: Expr) -> Value:
        if isinstance(expression, Literal):
            return literal(expression.value, literal_dtype(expression.value), 1)
        if isinstance(expression, Load):
            if expression.operand == 0:
                return self.contracted
            number = self.epilogue._numbers[id(expression)]
            buffer = self.epilogue.buffer(number)
            assert buffer is not None
            return read(self.function, buffer.dtype, self.bases[number], self.places[number], self.values, self.at)
        if isinstance(expression, Apply):
            return self._apply(expression)
        return self._number(expression)

    def _number(self, expression: Expr) -> Value:
        """A sum of loops, in each lane."""
        function, number, width = self.function, self.epilogue._numbers[id(expression)], self.at.width
        axis = self.places[number]
        start = function.add(
            self.bases[number] if self.bases[number] != "0" else 0, numerator(function, axis, self.values)
        )
        type = vector("i64", width)
        total = constant(type, start) if isinstance(start, int) else function.splat(type, start)
        offsets = self.at.offsets(axis)
        if any(offsets):
            total = function.binary("add", type, total, lanes(type, offsets))
        return Value(total, int64, width)

    def _apply(self, expression: Apply) -> Value:
        name = expression.function
        if name in CONDITIONS and len(expression.arguments) == 1:
            value = self.value(expression.arguments[0])
            zero = constant(value.type, 0)
            text = self.function.emit(f"icmp {CONDITIONS[name]} {value.type} {value.text}, {zero}")
            return Value(text, bool_, value.width)
        arguments = self._arguments(expression)
        if name.startswith("round_"):
            return round_to(self.function, arguments[0], next(d for d in ALL if d.name == name[6:]))
        if name in ("wrap", "require"):
            raise Unsupported(f"{name} in the epilogue of a contraction")
        return apply(self.function, name, arguments, self.epilogue.machine)

    def _arguments(self, expression: Apply) -> list[Value]:
        """The arguments, with plain numbers in the dtype of the others."""
        width = self.at.width
        given = [None if isinstance(a, Literal) else self.value(a) for a in expression.arguments]
        typed = [value for value in given if value is not None]
        if expression.function in ("select", "choose"):
            typed = [value for value in given[1:] if value is not None]
        result = []
        for argument, value in zip(expression.arguments, given, strict=True):
            if value is None:
                assert isinstance(argument, Literal)
                own = literal_dtype(argument.value)
                result.append(literal(argument.value, typed[0].dtype if typed else own, width))
            else:
                result.append(broadcast(self.function, value, width))
        return result
