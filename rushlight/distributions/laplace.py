"""`Laplace`."""

from __future__ import annotations

from typing import Any

from ..limits import finfo
from ..tensor import Tensor
from . import constraints
from .distribution import Distribution
from .utils import EMPTY, broadcast_all

__all__ = ["Laplace"]


class Laplace(Distribution):
    """Laplace numbers around `loc`, with densities exp(-|x - loc| / scale).

    >>> import rushlight as torch
    >>> torch.distributions.Laplace(torch.tensor([0.0]), torch.tensor([1.0])).entropy()
    tensor([1.6931])
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True
    _parameters = ("loc", "scale")

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        super().__init__(self.loc.size(), validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return self.scale.pow(2) * 2

    @property
    def stddev(self) -> Tensor:
        return self.scale.mul(2**0.5)

    def rsample(self, sample_shape: Any = EMPTY) -> Tensor:
        shape = self._extended_shape(sample_shape)
        u = self.loc.new_empty(shape).uniform_(
            finfo(self.loc.dtype).eps - 1, 1
        )  # never -1, whose logarithm is infinite
        return self.loc - self.scale * u.sign() * (-u.abs()).log1p()

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return -(2 * self.scale).log() - (value - self.loc).abs() / self.scale

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        moved = value - self.loc
        return 0.5 - 0.5 * moved.sign() * (-moved.abs() / self.scale).expm1()

    def icdf(self, value: Tensor) -> Tensor:
        moved = value - 0.5
        return self.loc - self.scale * moved.sign() * (-2 * moved.abs()).log1p()

    def entropy(self) -> Tensor:
        return 1 + (2 * self.scale).log()
