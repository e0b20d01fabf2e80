"""Images at any places: `affine_grid` makes the places, `grid_sample` reads there."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from ...dtype import FLOATING, bfloat16, bool_, dtype, encode, float16, float32
from ...ir import reduce, scalar, view
from ...ir.decomposition import matmul, transpose
from ...ir.graph import Node, input_node
from ...ir.lasting import lasting
from ...ir.sampling import bounded, pick, taps
from ...ir.type import Type
from ...tensor.casting import cast
from ...tensor.public import scalar_name
from ...tensor.tensor import Tensor, node_of
from .operands import named, require_tensor

__all__ = ["affine_grid", "grid_sample"]


def _warn_default() -> None:
    warnings.warn(
        "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. Please specify "
        "align_corners=True if the old behavior is desired. See the documentation of grid_sample for details.",
        stacklevel=3,
    )


# ---- the places that an affine map takes a grid to ----


@lasting(maxsize=64)
def _base_grid(extents: tuple[int, ...], aligned: bool, kind: dtype) -> Node:
    """The grid's points (places, rank + 1), x first, with a 1 behind."""
    lines = []
    for extent in extents:
        line = np.linspace(-1, 1, extent) if extent > 1 else np.zeros(1)
        lines.append(line if aligned else line * (extent - 1) / extent)
    axes = np.meshgrid(*lines, indexing="ij")[::-1]
    points = np.stack([*axes, np.ones(extents)], -1).reshape(-1, len(extents) + 1).astype(kind.compute)
    return input_node(encode(points, kind), Type.of(points.shape, kind))


def _check_affine(theta: Any, size: tuple[int, ...]) -> None:
    require_tensor("affine_grid", theta, "theta")
    if not theta.dtype.is_floating_point:
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    rank = len(size) - 2
    if rank not in (2, 3):
        raise NotImplementedError(
            f"affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. Got size {size}."
        )
    if theta.ndim != 3 or tuple(theta.shape[1:]) != (rank, rank + 1):
        raise ValueError(
            f"Expected a batch of {rank}D affine matrices of shape Nx{rank}x{rank + 1} for size {size}. Got {theta.shape}."
        )
    if min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {size}")
    if theta.shape[0] != size[0]:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{size[0]}, {rank + 1}] but got: [{theta.shape[0]}, "
            f"{rank + 1}]. — affine_grid: theta has {theta.shape[0]} matrices, size asks for {size[0]}"
        )


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """The places (N, *spatial, rank) that affine maps (N, rank, rank + 1) take the points of a grid in [-1, 1] to.

    `size` is (N, C, *spatial). With `align_corners` -1 and 1 are the centres of the outermost points, else their edges.
    """
    if align_corners is None:
        _warn_default()
    size = tuple(size)
    _check_affine(theta, size)
    if align_corners and min(size[2:]) == 1:
        warnings.warn(
            "Since version 1.3.0, affine_grid behavior has changed for unit-size grids when align_corners=True. This is not an "
            "intended use case of affine_grid. See the documentation of affine_grid for details.",
            stacklevel=2,
        )
    moved = matmul(_base_grid(size[2:], bool(align_corners), theta.dtype), transpose(node_of(theta)))
    return named(view.reshape(moved, (size[0], *size[2:], len(size) - 2)), "AffineGridGenerator")


# ---- reading there ----

# The weight of each tap as a polynomial of the distance to the element before, powers from 0 up. Cubic: R. Keys' (1981) with -0.75.
_LINEAR = np.array([[1.0, 0.0], [-1.0, 1.0]])
_CUBIC = np.array([[0.0, 1.0, 0.0, 0.0], [-0.75, 0.0, 0.75, 0.0], [1.5, -2.25, 1.5, -0.75], [-0.75, 1.25, -1.25, 0.75]])
_STEPS = {"nearest": (0,), "bilinear": (0, 1), "bicubic": (-1, 0, 1, 2)}


def _constant(values: np.ndarray, kind: dtype) -> Node:
    array = encode(np.ascontiguousarray(values, kind.compute), kind)
    return input_node(array, Type.of(array.shape, kind))


def _axis_weights(away: Node, axis: int, rank: int, powers: np.ndarray) -> Node:
    """(batch, 1, …, taps, …, 1, places): the taps' weights along one axis."""
    kind = away.type.dtype
    batch, count = away.type.shape
    share = view.reshape(away, (batch, *[1] * rank, count))
    shape = (1, *[powers.shape[1] if a == axis else 1 for a in range(rank)], 1)
    result = _constant(powers[-1].reshape(shape), kind)
    for row in powers[-2::-1]:
        result = scalar.add(scalar.mul(result, share), _constant(row.reshape(shape), kind))
    return result


def _places(grid: Node, extents: tuple[int, ...], aligned: bool) -> list[Node]:
    """Coordinates in [-1, 1] as places on each axis (batch, places), the axes in the image's order."""
    kind, rank = grid.type.dtype, len(extents)
    batch, count = grid.type.shape[0], prod(grid.type.shape[1:-1])
    half = np.array([(extent - 1 if aligned else extent) / 2 for extent in extents[::-1]])
    flat = view.reshape(grid, (batch, count, rank))
    scaled = scalar.mul(scalar.add(flat, scalar.number(1, kind)), _constant(half, kind))
    if not aligned:
        scaled = scalar.sub(scaled, scalar.number(0.5, kind))
    return [
        view.reshape(view.slice_(scaled, (0, 0, place), (batch, count, place + 1)), (batch, count))
        for place in range(rank - 1, -1, -1)
    ]


