"""Sparse tensors from indices and values: `sparse_coo_tensor`, `sparse_csr_tensor` and their kind, and empty ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtype import dtype, int32, int64
from ..ir import view
from ..tensor import Tensor, get_default_dtype, tensor
from ..tensor.creation import shape_of
from ..tensor.geometry import layout as layouts
from ..tensor.geometry import require_cpu, sparse_coo, sparse_csc, sparse_csr, strided
from ..tensor.public import functions
from ..tensor.tensor import alias, from_array, node_of
from . import invariants, structure
from .tensor import SparseTensor, coo, labelled, made

_PARTS = {sparse_csr: ("crow_indices", "col_indices"), sparse_csc: ("ccol_indices", "row_indices")}


def _as_tensor(data: Any, kind: dtype | None = None) -> Tensor:
    if not isinstance(data, Tensor):
        return tensor(data, dtype=kind)  # type: ignore[no-any-return]
    return data if kind is None else data.to(kind)  # type: ignore[attr-defined,no-any-return]


def _shared(values: Tensor, label: str) -> Tensor:
    """The elements of a new tensor: the values' memory, with their history."""
    if not values.requires_grad:
        return alias(values, Tensor)  # type: ignore[no-any-return]
    return labelled(view.identity(node_of(values)), label)


def _finished(result: SparseTensor, requires_grad: bool) -> SparseTensor:
    if requires_grad:
        if not result.is_leaf or result.requires_grad:
            result = result.detach()
        result.requires_grad = True
    return result


# ---- COO ----


def sparse_coo_tensor(
    *args: Any,
    indices: Any = None,
    values: Any = None,
    size: Any = None,
    dtype: dtype | None = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    check_invariants: bool | None = None,
    is_coalesced: bool | None = None,
) -> SparseTensor:
    """A tensor of layout `torch.sparse_coo`: `values` (n, *dense) at `indices` (axes, n), zero elsewhere, as `torch.sparse_coo_tensor`.

    size: the shape; left out, the least that holds the indices. With a size alone there are no elements. Places may stand twice: their
    values are added. Values that require grad are differentiated through; with `requires_grad` the tensor is a new leaf.
    check_invariants: look at each index; RuntimeError for one out of range. is_coalesced: says that places are sorted and distinct.

    >>> import rushlight as torch
    >>> torch.sparse_coo_tensor([[0, 1], [2, 0]], [3.0, 4.0], (2, 3)).to_dense()
    tensor([[0., 0., 3.],
            [4., 0., 0.]])
    """
    require_cpu(device, "sparse_coo_tensor")
    given = list(args)
    if len(given) == 1 and indices is None and values is None or not given and indices is None and size is not None:
        return _finished(empty(size if not given else given[0], dtype), requires_grad)
    for name, value in (("indices", indices), ("values", values), ("size", size)):
        if value is not None:
            given.insert(("indices", "values", "size").index(name), value)
    if not 2 <= len(given) <= 3:
        raise TypeError("sparse_coo_tensor() takes indices and values, with a size or without, or a size alone")
    places, elements = _as_tensor(given[0]).detach().to(int64), _as_tensor(given[1], dtype)  # type: ignore[attr-defined]
    shape = None if len(given) < 3 or given[2] is None else shape_of((given[2],), "sparse_coo_tensor")
    result = coo_of(places, elements, shape, invariants.wanted(check_invariants), is_coalesced)
    return _finished(result, requires_grad)


def coo_of(
    places: Tensor, elements: Tensor, shape: tuple[int, ...] | None, check: bool, is_coalesced: bool | None
) -> SparseTensor:
    """The COO tensor of indices and values as users give them."""
    if not elements.ndim:
        elements = elements.reshape(1)  # type: ignore[attr-defined]
    if places.ndim == 1:  # one element's place
        places = places.reshape(-1, 1)  # type: ignore[attr-defined]
    if places.ndim != 2:
        raise RuntimeError(f"indices must be sparse_dim x nnz, but got: {list(places.shape)}")
    label = "SparseCooTensorWithDimsAndTensors"
    if shape is None:
        found = places._array()
        if found.size and found.min() < 0:
            invariants.check_places(found, (2**62,) * found.shape[0])
        shape = (*[int(row.max()) + 1 if row.size else 0 for row in found], *elements.shape[1:])
    invariants.check_coo_shape(places, elements, shape)
    if check or is_coalesced:
        sparse = shape[: places.shape[0]]
        if check:
            invariants.check_places(places._array(), sparse)
        if is_coalesced and check:
            invariants.check_is_coalesced(places._array(), sparse)
    sorted_ = bool(is_coalesced) or (is_coalesced is None and places.shape[1] < 2)
    return made(sparse_coo, (alias(places, Tensor),), _shared(elements, label), shape, sorted_)


