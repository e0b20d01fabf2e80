"""Regions from feature pyramids: each from the level that fits its size (Lin et al. 2016, equation 1)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from ...dtype import int64
from ...nn import Module
from ...tensor import Tensor, cat, clamp, floor, from_numpy, full, log2
from .boxes import box_area
from .roi_align import roi_align


class LevelMapper:
    """From boxes to the level of the pyramid, counted from the finest, that each is read from."""

    def __init__(
        self, k_min: int, k_max: int, canonical_scale: int = 224, canonical_level: int = 4, eps: float = 1e-6
    ) -> None:
        self.k_min = k_min
        self.k_max = k_max
        self.s0 = canonical_scale
        self.lvl0 = canonical_level
        self.eps = eps

    def __call__(self, boxlists: Sequence[Tensor]) -> Tensor:
        size = cat([box_area(boxes) for boxes in boxlists]).sqrt()
        level = floor(self.lvl0 + log2(size / self.s0) + self.eps)
        return clamp(level, min=self.k_min, max=self.k_max).to(int64) - self.k_min  # type: ignore[no-any-return]


def initLevelMapper(
    k_min: int, k_max: int, canonical_scale: int = 224, canonical_level: int = 4, eps: float = 1e-6
) -> LevelMapper:
    """A `LevelMapper`."""
    return LevelMapper(k_min, k_max, canonical_scale, canonical_level, eps)


class MultiScaleRoIAlign(Module):
    """`roi_align` from the maps of a pyramid, each region from the level that fits its size.

    Args:
        featmap_names: which maps, finest first.
        output_size, sampling_ratio: of `roi_align`.
        canonical_scale, canonical_level: a square of this side is read from this level.

    Called with a mapping of maps (N, C, H, W), a list of boxes (L, 4) for each image, and the images' sizes.

    >>> import rushlight as torch
    >>> maps = {"a": torch.ones(1, 2, 16, 16), "b": torch.ones(1, 2, 8, 8)}
    >>> boxes = [torch.tensor([[0.0, 0, 10, 10], [0, 0, 60, 60]])]
    >>> MultiScaleRoIAlign(["a", "b"], 3, 2)(maps, boxes, [(64, 64)]).shape
    torch.Size([2, 2, 3, 3])
    """

    def __init__(
        self,
        featmap_names: list[str],
        output_size: int | Sequence[int],
        sampling_ratio: int,
        *,
        canonical_scale: int = 224,
        canonical_level: int = 4,
    ) -> None:
        super().__init__()
        self.featmap_names = featmap_names
        self.sampling_ratio = sampling_ratio
        self.output_size = (output_size, output_size) if isinstance(output_size, int) else tuple(output_size)
        self.scales: list[float] | None = None
        self.map_levels: LevelMapper | None = None
        self.canonical_scale = canonical_scale
        self.canonical_level = canonical_level

    def _set_scales(self, maps: list[Tensor], image_shapes: Sequence[tuple[int, int]]) -> None:
        """How much smaller than the images each map is, a power of two."""
        if not image_shapes:
            raise ValueError("images list should not be empty")
        original = [max(shape[axis] for shape in image_shapes) for axis in range(2)]
        self.scales = []
        for features in maps:
            ratios = [2 ** float(round(math.log2(features.shape[2 + axis] / original[axis]))) for axis in range(2)]
            self.scales.append(ratios[0])
        self.map_levels = LevelMapper(
            int(-math.log2(self.scales[0])),
            int(-math.log2(self.scales[-1])),
            self.canonical_scale,
            self.canonical_level,
        )

    def forward(self, x: Mapping[str, Tensor], boxes: list[Tensor], image_shapes: Sequence[tuple[int, int]]) -> Tensor:
        maps = [features for name, features in x.items() if name in self.featmap_names]
        if self.scales is None or self.map_levels is None:
            self._set_scales(maps, image_shapes)
        assert self.scales is not None and self.map_levels is not None
        if len(maps) == 1:
            return roi_align(maps[0], boxes, self.output_size, self.scales[0], self.sampling_ratio)
        numbers = [full((len(one), 1), float(place), dtype=one.dtype) for place, one in enumerate(boxes)]
        regions = cat([cat(numbers), cat(boxes)], 1)
        levels = self.map_levels(boxes).numpy()
        parts, order = [], []
        for level, (features, scale) in enumerate(zip(maps, self.scales, strict=True)):
            members = np.flatnonzero(levels == level)
            order.append(members)
            some = regions[from_numpy(members)]
            parts.append(roi_align(features, some, self.output_size, scale, self.sampling_ratio))
        return cat(parts).index_select(0, from_numpy(np.argsort(np.concatenate(order), kind="stable")))

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(featmap_names={self.featmap_names}, output_size={self.output_size}, "
            f"sampling_ratio={self.sampling_ratio})"
        )
