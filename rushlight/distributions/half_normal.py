"""`HalfNormal`."""

from __future__ import annotations

import math
from typing import Any

from ..tensor import Tensor
from .halved import Halved
from .normal import Normal

__all__ = ["HalfNormal"]


class HalfNormal(Halved):
    """Absolute values of normal numbers with the mean 0 and the deviation `scale`.

    >>> import rushlight as torch
    >>> torch.distributions.HalfNormal(torch.tensor([1.0])).mean
    tensor([0.7979])
    """

    base_dist: Normal
    _parameters = ()

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        super().__init__(Normal(0, scale, validate_args=False), validate_args)

    @property
    def mean(self) -> Tensor:
        return self.scale.mul(math.sqrt(2 / math.pi))

    @property
    def variance(self) -> Tensor:
        return self.scale.pow(2) * (1 - 2 / math.pi)
