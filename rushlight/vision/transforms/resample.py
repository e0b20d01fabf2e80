"""Reading tensors between their pixels: resizing as products with two matrices, warping as a weighted gather.

Both are built of differentiable operations, so that gradients flow to the image. The rules for which pixels count how
much are PyTorch's `interpolate(align_corners=False)` and `grid_sample(padding_mode="zeros", align_corners=False)`.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ...tensor import Tensor, from_numpy


def cubic(x: np.ndarray, a: float) -> np.ndarray:
    """Keys' cubic convolution kernel."""
    x = np.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def triangle(x: np.ndarray) -> np.ndarray:
    return np.maximum(0, 1 - np.abs(x))


def _antialiased_weights(source: int, target: int, mode: str) -> np.ndarray:
    """Each target pixel is a mean over all source pixels under its filter, which widens where the image shrinks."""
    scale = source / target
    radius = (1.0 if mode == "bilinear" else 2.0) * max(scale, 1.0)
    weights = np.zeros((target, source))
    for i in range(target):
        center = scale * (i + 0.5)
        first = max(int(center - radius + 0.5), 0)
        last = min(int(center + radius + 0.5), source)
        x = (np.arange(first, last) - center + 0.5) / max(scale, 1.0)
        taps = triangle(x) if mode == "bilinear" else cubic(x, -0.5)
        weights[i, first:last] = taps / taps.sum()
    return weights


def _plain_weights(source: int, target: int, mode: str) -> np.ndarray:
    """Each target pixel is made of the two or four source pixels around it, the border repeated."""
    position = (np.arange(target) + 0.5) * (source / target) - 0.5
    if mode == "bilinear":
        position = np.maximum(position, 0)
    base = np.floor(position).astype(np.int64)
    weights = np.zeros((target, source))
    for offset in (0, 1) if mode == "bilinear" else (-1, 0, 1, 2):
        distance = position - (base + offset)
        taps = triangle(distance) if mode == "bilinear" else cubic(distance, -0.75)
        np.add.at(weights, (np.arange(target), np.clip(base + offset, 0, source - 1)), taps)
    return weights


@lru_cache(maxsize=64)
def _weights(source: int, target: int, mode: str, antialias: bool, dtype: str) -> np.ndarray:
    make = _antialiased_weights if antialias else _plain_weights
    return make(source, target, mode).astype(dtype)


def _nearest(source: int, target: int, mode: str) -> np.ndarray:
    shift = 0.5 if mode == "nearest-exact" else 0.0
    scale = np.float32(source / target)  # PyTorch reckons in float32, which decides some ties
    return np.minimum(((np.arange(target, dtype=np.float32) + np.float32(shift)) * scale).astype(np.int64), source - 1)


def resize(image: Tensor, size: tuple[int, int], mode: str, antialias: bool) -> Tensor:
    """A floating-point image (..., H, W) at another size."""
    height, width = image.shape[-2:]
    if mode in ("nearest", "nearest-exact"):
        rows, columns = _nearest(height, size[0], mode), _nearest(width, size[1], mode)
        return image.index_select(-2, from_numpy(rows)).index_select(-1, from_numpy(columns))
    dtype = str(image.dtype).removeprefix("torch.")
    across = _weights(width, size[1], mode, antialias, dtype)
    down = _weights(height, size[0], mode, antialias, dtype)
    return from_numpy(down) @ (image @ from_numpy(across.T.copy()))


def warp(image: Tensor, x: np.ndarray, y: np.ndarray, mode: str) -> Tensor:
    """The image (..., H, W) read at pixel positions `x`, `y`, each of shape (h, w); outside of it everything is
    zero."""
    height, width = image.shape[-2:]
    flat = image.flatten(-2)
    if mode == "nearest":
        taps = [(np.rint(x), np.rint(y), np.ones_like(x))]
    else:
        left, top = np.floor(x), np.floor(y)
        taps = [
            (left + dx, top + dy, (1 - np.abs(x - (left + dx))) * (1 - np.abs(y - (top + dy))))
            for dy in (0, 1)
            for dx in (0, 1)
        ]
    parts = []
    for column, row, weight in taps:
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        place = np.where(inside, row * width + column, 0).astype(np.int64)
        read = flat.index_select(-1, from_numpy(place.reshape(-1))).unflatten(-1, x.shape)
        parts.append(read * from_numpy(np.where(inside, weight, 0).astype(x.dtype)))
    return sum(parts[1:], parts[0])
