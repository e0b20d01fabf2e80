"""Lazy modules: shapes found at the first forward or by loading; programs run with both libraries."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch

import rushlight

from ..both import assert_alike, check, run

LAZY = [
    ("LazyLinear(3)", "t.randn(4, 2)"),
    ("LazyLinear(3, bias=False)", "t.randn(2)"),
    ("LazyConv1d(4, 3)", "t.randn(2, 2, 7)"),
    ("LazyConv2d(4, 3, 1, 1, 1, 2)", "t.randn(2, 2, 7, 7)"),
    ("LazyConv2d(4, 3, padding_mode='circular', padding=1)", "t.randn(2, 7, 7)"),
    ("LazyConv3d(4, 2)", "t.randn(1, 2, 4, 4, 4)"),
    ("LazyConvTranspose1d(4, 3, 2, 1, 1, 1, False)", "t.randn(2, 2, 7)"),
    ("LazyConvTranspose2d(4, 3)", "t.randn(2, 2, 4, 4)"),
    ("LazyConvTranspose3d(4, 2)", "t.randn(1, 2, 3, 3, 3)"),
    ("LazyBatchNorm1d()", "t.randn(4, 3)"),
    ("LazyBatchNorm2d(affine=False)", "t.randn(4, 3, 2, 2)"),
    ("LazyBatchNorm3d(track_running_stats=False)", "t.randn(4, 3, 2, 2, 2)"),
    ("LazyInstanceNorm1d()", "t.randn(4, 3, 5)"),
    ("LazyInstanceNorm2d(affine=False)", "t.randn(4, 3, 2, 2)"),
    ("LazyInstanceNorm3d(track_running_stats=False)", "t.randn(4, 3, 2, 2, 2)"),
    ("LazyConv2d(3, 2)", "t.ones(2)"),
]


@pytest.mark.parametrize(("made", "given"), LAZY)
@pytest.mark.parametrize("way", ["as made", "copied", "pickled", "double"])
def test_first_forward(made: str, given: str, way: str) -> None:
    def program(t: Any) -> Any:
        layer = eval("t.nn." + made, {"t": t})
        before = repr(layer), layer.has_uninitialized_params()
        if way == "copied":
            layer = copy.deepcopy(layer)
        elif way == "pickled":
            layer = pickle.loads(pickle.dumps(layer))
        x = eval(given, {"t": t})
        if way == "double":
            layer, x = layer.double(), x.double()
        result = layer(x)
        again = layer(x)
        return (
            before,
            result,
            again,
            layer,
            type(layer).__name__,
            dict(layer.state_dict()),
            len(layer._forward_pre_hooks),
        )

    if way == "copied" and "Norm" in made and "track" not in made:
        # PyTorch cannot copy uninitialized buffers; our copy does what the first does.
        copied, way = run(program, rushlight), "as made"
        assert_alike(copied, run(program, torch), rtol=2e-5, atol=2e-6)
    else:
        check(program, rtol=2e-5, atol=2e-6)


def test_shapes_from_a_state() -> None:
    def program(t: Any) -> Any:
        source = t.nn.Sequential(t.nn.Linear(2, 3), t.nn.BatchNorm1d(3))
        lazy = t.nn.Sequential(t.nn.LazyLinear(3), t.nn.LazyBatchNorm1d())
        found = lazy.load_state_dict(source.state_dict())
        return repr(found), dict(lazy.state_dict()), lazy(t.randn(4, 2)), lazy

    check(program)


def test_states_of_lazy_modules() -> None:
    def program(t: Any) -> Any:
        lazy, other = t.nn.LazyLinear(3), t.nn.LazyLinear(3)
        found = other.load_state_dict(lazy.state_dict())
        return repr(found), [repr(each) for each in lazy.state_dict().values()], other(t.ones(1, 2)).shape == (1, 3)

    check(program)
    check(lambda t: t.nn.Linear(2, 3).load_state_dict(t.nn.LazyLinear(3).state_dict()))


@pytest.mark.parametrize("use", ["shape", "share_memory_()", "dim()"])
def test_what_an_uninitialized_parameter_refuses(use: str) -> None:
    def program(t: Any) -> Any:
        parameter = t.nn.UninitializedParameter()
        try:
            return eval("parameter." + use, {"parameter": parameter})
        except (RuntimeError, ValueError) as error:
            return type(error).__name__, str(error).split(" in <")[0]

    check(program)


def test_uninitialized_parameters() -> None:
    def program(t: Any) -> Any:
        parameter, buffer = t.nn.UninitializedParameter(), t.nn.UninitializedBuffer()
        kinds = [t.nn.parameter.is_lazy(each) for each in (parameter, buffer, t.nn.Parameter(t.ones(1)), None)]
        texts = [
            repr(each) for each in (parameter, buffer, copy.deepcopy(parameter), pickle.loads(pickle.dumps(parameter)))
        ]
        parameter.materialize((2, 3))
        buffer.materialize((4,))
        return kinds, texts, type(parameter).__name__, parameter.shape, parameter.requires_grad, tuple(buffer.shape)

    check(program)


def test_hooks_run_after_the_shapes_are_known() -> None:
    def program(t: Any) -> Any:
        log: list[str] = []
        layer = t.nn.LazyLinear(2)
        layer.register_forward_pre_hook(lambda m, args: log.append(repr(m)))
        layer(t.ones(1, 3))
        return log

    check(program)
