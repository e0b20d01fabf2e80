"""Differentiation where sparse tensors stand at the ends: `backward`, `grad`, and the gradient of a table of which few rows were read."""

from __future__ import annotations

from typing import Any

from ..ir import view
from ..ir.graph import Node
from ..tensor import Tensor, autograd
from ..tensor.geometry import sparse_coo
from ..tensor.tensor import node_of, wrap
from .elementwise import joined, sparse_mask
from .tensor import SparseTensor, made


def gradient_of_rows(cotangent: Node) -> SparseTensor:
    """The gradient of a table as a sparse tensor: a value for each row that was read, as often as it was."""
    assert cotangent.side is not None and cotangent.side.rows is not None
    values, places = cotangent.side.rows
    indices = wrap(view.reshape(places, (1, places.type.size)))
    return made(sparse_coo, (indices,), wrap(values), cotangent.type.shape, coalesced=False)


def cotangent_of(gradient: SparseTensor) -> Node:
    """The reverse: what a hook returned as a sparse tensor."""
    whole = node_of(gradient.to_dense())
    if gradient.layout is sparse_coo and gradient.sparse_dim() == 1:
        places = node_of(gradient._structure[0])
        whole.sided().rows = node_of(gradient._elements), view.reshape(places, (places.type.size,))
    return whole


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
        (
            _elements(output),
            g if g is None or not isinstance(output, SparseTensor) else _elements(sparse_mask(g, output)),
        )
        for output, g in zip(found, _listed(gradients), strict=True)
    ]
    return [output for output, _ in pairs], [g for _, g in pairs]


def grad(
    outputs: list[Any], inputs: list[Any], gradients: Any, retain: bool | None, create_graph: bool, allow_unused: bool
) -> tuple[Tensor | None, ...]:
    """`autograd.grad`: gradients by sparse inputs are sparse, with their indices; those given of sparse outputs are read at theirs."""
    found, given = _outputs(outputs, gradients)
    results = autograd.grad(found, list(map(_elements, inputs)), given, retain, create_graph, allow_unused=allow_unused)
    return tuple(
        tensor.gradient_of(g) if isinstance(tensor, SparseTensor) and g is not None else g
        for tensor, g in zip(inputs, results, strict=True)
    )


def backward(
    outputs: list[Any], gradients: Any, retain: bool | None, create_graph: bool, inputs: list[Any] | None
) -> None:
    """`autograd.backward` from or to sparse tensors."""
    found, given = _outputs(outputs, gradients)
    autograd.backward(
        found, given, retain, create_graph, inputs=None if inputs is None else list(map(_elements, inputs))
    )


def accumulated(have: Tensor, more: Tensor) -> Tensor:
    """The sum of two gradients of one leaf, of which one is sparse: sparse if both are."""
    if isinstance(have, SparseTensor) and isinstance(more, SparseTensor):
        return joined(have, more)
    if isinstance(have, SparseTensor):
        have, more = more, have
    return have + more  # type: ignore[operator,no-any-return]
