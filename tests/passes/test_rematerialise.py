"""Values computed again for late readers: less memory at the peak, the same results."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import rushlight as torch
from rushlight import config, memory
from rushlight.passes import rematerialise
from rushlight.passes.rematerialise import Plan
from rushlight.runtime import cache, compiled, executor

pytestmark = pytest.mark.skipif(config.TIER == "interp", reason="only compiled plans compute anything again")

ROWS, WIDTH, LAYERS = 2048, 256, 6
VALUE = 4 * ROWS * WIDTH


@pytest.fixture(autouse=True)
def compiled_at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(config, "TIER", "compile")
    cache.clear()
    yield
    memory.set_budget(None)


def network() -> Any:
    torch.manual_seed(0)
    layers: list[Any] = []
    for _ in range(LAYERS):
        layers += [torch.nn.Linear(WIDTH, WIDTH), torch.nn.LayerNorm(WIDTH), torch.nn.GELU()]
    return torch.nn.Sequential(*layers)


def step(net: Any, x: Any) -> Any:
    for parameter in net.parameters():
        parameter.grad = None
    loss = (net(x) ** 2).mean()
    loss.backward()
    executor.flush()
    return loss


def arena(net: Any, x: Any) -> int:
    return memory.peak(lambda: step(net, x)).arena


def test_values_that_can_be_computed_again_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    net, x = network(), torch.randn(ROWS, WIDTH)
    monkeypatch.setattr(compiled, "MUCH", 1 << 60)
    keeping = arena(net, x)
    monkeypatch.setattr(compiled, "MUCH", 1 << 20)
    monkeypatch.setattr(rematerialise, "SHARE", 1.0)
    again = arena(net, x)
    # Each layer's normalized value and gelu are alive at the peak; the gelus need not be, but for one.
    assert keeping - again > (LAYERS - 2) * VALUE


def test_gradients_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    net, x = network(), torch.randn(ROWS, WIDTH)

    def gradients() -> list[np.ndarray[Any, Any]]:
        cache.clear()
        step(net, x)
        return [np.array(parameter.grad.tolist()) for parameter in net.parameters()]

    monkeypatch.setattr(compiled, "MUCH", 1 << 60)
    keeping = gradients()
    monkeypatch.setattr(compiled, "MUCH", 1 << 20)
    monkeypatch.setattr(rematerialise, "SHARE", 1.0)
    for one, other in zip(keeping, gradients(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-7 * float(np.abs(one).max() + 1))
    again, once_more = gradients(), gradients()
    for one, other in zip(again, once_more, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_budget_is_kept_where_it_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    net, x = network(), torch.randn(ROWS, WIDTH)
    monkeypatch.setattr(rematerialise, "SHARE", 0.0)
    free = arena(net, x)
    memory.set_budget(1)
    least = arena(net, x)
    between = (free + least) // 2
    memory.set_budget(between)
    assert least < free and least <= arena(net, x) < free
    step(net, x)
    (plan,) = [plan for plan in cache._plans.values() if plan.size > ROWS * WIDTH and plan.variants]
    (variant,) = plan.variants.values()
    lives = rematerialise.lives_of(variant.segments[-1].launches, variant.lowering, variant.graph)
    assert lives.peak()[0] <= between
    memory.set_budget(None)
    assert arena(net, x) == free


def test_what_is_computed_again_from_what_is_computed_again_keeps_neither(monkeypatch: pytest.MonkeyPatch) -> None:
    """A layer norm's output and its normalized value are both read late, and the first is made of the second."""
    torch.manual_seed(0)
    norms = [torch.nn.LayerNorm(WIDTH) for _ in range(LAYERS)]
    linears = [torch.nn.Linear(WIDTH, WIDTH) for _ in range(LAYERS)]
    net = torch.nn.ModuleList([*norms, *linears])

    def forward(x: Any) -> Any:
        for norm, linear in zip(norms, linears, strict=True):
            x = x + linear(norm(x))
        return x

    choosers: list[rematerialise.Chooser] = []
    choose = rematerialise.Chooser.choose

    def noted(self: rematerialise.Chooser) -> list[rematerialise.Again]:
        choosers.append(self)
        return choose(self)

    monkeypatch.setattr(rematerialise.Chooser, "choose", noted)
    monkeypatch.setattr(compiled, "MUCH", 1 << 20)
    monkeypatch.setattr(rematerialise, "SHARE", 1.0)
    x = torch.randn(ROWS, WIDTH)
    net.zero_grad()
    (forward(x) ** 2).mean().backward()
    executor.flush()
    (chooser,) = choosers
    assert any(again.seconds for again in chooser._taken.values())
    (plan,) = [plan for plan in cache._plans.values() if plan.size > ROWS * WIDTH and plan.variants]
    (variant,) = plan.variants.values()
    lives = rematerialise.lives_of(variant.segments[-1].launches, variant.lowering, variant.graph)
    assert lives.peak()[0] <= chooser.plan.peak()[0]
    again = [parameter.grad.clone() for parameter in net.parameters()]
    monkeypatch.setattr(compiled, "MUCH", 1 << 60)
    cache.clear()
    net.zero_grad()
    (forward(x) ** 2).mean().backward()
    for one, other in zip(again, [parameter.grad for parameter in net.parameters()], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_the_peak_of_lives() -> None:
    plan = Plan(4, {0: (10, 0, 1), 1: (5, 1, 3), 2: (20, 3, 3)})
    assert plan.peak() == (25, 3)
    plan.lives[2] = (1, 3, 3)
    assert plan.peak() == (15, 1)
