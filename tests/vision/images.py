"""Test images of both libraries' kinds, and seeds for all that may draw."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch
from PIL import Image

import rushlight

from ..data.oracle import assert_same


def pixels(height: int = 19, width: int = 23, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Smooth colours with some noise, so that interpolation has something to do."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = [
        128 + 90 * np.sin(x / (3 + c) + y / (5 - c) + c) + rng.normal(0, 12, (height, width)) for c in range(channels)
    ]
    return np.clip(np.stack(waves, -1), 0, 255).astype(np.uint8)


def pil_image(mode: str = "RGB", **size: Any) -> Image.Image:
    if mode == "RGB":
        return Image.fromarray(pixels(**size))
    if mode == "L":
        return Image.fromarray(pixels(**size)[..., 0])
    return Image.fromarray(pixels(**size)).convert(mode)


def tensor_image(library: Any, dtype: str = "uint8", channels: int = 3, batch: int | None = None, **size: Any) -> Any:
    count = batch or 1
    stacked = np.stack([pixels(channels=channels, seed=i, **size).transpose(2, 0, 1) for i in range(count)])
    array = stacked if batch else stacked[0]
    if dtype.startswith("float"):
        array = (array / 255).astype(dtype)
    return library.tensor(np.ascontiguousarray(array.astype(dtype)))


def seeded_draws(library: Any, seed: int, function: Any) -> tuple[Any, Any, float]:
    """What the function gives, and the draws that follow from the library's generator and from Python's."""
    library.manual_seed(seed)
    random.seed(seed)
    result = function()
    return result, library.randint(0, 1 << 30, (3,)), random.random()


def plain(value: Any) -> Any:
    """Images as arrays, containers gone into."""
    if isinstance(value, Image.Image):
        return value.mode, np.asarray(value)
    if isinstance(value, (list, tuple)):
        return [plain(element) for element in value]
    return value


def assert_close(ours: Any, theirs: Any, tolerance: float, share: float = 0.0) -> None:
    """Equal up to the tolerance, but for a share of the elements."""
    if isinstance(theirs, (list, tuple)):
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            assert_close(one, other, tolerance, share)
    elif isinstance(theirs, torch.Tensor):
        assert isinstance(ours, rushlight.Tensor) and str(ours.dtype) == str(theirs.dtype)
        assert tuple(ours.shape) == tuple(theirs.shape)
        one, other = (np.asarray(t.detach().numpy()).astype(np.float64) for t in (ours, theirs))
        off = ~np.isclose(one, other, rtol=tolerance, atol=tolerance, equal_nan=True)
        assert off.mean() <= share, f"{off.sum()} of {off.size} differ, by up to {np.abs(one - other)[off].max()}"
    else:
        assert_same(ours, theirs)
