"""Images read at other places: pixel shuffles, `unfold` and `fold`, `affine_grid` and `grid_sample`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...ir import scalar, view
from ...ir.graph import input_node
from ...ir.type import Type
from ...tensor.public import public
from ...tensor.tensor import Tensor, node_of, wrap
from .operands import named, require_tensor
from .pooling import setting

__all__ = [
    "affine_grid",
    "channel_shuffle",
    "fold",
    "grid_sample",
    "native_channel_shuffle",
    "pixel_shuffle",
    "pixel_unshuffle",
    "unfold",
]

# ---- channels and pixels ----


def _shuffle_check(op: str, input: Tensor, factor: int, least: int = 3) -> None:
    require_tensor(op, input)
    if input.ndim < least:
        raise RuntimeError(
            f"{op} expects input to have at least {least} dimensions, but got input with {input.ndim} dimension(s)"
        )
    if factor <= 0:
        raise RuntimeError(f"{op} expects a positive factor, but got {factor}")


@public("PixelShuffle", method=False, out=False)
def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """(*, C·r², H, W) to (*, C, H·r, W·r)."""
    r = upscale_factor
    _shuffle_check("pixel_shuffle", input, r)
    *lead, channels, height, width = input.shape
    if channels % (r * r):
        raise RuntimeError(
            f"pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, but input.size(-3)={channels} is "
            f"not divisible by {r * r}"
        )
    n = len(lead)
    node = view.reshape(node_of(input), (*lead, channels // (r * r), r, r, height, width))
    node = view.permute(node, (*range(n), n, n + 3, n + 1, n + 4, n + 2))
    return wrap(view.reshape(node, (*lead, channels // (r * r), height * r, width * r)))


@public("PixelUnshuffle", method=False, out=False)
def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """(*, C, H·r, W·r) to (*, C·r², H, W)."""
    r = downscale_factor
    _shuffle_check("pixel_unshuffle", input, r)
    *lead, channels, height, width = input.shape
    for name, extent in (("height", height), ("width", width)):
        if extent % r:
            raise RuntimeError(
                f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but input.size of {name} is {extent} and {r}"
            )
    n = len(lead)
    node = view.reshape(node_of(input), (*lead, channels, height // r, r, width // r, r))
    node = view.permute(node, (*range(n), n, n + 2, n + 4, n + 1, n + 3))
    return wrap(view.reshape(node, (*lead, channels * r * r, height // r, width // r)))


@public("NativeChannelShuffle", method=False, out=False)
def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """(N, g·c, *) with its channels taken in turn from each group."""
    require_tensor("channel_shuffle", input)
    if input.ndim < 3:
        raise RuntimeError(f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(input.shape)}")
    if groups <= 0:
        raise RuntimeError(f"Number of groups to divide channels in must be positive. Value of groups:{groups}")
    batch, channels, *rest = input.shape
    if channels % groups:
        raise RuntimeError(
            f"Number of channels must be divisible by groups. Got {channels} channels and {groups} groups."
        )
    node = view.reshape(node_of(input), (batch, groups, channels // groups, *rest))
    node = view.permute(node, (0, 2, 1, *range(3, node.type.ndim)))
    return wrap(view.reshape(node, (batch, channels, *rest)))


native_channel_shuffle = channel_shuffle

# ---- windows as columns ----


def _windows(op: str, *settings: tuple[str, Any]) -> list[tuple[int, ...]]:
    found = [setting(op, name, value, 2) for name, value in settings]
    for (name, _), value in zip(settings, found, strict=True):
        if min(value) < (0 if name == "padding" else 1):
            raise RuntimeError(f"{op}: {name} should be greater than zero, but got {name}={value}")
    return found


def _counts(extents: Sequence[int], size: Any, dilation: Any, padding: Any, stride: Any) -> tuple[int, ...]:
    return tuple(
        (e + 2 * p - d * (k - 1) - 1) // s + 1
        for e, k, d, p, s in zip(extents, size, dilation, padding, stride, strict=True)
    )


def unfold(input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Tensor:
    """The windows of (N, C, H, W) as columns: (N, C·kh·kw, windows)."""
    require_tensor("unfold", input)
    size, by, edge, step = _windows(
        "unfold", ("kernel_size", kernel_size), ("dilation", dilation), ("padding", padding), ("stride", stride)
    )
    if input.ndim not in (3, 4) or 0 in input.shape[-3:]:
        raise RuntimeError(
            f"Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but got: {list(input.shape)}"
        )
    node = node_of(input)
    if input.ndim == 3:
        node = view.reshape(node, (1, *node.type.shape))
    counts = _counts(node.type.shape[2:], size, by, edge, step)
    if min(counts) < 1:
        raise RuntimeError(
            f"Given input with spatial size {tuple(node.type.shape[2:])}, kernel_size={size}, dilation={by}, padding={edge}, stride={step}, calculated "
            f"shape of the array of sliding blocks as {counts}, but its components must be at least one."
        )
    padded = view.pad(node, (0, 0, *edge), (0, 0, *edge))
    windows = view.window(padded, size=size, stride=step, dilation=by)
    columns = view.permute(windows, (0, 1, 4, 5, 2, 3))
    n, c = node.type.shape[:2]
    result = view.reshape(columns, (n, c * size[0] * size[1], counts[0] * counts[1]))
    return named(view.reshape(result, result.type.shape[1:]) if input.ndim == 3 else result, "Im2Col")


def fold(
    input: Tensor, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """Columns (N, C·kh·kw, windows) added up into an image (N, C, *output_size)."""
    require_tensor("fold", input)
    target, size, by, edge, step = _windows(
        "fold",
        ("output_size", output_size),
        ("kernel_size", kernel_size),
        ("dilation", dilation),
        ("padding", padding),
        ("stride", stride),
    )
    if input.ndim not in (2, 3):
        raise RuntimeError(
            f"Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for input, but got: {list(input.shape)}"
        )
    node = node_of(input)
    if input.ndim == 2:
        node = view.reshape(node, (1, *node.type.shape))
    n, rows, columns = node.type.shape
    if rows % (size[0] * size[1]):
        raise RuntimeError(
            f"Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got input.size(1)={rows} and kernel_size={size}."
        )
    counts = _counts(target, size, by, edge, step)
    if min(counts) < 1 or counts[0] * counts[1] != columns:
        raise RuntimeError(
            f"Given output_size={target}, kernel_size={size}, dilation={by}, padding={edge}, stride={step}, expected size of input's dimension 2 to "
            f"match the calculated number of sliding blocks {counts[0]} * {counts[1]} = {counts[0] * counts[1]}, but got input.size(2)={columns}."
        )
    channels = rows // (size[0] * size[1])
    blocks = view.permute(view.reshape(node, (n, channels, *size, *counts)), (0, 1, 4, 5, 2, 3))
    whole = (n, channels, *[t + 2 * p for t, p in zip(target, edge, strict=True)])
    image = view.fold(blocks, shape=whole, size=size, stride=step, dilation=by)
    result = view.slice_(image, (0, 0, *edge), (n, channels, *[t + p for t, p in zip(target, edge, strict=True)]))
    return named(view.reshape(result, result.type.shape[1:]) if input.ndim == 2 else result, "Col2Im")


# ---- sampling at any places ----


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """The places (N, *spatial, rank) that affine maps (N, rank, rank + 1) take a grid in [-1, 1] to."""
    rank = len(size) - 2
    if not theta.dtype.is_floating_point:
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    if rank not in (2, 3) or theta.ndim != 3 or tuple(theta.shape[1:]) != (rank, rank + 1):
        raise ValueError(
            f"Expected a batch of 2D affine matrices of shape Nx2x3 for size {tuple(size)}. Got {tuple(theta.shape)}."
        )
    lines = []
    for extent in size[2:]:
        line = np.linspace(-1, 1, extent) if extent > 1 else np.zeros(1)
        lines.append(line if align_corners else line * (extent - 1) / extent)
    grid = np.meshgrid(*lines, indexing="ij")[::-1]
    base = np.stack([*grid, np.ones(tuple(size[2:]))], -1).reshape(-1, rank + 1)
    points = wrap(input_node(base.astype(theta.dtype.compute), Type.of(base.shape, theta.dtype)))
    moved = points @ theta.transpose(1, 2)  # type: ignore[attr-defined,operator]
    return moved.reshape(size[0], *size[2:], rank)  # type: ignore[no-any-return]


def _unnormalised(x: Tensor, extent: int, aligned: bool) -> Tensor:
    """A coordinate in [-1, 1] as a place on an axis."""
    return (x + 1) * ((extent - 1) / 2) if aligned else ((x + 1) * extent - 1) / 2  # type: ignore[operator,no-any-return]


def _reflected(x: Tensor, low2: int, high2: int) -> Tensor:
    """Mirrored at both ends (given doubled, so that they may lie between elements)."""
    if low2 == high2:
        return x * 0  # type: ignore[operator,no-any-return]
    low, span = low2 / 2, (high2 - low2) / 2
    away = (x - low).abs()  # type: ignore[operator]
    extra = away % span
    turns = (away / span).floor()
    return _where(turns % 2 == 0, extra + low, span - extra + low)


def _where(condition: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return wrap(scalar.select(node_of(condition), node_of(a), node_of(b)))


def _bounded(x: Tensor, extent: int, mode: str, aligned: bool) -> Tensor:
    if mode == "border":
        return x.clamp(0, extent - 1)  # type: ignore[attr-defined,no-any-return]
    if mode == "reflection":
        x = _reflected(x, 0, 2 * (extent - 1)) if aligned else _reflected(x, -1, 2 * extent - 1)
        return x.clamp(0, extent - 1)  # type: ignore[attr-defined,no-any-return]
    return x


def _fetch(input: Tensor, places: list[Tensor]) -> Tensor:
    """Elements (N, C, *out) at integral places (N, *out) for each spatial axis; 0 beyond the edges."""
    shape = tuple(input.shape)
    inside = None
    flat: Tensor | None = None
    for place, extent in zip(places, shape[2:], strict=True):
        within = (place >= 0) & (place <= extent - 1)  # type: ignore[operator]
        inside = within if inside is None else inside & within
        clipped = place.clamp(0, extent - 1).long()  # type: ignore[attr-defined]
        flat = clipped if flat is None else flat * extent + clipped
    assert flat is not None and inside is not None
    n, c = shape[:2]
    out = tuple(flat.shape)[1:]
    rows = input.reshape(n, c, -1)  # type: ignore[attr-defined]
    picked = rows.gather(2, flat.reshape(n, 1, -1).expand(n, c, -1)).reshape(n, c, *out)  # type: ignore[attr-defined]
    return picked.masked_fill(~inside.unsqueeze(1), 0)  # type: ignore[no-any-return]


def _linear_sample(input: Tensor, places: list[Tensor]) -> Tensor:
    lows = [place.detach().floor() for place in places]  # type: ignore[attr-defined]
    result = None
    for corner in np.ndindex(*[2] * len(places)):
        at = [low + step for low, step in zip(lows, corner, strict=True)]
        weight = None
        for place, low, step in zip(places, lows, corner, strict=True):
            share = place - low if step else low + 1 - place
            weight = share if weight is None else weight * share
        term = _fetch(input, at) * weight.unsqueeze(1)  # type: ignore[union-attr,operator]
        result = term if result is None else result + term
    return result  # type: ignore[return-value]


def _cubic_weights(t: Tensor) -> list[Tensor]:
    a = -0.75  # R. Keys' free coefficient (1981), as PyTorch chooses it

    def far(x: Tensor) -> Tensor:
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a  # type: ignore[operator,no-any-return]

    def near(x: Tensor) -> Tensor:
        return ((a + 2) * x - (a + 3)) * x * x + 1  # type: ignore[operator,no-any-return]

    return [far(t + 1), near(t), near(1 - t), far(2 - t)]  # type: ignore[operator]


def _cubic_sample(input: Tensor, places: list[Tensor], mode: str, aligned: bool) -> Tensor:
    lows = [place.detach().floor() for place in places]  # type: ignore[attr-defined]
    weights = [_cubic_weights(place - low) for place, low in zip(places, lows, strict=True)]
    result = None
    for corner in np.ndindex(4, 4):
        at = [
            _bounded(low + (step - 1), extent, mode, aligned)
            for low, step, extent in zip(lows, corner, input.shape[2:], strict=True)
        ]
        term = _fetch(input, at) * (weights[0][corner[0]] * weights[1][corner[1]]).unsqueeze(1)  # type: ignore[operator,attr-defined]
        result = term if result is None else result + term
    return result  # type: ignore[return-value]


def grid_sample(
    input: Tensor, grid: Tensor, mode: str = "bilinear", padding_mode: str = "zeros", align_corners: bool | None = None
) -> Tensor:
    """(N, C, *spatial) sampled at places (N, *out, rank) in [-1, 1], x first: (N, C, *out).

    `mode` is 'bilinear', 'nearest' or 'bicubic'; beyond the edges come 'zeros', the 'border' or a 'reflection'.
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
    rank = input.ndim - 2
    if rank not in (2, 3) or grid.ndim != input.ndim or grid.shape[-1] != rank or grid.shape[0] != input.shape[0]:
        raise RuntimeError(
            f"grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, but got input with sizes {list(input.shape)} and grid "
            f"with sizes {list(grid.shape)}"
        )
    if input.dtype is not grid.dtype:
        raise RuntimeError(
            f"grid_sampler(): expected input and grid to have same dtype, but input has {input.dtype} and grid has {grid.dtype}"
        )
    if mode == "bicubic" and rank == 3:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")
    aligned = bool(align_corners)
    extents = tuple(input.shape[2:])
    places = [_unnormalised(grid[..., rank - 1 - axis], extent, aligned) for axis, extent in enumerate(extents)]  # type: ignore[index]
    if mode == "bicubic":
        return _cubic_sample(input, places, padding_mode, aligned)
    places = [_bounded(place, extent, padding_mode, aligned) for place, extent in zip(places, extents, strict=True)]
    if mode == "nearest":
        return _fetch(input, [place.detach().round() for place in places])  # type: ignore[attr-defined]
    return _linear_sample(input, places)
