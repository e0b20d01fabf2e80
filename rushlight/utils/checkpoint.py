"""Checkpoints: a part of a network whose inner values are not kept for backward, but computed again, as `torch.utils.checkpoint`."""

from __future__ import annotations

import contextlib
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .. import late
from ..ir import component, view
from ..ir.graph import Node, mode
from ..tensor import Tensor, enable_grad, get_rng_state, is_grad_enabled, no_grad, set_rng_state
from ..tensor.autograd import FREED, pull_back
from ..tensor.tensor import history_of, node_of, snapshot, wrap

__getattr__ = late.names(__name__, "torch.utils.checkpoint", {})

Contexts = tuple[contextlib.AbstractContextManager, contextlib.AbstractContextManager]


class CheckpointError(RuntimeError):
    """The second run of a checkpointed function gave other results than the first."""


def noop_context_fn() -> Contexts:
    """No context around either run."""
    return contextlib.nullcontext(), contextlib.nullcontext()


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], Contexts] = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """Runs `function(*args, **kwargs)` without keeping what it computes inside; backward runs it again, with the same draws.

    With `use_reentrant=True` only results of arguments that require grad are tracked, as in PyTorch; otherwise both kinds are the
    same here, and gradients reach what the function uses besides its arguments. context_fn: gives the contexts of the first run and of the
    second. determinism_check: "default" raises CheckpointError where the second run gives other results than the first or comes to them by
    other operations, "none" leaves that to you. debug: the error lists the operations of both. early_stop: taken as PyTorch takes it; the second
    run's Python goes to its end, and what it does not need is not computed.

    >>> import rushlight as torch
    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> y = torch.utils.checkpoint.checkpoint(lambda x: (x * x).exp(), x, use_reentrant=False)
    >>> y.sum().backward()
    >>> x.grad
    tensor([  5.4366, 218.3926])
    """
    if use_reentrant is None:
        _warn_of_default(
            "checkpoint",
            "Starting in PyTorch 2.9, calling checkpoint without use_reentrant will raise an exception.",
        )
        use_reentrant = True
    if use_reentrant and kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    debug = debug if _Debugging.enabled is None else _Debugging.enabled
    if use_reentrant and (debug or context_fn is not noop_context_fn):
        raise ValueError("Passing `context_fn` or `debug` is only supported when use_reentrant=False.")
    if determinism_check not in ("default", "none"):
        raise ValueError(f"determinism_check should be one of ['default', 'none'], but got {determinism_check}")
    if not is_grad_enabled():
        return function(*args, **kwargs)
    if use_reentrant and not any(tensor.requires_grad for tensor in _tensors((args, kwargs))):
        warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2)
        with no_grad():
            return function(*args, **kwargs)
    first, again = context_fn()
    check = _Check(determinism_check == "default" and not use_reentrant, debug)
    run = _Run(function, args, kwargs, again, get_rng_state() if preserve_rng_state else None, check)
    with first:
        results = function(*args, **kwargs)
    return run.tie(results, "CheckpointFunctionBackward" if use_reentrant else None)


def _warn_of_default(name: str, consequence: str) -> None:
    warnings.warn(
        f"torch.utils.checkpoint{'' if name == 'checkpoint' else '.' + name}: the use_reentrant parameter should be passed explicitly. "
        f"{consequence} use_reentrant=False is recommended, but if you need to preserve the current default behavior, you can pass "
        "use_reentrant=True. Refer to docs for more details on the differences between the two variants.",
        stacklevel=3,
    )


class _Debugging:
    """What `set_checkpoint_debug_enabled` has set; None leaves it to each call."""

    enabled: bool | None = None


@contextlib.contextmanager
def set_checkpoint_debug_enabled(enabled: bool | None) -> Iterator[None]:
    """Within it `checkpoint` has debug=True or False whatever it is given; None leaves it to each call."""
    before, _Debugging.enabled = _Debugging.enabled, enabled
    try:
        yield
    finally:
        _Debugging.enabled = before


@contextlib.contextmanager
def set_checkpoint_early_stop(enable: bool) -> Iterator[None]:
    """Taken as PyTorch takes it; what a second run does not need is never computed."""
    yield


class _Check:
    """Whether the second run did as the first: the same types of results, by the same operations that gradient flows through."""

    def __init__(self, wanted: bool, debug: bool) -> None:
        self.wanted, self.debug = wanted, debug

    def first(self, outputs: list[Node], walked: Iterable[Node]) -> None:
        self.types, self.operations = [node.type for node in outputs], Counter(node.op_name for node in walked)

    def second(self, outputs: list[Node], borders: list[Node]) -> None:
        """CheckpointError where it did not."""
        types = [node.type for node in outputs]
        if types != self.types and (self.wanted or len(types) != len(self.types)):
            raise CheckpointError(
                f"torch.utils.checkpoint: the second run gave {types}, the first {self.types}; the function must do the same each time"
            )
        if not self.wanted:
            return
        operations = Counter(node.op_name for node in _walked(outputs, borders)[1])
        if operations != self.operations:
            more, fewer = operations - self.operations, self.operations - operations
            which = f"more of {dict(more) or 'none'}, fewer of {dict(fewer) or 'none'}"
            lists = (
                f"\nThe first run: {dict(self.operations)}\nThe second run: {dict(operations)}" if self.debug else ""
            )
            raise CheckpointError(
                "torch.utils.checkpoint: the second run came to its results by other operations than the first "
                f"({which}); the function must do the same each time{lists}"
            )


