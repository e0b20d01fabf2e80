"""`torch.autograd.graph`: the graph's nodes, and what is done with the values that a forward pass keeps for its backward pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from ..absent import absent_class, absent_function
from ..tensor.grad_fn import GradFn as Node

__all__ = [
    "GradientEdge",
    "Node",
    "allow_mutation_on_saved_tensors",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
]

_KEPT = "values are kept as the nodes of a graph; `torch.utils.checkpoint` keeps fewer"
_EDGES = "`torch.autograd.grad` takes the tensor itself"

saved_tensors_hooks = absent_class("torch.autograd.graph.saved_tensors_hooks", _KEPT)
GradientEdge = absent_class("torch.autograd.graph.GradientEdge", _EDGES)
get_gradient_edge = absent_function("torch.autograd.graph.get_gradient_edge", _EDGES)
register_multi_grad_hook = absent_function(
    "torch.autograd.graph.register_multi_grad_hook", "`Tensor.register_hook` is called for one tensor"
)


class save_on_cpu(nullcontext):
    """Within it a forward pass keeps its values in the CPU's memory, where all values are."""

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        super().__init__()


@contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Iterator[None]:
    """Within it `saved_tensors_hooks` raise an error, as they do anywhere here."""
    yield


@contextmanager
def allow_mutation_on_saved_tensors() -> Iterator[None]:
    """Within it what is kept for the backward pass may be written to in place, as it may here anywhere: gradients are those of the values read."""
    yield
