"""Further forms of views: in place (`t_`, `unsqueeze_`, …), and the splits that are named for their axis."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .public import public
from .shape import as_strided, chunk, split, split_with_sizes, squeeze, t, tensor_split, transpose, unsqueeze
from .tensor import Tensor, alias

# ---- in place ----


def _in_place(name: str, function: Callable[..., Tensor]) -> None:
    """Makes `Tensor.name_`: the handle itself becomes the view of what it was."""

    @functools.wraps(function)
    def call(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if self._own_leaf():
            raise RuntimeError(f"a leaf Variable that requires grad is being used in an in-place operation. — {name}_")
        before = alias(self, Tensor)
        before._source, before._parent = self._source, self._parent
        view = function(before, *args, **kwargs)
        self._steps, self._parent, self._cached, self._geometry = view._steps, before, None, None
        self._storage.touch()
        return self

    call.__name__ = call.__qualname__ = f"{name}_"
    call.__doc__ = f"In-place form of `{name}`."
    setattr(Tensor, f"{name}_", call)


for _name, _function in {
    "t": t,
    "transpose": transpose,
    "swapaxes": transpose,
    "swapdims": transpose,
    "squeeze": squeeze,
    "unsqueeze": unsqueeze,
    "as_strided": as_strided,
}.items():
    _in_place(_name, _function)  # type: ignore[arg-type]


# ---- splits ----


def _split_along(name: str, ndim: int, axis: int) -> None:
    def function(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
        if input.ndim < ndim:
            raise RuntimeError(
                f"torch.{name} requires a tensor with at least {ndim} dimension, but got a tensor with {input.ndim} dimensions!"
            )
        place = 0 if input.ndim == 1 else axis
        if isinstance(indices_or_sections, int):
            extent = input.shape[place]
            if indices_or_sections <= 0 or extent % indices_or_sections:
                raise RuntimeError(
                    f"torch.{name} attempted to split along dimension {place}, but the size of the dimension {extent} is not "
                    f"divisible by the split_size {indices_or_sections}!"
                )
        return tensor_split(input, indices_or_sections, place)  # type: ignore[no-any-return]

    function.__name__ = name
    function.__doc__ = f"Equal parts (or parts ending at the given places) along axis {axis}; views."
    public(out=False)(function)


_split_along("hsplit", 1, 1)
_split_along("vsplit", 2, 0)
_split_along("dsplit", 3, 2)


@public(out=False)
def unsafe_chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """As `chunk`."""
    return chunk(input, chunks, dim)  # type: ignore[no-any-return]


@public(out=False)
def unsafe_split(tensor: Tensor, split_size: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """As `split`."""
    return split(tensor, split_size, dim)  # type: ignore[no-any-return]


@public(out=False)
def unsafe_split_with_sizes(input: Tensor, split_sizes: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """As `split_with_sizes`."""
    return split_with_sizes(input, split_sizes, dim)  # type: ignore[no-any-return]
