"""Boxes, masks, key points and optical flow as pictures: what `torchvision.utils` (`utils.py`) draws.

Pillow draws lines and text, so that the pixels are torchvision's.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..dtype import bool_, float32, uint8
from ..tensor import Tensor, from_numpy, no_grad, tensor, where
from .pillow import image_of_array, pillow
from .transforms.v2.images import to_dtype

Color = str | tuple[int, int, int]
Point = tuple[float, float]

# How much of 255 a filled box covers what lies below it.
FILL_OPACITY = 100
# Pixels of a stroke, and of the gap behind it, on the side of a turned box that shows where its top is.
STROKE = 5


def require_image(image: Any, channels: tuple[int, ...], what: str) -> None:
    """Raises where `image` is not one picture (C, H, W) of bytes or floats with so many channels."""
    if not isinstance(image, Tensor):
        raise TypeError(
            f"{what} takes the image as a tensor, got {type(image).__name__}; PIL images become one by pil_to_tensor"
        )
    if image.dtype is not uint8 and not image.dtype.is_floating_point:
        raise ValueError(f"{what} takes an image of uint8 or of floats in [0, 1], got {image.dtype}")
    if image.dim() != 3:
        raise ValueError(
            f"{what} takes one image (C, H, W), got shape {tuple(image.shape)}; draw into those of a batch one by one"
        )
    if image.shape[0] not in channels:
        allowed = " or ".join(str(number) for number in channels)
        raise ValueError(
            f"{what} takes an image of {allowed} channels, got {image.shape[0]} in shape {tuple(image.shape)}"
        )


def as_rgb(color: Any) -> tuple[int, int, int]:
    """A colour by name, "#RRGGBB" or numbers, as numbers."""
    if isinstance(color, str):
        return pillow("ImageColor").getrgb(color)
    if isinstance(color, tuple) and len(color) == 3:
        return color
    raise ValueError(f"a color is a name, '#RRGGBB' or a tuple of three numbers (red, green, blue), got {color!r}")


def palette(number: int) -> list[tuple[int, int, int]]:
    """Colours that differ, the first of them black: multiples of large numbers, as in PyTorch's tutorial on DeepLabV3."""
    return [tuple(index * (2**power - 1) % 255 for power in (25, 15, 21)) for index in range(number)]


def one_for_each(colors: Any, number: int) -> list[tuple[int, int, int]]:
    """`number` colours: the palette's, one for all, or the first of a list."""
    if colors is None:
        return palette(number)
    if not isinstance(colors, list):
        if not isinstance(colors, (str, tuple)):
            raise ValueError(f"colors must be a color or a list of colors, got {colors!r}")
        return [as_rgb(colors)] * number
    if len(colors) < number:
        raise ValueError(f"there are {number} objects but {len(colors)} colors; give one for each, or one for all")
    return [as_rgb(color) for color in colors[:number]]


def canvas_of(image: Tensor) -> Any:
    """A PIL image of the picture, with three channels."""
    array = to_dtype(image, uint8, scale=True).numpy().transpose(1, 2, 0)
    return image_of_array(np.ascontiguousarray(np.broadcast_to(array, (*array.shape[:2], 3))))


def tensor_of(canvas: Any, like: Tensor) -> Tensor:
    """The canvas as a picture (3, H, W) of the dtype that `like` has."""
    return to_dtype(from_numpy(np.array(canvas).transpose(2, 0, 1).copy()), like.dtype, scale=True)


def strokes(start: Point, end: Point) -> Iterator[tuple[Point, Point]]:
    """A dashed line: stroke and gap in turn, of one length each, the last as long as what is left.

    The direction is measured anew at each step, so that rounding does not lead past the end.
    """
    left = math.dist(start, end)
    here, drawn = start, True
    while left > 0:
        angle = math.atan2(end[1] - here[1], end[0] - here[0])
        length = min(STROKE, left)
        there = (here[0] + length * math.cos(angle), here[1] + length * math.sin(angle))
        if drawn:
            yield here, there
        here, drawn, left = there, not drawn, left - STROKE


