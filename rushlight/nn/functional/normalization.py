"""Normalization over batches, layers, groups, instances and channels, and of vectors."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from ...dtype import FLOATING, dtype, float64
from ...ir import contraction, scalar, view
from ...ir import normalization as records
from ...ir import reduce as reductions
from ...ir.activation import fixed
from ...ir.contract import contract
from ...ir.graph import Node
from ...tensor.promotion import get_default_dtype
from ...tensor.public import assign, public, scalar_name, write_out
from ...tensor.reductions import norm_node
from ...tensor.tensor import Tensor, node_of, wrap, wrap_axes
from .operands import floating_node, named, real_node, require_tensor

__all__ = [
    "batch_norm",
    "group_norm",
    "instance_norm",
    "layer_norm",
    "local_response_norm",
    "normalize",
    "rms_norm",
]

Shape = tuple[int, ...]


def _check_dtypes(op: str, kind: dtype, tensors: Sequence[Tensor | None]) -> None:
    """Half precision may have float32 parameters; all else has one dtype."""
    for each in tensors:
        if each is None or each.dtype is kind:
            continue
        if kind.itemsize == 2 and each.dtype.name == "float32":
            continue
        if kind is float64:
            raise RuntimeError(
                f"mixed dtype (CPU): all inputs must share same datatype. — {op}: {kind} and {each.dtype}"
            )
        raise RuntimeError(
            f"mixed dtype (CPU): expect parameter to have scalar type of Float — {op}: input is {kind}, a parameter {each.dtype}"
        )


def _parameters(weight: Tensor | None, bias: Tensor | None, shape: Shape) -> list[Node]:
    """Weight and bias, as far as they are given, in a shape."""
    return [view.reshape(node_of(each), shape) for each in (weight, bias) if each is not None]


def _normalized(
    x: Node,
    axes: Shape,
    scale_axes: Shape,
    eps: float,
    parameters: list[Node],
    given: tuple[bool, bool],
    centred: bool = True,
) -> tuple[Node, Node]:
    """The normalized node, and its moments."""
    statistics = records.moments(x, axes=axes, centred=centred)
    layout = {"axes": axes, "scale_axes": scale_axes, "weighted": given[0], "biased": given[1], "centred": centred}
    bound = fixed(eps, statistics.type.dtype)
    return records.normalize(x, statistics, bound, *parameters, **layout), statistics


# ---- over the batch ----


def _check_channels(op: str, count: int, **tensors: Tensor | None) -> None:
    for name, each in tensors.items():
        if each is not None and each.numel() != count:
            raise RuntimeError(f"{name} should contain {count} elements not {each.numel()} — {op}")


def _update(op: str, old: Tensor, statistics: Node, momentum: float, factor: float, part: int) -> None:
    kind = old.dtype
    new = records.running(node_of(old.detach()), statistics, fixed(momentum, kind), fixed(factor, kind), part=part)
    assign(op, old, new)


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
    """Each channel (axis 1) less its mean, by its deviation, times weight plus bias.

    In training the moments are the batch's, and the running ones are moved towards them in place; otherwise they are
    the running ones.

    >>> import rushlight as torch
    >>> torch.nn.functional.batch_norm(torch.tensor([[1.0], [3.0]]), None, None, training=True)
    tensor([[-1.0000],
            [ 1.0000]])
    """
    require_tensor("batch_norm", input)
    shape = tuple(input.shape)
    if len(shape) < 2 and input.numel():
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-max(len(shape), 1)}, {max(len(shape), 1) - 1}], but got 1) — batch_norm: "
            f"input {shape} has no channel axis"
        )
    if len(shape) < 2:  # PyTorch takes it as it is
        return named(view.identity(floating_node("batch_norm", "batch_norm", input)), "Clone")
    count = shape[1]
    if training and prod(shape) // max(count, 1) == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {input.shape}")
    if eps < 0 or (training and eps == 0):
        need = "positive during training" if training else "non-negative"
        raise ValueError(f"batch_norm eps must be {need}, but got {eps}")
    if training and (running_mean is None) != (running_var is None):
        raise ValueError("running_mean and running_var must either both be None or neither be None")
    for name, each in (("running_mean", running_mean), ("running_var", running_var)):
        if each is None and not training:
            raise RuntimeError(f"{name} must be defined in evaluation mode")
    _check_channels("batch_norm", count, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    x = floating_node("batch_norm", "batch_norm", input)
    _check_dtypes("batch_norm", input.dtype, (weight, bias, running_mean, running_var))
    return named(_batch_norm(x, running_mean, running_var, weight, bias, training, momentum, eps), "NativeBatchNorm")


def _batch_norm(
    x: Node,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
) -> Node:
    axes = (0, *range(2, x.type.ndim))
    given = (weight is not None, bias is not None)
    parameters = _parameters(weight, bias, (x.type.shape[1],))
    if not training:
        assert running_mean is not None and running_var is not None
        moments = [node_of(running_mean.detach()), node_of(running_var.detach())]
        bound = fixed(eps, records.statistics_dtype(x.type))
        layout = {"axes": axes, "scale_axes": (1,), "weighted": given[0], "biased": given[1]}
        return records.standardize(x, *moments, bound, *parameters, **layout)
    result, statistics = _normalized(x, axes, (1,), eps, parameters, given)
    if running_mean is not None and running_var is not None:
        size = x.type.size // max(x.type.shape[1], 1)
        if size:
            _update("batch_norm", running_mean, statistics, momentum, 1.0, 0)
            _update("batch_norm", running_var, statistics, momentum, size / (size - 1) if size > 1 else float("nan"), 1)
    return result


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
    """`batch_norm` of each element of the batch by itself; running moments are moved towards the batch's mean of them."""
    require_tensor("instance_norm", input)
    shape = tuple(input.shape)
    if use_input_stats and prod(shape[2:]) == 1:
        raise ValueError(f"Expected more than 1 spatial element when training, got input size {input.shape}")
    x = floating_node("instance_norm", "batch_norm", input)
    if len(shape) < 2:
        raise RuntimeError(f"instance_norm: Expected at least 2 dimensions for input tensor but received {len(shape)}")
    if not use_input_stats and (running_mean is None or running_var is None):
        raise RuntimeError("Expected running_mean and running_var to be defined when use_input_stats is false")
    batch, count = shape[:2]
    for name, each in (
        ("running_mean", running_mean),
        ("running_var", running_var),
        ("weight", weight),
        ("bias", bias),
    ):
        if each is not None and each.numel() != count:
            raise RuntimeError(
                f"{name} should contain {batch * count} elements not {batch * each.numel()} — instance_norm"
            )
    _check_dtypes("instance_norm", input.dtype, (weight, bias, running_mean, running_var))
    if not use_input_stats:
        return named(_batch_norm(x, running_mean, running_var, weight, bias, False, momentum, eps), "View")
    axes = tuple(range(2, len(shape)))
    given = (weight is not None, bias is not None)
    result, statistics = _normalized(x, axes, (1,), eps, _parameters(weight, bias, (count,)), given)
    if running_mean is not None and running_var is not None:
        kind = statistics.type.dtype
        average = scalar.div(reductions.sum_(statistics, (1,)), fixed(float(batch), kind))
        size = prod(shape[2:])
        _update("instance_norm", running_mean, average, momentum, 1.0, 0)
        _update("instance_norm", running_var, average, momentum, size / (size - 1), 1)
    return named(result, "View")