class _Run:
    """One checkpointed call: how to run it again, and the rule of its results."""

    def __init__(
        self, function: Any, args: Any, kwargs: Any, context: Any, state: Tensor | None, check: _Check
    ) -> None:
        self.function, self.context, self.state, self.check = function, context, state, check
        self.autocast = mode.autocast  # backward is mostly called outside of the region of `autocast`
        self.args, self.kwargs = _mapped(snapshot, (args, kwargs))  # as they are now
        self.borders = [node for node in map(history_of, _tensors((self.args, self.kwargs))) if node.tracked]

    def tie(self, results: Any, label: str | None) -> Any:
        """The results, tied to the arguments and to the leaves below them by the rule, and to nothing between."""
        outputs = [node_of(tensor) for tensor in _tensors(results) if tensor.requires_grad]
        if not outputs:
            return results
        self.below, walked = _walked(outputs, self.borders)
        self.check.first(outputs, walked)
        with no_grad():
            values = [view.stop(node) for node in outputs]
        joint = view.graft(component.pack(*values), *self.below)
        joint.sided().backward = self
        parts = [component.component(joint, index=index) for index in range(len(outputs))]
        for part, node in zip(parts, outputs, strict=True):
            part.label = joint.label = label or node.label
        fresh = iter(parts)
        return _mapped(lambda t: wrap(next(fresh)) if t.requires_grad else t, results)

    def release(self) -> None:
        """Frees the arguments."""
        self.args = None

    def __call__(self, node: Node, g: Node) -> tuple[Node | None, ...]:
        if self.args is None:
            raise RuntimeError(FREED)
        now, autocast = get_rng_state(), mode.autocast
        try:
            mode.autocast = self.autocast
            if self.state is not None:
                set_rng_state(self.state)
            with enable_grad(), self.context:
                results = self.function(*self.args, **self.kwargs)
        finally:
            mode.autocast = autocast
            if self.state is not None:
                set_rng_state(now)
        outputs = [node_of(tensor) for tensor in _tensors(results) if tensor.requires_grad]
        borders = [node for node in map(history_of, _tensors((self.args, self.kwargs))) if node.tracked]
        self.check.second(outputs, borders)
        roots: dict[Node, Node] = {}
        for output, part in zip(outputs, component.components(g), strict=True):
            roots[output] = component.accumulate(roots[output], part) if output in roots else part
        return (None, *pull_back(roots, self.below))


def _walked(outputs: list[Node], borders: list[Node]) -> tuple[list[Node], Iterable[Node]]:
    """The leaves and border nodes at which the ways down from the outputs end, and all nodes on the ways."""
    stops = set(borders)
    seen = dict.fromkeys(outputs)
    stack, found = list(outputs), []
    while stack:
        node = stack.pop()
        if node in stops or node.op_name == "leaf":
            found.append(node)
            continue
        for operand in node.operands:
            if operand.tracked and operand not in seen:
                seen[operand] = None
                stack.append(operand)
    return found, seen


def _tensors(value: Any) -> Iterable[Tensor]:
    """The tensors in nested tuples, lists and dicts."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from _tensors(part)
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))


def _mapped(change: Callable[[Tensor], Tensor], value: Any) -> Any:
    """The same structure with each tensor changed."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, (tuple, list)):
        parts = [_mapped(change, part) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if isinstance(value, dict):
        return {key: _mapped(change, part) for key, part in value.items()}
    return value


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """Runs modules one after the other in `segments` parts, each a checkpoint but for the last."""
    if use_reentrant is None:
        _warn_of_default(
            "checkpoint_sequential", "In version 2.9 we will raise an exception if use_reentrant is not passed."
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    modules = list(functions.children() if hasattr(functions, "children") else functions)
    size = len(modules) // segments
    for start in range(0, size * (segments - 1), size):
        part = _one_after_the_other(modules[start : start + size])
        input = checkpoint(part, input, use_reentrant=use_reentrant, preserve_rng_state=preserve)
    return _one_after_the_other(modules[size * (segments - 1) :])(input)


def _one_after_the_other(modules: list[Any]) -> Callable[[Any], Any]:
    def run(value: Any) -> Any:
        for module in modules:
            value = module(value)
        return value

    return run


def detach_variable(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """The tensors of a tuple without history, each requiring grad as before; RuntimeError for what is no tuple."""
    if not isinstance(inputs, tuple):
        raise RuntimeError(f"Only tuple of tensors is supported. Got Unsupported input type: {type(inputs).__name__}")
    return tuple(
        value.detach().requires_grad_(value.requires_grad) if isinstance(value, Tensor) else value for value in inputs
    )


def check_backward_validity(inputs: Iterable[Any]) -> None:
    """Warns where no tensor requires grad."""
    if not any(value.requires_grad for value in inputs if isinstance(value, Tensor)):
        warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2)


def get_device_states(*args: Any) -> tuple[list[int], list[Tensor]]:
    """The devices of the arguments that are not the CPU, of which there are none, and their generators' states."""
    return [], []


def set_device_states(devices: Any, states: Any, *, device_type: str | None = None) -> None:
    """Sets the generators' states of devices; RuntimeError for a device, since there is none but the CPU."""
    if list(devices):
        raise RuntimeError(
            f"set_device_states(): there are no devices but the CPU, whose state set_rng_state sets; got {devices}"
        )


class DefaultDeviceType:
    """The device type whose generators are kept where no tensor says one; the CPU's always is."""

    _type = "cpu"

    @staticmethod
    def get_device_type() -> str:
        """The type."""
        return DefaultDeviceType._type

    @staticmethod
    def set_device_type(device: str = "cuda") -> None:
        """Sets the type."""
        DefaultDeviceType._type = device
