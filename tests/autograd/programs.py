"""What the programs of these tests are made with: a function of the library that is a test of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..both import Program, Raised, check


def alike(program: Program) -> Callable[[], None]:
    """Makes a program a test that runs it with both libraries and compares."""

    def test() -> None:
        check(program)

    test.__name__, test.__doc__ = program.__name__, program.__doc__
    return test


def attempt(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The call's result, or what it raised: so that one program can show several errors."""
    try:
        return function(*args, **kwargs)
    except Exception as error:
        return Raised(error)


def leaf(t: Any, *values: Any, **options: Any) -> Any:
    """A float tensor that requires grad."""
    return t.tensor(list(values), requires_grad=True, **options)


def saving_exponential(t: Any) -> Any:
    """exp as a custom function, whose backward reads what forward gave."""

    class Exp(t.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            result = x.exp()
            ctx.save_for_backward(result)
            return result

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (result,) = ctx.saved_tensors
            return g * result

    return Exp
