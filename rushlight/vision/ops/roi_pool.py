"""RoIPool: the greatest value in each bin of regions of feature maps (Girshick 2015)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...nn import Module
from ...tensor import Tensor, from_numpy, where
from .regions import as_regions, chunks, groups_of, in_order, nothing, pixel_rows, rounded, sizes_of, whole_bins


def roi_pool(
    input: Tensor,
    boxes: Tensor | Sequence[Tensor],
    output_size: int | Sequence[int],
    spatial_scale: float = 1.0,
) -> Tensor:
    """Regions of feature maps (N, C, H, W), each as (C, height, width): the greatest pixel in each bin, 0 in empty ones.

    The arguments are `roi_align`'s; corners are rounded to whole pixels.

    >>> import rushlight as torch
    >>> maps = torch.arange(16.0).reshape(1, 1, 4, 4)
    >>> roi_pool(maps, [torch.tensor([[0.0, 0, 3, 3]])], 2)
    tensor([[[[ 5.,  7.],
              [13., 15.]]]])
    """
    regions = as_regions(boxes)
    bins_down, bins_across = sizes_of(output_size)
    _, channels, height, width = input.shape
    left, top, right, bottom = (rounded(regions[:, side] * regions.dtype.type(spatial_scale)) for side in range(1, 5))
    kind = regions.dtype
    left, left_end = whole_bins(left, np.maximum(right - left + 1, 1).astype(kind), bins_across, width)
    top, top_end = whole_bins(top, np.maximum(bottom - top + 1, 1).astype(kind), bins_down, height)
    rows = pixel_rows(input)
    parts = []
    for (tall, wide), members in groups_of((top_end - top).max(1, initial=0), (left_end - left).max(1, initial=0)):
        shape = (bins_down, bins_across, channels)
        if tall <= 0 or wide <= 0:
            parts.append((members, nothing(rows, (len(members), *shape))))
            continue
        for some in chunks(members, bins_down * bins_across * tall * wide * channels):
            # A smaller bin repeats its last pixel, which changes neither its greatest value nor where that stands first.
            lines = np.minimum(top[some][..., None] + np.arange(tall), np.maximum(top_end[some] - 1, 0)[..., None])
            columns = np.minimum(left[some][..., None] + np.arange(wide), np.maximum(left_end[some] - 1, 0)[..., None])
            pixels = lines[:, :, None, :, None] * width + columns[:, None, :, None, :]
            pixels += (regions[some, 0].astype(np.int64) * (height * width))[:, None, None, None, None]
            gathered = rows.index_select(0, from_numpy(pixels.reshape(-1)))
            gathered = gathered.reshape(len(some), bins_down, bins_across, tall * wide, channels)
            empty = (top_end <= top)[some][:, :, None] | (left_end <= left)[some][:, None, :]
            parts.append((some, where(from_numpy(empty[..., None]), 0.0, gathered.max(3)[0])))
    joined = in_order(parts, rows, (0, bins_down, bins_across, channels))
    return joined.permute(0, 3, 1, 2).contiguous()


class RoIPool(Module):
    """`roi_pool` as a module."""

    def __init__(self, output_size: int | Sequence[int], spatial_scale: float) -> None:
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale

    def forward(self, input: Tensor, rois: Tensor | Sequence[Tensor]) -> Tensor:
        return roi_pool(input, rois, self.output_size, self.spatial_scale)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(output_size={self.output_size}, spatial_scale={self.spatial_scale})"
