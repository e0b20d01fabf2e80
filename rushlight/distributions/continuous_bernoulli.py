"""`ContinuousBernoulli`."""

from __future__ import annotations

import math
from typing import Any

from ..nn.functional import binary_cross_entropy_with_logits
from ..tensor import Tensor, le, no_grad, ones_like, rand, where, zeros_like
from . import constraints
from .chances import Binary
from .exp_family import ExponentialFamily
from .utils import EMPTY, broadcast_all, clamp_probs

__all__ = ["ContinuousBernoulli"]


class ContinuousBernoulli(Binary, ExponentialFamily):
    """Numbers in [0, 1] with a density of the form λ^x (1-λ)^(1-x) (Loaiza-Ganem and Cunningham, 2019).

    Near λ = 1/2, between the two `lims`, formulas that divide by 1 - 2λ are replaced by the first terms of their series.

    >>> import rushlight as torch
    >>> torch.distributions.ContinuousBernoulli(torch.tensor([0.5])).mean
    tensor([0.5000])
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True
    _mean_carrier_measure = 0
    _parameters = ("probs", "logits", "_param")
    _settings = ("_lims",)

    def __init__(
        self,
        probs: Any = None,
        logits: Any = None,
        lims: tuple[float, float] = (0.499, 0.501),
        validate_args: bool | None = None,
    ) -> None:
        self._take(probs, logits)
        if probs is not None:
            # Checked before they are kept off 0 and 1, which hides what is wrong.
            if validate_args is not None and not self.arg_constraints["probs"].check(self.probs).all():
                raise ValueError("The parameter probs has invalid values")
            self._param = self.probs = clamp_probs(self.probs)
        self._lims = lims
        super().__init__(self._param.size(), validate_args=validate_args)

    def _outside_unstable_region(self) -> Tensor:
        return le(self.probs, self._lims[0]) | self.probs.gt(self._lims[1])  # type: ignore[no-any-return]

    def _cut_probs(self) -> Tensor:
        """The chances, with those near a half moved to the lower limit."""
        return where(self._outside_unstable_region(), self.probs, self._lims[0] * ones_like(self.probs))  # type: ignore[no-any-return]

    def _cont_bern_log_norm(self) -> Tensor:
        """The logarithm of what the density is normalized by."""
        cut = self._cut_probs()
        below = where(le(cut, 0.5), cut, zeros_like(cut))
        above = where(cut.ge(0.5), cut, ones_like(cut))
        log_norm = ((-cut).log1p() - cut.log()).abs().log()
        log_norm = log_norm - where(le(cut, 0.5), (-2.0 * below).log1p(), (2.0 * above - 1.0).log())
        square = (self.probs - 0.5).pow(2)
        taylor = math.log(2.0) + (4.0 / 3.0 + 104.0 / 45.0 * square) * square
        return where(self._outside_unstable_region(), log_norm, taylor)  # type: ignore[no-any-return]

    @property
    def mean(self) -> Tensor:
        cut = self._cut_probs()
        exact = cut / (2.0 * cut - 1.0) + 1.0 / ((-cut).log1p() - cut.log())
        x = self.probs - 0.5
        taylor = 0.5 + (1.0 / 3.0 + 16.0 / 45.0 * x.pow(2)) * x
        return where(self._outside_unstable_region(), exact, taylor)  # type: ignore[no-any-return]

    @property
    def stddev(self) -> Tensor:
        return self.variance.sqrt()

    @property
    def variance(self) -> Tensor:
        cut = self._cut_probs()
        exact = cut * (cut - 1.0) / (1.0 - 2.0 * cut).pow(2) + 1.0 / ((-cut).log1p() - cut.log()).pow(2)
        square = (self.probs - 0.5).pow(2)
        taylor = 1.0 / 12.0 - (1.0 / 15.0 - 128.0 / 945.0 * square) * square
        return where(self._outside_unstable_region(), exact, taylor)  # type: ignore[no-any-return]

    def sample(self, sample_shape: Any = EMPTY) -> Tensor:
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Any = EMPTY) -> Tensor:
        return self.icdf(rand(self._extended_shape(sample_shape), dtype=self.probs.dtype))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        likelihood = -binary_cross_entropy_with_logits(logits, value, reduction="none")
        return likelihood + self._cont_bern_log_norm()  # type: ignore[no-any-return]

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        cut = self._cut_probs()
        exact = (cut.pow(value) * (1.0 - cut).pow(1.0 - value) + cut - 1.0) / (2.0 * cut - 1.0)
        inside = where(self._outside_unstable_region(), exact, value)
        above = where(value.ge(1.0), ones_like(inside), inside)
        return where(le(value, 0.0), zeros_like(inside), above)  # type: ignore[no-any-return]

    def icdf(self, value: Tensor) -> Tensor:
        cut = self._cut_probs()
        miss = (-cut).log1p()
        exact = ((-cut + value * (2.0 * cut - 1.0)).log1p() - miss) / (cut.log() - miss)
        return where(self._outside_unstable_region(), exact, value)  # type: ignore[no-any-return]

    def entropy(self) -> Tensor:
        miss, hit = (-self.probs).log1p(), self.probs.log()
        return self.mean * (miss - hit) - self._cont_bern_log_norm() - miss

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return (self.logits,)

    def _log_normalizer(self, x: Tensor) -> Tensor:  # type: ignore[override]
        outside = le(x, self._lims[0] - 0.5) | x.gt(self._lims[1] - 0.5)
        cut = where(outside, x, (self._lims[0] - 0.5) * ones_like(x))
        exact = cut.expm1().abs().log() - cut.abs().log()
        taylor = 0.5 * x + x.pow(2) / 24.0 - x.pow(4) / 2880.0
        return where(outside, exact, taylor)  # type: ignore[no-any-return]