# ---- over each element ----


def _normalized_axes(op: str, shape: Shape, normalized_shape: Any, label: str) -> Shape:
    if not isinstance(normalized_shape, Sequence):
        raise TypeError(
            f"{op}(): argument 'normalized_shape' (position 2) must be tuple of ints, not {type(normalized_shape).__name__}"
        )
    own = tuple([int(each) for each in normalized_shape])
    if not own:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got normalized_shape = []"
        )
    if shape[max(0, len(shape) - len(own)) :] != own:
        listed = ", ".join(map(str, own))
        raise RuntimeError(
            f"Given normalized_shape={list(own)}, expected input with shape [{label}{listed}], but got input of size{list(shape)} — {op}"
        )
    return own


def _check_like(name: str, parameter: Tensor | None, own: Shape) -> None:
    if parameter is not None and tuple(parameter.shape) != own:
        raise RuntimeError(
            f"Expected {name} to be of same shape as normalized_shape, but got {name} of shape {list(parameter.shape)} and "
            f"normalized_shape = {list(own)}"
        )


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """The last axes, of extents `normalized_shape`, less their mean, by their deviation, times weight plus bias.

    >>> import rushlight as torch
    >>> torch.nn.functional.layer_norm(torch.tensor([[1.0, 3.0], [5.0, 5.0]]), (2,))
    tensor([[-1.0000,  1.0000],
            [ 0.0000,  0.0000]])
    """
    require_tensor("layer_norm", input)
    shape = tuple(input.shape)
    own = _normalized_axes("layer_norm", shape, normalized_shape, "*, ")
    _check_like("weight", weight, own)
    _check_like("bias", bias, own)
    x = floating_node("layer_norm", "LayerNormKernelImpl", input)
    _check_dtypes("layer_norm", input.dtype, (weight, bias))
    axes = tuple(range(len(shape) - len(own), len(shape)))
    given = (weight is not None, bias is not None)
    result, _ = _normalized(x, axes, axes, eps, _parameters(weight, bias, own), given)
    return named(result, "NativeLayerNorm")


