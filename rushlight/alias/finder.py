"""The import hook: a finder, first on `sys.meta_path`, that answers for `torch` and `torchvision`.

It hands out the modules that `table` names, the very objects: `sys.modules["torch"] is rushlight`. Only
PyTorch's public modules are served: `rushlight.runtime` is not `torch.runtime`.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from .missing import module_getattr, not_there_yet, pytorch_names
from .processes import install_in_children
from .table import PLACES, place

ROOTS = ("torch", "torchvision")


class ServedModule:
    """Loads a module of PyTorch's name by handing out Rushlight's own. `importlib.abc` would only add its own, long loading."""

    def __init__(self, module: ModuleType, name: str) -> None:
        self.module = module
        self.name = name
        self.spec = module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self.module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has just put the spec of the borrowed name on the module.
        module.__spec__ = self.spec
        module.__dict__.setdefault("__getattr__", module_getattr(module, self.name))


class Finder:
    """Answers for every module whose name begins with `torch` or `torchvision`."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        if name.partition(".")[0] not in ROOTS:
            return None
        module = find_module(name)
        if module is None:
            text = not_there_yet(name) if name in pytorch_names() else f"No module named {name!r}"
            raise ModuleNotFoundError(text, name=name)
        loader: Any = ServedModule(module, name)
        return ModuleSpec(name, loader, is_package=hasattr(module, "__path__"))

    def find_distributions(self, context: Any = None) -> list[Any]:
        """What `importlib.metadata` asks: the distributions of these names, if the context is about one of them or all."""
        wanted = getattr(context, "name", None)
        names = [name for name in ROOTS if wanted is None or wanted.lower() == name]
        return [importlib.import_module("rushlight.alias.distribution").Alias(name) for name in names]


def find_module(name: str) -> ModuleType | None:
    """Rushlight's module for PyTorch's public module `name`, or None where there is none."""
    if name not in pytorch_names() and name not in PLACES:  # some private modules are used by everyone
        return None
    parent, _, child = name.rpartition(".")
    # Where the public module is an attribute of its parent, that object counts, wherever its file lies.
    found = sys.modules[parent].__dict__.get(child) if parent else None
    if isinstance(found, ModuleType):
        return found
    target = place(name)
    try:
        return importlib.import_module(target)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{target}.".startswith(f"{error.name}."):
            return None
        raise


def installed() -> bool:
    """Whether `import torch` means Rushlight in this process."""
    return any(isinstance(finder, Finder) for finder in sys.meta_path)


def install() -> None:
    """Makes `import torch` and `import torchvision` mean Rushlight from now on, here and in child processes.

    Raises RuntimeError where PyTorch is imported already: two libraries under one name would not go well.
    """
    if installed():
        return
    for root in ROOTS:
        if root in sys.modules:
            raise RuntimeError(
                f"{root} is imported already in this process; Rushlight can stand for it only from the start"
            )
    sys.meta_path.insert(0, Finder())
    install_in_children()
    importlib.import_module("torch")
