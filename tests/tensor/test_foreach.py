"""`torch._foreach_*` beside PyTorch's."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import rushlight

from ..both import check


def lists(t: Any, count: int = 1) -> Any:
    made = [[t.tensor([0.25, 0.75]) * k, t.tensor([[0.5], [0.125]])] for k in range(1, count + 1)]
    return made[0] if count == 1 else made


UNARY = [
    n.removeprefix("_foreach_")
    for n in dir(torch)
    if n.startswith("_foreach_") and n.endswith("_") and n + "x" not in dir(torch)
]
ONE = [n[:-1] for n in UNARY if n[:-1] in "abs acos asin atan ceil cos cosh erf erfc exp expm1 floor frac lgamma log log10 log1p log2 neg reciprocal round rsqrt sigmoid sign sin sinh sqrt tan tanh trunc".split()]  # fmt: skip


def test_all_of_pytorchs_names_but_one_are_there() -> None:
    names = {name for name in dir(torch) if name.startswith("_foreach_")}
    assert {name for name in names if not hasattr(rushlight, name)} == {"_foreach_powsum"}


@pytest.mark.parametrize("name", ONE)
def test_of_each(name: str) -> None:
    def program(t: Any) -> Any:
        x = lists(t)
        result = getattr(t, f"_foreach_{name}")(x)
        assert getattr(t, f"_foreach_{name}_")(x) is x
        return type(result).__name__, result, x

    check(program)


TWO = {
    "numbers": lambda t, f, f_: [getattr(t, f)(lists(t), 2.0), getattr(t, f_)(lists(t), 2.0)],
    "lists of numbers": lambda t, f, f_: [getattr(t, f)(lists(t), [2.0, 3.0]), getattr(t, f_)(lists(t), [2.0, 3.0])],
    "lists": lambda t, f, f_: [getattr(t, f)(*lists(t, 2)), getattr(t, f_)(*lists(t, 2))],
    "too few": lambda t, f, f_: getattr(t, f)(lists(t), [1.0]),
    "too few tensors": lambda t, f, f_: getattr(t, f)(lists(t), lists(t)[:1]),
    "none": lambda t, f, f_: getattr(t, f)([], 1.0),
}


@pytest.mark.parametrize("how", TWO)
@pytest.mark.parametrize("name", "add sub mul div maximum minimum clamp_max clamp_min pow".split())
def test_of_two(name: str, how: str) -> None:
    check(lambda t: TWO[how](t, f"_foreach_{name}", f"_foreach_{name}_"))


OTHERS = {
    "alpha": lambda t: t._foreach_add(*lists(t, 2), alpha=3),
    "tensor": lambda t: [t._foreach_mul(lists(t), t.tensor(2.0)), t._foreach_div_(lists(t), t.tensor(2.0))],
    "base": lambda t: t._foreach_pow(2.0, lists(t)),
    "addcmul": lambda t: [t._foreach_addcmul(*lists(t, 3), 2), t._foreach_addcmul_(*lists(t, 3), [1.0, 2.0])],
    "addcdiv": lambda t: [t._foreach_addcdiv(*lists(t, 3)), t._foreach_addcdiv_(*lists(t, 3), t.tensor([1.0, 3.0]))],
    "lerp": lambda t: [t._foreach_lerp(*lists(t, 2), 0.5), t._foreach_lerp_(*lists(t, 3)), t._foreach_lerp(*lists(t, 2), [0.5, 1.0])],
    "zero": lambda t: t._foreach_zero_(lists(t)),
    "copy": lambda t: t._foreach_copy_(*lists(t, 2)),
    "norm": lambda t: [t._foreach_norm(lists(t)), t._foreach_norm(lists(t), 1), t._foreach_max(lists(t)), t._foreach_clone(lists(t))],
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_others(name: str) -> None:
    check(OTHERS[name])
