"""What distributions refuse, in PyTorch's words; and classes of a user's own."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.both import check, check_warnings

REFUSED = {
    "a scale below 0": lambda t, d: d.Normal(t.zeros(2), t.tensor([1.0, -1.0])),
    "NaN": lambda t, d: d.Normal(t.tensor([float("nan")]), 1.0),
    "shapes": lambda t, d: d.Normal(t.zeros(2), t.ones(3)),
    "no tensor": lambda t, d: d.Normal("a", 1.0),
    "a value that is no tensor": lambda t, d: d.Normal(0.0, 1.0).log_prob(1.0),
    "a value outside": lambda t, d: d.Exponential(t.ones(2)).log_prob(t.tensor([-1.0, 1.0])),
    "a value's shape": lambda t, d: d.Normal(t.zeros(3), 1.0).log_prob(t.zeros(2)),
    "a value's event": lambda t, d: d.Dirichlet(t.ones(3)).log_prob(t.tensor([0.5, 0.5])),
    "bernoulli of both": lambda t, d: d.Bernoulli(t.tensor(0.5), t.tensor(0.5)),
    "bernoulli of none": lambda t, d: d.Bernoulli(),
    "bernoulli": lambda t, d: d.Bernoulli(t.tensor([0.5, 1.5])),
    "categorical of both": lambda t, d: d.Categorical(t.ones(2), t.ones(2)),
    "categorical of a number": lambda t, d: d.Categorical(t.tensor(1.0)),
    "categorical logits of a number": lambda t, d: d.Categorical(logits=t.tensor(1.0)),
    "categorical": lambda t, d: d.Categorical(t.tensor([0.5, -0.5, 1.0])),
    "a category": lambda t, d: d.Categorical(t.ones(3)).log_prob(t.tensor([3])),
    "dirichlet of a number": lambda t, d: d.Dirichlet(t.tensor(1.0)),
    "geometric": lambda t, d: d.Geometric(t.tensor([0.0, 0.5])),
    "binomial": lambda t, d: d.Binomial(t.tensor([-1.0]), t.tensor([0.5])),
    "binomial's entropy": lambda t, d: d.Binomial(t.tensor([3, 4]), t.tensor([0.5, 0.5])).entropy(),
    "binomial's values": lambda t, d: d.Binomial(t.tensor([3, 4]), t.tensor([0.5, 0.5])).enumerate_support(),
    "multinomial": lambda t, d: d.Multinomial(t.tensor([3, 4]), t.tensor([0.5, 0.5])),
    "continuous bernoulli": lambda t, d: d.ContinuousBernoulli(t.tensor([1.5]), validate_args=True),
    "uniform": lambda t, d: d.Uniform(t.tensor([1.0]), t.tensor([0.0])),
    "covariance of none": lambda t, d: d.MultivariateNormal(t.zeros(2)),
    "covariance of two": lambda t, d: d.MultivariateNormal(t.zeros(2), t.eye(2), t.eye(2)),
    "covariance": lambda t, d: d.MultivariateNormal(t.zeros(2), t.tensor([[1.0, 2.0], [2.0, 1.0]])),
    "covariance, not symmetric": lambda t, d: d.MultivariateNormal(t.zeros(2), t.tensor([[1.0, 0.5], [0.0, 1.0]])),
    "covariance vector": lambda t, d: d.MultivariateNormal(t.zeros(2), t.ones(2)),
    "precision vector": lambda t, d: d.MultivariateNormal(t.zeros(2), precision_matrix=t.ones(2)),
    "factor vector": lambda t, d: d.MultivariateNormal(t.zeros(2), scale_tril=t.ones(2)),
    "loc of a number": lambda t, d: d.MultivariateNormal(t.tensor(0.0), t.eye(1)),
    "low rank, factor": lambda t, d: d.LowRankMultivariateNormal(t.zeros(2), t.ones(3, 1), t.ones(2)),
    "low rank, diagonal": lambda t, d: d.LowRankMultivariateNormal(t.zeros(2), t.ones(2, 1), t.ones(3)),
    "low rank, vector": lambda t, d: d.LowRankMultivariateNormal(t.zeros(2), t.ones(2), t.ones(2)),
    "low rank, batch": lambda t, d: d.LowRankMultivariateNormal(t.zeros(2, 2), t.ones(3, 2, 1), t.ones(2)),
    "wishart": lambda t, d: d.Wishart(t.tensor(1.0), t.eye(3)),
    "wishart of none": lambda t, d: d.Wishart(t.tensor(3.0)),
    "lkj": lambda t, d: d.LKJCholesky(1),
    "independent": lambda t, d: d.Independent(d.Normal(t.zeros(2), 1.0), 2),
    "independent values": lambda t, d: d.Independent(d.Bernoulli(t.ones(2) / 2), 1).enumerate_support(),
    "mixture of others": lambda t, d: d.MixtureSameFamily(d.Normal(0.0, 1.0), d.Normal(t.zeros(2), 1.0)),
    "mixture of no distributions": lambda t, d: d.MixtureSameFamily(d.Categorical(t.ones(2)), 1.0),
    "mixture of too many": lambda t, d: d.MixtureSameFamily(d.Categorical(t.ones(3)), d.Normal(t.zeros(2), 1.0)),
    "mixture batch": lambda t, d: d.MixtureSameFamily(d.Categorical(t.ones(4, 3)), d.Normal(t.zeros(2, 3), 1.0)),
    "transforms": lambda t, d: d.TransformedDistribution(d.Normal(0.0, 1.0), [d.StickBreakingTransform()]),
    "cache": lambda t, d: d.ExpTransform(cache_size=2),
    "icdf": lambda t, d: d.Gamma(1.0, 1.0).icdf(t.tensor(0.5)),
    "rsample": lambda t, d: d.Poisson(1.0).rsample(),
    "mode": lambda t, d: d.LKJCholesky(2).mode,
    "default": lambda t, d: d.Distribution.set_default_validate_args(3),
}


@pytest.fixture(autouse=True)
def _checked() -> None:
    """PyTorch's compiler switches the checks off for good when it is first used, which a test before may have done."""
    torch.distributions.Distribution.set_default_validate_args(True)


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name: str) -> None:
    check(lambda t: REFUSED[name](t, t.distributions))


