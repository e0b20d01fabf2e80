"""Limits on gradients: by their total norm, or element by element."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from typing import Any

from ...dtype import float32, float64
from ...ir import scalar, update_rules
from ...ir.graph import Node
from ...runtime.executor import settle
from ...tensor import Tensor, clamp, no_grad, stack, tensor
from ...tensor.tensor import bare, node_of, wrap

__all__ = ["clip_grad_norm", "clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm"]

Tensors = Tensor | Iterable[Tensor]


def _as_list(tensors: Tensors) -> list[Tensor]:
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def _of_one_kind(tensors: list[Tensor]) -> list[Node] | None:
    """The nodes of tensors of single or of double precision, of which one node makes the norm; None where others are among them."""
    if not all([isinstance(each, Tensor) for each in tensors]):
        return None
    nodes = [node_of(each) for each in tensors]
    kind = nodes[0].type.dtype
    return nodes if kind in (float32, float64) and all([node.type.dtype is kind for node in nodes]) else None


def _norm(x: Tensor, norm_type: float) -> Tensor:
    return x.norm(norm_type)


@no_grad()
def get_total_norm(
    tensors: Tensors, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None
) -> Tensor:
    """The norm of all tensors as one vector; float("inf") takes the largest element."""
    tensors = _as_list(tensors)
    norm_type = float(norm_type)
    if not tensors:
        return tensor(0.0)
    nodes = _of_one_kind(tensors) if norm_type == 2 else None
    if nodes is None:
        total = _norm(stack([_norm(each, norm_type) for each in tensors]), norm_type)
    else:
        total = wrap(update_rules.total_norm(*nodes))
    if error_if_nonfinite and not math.isfinite(float(total)):
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so it cannot be "
            "clipped. To disable this error and scale the gradients by the non-finite norm anyway, set "
            "`error_if_nonfinite=False`"
        )
    return total


@no_grad()
def clip_grads_with_norm_(
    parameters: Tensors, max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Scales all gradients by max_norm / total_norm where that is less than 1."""
    gradients = [p.grad for p in _as_list(parameters) if p.grad is not None]
    if not gradients:
        return
    factor = clamp(float(max_norm) / (total_norm + 1e-6), max=1.0)
    scale = node_of(factor)
    for gradient in gradients:
        node = bare(gradient)
        if node is None or node.type.dtype is not scale.type.dtype or scale.type.shape:
            gradient.mul_(factor.to(gradient.dtype))
        else:
            gradient._storage.rebind(scalar.mul(node, scale))
            settle()


@no_grad()
def clip_grad_norm_(
    parameters: Tensors,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scales the gradients, in place, so that their total norm is at most max_norm; gives the norm they had.

    >>> import rushlight as torch
    >>> weight = torch.nn.Parameter(torch.ones(4))
    >>> weight.grad = torch.full((4,), 5.0)
    >>> torch.nn.utils.clip_grad_norm_([weight], max_norm=1.0)
    tensor(10.)
    >>> weight.grad
    tensor([0.5000, 0.5000, 0.5000, 0.5000])
    """
    max_norm, norm_type = float(max_norm), float(norm_type)  # ValueError for what is no number, also without gradients
    parameters = _as_list(parameters)
    gradients = [p.grad for p in parameters if p.grad is not None]
    total_norm = get_total_norm(gradients, norm_type, error_if_nonfinite, foreach)
    clip_grads_with_norm_(parameters, max_norm, total_norm, foreach)
    return total_norm


def clip_grad_norm(*args: Any, **kwargs: Any) -> Tensor:
    """The old name of `clip_grad_norm_`."""
    warnings.warn(
        "`torch.nn.utils.clip_grad_norm` is now deprecated in favor of `torch.nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(*args, **kwargs)


@no_grad()
def clip_grad_value_(parameters: Tensors, clip_value: float, foreach: bool | None = None) -> None:
    """Cuts every gradient's elements, in place, to [-clip_value, clip_value]."""
    for parameter in _as_list(parameters):
        if parameter.grad is not None:
            parameter.grad.clamp_(min=-float(clip_value), max=float(clip_value))
