"""From dense to sparse, between layouts and back; copies, dtypes, and places that stand twice brought together."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from ..dtype import dtype, int64
from ..ir import index, scalar, view
from ..ir.type import Type
from ..tensor import Tensor
from ..tensor.geometry import layout as layouts
from ..tensor.geometry import sparse_coo, sparse_csc, sparse_csr, strided
from ..tensor.public import method
from ..tensor.tensor import from_array, node_of, wrap
from . import structure
from .construction import empty
from .operations import operation
from .tensor import SparseTensor, coo, index_node, is_order, labelled, made

_NAMES = {strided: "Strided", sparse_coo: "Sparse", sparse_csr: "SparseCsr", sparse_csc: "SparseCsc"}


# ---- to dense ----


def to_dense(self: SparseTensor, dtype: dtype | None = None, *, masked_grad: bool | None = None) -> Tensor:
    """The strided tensor with the same elements; those at one place are added.

    The gradient has the tensor's indices, as with PyTorch's `masked_grad=True`; False raises NotImplementedError.
    """
    if masked_grad is False:
        raise NotImplementedError(
            "to_dense(masked_grad=False): a gradient beyond the tensor's indices is not in Rushlight yet"
        )
    node = node_of(self._elements)
    sparse = self.sparse_extents()
    count = structure.size_of(sparse)
    base = scalar.full(0, Type.of((count, *self.dense_extents()), node.type.dtype))
    summed = index.put(base, node, index_node(self.keys()), accumulate=True)
    if dtype is not None:
        summed = scalar.cast(summed, dtype=dtype)
    return labelled(view.reshape(summed, self._extents), "ToDense")


# ---- to sparse ----


@method
def to_sparse(
    self: Tensor, *args: Any, layout: layouts | None = None, blocksize: Any = None, dense_dim: int | None = None
) -> Tensor:
    """The elements that are not zero, as a tensor of layout `torch.sparse_coo` or the one asked for, as `Tensor.to_sparse`.

    `to_sparse(n)` has n sparse axes, and elements with the others. Gradient flows to the elements chosen.

    >>> import rushlight as torch
    >>> torch.tensor([[0.0, 2.0], [0.0, 0.0]]).to_sparse()
    tensor(indices=tensor([[0],
                           [1]]),
           values=tensor([2.]),
           size=(2, 2), nnz=1, layout=torch.sparse_coo)
    """
    wanted = args[0] if args and isinstance(args[0], layouts) else layout or sparse_coo
    axes = args[0] if args and not isinstance(args[0], layouts) else None
    if wanted not in _NAMES or blocksize is not None:
        raise NotImplementedError(
            f"to_sparse: layout {wanted} is not in Rushlight yet; use torch.sparse_coo or torch.sparse_csr"
        )
    if wanted is strided:
        raise RuntimeError("to_sparse: unexpected target layout torch.strided; use to_dense()")
    if isinstance(self, SparseTensor):
        return _relaid(self, wanted)
    found = _of_dense(self, axes)
    if wanted is sparse_coo:
        return found
    if self.ndim != 2:
        raise NotImplementedError(
            f"to_sparse_{wanted.name.removeprefix('sparse_')}: a matrix is needed, got shape {tuple(self.shape)}; batches are not in Rushlight yet"
        )
    return _compressed(found, wanted)


def _of_dense(tensor: Tensor, axes: int | None) -> SparseTensor:
    ndim = tensor.ndim
    axes = ndim if axes is None else axes
    if not (0 < axes <= ndim or ndim == 0):
        raise RuntimeError(
            f"to_sparse: Number of dimensions in the tensor input ({ndim}) must be at least sparse_dim ({axes}), which must be > 0"
            if axes <= 0
            else f"sparse_dim must be <= {ndim}, the tensor's number of axes, but got {axes} — to_sparse"
        )
    array = tensor.detach()._decoded()
    present = array != 0
    if axes < ndim:
        present = present.reshape(*array.shape[:axes], -1).any(-1)
    if ndim == 0:
        count = int(present)
        one = view.slice_(view.reshape(node_of(tensor), (1,)), (0,), (count,))
        return coo(np.zeros((0, count), np.int64), labelled(one, "ToSparse"), (), coalesced=True)
    indices = np.stack(np.nonzero(present))
    chosen = index.take(node_of(tensor), *[index_node(row) for row in indices])
    return coo(indices, labelled(chosen, "ToSparse"), tensor.shape, coalesced=True)


@method
def to_sparse_coo(self: Tensor) -> Tensor:
    """`to_sparse` in coordinate layout."""
    return to_sparse(self)


@method
def to_sparse_csr(self: Tensor, dense_dim: int | None = None) -> Tensor:
    """`to_sparse` by rows."""
    return to_sparse(self, layout=sparse_csr)


@method
def to_sparse_csc(self: Tensor, dense_dim: int | None = None) -> Tensor:
    """`to_sparse` by columns."""
    return to_sparse(self, layout=sparse_csc)


def _relaid(tensor: SparseTensor, wanted: layouts) -> SparseTensor:
    """A sparse tensor in another sparse layout; itself where it has it."""
    if tensor.layout is wanted:
        return tensor
    if wanted is sparse_coo:
        return coo(tensor.places(), tensor.values(), tensor.shape, coalesced=tensor.layout is sparse_csr)
    return _compressed(coalesced(_relaid(tensor, sparse_coo)), wanted)


def _compressed(tensor: SparseTensor, wanted: layouts) -> SparseTensor:
    """A coalesced COO matrix by rows or columns."""
    if tensor.sparse_dim() != 2:
        raise RuntimeError(
            f"to_sparse_csr: expected a tensor with 2 sparse dimensions, but got {tensor.sparse_dim()}: shape {tuple(tensor.shape)}"
        )
    rows, columns = tensor.places()
    outer, inner = (rows, columns) if wanted is sparse_csr else (columns, rows)
    elements = tensor.values()
    if wanted is sparse_csc:
        order = np.lexsort((inner, outer))
        outer, inner = outer[order], inner[order]
        elements = picked(elements, order)
    pointers = structure.pointers_of(outer, tensor.shape[0 if wanted is sparse_csr else 1])
    parts = from_array(pointers, int64), from_array(np.ascontiguousarray(inner), int64)
    return made(wanted, parts, elements, tensor.shape, True)


# ---- places brought together ----


def picked(elements: Tensor, places: np.ndarray) -> Tensor:
    """The elements at some places along the first axis."""
    if is_order(places, elements.shape[0]):
        return elements
    return wrap(index.take(node_of(elements), index_node(places)))


def added_up(elements: Tensor, places: np.ndarray, count: int) -> Tensor:
    """`count` sums: each element goes to its place, in order."""
    if is_order(places, count):
        return elements
    node = node_of(elements)
    base = scalar.full(0, Type.of((count, *node.type.shape[1:]), node.type.dtype))
    return wrap(index.put(base, node, index_node(places), accumulate=True))


def coalesced(tensor: SparseTensor) -> SparseTensor:
    """The tensor with its places sorted and distinct, elements at one place added; itself if it is so already."""
    if tensor._coalesced or tensor.layout is not sparse_coo:
        return tensor
    distinct, places = structure.gathered(tensor.keys())
    elements = added_up(tensor._elements, places, distinct.size)
    if elements is tensor._elements:  # another tensor all the same: what is written to one is not seen in the other
        node = node_of(elements)
        elements = wrap(view.identity(node) if node.tracked else node)
    return coo(structure.indices_of(distinct, tensor.sparse_extents()), elements, tensor.shape, coalesced=True)


def coalesce(self: SparseTensor) -> SparseTensor:
    """The tensor with sorted, distinct places: elements at one place are added. Itself if it is so already."""
    self._require("coalesce", sparse_coo, "sparse coordinate")
    if self._coalesced:
        return self
    result = coalesced(self)
    result.set_label("Coalesce")
    return result


# ---- dtypes and copies ----


def _mapped(name: str) -> Callable[..., Any]:
    """A method that does to the elements what its name says."""

    def call(self: SparseTensor, *args: Any, **kwargs: Any) -> Any:
        elements = getattr(self._elements, name)(*args, **kwargs)
        return self if elements is self._elements else self.with_elements(elements)

    call.__name__ = name
    call.__doc__ = f"`{name}` of the elements."
    return call


def to(self: SparseTensor, *args: Any, layout: Any = None, **kwargs: Any) -> Any:
    """The tensor in another dtype (and on the CPU, the only device); itself where nothing changes."""
    args = tuple(a._elements if isinstance(a, SparseTensor) else a for a in args)
    elements = self._elements.to(*args, **kwargs)  # type: ignore[attr-defined]
    return self if elements is self._elements else self.with_elements(elements)


@operation("clone")
def clone(input: SparseTensor, *, memory_format: Any = None) -> SparseTensor:
    parts = tuple(part.clone() for part in input._structure)  # type: ignore[attr-defined]
    return made(input.layout, parts, input._elements.clone(), input.shape, input._coalesced)  # type: ignore[attr-defined]


def deepcopy(self: SparseTensor, memo: dict[int, Any]) -> SparseTensor:
    if not self.is_leaf:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment.  If you were "
            "attempting to deepcopy a module, this may be because of a torch.nn.utils.weight_norm usage, see "
            "https://github.com/pytorch/pytorch/pull/103001"
        )
    if id(self) not in memo:
        parts = tuple(copy.deepcopy(part, memo) for part in self._structure)
        made_ = made(self.layout, parts, copy.deepcopy(self._elements, memo), self.shape, self._coalesced)
        made_.__dict__.update(copy.deepcopy(self.__dict__, memo))
        memo[id(self)] = made_
    return memo[id(self)]  # type: ignore[no-any-return]


def rebuild(
    of: Any, parts: tuple[Tensor, ...], elements: Tensor, extents: tuple[int, ...], sorted_: bool
) -> SparseTensor:
    """What pickle calls to make a sparse tensor again."""
    return made(of, parts, elements, extents, sorted_)


def reduce(self: SparseTensor, protocol: int) -> Any:
    parts = tuple(part.detach() for part in self._structure)
    return rebuild, (self.layout, parts, self._elements.detach(), tuple(self.shape), self._coalesced)


def copy_(self: SparseTensor, src: Tensor, non_blocking: bool = False) -> SparseTensor:
    """Takes the places and elements of another sparse tensor of the same layout and shape."""
    if not isinstance(src, SparseTensor):
        raise RuntimeError(
            "copy_() between dense and sparse Tensors is not implemented! Found self type = "
            f"{self.type()} and src type = {src.type()}"  # type: ignore[attr-defined]
        )
    if src.layout is not self.layout:
        raise RuntimeError(f"copy_(): a tensor of layout {src.layout} cannot be copied to one of layout {self.layout}")
    return self.become("copy_", clone(src).with_elements(src._elements.to(self.dtype, copy=True)))  # type: ignore[attr-defined,no-any-return]


def zero_(self: SparseTensor) -> SparseTensor:
    """Takes all elements out."""
    return self.become("zero_", empty(self.shape, self.dtype, self.layout, self.sparse_dim()))


def sparse_resize_(self: SparseTensor, size: Any, sparse_dim: int, dense_dim: int) -> SparseTensor:
    """Gives the tensor another shape, its elements kept; where there are some, no sparse axis may shrink or be added."""
    extents = tuple(size)
    if sparse_dim + dense_dim != len(extents):
        raise RuntimeError(
            f"'len(size) == sparse_dim + dense_dim' is not satisfied: len(size) = {len(extents)}, sparse_dim = {sparse_dim}, "
            f"dense_dim = {dense_dim}"
        )
    if not self._nnz():
        return sparse_resize_and_clear_(self, size, sparse_dim, dense_dim)
    if sparse_dim != self.sparse_dim() or dense_dim != self.dense_dim():
        raise RuntimeError(
            f"changing the number of sparse or dense dimensions (to {sparse_dim} and {dense_dim}) on a non-empty sparse tensor is not supported."
        )
    if any(new < old for new, old in zip(extents[:sparse_dim], self.sparse_extents(), strict=True)):
        raise RuntimeError("shrinking the size of sparse dimensions on a non-empty sparse tensor is not supported.")
    if extents[sparse_dim:] != self.dense_extents():
        raise RuntimeError("sparse_resize_: dense dimensions cannot change while there are elements")
    return self.become("sparse_resize_", made(self.layout, self._structure, self._elements, extents, self._coalesced))


def sparse_resize_and_clear_(self: SparseTensor, size: Any, sparse_dim: int, dense_dim: int) -> SparseTensor:
    """Another shape, without elements."""
    return self.become("sparse_resize_and_clear_", empty(size, self.dtype, self.layout, sparse_dim))


@operation("resize_as_sparse_")
def resize_as_sparse_(self: SparseTensor, other: SparseTensor) -> SparseTensor:
    return self.become("resize_as_sparse_", empty(other.shape, self.dtype, self.layout, other.sparse_dim()))


@operation("is_same_size")
def is_same_size(input: Tensor, other: Tensor) -> bool:
    return input.shape == other.shape


for (
    _name
) in "float double half bfloat16 long int short char byte bool cfloat cdouble type_as cpu cuda pin_memory".split():
    setattr(SparseTensor, _name, _mapped(_name))
for _function in (to_dense, coalesce, to, copy_, zero_, sparse_resize_, sparse_resize_and_clear_):
    setattr(SparseTensor, _function.__name__, _function)
SparseTensor.__deepcopy__ = deepcopy  # type: ignore[attr-defined]
SparseTensor.__reduce_ex__ = reduce  # type: ignore[assignment]
