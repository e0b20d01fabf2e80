"""Parts of numbers, angles, differences along axes, histograms and places: functions that few programs use."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..dtype import COMPLEX, FLOATING, bool_
from ..ir import fraction
from .promotion import Defaults
from .public import functions, method, public, register
from .return_types import return_type
from .tensor import Tensor, from_values, node_of, wrap, wrap_axes

_Parts = return_type("frexp", "mantissa exponent")
_Histogram = return_type("histogram", "hist bin_edges")
_Histograms = return_type("histogramdd", "hist bin_edges")

# ---- numbers ----


def _to_floating(input: Tensor) -> Tensor:
    return input if input.dtype.category >= FLOATING else input.to(Defaults.dtype)  # type: ignore[attr-defined,no-any-return]


def _real(op: str, input: Tensor) -> None:
    if input.dtype.is_complex:
        raise RuntimeError(f"{op} is not supported for complex tensors.")


@public("Mul", inplace=True)
def deg2rad(input: Tensor) -> Tensor:
    """Angles in degrees as angles in radians."""
    _real("deg2rad", input)
    return _to_floating(input) * (math.pi / 180)  # type: ignore[operator,no-any-return]


@public("Mul", inplace=True)
def rad2deg(input: Tensor) -> Tensor:
    """Angles in radians as angles in degrees."""
    _real("rad2deg", input)
    return _to_floating(input) * (180 / math.pi)  # type: ignore[operator,no-any-return]


@public("Mul", inplace=True)
def ldexp(input: Tensor, other: Tensor) -> Tensor:
    """input · 2^other.

    >>> import rushlight as torch
    >>> torch.ldexp(torch.tensor([1.0, 3.0]), torch.tensor([2, -1]))
    tensor([4.0000, 1.5000])
    """
    return input * functions["pow"](2.0, other)  # type: ignore[operator,no-any-return]


@public("Frexp")
def frexp(input: Tensor) -> Any:
    """(mantissa, exponent): input = mantissa · 2^exponent with |mantissa| in [0.5, 1); the exponents are int32.

    >>> import rushlight as torch
    >>> torch.frexp(torch.tensor([8.0, 3.0]))
    torch.return_types.frexp(
    mantissa=tensor([0.5000, 0.7500]),
    exponent=tensor([4, 2], dtype=torch.int32))
    """
    if input.dtype.category != FLOATING:
        raise RuntimeError("torch.frexp() only supports floating-point dtypes")
    node = node_of(input)
    return _Parts(wrap(fraction.mantissa(node)), wrap(fraction.exponent(node)))


# ---- shapes ----


@method
def sum_to_size(self: Tensor, *size: Any) -> Tensor:
    """The sum over axes down to a shape that broadcasts to this one's."""
    shape = tuple(size[0]) if len(size) == 1 and isinstance(size[0], (tuple, list)) else tuple(size)
    own = tuple(self.shape)
    lead = len(own) - len(shape)
    if lead < 0 or any(e not in (1, s) for e, s in zip(shape, own[lead:], strict=True)):
        raise RuntimeError(f"size {{{list(shape)}}} is not expandable to size {{{list(own)}}}.")
    axes = [*range(lead), *[lead + a for a, e in enumerate(shape) if e == 1 and own[lead + a] != 1]]
    return self.sum(axes, keepdim=True).reshape(shape) if axes else self  # type: ignore[attr-defined,no-any-return]


def _resize_as_(input: Any, the_template: Tensor, *, memory_format: Any = None) -> Tensor:
    """Gives the tensor another's shape in place."""
    return input.resize_(tuple(the_template.shape))  # type: ignore[no-any-return]


register("resize_as_", _resize_as_, function=True, method=True)
register("zero_", Tensor.zero_, function=True, method=False)  # type: ignore[attr-defined]


def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """Places in a flattened tensor of a shape as places along each of its axes."""
    if indices.dtype.category >= FLOATING or indices.dtype is bool_:
        raise ValueError(f"expected 'indices' to be integer dtype, but got {indices.dtype}")
    extents = (shape,) if isinstance(shape, int) else tuple(shape)
    if any(not isinstance(extent, int) for extent in extents):
        raise TypeError(f"expected 'shape' to be int or sequence of ints, but got {shape!r}")
    if any(extent < 0 for extent in extents):
        raise ValueError(f"'shape' cannot have negative values, but got {tuple(extents)}")
    places = []
    rest: Any = indices
    for extent in reversed(extents):
        places.append(rest % max(extent, 1))
        rest = functions["div"](rest, max(extent, 1), rounding_mode="floor")
    return tuple(reversed(places))


