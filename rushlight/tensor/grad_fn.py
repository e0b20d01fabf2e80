"""The graph as users see it: `grad_fn` with its names and neighbours, and the hooks on tensors and functions."""

from __future__ import annotations

import functools
import itertools
import weakref
from collections.abc import Callable
from typing import Any

from ..ir import component
from ..ir.graph import Node
from ..ir.type import TupleType
from .public import method
from .tensor import Tensor, node_of, wrap

# ---- hooks ----

Hooks = dict[int, Any]  # by number, in order of registration
_numbers = itertools.count()


class RemovableHandle:
    """Ends a hook with `remove()`; also a context manager."""

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks
        self.id = next(_numbers)

    def remove(self) -> None:
        self._hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exception: Any) -> None:
        self.remove()


def _register(hooks: Hooks, hook: Any) -> RemovableHandle:
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    return handle


@method
def register_hook(self: Tensor, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
    """Calls `hook(gradient)` whenever this tensor's gradient is computed; what it returns replaces the gradient."""
    if not self.requires_grad:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    side = node_of(self).sided()
    if self._own_leaf():
        source: Any = self._source
        if source.hooks is None:
            source.hooks = {}  # with the source, since a leaf's node changes with each update
        side.hooks = source.hooks
    elif side.hooks is None:
        side.hooks = {}
    return _register(side.hooks, hook)


@method
def register_post_accumulate_grad_hook(self: Tensor, hook: Callable[[Tensor], None]) -> RemovableHandle:
    """Calls `hook(tensor)` after a gradient has been added to this leaf's `grad`."""
    if not self.requires_grad:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    if not self._own_leaf():
        raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
    return _register(self.__dict__.setdefault("_post_accumulate_grad_hooks", {}), hook)


@method
def retain_grad(self: Tensor) -> None:
    """Keeps the gradient of a non-leaf tensor in its `grad`."""
    if not self.requires_grad:
        raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
    if not self.is_leaf:
        node_of(self).sided().retain = weakref.ref(self)


@property  # type: ignore[misc]
def _retains_grad(self: Tensor) -> bool:
    return not self.is_leaf and (side := node_of(self).side) is not None and side.retain is not None


Tensor.retains_grad = _retains_grad  # type: ignore[attr-defined]


def gradients_of(g: Node) -> tuple[Tensor, ...]:
    """A cotangent as the tensors that a function's hook sees: one for each result."""
    return tuple(map(wrap, component.components(g))) if isinstance(g.type, TupleType) else (wrap(g),)


def gradients_to_node(gradients: Any, g: Node) -> Node:
    """What a function's hook returned, as a cotangent in place of `g`."""
    found = gradients if isinstance(gradients, (tuple, list)) else (gradients,)
    expected = len(g.type.parts) if isinstance(g.type, TupleType) else 1
    check_count(found, expected)
    nodes = [node_of(part) for part in found]
    return component.packed(*nodes) if isinstance(g.type, TupleType) else nodes[0]


def check_count(found: Any, expected: int) -> None:
    if len(found) != expected:
        raise RuntimeError(
            f"hook has returned an incorrect number of values (got {len(found)}, but expected {expected})"
        )


# ---- grad_fn ----


def grad_fn_name(node: Node) -> str:
    if node.op_name == "leaf":
        return "AccumulateGrad"
    name = node.label or "".join(part.capitalize() for part in node.op_name.split("_"))
    return name if "Backward" in name or name == "CopySlices" else f"{name}Backward0"


class GradFn:
    """What `tensor.grad_fn` shows: a node of the graph under PyTorch's name for it; its class has that name too."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def name(self) -> str:
        own = type(self).__name__
        return f"torch::autograd::{own}" if own in ("AccumulateGrad", "CopySlices") else own

    @property
    def next_functions(self) -> tuple[tuple[GradFn | None, int], ...]:
        """The functions below this one, and which of their results it reads; through the unnamed nodes it is made of."""
        return tuple((None, 0) if node is None else _function(node) for node in _below(self._node))

    @property
    def variable(self) -> Tensor:
        """The leaf tensor of an AccumulateGrad."""
        side = self._node.side
        if side is None or side.leaf is None:
            raise AttributeError(f"'{type(self).__name__}' object has no attribute 'variable'")
        return side.leaf()  # type: ignore[no-any-return]

    @property
    def metadata(self) -> dict[str, Any]:
        """A dict for the user's own."""
        side = self._node.sided()
        if side.metadata is None:
            side.metadata = {}
        return side.metadata

    def register_hook(self, hook: Any) -> RemovableHandle:
        """Calls `hook(grad_inputs, grad_outputs)` after this function's gradients are computed; it may return others."""
        side = self._node.sided()
        if side.after is None:
            side.after = {}
        return _register(side.after, hook)

    def register_prehook(self, hook: Any) -> RemovableHandle:
        """Calls `hook(grad_outputs)` before this function's gradients are computed; it may return others."""
        side = self._node.sided()
        if side.before is None:
            side.before = {}
        return _register(side.before, hook)

    def __getattr__(self, name: str) -> Any:
        """What a custom function's forward left in its `ctx`."""
        side = self._node.side
        context = None if side is None else getattr(side.backward, "context", None)
        if context is None:
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        return getattr(context, name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GradFn) and other._node is self._node

    def __hash__(self) -> int:
        return id(self._node)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} object at {id(self._node):#x}>"


@functools.cache
def _class_named(name: str) -> type[GradFn]:
    return type(name, (GradFn,), {})


def _function(node: Node) -> tuple[GradFn, int]:
    """A node's function, and which of its results the node is."""
    place = 0
    if node.op_name == "component":
        (whole,) = node.operands
        place = node.attributes["index"]
        whole.label = whole.label or node.label
        node = whole
    return _class_named(grad_fn_name(node))(node), place


def _below(node: Node) -> list[Node | None]:
    """The named nodes and leaves that a named node stands on, in operand order; None for a tensor without gradient."""
    if node.op_name == "leaf":
        return []
    found: list[Node | None] = []
    for operand in node.operands:
        if not operand.tracked:
            if _could_be_tracked(node, operand):
                found.append(None)
        elif operand.label is not None or operand.op_name == "leaf":
            found.append(operand)
        else:
            found.extend(part for part in _below(operand) if part is not None)
    if node.label == "CopySlices" and len(found) == 2:
        found = _copied_into(found[0], found[1])
    return found


def _could_be_tracked(node: Node, operand: Node) -> bool:
    """Whether an operand is a tensor that PyTorch would differentiate by, rather than an index, a mask or a number."""
    if isinstance(operand.type, TupleType) or not node.signature.tracks:  # type: ignore[union-attr]
        return False
    return operand.type.dtype.is_floating_point and (
        operand.type.ndim > 0 or node.label in ("Add", "Sub", "Mul", "Div")
    )


def _copied_into(base: Node | None, value: Node | None) -> list[Node | None]:
    """Below a write through a view: an in-place function of the view itself is one with the write."""
    above = [] if base is None or value is None else _below(value)
    if above and above[0] is not None and base in _below(above[0]):
        return [base, *above[1:]]
    return [base, value]


@property  # type: ignore[misc]
def _grad_fn(self: Tensor) -> GradFn | None:
    if self._own_leaf():
        return None
    node = node_of(self)
    return _function(node)[0] if node.tracked else None


@property  # type: ignore[misc]
def _output_nr(self: Tensor) -> int:
    if self._own_leaf():
        return 0
    node = node_of(self)
    return _function(node)[1] if node.tracked else 0


Tensor.grad_fn = _grad_fn  # type: ignore[attr-defined]
Tensor.output_nr = _output_nr  # type: ignore[attr-defined]
