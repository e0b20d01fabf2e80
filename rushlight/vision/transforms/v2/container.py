"""Transforms made of other transforms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ....nn import ModuleList
from ....tensor import multinomial, tensor
from ..draws import chance, order
from .transform import Transform


def _checked(transforms: Any, kinds: Any = Sequence, or_list: str = "") -> Any:
    if not isinstance(transforms, kinds):
        raise TypeError(f"Argument transforms should be a sequence of callables{or_list}")
    if not len(transforms):
        raise ValueError("Pass at least one transform")
    return transforms


def _done(transforms: Any, inputs: tuple[Any, ...]) -> Any:
    """One after the other; several inputs are several to each of them."""
    several = len(inputs) > 1
    for transform in transforms:
        result = transform(*inputs)
        inputs = result if several else (result,)
    return inputs if several else inputs[0]


class _Listed(Transform):
    def extra_repr(self) -> str:
        return "\n".join(f"    {transform}" for transform in self.transforms)


class Compose(_Listed):
    """One transform after the other, each of them of the whole sample."""

    def __init__(self, transforms: Sequence[Callable]) -> None:
        super().__init__()
        self.transforms = _checked(transforms)

    def forward(self, *inputs: Any) -> Any:
        return _done(self.transforms, inputs)


class RandomApply(_Listed):
    """All of the transforms with probability `p`, else none."""

    def __init__(self, transforms: Any, p: float = 0.5) -> None:
        super().__init__()
        self.transforms = _checked(transforms, (Sequence, ModuleList), " or a `nn.ModuleList`")
        if not 0.0 <= p <= 1.0:
            raise ValueError("`p` should be a floating point value in the interval [0.0, 1.0].")
        self.p = p

    def forward(self, *inputs: Any) -> Any:
        if chance(self.p):
            return _done(self.transforms, inputs)
        return inputs if len(inputs) > 1 else inputs[0]


class RandomChoice(Transform):
    """One of the transforms, chosen with weights `p`; drawn from the default generator, where version 1 takes Python's."""

    def __init__(self, transforms: Sequence[Callable], p: list[float] | None = None) -> None:
        _checked(transforms)
        weights = [1] * len(transforms) if p is None else p
        if len(weights) != len(transforms):
            raise ValueError(f"Length of p doesn't match the number of transforms: {len(weights)} != {len(transforms)}")
        super().__init__()
        self.transforms = transforms
        total = sum(weights)
        self.p = [weight / total for weight in weights]

    def forward(self, *inputs: Any) -> Any:
        return self.transforms[int(multinomial(tensor(self.p), 1))](*inputs)


class RandomOrder(Transform):
    """All of the transforms in random order; drawn from the default generator, where version 1 takes Python's."""

    def __init__(self, transforms: Sequence[Callable]) -> None:
        _checked(transforms)
        super().__init__()
        self.transforms = transforms

    def forward(self, *inputs: Any) -> Any:
        return _done([self.transforms[number] for number in order(len(self.transforms))], inputs)
