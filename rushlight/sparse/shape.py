"""Axes of sparse tensors: exchanged, added, chosen from, joined. Elements stay as they are; their indices change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..tensor import Tensor
from ..tensor.geometry import sparse_coo, sparse_csc, sparse_csr
from ..tensor.layouts import OtherLayout
from ..tensor.public import functions
from ..tensor.tensor import wrap_axis
from . import structure
from .conversion import picked
from .operations import operation
from .tensor import SparseTensor, coo, made

_TURNED = {sparse_csr: sparse_csc, sparse_csc: sparse_csr}


def _coordinates(input: SparseTensor) -> SparseTensor:
    return input if input.layout is sparse_coo else input.to_sparse_coo()  # type: ignore[attr-defined,no-any-return]


# ---- axes exchanged ----


def transposed(input: SparseTensor, first: int, second: int) -> SparseTensor:
    """Two sparse, or two dense axes exchanged. Rows become columns by name alone in a compressed matrix."""
    extents = list(input.shape)
    extents[first], extents[second] = extents[second], extents[first]
    if first == second:
        return input.detach() if not input.requires_grad else input.with_elements(input.values())
    if input.layout in _TURNED:
        return made(_TURNED[input.layout], input._structure, input._elements, tuple(extents), True)
    sparse = input.sparse_dim()
    if (first < sparse) != (second < sparse):
        raise RuntimeError(
            f"sparse transpose: transposed dimensions must be sparse Got sparse_dim: {sparse}, d0: {first}, d1: {second}"
        )
    if first >= sparse:
        elements = input._elements.transpose(first - sparse + 1, second - sparse + 1)  # type: ignore[attr-defined]
        return made(sparse_coo, input._structure, elements, tuple(extents), input._coalesced)
    order = list(range(sparse))
    order[first], order[second] = second, first
    return coo(input.places()[order], input._elements, extents, coalesced=False)


@operation("transpose")
def transpose(input: SparseTensor, dim0: int, dim1: int) -> SparseTensor:
    return transposed(input, wrap_axis("transpose", dim0, input.ndim), wrap_axis("transpose", dim1, input.ndim))


@operation("t")
def t(input: SparseTensor) -> SparseTensor:
    if input.sparse_dim() > 2 or input.dense_dim():
        raise RuntimeError(
            f"t() expects a tensor with <= 2 sparse and 0 dense dimensions, but got {input.sparse_dim()} sparse and {input.dense_dim()} dense "
            "dimensions"
        )
    return transposed(input, 0, 1) if input.ndim == 2 else input


@operation("adjoint")
def adjoint(input: SparseTensor) -> SparseTensor:
    turned = transpose(input, -2, -1)
    return turned.conj() if input.dtype.is_complex else turned  # type: ignore[attr-defined,no-any-return]


@operation("permute")
def permute(input: SparseTensor, *dims: Any) -> SparseTensor:
    order = tuple(dims[0]) if len(dims) == 1 and isinstance(dims[0], (tuple, list)) else dims
    if len(order) != input.ndim:
        raise RuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired ordering of "
            f"dimensions i.e. input.dim() = {input.ndim} is not equal to len(dims) = {len(order)}"
        )
    axes = [wrap_axis("permute", axis, input.ndim) for axis in order]
    if len(set(axes)) != len(axes):
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    input = _coordinates(input)
    sparse = input.sparse_dim()
    if sorted(axes[:sparse]) != list(range(sparse)):
        raise RuntimeError(
            "permute(sparse_coo): transpositions between sparse and dense dimensions are not allowed.Only transpositions within "
            "sparse and dense dimensions are supported."
        )
    inner = [axis - sparse for axis in axes[sparse:]]
    elements = input._elements
    if inner != sorted(inner):
        elements = elements.permute(0, *[axis + 1 for axis in inner])  # type: ignore[attr-defined]
    same = axes[:sparse] == list(range(sparse))
    extents = tuple(input.shape[axis] for axis in axes)
    return coo(input.places()[axes[:sparse]], elements, extents, coalesced=same and input._coalesced)


def _transposed_matrix(self: SparseTensor) -> SparseTensor:
    return permute(self, *reversed(range(self.ndim))) if self.layout is sparse_coo else transposed(self, 0, 1)


SparseTensor.T = property(_transposed_matrix)  # type: ignore[attr-defined]
SparseTensor.mT = property(lambda self: transpose(self, -2, -1))  # type: ignore[attr-defined]
SparseTensor.mH = SparseTensor.H = property(adjoint)  # type: ignore[attr-defined]


@operation("unsqueeze")
def unsqueeze(input: SparseTensor, dim: int) -> SparseTensor:
    axis = wrap_axis("unsqueeze", dim, input.ndim + 1)
    input = _coordinates(input)
    sparse = input.sparse_dim()
    extents = (*input.shape[:axis], 1, *input.shape[axis:])
    if axis > sparse:
        elements = input._elements.unsqueeze(axis - sparse + 1)  # type: ignore[attr-defined]
        return made(sparse_coo, input._structure, elements, extents, input._coalesced)
    places = np.insert(input.places(), axis, 0, axis=0)
    return coo(places, input._elements, extents, input._coalesced)


# ---- chosen from ----


@operation("select")
def select(input: SparseTensor, dim: int, index: int) -> Tensor:
    """One place along an axis: dense where the only sparse axis is taken."""
    axis = wrap_axis("select", dim, input.ndim)
    extent = input.shape[axis]
    if not -extent <= index < extent:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(input.shape)} at dimension {dim}"
        )
    place = int(index) % extent
    input = _coordinates(input)
    sparse = input.sparse_dim()
    rest = (*input.shape[:axis], *input.shape[axis + 1 :])
    if axis >= sparse:
        elements = input._elements.select(axis - sparse + 1, place)  # type: ignore[attr-defined]
        return made(sparse_coo, input._structure, elements, rest, input._coalesced)
    places = input.places()
    chosen = np.flatnonzero(places[axis] == place)
    elements = picked(input._elements, chosen)
    if sparse == 1:
        return elements.sum(0)  # type: ignore[attr-defined,no-any-return]
    kept = np.delete(places[:, chosen], axis, axis=0)
    return coo(kept, elements, rest, input._coalesced)


@operation("index_select")
def index_select(input: SparseTensor, dim: int, index: Tensor) -> SparseTensor:
    axis = wrap_axis("index_select", dim, input.ndim)
    if index.ndim != 1:
        raise IndexError("index_select() argument index must be 1-D LongTensor.")
    wanted = structure.as_indices(index._array())
    extent = input.shape[axis]
    if wanted.size and (wanted.min() < -extent or wanted.max() >= extent):
        worst = int(wanted.min() if wanted.min() < -extent else wanted.max())
        raise IndexError(
            f"index_select(): index contains {worst} that is out of range for tensor of size {list(input.shape)} at dimension {axis}"
        )
    wanted = wanted % max(extent, 1)
    input = _coordinates(input)
    sparse = input.sparse_dim()
    extents = (*input.shape[:axis], wanted.size, *input.shape[axis + 1 :])
    if axis >= sparse:
        elements = input._elements.index_select(axis - sparse + 1, index)  # type: ignore[attr-defined]
        return made(sparse_coo, input._structure, elements, extents, input._coalesced)
    places = input.places()
    which, source = structure.matched(wanted, places[axis], extent)
    found = places[:, source].copy()
    found[axis] = which
    if input._coalesced:
        order = np.argsort(structure.keys_of(found, extents[:sparse]), kind="stable")
        found, source = found[:, order], source[order]
    return coo(found, picked(input._elements, source), extents, input._coalesced)


@operation("narrow_copy")
def narrow_copy(input: SparseTensor, dim: int, start: int, length: int) -> SparseTensor:
    axis = wrap_axis("narrow_copy", dim, input.ndim)
    extent = input.shape[axis]
    start = start + extent if start < 0 else start
    if length < 0 or start < 0 or start + length > extent:
        raise RuntimeError(
            f"Invalid range from {start} to {start + length} for dimension {axis} of size {extent} — narrow_copy"
        )
    input = _coordinates(input)
    sparse = input.sparse_dim()
    extents = (*input.shape[:axis], length, *input.shape[axis + 1 :])
    if axis >= sparse:
        elements = input._elements.narrow(axis - sparse + 1, start, length)  # type: ignore[attr-defined]
        return made(sparse_coo, input._structure, elements, extents, input._coalesced)
    places = input.places()
    chosen = np.flatnonzero((places[axis] >= start) & (places[axis] < start + length))
    found = places[:, chosen].copy()
    found[axis] -= start
    return coo(found, picked(input._elements, chosen), extents, input._coalesced)


SparseTensor.narrow_copy = narrow_copy  # type: ignore[attr-defined]


@operation("unbind")
def unbind(input: SparseTensor, dim: int = 0) -> tuple[Tensor, ...]:
    axis = wrap_axis("unbind", dim, input.ndim)
    return tuple(select(input, axis, place) for place in range(input.shape[axis]))


def _getitem(self: SparseTensor, key: Any) -> Tensor:
    """Integers, `None` and whole slices; what else dense tensors take has no sparse form."""
    result: Tensor = self
    axis = 0
    for item in key if isinstance(key, tuple) else (key,):
        if item is None:
            result = result.unsqueeze(axis)  # type: ignore[attr-defined]
            axis += 1
        elif isinstance(item, slice) and item == slice(None):
            axis += 1
        elif hasattr(item, "__index__") and not isinstance(item, (bool, Tensor)):
            if axis >= result.ndim:
                raise IndexError(f"too many indices for tensor of dimension {self.ndim}")
            result = result.select(axis, int(item))  # type: ignore[attr-defined]
        else:
            raise OtherLayout(
                self,
                f"Could not run 'aten::index' with {type(item).__name__} on a tensor of layout {self.layout}: it takes integers, None and "
                "whole slices; use index_select or narrow_copy, or call .to_dense() first",
            )
    return result


SparseTensor.__getitem__ = _getitem  # type: ignore[attr-defined]


SparseTensor.__iter__ = lambda self: iter(unbind(self))  # type: ignore[method-assign,arg-type]


def _setitem(self: SparseTensor, key: Any, value: Any) -> None:
    raise TypeError("Cannot assign to a sparse tensor — make another one of its indices and values")


SparseTensor.__setitem__ = _setitem  # type: ignore[attr-defined]


# ---- joined ----


def _check_sparse(op: str, tensors: Sequence[Tensor]) -> None:
    for place, tensor in enumerate(tensors):
        if not isinstance(tensor, SparseTensor):
            raise RuntimeError(f"Concatenating sparse tensors, but a dense tensor was found at position {place}.")
    first = tensors[0]
    assert isinstance(first, SparseTensor)
    for place, tensor in enumerate(tensors):
        assert isinstance(tensor, SparseTensor)
        if tensor.sparse_dim() != first.sparse_dim() or tensor.dense_dim() != first.dense_dim():
            raise RuntimeError(
                "All tensors must have the same number of sparse and dense dimensions, but got "
                f"{first.sparse_dim()}, {first.dense_dim()} and at position {place} {tensor.sparse_dim()}, {tensor.dense_dim()} — {op}"
            )


@operation("cat")
def cat(tensors: Any, dim: int = 0) -> SparseTensor:
    if not isinstance(tensors[0], SparseTensor):
        raise RuntimeError(
            "Concatenating sparse and dense tensors: the first is dense; call .to_dense() on the others, or to_sparse()"
        )
    _check_sparse("cat", tensors)
    parts: list[SparseTensor] = [_coordinates(tensor) for tensor in tensors]
    first = parts[0]
    axis = wrap_axis("cat", dim, first.ndim)
    for place, part in enumerate(parts):
        if any(own != other for k, (own, other) in enumerate(zip(first.shape, part.shape, strict=True)) if k != axis):
            raise RuntimeError(
                f"Sizes of tensors must match except in dimension {axis}, but found {list(first.shape)} and at position {place} "
                f"{list(part.shape)} — cat"
            )
    sparse = first.sparse_dim()
    starts = np.concatenate([[0], np.cumsum([part.shape[axis] for part in parts])])
    extents = (*first.shape[:axis], int(starts[-1]), *first.shape[axis + 1 :])
    places = [part.places().copy() for part in parts]
    if axis < sparse:
        for found, start in zip(places, starts, strict=False):
            found[axis] += start
        elements = functions["cat"]([part._elements for part in parts])
    else:
        elements = functions["cat"](
            [
                _padded(part, axis - sparse, int(start), extents[axis])
                for part, start in zip(parts, starts, strict=False)
            ]
        )
    return coo(np.concatenate(places, 1), elements, extents, coalesced=False)


def _padded(part: SparseTensor, axis: int, start: int, extent: int) -> Tensor:
    """The elements with zeros around them along a dense axis."""
    shape = list(part._elements.shape)
    low, high = [*shape], [*shape]
    low[axis + 1], high[axis + 1] = start, extent - start - shape[axis + 1]
    zeros = functions["zeros"]
    sides = zeros(tuple(low), dtype=part.dtype), zeros(tuple(high), dtype=part.dtype)
    return functions["cat"]([sides[0], part._elements, sides[1]], axis + 1)  # type: ignore[no-any-return]


@operation("stack")
def stack(tensors: Any, dim: int = 0) -> SparseTensor:
    _check_sparse("stack", tensors)
    axis = wrap_axis("stack", dim, tensors[0].ndim + 1)
    return cat([unsqueeze(tensor, axis) for tensor in tensors], axis)


# ---- what has no sparse form, in PyTorch's words ----


@operation("reshape", "flatten")
def reshape(input: SparseTensor, *args: Any, **kwargs: Any) -> Tensor:
    raise RuntimeError("reshape is not implemented for sparse tensors — call .to_dense() first")


@operation("contiguous")
def contiguous(input: SparseTensor, memory_format: Any = None) -> Tensor:
    raise RuntimeError("unsupported memory format option Contiguous — a sparse tensor has no strides; its values have")


@operation("expand", "expand_as", "broadcast_to", "repeat")
def expand(input: SparseTensor, *args: Any, **kwargs: Any) -> Tensor:
    name = "SparseCsr" if input.layout is sparse_csr else "Sparse"
    raise RuntimeError(f"expand is unsupported for {name} tensors — torch.cat and torch.stack join copies")
