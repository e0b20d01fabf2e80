"""`interpolate`: images of another size.

Resizing works axis by axis: each mode is a matrix of weights (out, in), made once for its settings; nearest modes read
by index.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import lru_cache
from math import floor
from typing import Any

import numpy as np

from ...dtype import FLOATING, dtype, encode, float32, float64, int64, uint8
from ...ir import index, scalar, view
from ...ir.graph import Node, input_node
from ...ir.lasting import lasting
from ...ir.type import Type
from ...tensor.public import scalar_name
from ...tensor.tensor import Tensor, node_of
from .operands import named, require_tensor
from .pooling import adaptive_average, along_axis

__all__ = ["interpolate", "upsample", "upsample_bilinear", "upsample_nearest"]

_modes = "nearest | linear | bilinear | bicubic | trilinear | lanczos | area | nearest-exact"
_ranks = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3, "lanczos": 2}
_labels = {
    "nearest": "UpsampleNearest{}D",
    "nearest-exact": "UpsampleNearestExact{}D",
    "linear": "UpsampleLinear1D",
    "bilinear": "UpsampleBilinear2D",
    "bicubic": "UpsampleBicubic2D",
    "trilinear": "UpsampleTrilinear3D",
    "lanczos": "UpsampleLanczos2D",
}

# ---- weights ----


def _step(extent: int, size: int, corners: bool, scale: float | None, kind: Any) -> Any:
    """How far apart in the input neighbouring results are, rounded as PyTorch rounds it."""
    if corners:
        return kind(extent - 1) / kind(size - 1) if size > 1 else kind(0)
    return kind(1.0 / scale) if scale is not None and scale > 0 else kind(extent) / kind(size)


def _cubic(x: np.ndarray, a: float) -> np.ndarray:
    """Keys' kernel (1981), 0 beyond 2."""
    x = np.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = a * (((x - 5) * x + 8) * x - 4)
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


def _triangle(x: np.ndarray) -> np.ndarray:
    return np.maximum(1.0 - np.abs(x), 0.0)


def _lanczos(x: np.ndarray) -> np.ndarray:
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0.0)


# Antialiasing filters with their reach; the cubic one has another coefficient than plain resizing, as in PyTorch.
_filters: dict[str, tuple[Callable[[np.ndarray], np.ndarray], int]] = {
    "bilinear": (_triangle, 1),
    "bicubic": (lambda x: _cubic(x, -0.5), 2),
    "lanczos": (_lanczos, 3),
}


def _linear_weights(extent: int, size: int, corners: bool, step: Any, kind: Any) -> np.ndarray:
    places = np.arange(size).astype(kind)
    source = places * step if corners else np.maximum((places + kind(0.5)) * step - kind(0.5), kind(0))
    low = np.minimum(source.astype(np.int64), extent - 1)
    high = np.minimum(low + 1, extent - 1)
    share = np.clip(source - low.astype(kind), 0, 1)
    matrix = np.zeros((size, extent), kind)
    rows = np.arange(size)
    np.add.at(matrix, (rows, low), kind(1) - share)
    np.add.at(matrix, (rows, high), share)
    return matrix


def _cubic_weights(extent: int, size: int, corners: bool, step: Any, kind: Any) -> np.ndarray:
    places = np.arange(size).astype(kind)
    source = places * step if corners else (places + kind(0.5)) * step - kind(0.5)
    low = np.floor(source)
    share = source - low
    matrix = np.zeros((size, extent), kind)
    for tap in range(-1, 3):
        place = np.clip(low.astype(np.int64) + tap, 0, extent - 1)
        np.add.at(matrix, (np.arange(size), place), _cubic(share - tap, -0.75).astype(kind))
    return matrix


def _smooth_weights(extent: int, size: int, step: float, mode: str, kind: Any) -> np.ndarray:
    """A filter as wide as the step where that is above 1, so that no element is passed over."""
    function, reach = _filters[mode]
    wide = max(step, 1.0)
    support = reach * wide
    matrix = np.zeros((size, extent))
    for row in range(size):
        centre = step * (row + 0.5)
        first = max(int(centre - support + 0.5), 0)
        last = min(int(centre + support + 0.5), extent)
        weights = function((np.arange(first, last) - centre + 0.5) / wide)
        total = weights.sum()
        matrix[row, first:last] = weights / total if total else weights
    return matrix.astype(kind)