def _sampled(image: Node, grid: Node, mode: str, beyond: str, aligned: bool) -> Node:
    batch, channels, *spatial = image.type.shape
    extents, rank = tuple(spatial), len(spatial)
    places = _places(grid, extents, aligned)
    settings = {"reflect": beyond == "reflection", "aligned": aligned}
    if mode != "bicubic" and beyond != "zeros":
        places = [bounded(place, extent=extent, **settings) for place, extent in zip(places, extents, strict=True)]
    still = [view.stop(place) if place.tracked else place for place in places]
    lows = [scalar.rint(place) if mode == "nearest" else scalar.floor(place) for place in still]
    steps = _STEPS[mode]
    by_tap = settings["reflect"] if mode == "bicubic" and beyond != "zeros" else None
    index = taps(*lows, extents=extents, steps=steps, reflect=by_tap, aligned=aligned)
    flat = view.reshape(image, (batch, channels, prod(extents)))
    read = pick(view.pad(flat, (0, 0, 0), (0, 0, 1)), index)
    count = lows[0].type.shape[1]
    if mode == "nearest" and grid.tracked:  # the places have a gradient, which is 0
        whole = reduce.sum_(grid, tuple(range(grid.type.ndim)))
        read = scalar.select(scalar.number(False, bool_), whole, read)
    if mode != "nearest":
        weights: Node | None = None
        for axis, (place, low) in enumerate(zip(places, lows, strict=True)):
            own = _axis_weights(scalar.sub(place, low), axis, rank, _CUBIC if mode == "bicubic" else _LINEAR)
            weights = own if weights is None else scalar.mul(weights, own)
        assert weights is not None
        number = len(steps) ** rank
        shaped = view.reshape(read, (batch, channels, number, count))
        read = reduce.sum_(scalar.mul(shaped, view.reshape(weights, (batch, 1, number, count))), (2,))
    return view.reshape(read, (batch, channels, *grid.type.shape[1:-1]))


def _check_grid(input: Any, grid: Any, mode: str) -> None:
    require_tensor("grid_sampler", input)
    require_tensor("grid_sampler", grid, "grid", 2)
    shape, places = list(input.shape), list(grid.shape)
    sizes = f"but got input with sizes {shape} and grid with sizes {places}"
    if input.dtype is not grid.dtype:
        raise RuntimeError(
            f"expected scalar type {scalar_name(input.dtype)} but found {scalar_name(grid.dtype)} — grid_sample"
        )
    if shape[:1] != places[:1]:
        raise RuntimeError(f"grid_sampler(): expected grid and input to have same batch size, {sizes}")
    if places[-1] != len(shape) - 2:
        raise RuntimeError(
            f"grid_sampler(): expected grid to have size {len(shape) - 2} in last dimension, but got grid with sizes {places}"
        )
    if len(shape) not in (4, 5) or len(places) != len(shape):
        rank = 4 if len(shape) == 4 else 5
        raise RuntimeError(f"grid_sampler(): expected {rank}D input and grid with same number of dimensions, {sizes}")
    if 0 in shape[2:]:
        raise RuntimeError(
            f"grid_sampler(): expected input to have non-empty spatial dimensions, but input has sizes {shape} with dimension "
            f"{shape.index(0, 2)} being empty"
        )
    if mode == "bicubic" and len(shape) == 5:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")
    if input.dtype.category != FLOATING:
        raise NotImplementedError(
            f"\"grid_sampler_{len(shape) - 2}d_cpu_kernel_impl\" not implemented for '{scalar_name(input.dtype)}' — grid_sample"
        )


@cast
def grid_sample(
    input: Tensor, grid: Tensor, mode: str = "bilinear", padding_mode: str = "zeros", align_corners: bool | None = None
) -> Tensor:
    """(N, C, *spatial) read at places (N, *out, rank) in [-1, 1], x first: (N, C, *out).

    `mode` is 'bilinear', 'nearest' or, of two axes, 'bicubic'; beyond the edges come 'zeros', the 'border' or a 'reflection'.

    >>> import rushlight as torch
    >>> image = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> torch.nn.functional.grid_sample(image, torch.zeros(1, 1, 1, 2), align_corners=False)
    tensor([[[[2.5000]]]])
    """
    if mode not in _STEPS:
        raise ValueError(
            f"nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{mode}'"
        )
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', but got: "
            f"'{padding_mode}'"
        )
    if align_corners is None:
        _warn_default()
    _check_grid(input, grid, mode)
    kind = input.dtype
    wide = float32 if kind in (float16, bfloat16) else kind
    image, places = scalar.cast(node_of(input), dtype=wide), scalar.cast(node_of(grid), dtype=wide)
    result = _sampled(image, places, mode, padding_mode, bool(align_corners))
    return named(scalar.cast(result, dtype=kind), f"GridSampler{input.ndim - 2}D")
