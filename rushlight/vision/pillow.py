"""Pillow, the optional package for images: the one place that imports it, when something first needs it.

Reading image files and most transforms need it; data sets that hold arrays, with transforms that work on whole
batches, do not.
"""

from __future__ import annotations

import importlib
import sys
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np


@cache
def pillow(module: str = "Image") -> ModuleType:
    """`PIL.Image`, or another module of Pillow; ImportError that says how to install it."""
    try:
        return importlib.import_module(f"PIL.{module}")
    except ImportError as error:
        raise ImportError(
            "Pillow is needed to work on PIL images and image files; install it with: pip install rushlight[vision]",
            name="PIL",
        ) from error


@cache
def has_pillow() -> bool:
    """Whether Pillow is installed."""
    try:
        pillow()
    except ImportError:
        return False
    return True


def is_image(value: Any) -> bool:
    """Whether this is a PIL image; does not import Pillow, without which there is none."""
    loaded = sys.modules.get("PIL.Image")
    return loaded is not None and isinstance(value, loaded.Image)


def image_of_array(array: np.ndarray, mode: str | None = None) -> Any:
    """A PIL image with a copy of the array's pixels, (H, W) or (H, W, C); `mode` where the array's type does not say
    it."""
    if mode is None:
        return pillow().fromarray(array)
    size = (array.shape[1], array.shape[0])
    return pillow().frombytes(mode, size, np.ascontiguousarray(array).tobytes())
