"""Gradients as users see them: `backward`, `grad`, and the detection of anomalies.

The walk is `passes/grad`; here is what happens at leaves, hooks and custom backward rules, and PyTorch's error texts.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..dtype import FLOATING
from ..ir import component, scalar
from ..ir.graph import Node, Side, mode, trace
from ..ir.type import TupleType
from ..passes import grad as grad_pass
from ..passes import recall, repetition
from .geometry import strided
from .grad_fn import check_count, grad_fn_name, gradients_of, gradients_to_node
from .public import functions
from .tensor import Late, Tensor, node_of, wrap

# ---- the walk ----

FREED = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already been freed). "
    "Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify retain_graph=True if "
    "you need to backward through the graph a second time or if you need to access saved tensors after calling backward."
)


def _vjp(node: Node, g: Node) -> tuple[Node | None, ...]:
    side = node.side
    rule: Any = node.signature.op.vjp  # type: ignore[union-attr]
    if side is not None:
        if side.released:
            raise RuntimeError(FREED)
        rule = side.backward or rule
    parts: Any = _watched(node, rule, g) if mode.anomaly else rule(node, g)
    if side is not None and side.after:
        for hook in list(side.after.values()):
            parts = _call_after(hook, parts, g)
    return parts  # type: ignore[no-any-return]


def _call_after(hook: Any, parts: tuple[Node | None, ...], g: Node) -> tuple[Node | None, ...]:
    seen = tuple(None if part is None or isinstance(part.type, TupleType) else wrap(part) for part in parts)
    result = hook(seen, gradients_of(g))
    if result is None:
        return parts
    replaced = result if isinstance(result, (tuple, list)) else (result,)
    check_count(replaced, len(parts))
    return tuple(
        part if new is old else None if new is None else node_of(new)
        for part, old, new in zip(parts, seen, replaced, strict=True)
    )


# ---- anomalies ----


def _watched(node: Node, rule: Any, g: Node) -> tuple[Node | None, ...]:
    """What the rule gives; shows where the node was made if the rule fails or gives NaN."""
    side = node.sided()
    for operand in node.operands:
        if operand.tracked and operand.label is None:  # what the user's function is made of was made on the same line
            inner = operand.sided()
            inner.forward_line = inner.forward_line or side.forward_line
    try:
        parts: tuple[Node | None, ...] = rule(node, g)
        for place, part in enumerate(parts):
            if mode.check_nan and part is not None and _has_nan(part):
                raise RuntimeError(f"Function '{grad_fn_name(node)}' returned nan values in its {place}th output.")
    except Exception:
        warnings.warn(f"Error detected in {grad_fn_name(node)}. {_origin(side)}", stacklevel=6)
        raise
    return parts


def _has_nan(part: Node) -> bool:
    if isinstance(part.type, TupleType):
        return any(map(_has_nan, component.components(part)))
    return part.type.dtype.category >= FLOATING and bool(np.isnan(wrap(part).detach()._decoded()).any())


def _origin(side: Side) -> str:
    if side.forward_line is None:
        return "No forward pass information available. Enable detect anomaly during forward pass for more information."
    return f"Traceback of forward call that caused the error:\n{side.forward_line}"


class detect_anomaly:
    """Raises where backward gives NaN, and shows the forward line that made the node. Slow: for debugging.

    Nodes made while it is on remember their line.
    """

    def __init__(self, check_nan: bool = True) -> None:
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should only be enabled for debugging.",
            stacklevel=2,
        )
        self._wanted = (True, check_nan)

    def __enter__(self) -> None:
        self._before = _set_anomaly(*self._wanted)

    def __exit__(self, *exception: Any) -> None:
        _set_anomaly(*self._before)


class set_detect_anomaly:
    """Sets the detection of anomalies at once, and back at the end where it is used as a context."""

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self._before = _set_anomaly(mode, check_nan)

    def __enter__(self) -> None:
        return None

    def __exit__(self, *exception: Any) -> None:
        _set_anomaly(*self._before)


def _set_anomaly(wanted: bool, check_nan: bool) -> tuple[bool, bool]:
    """Returns what was set before."""
    before = mode.anomaly, mode.check_nan
    mode.anomaly, mode.check_nan = wanted, check_nan
    return before


def is_anomaly_enabled() -> bool:
    """Whether the detection of anomalies is on."""
    return mode.anomaly


def is_anomaly_check_nan_enabled() -> bool:
    """Whether the detection of anomalies, when on, looks for NaN."""
    return mode.check_nan


def _run_hooks(side: Side, g: Node) -> Node:
    """What is called with a complete cotangent before it goes on: the tensor's hooks, its kept gradient, the function's hooks."""
    if side.hooks:
        for hook in list(side.hooks.values()):
            result = hook(gradient_of(g))
            if result is not None:
                g = _replaced(hook, result, g)
    if side.retain is not None:
        kept = side.retain()
        if kept is not None:
            kept._grad = gradient_of(g) if kept._grad is None else wrap(scalar.add(node_of(kept._grad), g))
    if side.before:
        for hook in list(side.before.values()):
            result = hook(gradients_of(g))
            if result is not None:
                g = gradients_to_node(result, g)
    return g


def gradient_of(g: Node) -> Tensor:
    """A complete cotangent as the tensor that users see: sparse, where what read the table asked for that."""
    sparse = g.side is not None and g.side.rows is not None
    return Late.sparse().gradients.gradient_of_rows(g) if sparse else wrap(g)  # type: ignore[no-any-return]


def _replaced(hook: Any, result: Any, g: Node) -> Node:
    if not isinstance(result, Tensor):
        raise TypeError(f"expected Variable, but hook returned '{type(result).__name__}'")
    node = node_of(result) if result.layout is strided else Late.sparse().gradients.cotangent_of(result)
    name = getattr(hook, "__name__", "<unknown>")
    if node.type.dtype is not g.type.dtype:
        raise RuntimeError(
            f"hook '{name}' has changed the type of value (was {wrap(g).type()} got {result.type()})"  # type: ignore[attr-defined]
        )
    if node.type is not g.type:
        raise RuntimeError(f"hook '{name}' has changed the size of value")
    return node


def _walk(
    roots: dict[Node, Node],
    create_graph: bool,
    retain: bool,
    at_leaf: Callable[[Node, Node], None],
    wanted: dict[Node, Node] | None = None,
    keep: Callable[[list[Node]], None] | None = None,
) -> None:
    """Runs the pass with hooks and leaves; releases what it went through (`keep` sees it before) unless it is retained."""

    def visit(node: Node, g: Node) -> Node | None:
        side = node.side
        if side is not None and (side.hooks or side.before or side.retain is not None):
            g = _run_hooks(side, g)
        if wanted is not None and node in wanted:
            wanted[node] = g
        if side is None or side.leaf is None:
            return g
        at_leaf(node, g)
        if side.after:
            for hook in list(side.after.values()):
                hook((), (gradient_of(g),))
        return None

    tracking, mode.tracking = mode.tracking, create_graph
    depth, mode.depth = mode.depth, 0
    _Queue.walks.append([])
    try:
        passed = grad_pass.backward(roots, visit, _vjp, wanted, () if wanted is None else wanted, mode.anomaly)
    finally:
        mode.tracking = tracking
        mode.depth = depth
        queued = _Queue.walks.pop()
    if keep is not None:
        keep(passed)
    if not retain:
        grad_pass.release(passed)
    for callback in queued:
        callback()


class _Queues(threading.local):
    """What is to be called at the end of each walk in progress, the innermost last."""

    def __init__(self) -> None:
        self.walks: list[list[Callable[[], None]]] = []


_Queue = _Queues()


def queue_callback(callback: Callable[[], None]) -> None:
    """Calls back once the walk in progress has reached all leaves; for hooks."""
    if not _Queue.walks:
        raise RuntimeError("queue_callback: final callbacks can only be installed during backward pass.")
    _Queue.walks[-1].append(callback)


def _leaf_of(node: Node) -> Tensor | None:
    """The leaf tensor that a leaf node stands for, while it lives."""
    return node.side.leaf() if node.side is not None and node.side.leaf is not None else None


def _accumulate(node: Node, g: Node) -> None:
    tensor = _leaf_of(node)
    if tensor is None:
        return
    have = tensor._grad
    if have is None:
        tensor._grad = gradient_of(g)
    elif have.layout is not strided or (g.side is not None and g.side.rows is not None):
        tensor._grad = Late.sparse().gradients.accumulated(have, gradient_of(g))
    elif g.tracked or node_of(have).tracked:
        tensor._grad = wrap(scalar.add(node_of(have), g))
    else:
        have._storage.rebind(scalar.add(node_of(have), g)) if not have._steps else have.add_(wrap(g))
    hooks = tensor.__dict__.get("_post_accumulate_grad_hooks")
    if hooks:
        for hook in list(hooks.values()):
            hook(tensor)


def _plain_leaf(node: Node) -> Tensor | None:
    """The tensor of a leaf that has no gradient yet and no hooks."""
    side = node.side
    if side is None or side.leaf is None or side.hooks or side.before or side.after or side.retain is not None:
        return None
    tensor: Tensor | None = side.leaf()
    if tensor is None or tensor._grad is not None or tensor.__dict__.get("_post_accumulate_grad_hooks"):
        return None
    return tensor


def _again(walk: repetition.Walk, root: Node) -> bool:
    """Backward by a walk that came before; False where the graph is not as it was."""
    found = walk.match(root)
    if found is None:
        return False
    passed, leaves = found
    tensors = [_plain_leaf(leaf) for leaf in leaves]
    if None in tensors or len(set(tensors)) != len(tensors):
        return False
    for tensor, g in zip(tensors, walk.append(), strict=True):
        tensor._grad = wrap(g)  # type: ignore[union-attr]
    grad_pass.release(passed)
    return True


def _backward_of_one(tensor: Tensor) -> None:
    """Backward from one tensor, with nothing asked for: as in nearly every training step."""
    root = node_of(tensor)
    with trace.lock:  # so that no other thread's entries come in between
        trace.literals.clear()  # what is appended again shares none with what comes before or after
        key = repetition.key_of(root)
        if key is not None:
            walk = repetition.find(key)
            if walk is not None and _again(walk, root):
                return
            if walk is None and not repetition.was_refused(key) and repetition.came_before(key) and _only_rules(root):
                _kept_walk(key, tensor)
                trace.literals.clear()
                return
        _backward_recalled(tensor)
        trace.literals.clear()


def _backward_recalled(tensor: Tensor) -> None:
    """Backward from one tensor by a walk through such a graph that came before, where there is one: of a loss that was looked at halfway."""
    roots = _roots([tensor], [None])
    ((root, g),) = roots.items()
    graph = recall.describe(root, g) if type(root) is Node else None
    leaves = [] if graph is None else [node for node in graph.nodes if node.tracked and node.op_name == "leaf"]
    tensors = [_plain_leaf(leaf) for leaf in leaves]
    if graph is None or None in tensors or len(set(tensors)) != len(tensors):
        _walk(roots, False, False, _accumulate)
        return
    key = ("backward", *graph.key)
    known = recall.find(key)
    if known is not None:
        for leaf, found in zip(tensors, known.append(graph.nodes), strict=True):
            if found is not None:
                leaf._grad = wrap(found)  # type: ignore[union-attr]
        grad_pass.release([graph.nodes[place] for place in known.passed])
        return
    if not repetition.came_before(key):
        _walk(roots, False, False, _accumulate)
        return
    start, gradients = repetition.mark(), dict.fromkeys(leaves)

    def at_leaf(node: Node, g: Node) -> None:
        gradients[node] = g  # type: ignore[assignment]
        _accumulate(node, g)

    def keep(passed: list[Node]) -> None:
        recall.keep(key, graph, start, passed, list(gradients.values()))

    _walk(roots, False, False, at_leaf, keep=keep)


def _only_rules(root: Node) -> bool:
    """Whether what is below has no hooks and no rules of the user's."""
    nodes = grad_pass.order([root])
    return root.tracked and all([node.side is None or _plain_leaf(node) is not None for node in nodes])


