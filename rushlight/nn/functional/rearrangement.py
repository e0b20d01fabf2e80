"""Pixels to channels and back, shuffled channels, windows as columns and columns added up again."""

from __future__ import annotations

from math import prod
from typing import Any

from ...dtype import COMPLEX, FLOATING, bool_
from ...ir import contraction, view
from ...ir.contract import contract
from ...ir.graph import Node
from ...tensor.public import public, scalar_name
from ...tensor.tensor import Tensor, node_of, wrap
from .operands import require_tensor

__all__ = ["channel_shuffle", "fold", "native_channel_shuffle", "pixel_shuffle", "pixel_unshuffle", "unfold"]


def _check_pixels(op: str, input: Any, factor: int, name: str) -> Node:
    require_tensor(op, input)
    if input.ndim < 3:
        raise RuntimeError(
            f"{op} expects input to have at least 3 dimensions, but got input with {input.ndim} dimension(s)"
        )
    if factor <= 0:
        raise RuntimeError(f"{op} expects a positive {name}, but got {factor}")
    return node_of(input)


@public("PixelShuffle", method=False, out=False)
def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """(*, C·r², H, W) to (*, C, H·r, W·r).

    >>> import rushlight as torch
    >>> torch.nn.functional.pixel_shuffle(torch.arange(4.0).reshape(4, 1, 1), 2)
    tensor([[[0., 1.],
             [2., 3.]]])
    """
    r = upscale_factor
    x = _check_pixels("pixel_shuffle", input, r, "upscale_factor")
    *lead, channels, height, width = x.type.shape
    if channels % (r * r):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, but "
            f"input.size(-3)={channels} is not divisible by {r * r}"
        )
    n = len(lead)
    x = view.reshape(x, (*lead, channels // (r * r), r, r, height, width))
    x = view.permute(x, (*range(n), n, n + 3, n + 1, n + 4, n + 2))
    return wrap(view.reshape(x, (*lead, channels // (r * r), height * r, width * r)))


@public("PixelUnshuffle", method=False, out=False)
def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """(*, C, H·r, W·r) to (*, C·r², H, W)."""
    r = downscale_factor
    x = _check_pixels("pixel_unshuffle", input, r, "downscale_factor")
    *lead, channels, height, width = x.type.shape
    for name, place, extent in (("height", -2, height), ("width", -1, width)):
        if extent % r:
            raise RuntimeError(
                f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but input.size({place})={extent} is "
                f"not divisible by {r}"
            )
    n = len(lead)
    x = view.reshape(x, (*lead, channels, height // r, r, width // r, r))
    x = view.permute(x, (*range(n), n, n + 2, n + 4, n + 1, n + 3))
    return wrap(view.reshape(x, (*lead, channels * r * r, height // r, width // r)))


def _shuffled(input: Tensor, groups: int) -> Node:
    require_tensor("channel_shuffle", input)
    shape = tuple(input.shape)
    if len(shape) <= 2:
        raise RuntimeError(f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(shape)}")
    if groups <= 0:
        raise RuntimeError(f"Number of groups to divide channels in must be positive. Value of groups:{groups}")
    count = shape[1]
    if count % groups:
        raise RuntimeError(f"Number of channels must be divisible by groups. Got {count} channels and {groups} groups.")
    x = view.reshape(node_of(input), (shape[0], groups, count // groups, *shape[2:]))
    x = view.permute(x, (0, 2, 1, *range(3, x.type.ndim)))
    return view.reshape(x, shape)


@public("ChannelShuffle", method=False, out=False)
def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Channels (axis 1) of all groups in turn: the first of each, the second of each, …

    >>> import rushlight as torch
    >>> torch.nn.functional.channel_shuffle(torch.arange(4).reshape(1, 4, 1), 2).flatten()
    tensor([0, 2, 1, 3])
    """
    return wrap(_shuffled(input, groups))


@public("NativeChannelShuffle", method=False, out=False)
def native_channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """`channel_shuffle`."""
    return wrap(_shuffled(input, groups))


# ---- windows as columns ----

Pair = tuple[int, int]


def _pair(name: str, value: Any) -> Pair:
    found = (value,) if isinstance(value, int) else tuple(int(each) for each in value)
    if len(found) == 1:
        return found[0], found[0]
    if len(found) != 2:
        raise RuntimeError(f"It is expected {name} equals to 2, but got size {len(found)}")
    return found[0], found[1]


def _settings(kernel: Any, dilation: Any, padding: Any, stride: Any) -> list[Pair]:
    found = []
    for name, short, value, least in (
        ("kernel size", "kernel", kernel, 1),
        ("dilation", "dilation", dilation, 1),
        ("padding", "pad", padding, 0),
        ("stride", "stride", stride, 1),
    ):
        pair = _pair(name.replace(" ", "_"), value)
        if min(pair) < least:
            bound = "greater than zero" if least else "non-negative"
            raise RuntimeError(f"{name} should be {bound}, but got {short}_height: {pair[0]} {short}_width: {pair[1]}")
        found.append(pair)
    return found


def _counts(extents: Any, kernel: Pair, dilation: Pair, padding: Pair, stride: Pair) -> Pair:
    """How many windows there are along each axis."""
    rows, columns = (
        (extent + 2 * p - d * (k - 1) - 1) // s + 1
        for extent, k, d, p, s in zip(extents, kernel, dilation, padding, stride, strict=True)
    )
    return rows, columns


def _around(padding: Pair) -> tuple[Pair, Pair]:
    return (padding[0], padding[0]), (padding[1], padding[1])


@public("Im2Col", function=False, method=False)
def unfold(input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Tensor:
    """Every window of (N, C, H, W) as a column: (N, C · kernel elements, windows).

    >>> import rushlight as torch
    >>> torch.nn.functional.unfold(torch.arange(9.0).reshape(1, 3, 3), 2)
    tensor([[0., 1., 3., 4.],
            [1., 2., 4., 5.],
            [3., 4., 6., 7.],
            [4., 5., 7., 8.]])
    """
    require_tensor("unfold", input)
    shape = tuple(input.shape)
    if len(shape) < 3:
        low, high = -max(len(shape), 1), max(len(shape), 1) - 1
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{low}, {high}], but got 2) — unfold: {shape}"
        )
    if len(shape) > 4 or 0 in shape[len(shape) - 3 :]:
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but "
            f"got: {list(shape)}"
        )
    kernel, dilation, padding, stride = _settings(kernel_size, dilation, padding, stride)
    if input.dtype.category not in (FLOATING, COMPLEX) and input.dtype is not bool_:
        raise NotImplementedError(f"\"im2col_out_cpu\" not implemented for '{scalar_name(input.dtype)}'")
    counts = _counts(shape[-2:], kernel, dilation, padding, stride)
    if min(counts) < 1:
        raise RuntimeError(
            f"Given input with spatial size {shape[-2:]}, kernel_size={kernel}, dilation={dilation}, padding={padding}, "
            f"calculated shape of the array of sliding blocks as {counts}, but its components must be at least one."
        )
    spec = contraction.unfold(shape, kernel, stride, _around(padding), dilation)
    columns = contract(node_of(input), spec=spec)
    return wrap(view.reshape(columns, (*shape[:-3], shape[-3] * prod(kernel), prod(counts))))


@public("Col2Im", function=False, method=False)
def fold(
    input: Tensor, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """Columns (N, C · kernel elements, windows) added up where their windows stand: (N, C, *output_size)."""
    require_tensor("fold", input)
    shape = tuple(input.shape)
    size = _pair("output_size", output_size)
    kernel, dilation, padding, stride = _settings(kernel_size, dilation, padding, stride)
    if len(shape) not in (2, 3) or 0 in shape[len(shape) - 2 :]:
        raise RuntimeError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for input, "
            f"but got: {list(shape)}"
        )
    if shape[-2] % prod(kernel):
        raise RuntimeError(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got "
            f"input.size(1)={shape[-2]} and kernel_size={kernel}."
        )
    counts = _counts(size, kernel, dilation, padding, stride)
    if prod(counts) != shape[-1] or min(counts) < 1:
        raise RuntimeError(
            f"Given output_size={size}, kernel_size={kernel}, dilation={dilation}, padding={padding}, stride={stride}, "
            f"expected size of input's dimension 2 to match the calculated number of sliding blocks {counts[0]} * "
            f"{counts[1]} = {prod(counts)}, but got input.size(2)={shape[-1]}."
        )
    wide = (*shape[:-2], shape[-2] // prod(kernel), *kernel, *counts)
    spec = contraction.fold(size, wide, stride, _around(padding), dilation)
    return wrap(contract(view.reshape(node_of(input), wide), spec=spec))
