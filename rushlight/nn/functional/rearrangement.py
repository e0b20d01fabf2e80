"""Elements in another order: pixel and channel shuffles, and windows as columns (`unfold`, `fold`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...dtype import INTEGER
from ...ir import view
from ...ir.graph import Node
from ...tensor.public import register, scalar_name
from ...tensor.tensor import Tensor, node_of
from .operands import named, require_tensor

__all__ = [
    "channel_shuffle",
    "fold",
    "native_channel_shuffle",
    "pixel_shuffle",
    "pixel_unshuffle",
    "unfold",
]

# ---- channels and pixels ----


def _factor(op: str, name: str, input: Any, value: Any) -> int:
    require_tensor(op, input)
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{op}(): argument '{name}' (position 2) must be int, not {type(value).__name__}")
    if input.ndim < 3:
        raise RuntimeError(
            f"{op} expects input to have at least 3 dimensions, but got input with {input.ndim} dimension(s)"
        )
    factor: int = value.__index__()
    if factor <= 0:
        raise RuntimeError(f"{op} expects a positive {name}, but got {factor}")
    return factor


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """(*, C·r², H, W) to (*, C, H·r, W·r).

    >>> import rushlight as torch
    >>> torch.nn.functional.pixel_shuffle(torch.arange(4.0).reshape(4, 1, 1), 2)
    tensor([[[0., 1.],
             [2., 3.]]])
    """
    r = _factor("pixel_shuffle", "upscale_factor", input, upscale_factor)
    *lead, channels, height, width = input.shape
    if channels % (r * r):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, but "
            f"input.size(-3)={channels} is not divisible by {r * r}"
        )
    n, left = len(lead), channels // (r * r)
    node = view.reshape(node_of(input), (*lead, left, r, r, height, width))
    node = view.permute(node, (*range(n), n, n + 3, n + 1, n + 4, n + 2))
    return _own(view.reshape(node, (*lead, left, height * r, width * r)), input, "PixelShuffle")


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """(*, C, H·r, W·r) to (*, C·r², H, W)."""
    r = _factor("pixel_unshuffle", "downscale_factor", input, downscale_factor)
    *lead, channels, height, width = input.shape
    for name, place, extent in (("height", -2, height), ("width", -1, width)):
        if extent % r:
            raise RuntimeError(
                f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but input.size({place})={extent} is not "
                f"divisible by {r}"
            )
    n = len(lead)
    node = view.reshape(node_of(input), (*lead, channels, height // r, r, width // r, r))
    node = view.permute(node, (*range(n), n, n + 2, n + 4, n + 1, n + 3))
    return _own(view.reshape(node, (*lead, channels * r * r, height // r, width // r)), input, "PixelUnshuffle")


def _own(node: Node, input: Tensor, label: str) -> Tensor:
    return named(view.identity(node) if node is node_of(input) else node, label)


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """(N, g·c, *) with its channels taken in turn from each of g groups."""
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
    return _own(view.reshape(node, (batch, channels, *rest)), input, "ChannelShuffle")


native_channel_shuffle = channel_shuffle

for _function in (pixel_shuffle, pixel_unshuffle, channel_shuffle):
    register(_function.__name__, _function, function=True, method=False)
register("native_channel_shuffle", channel_shuffle, function=True, method=False)

# ---- windows as columns ----

Pair = tuple[int, int]


def _pair(op: str, name: str, place: int, value: Any) -> Pair:
    if not isinstance(value, Sequence) or isinstance(value, str):
        value = (value, value)
    for number, each in enumerate(value):
        if isinstance(each, bool) or not hasattr(each, "__index__"):
            raise TypeError(
                f"{op}(): argument '{name}' (position {place}) must be tuple of ints, but found element of type "
                f"{type(each).__name__} at pos {number}"
            )
    if len(value) != 2:
        raise RuntimeError(f"It is expected {name} equals to 2, but got size {len(value)}")
    return value[0].__index__(), value[1].__index__()


def _settings(
    op: str, start: int, kernel_size: Any, dilation: Any, padding: Any, stride: Any
) -> tuple[Pair, Pair, Pair, Pair]:
    size = _pair(op, "kernel_size", start, kernel_size)
    by, edge = _pair(op, "dilation", start + 1, dilation), _pair(op, "padding", start + 2, padding)
    step = _pair(op, "stride", start + 3, stride)
    for name, (height, width) in (("kernel", size), ("stride", step), ("dilation", by)):
        if min(height, width) <= 0:
            words = "kernel size" if name == "kernel" else name
            raise RuntimeError(
                f"{words} should be greater than zero, but got {name}_height: {height} {name}_width: {width}"
            )
    if min(edge) < 0:
        raise RuntimeError(f"padding should be non-negative, but got pad_height: {edge[0]} pad_width: {edge[1]}")
    return size, by, edge, step


def _counts(extents: Sequence[int], size: Pair, by: Pair, edge: Pair, step: Pair) -> tuple[int, ...]:
    return tuple(
        [(e + 2 * p - d * (k - 1) - 1) // s + 1 for e, k, d, p, s in zip(extents, size, by, edge, step, strict=True)]
    )


def _check_dtype(kernel: str, input: Tensor) -> None:
    if input.dtype.category == INTEGER:
        raise NotImplementedError(
            f"\"{kernel}\" not implemented for '{scalar_name(input.dtype)}' — convert the input with .float()"
        )


def unfold(input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Tensor:
    """The windows of (N, C, H, W) as columns: (N, C·kh·kw, windows); without N too."""
    require_tensor("im2col", input)
    size, by, edge, step = _settings("im2col", 2, kernel_size, dilation, padding, stride)
    shape = tuple(input.shape)
    if len(shape) < 3:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-len(shape)}, {len(shape) - 1}], but got 2) — unfold: expected "
            f"(N, C, H, W) or (C, H, W), got {shape}"
        )
    if len(shape) > 4 or 0 in shape[-3:]:
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but got: "
            f"{list(shape)}"
        )
    _check_dtype("im2col_out_cpu", input)
    *batch, channels, height, width = shape
    counts = _counts((height, width), size, by, edge, step)
    if min(counts) < 1:
        raise RuntimeError(
            f"Given input with spatial size {(height, width)}, kernel_size={size}, dilation={by}, padding={edge}, calculated shape "
            f"of the array of sliding blocks as {counts}, but its components must be at least one."
        )
    n = len(batch)
    padded = view.pad(node_of(input), (*[0] * (n + 1), *edge), (*[0] * (n + 1), *edge))
    windows = view.window(padded, size=size, stride=step, dilation=by)
    columns = view.permute(windows, (*range(n + 1), n + 3, n + 4, n + 1, n + 2))
    result = view.reshape(columns, (*batch, channels * size[0] * size[1], counts[0] * counts[1]))
    return _own(result, input, "Im2Col")


def _check_columns(shape: tuple[int, ...], target: Pair, size: Pair, counts: tuple[int, ...], text: str) -> None:
    rows, columns = shape[-2:]
    if rows % (size[0] * size[1]):
        raise RuntimeError(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got "
            f"input.size(1)={rows} and kernel_size={size}."
        )
    if counts[0] * counts[1] != columns or min(counts) < 1:
        raise RuntimeError(
            f"Given output_size={target}, {text}, expected size of input's dimension 2 to match the calculated number of sliding "
            f"blocks {counts[0]} * {counts[1]} = {counts[0] * counts[1]}, but got input.size(2)={columns}."
        )


def fold(
    input: Tensor, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """Columns (N, C·kh·kw, windows) added up into an image (N, C, *output_size); without N too."""
    require_tensor("col2im", input)
    target = _pair("col2im", "output_size", 2, output_size)
    size, by, edge, step = _settings("col2im", 3, kernel_size, dilation, padding, stride)
    shape = tuple(input.shape)
    if len(shape) not in (2, 3) or 0 in shape[-2:]:
        raise RuntimeError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for input, but "
            f"got: {list(shape)}"
        )
    counts = _counts(target, size, by, edge, step)
    _check_columns(shape, target, size, counts, f"kernel_size={size}, dilation={by}, padding={edge}, stride={step}")
    _check_dtype("col2im_out_cpu", input)
    *batch, rows, _ = shape
    n, channels = len(batch), rows // (size[0] * size[1])
    blocks = view.reshape(node_of(input), (*batch, channels, *size, *counts))
    blocks = view.permute(blocks, (*range(n + 1), n + 3, n + 4, n + 1, n + 2))
    lead = (*batch, channels)
    whole = (*lead, target[0] + 2 * edge[0], target[1] + 2 * edge[1])
    image = view.fold(blocks, shape=whole, size=size, stride=step, dilation=by)
    stop = (*lead, target[0] + edge[0], target[1] + edge[1])
    return _own(view.slice_(image, (*[0] * len(lead), *edge), stop), input, "Col2Im")