register("unravel_index", unravel_index, function=True, method=False)


@public(None)
def nonzero_static(input: Tensor, *, size: int, fill_value: int = -1) -> Tensor:
    """The first `size` places of elements that are not zero, one row each; rows of `fill_value` where there are fewer."""
    if size < 0:
        raise RuntimeError(f"nonzero_static: 'size' must be an non-negative integer, but got {size}")
    found: Any = input.nonzero()  # type: ignore[attr-defined]
    missing = max(size - found.shape[0], 0)
    filler = found.new_full((missing, found.shape[1]), fill_value)
    return functions["cat"]([found[:size], filler])  # type: ignore[no-any-return]


# ---- differences ----


def _slope(input: Any, axis: int, spacing: Any, edge_order: int) -> Tensor:
    """The derivative along an axis by differences; spacing is one number or the coordinates of the places."""
    extent = input.shape[axis]
    if extent < edge_order + 1:
        raise RuntimeError(
            f"torch.gradient expected each dimension size to be at least edge_order+1 — dim {axis} has {extent}"
        )

    def part(start: int, length: int) -> Any:
        return input.narrow(axis, start, length)

    if isinstance(spacing, Tensor):
        widths = functions["diff"](spacing).reshape([-1 if a == axis else 1 for a in range(input.ndim)])
        before, after = widths.narrow(axis, 0, extent - 2), widths.narrow(axis, 1, extent - 2)
        left, right = -after / (before * (before + after)), before / (after * (before + after))
        middle = (after - before) / (before * after)
        inner = left * part(0, extent - 2) + middle * part(1, extent - 2) + right * part(2, extent - 2)
        first, last = widths.narrow(axis, 0, 1), widths.narrow(axis, extent - 2, 1)
        second = (widths.narrow(axis, 1, 1), widths.narrow(axis, extent - 3, 1)) if edge_order == 2 else (None, None)
    else:
        inner = (part(2, extent - 2) - part(0, extent - 2)) / (2 * spacing)
        first = last = spacing
        second = (spacing, spacing)
    edges = [
        _edge(part, h, k, edge_order, start, way)
        for h, k, start, way in ((first, second[0], 0, 1), (last, second[1], extent - 1, -1))
    ]
    return functions["cat"]([edges[0], inner, edges[1]], axis)  # type: ignore[no-any-return]


def _edge(part: Any, h: Any, k: Any, edge_order: int, start: int, way: int) -> Any:
    """The one-sided difference of first or second order at an end: h and k are the widths next to it."""
    if edge_order == 1:
        return way * (part(start + way, 1) - part(start, 1)) / h
    a = -(2 * h + k) / (h * (h + k))
    b, c = (h + k) / (h * k), -h / (k * (h + k))
    return way * (a * part(start, 1) + b * part(start + way, 1) + c * part(start + 2 * way, 1))


def gradient(input: Tensor, *, spacing: Any = 1, dim: Any = None, edge_order: int = 1) -> tuple[Tensor, ...]:
    """The derivative along each axis, by central differences inside and one-sided ones at the ends.

    Args:
        spacing: a number, or one for each axis, or for each axis the coordinates of its places.
        dim: an axis or several; all of them where it is left out.
        edge_order: 1 or 2, the order of the differences at the ends.

    >>> import rushlight as torch
    >>> torch.gradient(torch.tensor([1.0, 4.0, 9.0, 16.0]))
    (tensor([3., 4., 6., 7.]),)
    """
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    several = isinstance(spacing, (tuple, list))
    if dim is None and several and len(spacing) != input.ndim and len(spacing) != 1:
        raise RuntimeError(
            f"torch.gradient expected spacing to be unspecified, a scalar, or a list of length equal to 'self.dim() = {input.ndim}', since "
            f"dim argument was not given, but got a list of length {len(spacing)}"
        )
    axes = wrap_axes("gradient", dim, input.ndim)
    spaces = list(spacing) if several else [spacing] * len(axes)
    if len(spaces) == 1:
        spaces *= len(axes)
    if len(spaces) != len(axes):
        raise RuntimeError(
            f"torch.gradient expected spacing to be unspecified, a scalar or it's spacing and dim arguments to have the same length, but "
            f"got a spacing argument of length {len(spaces)} and a dim argument of length {len(axes)}."
        )
    x = input if input.dtype.category >= COMPLEX else _to_floating(input)
    return tuple(_slope(x, axis, space, edge_order) for axis, space in zip(axes, spaces, strict=True))


