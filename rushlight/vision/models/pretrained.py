"""Weights that others trained: what a file is called, where it is looked for, and the words for one that is missing.

A file is read from the folder where PyTorch keeps such files ($TORCH_HOME/hub/checkpoints, or what `torch.hub.set_dir` says), and
downloaded into it, with its SHA-256 compared, where it is not there.

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
from urllib.error import URLError

from ...hub import get_dir, load_state_dict_from_url
from ...nn import Module
from ..transforms import InterpolationMode
from .preset import ImageClassification
from .registry import register

BICUBIC = InterpolationMode.BICUBIC  # how images are resized for most of the newer weights


@functools.cache
def class_names(kind: str) -> list[str]:
    """The names of the classes of ImageNet ("imagenet"), COCO ("coco") or Pascal VOC ("voc"), in their order."""
    return (Path(__file__).parent / "classes" / f"{kind}.txt").read_text(encoding="utf-8").splitlines()


@dataclass
class Weights:
    """A file of weights: its address, how to prepare an image for it, and facts about it."""

    url: str
    transforms: Callable[..., ImageClassification]
    meta: Mapping[str, Any] = field(default_factory=dict)


class WeightsEnum(Enum):
    """The files of weights for one model; `DEFAULT` is the best of them."""

    @classmethod
    def verify(cls, obj: Any) -> Self | None:
        """The member that `obj` is or names, "DEFAULT" or "ResNet18_Weights.DEFAULT" for one; None for None.

        TypeError for a member of another enum, KeyError for a name that is none.
        """
        if isinstance(obj, str):
            own = obj.removeprefix(cls.__name__ + ".")
            if own not in cls.__members__:
                raise KeyError(f"{own} is none of {cls.__name__}: {', '.join(cls.__members__)}")
            return cls[own]
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
        """Facts: "num_params", "min_size", "categories"."""
        return self.value.meta  # type: ignore[no-any-return]

    def get_state_dict(self, *args: Any, **kwargs: Any) -> Mapping[str, Any]:
        """The weights, from the file in PyTorch's folder, into which it is downloaded first where it is missing.

        Arguments are those of `torch.hub.load_state_dict_from_url` behind the address. FileNotFoundError, with what to do, where the
        file cannot be had; RuntimeError where what came is not what was published.
        """
        try:
            return load_state_dict_from_url(self.url, *args, **{"weights_only": True, **kwargs})  # type: ignore[no-any-return]
        except URLError as error:
            name, folder = self.url.rpartition("/")[2], os.path.join(get_dir(), "checkpoints")
            raise FileNotFoundError(
                f"the weights {self!r} are the file {name}, which is not in {folder} and cannot be downloaded ({error.reason}). Get it "
                f"from {self.url} and put it there, or make the model with weights=None and call "
                f"model.load_state_dict(torch.load({name!r}))"
            ) from error

    def __reduce_ex__(self, protocol: Any) -> Any:
        return getattr, (self.__class__, self._name_)  # by name: a value holds functions, which equal no copy

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}.{self._name_}"

    __str__ = __repr__


def imagenet(file: str, num_params: int, min_size: int, **preset: Any) -> Weights:
    """The record of weights trained on ImageNet; `preset` where the preparation of images is not the usual."""
    return published(
        file, functools.partial(ImageClassification, **{"crop_size": 224, **preset}), "imagenet", num_params, min_size
    )


def published(file: str, transforms: Callable[..., Any], classes: str, num_params: int, min_size: int) -> Weights:
    """The record of weights that lie where torchvision's do; `classes` names the list of what they tell apart."""
    return Weights(
        url=f"https://download.pytorch.org/models/{file}.pth",
        transforms=transforms,
        meta={"num_params": num_params, "min_size": (min_size, min_size), "categories": class_names(classes)},
    )


def _old_choice(value: Any, first: WeightsEnum, name: str) -> WeightsEnum | None:
    """What a truth value in place of weights means, `first` or None, with PyTorch's warning."""
    chosen = first if value else None
    text = (
        f"Arguments other than a weight enum or `None` for '{name}' are deprecated since 0.13 and may be removed in the "
        f"future. The current behavior is equivalent to passing `{name}={chosen}`."
    )
    if chosen is not None:
        text += f" You can also use `{name}={type(chosen).__name__}.DEFAULT` to get the most up-to-date weights."
    warnings.warn(text, UserWarning, stacklevel=4)
    return chosen