def _kept_walk(key: repetition.Key, tensor: Tensor) -> None:
    """Backward from a tensor whose walk is worth keeping."""
    start = repetition.mark()
    leaves: list[tuple[Node, Node]] = []
    others: list[Node] = []  # further versions of tensors that have their gradient by then

    def at_leaf(node: Node, g: Node) -> None:
        if _plain_leaf(node) is None:
            others.append(node)
        leaves.append((node, g))
        _accumulate(node, g)

    def keep(passed: list[Node]) -> None:
        if not others:
            repetition.keep(key, start, passed, leaves)

    _walk(_roots([tensor], [None]), False, False, at_leaf, keep=keep)


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


def _any_sparse(tensors: list[Any]) -> bool:
    return any(
        [
            type(tensor) is not Tensor and isinstance(tensor, Tensor) and tensor.layout is not strided
            for tensor in tensors
        ]
    )


def _gradients(given: Any, count: int) -> list[Any]:
    """The gradients given for `count` tensors, one for each."""
    if given is None:
        return [None] * count
    return [given] if isinstance(given, Tensor) else list(given)


def _roots(tensors: list[Tensor], gradients: list[Tensor | None]) -> dict[Node, Node]:
    roots: dict[Node, Node] = {}
    if len(gradients) < len(tensors):
        raise RuntimeError(f"got {len(tensors)} tensors and {len(gradients)} gradients")
    for place, (tensor, gradient) in enumerate(zip(tensors, gradients, strict=False)):
        node = node_of(tensor)
        if not node.tracked:
            raise RuntimeError(f"element {place} of tensors does not require grad and does not have a grad_fn")
        g = _initial(tensor, gradient)
        roots[node] = scalar.add(roots[node], g) if node in roots else g
    return roots


