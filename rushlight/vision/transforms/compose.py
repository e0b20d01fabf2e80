"""Transforms made of other transforms.

`Random…` of this file draw from Python's `random` where torchvision's do, and else from the default generator.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from ...nn import Module
from .draws import is_exceeded


def _listed(head: str, transforms: Any) -> str:
    return "\n".join([head, *(f"    {t}" for t in transforms), ")"])


class Compose:
    """One transform after the other.

    >>> Compose([Lambda(abs), Lambda(str)])(-3)
    '3'
    """

    def __init__(self, transforms: Sequence[Callable]) -> None:
        self.transforms = transforms

    def __call__(self, img: Any) -> Any:
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self) -> str:
        return _listed(f"{type(self).__name__}(", self.transforms)


class Lambda:
    """Any function as a transform."""

    def __init__(self, lambd: Callable) -> None:
        if not callable(lambd):
            raise TypeError(f"Argument lambd should be callable, got {type(lambd).__name__!r}")
        self.lambd = lambd

    def __call__(self, img: Any) -> Any:
        return self.lambd(img)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class RandomTransforms:
    """Base of transforms that choose among others."""

    def __init__(self, transforms: Sequence[Callable]) -> None:
        if not isinstance(transforms, Sequence):
            raise TypeError("Argument transforms should be a sequence")
        self.transforms = transforms

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError

    def __repr__(self) -> str:
        return _listed(f"{type(self).__name__}(", self.transforms)


class RandomApply(Module):
    """All of the transforms with probability `p`, else none."""

    def __init__(self, transforms: Any, p: float = 0.5) -> None:
        super().__init__()
        self.transforms = transforms
        self.p = p

    def forward(self, img: Any) -> Any:
        if is_exceeded(self.p):
            return img
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self) -> str:
        return _listed(f"{type(self).__name__}(\n    p={self.p}", self.transforms)


class RandomOrder(RandomTransforms):
    """All of the transforms in random order."""

    def __call__(self, img: Any) -> Any:
        order = list(range(len(self.transforms)))
        random.shuffle(order)
        for i in order:
            img = self.transforms[i](img)
        return img


class RandomChoice(RandomTransforms):
    """One of the transforms, chosen with weights `p`."""

    def __init__(self, transforms: Sequence[Callable], p: Sequence[float] | None = None) -> None:
        super().__init__(transforms)
        if p is not None and not isinstance(p, Sequence):
            raise TypeError("Argument p should be a sequence")
        self.p = p

    def __call__(self, *args: Any) -> Any:  # type: ignore[override]
        return random.choices(self.transforms, weights=self.p)[0](*args)

    def __repr__(self) -> str:
        return f"{super().__repr__()}(p={self.p})"
