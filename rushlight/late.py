"""Names of a module that are loaded when first used: its `__getattr__`, made from a table."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def names(module: str, pytorchs: str, places: Mapping[str, tuple[str, str | None]]) -> Callable[[str], Any]:
    """A `__getattr__` for `module`, which PyTorch's users know as `pytorchs`.

    places: for each name the module that has it, and its name there (None: the module itself). A name of PyTorch's that is in neither
    raises NotThereYet, or ImportError in `from … import`.
    """

    def __getattr__(name: str) -> Any:
        if name in places:
            place, own = places[name]
            value = import_module(place)
            if own is not None:
                value = getattr(value, own)
            setattr(sys.modules[module], name, value)
            return value
        missing = import_module("rushlight.alias.missing")
        return missing.module_getattr(sys.modules[module], pytorchs)(name)

    return __getattr__
