"""Folds over axes, running folds, and the test of all elements."""

from __future__ import annotations

from typing import Any

import rushlight as torch
from rushlight import Tensor, dtype

from .promotion import isdtype, together

Axes = int | tuple[int, ...] | None


def axes_of(x: Tensor, axis: Axes) -> tuple[int, ...]:
    """The axes by number: all where None is given, none for an empty tuple (PyTorch reads that as all)."""
    if axis is None:
        return tuple(range(x.ndim))
    return (axis,) if isinstance(axis, int) else tuple(axis)


def _accumulated(x: Tensor, kind: dtype | None) -> Tensor:
    """The tensor in the dtype of its sum: 64 bits for integers, unsigned ones staying so."""
    if kind is None:
        kind = torch.uint64 if isdtype(x.dtype, "unsigned integer") else x.dtype
        kind = torch.int64 if isdtype(kind, ("bool", "signed integer")) else kind
    return x.to(kind)


def _fold(function: Any, x: Tensor, axis: Axes, keepdims: bool, **options: Any) -> Tensor:
    """A fold that PyTorch has for several axes; over no axes it is one of single elements."""
    axes = axes_of(x, axis)
    if not axes:
        return function(x[..., None], dim=-1, **options)
    return function(x, dim=axes, keepdim=keepdims, **options)


def sum(x: Tensor, /, *, axis: Axes = None, dtype: dtype | None = None, keepdims: bool = False) -> Tensor:
    """Sums over axes, of small integers in 64 bits."""
    x = _accumulated(x, dtype)
    return _fold(torch.sum, x, axis, keepdims, dtype=x.dtype)


def prod(x: Tensor, /, *, axis: Axes = None, dtype: dtype | None = None, keepdims: bool = False) -> Tensor:
    """Products over axes, of small integers in 64 bits. PyTorch's takes one axis: the axes are put last and are one."""
    x = _accumulated(x, dtype)
    axes = [one % x.ndim for one in axes_of(x, axis)]
    rest = [one for one in range(x.ndim) if one not in axes]
    length = torch.Size([x.shape[one] for one in axes]).numel()
    result = torch.prod(x.permute(*rest, *axes).reshape(*(x.shape[one] for one in rest), length), -1, dtype=x.dtype)
    if keepdims:
        result = result.reshape([1 if one in axes else x.shape[one] for one in range(x.ndim)])
    return result


def max(x: Tensor, /, *, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """The largest elements over axes; NaN where there is one."""
    return _fold(torch.amax, x, axis, keepdims)


def min(x: Tensor, /, *, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """The smallest elements over axes; NaN where there is one."""
    return _fold(torch.amin, x, axis, keepdims)


def mean(x: Tensor, /, *, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """Means over axes."""
    return _fold(torch.mean, x, axis, keepdims)


def var(x: Tensor, /, *, axis: Axes = None, correction: float = 0.0, keepdims: bool = False) -> Tensor:
    """Variances over axes: squared distances from the mean, divided by their number less `correction`."""
    return _fold(torch.var, x, axis, keepdims, correction=correction)


def std(x: Tensor, /, *, axis: Axes = None, correction: float = 0.0, keepdims: bool = False) -> Tensor:
    """Standard deviations over axes; `correction` as in `var`."""
    return _fold(torch.std, x, axis, keepdims, correction=correction)


def all(x: Tensor, /, *, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """Whether all elements over axes are true (not zero)."""
    return _fold(torch.all, x.to(torch.bool), axis, keepdims)


def any(x: Tensor, /, *, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """Whether any element over axes is true (not zero)."""
    return _fold(torch.any, x.to(torch.bool), axis, keepdims)


def cumulative_sum(
    x: Tensor, /, *, axis: int | None = None, dtype: dtype | None = None, include_initial: bool = False
) -> Tensor:
    """Running sums along an axis; `include_initial` begins with 0."""
    return _running(torch.cumsum, 0, x, axis, dtype, include_initial)


def cumulative_prod(
    x: Tensor, /, *, axis: int | None = None, dtype: dtype | None = None, include_initial: bool = False
) -> Tensor:
    """Running products along an axis; `include_initial` begins with 1."""
    return _running(torch.cumprod, 1, x, axis, dtype, include_initial)


def _running(function: Any, first: int, x: Tensor, axis: int | None, kind: dtype | None, initial: bool) -> Tensor:
    if axis is None:
        if x.ndim != 1:
            raise ValueError(f"{function.__name__}: axis must be given for a tensor of {x.ndim} axes")
        axis = 0
    x = _accumulated(x, kind)
    result = function(x, axis, dtype=x.dtype)
    if initial:
        shape = [1 if one == axis % x.ndim else length for one, length in enumerate(x.shape)]
        result = torch.cat([torch.full(shape, first, dtype=x.dtype), result], axis)
    return result


def diff(
    x: Tensor, /, *, axis: int = -1, n: int = 1, prepend: Tensor | None = None, append: Tensor | None = None
) -> Tensor:
    """The `n`-th differences of neighbours along an axis, with what `prepend` and `append` put at its ends."""
    given = [part for part in (prepend, x, append) if part is not None]
    return torch.diff(torch.cat(together(*given), axis) if len(given) > 1 else x, n, axis)
