"""Reductions by index: what falls on one place of the result is summed, multiplied, averaged, or its extreme taken."""

from __future__ import annotations

from typing import Any

from ..dtype import FLOATING, bool_
from ..ir import scalar
from ..ir.graph import Node
from ..ir.type import Type
from ..limits import iinfo
from .indexing import scatter_node
from .public import functions, public, register, with_out
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
    """How many elements fall on each place."""
    zeros, ones = (
        wrap(scalar.full(value, Type.of(tuple(shape), input.dtype)))
        for value, shape in ((0, input.shape), (1, index.shape))
    )
    return scatter_node(op, zeros, axis, index, ones, "add")


def _reduced(op: str, input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, include_self: bool) -> Tensor:
    axis = wrap_axis(op, dim, input.ndim)
    base = input
    counts = None
    if reduce == "mean" or not include_self:
        plain = input.detach() if input.dtype is not bool_ else input.detach().to(functions["tensor"](0).dtype)  # type: ignore[attr-defined]
        counts = _counts(op, plain, axis, index)
        nothing = scalar.number(0, counts.type.dtype)
        if not include_self:
            filler = scalar.number(_identity(reduce, input), input.dtype)
            base = wrap(scalar.select(scalar.ne(counts, nothing), filler, node_of(input)))
    result = scatter_node(op, base, axis, index, src, _HOW[reduce])
    if reduce != "mean":
        return wrap(result)
    assert counts is not None
    one = scalar.number(1, counts.type.dtype)
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
    if reduce not in _HOW:
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}.")
    return _reduced("scatter_reduce", input, dim, index, src, reduce, include_self)


@public("IndexReduce", inplace=True)
def index_reduce(
    input: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """The input with the parts of `source` along an axis reduced at the places of a one-dimensional index.

    `reduce` is "prod", "mean", "amax" or "amin".
    """
    if reduce not in _HOW or reduce == "sum":
        raise RuntimeError(f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}.")
    axis = wrap_axis("index_reduce", dim, input.ndim)
    if index.ndim > 1:
        raise IndexError("index_reduce_(): Index is supposed to be a vector")
    if index.numel() != (source.shape[axis] if source.ndim else 1):
        raise RuntimeError(
            f"index_reduce_(): Number of indices ({index.numel()}) should be equal to source.size(dim): "
            f"({source.shape[axis] if source.ndim else 1}), for dim: {axis}"
        )
    whole: Any = index.to(functions["tensor"](0).dtype)  # type: ignore[attr-defined]
    if source.ndim:
        whole = whole.reshape([-1 if a == axis else 1 for a in range(source.ndim)]).expand(source.shape)
    else:
        whole = whole.reshape(())
    return _reduced("index_reduce", input, axis, whole, source, reduce, include_self)


register("put", with_out(Tensor.put, False), function=True, method=False)  # type: ignore[attr-defined]
