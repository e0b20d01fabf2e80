"""Many images in one, and what is drawn into images (`drawing`): `torchvision.utils`, whose name this file has."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..tensor import Tensor, cat, no_grad, stack
from .drawing import draw_bounding_boxes, draw_keypoints, draw_segmentation_masks, flow_to_image
from .pillow import pillow

__all__ = [
    "draw_bounding_boxes",
    "draw_keypoints",
    "draw_segmentation_masks",
    "flow_to_image",
    "make_grid",
    "save_image",
]


def _scaled(images: Tensor, value_range: tuple[float, float] | None) -> Tensor:
    """The images with their range, or the given one, stretched to [0, 1]."""
    low, high = value_range if value_range is not None else (float(images.min()), float(images.max()))
    return images.clamp(min=low, max=high).sub(low).div(max(high - low, 1e-5))


def _batch_of(tensor: Any) -> Tensor:
    """One image or several as (N, C, H, W) with at least three channels."""
    if isinstance(tensor, list):
        for element in tensor:
            if not isinstance(element, Tensor):
                raise TypeError(f"tensor or list of tensors expected, got a list containing {type(element)}")
        tensor = stack(tensor, dim=0)
    if not isinstance(tensor, Tensor):
        raise TypeError(f"tensor or list of tensors expected, got {type(tensor)}")
    if tensor.dim() == 2:
        tensor = tensor.unsqueeze(0)
    if tensor.dim() == 3:
        tensor = tensor.unsqueeze(0)
    if tensor.dim() == 4 and tensor.size(1) == 1:
        tensor = cat((tensor, tensor, tensor), 1)
    return tensor


@no_grad()
def make_grid(
    tensor: Tensor | list[Tensor],
    nrow: int = 8,
    padding: int = 2,
    normalize: bool = False,
    value_range: tuple[float, float] | None = None,
    scale_each: bool = False,
    pad_value: float = 0.0,
) -> Tensor:
    """Images (N, C, H, W), or a list of (C, H, W), side by side in rows of `nrow`; one image (C, H, W) where there is
    one.

    Args:
        padding: pixels between images, of value `pad_value`.
        normalize: stretch the values to [0, 1], from `value_range` or from what there is; of each image, with
            `scale_each`.

    >>> import rushlight as torch
    >>> make_grid(torch.zeros(3, 1, 4, 4), nrow=2).shape
    torch.Size([3, 14, 14])
    """
    images = _batch_of(tensor)
    if normalize:
        if value_range is not None and not isinstance(value_range, tuple):
            raise TypeError("value_range has to be a tuple (min, max) if specified. min and max are numbers")
        if scale_each:
            images = stack([_scaled(image, value_range) for image in images])
        else:
            images = _scaled(images, value_range)
    if images.size(0) == 1:
        return images.squeeze(0)
    count, channels, height, width = images.shape
    columns = min(nrow, count)
    rows = math.ceil(count / columns)
    height, width = height + padding, width + padding
    grid = images.new_full((channels, height * rows + padding, width * columns + padding), pad_value)
    for k in range(count):
        top, left = (k // columns) * height + padding, (k % columns) * width + padding
        grid[:, top : top + height - padding, left : left + width - padding] = images[k]
    return grid


@no_grad()
def save_image(
    tensor: Tensor | list[Tensor], fp: str | Path | BinaryIO, format: str | None = None, **kwargs: Any
) -> None:
    """Writes an image, or several as `make_grid(tensor, **kwargs)`, to a file; values in [0, 1]."""
    grid = make_grid(tensor, **kwargs)
    pixels = np.asarray(grid.mul(255).add(0.5).clamp(0, 255).permute(1, 2, 0).detach().numpy()).astype(np.uint8)
    pillow().fromarray(np.ascontiguousarray(pixels)).save(fp, format=format)
