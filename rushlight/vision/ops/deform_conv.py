"""Deformable convolution: each tap of the kernel reads where an offset says (Dai et al. 2017; Zhu et al. 2018)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ... import nn
from ...nn import Module
from ...tensor import Tensor, empty, from_numpy
from .regions import pixel_rows


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def _checked(
    input: Tensor, offset: Tensor, weight: Tensor, mask: Tensor | None, size: tuple[int, int]
) -> tuple[int, int]:
    """Groups of the weight and of the offsets; RuntimeError where shapes do not fit."""
    taps = weight.shape[2] * weight.shape[3]
    offset_groups = offset.shape[1] // (2 * taps)
    if offset_groups == 0 or offset.shape[1] % (2 * taps):
        raise RuntimeError(
            "the shape of the offset tensor at dimension 1 is not valid. It should be a multiple of 2 * weight.size[2] * "
            f"weight.size[3].\nGot offset.shape[1]={offset.shape[1]}, while 2 * weight.size[2] * weight.size[3]={2 * taps}"
        )
    if input.shape[1] % weight.shape[1] or input.shape[1] % offset_groups:
        raise RuntimeError(
            f"deform_conv2d: input has {input.shape[1]} channels, which neither weight's {weight.shape[1]} nor the "
            f"{offset_groups} groups of offset may leave undivided"
        )
    wanted = (input.shape[0], offset.shape[1], *size)
    if tuple(offset.shape) != wanted:
        raise RuntimeError(f"deform_conv2d: offset should have the shape {wanted}, got {tuple(offset.shape)}")
    if mask is not None and tuple(mask.shape) != (wanted[0], offset_groups * taps, *size):
        raise RuntimeError(
            f"deform_conv2d: mask should have the shape {(wanted[0], offset_groups * taps, *size)}, got {tuple(mask.shape)}"
        )
    return input.shape[1] // weight.shape[1], offset_groups


def _bilinear(rows: Tensor, first_row: np.ndarray, y: Tensor, x: Tensor, height: int, width: int) -> Tensor:
    """Values (…, C) of the maps at places (…), between the pixels; zero outside of the maps."""
    top, left = y.detach().floor(), x.detach().floor()
    down, across = y - top, x - left
    lines, columns = top.numpy().astype(np.int64), left.numpy().astype(np.int64)
    total: Any = 0
    for line, line_share in ((lines, 1 - down), (lines + 1, down)):
        for column, column_share in ((columns, 1 - across), (columns + 1, across)):
            inside = (line >= 0) & (line < height) & (column >= 0) & (column < width)
            pixels = first_row + np.clip(line, 0, height - 1) * width + np.clip(column, 0, width - 1)
            values = rows.index_select(0, from_numpy(pixels.reshape(-1))).reshape(*pixels.shape, -1)
            share = line_share * column_share * from_numpy(inside).to(rows.dtype)
            total = total + values * share.unsqueeze(-1)
    return total  # type: ignore[no-any-return]


def deform_conv2d(
    input: Tensor,
    offset: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | tuple[int, int] = (1, 1),
    padding: int | tuple[int, int] = (0, 0),
    dilation: int | tuple[int, int] = (1, 1),
    mask: Tensor | None = None,
) -> Tensor:
    """A convolution of (N, C, H, W) whose taps read at places moved by `offset`, between the pixels.

    Args:
        offset: (N, 2 · groups · taps, height, width of the result), y and x for each group of channels and tap.
        weight: (channels of the result, C / groups of channels, taps down, taps across).
        mask: (N, groups · taps, height, width of the result), a factor of what is read.

    RuntimeError where the shapes do not fit.

    >>> import rushlight as torch
    >>> image, still = torch.ones(1, 1, 3, 3), torch.zeros(1, 8, 2, 2)
    >>> deform_conv2d(image, still, torch.ones(1, 1, 2, 2))
    tensor([[[[4., 4.],
              [4., 4.]]]])
    """
    (step_y, step_x), (pad_y, pad_x), (gap_y, gap_x) = _pair(stride), _pair(padding), _pair(dilation)
    count, channels, height, width = input.shape
    out_channels, _, taps_y, taps_x = weight.shape
    out_height = (height + 2 * pad_y - gap_y * (taps_y - 1) - 1) // step_y + 1
    out_width = (width + 2 * pad_x - gap_x * (taps_x - 1) - 1) // step_x + 1
    groups, offset_groups = _checked(input, offset, weight, mask, (out_height, out_width))
    shape = (count, offset_groups, taps_y, taps_x, out_height, out_width)
    moved = offset.reshape(count, offset_groups, taps_y, taps_x, 2, out_height, out_width)
    lines = np.arange(out_height)[:, None] * step_y - pad_y + np.arange(taps_y)[:, None, None, None] * gap_y
    columns = np.arange(out_width) * step_x - pad_x + np.arange(taps_x)[None, :, None, None] * gap_x
    y = moved[:, :, :, :, 0] + from_numpy(np.broadcast_to(lines, shape[2:]).copy()).to(input.dtype)
    x = moved[:, :, :, :, 1] + from_numpy(np.broadcast_to(columns, shape[2:]).copy()).to(input.dtype)
    # Each group of channels has its own places: as if it were an image of its own.
    rows = pixel_rows(input.reshape(count * offset_groups, channels // offset_groups, height, width))
    first_row = (np.arange(count * offset_groups) * (height * width)).reshape(count, offset_groups, 1, 1, 1, 1)
    values = _bilinear(rows, first_row, y, x, height, width)
    if mask is not None:
        values = values * mask.reshape(shape).unsqueeze(-1)
    # (N, groups of channels, channels of one · taps, pixels of the result), then a product for each group.
    places = out_height * out_width
    columns_of = values.permute(0, 1, 6, 2, 3, 4, 5).reshape(count, groups, -1, places)
    result = weight.reshape(groups, out_channels // groups, -1) @ columns_of
    result = result.reshape(count, out_channels, out_height, out_width)
    return result if bias is None else result + bias.reshape(1, -1, 1, 1)


class DeformConv2d(Module):
    """`deform_conv2d` with its weights; called with input, offset and perhaps mask."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if in_channels % groups != 0:
            raise ValueError("in_channels must be divisible by groups")
        if out_channels % groups != 0:
            raise ValueError("out_channels must be divisible by groups")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = _pair(kernel_size)
        self.stride = _pair(stride)
        self.padding = _pair(padding)
        self.dilation = _pair(dilation)
        self.groups = groups
        self.weight = nn.Parameter(empty(out_channels, in_channels // groups, *self.kernel_size))
        if bias:
            self.bias = nn.Parameter(empty(out_channels))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws weights and bias as `nn.Conv2d` does."""
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in = self.weight.shape[1] * self.kernel_size[0] * self.kernel_size[1]
            bound = 1 / math.sqrt(fan_in)
            nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor, offset: Tensor, mask: Tensor | None = None) -> Tensor:
        return deform_conv2d(input, offset, self.weight, self.bias, self.stride, self.padding, self.dilation, mask)

    def __repr__(self) -> str:
        text = f"{type(self).__name__}({self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"
        text += f", stride={self.stride}"
        if self.padding != (0, 0):
            text += f", padding={self.padding}"
        if self.dilation != (1, 1):
            text += f", dilation={self.dilation}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        return text + ")"
