"""Tensors joined: along an axis that they have, or along a new one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..dtype import common_dtype
from ..ir import scalar, view
from .public import public
from .tensor import Tensor, make_view, node_of, wrap, wrap_axis
from .views import Reshape


@public("Cat", method=False, alias=("concat", "concatenate"))
def cat(tensors: Sequence[Tensor], dim: int = 0, axis: int | None = None) -> Tensor:
    """Tensors joined along an axis; an empty one-dimensional tensor among them is passed over, as in PyTorch."""
    if isinstance(tensors, Tensor) or not isinstance(tensors, (tuple, list)):
        raise TypeError(
            f"cat(): argument 'tensors' (position 1) must be tuple of Tensors, not {type(tensors).__name__}"
        )
    if not tensors:
        raise ValueError("torch.cat(): expected a non-empty list of Tensors")
    for place, part in enumerate(tensors):
        if not isinstance(part, Tensor):
            raise TypeError(f"expected Tensor as element {place} in argument 0, but got {type(part).__name__}")
        if not part.ndim:
            raise RuntimeError(f"zero-dimensional tensor (at position {place}) cannot be concatenated")
    kind = tensors[0].dtype
    for part in tensors[1:]:
        kind = common_dtype(kind, part.dtype)
    shaped = next((part for part in tensors if tuple(part.shape) != (0,)), tensors[0])
    place = wrap_axis("cat", dim if axis is None else axis, shaped.ndim)
    empty = (*shaped.shape[:place], 0, *shaped.shape[place + 1 :])
    nodes = []
    for part in tensors:
        node = scalar.cast(node_of(part), dtype=kind)
        if tuple(part.shape) != (0,) or empty == (0,):
            nodes.append(node)
        elif node.tracked:  # nothing of it stays but its history
            nodes.append(view.empty_of(node, empty))
    return wrap(view.concatenate(tuple(nodes), place))


@public("Stack", method=False)
def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Tensors of one shape joined along a new axis."""
    if not tensors:
        raise RuntimeError("stack expects a non-empty TensorList")
    first = tensors[0]
    axis = wrap_axis("stack", dim, first.ndim + 1)
    shape = tuple(first.shape)
    kind = first.dtype
    for place, part in enumerate(tensors):
        if not isinstance(part, Tensor):
            raise TypeError(f"expected Tensor as element {place} in argument 0, but got {type(part).__name__}")
        if tuple(part.shape) != shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(shape)} at entry 0 and {list(part.shape)} at entry {place}"
            )
        kind = common_dtype(kind, part.dtype)
    target = (*shape[:axis], 1, *shape[axis:])
    nodes = tuple([view.reshape(scalar.cast(node_of(part), dtype=kind), target) for part in tensors])
    return wrap(view.concatenate(nodes, axis))


def _at_least(count: int, tensor: Tensor) -> Tensor:
    shape = tuple(tensor.shape)
    if len(shape) >= count:
        return tensor
    if count == 3:
        target = {0: (1, 1, 1), 1: (1, *shape, 1), 2: (*shape, 1)}[len(shape)]
    else:
        target = (1,) * (count - len(shape)) + shape
    return make_view(tensor, Reshape(target, "View"))


def _at_least_function(count: int) -> Any:
    def function(*tensors: Any) -> Any:
        if len(tensors) == 1 and isinstance(tensors[0], Tensor):
            return _at_least(count, tensors[0])
        listed = tensors[0] if len(tensors) == 1 else tensors
        return tuple(_at_least(count, x) for x in listed)

    function.__name__ = f"atleast_{count}d"
    function.__doc__ = f"Tensors with at least {count} axes."
    return public(method=False, out=False)(function)


atleast_1d, atleast_2d, atleast_3d = map(_at_least_function, (1, 2, 3))


@public("Cat", method=False)
def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Joined along the second axis (the first for vectors)."""
    if not tensors:
        raise RuntimeError("hstack expects a non-empty TensorList")
    parts = [_at_least(1, x) for x in tensors]
    return cat(parts, 0 if parts[0].ndim == 1 else 1)


@public("Cat", method=False, alias=("row_stack",))
def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Joined along the first axis, vectors as rows."""
    if not tensors:
        raise RuntimeError("vstack expects a non-empty TensorList")
    return cat([_at_least(2, x) for x in tensors], 0)


@public("Cat", method=False)
def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """Joined along the third axis."""
    if not tensors:
        raise RuntimeError("dstack expects a non-empty TensorList")
    return cat([_at_least(3, x) for x in tensors], 2)


@public("Cat", method=False)
def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """Vectors as columns, joined."""
    return hstack([x.reshape(x.numel(), 1) if x.ndim <= 1 else x for x in tensors])
