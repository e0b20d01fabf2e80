"""Images: data sets, models, transforms, files, and pictures of many: `torchvision`.

Pillow, an extra (`pip install rushlight[vision]`), is imported when something needs it (`pillow`).
"""

import sys as _sys
from importlib import import_module as _import_module

from . import datasets, transforms

__version__ = "0.28.0"  # of the torchvision whose interface this is: programs ask for it to know what they may call

__all__ = ["datasets", "io", "models", "ops", "transforms", "tv_tensors", "utils"]


def __getattr__(name: str) -> object:
    """Loads `io`, `models`, `ops`, `tv_tensors` and `utils` when first used; a name of torchvision's that is missing raises an error that says so."""
    if name in ("io", "models", "ops", "tv_tensors", "utils"):
        return _import_module(f"{__name__}.{name}")
    missing = _import_module("rushlight.alias.missing")
    return missing.module_getattr(_sys.modules[__name__], "torchvision")(name)
