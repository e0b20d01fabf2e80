"""Averaged models and their schedule; programs run with both libraries."""

from __future__ import annotations

from typing import Any

import pytest

import rushlight.optim.swa_utils  # noqa: F401

from ..both import check


def _net(t: Any) -> Any:
    return t.nn.Sequential(t.nn.Linear(3, 2), t.nn.BatchNorm1d(2))


def _trained(t: Any, averaged: Any, net: Any) -> None:
    optimizer = t.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(4):
        optimizer.zero_grad()
        net(t.randn(5, 3)).square().mean().backward()
        optimizer.step()
        averaged.update_parameters(net)


AVERAGES = [
    "AveragedModel(m)",
    "AveragedModel(m, use_buffers=True)",
    "AveragedModel(m, multi_avg_fn=s.get_ema_multi_avg_fn(0.9))",
    "AveragedModel(m, avg_fn=s.get_ema_avg_fn(0.9), use_buffers=True)",
    "AveragedModel(m, avg_fn=s.get_swa_avg_fn())",
    "AveragedModel(m, multi_avg_fn=s.get_swa_multi_avg_fn())",
    "AveragedModel(m, avg_fn=lambda average, now, count: 0.1 * average + 0.9 * now)",
    "AveragedModel(m, device='cpu')",
]


@pytest.mark.parametrize("text", AVERAGES)
def test_averages(text: str) -> None:
    def program(t: Any) -> Any:
        net = _net(t)
        averaged = eval("s." + text, {"s": t.optim.swa_utils, "m": net})
        before = repr(averaged), list(averaged.state_dict())
        _trained(t, averaged, net)
        return before, dict(averaged.state_dict()), averaged(t.ones(4, 3))

    check(program, rtol=1e-4, atol=1e-5)


def test_batch_norm_statistics_are_found_anew() -> None:
    def program(t: Any) -> Any:
        net = _net(t).eval()
        loader = [(t.randn(5, 3), t.zeros(5)) for _ in range(3)]
        t.optim.swa_utils.update_bn(loader, net)
        return dict(net.state_dict()), net.training, net[1].momentum

    check(program)


@pytest.mark.parametrize("options", ["", "anneal_epochs=3", "anneal_strategy='linear'", "anneal_epochs=0"])
def test_rates(options: str) -> None:
    def program(t: Any) -> Any:
        optimizer = t.optim.SGD(_net(t).parameters(), lr=0.1)
        scheduler = eval(f"s.SWALR(o, 0.03, {options})", {"s": t.optim.swa_utils, "o": optimizer})
        seen = [scheduler.get_last_lr()]
        for _ in range(12):
            optimizer.step()
            scheduler.step()
            seen.append(scheduler.get_last_lr())
        return seen, optimizer.param_groups[0]["swa_lr"], scheduler.state_dict()

    check(program, rtol=1e-9)


ERRORS = [
    "SWALR(o, 0.05, anneal_strategy='x')",
    "SWALR(o, 0.05, anneal_epochs=-1)",
    "SWALR(o, [0.05, 1])",
    "get_ema_avg_fn(2)",
]


@pytest.mark.parametrize("text", ERRORS)
def test_errors(text: str) -> None:
    check(lambda t: eval("s." + text, {"s": t.optim.swa_utils, "o": t.optim.SGD(_net(t).parameters(), lr=0.1)}))
