"""Gradients as users see them: `backward`, `grad`, grad modes, hooks, `grad_fn`, custom functions' graph side.

The walk is `passes/grad`; here is what happens at leaves, hooks and custom backward rules, and PyTorch's error texts.
"""

from __future__ import annotations

import functools
import inspect
import warnings
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..ir import scalar
from ..ir.graph import Node, mode
from ..ir.type import TupleType
from ..passes import grad as grad_pass
from .public import method
from .tensor import Tensor, node_of, wrap

# ---- grad modes ----


class _GradMode:
    """Context manager and decorator that sets whether new results are tracked."""

    wanted: bool

    def __init__(self) -> None:
        self._saved: list[bool] = []

    def __enter__(self) -> None:
        self._saved.append(mode.tracking)
        mode.tracking = self.wanted

    def __exit__(self, *exception: Any) -> None:
        mode.tracking = self._saved.pop()

    def clone(self) -> _GradMode:
        return type(self)()

    def __call__(self, function: Any) -> Any:
        if inspect.isgeneratorfunction(function):
            return _wrap_generator(self.clone, function)

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with self.clone():
                return function(*args, **kwargs)

        return call


def _wrap_generator(context: Callable[[], _GradMode], function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        generator = function(*args, **kwargs)
        sent = None
        while True:
            try:
                with context():
                    value = generator.send(sent)
            except StopIteration as stop:
                return stop.value
            sent = yield value

    return call


class no_grad(_GradMode):
    """Results inside are not tracked; also a decorator."""

    wanted = False

    def __new__(cls, function: Any = None) -> Any:
        made = object.__new__(cls)
        if function is None:
            return made
        made.__init__()  # type: ignore[misc]
        return made(function)


class enable_grad(no_grad):
    """Results inside are tracked again within `no_grad`."""

    wanted = True


class set_grad_enabled(_GradMode):
    """Sets tracking at once, and back at the end where it is used as a context."""

    def __init__(self, mode: bool) -> None:
        super().__init__()
        self.wanted = bool(mode)
        self._before = grad_mode().tracking
        grad_mode().tracking = self.wanted

    def __enter__(self) -> None:
        return None

    def __exit__(self, *exception: Any) -> None:
        grad_mode().tracking = self._before

    def __call__(self, function: Any) -> Any:
        grad_mode().tracking = self._before
        return super().__call__(function)

    def clone(self) -> _GradMode:
        return type(self)(self.wanted)


def grad_mode() -> Any:
    return mode


class inference_mode(_GradMode):
    """Like `no_grad`; results can be used in later tracked work, which PyTorch forbids."""

    def __new__(cls, mode: Any = True) -> Any:
        made = object.__new__(cls)
        if callable(mode):
            made.__init__()  # type: ignore[misc]
            return made(mode)
        return made

    def __init__(self, mode: bool = True) -> None:
        super().__init__()
        self._on = mode

    def __enter__(self) -> None:
        self._saved.append(grad_mode().tracking)
        self._saved.append(grad_mode().inference)
        if self._on:
            grad_mode().tracking = False
        grad_mode().inference = self._on

    def __exit__(self, *exception: Any) -> None:
        grad_mode().inference = self._saved.pop()
        grad_mode().tracking = self._saved.pop()

    def clone(self) -> _GradMode:
        return type(self)(self._on)


def is_grad_enabled() -> bool:
    return mode.tracking


def is_inference_mode_enabled() -> bool:
    return mode.inference


# ---- the walk ----


def _vjp(node: Node, g: Node) -> tuple[Node | None, ...]:
    side = node.side
    if side is not None:
        if side.released:
            raise RuntimeError(
                "Trying to backward through the graph a second time (or directly access saved tensors after they have already "
                "been freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). "
                "Specify retain_graph=True if you need to backward through the graph a second time or if you need to access "
                "saved tensors after calling backward."
            )
        if side.backward is not None:
            return side.backward(node, g)  # type: ignore[no-any-return]
    rule: Any = node.signature.op.vjp  # type: ignore[union-attr]
    parts = rule(node, g)
    if mode.anomaly:
        _check_anomaly(node, parts)
    return parts  # type: ignore[no-any-return]


def _check_anomaly(node: Node, parts: Sequence[Node | None]) -> None:
    if not mode.check_nan:
        return
    for place, part in enumerate(parts):
        if part is None or isinstance(part.type, TupleType) or not part.type.dtype.category > 1:
            continue
        if np.isnan(wrap(part).detach()._decoded()).any():
            name = grad_fn_name(node)
            line = node.side.forward_line if node.side is not None else None
            warnings.warn(
                f"Error detected in {name}. Traceback of forward call that caused the error:\n{line}", stacklevel=4
            )
            raise RuntimeError(f"Function '{name}' returned nan values in its {place}th output.")


class detect_anomaly:
    """Raises where backward gives NaN, and shows the forward line that made the node. Slow: for debugging.

    Nodes made while it is on remember their line.
    """

    def __init__(self, check_nan: bool = True) -> None:
        self._wanted = (True, check_nan)

    def __enter__(self) -> None:
        self._saved = (mode.anomaly, mode.check_nan)
        mode.anomaly, mode.check_nan = self._wanted

    def __exit__(self, *exception: Any) -> None:
        mode.anomaly, mode.check_nan = self._saved


class set_detect_anomaly(detect_anomaly):
    """`detect_anomaly` that can also be set at once."""

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        state = grad_mode()
        self._saved = (state.anomaly, state.check_nan)
        state.anomaly, state.check_nan = mode, check_nan

    def __enter__(self) -> None:
        return None


def is_anomaly_enabled() -> bool:
    return mode.anomaly


def _run_hooks(node: Node, g: Node) -> Node:
    side = node.side
    if side is None:
        return g
    for hook in list(side.hooks or ()):
        result = hook(wrap(g))
        if result is not None:
            if not isinstance(result, Tensor):
                raise TypeError(f"expected Tensor as a hook's return, but got {type(result).__name__}")
            g = node_of(result)
    if side.retain is not None:
        kept = side.retain()
        if kept is not None:
            kept._grad = wrap(g) if kept._grad is None else wrap(scalar.add(node_of(kept._grad), g))
    return g


def _walk(
    roots: dict[Node, Node],
    create_graph: bool,
    retain: bool,
    at_leaf: Callable[[Node, Node], None],
    wanted: dict[Node, Node] | None = None,
) -> None:
    """Runs the pass with hooks and leaves; releases what it went through unless it is retained."""
    passed: list[Node] = []

    def visit(node: Node, g: Node) -> Node | None:
        g = _run_hooks(node, g)
        if wanted is not None and node in wanted:
            wanted[node] = g
        if node.signature is not None and node.signature.op.name == "leaf":
            at_leaf(node, g)
            return None
        passed.append(node)
        return g

    tracking, mode.tracking = mode.tracking, create_graph
    depth, mode.depth = mode.depth, 0
    try:
        grad_pass.backward(roots, visit, _vjp, wanted)
    finally:
        mode.tracking = tracking
        mode.depth = depth
    if not retain:
        for node in passed:
            if node.operands:
                node.sided().released = True
                node.operands = ()  # a pending node needs none: the trace has its structure


def _leaf_of(node: Node) -> Tensor | None:
    """The leaf tensor that a leaf node stands for, while it lives."""
    return node.side.leaf() if node.side is not None and node.side.leaf is not None else None


def _accumulate(node: Node, g: Node) -> None:
    tensor = _leaf_of(node)
    if tensor is None:
        return
    have = tensor._grad
    if have is None:
        tensor._grad = wrap(g)
    elif g.tracked or node_of(have).tracked:
        tensor._grad = wrap(scalar.add(node_of(have), g))
    else:
        have._storage.rebind(scalar.add(node_of(have), g)) if not have._steps else have.add_(wrap(g))
    for hook in list(getattr(tensor, "_post_accumulate_grad_hooks", {}).values()):
        hook(tensor)


def _initial(tensor: Tensor, gradient: Tensor | None) -> Node:
    node = node_of(tensor)
    if gradient is None:
        if tensor.numel() != 1:
            raise RuntimeError("grad can be implicitly created only for scalar outputs")
        if not (tensor.dtype.is_floating_point):
            raise RuntimeError(f"grad can be implicitly created only for real scalar outputs but got {tensor.dtype}")
        return scalar.full(1, node.type)
    if not isinstance(gradient, Tensor):
        raise TypeError(f"gradients can be either Tensors or None, but got {type(gradient).__name__}")
    if gradient.shape != tensor.shape:
        raise RuntimeError(
            f"Mismatch in shape: grad_output[0] has a shape of {gradient.shape} and output[0] has a shape of {tensor.shape}."
        )
    if gradient.dtype.is_complex != tensor.dtype.is_complex:
        raise RuntimeError(
            "For complex Tensors, both grad_output and output are required to have the same dtype. Mismatch in dtype: "
            f"grad_output[0] has a dtype of {gradient.dtype} and output[0] has a dtype of {tensor.dtype}."
        )
    return scalar.cast(node_of(gradient), dtype=tensor.dtype)


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (tuple, list)) else [value]


