"""`torchvision.utils`: many images as one, and image files of tensors; `drawing` has what is drawn into images."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..dtype import uint8
from ..tensor import Tensor, no_grad, stack
from .drawing import draw_bounding_boxes, draw_keypoints, draw_segmentation_masks, flow_to_image
from .pillow import image_of_array

__all__ = [
    "draw_bounding_boxes",
    "draw_keypoints",
    "draw_segmentation_masks",
    "flow_to_image",
    "make_grid",
    "save_image",
]


def as_batch(images: Any) -> Tensor:
    """A batch (N, C, H, W) of what `make_grid` takes; one channel is shown as three equal ones."""
    several = isinstance(images, list)
    for one in images if several else [images]:
        if not isinstance(one, Tensor):
            where = "a list with " if several else ""
            raise TypeError(f"make_grid takes a tensor or a list of tensors, got {where}{type(one).__name__}")
    batch = stack(images) if several else images
    if not 2 <= batch.dim() <= 4:
        raise ValueError(f"make_grid takes (N, C, H, W), (C, H, W) or (H, W), got shape {tuple(batch.shape)}")
    batch = batch[(None,) * (4 - batch.dim())]
    return batch.expand(-1, 3, -1, -1) if batch.shape[1] == 1 else batch


def normalized(batch: Tensor, limits: tuple[float, float] | None, each: bool) -> Tensor:
    """Values moved so that `limits`, or the least and the greatest that there are, become 0 and 1; what lies beyond is cut."""
    if limits is not None and not isinstance(limits, tuple):
        raise TypeError(f"value_range must be a tuple (least, greatest), got {limits!r}")
    if not batch.dtype.is_floating_point:
        raise RuntimeError(f"make_grid(normalize=True) takes floats, got {batch.dtype}; convert with .float()")

    def moved(images: Tensor) -> Tensor:
        low, high = limits or (float(images.min()), float(images.max()))
        # Images of one value would be divided by 0.
        return (images.clamp(low, high) - low) / max(high - low, 1e-5)

    return stack([moved(image) for image in batch]) if each else moved(batch)


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
    """Images (N, C, H, W), or a list of equal shapes, side by side in one (C, H', W'): `torchvision.utils.make_grid`.

    `nrow` images stand in a row, with `padding` pixels of `pad_value` around each; a single image stays without. `normalize`
    moves values to 0 … 1, from `value_range` or else from what there is, with `scale_each` image by image. TypeError for what
    is no tensor.

    >>> import rushlight as torch
    >>> make_grid(torch.ones(3, 1, 1, 2), nrow=2, padding=1)[0].int()
    tensor([[0, 0, 0, 0, 0, 0, 0],
            [0, 1, 1, 0, 1, 1, 0],
            [0, 0, 0, 0, 0, 0, 0],
            [0, 1, 1, 0, 0, 0, 0],
            [0, 0, 0, 0, 0, 0, 0]], dtype=torch.int32)
    """
    batch = as_batch(tensor)
    if normalize:
        batch = normalized(batch, value_range, scale_each)
    number, channels, height, width = batch.shape
    if number == 0:
        raise ValueError(f"make_grid was given no images: shape {tuple(batch.shape)}")
    if number == 1:
        return batch[0].clone()
    columns = min(nrow, number)
    rows = -(-number // columns)
    # Each cell is an image with its margin above and to the left; the last margins are the canvas's.
    cells = batch.new_full((rows * columns, channels, height + padding, width + padding), pad_value)
    cells[:number, :, padding:, padding:] = batch
    joined = cells.unflatten(0, (rows, columns)).permute(2, 0, 3, 1, 4).flatten(1, 2).flatten(2, 3)
    canvas = batch.new_full((channels, joined.shape[1] + padding, joined.shape[2] + padding), pad_value)
    canvas[:, : joined.shape[1], : joined.shape[2]] = joined
    return canvas


@no_grad()
def save_image(
    tensor: Tensor | list[Tensor], fp: str | Path | BinaryIO, format: str | None = None, **options: Any
) -> None:
    """Writes an image of floats in [0, 1], several as `make_grid` with its `options`: `torchvision.utils.save_image`.

    The form is the file name's; an open file needs `format`, like "png".

    >>> import io, rushlight as torch
    >>> save_image(torch.ones(3, 8, 8), file := io.BytesIO(), format="png")
    >>> file.getvalue()[1:4]
    b'PNG'
    """
    shown = make_grid(tensor, **options).mul(255).add(0.5).clamp(0, 255).to(uint8)
    image_of_array(np.ascontiguousarray(shown.numpy().transpose(1, 2, 0))).save(fp, format=format)
