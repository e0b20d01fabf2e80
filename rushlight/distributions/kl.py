"""`kl_divergence` of two distributions, and `register_kl`, which teaches it a pair of classes.

>>> import rushlight as torch
>>> D = torch.distributions
>>> D.kl_divergence(D.Normal(0.0, 1.0), D.Normal(1.0, 1.0))
tensor(0.5000)
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

from ..autograd import grad
from ..nn.functional import softplus
from ..tensor import Tensor, broadcast_shapes, full_like, linalg, where
from .bernoulli import Bernoulli
from .beta import Beta
from .binomial import Binomial
from .categorical import Categorical
from .cauchy import Cauchy
from .continuous_bernoulli import ContinuousBernoulli
from .dirichlet import Dirichlet
from .distribution import Distribution
from .exp_family import ExponentialFamily
from .exponential import Exponential
from .gamma import Gamma
from .geometric import Geometric
from .gumbel import Gumbel
from .half_normal import HalfNormal
from .independent import Independent
from .laplace import Laplace
from .lowrank_multivariate_normal import (
    LowRankMultivariateNormal,
    _batch_lowrank_logdet,
    _batch_lowrank_mahalanobis,
)
from .multivariate_normal import MultivariateNormal, _batch_mahalanobis
from .normal import Normal
from .one_hot_categorical import OneHotCategorical
from .pareto import Pareto
from .poisson import Poisson
from .transformed_distribution import TransformedDistribution
from .uniform import Uniform
from .utils import _sum_rightmost, euler_constant

__all__ = ["register_kl", "kl_divergence"]

Rule = Callable[[Any, Any], Tensor]
_KL_REGISTRY: dict[tuple[type, type], Rule] = {}
_KL_MEMOIZE: dict[tuple[type, type], Any] = {}


def register_kl(type_p: type, type_q: type) -> Callable[[Rule], Rule]:
    """Decorator: enters a function of a pair of classes and of their subclasses. Raises TypeError for what is no class.

    Of several rules that fit, the one of the most derived classes is taken; where that is ambiguous, the first class
    decides, and a RuntimeWarning tells.
    """
    for kind, name in ((type_p, "type_p"), (type_q, "type_q")):
        if not isinstance(kind, type):
            raise TypeError(f"Expected {name} to be a Distribution subclass but got {kind}")

    def decorator(rule: Rule) -> Rule:
        _KL_REGISTRY[type_p, type_q] = rule
        _KL_MEMOIZE.clear()
        return rule

    return decorator


def _dispatch_kl(type_p: type, type_q: type) -> Any:
    """The rule for two classes, or NotImplemented."""
    pairs = [pair for pair in _KL_REGISTRY if issubclass(type_p, pair[0]) and issubclass(type_q, pair[1])]
    if not pairs:
        return NotImplemented
    places = [(type_p.__mro__.index(p), type_q.__mro__.index(q), (p, q)) for p, q in pairs]
    left = min(places, key=lambda place: place[:2])[2]
    right = min(places, key=lambda place: place[1::-1])[2]
    if _KL_REGISTRY[left] is not _KL_REGISTRY[right]:
        warnings.warn(
            f"Ambiguous kl_divergence({type_p.__name__}, {type_q.__name__}). "
            f"Please register_kl({left[0].__name__}, {right[1].__name__})",
            RuntimeWarning,
            stacklevel=3,
        )
    return _KL_REGISTRY[left]


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """KL(p ‖ q), the mean under p of log p - log q, for each element of the batch.

    Raises NotImplementedError for a pair of classes that has no rule.
    """
    pair = type(p), type(q)
    rule = _KL_MEMOIZE.get(pair)
    if rule is None:
        rule = _KL_MEMOIZE[pair] = _dispatch_kl(*pair)
    if rule is NotImplemented:
        raise NotImplementedError(
            f"No KL(p || q) is implemented for p type {p.__class__.__name__} and q type {q.__class__.__name__}"
        )
    return rule(p, q)  # type: ignore[no-any-return]


def _infinite_where(condition: Any, value: Tensor) -> Tensor:
    return where(condition, math.inf, value)  # type: ignore[no-any-return]


def _x_log_x(x: Any) -> Tensor:
    return x.xlogy(x)


# ---- of one family ----


@register_kl(Bernoulli, Bernoulli)
def _kl_bernoulli_bernoulli(p: Bernoulli, q: Bernoulli) -> Tensor:
    one = p.probs * (softplus(-q.logits) - softplus(-p.logits))
    one = where(p.probs == 0, 0, _infinite_where(q.probs == 0, one))
    zero = (1 - p.probs) * (softplus(q.logits) - softplus(p.logits))
    zero = where(p.probs == 1, 0, _infinite_where(q.probs == 1, zero))
    return one + zero  # type: ignore[no-any-return]


@register_kl(Beta, Beta)
def _kl_beta_beta(p: Beta, q: Beta) -> Tensor:
    total_p, total_q = p.concentration1 + p.concentration0, q.concentration1 + q.concentration0
    gained = q.concentration1.lgamma() + q.concentration0.lgamma() + total_p.lgamma()
    lost = p.concentration1.lgamma() + p.concentration0.lgamma() + total_q.lgamma()
    slope1 = (p.concentration1 - q.concentration1) * p.concentration1.digamma()
    slope0 = (p.concentration0 - q.concentration0) * p.concentration0.digamma()
    return gained - lost + slope1 + slope0 + (total_q - total_p) * total_p.digamma()


@register_kl(Binomial, Binomial)
def _kl_binomial_binomial(p: Binomial, q: Binomial) -> Tensor:
    if (p.total_count < q.total_count).any():
        raise NotImplementedError("KL between Binomials where q.total_count > p.total_count is not implemented")
    of_each = p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p()
    return _infinite_where(p.total_count > q.total_count, p.total_count * of_each)


@register_kl(Categorical, Categorical)
def _kl_categorical_categorical(p: Categorical, q: Categorical) -> Tensor:
    terms = _infinite_where(q.probs == 0, p.probs * (p.logits - q.logits))
    return where(p.probs == 0, 0, terms).sum(-1)  # type: ignore[no-any-return]


@register_kl(ContinuousBernoulli, ContinuousBernoulli)
def _kl_continuous_bernoulli_continuous_bernoulli(p: ContinuousBernoulli, q: ContinuousBernoulli) -> Tensor:
    of_p = p._cont_bern_log_norm() + (-p.probs).log1p()
    of_q = -q._cont_bern_log_norm() - (-q.probs).log1p()
    return p.mean * (p.logits - q.logits) + of_p + of_q


@register_kl(Dirichlet, Dirichlet)
def _kl_dirichlet_dirichlet(p: Dirichlet, q: Dirichlet) -> Tensor:
    total_p, total_q = p.concentration.sum(-1), q.concentration.sum(-1)
    log_norm = (p.concentration.lgamma() - q.concentration.lgamma()).sum(-1)
    slopes = (p.concentration - q.concentration) * (p.concentration.digamma() - total_p.digamma().unsqueeze(-1))
    return total_p.lgamma() - total_q.lgamma() - log_norm + slopes.sum(-1)


@register_kl(Exponential, Exponential)
def _kl_exponential_exponential(p: Exponential, q: Exponential) -> Tensor:
    ratio = q.rate / p.rate
    return -ratio.log() + ratio - 1


@register_kl(ExponentialFamily, ExponentialFamily)
def _kl_expfamily_expfamily(p: ExponentialFamily, q: ExponentialFamily) -> Tensor:
    """The Bregman divergence of the log normalizer between the natural parameters."""
    if type(p) is not type(q):
        raise NotImplementedError(
            "The cross KL-divergence between different exponential families cannot be computed using Bregman divergences"
        )
    of_p = [each.detach().requires_grad_() for each in p._natural_params]
    normalizer = p._log_normalizer(*of_p)
    slopes = grad(normalizer.sum(), of_p, create_graph=True)
    result = q._log_normalizer(*q._natural_params) - normalizer
    for one, other, slope in zip(of_p, q._natural_params, slopes, strict=True):
        result = result - _sum_rightmost((other - one) * slope, len(q.event_shape))
    return result


@register_kl(Gamma, Gamma)
def _kl_gamma_gamma(p: Gamma, q: Gamma) -> Tensor:
    rates = q.concentration * (p.rate / q.rate).log()
    gammas = q.concentration.lgamma() - p.concentration.lgamma()
    slope = (p.concentration - q.concentration) * p.concentration.digamma()
    return rates + gammas + slope + (q.rate - p.rate) * (p.concentration / p.rate)


@register_kl(Gumbel, Gumbel)
def _kl_gumbel_gumbel(p: Gumbel, q: Gumbel) -> Tensor:
    ratio, own, other = p.scale / q.scale, q.loc / q.scale, p.loc / q.scale
    tail = (own + (1 + ratio).lgamma() - other).exp()
    return -ratio.log() - own + other + ratio * euler_constant + tail - (1 + euler_constant)


@register_kl(Geometric, Geometric)
def _kl_geometric_geometric(p: Geometric, q: Geometric) -> Tensor:
    return -p.entropy() - (-q.probs).log1p() / p.probs - q.logits


@register_kl(HalfNormal, HalfNormal)
def _kl_halfnormal_halfnormal(p: HalfNormal, q: HalfNormal) -> Tensor:
    return _kl_normal_normal(p.base_dist, q.base_dist)


@register_kl(Laplace, Laplace)
def _kl_laplace_laplace(p: Laplace, q: Laplace) -> Tensor:
    ratio, distance = p.scale / q.scale, (p.loc - q.loc).abs()
    return -ratio.log() + distance / q.scale + ratio * (-distance / p.scale).exp() - 1


def _trace_of_solved(factor: Tensor, matrix: Tensor) -> Tensor:
    """trace(L⁻¹ M Mᵀ L⁻ᵀ)."""
    shape = broadcast_shapes(factor.shape[:-2], matrix.shape[:-2])
    solved = linalg.solve_triangular(
        factor.expand(shape + factor.shape[-2:]), matrix.expand(shape + matrix.shape[-2:]), upper=False
    )
    return _squares(solved)


def _squares(matrix: Tensor) -> Tensor:
    """trace(M Mᵀ)."""
    return matrix.pow(2).flatten(-2).sum(-1)  # type: ignore[no-any-return]


def _require_same_event(p: Distribution, q: Distribution, kind: str) -> None:
    if p.event_shape != q.event_shape:
        raise ValueError(f"KL-divergence between two {kind} with different event shapes cannot be computed")


_LOW_RANK = "Low Rank Multivariate Normals"
_MIXED = "(Low Rank) Multivariate Normals"


@register_kl(LowRankMultivariateNormal, LowRankMultivariateNormal)
def _kl_lowrank_lowrank(p: LowRankMultivariateNormal, q: LowRankMultivariateNormal) -> Tensor:
    _require_same_event(p, q, _LOW_RANK)
    factor = p._unbroadcasted_cov_factor
    own = q._unbroadcasted_cov_factor.mT / q._unbroadcasted_cov_diag.unsqueeze(-2)
    solved = linalg.solve_triangular(q._capacitance_tril, own, upper=False)
    trace = (p._unbroadcasted_cov_diag / q._unbroadcasted_cov_diag).sum(-1)
    trace = trace + _squares(factor * q._unbroadcasted_cov_diag.rsqrt().unsqueeze(-1))
    trace = trace - _squares(solved * p._unbroadcasted_cov_diag.sqrt().unsqueeze(-2)) - _squares(solved.matmul(factor))
    log_det = _batch_lowrank_logdet(q._unbroadcasted_cov_diag, q._capacitance_tril)
    log_det = log_det - _batch_lowrank_logdet(p._unbroadcasted_cov_diag, p._capacitance_tril)
    return _between_normals(log_det, trace, _distance_under_lowrank(q, p.loc), p)


def _distance_under_lowrank(q: LowRankMultivariateNormal, loc: Tensor) -> Tensor:
    return _batch_lowrank_mahalanobis(
        q._unbroadcasted_cov_factor, q._unbroadcasted_cov_diag, q.loc - loc, q._capacitance_tril
    )


def _between_normals(log_det: Any, trace: Tensor, distance: Tensor, p: Distribution) -> Tensor:
    return 0.5 * (log_det + trace + distance - p.event_shape[0])


@register_kl(MultivariateNormal, LowRankMultivariateNormal)
def _kl_multivariatenormal_lowrank(p: MultivariateNormal, q: LowRankMultivariateNormal) -> Tensor:
    _require_same_event(p, q, _MIXED)
    own = q._unbroadcasted_cov_factor.mT / q._unbroadcasted_cov_diag.unsqueeze(-2)
    solved = linalg.solve_triangular(q._capacitance_tril, own, upper=False)
    trace = _squares(p._unbroadcasted_scale_tril * q._unbroadcasted_cov_diag.rsqrt().unsqueeze(-1))
    trace = trace - _squares(solved.matmul(p._unbroadcasted_scale_tril))
    log_det = _batch_lowrank_logdet(q._unbroadcasted_cov_diag, q._capacitance_tril) - 2 * p._half_log_det()
    return _between_normals(log_det, trace, _distance_under_lowrank(q, p.loc), p)


@register_kl(LowRankMultivariateNormal, MultivariateNormal)
def _kl_lowrank_multivariatenormal(p: LowRankMultivariateNormal, q: MultivariateNormal) -> Tensor:
    _require_same_event(p, q, _MIXED)
    trace = _trace_of_solved(q._unbroadcasted_scale_tril, p._unbroadcasted_cov_factor)
    trace = trace + _trace_of_solved(q._unbroadcasted_scale_tril, p._unbroadcasted_cov_diag.sqrt().diag_embed())
    log_det = 2 * q._half_log_det() - _batch_lowrank_logdet(p._unbroadcasted_cov_diag, p._capacitance_tril)
    distance = _batch_mahalanobis(q._unbroadcasted_scale_tril, q.loc - p.loc)
    return _between_normals(log_det, trace, distance, p)


@register_kl(MultivariateNormal, MultivariateNormal)
def _kl_multivariatenormal_multivariatenormal(p: MultivariateNormal, q: MultivariateNormal) -> Tensor:
    _require_same_event(p, q, "Multivariate Normals")
    trace = _trace_of_solved(q._unbroadcasted_scale_tril, p._unbroadcasted_scale_tril)
    log_det = 2 * (q._half_log_det() - p._half_log_det())
    distance = _batch_mahalanobis(q._unbroadcasted_scale_tril, q.loc - p.loc)
    return _between_normals(log_det, trace, distance, p)


@register_kl(Normal, Normal)
def _kl_normal_normal(p: Normal, q: Normal) -> Tensor:
    ratio = (p.scale / q.scale).pow(2)
    distance = ((p.loc - q.loc) / q.scale).pow(2)
    return 0.5 * (ratio + distance - 1 - ratio.log())


@register_kl(OneHotCategorical, OneHotCategorical)
def _kl_onehotcategorical_onehotcategorical(p: OneHotCategorical, q: OneHotCategorical) -> Tensor:
    return _kl_categorical_categorical(p._categorical, q._categorical)


@register_kl(Pareto, Pareto)
def _kl_pareto_pareto(p: Pareto, q: Pareto) -> Tensor:
    ratio = q.alpha / p.alpha
    result = q.alpha * (p.scale / q.scale).log() - ratio.log() + ratio - 1
    return _infinite_where(p.scale < q.scale, result)


@register_kl(Poisson, Poisson)
def _kl_poisson_poisson(p: Poisson, q: Poisson) -> Tensor:
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


@register_kl(TransformedDistribution, TransformedDistribution)
def _kl_transformed_transformed(p: TransformedDistribution, q: TransformedDistribution) -> Tensor:
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError
    return kl_divergence(p.base_dist, q.base_dist)


@register_kl(Uniform, Uniform)
def _kl_uniform_uniform(p: Uniform, q: Uniform) -> Tensor:
    result = ((q.high - q.low) / (p.high - p.low)).log()
    return _infinite_where((q.low > p.low) | (q.high < p.high), result)


@register_kl(Independent, Independent)
def _kl_independent_independent(p: Independent, q: Independent) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError
    return _sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)


@register_kl(Cauchy, Cauchy)
def _kl_cauchy_cauchy(p: Cauchy, q: Cauchy) -> Tensor:
    return ((p.scale + q.scale).pow(2) + (p.loc - q.loc).pow(2)).log() - (4 * p.scale * q.scale).log()


# ---- of two families: minus the entropy of p, less the mean under p of log q ----


@register_kl(Bernoulli, Poisson)
def _kl_bernoulli_poisson(p: Bernoulli, q: Poisson) -> Tensor:
    return -p.entropy() - (p.probs * q.rate.log() - q.rate)


@register_kl(Beta, ContinuousBernoulli)
@register_kl(Uniform, ContinuousBernoulli)
def _kl_of_continuous_bernoulli(p: Any, q: ContinuousBernoulli) -> Tensor:
    result = -p.entropy() - p.mean * q.logits - (-q.probs).log1p() - q._cont_bern_log_norm()
    return _infinite_where((p.high > 1) | (p.low < 0), result) if isinstance(p, Uniform) else result


@register_kl(Beta, Exponential)
@register_kl(ContinuousBernoulli, Exponential)
@register_kl(Gamma, Exponential)
def _kl_of_exponential(p: Any, q: Exponential) -> Tensor:
    return -p.entropy() - q.rate.log() + q.rate * p.mean  # type: ignore[no-any-return]


@register_kl(Beta, Gamma)
def _kl_beta_gamma(p: Beta, q: Gamma) -> Tensor:
    total = p.concentration1 + p.concentration0
    log_norm = q.concentration.lgamma() - q.concentration * q.rate.log()
    log_mean = (q.concentration - 1) * (p.concentration1.digamma() - total.digamma())
    return -p.entropy() + log_norm - log_mean + q.rate * p.concentration1 / total


@register_kl(Beta, Normal)
@register_kl(ContinuousBernoulli, Normal)
def _kl_of_normal(p: Any, q: Normal) -> Tensor:
    variance = q.scale.pow(2)
    square = p.variance + (p.mean - q.loc).pow(2)
    return -p.entropy() + 0.5 * (variance * 2 * math.pi).log() + 0.5 * square / variance  # type: ignore[no-any-return]


@register_kl(Beta, Uniform)
def _kl_beta_uniform(p: Beta, q: Uniform) -> Tensor:
    result = -p.entropy() + (q.high - q.low).log()
    return _infinite_where((q.low > 0) | (q.high < 1), result)


@register_kl(ContinuousBernoulli, Uniform)
def _kl_continuous_bernoulli_uniform(p: ContinuousBernoulli, q: Uniform) -> Tensor:
    result = -p.entropy() + (q.high - q.low).log()
    return _infinite_where((q.low >= 0) | (q.high <= 1), result)  # at the bounds too, as PyTorch has it


@register_kl(Exponential, Gamma)
def _kl_exponential_gamma(p: Exponential, q: Gamma) -> Tensor:
    ratio = q.rate / p.rate
    mean_log = q.concentration * euler_constant - (1 + euler_constant)
    return -q.concentration * ratio.log() + ratio + q.concentration.lgamma() + mean_log


@register_kl(Exponential, Gumbel)
def _kl_exponential_gumbel(p: Exponential, q: Gumbel) -> Tensor:
    product, ratio = p.rate * q.scale, q.loc / q.scale
    tail = ratio.exp() * product / (product + 1)
    return product.log() - 1 - ratio + tail + product.reciprocal()


@register_kl(Exponential, Normal)
def _kl_exponential_normal(p: Exponential, q: Normal) -> Tensor:
    variance, square = q.scale.pow(2), p.rate.pow(2)
    moments = square.reciprocal() - q.loc / p.rate + 0.5 * q.loc.pow(2)
    return 0.5 * (square * variance * 2 * math.pi).log() - 1 + moments / variance


@register_kl(Gamma, Gumbel)
def _kl_gamma_gumbel(p: Gamma, q: Gumbel) -> Tensor:
    product, ratio = p.rate * q.scale, q.loc / q.scale
    entropy = (p.concentration - 1) * p.concentration.digamma() - p.concentration.lgamma() - p.concentration
    tail = ratio.exp() * (1 + product.reciprocal()).pow(-p.concentration) - ratio
    return entropy + product.log() + p.concentration / product + tail


@register_kl(Gamma, Normal)
def _kl_gamma_normal(p: Gamma, q: Normal) -> Tensor:
    variance, square, alpha = q.scale.pow(2), p.rate.pow(2), p.concentration
    log_norm = 0.5 * (square * variance * 2 * math.pi).log() - alpha - alpha.lgamma()
    moments = 0.5 * (alpha.pow(2) + alpha) / square - q.loc * alpha / p.rate + 0.5 * q.loc.pow(2)
    return log_norm + (alpha - 1) * alpha.digamma() + moments / variance


@register_kl(Gumbel, Normal)
def _kl_gumbel_normal(p: Gumbel, q: Normal) -> Tensor:
    ratio = p.scale / q.scale
    spread = (math.pi * ratio * 0.5).pow(2) / 3
    distance = ((p.loc + p.scale * euler_constant - q.loc) / q.scale).pow(2) * 0.5
    return -(ratio / math.sqrt(2 * math.pi)).log() + spread + distance - (euler_constant + 1)


@register_kl(Laplace, Normal)
def _kl_laplace_normal(p: Laplace, q: Normal) -> Tensor:
    variance = q.scale.pow(2)
    ratio = p.scale.pow(2) / variance
    distance = (0.5 * p.loc.pow(2) - p.loc * q.loc + 0.5 * q.loc.pow(2)) / variance
    return -0.5 * (2 * ratio / math.pi).log() + ratio + distance - 1


@register_kl(Normal, Gumbel)
def _kl_normal_gumbel(p: Normal, q: Gumbel) -> Tensor:
    mean, square, loc = p.loc / q.scale, (p.scale / q.scale).pow(2), q.loc / q.scale
    tail = (-mean + 0.5 * square + loc).exp()
    return -square.log() * 0.5 + mean - loc + tail - (0.5 * (1 + math.log(2 * math.pi)))


@register_kl(Normal, Laplace)
def _kl_normal_laplace(p: Normal, q: Laplace) -> Tensor:
    distance = p.loc - q.loc
    scaled = distance / p.scale
    density = math.sqrt(2 / math.pi) * p.scale * (-0.5 * scaled.pow(2)).exp()
    mean = (density + distance * (math.sqrt(0.5) * scaled).erf()) / q.scale
    return -(p.scale / q.scale).log() + mean - (0.5 * (1 + math.log(0.5 * math.pi)))


@register_kl(Pareto, Exponential)
def _kl_pareto_exponential(p: Pareto, q: Exponential) -> Tensor:
    product = p.scale * q.rate
    mean = p.alpha * product / (p.alpha - 1)
    result = (p.alpha / product).log() - p.alpha.reciprocal() + mean - 1
    return _infinite_where(p.alpha <= 1, result)


@register_kl(Pareto, Gamma)
def _kl_pareto_gamma(p: Pareto, q: Gamma) -> Tensor:
    log_mean = p.scale.log() + p.alpha.reciprocal()
    log_norm = q.concentration.lgamma() - q.concentration * q.rate.log()
    mean = q.rate * p.alpha * p.scale / (p.alpha - 1)
    result = p.alpha.log() - log_mean + log_norm + (1 - q.concentration) * log_mean + mean - 1
    return _infinite_where(p.alpha <= 1, result)


@register_kl(Pareto, Normal)
def _kl_pareto_normal(p: Pareto, q: Normal) -> Tensor:
    over = p.scale / (p.alpha - 1)
    moments = p.alpha * over.pow(2) / (p.alpha - 2) + (p.alpha * over - q.loc).pow(2)
    log_norm = (math.sqrt(2 * math.pi) * q.scale * p.alpha / p.scale).log()
    result = log_norm - p.alpha.reciprocal() + moments / (2 * q.scale.pow(2)) - 1
    return _infinite_where(p.alpha <= 2, result)


@register_kl(Uniform, Beta)
def _kl_uniform_beta(p: Uniform, q: Beta) -> Tensor:
    width = p.high - p.low
    log_mean = (_x_log_x(p.high) - _x_log_x(p.low) - width) / width
    log_rest = (_x_log_x(1 - p.high) - _x_log_x(1 - p.low) + width) / width
    log_norm = q.concentration1.lgamma() + q.concentration0.lgamma() - (q.concentration1 + q.concentration0).lgamma()
    result = (q.concentration0 - 1) * log_rest + log_norm - width.log() - (q.concentration1 - 1) * log_mean
    return _infinite_where((p.high > 1) | (p.low < 0), result)


@register_kl(Uniform, Exponential)
def _kl_uniform_exponential(p: Uniform, q: Exponential) -> Tensor:
    result = q.rate * (p.high + p.low) / 2 - ((p.high - p.low) * q.rate).log()
    return _infinite_where(p.low < 0, result)


@register_kl(Uniform, Gamma)
def _kl_uniform_gamma(p: Uniform, q: Gamma) -> Tensor:
    width = p.high - p.low
    log_norm = q.concentration.lgamma() - q.concentration * q.rate.log()
    log_mean = (1 - q.concentration) * (_x_log_x(p.high) - _x_log_x(p.low) - width) / width
    result = -width.log() + log_norm + log_mean + q.rate * (p.high + p.low) / 2
    return _infinite_where(p.low < 0, result)


@register_kl(Uniform, Gumbel)
def _kl_uniform_gumbel(p: Uniform, q: Gumbel) -> Tensor:
    ratio = q.scale / (p.high - p.low)
    high, low = (p.high - q.loc) / q.scale, (p.low - q.loc) / q.scale
    return ratio.log() + 0.5 * (high + low) - ratio * ((-high).exp() - (-low).exp())


@register_kl(Uniform, Normal)
def _kl_uniform_normal(p: Uniform, q: Normal) -> Tensor:
    width = p.high - p.low
    moments = width.pow(2) / 12 + ((p.high + p.low - 2 * q.loc) / 2).pow(2)
    return (math.sqrt(math.pi * 2) * q.scale / width).log() + 0.5 * moments / q.scale.pow(2)


@register_kl(Uniform, Pareto)
def _kl_uniform_pareto(p: Uniform, q: Pareto) -> Tensor:
    width = p.high - p.low
    log_mean = (_x_log_x(p.high) - _x_log_x(p.low) - width) / width
    result = log_mean * (q.alpha + 1) - (q.alpha * q.scale.pow(q.alpha) * width).log()
    return _infinite_where(p.low < q.scale, result)


# ---- where p has values that q has not ----

_REAL = (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform)
_POSITIVE = (Beta, ContinuousBernoulli, Pareto, Uniform)
_OUTSIDE: dict[type, tuple[type, ...]] = {
    Poisson: (Bernoulli, Binomial),
    Beta: (Pareto,),
    ContinuousBernoulli: (Pareto,),
    Exponential: _POSITIVE,
    Gamma: _POSITIVE,
    Gumbel: _REAL,
    Laplace: _REAL,
    Normal: _REAL,
    Pareto: (Beta, ContinuousBernoulli, Uniform),
}


def _kl_infinity(p: Distribution, q: Distribution) -> Tensor:
    parameters = (getattr(p, name) for name in p.arg_constraints)
    return full_like(next(each for each in parameters if isinstance(each, Tensor)), math.inf)  # type: ignore[no-any-return]


for _p, _all in _OUTSIDE.items():
    for _q in _all:
        register_kl(_p, _q)(_kl_infinity)
