"""`grid_sample`: an image read between its elements, at places that a grid gives; `affine_grid` makes such grids.

The image is a table with a row for each element. A read takes some rows and weighs them, so that gradients flow to the
image and, through the weights, to the grid.
"""

from __future__ import annotations

import itertools
import warnings
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from ...dtype import FLOATING, dtype, encode, int64
from ...ir import contraction, index, scalar, view
from ...ir.activation import fixed
from ...ir.contract import contract
from ...ir.graph import Node, input_node
from ...ir.type import Type
from ...ir.view import view_slice
from ...tensor.public import scalar_name
from ...tensor.tensor import Tensor, node_of
from .operands import named, require_tensor

__all__ = ["affine_grid", "grid_sample"]

_cubic_a = -0.75  # R. Keys' free coefficient (1981), as PyTorch chooses it


def _times(x: Node, value: float) -> Node:
    return scalar.mul(x, fixed(value, x.type.dtype))


def _plus(x: Node, value: float) -> Node:
    return scalar.add(x, fixed(value, x.type.dtype))


def _stopped(x: Node) -> Node:
    return view.stop(x) if x.tracked else x


# ---- coordinates ----


def _unnormalized(x: Node, extent: int, corners: bool) -> Node:
    """From -1 … 1 to places of elements."""
    if corners:
        return _times(_plus(x, 1), (extent - 1) / 2)
    return _times(_plus(_times(_plus(x, 1), extent), -1), 0.5)


def _clipped(x: Node, extent: int) -> Node:
    """Limited to the axis; no gradient at its ends and beyond; NaN becomes 0."""
    low, high = scalar.number(0, x.type.dtype), fixed(extent - 1, x.type.dtype)
    x = scalar.select(scalar.gt(x, low), x, low)
    return scalar.select(scalar.lt(x, high), x, high)


def _reflected(x: Node, extent: int, corners: bool) -> Node:
    """Mirrored at the centres of the outer elements (`corners`) or at their outer edges."""
    low, span = (0.0, float(extent - 1)) if corners else (-0.5, float(extent))
    if span <= 0:
        return _times(x, 0)
    kind = x.type.dtype
    away = scalar.abs_(_plus(x, -low))
    turns = scalar.floor(scalar.div(_stopped(away), fixed(span, kind)))
    extra = scalar.sub(away, _times(turns, span))
    even = scalar.eq(scalar.fmod(turns, scalar.number(2, kind)), scalar.number(0, kind))
    return scalar.select(even, _plus(extra, low), _plus(scalar.neg(extra), span + low))


def _placed(x: Node, extent: int, padding_mode: str, corners: bool) -> Node:
    if padding_mode == "border":
        return _clipped(x, extent)
    if padding_mode == "reflection":
        return _clipped(_reflected(x, extent, corners), extent)
    return x


# ---- reading ----

Tap = tuple[Node, "Node | None"]  # places along an axis, as whole numbers, and their weights (None: 1)


def _cubic_weights(share: Node) -> list[Node]:
    """Keys' kernel at the four neighbours."""

    def near(x: Node) -> Node:
        return _plus(scalar.mul(scalar.mul(_plus(_times(x, _cubic_a + 2), -(_cubic_a + 3)), x), x), 1)

    def far(x: Node) -> Node:
        return _times(_plus(scalar.mul(_plus(scalar.mul(_plus(x, -5), x), 8), x), -4), _cubic_a)

    rest = scalar.sub(scalar.number(1, share.type.dtype), share)
    return [far(_plus(share, 1)), near(share), near(rest), far(_plus(rest, 1))]


def _taps(x: Node, extent: int, mode: str, padding_mode: str, corners: bool) -> list[Tap]:
    if mode == "bicubic":
        low = scalar.floor(_stopped(x))
        weights = _cubic_weights(scalar.sub(x, low))
        places = [_placed(_plus(low, tap - 1), extent, padding_mode, corners) for tap in range(4)]
        return list(zip(places, weights, strict=True))
    x = _placed(x, extent, padding_mode, corners)
    if mode == "nearest":
        return [(scalar.rint(_stopped(x)), None)]
    low = scalar.floor(_stopped(x))
    share = scalar.sub(x, low)
    return [(low, scalar.sub(scalar.number(1, x.type.dtype), share)), (_plus(low, 1), share)]


def _rows(places: list[Node], extents: list[int], first: Node) -> tuple[Node, Node]:
    """The table's rows at places (batch, count) for each axis, and which of them are inside."""
    kind = places[0].type.dtype
    zero = scalar.number(0, kind)
    row = inside = None
    for place, extent in zip(places, extents, strict=True):
        valid = scalar.logical_and(scalar.ge(place, zero), scalar.lt(place, fixed(extent, kind)))
        inside = valid if inside is None else scalar.logical_and(inside, valid)
        whole = scalar.cast(scalar.select(valid, place, zero), dtype=int64)
        row = whole if row is None else scalar.add(scalar.mul(row, scalar.number(extent, int64)), whole)
    assert row is not None and inside is not None
    return scalar.add(row, first), inside


