"""Means of the bins of regions, where each bin has its own channels (Dai et al. 2016)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...nn import Module
from ...tensor import Tensor
from .ps_roi_align import rows_of_bins
from .regions import as_regions, chunks, groups_of, in_order, mean_of_samples, nothing, rounded, sizes_of, whole_bins


def _means(first: np.ndarray, end: np.ndarray, amount: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Pixels and weights (K, bins, amount) of the means of bins along one axis; no weight in an empty bin."""
    place = first[..., None] + np.arange(amount)
    inside = place < end[..., None]
    weights = inside / np.maximum(end - first, 1)[..., None]
    return np.minimum(place, size - 1), weights


def ps_roi_pool(
    input: Tensor,
    boxes: Tensor | Sequence[Tensor],
    output_size: int | Sequence[int],
    spatial_scale: float = 1.0,
) -> Tensor:
    """As `roi_pool` with means, where bin (i, j) of a result's channel is read from a channel of its own.

    The maps have height · width times as many channels as the result (K, C, height, width), RuntimeError otherwise.

    >>> import rushlight as torch
    >>> ps_roi_pool(torch.ones(1, 8, 4, 4), torch.tensor([[0.0, 0, 0, 3, 3]]), 2).shape
    torch.Size([1, 2, 2, 2])
    """
    regions = as_regions(boxes)
    sizes = sizes_of(output_size)
    rows, firsts, channels = rows_of_bins(input, sizes)
    _, _, height, width = input.shape
    left, top, right, bottom = (rounded(regions[:, side] * regions.dtype.type(spatial_scale)) for side in range(1, 5))
    kind = regions.dtype
    left, left_end = whole_bins(left, np.maximum(right - left, 1).astype(kind), sizes[1], width - 1)
    top, top_end = whole_bins(top, np.maximum(bottom - top, 1).astype(kind), sizes[0], height - 1)
    parts = []
    for (tall, wide), members in groups_of((top_end - top).max(1, initial=0), (left_end - left).max(1, initial=0)):
        if tall <= 0 or wide <= 0:
            parts.append((members, nothing(rows, (len(members), *sizes, channels))))
            continue
        for some in chunks(members, firsts.size * tall * wide * channels):
            places = regions[some, 0].astype(np.int64) * (firsts.size * height * width)
            result = mean_of_samples(
                rows,
                firsts[None] + places[:, None, None],
                _means(left[some], left_end[some], wide, width),
                _means(top[some], top_end[some], tall, height),
                width,
                input.dtype,
            )
            parts.append((some, result))
    joined = in_order(parts, rows, (0, *sizes, channels))
    return joined.permute(0, 3, 1, 2).contiguous()


class PSRoIPool(Module):
    """`ps_roi_pool` as a module."""

    def __init__(self, output_size: int | Sequence[int], spatial_scale: float) -> None:
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale

    def forward(self, input: Tensor, rois: Tensor | Sequence[Tensor]) -> Tensor:
        return ps_roi_pool(input, rois, self.output_size, self.spatial_scale)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(output_size={self.output_size}, spatial_scale={self.spatial_scale})"