def _sixteen_bits(matrix: np.ndarray) -> np.ndarray:
    """Weights rounded as PyTorch rounds them for bytes: to the finest binary fraction whose numerators fit 16 bits."""
    greatest = float(matrix.max())
    digits = 0
    while digits < 22 and int(0.5 + greatest * (1 << (digits + 1))) < 1 << 15:
        digits += 1
    scaled = matrix * (1 << digits)
    return np.trunc(scaled + np.copysign(0.5, scaled)) / (1 << digits)


@lasting(maxsize=256)
def _weights(
    mode: str, extent: int, size: int, corners: bool, scale: float | None, antialias: bool, kind: dtype, bytewise: bool
) -> Node:
    number: Any = np.float64 if kind is float64 or bytewise else np.float32
    step = _step(extent, size, corners, scale, number)
    if antialias:
        matrix = _smooth_weights(extent, size, float(step), mode, number)
    elif mode == "bicubic":
        matrix = _cubic_weights(extent, size, corners, step, number)
    else:
        matrix = _linear_weights(extent, size, corners, step, number)
    array = encode((_sixteen_bits(matrix) if bytewise else matrix).astype(kind.compute), kind)
    return input_node(array, Type.of(array.shape, kind))


# ---- nearest ----


@lru_cache(maxsize=256)
def _nearest_places(extent: int, size: int, scale: float | None, exact: bool) -> np.ndarray:
    step = _step(extent, size, False, scale, np.float32)
    numbers = np.arange(size).astype(np.float32)
    source = (numbers + np.float32(0.5)) * step if exact else numbers * step
    return np.minimum(np.floor(source).astype(np.int64), extent - 1)


