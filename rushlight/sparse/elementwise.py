"""Sums, products and functions of the elements of sparse tensors; functions are those that leave zero as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir import index, scalar, view
from ..tensor import Tensor, result_type
from ..tensor.geometry import sparse_coo
from ..tensor.promotion import is_number
from ..tensor.public import functions, method
from ..tensor.tensor import from_array, node_of, wrap
from . import structure
from .conversion import added_up, coalesced, picked
from .operations import operation
from .tensor import SparseTensor, coo, index_node, made

# ---- functions of one tensor ----

# Elements at one place must be added before any of these, but for those in `_LINEAR`.
_LINEAR = (
    "neg",
    "positive",
    "real",
    "imag",
    "conj",
    "resolve_conj",
    "resolve_neg",
    "conj_physical",
)
_KEEPING_ZERO = (
    "abs asin asinh atan atanh ceil erf erfinv expm1 floor frac isinf isnan isneginf isposinf log1p nan_to_num relu round sgn "
    "sign signbit sin sinh sqrt square tan tanh trunc"
).split()


def _of_elements(name: str, linear: bool) -> Callable[..., Any]:
    def call(input: SparseTensor, *args: Any, **kwargs: Any) -> Any:
        whole = input if linear else coalesced(input)
        return whole.with_elements(functions[name](whole._elements, *args, **kwargs))

    call.__name__ = name
    return call


for _name in _LINEAR:
    operation(_name)(_of_elements(_name, linear=True))
for _name in _KEEPING_ZERO:
    operation(_name)(_of_elements(_name, linear=False))


@operation("pow")
def pow_(input: Any, exponent: Any) -> SparseTensor:
    if not isinstance(input, SparseTensor) or not is_number(exponent):
        raise NotImplementedError(
            "pow: of sparse tensors a power with a number as its exponent is defined; call .to_dense()"
        )
    if exponent == 0:
        raise RuntimeError("pow: exponent 0 makes a dense tensor of a sparse one; use torch.ones")
    whole = coalesced(input)
    return whole.with_elements(functions["pow"](whole._elements, exponent))


# ---- sums ----


def _check_shapes(op: str, a: Tensor, b: Tensor) -> None:
    if a.shape != b.shape:
        raise RuntimeError(
            f"{op}: expected sizes of 'self' and 'other' to match, but {list(a.shape)} != {list(b.shape)} (FYI: op2 sparse-sparse "
            "addition does not currently support broadcasting)"
        )


def _sum(op: str, a: SparseTensor, b: SparseTensor, alpha: Any) -> SparseTensor:
    _check_shapes(op, a, b)
    kind = result_type(a._elements, b._elements)
    if a.layout is not b.layout:
        raise RuntimeError(f"{op}: tensors of layouts {a.layout} and {b.layout} cannot be added; convert one of them")
    if a.sparse_dim() != b.sparse_dim():
        raise RuntimeError(
            f"{op}: expected 'self' and 'other' to have same number of sparse dims, got {a.sparse_dim()} and {b.sparse_dim()}"
        )
    left, right = a._elements.to(kind), b._elements.to(kind)  # type: ignore[attr-defined]
    if alpha != 1:
        right = right * alpha
    keys, at_left, at_right = structure.merged(a.keys(), b.keys())
    if keys.size == left.shape[0] == right.shape[0] and np.array_equal(at_left, at_right):
        return made(a.layout, a._structure, left + right, a.shape, a._coalesced and b._coalesced)
    elements = added_up(functions["cat"]([left, right]), np.concatenate([at_left, at_right]), keys.size)
    indices = structure.indices_of(keys, a.sparse_extents())
    result = coo(indices, elements, a.shape, coalesced=a._coalesced and b._coalesced)
    if keys.size > structure.size_of(a.sparse_extents()):  # a sum that goes on does not grow without bound
        result = coalesced(result)
    return result if a.layout is sparse_coo else result.to_sparse(layout=a.layout)  # type: ignore[attr-defined,no-any-return]


def joined(a: SparseTensor, b: SparseTensor) -> SparseTensor:
    """The sum of two COO tensors alike, the elements of one after those of the other: no index is read."""
    indices = functions["cat"]([a._structure[0], b._structure[0]], 1)
    return made(sparse_coo, (indices,), functions["cat"]([a._elements, b._elements]), a.shape, False)


def _added_to_dense(dense: Tensor, other: SparseTensor, alpha: Any) -> Tensor:
    """The elements are added at their places: as many additions as there are elements."""
    if dense.shape != other.shape:
        raise RuntimeError(
            f"add: expected 'self' and 'other' to have same size, but self has size {list(dense.shape)} while other has size "
            f"{list(other.shape)} (FYI: dense-sparse addition does not currently support broadcasting)"
        )
    kind = result_type(dense, other._elements)
    base, elements = scalar.cast(node_of(dense), dtype=kind), scalar.cast(node_of(other._elements), dtype=kind)
    if alpha != 1:
        elements = scalar.mul(elements, scalar.number(alpha, kind))
    count = structure.size_of(other.sparse_extents())
    flat = view.reshape(base, (count, *other.dense_extents()))
    return wrap(view.reshape(index.put(flat, elements, index_node(other.keys()), accumulate=True), base.type.shape))


@operation("add")
def add(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    if isinstance(input, SparseTensor) and isinstance(other, SparseTensor):
        return _sum("add", input, other, alpha)
    if isinstance(input, Tensor) and not isinstance(input, SparseTensor):
        return _added_to_dense(input, other, alpha)
    if isinstance(input, SparseTensor) and input.layout is sparse_coo:
        raise RuntimeError("add(sparse, dense) is not supported. Use add(dense, sparse) instead.")
    return _added_to_dense(functions["zeros"](()) + input if is_number(input) else other, input, alpha)


@operation("sub")
def sub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    return add(input, other, alpha=-alpha)


@operation("rsub")
def rsub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """other - alpha * input, which PyTorch calls with a number too."""
    if is_number(other):
        raise RuntimeError(
            f"add: expected 'self' and 'other' to have same size, but self has size [] while other has size {list(input.shape)} (FYI: "
            "dense-sparse addition does not currently support broadcasting)"
        )
    return add(other, input, alpha=-alpha)


# ---- products ----


def _scaled(tensor: SparseTensor, factor: Any, operator: Callable[..., Tensor]) -> SparseTensor:
    return tensor.with_elements(operator(tensor._elements, factor))


def _spread_to(dense: Tensor, tensor: SparseTensor) -> Tensor:
    """The dense factor's element at each place of a sparse one, with which it may broadcast."""
    shape = (1,) * (tensor.ndim - dense.ndim) + tuple(dense.shape)
    if (
        any(extent not in (1, own) for extent, own in zip(shape, tensor.shape, strict=False))
        or len(shape) > tensor.ndim
    ):
        raise RuntimeError(
            f"mul: a dense factor of shape {tuple(dense.shape)} cannot be expanded to the sparse one's {tuple(tensor.shape)}"
        )
    sparse = tensor.sparse_dim()
    node = view.reshape(node_of(dense), shape)
    places = [
        row if extent > 1 else np.zeros_like(row) for row, extent in zip(tensor.places(), shape[:sparse], strict=True)
    ]
    return wrap(index.take(node, *[index_node(row) for row in places]))


