"""`SparseTensor`: where elements stand, what they are, and the shape of the whole, each in strided tensors.

Gradient flows through the tensor of the elements, so every function of sparse tensors that is made of functions of those is
differentiable. A sparse leaf is one whose elements are a leaf; its gradient is asked of them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import prod
from typing import Any, NoReturn

import numpy as np

from ..dtype import dtype, int64
from ..ir import view
from ..ir.graph import Node
from ..tensor.arguments import FAILED, answer_by_other_names
from ..tensor.geometry import CPU, Size, device, sparse_coo, sparse_csc, sparse_csr
from ..tensor.geometry import layout as layouts
from ..tensor.layouts import OtherLayout
from ..tensor.public import name as label_of
from ..tensor.tensor import Tensor, alias, disabled_torch_function, from_array, node_of, wrap
from . import structure
from .operations import operations

_HANDLE = frozenset(Tensor.__slots__) - {"__dict__", "__weakref__"}
_NAMES = {sparse_coo: "Sparse", sparse_csr: "SparseCsr", sparse_csc: "SparseCsc"}


class SparseTensor(Tensor):
    """A tensor of layout `torch.sparse_coo`, `sparse_csr` or `sparse_csc`; made by `torch.sparse_coo_tensor` and its kind."""

    __torch_function__ = staticmethod(disabled_torch_function)  # type: ignore[assignment]
    __slots__ = ("_layout", "_extents", "_structure", "_elements", "_coalesced")
    _layout: layouts
    _extents: tuple[int, ...]
    # COO: indices (sparse axes, elements). CSR: where each row starts, and each element's column; CSC: columns and rows.
    _structure: tuple[Tensor, ...]
    _elements: Tensor  # (elements, *dense axes)
    _coalesced: bool  # COO: sorted, and no place stands twice

    def __getattr__(self, name: str) -> Any:
        if name in _HANDLE:
            raise OtherLayout(self)
        return super().__getattr__(name)

    def instead(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The call of a public function that met this tensor."""
        found = operations.get(name)
        if found is not None:
            try:
                return found(*args, **kwargs)
            except TypeError as error:
                result = answer_by_other_names(found, args, kwargs, error)
                if result is FAILED:
                    raise
                return result
        plain = operations.get(name[:-1]) if name.endswith("_") else None
        if plain is not None:
            return written(name, args[0], plain(*args, **kwargs))
        raise OtherLayout(
            self,
            f"Could not run 'aten::{name}' with arguments from the '{_NAMES[self._layout]}CPU' backend: {name} is not defined for "
            f"tensors of layout {self._layout}; call .to_dense() on them first, or use their indices and values",
        )

    def set_label(self, label: str) -> None:
        """Names the gradient function of the elements."""
        label_of(self._elements, label)

    # ---- what it is

    @property
    def shape(self) -> Size:
        return Size(self._extents)

    @property
    def dtype(self) -> dtype:
        return self._elements.dtype

    @property
    def ndim(self) -> int:
        return len(self._extents)

    @property
    def device(self) -> device:
        return CPU

    @property
    def layout(self) -> layouts:
        return self._layout

    @property
    def is_sparse(self) -> bool:  # type: ignore[override]
        return self._layout is sparse_coo

    @property
    def is_sparse_csr(self) -> bool:  # type: ignore[override]
        return self._layout is sparse_csr

    def dim(self) -> int:
        return len(self._extents)

    ndimension = dim

    def numel(self) -> int:
        return prod(self._extents)

    nelement = numel

    def element_size(self) -> int:
        return self.dtype.itemsize

    def __len__(self) -> int:
        if not self._extents:
            raise TypeError("len() of a 0-d tensor")
        return self._extents[0]

    @property
    def nbytes(self) -> int:
        raise RuntimeError(
            "nbytes is not defined for sparse tensors.  If you want the size of the constituent tensors, add the nbytes of the "
            "indices and values.  If you want the size of the  equivalent dense tensor, multiply numel() by element_size()"
        )

    def stride(self, dim: int | None = None) -> Any:
        """Zeros: there are no strides."""
        return (0,) * self.ndim if dim is None else 0

    def is_contiguous(self, memory_format: Any = None) -> bool:
        return False

    def sparse_dim(self) -> int:
        """How many of the leading axes the indices speak of."""
        return self._structure[0].shape[0] if self._layout is sparse_coo else 2

    def dense_dim(self) -> int:
        """How many axes each element has."""
        return self._elements.ndim - 1

    def _nnz(self) -> int:
        return int(self._elements.shape[0])

    def type(self, dtype: Any = None, non_blocking: bool = False) -> Any:
        """The legacy name, "torch.sparse.FloatTensor"; or the tensor in another dtype."""
        if dtype is not None:
            return self.with_elements(self._elements.type(dtype))  # type: ignore[attr-defined]
        if self._layout is not sparse_coo:
            raise RuntimeError(f"Unimplemented backend {_NAMES[self._layout]}CPU")
        return self._elements.type().replace("torch.", "torch.sparse.")  # type: ignore[attr-defined]

    # ---- its parts

    def _require(self, name: str, wanted: layouts, words: str) -> None:
        if self._layout is not wanted:
            raise RuntimeError(f"{name} expected {words} tensor layout but got {_NAMES[self._layout]}")

    def indices(self) -> Tensor:
        """Where the elements stand: (sparse axes, elements), int64; RuntimeError unless it is coalesced."""
        self._require("indices", sparse_coo, "sparse coordinate")
        self._require_coalesced("indices")
        return self._indices()

    def values(self) -> Tensor:
        """The elements: (elements, *dense axes); RuntimeError for a COO tensor that is not coalesced."""
        if self._layout is sparse_coo:
            self._require_coalesced("values")
        if not self.requires_grad:
            return alias(self._elements, Tensor)  # type: ignore[no-any-return]
        return labelled(view.identity(node_of(self._elements)), "Values")

    def _require_coalesced(self, part: str) -> None:
        if not self._coalesced:
            raise RuntimeError(f"Cannot get {part} on an uncoalesced tensor, please call .coalesce() first")

    def _indices(self) -> Tensor:
        self._require("_indices", sparse_coo, "sparse coordinate")
        return alias(self._structure[0], Tensor)  # type: ignore[no-any-return]

    def _values(self) -> Tensor:
        return alias(self._elements, Tensor)  # type: ignore[no-any-return]

    def is_coalesced(self) -> bool:
        """Whether places are sorted and none stands twice."""
        self._require("is_coalesced", sparse_coo, "sparse coordinate")
        return self._coalesced

    def _coalesced_(self, coalesced: bool) -> SparseTensor:
        self._coalesced = coalesced
        return self

    def crow_indices(self) -> Tensor:
        """CSR: where each row starts."""
        self._require("crow_indices", sparse_csr, "sparse row compressed")
        return alias(self._structure[0], Tensor)  # type: ignore[no-any-return]

    def col_indices(self) -> Tensor:
        """CSR: the column of each element."""
        self._require("col_indices", sparse_csr, "sparse row compressed")
        return alias(self._structure[1], Tensor)  # type: ignore[no-any-return]

    def ccol_indices(self) -> Tensor:
        """CSC: where each column starts."""
        self._require("ccol_indices", sparse_csc, "sparse column compressed")
        return alias(self._structure[0], Tensor)  # type: ignore[no-any-return]

    def row_indices(self) -> Tensor:
        """CSC: the row of each element."""
        self._require("row_indices", sparse_csc, "sparse column compressed")
        return alias(self._structure[1], Tensor)  # type: ignore[no-any-return]

    def places(self) -> np.ndarray:
        """The indices (sparse axes, elements) in any layout, as an array."""
        if self._layout is sparse_coo:
            return self._structure[0]._array()
        pointers, inner = (structure.as_indices(part._array()) for part in self._structure)
        outer = structure.expanded_pointers(pointers)
        return np.stack([outer, inner] if self._layout is sparse_csr else [inner, outer])

    def sparse_extents(self) -> tuple[int, ...]:
        return self._extents[: self.sparse_dim()]

    def dense_extents(self) -> tuple[int, ...]:
        return self._extents[self.sparse_dim() :]

    def keys(self) -> np.ndarray:
        """The place of each element along the sparse axes as one number."""
        return structure.keys_of(self.places(), self.sparse_extents())

    # ---- its history

    @property
    def requires_grad(self) -> bool:
        return self._elements.requires_grad

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        self._elements.requires_grad = wanted

    @property
    def is_leaf(self) -> bool:
        return self._elements.is_leaf

    @property
    def grad_fn(self) -> Any:
        return self._elements.grad_fn  # type: ignore[attr-defined]

    @property
    def output_nr(self) -> int:
        return self._elements.output_nr  # type: ignore[attr-defined,no-any-return]

    @property
    def retains_grad(self) -> bool:
        return self._elements.retains_grad  # type: ignore[attr-defined,no-any-return]

    @property
    def grad(self) -> Tensor | None:
        """The gradient of a leaf, sparse as the leaf is."""
        g = self._elements.grad
        return None if g is None else self.gradient_of(g)

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is None:
            self._elements.grad = None
            return
        if not isinstance(value, SparseTensor) or not np.array_equal(value.keys(), self.keys()):
            raise RuntimeError(f"the gradient of a tensor of layout {self._layout} has its layout and indices")
        self._elements.grad = value._elements

    @grad.deleter
    def grad(self) -> None:
        self._elements.grad = None

    def gradient_of(self, g: Tensor) -> SparseTensor:
        """A gradient of the elements as one of the tensor. A place that stands twice has one gradient, each element's."""
        if self._coalesced or self._layout is not sparse_coo:
            return self.with_elements(g)
        distinct, first = np.unique(self.keys(), return_index=True)
        indices = structure.indices_of(distinct, self.sparse_extents())
        picked = g.detach() if is_order(first, g.shape[0]) else g[from_array(first, int64)]  # type: ignore[index]
        return coo(indices, picked, self._extents, coalesced=True)

    def detach(self) -> SparseTensor:  # type: ignore[override]
        """The same indices and elements without history."""
        return self.with_elements(self._elements.detach())

    def detached_as(self, cls: Any) -> Any:
        """The same without history, as an instance of a subclass of Tensor such as Parameter."""
        result = self.detach()
        return result if cls is Tensor else _copied(result, object.__new__(_sparse_class(cls)))

    def as_subclass(self, cls: Any) -> Any:
        """The same tensor as an instance of a subclass of Tensor."""
        return _copied(self, object.__new__(_sparse_class(cls)))

    def detach_(self) -> SparseTensor:  # type: ignore[override]
        """Cuts the tensor off from its history."""
        self._elements = self._elements.detach()
        return self

    @property
    def data(self) -> SparseTensor:  # type: ignore[override]
        return self.detach()

    @data.setter
    def data(self, value: Tensor) -> None:
        self.become("data", value, keep_leaf=True)

    def retain_grad(self) -> None:
        """Keeps the gradient of the elements."""
        self._elements.retain_grad()  # type: ignore[attr-defined]

    def register_hook(self, hook: Callable[[Tensor], Any]) -> Any:
        """Calls `hook(gradient)` with the sparse gradient whenever it is computed; what it returns replaces it."""

        def of_elements(g: Tensor) -> Tensor | None:
            result = hook(self.with_elements(g))
            return result._elements if isinstance(result, SparseTensor) else result

        return self._elements.register_hook(of_elements)  # type: ignore[attr-defined]

    @property
    def _version(self) -> int:
        return self._elements._version

    @property
    def _base(self) -> None:
        return None

    def _is_view(self) -> bool:
        return False

    # ---- change

    def with_elements(self, elements: Tensor, coalesced: bool | None = None) -> SparseTensor:
        """Other elements at the same places; the dense axes may have other extents."""
        extents = (*self.sparse_extents(), *elements.shape[1:])
        sorted_ = self._coalesced if coalesced is None else coalesced
        return made(self._layout, self._structure, elements, extents, sorted_)

    def snapshot(self) -> SparseTensor:
        """The same places and elements, safe from later in-place operations."""
        parts = tuple(wrap(node_of(part)) for part in self._structure)
        return made(self._layout, parts, wrap(node_of(self._elements)), self._extents, self._coalesced)

    def become(self, op: str, value: Any, keep_leaf: bool = False) -> SparseTensor:
        """Takes the places, elements and size of another sparse tensor, as an in-place operation does."""
        if not isinstance(value, SparseTensor):
            raise RuntimeError(f"{op}: a tensor of layout {self._layout} cannot become one of layout {value.layout}")
        if self.is_leaf and self.requires_grad and not keep_leaf:
            raise RuntimeError(f"a leaf Variable that requires grad is being used in an in-place operation. — {op}")
        needs = keep_leaf and self.is_leaf and self.requires_grad
        self._layout, self._extents, self._structure = value._layout, value._extents, value._structure
        self._elements, self._coalesced = value._elements, value._coalesced
        if needs:
            self._elements = self._elements.detach()
            self._elements.requires_grad = True
        return self

    # ---- what only memory could do

    def _without_memory(self) -> NoReturn:
        raise RuntimeError(
            "Cannot access data pointer of Tensor that doesn't have storage — a sparse tensor: ask its values"
        )

    def data_ptr(self) -> int:
        self._without_memory()

    def tolist(self) -> Any:
        self._without_memory()

    def storage(self) -> Any:
        raise NotImplementedError("Cannot access storage of SparseTensorImpl — ask the tensor's values for theirs")

    untyped_storage = storage

    def storage_offset(self) -> int:
        raise RuntimeError("sparse tensors do not have storage_offset")

    def numpy(self, *, force: bool = False) -> np.ndarray:
        raise TypeError("can't convert Sparse layout tensor to numpy. Use Tensor.to_dense() first.")

    def item(self) -> Any:
        if self.numel() != 1:
            raise RuntimeError(f"a Tensor with {self.numel()} elements cannot be converted to Scalar")
        return self._elements.sum().item()  # type: ignore[attr-defined]