register("gradient", gradient, function=True, method=False)


# ---- histograms ----


def _edges(op: str, values: np.ndarray, bins: Any, low: float, high: float) -> np.ndarray:
    """The ends of equal bins in [low, high], or of the values where none is given."""
    if low == high and values.size:
        low, high = float(values.min()), float(values.max())
    if low == high:
        low, high = low - 0.5, high + 0.5
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RuntimeError(f"{op}: dimension 0's range [{low}, {high}] is not finite")
    if low > high:
        raise RuntimeError(f"{op}: min should not exceed max, but got min {low} max {high} for dimension 0")
    if bins <= 0:
        raise RuntimeError(f"{op}: bins must be > 0, but got {bins} for dimension 0")
    return np.linspace(low, high, bins + 1).astype(values.dtype)


def _counted(
    op: str, points: np.ndarray, ends: list[np.ndarray], weight: np.ndarray | None, density: bool
) -> np.ndarray:
    """How much weight falls in each bin; the last bin has its upper end."""
    places = []
    inside = np.ones(len(points), bool)
    for column, end in zip(points.T, ends, strict=True):
        place = np.searchsorted(end, column, side="right") - 1
        place = np.where(column == end[-1], len(end) - 2, place)
        inside &= (column >= end[0]) & (column <= end[-1])
        places.append(place)
    shape = tuple(len(end) - 1 for end in ends)
    flat = np.ravel_multi_index([place[inside] for place in places], shape)
    own = None if weight is None else weight.reshape(-1)[inside]
    counts = np.bincount(flat, own, minlength=math.prod(shape)).astype(points.dtype).reshape(shape)
    if density:
        counts /= counts.sum()
        for axis, end in enumerate(ends):
            counts /= np.diff(end).reshape([-1 if a == axis else 1 for a in range(len(ends))])
    return counts


def _check_histogram(op: str, input: Tensor, weight: Any) -> np.ndarray | None:
    if input.dtype.category != FLOATING:
        raise NotImplementedError(f"\"{op}\" not implemented for '{input.dtype.name.capitalize()}'")
    if weight is None:
        return None
    if weight.dtype is not input.dtype:
        raise RuntimeError(
            f"{op}: if weight tensor is provided, input tensor and weight tensor should have the same dtype"
        )
    return weight._decoded()  # type: ignore[no-any-return]


@public(None)
def histogram(input: Tensor, bins: Any, *, range: Any = None, weight: Any = None, density: bool = False) -> Any:
    """(hist, bin_edges): how many elements, or how much weight, fall in each bin.

    `bins` is how many of equal width there are in `range` (else from the least to the greatest element), or their ends.
    """
    own = _check_histogram("histogram", input, weight)
    values = input._decoded().reshape(-1)
    if isinstance(bins, Tensor):
        ends = bins._decoded()
    else:
        low, high = range or (0.0, 0.0)
        ends = _edges("histogram", values, int(bins), float(low), float(high))
    counts = _counted("histogram", values[:, None], [ends], own, density)
    return _Histogram(from_values(counts, input.dtype), from_values(ends, input.dtype))


@public(None)
def histogramdd(input: Tensor, bins: Any, *, range: Any = None, weight: Any = None, density: bool = False) -> Any:
    """(hist, bin_edges) of points, whose coordinates stand along the last axis: one bin count or sequence of ends for each coordinate."""
    own = _check_histogram("histogramdd", input, weight)
    if input.ndim < 2:
        raise RuntimeError(f"torch.histogramdd: input tensor should have at least 2 dimensions, but got {input.ndim}")
    count = input.shape[-1]
    points = input._decoded().reshape(-1, count)
    each: Sequence[Any] = [bins] * count if isinstance(bins, int) else list(bins)
    if len(each) != count:
        raise RuntimeError(
            f"torch.histogramdd: The size of bins must be equal to the innermost dimension of the input — {len(each)} and {count}"
        )
    ends = []
    for axis, own_bins in enumerate(each):
        if isinstance(own_bins, Tensor):
            ends.append(own_bins._decoded())
            continue
        low, high = (range[2 * axis], range[2 * axis + 1]) if range else (0.0, 0.0)
        ends.append(_edges("histogramdd", points[:, axis], int(own_bins), float(low), float(high)))
    counts = _counted("histogramdd", points, ends, own, density)
    return _Histograms(from_values(counts, input.dtype), tuple(from_values(end, input.dtype) for end in ends))
