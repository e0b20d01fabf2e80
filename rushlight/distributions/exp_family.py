"""`ExponentialFamily`: distributions whose entropy follows from a log normalizer."""

from __future__ import annotations

from typing import Any

from ..autograd import grad
from ..tensor import Tensor
from .distribution import Distribution

__all__ = ["ExponentialFamily"]


class ExponentialFamily(Distribution):
    """Densities exp(<t(x), θ> - F(θ) + k(x)): natural parameters θ, log normalizer F, carrier measure k.

    Entropies and divergences follow from the gradient of F (Nielsen and Nock, "Entropies and Cross-Entropies of
    Exponential Families", 2010).
    """

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        raise NotImplementedError

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        raise NotImplementedError

    @property
    def _mean_carrier_measure(self) -> Any:
        raise NotImplementedError

    def entropy(self) -> Tensor:
        result: Any = -self._mean_carrier_measure
        naturals = [each.detach().requires_grad_() for each in self._natural_params]
        normalizer = self._log_normalizer(*naturals)
        result = result + normalizer
        for natural, slope in zip(naturals, grad(normalizer.sum(), naturals, create_graph=True), strict=True):
            result = result - (natural * slope).reshape(self._batch_shape + (-1,)).sum(-1)
        return result  # type: ignore[no-any-return]
