"""`VonMises`."""

from __future__ import annotations

import math
from typing import Any

from ..dtype import bool_, float64
from ..tensor import Tensor, no_grad, rand, special, where, zeros
from . import constraints
from .distribution import Distribution
from .utils import EMPTY, broadcast_all, lazy_property

__all__ = ["VonMises"]


def _log_bessel(x: Tensor, order: int) -> Tensor:
    """The logarithm of the modified Bessel function of the first kind, order 0 or 1, for x > 0."""
    scaled = special.i0e(x) if order == 0 else special.i1e(x)
    return x + scaled.log()  # type: ignore[no-any-return]


class VonMises(Distribution):
    """Angles around `loc`, in radians, a normal distribution on the circle; samples lie in [-π, π).

    >>> import rushlight as torch
    >>> torch.distributions.VonMises(torch.tensor([1.0]), torch.tensor([1.0])).log_prob(torch.tensor([1.0]))
    tensor([-1.0738])
    """

    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real
    has_rsample = False
    _parameters = ("loc", "concentration")

    def __init__(self, loc: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.loc, self.concentration = broadcast_all(loc, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        aligned = self.concentration * (value - self.loc).cos()
        return aligned - math.log(2 * math.pi) - _log_bessel(self.concentration, order=0)

    @lazy_property
    def _loc(self) -> Tensor:
        return self.loc.to(float64)

    @lazy_property
    def _concentration(self) -> Tensor:
        return self.concentration.to(float64)

    @lazy_property
    def _proposal_r(self) -> Tensor:
        """The parameter of the wrapped Cauchy distribution from which samples are proposed."""
        kappa = self._concentration
        tau = 1 + (1 + 4 * kappa**2).sqrt()
        rho = (tau - (2 * tau).sqrt()) / (2 * kappa)
        exact = (1 + rho**2) / (2 * rho)
        return where(kappa < 1e-5, 1 / kappa + kappa, exact)  # type: ignore[no-any-return]

    def sample(self, sample_shape: Any = EMPTY) -> Tensor:
        """By rejection, for all elements at once until all are accepted (Best and Fisher, 1979)."""
        shape = self._extended_shape(sample_shape)
        with no_grad():
            x, done = zeros(shape, dtype=float64), zeros(shape, dtype=bool_)
            r, concentration = self._proposal_r, self._concentration
            while not done.all():
                u1, u2, u3 = rand((3,) + shape, dtype=float64).unbind()
                z = (math.pi * u1).cos()
                f = (1 + r * z) / (r + z)
                c = concentration * (r - f)
                accept = ((c * (2 - c) - u2) > 0) | ((c / u2).log() + 1 - c >= 0)
                x = where(accept, (u3 - 0.5).sign() * f.acos(), x)
                done = done | accept
            return ((x + math.pi + self._loc) % (2 * math.pi) - math.pi).to(self.loc.dtype)  # type: ignore[no-any-return]

    @property
    def mean(self) -> Tensor:
        """The mean direction."""
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @lazy_property
    def variance(self) -> Tensor:  # type: ignore[override]
        """The circular variance."""
        return 1 - (_log_bessel(self.concentration, order=1) - _log_bessel(self.concentration, order=0)).exp()