def test_nothing_is_checked_where_that_is_not_wanted() -> None:
    def program(t: Any) -> Any:
        d = t.distributions
        own = [
            d.Normal(0.0, -1.0, validate_args=False).scale,
            d.Exponential(1.0, validate_args=False).log_prob(t.tensor(-1.0)),
        ]
        d.Distribution.set_default_validate_args(False)
        try:
            return [*own, d.Normal(0.0, -1.0).scale]
        finally:
            d.Distribution.set_default_validate_args(True)

    check(program)


def _own(t: Any) -> Any:
    """A user's distribution, as PyTorch's documentation has it."""
    d = t.distributions

    class Triangular(d.Distribution):
        arg_constraints = {"width": d.constraints.positive}
        has_rsample = True

        def __init__(self, width: Any, validate_args: Any = None) -> None:
            (self.width,) = d.utils.broadcast_all(width)
            super().__init__(self.width.shape, validate_args=validate_args)

        @d.constraints.dependent_property(is_discrete=False, event_dim=0)
        def support(self) -> Any:
            return d.constraints.interval(-self.width, self.width)

        def rsample(self, sample_shape: Any = None) -> Any:
            shape = self._extended_shape(t.Size(sample_shape or ()))
            return (t.rand(shape) - t.rand(shape)) * self.width

        def log_prob(self, value: Any) -> Any:
            if self._validate_args:
                self._validate_sample(value)
            return (1 - value.abs() / self.width).log() - self.width.log()

    return Triangular


def test_a_distribution_of_ones_own() -> None:
    def program(t: Any) -> Any:
        own = _own(t)(t.tensor([1.0, 2.0]))
        return [
            repr(own),
            own.sample((2,)),
            own.log_prob(t.tensor([0.5, 0.5])),
            t.distributions.Independent(own, 1).sample(),
        ]

    check(program)
    check(lambda t: _own(t)(t.tensor([1.0, -2.0])))
    check(lambda t: _own(t)(t.tensor([1.0, 2.0])).log_prob(t.tensor([0.5, 3.0])))
    check(lambda t: _own(t)(t.tensor([1.0, 2.0])).expand((3, 2)))


def test_subclasses_expand_or_say_why_not() -> None:
    def program(t: Any) -> Any:
        class Same(t.distributions.Normal):
            pass

        return type(Same(0.0, 1.0).expand((2,))).__name__

    def refused(t: Any) -> Any:
        class Standard(t.distributions.Normal):
            def __init__(self) -> None:
                super().__init__(0.0, 1.0)

        return Standard().expand((2,))

    check(program)
    check(refused)


def test_warnings() -> None:
    check_warnings(lambda t: t.distributions.Normal(0.0, 1.0).sample_n(2))

    def bare(t: Any) -> Any:
        class Bare(t.distributions.Distribution):
            pass

        return Bare(validate_args=True)._validate_sample(t.zeros(()))

    check_warnings(bare)


def test_draws_of_the_base() -> None:
    def program(t: Any) -> Any:
        rates = t.tensor([0.5, 20.0, 3.0])
        drawn = [t.poisson(rates), t.binomial(t.tensor([3.0, 40.0]), t.tensor([0.4, 0.7])), t._sample_dirichlet(rates)]
        own = t.Generator().manual_seed(5)
        return [*drawn, t._standard_gamma(rates), t.poisson(rates, generator=own), t.poisson(rates, own)]

    check(program, rtol=0, atol=0)
    for refused in (
        lambda t: t.poisson(t.tensor([-1.0])),
        lambda t: t.poisson(t.tensor([1])),
        lambda t: t.binomial(t.tensor([1.0]), t.tensor([0.5], dtype=t.float64)),
        lambda t: t._standard_gamma(t.tensor([1])),
        lambda t: t._standard_gamma_grad(t.ones(1, requires_grad=True), t.ones(1)).backward(),
    ):
        check(refused)