def _wanted(roots: dict[Node, Node], tensors: list[Tensor]) -> dict[Node, Any]:
    """The nodes at which gradients by the tensors are found.

    A leaf tensor that was written to since has a leaf node for each version: their cotangents belong together.
    """
    wanted: dict[Node, Any] = dict.fromkeys(node_of(tensor) for tensor in tensors)
    owners = {id(tensor) for tensor in tensors}
    for node in grad_pass.order(roots):
        if node.op_name == "leaf" and id(_leaf_of(node)) in owners:
            wanted.setdefault(node, None)
    return wanted


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
    retain = create_graph if retain_graph is None else retain_graph
    chosen = None if inputs is None else _listed(inputs)
    if _any_sparse(found) or (chosen and _any_sparse(chosen)):
        Late.sparse().gradients.backward(found, grad_tensors, retain_graph, create_graph, chosen)
        return
    if chosen == []:
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    if chosen is None and grad_tensors is None and len(found) == 1 and not (retain or create_graph or mode.anomaly):
        _backward_of_one(found[0])
        return
    roots = _roots(found, _gradients(grad_tensors, len(found)))
    if chosen is None:
        _walk(roots, create_graph, retain, _accumulate)
        return
    for tensor in chosen:
        tensor.retain_grad()

    def at_leaf(node: Node, g: Node) -> None:
        if node in wanted:
            _accumulate(node, g)

    wanted = _wanted(roots, chosen)
    _walk(roots, create_graph, retain, at_leaf, wanted)


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
    """The gradients of the outputs' sum with respect to the inputs, as tensors; `.grad` is not touched.

    With `is_grads_batched` each of `grad_outputs` has a leading axis of gradients, and so have the results.

    >>> import rushlight as torch
    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> torch.autograd.grad((x * x).sum(), x)
    (tensor([2., 4.]),)
    """
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False."
        )
    found, chosen = _listed(outputs), _listed(inputs)
    if not chosen:
        raise RuntimeError("`inputs` argument to `grad()` cannot be empty.")
    for tensor in chosen:
        if not isinstance(tensor, Tensor):
            raise RuntimeError(f"all inputs have to be Tensors or GradientEdges, but got {type(tensor).__name__}")
    if _any_sparse(found) or _any_sparse(chosen):
        unused = bool(allow_unused or materialize_grads)
        return Late.sparse().gradients.grad(found, chosen, grad_outputs, retain_graph, create_graph, unused)  # type: ignore[no-any-return]
    for tensor in chosen:
        if not node_of(tensor).tracked:
            raise RuntimeError("One of the differentiated Tensors does not require grad")
    gradients = _gradients(grad_outputs, len(found))
    retain = create_graph if retain_graph is None else retain_graph

    def once(gradients: list[Any], retain: bool) -> tuple[Tensor | None, ...]:
        parts = _found(found, chosen, gradients, create_graph, retain)
        return tuple(
            _one_gradient(place, tensor, part, bool(allow_unused or materialize_grads), materialize_grads)
            for place, (tensor, part) in enumerate(zip(chosen, parts, strict=True))
        )

    if not is_grads_batched:
        return once(gradients, retain)
    count = len(gradients[0])
    rows = [
        once([None if g is None else g[i] for g in gradients], retain or create_graph or i < count - 1)
        for i in range(count)
    ]
    stack = functions["stack"]
    return tuple(None if column[0] is None else stack(column) for column in zip(*rows, strict=True))


