"""Convolutions and transposed convolutions over one, two and three axes.

Input (N, C, *spatial) or (C, *spatial), weight (O, C / groups, *kernel), of a transposed one (C, O / groups, *kernel), bias (O). `stride`,
`padding`, `dilation` and `output_padding` are one int, or one for each spatial axis.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from ...dtype import BOOL
from ...ir import biased, contraction, view
from ...ir.contraction import Contraction, ConvolutionShapes
from ...ir.graph import Node
from ...tensor.public import public, register, scalar_name
from ...tensor.tensor import Tensor, node_of
from .operands import each_axis, named, require_tensor

__all__ = [
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_tbc",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
]

Pairs = tuple[tuple[int, int], ...]
_names = {"float32": "float", "float64": "double", "float16": "c10::Half", "bfloat16": "c10::BFloat16"}


def _check_operands(op: str, rank: int, input: Any, weight: Any, bias: Any) -> None:
    require_tensor(op, input)
    require_tensor(op, weight, "weight", 2)
    shape = list(input.shape)
    if len(shape) not in (rank + 1, rank + 2):
        raise RuntimeError(
            f"Expected {rank + 1}D (unbatched) or {rank + 2}D (batched) input to {op}, but got input of size: {shape}"
        )
    if weight.ndim != rank + 2:
        raise RuntimeError(
            f"Expected {rank + 2}-dimensional weight for {rank + 2}-dimensional input, but got {weight.ndim}-dimensional weight of size "
            f"{list(weight.shape)} instead — {op}"
        )
    kind = input.dtype
    if weight.dtype is not kind:
        raise RuntimeError(
            f"expected scalar type {scalar_name(kind)} but found {scalar_name(weight.dtype)} — {op}: input is {kind}, weight "
            f"{weight.dtype}; convert one with .to(dtype)"
        )
    if bias is not None:
        require_tensor(op, bias, "bias", 3)
        if bias.dtype is not kind:
            ours, theirs = (_names.get(each.name, each.name) for each in (kind, bias.dtype))
            raise RuntimeError(f"Input type ({ours}) and bias type ({theirs}) should be the same — {op}")
    if kind.category == BOOL:
        raise NotImplementedError(f"\"slow_{op}_cpu\" not implemented for 'Bool'")


def _check_bias(bias: Tensor, weight: Tensor, channels: int, transposed: bool) -> None:
    if tuple(bias.shape) != (channels,):
        given = "Given transposed=1, weight of size" if transposed else "Given weight of size"
        raise RuntimeError(
            f"{given} {list(weight.shape)}, expected bias to be 1-dimensional with {channels} elements, but got bias of size "
            f"{list(bias.shape)} instead"
        )


def _check_settings(stride: tuple[int, ...], dilation: tuple[int, ...], groups: int) -> None:
    if groups <= 0:
        raise RuntimeError("non-positive groups is not supported")
    if min(stride) <= 0:
        raise RuntimeError("non-positive stride is not supported")
    if min(dilation) <= 0:
        raise RuntimeError(f"dilation should be greater than zero, but got {list(dilation)}")


def _pairs(op: str, padding: Any, kernel: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...]) -> Pairs:
    """The padding before and after each axis."""
    rank = len(kernel)
    if isinstance(padding, str):
        if padding == "valid":
            return ((0, 0),) * rank
        if padding != "same":
            raise RuntimeError(f"Invalid padding string: '{padding}'")
        if max(stride) > 1:
            raise RuntimeError("padding='same' is not supported for strided convolutions")
        whole = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        return tuple([(w // 2, w - w // 2) for w in whole])
    found = each_axis(op, "padding", padding, rank)
    if min(found) < 0:
        raise RuntimeError("negative padding is not supported")
    return tuple([(each, each) for each in found])


@lru_cache(maxsize=4096)
def _plan(
    x: tuple[int, ...],
    weight: tuple[int, ...],
    stride: tuple[int, ...],
    padding: Pairs,
    dilation: tuple[int, ...],
    groups: int,
) -> tuple[Contraction, ConvolutionShapes]:
    arguments = (x, weight, stride, padding, dilation, groups)
    return contraction.convolution(*arguments), contraction.convolution_shapes(*arguments)


@lru_cache(maxsize=4096)
def _transposed_plan(
    x: tuple[int, ...],
    weight: tuple[int, ...],
    stride: tuple[int, ...],
    padding: Pairs,
    output_padding: tuple[int, ...],
    dilation: tuple[int, ...],
    groups: int,
) -> tuple[Contraction, ConvolutionShapes]:
    arguments = (x, weight, stride, padding, output_padding, dilation, groups)
    return contraction.transposed_convolution(*arguments), contraction.transposed_convolution_shapes(*arguments)


def _finish(
    x: Node, weight: Node, bias: Tensor | None, plan: tuple[Contraction, ConvolutionShapes], unbatched: bool
) -> Tensor:
    spec, shapes = plan
    operands = (x, weight) if bias is None else (x, weight, node_of(bias))
    result = biased.convolution(*operands, spec=spec, shapes=shapes)
    if unbatched:
        result = view.reshape(result, result.type.shape[1:])
    return named(result, "SqueezeBackward1" if unbatched else "Convolution")


def _convolve(
    op: str, rank: int, input: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Tensor:
    _check_operands(op, rank, input, weight, bias)
    steps, spread = each_axis(op, "stride", stride, rank), each_axis(op, "dilation", dilation, rank)
    _check_settings(steps, spread, groups)
    x, w = node_of(input), node_of(weight)
    unbatched = x.type.ndim == rank + 1
    if unbatched:
        x = view.reshape(x, (1, *x.type.shape))
    pairs = _pairs(op, padding, w.type.shape[2:], steps, spread)
    plan = _plan(x.type.shape, w.type.shape, steps, pairs, spread, groups)
    if bias is not None:
        _check_bias(bias, weight, w.type.shape[0], False)
    return _finish(x, w, bias, plan, unbatched)


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """The convolution over one axis; `padding` may be 'valid' or 'same'."""
    return _convolve("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """The convolution over two axes; `padding` may be 'valid' or 'same'.

    >>> import rushlight as torch
    >>> torch.nn.functional.conv2d(torch.ones(1, 1, 3, 3), torch.ones(2, 1, 2, 2), padding="same").shape
    torch.Size([1, 2, 3, 3])
    """
    return _convolve("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """The convolution over three axes; `padding` may be 'valid' or 'same'."""
    return _convolve("conv3d", 3, input, weight, bias, stride, padding, dilation, groups)


def _convolve_transposed(
    op: str,
    rank: int,
    input: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
) -> Tensor:
    _check_operands(op, rank, input, weight, bias)
    steps, spread = each_axis(op, "stride", stride, rank), each_axis(op, "dilation", dilation, rank)
    _check_settings(steps, spread, groups)
    around, more = each_axis(op, "padding", padding, rank), each_axis(op, "output_padding", output_padding, rank)
    if min(around) < 0:
        raise RuntimeError("negative padding is not supported")
    if min(more) < 0:
        raise RuntimeError("negative output_padding is not supported")
    if any(m >= s and m >= d for m, s, d in zip(more, steps, spread, strict=True)):
        raise RuntimeError(
            f"output padding must be smaller than either stride or dilation, but got output_padding: {list(more)} stride: {list(steps)} "
            f"dilation: {list(spread)} — {op}"
        )
    x, w = node_of(input), node_of(weight)
    unbatched = x.type.ndim == rank + 1
    if unbatched:
        x = view.reshape(x, (1, *x.type.shape))
    pairs = tuple([(each, each) for each in around])
    plan = _transposed_plan(x.type.shape, w.type.shape, steps, pairs, more, spread, groups)
    if bias is not None:
        _check_bias(bias, weight, w.type.shape[1] * groups, True)
    return _finish(x, w, bias, plan, unbatched)


def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """The transposed convolution over one axis: the gradient of `conv1d` with respect to its input."""
    return _convolve_transposed(
        "conv_transpose1d", 1, input, weight, bias, stride, padding, output_padding, groups, dilation
    )


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """The transposed convolution over two axes: the gradient of `conv2d` with respect to its input."""
    return _convolve_transposed(
        "conv_transpose2d", 2, input, weight, bias, stride, padding, output_padding, groups, dilation
    )


def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """The transposed convolution over three axes: the gradient of `conv3d` with respect to its input."""
    return _convolve_transposed(
        "conv_transpose3d", 3, input, weight, bias, stride, padding, output_padding, groups, dilation
    )


for _function in (conv1d, conv2d, conv3d, conv_transpose1d, conv_transpose2d, conv_transpose3d):
    register(_function.__name__, _function, function=True, method=False)


@public("ConvTbc", method=False, out=False)
def conv_tbc(input: Tensor, weight: Tensor, bias: Tensor, pad: int = 0) -> Tensor:
    """The convolution over one axis in the order (time, batch, channel); weight (kernel, in, out), bias (out)."""
    for name, operand, ndim in (("Input", input, 3), ("Weight", weight, 3), ("Bias", bias, 1)):
        if operand.ndim != ndim:
            words = f"{ndim} dims: {'time, batch, in_channel' if name == 'Input' else 'kernel_width, in_channels, out_channels.'}"
            raise RuntimeError(
                f"{name} must have {words if ndim == 3 else '1-D'} — conv_tbc: got shape {list(operand.shape)}"
            )
    if input.shape[2] != weight.shape[1]:
        raise RuntimeError("Input dim 2 (input channels) is not == dim 1 in the weight tensor")
    if weight.shape[2] != bias.shape[0]:
        raise RuntimeError("Bias size must equal dim 2 in the weight tensor (output channels).")
    x = input.permute(1, 2, 0)  # type: ignore[attr-defined]
    return conv1d(x, weight.permute(2, 1, 0), bias, padding=pad).permute(2, 0, 1)  # type: ignore[attr-defined,no-any-return]
