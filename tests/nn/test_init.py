"""Initializers: draws bit for bit as PyTorch's, errors, warnings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import rushlight

from ..both import array, check, check_warnings, run

FILLS = [
    "uniform_(x)",
    "uniform_(x, -2, 3)",
    "normal_(x)",
    "normal_(x, 1.0, 0.2)",
    "trunc_normal_(x)",
    "trunc_normal_(x, std=0.02)",
    "trunc_normal_(x, 0.5, 2.0, -1.0, 1.5)",
    "trunc_normal_(x, 3.0, 1.0, -2.0, 2.0)",
    "trunc_normal_(x, 5.0)",
    "constant_(x, 0.3)",
    "ones_(x)",
    "zeros_(x)",
    "eye_(x)",
    "dirac_(x)",
    "dirac_(x, groups=2)",
    "xavier_uniform_(x)",
    "xavier_uniform_(x, gain=2.0)",
    "xavier_normal_(x)",
    "kaiming_uniform_(x)",
    "kaiming_uniform_(x, a=5**0.5, mode='fan_out', nonlinearity='relu')",
    "kaiming_normal_(x)",
    "kaiming_normal_(x, nonlinearity='tanh')",
    "kaiming_normal_(x, mode='nothing')",
    "kaiming_normal_(x, nonlinearity='nothing')",
    "sparse_(x, 0.4)",
    "sparse_(x, 0.1, std=2.0)",
]
SHAPES = [(5,), (3, 4), (40, 30), (4, 3, 5), (4, 6, 3, 3), (2, 2, 2, 2, 2), (0, 4)]


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_fills(fill: str, shape: tuple[int, ...]) -> None:
    def program(t: Any) -> Any:
        x = t.full(shape, 7.0, requires_grad=True)
        filled = eval(f"t.nn.init.{fill}", {"t": t, "x": x})
        return x.detach(), filled is x, x.grad_fn, t.rand(1)

    check(program, rtol=0, atol=0)


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
@pytest.mark.parametrize("fill", ["uniform_", "normal_", "trunc_normal_", "kaiming_uniform_", "xavier_normal_"])
def test_dtypes(fill: str, dtype: str) -> None:
    def program(t: Any) -> Any:
        return getattr(t.nn.init, fill)(t.empty(20, 30, dtype=getattr(t, dtype)))

    ours, theirs = (array(run(program, library)) for library in (rushlight, torch))
    if fill == "trunc_normal_" and dtype == "bfloat16":
        assert np.abs(ours).max() <= 2
    assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("shape", [(3, 3), (2, 5), (5, 2), (4, 3, 2), (0, 4), (3,)], ids=str)
@pytest.mark.parametrize("gain", [1, 2.5])
def test_orthogonal(shape: tuple[int, ...], gain: float) -> None:
    check(lambda t: t.nn.init.orthogonal_(t.empty(shape), gain), atol=1e-5)


def test_generator() -> None:
    def program(t: Any) -> Any:
        generator = t.Generator().manual_seed(3)
        fills = ("uniform_", "normal_", "trunc_normal_", "xavier_uniform_", "kaiming_normal_")
        drawn = [getattr(t.nn.init, fill)(t.empty(3, 4), generator=generator) for fill in fills]
        return drawn, t.rand(1)

    check(program, rtol=0, atol=0)


GAINS = ["linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu", "nothing"]


@pytest.mark.parametrize("nonlinearity", GAINS)
@pytest.mark.parametrize("param", [None, 0.2, 1, True, "a"])
def test_gain(nonlinearity: str, param: Any) -> None:
    check(lambda t: t.nn.init.calculate_gain(nonlinearity, param))


def test_fans() -> None:
    check(lambda t: t.nn.init._calculate_fan_in_and_fan_out(t.empty(4, 3, 5, 5)))
    check(lambda t: t.nn.init._calculate_fan_in_and_fan_out(t.empty(4)))


def test_old_names_and_warnings() -> None:
    check(lambda t: t.nn.init.normal(t.empty(3)), rtol=0, atol=0)
    check_warnings(lambda t: t.nn.init.kaiming_normal(t.empty(3, 3)))
    check_warnings(lambda t: t.nn.init.trunc_normal_(t.empty(3), mean=5.0))
    check_warnings(lambda t: t.nn.init.kaiming_uniform_(t.empty(0, 3)))