def _found(
    outputs: list[Tensor], inputs: list[Tensor], gradients: list[Any], create_graph: bool, retain: bool
) -> list[Node | None]:
    """The cotangent of each input, None where no gradient flows to it."""
    roots = _roots(outputs, gradients)
    if not (create_graph or mode.anomaly) and len(roots) == 1:
        with trace.lock:  # so that no other thread's entries come in between
            return _found_again(roots, inputs, retain)
    return _found_by_walk(roots, inputs, create_graph, retain)


def _found_by_walk(
    roots: dict[Node, Node],
    inputs: list[Tensor],
    create_graph: bool,
    retain: bool,
    keep: Callable[[list[Node], list[Node | None]], None] | None = None,
) -> list[Node | None]:
    """`_found` by the rules; `keep` sees the nodes gone through, and the cotangents."""
    wanted = _wanted(roots, inputs)
    at_leaves: dict[int, Node] = {}

    def at_leaf(node: Node, g: Node) -> None:
        owner = id(_leaf_of(node))
        at_leaves[owner] = component.accumulate(at_leaves[owner], g) if owner in at_leaves else g

    def results() -> list[Node | None]:
        return [at_leaves.get(id(tensor), wanted[node_of(tensor)]) for tensor in inputs]

    seen = None if keep is None else lambda passed: keep(passed, results())
    _walk(roots, create_graph, retain, at_leaf, wanted, seen)
    return results()


