"""Elements in other places: reversed, rolled, turned. Copies, unlike NumPy's views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..ir import view
from ..ir.graph import Node
from .public import public
from .shape import _or_named, _swapped, shape_with_unknown
from .tensor import Tensor, node_of, wrap, wrap_axes, wrap_axis


@public("Flip", out=False)
def flip(input: Tensor, *dims: Any, **named: Any) -> Tensor:
    """The elements in reverse order along axes (a copy, unlike NumPy)."""
    axes = wrap_axes("flip", shape_with_unknown("flip", _or_named("flip", dims, "dims", named)), input.ndim)
    return wrap(view.flip(node_of(input), axes=axes) if axes else node_of(input))


@public("Flip", out=False)
def fliplr(input: Tensor) -> Tensor:
    """Left and right exchanged."""
    if input.ndim < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return flip(input, 1)


@public("Flip", out=False)
def flipud(input: Tensor) -> Tensor:
    """Up and down exchanged."""
    if input.ndim < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return flip(input, 0)


@public("Roll", out=False)
def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """Elements moved around along axes; without axes over the flattened tensor."""
    moves = shape_with_unknown("roll", (shifts,) if not isinstance(shifts, (tuple, list)) else shifts)
    node = node_of(input)
    if dims is None or dims == () or dims == []:
        if len(moves) != 1:
            raise RuntimeError(f"shifts and dimensions must align. shifts: {len(moves)}, dims:0")
        flat = view.reshape(node, (input.numel(),))
        return wrap(view.reshape(_rolled(flat, moves[0], 0), node.type.shape))
    if not input.ndim:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions — roll")
    axes = tuple(
        wrap_axis("roll", axis, input.ndim) for axis in ((dims,) if not isinstance(dims, (tuple, list)) else dims)
    )
    if len(axes) != len(moves):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(moves)}, dims:{len(axes)}")
    for move, axis in zip(moves, axes, strict=True):
        node = _rolled(node, move, axis)
    return wrap(node)


def _rolled(node: Node, move: int, axis: int) -> Node:
    shape = node.type.shape
    if not shape or not shape[axis] or move % shape[axis] == 0:
        return node
    cut = shape[axis] - move % shape[axis]
    low, high = [0] * len(shape), list(shape)
    low[axis] = high[axis] = cut
    head = view.slice_(node, (0,) * len(shape), tuple(high))
    tail = view.slice_(node, tuple(low), shape)
    return view.concatenate((tail, head), axis)


@public("Rot90", out=False)
def rot90(input: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """Turned by 90 degrees k times in the plane of two axes."""
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if input.ndim < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {input.ndim} — rot90")
    a, b = (wrap_axis("rot90", axis, input.ndim) for axis in dims)
    if a == b:
        raise RuntimeError(f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}")
    turns = k % 4
    if turns == 0:
        return input.clone()  # type: ignore[no-any-return]
    if turns == 2:
        return flip(input, a, b)
    return flip(_swapped(input, a, b, "rot90", "Transpose"), a if turns == 1 else b)
