"""Order and counting: sort, topk, median, unique, searchsorted, histograms.

Functions whose result's shape depends on the values (`unique`, `bincount`) read them, which runs the graph.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtype as dtypes
from ..dtype import FLOATING, bool_, int64
from ..ir import index, reduce, scalar, view
from ..ir import sort as sort_ops
from ..ir.graph import Node, input_node
from ..ir.type import Type
from .public import public, scalar_name
from .reductions import _as_numbers, _named
from .return_types import return_type
from .tensor import Tensor, from_array, from_values, node_of, wrap, wrap_axis

sort_result = return_type("sort", "values indices")
topk_result = return_type("topk", "values indices")
kthvalue_result = return_type("kthvalue", "values indices")
median_result = return_type("median", "values indices")
nanmedian_result = return_type("nanmedian", "values indices")
mode_result = return_type("mode", "values indices")


def _no_complex(op: str, input: Tensor) -> None:
    if input.dtype.is_complex:
        raise NotImplementedError(f"\"{op}\" not implemented for '{scalar_name(input.dtype)}'")


def _picked(node: Node, places: Node, axis: int) -> Node:
    return index.gather(node, places, axis=axis)


@public("Sort")
def sort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    """The elements along an axis in order, and where they stood; equal ones keep their order.

    >>> import rushlight as torch
    >>> torch.sort(torch.tensor([3, 1, 2])).indices
    tensor([1, 2, 0])
    """
    _no_complex("sort", input)
    axis = wrap_axis("sort", dim, input.ndim)
    node = node_of(input)
    if not input.ndim:
        return sort_result(wrap(view.identity(node)), wrap(scalar.full(0, node.type.with_dtype(int64))))
    places = sort_ops.argsort(_as_numbers(input), axis=axis, descending=bool(descending))
    return sort_result(wrap(_picked(node, places, axis)), wrap(places))


@public(None)
def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """The places that would put the elements along an axis in order."""
    return sort(input, dim, descending)[1]  # type: ignore[no-any-return]


@public("Sort")
def msort(input: Tensor) -> Tensor:
    """The elements along the first axis in order."""
    return sort(input, 0)[0]  # type: ignore[no-any-return]


@public("Topk")
def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """The k greatest (or least) elements along an axis, in order, and where they stand."""
    _no_complex("topk", input)
    axis = wrap_axis("topk", dim, input.ndim)
    extent = input.shape[axis] if input.ndim else 1
    if not 0 <= k <= extent:
        raise RuntimeError(f"selected index k out of range — topk: k is {k}, the axis has {extent}")
    node = node_of(input)
    if not input.ndim:
        return topk_result(wrap(view.identity(node)), wrap(scalar.full(0, node.type.with_dtype(int64))))
    places = sort_ops.top(_as_numbers(input), axis=axis, count=int(k), largest=bool(largest))
    return topk_result(wrap(_picked(node, places, axis)), wrap(places))


def _at_rank(op: str, input: Tensor, rank: int, axis: int, keepdim: bool) -> tuple[Tensor, Tensor]:
    """The element of a rank (from 0) along an axis, and its place."""
    node = node_of(input)
    if not input.ndim:
        return wrap(view.identity(node)), wrap(scalar.full(0, node.type.with_dtype(int64)))
    order = sort_ops.argsort(_as_numbers(input), axis=axis, descending=False)
    low, high = [0] * input.ndim, list(order.type.shape)
    low[axis], high[axis] = rank, rank + 1
    place = view.slice_(order, tuple(low), tuple(high))
    values = _picked(node, place, axis)
    if not keepdim:
        rest = (*order.type.shape[:axis], *order.type.shape[axis + 1 :])
        values, place = view.reshape(values, rest), view.reshape(place, rest)
    return wrap(values), wrap(place)


@public("Kthvalue")
def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """The k-th least element along an axis (counted from 1), and its place."""
    _no_complex("kthvalue", input)
    axis = wrap_axis("kthvalue", dim, input.ndim)
    extent = input.shape[axis] if input.ndim else 1
    if not extent:
        raise IndexError(f"kthvalue(): Expected reduction dim {axis} to have non-zero size.")
    if not 1 <= k <= extent:
        raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {axis}")
    return kthvalue_result(*_at_rank("kthvalue", input, k - 1, axis, keepdim))


def _median(input: Tensor, dim: int | None, keepdim: bool, skip_nan: bool, result: Any) -> Any:
    op = "nanmedian" if skip_nan else "median"
    _no_complex(op, input)
    if dim is None:
        if not input.numel():
            return from_values(
                np.array(np.nan if input.dtype.category >= FLOATING else np.iinfo(input.dtype.storage).min), input.dtype
            )
        flat = wrap(view.reshape(node_of(input), (input.numel(),)))
        return _named(node_of(_median(flat, 0, False, skip_nan, result)[0]), op.capitalize())
    axis = wrap_axis(op, dim, input.ndim)
    if not input.ndim:
        return result(*_at_rank(op, input, 0, 0, keepdim))
    node = node_of(input)
    extent = node.type.shape[axis]
    if not extent:
        raise IndexError(f"{op}(): Expected reduction dim {axis} to have non-zero size.")
    order = sort_ops.argsort(_as_numbers(input), axis=axis, descending=False)
    counted = _median_rank(node, axis, extent, skip_nan)
    place = index.gather(order, counted, axis=axis)
    values = _picked(node, place, axis)
    if not keepdim:
        rest = (*node.type.shape[:axis], *node.type.shape[axis + 1 :])
        values, place = view.reshape(values, rest), view.reshape(place, rest)
    return result(wrap(values), wrap(place))


def _median_rank(node: Node, axis: int, extent: int, skip_nan: bool) -> Node:
    """The rank of the lower median along an axis; NaN, which sort last, take its place or are passed over."""
    shape = tuple(1 if a == axis else e for a, e in enumerate(node.type.shape))
    middle = scalar.full((extent - 1) // 2, Type.of(shape, int64))
    if node.type.dtype.category < FLOATING:
        return middle
    from_nan = scalar.cast(scalar.isnan(node), dtype=int64)
    total = view.reshape(reduce.sum_(from_nan, (axis,)), shape)
    if skip_nan:
        rest = scalar.sub(scalar.number(extent - 1, int64), total)
        return scalar.maximum(scalar.floor_divide(rest, scalar.number(2, int64)), scalar.number(0, int64))
    first_nan = scalar.sub(scalar.number(extent, int64), total)
    return scalar.select(scalar.gt(total, scalar.number(0, int64)), first_nan, middle)


@public("Median")
def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The lower median, of all elements or along an axis (with its place)."""
    return _median(input, dim, keepdim, False, median_result)


