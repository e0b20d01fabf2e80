"""Custom functions: a forward and a backward of the user's own, as `torch.autograd.Function`.

The forward runs untracked; each result is grafted upon the inputs, with a rule that calls the user's backward. Since that backward works
on tensors that are recorded like any others, it is fused, and differentiated again, like the rest.
"""

from __future__ import annotations

import builtins
import traceback
import warnings
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

from ..ir import component, scalar, view
from ..ir.graph import Node, mode
from ..ir.type import Type
from ..passes import batching
from ..tensor.autograd import FREED
from ..tensor.geometry import strided
from ..tensor.public import assign
from ..tensor.tensor import Tensor, history_of, node_of, snapshot, wrap
from ..tensor.tree import flatten, spread, unflatten


class FunctionCtx:
    """What `forward` and `backward` share."""

    def __init__(self) -> None:
        self.needs_input_grad: tuple[bool, ...] = ()
        self._saved: tuple[Any, ...] | None = ()  # None once backward has freed it
        self._joint: Any = None  # weak reference to the node of the results, for those that were saved
        self._saved_for_forward: tuple[Any, ...] = ()
        self._nondifferentiable: tuple[Any, ...] = ()
        self._dirty: tuple[Any, ...] = ()
        self._materialize = True

    def save_for_backward(self, *tensors: Any) -> None:
        """Keeps tensors (or None) for `backward`, in `saved_tensors`."""
        for place, tensor in enumerate(tensors):
            if tensor is not None and not isinstance(tensor, Tensor):
                raise TypeError(
                    f"save_for_backward can only save variables, but argument {place} is of type {type(tensor).__name__}"
                )
        # Kept by value: an in-place change after the forward does not reach what was saved.
        self._saved = tuple(None if t is None else snapshot(t) for t in tensors)

    def save_for_forward(self, *tensors: Any) -> None:
        """Keeps tensors (or None) for `jvp`, in `saved_tensors`."""
        self._saved_for_forward = tensors

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        if self._saved is None:
            raise RuntimeError(FREED)
        return tuple(self._result(each) if isinstance(each, int) else each for each in self._saved)

    saved_variables = saved_tensors

    def _result(self, index: int) -> Tensor:
        """A result that was saved, with its history: it stands as a number, since as a node it would hold itself."""
        tracking, mode.tracking = mode.tracking, True
        try:
            return wrap(component.component(self._joint(), index=index))
        finally:
            mode.tracking = tracking

    def _join(self, joint: Node, results: list[Node]) -> None:
        """Tells results among what was saved from everything else."""
        self._joint = weakref.ref(joint)
        numbers = {id(node): index for index, node in enumerate(results)}
        self._saved = tuple(
            each if each is None or each.layout is not strided else numbers.get(id(each._storage.node), each)
            for each in self._saved or ()
        )

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Declares inputs that the forward changed in place."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Declares results without a gradient."""
        self._nondifferentiable = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether `backward` gets zeros (default) or None for results that got no gradient."""
        self._materialize = value


class VmapInfo(NamedTuple):
    """What `vmap` of a Function is told of the batch."""

    batch_size: int
    randomness: str


class _FunctionMeta(type):
    def __repr__(cls) -> str:
        return f"<class '{cls.__module__}.{cls.__qualname__}'>"


class Function(metaclass=_FunctionMeta):
    """A differentiable function of the user's own: static methods `forward(ctx, …)` and `backward(ctx, *gradients)`; call it with `apply`.

    With `setup_context(ctx, inputs, output)` forward has no `ctx`. `jvp(ctx, *tangents)` is its own forward derivative: without it the
    backward is transposed, where PyTorch raises. `vmap(info, in_dims, *args)` runs it for a batch and returns (outputs, out_dims);
    without it forward and backward are batched like any function, whatever `generate_vmap_rule` says.

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
    generate_vmap_rule = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        warnings.warn(
            f"{type(self)} should not be instantiated. Methods on autograd functions are all static, so you should invoke them on the "
            "class itself. Instantiating an autograd function will raise an error in a future version of PyTorch.",
            DeprecationWarning,
            stacklevel=2,
        )

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with backward mode AD."
        )

    vjp = backward

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        raise NotImplementedError(
            "You must implement the jvp function for custom autograd.Function to use it with forward mode AD."
        )

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
        raise NotImplementedError(
            "To use autograd.Function with vmap, you must either override the vmap staticmethod or set generate_vmap_rule=True."
        )

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Runs `forward`, and records how to go back."""
        context: Any = FunctionCtx()
        context.needs_input_grad = tuple(isinstance(a, Tensor) and a.requires_grad for a in args)
        inputs = [a for a in args if isinstance(a, Tensor)]
        # As they are now: forward may change them in place.
        nodes = [history_of(a) for a in inputs]
        tracked = mode.tracking and any(node.tracked for node in nodes)
        depth, mode.depth = mode.depth, 0
        tracking, mode.tracking = mode.tracking, False
        try:
            if cls.setup_context is not None:
                level = _level_of_own_rule(cls, nodes)
                results = cls.forward(*args, **kwargs) if level is None else _by_own_rule(cls, level, args)
                cls.setup_context(context, args, results)
            else:
                results = cls.forward(context, *args, **kwargs)
        finally:
            mode.tracking, mode.depth = tracking, depth
        if not tracked:
            return results
        return _graft(cls, context, args, nodes, results)


def _level_of_own_rule(cls: Any, nodes: list[Node]) -> batching.Level | None:
    """The innermost level whose examples are among the inputs, where the Function says itself how it runs for a batch."""
    if cls.vmap is Function.vmap:
        return None
    found = [level for node in nodes if (level := batching.level_of(node)) is not None]
    if found and cls.generate_vmap_rule:
        raise RuntimeError(
            f"You tried to vmap over {cls.__name__}, but it has both generate_vmap_rule=True and an overridden vmap staticmethod. Please "
            "set generate_vmap_rule=False or delete the overridden vmap staticmethod to avoid ambiguity. For more details, please see "
            "https://pytorch.org/docs/main/notes/extending.func.html"
        )
    return max(found, key=lambda level: level.number, default=None)


def _by_own_rule(cls: Any, level: batching.Level, args: tuple[Any, ...]) -> Any:
    """The results of the Function's own `vmap`."""
    in_dims, wholes = [], []
    for argument in args:
        own = isinstance(argument, Tensor) and batching.is_lane_of(node_of(argument), level)
        in_dims.append(0 if own else None)
        wholes.append(wrap(batching.whole_of(node_of(argument), level)) if own else argument)
    with batching.outside(level):
        found = cls.vmap(VmapInfo(level.size, level.randomness), tuple(in_dims), *wholes)
    if not (isinstance(found, tuple) and len(found) == 2):
        raise RuntimeError(
            f"Expected the vmap staticmethod to have two returns, an output and out_dims with pytree structure compatible with the "
            f"output. Got a {type(found).__name__} — {cls.__name__}"
        )
    outputs, structure = flatten(found[0])
    axes = spread(found[1], structure) or []
    results = [
        output if axis is None else wrap(batching.lane(node_of(output.movedim(axis, 0)), level))
        for output, axis in zip(outputs, axes, strict=True)
    ]
    return unflatten(results, structure)


