"""Distances and similarities of vectors: cosine, p-norm, all pairs."""

from __future__ import annotations

import numpy as np

from ...dtype import int64
from ...ir import index, reduce, scalar, view
from ...ir.graph import Node, input_node
from ...ir.type import Type
from ...tensor.promotion import floating
from ...tensor.public import public
from ...tensor.reductions import norm_node
from ...tensor.tensor import Tensor, node_of, wrap, wrap_axis

__all__ = ["cosine_similarity", "normalize", "pairwise_distance", "pdist"]


@public("Div", method=False, out=False)
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between vectors along an axis; norms below `eps` count as `eps`."""
    a, b = floating(x1, x2, op="cosine_similarity")
    shape = np.broadcast_shapes(a.type.shape, b.type.shape)
    a, b = view.expand(a, shape), view.expand(b, shape)
    axis = wrap_axis("cosine_similarity", dim, len(shape))
    least = scalar.number(eps, a.type.dtype)
    norms = [scalar.maximum(_norm(x, axis), least) for x in (a, b)]
    return wrap(scalar.div(reduce.sum_(scalar.mul(a, b), (axis,)), scalar.mul(*norms)))


def _norm(node: Node, axis: int) -> Node:
    return norm_node(node, 2.0, (axis,), False)


@public("LinalgVectorNorm", method=False, out=False)
def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """The p-norm of x1 - x2 + eps over the last axis."""
    a, b = floating(x1, x2, op="pairwise_distance")
    gap = scalar.add(scalar.sub(a, b), scalar.number(eps, a.type.dtype))
    return wrap(norm_node(gap, float(p), (gap.type.ndim - 1,), keepdim))


@public("PdistBackward", method=False, out=False)
def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """The p-norm distance of every pair of rows of a matrix, first row first."""
    if input.ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input.ndim}D")
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    first, second = (np.asarray(part) for part in np.triu_indices(input.shape[0], 1))
    node = node_of(input)
    kind = Type.of(first.shape, int64)
    gap = scalar.sub(index.take(node, input_node(first, kind)), index.take(node, input_node(second, kind)))
    return wrap(norm_node(gap, float(p), (1,), False))


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: Tensor | None = None) -> Tensor:
    """The input divided by its p-norm along an axis, norms below `eps` taken as `eps`."""
    size = input.norm(p, dim, keepdim=True).clamp_min(eps).expand_as(input)  # type: ignore[attr-defined]
    return input.div(size) if out is None else input.div(size, out=out)  # type: ignore[attr-defined,no-any-return]
