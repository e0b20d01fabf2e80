"""Hooks: functions that run around a module's forward and backward, one module's or all modules'.

`HookMethods` gives `Module` its `register_…_hook` methods and the call with hooks; `BackwardHook` lets gradients of a
module's inputs and outputs pass through user functions, by identity functions around the forward.
"""

from __future__ import annotations

import itertools
import warnings
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ...autograd import Function
from ...tensor import Tensor, is_grad_enabled

# Hooks that run for every module.
_global_backward_pre_hooks: OrderedDict[int, Callable] = OrderedDict()
_global_backward_hooks: OrderedDict[int, Callable] = OrderedDict()
_global_forward_pre_hooks: OrderedDict[int, Callable] = OrderedDict()
_global_forward_hooks: OrderedDict[int, Callable] = OrderedDict()
_global_forward_hooks_with_kwargs: OrderedDict[int, bool] = OrderedDict()
_global_forward_hooks_always_called: OrderedDict[int, bool] = OrderedDict()
_global_buffer_registration_hooks: OrderedDict[int, Callable] = OrderedDict()
_global_module_registration_hooks: OrderedDict[int, Callable] = OrderedDict()
_global_parameter_registration_hooks: OrderedDict[int, Callable] = OrderedDict()
_global_is_full_backward_hook: list[bool | None] = [None]

_MIXED = (
    "Cannot use both regular backward hooks and full backward hooks on a single Module. Please use only one of them."
)
_MIXED_GLOBAL = (
    "Cannot use both regular backward hooks and full backward hooks as a global Module hook. "
    "Please use only one of them."
)


class RemovableHandle:
    """What a registration returns: `remove()` takes the hook away; as a context manager it does so at the end.

    >>> import rushlight as torch
    >>> layer = torch.nn.Linear(2, 2)
    >>> with layer.register_forward_hook(lambda module, args, output: output.abs() * 0):
    ...     layer(torch.ones(2))
    tensor([0., 0.], grad_fn=<MulBackward0>)
    """

    _ids = itertools.count()

    def __init__(self, hooks_dict: Any, *, extra_dict: Any = None) -> None:
        self.hooks_dict_ref = weakref.ref(hooks_dict)
        self.id = next(self._ids)
        extras = () if extra_dict is None else extra_dict if isinstance(extra_dict, (list, tuple)) else (extra_dict,)
        self.extra_dict_ref = tuple(weakref.ref(extra) for extra in extras)

    def remove(self) -> None:
        """Takes the hook away; a second call does nothing."""
        for reference in (self.hooks_dict_ref, *self.extra_dict_ref):
            registry = reference()
            if registry is not None:
                registry.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exception: Any) -> None:
        self.remove()

    def __getstate__(self) -> tuple:
        return self.hooks_dict_ref(), self.id, tuple(reference() for reference in self.extra_dict_ref)

    def __setstate__(self, state: tuple) -> None:
        registry, self.id, extras = state
        # A registry that was not pickled is gone for good; an empty one stands in, so that `remove` stays callable.
        self.hooks_dict_ref = weakref.ref(OrderedDict() if registry is None else registry)
        self.extra_dict_ref = tuple(weakref.ref(OrderedDict() if extra is None else extra) for extra in extras)


def _register(
    registry: OrderedDict, hook: Callable, prepend: bool = False, flags: Sequence[tuple[OrderedDict, bool]] = ()
) -> RemovableHandle:
    handle = RemovableHandle(registry, extra_dict=[extra for extra, _ in flags])
    registry[handle.id] = hook
    for extra, wanted in flags:
        if wanted:
            extra[handle.id] = True
    if prepend:
        registry.move_to_end(handle.id, last=False)
    return handle


def register_module_forward_pre_hook(hook: Callable) -> RemovableHandle:
    """Runs `hook(module, args)` before the forward of every module."""
    return _register(_global_forward_pre_hooks, hook)


