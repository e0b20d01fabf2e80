"""A module's state by name: `state_dict` gives it, `load_state_dict` takes it."""

from __future__ import annotations

import warnings
from collections import OrderedDict, namedtuple
from collections.abc import Callable, Mapping
from functools import wraps
from itertools import chain
from typing import Any

from ...tensor import Tensor, no_grad
from ..parameter import Parameter, is_lazy
from .hooks import RemovableHandle, _register

_EXTRA_STATE_KEY_SUFFIX = "_extra_state"


class _IncompatibleKeys(namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """What did not fit in a non-strict load."""

    __slots__ = ()

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"_IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"

    __str__ = __repr__


class StateMethods:
    """The part of `Module` that reads and writes its state."""

    _version: int
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Any]
    _non_persistent_buffers_set: set[str]
    _state_dict_hooks: OrderedDict[int, Callable]
    _state_dict_pre_hooks: OrderedDict[int, Callable]
    _load_state_dict_pre_hooks: OrderedDict[int, Callable]
    _load_state_dict_post_hooks: OrderedDict[int, Callable]

    def get_extra_state(self) -> Any:
        """State beyond parameters and buffers; a subclass that defines it finds it in its `state_dict`."""
        raise RuntimeError(
            "Reached a code path in Module.get_extra_state() that should never be called. Define get_extra_state in "
            "the subclass before it is read."
        )

    def set_extra_state(self, state: Any) -> None:
        """Takes back what `get_extra_state` gave; called by `load_state_dict`."""
        raise RuntimeError(
            "Reached a code path in Module.set_extra_state() that should never be called. Define set_extra_state in "
            "the subclass before it is loaded."
        )

    def register_state_dict_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Runs `hook(module, prefix, keep_vars)` before the module's state is read."""
        return _register(self._state_dict_pre_hooks, hook)

    def register_state_dict_post_hook(self, hook: Callable) -> RemovableHandle:
        """Runs `hook(module, state_dict, prefix, local_metadata)` on the state read; it edits in place."""
        hook._from_public_api = True  # type: ignore[attr-defined]
        return _register(self._state_dict_hooks, hook)

    def _register_state_dict_hook(self, hook: Callable) -> RemovableHandle:
        """As `register_state_dict_post_hook`; what the hook returns, if anything, becomes the state."""
        if getattr(hook, "_from_public_api", False):
            raise RuntimeError(
                "Cannot register the same function as the state dict post hook that was previously registered via "
                "register_state_dict_post_hook"
            )
        return _register(self._state_dict_hooks, hook)

    def register_load_state_dict_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Runs `hook(module, state_dict, prefix, metadata, strict, missing, unexpected, errors)` before loading."""
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def _register_load_state_dict_pre_hook(self, hook: Callable, with_module: bool = False) -> RemovableHandle:
        called = hook
        if with_module:

            @wraps(hook)
            def called(*args: Any) -> Any:
                return hook(self, *args)

        return _register(self._load_state_dict_pre_hooks, called)

    def register_load_state_dict_post_hook(self, hook: Callable) -> RemovableHandle:
        """Runs `hook(module, incompatible_keys)` after loading; it edits the keys in place."""
        return _register(self._load_state_dict_post_hooks, hook)

    def _state_of_its_own(self) -> dict[str, Tensor]:
        """The module's own parameters and buffers that belong to its state."""
        kept = {name: b for name, b in self._buffers.items() if name not in self._non_persistent_buffers_set}
        return {name: tensor for name, tensor in chain(self._parameters.items(), kept.items()) if tensor is not None}

    def _overrides_method(self, method: str) -> bool:
        return getattr(type(self), method, None) is not getattr(StateMethods, method)

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        """Writes the module's own tensors, not its children's, under `prefix`."""
        for name, tensor in self._state_of_its_own().items():
            destination[prefix + name] = tensor if keep_vars else tensor.detach()
        if self._overrides_method("get_extra_state"):
            destination[prefix + _EXTRA_STATE_KEY_SUFFIX] = self.get_extra_state()

    def state_dict(
        self, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Any]:
        """All parameters and persistent buffers by dotted name: an OrderedDict that shares their memory.

        keep_vars: give the parameters themselves instead of detached tensors.

        >>> import rushlight as torch
        >>> list(torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU()).state_dict())
        ['0.weight', '0.bias']
        """
        if args:
            warnings.warn(
                "Positional args are being deprecated, use kwargs instead. Refer to "
                "https://pytorch.org/docs/main/generated/torch.nn.Module.html#torch.nn.Module.state_dict for details.",
                FutureWarning,
                stacklevel=2,
            )
            given = dict(zip(("destination", "prefix", "keep_vars"), args, strict=False))
            destination = given.get("destination") if destination is None else destination
            prefix = given.get("prefix", prefix) if prefix == "" else prefix
            keep_vars = given.get("keep_vars", keep_vars) if keep_vars is False else keep_vars
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        local_metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = local_metadata
        for hook in self._state_dict_pre_hooks.values():
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook in self._state_dict_hooks.values():
            replaced = hook(self, destination, prefix, local_metadata)
            if getattr(hook, "_from_public_api", False):
                if replaced is not None:
                    raise RuntimeError("state_dict post-hook must return None")
            elif replaced is not None:
                destination = replaced
        return destination

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Takes the module's own tensors, not its children's, from the entries under `prefix`.

        What does not fit goes into the three lists; nothing is raised here.
        """
        for hook in self._load_state_dict_pre_hooks.values():
            hook(state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
        assign = local_metadata.get("assign_to_params_buffers", False)
        own = self._state_of_its_own()
        for name, tensor in own.items():
            key = prefix + name
            if key in state_dict:
                problem = self._take_state(name, tensor, state_dict[key], key, assign)
                if problem:
                    error_msgs.append(problem)
            elif strict:
                missing_keys.append(key)
        extra = prefix + _EXTRA_STATE_KEY_SUFFIX
        if self._overrides_method("set_extra_state"):
            if extra in state_dict:
                self.set_extra_state(state_dict[extra])
            elif strict:
                missing_keys.append(extra)
        elif strict and extra in state_dict:
            unexpected_keys.append(extra)
        if strict:
            unexpected_keys.extend(self._unexpected_keys(state_dict, prefix, own, extra))

    def _unexpected_keys(
        self, state_dict: dict[str, Any], prefix: str, own: Mapping[str, Any], extra: str
    ) -> list[str]:
        found = []
        for key in state_dict:
            if not key.startswith(prefix) or key == extra:
                continue
            first, *rest = key[len(prefix) :].split(".", 1)
            if first not in self._modules if rest else first not in own:
                found.append(key)
        return found

    def _take_state(self, name: str, tensor: Tensor, given: Any, key: str, assign: bool) -> str | None:
        """Copies one entry into one tensor, or says why it cannot be."""
        if not isinstance(given, Tensor):
            return (
                f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like object from '
                f"checkpoint but received {type(given)}"
            )
        if not is_lazy(tensor):
            if tensor.dim() == 0 and given.dim() == 1 and given.shape[0] == 1:
                given = given[0]  # files of before version 0.4 hold scalars as vectors
            if given.shape != tensor.shape:
                return (
                    f"size mismatch for {key}: copying a param with shape {given.shape} from checkpoint, the shape in "
                    f"current model is {tensor.shape}."
                )
        try:
            with no_grad():
                if assign:
                    self._assign_state(name, tensor, given)
                elif not (is_lazy(tensor) and is_lazy(given)):  # else there are no values yet
                    tensor.copy_(given)
        except Exception as error:
            return (
                f'While copying the parameter named "{key}", whose dimensions in the model are {tensor.size()} and '
                f"whose dimensions in the checkpoint are {given.size()}, an exception occurred : {error.args}."
            )
        return None

    def _assign_state(self, name: str, tensor: Tensor, given: Tensor) -> None:
        """Puts the entry itself in the tensor's place."""
        if isinstance(tensor, Parameter):
            if isinstance(given, Parameter):
                given.requires_grad_(tensor.requires_grad)
            else:
                given = Parameter(given, requires_grad=tensor.requires_grad)
        setattr(self, name, given)

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> _IncompatibleKeys:
        """Copies parameters and buffers from `state_dict`; returns the keys that were missing or unexpected.

        strict: missing or unexpected keys are a RuntimeError; shapes that differ always are.
        assign: keep the given tensors themselves instead of copying their values.

        >>> import rushlight as torch
        >>> a, b = torch.nn.Linear(2, 3), torch.nn.Linear(2, 3)
        >>> a.load_state_dict(b.state_dict())
        <All keys matched successfully>
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        metadata = getattr(state_dict, "_metadata", None)
        entries = OrderedDict(state_dict)
        if metadata is not None:
            entries._metadata = metadata  # type: ignore[attr-defined]
        found = _IncompatibleKeys([], [])
        error_msgs: list[str] = []
        _load(self, entries, "", metadata, strict, assign, found, error_msgs)
        if strict:
            for title, keys in (("Unexpected", found.unexpected_keys), ("Missing", found.missing_keys)):
                if keys:
                    quoted = ", ".join(f'"{key}"' for key in keys)
                    error_msgs.insert(0, f"{title} key(s) in state_dict: {quoted}. ")
        if error_msgs:
            raise RuntimeError(
                f"Error(s) in loading state_dict for {type(self).__name__}:\n\t" + "\n\t".join(error_msgs)
            )
        return found


def _load(
    module: Any,
    entries: dict[str, Any],
    prefix: str,
    metadata: Mapping[str, Any] | None,
    strict: bool,
    assign: bool,
    found: _IncompatibleKeys,
    error_msgs: list[str],
) -> None:
    """Loads `module` and its children from the entries under `prefix`."""
    local_metadata = {} if metadata is None else metadata.get(prefix[:-1], {})
    if assign:
        local_metadata["assign_to_params_buffers"] = True
    module._load_from_state_dict(
        entries, prefix, local_metadata, True, found.missing_keys, found.unexpected_keys, error_msgs
    )
    for name, child in module._modules.items():
        if child is not None:
            child_prefix = f"{prefix}{name}."
            own = {key: value for key, value in entries.items() if key.startswith(child_prefix)}
            _load(child, own, child_prefix, metadata, strict, assign, found, error_msgs)
    for hook in module._load_state_dict_post_hooks.values():
        if hook(module, found) is not None:
            raise AssertionError(
                "Hooks registered with ``register_load_state_dict_post_hook`` are not expected to return new values, "
                "if incompatible_keys need to be modified, it should be done inplace."
            )