def draw_turned_box(draw: Any, corners: Sequence[int], color: Color, fill: tuple[int, ...] | None, width: int) -> None:
    """A box by its four corners; the side from the first to the second is dashed."""
    first, second, third, fourth = zip(corners[::2], corners[1::2], strict=True)
    if fill is not None:
        draw.polygon([first, second, third, fourth], fill=fill)
    for stroke in strokes(first, second):
        draw.line(stroke, fill=color, width=width)
    for side in ((second, third), (third, fourth), (fourth, first)):
        draw.line(side, fill=color, width=width)


def draw_label(draw: Any, label: str, corner: Point, font: Any, color: Color, background: Color | None) -> None:
    """Text to the lower right of `corner`; a rectangle of `background` behind it reaches one pixel further."""
    if background is not None:
        left, top, right, bottom = draw.textbbox(corner, label, font=font)
        draw.rectangle((left - 1, top - 1, right + 1, bottom + 1), fill=background)
    draw.text(corner, label, fill=color, font=font)


def font_for_labels(font: str | None, size: int | None) -> Any:
    fonts = pillow("ImageFont")
    if font is not None:
        return fonts.truetype(font=font, size=size or 10)
    if size is not None:
        warnings.warn(
            "draw_bounding_boxes: font_size has no effect without font, the file of a TrueType font", stacklevel=3
        )
    return fonts.load_default()


@no_grad()
def draw_bounding_boxes(
    image: Tensor,
    boxes: Tensor,
    labels: Sequence[str | None] | None = None,
    colors: Color | list[Color] | None = None,
    fill: bool | None = False,
    width: int = 1,
    font: str | None = None,
    font_size: int | None = None,
    label_colors: Color | list[Color] | None = None,
    label_background_colors: Color | list[Color] | None = None,
    fill_labels: bool = False,
) -> Tensor:
    """A copy of the image, (3, H, W), with boxes drawn into it: `torchvision.utils.draw_bounding_boxes`.

    `image` is (1 or 3, H, W), bytes or floats in [0, 1]. `boxes` is (N, 4) of left, top, right, bottom in pixels, or (N, 8) of
    four corners, whose first side is dashed. `labels` has a text or None for each. A color is a name, "#RRGGBB" or a tuple;
    without one each box has its own. `font` is the file of a TrueType font. TypeError, ValueError for inputs of other kinds.

    >>> import rushlight as torch
    >>> image = torch.zeros(3, 5, 6, dtype=torch.uint8)
    >>> draw_bounding_boxes(image, torch.tensor([[1, 1, 4, 3]]), colors="red")[0]
    tensor([[  0,   0,   0,   0,   0,   0],
            [  0, 255, 255, 255, 255,   0],
            [  0, 255,   0,   0, 255,   0],
            [  0, 255, 255, 255, 255,   0],
            [  0,   0,   0,   0,   0,   0]], dtype=torch.uint8)
    """
    require_image(image, (1, 3), "draw_bounding_boxes")
    number = len(boxes)
    if boxes.dim() != 2 or boxes.shape[1] not in (4, 8):
        raise ValueError(
            f"boxes must be (N, 4), two corners, or (N, 8), four of a turned box; got shape {tuple(boxes.shape)}"
        )
    if labels is not None and len(labels) != number:
        raise ValueError(
            f"there are {number} boxes but {len(labels)} labels; give one for each, None where there is none"
        )
    if not number:
        warnings.warn("draw_bounding_boxes was given no boxes and gives the image as it is", stacklevel=2)
        return image
    corners = boxes.numpy().astype(np.int64) if boxes.dtype.is_floating_point else boxes.numpy()
    if corners.shape[1] == 4 and (boxes.numpy()[:, :2] > boxes.numpy()[:, 2:]).any():
        raise ValueError(
            "boxes must be (left, top, right, bottom) with left <= right and top <= bottom; ops.box_convert converts others"
        )

    outlines = one_for_each(colors, number)
    texts = one_for_each(label_colors, number) if label_colors else ["black"] * number if fill_labels else outlines
    backgrounds: Sequence[Color | None] = [None] * number
    if fill_labels:
        backgrounds = one_for_each(label_background_colors, number) if label_background_colors else outlines
    letters = font_for_labels(font, font_size) if labels is not None or font_size is not None else None

    canvas = canvas_of(image)
    draw = pillow("ImageDraw").Draw(canvas, "RGBA" if fill else None)
    for index, (box, color) in enumerate(zip(corners.tolist(), outlines, strict=True)):
        inside = (*color, FILL_OPACITY) if fill else None
        if len(box) == 4:
            draw.rectangle(box, width=width, outline=color, fill=inside)
        else:
            draw_turned_box(draw, box, color, inside, width)
        label = labels[index] if labels is not None else None
        if label is not None:
            corner = (box[0] + width + 1, box[1] + width + 1)
            draw_label(draw, label, corner, letters, texts[index], backgrounds[index])
    return tensor_of(canvas, image)


