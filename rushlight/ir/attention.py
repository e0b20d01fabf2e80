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
from .reduce import spread, sum_
from .scalar import mul, sub
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


safe_softmax = Op(
    "safe_softmax", infer=lambda x, *, axis: x, eval=_safe_softmax_eval, vjp=_safe_softmax_vjp, anchor="reduce"
)


def _split_infer(x: Type, *, axis: int, sizes: Shape) -> TupleType:
    if sum(sizes) != x.shape[axis]:
        raise InternalError(f"split: {sizes} of {x!r} on axis {axis}")
    return TupleType.of(*[Type.of((*x.shape[:axis], size, *x.shape[axis + 1 :]), x.dtype) for size in sizes])


def _split_eval(type: TupleType, x: np.ndarray, *, axis: int, sizes: Shape) -> tuple[np.ndarray, ...]:
    return tuple(np.split(x, np.cumsum(sizes)[:-1], axis))


split = Op(
    "split",
    infer=_split_infer,
    eval=_split_eval,
    vjp=lambda node, g: (concatenate(components(g), node.attributes["axis"]),),
    anchor="component",
    moves=True,
)

__all__ = ["safe_softmax", "split"]
