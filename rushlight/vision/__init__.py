"""Images: data sets, models, transforms, and pictures of many: `torchvision`.

Pillow, an extra (`pip install rushlight[vision]`), is imported when something needs it (`pillow`).
"""

import sys as _sys
from importlib import import_module as _import_module

from . import datasets, transforms, utils

__version__ = "0.28.0"  # of the torchvision whose interface this is: programs ask for it to know what they may call

__all__ = ["datasets", "models", "transforms", "tv_tensors", "utils"]


def __getattr__(name: str) -> object:
    """Loads `models` and `tv_tensors` when they are first used; a name of torchvision's that is missing raises an error that says so."""
    if name in ("models", "tv_tensors"):
        return _import_module(f"{__name__}.{name}")
    missing = _import_module("rushlight.alias.missing")
    return missing.module_getattr(_sys.modules[__name__], "torchvision")(name)
