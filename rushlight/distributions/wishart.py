"""`Wishart`."""

from __future__ import annotations

import math
from typing import Any

from ..limits import finfo
from ..tensor import Size, Tensor, arange, broadcast_shapes, linalg, no_grad, randn, tril_indices, where
from ..tensor import tensor as made
from . import constraints
from .chi2 import Chi2
from .exp_family import ExponentialFamily
from .multivariate_normal import factor_of, given_matrix
from .utils import EMPTY, lazy_property

__all__ = ["Wishart"]

_LOG_2 = math.log(2)


def _mvdigamma(x: Tensor, p: int) -> Tensor:
    """The derivative of the multivariate log-gamma function."""
    if not x.gt((p - 1) / 2).all():
        raise AssertionError("Wrong domain for multivariate digamma function.")
    return (x.unsqueeze(-1) - arange(p, dtype=x.dtype).div(2).expand(x.shape + (-1,))).digamma().sum(-1)  # type: ignore[no-any-return]


def _clamp_above_eps(x: Tensor) -> Tensor:
    """For numbers that are positive but for rounding."""
    return x.clamp(min=finfo(x.dtype).eps)


class Wishart(ExponentialFamily):
    """Positive definite matrices: the scatter of `df` normal vectors with a covariance (or its inverse, or Cholesky factor).

    >>> import rushlight as torch
    >>> torch.distributions.Wishart(torch.tensor(3.0), torch.eye(2)).mean
    tensor([[3., 0.],
            [0., 3.]])
    """

    support = constraints.positive_definite
    has_rsample = True
    _mean_carrier_measure = 0
    _parameters = ("df", "covariance_matrix", "precision_matrix", "scale_tril", "_dist_chi2")
    _settings = ("_unbroadcasted_scale_tril",)

    @property
    def arg_constraints(self) -> Any:
        return {
            "covariance_matrix": constraints.positive_definite,
            "precision_matrix": constraints.positive_definite,
            "scale_tril": constraints.lower_cholesky,
            "df": constraints.greater_than(self.event_shape[-1] - 1),
        }

    def __init__(
        self,
        df: Any,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        given = covariance_matrix, precision_matrix, scale_tril
        name, matrix = given_matrix(self._parameters[1:4], given, error=AssertionError)
        if isinstance(df, (int, float)):
            df = made(df, dtype=matrix.dtype)
        batch_shape = broadcast_shapes(matrix.shape[:-2], df.shape)
        event_shape = matrix.shape[-2:]
        self.df = df.expand(batch_shape)
        if self.df.le(event_shape[-1] - 1).any():
            raise ValueError(f"Value of df={df} expected to be greater than ndim - 1 = {event_shape[-1] - 1}.")
        setattr(self, name, matrix.expand(batch_shape + (-1, -1)))
        super().__init__(batch_shape, event_shape, validate_args=validate_args)
        self._unbroadcasted_scale_tril = factor_of(name, matrix)
        lowered = self.df.unsqueeze(-1) - arange(event_shape[-1], dtype=self._unbroadcasted_scale_tril.dtype)
        self._dist_chi2 = Chi2(df=lowered)

    def _expanded(self, matrix: Tensor) -> Tensor:
        return matrix.expand(self._batch_shape + self._event_shape)

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The Cholesky factor of the covariance."""
        return self._expanded(self._unbroadcasted_scale_tril)

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """The covariance of the vectors."""
        factor = self._unbroadcasted_scale_tril
        return self._expanded(factor @ factor.mT)

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The inverse of the covariance."""
        return self._expanded(self._unbroadcasted_scale_tril.cholesky_inverse())

    @property
    def mean(self) -> Tensor:
        return self.df.view(self._batch_shape + (1, 1)) * self.covariance_matrix

    @property
    def mode(self) -> Tensor:
        """NaN where df is below the number of axes plus 1."""
        factor = self.df - self.covariance_matrix.shape[-1] - 1
        factor = where(factor <= 0, math.nan, factor)
        return factor.view(self._batch_shape + (1, 1)) * self.covariance_matrix  # type: ignore[no-any-return]

    @property
    def variance(self) -> Tensor:
        covariance = self.covariance_matrix
        diagonal = covariance.diagonal(dim1=-2, dim2=-1)
        outer = diagonal.unsqueeze(-1) * diagonal.unsqueeze(-2)
        return self.df.view(self._batch_shape + (1, 1)) * (covariance.pow(2) + outer)

    def _bartlett_sampling(self, sample_shape: Any = EMPTY) -> Tensor:
        """L·A·Aᵀ·Lᵀ, A lower triangular with roots of chi-square numbers on the diagonal, normal numbers below it."""
        p = self._event_shape[-1]
        noise = _clamp_above_eps(self._dist_chi2.rsample(sample_shape).sqrt()).diag_embed()
        rows, columns = tril_indices(p, p, offset=-1)
        below = randn(Size(sample_shape) + self._batch_shape + (p * (p - 1) // 2,), dtype=noise.dtype)
        noise[..., rows, columns] = below
        chol = self._unbroadcasted_scale_tril @ noise
        return chol @ chol.mT

    def rsample(self, sample_shape: Any = EMPTY, max_try_correction: int | None = None) -> Tensor:
        """Draws again, at most `max_try_correction` times, what rounding has made singular.

        PyTorch takes the good first samples for the singular ones, and draws each of them again, once. So does this: the
        same seed gives the same samples.
        """
        if max_try_correction is None:
            max_try_correction = 3 if self._event_shape[-1] > 4 else 10
        sample = self._bartlett_sampling(Size(sample_shape))
        again = self._of_batch(self._positive_definite(sample))
        for _ in range(max_try_correction):
            if not again.any():
                break
            new = self._bartlett_sampling(Size((int(again.sum()),)))
            sample[again] = new
            again[again.clone()] = self._of_batch(~self._positive_definite(new))
        return sample

    def _positive_definite(self, sample: Tensor) -> Tensor:
        with no_grad():
            return self.support.check(sample)  # type: ignore[no-any-return]

    def _of_batch(self, flags: Tensor) -> Tensor:
        """Whether a flag is set for any of the batch."""
        return flags.flatten(-len(self._batch_shape)).any(-1) if self._batch_shape else flags  # type: ignore[no-any-return]

    def _log_det_factor(self) -> Tensor:
        return self._unbroadcasted_scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        nu, p = self.df, self._event_shape[-1]
        trace = value.cholesky_solve(self._unbroadcasted_scale_tril).diagonal(dim1=-2, dim2=-1).sum(dim=-1)
        normalization = -nu * (p * _LOG_2 / 2 + self._log_det_factor()) - (nu / 2).mvlgamma(p)
        return normalization + (nu - p - 1) / 2 * linalg.slogdet(value).logabsdet - trace / 2  # type: ignore[no-any-return]

    def entropy(self) -> Tensor:
        nu, p = self.df, self._event_shape[-1]
        spread = (p + 1) * (p * _LOG_2 / 2 + self._log_det_factor())
        return spread + (nu / 2).mvlgamma(p) - (nu - p - 1) / 2 * _mvdigamma(nu / 2, p=p) + nu * p / 2  # type: ignore[no-any-return]

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return -self.precision_matrix / 2, (self.df - self._event_shape[-1] - 1) / 2

    def _log_normalizer(self, x: Tensor, y: Tensor) -> Tensor:  # type: ignore[override]
        p = self._event_shape[-1]
        half = y + (p + 1) / 2
        return half * (-linalg.slogdet(x.mul(-2)).logabsdet + _LOG_2 * p) + half.mvlgamma(p)
