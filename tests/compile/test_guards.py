"""What is looked at before a repetition: where something is not as it was, the function is run and recorded anew."""

from __future__ import annotations

from typing import Any

import pytest

import rushlight as torch
from rushlight import nn

from .programs import Training, repeats

SCALE = 2.0
TABLE = {"factor": 3.0}
OFFSET = torch.ones(3)


def alike(plain: Any, compiled: Any, *calls: tuple) -> None:
    """Each call, thrice: the same results."""
    for arguments in calls:
        for _ in range(4):
            assert torch.equal(plain(*arguments), compiled(*arguments))


def test_shapes_dtypes_and_numbers_of_the_arguments() -> None:
    def f(x: Any, k: Any = 1, flag: bool = False) -> Any:
        return x * k + (10 if flag else 0)

    compiled = torch.compile(f)
    alike(
        f,
        compiled,
        (torch.ones(3),),
        (torch.ones(4),),
        (torch.ones(3), 2),
        (torch.ones(3), 2.0),
        (torch.ones(3), 2, True),
    )
    alike(f, compiled, (torch.ones(3, dtype=torch.int64), 2), (torch.ones(3), 3), (torch.arange(6.0).view(2, 3).t(),))
    assert compiled(torch.ones(3, dtype=torch.int64), 2).dtype is torch.int64


def test_training_and_evaluation() -> None:
    losses = []
    for way in (False, True):
        training, found = Training("dropout", "sgd"), []
        for i in range(14):
            training.net.train(i % 8 < 4)
            found.append(training.run(way))
        losses.append(found)
    assert losses[0] == losses[1]


def test_numbers_in_closures_and_globals(monkeypatch: pytest.MonkeyPatch) -> None:
    factor = 1.5

    def f(x: Any) -> Any:
        return x * factor * SCALE + TABLE["factor"] + helper(x)

    compiled, x = torch.compile(f), torch.randn(3)
    alike(f, compiled, (x,))
    assert repeats(compiled) == 1
    factor = 2.5
    alike(f, compiled, (x,))
    monkeypatch.setitem(globals(), "SCALE", 5.0)
    alike(f, compiled, (x,))
    monkeypatch.setitem(TABLE, "factor", -1.0)
    alike(f, compiled, (x,))
    monkeypatch.setitem(globals(), "OFFSET", torch.full((3,), 7.0))
    alike(f, compiled, (x,))
    OFFSET.add_(1)
    alike(f, compiled, (x,))


def helper(x: Any) -> Any:
    return OFFSET * len(TABLE)


def test_requires_grad_of_a_parameter() -> None:
    a, b = Training("mlp", "sgd"), Training("mlp", "sgd")
    for i in range(12):
        for each in (a, b):
            each.net[0].weight.requires_grad_(i < 5 or i > 8)
        assert a.run(False) == b.run(True)
    assert a.state() == b.state()


def test_layers_and_attributes_that_are_replaced() -> None:
    a, b = Training("mlp", "sgd"), Training("mlp", "sgd")
    for i in range(12):
        if i == 5:
            for each in (a, b):
                each.net[1] = nn.ReLU()
        if i == 9:
            for each in (a, b):
                each.net[0].weight.data = each.net[0].weight.data * 2
        assert a.run(False) == b.run(True)


def test_hooks() -> None:
    a, b = Training("mlp", "sgd"), Training("mlp", "sgd")
    for i in range(12):
        if i == 5:
            handles = [each.net[0].weight.register_hook(lambda g: g * 0.5) for each in (a, b)]
        if i == 8:
            handles[0].remove(), handles[1].remove()
            for each in (a, b):
                each.net[1].register_forward_hook(lambda module, args, result: result * 2)
        assert a.run(False) == b.run(True)
    assert a.state() == b.state()


def test_the_mode_of_gradients_and_the_default_dtype() -> None:
    weight = torch.ones(3, requires_grad=True)

    def f(x: Any) -> Any:
        return x * weight + torch.ones(3)

    compiled, x = torch.compile(f), torch.randn(3)
    with torch.no_grad():
        alike(f, compiled, (x,))
        assert repeats(compiled) == 1
        torch.set_default_dtype(torch.float64)
        try:
            assert compiled(x).dtype is torch.float64
        finally:
            torch.set_default_dtype(torch.float32)
    assert compiled(x).requires_grad


def test_arguments_that_are_the_same_tensor() -> None:
    def f(x: Any, y: Any) -> Any:
        x.add_(1)
        return x * y

    compiled = torch.compile(f)
    for same in (False, True, False):
        for _ in range(3):
            a, b = torch.ones(3), torch.full((3,), 2.0)
            expected = torch.full((3,), 4.0)
            assert torch.equal(compiled(a, a if same else b), expected)
            assert torch.equal(a, torch.full((3,), 2.0))


def test_parameters_that_came_to_share_their_values() -> None:
    net, target = nn.Linear(2, 2), nn.Linear(2, 2)

    def f(x: Any) -> Any:
        with torch.no_grad():
            return net(x) - target(x)

    compiled, x = torch.compile(f), torch.randn(3, 2)
    target.load_state_dict(net.state_dict())
    alike(f, compiled, (x,))
    with torch.no_grad():
        net.weight.mul_(2)
    alike(f, compiled, (x,))
    assert repeats(compiled)
