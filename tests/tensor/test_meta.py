"""The device "meta": shape and dtype without elements."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch

import rushlight

from ..both import assert_alike, run


def seen(t: Any) -> tuple[Any, ...]:
    return str(t.device), tuple(t.shape), str(t.dtype), t.requires_grad, t.is_meta, t.is_cpu


MADE: dict[str, Callable[[Any], Any]] = {
    "empty": lambda t: t.empty(10**6, 10**6, device="meta"),
    "zeros": lambda t: t.zeros((2, 3), device="meta", dtype=t.int32),
    "full": lambda t: t.full((2,), 1.5, device=t.device("meta")),
    "randn": lambda t: t.randn(2, 3, device="meta", requires_grad=True),
    "arange": lambda t: t.arange(5, device="meta"),
    "eye": lambda t: t.eye(3, device="meta"),
    "tensor": lambda t: t.tensor([1, 2], device="meta"),
    "to": lambda t: t.ones(2).to("meta", t.float64),
    "like": lambda t: t.zeros_like(t.ones(2, device="meta")),
    "like here": lambda t: t.zeros_like(t.ones(2, device="meta"), device="cpu"),
    "new": lambda t: t.ones(2, device="meta").new_zeros(3),
    "product": lambda t: t.ones(2, 3, device="meta") @ t.ones(3, 4, device="meta"),
    "comparison": lambda t: t.ones(2, device="meta") > 0,
    "fold": lambda t: t.ones(2, 3, device="meta").max(1).indices,
    "parts": lambda t: t.ones(4, 3, device="meta").split(3)[1],
    "in place": lambda t: t.ones(2, 3, device="meta").normal_().add_(1).copy_(t.zeros(2, 3)).t(),
    "written": lambda t: setitem(t.zeros(2, 3, device="meta")),
    "copied": lambda t: copy.deepcopy(t.nn.Linear(2, 3, device="meta")).weight,
}


def setitem(x: Any) -> Any:
    x[0] = 1
    return x[0]


@pytest.mark.parametrize("name", MADE)
def test_shape_and_dtype_are_pytorchs(name: str) -> None:
    assert seen(MADE[name](rushlight)) == seen(MADE[name](torch))


def backward(t: Any) -> Any:
    with t.device("meta"):
        model = t.nn.Sequential(
            t.nn.Conv2d(3, 4, 3), t.nn.BatchNorm2d(4), t.nn.ReLU(), t.nn.Flatten(), t.nn.Linear(64, 5)
        )
        x = t.randn(2, 3, 6, 6)
    assert t.ones(1).is_cpu
    loss = t.nn.functional.cross_entropy(model(x), t.zeros(2, dtype=t.long, device="meta"))
    loss.backward()
    return [seen(loss), *[seen(p.grad) for p in model.parameters()], repr(loss.detach()), t.rand(2)]


def loaded(t: Any) -> Any:
    model, full = t.nn.Linear(2, 3, device="meta"), t.nn.Linear(2, 3)
    model.load_state_dict(full.state_dict(), assign=True)
    empty = t.nn.Linear(2, 3, device="meta").to_empty(device="cpu")
    return model(t.ones(2)), seen(model.weight), seen(empty.weight)


ERRORS: dict[str, Callable[[Any], Any]] = {
    "item": lambda t: t.ones(1, device="meta").item(),
    "numpy": lambda t: t.ones(1, device="meta").numpy(),
    "list": lambda t: t.ones(1, device="meta").tolist(),
    "copy": lambda t: t.zeros(2).copy_(t.ones(2, device="meta")),
    "module": lambda t: t.nn.Linear(1, 1, device="meta").to("cpu"),
}


@pytest.mark.parametrize("program", [backward, loaded, *ERRORS.values()], ids=["backward", "loaded", *ERRORS])
def test_programs(program: Callable[[Any], Any]) -> None:
    assert_alike(run(program, rushlight), run(program, torch))


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(RuntimeError, match="must match the size"):
        rushlight.ones(2, device="meta") + rushlight.ones(3, device="meta")


def test_the_default_device_is_put_back() -> None:
    rushlight.set_default_device("meta")
    try:
        assert rushlight.ones(1).is_meta and rushlight.ones(1, device="cpu").is_cpu
        assert rushlight.get_default_device() == rushlight.device("meta")
    finally:
        rushlight.set_default_device(None)
    assert rushlight.ones(1).is_cpu