def _graft(cls: Any, context: Any, args: tuple[Any, ...], nodes: list[Node], results: Any) -> Any:
    """Ties each tensor among the results to the inputs."""
    single = not isinstance(results, (tuple, list))
    listed = [results] if single else list(results)
    places = [
        i for i, r in enumerate(listed) if isinstance(r, Tensor) and not any(r is n for n in context._nondifferentiable)
    ]
    if any(d._own_leaf() for d in context._dirty):
        raise RuntimeError("a leaf Variable that requires grad has been used in an in-place operation.")
    values = [node_of(listed[i].detach()) for i in places]
    joint = view.graft(component.pack(*values), *nodes)
    joint.label = f"{cls.__name__}Backward"
    side = joint.sided()
    side.backward = _Rule(cls, context, args, listed, places)
    batching.carry_rule(joint)
    if mode.anomaly:
        side.forward_line = "".join(traceback.format_stack()[:-2])
    context._join(joint, values)
    for index, place in enumerate(places):
        part = component.component(joint, index=index)
        part.label = joint.label
        original = listed[place]
        if any(original is d for d in context._dirty):
            assign("apply", original, part)
        else:
            listed[place] = wrap(part)
    if single:
        return listed[0]
    return type(results)(listed) if not hasattr(results, "_fields") else type(results)(*listed)


