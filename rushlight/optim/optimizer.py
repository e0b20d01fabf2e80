"""`Optimizer`: parameter groups, state, hooks, and what all optimizers share.

An optimizer of this package defines `_update(group)`; `Optimizer.step` runs it for each group without recording a
graph for backward, and at the end runs what is pending. Learning rates and the like go into the ops as plain numbers,
so a schedule never makes a new plan.
"""

from __future__ import annotations

import functools
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from itertools import chain
from types import MappingProxyType
from typing import Any

import numpy as np

from ..dtype import float32, float64
from ..ir.graph import mode
from ..nn.modules.hooks import RemovableHandle, _register
from ..runtime.watch import Watching
from ..tensor import (
    Tensor,
    enable_grad,
    flush_pending,
    get_default_dtype,
    is_complex,
    typename,
    view_as_real,
)
from ..tensor.geometry import strided
from ..tensor.tensor import from_array

__all__ = ["Optimizer", "register_optimizer_step_post_hook", "register_optimizer_step_pre_hook"]

ParamsT = Iterable[Any]
_global_optimizer_pre_hooks: OrderedDict[int, Callable] = OrderedDict()
_global_optimizer_post_hooks: OrderedDict[int, Callable] = OrderedDict()


class _RequiredParameter:
    """Marks a default that every group must give."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _RequiredParameter()


def register_optimizer_step_pre_hook(hook: Callable) -> RemovableHandle:
    """Runs `hook(optimizer, args, kwargs)` before every optimizer's step; a result (args, kwargs) replaces them."""
    return _register(_global_optimizer_pre_hooks, hook)


def register_optimizer_step_post_hook(hook: Callable) -> RemovableHandle:
    """Runs `hook(optimizer, args, kwargs)` after every optimizer's step."""
    return _register(_global_optimizer_post_hooks, hook)


def _before_step(self: Optimizer, step: Callable, args: Any, kwargs: Any) -> tuple[Any, Any]:
    """Runs the hooks before a step; returns its arguments, which they may replace."""
    for hook in chain(_global_optimizer_pre_hooks.values(), self._optimizer_step_pre_hooks.values()):
        replaced = hook(self, args, kwargs)
        if replaced is not None:
            if not (isinstance(replaced, tuple) and len(replaced) == 2):
                raise RuntimeError(f"{step} must return None or a tuple of (new_args, new_kwargs), but got {replaced}.")
            args, kwargs = replaced
    return args, kwargs


def _around_step(step: Callable) -> Callable:
    """The step with its hooks, and with a flush at the end."""

    @functools.wraps(step)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        self = args[0]
        if _global_optimizer_pre_hooks or self._optimizer_step_pre_hooks:
            args, kwargs = _before_step(self, step, args, kwargs)
        result = step(*args, **kwargs)
        if _global_optimizer_post_hooks or self._optimizer_step_post_hooks:
            for hook in chain(self._optimizer_step_post_hooks.values(), _global_optimizer_post_hooks.values()):
                hook(self, args, kwargs)
        if self._opt_called is False:  # a scheduler waits to see a first step
            self._opt_called = True
        flush_pending()
        return result

    wrapper.hooked = True  # type: ignore[attr-defined]
    return wrapper


