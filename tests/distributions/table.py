"""Distributions to compare: each a name, and a function of the library and of a way to make a parameter.

`p(values)` makes a tensor that requires grad; `EXACT` names those whose samples equal PyTorch's bit for bit, because no function
stands between the stream and the sample whose last bit libraries may round differently.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Maker = Callable[[Any, Any], Any]

_matrix = [[2.0, 0.3, 0.1], [0.3, 1.0, -0.2], [0.1, -0.2, 1.5]]
_factor = [[1.2, 0.0, 0.0], [0.4, 0.9, 0.0], [-0.3, 0.2, 1.1]]


def _mixture(t: Any, p: Any) -> Any:
    d = t.distributions
    components = d.Normal(p([[-1.0, 0.5, 2.0], [0.0, 1.0, 3.0]]), p([0.5, 1.0, 0.7]))
    return d.MixtureSameFamily(d.Categorical(p([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]])), components)


def _mixture_of_vectors(t: Any, p: Any) -> Any:
    d = t.distributions
    components = d.Independent(d.Normal(p([[-1.0, 0.5], [0.0, 1.0], [2.0, 2.5]]), p([0.5, 1.0])), 1)
    return d.MixtureSameFamily(d.Categorical(logits=p([0.2, 0.3, -0.5])), components)


def _transformed(t: Any, p: Any) -> Any:
    d = t.distributions
    steps = [d.AffineTransform(p([0.5, -0.5]), p([2.0, -3.0])), d.SigmoidTransform()]
    return d.TransformedDistribution(d.Normal(p([0.3, 0.1]), p([1.0, 0.5])), steps)


DISTRIBUTIONS: dict[str, Maker] = {
    "normal": lambda t, p: t.distributions.Normal(p([0.0, 1.5, -2.0]), p([1.0, 0.5, 3.0])),
    "normal of numbers": lambda t, p: t.distributions.Normal(0.5, 2),
    "normal broadcast": lambda t, p: t.distributions.Normal(p([[0.0], [1.0]]), p([1.0, 0.5, 3.0])),
    "categorical": lambda t, p: t.distributions.Categorical(p([[0.2, 0.3, 0.5], [1.0, 3.0, 0.5]])),
    "categorical logits": lambda t, p: t.distributions.Categorical(logits=p([0.2, -1.0, 0.5, 2.0])),
    "bernoulli": lambda t, p: t.distributions.Bernoulli(p([0.2, 0.7, 0.4])),
    "bernoulli logits": lambda t, p: t.distributions.Bernoulli(logits=p([[0.2], [-1.0]])),
    "beta": lambda t, p: t.distributions.Beta(p([0.5, 2.0, 7.0]), p([1.5, 0.7, 3.0])),
    "beta of numbers": lambda t, p: t.distributions.Beta(2, 3.5),
    "gamma": lambda t, p: t.distributions.Gamma(p([0.3, 1.0, 20.0]), p([1.0, 2.0, 0.5])),
    "dirichlet": lambda t, p: t.distributions.Dirichlet(p([[0.5, 1.5, 3.0], [2.0, 0.2, 9.0]])),
    "multivariate normal": lambda t, p: t.distributions.MultivariateNormal(p([0.0, 1.0, 2.0]), p(_matrix)),
    "multivariate normal, precision": lambda t, p: t.distributions.MultivariateNormal(
        p([[0.0, 1.0, 2.0], [1.0, 1.0, 1.0]]), precision_matrix=p(_matrix)
    ),
    "multivariate normal, factor": lambda t, p: t.distributions.MultivariateNormal(
        p([0.0, 1.0, 2.0]), scale_tril=p([_factor, _factor])
    ),
    "independent": lambda t, p: t.distributions.Independent(
        t.distributions.Normal(p([[0.0, 1.0], [2.0, 3.0]]), p([1.0, 2.0])), 1
    ),
    "uniform": lambda t, p: t.distributions.Uniform(p([0.0, -1.0]), p([1.0, 3.0])),
    "exponential": lambda t, p: t.distributions.Exponential(p([0.5, 2.0])),
    "laplace": lambda t, p: t.distributions.Laplace(p([0.0, 1.0]), p([1.0, 0.5])),
    "cauchy": lambda t, p: t.distributions.Cauchy(p([0.0, 1.0]), p([1.0, 0.5])),
    "poisson": lambda t, p: t.distributions.Poisson(p([0.5, 4.0, 25.0])),
    "geometric": lambda t, p: t.distributions.Geometric(p([0.3, 0.9])),
    "geometric logits": lambda t, p: t.distributions.Geometric(logits=p([0.3, -0.9])),
    "binomial": lambda t, p: t.distributions.Binomial(8, p([0.3, 0.9])),
    "binomial logits": lambda t, p: t.distributions.Binomial(t.tensor([30.0, 30.0]), logits=p([0.3, -0.9])),
    "multinomial": lambda t, p: t.distributions.Multinomial(7, p([[0.2, 0.3, 0.5], [1.0, 3.0, 0.5]])),
    "multinomial logits": lambda t, p: t.distributions.Multinomial(4, logits=p([0.2, -0.3, 0.5])),
    "negative binomial": lambda t, p: t.distributions.NegativeBinomial(p([3.0, 0.5]), p([0.3, 0.6])),
    "negative binomial logits": lambda t, p: t.distributions.NegativeBinomial(5, logits=p([0.3, -0.6])),
    "student t": lambda t, p: t.distributions.StudentT(p([1.5, 3.0, 0.5]), p([0.0, 1.0, 2.0]), p([1.0, 2.0, 0.5])),
    "chi2": lambda t, p: t.distributions.Chi2(p([1.0, 4.0])),
    "fisher": lambda t, p: t.distributions.FisherSnedecor(p([1.0, 4.0, 3.0]), p([2.0, 3.0, 9.0])),
    "one hot": lambda t, p: t.distributions.OneHotCategorical(p([[0.2, 0.3, 0.5], [1.0, 3.0, 0.5]])),
    "one hot straight through": lambda t, p: t.distributions.OneHotCategoricalStraightThrough(logits=p([0.2, 0.3])),
    "continuous bernoulli": lambda t, p: t.distributions.ContinuousBernoulli(p([0.2, 0.5, 0.4995, 0.9])),
    "continuous bernoulli logits": lambda t, p: t.distributions.ContinuousBernoulli(logits=p([0.2, 1e-4, -3.0])),
    "log normal": lambda t, p: t.distributions.LogNormal(p([0.0, 1.0]), p([1.0, 0.5])),
    "logistic normal": lambda t, p: t.distributions.LogisticNormal(p([0.0, 1.0]), p([1.0, 0.5])),
    "half normal": lambda t, p: t.distributions.HalfNormal(p([1.0, 0.5])),
    "half cauchy": lambda t, p: t.distributions.HalfCauchy(p([1.0, 0.5])),
    "gumbel": lambda t, p: t.distributions.Gumbel(p([0.0, 1.0]), p([1.0, 0.5])),
    "pareto": lambda t, p: t.distributions.Pareto(p([1.0, 0.5]), p([3.0, 1.5])),
    "weibull": lambda t, p: t.distributions.Weibull(p([1.0, 0.5]), p([3.0, 1.5])),
    "kumaraswamy": lambda t, p: t.distributions.Kumaraswamy(p([1.2, 0.5]), p([3.0, 1.5])),
    "inverse gamma": lambda t, p: t.distributions.InverseGamma(p([3.0, 1.5, 0.5]), p([1.0, 2.0, 0.5])),
    "relaxed bernoulli": lambda t, p: t.distributions.RelaxedBernoulli(p([0.7]), p([0.2, 0.8])),
    "relaxed bernoulli logits": lambda t, p: t.distributions.RelaxedBernoulli(t.tensor(0.7), logits=p([0.2, -0.8])),
    "relaxed one hot": lambda t, p: t.distributions.RelaxedOneHotCategorical(t.tensor(0.7), p([[0.2, 0.5, 0.3]])),
    "relaxed one hot logits": lambda t, p: t.distributions.RelaxedOneHotCategorical(p([0.7]), logits=p([0.2, -0.3])),
    "von mises": lambda t, p: t.distributions.VonMises(p([0.0, 1.0]), p([1.0, 7.0])),
    "generalized pareto": lambda t, p: t.distributions.GeneralizedPareto(
        p([0.0, 1.0, 0.5, 0.0]), p([1.0, 2.0, 1.5, 1.0]), p([0.3, -0.2, 0.0, 1.4])
    ),
    "lkj": lambda t, p: t.distributions.LKJCholesky(3, p([0.5, 2.0])),
    "lkj of a number": lambda t, p: t.distributions.LKJCholesky(4, 1.5),
    "low rank": lambda t, p: t.distributions.LowRankMultivariateNormal(
        p([0.0, 1.0, 2.0]), p([[1.0, 0.2], [0.3, 0.4], [-0.5, 0.1]]), p([[1.0, 2.0, 0.5], [0.3, 0.4, 0.5]])
    ),
    "wishart": lambda t, p: t.distributions.Wishart(p([4.0, 6.5]), p(_matrix)),
    "wishart, factor": lambda t, p: t.distributions.Wishart(5.5, scale_tril=p(_factor)),
    "wishart, precision": lambda t, p: t.distributions.Wishart(t.tensor(3.5), precision_matrix=p(_matrix)),
    "mixture": _mixture,
    "mixture of vectors": _mixture_of_vectors,
    "transformed": _transformed,
}

# Distributions of discrete values, and of others whose samples are drawn by comparisons and products alone.
EXACT = {
    *("normal", "normal of numbers", "normal broadcast", "categorical", "categorical logits", "bernoulli"),
    *("bernoulli logits", "beta", "beta of numbers", "gamma", "dirichlet", "independent", "uniform", "exponential"),
    *("cauchy", "poisson", "geometric", "binomial", "multinomial", "multinomial logits", "chi2", "one hot"),
    *("one hot straight through", "negative binomial", "half normal", "half cauchy", "mixture"),
}
