"""`torch.library` and `torch.ops`: operators that programs add, beside PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import rushlight

from .both import assert_alike, run


def made(t: Any, name: str) -> Any:
    def function(x: torch.Tensor, k: float = 2.0) -> torch.Tensor:
        return (x * k).sin()

    own = f"beside_{t.__name__}::{name}"
    return t.library.custom_op(own, function, mutates_args=(), schema="(Tensor x, float k=2.) -> Tensor")


def gradient(t: Any) -> Any:
    operator = made(t, "gradient")

    def setup(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(inputs[0])
        ctx.k = inputs[1]

    def back(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return g * ctx.k * (x * ctx.k).cos(), None

    operator.register_autograd(back, setup_context=setup)
    x = t.randn(3, requires_grad=True)
    y = operator(x, k=3.0)
    y.sum().backward()
    namespace = getattr(t.ops, f"beside_{t.__name__}")
    return y, x.grad, type(y.grad_fn).__name__.replace(t.__name__, ""), namespace.gradient.default(x)


def without_gradient(t: Any) -> Any:
    operator = made(t, "plain")
    try:
        operator(t.ones(2, requires_grad=True)).sum().backward()
    except RuntimeError as error:
        return str(error).replace(t.__name__, "")


def lists(t: Any) -> Any:
    name = f"beside_{t.__name__}::lists"
    operator = t.library.custom_op(
        name, lambda x, ys: (x + 1, ys[0] * 2), mutates_args=(), schema="(Tensor x, Tensor[] ys) -> (Tensor, Tensor)"
    )
    t.library.register_autograd(name, lambda ctx, a, b: (a, [b * 2]))
    x, y = t.ones(2, requires_grad=True), t.ones(2, requires_grad=True)
    first, second = operator(x, [y])
    (first + second).sum().backward()
    return first, second, x.grad, y.grad


def in_two_steps(t: Any) -> Any:
    own = f"steps_{t.__name__}"
    library = t.library.Library(own, "DEF")
    library.define("twice(Tensor x) -> Tensor")
    library.impl("twice", lambda x: x * 2, "CPU")
    t.library.define(f"{own}::thrice", "(Tensor x) -> Tensor")
    t.library.impl(f"{own}::thrice", "default")(lambda x: x * 3)
    namespace = getattr(t.ops, own)
    return namespace.twice(t.ones(2)), namespace.thrice(t.ones(2)), hasattr(namespace, "other")


def written(t: Any) -> Any:
    name = f"beside_{t.__name__}::written"
    operator = t.library.custom_op(
        name, lambda x: x.add_(1) and None, mutates_args={"x"}, schema="(Tensor(a!) x) -> ()"
    )
    x = t.zeros(1)
    return operator(x), x


@pytest.mark.parametrize("program", [gradient, without_gradient, lists, in_two_steps, written])
def test_as_in_pytorch(program: Callable[[Any], Any]) -> None:
    assert_alike(run(program, rushlight), run(program, torch))


def test_mistakes() -> None:
    with pytest.raises(RuntimeError, match="may not alias any inputs"):
        rushlight.library.custom_op("wrong::same", lambda x: x, mutates_args=(), schema="(Tensor x) -> Tensor")(
            rushlight.ones(1)
        )
    with pytest.raises(ValueError, match="must have a type annotation"):
        rushlight.library.custom_op("wrong::untyped", lambda x: x, mutates_args=())
    with pytest.raises(ValueError, match="namespace::name"):
        rushlight.library.define("nameless", "(Tensor x) -> Tensor")
    rushlight.library.define("wrong::nothing", "() -> Tensor")
    with pytest.raises(NotImplementedError, match="implemented for nothing"):
        rushlight.ops.wrong.nothing()
    with pytest.raises(OSError, match="compiled for PyTorch"):
        rushlight.ops.load_library("some.so")
    with pytest.raises(NotImplementedError, match="not in Rushlight yet"):
        rushlight.library.register_vmap("wrong::nothing", None)


def test_aten_names_the_public_functions() -> None:
    assert rushlight.ops.aten.add.Tensor(rushlight.ones(1), rushlight.ones(1)).item() == 2
    assert not hasattr(rushlight.ops.aten, "nonsense")
    with pytest.raises(NotImplementedError, match="call the public function"):
        rushlight.ops.aten.alias.default(rushlight.ones(1))
