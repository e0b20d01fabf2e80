"""`functional_call`: a module's forward with other tensors in place of its parameters and buffers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ...tensor import Tensor
from ..modules.module import Module

__all__ = ["functional_call"]


def _set(module: Module, name: str, value: Any) -> Any:
    """Puts a value in the place of a parameter or buffer, and gives what was there."""
    for registry in (module._parameters, module._buffers):
        if name in registry:
            before = registry[name]
            registry[name] = value
            return before
    before = getattr(module, name)
    object.__setattr__(module, name, value)
    return before


def _tied(module: Module) -> dict[str, list[str]]:
    """For each name of a tensor, all names it has."""
    by_tensor: dict[int, list[str]] = {}
    for members in (
        module.named_parameters(remove_duplicate=False),
        module.named_buffers(remove_duplicate=False),
    ):
        for name, tensor in members:
            by_tensor.setdefault(id(tensor), []).append(name)
    return {name: names for names in by_tensor.values() for name in names}


@contextmanager
def _replaced(module: Module, tensors: Mapping[str, Tensor], tie_weights: bool, strict: bool) -> Iterator[None]:
    names = _tied(module)
    unexpected = [name for name in tensors if name not in names]
    missing = [name for name, group in names.items() if not any(each in tensors for each in group)]
    if strict and (unexpected or missing):
        raise RuntimeError(
            "Error(s) in loading state_dict for "
            f"{type(module).__name__}: Unexpected key(s): {unexpected}. Missing key(s): {missing}."
        )
    wanted = dict(tensors)
    if tie_weights:
        for name in tensors:
            for other in names.get(name, ()):
                wanted.setdefault(other, tensors[name])
    undo: list[tuple[Module, str, Any]] = []
    try:
        for name, tensor in wanted.items():
            path, _, leaf = name.rpartition(".")
            owner = module.get_submodule(path)
            undo.append((owner, leaf, _set(owner, leaf, tensor)))
        yield
    finally:
        for owner, leaf, before in reversed(undo):
            _set(owner, leaf, before)


def functional_call(
    module: Module,
    parameters_and_buffers: Mapping[str, Tensor],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Calls the module with the given tensors in place of those of the same dotted names.

    tie_weights: a tensor that has several names is replaced under all of them. strict: all must be given, and no
    others.

    >>> import rushlight as torch
    >>> layer = torch.nn.Linear(2, 1, bias=False)
    >>> torch.nn.utils.stateless.functional_call(layer, {"weight": torch.ones(1, 2)}, torch.ones(2))
    tensor([2.])
    """
    arguments = () if args is None else args if isinstance(args, tuple) else (args,)
    with _replaced(module, parameters_and_buffers, tie_weights, strict):
        return module(*arguments, **(kwargs or {}))
