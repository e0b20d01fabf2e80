"""`GeneralizedPareto`."""

from __future__ import annotations

import math
from typing import Any

from ..tensor import Tensor, isclose, ones_like, rand, where, zeros_like
from . import constraints
from .distribution import Distribution
from .utils import EMPTY, broadcast_all

__all__ = ["GeneralizedPareto"]


class GeneralizedPareto(Distribution):
    """What lies above a threshold `loc`, with a tail of the shape `concentration`: heavy above 0, exponential at 0, cut below.

    >>> import rushlight as torch
    >>> torch.distributions.GeneralizedPareto(0.0, 1.0, 0.5).mean
    tensor(2.)
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive, "concentration": constraints.real}
    has_rsample = True
    _parameters = ("loc", "scale", "concentration")

    def __init__(self, loc: Any, scale: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        super().__init__(self.loc.size(), validate_args=validate_args)

    def rsample(self, sample_shape: Any = EMPTY) -> Tensor:
        return self.icdf(rand(self._extended_shape(sample_shape), dtype=self.loc.dtype))

    def _split(self) -> tuple[Tensor, Tensor]:
        """Where the concentration is 0, so that the tail is exponential; and the concentration, 1 there."""
        flat = isclose(self.concentration, zeros_like(self.concentration))
        return flat, where(flat, ones_like(self.concentration), self.concentration)

    def _z(self, x: Tensor) -> Tensor:
        return (x - self.loc) / self.scale

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        z = self._z(value)
        flat, concentration = self._split()
        power = 1 / concentration + ones_like(z)
        curved = where(power == 0, power, power * (concentration * z).log1p())
        return -self.scale.log() - where(flat, z, curved)  # type: ignore[no-any-return]

    def log_survival_function(self, value: Tensor) -> Tensor:
        """The logarithm of the chance of a number above the value."""
        if self._validate_args:
            self._validate_sample(value)
        z = self._z(value)
        flat, concentration = self._split()
        return where(flat, -z, -(concentration * z).log1p() / concentration)  # type: ignore[no-any-return]

    def log_cdf(self, value: Tensor) -> Tensor:
        """The logarithm of `cdf`."""
        return (-self.log_survival_function(value).exp()).log1p()

    def cdf(self, value: Tensor) -> Tensor:
        return self.log_cdf(value).exp()

    def icdf(self, value: Tensor) -> Tensor:
        log_survival = (-value).log1p()
        flat, concentration = self._split()
        curved = self.loc + self.scale / concentration * (-concentration * log_survival).expm1()
        return where(flat, self.loc - self.scale * log_survival, curved)  # type: ignore[no-any-return]

    @property
    def mean(self) -> Tensor:
        finite = self.concentration < 1
        safe = where(finite, self.concentration, 0.5)
        return where(finite, self.loc + self.scale / (1 - safe), math.nan)  # type: ignore[no-any-return]

    @property
    def variance(self) -> Tensor:
        finite = self.concentration < 0.5
        safe = where(finite, self.concentration, 0.25)
        value = self.scale**2 / ((1 - safe) ** 2 * (1 - 2 * safe))
        return where(finite, value, math.nan)  # type: ignore[no-any-return]

    def entropy(self) -> Tensor:
        return self.scale.log() + self.concentration + 1

    @property
    def mode(self) -> Tensor:
        return self.loc

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        end = self.loc - self.scale / self.concentration
        return constraints.interval(self.loc, where(self.concentration < 0, end, math.inf))
