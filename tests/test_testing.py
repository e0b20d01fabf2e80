"""`torch.testing` against PyTorch's: what is close, what is said where it is not, and tensors of random values."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
import torch

import rushlight

from .both import Program, check, check_warnings

CLOSE: list[Program] = [
    lambda t: t.testing.assert_close(1, 1),
    lambda t: t.testing.assert_close(1, 2),
    lambda t: t.testing.assert_close(1.0, 1.0000001),
    lambda t: t.testing.assert_close(1.0, 2),
    lambda t: t.testing.assert_close(1, 2.0),
    lambda t: t.testing.assert_close(True, False),
    lambda t: t.testing.assert_close(1j, 2j),
    lambda t: t.testing.assert_close(None, None),
    lambda t: t.testing.assert_close(None, 1),
    lambda t: t.testing.assert_close(1, None),
    lambda t: t.testing.assert_close("a", "a"),
    lambda t: t.testing.assert_close("a", "b"),
    lambda t: t.testing.assert_close(t.tensor(1.0), t.tensor(2.0)),
    lambda t: t.testing.assert_close(t.tensor([1.0, 2.0]), t.tensor([1.0, 3.0])),
    lambda t: t.testing.assert_close(t.tensor([1, 2]), t.tensor([1, 3])),
    lambda t: t.testing.assert_close(t.tensor([1.0, 2.0]), t.tensor([1.0, 2.0], dtype=t.float64)),
    lambda t: t.testing.assert_close(t.tensor([1.0, 2.0]), t.tensor([1.0, 2.0], dtype=t.float64), check_dtype=False),
    lambda t: t.testing.assert_close(t.tensor([1.0, 2.0]), t.tensor([1, 3]), check_dtype=False),
    lambda t: t.testing.assert_close(t.tensor([1.0, 2.0]), t.tensor([[1.0, 2.0]])),
    lambda t: t.testing.assert_close(t.tensor([True, False]), t.tensor([True, True])),
    lambda t: t.testing.assert_close(t.tensor([1.0, float("nan")]), t.tensor([1.0, float("nan")])),
    lambda t: t.testing.assert_close(t.tensor([1.0, float("nan")]), t.tensor([1.0, float("nan")]), equal_nan=True),
    lambda t: t.testing.assert_close(t.tensor([1.0, float("inf")]), t.tensor([1.0, float("inf")])),
    lambda t: t.testing.assert_close(t.tensor([1.0, 2.0]), t.tensor([1.0, 2.1]), rtol=0, atol=0),
    lambda t: t.testing.assert_close(t.tensor([1.0, 2.0]), t.tensor([1.0, 2.1]), rtol=0.1),
    lambda t: t.testing.assert_close(t.tensor([1.0, 2.0]), t.tensor([1.0, 2.1]), rtol=0.1, atol=0.0),
    lambda t: t.testing.assert_close([t.tensor([1.0, 2.0]), t.tensor(3.0)], [t.tensor([1.0, 2.0]), t.tensor(4.0)]),
    lambda t: t.testing.assert_close([t.tensor([1.0, 2.0]), t.tensor(3.0)], [t.tensor([1.0, 2.0])]),
    lambda t: t.testing.assert_close({"a": t.tensor(1.0)}, {"b": t.tensor(1.0)}),
    lambda t: t.testing.assert_close({"a": [t.tensor(1.0), 2]}, {"a": [t.tensor(1.0), 3]}),
    lambda t: t.testing.assert_close({"a": [t.tensor(1.0), 2], "b": 1}, {"a": [t.tensor(1.0), 2]}),
    lambda t: t.testing.assert_close((1, 2), [1, 2]),
    lambda t: t.testing.assert_close((1, 2), {0: 1}),
    lambda t: t.testing.assert_close(np.array([1, 2]), np.array([1, 2])),
    lambda t: t.testing.assert_close(np.array([1.0, 2]), np.array([1, 2.5])),
    lambda t: t.testing.assert_close(np.float32(1.0), 1.0),
    lambda t: t.testing.assert_close(t.tensor([1.0, 2.0]), t.tensor([1.0, 3.0]), msg="hello"),
    lambda t: t.testing.assert_close(t.tensor([1.0, 2.0]), t.tensor([1.0, 3.0]), msg=lambda m: "X " + m),
    lambda t: t.testing.assert_close([t.tensor([1.0, 2.0])], [t.tensor([1.0, 3.0])], msg=lambda m: "X " + m),
    lambda t: t.testing.assert_close(t.tensor([]), t.tensor([])),
    lambda t: t.testing.assert_close(t.tensor([1, 2]), t.tensor([1, 3]), atol=1, rtol=0),
    lambda t: t.testing.assert_close(t.tensor([1, 2]), t.tensor([1, 3]), atol=0.5, rtol=0),
    lambda t: t.testing.assert_close(t.tensor([0.0, 2.0]), t.tensor([1e-9, 2.0])),
    lambda t: t.testing.assert_close(t.tensor([1.0, 2.0], requires_grad=True), t.tensor([1.0, 2.0])),
    lambda t: t.testing.assert_close(
        t.tensor([[1.0, 2.0], [3.0, 4.0]]).t(), t.tensor([[1.0, 3.0], [2.0, 4.0]]), check_stride=True
    ),
    lambda t: t.testing.assert_close(t.empty(0, 3), t.empty(0, 4)),
    lambda t: t.testing.assert_close(t.nn.Parameter(t.tensor([1.0])), t.tensor([1.0])),
    lambda t: t.testing.assert_close(t.tensor([1.0], dtype=t.bfloat16), t.tensor([1.02], dtype=t.bfloat16)),
    lambda t: t.testing.assert_close(t.tensor([1.0], dtype=t.float16), t.tensor([1.02], dtype=t.float16)),
    lambda t: t.testing.assert_close(t.tensor([1.0 + 1j]), t.tensor([1.0 + 2j])),
    lambda t: t.testing.assert_close(t.tensor([2**53], dtype=t.int64), t.tensor([2**53 + 1], dtype=t.int64)),
    lambda t: t.testing.assert_close(1.0, float("nan")),
    lambda t: t.testing.assert_close(float("nan"), float("nan")),
    lambda t: t.testing.assert_close(float("nan"), float("nan"), equal_nan=True),
    lambda t: t.testing.assert_close(t.tensor([1.0]), t.tensor([1.0]), rtol=0.1, atol=None),
    lambda t: t.testing.assert_close(3, 4, rtol=0, atol=0.5),
    lambda t: t.testing.assert_close(3.0, 4.0, rtol=0.1, atol=0),
    lambda t: t.testing.assert_close(3.0, 4.0, rtol=0, atol=0),
    lambda t: t.testing.assert_close(0.0, 1.0),
    lambda t: t.testing.assert_close(1, 0),
    lambda t: t.testing.assert_close(t.tensor([1, 2], dtype=t.uint8), t.tensor([3, 2], dtype=t.uint8)),
    lambda t: t.testing.assert_close(t.tensor([1.0, 2.0, 3.0]), t.tensor([9.0, 2.0, float("inf")])),
    lambda t: t.testing.assert_close(range(3), range(3)),
    lambda t: t.testing.assert_close([[1, [2]]], [[1, [3]]]),
    lambda t: t.testing.assert_close(set([1]), set([1])),
    lambda t: t.testing.assert_close(1, 1, rtol=-1, atol=0),
    lambda t: t.testing.assert_close(t.tensor([5.0]), t.tensor([0.0])),
    lambda t: t.testing.assert_allclose(t.tensor([1.0], dtype=t.float64), t.tensor([1.1], dtype=t.float64)),
    lambda t: t.testing.assert_allclose(t.tensor([1.0], dtype=t.float16), t.tensor([1.1], dtype=t.float16)),
    lambda t: t.testing.assert_allclose(t.tensor([1]), t.tensor([2])),
    lambda t: t.testing.assert_allclose(t.tensor([1.0]), t.tensor([1.0], dtype=t.float64)),
    lambda t: t.testing.assert_allclose(t.tensor([1.0]), t.tensor([1.1]), rtol=0.1),
    lambda t: t.testing.assert_allclose(t.tensor([1.0]), t.tensor([1.1]), rtol=0.1, atol=1),
    lambda t: t.testing.assert_allclose(t.tensor([1.0, float("nan")]), t.tensor([1.1, float("nan")]), msg="hi"),
    lambda t: t.testing.assert_allclose(1.0, 2.0),
    lambda t: t.testing.assert_close(t.tensor([1.0, 2.0]), t.tensor([1.0, 2.0]).double().t(), check_stride=True),
    lambda t: t.testing.assert_close([t.tensor(1.0), "a"], [t.tensor(2.0), "b"]),
    lambda t: t.testing.assert_close([[1, 2], [3]], [[1, 2], [3, 4]]),
    lambda t: t.testing.assert_close({"a": [1]}, {"a": {"b": 1}}),
    lambda t: t.testing.assert_close([1, [None]], [1, [3]]),
    lambda t: t.testing.assert_close({1: 2, "a": 3}, {1: 3, "a": 4}),
    lambda t: t.testing.assert_close({"b": 2, "a": 3}, {"b": 3, "a": 4}),
    lambda t: t.testing.assert_close(t.tensor([True, False]), t.tensor([1, 1]), check_dtype=False),
    lambda t: t.testing.assert_close(t.tensor(True), t.tensor(False)),
    lambda t: t.testing.assert_close(t.tensor(3), t.tensor(5)),
    lambda t: t.testing.assert_close(t.tensor([[1.0, 2.0], [3.0, 4.0]]), t.tensor([[1.0, 2.0], [3.0, 5.0]])),
    lambda t: t.testing.assert_close(t.tensor(1 + 1j), t.tensor(1 + 2j)),
    lambda t: t.testing.assert_close(t.tensor([1.0 + 0j]), t.tensor([1.0]), check_dtype=False),
    lambda t: t.testing.assert_close(
        t.tensor([1.0, 2.0], dtype=t.bfloat16), t.tensor([1.0, 3.0], dtype=t.float64), check_dtype=False
    ),
    lambda t: t.testing.assert_close(t.tensor([-3.0]), t.tensor([-4.0])),
    lambda t: t.testing.assert_close(t.tensor([200], dtype=t.uint8), t.tensor([10], dtype=t.uint8)),
    lambda t: t.testing.assert_close(t.tensor([-128], dtype=t.int8), t.tensor([127], dtype=t.int8)),
    lambda t: t.testing.assert_close(t.tensor([65535], dtype=t.uint16), t.tensor([1], dtype=t.uint16)),
    lambda t: t.testing.assert_close(np.bool_(True), False),
    lambda t: t.testing.assert_close(1 + 0j, 1.0),
    lambda t: t.testing.assert_close(10, 11, rtol=0.2, atol=0),
    lambda t: t.testing.assert_close(float("inf"), float("inf")),
    lambda t: t.testing.assert_close(float("inf"), 1.0),
    lambda t: t.testing.assert_close(t.tensor(float("inf")), t.tensor(1.0)),
    lambda t: t.testing.assert_close(t.tensor([1.0, 2.0]), t.tensor([1.0, 2.0]), msg=3),
    lambda t: t.testing.assert_close(t.tensor([1.0, 2.0]), t.tensor([3.0, 2.0]), msg=3),
    lambda t: t.testing.assert_close(2**70, 2**70 + 1),
    lambda t: t.testing.assert_close(t.tensor([]), t.tensor([[]])),
    lambda t: t.testing.assert_close(t.zeros(2, 3), t.ones(2, 3), rtol=0, atol=0.5, msg=lambda m: m.upper()),
    lambda t: t.testing.assert_close("ab", ["a", "b"]),
    lambda t: t.testing.assert_close(OrderedDict(a=1), dict(a=2)),
]


def number(program: Program) -> str:
    return str(program.__code__.co_firstlineno)


@pytest.mark.filterwarnings("ignore:.*assert_allclose")
@pytest.mark.parametrize("program", CLOSE, ids=number)
def test_what_is_close_and_what_is_said(program: Program) -> None:
    check(program)


def test_bytes_and_unrelated_things() -> None:
    rushlight.testing.assert_close(b"a", b"a")
    tensor = rushlight.ones(2)
    for actual, expected in (
        *((object(), 1), (True, 1), ({1}, {1}), (tensor, [1.0, 1.0]), (rushlight.tensor(1.0), 1.0)),
        *((1.0, rushlight.tensor(1.0)), (np.ones(2), tensor), (tensor, np.ones(2))),
    ):
        with pytest.raises(TypeError, match="No comparison pair"):
            rushlight.testing.assert_close(actual, expected)
    parameter = rushlight.nn.Parameter(tensor)
    rushlight.testing.assert_close(parameter, tensor)
    with pytest.raises(TypeError, match="No comparison pair"):
        rushlight.testing.assert_close(parameter, tensor, allow_subclasses=False)


def test_the_place_of_a_bool_is_said() -> None:
    with pytest.raises(AssertionError, match=r"True is not False\n\nThe failure occurred for item \[0\]"):
        rushlight.testing.assert_close([True], [False])


MADE: list[Program] = [
    lambda t: t.testing.make_tensor(3, dtype=t.float32, device="cpu"),
    lambda t: t.testing.make_tensor((2, 3), dtype=t.int64, device="cpu"),
    lambda t: t.testing.make_tensor((2, 3), dtype=t.uint8, device="cpu"),
    lambda t: t.testing.make_tensor([4], dtype=t.bool, device="cpu"),
    lambda t: t.testing.make_tensor(4, dtype=t.complex64, device="cpu"),
    lambda t: t.testing.make_tensor(4, dtype=t.bfloat16, device="cpu", low=-1, high=2.5),
    lambda t: t.testing.make_tensor(4, dtype=t.int8, device="cpu", low=-1000, high=1000),
    lambda t: t.testing.make_tensor(4, dtype=t.int8, device="cpu", low=200, high=1000),
    lambda t: t.testing.make_tensor(4, dtype=t.int64, device="cpu", low=0.5, high=3.5),
    lambda t: t.testing.make_tensor(4, dtype=t.int64, device="cpu", low=3, high=3),
    lambda t: t.testing.make_tensor(4, dtype=t.float32, device="cpu", low=3, high=3),
    lambda t: t.testing.make_tensor(4, dtype=t.float32, device="cpu", low=3, high=2),
    lambda t: t.testing.make_tensor(4, dtype=t.float32, device="cpu", low=float("nan"), high=2),
    lambda t: t.testing.make_tensor(4, dtype=t.float32, device="cpu", low=-float("inf"), high=float("inf")),
    lambda t: t.testing.make_tensor(4, dtype=t.float64, device="cpu", low=-1e308, high=1.5e308),
    lambda t: t.testing.make_tensor(4, dtype=t.int64, device="cpu", requires_grad=True),
    lambda t: t.testing.make_tensor(4, dtype=t.float32, device="cpu", requires_grad=True),
    lambda t: t.testing.make_tensor(2, 4, dtype=t.float32, device="cpu", noncontiguous=True),
    lambda t: t.testing.make_tensor(2, 4, dtype=t.float32, device="cpu", noncontiguous=True).stride(),
    lambda t: t.testing.make_tensor(2, 1, dtype=t.float32, device="cpu", noncontiguous=True).stride(),
    lambda t: t.testing.make_tensor(1, 1, dtype=t.float32, device="cpu", noncontiguous=True).stride(),
    lambda t: t.testing.make_tensor(0, 3, dtype=t.float32, device="cpu", noncontiguous=True).stride(),
    lambda t: t.testing.make_tensor((), dtype=t.float32, device="cpu", noncontiguous=True),
    lambda t: t.testing.make_tensor(dtype=t.float32, device="cpu"),
    lambda t: t.testing.make_tensor(
        2, 4, 3, 3, dtype=t.float32, device="cpu", noncontiguous=True, memory_format=t.channels_last
    ),
    lambda t: t.testing.make_tensor(12, dtype=t.int64, device="cpu", low=-1, high=2, exclude_zero=True),
    lambda t: t.testing.make_tensor(12, dtype=t.bool, device="cpu", exclude_zero=True),
    lambda t: t.testing.make_tensor(4, dtype=t.float32, device="cpu", low=0, high=1e-45, exclude_zero=True),
    lambda t: t.testing.make_tensor(4, dtype=t.uint16, device="cpu"),
    lambda t: t.testing.make_tensor(4, dtype=t.float32, device="cpu", low=True, high=2),
    lambda t: t.testing.make_tensor(4, dtype=t.complex128, device="cpu", low=0, high=1),
    lambda t: t.testing.make_tensor(4, dtype=t.float16, device="cpu", low=-1e9, high=1e9),
    lambda t: t.testing.make_tensor(2, dtype=t.bool, device="cpu", low=1),
    lambda t: t.testing.make_tensor(2, dtype=t.bool, device="cpu", low=2),
]


@pytest.mark.filterwarnings("ignore:Passing `low==high`")
@pytest.mark.parametrize("program", MADE, ids=number)
def test_tensors_of_random_values(program: Program) -> None:
    check(program)


def test_missing_arguments() -> None:
    for library in (rushlight, torch):
        with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'device'"):
            library.testing.make_tensor(2, dtype=library.float32)
    with pytest.raises(RuntimeError, match="device 'cuda' is not available"):
        rushlight.testing.make_tensor(2, dtype=rushlight.float32, device="cuda")


def test_warnings() -> None:
    check_warnings(lambda t: t.testing.make_tensor(2, dtype=t.float32, device="cpu", low=1, high=1))
    check_warnings(lambda t: t.testing.assert_allclose(t.ones(2), t.ones(2)))


def test_the_words_of_a_message_may_be_chosen() -> None:
    def program(t: Any) -> None:
        t.testing.assert_close([1, 2], [1, 3], msg=lambda text: f"epoch 3: {text}")

    check(program)
