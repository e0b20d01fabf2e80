"""`Binomial`."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor, arange, no_grad
from ..tensor.sampling import binomial
from . import constraints
from .chances import Binary
from .distribution import Distribution
from .utils import EMPTY

__all__ = ["Binomial"]


def _positive_part(x: Tensor) -> Tensor:
    """max(x, 0), whose derivative at 0 is a half, so that it is the mean of those on both sides."""
    return (x.clamp(min=0) + x - x.clamp(max=0)) / 2


class Binomial(Binary, Distribution):
    """How many of `total_count` trials succeed, each with the chance `probs` (or the log odds `logits`).

    >>> import rushlight as torch
    >>> torch.distributions.Binomial(4, torch.tensor([0.5])).log_prob(torch.tensor([2.0])).exp()
    tensor([0.3750])
    """

    arg_constraints = {
        "total_count": constraints.nonnegative_integer,
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    has_enumerate_support = True
    _parameters = ("total_count", "probs", "logits", "_param")

    def __init__(
        self, total_count: Any = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        (count,) = self._take(probs, logits, total_count)
        self.total_count = count.type_as(self._param)
        super().__init__(self._param.size(), validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.probs

    @property
    def mode(self) -> Tensor:
        return ((self.total_count + 1) * self.probs).floor().clamp(max=self.total_count)

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = EMPTY) -> Tensor:
        shape = self._extended_shape(sample_shape)
        with no_grad():
            return binomial(self.total_count.expand(shape), self.probs.expand(shape))  # type: ignore[no-any-return]

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        ways = (self.total_count + 1).lgamma()
        chosen, left = (value + 1).lgamma(), (self.total_count - value + 1).lgamma()
        # log(1 + exp(logits)) as max(logits, 0) + log1p(exp(-|logits|)), which does not overflow.
        softplus = self.total_count * _positive_part(self.logits)
        softplus = softplus + self.total_count * (-self.logits.abs()).exp().log1p()
        return value * self.logits - chosen - left - (softplus - ways)

    def entropy(self) -> Tensor:
        self._common_count("entropy")
        log_prob = self.log_prob(self.enumerate_support(False))
        return -(log_prob.exp() * log_prob).sum(0)

    def _common_count(self, use: str) -> int:
        count = int(self.total_count.max())
        if not self.total_count.min() == count:
            raise NotImplementedError(f"Inhomogeneous total count not supported by `{use}`.")
        return count

    def enumerate_support(self, expand: bool = True) -> Tensor:
        values = arange(1 + self._common_count("enumerate_support"), dtype=self._param.dtype)
        values = values.view((-1,) + (1,) * len(self._batch_shape))
        return values.expand((-1,) + self._batch_shape) if expand else values  # type: ignore[no-any-return]