def _old_arguments(names: list[str], positional: tuple[Any, ...], keywords: dict[str, Any]) -> None:
    """Turns arguments by position into keywords, as the interface before 0.13 had them."""
    if len(positional) > len(names):
        raise TypeError(
            f"a model takes at most {' and '.join(names)} by position, got {len(positional)} arguments; give the others "
            "by name"
        )
    if positional:
        named = dict(zip(names, positional, strict=False))
        quoted = [f"'{name}'" for name in named]
        listed = " and ".join(quoted) if len(quoted) < 3 else ", ".join(quoted[:-1]) + f", and {quoted[-1]}"
        warnings.warn(
            f"Using {listed} as positional parameter(s) is deprecated since 0.13 and may be removed in the future. "
            "Please use keyword parameter(s) instead.",
            UserWarning,
            stacklevel=4,
        )
        keywords.update(named)


def _choice(keywords: dict[str, Any], kind: type[WeightsEnum], name: str, default: Any, first: WeightsEnum) -> Any:
    """Takes the argument `name`, or `pretrained…` as before 0.13, out of a call: the weights it means, or None."""
    old = {"weights": "pretrained", "weights_backbone": "pretrained_backbone"}[name]
    if old in keywords and name not in keywords:
        warnings.warn(
            f"The parameter '{old}' is deprecated since 0.13 and may be removed in the future, please use '{name}' "
            "instead.",
            UserWarning,
            stacklevel=3,
        )
        keywords[name] = keywords.pop(old)
    given = keywords.pop(name, default)
    if given is not None and not isinstance(given, (str, Enum)):
        given = _old_choice(given, first, name)
    return kind.verify(given)


def classes_of(weights: WeightsEnum) -> dict[str, Any]:
    """The number of classes, which is part of the weights."""
    classes = weights.meta["categories"]
    return {} if classes is None else {"num_classes": len(classes)}


def with_weights(
    kind: type[WeightsEnum],
    renamed: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None,
    *,
    fixed: Callable[[WeightsEnum], dict[str, Any]] = classes_of,
    settings: Callable[[dict[str, Any]], dict[str, Any]] = dict,
    finish: Callable[[Any, dict[str, Any]], None] | None = None,
    backbone: WeightsEnum | None = None,
) -> Callable[[Callable[..., Module]], Callable[..., Any]]:
    """Gives a function that makes a model the arguments `weights` and `progress`, and registers it by its name.

    Args:
        renamed: what turns the keys of the published files into the model's.
        fixed: arguments that follow from the weights; ValueError where a call says otherwise.
        settings: from a call's arguments those with which a model that gets weights is made.
        finish: called with the model that has its weights and the call's arguments.
        backbone: what the function gets as `weights_backbone` unless a call says otherwise; None where the whole model
            has weights.
    """

    def decorate(make: Callable[..., Module]) -> Callable[..., Any]:
        @functools.wraps(make)
        def build(*positional: Any, **keywords: Any) -> Module:
            _old_arguments(names, positional, keywords)
            progress = keywords.pop("progress", True)
            chosen = _choice(keywords, kind, "weights", None, next(iter(kind)))
            if backbone is not None:
                part = _choice(keywords, type(backbone), "weights_backbone", backbone, backbone)
                keywords["weights_backbone"] = part if chosen is None else None
            if chosen is None:
                return make(**keywords)
            for name, value in fixed(chosen).items():
                if keywords.get(name) is None:
                    keywords[name] = value
                elif keywords[name] != value:
                    raise ValueError(f"The parameter '{name}' expected value {value} but got {keywords[name]} instead.")
            state = chosen.get_state_dict(progress=progress, check_hash=True)
            model = make(**settings(keywords))
            model.load_state_dict(renamed(state) if renamed else state)
            if finish is not None:
                finish(model, keywords)
            return model

        signature = _signature(make, kind, backbone)
        names = [name for name, parameter in signature.parameters.items() if parameter.kind is parameter.KEYWORD_ONLY]
        build.__signature__ = signature  # type: ignore[attr-defined]
        register(build, kind)
        return build

    return decorate


def _signature(make: Callable[..., Module], kind: type[WeightsEnum], backbone: WeightsEnum | None) -> inspect.Signature:
    """The function's signature with the arguments that `with_weights` adds; all by keyword."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter("weights", keyword, default=None, annotation=f"{kind.__name__} | None"),
        inspect.Parameter("progress", keyword, default=True, annotation="bool"),
    ]
    signature = inspect.signature(make)
    for parameter in signature.parameters.values():
        if parameter.name == "weights_backbone":
            parameter = parameter.replace(default=backbone)
        parameters.append(parameter if parameter.kind is parameter.VAR_KEYWORD else parameter.replace(kind=keyword))
    return signature.replace(parameters=parameters)
