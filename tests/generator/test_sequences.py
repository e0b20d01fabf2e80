"""Draws of all kinds in turn: each must leave the stream, and the normal that waits, where PyTorch leaves them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rushlight.dtype import BY_NAME
from rushlight.generator import Engine, continuous, discrete, integers, rejection

from .twin import Twin

SINGLE, DOUBLE, HALF, BRAIN, LONG = (BY_NAME[n] for n in ("float32", "float64", "float16", "bfloat16", "int64"))
empty = torch.empty

Draw = Callable[[Engine, int], np.ndarray]
DrawTorch = Callable[[torch.Generator, int], torch.Tensor]

KINDS: dict[str, tuple[Draw, DrawTorch]] = {
    "rand": (lambda e, n: continuous.uniform(e, (n,), SINGLE), lambda g, n: torch.rand(n, generator=g)),
    "rand double": (
        lambda e, n: continuous.uniform(e, (n,), DOUBLE),
        lambda g, n: torch.rand(n, dtype=torch.float64, generator=g),
    ),
    "randn": (lambda e, n: continuous.normal(e, (n,), SINGLE), lambda g, n: torch.randn(n, generator=g)),
    "randn double": (
        lambda e, n: continuous.normal(e, (n,), DOUBLE),
        lambda g, n: torch.randn(n, dtype=torch.float64, generator=g),
    ),
    "randn half": (
        lambda e, n: continuous.normal(e, (n,), HALF),
        lambda g, n: torch.randn(n, dtype=torch.float16, generator=g),
    ),
    "normal_": (
        lambda e, n: continuous.normal(e, (n,), BRAIN, 1.0, 0.5),
        lambda g, n: empty(n, dtype=torch.bfloat16).normal_(1.0, 0.5, generator=g),
    ),
    "log_normal_": (
        lambda e, n: continuous.log_normal(e, (n,), SINGLE, 1.0, 0.5),
        lambda g, n: empty(n).log_normal_(1.0, 0.5, generator=g),
    ),
    "exponential_": (
        lambda e, n: continuous.exponential(e, (n,), SINGLE),
        lambda g, n: empty(n).exponential_(generator=g),
    ),
    "bernoulli_": (
        lambda e, n: discrete.bernoulli(e, (n,), SINGLE, 0.3),
        lambda g, n: empty(n).bernoulli_(0.3, generator=g),
    ),
    "bernoulli": (
        lambda e, n: discrete.bernoulli_from(e, (n,), SINGLE, np.full(n, 0.3, np.float32), SINGLE),
        lambda g, n: torch.bernoulli(torch.full((n,), 0.3), generator=g),
    ),
    "randint": (
        lambda e, n: integers.randint(e, (n,), LONG, 0, 10),
        lambda g, n: torch.randint(10, (n,), generator=g),
    ),
    "randint wide": (
        lambda e, n: integers.randint(e, (n,), LONG, 0, 2**40),
        lambda g, n: torch.randint(2**40, (n,), generator=g),
    ),
    "randperm": (lambda e, n: integers.randperm(e, n), lambda g, n: torch.randperm(n, generator=g)),
    "multinomial": (
        lambda e, n: discrete.multinomial(e, np.arange(1, 9, dtype=np.float64), DOUBLE, n + 1, True),
        lambda g, n: torch.multinomial(torch.arange(1, 9, dtype=torch.float64), n + 1, True, generator=g),
    ),
    "gamma": (
        lambda e, n: rejection.gamma(e, np.full(n, 0.7, np.float32), SINGLE),
        lambda g, n: torch._standard_gamma(torch.full((n,), 0.7), generator=g),
    ),
    "poisson": (
        lambda e, n: rejection.poisson(e, np.linspace(0, 20, n, dtype=np.float32), SINGLE),
        lambda g, n: torch.poisson(torch.from_numpy(np.linspace(0, 20, n, dtype=np.float32)), generator=g),
    ),
}


@given(st.integers(0, 2**64 - 1), st.lists(st.tuples(st.sampled_from(sorted(KINDS)), st.integers(0, 40)), max_size=30))
@settings(max_examples=150)
def test_mixed_draws(seed: int, draws: list[tuple[str, int]]) -> None:
    twin = Twin(seed)
    for name, size in draws:
        ours, theirs = KINDS[name]
        twin.check(lambda e, f=ours, n=size: f(e, n), lambda g, f=theirs, n=size: f(g, n))


@given(st.lists(st.tuples(st.sampled_from(sorted(KINDS)), st.sampled_from([1, 15, 17, 300, 700, 5000])), max_size=8))
@settings(max_examples=30)
def test_going_back_to_a_saved_state(draws: list[tuple[str, int]]) -> None:
    engine = Engine(3)
    continuous.normal(engine, (3,), SINGLE)  # one waits
    state = engine.get_state()
    first = [KINDS[name][0](engine, size) for name, size in draws]
    end = engine.get_state()
    engine.set_state(state)
    for (name, size), before in zip(draws, first, strict=True):
        assert np.array_equal(KINDS[name][0](engine, size), before)
    assert np.array_equal(engine.get_state(), end)
