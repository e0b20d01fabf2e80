"""The softmax of attention: a row that may look at nothing has weights 0, where softmax itself has NaN."""

from __future__ import annotations

import numpy as np

from .graph import Node
from .op import Cotangents, Op
from .reduce import spread, sum_
from .scalar import mul, sub
from .type import Type


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

__all__ = ["safe_softmax"]
