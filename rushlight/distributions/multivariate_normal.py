"""`MultivariateNormal`."""

from __future__ import annotations

import math
from typing import Any

from ..tensor import Tensor, broadcast_shapes, eye, flip, linalg, matmul
from . import constraints
from .distribution import Distribution
from .utils import EMPTY, _standard_normal, lazy_property

__all__ = ["MultivariateNormal"]


def _batch_mv(matrices: Tensor, vectors: Tensor) -> Tensor:
    """Products of matrices and vectors, with broadcasting."""
    return matmul(matrices, vectors.unsqueeze(-1)).squeeze(-1)  # type: ignore[no-any-return]


def _batch_mahalanobis(factors: Tensor, x: Tensor) -> Tensor:
    """|L⁻¹ x|² for Cholesky factors L of shape batch + (n, n) and vectors of shape sample + batch + (n,).

    The samples are columns, so that each factor is solved with once.
    """
    n = x.shape[-1]
    batch = factors.shape[:-2]
    whole = broadcast_shapes(batch, x.shape[:-1])
    own = whole[len(whole) - len(batch) :]
    columns = x.expand(whole + (n,)).reshape((-1,) + own + (n,)).movedim(0, -1)
    solved = linalg.solve_triangular(factors.expand(own + (n, n)), columns, upper=False)
    return solved.pow(2).sum(-2).movedim(-1, 0).reshape(whole)  # type: ignore[no-any-return]


def _precision_to_scale_tril(precision: Tensor) -> Tensor:
    """The Cholesky factor of a precision matrix's inverse: from that of the matrix with its axes reversed."""
    reversed_factor = linalg.cholesky(flip(precision, (-2, -1)))
    inverse = flip(reversed_factor, (-2, -1)).mT
    return linalg.solve_triangular(inverse, eye(precision.shape[-1], dtype=precision.dtype), upper=False)  # type: ignore[no-any-return]


def given_matrix(
    names: tuple[str, ...], matrices: tuple[Any, ...], error: type[Exception] = ValueError
) -> tuple[str, Tensor]:
    """The one of the matrices that is given, and its name; an error for none or several, a ValueError for a vector."""
    given = [(name, matrix) for name, matrix in zip(names, matrices, strict=True) if matrix is not None]
    if len(given) != 1:
        raise error(f"Exactly one of {' or '.join(names)} may be specified.")
    name, matrix = given[0]
    if matrix.dim() < 2:
        kind = "scale_tril matrix" if name == "scale_tril" else name
        raise ValueError(f"{kind} must be at least two-dimensional, with optional leading batch dimensions")
    return name, matrix


def factor_of(name: str, matrix: Tensor) -> Tensor:
    """The Cholesky factor of the covariance that a matrix of this name stands for."""
    if name == "scale_tril":
        return matrix
    return linalg.cholesky(matrix) if name == "covariance_matrix" else _precision_to_scale_tril(matrix)  # type: ignore[no-any-return]


class MultivariateNormal(Distribution):
    """Normal vectors with the mean `loc` and a covariance matrix, or its inverse or its Cholesky factor (the cheapest).

    >>> import rushlight as torch
    >>> m = torch.distributions.MultivariateNormal(torch.zeros(2), torch.eye(2))
    >>> m.log_prob(torch.zeros(2)), m.variance
    (tensor(-1.8379), tensor([1., 1.]))
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector
    has_rsample = True
    _parameters = ("loc", "covariance_matrix", "precision_matrix", "scale_tril")
    _settings = ("_unbroadcasted_scale_tril",)

    def __init__(
        self,
        loc: Tensor,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        name, matrix = given_matrix(self._parameters[1:], (covariance_matrix, precision_matrix, scale_tril))
        batch_shape = broadcast_shapes(matrix.shape[:-2], loc.shape[:-1])
        setattr(self, name, matrix.expand(batch_shape + (-1, -1)))
        self.loc = loc.expand(batch_shape + (-1,))
        super().__init__(batch_shape, self.loc.shape[-1:], validate_args=validate_args)
        self._unbroadcasted_scale_tril = factor_of(name, matrix)

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The Cholesky factor of the covariance."""
        return self._unbroadcasted_scale_tril.expand(self._batch_shape + self._event_shape + self._event_shape)

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """The covariance."""
        factor = self._unbroadcasted_scale_tril
        return matmul(factor, factor.mT).expand(self._batch_shape + self._event_shape + self._event_shape)  # type: ignore[no-any-return]

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The inverse of the covariance."""
        inverse = self._unbroadcasted_scale_tril.cholesky_inverse()
        return inverse.expand(self._batch_shape + self._event_shape + self._event_shape)  # type: ignore[no-any-return]

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return self._unbroadcasted_scale_tril.pow(2).sum(-1).expand(self._batch_shape + self._event_shape)

    def rsample(self, sample_shape: Any = EMPTY) -> Tensor:
        eps = _standard_normal(self._extended_shape(sample_shape), self.loc.dtype)
        return self.loc + _batch_mv(self._unbroadcasted_scale_tril, eps)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        distance = _batch_mahalanobis(self._unbroadcasted_scale_tril, value - self.loc)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + distance) - self._half_log_det()

    def _half_log_det(self) -> Tensor:
        return self._unbroadcasted_scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)

    def entropy(self) -> Tensor:
        entropy = 0.5 * self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + self._half_log_det()
        return entropy.expand(self._batch_shape)
