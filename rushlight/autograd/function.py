"""Custom functions: a forward and a backward of the user's own, as `torch.autograd.Function`.

The forward runs untracked; each result is grafted upon the inputs, with a rule that calls the user's backward. Since that backward works
on tensors that are recorded like any others, it is fused, and differentiated again, like the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ir import component, scalar, view
from ..ir.graph import Node, mode
from ..tensor.tensor import Tensor, node_of, wrap


class FunctionCtx:
    """What `forward` and `backward` share."""

    def __init__(self) -> None:
        self.needs_input_grad: tuple[bool, ...] = ()
        self._saved: tuple[Any, ...] = ()
        self._nondifferentiable: tuple[Any, ...] = ()
        self._dirty: tuple[Any, ...] = ()
        self._materialize = True

    def save_for_backward(self, *tensors: Any) -> None:
        """Keeps tensors (or None) for `backward`, in `saved_tensors`."""
        for tensor in tensors:
            if tensor is not None and not isinstance(tensor, Tensor):
                raise TypeError(
                    f"save_for_backward can only save variables, but argument is of type {type(tensor).__name__}"
                )
        # Kept by value: an in-place change after the forward does not reach what was saved.
        self._saved = tuple(None if t is None else _snapshot(t) for t in tensors)

    def save_for_forward(self, *tensors: Any) -> None:
        """Keeps tensors for forward-mode; accepted, unused."""

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        return self._saved

    saved_variables = saved_tensors

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Declares inputs that the forward changed in place."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Declares results without a gradient."""
        self._nondifferentiable = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether `backward` gets zeros (default) or None for results that got no gradient."""
        self._materialize = value


def _snapshot(tensor: Tensor) -> Tensor:
    """The tensor's present value with its history, safe from later in-place ops."""
    return wrap(node_of(tensor))


class _FunctionMeta(type):
    def __repr__(cls) -> str:
        return f"<class '{cls.__module__}.{cls.__qualname__}'>"


class Function(metaclass=_FunctionMeta):
    """A differentiable function of the user's own: static methods `forward(ctx, …)` and `backward(ctx, *gradients)`; call it with `apply`.

    >>> import rushlight as torch
    >>> class Double(torch.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         return x * 2
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         return g * 2
    >>> x = torch.ones(2, requires_grad=True)
    >>> Double.apply(x).sum().backward()
    >>> x.grad
    tensor([2., 2.])
    """

    forward: Callable[..., Any]
    setup_context: Callable[..., Any] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise RuntimeError(
            f"{type(self)} should not be instantiated. Methods on autograd functions are all static, so you should invoke them on the "
            "class itself: call apply."
        )

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with backward mode AD."
        )

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Runs `forward`, and records how to go back."""
        context: Any = FunctionCtx()
        context.needs_input_grad = tuple(isinstance(a, Tensor) and a.requires_grad for a in args)
        inputs = [a for a in args if isinstance(a, Tensor)]
        # As they are now: forward may change them in place.
        nodes = [node_of(a) for a in inputs]
        tracked = mode.tracking and any(node.tracked for node in nodes)
        depth, mode.depth = mode.depth, 0
        tracking, mode.tracking = mode.tracking, False
        try:
            if cls.setup_context is not None:
                results = cls.forward(*args, **kwargs)
                cls.setup_context(context, args, results)
            else:
                results = cls.forward(context, *args, **kwargs)
        finally:
            mode.tracking, mode.depth = tracking, depth
        if not tracked:
            return results
        return _graft(cls, context, args, nodes, results)


def _graft(cls: Any, context: Any, args: tuple[Any, ...], nodes: list[Node], results: Any) -> Any:
    """Ties each tensor among the results to the inputs."""
    single = not isinstance(results, (tuple, list))
    listed = [results] if single else list(results)
    places = [
        i for i, r in enumerate(listed) if isinstance(r, Tensor) and not any(r is n for n in context._nondifferentiable)
    ]
    values = [node_of(listed[i].detach()) for i in places]
    whole = component.pack(*values)
    joint = view.graft(whole, *nodes)
    joint.label = f"{cls.__name__}Backward"
    joint.sided().backward = _rule(cls, context, args, listed.copy(), places)
    for index, place in enumerate(places):
        part = component.component(joint, index=index)
        part.label = f"{cls.__name__}Backward"
        original = listed[place]
        if any(original is d for d in context._dirty):
            original._storage.node = part
            original._storage.version += 1
            original._cached = None
        else:
            listed[place] = wrap(part)
    if single:
        return listed[0]
    return type(results)(listed) if not hasattr(results, "_fields") else type(results)(*listed)


def _rule(
    cls: Any, context: Any, args: tuple[Any, ...], results: list[Any], places: list[int]
) -> Callable[[Node, Node], Any]:
    """Calls the user's backward with a gradient for each result; those without a gradient get zeros, or None."""
    types = [r._type() if isinstance(r, Tensor) else None for r in results]

    def backward(node: Node, g: Node) -> tuple[Node | None, ...]:
        parts: list[Any] = [
            wrap(scalar.full(0, each)) if each is not None and context._materialize else None for each in types
        ]
        for place, part in zip(places, component.components(g), strict=True):
            parts[place] = wrap(part)
        if not context._materialize:
            parts = [None if p is None or component.is_literal_zero(node_of(p)) else p for p in parts]
        found = cls.backward(context, *parts)
        found = list(found) if isinstance(found, (tuple, list)) else [found]
        if len(found) < len(args):
            raise RuntimeError(
                f"function {cls.__name__}Backward returned an incorrect number of gradients (expected {len(args)}, got {len(found)})"
            )
        gradients = [part for a, part in zip(args, found, strict=False) if isinstance(a, Tensor)]
        tensors = [a for a in args if isinstance(a, Tensor)]
        return (
            None,
            *[_checked(cls, place, a, part) for place, (a, part) in enumerate(zip(tensors, gradients, strict=True))],
        )

    return backward


def _checked(cls: Any, place: int, argument: Tensor, part: Any) -> Node | None:
    if part is None or not argument.requires_grad:
        return None
    if not isinstance(part, Tensor):
        raise TypeError(f"expected Variable or None (got {type(part).__name__})")
    node = node_of(part)
    if node.type.shape != tuple(argument.shape):
        if node.type.size == argument.numel() or len(node.type.shape) >= argument.ndim:
            try:
                node = scalar.sum_to(node, argument._type())
            except RuntimeError:
                node = node_of(part)
        if node.type.shape != tuple(argument.shape):
            raise RuntimeError(
                f"Function {cls.__name__}Backward returned an invalid gradient at index {place} - got {list(node.type.shape)} but expected shape "
                f"compatible with {list(argument.shape)}"
            )
    return scalar.cast(node, dtype=argument.dtype)


def once_differentiable(function: Callable[..., Any]) -> Callable[..., Any]:
    """For a backward that must not be differentiated itself: its results are untracked."""

    def call(context: Any, *gradients: Any) -> Any:
        tracking, mode.tracking = mode.tracking, False
        try:
            return function(context, *gradients)
        finally:
            mode.tracking = tracking

    return call
