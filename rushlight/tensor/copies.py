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
    "narrow",
    "permute",
    "select",
    "split",
    "split_with_sizes",
    "squeeze",
    "t",
    "transpose",
    "unbind",
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
    register(f"{_name}_copy", _copying(_name, functions[_name]), function=True, method=_name == "narrow")
for _name in METHODS:
    register(f"{_name}_copy", _copying(_name, getattr(Tensor, _name)), function=True, method=False)
register("alias_copy", _copying("alias", _alias), function=True, method=False)


def _as_strided_scatter(
    input: Tensor, src: Tensor, size: Any, stride: Any, storage_offset: int | None = None
) -> Tensor:
    """A copy of the input with `src` in the place of `input.as_strided(size, stride, storage_offset)`."""
    result: Any = input.clone()  # type: ignore[attr-defined]
    part = result.as_strided(size, stride, storage_offset)
    if tuple(part.shape) != tuple(src.shape):
        raise RuntimeError(
            f"expected src to have a size equal to the slice of self. src size = {list(src.shape)}, slice size = {list(part.shape)}"
        )
    part.copy_(src)
    return result  # type: ignore[no-any-return]


_as_strided_scatter.__name__ = "as_strided_scatter"
register("as_strided_scatter", with_out(_as_strided_scatter, False), function=True, method=True)
