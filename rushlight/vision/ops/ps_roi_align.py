"""RoIAlign where each bin has its own channels (Dai et al. 2016, with the samples of He et al. 2017)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...nn import Module
from ...tensor import Tensor
from .regions import aligned_regions, as_regions, sizes_of


def rows_of_bins(input: Tensor, output_size: tuple[int, int]) -> tuple[Tensor, np.ndarray, int]:
    """Features (N, C·bins, H, W) as rows of C channels, the first row of each bin's map (bins down, bins across), and C."""
    count, all_channels, height, width = input.shape
    down, across = output_size
    if all_channels % (down * across) != 0:
        raise RuntimeError(
            "input channels must be a multiple of pooling height * pooling width: they are "
            f"{all_channels}, and {down} * {across}"
        )
    channels = all_channels // (down * across)
    rows = input.reshape(count, channels, down, across, height, width).permute(0, 2, 3, 4, 5, 1).reshape(-1, channels)
    firsts = np.arange(down * across).reshape(down, across) * (height * width)
    return rows, firsts, channels


def ps_roi_align(
    input: Tensor,
    boxes: Tensor | Sequence[Tensor],
    output_size: int | Sequence[int],
    spatial_scale: float = 1.0,
    sampling_ratio: int = -1,
) -> Tensor:
    """As `roi_align`, where bin (i, j) of a result's channel is read from a channel of its own.

    The maps have height · width times as many channels as the result (K, C, height, width), RuntimeError otherwise.

    >>> import rushlight as torch
    >>> ps_roi_align(torch.ones(1, 8, 4, 4), torch.tensor([[0.0, 0, 0, 3, 3]]), 2).shape
    torch.Size([1, 2, 2, 2])
    """
    regions = as_regions(boxes)
    sizes = sizes_of(output_size)
    rows, firsts, channels = rows_of_bins(input, sizes)
    image = firsts.size * input.shape[2] * input.shape[3]
    return aligned_regions(
        input,
        regions,
        sizes,
        spatial_scale,
        sampling_ratio,
        offset=0.5,
        least=None,
        rows=rows,
        channels=channels,
        first_row=lambda places: firsts[None] + (places * image)[:, None, None],
    )


class PSRoIAlign(Module):
    """`ps_roi_align` as a module."""

    def __init__(self, output_size: int | Sequence[int], spatial_scale: float, sampling_ratio: int) -> None:
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale
        self.sampling_ratio = sampling_ratio

    def forward(self, input: Tensor, rois: Tensor | Sequence[Tensor]) -> Tensor:
        return ps_roi_align(input, rois, self.output_size, self.spatial_scale, self.sampling_ratio)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(output_size={self.output_size}, spatial_scale={self.spatial_scale}, "
            f"sampling_ratio={self.sampling_ratio})"
        )
