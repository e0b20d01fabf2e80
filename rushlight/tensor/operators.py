"""Python's operators on tensors: `a + b` is `add(a, b)`, and so on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .arguments import answer_to_operator
from .elementwise import add, div, mul, pow_, rsub, sub
from .promotion import is_number
from .public import functions
from .tensor import Tensor, adopt_numpy

_FAST: dict[str, Callable[..., Tensor]] = {"add": add, "sub": sub, "mul": mul, "div": div, "pow": pow_}


def _operator(function: Callable[..., Tensor]) -> Callable[[Tensor, Any], Any]:
    def call(self: Tensor, other: Any) -> Any:
        if isinstance(other, Tensor) or is_number(other):
            return function(self, other)
        if hasattr(other, "__array__"):
            return function(self, _from_foreign(other))
        return answer_to_operator(call, self, other)

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
    for name, target in {
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
        setattr(Tensor, f"__{name}__", _operator(_FAST.get(target) or table[target]))
        setattr(Tensor, f"__r{name}__", _reflected(_FAST.get(target) or table[target]))
        setattr(Tensor, f"__i{name}__", getattr(Tensor, target + "_"))
    Tensor.__radd__, Tensor.__rmul__ = _commuted(Tensor.__add__), _commuted(Tensor.__mul__)  # type: ignore[attr-defined]
    Tensor.__rsub__ = _operator(rsub)  # type: ignore[attr-defined]
    Tensor.__rtruediv__ = _reflected(lambda other, self: _number_over(self, other))  # type: ignore[assignment]
    Tensor.__rdiv__ = Tensor.__rtruediv__  # type: ignore[attr-defined]
    for name in ("eq", "ne", "lt", "le", "gt", "ge"):
        setattr(Tensor, f"__{name}__", _operator(table[name]))
    for name, target in {"neg": "neg", "pos": "positive", "abs": "abs", "invert": "bitwise_not"}.items():
        setattr(Tensor, f"__{name}__", table[target])


_install()