def _sparse_coo_tensor_unsafe(
    indices: Any, values: Any, size: Any = None, check_invariants: Any = None, is_coalesced: Any = None, **options: Any
) -> SparseTensor:
    """`sparse_coo_tensor` under the name that files and older programs know."""
    return sparse_coo_tensor(
        indices, values, size, check_invariants=check_invariants, is_coalesced=is_coalesced, **options
    )


# ---- compressed rows and columns ----


def sparse_compressed_tensor(
    compressed_indices: Any,
    plain_indices: Any,
    values: Any,
    size: Any = None,
    *,
    dtype: dtype | None = None,
    layout: layouts | None = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    check_invariants: bool | None = None,
) -> SparseTensor:
    """A matrix of layout `torch.sparse_csr` or `torch.sparse_csc`, as `torch.sparse_compressed_tensor`.

    compressed_indices (rows + 1): where each row (column) starts. plain_indices (n): each element's column (row). values (n).
    size: the shape; left out, the least that holds the indices. Blocks (BSR, BSC) and batches raise NotImplementedError.
    """
    require_cpu(device, "sparse_compressed_tensor")
    if layout not in _PARTS:
        if layout is None:
            raise RuntimeError("sparse_compressed_tensor expected sparse compressed tensor layout but got none")
        raise NotImplementedError(
            f"sparse_compressed_tensor: layout {layout} is not in Rushlight yet; use torch.sparse_csr or torch.sparse_csc"
        )
    pointers, inner = _as_tensor(compressed_indices).detach(), _as_tensor(plain_indices).detach()
    elements = _as_tensor(values, dtype)
    for name, part in zip(_PARTS[layout], (pointers, inner), strict=True):
        if part.dtype not in (int32, int64):
            raise RuntimeError(
                f"{' and '.join(_PARTS[layout])} must be an int32 or int64 type, but got: {part.dtype} — {name}"
            )
        if part.ndim != 1:
            raise NotImplementedError(
                f"batches of compressed matrices are not in Rushlight yet: {name} has shape {tuple(part.shape)}"
            )
    if pointers.dtype is not inner.dtype:
        raise RuntimeError(
            f"{' and '.join(_PARTS[layout])} dtype must match, but got {pointers.dtype} and {inner.dtype}"
        )
    if size is None:
        found = inner._array()
        extents = (pointers.shape[0] - 1, int(found.max()) + 1 if found.size else 0)
        shape = (*(extents if layout is sparse_csr else extents[::-1]), *elements.shape[1:])
    else:
        shape = shape_of((size,), "sparse_compressed_tensor")
    if len(shape) != 2 + elements.ndim - 1:
        raise RuntimeError(
            f"tensor dimensionality must be sum of batch, base, and dense dimensionalities, but got size {list(shape)}"
        )
    if invariants.wanted(check_invariants):
        outer = (shape[0], shape[1]) if layout is sparse_csr else (shape[1], shape[0])
        pair = structure.as_indices(pointers._array()), structure.as_indices(inner._array())
        invariants.check_compressed(*pair, elements.shape[0], outer, _PARTS[layout])
    parts = alias(pointers, Tensor), alias(inner, Tensor)
    return _finished(made(layout, parts, _shared(elements, "SparseCompressedTensor"), shape, True), requires_grad)


def sparse_csr_tensor(
    crow_indices: Any, col_indices: Any, values: Any, size: Any = None, **options: Any
) -> SparseTensor:
    """A matrix by rows: row i has `values[k]` in columns `col_indices[k]` for k from `crow_indices[i]` to `crow_indices[i + 1]`.

    As `torch.sparse_csr_tensor`; options as in `sparse_compressed_tensor`.

    >>> import rushlight as torch
    >>> torch.sparse_csr_tensor([0, 1, 2], [1, 0], [3.0, 4.0]).to_dense()
    tensor([[0., 3.],
            [4., 0.]])
    """
    return sparse_compressed_tensor(crow_indices, col_indices, values, size, **{**options, "layout": sparse_csr})


