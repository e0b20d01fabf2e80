"""Products in which a factor is sparse: each element reads a row of the other factor, and what it gives is added to a row of the result.

So a product is a gather, a multiplication and a scatter, and its gradients are the same again: with respect to the dense factor with
rows and columns exchanged, with respect to the elements a gather of both and a sum.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtype import cpp_name
from ..ir import index, reduce, scalar, view
from ..ir.graph import Node
from ..ir.type import Type
from ..tensor import Tensor
from ..tensor.casting import casting
from ..tensor.geometry import sparse_coo, sparse_csr, strided
from ..tensor.public import functions, method, scalar_name
from ..tensor.tensor import node_of, wrap
from . import structure
from .conversion import added_up, coalesced, to_sparse
from .operations import operation
from .reductions import combined
from .shape import transposed
from .tensor import SparseTensor, coo, index_node


def _rows_and_columns(matrix: SparseTensor) -> tuple[Node, Node]:
    """The row and the column of each element, as nodes."""
    if matrix.layout is sparse_coo:
        places = node_of(matrix._structure[0])
        count = places.type.shape[1]
        rows, columns = (view.reshape(view.slice_(places, (k, 0), (k + 1, count)), (count,)) for k in (0, 1))
        return rows, columns
    rows_, columns_ = matrix.places()
    return index_node(rows_), index_node(columns_)


def _times_dense(matrix: SparseTensor, dense: Node) -> Node:
    """(m, k) sparse times (k, n)."""
    rows, columns = _rows_and_columns(matrix)
    elements = node_of(matrix._elements)
    each = scalar.mul(view.reshape(elements, (elements.type.shape[0], 1)), index.take(dense, columns))
    base = scalar.full(0, Type.of((matrix.shape[0], dense.type.shape[1]), dense.type.dtype))
    return index.put(base, each, rows, accumulate=True)


def _check_matrix(op: str, matrix: Tensor) -> None:
    if matrix.ndim != 2 or (isinstance(matrix, SparseTensor) and matrix.sparse_dim() != 2):
        axes = matrix.sparse_dim() if isinstance(matrix, SparseTensor) else matrix.ndim
        raise RuntimeError(
            f"{op}: matrices expected, got {axes}D tensor — shape {tuple(matrix.shape)}, layout {matrix.layout}"
        )


def _check_factors(left: Tensor, right: Tensor) -> None:
    """RuntimeError where a sparse and another matrix do not fit."""
    if left.dtype is not right.dtype:
        raise RuntimeError(f"expected scalar type {scalar_name(left.dtype)} but found {scalar_name(right.dtype)}")
    _check_matrix("addmm", left)
    _check_matrix("addmm", right)
    if left.shape[1] != right.shape[0]:
        raise RuntimeError(
            f"addmm: Argument #3 (dense): Expected dim 0 size {left.shape[1]}, got {right.shape[0]} — product of shapes "
            f"{tuple(left.shape)} and {tuple(right.shape)}"
        )


def product(left: Tensor, right: Tensor) -> Tensor:
    """The product of two matrices of which one is sparse at least: dense, or sparse if both are."""
    _check_factors(left, right)
    if isinstance(left, SparseTensor) and isinstance(right, SparseTensor):
        return _times_sparse(left, right)
    if isinstance(left, SparseTensor):
        return wrap(_times_dense(left, node_of(right)))
    assert isinstance(right, SparseTensor)
    turned = _times_dense(transposed(right, 0, 1), view.permute(node_of(left), (1, 0)))
    return wrap(view.permute(turned, (1, 0)))


def _times_sparse(left: SparseTensor, right: SparseTensor) -> SparseTensor:
    """Both sparse: all pairs of elements with a common inner index, added up where they meet."""
    (rows, inner), (inner_right, columns) = left.places(), right.places()
    at_left, at_right = structure.matched(inner, inner_right, left.shape[1])
    keys = rows[at_left] * right.shape[1] + columns[at_right]
    distinct, places = structure.gathered(keys)
    a = index.take(node_of(left._elements), index_node(at_left))
    b = index.take(node_of(right._elements), index_node(at_right))
    elements = added_up(wrap(scalar.mul(a, b)), places, distinct.size)
    extents = (left.shape[0], right.shape[1])
    result = coo(structure.indices_of(distinct, extents), elements, extents, coalesced=True)
    both = left.layout is sparse_csr and right.layout is not sparse_coo
    return to_sparse(result, layout=sparse_csr) if both else result  # type: ignore[return-value]


# ---- torch.mm and its kind ----


@operation("mm", "spmm")
def mm(input: Tensor, mat2: Tensor) -> Tensor:
    return product(input, mat2)


@operation("mv")
def mv(input: Tensor, vec: Tensor) -> Tensor:
    if isinstance(vec, SparseTensor):
        raise RuntimeError("mv: a sparse vector is not supported; call .to_dense() on it")
    if vec.ndim != 1 or input.ndim != 2 or input.shape[1] != vec.shape[0]:
        raise RuntimeError(
            f"mv: a matrix and a vector that fit are needed: size mismatch, got {tuple(input.shape)} and {tuple(vec.shape)}"
        )
    return product(input, vec.unsqueeze(1)).squeeze(1)  # type: ignore[attr-defined,no-any-return]


@operation("matmul")
def matmul(input: Tensor, other: Tensor) -> Tensor:
    if input.ndim == 2 and other.ndim == 2:
        return product(input, other)
    if input.ndim == 2 and other.ndim == 1:
        return mv(input, other)
    if input.ndim == 1 and other.ndim == 2 and not isinstance(input, SparseTensor):
        return product(input.unsqueeze(0), other).squeeze(0)  # type: ignore[attr-defined,no-any-return]
    if input.ndim == 3 and other.ndim == 3:
        return bmm(input, other)
    raise RuntimeError(
        f"expand is unsupported for {_layout_name(input, other)} tensors — matmul of shapes {tuple(input.shape)} and "
        f"{tuple(other.shape)}: matrices, a matrix and a vector, or two batches of matrices are needed"
    )


def _layout_name(*tensors: Tensor) -> str:
    return "SparseCsr" if any(tensor.layout is sparse_csr for tensor in tensors) else "Sparse"


@operation("bmm")
def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """A batch of sparse matrices is one matrix of blocks on the diagonal."""
    if not isinstance(input, SparseTensor) or isinstance(mat2, SparseTensor):
        raise RuntimeError(
            "bmm: a sparse batch is supported as the first factor, with a dense second one; call .to_dense()"
        )
    if input.sparse_dim() != 3 or mat2.ndim != 3 or input.shape[0] != mat2.shape[0] or input.shape[2] != mat2.shape[1]:
        raise RuntimeError(
            f"bmm: batches of matrices that fit are needed, got {tuple(input.shape)} and {tuple(mat2.shape)}: size mismatch"
        )
    batch, height, width = input.shape
    which, rows, columns = input.places()
    blocks = np.stack([which * height + rows, which * width + columns])
    whole = coo(blocks, input._elements, (batch * height, batch * width), input._coalesced)
    flat = product(whole, mat2.reshape(batch * width, mat2.shape[2]))  # type: ignore[attr-defined]
    return flat.reshape(batch, height, mat2.shape[2])  # type: ignore[attr-defined,no-any-return]


@operation("addmm")
def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    result = product(mat1, mat2)
    if not isinstance(result, SparseTensor) and not isinstance(input, SparseTensor):
        if alpha != 1:
            result = result * alpha  # type: ignore[operator]
        return result if beta == 0 else result + (input if beta == 1 else input * beta)  # type: ignore[operator,no-any-return]
    if isinstance(result, SparseTensor) != isinstance(input, SparseTensor):
        raise RuntimeError(
            f"addmm: cannot add a product of layout {result.layout} to a tensor of layout {input.layout}"
        )
    return functions["add"](input * beta, result, alpha=alpha)  # type: ignore[operator,no-any-return]


@operation("linear")
def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    result = matmul(input, weight.t())  # type: ignore[attr-defined]
    return result if bias is None else result + bias  # type: ignore[operator,no-any-return]


def smm(input: Tensor, mat: Tensor) -> SparseTensor:
    """The product of a sparse and a dense matrix as a sparse one: the rows that have an element, whole."""
    if not isinstance(input, SparseTensor):
        raise NotImplementedError(f"smm: the first matrix has to be sparse, got layout {input.layout}")
    return sspaddmm(_nothing_like(input, mat), input, mat)


def _nothing_like(input: SparseTensor, mat: Tensor) -> SparseTensor:
    empty = np.zeros((2, 0), np.int64)
    return coo(empty, input._elements[:0], (input.shape[0], mat.shape[1]), coalesced=True)  # type: ignore[index]


def sspaddmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> SparseTensor:
    """beta * input + alpha * mat1 · mat2 with sparse `input` and `mat1`, sparse itself; places may stand twice."""
    if not isinstance(input, SparseTensor) or not isinstance(mat1, SparseTensor):
        raise NotImplementedError("sspaddmm: input and mat1 have to be sparse")
    dense = product(mat1, mat2)
    rows = np.unique(mat1.places()[0])
    columns = np.arange(dense.shape[1])
    places = np.stack([np.repeat(rows, columns.size), np.tile(columns, rows.size)])
    own = wrap(index.take(node_of(dense), index_node(places[0]), index_node(places[1])))
    elements = functions["cat"]([input._elements * beta, own * alpha])  # type: ignore[operator]
    return coo(np.concatenate([input.places(), places], 1), elements, dense.shape, coalesced=False)


method(smm)
method(sspaddmm)


# ---- torch.sparse ----

_product = casting("mm", product)


def sparse_mm(mat1: Tensor, mat2: Tensor, reduce: str | None = None) -> Tensor:
    """The product of a sparse and a dense matrix, dense; of two sparse ones, sparse. As `torch.sparse.mm`.

    reduce: "sum" as always, or "mean", "amax", "amin" of what the elements of a row give; for a sparse times a dense matrix.

    >>> import rushlight as torch
    >>> torch.sparse.mm(torch.sparse_coo_tensor([[0], [1]], [2.0], (2, 2)), torch.ones(2, 1))
    tensor([[2.],
            [0.]])
    """
    if not isinstance(mat1, SparseTensor) and not isinstance(mat2, SparseTensor):
        return functions["mm"](mat1, mat2)  # type: ignore[no-any-return]
    result = _product(mat1, mat2) if reduce in (None, "sum") else _reduced(mat1, mat2, str(reduce))
    return _named(result, "SparseMm" if isinstance(result, SparseTensor) else "SparseAddmm")


def _named(result: Tensor, label: str) -> Tensor:
    if isinstance(result, SparseTensor):
        result.set_label(label)
    else:
        node = node_of(result)
        if node.tracked and node.label is None:
            node.label = label
    return result


def _reduced(left: Tensor, right: Tensor, how: str) -> Tensor:
    """The product with another way than the sum to bring a row's contributions together."""
    if how not in ("mean", "amax", "amin"):
        raise RuntimeError(
            f"reduce argument must be either sum, prod, mean, amax or amin, got {how} — sparse.mm: prod is not in Rushlight"
        )
    if not isinstance(left, SparseTensor) or isinstance(right, SparseTensor):
        raise RuntimeError(f"sparse.mm(reduce={how!r}): a sparse and a dense matrix are needed")
    _check_factors(left, right)
    rows, columns = left.places()
    taken = index.take(node_of(right), index_node(columns))
    elements = node_of(left._elements)
    each = scalar.mul(view.reshape(elements, (elements.type.shape[0], 1)), taken)
    return wrap(combined(each, rows, left.shape[0], how))


