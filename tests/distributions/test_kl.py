"""Divergences of every registered pair, against PyTorch's and against means over samples."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch

import rushlight
from tests.both import check

from .table import DISTRIBUTIONS

# A distribution of each class in rules, twice, with parameters of its own; all of the batch shape (2,).
_cov = [[2.0, 0.3], [0.3, 1.0]]
PAIRS: dict[str, Any] = {
    "Bernoulli": (lambda d, p: d.Bernoulli(p([0.2, 1.0])), lambda d, p: d.Bernoulli(p([0.7, 0.5]))),
    "Beta": (lambda d, p: d.Beta(p([1.0, 2.5]), p([2.0, 0.5])), lambda d, p: d.Beta(p([3.0, 0.5]), p([1.0, 1.5]))),
    "Binomial": (lambda d, p: d.Binomial(5, p([0.2, 0.6])), lambda d, p: d.Binomial(5, p([0.7, 0.5]))),
    "Categorical": (
        lambda d, p: d.Categorical(p([[0.2, 0.8, 0.0], [0.1, 0.1, 0.8]])),
        lambda d, p: d.Categorical(p([[0.5, 0.3, 0.2], [0.0, 0.5, 0.5]])),
    ),
    "Cauchy": (
        lambda d, p: d.Cauchy(p([0.0, 1.0]), p([1.0, 2.0])),
        lambda d, p: d.Cauchy(p([1.0, 1.0]), p([0.5, 2.0])),
    ),
    "ContinuousBernoulli": (
        lambda d, p: d.ContinuousBernoulli(p([0.2, 0.9])),
        lambda d, p: d.ContinuousBernoulli(p([0.7, 0.5])),
    ),
    "Dirichlet": (
        lambda d, p: d.Dirichlet(p([[0.5, 2.0, 1.0], [1.0, 1.0, 1.0]])),
        lambda d, p: d.Dirichlet(p([[1.5, 1.0, 1.0], [3.0, 0.2, 1.0]])),
    ),
    "Exponential": (lambda d, p: d.Exponential(p([0.5, 2.0])), lambda d, p: d.Exponential(p([1.5, 0.3]))),
    "Gamma": (lambda d, p: d.Gamma(p([0.5, 2.0]), p([1.0, 2.0])), lambda d, p: d.Gamma(p([1.5, 0.7]), p([0.5, 1.0]))),
    "Geometric": (lambda d, p: d.Geometric(p([0.5, 0.2])), lambda d, p: d.Geometric(p([0.3, 0.9]))),
    "Gumbel": (
        lambda d, p: d.Gumbel(p([0.5, 2.0]), p([1.0, 2.0])),
        lambda d, p: d.Gumbel(p([1.5, 0.7]), p([0.5, 1.0])),
    ),
    "HalfNormal": (lambda d, p: d.HalfNormal(p([0.5, 2.0])), lambda d, p: d.HalfNormal(p([1.5, 0.3]))),
    "Independent": (
        lambda d, p: d.Independent(d.Normal(p([[0.5, 2.0]] * 2), p([[1.0, 2.0]] * 2)), 1),
        lambda d, p: d.Independent(d.Normal(p([[1.5, 0.0]] * 2), p([[1.0, 0.5]] * 2)), 1),
    ),
    "Laplace": (
        lambda d, p: d.Laplace(p([0.5, 2.0]), p([1.0, 2.0])),
        lambda d, p: d.Laplace(p([1.5, 0.7]), p([0.5, 1.0])),
    ),
    "LowRankMultivariateNormal": (
        lambda d, p: d.LowRankMultivariateNormal(p([0.0, 1.0]), p([[1.0], [0.5]]), p([[1.0, 2.0], [0.5, 0.3]])),
        lambda d, p: d.LowRankMultivariateNormal(p([[1.0, 1.0], [0.0, 0.0]]), p([[0.2], [0.7]]), p([1.0, 0.4])),
    ),
    "MultivariateNormal": (
        lambda d, p: d.MultivariateNormal(p([[0.0, 1.0], [2.0, 0.0]]), p(_cov)),
        lambda d, p: d.MultivariateNormal(
            p([1.0, 1.0]), scale_tril=p([[[1.0, 0.0], [0.5, 0.7]], [[2.0, 0.0], [0.0, 1.0]]])
        ),
    ),
    "Normal": (
        lambda d, p: d.Normal(p([0.5, 2.0]), p([1.0, 2.0])),
        lambda d, p: d.Normal(p([1.5, 0.7]), p([0.5, 1.0])),
    ),
    "OneHotCategorical": (
        lambda d, p: d.OneHotCategorical(p([[0.2, 0.8], [0.1, 0.9]])),
        lambda d, p: d.OneHotCategorical(p([[0.5, 0.5], [0.3, 0.5]])),
    ),
    "Pareto": (
        lambda d, p: d.Pareto(p([0.5, 2.0]), p([3.0, 1.5])),
        lambda d, p: d.Pareto(p([0.4, 2.5]), p([2.5, 1.0])),
    ),
    "Poisson": (lambda d, p: d.Poisson(p([0.5, 2.0])), lambda d, p: d.Poisson(p([1.5, 0.3]))),
    "TransformedDistribution": (
        lambda d, p: d.LogNormal(p([0.5, 2.0]), p([1.0, 2.0])),
        lambda d, p: d.LogNormal(p([1.5, 0.7]), p([0.5, 1.0])),
    ),
    "Uniform": (
        lambda d, p: d.Uniform(p([0.2, 0.1]), p([0.5, 0.9])),
        lambda d, p: d.Uniform(p([0.1, 0.3]), p([0.6, 2.0])),
    ),
}
RULES = sorted((p.__name__, q.__name__) for p, q in torch.distributions.kl._KL_REGISTRY if p.__name__ in PAIRS)


@pytest.mark.parametrize(("of_p", "of_q"), RULES)
def test_rules(of_p: str, of_q: str) -> None:
    def program(t: Any) -> Any:
        made: list[Any] = []

        def parameter(values: Any) -> Any:
            made.append(t.tensor(values, requires_grad=True))
            return made[-1]

        p, q = PAIRS[of_p][0](t.distributions, parameter), PAIRS[of_q][1](t.distributions, parameter)
        value = t.distributions.kl_divergence(p, q)
        finite = value[value.isfinite()]
        if finite.requires_grad:
            finite.sum().backward()
        return [value.detach(), [each.grad for each in made]]

    check(program, rtol=2e-4, atol=2e-5)


def test_the_same_pairs_are_registered() -> None:
    def pairs(t: Any) -> set[tuple[str, str]]:
        return {(p.__name__, q.__name__) for p, q in t.distributions.kl._KL_REGISTRY}

    assert pairs(rushlight) == pairs(torch)


@pytest.mark.parametrize("name", ["bernoulli", "beta", "gamma", "dirichlet", "exponential", "normal", "poisson"])
def test_exponential_families_by_their_normalizers(name: str) -> None:
    """The Bregman divergence, which any such family has, agrees with the family's own rule."""

    def program(t: Any) -> Any:
        p = DISTRIBUTIONS[name](t, t.tensor)
        q = DISTRIBUTIONS[name](t, lambda values: t.tensor(values) * 0.9)
        return t.distributions.kl._kl_expfamily_expfamily(p, q).detach()

    check(program, rtol=2e-4, atol=2e-4)
    p = DISTRIBUTIONS[name](rushlight, rushlight.tensor)
    q = DISTRIBUTIONS[name](rushlight, lambda values: rushlight.tensor(values) * 0.9)
    general, own = rushlight.distributions.kl._kl_expfamily_expfamily(p, q), rushlight.distributions.kl_divergence(p, q)
    assert rushlight.allclose(general, own, rtol=1e-3, atol=1e-4)


