"""Sums, norms and softmax of sparse tensors: what is not set counts as zero in a sum, and not at all in a softmax."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtype import BOOL, FLOATING, INTEGER, dtype, int64
from ..ir import index, scalar, view
from ..ir.graph import Node
from ..ir.type import Type
from ..tensor import Tensor
from ..tensor.geometry import sparse_coo
from ..tensor.public import functions
from ..tensor.tensor import node_of, wrap, wrap_axes, wrap_axis
from . import structure
from .conversion import added_up, coalesced
from .operations import operation
from .tensor import SparseTensor, coo, index_node

# ---- sums ----


def _sum_dtype(kind: dtype, wanted: dtype | None) -> dtype:
    return wanted or (int64 if kind.category in (BOOL, INTEGER) else kind)


def _summed(input: SparseTensor, axes: tuple[int, ...], kind: dtype | None) -> Tensor:
    """The sum over axes: dense where all sparse ones are among them, else sparse."""
    sparse = input.sparse_dim()
    elements = input._elements
    dense = [axis - sparse + 1 for axis in axes if axis >= sparse]
    if dense or kind is not None:
        elements = functions["sum"](elements, dense, dtype=kind) if dense else elements.to(kind)  # type: ignore[attr-defined]
    gone = [axis for axis in axes if axis < sparse]
    if len(gone) == sparse:
        return elements.sum(0)  # type: ignore[attr-defined,no-any-return]
    if not gone:
        return input.with_elements(elements)
    kept = [axis for axis in range(sparse) if axis not in gone]
    extents = tuple(input.shape[axis] for axis in kept)
    distinct, places = structure.gathered(structure.keys_of(input.places()[kept], extents))
    sums = added_up(elements, places, distinct.size)
    return coo(structure.indices_of(distinct, extents), sums, (*extents, *sums.shape[1:]), coalesced=True)


def sparse_sum(input: Tensor, dim: Any = None, dtype: dtype | None = None) -> Tensor:
    """The sum of a sparse tensor, of all or along axes, as `torch.sparse.sum`: sparse, or dense where no sparse axis is left.

    >>> import rushlight as torch
    >>> torch.sparse.sum(torch.sparse_coo_tensor([[0, 1], [2, 0]], [3.0, 4.0], (2, 3)))
    tensor(7.)
    """
    if not isinstance(input, SparseTensor):
        raise NotImplementedError(f"sparse.sum: a sparse tensor is needed, got layout {input.layout}; use torch.sum")
    if dim is None:
        total = input._elements.sum(dtype=dtype)  # type: ignore[attr-defined]
        return total  # type: ignore[no-any-return]
    axes = wrap_axes("sparse.sum", dim, input.ndim)
    result = _summed(_relaid(input), axes, dtype)
    if isinstance(result, SparseTensor):
        result.set_label("SparseSum")
    else:
        node = node_of(result)
        node.label = node.label or "SparseSum"
    return result


def _relaid(input: SparseTensor) -> SparseTensor:
    return input if input.layout is sparse_coo else input.to_sparse_coo()  # type: ignore[attr-defined,no-any-return]


@operation("sum")
def sum_(input: SparseTensor, dim: Any = None, keepdim: bool = False, *, dtype: dtype | None = None) -> Tensor:
    kind = _sum_dtype(input.dtype, dtype)
    if dim is None:
        return input._elements.sum(dtype=dtype)  # type: ignore[attr-defined,no-any-return]
    axes = wrap_axes("sum", dim, input.ndim)
    compressed = input.layout is not sparse_coo
    if compressed and not keepdim:
        raise RuntimeError("reduction operations on CSR tensors with keepdim=False is unsupported")
    result = _summed(_relaid(input), axes, None if kind is input.dtype else kind)
    kept = tuple(1 if axis in axes else extent for axis, extent in enumerate(input.shape))
    if isinstance(result, SparseTensor):
        return _as_layout(_with_axes(result, axes, input), input) if keepdim else result
    if not compressed:
        return result.reshape(kept) if keepdim else result  # type: ignore[attr-defined,no-any-return]
    places = np.zeros((2, 1), np.int64)
    one = result.reshape(1, *kept[2:])  # type: ignore[attr-defined]
    return _as_layout(coo(places, one, kept, coalesced=True), input)


def _as_layout(result: SparseTensor, like: SparseTensor) -> Tensor:
    return result if like.layout is sparse_coo else result.to_sparse(layout=like.layout)  # type: ignore[attr-defined,no-any-return]


def _with_axes(result: SparseTensor, axes: tuple[int, ...], input: SparseTensor) -> SparseTensor:
    """The summed axes again, with extent 1."""
    sparse = input.sparse_dim()
    kept = tuple(1 if axis in axes else extent for axis, extent in enumerate(input.shape))
    rows = iter(result.places())
    count = result._nnz()
    places = np.stack([np.zeros(count, np.int64) if axis in axes else next(rows) for axis in range(sparse)])
    elements = result._elements.reshape(count, *kept[sparse:])  # type: ignore[attr-defined]
    return coo(places, elements, kept, coalesced=result._coalesced)


@operation("norm", "frobenius_norm")
def norm(
    input: SparseTensor, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: dtype | None = None
) -> Tensor:
    if dim is not None and len(wrap_axes("norm", dim, input.ndim)) not in (0, input.ndim):
        raise RuntimeError(
            "norm_sparse currently only supports full reductions, so 'dim' must either be empty or contain all dimensions of the input"
        )
    if keepdim:
        raise RuntimeError("norm_sparse currently does not support keepdim=True")
    return functions["norm"](coalesced(input)._elements, 2 if p in ("fro", None) else p, dtype=dtype)  # type: ignore[no-any-return]


@operation("any")
def any_(input: SparseTensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    if dim is not None:
        raise NotImplementedError("any(dim=) is not defined for sparse tensors; call .to_dense() first")
    return coalesced(input)._elements.any()  # type: ignore[attr-defined,no-any-return]


# ---- rows of contributions brought together ----


def combined(each: Node, rows: np.ndarray, count: int, how: str) -> Node:
    """For each of `count` rows the mean or the extreme of the contributions (n, d) that go to it; 0 where there are none."""
    kind = each.type.dtype
    base = scalar.full(0, Type.of((count, *each.type.shape[1:]), kind))
    filled = np.bincount(rows, minlength=count)
    if how == "mean":
        sizes = scalar.cast(index_node(np.maximum(filled, 1).reshape(-1, 1)), dtype=kind)
        return scalar.div(index.put(base, each, index_node(rows), accumulate=True), sizes)
    return extreme(each, rows, count, how)


def extreme(each: Node, rows: np.ndarray, count: int, how: str) -> Node:
    """For each row the greatest or least contribution, column by column; 0 for a row without any."""
    low = float("-inf") if how == "amax" else float("inf")
    start = scalar.full(low, Type.of((count, *each.type.shape[1:]), each.type.dtype))
    wide = np.broadcast_to(rows.reshape(-1, *[1] * (each.type.ndim - 1)), each.type.shape)
    found = index.scatter(start, each, index_node(wide), axis=0, reduce="max" if how == "amax" else "min")
    empty = np.bincount(rows, minlength=count) == 0
    if not empty.any():
        return found
    kept = index_node(empty.reshape(-1, *[1] * (each.type.ndim - 1)))
    return scalar.select(scalar.ne(kept, scalar.number(0, int64)), scalar.number(0, each.type.dtype), found)


# ---- softmax ----


def _softmax(op: str, input: Tensor, dim: int, kind: dtype | None, logarithm: bool) -> SparseTensor:
    if not isinstance(input, SparseTensor):
        raise NotImplementedError(
            f"{op}: a sparse tensor is needed, got layout {input.layout}; use torch.{op.partition('.')[2]}"
        )
    axis = wrap_axis(op, dim, input.ndim)
    input = coalesced(_relaid(input))
    if kind is not None:
        input = input.to(kind)  # type: ignore[attr-defined]
    if input.dtype.category < FLOATING:
        raise NotImplementedError(f"\"softmax\" not implemented for '{input.dtype}' — {op}: convert it with .float()")
    sparse = input.sparse_dim()
    if axis >= sparse:
        name = "log_softmax" if logarithm else "softmax"
        return input.with_elements(functions[name](input._elements, axis - sparse + 1))
    others = [each for each in range(sparse) if each != axis]
    keys = structure.keys_of(input.places()[others], tuple(input.shape[each] for each in others))
    distinct, groups = structure.gathered(keys)
    return input.with_elements(wrap(_within(node_of(input._elements), groups, distinct.size, logarithm)))


def _within(x: Node, groups: np.ndarray, count: int, logarithm: bool) -> Node:
    """The softmax of the elements of each group: of exp(x - the greatest), so that nothing overflows."""
    places = index_node(groups)
    top = view.stop(extreme(x, groups, count, "amax"))
    shifted = scalar.sub(x, index.take(top, places))
    weights = scalar.exp(shifted)
    base = scalar.full(0, Type.of((count, *x.type.shape[1:]), x.type.dtype))
    totals = index.take(index.put(base, weights, places, accumulate=True), places)
    return scalar.sub(shifted, scalar.log(totals)) if logarithm else scalar.div(weights, totals)


def sparse_softmax(input: Tensor, dim: int, *, dtype: dtype | None = None) -> Tensor:
    """The softmax along an axis of the elements that are set; the others count as minus infinity. As `torch.sparse.softmax`."""
    result = _softmax("sparse.softmax", input, dim, dtype, False)
    result.set_label("SparseSoftmax")
    return result


def sparse_log_softmax(input: Tensor, dim: int, *, dtype: dtype | None = None) -> Tensor:
    """The logarithm of `softmax`, computed without it. As `torch.sparse.log_softmax`."""
    result = _softmax("sparse.log_softmax", input, dim, dtype, True)
    result.set_label("SparseLogSoftmax")
    return result
