"""Modules as functions: their states stacked for an ensemble, and without what changes when they run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..nn.modules.batchnorm import _BatchNorm
from ..nn.modules.module import Module
from ..nn.utils import stateless
from ..tensor.public import functions
from ..tensor.tensor import Tensor


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: Mapping[str, Tensor] | Sequence[Mapping[str, Tensor]],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """`nn.utils.stateless.functional_call`, with the tensors in one dictionary or in several; ValueError where two have the same name.

    >>> import rushlight as torch
    >>> layer = torch.nn.Linear(2, 1)
    >>> torch.func.functional_call(layer, ({"weight": torch.ones(1, 2)}, {"bias": torch.zeros(1)}), torch.ones(2))
    tensor([2.])
    """
    given = parameter_and_buffer_dicts
    if not isinstance(given, Mapping):
        joined: dict[str, Tensor] = {}
        for each in given:
            repeated = joined.keys() & each.keys()
            if repeated:
                raise ValueError(
                    f"functional_call: {sorted(repeated)} appeared in multiple dictionaries; behavior of functional "
                    "call is ambiguous"
                )
            joined.update(each)
        given = joined
    return stateless.functional_call(module, given, args, kwargs, tie_weights=tie_weights, strict=strict)


def stack_module_state(models: Sequence[Module]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters and the buffers of like modules, each name's stacked along a new first axis: `vmap` over them runs an ensemble.

    RuntimeError unless the modules are of one class and all in the same mode; their parameters either all require grad or none.

    >>> import rushlight as torch
    >>> parameters, buffers = torch.func.stack_module_state([torch.nn.Linear(2, 3) for _ in range(4)])
    >>> parameters["weight"].shape
    torch.Size([4, 3, 2])
    """
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if any(model.training != models[0].training for model in models):
        raise RuntimeError("stack_module_state: Expected all models to have the same training/eval mode.")
    if any(type(model) is not type(models[0]) for model in models):
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    parameters = [dict(model.named_parameters()) for model in models]
    buffers = [dict(model.named_buffers()) for model in models]
    return (
        {name: _stacked(name, [own[name] for own in parameters]) for name in parameters[0]},
        {name: _stacked(name, [own[name] for own in buffers]) for name in buffers[0]},
    )


def _stacked(name: str, tensors: list[Tensor]) -> Tensor:
    wanted = tensors[0].requires_grad
    if any(tensor.requires_grad is not wanted for tensor in tensors):
        raise RuntimeError(
            f"Expected {name} from each model to have the same .requires_grad — stack_module_state: it differs among the models"
        )
    stacked: Tensor = functions["stack"](tensors)
    if all(tensor.is_leaf for tensor in tensors):
        return stacked.detach().requires_grad_(wanted)
    return stacked


def functionalize(func: Callable[..., Any], *, remove: str = "mutations") -> Callable[..., Any]:
    """The function itself: what Rushlight records has no mutation (an in-place op makes a new node), so there is nothing to remove.

    `remove` is "mutations" or "mutations_and_views", as in PyTorch.
    """
    if remove not in ("mutations", "mutations_and_views"):
        raise RuntimeError(
            "functionalize(f, remove='mutations'): received invalid argument for kwarg remove. Valid options are:\n     "
            f"remove='mutations' or remove='mutations_and_views'\nbut got {remove!r}"
        )
    return func


def replace_all_batch_norm_modules_(root: Module) -> Module:
    """Makes every batch normalization in a module, and the module itself, use the statistics of its batch alone; returns the module.

    Running statistics are written when the module runs, which under `vmap` each example would do.
    """
    for module in root.modules():
        if isinstance(module, _BatchNorm) and module.track_running_stats:
            module.running_mean = module.running_var = module.num_batches_tracked = None
            module.track_running_stats = False
    return root