def test_pairs_without_a_rule() -> None:
    check(lambda t: t.distributions.kl_divergence(t.distributions.Cauchy(0.0, 1.0), t.distributions.Normal(0.0, 1.0)))
    check(
        lambda t: t.distributions.kl_divergence(
            t.distributions.Binomial(3, t.ones(1) / 2), t.distributions.Binomial(4, t.ones(1) / 2)
        )
    )
    with pytest.raises(TypeError, match="Expected type_p"):
        rushlight.distributions.register_kl(3, rushlight.distributions.Normal)  # type: ignore[arg-type]


def test_the_most_derived_rule_counts() -> None:
    def program(t: Any) -> Any:
        d = t.distributions

        class Left(d.Normal):
            pass

        class Right(d.Normal):
            pass

        d.register_kl(Left, d.Normal)(lambda p, q: t.tensor(1.0))
        d.register_kl(d.Normal, Right)(lambda p, q: t.tensor(2.0))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            values = [
                d.kl_divergence(Left(0.0, 1.0), d.Normal(0.0, 1.0)),
                d.kl_divergence(Left(0.0, 1.0), Right(0.0, 1.0)),
            ]
        said = [(w.category.__name__, str(w.message)) for w in caught]
        for pair in [(Left, d.Normal), (d.Normal, Right)]:
            del d.kl._KL_REGISTRY[pair]
        d.kl._KL_MEMOIZE.clear()
        return values, said

    check(program)
