"""Parts of numbers, angles, differences along axes, sums down to a shape, and places: functions that few programs use."""

from __future__ import annotations

import math
from typing import Any

from ..dtype import FLOATING, bool_, float32, int64, uint8
from ..ir import fraction
from .promotion import Defaults, operating_dtype
from .public import functions, method, public
from .return_types import return_type
from .tensor import Tensor, node_of, wrap, wrap_axes

_Parts = return_type("frexp", "mantissa exponent")

# ---- numbers ----


def _to_floating(input: Tensor) -> Any:
    return input if input.dtype.category >= FLOATING else input.to(Defaults.dtype)  # type: ignore[attr-defined]


def _turned(op: str, input: Tensor, factor: float) -> Tensor:
    if input.dtype.is_complex:
        raise RuntimeError(f"{op} is not supported for complex tensors.")
    return _to_floating(input) * factor  # type: ignore[no-any-return]


@public("Deg2Rad", inplace=True)
def deg2rad(input: Tensor) -> Tensor:
    """Angles in degrees as angles in radians. RuntimeError for complex tensors."""
    return _turned("deg2rad", input, math.pi / 180)


@public("Rad2Deg", inplace=True)
def rad2deg(input: Tensor) -> Tensor:
    """Angles in radians as angles in degrees. RuntimeError for complex tensors."""
    return _turned("rad2deg", input, 180 / math.pi)


@public("Ldexp", inplace=True)
def ldexp(input: Tensor, other: Tensor) -> Tensor:
    """input · 2^other, elementwise, in a floating dtype.

    >>> import rushlight as torch
    >>> torch.ldexp(torch.tensor([1.0, 3.0]), torch.tensor([2, -1]))
    tensor([4.0000, 1.5000])
    """
    for name, given, place in (("input", input, 1), ("other", other, 2)):
        if not isinstance(given, Tensor):
            raise TypeError(f"ldexp(): argument '{name}' (position {place}) must be Tensor, not {type(given).__name__}")
    kind = operating_dtype(input, other)
    kind = kind if kind.category >= FLOATING else Defaults.dtype
    wide = float32 if kind.itemsize < 4 else kind
    x, power = input.to(wide), other.to(wide)  # type: ignore[attr-defined]
    # In two steps, since 2^other may leave the dtype's range where the product does not.
    half = functions["floor"](power / 2) if wide.category == FLOATING else power / 2
    return (x * functions["exp2"](half) * functions["exp2"](power - half)).to(kind)  # type: ignore[no-any-return]


