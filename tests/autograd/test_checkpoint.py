"""`torch.utils.checkpoint`: the same gradients, the same draws, and inner values that are not kept."""

from __future__ import annotations

import weakref
from typing import Any

import pytest
import torch
import torch.utils.checkpoint

import rushlight
import rushlight.utils.checkpoint

from ..both import check, check_warnings
from .programs import alike, attempt, leaf

both_kinds = pytest.mark.parametrize("reentrant", [True, False])


@both_kinds
def test_gradients(reentrant: bool) -> None:
    def program(t: Any) -> Any:
        model = t.nn.Sequential(t.nn.Linear(3, 4), t.nn.Tanh(), t.nn.Linear(4, 2))
        x = t.randn(5, 3, requires_grad=True)
        y = t.utils.checkpoint.checkpoint(model, x, use_reentrant=reentrant)
        (y**2).sum().backward()
        return y, y.is_leaf, x.grad, [p.grad for p in model.parameters()]

    check(program)


@both_kinds
def test_draws_are_those_of_the_first_run(reentrant: bool) -> None:
    def program(t: Any) -> Any:
        x = t.ones(20, requires_grad=True)
        y = t.utils.checkpoint.checkpoint(lambda x: t.nn.functional.dropout(x * 2), x, use_reentrant=reentrant)
        between = t.rand(2)
        y.sum().backward()
        return y, between, x.grad, t.rand(2)

    check(program)


@both_kinds
def test_several_results_and_other_arguments(reentrant: bool) -> None:
    def program(t: Any) -> Any:
        x, y = leaf(t, 1.0, 2.0), leaf(t, 3.0, 4.0)

        def function(x: Any, factor: float, y: Any, nothing: Any) -> Any:
            return x * y * factor, 3, "text", y.exp()

        first, number, text, last = t.utils.checkpoint.checkpoint(function, x, 2.0, y, None, use_reentrant=reentrant)
        (first.sum() + last.sum()).backward()
        return first, number, text, last, x.grad, y.grad

    check(program)


@alike
def test_what_the_function_reads_besides_its_arguments(t: Any) -> Any:
    w = leaf(t, 1.0, 2.0)
    middle = w * 3
    x = leaf(t, 5.0, 6.0)
    y = t.utils.checkpoint.checkpoint(lambda x, by=1: {"y": x * w + middle * by}, x, by=4, use_reentrant=False)["y"]
    (y * y).sum().backward()
    alone = t.utils.checkpoint.checkpoint(lambda x: x * w, t.ones(2), use_reentrant=False)
    alone.sum().backward()
    return x.grad, w.grad, y