@public("Nanmedian")
def nanmedian(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """`median` that passes over NaN."""
    return _median(input, dim, keepdim, True, nanmedian_result)


@public("Mode")
def mode(input: Tensor, dim: int = -1, keepdim: bool = False) -> Any:
    """The most frequent element along an axis (the least of several), and its last place."""
    axis = wrap_axis("mode", dim, input.ndim)
    node = node_of(input)
    if not input.ndim:
        return mode_result(wrap(view.identity(node)), wrap(scalar.full(0, node.type.with_dtype(int64))))
    if input.shape[axis] == 0:
        raise IndexError(f"mode(): Expected reduction dim {axis} to have non-zero size.")
    rows = np.moveaxis(input._decoded(), axis, -1)
    places = np.zeros(rows.shape[:-1], np.int64)
    for at in np.ndindex(*places.shape):
        different, counts = np.unique(rows[at], return_counts=True)
        places[at] = np.flatnonzero(rows[at] == different[np.argmax(counts)])[-1]
    place = input_node(
        np.expand_dims(places, axis), Type.of(tuple(1 if a == axis else e for a, e in enumerate(input.shape)), int64)
    )
    values = _picked(node, place, axis)
    if not keepdim:
        rest = places.shape
        values, place = view.reshape(values, rest), view.reshape(place, rest)
    return mode_result(wrap(values), wrap(place))


# ---- quantiles ----


def _quantile(
    op: str, input: Tensor, q: Any, dim: int | None, keepdim: bool, interpolation: str, skip_nan: bool
) -> Tensor:
    if input.dtype not in (dtypes.float32, dtypes.float64):
        raise RuntimeError(f"{op}() input tensor must be either float or double dtype")
    if interpolation not in ("linear", "lower", "higher", "midpoint", "nearest"):
        raise RuntimeError(
            f"{op}() interpolation must be one of linear, lower, higher, midpoint or nearest, but got {interpolation}"
        )
    levels = q if isinstance(q, Tensor) else from_values(np.asarray(q, input.dtype.storage), input.dtype)
    if levels.dtype is not input.dtype:
        raise RuntimeError(f"{op}() q tensor must be same dtype as the input tensor")
    if levels.numel() and not (float(levels._array().min()) >= 0 and float(levels._array().max()) <= 1):
        raise RuntimeError(
            f"{op}() q values must be in the range [0, 1]"
            if isinstance(q, Tensor)
            else f"{op}() q must be in the range [0, 1] but got {q}"
        )
    node = node_of(input)
    flat_shape = (1,) * input.ndim
    if dim is None:
        node = view.reshape(node, (input.numel(),))
        axis = 0
    else:
        axis = wrap_axis(op, dim, input.ndim)
        if not input.ndim:
            node = view.reshape(node, (1,))
    extent = node.type.shape[axis]
    if not extent:
        raise RuntimeError(f"{op}() input tensor must be non-empty")
    kept_shape = flat_shape if dim is None else tuple(1 if a == axis else e for a, e in enumerate(input.shape))
    order = (*[a for a in range(node.type.ndim) if a != axis], axis)
    moved = view.permute(node, order)
    lead = moved.type.shape[:-1]
    nan = scalar.isnan(moved)
    ascending = _picked(moved, sort_ops.argsort(moved, axis=len(lead), descending=False), len(lead))
    result = _interpolated(ascending, nan, levels, interpolation, skip_nan)
    count = levels.numel()
    body = kept_shape if keepdim else lead
    result = view.permute(result, (len(lead), *range(len(lead))))
    return wrap(view.reshape(result, (count, *body) if levels.ndim else tuple(body)))


def _interpolated(ascending: Node, nan: Node, levels: Tensor, interpolation: str, skip_nan: bool) -> Node:
    """(…, extent) sorted and levels (count,) to (…, count)."""
    shape, kind = ascending.type.shape, ascending.type.dtype
    lead, extent = shape[:-1], shape[-1]
    axis = len(lead)
    count = levels.numel()
    missing = view.reshape(reduce.sum_(scalar.cast(nan, dtype=kind), (axis,)), (*lead, 1))
    last = scalar.sub(scalar.number(extent - 1, kind), missing) if skip_nan else scalar.number(extent - 1, kind)
    level = view.reshape(node_of(levels), (count,))
    rank = view.expand(scalar.maximum(scalar.mul(level, last), scalar.number(0, kind)), (*lead, count))
    if interpolation == "lower":
        rank = scalar.floor(rank)
    elif interpolation == "higher":
        rank = scalar.ceil(rank)
    elif interpolation == "nearest":
        rank = scalar.rint(rank)
    below = scalar.floor(rank)
    low = index.gather(ascending, scalar.cast(below, dtype=int64), axis=axis)
    if interpolation in ("lower", "higher", "nearest"):
        result = low
    else:
        high = index.gather(ascending, scalar.cast(scalar.ceil(rank), dtype=int64), axis=axis)
        weight = (
            scalar.sub(rank, below)
            if interpolation == "linear"
            else scalar.select(scalar.eq(rank, below), scalar.number(0, kind), scalar.number(0.5, kind))
        )
        result = scalar.add(low, scalar.mul(weight, scalar.sub(high, low)))
    if skip_nan:
        return result
    return scalar.select(scalar.gt(missing, scalar.number(0, kind)), scalar.number(float("nan"), kind), result)


@public("Quantile")
def quantile(
    input: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Tensor:
    """The elements below which shares q of all elements (or of an axis) lie."""
    return _quantile("quantile", input, q, dim, keepdim, interpolation, False)


@public("Nanquantile")
def nanquantile(
    input: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Tensor:
    """`quantile` that passes over NaN."""
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation, True)


# ---- sets and counts ----


def _unique_values(array: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    values, inverse, counts = np.unique(array, return_inverse=True, return_counts=True, equal_nan=False)
    return values, inverse.reshape(array.shape), counts


def _as_int64(array: np.ndarray) -> Tensor:
    return from_array(np.asarray(array, np.int64), int64)


def _results(values: Tensor, inverse: Any, counts: Any, return_inverse: bool, return_counts: bool) -> Any:
    parts = [values, *([_as_int64(inverse)] if return_inverse else []), *([_as_int64(counts)] if return_counts else [])]
    return tuple(parts) if len(parts) > 1 else values


@public(None, out=False)
def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The different elements (or parts along an axis) in order, with where each came from and how often."""
    array = input._decoded()
    if dim is None:
        values, inverse, counts = _unique_values(array.reshape(-1))
        return _results(
            from_values(values, input.dtype), inverse.reshape(array.shape), counts, return_inverse, return_counts
        )
    axis = wrap_axis("unique", dim, input.ndim)
    values, inverse, counts = np.unique(array, return_inverse=True, return_counts=True, axis=axis)
    return _results(from_values(values, input.dtype), inverse.reshape(-1), counts, return_inverse, return_counts)


@public(None, out=False)
def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The first of each run of equal elements (or parts along an axis)."""
    array = input._decoded()
    rows = array.reshape(-1) if dim is None else np.moveaxis(array, dim, 0)
    count = rows.shape[0]
    flat = rows.reshape(count, int(np.prod(rows.shape[1:])))
    new = np.ones(count, bool)
    new[1:] = (flat[1:] != flat[:-1]).any(1) if count else []
    starts = np.flatnonzero(new)
    values = rows[starts] if dim is None else np.moveaxis(rows[starts], 0, dim)
    inverse = np.cumsum(new) - 1
    counts = np.diff(np.append(starts, count))
    return _results(
        from_values(values, input.dtype),
        inverse.reshape(array.shape) if dim is None else inverse,
        counts,
        return_inverse,
        return_counts,
    )


@public(None)
def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each number from 0 on stands in a vector of integers (or the sum of its weights)."""
    if input.ndim != 1 or input.dtype.category >= FLOATING or (input.numel() and int(input._array().min()) < 0):
        if input.dtype.category >= FLOATING:
            raise NotImplementedError(f"\"bincount_cpu\" not implemented for '{scalar_name(input.dtype)}'")
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if minlength < 0:
        raise RuntimeError("minlength should be >= 0")
    array = input._array().astype(np.int64)
    if weights is None:
        return _as_int64(np.bincount(array, minlength=minlength))
    if weights.shape != input.shape:
        raise RuntimeError("weights should be 1-d and have the same length as input")
    found = np.bincount(array, weights._decoded(), minlength)
    return from_values(found, weights.dtype if weights.dtype in (dtypes.float32,) else dtypes.float64)


@public(None)
def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """How many elements fall in each of `bins` equal intervals of [min, max]."""
    array = input._decoded()
    if bins <= 0:
        raise RuntimeError("bins must be > 0")
    low, high = float(min), float(max)
    if low == high and array.size:
        low, high = float(array.min()), float(array.max())
    if low == high:
        low, high = low - 1, high + 1
    if not (np.isfinite(low) and np.isfinite(high)):
        raise RuntimeError(f"range of [{low}, {high}] is not finite")
    if low > high:
        raise RuntimeError("max must be larger than min")
    inside = array[(array >= low) & (array <= high)].astype(np.float64)
    place = np.minimum(((inside - low) / (high - low) * bins).astype(np.int64), bins - 1)
    return from_values(np.bincount(place.reshape(-1), minlength=bins).astype(input.dtype.compute), input.dtype)


def _sides(sorted_sequence: Tensor, values: Any, right: bool, side: str | None) -> str:
    if side is not None and side not in ("left", "right"):
        raise RuntimeError(f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}")
    if side == "left" and right:
        raise RuntimeError(
            "torch.searchsorted(): side and right can't be set to opposites, got side of left while right was True"
        )
    return "right" if right or side == "right" else "left"


@public(None)
def searchsorted(
    sorted_sequence: Tensor,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
) -> Tensor:
    """Where each value would have to be put in to keep the order of the last axis."""
    which: Any = _sides(sorted_sequence, input, right, side)
    values = input._decoded() if isinstance(input, Tensor) else np.asarray(input)
    rows = sorted_sequence._decoded()
    if sorter is not None:
        rows = np.take_along_axis(rows, sorter._array(), -1)
    if rows.ndim == 1:
        found = np.searchsorted(rows, values, which)
    else:
        if rows.shape[:-1] != values.shape[:-1]:
            raise RuntimeError(
                "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor and input value "
                f"tensor must match, but we got boundaries tensor {list(rows.shape)} and input value tensor {list(values.shape)}"
            )
        found = np.empty(values.shape, np.int64)
        for at in np.ndindex(*rows.shape[:-1]):
            found[at] = np.searchsorted(rows[at], values[at], which)
    kind = dtypes.int32 if out_int32 else int64
    return from_array(np.asarray(found, kind.storage), kind)


@public(None)
def bucketize(input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False) -> Tensor:
    """The interval between boundaries that each value falls in."""
    if boundaries.ndim != 1:
        raise RuntimeError(f"boundaries tensor must be 1 dimension, but got dim({boundaries.ndim})")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


@public(None)
def isin(elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Whether each element is among the others."""
    parts = [part._decoded() if isinstance(part, Tensor) else np.asarray(part) for part in (elements, test_elements)]
    return from_array(np.asarray(np.isin(parts[0], parts[1], invert=invert)), bool_)


# ---- comparison of whole tensors ----


@public(None, out=False)
def equal(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape and elements."""
    if input.shape != other.shape:
        return False
    return bool(np.array_equal(input._decoded(), other._decoded()))


def _close_node(input: Tensor, other: Tensor, rtol: float, atol: float, equal_nan: bool) -> Node:
    if input.dtype is not other.dtype:
        raise RuntimeError(f"{scalar_name(input.dtype)} did not match {scalar_name(other.dtype)}")
    if rtol < 0 or atol < 0:
        raise RuntimeError("isclose: rtol and atol must be greater than or equal to zero")
    a, b = node_of(input), node_of(other)
    same = scalar.eq(a, b)
    if input.dtype.category < FLOATING:
        if not rtol and not atol:
            return same
        a, b = (scalar.cast(x, dtype=dtypes.float64) for x in (a, b))
    gap = scalar.abs_(scalar.sub(a, b))
    kind = gap.type.dtype
    bound = scalar.add(scalar.number(atol, kind), scalar.abs_(scalar.mul(scalar.number(rtol, a.type.dtype), b)))
    finite = scalar.logical_not(scalar.logical_or(scalar.isnan(gap), scalar.isinf(gap)))
    near = scalar.logical_and(finite, scalar.le(gap, bound))
    result = scalar.logical_or(same, near)
    if equal_nan:
        result = scalar.logical_or(result, scalar.logical_and(scalar.isnan(a), scalar.isnan(b)))
    return result


@public(None, out=False)
def isclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Tensor:
    """Whether |input - other| <= atol + rtol * |other|, elementwise."""
    return wrap(_close_node(input, other, rtol, atol, equal_nan))


@public(None, out=False)
def allclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether all elements are close."""
    return bool(wrap(_close_node(input, other, rtol, atol, equal_nan))._array().all())


# ---- repetition ----


@public("RepeatInterleave", out=False)
def repeat_interleave(
    input: Tensor, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Each element (or part along an axis) repeated in place."""
    if repeats is None:
        counts = input._array()
        return _as_int64(np.repeat(np.arange(counts.size), counts))
    if dim is None:
        input, axis = wrap(view.reshape(node_of(input), (input.numel(),))), 0
    else:
        axis = wrap_axis("repeat_interleave", dim, input.ndim)
    extent = input.shape[axis]
    counts = repeats._array() if isinstance(repeats, Tensor) else np.asarray(repeats)
    if counts.size not in (1, extent):
        raise RuntimeError("repeats must have the same size as input along dim")
    if counts.size and int(counts.min()) < 0:
        raise RuntimeError("repeats can not be negative")
    places = np.repeat(np.arange(extent), counts.reshape(-1) if counts.size == extent else int(counts.reshape(-1)[0]))
    moved = view.permute(node_of(input), (axis, *[a for a in range(input.ndim) if a != axis]))
    result = index.take(moved, input_node(places, Type.of(places.shape, int64)))
    order = [axis, *[a for a in range(input.ndim) if a != axis]]
    return wrap(view.permute(result, tuple(order.index(a) for a in range(len(order)))))