def _roots(tensors: list[Tensor], gradients: list[Tensor | None]) -> dict[Node, Node]:
    roots: dict[Node, Node] = {}
    if len(gradients) != len(tensors):
        raise RuntimeError(f"got {len(tensors)} tensors and {len(gradients)} gradients")
    for place, (tensor, gradient) in enumerate(zip(tensors, gradients, strict=True)):
        node = node_of(tensor)
        if not node.tracked:
            raise RuntimeError(f"element {place} of tensors does not require grad and does not have a grad_fn")
        g = _initial(tensor, gradient)
        roots[node] = scalar.add(roots[node], g) if node in roots else g
    return roots


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Any = None,
) -> None:
    """Adds the gradients of the tensors' sum to the `grad` of every leaf below them (or of `inputs` alone)."""
    found = _listed(tensors)
    gradients = [None] * len(found) if grad_tensors is None else _listed(grad_tensors)
    retain = create_graph if retain_graph is None else retain_graph
    if inputs is None:
        _walk(_roots(found, gradients), create_graph, retain, _accumulate)
        return
    chosen = _listed(inputs)
    if not chosen:
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    parts = grad(found, chosen, gradients, retain, create_graph, allow_unused=True)
    for tensor, part in zip(chosen, parts, strict=True):
        if part is not None:
            tensor._grad = part if tensor._grad is None else tensor._grad + part


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor | None, ...]:
    """The gradients of the outputs' sum with respect to the inputs, as tensors; `.grad` is not touched."""
    if is_grads_batched:
        raise NotImplementedError("autograd.grad: is_grads_batched is not in Rushlight yet; loop over the gradients")
    found, chosen = _listed(outputs), _listed(inputs)
    gradients = [None] * len(found) if grad_outputs is None else _listed(grad_outputs)
    nodes = []
    for tensor in chosen:
        node = node_of(tensor)
        if not node.tracked:
            raise RuntimeError("One of the differentiated Tensors does not require grad")
        nodes.append(node)
    roots = _roots(found, gradients)
    collected: dict[Node, Any] = dict.fromkeys(nodes)
    # A leaf tensor that was written to since has a leaf node for each version: their cotangents belong together.
    owners = {id(tensor) for tensor in chosen}
    for node in grad_pass.order(roots):
        if node.op_name == "leaf" and id(_leaf_of(node)) in owners:
            collected.setdefault(node, None)
    at_leaves: dict[int, Node] = {}

    def at_leaf(node: Node, g: Node) -> None:
        owner = id(_leaf_of(node))
        at_leaves[owner] = scalar.add(at_leaves[owner], g) if owner in at_leaves else g

    retain = create_graph if retain_graph is None else retain_graph
    _walk(roots, create_graph, retain, at_leaf, collected)
    return tuple(
        _one_gradient(tensor, at_leaves.get(id(tensor), collected[node]), allow_unused, materialize_grads)
        for tensor, node in zip(chosen, nodes, strict=True)
    )


