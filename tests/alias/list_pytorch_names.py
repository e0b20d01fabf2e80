"""Lists PyTorch's public modules and names, as `rushlight/alias/pytorch_names.txt` has them.

To write the file anew, in the test environment:

    python -m tests.alias.list_pytorch_names rushlight/alias/pytorch_names.txt
"""

from __future__ import annotations

import contextlib
import importlib
import pkgutil
import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import torch

from ..samples.torchvision_oracle import torchvision

# Modules whose names are listed; of all others only that they exist.
NAMED = re.compile(
    r"torch(\.(Tensor|nn|nn\.functional|nn\.init|nn\.parameter|nn\.utils(\.\w+)?|nn\.modules(\.\w+)?|optim(\.\w+)?|autograd(\.\w+)?"
    r"|utils|utils\.data(\.\w+)?|utils\.checkpoint|compiler|linalg|fft|special|random|cuda|cuda\.amp|backends(\.\w+)?|distributions"
    r"|amp|func|functional|testing|serialization|sparse|version|types|storage|multiprocessing))?"
    r"|torchvision(\.(datasets|transforms|utils|models|io|ops)(\.\w+)*)?"
)
# Programs of their own, and what is not meant for import.
LEFT_OUT = ("torch.utils.tensorboard", "torch.utils.benchmark", "torch.testing.", "torchvision.prototype")


def public_modules(package: ModuleType) -> Iterator[str]:
    """The package's name and those of all public modules below; private packages are not even imported, which takes long."""
    yield package.__name__
    for found in pkgutil.iter_modules(getattr(package, "__path__", ()), package.__name__ + "."):
        if found.name.rpartition(".")[2].startswith("_"):
            continue
        if not found.ispkg:
            yield found.name
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                inner = importlib.import_module(found.name)
            except ImportError:
                yield found.name
                continue
        yield from public_modules(inner)


def is_theirs(module: ModuleType, name: str) -> bool:
    """Whether an attribute that `__all__` does not list is the module's own rather than something it imported."""
    value = getattr(module, name, None)
    if isinstance(value, ModuleType):
        return value.__name__ == f"{module.__name__}.{name}"
    if isinstance(value, torch.dtype | torch.layout | torch.memory_format):
        return module is torch
    home = getattr(value, "__module__", None)
    is_package = hasattr(module, "__path__") or module is torch.nn.functional
    return callable(value) and (home == module.__name__ or (is_package and str(home).startswith(("torch", "None"))))


def public_names(module: ModuleType) -> list[str]:
    listed = set(getattr(module, "__all__", ()))
    own = {name for name in dir(module) if is_theirs(module, name)}
    return sorted(name for name in listed | own if not name.startswith("_"))


def lines() -> list[str]:
    """The file's lines: a module's name, a colon, its public names."""
    found: dict[str, list[str]] = {"torch.Tensor": [name for name in dir(torch.Tensor) if not name.startswith("_")]}
    for package in (torch, torchvision):
        for name in public_modules(package):
            if name.startswith(LEFT_OUT):
                continue
            found[name] = []
            if NAMED.fullmatch(name):
                with warnings.catch_warnings(), contextlib.suppress(ImportError):
                    warnings.simplefilter("ignore")
                    found[name] = public_names(importlib.import_module(name))
    return [" ".join([name + ":", *found[name]]) for name in sorted(found)]


if __name__ == "__main__":
    Path(sys.argv[1]).write_text("\n".join(lines()) + "\n", encoding="utf-8")
