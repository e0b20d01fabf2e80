"""Convolutions and transposed convolutions over one, two and three axes.

Input (N, C, *spatial) or (C, *spatial), weight (O, C / groups, *kernel), of a transposed one (C, O / groups, *kernel), bias (O). `stride`,
`padding`, `dilation` and `output_padding` are one int, or one for each spatial axis.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from ...dtype import BOOL, bool_, dtype
from ...ir import biased, contraction, view
from ...ir.contraction import Contraction
from ...tensor.casting import cast
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

Shape = tuple[int, ...]
_names = {"float32": "float", "float64": "double", "float16": "c10::Half", "bfloat16": "c10::BFloat16"}

# ---- settings to contractions, once for each combination of shapes and settings ----


def _check_ranks(op: str, rank: int, x: Shape, weight: Shape) -> None:
    if len(x) not in (rank + 1, rank + 2):
        raise RuntimeError(
            f"Expected {rank + 1}D (unbatched) or {rank + 2}D (batched) input to {op}, but got input of size: {list(x)}"
        )
    if len(weight) != rank + 2:
        raise RuntimeError(
            f"Expected {rank + 2}-dimensional weight for {rank + 2}-dimensional input, but got {len(weight)}-dimensional weight of size "
            f"{list(weight)} instead — {op}"
        )


def _check_bias(bias: Shape | None, weight: Shape, channels: int, transposed: bool) -> None:
    if bias is not None and bias != (channels,):
        given = "Given transposed=1, weight of size" if transposed else "Given weight of size"
        raise RuntimeError(
            f"{given} {list(weight)}, expected bias to be 1-dimensional with {channels} elements, but got bias of size "
            f"{list(bias)} instead"
        )


def _check_settings(stride: Shape, dilation: Shape, groups: int) -> None:
    if groups <= 0:
        raise RuntimeError("non-positive groups is not supported")
    if min(stride) <= 0:
        raise RuntimeError("non-positive stride is not supported")
    if min(dilation) <= 0:
        raise RuntimeError(f"dilation should be greater than zero, but got {list(dilation)}")


def _around(op: str, padding: Any, kernel: Shape, stride: Shape, dilation: Shape) -> tuple[tuple[int, int], ...]:
    """The padding before and after each axis."""
    if isinstance(padding, str):
        if padding == "valid":
            return ((0, 0),) * len(kernel)
        if padding != "same":
            raise RuntimeError(f"Invalid padding string: '{padding}'")
        if max(stride) > 1:
            raise RuntimeError("padding='same' is not supported for strided convolutions")
        whole = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        return tuple([(w // 2, w - w // 2) for w in whole])
    found = each_axis(op, "padding", padding, len(kernel))
    if min(found) < 0:
        raise RuntimeError("negative padding is not supported")
    return tuple([(each, each) for each in found])


@lru_cache(maxsize=4096)
def _plan(
    op: str,
    rank: int,
    x: Shape,
    weight: Shape,
    bias: Shape | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
) -> Contraction:
    _check_ranks(op, rank, x, weight)
    steps, spread = each_axis(op, "stride", stride, rank), each_axis(op, "dilation", dilation, rank)
    _check_settings(steps, spread, groups)
    batched = x if len(x) == rank + 2 else (1, *x)
    spec = contraction.convolution(
        batched, weight, steps, _around(op, padding, weight[2:], steps, spread), spread, groups
    )
    _check_bias(bias, weight, weight[0], False)
    return spec


@lru_cache(maxsize=4096)
def _transposed_plan(
    op: str,
    rank: int,
    x: Shape,
    weight: Shape,
    bias: Shape | None,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
) -> Contraction:
    _check_ranks(op, rank, x, weight)
    if isinstance(padding, str):
        raise TypeError(f"{op}(): argument 'padding' must be tuple of ints, not str")
    steps, spread = each_axis(op, "stride", stride, rank), each_axis(op, "dilation", dilation, rank)
    _check_settings(steps, spread, groups)
    more = each_axis(op, "output_padding", output_padding, rank)
    around = _around(op, padding, weight[2:], steps, spread)
    if min(more) < 0:
        raise RuntimeError("negative output_padding is not supported")
    if any(m >= s and m >= d for m, s, d in zip(more, steps, spread, strict=True)):
        raise RuntimeError(
            f"output padding must be smaller than either stride or dilation, but got output_padding: {list(more)} stride: {list(steps)} "
            f"dilation: {list(spread)} — {op}"
        )
    batched = x if len(x) == rank + 2 else (1, *x)
    spec = contraction.transposed_convolution(batched, weight, steps, around, more, spread, groups)
    _check_bias(bias, weight, weight[1] * groups, True)
    return spec


# ---- the layers ----


def _check_tensors(op: str, input: Any, weight: Any, bias: Any) -> None:
    require_tensor(op, input)
    require_tensor(op, weight, "weight", 2)
    if bias is not None:
        require_tensor(op, bias, "bias", 3)


def _check_dtypes(op: str, kind: dtype, weight: dtype, bias: dtype) -> None:
    if weight is not kind:
        raise RuntimeError(
            f"expected scalar type {scalar_name(kind)} but found {scalar_name(weight)} — {op}: input is {kind}, weight {weight}; "
            "convert one with .to(dtype)"
        )
    if bias is not kind:
        ours, theirs = (_names.get(each.name, each.name) for each in (kind, bias))
        raise RuntimeError(f"Input type ({ours}) and bias type ({theirs}) should be the same — {op}")
    if kind.category == BOOL:
        raise NotImplementedError(f"\"slow_{op}_cpu\" not implemented for 'Bool'")


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _apply(plan: Any, op: str, rank: int, input: Any, weight: Any, bias: Any, groups: int, *settings: Any) -> Tensor:
    """Checks, plans, and records one node (and reshapes around what has no batch)."""
    try:
        x, w, b = node_of(input), node_of(weight), None if bias is None else node_of(bias)
    except AttributeError:
        _check_tensors(op, input, weight, bias)
        raise
    shape, kind = x.type.shape, x.type.dtype
    if w.type.dtype is not kind or (b is not None and b.type.dtype is not kind) or kind is bool_:
        _check_dtypes(op, kind, w.type.dtype, kind if b is None else b.type.dtype)
    spec = plan(op, rank, shape, w.type.shape, None if b is None else b.type.shape, *map(_hashable, settings))
    if len(shape) == rank + 1:
        x = view.reshape(x, (1, *shape))
        result = biased.convolution(x, w, *([] if b is None else [b]), spec=spec, groups=groups)
        return named(view.reshape(result, result.type.shape[1:]), "SqueezeBackward1")
    operands = (x, w) if b is None else (x, w, b)
    return named(biased.convolution(*operands, spec=spec, groups=groups), "Convolution")


@cast
def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """The convolution over one axis; `padding` may be 'valid' or 'same'.

    >>> import rushlight as torch
    >>> torch.nn.functional.conv1d(torch.tensor([[1.0, 2.0, 4.0]]), torch.tensor([[[1.0, -1.0]]]))
    tensor([[-1., -2.]])
    """
    return _apply(_plan, "conv1d", 1, input, weight, bias, groups, stride, padding, dilation, groups)


@cast
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
    return _apply(_plan, "conv2d", 2, input, weight, bias, groups, stride, padding, dilation, groups)


@cast
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
    return _apply(_plan, "conv3d", 3, input, weight, bias, groups, stride, padding, dilation, groups)


@cast
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
    settings = (stride, padding, output_padding, groups, dilation)
    return _apply(_transposed_plan, "conv_transpose1d", 1, input, weight, bias, groups, *settings)


@cast
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
    """The transposed convolution over two axes: the gradient of `conv2d` with respect to its input.

    >>> import rushlight as torch
    >>> torch.nn.functional.conv_transpose2d(torch.ones(1, 1, 2, 2), torch.ones(1, 3, 2, 2), stride=2).shape
    torch.Size([1, 3, 4, 4])
    """
    settings = (stride, padding, output_padding, groups, dilation)
    return _apply(_transposed_plan, "conv_transpose2d", 2, input, weight, bias, groups, *settings)


@cast
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
    settings = (stride, padding, output_padding, groups, dilation)
    return _apply(_transposed_plan, "conv_transpose3d", 3, input, weight, bias, groups, *settings)


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
