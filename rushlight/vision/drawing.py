"""Boxes, masks and key points drawn into images, and optical flow as colours: the rest of `torchvision.utils`.

Lines, shapes and letters are Pillow's, as torchvision's are, so that the pixels are the same.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..dtype import bool_, float32, int64, uint8
from ..dtype import dtype as DType
from ..limits import finfo
from ..tensor import Tensor, atan2, from_numpy, no_grad, ones, tensor, where
from .pillow import pillow
from .transforms.v2.images import to_dtype

Color = str | tuple[int, ...]
Colors = Color | list[Color] | None

# Steps through the wheel of 255 values: powers of two less one, which lie far apart modulo 255.
_PALETTE = (2**25 - 1, 2**15 - 1, 2**21 - 1)
_SEE_THROUGH = 100  # the opacity of filled boxes, of 255
_DASH = 5  # pixels of a dash, and of the gap after it


def _colors(colors: Colors, count: int) -> list[tuple[int, ...]]:
    """Red, green and blue, 0 to 255, of each of `count` things."""
    if colors is None:
        return [tuple(i * step % 255 for step in _PALETTE) for i in range(count)]
    if not isinstance(colors, (list, tuple, str)):
        raise ValueError(f"colors must be a tuple or a string, or a list thereof, but got {colors}.")
    if isinstance(colors, list) and len(colors) < count:
        raise ValueError(
            f"Number of colors must be equal or larger than the number of objects, but got {len(colors)} < {count}."
        )
    if isinstance(colors, tuple) and len(colors) != 3:
        raise ValueError(f"If passed as tuple, colors should be an RGB triplet, but got {colors}.")
    each = colors if isinstance(colors, list) else [colors] * count
    return [pillow("ImageColor").getrgb(color) if isinstance(color, str) else color for color in each]


def _check_image(image: Any, wrong_type: str) -> None:
    if not isinstance(image, Tensor):
        raise TypeError(f"{wrong_type}, got {type(image)}")
    if not (image.dtype is uint8 or image.is_floating_point()):
        raise ValueError(f"The image dtype must be uint8 or float, got {image.dtype}")
    if image.dim() != 3:
        raise ValueError("Pass individual images, not batches")


def _check_colored(image: Any) -> None:
    _check_image(image, "The image must be a tensor")
    if image.size(0) != 3:
        raise ValueError("Pass an RGB image. Other Image formats are not supported")


def _picture(image: Tensor) -> Any:
    """The image (3, H, W) as PIL image."""
    pixels = to_dtype(image, uint8, scale=True).permute(1, 2, 0).detach().numpy()
    return pillow().fromarray(np.ascontiguousarray(pixels))


def _image(picture: Any, dtype: DType) -> Tensor:
    """The PIL image as tensor (3, H, W)."""
    pixels = from_numpy(np.array(picture)).permute(2, 0, 1)
    return to_dtype(pixels, dtype, scale=True) if dtype.is_floating_point else pixels


# ---- boxes ----


def _dashes(start: Sequence[float], end: Sequence[float]) -> Iterator[list[tuple[float, float]]]:
    """The strokes of a dashed line.

    Each begins where the last step ended, and every step takes its angle from there: rounding then falls as in
    torchvision, and Pillow cuts fractions off.
    """
    (x, y), left = start, math.hypot(end[0] - start[0], end[1] - start[1])
    drawn = True
    while left > 0:
        step = min(left, _DASH)
        angle = math.atan2(end[1] - y, end[0] - x)
        following = (x + math.cos(angle) * step, y + math.sin(angle) * step)
        if drawn:
            yield [(x, y), following]
        (x, y), left, drawn = following, left - step, not drawn


def _draw_oriented(draw: Any, box: Sequence[int], color: Any, fill: Any, width: int) -> None:
    """A box at an angle, by its four corners; its first side is dashed, so that one sees how it is turned."""
    corners = [(box[i], box[i + 1]) for i in range(0, 8, 2)]
    for stroke in _dashes(corners[0], corners[1]):
        draw.line(stroke, color, width)
    for i in range(1, 4):
        draw.line((corners[i], corners[(i + 1) % 4]), width=width, fill=color)
    draw.polygon([number for corner in corners for number in corner], fill=fill, outline=None, width=0)


def _lettering(font: str | None, font_size: int | None) -> Any:
    fonts = pillow("ImageFont")
    if font is not None:
        return fonts.truetype(font=font, size=font_size or 10)
    if font_size is not None:
        warnings.warn("Argument 'font_size' will be ignored since 'font' is not set.", UserWarning, stacklevel=4)
    return fonts.load_default()


def _check_boxes(boxes: Tensor, labels: list[Any] | None) -> None:
    if boxes.ndim != 2 or (len(boxes) and boxes.shape[1] not in (4, 8)):
        raise ValueError(
            f"draw_bounding_boxes: boxes must be (N, 4), x1, y1, x2, y2, or (N, 8), four corners, got {boxes.shape}"
        )
    if boxes.shape[1] == 4 and bool((boxes[:, 0] > boxes[:, 2]).any() or (boxes[:, 1] > boxes[:, 3]).any()):
        raise ValueError(
            "Boxes need to be in (xmin, ymin, xmax, ymax) format. Use torchvision.ops.box_convert to convert them"
        )
    if labels is not None and len(labels) != len(boxes):
        raise ValueError(
            f"Number of boxes ({len(boxes)}) and labels ({len(labels)}) mismatch. Please specify labels for each box."
        )


@no_grad()
def draw_bounding_boxes(
    image: Tensor,
    boxes: Tensor,
    labels: list[Any] | None = None,
    colors: Colors = None,
    fill: bool | None = False,
    width: int = 1,
    font: str | None = None,
    font_size: int | None = None,
    label_colors: Colors = None,
    label_background_colors: Colors = None,
    fill_labels: bool = False,
) -> Tensor:
    """A copy of `image`, (1 or 3, H, W) of uint8 or of floats in [0, 1], with boxes drawn: (3, H, W) of its dtype.

    Args:
        boxes: (N, 4), corners x1, y1, x2, y2 in pixels; or (N, 8), four corners of boxes at any angle.
        labels: a text for each box; None for a box without.
        colors: a name that Pillow knows, "#RRGGBB" or (red, green, blue), for all boxes or a list of one for each; by
            default a palette.
        fill: fill the boxes, so that the image shines through.
        width: of the lines, in pixels.
        font: a file of a TrueType font, with `font_size`, by default 10; else Pillow's own font.
        label_colors: as `colors`, of the text; by default the box's, or black on a background.
        label_background_colors: as `colors`, used with `fill_labels`; by default the box's.

    Raises TypeError or ValueError where image, boxes, labels or colours do not fit, ImportError without Pillow.

    >>> import rushlight as torch
    >>> image = torch.zeros(3, 6, 6, dtype=torch.uint8)
    >>> draw_bounding_boxes(image, torch.tensor([[1, 1, 4, 4]]), colors="red")[0, 1]
    tensor([  0, 255, 255, 255, 255,   0], dtype=torch.uint8)
    """
    _check_image(image, "Tensor expected")
    if image.size(0) not in (1, 3):
        raise ValueError("Only grayscale and RGB images are supported")
    _check_boxes(boxes, labels)
    count = len(boxes)
    if count == 0:
        warnings.warn("boxes doesn't contain any box. No box was drawn", UserWarning, stacklevel=2)
        return image
    box_colors = _colors(colors, count)
    text_colors = _colors(label_colors, count) if label_colors else [(0, 0, 0)] * count if fill_labels else box_colors
    backgrounds = _colors(label_background_colors, count) if label_background_colors else box_colors
    letters = _lettering(font, font_size)
    picture = _picture(image.expand(3, -1, -1))
    draw = pillow("ImageDraw").Draw(picture, "RGBA" if fill else "RGB")
    for i, box in enumerate(boxes.to(int64).tolist()):
        inside = (*box_colors[i], _SEE_THROUGH) if fill else None
        if len(box) == 8:
            _draw_oriented(draw, box, box_colors[i], inside, width)
        else:
            draw.rectangle(box, width=width, outline=box_colors[i], fill=inside)
        if labels is not None and labels[i] is not None:
            place = (box[0] + width + 1, box[1] + width + 1)
            if fill_labels:
                left, top, right, bottom = draw.textbbox(place, labels[i], font=letters)
                draw.rectangle((left - 1, top - 1, right + 1, bottom + 1), fill=backgrounds[i])
            draw.text(place, labels[i], fill=text_colors[i], font=letters)
    return _image(picture, image.dtype)


# ---- masks ----


@no_grad()
def draw_segmentation_masks(image: Tensor, masks: Tensor, alpha: float = 0.8, colors: Colors = None) -> Tensor:
    """A copy of `image`, (3, H, W) of uint8 or of floats in [0, 1], with masks painted over it.

    Args:
        masks: (N, H, W) or (H, W) of bool; where masks overlap, black is painted.
        alpha: how much the paint covers, 0 (nothing) to 1.
        colors: one for all masks or a list of one for each, as in `draw_bounding_boxes`; by default a palette.

    Raises TypeError or ValueError where image, masks or colours do not fit.

    >>> import rushlight as torch
    >>> image = torch.full((3, 1, 2), 100, dtype=torch.uint8)
    >>> draw_segmentation_masks(image, torch.tensor([[True, False]]), alpha=0.5, colors=(200, 0, 0))[0]
    tensor([[150, 100]], dtype=torch.uint8)
    """
    _check_colored(image)
    if masks.ndim == 2:
        masks = masks[None]
    if masks.ndim != 3:
        raise ValueError("masks must be of shape (H, W) or (batch_size, H, W)")
    if masks.dtype is not bool_:
        raise ValueError(f"The masks must be of dtype bool. Got {masks.dtype}")
    if masks.shape[-2:] != image.shape[-2:]:
        raise ValueError("The image and the masks must have the same height and width")
    if len(masks) == 0:
        warnings.warn("masks doesn't contain any mask. No mask was drawn", UserWarning, stacklevel=2)
        return image
    painted = image.detach()
    for mask, color in zip(masks, _colors(colors, len(masks)), strict=False):
        if not image.is_floating_point():
            paint = tensor(color, dtype=image.dtype)
        elif colors is None:
            paint = (tensor(color) / 255).to(image.dtype)  # PyTorch divides its palette in single precision
        else:
            paint = tensor([value / 255 for value in color], dtype=image.dtype)
        painted = where(mask, paint[:, None, None], painted)
    painted = painted.masked_fill(masks.sum(dim=0) > 1, 0)
    return (image * (1 - alpha) + painted * alpha).to(image.dtype)


# ---- key points ----


def _visible(visibility: Tensor | None, keypoints: Tensor) -> Tensor:
    """(N, K), where a key point is to be drawn."""
    if keypoints.ndim != 3:
        raise ValueError("keypoints must be of shape (num_instances, K, 2)")
    if visibility is None:
        return ones(keypoints.shape[:-1], dtype=bool_)
    if visibility.ndim == 3:
        visibility = visibility.squeeze(-1)
    if visibility.ndim != 2:
        raise ValueError(f"visibility must be of shape (num_instances, K). Got ndim={visibility.ndim}")
    if visibility.shape != keypoints.shape[:-1]:
        raise ValueError(
            "keypoints and visibility must have the same dimensionality for num_instances and K. "
            f"Got {visibility.shape=} and {keypoints.shape=}"
        )
    return visibility.to(bool_)


@no_grad()
def draw_keypoints(
    image: Tensor,
    keypoints: Tensor,
    connectivity: list[tuple[int, int]] | None = None,
    colors: Color | None = None,
    radius: int = 2,
    width: int = 3,
    visibility: Tensor | None = None,
) -> Tensor:
    """A copy of `image`, (3, H, W) of uint8 or of floats in [0, 1], with points drawn as discs.

    Args:
        keypoints: (N, K, 2), x and y in pixels of the K points of N instances.
        connectivity: pairs of points that white lines of `width` pixels join.
        colors: one colour, a name, "#RRGGBB" or (red, green, blue); by default white.
        radius: of the discs, in pixels.
        visibility: (N, K) or (N, K, 1); a point where it is 0, and what leads there, is not drawn.

    Raises TypeError or ValueError where image, points or visibility do not fit, ImportError without Pillow.

    >>> import rushlight as torch
    >>> image = torch.zeros(3, 5, 5, dtype=torch.uint8)
    >>> draw_keypoints(image, torch.tensor([[[2, 2]]]), colors="blue", radius=1)[2, 2]
    tensor([  0, 255, 255, 255,   0], dtype=torch.uint8)
    """
    _check_colored(image)
    visible = _visible(visibility, keypoints).tolist()
    picture = _picture(image)
    draw = pillow("ImageDraw").Draw(picture)
    for points, seen in zip(keypoints.to(int64).tolist(), visible, strict=True):
        for (x, y, *_), shown in zip(points, seen, strict=True):
            if shown:
                draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=colors, outline=None, width=0)
        for start, end in connectivity or ():
            if seen[start] and seen[end]:
                draw.line((tuple(points[start][:2]), tuple(points[end][:2])), width=width)
    return _image(picture, image.dtype)


# ---- optical flow ----

# S. Baker et al., "A Database and Evaluation Methodology for Optical Flow", IJCV 92 (2011): the wheel goes from each of
# these colours to the next in as many steps as their difference is easy to see.
_WHEEL = [
    ((255, 0, 0), 15),
    ((255, 255, 0), 6),
    ((0, 255, 0), 4),
    ((0, 255, 255), 11),
    ((0, 0, 255), 13),
    ((255, 0, 255), 6),
]


def _wheel() -> Tensor:
    """(55, 3): red, green and blue of the directions."""
    rows = []
    for i, (color, steps) in enumerate(_WHEEL):
        following = _WHEEL[(i + 1) % len(_WHEEL)][0]
        for k in range(steps):
            moved = 255 * k // steps
            rows.append([a + moved * (b > a) - moved * (b < a) for a, b in zip(color, following, strict=True)])
    return tensor(rows, dtype=float32)


@no_grad()
def flow_to_image(flow: Tensor) -> Tensor:
    """Optical flow (2, H, W) or (N, 2, H, W) of float32 as image (3, H, W) or (N, 3, H, W) of uint8.

    The direction chooses the hue; the faster, in parts of the fastest of all N, the fuller the colour; white rests.
    Values may differ by one from torchvision's where the arctangent's last bit does.

    Raises ValueError for another dtype or shape.

    >>> import rushlight as torch
    >>> flow_to_image(torch.tensor([[[1.0, 0.0]], [[0.0, 0.0]]]))[:, 0].tolist()
    [[255, 255], [0, 255], [0, 255]]
    """
    if flow.dtype is not float32:
        raise ValueError(f"Flow should be of dtype torch.float, got {flow.dtype}.")
    flows = flow[None] if flow.ndim == 3 else flow
    if flows.ndim != 4 or flows.shape[1] != 2:
        raise ValueError(f"Input flow should have shape (2, H, W) or (N, 2, H, W), got {flow.shape}.")
    fastest = flows.pow(2).sum(dim=1).sqrt().max()
    flows = flows / (fastest + finfo(float32).eps)
    speed = flows.pow(2).sum(dim=1).sqrt()[..., None]
    wheel = _wheel()
    turn = (atan2(-flows[:, 1], -flows[:, 0]) / math.pi + 1) / 2 * (len(wheel) - 1)
    place = turn.floor()
    share, place = (turn - place)[..., None], place.to(int64)
    color = (1 - share) * (wheel[place] / 255) + share * (wheel[(place + 1) % len(wheel)] / 255)
    result = (255 * (1 - speed * (1 - color))).floor().to(uint8).permute(0, 3, 1, 2).contiguous()
    return result[0] if flow.ndim == 3 else result
