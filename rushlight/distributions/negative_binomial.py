"""`NegativeBinomial`."""

from __future__ import annotations

from typing import Any

from ..nn.functional import logsigmoid
from ..tensor import Tensor, no_grad, sigmoid
from ..tensor.sampling import poisson
from . import constraints
from .chances import Binary
from .distribution import Distribution
from .gamma import Gamma
from .utils import EMPTY, lazy_property

__all__ = ["NegativeBinomial"]


class NegativeBinomial(Binary, Distribution):
    """How many trials succeed before `total_count` fail; `total_count` may be any number not below 0.

    >>> import rushlight as torch
    >>> torch.distributions.NegativeBinomial(3, torch.tensor([0.5])).mean
    tensor([3.])
    """

    arg_constraints = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer
    _parameters = ("total_count", "probs", "logits", "_param")

    def __init__(
        self, total_count: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        (count,) = self._take(probs, logits, total_count)
        self.total_count = count.type_as(self._param)
        super().__init__(self._param.size(), validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.logits.exp()

    @property
    def mode(self) -> Tensor:
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0.0)

    @property
    def variance(self) -> Tensor:
        return self.mean / sigmoid(-self.logits)  # type: ignore[no-any-return]

    @lazy_property
    def _gamma(self) -> Gamma:
        """The distribution of the rates of the Poisson numbers that the samples are."""
        return Gamma(concentration=self.total_count, rate=(-self.logits).exp(), validate_args=False)

    def sample(self, sample_shape: Any = EMPTY) -> Tensor:
        with no_grad():
            return poisson(self._gamma.sample(sample_shape=sample_shape))  # type: ignore[no-any-return]

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        unnormalized = self.total_count * logsigmoid(-self.logits) + value * logsigmoid(self.logits)
        total = self.total_count + value
        normalization = -total.lgamma() + (1.0 + value).lgamma() + self.total_count.lgamma()
        return unnormalized - normalization.masked_fill(total == 0.0, 0.0)  # type: ignore[no-any-return]
