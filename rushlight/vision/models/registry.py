"""Models by name: `torchvision.models.get_model` and its kin.

>>> from rushlight.vision import models
>>> models.list_models(include="resnet*", exclude=["*50", "*1*"])
['resnet34']
"""

from __future__ import annotations

import fnmatch
import sys
from collections.abc import Callable, Iterable
from enum import Enum
from types import ModuleType
from typing import Any

from ...nn import Module

_builders: dict[str, tuple[Callable[..., Any], type[Enum]]] = {}


def register(build: Callable[..., Any], weights: type[Enum]) -> None:
    """Makes a model known by its function's name."""
    _builders[build.__name__] = build, weights


def _found(name: str) -> tuple[Callable[..., Any], type[Enum]]:
    try:
        return _builders[name.lower()]
    except KeyError:
        raise ValueError(f"Unknown model {name}") from None


def _patterns(value: str | Iterable[str] | None) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else list(value)


def list_models(
    module: ModuleType | None = None,
    include: str | Iterable[str] | None = None,
    exclude: str | Iterable[str] | None = None,
) -> list[str]:
    """The names of all models, or of those of a module, that fit a pattern of `include` and none of `exclude`."""
    names = [
        name
        for name, (build, _) in _builders.items()
        if module is None or build.__module__.rpartition(".")[0] == module.__name__
    ]
    if include := _patterns(include):
        names = [name for name in names if any(fnmatch.fnmatch(name, pattern) for pattern in include)]
    refused = _patterns(exclude)
    return sorted(name for name in names if not any(fnmatch.fnmatch(name, pattern) for pattern in refused))


def get_model_builder(name: str) -> Callable[..., Any]:
    """The function that makes the model of this name; ValueError where there is none."""
    return _found(name)[0]


def get_model(name: str, **config: Any) -> Module:
    """The model of this name, made with the arguments given.

    >>> from rushlight.vision import models
    >>> type(models.get_model("squeezenet1_1", num_classes=10)).__name__
    'SqueezeNet'
    """
    return get_model_builder(name)(**config)  # type: ignore[no-any-return]


def get_model_weights(name: Callable[..., Any] | str) -> Any:
    """The enum of weights of a model, given by its name or as its function."""
    return _found(name if isinstance(name, str) else name.__name__)[1]


def get_weight(name: str) -> Any:
    """The weights of a full name, such as "ResNet18_Weights.IMAGENET1K_V1"."""
    owner, _, member = name.partition(".")
    if not member:
        raise ValueError(f"Invalid weight name provided: '{name}'.")
    for build, weights in _builders.values():
        if weights.__name__ == owner and build.__module__ in sys.modules:
            return weights[member]
    raise ValueError(f"The weight enum '{owner}' for the specific method couldn't be retrieved.")
