"""`LKJCholesky`."""

from __future__ import annotations

import math
from typing import Any

from ..limits import finfo
from ..tensor import Size, Tensor, arange, no_grad, randn
from ..tensor import cat as join
from . import constraints
from .beta import Beta
from .distribution import Distribution
from .utils import EMPTY, broadcast_all

__all__ = ["LKJCholesky"]


class LKJCholesky(Distribution):
    """Cholesky factors of correlation matrices, whose density is det(correlation)^(concentration - 1).

    Samples by the onion method, densities as in Lewandowski, Kurowicka and Joe (2009).

    >>> import rushlight as torch
    >>> factor = torch.distributions.LKJCholesky(3, 0.5).sample()
    >>> torch.allclose((factor @ factor.T).diagonal(), torch.ones(3))
    True
    """

    arg_constraints = {"concentration": constraints.positive}
    support = constraints.corr_cholesky
    _parameters = ("concentration", "_beta")
    _settings = ("dim",)

    def __init__(self, dim: int, concentration: Any = 1.0, validate_args: bool | None = None) -> None:
        if dim < 2:
            raise ValueError(f"Expected dim to be an integer greater than or equal to 2. Found dim={dim}.")
        self.dim = dim
        (self.concentration,) = broadcast_all(concentration)
        marginal = self.concentration + 0.5 * (self.dim - 2)
        offset = arange(self.dim - 1, dtype=self.concentration.dtype)
        offset = join([offset.new_zeros((1,)), offset])
        self._beta = Beta(offset + 0.5, marginal.unsqueeze(-1) - 0.5 * offset)
        super().__init__(self.concentration.size(), Size((dim, dim)), validate_args)

    def sample(self, sample_shape: Any = EMPTY) -> Tensor:
        """Each row is a direction on a sphere, times the root of a beta number; the rest of its length is the diagonal."""
        with no_grad():
            radius = self._beta.sample(sample_shape).unsqueeze(-1)
            normal = randn(self._extended_shape(sample_shape), dtype=self.concentration.dtype).tril(-1)
            direction = normal / normal.norm(dim=-1, keepdim=True)
            direction[..., 0, :] = 0.0  # where the norm was 0
            rows = radius.sqrt() * direction
            diagonal = (1 - (rows**2).sum(dim=-1)).clamp(min=finfo(rows.dtype).tiny).sqrt()
            return rows + diagonal.diag_embed()  # type: ignore[no-any-return]

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        diagonal = value.diagonal(dim1=-1, dim2=-2)[..., 1:]
        order = arange(2, self.dim + 1)
        order = 2 * (self.concentration - 1).unsqueeze(-1) + self.dim - order
        unnormalized = (order * diagonal.log()).sum(dim=-1)
        rest = self.dim - 1
        alpha = self.concentration + 0.5 * rest
        normalization = 0.5 * rest * math.log(math.pi) + (alpha - 0.5).mvlgamma(rest) - alpha.lgamma() * rest
        return unnormalized - normalization  # type: ignore[no-any-return]