def sparse_addmm(mat: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1.0, alpha: Any = 1.0) -> Tensor:
    """beta * mat + alpha * mat1 · mat2 with a sparse `mat1`, as `torch.sparse.addmm`."""
    return _named(addmm(mat, mat1, mat2, beta=beta, alpha=alpha), "SparseAddmm")


def sampled_addmm(
    input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1.0, alpha: Any = 1.0, out: Any = None
) -> Tensor:
    """beta * input + alpha * mat1 · mat2 at the places of a CSR matrix `input` alone, as `torch.sparse.sampled_addmm`.

    mat1 (m, k) and mat2 (k, n) are dense; an element costs k multiplications.
    """
    if not isinstance(input, SparseTensor) or input.layout is not sparse_csr:
        raise RuntimeError(f"Expected input to be a sparse CSR tensor, but got layout {input.layout} — sampled_addmm")
    if out is not None:
        raise NotImplementedError("sampled_addmm(out=) is not in Rushlight yet; use what it returns")
    for own, factor in (("mat1", mat1), ("mat2", mat2)):
        if factor.layout is not strided or factor.ndim != 2:
            raise RuntimeError(
                f"sampled_addmm: Expected {own} to be a dense matrix, got {tuple(factor.shape)}, {factor.layout}"
            )
    if mat1.shape[1] != mat2.shape[0] or (mat1.shape[0], mat2.shape[1]) != tuple(input.shape):
        raise RuntimeError(
            f"sampled_addmm: mat1 and mat2 shapes cannot be multiplied ({mat1.shape[0]}x{mat1.shape[1]} and "
            f"{mat2.shape[0]}x{mat2.shape[1]}) to the input's {tuple(input.shape)}"
        )
    if mat1.dtype is not input.dtype or mat2.dtype is not input.dtype:
        raise RuntimeError(
            f"sampled_addmm: Expected mat1 and mat2 to have the dtype {cpp_name(input.dtype)} of the input"
        )
    rows, columns = input.places()
    left = index.take(node_of(mat1), index_node(rows))
    right = index.take(view.permute(node_of(mat2), (1, 0)), index_node(columns))
    products = wrap(reduce.sum_(scalar.mul(left, right), (1,)))
    return _named(input.with_elements(input._elements * beta + products * alpha), "SparseSampledAddmm")  # type: ignore[operator]


def spmm(input: Tensor, mat2: Tensor) -> Tensor:
    """The product of a sparse and a dense matrix; the older name of `mm`."""
    return functions["mm"](input, mat2)  # type: ignore[no-any-return]


def hspmm(mat1: Tensor, mat2: Tensor) -> SparseTensor:
    """The product of a sparse and a dense matrix as a hybrid one: sparse rows, each dense."""
    if not isinstance(mat1, SparseTensor):
        raise NotImplementedError(f"hspmm: the first matrix has to be sparse, got layout {mat1.layout}")
    dense = product(mat1, mat2)
    rows = np.unique(coalesced(mat1).places()[0])
    return coo(rows[None], wrap(index.take(node_of(dense), index_node(rows))), dense.shape, coalesced=True)
