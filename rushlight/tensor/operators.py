"""Python's operators on tensors: `a + b` is `add(a, b)`, and so on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..dtype import FLOATING, INTEGER
from ..ir import scalar
from ..ir.graph import mode
from ..ir.op import Op
from ..ir.scalar import number
from .arguments import answer_to_operator
from .elementwise import add, div, mul, pow_, rsub, sub
from .layouts import OtherLayout
from .promotion import is_number
from .public import functions, name
from .tensor import Tensor, adopt_numpy, node_of, wrap

_FAST: dict[str, Callable[..., Tensor]] = {"add": add, "sub": sub, "mul": mul, "div": div, "pow": pow_}
_ARITHMETIC: dict[str, tuple[Callable[..., Tensor], Op, str, int]] = {
    "add": (add, scalar.add, "Add", INTEGER),
    "sub": (sub, scalar.sub, "Sub", INTEGER),
    "mul": (mul, scalar.mul, "Mul", INTEGER),
    "truediv": (div, scalar.div, "Div", FLOATING),
}


def _operator(function: Callable[..., Tensor]) -> Callable[[Tensor, Any], Any]:
    def call(self: Tensor, other: Any) -> Any:
        return _by_function(call, function, self, other)

    return call


def _by_function(operator: Callable[..., Any], function: Callable[..., Tensor], self: Tensor, other: Any) -> Any:
    """What an operator gives by its public function."""
    if isinstance(other, Tensor) or is_number(other):
        return function(self, other)
    if hasattr(other, "__array__"):
        return function(self, _from_foreign(other))
    return answer_to_operator(operator, self, other)


def _arithmetic(function: Callable[..., Tensor], op: Op, label: str, least: int) -> Callable[[Tensor, Any], Any]:
    """The operator of an elementwise op, without what a public function does for operands that nearly all calls do not have.

    They are two tensors of one dtype, or one and a number that it holds; `least`: the category of dtypes from which on the op computes in
    them as they are. A program of many small operations spends most of its time in calls like this, which take two thirds of the time so.
    """

    def call(self: Tensor, other: Any) -> Any:
        kind = type(other)
        if kind is float or kind is int or isinstance(other, Tensor):
            try:
                storage = self._storage
                plain = not self._steps and self._source is None and storage.buffer is None
                a = storage.node if plain else node_of(self)
                own = a.type.dtype
                if kind is not float and kind is not int:
                    storage = other._storage
                    plain = not other._steps and other._source is None and storage.buffer is None
                    b = storage.node if plain else node_of(other)
                    plain = b.type.dtype is own and own.category >= least
                else:
                    plain = own.category == FLOATING or (kind is int and own.category >= max(least, INTEGER))
                    b = number(other, own) if plain else a
            except (OtherLayout, AttributeError):
                plain = False
            if plain:
                node = op(a, b)
                if node.tracked and not mode.depth:
                    if mode.anomaly:
                        made = wrap(node)
                        name(made, label)
                        return made
                    node.label = label
                return wrap(node)
        return _by_function(call, function, self, other)

    call.__code__ = call.__code__.replace(co_name=function.__name__)  # what `debug/sites.py` says that the user called
    return call


def _power() -> Callable[[Tensor, Any], Any]:
    """`x ** number`, where that is not one of the powers that have an op of their own or a rule."""
    plain = _arithmetic(pow_, scalar.pow, "Pow", FLOATING)

    def call(self: Tensor, other: Any) -> Any:
        if type(other) in (int, float) and other not in (0, 0.5, 2):
            return plain(self, other)
        return _by_function(call, pow_, self, other)

    return call


def _from_foreign(other: Any) -> Any:
    return adopt_numpy(np.asarray(other))


def _not_reflected(self: Any) -> TypeError:
    return TypeError(f"descriptor of a reflected operator doesn't apply to a '{type(self).__name__}' object")


def _commuted(operator: Callable[[Tensor, Any], Any]) -> Callable[[Tensor, Any], Any]:
    def call(self: Tensor, other: Any) -> Any:
        if not isinstance(self, Tensor):
            raise _not_reflected(self)
        return operator(self, other)

    return call


def _reflected(function: Callable[..., Tensor]) -> Callable[[Tensor, Any], Any]:
    def call(self: Tensor, other: Any) -> Any:
        if not isinstance(self, Tensor):
            raise _not_reflected(self)
        if isinstance(other, Tensor) or is_number(other):
            return function(other, self)
        if hasattr(other, "__array__"):
            return function(_from_foreign(other), self)
        return answer_to_operator(call, self, other)

    return call


def _number_over(self: Tensor, other: Any) -> Any:
    """`other / self`, by way of the reciprocal as PyTorch does it: the last bit depends on it."""
    if isinstance(other, Tensor):
        return div(other, self)
    return mul(functions["reciprocal"](self), other)


def _install() -> None:
    table = functions
    for own, target in {
        "add": "add",
        "sub": "sub",
        "mul": "mul",
        "truediv": "div",
        "floordiv": "floor_divide",
        "mod": "remainder",
        "pow": "pow",
        "and": "bitwise_and",
        "or": "bitwise_or",
        "xor": "bitwise_xor",
        "lshift": "bitwise_left_shift",
        "rshift": "bitwise_right_shift",
    }.items():
        plain = _ARITHMETIC.get(own)
        made = _arithmetic(*plain) if plain else _operator(_FAST.get(target) or table[target])
        if own == "pow":
            made = _power()
        setattr(Tensor, f"__{own}__", made)
        setattr(Tensor, f"__r{own}__", _reflected(_FAST.get(target) or table[target]))
        setattr(Tensor, f"__i{own}__", getattr(Tensor, target + "_"))
    Tensor.__radd__, Tensor.__rmul__ = _commuted(Tensor.__add__), _commuted(Tensor.__mul__)  # type: ignore[attr-defined]
    Tensor.__rsub__ = _operator(rsub)  # type: ignore[attr-defined]
    Tensor.__rtruediv__ = _reflected(lambda other, self: _number_over(self, other))  # type: ignore[assignment]
    Tensor.__rdiv__ = Tensor.__rtruediv__  # type: ignore[attr-defined]
    for own in ("eq", "ne", "lt", "le", "gt", "ge"):
        setattr(Tensor, f"__{own}__", _operator(table[own]))
    for own, target in {"neg": "neg", "pos": "positive", "abs": "abs", "invert": "bitwise_not"}.items():
        setattr(Tensor, f"__{own}__", table[target])


_install()
