"""Distances and similarities of vectors."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np

from ...dtype import FLOATING, int64
from ...ir import index, reduce, scalar, view
from ...ir.activation import fixed
from ...ir.graph import Node, input_node
from ...ir.lasting import lasting
from ...ir.type import Type
from ...tensor.promotion import get_default_dtype, promoted
from ...tensor.public import public, scalar_name
from ...tensor.reductions import norm_node
from ...tensor.tensor import Tensor, wrap, wrap_axis
from .operands import floating_node, refuse_bool, require_tensor

__all__ = ["cosine_similarity", "pairwise_distance", "pdist"]


@public("NormBackward1", method=False, out=False)
def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """The p-norms of x1 - x2 + eps along the last axis.

    >>> import rushlight as torch
    >>> torch.nn.functional.pairwise_distance(torch.tensor([[3.0, 4.0]]), torch.zeros(1, 2))
    tensor([5.0000])
    """
    require_tensor("pairwise_distance", x1, "x1")
    require_tensor("pairwise_distance", x2, "x2", 2)
    a, b = promoted(x1, x2, op="pairwise_distance")
    refuse_bool("pairwise_distance", a)
    gap = scalar.sub(a, b)
    if gap.type.dtype.category < FLOATING:
        gap = scalar.cast(gap, dtype=get_default_dtype())
    gap = scalar.add(gap, fixed(eps, gap.type.dtype))
    return wrap(norm_node(gap, float(p), (gap.type.ndim - 1,) if gap.type.ndim else (), keepdim))


def _unit(x: Node, axis: int, eps: float) -> Node:
    """x by its norm along an axis, which is at least eps; that bound passes the gradient on."""
    size = norm_node(x, 2.0, (axis,) if x.type.ndim else (), True)
    least = fixed(eps, size.type.dtype)
    floored = scalar.select(scalar.lt(size, least), least, size)
    if size.tracked:
        floored = view.graft(floored, size)
    return scalar.div(x, floored)


@public("SumBackward1", method=False, out=False)
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The products of unit vectors along `dim`; norms count as at least eps.

    >>> import rushlight as torch
    >>> torch.nn.functional.cosine_similarity(torch.tensor([3.0, 4.0]), torch.tensor([4.0, 3.0]), dim=0)
    tensor(0.9600)
    """
    require_tensor("cosine_similarity", x1, "x1")
    require_tensor("cosine_similarity", x2, "x2", 2)
    a, b = promoted(x1, x2, op="cosine_similarity")
    if a.type.dtype.category != FLOATING:
        raise RuntimeError(
            f"expected common dtype to be floating point, yet common dtype is {scalar_name(a.type.dtype)}"
        )
    ndim = max(a.type.ndim, b.type.ndim)
    axis = wrap_axis("cosine_similarity", dim, ndim)
    a, b = (view.reshape(x, (1,) * (ndim - x.type.ndim) + x.type.shape) for x in (a, b))
    shape = tuple([max(m, n) if 0 not in (m, n) else 0 for m, n in zip(a.type.shape, b.type.shape, strict=True)])
    for number, (m, n) in enumerate(zip(a.type.shape, b.type.shape, strict=True)):
        if m != n and 1 not in (m, n):
            raise RuntimeError(
                f"The size of tensor a ({m}) must match the size of tensor b ({n}) at non-singleton dimension {number} — "
                "cosine_similarity"
            )
    product = scalar.mul(*[_unit(view.expand(x, shape), axis, eps) for x in (a, b)])
    return wrap(reduce.sum_(product, (axis,) if ndim else ()))


@lasting(maxsize=64)
def _pairs(count: int) -> tuple[Node, Node]:
    first, second = np.triu_indices(count, 1)
    kind = Type.of(first.shape, int64)
    return input_node(np.ascontiguousarray(first), kind), input_node(np.ascontiguousarray(second), kind)


def _greatest(gap: Node) -> Node:
    """The greatest size along the last axis; every element that has it gets the whole gradient, as in PyTorch."""
    size = scalar.abs_(gap)
    top = reduce.max_(view.stop(size), axes=(1,))
    if not size.tracked:
        return top
    at_top = scalar.eq(view.stop(size), reduce.spread(top, size.type.shape, (1,)))
    zero = scalar.number(0, size.type.dtype)
    return view.graft(top, reduce.sum_(scalar.select(at_top, size, zero), (1,)))


@public("Pdist", method=False, out=False)
def pdist(input: Tensor, p: Any = 2) -> Tensor:
    """The p-norm distances between all pairs of rows, (n·(n - 1) / 2).

    >>> import rushlight as torch
    >>> torch.nn.functional.pdist(torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 4.0]]))
    tensor([5., 4., 3.])
    """
    require_tensor("pdist", input)
    if input.ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input.ndim}D")
    if input.dtype.category != FLOATING:
        raise RuntimeError(f"pdist only supports floating-point dtypes — got {input.dtype}; convert it with .float()")
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    x = floating_node("pdist", "pdist", input)
    first, second = _pairs(x.type.shape[0])
    gap = scalar.sub(index.take(x, first), index.take(x, second))
    return wrap(_greatest(gap) if p == inf else norm_node(gap, float(p), (1,), False))
