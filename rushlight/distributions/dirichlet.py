"""`Dirichlet`."""

from __future__ import annotations

from typing import Any

from ..autograd import Function
from ..nn.functional import one_hot
from ..tensor import Tensor, special, where
from ..tensor.sampling import _dirichlet_grad, _sample_dirichlet
from . import constraints
from .exp_family import ExponentialFamily
from .utils import EMPTY

__all__ = ["Dirichlet"]


class _Dirichlet(Function):
    """A draw, with its gradient in the concentrations (see `ir/implicit.py`)."""

    @staticmethod
    def forward(ctx: Any, concentration: Tensor) -> Tensor:  # type: ignore[override]
        x = _sample_dirichlet(concentration)
        ctx.save_for_backward(x, concentration)
        return x  # type: ignore[no-any-return]

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:  # type: ignore[override]
        x, concentration = ctx.saved_tensors
        total = concentration.sum(-1, True).expand_as(concentration)
        slope = _dirichlet_grad(x, concentration, total)
        return slope * (grad_output - (x * grad_output).sum(-1, True))  # type: ignore[no-any-return]


class Dirichlet(ExponentialFamily):
    """Shares, over the last axis, with concentrations. Samples have a gradient in these, as `Gamma`'s.

    >>> import rushlight as torch
    >>> torch.distributions.Dirichlet(torch.tensor([0.5, 1.5])).mean
    tensor([0.2500, 0.7500])
    """

    arg_constraints = {"concentration": constraints.independent(constraints.positive, 1)}
    support = constraints.simplex
    has_rsample = True
    _parameters = ("concentration",)

    def __init__(self, concentration: Tensor, validate_args: bool | None = None) -> None:
        if concentration.dim() < 1:
            raise ValueError("`concentration` parameter must be at least one-dimensional.")
        self.concentration = concentration
        super().__init__(concentration.shape[:-1], concentration.shape[-1:], validate_args=validate_args)

    def rsample(self, sample_shape: Any = EMPTY) -> Tensor:
        return _Dirichlet.apply(self.concentration.expand(self._extended_shape(sample_shape)))  # type: ignore[no-any-return]

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        powers = special.xlogy(self.concentration - 1.0, value).sum(-1)
        return powers + self.concentration.sum(-1).lgamma() - self.concentration.lgamma().sum(-1)  # type: ignore[no-any-return]

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.concentration.sum(-1, True)

    @property
    def mode(self) -> Tensor:
        """Where all concentrations are below 1 the density has a peak at each corner: the first is given."""
        excess = (self.concentration - 1).clamp(min=0.0)
        inside = excess / excess.sum(-1, True)
        corner = one_hot(inside.argmax(dim=-1), excess.shape[-1]).to(inside)
        return where((self.concentration < 1).all(dim=-1, keepdim=True), corner, inside)  # type: ignore[no-any-return]

    @property
    def variance(self) -> Tensor:
        total = self.concentration.sum(-1, True)
        return self.concentration * (total - self.concentration) / (total.pow(2) * (total + 1))

    def entropy(self) -> Tensor:
        count, total = self.concentration.size(-1), self.concentration.sum(-1)
        return (  # type: ignore[no-any-return]
            self.concentration.lgamma().sum(-1)
            - total.lgamma()
            - (count - total) * total.digamma()
            - ((self.concentration - 1.0) * self.concentration.digamma()).sum(-1)
        )

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return (self.concentration,)

    def _log_normalizer(self, x: Tensor) -> Tensor:  # type: ignore[override]
        return x.lgamma().sum(-1) - x.sum(-1).lgamma()  # type: ignore[no-any-return]