def _one_gradient(tensor: Tensor, found: Node | None, allow_unused: bool | None, materialize: bool) -> Tensor | None:
    if found is not None:
        return wrap(found)
    if materialize:
        return wrap(scalar.zeros_like(node_of(tensor)))
    if not allow_unused:
        raise RuntimeError(
            "One of the differentiated Tensors appears to not have been used in the graph. Set allow_unused=True if this is the "
            "desired behavior."
        )
    return None


def _backward_method(
    self: Tensor, gradient: Any = None, retain_graph: bool | None = None, create_graph: bool = False, inputs: Any = None
) -> None:
    """Adds this tensor's gradients to the `grad` of every leaf below it, as `torch.autograd.backward`."""
    backward(self, None if gradient is None else [gradient], retain_graph, create_graph, inputs=inputs)


Tensor.backward = _backward_method  # type: ignore[attr-defined]

# ---- hooks ----


class RemovableHandle:
    """Ends a hook with `remove()`; also a context manager."""

    def __init__(self, hooks: Any, hook: Any) -> None:
        self._hooks, self._hook = hooks, hook

    def remove(self) -> None:
        if self._hook in self._hooks:
            self._hooks.remove(self._hook)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exception: Any) -> None:
        self.remove()


def _hooks_of(tensor: Tensor) -> list[Any]:
    side = node_of(tensor).sided()
    if side.hooks is None:
        side.hooks = []
    return side.hooks


