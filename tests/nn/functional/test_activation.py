"""Activations against PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest

import rushlight

from .oracle import compare, inputs, same_error

PLAIN = {
    "relu": lambda F, torch, x: F.relu(x),
    "torch.relu": lambda F, torch, x: torch.relu(x),
    "relu method": lambda F, torch, x: x.relu(),
    "relu6": lambda F, torch, x: F.relu6(3 * x),
    "hardtanh": lambda F, torch, x: F.hardtanh(x, -0.4, 0.9),
    "leaky_relu": lambda F, torch, x: F.leaky_relu(x, 0.2),
    "leaky_relu steep": lambda F, torch, x: F.leaky_relu(x, 1.5),
    "leaky_relu backwards": lambda F, torch, x: F.leaky_relu(x, -0.5),
    "threshold": lambda F, torch, x: F.threshold(x, 0.25, -2.0),
    "hardshrink": lambda F, torch, x: F.hardshrink(x, 0.6),
    "softshrink": lambda F, torch, x: F.softshrink(x, 0.3),
    "hardsigmoid": lambda F, torch, x: F.hardsigmoid(3 * x),
    "hardswish": lambda F, torch, x: F.hardswish(3 * x),
    "gelu": lambda F, torch, x: F.gelu(x),
    "gelu tanh": lambda F, torch, x: F.gelu(x, approximate="tanh"),
    "silu": lambda F, torch, x: F.silu(x),
    "mish": lambda F, torch, x: F.mish(x),
    "softplus": lambda F, torch, x: F.softplus(x),
    "softplus settings": lambda F, torch, x: F.softplus(3 * x, beta=2, threshold=3),
    "logsigmoid": lambda F, torch, x: F.logsigmoid(9 * x),
    "elu": lambda F, torch, x: F.elu(x, 0.7),
    "selu": lambda F, torch, x: F.selu(x),
    "torch.selu": lambda F, torch, x: torch.selu(x),
    "celu": lambda F, torch, x: F.celu(x, 1.3),
    "glu": lambda F, torch, x: F.glu(x),
    "glu axis": lambda F, torch, x: F.glu(x, 0),
    "tanhshrink": lambda F, torch, x: F.tanhshrink(x),
    "softsign": lambda F, torch, x: F.softsign(x),
    "softmin": lambda F, torch, x: F.softmin(x, 1),
    "softmax": lambda F, torch, x: F.softmax(x, 1),
    "log_softmax": lambda F, torch, x: F.log_softmax(x, 0),
    "sigmoid": lambda F, torch, x: F.sigmoid(x),
    "tanh": lambda F, torch, x: F.tanh(x),
}

ONCE = {"hardsigmoid"}  # PyTorch has no second derivative of it
COARSE = {"hardsigmoid": 1e-6, "celu": 1e-6}  # PyTorch rounds 1/6 and 1/alpha to float32


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("shape", [(4, 6), (30, 40)], ids=str)  # large ones take the path without branches
def test_plain(name: str, shape: tuple[int, ...]) -> None:
    compare(PLAIN[name], *inputs(shape), gradgrad=name not in ONCE, tolerance=COARSE.get(name, 1e-9))


IN_PLACE = [
    "relu",
    "relu6",
    "hardtanh",
    "leaky_relu",
    "elu",
    "selu",
    "celu",
    "silu",
    "mish",
    "hardswish",
    "hardsigmoid",
]


@pytest.mark.parametrize("name", IN_PLACE)
def test_in_place(name: str) -> None:
    compare(
        lambda F, torch, x: getattr(F, name)(x * 1, inplace=True),
        *inputs((4, 5)),
        gradgrad=name not in ONCE,
        tolerance=COARSE.get(name, 1e-9),
    )
    if name in ("relu", "hardtanh", "leaky_relu", "elu", "selu", "celu"):
        compare(lambda F, torch, x: getattr(F, name + "_")(x * 1), *inputs((4, 5)))


def test_in_place_changes_the_argument() -> None:
    x = rushlight.tensor([-1.0, 2.0])
    assert rushlight.nn.functional.relu(x, inplace=True) is x
    assert x.tolist() == [0.0, 2.0]
    assert rushlight.relu_(rushlight.tensor([-1.0])).tolist() == [0.0]


@pytest.mark.parametrize("weights", [1, 3])
def test_prelu(weights: int) -> None:
    compare(lambda F, torch, x, w: F.prelu(x, w), *inputs((2, 3, 4), (weights,)), label=False)


def test_zeros_and_kinks() -> None:
    x = np.array([-3.0, -0.5, -0.0, 0.0, 0.5, 1.0, 3.0, 6.0])
    for name in (
        "relu",
        "relu6",
        "elu",
        "selu",
        "leaky_relu",
        "hardtanh",
        "hardshrink",
        "softshrink",
        "hardsigmoid",
        "hardswish",
    ):
        compare(lambda F, torch, x, name=name: getattr(F, name)(x), x, gradgrad=False, rounded=False)


def test_not_finite() -> None:
    x = np.array([np.nan, np.inf, -np.inf])
    for name in (
        "relu",
        "relu6",
        "leaky_relu",
        "gelu",
        "silu",
        "softplus",
        "elu",
        "logsigmoid",
        "hardshrink",
        "softmax",
    ):
        call = (
            (lambda F, torch, x: F.softmax(x, 0))
            if name == "softmax"
            else lambda F, torch, x, name=name: getattr(F, name)(x)
        )
        compare(call, x, gradgrad=False, rounded=False)


def test_integers() -> None:
    x = np.arange(-3, 9)
    for call in (PLAIN["relu"], lambda F, torch, x: F.relu6(x), lambda F, torch, x: F.threshold(x, 2, 7)):
        compare(call, x, rounded=False)


def test_softmax_without_axis_warns() -> None:
    with pytest.warns(UserWarning, match="Implicit dimension choice for softmax has been deprecated"):
        assert rushlight.nn.functional.softmax(rushlight.zeros(2, 4)).tolist() == [[0.25] * 4] * 2


ERRORS = {
    "gelu of integers": (lambda F, torch, x: F.gelu(x), "not implemented for 'Long'", np.arange(3)),
    "relu of bools": (lambda F, torch, x: F.relu(x > 0), None, np.ones(3)),
    "relu of a list": (lambda F, torch, x: torch.relu([1.0]), None, np.ones(3)),
    "gelu approximate": (lambda F, torch, x: F.gelu(x, approximate="x"), None, np.ones(3)),
    "softshrink": (lambda F, torch, x: F.softshrink(x, -0.5), None, np.ones(3)),
    "celu": (lambda F, torch, x: F.celu(x, 0), None, np.ones(3)),
    "glu odd": (lambda F, torch, x: F.glu(x), None, np.ones(3)),
    "glu scalar": (lambda F, torch, x: F.glu(x), None, np.ones(())),
    "hardtanh": (lambda F, torch, x: F.hardtanh(x, 1, 0), None, np.ones(3)),
    "prelu": (lambda F, torch, x: F.prelu(x, torch.ones(2)), None, np.ones((3, 3))),
    "softmax axis": (lambda F, torch, x: F.softmax(x, 3), None, np.ones((3, 3))),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str) -> None:
    call, text, array = ERRORS[name]
    same_error(call, array, text=text)
