"""Views as copies: the function of a view's name with `_copy` gives tensors that have memory of their own."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .public import functions, public, register, with_out, write_out
from .tensor import Tensor
from .tree import map_leaves

_ONE = "as_strided diagonal expand detach permute select squeeze t transpose unfold unsqueeze view view_as_complex view_as_real".split()
_SEVERAL = ("split", "split_with_sizes", "unbind")


def _copying(name: str, view: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(view)
    def copy(*args: Any, **kwargs: Any) -> Any:
        return map_leaves(lambda part: part.clone(), view(*args, **kwargs))

    copy.__name__ = copy.__qualname__ = f"{name}_copy"
    copy.__doc__ = f"`{name}`, whose result has memory of its own."
    return copy


def _writing_parts(copy: Callable[..., Any]) -> Callable[..., Any]:
    """A function of several results with `out=`, which then gives None, as PyTorch's do."""

    @functools.wraps(copy)
    def call(*args: Any, out: Any = None, **kwargs: Any) -> Any:
        parts = copy(*args, **kwargs)
        return parts if out is None else write_out(copy.__name__, list(out), parts) and None

    return call


for _name in _ONE:
    _view = functions.get(_name) or getattr(Tensor, _name)
    register(f"{_name}_copy", with_out(_copying(_name, _view), False), function=True, method=False)
for _name in _SEVERAL:
    register(f"{_name}_copy", _writing_parts(_copying(_name, functions[_name])), function=True, method=False)
register("alias_copy", with_out(_copying("alias", lambda input: input), False), function=True, method=False)


@public("NarrowCopy")
def narrow_copy(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """`narrow`, whose result has memory of its own. RuntimeError for an axis beyond the last, as PyTorch has it for this one."""
    if input.ndim and dim >= input.ndim:
        raise RuntimeError(f"narrow_copy: dim {dim} is not an axis of a tensor of {input.ndim} dimensions")
    return functions["narrow"](input, dim, start, length).clone()  # type: ignore[no-any-return]


@public("AsStridedScatter")
def as_strided_scatter(input: Tensor, src: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """A copy of the input with `src` in the place of `input.as_strided(size, stride, storage_offset)`.

    RuntimeError where the shape of `src` is not `size`. The gradient of the input is zero where `src` stands; PyTorch's has these places and no
    others.
    """
    result: Any = input.clone()  # type: ignore[attr-defined]
    part = result.as_strided(size, stride, storage_offset)
    if tuple(part.shape) != tuple(src.shape):
        raise RuntimeError(
            f"expected src to have a size equal to the slice of self. src size = {list(src.shape)}, slice size = {list(part.shape)}"
        )
    part.copy_(src)
    return result  # type: ignore[no-any-return]
