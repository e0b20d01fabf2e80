"""`Multinomial`."""

from __future__ import annotations

import math
from typing import Any

from ..tensor import Size, Tensor, ones_like, where
from ..tensor import tensor as made
from . import constraints
from .binomial import Binomial
from .categorical import Categorical
from .chances import OfCategories
from .distribution import Distribution
from .utils import EMPTY, broadcast_all

__all__ = ["Multinomial"]


class Multinomial(OfCategories, Distribution):
    """How often each of K categories comes in `total_count` draws, an int; `probs` or `logits` as in `Categorical`.

    >>> import rushlight as torch
    >>> m = torch.distributions.Multinomial(10, torch.tensor([1.0, 1.0, 1.0, 1.0]))
    >>> m.mean, m.sample().sum()
    (tensor([2.5000, 2.5000, 2.5000, 2.5000]), tensor(10.))
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    total_count: int
    _parameters = ("_categorical",)
    _settings = ("total_count",)

    def __init__(
        self, total_count: int = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        if not isinstance(total_count, int):
            raise NotImplementedError("inhomogeneous total_count is not supported")
        self.total_count = total_count
        self._categorical = Categorical(probs=probs, logits=logits)
        batch_shape, event_shape = self._categorical.batch_shape, self._categorical.param_shape[-1:]
        super().__init__(batch_shape, event_shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.probs.mul(self.total_count)

    @property
    def variance(self) -> Tensor:
        return self.probs.mul(self.total_count) * (1 - self.probs)

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> Any:
        return constraints.multinomial(self.total_count)

    def sample(self, sample_shape: Any = EMPTY) -> Tensor:
        sample_shape = Size(sample_shape)
        drawn = self._categorical.sample(Size((self.total_count,)) + sample_shape).movedim(0, -1)
        counts = drawn.new_zeros(self._extended_shape(sample_shape))
        return counts.scatter_add_(-1, drawn, ones_like(drawn)).type_as(self.probs)  # type: ignore[no-any-return]

    def entropy(self) -> Tensor:
        n = made(self.total_count)
        of_each = Binomial(self.total_count, probs=self.probs)
        support = of_each.enumerate_support(expand=False)[1:]
        chances = of_each.log_prob(support).exp()
        repeats = (chances * (support + 1).lgamma()).sum([0, -1])
        return n * self._categorical.entropy() - (n + 1).lgamma() + repeats  # type: ignore[no-any-return]

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        ways = (value.sum(-1) + 1).lgamma() - (value + 1).lgamma().sum(-1)
        logits = where((value == 0) & (logits == -math.inf), 0, logits)  # 0 · -inf is to be 0
        return ways + (logits * value).sum(-1)  # type: ignore[no-any-return]