@no_grad()
def draw_segmentation_masks(
    image: Tensor, masks: Tensor, alpha: float = 0.8, colors: Color | list[Color] | None = None
) -> Tensor:
    """The image, (3, H, W), with a colour laid over each mask: `torchvision.utils.draw_segmentation_masks`.

    `masks` is (N, H, W) or (H, W), of bool; where two overlap, the colour is black. `alpha` is the colour's share, from 0 to 1.
    Errors and colours as in `draw_bounding_boxes`.

    >>> import rushlight as torch
    >>> image = torch.full((3, 1, 3), 100, dtype=torch.uint8)
    >>> draw_segmentation_masks(image, torch.tensor([[True, False, True]]), alpha=0.5, colors="red")[0]
    tensor([[177, 100, 177]], dtype=torch.uint8)
    """
    require_image(image, (3,), "draw_segmentation_masks")
    if masks.dim() not in (2, 3):
        raise ValueError(f"masks must be (N, H, W) or (H, W), got shape {tuple(masks.shape)}")
    if masks.dtype is not bool_:
        raise ValueError(f"masks must be of dtype bool, got {masks.dtype}; compare scores with a threshold first")
    if masks.shape[-2:] != image.shape[-2:]:
        raise ValueError(f"masks of {tuple(masks.shape[-2:])} do not cover an image of {tuple(image.shape[-2:])}")
    masks = masks if masks.dim() == 3 else masks[None]
    if not len(masks):
        warnings.warn("draw_segmentation_masks was given no masks and gives the image as it is", stacklevel=2)
        return image
    shades = tensor(one_for_each(colors, len(masks)), dtype=uint8)
    if image.dtype is not uint8:
        # torchvision has the colours of its own in float32 and the user's in the image's dtype.
        shades = (shades.float() / 255).to(image.dtype) if colors is None else shades.to(image.dtype) / 255
    # Counted here and not in the kernel that blends, which then rounds each product and sum, as torchvision does.
    layers = masks.numpy()
    covered, which = from_numpy(layers.sum(0)), from_numpy(layers.argmax(0))
    painted = where(covered > 1, 0, shades[which].permute(2, 0, 1))
    painted = where(covered > 0, painted, image)
    return (image * (1 - alpha) + painted * alpha).to(image.dtype)


def visible_points(visibility: Tensor | None, keypoints: Tensor) -> np.ndarray:
    """Which of the points (N, K) are drawn."""
    if visibility is None:
        return np.ones(keypoints.shape[:2], bool)
    if visibility.dim() == 3 and visibility.shape[-1] == 1:
        visibility = visibility.squeeze(-1)
    if visibility.dim() != 2:
        raise ValueError(f"visibility must be (N, K), one for each point, got shape {tuple(visibility.shape)}")
    if visibility.shape != keypoints.shape[:2]:
        raise ValueError(
            f"visibility of {tuple(visibility.shape)} does not belong to keypoints of {tuple(keypoints.shape)}"
        )
    return visibility.numpy().astype(bool)


