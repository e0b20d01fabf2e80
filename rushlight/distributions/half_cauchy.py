"""`HalfCauchy`."""

from __future__ import annotations

import math
from typing import Any

from ..tensor import Tensor, full
from .cauchy import Cauchy
from .halved import Halved

__all__ = ["HalfCauchy"]


class HalfCauchy(Halved):
    """Absolute values of Cauchy numbers around 0; `scale` is their median.

    >>> import rushlight as torch
    >>> torch.distributions.HalfCauchy(torch.tensor([1.0])).cdf(torch.tensor([1.0]))
    tensor([0.5000])
    """

    base_dist: Cauchy
    _parameters = ()

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        super().__init__(Cauchy(0, scale, validate_args=False), validate_args)

    @property
    def mean(self) -> Tensor:
        return full(self._extended_shape(), math.inf, dtype=self.scale.dtype)  # type: ignore[no-any-return]

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance
