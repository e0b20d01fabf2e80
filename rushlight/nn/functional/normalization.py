"""Norms of activations: batch, layer, group, instance, root mean square, local response."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from ...dtype import FLOATING, bfloat16, float16, float32
from ...ir import reduce, scalar, view
from ...ir.component import components
from ...ir.graph import Node
from ...ir.normalization import moments, standardize
from ...tensor.autograd import no_grad
from ...tensor.public import public, scalar_name
from ...tensor.tensor import Tensor, node_of, wrap
from .operands import require_tensor
from .padding import pad
from .pooling import avg_pool2d, avg_pool3d

__all__ = ["batch_norm", "group_norm", "instance_norm", "layer_norm", "local_response_norm", "rms_norm"]

Shape = tuple[int, ...]


def _channels(values: Tensor | None, kind: Any, ndim: int, axis: int = 1) -> Node | None:
    """A vector of one element a channel along its axis of the input, in the dtype that is computed in."""
    if values is None:
        return None
    node = scalar.cast(node_of(values), dtype=kind)
    return view.reshape(node, tuple(node.type.size if a == axis else 1 for a in range(ndim)))


def _wide(node: Node) -> Node:
    """Half precision is computed in float32 and rounded once."""
    return scalar.cast(node, dtype=float32) if node.type.dtype in (float16, bfloat16) else node


def _scaled(node: Node, weight: Node | None, bias: Node | None) -> Node:
    if weight is not None:
        node = scalar.mul(node, weight)
    return scalar.add(node, bias) if bias is not None else node


def _check_floating(op: str, input: Tensor) -> None:
    require_tensor(op, input)
    if input.dtype.category < FLOATING:
        raise RuntimeError(
            f"\"{op}\" not implemented for '{scalar_name(input.dtype)}' — convert the input with .float()"
        )


def _check_vector(op: str, name: str, values: Tensor | None, count: int) -> None:
    if values is not None and values.numel() != count:
        raise RuntimeError(f"{name} should contain {count} elements not {values.numel()} — {op}")


# ---- batch norm ----


def _update_running(op: str, running: Tensor | None, fresh: Node, momentum: float) -> None:
    if running is None:
        return
    with no_grad():
        kind = running.dtype
        have = node_of(running.detach())
        moved = scalar.add(
            scalar.mul(have, scalar.number(1 - momentum, kind)),
            scalar.mul(scalar.cast(fresh, dtype=kind), scalar.number(momentum, kind)),
        )
        running.detach().copy_(wrap(moved))


def _batch_statistics(x: Node, axes: Shape, mean: Tensor | None, variance: Tensor | None, momentum: float) -> None:
    """Moves the running statistics towards this batch's; the running variance is the unbiased one."""
    if mean is None and variance is None:
        return
    average, spread = components(moments(view.stop(x) if x.tracked else x, axes=axes))
    count = prod(x.type.shape[axis] for axis in axes)
    _update_running("batch_norm", mean, average, momentum)
    unbiased = scalar.mul(spread, scalar.number(count / max(count - 1, 1), spread.type.dtype))
    _update_running("batch_norm", variance, unbiased, momentum)


@public("NativeBatchNorm", function=False, method=False, out=False)
def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """(N, C, *) standardised for each channel: by the batch's statistics in training, else by the running ones.

    In training the running statistics move by `momentum` towards the batch's, in place.
    """
    _check_floating("batch_norm", input)
    if input.ndim < 2:
        raise RuntimeError(
            f"batch_norm: expected an input with at least 2 dimensions (N, C, ...), got {tuple(input.shape)}"
        )
    channels = input.shape[1]
    for name, each in (
        ("running_mean", running_mean),
        ("running_var", running_var),
        ("weight", weight),
        ("bias", bias),
    ):
        _check_vector("batch_norm", name, each, channels)
    if training:
        size = input.numel() // max(channels, 1)
        if size == 1:
            raise ValueError(f"Expected more than 1 value per channel when training, got input size {input.shape}")
    elif running_mean is None or running_var is None:
        raise RuntimeError(
            f"Expected {'running_mean' if running_mean is None else 'running_var'} to be defined when not training — batch_norm"
        )
    x = _wide(node_of(input))
    kind, ndim = x.type.dtype, input.ndim
    w, b = _channels(weight, kind, ndim), _channels(bias, kind, ndim)
    if training:
        axes = (0, *range(2, ndim))
        result = standardize(x, scalar.number(eps, kind), axes=axes)
        _batch_statistics(x, axes, running_mean, running_var, momentum)
        result = _scaled(result, w, b)
    else:
        mean, variance = _channels(running_mean, kind, ndim), _channels(running_var, kind, ndim)
        assert mean is not None and variance is not None
        factor = scalar.rsqrt(scalar.add(variance, scalar.number(eps, kind)))
        result = _scaled(scalar.mul(scalar.sub(x, mean), factor if w is None else scalar.mul(factor, w)), None, b)
    return wrap(scalar.cast(result, dtype=input.dtype))


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """(N, C, *) standardised for each channel of each sample."""
    _check_floating("instance_norm", input)
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    if input.ndim < 3:
        raise RuntimeError(f"instance_norm: expected (N, C, *spatial), got {tuple(input.shape)}")
    if prod(input.shape[2:]) == 1:
        raise ValueError(f"Expected more than 1 spatial element when training, got input size {input.shape}")
    x = _wide(node_of(input))
    kind, ndim = x.type.dtype, input.ndim
    axes = tuple(range(2, ndim))
    if running_mean is not None or running_var is not None:
        average, spread = components(moments(view.stop(x) if x.tracked else x, axes=axes))
        count, samples = prod(x.type.shape[2:]), scalar.number(float(input.shape[0]), kind)
        _update_running("instance_norm", running_mean, scalar.div(reduce.sum_(average, (0,)), samples), momentum)
        unbiased = scalar.mul(spread, scalar.number(count / max(count - 1, 1), kind))
        _update_running("instance_norm", running_var, scalar.div(reduce.sum_(unbiased, (0,)), samples), momentum)
    result = _scaled(
        standardize(x, scalar.number(eps, kind), axes=axes), _channels(weight, kind, ndim), _channels(bias, kind, ndim)
    )
    return _named(scalar.cast(result, dtype=input.dtype), "View")


def _named(node: Node, label: str) -> Tensor:
    if node.tracked and node.label is None:
        node.label = label
    return wrap(node)


# ---- layer, group, root mean square ----


def _normalized_axes(op: str, input: Tensor, normalized_shape: Any, **vectors: Tensor | None) -> Shape:
    shape = tuple(normalized_shape) if isinstance(normalized_shape, Sequence) else (int(normalized_shape),)
    if not shape:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got normalized_shape = []"
        )
    for name, values in vectors.items():
        if values is not None and tuple(values.shape) != shape:
            raise RuntimeError(
                f"Expected {name} to be of same shape as normalized_shape, but got {name} of shape {list(values.shape)} and normalized_shape = "
                f"{list(shape)}"
            )
    own = tuple(input.shape)
    if len(own) < len(shape) or own[len(own) - len(shape) :] != shape:
        raise RuntimeError(
            f"Given normalized_shape={list(shape)}, expected input with shape [*, {', '.join(map(str, shape))}], but got input of size{list(own)} — {op}"
        )
    return tuple(range(len(own) - len(shape), len(own)))


@public("NativeLayerNorm", method=False, out=False)
def layer_norm(
    input: Tensor, normalized_shape: Any, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """The input standardised over its last axes, whose shape is given."""
    _check_floating("layer_norm", input)
    axes = _normalized_axes("layer_norm", input, normalized_shape, weight=weight, bias=bias)
    x = _wide(node_of(input))
    kind = x.type.dtype
    w, b = (None if v is None else scalar.cast(node_of(v), dtype=kind) for v in (weight, bias))
    result = _scaled(standardize(x, scalar.number(eps, kind), axes=axes), w, b)
    return wrap(scalar.cast(result, dtype=input.dtype))


@public("NativeGroupNorm", method=False, out=False)
def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """(N, C, *) standardised over groups of channels."""
    _check_floating("group_norm", input)
    if input.ndim < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {input.ndim}")
    batch, channels, *rest = input.shape
    if num_groups <= 0:
        raise RuntimeError(f"Expected num groups to be greater than 0, got {num_groups}")
    if channels % num_groups:
        raise RuntimeError(
            f"Expected number of channels in input to be divisible by num_groups, but got input of shape {list(input.shape)} and num_groups={num_groups}"
        )
    for name, values in (("weight", weight), ("bias", bias)):
        if values is not None and (values.ndim != 1 or values.numel() != channels):
            raise RuntimeError(
                f"Expected {name} to be a vector of size equal to the number of channels in input, but got {name} of shape {list(values.shape)} and "
                f"input of shape {list(input.shape)}"
            )
    x = _wide(node_of(input))
    kind, shape = x.type.dtype, x.type.shape
    grouped = view.reshape(x, (batch, num_groups, channels // num_groups * prod(rest)))
    result = view.reshape(standardize(grouped, scalar.number(eps, kind), axes=(2,)), shape)
    result = _scaled(result, _channels(weight, kind, input.ndim), _channels(bias, kind, input.ndim))
    return wrap(scalar.cast(result, dtype=input.dtype))


@public("FusedRmsNorm", method=False, out=False)
def rms_norm(input: Tensor, normalized_shape: Any, weight: Tensor | None = None, eps: float | None = None) -> Tensor:
    """The input divided by its root mean square over its last axes, whose shape is given."""
    _check_floating("rms_norm", input)
    axes = _normalized_axes("rms_norm", input, normalized_shape, weight=weight)
    x = _wide(node_of(input))
    kind = x.type.dtype
    least = float(np.finfo(kind.to_real().storage).eps) if eps is None else eps
    count = prod(x.type.shape[axis] for axis in axes)
    power = scalar.div(reduce.sum_(scalar.mul(x, scalar.cj(x)), axes), scalar.number(float(count), kind))
    factor = scalar.rsqrt(scalar.add(power, scalar.number(least, kind)))
    result = scalar.mul(x, reduce.spread(factor, x.type.shape, axes))
    if weight is not None:
        result = scalar.mul(result, scalar.cast(node_of(weight), dtype=kind))
    return wrap(scalar.cast(result, dtype=input.dtype))


def local_response_norm(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """(N, C, *) divided by (k + alpha · mean of squares over `size` neighbouring channels) ** beta."""
    require_tensor("local_response_norm", input)
    if input.ndim < 3:
        raise ValueError(
            f"Expected 3D or higher dimensionality                          input (got {input.ndim} dimensions)"
        )
    if not input.numel():
        return input
    squares = input.mul(input)  # type: ignore[attr-defined]
    before, after = size // 2, (size - 1) // 2
    if input.ndim == 3:
        padded = pad(squares.unsqueeze(1), (0, 0, before, after))
        average = avg_pool2d(padded, (size, 1), stride=1).squeeze(1)  # type: ignore[attr-defined]
    else:
        batch, channels, *rest = input.shape
        padded = pad(squares.reshape(batch, 1, channels, rest[0], -1), (0, 0, 0, 0, before, after))
        average = avg_pool3d(padded, (size, 1, 1), stride=1).squeeze(1).reshape(input.shape)  # type: ignore[attr-defined]
    return input / average.mul(alpha).add(k).pow(beta)  # type: ignore[operator,no-any-return]
