"""Histograms of numbers and of points: how many of them, or how much of their weight, falls in each bin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..dtype import FLOATING, scalar_name
from .public import public
from .return_types import return_type
from .tensor import Tensor, from_values

_Histogram = return_type("histogram", "hist bin_edges")
_Histograms = return_type("histogramdd", "hist bin_edges")


def _error(text: str) -> RuntimeError:
    return RuntimeError(f"torch.histogramdd: {text}")


def _equal_bins(values: np.ndarray, count: int, bounds: Sequence[float] | None, axis: int) -> np.ndarray:
    """The ends of bins of equal width between bounds, or from the least to the greatest value where there are none."""
    if count <= 0:
        raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {count} for dimension {axis}")
    if bounds is None:
        low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    else:
        low, high = map(float, bounds)
    if not (math.isfinite(low) and math.isfinite(high)):
        raise _error(f"dimension {axis}'s range [{low}, {high}] is not finite")
    if low > high:
        raise _error(f"min should not exceed max, but got min {low:g} max {high:g} for dimension {axis}")
    if low == high:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, count + 1).astype(values.dtype)


def _given_bins(ends: Tensor, input: Tensor, axis: int) -> np.ndarray:
    if ends.ndim != 1 or not ends.numel():
        raise _error(
            f"bins tensor should have one dimension, but got {ends.ndim} dimensions in the bins tensor for dimension {axis}"
        )
    if ends.dtype is not input.dtype:
        raise _error("input tensor and bins tensors should have the same dtype")
    return ends._decoded()  # type: ignore[no-any-return]


def _counts(points: np.ndarray, ends: list[np.ndarray], weight: np.ndarray | None, density: bool) -> np.ndarray:
    """How much weight falls in each bin; the last bin of an axis has its upper end too."""
    places = []
    inside = np.ones(len(points), bool)
    for column, end in zip(points.T, ends, strict=True):
        place = np.searchsorted(end, column, side="right") - 1
        places.append(np.where(column == end[-1], len(end) - 2, place))
        inside &= (column >= end[0]) & (column <= end[-1])
    shape = tuple(len(end) - 1 for end in ends)
    flat = np.ravel_multi_index([place[inside] for place in places], shape)
    own = None if weight is None else weight.reshape(-1)[inside]
    counts = np.bincount(flat, own, minlength=math.prod(shape)).reshape(shape)
    if density:
        with np.errstate(all="ignore"):
            counts = counts / counts.sum()
        for axis, end in enumerate(ends):
            counts /= np.diff(end).reshape([-1 if a == axis else 1 for a in range(len(ends))])
    return counts.astype(points.dtype)


def _points(input: Tensor, weight: Tensor | None, rank: int) -> tuple[np.ndarray, np.ndarray | None]:
    """The input as rows of coordinates, and the weight of each, checked."""
    if input.dtype.category != FLOATING or input.dtype.itemsize < 4:
        raise NotImplementedError(f"\"histogramdd\" not implemented for '{scalar_name(input.dtype)}'")
    points = input._decoded().reshape(-1, rank)
    if weight is None:
        return points, None
    if weight.dtype is not input.dtype:
        raise _error("if weight tensor is provided, input tensor and weight tensor should have the same dtype")
    if weight.numel() != len(points):
        raise _error(
            "if weight tensor is provided it should have the same shape as the input tensor excluding its innermost dimension, but got "
            f"input with shape {list(input.shape)} and weight with shape {list(weight.shape)}"
        )
    return points, weight._decoded()


@public(None)
def histogram(
    input: Tensor,
    bins: Tensor | int,
    *,
    range: Sequence[float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> Any:
    """(hist, bin_edges): how many elements, or how much of their weight, falls in each bin; with `density` as a density.

    bins: how many of equal width there are in `range` (left out: from the least element to the greatest), or a tensor of their ends, in
    order. What is outside of all bins is not counted.

    NotImplementedError for other dtypes than float32 and float64; RuntimeError for a range that is not finite or ends before it begins.

    >>> import rushlight as torch
    >>> torch.histogram(torch.tensor([1.0, 2.0, 1.0]), bins=4, range=(0.0, 3.0)).hist
    tensor([0., 2., 1., 0.])
    """
    points, own = _points(input, weight, 1)
    ends = _given_bins(bins, input, 0) if isinstance(bins, Tensor) else _equal_bins(points, int(bins), range, 0)
    counts = _counts(points, [ends], own, density)
    return _Histogram(from_values(counts, input.dtype), from_values(ends, input.dtype))


@public(None)
def histogramdd(
    input: Tensor,
    bins: Any,
    *,
    range: Sequence[float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> Any:
    """(hist, bin_edges) of points, whose coordinates stand along the last axis.

    bins: one number of bins, or for each coordinate a number or a tensor of ends. range: the least and the greatest of each coordinate in turn.

    >>> import rushlight as torch
    >>> torch.histogramdd(torch.tensor([[0.0, 1.0], [1.0, 0.0], [2.0, 2.0]]), bins=[2, 2], weight=torch.tensor([1.0, 2.0, 4.0])).hist
    tensor([[0., 1.],
            [2., 4.]])
    """
    if input.ndim < 2:
        raise _error(f"input tensor should have at least 2 dimensions, but got {input.ndim}")
    rank = input.shape[-1]
    points, own = _points(input, weight, rank)
    each: Sequence[Any] = [bins] * rank if isinstance(bins, int) else list(bins)
    if len(each) != rank:
        raise RuntimeError(
            f"histogramdd: The size of bins must be equal to the innermost dimension of the input. — {len(each)} and {rank}"
        )
    if range is not None and len(range) != 2 * rank:
        raise _error(f"for a {rank}-dimensional histogram range should have {2 * rank} elements, but got {len(range)}")
    ends = []
    for axis, wanted in enumerate(each):
        bounds = None if range is None else range[2 * axis : 2 * axis + 2]
        given = isinstance(wanted, Tensor)
        ends.append(
            _given_bins(wanted, input, axis) if given else _equal_bins(points[:, axis], int(wanted), bounds, axis)
        )
    counts = _counts(points, ends, own, density)
    return _Histograms(from_values(counts, input.dtype), tuple(from_values(end, input.dtype) for end in ends))