def sparse_csc_tensor(
    ccol_indices: Any, row_indices: Any, values: Any, size: Any = None, **options: Any
) -> SparseTensor:
    """A matrix by columns, as `torch.sparse_csc_tensor`; the mirror of `sparse_csr_tensor`."""
    return sparse_compressed_tensor(ccol_indices, row_indices, values, size, **{**options, "layout": sparse_csc})


# ---- without elements ----


def empty(
    size: Any, kind: dtype | None = None, layout: Any = sparse_coo, sparse_axes: int | None = None
) -> SparseTensor:
    """A sparse tensor in which nothing is set."""
    extents = shape_of((size,), "empty")
    axes = len(extents) if sparse_axes is None else sparse_axes
    elements = functions["zeros"]((0, *extents[axes:]), dtype=kind or get_default_dtype())
    if layout is sparse_coo:
        return coo(np.zeros((axes, 0), np.int64), elements, extents, coalesced=True)
    if layout not in _PARTS:
        raise NotImplementedError(f"layout {layout} is not in Rushlight yet; use torch.sparse_coo or torch.sparse_csr")
    if len(extents) != 2:
        raise RuntimeError(
            f"torch.empty: Only batched sparse compressed (non-block) tensors are supported, but got size {list(extents)}"
        )
    rows = extents[0] if layout is sparse_csr else extents[1]
    parts = (from_array(np.zeros(rows + 1, np.int64), int64), from_array(np.zeros(0, np.int64), int64))
    return made(layout, parts, elements, extents, True)


def filled(name: str, size: Any, kind: dtype | None, layout: Any, requires_grad: bool) -> Tensor:
    """What a factory function gives for a layout that is not strided: `zeros` and `empty` have no elements, others do not exist."""
    if name not in ("zeros", "empty", "zeros_like", "empty_like"):
        raise RuntimeError(f"{'full' if name == 'ones' else name}(...) is not implemented for sparse layout")
    return _finished(empty(size, kind, layout), requires_grad)


def filled_like(name: str, input: Tensor, kind: dtype, layout: Any, requires_grad: bool) -> Tensor:
    """`filled` in the shape of another tensor, which may be hybrid."""
    if name not in ("zeros_like", "empty_like"):
        filled(name, (), kind, layout, False)
    axes = input.sparse_dim() if isinstance(input, SparseTensor) and layout is sparse_coo else None
    return _finished(empty(tuple(input.shape), kind, layout, axes), requires_grad)


# ---- diagonals ----


def spdiags(diagonals: Tensor, offsets: Tensor, shape: Any, layout: Any = None) -> SparseTensor:
    """A sparse matrix with the rows of `diagonals` along its diagonals, as `torch.sparse.spdiags`.

    offsets: of each row's diagonal, 0 the main one, below it negative; element j of a row stands in column j.
    """
    rows = diagonals.reshape(1, -1) if diagonals.ndim == 1 else diagonals  # type: ignore[attr-defined]
    found = np.atleast_1d(offsets._array())
    if rows.shape[0] != found.size:
        raise RuntimeError(f"Number of diagonals ({rows.shape[0]}) does not match the number of offsets ({found.size})")
    if np.unique(found).size != found.size:
        raise RuntimeError("Offset tensor contains duplicate values")
    if len(shape) != 2:
        raise RuntimeError(f"Output shape must be 2d — spdiags: got {tuple(shape)}")
    height, width = shape
    column = np.arange(min(rows.shape[1], width))
    pairs = [(k, offset) for k, offset in enumerate(found.tolist())]
    inside = [column[(column - offset >= 0) & (column - offset < height)] for _, offset in pairs]
    indices = np.concatenate([np.stack([c - offset, c]) for (_, offset), c in zip(pairs, inside, strict=True)], 1)
    source = [
        np.concatenate([np.full(c.size, k) for (k, _), c in zip(pairs, inside, strict=True)]),
        np.concatenate(inside),
    ]
    elements = rows[tuple(from_array(part.astype(np.int64), int64) for part in source)]  # type: ignore[index]
    result = coo(indices.astype(np.int64), elements, (height, width), coalesced=False)
    if layout in (None, sparse_coo, strided):
        return result
    return result.to_sparse(layout=layout)  # type: ignore[attr-defined,no-any-return]