@alike
def test_higher_orders_and_autograd_grad(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    y = t.utils.checkpoint.checkpoint(lambda x: (x * x).exp(), x, use_reentrant=False)
    (g,) = t.autograd.grad(y.sum(), x, create_graph=True)
    return y, g, t.autograd.grad(g.sum(), x)


@alike
def test_how_often_the_function_runs(t: Any) -> Any:
    log = []

    def function(x: Any) -> Any:
        log.append("run")
        return (x * x).exp()

    x = leaf(t, 1.0, 2.0)
    checkpoint = t.utils.checkpoint.checkpoint
    with t.no_grad():
        untracked = checkpoint(function, x, use_reentrant=False)
    y = checkpoint(function, x, use_reentrant=False)
    y.sum().backward(retain_graph=True)
    y.sum().backward()
    second = attempt(y.sum().backward)
    return untracked, log, x.grad, second


@alike
def test_a_chain_of_checkpoints(t: Any) -> Any:
    layers = [t.nn.Linear(3, 3) for _ in range(4)]
    x = t.randn(2, 3, requires_grad=True)
    h = x
    for layer in layers:
        h = t.utils.checkpoint.checkpoint(lambda h, layer=layer: layer(h).tanh() + h, h, use_reentrant=False)
    h.sum().backward()
    return h, x.grad, [layer.weight.grad for layer in layers]


@both_kinds
def test_sequential(reentrant: bool) -> None:
    def program(t: Any) -> Any:
        model = t.nn.Sequential(*[t.nn.Linear(3, 3) for _ in range(5)])
        x = t.randn(2, 3, requires_grad=True)
        y = t.utils.checkpoint.checkpoint_sequential(model, 2, x, use_reentrant=reentrant)
        y.sum().backward()
        return y, x.grad, [p.grad for p in model.parameters()]

    check(program)


def test_warnings() -> None:
    check_warnings(lambda t: t.utils.checkpoint.checkpoint(lambda x: x * 2, leaf(t, 1.0)))
    check_warnings(lambda t: t.utils.checkpoint.checkpoint(lambda x: x * 2, t.ones(1), use_reentrant=True))
    model = {library: library.nn.Sequential(library.nn.Identity()) for library in (rushlight, torch)}
    check_warnings(lambda t: t.utils.checkpoint.checkpoint_sequential(model[t], 1, leaf(t, 1.0)))


def test_inner_values_are_not_kept() -> None:
    t = rushlight
    inner = []

    def function(x: Any) -> Any:
        hidden = x.tanh()
        inner.append(weakref.ref(hidden._storage.node))
        return hidden.exp()

    x = leaf(t, 1.0, 2.0)
    y = t.utils.checkpoint.checkpoint(function, x, use_reentrant=False)
    assert inner[0]() is None
    y.sum().backward()
    assert [each() for each in inner] == [None, None]


def test_a_function_that_changes_is_an_error() -> None:
    t = rushlight
    lengths = iter([2, 1])
    x = leaf(t, 1.0, 2.0)
    y = t.utils.checkpoint.checkpoint(lambda x: x[: next(lengths)] * 2, x, use_reentrant=False)
    with pytest.raises(t.utils.checkpoint.CheckpointError, match="the function must do the same each time"):
        y.sum().backward()


def test_parameter_written_to_before_backward() -> None:
    """The gradient still comes to the leaf; it is that of the weights which the second run reads."""
    t = rushlight
    w, x = leaf(t, 1.0, 2.0), leaf(t, 3.0, 4.0)
    y = t.utils.checkpoint.checkpoint(lambda x: x * w, x, use_reentrant=False)
    with t.no_grad():
        w.add_(1)
    y.sum().backward()
    assert w.grad.tolist() == [3.0, 4.0]
    assert x.grad.tolist() == [2.0, 3.0]


def test_automatic_casts_hold_in_the_second_run() -> None:
    def program(t: Any) -> Any:
        layer = t.nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True)
        x = t.arange(48.0).reshape(2, 3, 8).requires_grad_()
        with t.autocast("cpu", dtype=t.bfloat16):
            y = t.utils.checkpoint.checkpoint(layer, x, use_reentrant=False)
        y.float().square().sum().backward()
        return y, x.grad, layer.linear1.weight.grad

    check(program, rtol=0.05, atol=0.05)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({}, "the second run came to its results by other operations than the first .*'mul': 1"),
        ({"debug": True}, "The first run: .*\n.*The second run"),
        ({"determinism_check": "none"}, None),
    ],
)
def test_other_operations_in_the_second_run(options: Any, error: str | None) -> None:
    for t in (rushlight, torch):
        first = iter([True, False])
        x = leaf(t, 1.0, 2.0)
        y = t.utils.checkpoint.checkpoint(
            lambda x, first=first: x * x if next(first) else x.clone(),
            x,
            use_reentrant=False,
            **options,
        )
        if error is None and t is rushlight:
            y.sum().backward()
            assert x.grad.tolist() == [1.0, 1.0]  # what the second run says; PyTorch notices that it saved less
        else:
            with pytest.raises(t.utils.checkpoint.CheckpointError, match=error if t is rushlight else None):
                y.sum().backward()


@pytest.mark.parametrize(
    "call",
    [
        lambda t, x: t.utils.checkpoint.checkpoint(t.exp, x, use_reentrant=True, context_fn=lambda: (None, None)),
        lambda t, x: t.utils.checkpoint.checkpoint(t.exp, x, use_reentrant=True, debug=True),
        lambda t, x: t.utils.checkpoint.checkpoint(t.exp, x, use_reentrant=False, determinism_check="some"),
        lambda t, x: t.utils.checkpoint.detach_variable((x * 2, 3)),
        lambda t, x: t.utils.checkpoint.detach_variable(x),
        lambda t, x: t.utils.checkpoint.get_device_states(x),
    ],
)
def test_arguments_of_checkpoints(call: Any) -> None:
    check(lambda t: call(t, leaf(t, 1.0, 2.0)))
