"""Weights that others trained: what a file is called, where it is looked for, and the words for one that is missing.

Nothing is downloaded: a file is read from the folder where PyTorch keeps such files, or loaded by the user.

>>> import rushlight as torch
>>> from rushlight.vision import models
>>> models.ResNet18_Weights.DEFAULT
ResNet18_Weights.IMAGENET1K_V1
"""

from __future__ import annotations

import functools
import inspect
import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Self

from ...errors import NotThereYet
from ...nn import Module
from ...serialize import load
from .preset import ImageClassification
from .registry import register

IMAGENET_CLASSES = 1000


class Facts(dict[str, Any]):
    """`Weights.meta`: facts about a file of weights, of which the names of the classes are not here."""

    def __missing__(self, key: str) -> Any:
        if key == "categories":
            raise NotThereYet("the names of ImageNet's classes, meta['categories'], are not in Rushlight yet")
        raise KeyError(key)


@dataclass
class Weights:
    """A file of weights: its address, how to prepare an image for it, and facts about it."""

    url: str
    transforms: Callable[..., ImageClassification]
    meta: Mapping[str, Any] = field(default_factory=Facts)


class WeightsEnum(Enum):
    """The files of weights for one model; `DEFAULT` is the best of them."""

    @classmethod
    def verify(cls, obj: Any) -> Self | None:
        """The member that `obj` is or names, "DEFAULT" or "ResNet18_Weights.DEFAULT" for one; None for None.

        TypeError for a member of another enum, KeyError for a name that is none.
        """
        if isinstance(obj, str):
            return cls[obj.removeprefix(cls.__name__ + ".")]
        if obj is not None and not isinstance(obj, cls):
            raise TypeError(
                f"Invalid Weight class provided; expected {cls.__name__} but received {type(obj).__name__}."
            )
        return obj

    @property
    def url(self) -> str:
        """Where the file can be had."""
        return self.value.url  # type: ignore[no-any-return]

    @property
    def transforms(self) -> Callable[..., ImageClassification]:
        """Makes the transform that prepares an image."""
        return self.value.transforms  # type: ignore[no-any-return]

    @property
    def meta(self) -> Mapping[str, Any]:
        """Facts: "num_params", "min_size"."""
        return self.value.meta  # type: ignore[no-any-return]

    def get_state_dict(self, *args: Any, **kwargs: Any) -> Mapping[str, Any]:
        """The weights, from the file in PyTorch's folder; FileNotFoundError, with what to do, where it is not there."""
        path = checkpoint_folder() / self.url.rpartition("/")[2]
        if not path.is_file():
            raise FileNotFoundError(
                f"the weights {self!r} are the file {path.name}, which Rushlight does not download. Get it from "
                f"{self.url} and put it into {path.parent}, or make the model with weights=None and call "
                f"model.load_state_dict(torch.load({path.name!r}))"
            )
        return load(path)  # type: ignore[no-any-return]

    def __reduce_ex__(self, protocol: Any) -> Any:
        return getattr, (self.__class__, self._name_)  # by name: a value holds functions, which equal no copy

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}.{self._name_}"

    __str__ = __repr__


def checkpoint_folder() -> Path:
    """Where PyTorch keeps files of weights: hub/checkpoints in $TORCH_HOME, else in the user's cache."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("TORCH_HOME", os.path.join(cache, "torch"))
    return Path(home).expanduser() / "hub" / "checkpoints"


def imagenet(file: str, num_params: int, min_size: int, **preset: Any) -> Weights:
    """The record of weights trained on ImageNet; `preset` where the preparation of images is not the usual."""
    return Weights(
        url=f"https://download.pytorch.org/models/{file}.pth",
        transforms=functools.partial(ImageClassification, crop_size=224, **preset),
        meta=Facts(num_params=num_params, min_size=(min_size, min_size)),
    )


def _old_choice(value: Any, first: WeightsEnum) -> WeightsEnum | None:
    """What a truth value in place of weights means, with PyTorch's warning."""
    chosen = first if value else None
    text = (
        "Arguments other than a weight enum or `None` for 'weights' are deprecated since 0.13 and may be removed in the "
        f"future. The current behavior is equivalent to passing `weights={chosen}`."
    )
    if chosen is not None:
        text += f" You can also use `weights={type(chosen).__name__}.DEFAULT` to get the most up-to-date weights."
    warnings.warn(text, UserWarning, stacklevel=4)
    return chosen


def _old_arguments(positional: tuple[Any, ...], keywords: dict[str, Any]) -> None:
    """Turns arguments by position, and `pretrained`, into keywords, as the interface before 0.13 had them."""
    if len(positional) > 2:
        raise TypeError(f"a model takes at most weights and progress by position, got {len(positional)} arguments")
    if positional:
        named = dict(zip(("weights", "progress"), positional, strict=False))
        listed = " and ".join(f"'{name}'" for name in named)
        warnings.warn(
            f"Using {listed} as positional parameter(s) is deprecated since 0.13 and may be removed in the future. "
            "Please use keyword parameter(s) instead.",
            UserWarning,
            stacklevel=4,
        )
        keywords.update(named)
    if "pretrained" in keywords and "weights" not in keywords:
        warnings.warn(
            "The parameter 'pretrained' is deprecated since 0.13 and may be removed in the future, please use 'weights' "
            "instead.",
            UserWarning,
            stacklevel=4,
        )
        keywords["weights"] = keywords.pop("pretrained")


def with_weights(
    kind: type[WeightsEnum],
    renamed: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None,
    **settings: Any,
) -> Callable[[Callable[..., Module]], Callable[..., Any]]:
    """Gives a function that makes a model the arguments `weights` and `progress`, and registers it by its name.

    renamed: what turns the keys of the published files into the model's. settings: arguments of a model that gets
    weights.
    """

    def decorate(make: Callable[..., Module]) -> Callable[..., Any]:
        @functools.wraps(make)
        def build(*positional: Any, **keywords: Any) -> Module:
            _old_arguments(positional, keywords)
            keywords.pop("progress", None)
            given = keywords.pop("weights", None)
            if given is not None and not isinstance(given, (str, Enum)):
                given = _old_choice(given, next(iter(kind)))
            chosen = kind.verify(given)
            if chosen is None:
                return make(**keywords)
            classes = keywords.setdefault("num_classes", IMAGENET_CLASSES)
            if classes != IMAGENET_CLASSES:
                raise ValueError(
                    f"The parameter 'num_classes' expected value {IMAGENET_CLASSES} but got {classes} instead."
                )
            state = chosen.get_state_dict()
            model = make(**{**keywords, **settings})
            model.load_state_dict(renamed(state) if renamed else state)
            return model

        signature = inspect.signature(make)
        added = [
            inspect.Parameter(
                "weights", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=f"{kind.__name__} | None"
            ),
            inspect.Parameter("progress", inspect.Parameter.KEYWORD_ONLY, default=True, annotation="bool"),
        ]
        build.__signature__ = signature.replace(  # type: ignore[attr-defined]
            parameters=[*added, *signature.parameters.values()]
        )
        register(build, kind)
        return build

    return decorate
