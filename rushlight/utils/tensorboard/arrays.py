"""What a program logs, as NumPy arrays; and pictures put into the order and the form that files of them need."""

from __future__ import annotations

import io
import math
import sys
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ...dtype import bfloat16
from ...tensor import Tensor

COLUMNS = 8  # of pictures side by side
RED, BLACK = (255, 0, 0), (0, 0, 0)


def as_array(value: Any) -> np.ndarray:
    """A number, a tensor or an array as an array of one dimension or more; NotImplementedError for anything else."""
    if isinstance(value, Tensor):
        value = value.detach()
        return np.atleast_1d((value.float() if value.dtype is bfloat16 else value).numpy())
    if isinstance(value, (np.ndarray, np.generic, bool, int, float, complex)):
        return np.atleast_1d(np.asarray(value))
    raise NotImplementedError(
        f"a number, a torch tensor or a NumPy array is expected, not {type(value).__name__}: torch.tensor(…) makes one"
    )


def as_number(value: Any) -> float:
    """The one element of `value`; a string is read as a number."""
    if isinstance(value, str):
        return float(value)
    array = as_array(value)
    if array.size != 1:
        raise AssertionError(f"a scalar is one number; the tensor has the shape {tuple(array.shape)}")
    return float(array.reshape(()))


def picture(value: Any, order: str) -> np.ndarray:
    """A picture or a batch of them as uint8 (height, width, channels), batches as a grid; `order` names the axes, as "NCHW"."""
    array, order = as_array(value), order.upper()
    if len(set(order)) != len(order):
        raise AssertionError(f"dataformats={order!r} names an axis twice")
    if array.ndim != len(order):
        raise AssertionError(
            f"the image has the shape {tuple(array.shape)}, {array.ndim} axes; dataformats={order!r} names {len(order)}: "
            "pass the dataformats that fits"
        )
    if not {"H", "W"} <= set(order) <= set("NCHW"):
        raise AssertionError(f"dataformats={order!r} is no order of N, C, H and W with an H and a W")
    for axis in "NC":
        if axis not in order:
            array, order = array[None], axis + order
    array = array.transpose([order.index(axis) for axis in "NHWC"])
    if array.shape[3] == 1:
        array = array.repeat(3, axis=3)
    return as_bytes(side_by_side(array, min(COLUMNS, len(array))))


def as_bytes(array: np.ndarray) -> np.ndarray:
    """Colours as uint8: those of other dtypes count from 0 to 1."""
    if array.dtype == np.uint8:
        return array
    return (array.astype(np.float32) * 255.0).clip(0, 255).astype(np.uint8)


def side_by_side(array: np.ndarray, columns: int) -> np.ndarray:
    """(n, height, width, channels) as one picture, row by row; black where the last row has none left."""
    count, height, width, channels = array.shape
    rows = math.ceil(count / columns)
    missing = np.zeros((rows * columns - count, height, width, channels), array.dtype)
    grid = np.concatenate([array, missing]).reshape(rows, columns, height, width, channels)
    return grid.transpose(0, 2, 1, 3, 4).reshape(rows * height, columns * width, channels)


def png(array: np.ndarray) -> bytes:
    """A uint8 picture (height, width, channels) as a PNG file."""
    if array.shape[2] not in (1, 2, 3, 4):
        raise ValueError(f"an image has 1 to 4 channels, not {array.shape[2]}: its shape is {array.shape}")
    file = io.BytesIO()
    Image.fromarray(array if array.shape[2] > 1 else array[:, :, 0]).save(file, format="PNG")
    return file.getvalue()


def resized(array: np.ndarray, factor: float) -> np.ndarray:
    """The picture `factor` times as high and wide."""
    height, width = array.shape[:2]
    size = int(width * factor), int(height * factor)
    return np.asarray(Image.fromarray(array).resize(size, Image.Resampling.LANCZOS))


def with_boxes(array: np.ndarray, boxes: np.ndarray, labels: list[str] | None) -> np.ndarray:
    """The picture with red frames at `boxes`, rows of (left, top, right, bottom), and labels at their lower left corners."""
    image = Image.fromarray(array)
    draw, font, margin = ImageDraw.Draw(image), ImageFont.load_default(), 1
    for index, (left, top, right, bottom) in enumerate(boxes.tolist()):
        corners = [(left, top), (left, bottom), (right, bottom), (right, top), (left, top)]
        draw.line(corners, fill=RED, width=2)
        if labels is not None:
            size = draw.textbbox((0, 0), labels[index], font=font)
            height, width = math.ceil(size[3]), math.ceil(size[2])
            draw.rectangle((left, bottom - height - 2 * margin, left + width + 2 * margin, bottom), fill=RED)
            draw.text((left + margin, bottom - height - margin), labels[index], fill=BLACK, font=font)
    return np.asarray(image)


def gif(frames: np.ndarray, fps: float) -> bytes:
    """uint8 frames (time, height, width, channels) as an animated GIF file that begins anew when it ends."""
    pictures = [Image.fromarray(frame if frame.shape[2] > 1 else frame[:, :, 0]) for frame in frames]
    file = io.BytesIO()
    pictures[0].save(
        file, format="GIF", save_all=True, append_images=pictures[1:], duration=1000 / fps, loop=0, optimize=False
    )
    return file.getvalue()


def figure_to_image(figures: Any, close: bool = True) -> np.ndarray:
    """A matplotlib figure as uint8 (3, height, width), a list of them as (n, 3, height, width)."""
    if isinstance(figures, list):
        return np.stack([figure_to_image(figure, close) for figure in figures])
    file = io.BytesIO()
    figures.savefig(file, format="rgba", dpi=figures.dpi)
    width, height = (int(length) for length in figures.canvas.get_width_height(physical=True))
    image = np.frombuffer(file.getvalue(), np.uint8).reshape(height, width, 4)[:, :, :3].transpose(2, 0, 1)
    pyplot = sys.modules.get("matplotlib.pyplot")  # keeps the figures that it has made until they are closed
    if close and pyplot is not None:
        pyplot.close(figures)
    return image