def _common(a: SparseTensor, b: SparseTensor) -> SparseTensor:
    """The product of two sparse tensors: at the places that both have."""
    if a.shape != b.shape:
        raise RuntimeError(
            f"mul: sparse tensors of shapes {tuple(a.shape)} and {tuple(b.shape)}: The expected size is the same"
        )
    if a.layout is not sparse_coo or b.layout is not sparse_coo:
        product = _common(a.to_sparse_coo(), b.to_sparse_coo())  # type: ignore[attr-defined]
        return product.to_sparse(layout=a.layout)  # type: ignore[attr-defined,no-any-return]
    # The side whose places may stand twice is kept as it is, and the other, added up, is looked up in.
    kept, probed = (b, a) if a._coalesced else (a, coalesced(b))
    places, found = structure.looked_up(kept.keys(), probed.keys())
    chosen = np.flatnonzero(found)
    elements = picked(kept._elements, chosen) * picked(probed._elements, places[chosen])  # type: ignore[operator]
    indices = structure.indices_of(kept.keys()[chosen], a.sparse_extents())
    return coo(indices, elements, a.shape, coalesced=kept._coalesced)


@operation("mul")
def mul(input: Any, other: Any) -> Tensor:
    if isinstance(input, SparseTensor) and isinstance(other, SparseTensor):
        return _common(input, other)
    sparse, factor = (input, other) if isinstance(input, SparseTensor) else (other, input)
    if is_number(factor) or not factor.ndim:
        return _scaled(sparse, factor, functions["mul"])
    return _scaled(sparse, _spread_to(factor, sparse), functions["mul"])


def _quotient(name: str) -> None:
    def call(input: Any, other: Any, **options: Any) -> Tensor:
        if not isinstance(input, SparseTensor) or (isinstance(other, SparseTensor) and other.ndim):
            raise RuntimeError("Sparse division requires a scalar or zero-dim dense tensor divisor")
        if isinstance(other, Tensor) and other.ndim:
            raise RuntimeError(
                f"Sparse division requires a scalar or zero-dim dense tensor divisor (got shape {list(other.shape)} for divisor)"
            )
        whole = coalesced(input) if name == "floor_divide" or options.get("rounding_mode") else input
        return _scaled(whole, other, lambda a, b: functions[name](a, b, **options))

    operation(name)(call)


for _name in ("div", "true_divide", "floor_divide"):
    _quotient(_name)


# ---- masks ----


@method
def sparse_mask(self: Tensor, mask: Tensor) -> SparseTensor:
    """The elements at the places of a sparse tensor, as a sparse tensor with its indices; a place that stands twice keeps both.

    >>> import rushlight as torch
    >>> mask = torch.sparse_coo_tensor([[0], [1]], [1.0], (2, 2))
    >>> torch.tensor([[1.0, 2.0], [3.0, 4.0]]).sparse_mask(mask).values()
    tensor([2.])
    """
    if not isinstance(mask, SparseTensor):
        raise NotImplementedError(f"sparse_mask: the mask has to be sparse, got layout {mask.layout}")
    if self.shape != mask.shape:
        raise RuntimeError(
            f"sparse_mask(): operands have incompatible sizes; self has size {list(self.shape)} but mask has size {list(mask.shape)}"
        )
    if isinstance(self, SparseTensor):
        whole = coalesced(self)
        places, found = structure.looked_up(mask.keys(), whole.keys())
        if not whole._nnz():
            return mask.with_elements(functions["zeros"](tuple(mask._elements.shape), dtype=self.dtype))
        chosen = wrap(index.take(node_of(whole._elements), index_node(places)))
        kept = from_array(found.astype(self.dtype.compute).reshape(-1, *[1] * self.dense_dim()), self.dtype)
        return mask.with_elements(chosen * kept)  # type: ignore[operator]
    chosen = wrap(index.take(node_of(self), *[index_node(row) for row in mask.places()]))
    result = mask.with_elements(chosen)
    result.set_label("SparseMask")
    return result
