"""Updates of a parameter and its states as one node, without the public functions.

Most of an eager step's Python was spent in those: a dozen calls for each parameter, each with its checks.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from ..dtype import float32, float64
from ..ir.component import parts_of
from ..ir.graph import Signature, emit_parts, mode, signature_of
from ..ir.op import Op
from ..ir.type import TupleType, Type
from ..runtime.executor import settle
from ..runtime.watch import Watching
from ..tensor import Tensor
from ..tensor.layouts import OtherLayout
from ..tensor.storage import rebind_all
from ..tensor.tensor import node_of


class Update:
    """A record of `ir/update_rules` with its attributes: the signatures are looked up once for each type of parameter."""

    def __init__(self, op: Op, attributes: dict[str, Any]) -> None:
        self.op, self.attributes = op, attributes
        self._signatures: dict[Type, tuple[Signature, list[Signature]]] = {}

    def _found(self, type: Type, tensors: int, numbers: int) -> tuple[Signature, list[Signature]]:
        types = (type,) * tensors + (type.with_shape(()),) * numbers
        signature = signature_of(self.op, types, self.attributes)
        result: Any = signature.type
        found = signature, parts_of(result) if isinstance(result, TupleType) else []
        self._signatures[type] = found
        return found

    def apply(self, gradient: Tensor, changing: tuple[Tensor, ...], settings: Any) -> bool:
        """Updates the tensors that change: a parameter and its states. `settings.numbers(dtype)` are the operands after them.

        False where the public functions are needed: for views, history, memory shared with NumPy, complex numbers, and
        sparse gradients, and half precision, which is rounded once for a node and so not after each operation.
        """
        type = changing[0]._storage.node.type
        if mode.tracking or type.dtype not in (float32, float64):
            return False
        try:
            slope = node_of(gradient)
        except OtherLayout:
            return False
        if slope.type is not type:
            return False
        storages, nodes = [], []
        for tensor in changing:
            storage = tensor._storage
            node = storage.node
            if node.type is not type or node.tracked or tensor._steps or storage.buffer is not None:
                return False
            storages.append(storage)
            nodes.append(node)
        nodes.insert(1, slope)
        numbers = settings.numbers(type.dtype)
        if Watching.watcher is not None:
            Watching.watcher.updated(changing[0], settings, type.dtype, numbers)
        signature, parts = self._signatures.get(type) or self._found(type, len(nodes), len(numbers))
        rebind_all(storages, emit_parts(signature, parts, nodes + numbers))
        settle()
        return True


@cache
def _update(op: Op, attributes: tuple[tuple[str, Any], ...]) -> Update:
    return Update(op, dict(attributes))


def update_by(op: Op, **attributes: Any) -> Update:
    """The update of a record with these attributes, the same each time."""
    return _update(op, tuple(attributes.items()))


def note_parts() -> None:
    """An update in the public functions begins."""
    if Watching.watcher is not None:
        Watching.watcher.by_parts()
