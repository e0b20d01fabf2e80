"""Backward of a graph that came before: the same gradients as the walk gives, and the walk wherever something is different."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import rushlight
from rushlight import config
from rushlight.passes import repetition
from rushlight.runtime import events

from ..both import assert_alike, run

Step = Callable[[Any, int, list[Any], Any], Any]


def _forward(t: Any, p: list[Any], x: Any) -> Any:
    hidden = (x @ p[0] + p[1]).tanh() * p[1].sigmoid()
    return ((hidden @ p[2]) ** 2).mean() + p[1].sum() * 0.3


def _plain(t: Any, i: int, p: list[Any], x: Any) -> Any:
    loss = _forward(t, p, x)
    loss.backward()
    return loss


def _without_one(t: Any, i: int, p: list[Any], x: Any) -> Any:
    """What is tracked changes, and the trace's operations do not."""
    p[0].requires_grad_(i not in (3, 6))
    return _plain(t, i, p, x)


def _with_one_more(t: Any, i: int, p: list[Any], x: Any) -> Any:
    p[0].requires_grad_(i in (3, 6))
    return _plain(t, i, p, x)


def _detached(t: Any, i: int, p: list[Any], x: Any) -> Any:
    w = p[2].detach() if i in (2, 5) else p[2]
    loss = ((x @ p[0] + p[1]).relu() @ w).square().sum()
    loss.backward()
    return loss


def _accumulating(t: Any, i: int, p: list[Any], x: Any) -> Any:
    loss = _plain(t, i, p, x)
    if i % 2:
        _plain(t, i, p, x + 1)
    return loss


def _add_one(parameter: Any) -> None:
    parameter.grad.add_(1)


def _hooked(t: Any, i: int, p: list[Any], x: Any) -> Any:
    handles = [p[1].register_hook(lambda g: g * 2), p[2].register_post_accumulate_grad_hook(_add_one)]
    hidden = (x @ p[0] + p[1]).tanh()
    if i == 4:
        hidden.register_hook(lambda g: g * 3)
    if i not in (4, 6):
        for handle in handles:
            handle.remove()
    loss = (hidden @ p[2]).sum()
    loss.backward()
    for handle in handles:
        handle.remove()
    return loss


def _retained(t: Any, i: int, p: list[Any], x: Any) -> Any:
    loss = _forward(t, p, x)
    loss.backward(retain_graph=i == 4)
    if i == 4:
        loss.backward()
    return loss


def _kept(t: Any, i: int, p: list[Any], x: Any) -> Any:
    hidden = x @ p[0]
    if i in (3, 5):
        hidden.retain_grad()
    loss = hidden.cos().sum() * p[1].sum()
    loss.backward()
    return [loss, hidden.grad] if i in (3, 5) else loss


def _written_between(t: Any, i: int, p: list[Any], x: Any) -> Any:
    first = (x @ p[0]).sin().sum()
    with t.no_grad():
        p[1].mul_(1.01)
    loss = first + p[1].square().sum()
    loss.backward()
    return loss


def _through_views(t: Any, i: int, p: list[Any], x: Any) -> Any:
    loss = (p[0][1:] * p[0].T.reshape(-1)[:4]).sum() + p[1].clone()[0] * x.max()
    loss.backward()
    return loss


def _shared_gradient(t: Any, i: int, p: list[Any], x: Any) -> Any:
    loss = (p[1] + p[1].detach() + p[3]).sum()
    loss.backward()
    return loss


STEPS = [
    _plain,
    _without_one,
    _with_one_more,
    _detached,
    _accumulating,
    _hooked,
    _retained,
    _kept,
    _written_between,
    _through_views,
    _shared_gradient,
]


@pytest.mark.parametrize("step", STEPS)
def test_gradients_are_those_of_the_walk(step: Step) -> None:
    def program(t: Any) -> list[Any]:
        p = [t.randn(*shape, dtype=t.float64, requires_grad=True) for shape in ((3, 4), (4,), (4, 2), (4,))]
        found: list[Any] = []
        for i in range(8):
            for each in p:
                each.grad = None
            found.append(step(t, i, p, t.randn(5, 3, dtype=t.float64)))
            found.append([None if each.grad is None else each.grad.clone() for each in p])
        return found

    ours, theirs = (run(program, library) for library in (rushlight, torch))
    assert_alike(ours, theirs, rtol=1e-12, atol=1e-12)


def _losses() -> list[float]:
    p = [rushlight.nn.Parameter(rushlight.randn(3, 3)) for _ in range(2)]
    optimizer = rushlight.optim.SGD(p, lr=0.01, momentum=0.9)
    losses = []
    for _ in range(6):
        optimizer.zero_grad()
        loss = (p[0] @ p[1].tanh()).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def test_a_loop_appends_what_came_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "TIER", "interp")  # native code may round otherwise
    appended: list[int] = []
    append = repetition.Walk.append
    monkeypatch.setattr(repetition.Walk, "append", lambda walk: appended.append(1) or append(walk))
    misses: list[str] = []
    stop = events.subscribe(lambda event, facts: misses.append(event) if event == "plan miss" else None)
    rushlight.manual_seed(0)
    losses = _losses()
    stop()
    assert len(appended) >= 3
    assert len(misses) <= 3  # the trace is the same, however it came about
    monkeypatch.setattr(repetition, "find", lambda key: None)
    monkeypatch.setattr(repetition, "came_before", lambda key: False)
    rushlight.manual_seed(0)
    assert _losses() == losses


def test_a_second_backward_is_refused_as_ever() -> None:
    x = rushlight.randn(3, requires_grad=True)
    for _ in range(4):
        x.grad = None
        loss = x.exp().square().sum()
        loss.backward()
        with pytest.raises(RuntimeError, match="backward through the graph a second time"):
            loss.backward()


def test_what_is_kept_is_bounded() -> None:
    for n in range(1, repetition.CAPACITY + 20):
        for _ in range(3):
            x = rushlight.ones(n, requires_grad=True)
            (x * x).sum().backward()
    assert len(repetition._walks) <= repetition.CAPACITY
