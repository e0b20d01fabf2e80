"""Views as copies: each function of `NAMES` with `_copy` gives new tensors of the view's elements, as PyTorch's of that name."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .public import functions, register, with_out
from .tensor import Tensor
from .tree import map_leaves

NAMES = (
    "as_strided",
    "diagonal",
    "permute",
    "select",
    "squeeze",
    "t",
    "transpose",
    "unsqueeze",
    "view_as_complex",
    "view_as_real",
)
METHODS = ("expand", "unfold", "view", "detach")  # views that are methods alone


def _copying(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def copy(*args: Any, **kwargs: Any) -> Any:
        return map_leaves(lambda part: part.clone(), function(*args, **kwargs))

    copy.__name__ = copy.__qualname__ = f"{name}_copy"
    copy.__doc__ = f"`{name}`, whose result has memory of its own."
    return with_out(copy, False)


def _alias(input: Tensor) -> Tensor:
    return input


for _name in NAMES:
    register(f"{_name}_copy", _copying(_name, functions[_name]), function=True, method=False)
for _name in METHODS:
    register(f"{_name}_copy", _copying(_name, getattr(Tensor, _name)), function=True, method=False)
register("alias_copy", _copying("alias", _alias), function=True, method=False)
