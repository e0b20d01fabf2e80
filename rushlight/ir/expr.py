"""Expressions over one element: the language in which an op's `at` says what element *i* of its result is.

    expression = Literal(value)            a number
               | Loop(axis)                the index of the result along an axis
               | Load(operand, index)      an element of an operand
               | Apply(function, *arguments)   a scalar function, or index arithmetic

Fusion is putting the producer's expression where the consumer has a `Load`. `evaluate_at` runs an expression over the whole domain
with NumPy: the oracle that `at` and `eval` are compared with.

>>> from rushlight.ir.expr import Loop, evaluate
>>> evaluate(Loop(0) * 2 + Loop(1), (2, 3), []).tolist()
[[0, 1, 2], [2, 3, 4]]
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .type import Shape, Type


class Expr:
    """One expression; immutable."""

    __slots__ = ()

    def __add__(self, other: Expr | int) -> Expr:
        return Apply("index_add", self, lift(other))

    def __sub__(self, other: Expr | int) -> Expr:
        return Apply("index_sub", self, lift(other))

    def __mul__(self, other: Expr | int) -> Expr:
        return Apply("index_mul", self, lift(other))

    def __floordiv__(self, other: Expr | int) -> Expr:
        return Apply("index_div", self, lift(other))

    def __mod__(self, other: Expr | int) -> Expr:
        return Apply("index_rem", self, lift(other))

    def at_least(self, other: Expr | int) -> Expr:
        return Apply("index_ge", self, lift(other))

    def less(self, other: Expr | int) -> Expr:
        return Apply("index_lt", self, lift(other))

    def equals(self, other: Expr | int) -> Expr:
        return Apply("index_eq", self, lift(other))


class Literal(Expr):
    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return repr(self.value)


class Loop(Expr):
    __slots__ = ("axis",)

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def __repr__(self) -> str:
        return f"i{self.axis}"


class Load(Expr):
    __slots__ = ("operand", "index")

    def __init__(self, operand: int, index: tuple[Expr, ...]) -> None:
        self.operand = operand
        self.index = index

    def __repr__(self) -> str:
        return f"x{self.operand}[{', '.join(map(repr, self.index))}]"


class Apply(Expr):
    __slots__ = ("function", "arguments")

    def __init__(self, function: str, *arguments: Expr) -> None:
        self.function = function
        self.arguments = arguments

    def __repr__(self) -> str:
        return f"{self.function}({', '.join(map(repr, self.arguments))})"


class Operand:
    """What `at` gets for each operand: indexing it makes a `Load`."""

    __slots__ = ("number", "type")

    def __init__(self, number: int, type: Type) -> None:
        self.number = number
        self.type = type

    def __getitem__(self, index: tuple[Expr, ...]) -> Expr:
        return Load(self.number, tuple(index))

    def broadcast(self, index: tuple[Expr, ...]) -> Expr:
        """The element that a broadcast operand gives at the result's index."""
        own = index[len(index) - self.type.ndim :]
        return self[tuple(i if e != 1 else Literal(0) for i, e in zip(own, self.type.shape, strict=True))]


def lift(value: Expr | int) -> Expr:
    return value if isinstance(value, Expr) else Literal(value)


def loops(ndim: int) -> tuple[Expr, ...]:
    return tuple(map(Loop, range(ndim)))


def every(*conditions: Expr) -> Expr:
    """True where all hold."""
    result: Expr = Literal(True)
    for condition in conditions:
        result = Apply("index_and", result, condition)
    return result


# Scalar functions join this table from `scalar.py`; these are index arithmetic and choice.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "index_add": np.add,
    "index_sub": np.subtract,
    "index_mul": np.multiply,
    "index_div": np.floor_divide,
    "index_rem": np.remainder,
    "index_ge": np.greater_equal,
    "index_lt": np.less,
    "index_eq": np.equal,
    "index_and": np.logical_and,
    "choose": np.where,
}


def evaluate(expression: Expr, domain: Shape, arrays: list[np.ndarray]) -> np.ndarray:
    """The expression at every index of the domain. A load out of range reads a clipped place: `choose` must mask it."""
    if isinstance(expression, Literal):
        return np.asarray(expression.value)
    if isinstance(expression, Loop):
        extent = [1] * len(domain)
        extent[expression.axis] = domain[expression.axis]
        return np.arange(domain[expression.axis]).reshape(extent)
    if isinstance(expression, Load):
        array = arrays[expression.operand]
        index = [evaluate(i, domain, arrays) for i in expression.index]
        if 0 in array.shape:
            return np.zeros(domain, array.dtype)
        clipped = [np.clip(i, 0, e - 1) for i, e in zip(index, array.shape, strict=True)]
        return array[tuple(clipped)] if clipped else array[()]
    assert isinstance(expression, Apply)
    return np.asarray(FUNCTIONS[expression.function](*[evaluate(a, domain, arrays) for a in expression.arguments]))


def evaluate_at(
    op: Any, type: Type, operands: tuple[Type, ...], arrays: list[np.ndarray], attributes: dict[str, Any]
) -> np.ndarray:
    """The whole result of an op by its `at`."""
    handles = [Operand(number, t) for number, t in enumerate(operands)]
    expression = op.at(loops(type.ndim), *handles, type=type, **attributes)
    with np.errstate(all="ignore"):
        value = np.broadcast_to(evaluate(expression, type.shape, arrays), type.shape)
    return value.astype(type.dtype.compute)
