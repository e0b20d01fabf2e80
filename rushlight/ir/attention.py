"""What attention needs beside contractions.

`safe_softmax` gives a row that may look at nothing weights 0, where softmax itself has NaN. `split` cuts packed projections
apart as one op, so that going back is one concatenation.
"""

from __future__ import annotations

import numpy as np

from ..errors import InternalError
from .component import components
from .graph import Node
from .op import Cotangents, Op
from .reduce import max_, spread, sum_, view_slice, weights_of
from .scalar import eq, mul, number, reciprocal, select, sub
from .type import Shape, TupleType, Type
from .view import concatenate


def _safe_softmax_eval(type: Type, x: np.ndarray, *, axis: int) -> np.ndarray:
    if not x.size:
        return x
    with np.errstate(all="ignore"):
        top = np.max(x, axis=axis, keepdims=True)
        top[np.isneginf(top)] = 0
        weights = np.exp(x - top)
        total = np.sum(weights, axis=axis, keepdims=True)
        total[total == 0] = 1
        weights /= total
    return weights


def _safe_softmax_vjp(node: Node, g: Node) -> Cotangents:
    axis = node.attributes["axis"]
    weighted = mul(g, node)
    return (sub(weighted, mul(node, spread(sum_(weighted, (axis,)), node.type.shape, (axis,)))),)


def _safe_softmax_primitives(x: Node, *, axis: int) -> Node:
    zero = number(0, x.type.dtype)
    top = max_(x, axes=(axis,))
    top = select(eq(top, number(float("-inf"), x.type.dtype)), zero, top)
    weights, total = weights_of(x, top, axis)
    total = select(eq(total, zero), number(1, x.type.dtype), total)
    return mul(weights, spread(reciprocal(total), x.type.shape, (axis,)))


safe_softmax = Op(
    "safe_softmax",
    infer=lambda x, *, axis: x,
    eval=_safe_softmax_eval,
    vjp=_safe_softmax_vjp,
    anchor="reduce",
    primitives=_safe_softmax_primitives,
)


def _split_infer(x: Type, *, axis: int, sizes: Shape) -> TupleType:
    if sum(sizes) != x.shape[axis]:
        raise InternalError(f"split: {sizes} of {x!r} on axis {axis}")
    return TupleType.of(*[Type.of((*x.shape[:axis], size, *x.shape[axis + 1 :]), x.dtype) for size in sizes])


def _split_eval(type: TupleType, x: np.ndarray, *, axis: int, sizes: Shape) -> tuple[np.ndarray, ...]:
    return tuple(np.split(x, np.cumsum(sizes)[:-1], axis))


def _split_primitives(x: Node, *, axis: int, sizes: Shape) -> tuple[Node, ...]:
    parts, start = [], 0
    for size in sizes:
        parts.append(view_slice(x, axis, start, start + size))
        start += size
    return tuple(parts)


split = Op(
    "split",
    infer=_split_infer,
    eval=_split_eval,
    vjp=lambda node, g: (concatenate(components(g), node.attributes["axis"]),),
    anchor="component",
    moves=True,
    primitives=_split_primitives,
)

__all__ = ["safe_softmax", "split"]