def register_module_forward_hook(
    hook: Callable, *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Runs `hook(module, args, output)` after every module's forward; arguments as for `register_forward_hook`."""
    flags = (
        (_global_forward_hooks_with_kwargs, with_kwargs),
        (_global_forward_hooks_always_called, always_call),
    )
    return _register(_global_forward_hooks, hook, flags=flags)


def _use_global_backward_kind(full: bool) -> None:
    if (
        _global_is_full_backward_hook[0] is not None
        and _global_is_full_backward_hook[0] != full
        and _global_backward_hooks
    ):
        raise RuntimeError(_MIXED_GLOBAL)
    _global_is_full_backward_hook[0] = full


def register_module_backward_hook(hook: Callable) -> RemovableHandle:
    """The older form of `register_module_full_backward_hook`: sees only the gradients of the last function."""
    _use_global_backward_kind(False)
    return _register(_global_backward_hooks, hook)


def register_module_full_backward_pre_hook(hook: Callable) -> RemovableHandle:
    """Runs `hook(module, grad_output)` before the gradients of every module's inputs are computed."""
    return _register(_global_backward_pre_hooks, hook)


def register_module_full_backward_hook(hook: Callable) -> RemovableHandle:
    """Runs `hook(module, grad_input, grad_output)` when the gradients of a module's inputs are known."""
    _use_global_backward_kind(True)
    return _register(_global_backward_hooks, hook)


def register_module_buffer_registration_hook(hook: Callable) -> RemovableHandle:
    """Runs `hook(module, name, buffer)` at every registration of a buffer; what it returns is registered instead."""
    return _register(_global_buffer_registration_hooks, hook)


def register_module_module_registration_hook(hook: Callable) -> RemovableHandle:
    """Runs `hook(module, name, submodule)` at every registration of a module; what it returns is registered instead."""
    return _register(_global_module_registration_hooks, hook)


def register_module_parameter_registration_hook(hook: Callable) -> RemovableHandle:
    """Runs `hook(module, name, parameter)` at every registration of a parameter; its result is registered instead."""
    return _register(_global_parameter_registration_hooks, hook)


class BackwardHookFunction(Function):
    """The identity; its backward shows the gradients to a watcher, which may replace them."""

    @staticmethod
    def forward(ctx: Any, watch: Callable[[tuple], tuple], zeros: bool, *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.watch = watch
        ctx.mark_non_differentiable(*[tensor for tensor in tensors if not tensor.requires_grad])
        ctx.set_materialize_grads(zeros)
        return tensors

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple:
        return (None, None, *ctx.watch(gradients))


def _as_tuple(value: Any) -> tuple:
    return value if isinstance(value, tuple) else (value,)


def _spread(places: Sequence[int], values: Iterable, count: int) -> tuple:
    """Puts `values` at `places` of a tuple of `count`, None elsewhere."""
    spread = [None] * count
    for place, value in zip(places, values, strict=True):
        spread[place] = value
    return tuple(spread)


class BackwardHook:
    """Around one forward: gates at its inputs and outputs that call the user's backward hooks."""

    def __init__(self, module: Any, hooks: list[Callable], pre_hooks: list[Callable]) -> None:
        self.module = module
        self.hooks = hooks
        self.pre_hooks = pre_hooks
        self.grad_outputs: tuple | None = None
        self.inputs: Sequence[int] | None = None  # which arguments pass through the gate
        self.outputs: Sequence[int] = ()
        self.input_count = -1
        self.output_count = -1

    @staticmethod
    def _gate_gradients(values: tuple, watch: Callable, zeros: bool) -> tuple[tuple, list[int] | None]:
        """The values with their tensors passed through an identity, and their places; None where no gradient flows.

        zeros: whether the watcher sees zeros, not None, where no gradient came.
        """
        places = [i for i, value in enumerate(values) if isinstance(value, Tensor)]
        if not is_grad_enabled() or not any(values[i].requires_grad for i in places):
            return values, None
        passed = _as_tuple(BackwardHookFunction.apply(watch, zeros, *[values[i] for i in places]))
        gated = list(values)
        for place, tensor in zip(places, passed, strict=True):
            gated[place] = tensor
        kind = type(values)
        return (tuple(gated) if kind is tuple else kind(*gated)), places

    def setup_input_hook(self, args: tuple) -> tuple:
        """Passes the arguments of a forward through the input gate."""
        args = _as_tuple(args)
        self.input_count = len(args)
        gated, self.inputs = self._gate_gradients(args, self._see_grad_inputs, True)
        return gated

    def setup_output_hook(self, result: Any) -> Any:
        """Passes the result of a forward through the output gate."""
        values = _as_tuple(result)
        self.output_count = len(values)
        gated, places = self._gate_gradients(values, self._see_grad_outputs, False)
        self.outputs = places or ()
        return gated if isinstance(result, tuple) else gated[0]

    def _see_grad_outputs(self, gradients: tuple) -> tuple:
        seen = _spread(self.outputs, gradients, self.output_count)
        for hook in self.pre_hooks:
            seen = _replaced(seen, hook(self.module, seen), "Backward pre hook", "grad_output")
        self.grad_outputs = seen
        if self.inputs is None and self.hooks:
            self._call_without_grad_inputs()
        return tuple(seen[place] for place in self.outputs)

    def _call_without_grad_inputs(self) -> None:
        warnings.warn(
            "Full backward hook is firing when gradients are computed with respect to module outputs since no inputs "
            "require gradients. See https://docs.pytorch.org/docs/main/generated/torch.nn.Module.html"
            "#torch.nn.Module.register_full_backward_hook for more details.",
            stacklevel=2,
        )
        for hook in self.hooks:
            replaced = hook(self.module, (None,) * self.input_count, self.grad_outputs)
            if replaced is not None and not (isinstance(replaced, tuple) and all(g is None for g in replaced)):
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always return None or None for "
                    "all gradients."
                )
        self.grad_outputs = None

    def _see_grad_inputs(self, gradients: tuple) -> tuple:
        if self.grad_outputs is None:  # gradients reached the inputs by a way around the outputs
            return gradients
        seen = _spread(self.inputs or (), gradients, self.input_count)
        for hook in self.hooks:
            seen = _replaced(seen, hook(self.module, seen, self.grad_outputs), "Backward hook", "grad_input")
        self.grad_outputs = None
        return tuple(seen[place] for place in self.inputs or ())


def _replaced(seen: tuple, result: Any, hook: str, gradients: str) -> tuple:
    """The gradients that a hook gives for those that it has seen: the same where it gives None."""
    if result is None:
        return seen
    replaced = _as_tuple(result)
    if len(replaced) != len(seen):
        raise RuntimeError(
            f"{hook} returned an invalid number of {gradients}, got {len(replaced)}, but expected {len(seen)}"
        )
    return replaced


def _first_tensor(result: Any) -> Tensor | None:
    """The tensor whose gradient function an old-style backward hook is put on."""
    while not isinstance(result, Tensor):
        if isinstance(result, dict):
            result = next((value for value in result.values() if isinstance(value, Tensor)), None)
            return result
        if not isinstance(result, (list, tuple)) or not result:
            return None
        result = result[0]
    return result


class HookMethods:
    """The part of `Module` that registers hooks and runs a forward among them."""

    _backward_pre_hooks: OrderedDict[int, Callable]
    _backward_hooks: OrderedDict[int, Callable]
    _is_full_backward_hook: bool | None
    _forward_hooks: OrderedDict[int, Callable]
    _forward_hooks_with_kwargs: OrderedDict[int, bool]
    _forward_hooks_always_called: OrderedDict[int, bool]
    _forward_pre_hooks: OrderedDict[int, Callable]
    _forward_pre_hooks_with_kwargs: OrderedDict[int, bool]
    forward: Callable[..., Any]

    def register_forward_pre_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Runs `hook(module, args)` before `forward`; a result other than None becomes the arguments.

        with_kwargs: `hook(module, args, kwargs)`, returning None or `(args, kwargs)`.
        """
        return _register(self._forward_pre_hooks, hook, prepend, [(self._forward_pre_hooks_with_kwargs, with_kwargs)])

    def register_forward_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Runs `hook(module, args, output)` after `forward`; a result other than None becomes the output.

        with_kwargs: `hook(module, args, kwargs, output)`. always_call: also when the forward raises, with output None.

        >>> import rushlight as torch
        >>> layer = torch.nn.Linear(3, 2)
        >>> handle = layer.register_forward_hook(lambda module, args, output: print(output.shape))
        >>> _ = layer(torch.ones(5, 3))
        torch.Size([5, 2])
        >>> handle.remove()
        """
        flags = [(self._forward_hooks_with_kwargs, with_kwargs), (self._forward_hooks_always_called, always_call)]
        return _register(self._forward_hooks, hook, prepend, flags)

    def register_full_backward_pre_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Runs `hook(module, grad_output)` in backward, before this module's; its result replaces the gradients."""
        return _register(self._backward_pre_hooks, hook, prepend)

    def register_full_backward_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Runs `hook(module, grad_input, grad_output)` in backward; its result replaces the inputs' gradients."""
        self._use_backward_kind(True)
        return _register(self._backward_hooks, hook, prepend)

    def register_backward_hook(self, hook: Callable) -> RemovableHandle:
        """The older form of `register_full_backward_hook`: sees the gradients of the forward's last function alone."""
        self._use_backward_kind(False)
        return _register(self._backward_hooks, hook)

    def _use_backward_kind(self, full: bool) -> None:
        if self._is_full_backward_hook is not None and self._is_full_backward_hook != full:
            raise RuntimeError(_MIXED)
        self._is_full_backward_hook = full

    def _get_backward_hooks(self) -> tuple[list[Callable], list[Callable]]:
        """The hooks for the gradients, those that see the whole module and the old-style ones."""
        full: list[Callable] = []
        old: list[Callable] = []
        (full if _global_is_full_backward_hook[0] is True else old).extend(_global_backward_hooks.values())
        (full if self._is_full_backward_hook is True else old).extend(self._backward_hooks.values())
        return full, old

    def _get_backward_pre_hooks(self) -> list[Callable]:
        return [*_global_backward_pre_hooks.values(), *self._backward_pre_hooks.values()]

    def _call_with_hooks(self, args: tuple, kwargs: dict[str, Any]) -> Any:
        called: set[int] = set()
        try:
            return self._run_among_hooks(args, kwargs, called)
        except Exception:
            self._call_remaining_hooks(args, kwargs, called)
            raise

    def _run_among_hooks(self, args: tuple, kwargs: dict[str, Any], called: set[int]) -> Any:
        args, kwargs = self._run_pre_hooks(args, kwargs)
        full, old = self._get_backward_hooks()
        pre = self._get_backward_pre_hooks()
        gate = BackwardHook(self, full, pre) if full or pre else None
        if gate:
            args = gate.setup_input_hook(args)
        result = self.forward(*args, **kwargs)
        for id_, hook, with_kwargs in self._forward_hook_list():
            called.add(id_)
            replaced = hook(self, args, kwargs, result) if with_kwargs else hook(self, args, result)
            if replaced is not None:
                result = replaced
        if gate:
            if not isinstance(result, (Tensor, tuple)):
                warnings.warn(
                    "For backward hooks to be called, module output should be a Tensor or a tuple of Tensors but "
                    f"received {type(result)}",
                    stacklevel=4,
                )
            result = gate.setup_output_hook(result)
        if old:
            self._put_old_hooks(old, args, result)
        return result

    def _run_pre_hooks(self, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
        for id_, hook in [*_global_forward_pre_hooks.items(), *self._forward_pre_hooks.items()]:
            if id_ in self._forward_pre_hooks_with_kwargs:
                replaced = hook(self, args, kwargs)
                if replaced is None:
                    continue
                if not (isinstance(replaced, tuple) and len(replaced) == 2):
                    raise RuntimeError(
                        f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {replaced}."
                    )
                args, kwargs = replaced
            else:
                replaced = hook(self, args)
                if replaced is not None:
                    args = _as_tuple(replaced)
        return args, kwargs

    def _forward_hook_list(self) -> list[tuple[int, Callable, bool]]:
        everywhere = [(i, hook, i in _global_forward_hooks_with_kwargs) for i, hook in _global_forward_hooks.items()]
        own = [(i, hook, i in self._forward_hooks_with_kwargs) for i, hook in self._forward_hooks.items()]
        return everywhere + own

    def _call_remaining_hooks(self, args: tuple, kwargs: dict[str, Any], called: set[int]) -> None:
        """After an exception: the hooks registered with `always_call` that have not run."""
        for id_, hook, with_kwargs in self._forward_hook_list():
            always = id_ in self._forward_hooks_always_called or id_ in _global_forward_hooks_always_called
            if not always or id_ in called:
                continue
            try:
                hook(self, args, kwargs, None) if with_kwargs else hook(self, args, None)
            except Exception as error:
                everywhere = "global " if id_ in _global_forward_hooks else ""
                warnings.warn(
                    f"{everywhere}module forward hook with ``always_call=True`` raised an exception that was silenced "
                    f"as another error was raised in forward: {error}",
                    stacklevel=4,
                )

    def _put_old_hooks(self, hooks: list[Callable], args: tuple, result: Any) -> None:
        tensor = _first_tensor(result)
        grad_fn = None if tensor is None else tensor.grad_fn
        if grad_fn is None:
            return
        for hook in hooks:
            grad_fn.register_hook(_bound(hook, self))
        self._warn_about_old_hook(args, result, grad_fn)

    def _warn_about_old_hook(self, args: tuple, result: Any, grad_fn: Any) -> None:
        """An old-style hook sees the whole module only when the forward is one function."""
        if not isinstance(result, Tensor):
            if not (isinstance(result, tuple) and all(isinstance(r, Tensor) for r in result)):
                reason = (
                    "that does not return a single Tensor or a tuple of Tensors is deprecated and will be removed in"
                )
                detail = "This hook will be missing some of the grad_output."
                return _warn_old(reason, detail)
            if len({r.grad_fn for r in result}) != 1:
                return _warn_old(
                    "when outputs are generated by different autograd Nodes is deprecated and will be removed in",
                    "This hook will be missing some grad_output.",
                )
        if not all(isinstance(argument, Tensor) for argument in args):
            return _warn_old(
                "that does not take as input a single Tensor or a tuple of Tensors is deprecated and will be "
                "removed in",
                "This hook will be missing some of the grad_input.",
            )
        leads_to = {function for function, _ in grad_fn.next_functions if function is not None}
        from_args = {a.grad_fn for a in args if a.grad_fn is not None}
        if from_args - leads_to or any(f not in from_args and _is_not_accumulator(f) for f in leads_to):
            _warn_old(
                "when the forward contains multiple autograd Nodes is deprecated and will be removed in",
                "This hook will be missing some grad_input.",
            )


def _is_not_accumulator(function: Any) -> bool:
    return "AccumulateGrad" not in type(function).__name__


def _bound(hook: Callable, module: Any) -> Callable:
    return lambda grad_input, grad_output: hook(module, grad_input, grad_output)


def _warn_old(reason: str, detail: str) -> None:
    warnings.warn(
        f"Using a non-full backward hook {reason} future versions. {detail} Please use register_full_backward_hook to "
        "get the documented behavior.",
        FutureWarning,
        stacklevel=6,
    )
