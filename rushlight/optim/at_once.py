"""Updates of a parameter and its state as one node: what is read from and put into tensors without the public functions.

Most of an eager step's Python was spent there: a dozen calls for each parameter, each with its checks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..dtype import float32, float64
from ..ir.graph import Node
from ..runtime.executor import settle
from ..tensor import Tensor
from ..tensor.tensor import node_of

_ROUNDING_EACH = (float32, float64)  # half precision is rounded once for a node, and so not after each operation


def bare(tensor: Tensor) -> Node | None:
    """The value of a tensor that is all of its storage, which has no history and is not shared with NumPy; else None."""
    storage = tensor._storage
    node = storage.node
    return None if node.tracked or tensor._steps or storage.buffer is not None else node


def operands(parameter: Tensor, gradient: Tensor, states: Iterable[Tensor]) -> list[Node] | None:
    """The nodes of a parameter, its gradient and its states; None where one of them needs the public functions."""
    own = bare(parameter)
    if own is None or own.type.dtype not in _ROUNDING_EACH:
        return None
    type = own.type
    slope = node_of(gradient)
    if slope.type is not type:
        return None
    found = [own, slope]
    for state in states:
        node = bare(state)
        if node is None or node.type is not type:
            return None
        found.append(node)
    return found


def put(tensors: Sequence[Tensor], nodes: Sequence[Node]) -> None:
    """Makes nodes the values of tensors that `operands` found bare."""
    for tensor, node in zip(tensors, nodes, strict=True):
        tensor._storage.rebind(node)
    settle()