@public("Frexp")
def frexp(input: Tensor) -> Any:
    """(mantissa, exponent): input = mantissa · 2^exponent with |mantissa| in [0.5, 1); the exponents are int32.

    Zero, infinities and NaN are their own mantissa, with exponent 0. RuntimeError for dtypes that are not floating.

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


# ---- shapes and places ----


@method
def sum_to_size(self: Tensor, *size: Any) -> Tensor:
    """The sum over axes down to a shape that broadcasts to this one's: what undoes broadcasting in a derivative.

    RuntimeError for a shape that does not broadcast to this one's.

    >>> import rushlight as torch
    >>> torch.ones(2, 3).sum_to_size(1, 3)
    tensor([[2., 2., 2.]])
    """
    shape = tuple(size[0]) if len(size) == 1 and isinstance(size[0], (tuple, list)) else tuple(size)
    own = tuple(self.shape)
    lead = len(own) - len(shape)
    if lead < 0 or any(e not in (1, s) for e, s in zip(shape, own[lead:], strict=True)):
        raise RuntimeError(f"size {{{list(shape)}}} is not expandable to size {{{list(own)}}}.")
    if not shape:
        return self.sum()  # type: ignore[attr-defined,no-any-return]
    axes = [*range(lead), *[lead + a for a, e in enumerate(shape) if e == 1 and own[lead + a] != 1]]
    return self.sum(axes, keepdim=True).reshape(shape) if axes else self  # type: ignore[attr-defined,no-any-return]


def _extents(shape: Any) -> tuple[int, ...]:
    if isinstance(shape, int):
        return (shape,)
    if isinstance(shape, Tensor) or not hasattr(shape, "__iter__"):
        raise TypeError(f"expected 'shape' to be int or sequence of ints, but got {type(shape)}")
    for extent in shape:
        if not isinstance(extent, int):
            raise TypeError(f"expected 'shape' sequence to only contain ints, but got {type(extent)}")
    if any(extent < 0 for extent in shape):
        raise ValueError(f"'shape' cannot have negative values, but got {tuple(shape)}")
    return tuple(shape)


@public(None, method=False, out=False)
def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """Places in a flattened tensor of a shape as places along each of its axes, in int64.

    TypeError for indices that are not integers and shapes that are not; ValueError for negative extents.

    >>> import rushlight as torch
    >>> torch.unravel_index(torch.tensor([4, 7]), (3, 4))
    (tensor([1, 1]), tensor([0, 3]))
    """
    if indices.dtype.category >= FLOATING or indices.dtype is bool_:
        raise TypeError(f"expected 'indices' to be integer dtype, but got {indices.dtype}")
    extents = _extents(shape)
    if 0 in extents and indices.numel():
        raise RuntimeError(f"ZeroDivisionError — unravel_index: a shape {extents} with an axis of 0 has no places")
    places = []
    rest: Any = indices.to(int64)  # type: ignore[attr-defined]
    for extent in reversed([max(extent, 1) for extent in extents]):
        places.append(rest % extent)
        rest = rest // extent
    return tuple(reversed(places))


@public(None)
def nonzero_static(input: Tensor, *, size: int, fill_value: int = -1) -> Tensor:
    """The first `size` places of elements that are not zero, one row each; rows of `fill_value` where there are fewer.

    >>> import rushlight as torch
    >>> torch.nonzero_static(torch.tensor([0, 5, 0, 6]), size=3)
    tensor([[ 1],
            [ 3],
            [-1]])
    """
    if size < 0:
        raise RuntimeError(f"nonzero_static: 'size' must be an non-negative integer, but got {size}")
    found: Any = input.nonzero()  # type: ignore[attr-defined]
    missing = max(size - found.shape[0], 0)
    filler = found.new_full((missing, found.shape[1]), fill_value)
    return functions["cat"]([found[:size], filler])  # type: ignore[no-any-return]


# ---- differences ----


def _uneven_slope(part: Any, widths: Any, axis: int) -> Any:
    """Central differences of second order between places whose distances differ."""
    count = widths.shape[axis] - 1
    before, after = widths.narrow(axis, 0, count), widths.narrow(axis, 1, count)
    left, right = -after / (before * (before + after)), before / (after * (before + after))
    middle = (after - before) / (before * after)
    return left * part(0, count) + middle * part(1, count) + right * part(2, count)


def _edge(part: Any, near: Any, far: Any, edge_order: int, place: int, way: int) -> Any:
    """The one-sided difference of first or second order at an end; `near` and `far` are the distances from it inwards."""
    if edge_order == 1:
        return way * (part(place + way, 1) - part(place, 1)) / near
    at_end = -(2 * near + far) / (near * (near + far))
    next_to_it, beyond = (near + far) / (near * far), -near / (far * (near + far))
    return way * (at_end * part(place, 1) + next_to_it * part(place + way, 1) + beyond * part(place + 2 * way, 1))


def _slope(input: Any, axis: int, spacing: Any, edge_order: int) -> Tensor:
    """The derivative along an axis by differences; spacing is one distance, or the coordinates of the places."""
    extent = input.shape[axis]

    def part(start: int, length: int) -> Any:
        return input.narrow(axis, start, length)

    if isinstance(spacing, Tensor) and spacing.ndim:
        if tuple(spacing.shape) != (extent,):
            raise RuntimeError(
                "torch.gradient expected each element of spacing to have one dimension, but got an element with "
                f"{spacing.ndim} dimensions! — of shape {list(spacing.shape)} for the {extent} places of axis {axis}"
            )
        widths = functions["diff"](spacing).reshape([-1 if a == axis else 1 for a in range(input.ndim)])
        inner = _uneven_slope(part, widths, axis)
        inwards = [[widths.narrow(axis, place, 1) for place in (0, 1)[:edge_order]]]
        inwards += [[widths.narrow(axis, extent - place, 1) for place in (2, 3)[:edge_order]]]
    else:
        inner = (part(2, extent - 2) - part(0, extent - 2)) / (2 * spacing)
        inwards = [[spacing, spacing]] * 2
    first, last = (
        _edge(part, distances[0], distances[-1], edge_order, place, way)
        for distances, place, way in zip(inwards, (0, extent - 1), (1, -1), strict=True)
    )
    return functions["cat"]([first, inner, last], axis)  # type: ignore[no-any-return]


def _spacings(spacing: Any, dim: Any, axes: tuple[int, ...], ndim: int) -> list[Any]:
    """What stands for the distances along each axis."""
    if not isinstance(spacing, (tuple, list)):
        if isinstance(spacing, Tensor) and spacing.ndim:
            raise TypeError(
                "gradient(): argument 'spacing' must be a number or a tuple, not Tensor: coordinates stand in a list"
            )
        return [1 if spacing is None else spacing] * len(axes)
    if len(spacing) != len(axes):
        raise RuntimeError(
            "torch.gradient expected spacing to be unspecified, a scalar"
            + (
                f", or a list of length equal to 'self.dim() = {ndim}', since dim argument was not given"
                if dim is None
                else ""
            )
            + (" or it's spacing and dim arguments to have the same length" if dim is not None else "")
            + f", but got a spacing argument of length {len(spacing)} for {len(axes)} axes."
        )
    return list(spacing)


@public(None, method=False, out=False)
def gradient(input: Tensor, *, spacing: Any = 1, dim: Any = None, edge_order: int = 1) -> tuple[Tensor, ...]:
    """The derivative along each axis, by central differences inside and one-sided ones at the ends.

    spacing: a distance, or a sequence with one for each axis, or with the coordinates of the places of each axis. dim: an axis or several; all
    of them where it is left out. edge_order: 1 or 2, the order of the differences at the ends; an axis needs edge_order + 1 places.

    RuntimeError for an axis that is too short, a spacing that does not fit the axes, and uint8.

    >>> import rushlight as torch
    >>> torch.gradient(torch.tensor([1.0, 4.0, 9.0, 16.0]))
    (tensor([3., 4., 6., 7.]),)
    """
    if not isinstance(input, Tensor):
        raise TypeError(f"gradient(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    if input.dtype is uint8:
        raise RuntimeError("torch.gradient does not support uint8 input.")
    axes = wrap_axes("gradient", dim, input.ndim)
    distances = _spacings(spacing, dim, axes, input.ndim)
    short = [axis for axis in axes if input.shape[axis] < edge_order + 1]
    if short:
        raise RuntimeError(
            f"torch.gradient expected each dimension size to be at least edge_order+1 — dim {short[0]} has {input.shape[short[0]]}"
        )
    x = _to_floating(input)
    return tuple(_slope(x, axis, distance, edge_order) for axis, distance in zip(axes, distances, strict=True))
