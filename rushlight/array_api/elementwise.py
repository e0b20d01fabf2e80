"""Functions of each element: two tables of names that PyTorch has too, and the few that differ."""

from __future__ import annotations

from collections.abc import Callable

import rushlight as torch
from rushlight import Tensor

from .promotion import isdtype, result_type, together

# the standard's name -> PyTorch's, where it is another one
_UNARY = {
    **{name: name for name in "abs acos acosh asin asinh atan atanh cos cosh exp isfinite isinf isnan".split()},
    **{name: name for name in "log log1p log2 log10 logical_not negative positive real reciprocal".split()},
    **{name: name for name in "signbit sin sinh square sqrt tan tanh".split()},
    "bitwise_invert": "bitwise_not",
    "conj": "conj_physical",
}
_BINARY = {
    **{name: name for name in "add atan2 bitwise_and bitwise_or bitwise_xor bitwise_left_shift".split()},
    **{name: name for name in "bitwise_right_shift copysign divide greater greater_equal".split()},
    **{name: name for name in "hypot less less_equal logaddexp logical_and logical_or logical_xor".split()},
    **{name: name for name in "maximum minimum multiply nextafter not_equal pow subtract".split()},
    "equal": "eq",
}


def _unary(name: str, function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    def of_each(x: Tensor, /) -> Tensor:
        return function(x)

    of_each.__name__ = of_each.__qualname__ = name
    of_each.__doc__ = f"`{name}` of each element, as `torch.{function.__name__}`."
    return of_each


def _binary(name: str, function: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    def of_each(x1: Tensor | complex, x2: Tensor | complex, /) -> Tensor:
        return function(*together(x1, x2))

    of_each.__name__ = of_each.__qualname__ = name
    of_each.__doc__ = f"`{name}` of pairs of elements, as `torch.{function.__name__}` of operands of one dtype."
    return of_each


def _whole(name: str) -> Callable[[Tensor], Tensor]:
    """A rounding function: whole numbers stay as they are, the parts of complex ones are rounded each."""
    function: Callable[[Tensor], Tensor] = getattr(torch, name)

    def of_each(x: Tensor, /) -> Tensor:
        if x.is_complex():
            return torch.complex(function(x.real), function(x.imag))
        return function(x) if x.is_floating_point() else x.clone()

    of_each.__name__ = of_each.__qualname__ = name
    of_each.__doc__ = f"`{name}` of each element, as `torch.{name}`."
    return of_each


def expm1(x: Tensor, /) -> Tensor:
    """`exp(x) - 1` of each element, exact near zero. Of complex infinities and NaNs it gives what C's Annex G gives; PyTorch NaN."""
    result = torch.expm1(x)
    if not x.is_complex():
        return result
    real, imag = x.real, x.imag
    endless, turning = torch.isposinf(real), ~torch.isfinite(imag)
    nothing = torch.isneginf(real) & turning
    at_zero = imag == 0
    real_part = torch.where(at_zero, torch.expm1(real), torch.where(endless & turning, real, result.real))
    imag_part = torch.where(
        at_zero, imag, torch.where(endless & turning, torch.full_like(imag, torch.nan), result.imag)
    )
    return torch.complex(
        torch.where(nothing, torch.full_like(real, -1), real_part),
        torch.where(nothing, torch.zeros_like(imag), imag_part),
    )


def sign(x: Tensor, /) -> Tensor:
    """The sign of each element, of a complex one x / |x|; NaN for NaN, where PyTorch's is 0."""
    return torch.where(torch.isnan(x), x, torch.sgn(x))


def floor_divide(x1: Tensor | complex, x2: Tensor | complex, /) -> Tensor:
    """The quotient rounded down. Where an operand is infinite, it is the quotient itself; PyTorch's is NaN or -1."""
    left, right = together(x1, x2)
    result = torch.floor_divide(left, right)
    if result.is_floating_point():
        result = torch.where(torch.isinf(left) | torch.isinf(right), left / right, result)
    return result


def remainder(x1: Tensor | complex, x2: Tensor | complex, /) -> Tensor:
    """What remains of the quotient rounded down, with the sign of the divisor; a zero has it too, unlike PyTorch's."""
    left, right = together(x1, x2)
    result = torch.remainder(left, right)
    return torch.where(result == 0, torch.copysign(result, right), result) if result.is_floating_point() else result


def imag(x: Tensor, /) -> Tensor:
    """The imaginary parts of a complex tensor; zeros for a real one."""
    return x.imag if x.is_complex() else torch.zeros_like(x)


def clip(x: Tensor, /, min: Tensor | float | None = None, max: Tensor | float | None = None) -> Tensor:
    """Each element, or the nearer bound where it is outside; NaN stays and NaN bounds give NaN. The dtype is that of `x`."""
    for bound in (min, max):
        if bound is not None:
            result_type(x, bound)  # raises for what does not go together
    low = None if min is None else _bound(x, min)
    high = None if max is None else _bound(x, max)
    shape = torch.broadcast_shapes(*(b.shape for b in (x, low, high) if b is not None))
    result = x.broadcast_to(shape)
    if low is not None:
        result = torch.maximum(result, low)
    if high is not None:
        result = torch.minimum(result, high)
    return result.clone() if result is x or (low is None and high is None) else result


def _bound(x: Tensor, bound: Tensor | float) -> Tensor:
    """A bound in the dtype of `x`; one that lies outside its range becomes the range's end."""
    if isinstance(bound, Tensor):
        return bound.to(x.dtype)
    if isdtype(x.dtype, "integral"):
        limits = torch.iinfo(x.dtype)
        bound = limits.min if bound < limits.min else limits.max if bound > limits.max else bound
    return torch.tensor(bound, dtype=x.dtype)


_made = {
    **{name: _unary(name, getattr(torch, own)) for name, own in _UNARY.items()},
    **{name: _binary(name, getattr(torch, own)) for name, own in _BINARY.items()},
    **{name: _whole(name) for name in ("ceil", "floor", "round", "trunc")},
}
globals().update(_made)

__all__ = [*_made, "clip", "expm1", "floor_divide", "imag", "remainder", "sign"]  # noqa: PLE0604