@cache
def _sparse_class(cls: Any) -> Any:
    """A subclass of Tensor for sparse tensors: what the subclass does not say itself, SparseTensor does."""
    if issubclass(cls, SparseTensor):
        return cls
    return type(cls)(cls.__name__, (cls, SparseTensor), {"__module__": cls.__module__, "__slots__": ()})


def _copied(tensor: SparseTensor, result: SparseTensor) -> SparseTensor:
    for slot in SparseTensor.__slots__:
        setattr(result, slot, getattr(tensor, slot))
    return result


# ---- making ----


def made(
    of: layouts, parts: tuple[Tensor, ...], elements: Tensor, extents: tuple[int, ...], coalesced: bool
) -> SparseTensor:
    """A sparse tensor of parts that are known to fit."""
    result: SparseTensor = object.__new__(SparseTensor)
    result._layout, result._structure, result._elements = of, parts, elements
    result._extents, result._coalesced = tuple(extents), coalesced
    return result


def coo(indices: np.ndarray, elements: Tensor, extents: Any, coalesced: bool) -> SparseTensor:
    """A COO tensor of computed indices."""
    return made(sparse_coo, (from_array(np.ascontiguousarray(indices), int64),), elements, tuple(extents), coalesced)


def index_node(array: np.ndarray) -> Node:
    """Computed indices as a node."""
    return node_of(from_array(np.ascontiguousarray(array), int64))


def labelled(node: Node, label: str) -> Tensor:
    """A tensor of the node, whose gradient function has this name."""
    if node.tracked and node.label is None:
        node.label = label
    return wrap(node)


def is_order(places: np.ndarray, count: int) -> bool:
    """Whether the places are 0, 1, … count - 1."""
    return places.size == count and bool(np.array_equal(places, np.arange(count)))


def written(op: str, target: Tensor, result: Tensor) -> Tensor:
    """Makes the result of a call the value of its first argument."""
    if isinstance(target, SparseTensor):
        if isinstance(result, SparseTensor) and result.shape != target.shape:
            raise RuntimeError(
                f"output with shape {list(target.shape)} doesn't match the shape {list(result.shape)} — {op}"
            )
        return target.become(op, result)
    return target.copy_(result.to_dense())  # type: ignore[attr-defined,no-any-return]
