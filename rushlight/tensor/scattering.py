"""Reductions by index: what falls on one place of the result is summed, multiplied, averaged, or its extreme taken."""

from __future__ import annotations

from typing import Any

from ..dtype import FLOATING, bool_, int32, int64, scalar_name
from ..ir import scalar
from ..ir.graph import Node
from ..ir.type import Type
from ..limits import iinfo
from .indexing import scatter_node
from .public import public
from .tensor import Tensor, node_of, wrap, wrap_axis

_HOW = {"sum": "add", "prod": "mul", "mean": "add", "amax": "max", "amin": "min"}


def _identity(reduce: str, input: Tensor) -> Any:
    """What changes nothing when it is reduced with others."""
    if reduce in ("sum", "mean"):
        return 0
    if reduce == "prod":
        return 1
    if input.dtype.category >= FLOATING:
        return float("-inf") if reduce == "amax" else float("inf")
    if input.dtype is bool_:
        return reduce == "amin"
    bounds = iinfo(input.dtype)
    return bounds.min if reduce == "amax" else bounds.max


def _counts(op: str, input: Tensor, axis: int, index: Tensor) -> Node:
    """How many elements fall on each place, in the input's dtype, or as int64 for truth values."""
    kind = int64 if input.dtype is bool_ else input.dtype
    zeros, ones = (
        wrap(scalar.full(value, Type.of(tuple(shape), kind))) for value, shape in ((0, input.shape), (1, index.shape))
    )
    return scatter_node(op, zeros, axis, index, ones, "add")


def _reduced(op: str, input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, include_self: bool) -> Tensor:
    axis = wrap_axis(op, dim, input.ndim)
    if reduce != "mean" and include_self:
        return wrap(scatter_node(op, input, axis, index, src, _HOW[reduce]))
    counts = _counts(op, input, axis, index)
    nothing, one = (scalar.number(value, counts.type.dtype) for value in (0, 1))
    base = input
    if not include_self:
        filler = scalar.number(_identity(reduce, input), input.dtype)
        base = wrap(scalar.select(scalar.ne(counts, nothing), filler, node_of(input)))
    result = scatter_node(op, base, axis, index, src, _HOW[reduce])
    if reduce != "mean":
        return wrap(result)
    total = scalar.add(counts, one) if include_self else scalar.select(scalar.eq(counts, nothing), one, counts)
    divide = scalar.div if input.dtype.category >= FLOATING else scalar.floor_divide
    return wrap(divide(result, total))


@public("ScatterReduce", inplace=True)
def scatter_reduce(
    input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """The input with elements of `src` reduced along an axis at the places of an index: "sum", "prod", "mean", "amax" or "amin".

    `index` has the rank of `input`, and extents no larger than `src`'s. Without `include_self` the input's own elements do not count
    where something falls on them.

    >>> import rushlight as torch
    >>> torch.zeros(3).scatter_reduce(0, torch.tensor([0, 2, 2]), torch.tensor([1.0, 2.0, 5.0]), reduce="amax")
    tensor([1., 0., 5.])
    """
    reduce = {"max": "amax", "min": "amin"}.get(reduce, reduce)  # PyTorch takes these too
    if reduce not in _HOW:
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}.")
    if not isinstance(src, Tensor):
        raise TypeError(f"scatter_reduce(): argument 'src' (position 3) must be Tensor, not {type(src).__name__}")
    if reduce == "mean" and input.dtype is bool_:
        raise NotImplementedError(
            "\"scatter_reduce\" of 'mean' not implemented for 'Bool' — give integers or floating numbers"
        )
    return _reduced("scatter_reduce", input, dim, index, src, reduce, include_self)


@public("IndexReduce", inplace=True)
def index_reduce(
    input: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """The input with the parts of `source` along an axis reduced at the places of a one-dimensional index.

    `reduce` is "prod", "mean", "amax" or "amin"; source has the input's shape but along the axis, where it is as long as the index. Without
    `include_self` the input's own elements do not count where something falls on them.

    >>> import rushlight as torch
    >>> torch.ones(2, 2).index_reduce(0, torch.tensor([1, 1]), torch.tensor([[2.0, 3.0], [4.0, 5.0]]), "prod")
    tensor([[ 1.,  1.],
            [ 8., 15.]])
    """
    if reduce not in _HOW or reduce == "sum":
        raise RuntimeError(f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}.")
    axis = wrap_axis("index_reduce", dim, input.ndim)
    if input.dtype is bool_:
        raise NotImplementedError("\"index_reduce\" not implemented for 'Bool' — give integers or floating numbers")
    if index.ndim > 1:
        raise IndexError(f"index_reduce_(): Index is supposed to be a vector, but got dim: {index.ndim}")
    if index.dtype not in (int32, int64):
        raise RuntimeError(f"index_reduce_(): Expected dtype int32/int64 for index but got: {scalar_name(index.dtype)}")
    extent = source.shape[axis] if source.ndim else 1
    if index.numel() != extent:
        raise RuntimeError(
            f"index_reduce_(): Number of indices ({index.numel()}) should be equal to source.size(dim): ({extent}), for dim: {axis}"
        )
    others = [tuple(e for a, e in enumerate(t.shape) if a != axis) for t in (input, source)]
    if others[0] != others[1]:
        raise RuntimeError(
            "source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = "
            f"{list(input.shape)} source.shape = {list(source.shape)}"
        )
    places: Any = index.reshape([-1 if a == axis else 1 for a in range(source.ndim)])  # type: ignore[attr-defined]
    return _reduced("index_reduce", input, axis, places.expand(source.shape).to(int64), source, reduce, include_self)