def _found_again(roots: dict[Node, Node], inputs: list[Tensor], retain: bool) -> list[Node | None]:
    """`_found` of one root by a walk that came before, where there is one."""
    ((root, g),) = roots.items()
    graph = recall.describe(root, g) if type(root) is Node and type(g) is Node else None
    targets = [] if graph is None else [graph.places.get(node_of(tensor)) for tensor in inputs]
    if graph is None or _other_versions(graph, inputs, targets):
        return _found_by_walk(roots, inputs, False, retain)
    key = (graph.key, *targets)
    known = recall.find(key)
    if known is not None:
        found = known.append(graph.nodes)
        if not retain:
            grad_pass.release([graph.nodes[place] for place in known.passed])
        return found
    if not repetition.came_before(key):
        return _found_by_walk(roots, inputs, False, retain)
    start = repetition.mark()
    return _found_by_walk(
        roots, inputs, False, retain, lambda passed, found: recall.keep(key, graph, start, passed, found)
    )


def _other_versions(graph: recall.Graph, inputs: list[Tensor], targets: list[int | None]) -> bool:
    """Whether one of the tensors has a leaf node in the graph beside the one that it has now: it was written to since."""
    owners = {id(tensor) for tensor in inputs}
    for place, node in enumerate(graph.nodes):
        side = node.side
        if side is not None and side.leaf is not None and id(side.leaf()) in owners and place not in targets:
            return True
    return False


def _one_gradient(
    place: int, tensor: Tensor, part: Node | None, allow_unused: bool, materialize: bool
) -> Tensor | None:
    if part is not None:
        return gradient_of(part)
    if materialize:
        return wrap(scalar.zeros_like(node_of(tensor)))
    if allow_unused:
        return None
    raise RuntimeError(
        f"The differentiated Tensor at index {place} appears to not have been used in the graph. Set allow_unused=True if this "
        "is the desired behavior."
    )


def _backward_method(
    self: Tensor, gradient: Any = None, retain_graph: bool | None = None, create_graph: bool = False, inputs: Any = None
) -> None:
    """Adds this tensor's gradients to the `grad` of every leaf below it, as `torch.autograd.backward`."""
    backward(self, gradient, retain_graph, create_graph, inputs=inputs)


Tensor.backward = _backward_method  # type: ignore[attr-defined]


def pull_back(roots: dict[Node, Node], wanted: list[Node]) -> list[Node | None]:
    """Cotangents carried from roots to the wanted nodes: for a custom rule that runs a graph of its own, within a walk.

    Stops at the wanted nodes and calls no hook of theirs, since the walk outside comes to them. A leaf that was written to
    since stands for its former self.
    """
    found: dict[Node, Node | None] = dict.fromkeys(wanted)
    leaves = {id(_leaf_of(node)): node for node in wanted if node.op_name == "leaf"}

    def visit(node: Node, g: Node) -> Node | None:
        place = leaves.get(id(_leaf_of(node))) if node.op_name == "leaf" else node if node in found else None
        if place is not None:
            have = found[place]
            found[place] = g if have is None else component.accumulate(have, g)
        if place is not None or node.op_name == "leaf":
            return None
        return g if node.side is None else _run_hooks(node.side, g)

    grad_pass.backward(roots, visit, _vjp, visited=found, watched=mode.anomaly)
    return list(found.values())