class _Rule:
    """Calls the user's backward with a gradient for each result; those without a gradient get zeros, or None."""

    def __init__(
        self, cls: Any, context: FunctionCtx, args: tuple[Any, ...], results: list[Any], places: list[int]
    ) -> None:
        self.cls = cls
        self.context = context
        self.arguments = [history_of(a).type if isinstance(a, Tensor) else None for a in args]
        self.results = [r._type() if isinstance(r, Tensor) else None for r in results]
        self.places = places
        if cls.jvp is not Function.jvp:
            self.forward = self._forward

    def _forward(self, node: Node, tangents: list[Node | None]) -> Node:
        """The tangent of the joint results, by the user's `jvp`."""
        given, found = iter(tangents[1:]), []
        for type in self.arguments:
            tangent = None if type is None else next(given)
            missing = type is not None and tangent is None and self.context._materialize
            found.append(wrap(scalar.full(0, type)) if missing else None if tangent is None else wrap(tangent))  # type: ignore[arg-type]
        saved, self.context._saved = self.context._saved, self.context._saved_for_forward
        try:
            result = self.cls.jvp(self.context, *found)
        finally:
            self.context._saved = saved
        listed = list(result) if isinstance(result, (tuple, list)) else [result]
        kinds: Any = self.results
        return component.pack(
            *[
                scalar.full(0, kinds[place]) if listed[place] is None else node_of(listed[place])
                for place in self.places
            ]
        )

    def release(self) -> None:
        """Frees what was saved."""
        if self.context._saved:
            self.context._saved = None

    def __call__(self, node: Node, g: Node) -> tuple[Node | None, ...]:
        materialize = self.context._materialize
        parts: list[Any] = [
            wrap(scalar.full(0, type)) if type is not None and materialize else None for type in self.results
        ]
        for place, part in zip(self.places, component.components(g), strict=True):
            parts[place] = None if not materialize and component.is_literal_zero(part) else wrap(part)
        found = self.cls.backward(self.context, *parts)
        found = list(found) if isinstance(found, (tuple, list)) else [found]
        return (None, *self._checked(found))

    def _checked(self, found: list[Any]) -> list[Node | None]:
        """The gradients of the arguments that are tensors, as nodes of the arguments' shapes and dtypes."""
        name, expected = f"{self.cls.__name__}Backward", len(self.arguments)
        if len(found) < expected or any(part is not None for part in found[expected:]):
            raise RuntimeError(
                f"function {name} returned an incorrect number of gradients (expected {expected}, got {len(found)})"
            )
        nodes: list[Node | None] = []
        for place, (type, part) in enumerate(zip(self.arguments, found, strict=False)):
            if part is not None and type is None:
                raise RuntimeError(
                    f"function {name} returned a gradient different than None at position {place + 1}, but the corresponding "
                    "forward input was not a Variable"
                )
            if part is not None and not isinstance(part, Tensor):
                raise RuntimeError(f"expected Variable or None (got {builtins.type(part).__name__})")
            if type is not None:
                wanted = part if self.context.needs_input_grad[place] else None
                nodes.append(None if wanted is None else _fitted(name, len(nodes), type, history_of(wanted)))
        return nodes


def _fitted(name: str, place: int, type: Type, node: Node) -> Node:
    """A gradient in an argument's dtype, summed to its shape."""
    shape, lead = node.type.shape, node.type.ndim - type.ndim
    if lead < 0 or any(want not in (1, have) for want, have in zip(type.shape, shape[lead:], strict=True)):
        raise RuntimeError(
            f"Function {name} returned an invalid gradient at index {place} - got {list(shape)} but expected shape compatible with "
            f"{list(type.shape)}"
        )
    return scalar.cast(scalar.sum_to(node, type), dtype=type.dtype)


def once_differentiable(function: Callable[..., Any]) -> Callable[..., Any]:
    """For a backward that must not be differentiated itself: its results are untracked."""

    def call(context: Any, *gradients: Any) -> Any:
        tracking, mode.tracking = mode.tracking, False
        try:
            return function(context, *gradients)
        finally:
            mode.tracking = tracking

    return call
