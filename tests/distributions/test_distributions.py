"""All that distributions have, of every class, against PyTorch's."""

from __future__ import annotations

import copy
import pickle
import re
from typing import Any

import numpy as np
import pytest
import torch

import rushlight
from tests.both import array, assert_alike, check, run

from .table import DISTRIBUTIONS, EXACT

every = pytest.mark.parametrize("name", DISTRIBUTIONS)


def parameters(t: Any) -> tuple[Any, list[Any]]:
    """A maker of parameters, and the list that it fills."""
    made: list[Any] = []

    def make(values: Any) -> Any:
        made.append(t.tensor(values, requires_grad=True))
        return made[-1]

    return make, made


def build(t: Any, name: str) -> Any:
    return DISTRIBUTIONS[name](t, parameters(t)[0])


def outcome(function: Any) -> Any:
    """What a function gives, without its history; or the class of what it raises."""
    try:
        value = function()
    except (NotImplementedError, ValueError, RuntimeError) as error:
        return type(error).__name__
    return value.detach() if hasattr(value, "detach") else value


@every
def test_what_it_says_of_itself(name: str) -> None:
    def program(t: Any) -> Any:
        d = build(t, name)
        support = d.support
        moments = [outcome(lambda each=each: getattr(d, each)) for each in ("mean", "mode", "variance", "stddev")]
        flags = [d.has_rsample, d.has_enumerate_support, support.is_discrete, support.event_dim]
        words = [repr(d), re.sub(r"(, grad_fn=<\w+>|, requires_grad=True)", "", repr(support)), list(d.arg_constraints)]
        return [
            list(d.batch_shape),
            list(d.event_shape),
            flags,
            words,
            moments,
            outcome(d.entropy),
            outcome(d.perplexity),
        ]

    check(program, rtol=2e-5)


@every
def test_samples(name: str) -> None:
    def program(t: Any) -> Any:
        d = build(t, name)
        drawn = [d.sample(), d.sample((5,)), d.sample(t.Size([2, 3]))]
        return [*drawn, t.rand(1)]  # the stream stands where PyTorch's does

    ours, theirs = run(program, rushlight), run(program, torch)
    if name in EXACT:
        assert_alike(ours, theirs, rtol=0, atol=0)
    else:
        assert_alike(ours, theirs, rtol=1e-5, atol=2e-6)


# The gradient of a gamma or Dirichlet draw is computed exactly here, to about three digits in PyTorch.
APPROXIMATE = ("beta", "gamma", "dirichlet", "student", "chi2", "fisher", "wishart")


@every
def test_reparametrized_samples_and_their_gradients(name: str) -> None:
    def program(t: Any) -> Any:
        make, made = parameters(t)
        d = DISTRIBUTIONS[name](t, make)
        # PyTorch's Wishart draws anew in place, and its `backward` refuses what comes of that; so the draw by itself.
        x = d._bartlett_sampling(t.Size((4,))) if "wishart" in name else d.rsample((4,))
        weights = t.linspace(-1.0, 2.0, x.numel(), dtype=x.dtype).reshape(x.shape)
        (x * weights).sum().backward()
        return [x.detach(), [None if each.grad is None else each.grad for each in made]]

    ours, theirs = run(program, rushlight), run(program, torch)
    near = any(word in name for word in APPROXIMATE)
    assert_alike(ours, theirs, rtol=3e-3 if near else 1e-4, atol=2e-3 if near else 1e-5)


def value_for(name: str) -> Any:
    """A sample of PyTorch's distribution, as an array: for both."""
    torch.manual_seed(3)
    return array(build(torch, name).sample((3,)))


@every
def test_densities_and_their_gradients(name: str) -> None:
    value = value_for(name)

    def program(t: Any) -> Any:
        make, made = parameters(t)
        d = DISTRIBUTIONS[name](t, make)
        x = t.tensor(value).requires_grad_(value.dtype.kind == "f")
        log_prob = d.log_prob(x)
        if log_prob.requires_grad:
            log_prob.sum().backward()
        grads = [each.grad for each in (x, *made)]
        return [log_prob.detach(), grads]

    check(program, rtol=2e-4, atol=2e-5)


@every
def test_distribution_functions(name: str) -> None:
    value = value_for(name)

    def program(t: Any) -> Any:
        d = build(t, name)
        quantiles = t.linspace(0.05, 0.95, 3).reshape(3, *[1] * (value.ndim - 1))
        return [outcome(lambda: d.cdf(t.tensor(value))), outcome(lambda: d.icdf(quantiles))]

    check(program, rtol=2e-4, atol=2e-5)


@every
def test_expanded(name: str) -> None:
    value = value_for(name)

    def program(t: Any) -> Any:
        d = build(t, name)
        wide = d.expand((2, 3, *d.batch_shape))
        wider = wide.expand(t.Size((4, 2, 3, *d.batch_shape)))
        t.manual_seed(1)
        drawn = wide.sample((2,))
        shapes = [list(each.batch_shape) + list(each.event_shape) for each in (wide, wider)]
        return [shapes, repr(wide), repr(wider), drawn, wide.log_prob(t.tensor(value[:, None, None])[0]).detach()]

    check(program, rtol=1e-4, atol=1e-5)


@every
def test_enumerated_values(name: str) -> None:
    def program(t: Any) -> Any:
        d = build(t, name)
        return [outcome(d.enumerate_support), outcome(lambda: d.enumerate_support(expand=False))]

    check(program)


@every
def test_copies_and_pickles(name: str) -> None:
    d = DISTRIBUTIONS[name](rushlight, rushlight.tensor)
    value = rushlight.tensor(value_for(name))
    expected = array(d.log_prob(value))
    for other in (copy.deepcopy(d), pickle.loads(pickle.dumps(d))):
        assert type(other) is type(d) and repr(other) == repr(d)
        np.testing.assert_array_equal(array(other.log_prob(value)), expected)


@pytest.mark.parametrize("name", [name for name in DISTRIBUTIONS if name != "generalized pareto"])  # PyTorch's raises
def test_double_precision(name: str) -> None:
    def program(t: Any) -> Any:
        d = DISTRIBUTIONS[name](t, lambda values: t.tensor(values, dtype=t.float64))
        x = d.sample((3,))
        return [x, d.log_prob(x)]

    check(program, rtol=1e-6, atol=1e-9)


def test_every_class_of_pytorch_is_in_the_table() -> None:
    bare = {"Distribution", "ExponentialFamily"}
    classes = {
        name
        for name, each in vars(torch.distributions).items()
        if isinstance(each, type) and issubclass(each, torch.distributions.Distribution) and name not in bare
    }
    assert {type(build(rushlight, name)).__name__ for name in DISTRIBUTIONS} == classes