class Optimizer:
    """The base of all optimizers.

    params: tensors, (name, tensor) pairs, or dicts with "params" and options of their own. defaults: the options of
    groups that do not give them. A subclass defines `step`.

    >>> import rushlight as torch
    >>> model = torch.nn.Linear(2, 1)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> loss = model(torch.ones(4, 2)).square().mean()
    >>> loss.backward()
    >>> optimizer.step()
    >>> optimizer.zero_grad()
    """

    defaults: dict[str, Any]
    state: defaultdict[Tensor, Any]
    param_groups: list[dict[str, Any]]
    _opt_called: bool | None = None
    # Of a class that wraps another optimizer, and never runs this one's `__init__`.
    _optimizer_step_pre_hooks: Any = MappingProxyType({})
    _optimizer_step_post_hooks: Any = MappingProxyType({})
    # What makes of a group the numbers of its updates, for `rushlight.compile` to take them anew at each step without a run of
    # `_update`: `options(group)` has `update`, which says which record it is, `at(state)`, which advances a parameter's state
    # and gives what has `numbers(dtype)`, and `renew()` before another step. None: a step with this optimizer is recorded each time.
    options: Any = None
    takes_sparse = False  # gradients that have but some rows, such as those of `nn.Embedding(sparse=True)`

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        step = cls.__dict__.get("step")
        if step is not None and not getattr(step, "hooked", False):
            cls.step = _around_step(step)  # type: ignore[method-assign]

    def __init__(self, params: ParamsT, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self._make_registries()
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                + typename(params)
            )
        self.state = defaultdict(dict)
        self.param_groups = []
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(dict(group))

    def _make_registries(self) -> None:
        for name in (
            "_optimizer_step_pre_hooks",
            "_optimizer_step_post_hooks",
            "_optimizer_state_dict_pre_hooks",
            "_optimizer_state_dict_post_hooks",
            "_optimizer_load_state_dict_pre_hooks",
            "_optimizer_load_state_dict_post_hooks",
        ):
            self.__dict__.setdefault(name, OrderedDict())

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._make_registries()
        self.defaults.setdefault("differentiable", False)

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for number, group in enumerate(self.param_groups):
            lines += [""] * (number > 0) + [f"Parameter Group {number}"]
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join([*lines, ")"])

    # ---- hooks

    def register_step_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Runs `hook(optimizer, args, kwargs)` before each step; a result (args, kwargs) replaces them.

        args has the optimizer itself first.
        """
        self._make_registries()
        return _register(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable) -> RemovableHandle:
        """Runs `hook(optimizer, args, kwargs)` after each step."""
        self._make_registries()
        return _register(self._optimizer_step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Runs `hook(optimizer)` before the state is read."""
        return _register(self._optimizer_state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Runs `hook(optimizer, state_dict)` on the state read; a result replaces it."""
        return _register(self._optimizer_state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Runs `hook(optimizer, state_dict)` before a state is loaded; a result replaces it."""
        return _register(self._optimizer_load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Runs `hook(optimizer)` after a state was loaded."""
        return _register(self._optimizer_load_state_dict_post_hooks, hook, prepend)

    # ---- groups

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds a group: a dict of "params" and the options that differ from the defaults."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        _split_names(param_group)
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(f"parameter group didn't specify a value of required optimization parameter {name}")
            param_group.setdefault(name, default)
        named = "param_names" in param_group
        if any(("param_names" in group) != named for group in self.param_groups):
            with_or_without = "with" if named else "without"
            raise ValueError(
                "all optimizer param groups should be with/without names. cannot add param group "
                f"{with_or_without} names to the optimizer"
            )
        known = {id(p) for group in self.param_groups for p in group["params"]}
        if any(id(p) in known for p in param_group["params"]):
            raise ValueError("some parameters appear in more than one parameter group")
        for parameter in param_group["params"]:
            if not self.defaults.get("differentiable") and not (parameter.is_leaf or parameter.retains_grad):
                raise ValueError("can't optimize a non-leaf Tensor")
        _warn_of_duplicates(param_group["params"])
        self.param_groups.append(param_group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Takes all gradients away, or sets them to zero where `set_to_none` is off."""
        for group in self.param_groups:
            for parameter in group["params"]:
                gradient = parameter._grad
                if gradient is None:
                    continue
                if set_to_none:
                    parameter._grad = None
                    continue
                if gradient.grad_fn is not None:
                    gradient.detach_()
                else:
                    gradient.requires_grad_(False)
                gradient.zero_()

    # ---- the step

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Updates all parameters that have a gradient.

        closure: computes the loss anew, with gradients, and returns it; the step gives it back.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        tracking, mode.tracking = mode.tracking, bool(self.defaults.get("differentiable", False))
        try:
            for group in self.param_groups:
                if Watching.watcher is not None:
                    Watching.watcher.stepping(self, group)
                self._update(group)
        finally:
            mode.tracking = tracking
            if Watching.watcher is not None:
                Watching.watcher.stepping(self, None)
        return loss

    def _update(self, group: dict[str, Any]) -> None:
        """Updates one group's parameters."""
        raise NotImplementedError(f"{type(self).__name__} does not define a step")

    def _with_grad(self, group: dict[str, Any]) -> Iterator[tuple[Tensor, Tensor]]:
        """Each parameter that has a gradient, with the gradient, its sign changed where the group maximizes."""
        maximize = group.get("maximize", False)
        for parameter in group["params"]:
            gradient = parameter.grad
            if gradient is not None:
                if gradient.layout is not strided:
                    self._refuse_sparse(gradient)
                yield parameter, -gradient if maximize else gradient

    def _refuse_sparse(self, gradient: Tensor) -> None:
        """RuntimeError for a sparse gradient, where the optimizer does not take them."""
        if gradient.layout is not strided and not self.takes_sparse:
            own = type(self).__name__
            of_adam = own in ("Adam", "AdamW")
            raise RuntimeError(
                "Adam does not support sparse gradients, please consider SparseAdam instead"
                if of_adam
                else f"{own} does not support sparse gradients"
            )

    # ---- state

    def state_dict(self) -> dict[str, Any]:
        """The optimizer's state: {"state": state by the parameter's number, "param_groups": options and numbers}."""
        for hook in self._optimizer_state_dict_pre_hooks.values():
            hook(self)
        numbers: dict[int, int] = {}
        for group in self.param_groups:
            for parameter in group["params"]:
                numbers.setdefault(id(parameter), len(numbers))
        groups = [
            {
                **{key: value for key, value in group.items() if key != "params"},
                "params": [numbers[id(p)] for p in group["params"]],
            }
            for group in self.param_groups
        ]
        packed = {numbers[id(key)] if isinstance(key, Tensor) else key: value for key, value in self.state.items()}
        state_dict = {"state": packed, "param_groups": groups}
        for hook in self._optimizer_state_dict_post_hooks.values():
            replaced = hook(self, state_dict)
            if replaced is not None:
                state_dict = replaced
        return state_dict

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes a state that `state_dict` gave, of an optimizer with groups of the same sizes."""
        state_dict = state_dict.copy()
        for hook in self._optimizer_load_state_dict_pre_hooks.values():
            replaced = hook(self, state_dict)
            if replaced is not None:
                state_dict = replaced
        groups = self.param_groups
        saved_groups = deepcopy(state_dict["param_groups"])
        if len(groups) != len(saved_groups):
            raise ValueError("loaded state dict has a different number of parameter groups")
        if any(len(a["params"]) != len(b["params"]) for a, b in zip(groups, saved_groups, strict=True)):
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of optimizer's group"
            )
        by_number = {}
        options_of = {}
        for group, saved in zip(groups, saved_groups, strict=True):
            for number, parameter in zip(saved["params"], group["params"], strict=True):
                by_number[number] = parameter
                options_of[number] = saved
        state: defaultdict[Any, Any] = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in by_number:
                state[by_number[key]] = _like_parameter(by_number[key], value, options_of[key])
            else:
                state[key] = value
        for group, saved in zip(groups, saved_groups, strict=True):
            saved["params"] = group["params"]
            if "param_names" in group and "param_names" not in saved:
                saved["param_names"] = group["param_names"]
        self.__setstate__({"state": state, "param_groups": saved_groups})
        for hook in self._optimizer_load_state_dict_post_hooks.values():
            hook(self)


Optimizer.step = _around_step(Optimizer.step)  # type: ignore[method-assign]


def _split_names(group: dict[str, Any]) -> None:
    """Makes the group's "params" a list of tensors, and "param_names" one of names where they are given."""
    params = group["params"]
    if isinstance(params, Tensor):
        params = [params]
    elif isinstance(params, set):
        raise TypeError(
            "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets "
            "will change between runs. Please use a list instead."
        )
    params = list(params)
    named = [isinstance(each, tuple) for each in params]
    if any(named):
        if not all(named):
            raise ValueError("all optimizer params should be with/without names. Some param names are missing")
        group["param_names"] = [name for name, _ in params]
        params = [parameter for _, parameter in params]
    for parameter in params:
        if not isinstance(parameter, Tensor):
            raise TypeError("optimizer can only optimize Tensors, but one of the params is " + typename(parameter))
    group["params"] = params


def _warn_of_duplicates(params: list[Tensor]) -> None:
    if len(params) != len({id(p) for p in params}):
        warnings.warn(
            "optimizer contains a parameter group with duplicate parameters; in future, this will cause an error; see "
            "github.com/pytorch/pytorch/issues/40967 for more information",
            stacklevel=4,
        )


def _like_parameter(parameter: Tensor, value: Any, options: dict[str, Any], key: str | None = None) -> Any:
    """Loaded state in the parameter's dtype; step counts stay float32."""
    if isinstance(value, Tensor):
        if key == "step":
            fixed = options.get("capturable") or options.get("fused")
            return value.to(dtype=float32, device=parameter.device) if fixed else value.clone()
        if parameter.is_floating_point():
            return value.to(dtype=parameter.dtype, device=parameter.device, copy=True)
        return value.to(device=parameter.device, copy=True)
    if isinstance(value, dict):
        return {k: _like_parameter(parameter, v, options, k) for k, v in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
        return type(value)(_like_parameter(parameter, v, options) for v in value)  # type: ignore[call-arg]
    return value


# ---- what the optimizers share


def number(value: Any) -> Any:
    """A learning rate or coefficient as a Python number."""
    return value.item() if isinstance(value, Tensor) else value


def scalar(value: float) -> Tensor:
    """A number of an optimizer's state, such as the count of steps, as the tensor PyTorch keeps it in."""
    kind = float64 if get_default_dtype() is float64 else float32
    return from_array(np.array(value, kind.storage), kind)


def advance(state: dict[str, Any]) -> float:
    """Counts one step. The count's tensor is made anew, so that reading it never waits for anything pending."""
    step = number(state["step"]) + 1
    state["step"] = scalar(step)
    return step


def real(x: Tensor) -> Tensor:
    """A complex tensor as pairs of real numbers, which share its memory; a real one as it is."""
    return view_as_real(x) if is_complex(x) else x


def check_at_least_zero(**options: Any) -> None:
    """Raises where an option is negative; underscores in names print as PyTorch has them."""
    for name, value in options.items():
        if not number(value) >= 0.0:
            label = {"lr": "learning rate", "eps": "epsilon value"}.get(name, f"{name} value")
            raise ValueError(f"Invalid {label}: {value}")


def check_lr(lr: Any, foreach: bool | None = None, capturable: bool = True) -> None:
    """Raises where a learning rate is a tensor of several elements, or negative."""
    if isinstance(lr, Tensor):
        if foreach and not capturable:
            raise ValueError("lr as a Tensor is not supported for capturable=False and foreach=True")
        if lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
    check_at_least_zero(lr=lr)


def check_betas(betas: tuple[Any, Any]) -> None:
    """Raises where a coefficient of a running mean is not in [0, 1)."""
    for place, beta in enumerate(betas):
        if not 0.0 <= number(beta) < 1.0:
            raise ValueError(f"Invalid beta parameter at index {place}: {beta}")


def check_fused(fused: bool | None, foreach: bool | None, differentiable: bool) -> None:
    """Raises where options are given together that PyTorch does not take together."""
    if fused:
        if differentiable:
            raise RuntimeError("`fused` does not support `differentiable`")
        if foreach:
            raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
