"""Order: extremes by place, sorting, searching, sets, and what is not zero."""

from __future__ import annotations

from typing import Any, NamedTuple

import rushlight as torch
from rushlight import Tensor

from .promotion import together
from .statistics import Axes, sum


def argmax(x: Tensor, /, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The places of the first largest elements, along an axis or in the flattened tensor."""
    return _place(torch.argmax, x, axis, keepdims)


def argmin(x: Tensor, /, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The places of the first smallest elements, along an axis or in the flattened tensor."""
    return _place(torch.argmin, x, axis, keepdims)


def _place(function: Any, x: Tensor, axis: int | None, keepdims: bool) -> Tensor:
    if axis is None:
        return function(x.flatten(), 0).reshape((1,) * x.ndim if keepdims else ())
    return function(x, axis, keepdim=keepdims)


def count_nonzero(x: Tensor, /, *, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """How many elements over axes are not zero."""
    return sum(torch.ne(x, 0), axis=axis, keepdims=keepdims)


def nonzero(x: Tensor, /) -> tuple[Tensor, ...]:
    """The indices of what is not zero, one vector for each axis; ValueError for a tensor without axes."""
    if x.ndim == 0:
        raise ValueError("nonzero(): a tensor without axes has no indices")
    return tuple(torch.nonzero(x, as_tuple=True))


def searchsorted(x1: Tensor, x2: Tensor, /, *, side: str = "left", sorter: Tensor | None = None) -> Tensor:
    """Where each element of `x2` would stand in the sorted vector `x1`, before ("left") or after its equals."""
    ordered, wanted = together(x1, x2)
    if sorter is not None:
        ordered = ordered[sorter.to(torch.int64)]
    return torch.searchsorted(ordered, wanted, side=side)


def where(condition: Tensor, x1: Tensor | complex, x2: Tensor | complex, /) -> Tensor:
    """Elements of `x1` where the condition holds, else of `x2`."""
    return torch.where(condition, *together(x1, x2))


def sort(x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The elements in order along an axis."""
    return torch.sort(x, dim=axis, descending=descending, stable=stable).values


def argsort(x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The places of the elements in order along an axis."""
    return torch.argsort(x, dim=axis, descending=descending, stable=stable)


class UniqueAll(NamedTuple):
    values: Tensor
    indices: Tensor
    inverse_indices: Tensor
    counts: Tensor


class UniqueCounts(NamedTuple):
    values: Tensor
    counts: Tensor


class UniqueInverse(NamedTuple):
    values: Tensor
    inverse_indices: Tensor


def unique_values(x: Tensor, /) -> Tensor:
    """The different values, in order; each NaN is one by itself."""
    return torch.unique(x)


def unique_counts(x: Tensor, /) -> UniqueCounts:
    """The different values and how often each is there."""
    return UniqueCounts(*torch.unique(x, return_counts=True))


def unique_inverse(x: Tensor, /) -> UniqueInverse:
    """The different values and, in the shape of `x`, which of them each element is."""
    values, inverse = torch.unique(x, return_inverse=True)
    return UniqueInverse(values, inverse.reshape(x.shape))


def unique_all(x: Tensor, /) -> UniqueAll:
    """The different values, the place of the first of each in the flattened tensor, which one each element is, counts."""
    values, inverse, counts = torch.unique(x, return_inverse=True, return_counts=True)
    inverse = inverse.reshape(x.shape)
    first = torch.cumsum(counts, 0) - counts
    indices = torch.argsort(inverse.flatten(), stable=True)[first]
    return UniqueAll(values, indices, inverse, counts)
