"""`OneHotCategorical` and `OneHotCategoricalStraightThrough`."""

from __future__ import annotations

from typing import Any

from ..nn.functional import one_hot
from ..tensor import Size, Tensor, eye
from . import constraints
from .categorical import Categorical
from .chances import OfCategories
from .distribution import Distribution
from .utils import EMPTY

__all__ = ["OneHotCategorical", "OneHotCategoricalStraightThrough"]


class OneHotCategorical(OfCategories, Distribution):
    """A category as a vector of zeros with one 1; `probs` or `logits` as in `Categorical`.

    >>> import rushlight as torch
    >>> torch.distributions.OneHotCategorical(torch.tensor([0.25, 0.75])).mode
    tensor([0., 1.])
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.one_hot
    has_enumerate_support = True
    _parameters = ("_categorical",)

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        self._categorical = Categorical(probs, logits)
        batch_shape, event_shape = self._categorical.batch_shape, self._categorical.param_shape[-1:]
        super().__init__(batch_shape, event_shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self._categorical.probs  # type: ignore[no-any-return]

    @property
    def mode(self) -> Tensor:
        probs = self._categorical.probs
        return one_hot(probs.argmax(dim=-1), num_classes=probs.shape[-1]).to(probs)  # type: ignore[no-any-return]

    @property
    def variance(self) -> Tensor:
        return self._categorical.probs * (1 - self._categorical.probs)

    def sample(self, sample_shape: Any = EMPTY) -> Tensor:
        drawn = self._categorical.sample(Size(sample_shape))
        return one_hot(drawn, self._categorical._num_events).to(self._categorical.probs)  # type: ignore[no-any-return]

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return self._categorical.log_prob(value.max(-1)[1])

    def entropy(self) -> Tensor:
        return self._categorical.entropy()

    def enumerate_support(self, expand: bool = True) -> Tensor:
        n = self.event_shape[0]
        values = eye(n, dtype=self._param.dtype).view((n,) + (1,) * len(self.batch_shape) + (n,))
        return values.expand((n,) + self.batch_shape + (n,)) if expand else values  # type: ignore[no-any-return]


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """As `OneHotCategorical`, whose samples have the gradient of the chances (Bengio, Léonard and Courville, 2013)."""

    has_rsample = True

    def rsample(self, sample_shape: Any = EMPTY) -> Tensor:
        probs = self._categorical.probs  # what is cached has the gradient
        return self.sample(sample_shape) + (probs - probs.detach())
