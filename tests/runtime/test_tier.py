"""When a plan is compiled: by counts and sizes, whatever the caches hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

import rushlight as torch
from rushlight import config
from rushlight.runtime import cache, plan, tier

pytestmark = pytest.mark.skipif(config.TIER != "auto", reason="a tier is pinned")


@pytest.fixture(autouse=True)
def no_plans() -> Iterator[None]:
    torch.ones(2).sum().item()  # runs what another test has left in the trace
    cache.clear()
    tier._structures.clear()
    yield
    cache.clear()


def compiled() -> list[bool]:
    return [bool(plan.variants) for plan in cache._plans.values()]


def run(size: int, times: int) -> None:
    x = torch.ones(size)
    x.sum().item()
    cache.clear()
    for _ in range(times):
        (x * 2 + x).exp().sum().item()


def test_a_plan_is_interpreted_first_and_compiled_when_it_comes_again() -> None:
    run(1 << 12, 1)
    assert compiled() == [False]
    run(1 << 12, 2)
    assert compiled() == [True]


def test_little_work_is_compiled_when_it_has_come_often() -> None:
    run(3, tier.OFTEN)
    assert compiled() == [False]
    run(3, tier.OFTEN + 1)
    assert compiled() == [True]


def test_very_much_work_is_compiled_at_once() -> None:
    run(tier.MUCH // 3 + 1, 1)
    assert compiled() == [True]


def test_a_large_product_is_very_much_work_though_its_result_is_small() -> None:
    x = torch.ones(128, 1 << 18)
    x.sum().item()
    cache.clear()
    (x @ x.T).sum().item()
    assert compiled() == [True]
    tier._structures.update(dict.fromkeys(tier._structures, tier.SHAPES + 1))
    y = torch.ones(127, 1 << 18)
    y.sum().item()
    for count in range(3):
        (y @ y.T).sum().item()
        assert compiled()[-1] == (count == 2)


def test_many_sizes_of_one_structure_wait_longer() -> None:
    for size in range(tier.SHAPES):
        run(5000 + size, 2)
        assert compiled() == [True]
    run(6000, 2)
    assert compiled() == [False]
    run(6000, 2 + tier.PATIENCE)
    assert compiled() == [True]


def test_both_tiers_give_the_same_sums() -> None:
    x = torch.arange(5000.0) / 7
    results = {(x * 2 + x).sum().item() for _ in range(4)}
    assert len(results) <= 2 and max(results) - min(results) <= 1e-6 * max(results)


def test_elementwise_arithmetic_keeps_its_bits_when_it_is_compiled() -> None:
    x, y = torch.linspace(-3, 3, 5000), torch.linspace(1, 1.1, 5000)
    results = [(x * y + x / 3 - y * 0.1).numpy().copy() for _ in range(3)]
    assert any(compiled())
    assert results[0].tobytes() == results[1].tobytes() == results[2].tobytes()


def unrolled(turns: int) -> None:
    x = torch.ones(64)
    for _ in range(turns):
        x = (x * 2 + x).tanh()
    x.sum().item()


def test_loops_of_many_lengths_wait_for_how_many_there_are() -> None:
    """An episode of a game has any length: that one comes again says little among many."""
    lengths = range(plan.LONG, plan.LONG + tier.SHAPES)
    for turns in lengths:
        unrolled(turns)
    for turns in lengths:
        unrolled(turns)
    assert compiled() == [False] * tier.SHAPES
    for _ in range(tier.PATIENCE):
        unrolled(lengths[-1])
    assert compiled() == [False] * (tier.SHAPES - 1) + [True]


def test_a_loop_of_one_length_is_compiled_when_it_comes_again() -> None:
    unrolled(plan.LONG)
    unrolled(plan.LONG)
    assert compiled() == [True]


def test_parts_of_a_known_value_have_one_plan_wherever_they_lie() -> None:
    text, weight = torch.arange(60.0), torch.ones(4, requires_grad=True)
    text.sum().item()
    cache.clear()
    for start in range(0, 40, 4):
        ((text[start : start + 4] * weight).sum() + text[start] + text.view(6, 10)[start % 6, 3]).backward()
        assert weight.grad is not None
        assert weight.grad.tolist() == [start, start + 1, start + 2, start + 3]
        weight.grad = None
    assert cache.size() == 1


def test_a_part_of_a_known_value_sees_no_later_write() -> None:
    """And what is written through it is seen in the whole."""
    x = torch.arange(6.0)
    x.sum().item()
    part = x[2:4]
    doubled = part * 2
    x += 10
    assert doubled.tolist() == [4, 6] and part.tolist() == [12, 13]
    part.mul_(2)
    assert x.tolist() == [10, 11, 24, 26, 14, 15]


@pytest.mark.parametrize(
    "function",
    [
        lambda x, y: x * y - (x * y).amax(1, keepdim=True),  # beside a fold
        lambda x, y: torch.softmax(x * x, 1),
        lambda x, y: (x * x - y * y).sum(1),  # within one
        lambda x, y: (x @ y.T).mul(x) - y,  # behind a contraction
    ],
)
@pytest.mark.parametrize("size", [1.0, 1e20])
def test_a_product_is_rounded_before_a_sum_takes_it(function: Callable[..., torch.Tensor], size: float) -> None:
    x, y = (torch.linspace(low, high, 64 * 64).reshape(64, 64) for low, high in ((-3, 3), (1, 1.1)))
    x, y = (x * size).round(decimals=2), (y * size).round(decimals=2)
    results = [function(x, y).numpy().copy() for _ in range(6)]
    assert any(compiled())
    assert np.array_equal(np.isfinite(results[0]), np.isfinite(results[-1]))
    if size == 1.0:
        np.testing.assert_allclose(results[-1], results[0], rtol=1e-6, atol=1e-6)
    else:
        assert not np.isfinite(results[0]).all()


def test_many_writes_are_not_compiled_at_once() -> None:
    x = torch.zeros(1 << 13)
    x.sum().item()
    cache.clear()
    count = (tier.MUCH >> 13) + 100
    for place in range(count):
        x[place] = 1.0
    assert x.sum().item() == count and not any(compiled())
