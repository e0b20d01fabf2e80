"""Differentiation where sparse tensors stand at the ends: `backward`, `grad`, and the gradient of a table of which few rows were read."""

from __future__ import annotations

from typing import Any

from ..ir import view
from ..ir.graph import Node
from ..tensor import Tensor, autograd
from ..tensor.geometry import sparse_coo
from ..tensor.tensor import wrap
from .elementwise import joined, sparse_mask
from .operations import operation
from .tensor import SparseTensor, made


def gradient_of_rows(cotangent: Node) -> SparseTensor:
    """The gradient of a table as a sparse tensor: a value for each row that was read, as often as it was."""
    assert cotangent.side is not None and cotangent.side.rows is not None
    values, places = cotangent.side.rows
    indices = wrap(view.reshape(places, (1, places.type.size)))
    return made(sparse_coo, (indices,), wrap(values), cotangent.type.shape, coalesced=False)


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (tuple, list)) else [value]


def _elements(tensor: Any) -> Any:
    return tensor._elements if isinstance(tensor, SparseTensor) else tensor


def _outputs(outputs: Any, gradients: Any) -> tuple[list[Any], list[Any] | None]:
    """The elements of the outputs, and the gradients of those."""
    found = _listed(outputs)
    if gradients is None:
        return [_elements(output) for output in found], None
    pairs = [
        (_elements(output), g if g is None or not isinstance(output, SparseTensor) else _elements(sparse_mask(g, output)))
        for output, g in zip(found, _listed(gradients), strict=True)
    ]
    return [output for output, _ in pairs], [g for _, g in pairs]


@operation("grad")
def grad(outputs: Any, inputs: Any, grad_outputs: Any = None, *args: Any, **kwargs: Any) -> tuple[Tensor | None, ...]:
    """Gradients by sparse inputs are sparse, with their indices; those of sparse outputs are read at theirs."""
    chosen = _listed(inputs)
    found, gradients = _outputs(outputs, grad_outputs)  # the plain function is called, or an error there would come back here
    results = autograd.grad.__wrapped__(found, [_elements(tensor) for tensor in chosen], gradients, *args, **kwargs)
    return tuple(
        tensor.gradient_of(g) if isinstance(tensor, SparseTensor) and g is not None else g
        for tensor, g in zip(chosen, results, strict=True)
    )


@operation("backward")
def backward(tensors: Any, grad_tensors: Any = None, *args: Any, **kwargs: Any) -> None:
    found, gradients = _outputs(tensors, grad_tensors)
    if kwargs.get("inputs") is not None:
        kwargs["inputs"] = [_elements(tensor) for tensor in _listed(kwargs["inputs"])]
    autograd.backward.__wrapped__(found, gradients, *args, **kwargs)


def accumulated(have: Tensor, more: Tensor) -> Tensor:
    """The sum of two gradients of one leaf, of which one is sparse: sparse if both are."""
    if isinstance(have, SparseTensor) and isinstance(more, SparseTensor):
        return joined(have, more)
    if isinstance(have, SparseTensor):
        have, more = more, have
    return have + more  # type: ignore[operator,no-any-return]

