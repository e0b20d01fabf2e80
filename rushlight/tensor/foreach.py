"""`torch._foreach_*`: one operation on each tensor of a list. Each is recorded as by itself; fusing them is the compiler's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .public import functions, register
from .tensor import Tensor

__all__: list[str] = []

_UNARY = (
    "abs acos asin atan ceil cos cosh erf erfc exp expm1 floor frac lgamma log log10 log1p log2 neg reciprocal round rsqrt sigmoid sign "
    "sin sinh sqrt tan tanh trunc"
).split()
_BINARY = "add clamp_max clamp_min div maximum minimum mul pow sub".split()
_OF_LISTS = {"maximum": "clamp_min", "minimum": "clamp_max"}  # what numbers stand for in them


def _listed(tensors: Any, name: str) -> list[Tensor]:
    if not isinstance(tensors, (list, tuple)):
        raise TypeError(
            f"_foreach_{name}(): argument 'self' (position 1) must be tuple of Tensors, not {type(tensors).__name__}"
        )
    if not tensors:
        raise RuntimeError("Tensor list must have at least one tensor.")
    return list(tensors)


def _others(other: Any, count: int) -> list[Any]:
    """The other operand for each tensor: a list has one for each, all else is for all."""
    if not isinstance(other, (list, tuple)):
        return [other] * count
    if len(other) != count:
        if other and isinstance(other[0], Tensor):
            raise RuntimeError(f"Tensor lists must have the same number of tensors, got {count} and {len(other)}")
        raise RuntimeError("Tensor list must have same number of elements as scalar list.")
    return list(other)


def _numbers(value: Any, count: int) -> list[Any]:
    """A factor for each tensor: a number, a list of them, or a tensor that holds them."""
    return _others(list(value.unbind()) if isinstance(value, Tensor) and value.ndim else value, count)


def _unary(name: str, in_place: bool) -> Callable[..., Any]:
    def call(self: Sequence[Tensor]) -> Any:
        if in_place:
            for tensor in _listed(self, name):
                getattr(tensor, name + "_")()
            return self
        return tuple(functions[name](tensor) for tensor in _listed(self, name))

    return call


def _one(name: str, tensor: Any, other: Any, in_place: bool, settings: dict[str, Any]) -> Any:
    own = _OF_LISTS[name] if name in _OF_LISTS and (in_place or not isinstance(other, Tensor)) else name
    return getattr(tensor, own + "_" if in_place else own)(other, **settings)


def _binary(name: str, in_place: bool) -> Callable[..., Any]:
    def call(self: Any, other: Any = None, **settings: Any) -> Any:
        for given in ("scalar", "scalars", "exponent"):
            if given in settings:
                other = settings.pop(given)
        if name == "pow" and not isinstance(self, (list, tuple)):  # a number to the power of each tensor
            return tuple(functions["pow"](self, exponent) for exponent in _listed(other, name))
        tensors = _listed(self, name)
        results = [
            _one(name, tensor, each, in_place, settings)
            for tensor, each in zip(tensors, _others(other, len(tensors)), strict=True)
        ]
        return self if in_place else tuple(results)

    return call


def _ternary(name: str, in_place: bool) -> Callable[..., Any]:
    def call(self: Any, tensor1: Any, tensor2: Any, value: Any = 1, scalars: Any = None) -> Any:
        tensors = _listed(self, name)
        count = len(tensors)
        factors = _numbers(value if scalars is None else scalars, count)
        results = []
        for tensor, a, b, factor in zip(
            tensors, _others(tensor1, count), _others(tensor2, count), factors, strict=True
        ):
            if isinstance(factor, Tensor):
                change: Any = (a * b if name == "addcmul" else a / b) * factor
                results.append(tensor.add_(change) if in_place else tensor + change)
            else:
                results.append(getattr(tensor, name + "_" if in_place else name)(a, b, value=factor))
        return self if in_place else tuple(results)

    return call


def _lerp(in_place: bool) -> Callable[..., Any]:
    def call(self: Any, tensors1: Any, weights: Any = None, weight: Any = None) -> Any:
        tensors = _listed(self, "lerp")
        ends = _others(tensors1, len(tensors))
        parts = _others(weight if weights is None else weights, len(tensors))
        rows = zip(tensors, ends, parts, strict=True)
        results = [getattr(tensor, "lerp_" if in_place else "lerp")(end, part) for tensor, end, part in rows]
        return self if in_place else tuple(results)

    return call


def _zero_(self: Any) -> Any:
    for tensor in _listed(self, "zero_"):
        tensor.zero_()
    return self


def _copy_(self: Any, src: Any, non_blocking: bool = False) -> Any:
    tensors = _listed(self, "copy_")
    for tensor, source in zip(tensors, _others(src, len(tensors)), strict=True):
        tensor.copy_(source)
    return self


def _norm(self: Any, ord: Any = 2, dtype: Any = None) -> tuple[Tensor, ...]:
    return tuple(functions["norm"](tensor, ord, dtype=dtype) for tensor in _listed(self, "norm"))


def _max(self: Any) -> tuple[Tensor, ...]:
    return tuple(tensor.max() for tensor in _listed(self, "max"))


def _clone(self: Any, *, memory_format: Any = None) -> tuple[Tensor, ...]:
    return tuple(tensor.clone() for tensor in _listed(self, "clone"))


def _mm(self: Any, mat2: Any) -> tuple[Tensor, ...]:
    tensors = _listed(self, "mm")
    return tuple(functions["mm"](a, b) for a, b in zip(tensors, _others(mat2, len(tensors)), strict=True))


def _registered(name: str, call: Callable[..., Any]) -> None:
    call.__name__ = call.__qualname__ = f"_foreach_{name}"
    call.__doc__ = f"`{name}` of each tensor of a list."
    register(call.__name__, call, function=True, method=False)


for _place in (False, True):
    _end = "_" if _place else ""
    for _name in _UNARY:
        _registered(_name + _end, _unary(_name, _place))
    for _name in _BINARY:
        _registered(_name + _end, _binary(_name, _place))
    for _name in ("addcdiv", "addcmul"):
        _registered(_name + _end, _ternary(_name, _place))
    _registered("lerp" + _end, _lerp(_place))
_OTHERS: dict[str, Callable[..., Any]] = {
    "zero_": _zero_,
    "copy_": _copy_,
    "norm": _norm,
    "max": _max,
    "clone": _clone,
    "mm": _mm,
}
for _name, _call in _OTHERS.items():
    _registered(_name, _call)