def _sampled(x: Node, grid: Node, mode: str, padding_mode: str, corners: bool) -> Node:
    batch, channels, *extents = x.type.shape
    rank, outside = len(extents), grid.type.shape[1:-1]
    count, size = prod(outside), prod(extents)
    flat = view.reshape(grid, (batch, count, rank))
    table = view.reshape(view.permute(x, (0, *range(2, rank + 2), 1)), (batch * size, channels))
    axes = []
    for axis, extent in enumerate(extents):
        place = rank - 1 - axis  # the grid has the last axis first
        coordinate = view.reshape(view_slice(flat, 2, place, place + 1), (batch, count))
        axes.append(_taps(_unnormalized(coordinate, extent, corners), extent, mode, padding_mode, corners))
    first = input_node((np.arange(batch) * size).reshape(batch, 1), Type.of((batch, 1), int64))
    zero = scalar.number(0, x.type.dtype)
    total: Node | None = None
    for taps in itertools.product(*axes):
        row, inside = _rows([place for place, _ in taps], extents, first)
        found = scalar.select(view.reshape(inside, (batch, count, 1)), index.take(table, row), zero)
        weight: Node | None = None
        for _, own in taps:
            weight = own if weight is None or own is None else scalar.mul(weight, own)
        if weight is not None:
            found = scalar.mul(found, view.reshape(weight, (batch, count, 1)))
        total = found if total is None else scalar.add(total, found)
    assert total is not None
    return view.reshape(view.permute(total, (0, 2, 1)), (batch, channels, *outside))


def _check_grid(input: Any, grid: Any, mode: str) -> None:
    require_tensor("grid_sampler", input)
    require_tensor("grid_sampler", grid, "grid", 2)
    shape, places = list(input.shape), list(grid.shape)
    texts = f"but got input with sizes {shape} and grid with sizes {places}"
    if not shape or not places or shape[0] != places[0]:
        raise RuntimeError(f"grid_sampler(): expected grid and input to have same batch size, {texts}")
    if places[-1] != len(shape) - 2:
        raise RuntimeError(
            f"grid_sampler(): expected grid to have size {len(shape) - 2} in last dimension, but got grid with sizes {places}"
        )
    for axis in range(2, len(shape)):
        if not shape[axis]:
            raise RuntimeError(
                f"grid_sampler(): expected input to have non-empty spatial dimensions, but input has sizes {shape} with "
                f"dimension {axis} being empty"
            )
    if len(shape) not in (4, 5) or len(places) != len(shape):
        raise RuntimeError(f"grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, {texts}")
    if mode == "bicubic" and len(shape) == 5:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")
    if grid.dtype is not input.dtype:
        raise RuntimeError(
            f"expected scalar type {scalar_name(input.dtype)} but found {scalar_name(grid.dtype)} — grid_sample: input is "
            f"{input.dtype}, grid {grid.dtype}; convert one with .to(dtype)"
        )
    if input.dtype.category != FLOATING:
        kernel = f"grid_sampler_{len(shape) - 2}d_cpu_kernel_impl"
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{scalar_name(input.dtype)}'")


def _warn_of_corners(align_corners: bool | None) -> None:
    if align_corners is None:
        warnings.warn(
            "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. Please specify "
            "align_corners=True if the old behavior is desired. See the documentation of grid_sample for details.",
            stacklevel=3,
        )


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """The input (N, C, H, W) read at places `grid` (N, H', W', 2): (N, C, H', W'); with three axes likewise.

    A place is (x, y), -1 to 1 across the input. `mode` is 'bilinear', 'nearest' or 'bicubic'; what is outside is 'zeros',
    the 'border', or a 'reflection'.
    """
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ValueError(
            f"nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{mode}'"
        )
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', but got: "
            f"'{padding_mode}'"
        )
    _warn_of_corners(align_corners)
    _check_grid(input, grid, mode)
    result = _sampled(node_of(input), node_of(grid), mode, padding_mode, bool(align_corners))
    return named(result, f"GridSampler{input.ndim - 2}D")


# ---- grids ----


@lru_cache(maxsize=64)
def _base_grid(extents: tuple[int, ...], corners: bool, kind: dtype) -> Node:
    """The places of all elements, from -1 to 1, last axis first, and a 1: (elements, axes + 1)."""
    axes = []
    for extent in extents:
        places = np.linspace(-1, 1, extent) if extent > 1 else np.zeros(1)
        axes.append(places if corners or extent <= 1 else places * (extent - 1) / extent)
    mesh = np.meshgrid(*axes, indexing="ij")
    columns = [*[axis.reshape(-1) for axis in mesh[::-1]], np.ones(prod(extents))]
    array = encode(np.stack(columns, 1).astype(kind.compute), kind)
    return input_node(array, Type.of(array.shape, kind))


def affine_grid(theta: Tensor, size: Any, align_corners: bool | None = None) -> Tensor:
    """The places that affine maps (N, 2, 3) read for an output of `size` (N, C, H, W); (N, 3, 4) with three axes.

    For `grid_sample`: (N, H, W, 2), x first, -1 to 1 across the input.
    """
    require_tensor("affine_grid", theta, "theta")
    _warn_of_corners(align_corners)
    size = tuple(int(each) for each in size)
    if theta.dtype.category != FLOATING:
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    if len(size) not in (4, 5):
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. Got size "
            f"{size}."
        )
    rank = len(size) - 2
    if theta.ndim != 3 or tuple(theta.shape[1:]) != (rank, rank + 1):
        raise ValueError(
            f"Expected a batch of {rank}D affine matrices of shape Nx{rank}x{rank + 1} for size {size}. Got {theta.shape}."
        )
    if min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {size}")
    if theta.shape[0] != size[0]:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{size[0]}, {rank + 1}] but got: "
            f"[{theta.shape[0]}, {rank + 1}]. — affine_grid: theta is {tuple(theta.shape)}, size {size}"
        )
    base, maps = _base_grid(size[2:], bool(align_corners), theta.dtype), node_of(theta)
    spec = contraction.einsum(((0, 1), (2, 3, 1)), (2, 0, 3), (base.type.shape, maps.type.shape))
    result = view.reshape(contract(base, maps, spec=spec), (size[0], *size[2:], rank))
    return named(result, "AffineGridGenerator")