@method
def register_hook(self: Tensor, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
    """Calls `hook(gradient)` whenever this tensor's gradient is computed; what it returns replaces the gradient."""
    if not self.requires_grad:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    if self._own_leaf():
        source: Any = self._source
        if source.hooks is None:
            source.hooks = []  # with the source, since a leaf's node changes with each update
        hooks = source.hooks
        node_of(self).sided().hooks = hooks
    else:
        hooks = _hooks_of(self)
    hooks.append(hook)
    return RemovableHandle(hooks, hook)


@method
def register_post_accumulate_grad_hook(self: Tensor, hook: Callable[[Tensor], None]) -> RemovableHandle:
    """Calls `hook(tensor)` after a gradient has been added to this leaf's `grad`."""
    if not self._own_leaf():
        raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
    hooks = self.__dict__.setdefault("_post_accumulate_grad_hooks", _HookTable())
    return hooks.add(hook)  # type: ignore[no-any-return]


class _HookTable(dict[int, Any]):
    def add(self, hook: Any) -> RemovableHandle:
        key = max(self, default=-1) + 1
        self[key] = hook
        return RemovableHandle(_Entry(self, key), key)


class _Entry:
    """A dict entry seen as a one-element list, for `RemovableHandle`."""

    def __init__(self, table: dict[int, Any], key: int) -> None:
        self._table, self._key = table, key

    def __contains__(self, key: object) -> bool:
        return key in self._table

    def remove(self, key: int) -> None:
        del self._table[key]


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

# ---- grad_fn ----


def grad_fn_name(node: Node) -> str:
    if node.op_name == "leaf":
        return "AccumulateGrad"
    name = node.label or "".join(part.capitalize() for part in node.op_name.split("_"))
    return name if "Backward" in name or name == "CopySlices" else f"{name}Backward0"


class GradFn:
    """What `tensor.grad_fn` shows: a node of the graph under PyTorch's name for it."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def name(self) -> str:
        return grad_fn_name(self._node)

    @property
    def next_functions(self) -> tuple[tuple[GradFn | None, int], ...]:
        """The functions below this one, through the unnamed nodes it is made of."""
        return tuple((None if node is None else GradFn(node), 0) for node in _below(self._node))

    @property
    def variable(self) -> Tensor:
        """The leaf tensor of an AccumulateGrad."""
        side = self._node.side
        if side is None or side.leaf is None:
            raise AttributeError(f"'{self.name()}' object has no attribute 'variable'")
        return side.leaf()  # type: ignore[no-any-return]

    @property
    def metadata(self) -> dict[str, Any]:
        side: Any = self._node.sided()
        return side.__dict__.setdefault("metadata", {}) if hasattr(side, "__dict__") else {}

    def register_hook(self, hook: Any) -> RemovableHandle:
        """Calls `hook(grad_inputs, grad_outputs)` after this function's gradients are computed."""
        node = self._node
        side = node.sided()
        inner = side.backward or node.signature.op.vjp  # type: ignore[union-attr]

        def backward_with_hook(at: Node, g: Node) -> tuple[Node | None, ...]:
            parts = inner(at, g)  # type: ignore[operator]
            result = hook(tuple(None if p is None else wrap(p) for p in parts), (wrap(g),))
            if result is None:
                return parts  # type: ignore[no-any-return]
            return tuple(None if r is None else node_of(r) for r in result)

        side.backward = backward_with_hook
        entry = [hook]

        class _Handle(RemovableHandle):
            def remove(self) -> None:
                side.backward = inner if inner is not node.signature.op.vjp else None  # type: ignore[union-attr]

        return _Handle(entry, hook)

    def register_prehook(self, hook: Any) -> RemovableHandle:
        """Calls `hook(grad_outputs)` before this function's gradients are computed."""
        side = self._node.sided()
        side.hooks = side.hooks if side.hooks is not None else []

        def unpack(g: Tensor) -> Tensor | None:
            result = hook((g,))
            return None if result is None else result[0]

        side.hooks.append(unpack)
        return RemovableHandle(side.hooks, unpack)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GradFn) and other._node is self._node

    def __hash__(self) -> int:
        return id(self._node)

    def __repr__(self) -> str:
        return f"<{self.name()} object at {id(self._node):#x}>"


def _below(node: Node) -> list[Node | None]:
    """The named nodes and leaves that a named node stands on, in operand order; None for an operand without gradient."""
    found: list[Node | None] = []
    for operand in node.operands:
        if not operand.tracked:
            if operand.label is not None or node.label is None or len(node.operands) > 1:
                found.append(None)
        elif operand.label is not None or operand.op_name == "leaf":
            found.append(operand)
        else:
            found.extend(part for part in _below(operand) if part is not None)
    return found


@property  # type: ignore[misc]
def _grad_fn(self: Tensor) -> GradFn | None:
    if self._own_leaf():
        return None
    node = node_of(self)
    return GradFn(node) if node.tracked else None


Tensor.grad_fn = _grad_fn  # type: ignore[attr-defined]