def _nearest_along(x: Node, axis: int, size: int, scale: float | None, exact: bool) -> Node:
    shape = x.type.shape
    extent = shape[axis]
    places = _nearest_places(extent, size, scale, exact)
    if size == extent and (places == np.arange(size)).all():
        return x
    if size % extent == 0 and (places == np.arange(size) // (size // extent)).all():  # whole repeats
        single = (*shape[: axis + 1], 1, *shape[axis + 1 :])
        repeated = view.expand(view.reshape(x, single), (*shape[: axis + 1], size // extent, *shape[axis + 1 :]))
        return view.reshape(repeated, (*shape[:axis], size, *shape[axis + 1 :]))
    order = (axis, *[a for a in range(len(shape)) if a != axis])
    back = tuple(order.index(a) for a in range(len(shape)))
    found = index.take(view.permute(x, order), input_node(places, Type.of((size,), int64)))
    return view.permute(found, back)


# ---- the function ----


def _check_mode(input: Any, mode: str, align_corners: bool | None, antialias: bool) -> int:
    """The number of spatial axes."""
    require_tensor("interpolate", input)
    rank = input.ndim - 2
    if mode in ("nearest", "area", "nearest-exact") and align_corners is not None:
        raise ValueError(
            "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear"
        )
    if antialias and not (mode in _filters and input.ndim == 4):
        raise ValueError(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires a 4-D tensor as input"
        )
    unknown = mode not in _ranks and mode not in ("nearest", "area", "nearest-exact")
    wrong = mode in _ranks and _ranks[mode] != rank
    if wrong and mode in ("linear", "bilinear", "trilinear") and 1 <= rank <= 3:
        raise NotImplementedError(f"Got {rank + 2}D input, but {mode} mode needs {_ranks[mode] + 2}D input")
    if unknown or wrong or not 1 <= rank <= 3:
        raise NotImplementedError(
            f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {rank + 2}D) for the modes: {_modes} (got {mode})"
        )
    return rank


def _sizes(
    extents: tuple[int, ...], size: Any, scale_factor: Any, recompute: bool | None
) -> tuple[tuple[int, ...], tuple[float | None, ...]]:
    """The new extents, and the factors that set the step where they were given."""
    rank = len(extents)
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is None and scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    if size is not None and recompute:
        raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
    given, name, short = (size, "output size of", "output size in (o1, o2, ...,oK)")
    if size is None:
        given, name, short = (scale_factor, "scale_factor of shape", "scale_factor in (s1, s2, ...,sK)")
    each = tuple(given) if isinstance(given, (tuple, list)) else (given,) * rank
    if len(each) != rank:
        which = "output" if size is not None else "scale_factor"
        raise ValueError(
            f"Input and {which} must have the same number of spatial dimensions, but got input with spatial dimensions of "
            f"{list(extents)} and {name} {given}. Please provide input tensor in (N, C, d1, d2, ...,dK) format and {short} format."
        )
    if size is None:
        sizes = tuple([floor(float(extent) * float(factor)) for extent, factor in zip(extents, each, strict=True)])
        return sizes, (None,) * rank if recompute else tuple(map(float, each))
    for extent in each:
        if not hasattr(extent, "__index__"):
            raise TypeError(f"interpolate(): sizes must be ints, but got {type(extent).__name__} in size={size}")
    return tuple([extent.__index__() for extent in each]), (None,) * rank


def _check_sizes(shape: tuple[int, ...], sizes: tuple[int, ...]) -> None:
    rank = len(sizes)
    if min(sizes) <= 0 or min(shape[2:]) <= 0:
        axes = ("D", "H", "W")[3 - rank :]
        given, wanted = (
            ", ".join(f"{axis}: {extent}" for axis, extent in zip(axes, extents, strict=True))
            for extents in (shape[2:], sizes)
        )
        raise RuntimeError(
            f"Input and output sizes should be greater than 0, but got input ({given}) output ({wanted})"
        )
    if not shape[1]:
        raise RuntimeError(f"Non-empty {rank + 2}D data tensor expected but got a tensor with sizes {list(shape)}")


def _as_bytes(x: Node) -> Node:
    """Rounded and limited to 0 … 255, still floating."""
    kind = x.type.dtype
    x = scalar.floor(scalar.add(x, scalar.number(0.5, kind)))
    return scalar.minimum(scalar.maximum(x, scalar.number(0, kind)), scalar.number(255, kind))


def _resized(x: Node, mode: str, sizes: Any, factors: Any, corners: bool, antialias: bool) -> Node:
    """Linear and cubic modes: a matrix for each axis whose extent or step changes."""
    kind = x.type.dtype
    wide = float32 if kind.itemsize < 4 else kind  # half precision is rounded once, at the end
    x = scalar.cast(x, dtype=wide)
    extents = x.type.shape[2:]
    for axis in range(len(sizes) - 1, -1, -1):
        if sizes[axis] == extents[axis] and factors[axis] in (None, 1.0):
            continue
        matrix = _weights(mode, extents[axis], sizes[axis], corners, factors[axis], antialias, wide, kind is uint8)
        x = along_axis(x, matrix, 2 + axis)
        if kind is uint8:
            x = _as_bytes(x)
    return scalar.cast(x, dtype=kind)


def interpolate(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """The input (N, C, *spatial) with spatial axes of another size, given as such or as a factor.

    `mode` is 'nearest', 'nearest-exact', 'linear', 'bilinear', 'bicubic', 'trilinear', 'area' or, with `antialias`,
    'lanczos'. `antialias` widens the filter where sizes shrink.

    >>> import rushlight as torch
    >>> torch.nn.functional.interpolate(torch.tensor([[[1.0, 2.0]]]), scale_factor=2)
    tensor([[[1., 1., 2., 2.]]])
    """
    rank = _check_mode(input, mode, align_corners, antialias)
    shape = tuple(input.shape)
    sizes, factors = _sizes(shape[2:], size, scale_factor, recompute_scale_factor)
    if mode == "area":
        return adaptive_average(f"adaptive_avg_pool{rank}d", rank, input, sizes)
    if mode == "lanczos" and not antialias:
        raise ValueError("lanczos mode requires antialias=True")
    _check_sizes(shape, sizes)
    kind = input.dtype
    if kind.category != FLOATING and kind is not uint8:
        kernel = f"upsample_nearest{rank}d" if mode.startswith("nearest") else f"upsample_{mode}{_ranks[mode]}d"
        raise NotImplementedError(f"\"{kernel}_channels_last\" not implemented for '{scalar_name(kind)}' — interpolate")
    x = node_of(input)
    if mode in ("nearest", "nearest-exact"):
        result = x
        for axis in range(rank):
            result = _nearest_along(result, 2 + axis, sizes[axis], factors[axis], mode == "nearest-exact")
    else:
        result = _resized(x, mode, sizes, factors, bool(align_corners), antialias)
    label = _labels[mode].format(rank) + ("Aa" if antialias else "")
    return named(view.identity(x) if result is x else result, label)


def _warn_deprecated(name: str) -> None:
    warnings.warn(f"`nn.functional.{name}` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=3)


def upsample(
    input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None
) -> Tensor:
    """The old name of `interpolate`."""
    _warn_deprecated("upsample")
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """`interpolate` with mode 'nearest'."""
    _warn_deprecated("upsample_nearest")
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """`interpolate` with mode 'bilinear' and aligned corners."""
    _warn_deprecated("upsample_bilinear")
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)
