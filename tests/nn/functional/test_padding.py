"""`pad` against PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest

import rushlight

from .oracle import compare, inputs, same_error

CONSTANT = {
    "last axis": ((1, 2), {}, (3, 4)),
    "two axes": ((1, 2, 3, 0), {}, (3, 4)),
    "value": ((1, 2, 0, 1), {"value": -1.5}, (3, 4)),
    "infinite": ((1, 1), {"value": float("-inf")}, (3, 4)),
    "value 0": ((1, 1), {"value": 0}, (3, 4)),
    "None": ((1, 1), {"value": None}, (3, 4)),
    "negative": ((-1, 2, 1, -1), {"value": 2.0}, (3, 4)),
    "only negative": ((-1, -1), {}, (3, 4)),
    "nothing": ((0, 0), {}, (3, 4)),
    "no axes": ((), {}, (3, 4)),
    "empty input": ((1, 2), {"value": 3.0}, (2, 0)),
    "to nothing": ((-2, -2), {}, (3, 4)),
    "five axes": ((1, 0, 0, 2, 1, 1, 1, 0, 0, 1), {}, (1, 2, 2, 1, 2)),
    "a tensor's sizes": ([np.int64(1), np.int64(2)], {}, (3, 4)),
}


@pytest.mark.parametrize("name", CONSTANT)
def test_constant(name: str) -> None:
    amounts, more, shape = CONSTANT[name]
    compare(lambda F, torch, x: F.pad(x, amounts, **more), *inputs(shape))


def test_constant_of_other_dtypes() -> None:
    for array in (np.arange(6).reshape(2, 3), np.arange(6).reshape(2, 3) > 2):
        compare(lambda F, torch, x: F.pad(x, (1, -1, 2, 0), value=1), array, rounded=False)
    compare(lambda F, torch, x: F.pad(x > 0, (1, 1), value=True), *inputs((2, 3)), rounded=False)


WRAPPED = {
    "1d": ((1, 2), (2, 3, 4)),
    "1d unbatched": ((2, 0), (3, 4)),
    "2d": ((1, 2, 0, 3), (2, 3, 4, 5)),
    "2d unbatched": ((1, 1, 2, 1), (3, 4, 5)),
    "3d": ((1, 0, 1, 2, 0, 1), (1, 2, 2, 3, 3)),
    "3d unbatched": ((1, 1, 1, 1, 1, 1), (2, 2, 3, 3)),
    "zero": ((0, 0), (2, 3, 4)),
    "negative": ((-1, 2, 1, -1), (2, 3, 4, 5)),
    "both negative": ((-1, -2), (2, 3, 5)),
    "whole": ((3, 3), (2, 3, 4)),
    "no batch": ((1, 1), (0, 3, 4)),
}


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@pytest.mark.parametrize("name", WRAPPED)
def test_wrapped(name: str, mode: str) -> None:
    amounts, shape = WRAPPED[name]
    label = mode != "circular"  # PyTorch's composes it of copies
    compare(lambda F, torch, x: F.pad(x, amounts, mode=mode), *inputs(shape), label=label)


@pytest.mark.parametrize("mode", ["reflect", "replicate"])
def test_cut_where_as_much_is_added(mode: str) -> None:
    compare(lambda F, torch, x: F.pad(x, (-3, 3), mode=mode), *inputs((2, 3, 4)))


def test_circular_repeats_what_is_left() -> None:  # PyTorch copies over itself here and forgets part of the gradient
    compare(lambda F, torch, x: F.pad(x.detach(), (-3, 3), mode="circular"), *inputs((2, 3, 4)))


def test_circular_once_around() -> None:
    compare(lambda F, torch, x: F.pad(x, (4, 4), mode="circular"), *inputs((1, 2, 4)), label=False)


@pytest.mark.parametrize("mode", ["replicate", "circular"])
def test_wrapped_integers(mode: str) -> None:
    compare(lambda F, torch, x: F.pad(x, (1, 2), mode=mode), np.arange(12).reshape(1, 3, 4), rounded=False)


def test_the_result_is_another_tensor() -> None:
    x = rushlight.zeros(2, 3)
    y = rushlight.nn.functional.pad(x, (0, 0))
    y += 1
    assert x.tolist() == [[0.0] * 3] * 2


def _error(amounts: object, *shape: int, **more: object) -> tuple:
    return (lambda F, torch, x: F.pad(x, amounts, **more)), np.ones(shape)


ERRORS = {
    "an int": (lambda F, torch, x: F.pad(x, 1), np.ones(3)),
    "a float": (lambda F, torch, x: F.pad(x, (1.5, 1)), np.ones(3)),
    "a complex value": (lambda F, torch, x: F.pad(x, (1, 1), value=1j), np.ones(3)),
    "mode of another type": (lambda F, torch, x: F.pad(x, (1, 1), mode=5), np.ones(3)),
    "reflected bools": (lambda F, torch, x: F.pad(x > 0, (1, 1), mode="reflect"), np.ones((2, 3))),
    "no elements": (lambda F, torch, x: F.pad(x, (1, 1), mode="replicate"), np.ones((2, 3, 0))),
    "no channels": (lambda F, torch, x: F.pad(x, (1, 1, 1, 1), mode="reflect"), np.ones((2, 0, 3, 3))),
    "odd": _error((1,), 2, 3),
    "too long": _error((1,) * 6, 2, 3),
    "negative size": _error((-2, -2), 2, 3),
    "mode": _error((1, 1), 2, 3, mode="wrap"),
    "mode and value": _error((1, 1), 2, 3, mode="reflect", value=1.0),
    "reflect too far": _error((3, 1), 1, 2, 3, mode="reflect"),
    "reflect 2d too far": _error((1, 1, 3, 0), 1, 2, 3, 4, mode="reflect"),
    "circular too far": _error((4, 1), 1, 2, 3, mode="circular"),
    "circular negative": _error((-2, -2), 1, 2, 3, mode="circular"),
    "reflect of one axis": _error((1, 1), 3, mode="reflect"),
    "reflect with too few amounts": _error((1, 1), 2, 3, 4, 5, mode="reflect"),
    "replicate of six axes": _error((1, 1), 1, 1, 1, 1, 1, 1, mode="replicate"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str) -> None:
    call, array = ERRORS[name]
    same_error(call, array)


def test_not_a_tensor() -> None:
    with pytest.raises(TypeError, match="must be Tensor, not list"):
        rushlight.nn.functional.pad([1.0], (1, 1))
