"""Where Pillow's resizing and turning read the pixels of bytes: the same numbers, for many samples at once.

Resizing weighs pixels by a filter that widens where the image shrinks (an interpolation of the source, sampled): weights are found in
double precision and kept in 22 bits. Turning to the nearest pixel steps through the source in 16 bits after the point.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..pillow import has_pillow, pillow
from .interpolation import InterpolationMode
from .resample import cubic, triangle

PRECISION = 22


def _box(x: np.ndarray) -> np.ndarray:
    return ((x > -0.5) & (x <= 0.5)).astype(float)


def _over_x(x: np.ndarray) -> np.ndarray:
    """sin(πx) / πx"""
    turned = x * math.pi
    with np.errstate(invalid="ignore"):
        return np.where(x == 0, 1.0, np.sin(turned) / turned)


def _hamming(x: np.ndarray) -> np.ndarray:
    return np.where(np.abs(x) >= 1, 0.0, _over_x(x) * (0.54 + 0.46 * np.cos(x * math.pi)))


def _lanczos(x: np.ndarray) -> np.ndarray:
    return np.where((x >= -3) & (x < 3), _over_x(x) * _over_x(x / 3), 0.0)


# Each filter with how far it reaches.
FILTERS: dict[InterpolationMode, tuple[float, Callable[[np.ndarray], np.ndarray]]] = {
    InterpolationMode.BOX: (0.5, _box),
    InterpolationMode.BILINEAR: (1.0, triangle),
    InterpolationMode.HAMMING: (1.0, _hamming),
    InterpolationMode.BICUBIC: (2.0, functools.partial(cubic, a=-0.5)),
    InterpolationMode.LANCZOS: (3.0, _lanczos),
}


def most_taps(extent: int, size: int, mode: InterpolationMode) -> int:
    """How many pixels a pixel of the result is made of, at most, where up to `extent` of them become `size`."""
    if mode not in FILTERS:
        return 1
    return min(math.ceil(FILTERS[mode][0] * max(extent / size, 1.0)) * 2 + 1, extent)


def taps(
    begin: np.ndarray, extent: np.ndarray, size: int, mode: InterpolationMode, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """For each sample and each of `size` pixels of its result along one axis: which `count` pixels it is made of, and their weights.

    The sample's source is the `extent` pixels from `begin` on. Both results are (samples, size, count).
    """
    begin, extent = begin.reshape(-1, 1, 1).astype(np.int64), extent.reshape(-1, 1, 1).astype(np.int64)
    scale = extent / size
    if mode not in FILTERS:
        place = _scaled(scale, 0.0, size)
        return begin + np.minimum(place, extent - 1), np.full(place.shape, 1 << PRECISION, np.int32)
    support, function = FILTERS[mode]
    widened = np.maximum(scale, 1.0)
    center = (np.arange(size).reshape(1, -1, 1) + 0.5) * scale
    first = np.maximum((center - support * widened + 0.5).astype(np.int64), 0)
    end = np.minimum((center + support * widened + 0.5).astype(np.int64), extent)
    places = first + np.arange(count)
    weights = function((places - center + 0.5) * (1.0 / widened))
    weights = np.where(places < end, weights, 0.0)
    total = np.cumsum(weights, axis=-1)[..., -1:]  # added one after another
    weights = weights / np.where(total == 0, 1.0, total)
    whole = (weights * (1 << PRECISION) + np.where(weights < 0, -0.5, 0.5)).astype(np.int32)
    return begin + np.minimum(places, extent - 1), whole


@functools.cache
def _chooses_order() -> bool:
    """Whether the installed Pillow resizes the height first where it shrinks much more than the width, as newer ones do."""
    if not has_pillow():
        return True
    levels = np.random.default_rng(0).integers(0, 256, (40, 20), dtype=np.uint8)
    halved = pillow().fromarray(levels).resize((10, 10), 2)
    mode, start = InterpolationMode.BILINEAR, np.zeros(1, np.int64)
    for axis, extent in ((0, 40), (1, 20)):
        places, weights = (each[0] for each in taps(start, np.array([extent]), 10, mode, 9))
        read = np.moveaxis(levels, axis, -1).astype(np.int64)[..., places]
        levels = np.moveaxis(np.clip(((read * weights).sum(-1) + (1 << 21)) >> PRECISION, 0, 255), -1, axis)
    return bool((np.asarray(halved) == levels).all())


def height_first(height: Any, width: Any, to_height: int, to_width: int) -> Any:
    """Whether Pillow resizes images of this size along their height first: found by trying it."""
    return _chooses_order() & (height > to_height) & (height - to_height > 2 * (width - to_width))


def nearest(matrices: np.ndarray, height: int, width: int) -> np.ndarray:
    """For each sample and pixel of an image, the number of the pixel that its matrix (from target to source) leads to; -1 outside.

    `matrices` is (samples, 6), the result (samples, height * width).
    """
    a, b, c, d, e, f = matrices.T.reshape(6, -1, 1, 1)
    x, y = np.arange(width), np.arange(height).reshape(-1, 1)
    columns = (_fixed(c + a * 0.5 + b * 0.5) + x * _fixed(a) + y * _fixed(b)) >> 16
    rows = (_fixed(f + d * 0.5 + e * 0.5) + x * _fixed(d) + y * _fixed(e)) >> 16
    straight = ((b == 0) & (d == 0)).reshape(
        -1
    )  # neither turned nor sheared: then places are stepped through in double precision
    if straight.any():
        columns[straight] = np.swapaxes(_scaled(a[straight], c[straight], width), -1, -2)
        rows[straight] = _scaled(e[straight], f[straight], height)
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    return np.where(inside, rows * width + columns, -1).reshape(len(matrices), -1)


def _fixed(value: np.ndarray) -> np.ndarray:
    return np.floor(value * 65536.0 + 0.5).astype(np.int64)


def _scaled(step: np.ndarray, start: np.ndarray | float, size: int) -> np.ndarray:
    """Places along the second last axis, stepped through by adding."""
    steps = np.repeat(step, size, -2)
    steps[..., :1, :] = start + step * 0.5
    places = np.cumsum(steps, axis=-2)
    return np.where(places < 0, -1, places).astype(np.int64)


def turning_matrix(angle: float, center: tuple[float, float]) -> list[float]:
    """From target to source for a turn by `angle` degrees about `center`, as Pillow's `rotate` makes it."""
    angle %= 360.0
    turn = -math.radians(angle)
    a, b = round(math.cos(turn), 15), round(math.sin(turn), 15)
    matrix = [a, b, 0.0, -b, a, 0.0]
    matrix[2] = a * -center[0] + b * -center[1] + 0.0 + center[0]
    matrix[5] = -b * -center[0] + a * -center[1] + 0.0 + center[1]
    return matrix