def rms_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """The last axes by the root of their mean square, times weight; `eps` is by default the dtype's.

    >>> import rushlight as torch
    >>> torch.nn.functional.rms_norm(torch.tensor([3.0, 4.0]), (2,))
    tensor([0.8485, 1.1314])
    """
    require_tensor("rms_norm", input)
    shape = tuple(input.shape)
    own = _normalized_axes("rms_norm", shape, normalized_shape, "*")
    _check_like("weight", weight, own)
    axes = tuple(range(len(shape) - len(own), len(shape)))
    if input.dtype.is_complex:
        return _complex_rms_norm(node_of(input), axes, weight, eps)
    x = floating_node("rms_norm", "rms_norm", input)
    if weight is not None and weight.dtype is not input.dtype:
        _check_dtypes("rms_norm", input.dtype, (weight,))
    if eps is None:
        eps = float(np.finfo(input.dtype.compute).eps)
    given = (weight is not None, False)
    result, _ = _normalized(x, axes, axes, eps, _parameters(weight, None, own), given, centred=False)
    return named(result, "Mul")


def _complex_rms_norm(x: Node, axes: Shape, weight: Tensor | None, eps: float | None) -> Tensor:
    """PyTorch squares complex numbers as they are."""
    kind = x.type.dtype
    count = prod(x.type.shape[axis] for axis in axes)
    mean = scalar.div(reductions.sum_(scalar.square(x), axes), scalar.number(float(count), kind))
    least = float(np.finfo(kind.compute).eps) if eps is None else eps
    root = scalar.rsqrt(scalar.add(mean, scalar.number(least, kind)))
    result = scalar.mul(x, reductions.spread(root, x.type.shape, axes))
    return named(result if weight is None else scalar.mul(result, node_of(weight)), "Mul")


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Channels (axis 1) in `num_groups` groups, each less its mean, by its deviation, times weight plus bias of the channel.

    >>> import rushlight as torch
    >>> torch.nn.functional.group_norm(torch.tensor([[1.0, 3.0, 4.0, 8.0]]), 2)
    tensor([[-1.0000,  1.0000, -1.0000,  1.0000]])
    """
    require_tensor("group_norm", input)
    shape = tuple(input.shape)
    if len(shape) < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {len(shape)}")
    batch, count = shape[:2]
    inner = prod(shape[2:])
    if num_groups <= 0:
        raise (
            ZeroDivisionError("integer division or modulo by zero")
            if not num_groups
            else RuntimeError(f"Expected num groups to be greater than 0, got {num_groups}")
        )
    if batch * count // num_groups * inner == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {list(shape)}")
    if count % num_groups:
        raise RuntimeError(
            f"Expected number of channels in input to be divisible by num_groups, but got input of shape {list(shape)} and "
            f"num_groups={num_groups}"
        )
    for name, each in (("weight", weight), ("bias", bias)):
        if each is not None and tuple(each.shape) != (count,):
            raise RuntimeError(
                f"Expected {name} to be a vector of size equal to the number of channels in input, but got {name} of shape "
                f"{list((weight if weight is not None else each).shape)} and input of shape {list(shape)}"
            )
    x = floating_node("group_norm", "GroupNormKernelImpl", input)
    _check_dtypes("group_norm", input.dtype, (weight, bias))
    split = (num_groups, count // num_groups)
    grouped = view.reshape(x, (batch, *split, inner))
    parameters = _parameters(weight, bias, split)
    given = (weight is not None, bias is not None)
    result, _ = _normalized(grouped, (2, 3), (1, 2), eps, parameters, given)
    return named(view.reshape(result, shape), "NativeGroupNorm")


# ---- others ----


@public("Div", function=False, method=False)
def local_response_norm(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """input / (k + alpha · mean of the squares of `size` neighbouring channels) ** beta."""
    require_tensor("local_response_norm", input)
    shape = tuple(input.shape)
    if len(shape) < 3:
        raise ValueError(
            f"Expected 3D or higher dimensionality                          input (got {len(shape)} dimensions)"
        )
    if not input.numel():
        return input
    x = real_node("local_response_norm", "avg_pool2d", input)
    flat = (shape[0], shape[1], prod(shape[2:]))
    spec = contraction.window_sum(flat, (size, 1), (1, 1), ((size // 2, (size - 1) // 2), (0, 0)), (1, 1))
    total = view.reshape(contract(view.reshape(scalar.square(x), flat), spec=spec), shape)
    whole = input.dtype.category < FLOATING
    average = (scalar.truncate_divide if whole else scalar.div)(total, fixed(float(size), total.type.dtype))
    kind = get_default_dtype() if whole else input.dtype
    x, average = scalar.cast(x, dtype=kind), scalar.cast(average, dtype=kind)
    below = scalar.add(scalar.mul(average, fixed(alpha, kind)), fixed(k, kind))
    return wrap(scalar.div(x, scalar.pow(below, fixed(beta, kind))))


@public("Div", function=False, method=False)
def normalize(input: Tensor, p: float = 2.0, dim: Any = 1, eps: float = 1e-12, out: Tensor | None = None) -> Tensor:
    """The input by its p-norm along `dim`, which counts as at least eps.

    >>> import rushlight as torch
    >>> torch.nn.functional.normalize(torch.tensor([[3.0, 4.0]]))
    tensor([[0.6000, 0.8000]])
    """
    require_tensor("normalize", input)
    if input.dtype.category < FLOATING:
        raise RuntimeError(
            f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {scalar_name(input.dtype)}"
        )
    x = node_of(input)
    axes = wrap_axes("normalize", dim, input.ndim)
    size = norm_node(x, float(p), axes, True)
    least = fixed(eps, size.type.dtype)
    floored = scalar.select(scalar.lt(size, least), least, size)
    result = wrap(scalar.div(x, scalar.cast(floored, dtype=x.type.dtype)))
    return result if out is None else write_out("normalize", out, result)  # type: ignore[no-any-return]
