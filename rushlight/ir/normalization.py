"""Standardisation: (x - mean) / sqrt(variance + eps) over axes, as one node forward and one backward.

Batch, layer, group and instance norm are this with other axes; scale and shift are ordinary maps.
"""

from __future__ import annotations

from math import prod

import numpy as np


from .graph import Node, mode
from .op import NONDIFFERENTIABLE, Cotangents, Op
from .reduce import _dropped, spread, sum_
from .scalar import add, div, mul, number, rsqrt, square, sub
from .type import Shape, TupleType, Type


def _moments(x: np.ndarray, axes: Shape) -> tuple[np.ndarray, np.ndarray]:
    """Mean and (biased) variance with the axes kept, in two passes."""
    mean = np.mean(x, axis=axes, keepdims=True, dtype=x.dtype)
    away = x - mean
    return mean, np.mean(away * away, axis=axes, keepdims=True, dtype=x.dtype)


def _standardize_eval(type: Type, x: np.ndarray, eps: np.ndarray, *, axes: Shape) -> np.ndarray:
    with np.errstate(all="ignore"):
        mean, variance = _moments(x, axes)
        return (x - mean) / np.sqrt(variance + eps)


def _mean(x: Node, axes: Shape) -> Node:
    count = prod(x.type.shape[axis] for axis in axes)
    return spread(div(sum_(x, axes), number(float(count), x.type.dtype)), x.type.shape, axes)


def _by_parts(x: Node, eps: Node, axes: Shape) -> Node:
    """1 / sqrt(variance + eps) along x, of ops that can be differentiated again."""
    return rsqrt(add(_mean(square(sub(x, _mean(x, axes))), axes), eps))


def _standardize_vjp(node: Node, g: Node) -> Cotangents:
    x, eps = node.operands
    axes = node.attributes["axes"]
    if not mode.tracking:
        return standardize_back(g, node, x, eps, axes=axes), None
    inner = sub(sub(g, _mean(g, axes)), mul(node, _mean(mul(g, node), axes)))
    return mul(inner, _by_parts(x, eps, axes)), None


standardize = Op(
    "standardize",
    infer=lambda x, eps, *, axes: x,
    eval=_standardize_eval,
    vjp=_standardize_vjp,
    anchor="reduce",
)


def _standardize_back_eval(
    type: Type, g: np.ndarray, y: np.ndarray, x: np.ndarray, eps: np.ndarray, *, axes: Shape
) -> np.ndarray:
    with np.errstate(all="ignore"):
        _, variance = _moments(x, axes)
        inner = g - np.mean(g, axis=axes, keepdims=True, dtype=g.dtype)
        inner -= y * np.mean(g * y, axis=axes, keepdims=True, dtype=g.dtype)
        return inner / np.sqrt(variance + eps)


standardize_back = Op(
    "standardize_back",
    infer=lambda g, y, x, eps, *, axes: g,
    eval=_standardize_back_eval,
    vjp=NONDIFFERENTIABLE,  # where the gradient is to be differentiated, `standardize`'s rule builds it of other ops
    anchor="reduce",
)


def _moments_infer(x: Type, *, axes: Shape) -> TupleType:
    one = Type.of(_dropped(x.shape, axes), x.dtype)
    return TupleType.of(one, one)


def _moments_eval(type: TupleType, x: np.ndarray, *, axes: Shape) -> tuple[np.ndarray, ...]:
    with np.errstate(all="ignore"):
        return tuple(part.reshape(type.parts[0].shape) for part in _moments(x, axes))


moments = Op(
    "moments",
    infer=_moments_infer,
    eval=_moments_eval,
    vjp=NONDIFFERENTIABLE,  # for running statistics, which have no gradient
    anchor="reduce",
)

__all__ = ["moments", "standardize", "standardize_back"]
