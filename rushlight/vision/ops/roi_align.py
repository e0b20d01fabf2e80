"""RoIAlign: regions of feature maps, read between the pixels (He et al. 2017)."""

from __future__ import annotations

from collections.abc import Sequence

from ...nn import Module
from ...tensor import Tensor
from .regions import aligned_regions, as_regions, pixel_rows, sizes_of


def roi_align(
    input: Tensor,
    boxes: Tensor | Sequence[Tensor],
    output_size: int | Sequence[int],
    spatial_scale: float = 1.0,
    sampling_ratio: int = -1,
    aligned: bool = False,
) -> Tensor:
    """Regions of feature maps (N, C, H, W), each as (C, height, width): the mean of samples in each bin.

    Args:
        boxes: (K, 5), place in the batch and x1, y1, x2, y2; or a list of (L, 4), one an image. They have no gradient.
        output_size: height and width, or one number for both.
        spatial_scale: from coordinates of boxes to pixels of the maps.
        sampling_ratio: samples of a bin along each axis; where not positive, one a pixel.
        aligned: pixels' centres are at halves; without, as at first, at whole numbers.

    AssertionError for boxes of another shape.

    >>> import rushlight as torch
    >>> maps = torch.arange(16.0).reshape(1, 1, 4, 4)
    >>> roi_align(maps, [torch.tensor([[0.0, 0, 2, 2]])], 1, sampling_ratio=2)
    tensor([[[[5.]]]])
    """
    regions = as_regions(boxes)
    _, channels, height, width = input.shape
    return aligned_regions(
        input,
        regions,
        sizes_of(output_size),
        spatial_scale,
        sampling_ratio,
        offset=0.5 if aligned else 0.0,
        least=None if aligned else 1.0,
        rows=pixel_rows(input),
        channels=channels,
        first_row=lambda places: (places * (height * width))[:, None, None],
    )


class RoIAlign(Module):
    """`roi_align` as a module."""

    def __init__(
        self, output_size: int | Sequence[int], spatial_scale: float, sampling_ratio: int, aligned: bool = False
    ) -> None:
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale
        self.sampling_ratio = sampling_ratio
        self.aligned = aligned

    def forward(self, input: Tensor, rois: Tensor | Sequence[Tensor]) -> Tensor:
        return roi_align(input, rois, self.output_size, self.spatial_scale, self.sampling_ratio, self.aligned)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(output_size={self.output_size}, spatial_scale={self.spatial_scale}, "
            f"sampling_ratio={self.sampling_ratio}, aligned={self.aligned})"
        )