@no_grad()
def draw_keypoints(
    image: Tensor,
    keypoints: Tensor,
    connectivity: Sequence[tuple[int, int]] | None = None,
    colors: Color | None = None,
    radius: int = 2,
    width: int = 3,
    visibility: Tensor | None = None,
) -> Tensor:
    """A copy of the image, (3, H, W), with discs at key points and lines between them: `torchvision.utils.draw_keypoints`.

    `keypoints` is (N, K, 2), x and y in pixels, `connectivity` has pairs of points that a line of `width` pixels joins.
    `visibility`, (N, K), leaves points out, and lines that end there. Lines are white; `colors` is one color, of the discs, without
    which there are none.

    >>> import rushlight as torch
    >>> image = torch.zeros(3, 3, 5, dtype=torch.uint8)
    >>> draw_keypoints(image, torch.tensor([[[1, 1], [4, 1]]]), colors="red", radius=1)[0]
    tensor([[  0, 255,   0,   0, 255],
            [255, 255, 255, 255, 255],
            [  0, 255,   0,   0, 255]], dtype=torch.uint8)
    """
    require_image(image, (3,), "draw_keypoints")
    if keypoints.dim() != 3 or keypoints.shape[-1] != 2:
        raise ValueError(f"keypoints must be (N, K, 2), got shape {tuple(keypoints.shape)}")
    shown = visible_points(visibility, keypoints)
    canvas = canvas_of(image)
    draw = pillow("ImageDraw").Draw(canvas)
    for points, seen in zip(keypoints.numpy().astype(np.int64).tolist(), shown, strict=True):
        for (x, y), here in zip(points, seen, strict=True):
            if here and colors is not None:
                draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colors)
        for start, end in connectivity or ():
            if seen[start] and seen[end]:
                draw.line((*points[start], *points[end]), fill="white", width=width)
    return tensor_of(canvas, image)


def color_wheel() -> np.ndarray:
    """The 55 hues of Baker et al., "A Database and Evaluation Methodology for Optical Flow" (IJCV 2011): each of the six ways from
    one pure colour to the next has as many steps as an eye tells apart there."""
    pure = {
        "red": (1, 0, 0),
        "yellow": (1, 1, 0),
        "green": (0, 1, 0),
        "cyan": (0, 1, 1),
        "blue": (0, 0, 1),
        "magenta": (1, 0, 1),
    }
    names, steps = list(pure), (15, 6, 4, 11, 13, 6)
    hues = []
    for index, number in enumerate(steps):
        begin, end = np.array(pure[names[index]]), np.array(pure[names[(index + 1) % 6]])
        amount = np.floor(255 * np.arange(number) / number)[:, None]
        hues.append(255 * begin + (end - begin) * amount)
    return np.concatenate(hues).astype(np.float32)


@no_grad()
def flow_to_image(flow: Tensor) -> Tensor:
    """Optical flow as colours, bytes: the hue is its direction, white is rest, and the strongest has full colour.

    `flow` is (2, H, W) or (N, 2, H, W), float32, x before y; the result has 3 channels for the 2. `torchvision.utils.flow_to_image`.

    >>> import rushlight as torch
    >>> flow_to_image(torch.tensor([[[0.0, 1.0]], [[0.0, 0.0]]]))[:, 0].T
    tensor([[255, 255, 255],
            [255,   0,   0]], dtype=torch.uint8)
    """
    if flow.dtype is not float32:
        raise ValueError(f"flow_to_image takes float32, got {flow.dtype}")
    if flow.dim() not in (3, 4) or flow.shape[-3] != 2:
        raise ValueError(f"flow_to_image takes (2, H, W) or (N, 2, H, W), got shape {tuple(flow.shape)}")
    x, y = (flow if flow.dim() == 4 else flow[None]).numpy().swapaxes(0, 1)
    longest = np.sqrt(x * x + y * y).max(initial=0) + np.finfo(np.float32).eps
    x, y = x / longest, y / longest
    wheel = color_wheel()
    # NumPy's arctan2 of float32 is less exact than PyTorch's.
    angle = np.arctan2(-y.astype(np.float64), -x.astype(np.float64)).astype(np.float32)
    place = (angle / np.float32(np.pi) + 1) / 2 * (len(wheel) - 1)
    below = np.floor(place)
    after = (place - below)[..., None]
    one, other = (wheel[index.astype(np.int64) % len(wheel)] / 255 for index in (below, below + 1))
    color = (1 - after) * one + after * other
    strength = np.sqrt(x * x + y * y)[..., None]
    shown = np.floor(255 * (1 - strength * (1 - color))).astype(np.uint8)
    pictures = from_numpy(np.ascontiguousarray(shown.transpose(0, 3, 1, 2)))
    return pictures if flow.dim() == 4 else pictures[0]
