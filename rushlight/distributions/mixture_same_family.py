"""`MixtureSameFamily`."""

from __future__ import annotations

from typing import Any, ClassVar

from ..nn.functional import log_softmax
from ..tensor import Size, Tensor, gather, no_grad
from . import constraints
from .categorical import Categorical
from .distribution import Distribution
from .utils import EMPTY

__all__ = ["MixtureSameFamily"]


class MixtureSameFamily(Distribution):
    """A mixture of K components of one family: the last axis of the component distribution's batch.

    >>> import rushlight as torch
    >>> D = torch.distributions
    >>> m = D.MixtureSameFamily(D.Categorical(torch.ones(2)), D.Normal(torch.tensor([-1.0, 1.0]), torch.ones(2)))
    >>> m.mean, m.variance
    (tensor(0.), tensor(2.))
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}
    has_rsample = False

    def __init__(
        self,
        mixture_distribution: Categorical,
        component_distribution: Distribution,
        validate_args: bool | None = None,
    ) -> None:
        _check(mixture_distribution, component_distribution)
        self._mixture_distribution = mixture_distribution
        self._component_distribution = component_distribution
        self._num_component = component_distribution.batch_shape[-1]
        event_shape = component_distribution.event_shape
        self._event_ndims = len(event_shape)
        super().__init__(component_distribution.batch_shape[:-1], event_shape, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        batch_shape = Size(batch_shape)
        new = self._get_checked_instance(MixtureSameFamily, _instance)
        new._component_distribution = self._component_distribution.expand(batch_shape + (self._num_component,))
        new._mixture_distribution = self._mixture_distribution.expand(batch_shape)
        new._num_component = self._num_component
        new._event_ndims = self._event_ndims
        event_shape = new._component_distribution.event_shape
        super(MixtureSameFamily, new).__init__(batch_shape, event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    @constraints.dependent_property
    def support(self) -> Any:
        return constraints.MixtureSameFamilyConstraint(self._component_distribution.support)

    @property
    def mixture_distribution(self) -> Categorical:
        """The distribution of the components."""
        return self._mixture_distribution

    @property
    def component_distribution(self) -> Distribution:
        """The components."""
        return self._component_distribution

    def _averaged(self, values: Tensor) -> Tensor:
        """The mean over the components, by their chances."""
        probs = self._pad_mixture_dimensions(self.mixture_distribution.probs)
        return (probs * values).sum(dim=-1 - self._event_ndims)

    @property
    def mean(self) -> Tensor:
        return self._averaged(self.component_distribution.mean)

    @property
    def variance(self) -> Tensor:
        """The mean of the variances, and the variance of the means."""
        within = self._averaged(self.component_distribution.variance)
        apart = self.component_distribution.mean - self._pad(self.mean)
        return within + self._averaged(apart.pow(2.0))

    def cdf(self, x: Tensor) -> Tensor:  # type: ignore[override]
        of_components = self.component_distribution.cdf(self._pad(x))
        return (of_components * self.mixture_distribution.probs).sum(dim=-1)

    def log_prob(self, x: Tensor) -> Tensor:  # type: ignore[override]
        if self._validate_args:
            self._validate_sample(x)
        of_components = self.component_distribution.log_prob(self._pad(x))
        log_mixture = log_softmax(self.mixture_distribution.logits, dim=-1)
        return (of_components + log_mixture).logsumexp(dim=-1)  # type: ignore[no-any-return]

    def sample(self, sample_shape: Any = EMPTY) -> Tensor:
        with no_grad():
            axis = len(sample_shape) + len(self.batch_shape)
            chosen = self.mixture_distribution.sample(sample_shape)
            ones = Size([1] * (self._event_ndims + 1))
            samples = self.component_distribution.sample(sample_shape)
            places = chosen.reshape(chosen.shape + ones)
            places = places.expand(samples.shape[:axis] + (1,) + self.event_shape)
            return gather(samples, axis, places).squeeze(axis)  # type: ignore[no-any-return]

    def _pad(self, x: Tensor) -> Tensor:
        return x.unsqueeze(-1 - self._event_ndims)

    def _pad_mixture_dimensions(self, x: Tensor) -> Tensor:
        own, mixture = len(self.batch_shape), len(self.mixture_distribution.batch_shape)
        missing = 0 if mixture == 0 else own - mixture
        shape = x.shape
        return x.reshape(shape[:-1] + Size(missing * [1]) + shape[-1:] + Size(self._event_ndims * [1]))

    def __repr__(self) -> str:
        return f"MixtureSameFamily(\n  {self.mixture_distribution},\n  {self.component_distribution})"


def _check(mixture: Any, component: Any) -> None:
    """Raises ValueError unless the two are distributions of fitting shapes."""
    if not isinstance(mixture, Categorical):
        raise ValueError(" The Mixture distribution needs to be an  instance of torch.distributions.Categorical")
    if not isinstance(component, Distribution):
        raise ValueError("The Component distribution needs to be an instance of torch.distributions.Distribution")
    own, others = mixture.batch_shape, component.batch_shape[:-1]
    for one, other in zip(reversed(own), reversed(others), strict=False):
        if one != 1 and other != 1 and one != other:
            raise ValueError(
                f"`mixture_distribution.batch_shape` ({own}) is not compatible with "
                f"`component_distribution.batch_shape`({others})"
            )
    count, wanted = mixture.logits.shape[-1], component.batch_shape[-1]
    if count is not None and wanted is not None and count != wanted:
        raise ValueError(
            f"`mixture_distribution component` ({count}) does not equal `component_distribution.batch_shape[-1]` ({wanted})"
        )
