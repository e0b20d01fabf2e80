"""Pooling over one, two and three axes: maxima, averages, norms; windows of a given size, or so many of them.

Inputs are (N, C, *spatial) or (C, *spatial). `kernel_size`, `stride` (by default the kernel's size), `padding` and `dilation` are one int, or
one for each spatial axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from ...dtype import BOOL, COMPLEX, FLOATING, dtype, encode, float32
from ...ir import contraction, pool, reduce, scalar, view
from ...ir.activation import fixed
from ...ir.contract import contract
from ...ir.graph import Node, input_node
from ...ir.lasting import lasting
from ...ir.pool import Plain, Windows, stretches
from ...ir.type import Type
from ...tensor.casting import cast
from ...tensor.public import register, scalar_name
from ...tensor.tensor import Tensor, node_of, wrap
from .operands import named, require_tensor, with_out

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool1d_with_indices",
    "adaptive_max_pool2d",
    "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d",
    "adaptive_max_pool3d_with_indices",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
    "max_pool1d",
    "max_pool1d_with_indices",
    "max_pool2d",
    "max_pool2d_with_indices",
    "max_pool3d",
    "max_pool3d_with_indices",
]

Shape = tuple[int, ...]
_words = {1: "one int", 2: "tuple of two ints", 3: "tuple of three ints"}


def setting(op: str, name: str, value: Any, rank: int) -> Shape:
    """One int for each axis."""
    if type(value) is int:
        return (value,) * rank
    if type(value) is tuple and len(value) == rank and all([type(each) is int for each in value]):
        return value
    if not isinstance(value, Sequence):
        if hasattr(value, "__index__"):
            return (value.__index__(),) * rank
        raise TypeError(f"{op}(): argument '{name}' must be tuple of ints, not {type(value).__name__}")
    found = tuple([each.__index__() for each in value])
    if len(found) not in (1, rank):
        if rank == 1:
            raise RuntimeError(
                f"{op}() {name} must be an int, list of ints or tuple of ints of size 1 but got size {len(found)}"
            )
        either = "be omitted, a single int," if name == "stride" else "either be a single int,"
        raise RuntimeError(
            f"{op}: {name} must {either if name != 'stride' else 'either ' + either} or a {_words[rank]}"
        )
    return found * rank if len(found) == 1 else found


def _check_input(op: str, rank: int, input: Any, averaging: bool) -> Node:
    require_tensor(op, input)
    shape = list(input.shape)
    if len(shape) not in (rank + 1, rank + 2):
        if rank == 1 and averaging:
            raise RuntimeError(
                f"Expected 2 to 3 dimensions, but got {len(shape)}-dimensional tensor for argument #1 'self' (while checking "
                f"arguments for {op})"
            )
        if rank == 1 or (averaging and len(shape) > rank):
            raise RuntimeError(_wanted(op, rank, shape))
        if averaging and rank == 2:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [{-len(shape)}, {len(shape) - 1}], but got -3) — {op}: input {shape}"
            )
        raise RuntimeError(
            f"non-empty {rank + 1}D or {rank + 2}D (batch mode) tensor expected for input — {op}: got {shape}"
        )
    if 0 in shape[len(shape) - rank - 1 :]:
        raise RuntimeError(_wanted(op, rank, shape))
    if input.dtype.category in (BOOL, COMPLEX):
        raise NotImplementedError(f"\"{op}\" not implemented for '{scalar_name(input.dtype)}'")
    return node_of(input)


def _wanted(op: str, rank: int, shape: list[int]) -> str:
    lead = f"{op}: " if rank == 1 else ""
    return f"{lead}Expected {rank + 1}D or {rank + 2}D (batch mode) tensor with optional 0 dim batch size for input, but got:{shape}"


def _check_settings(op: str, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape) -> None:
    rank = len(kernel)
    axes = "THW"[3 - rank :]
    if 0 in stride or (rank == 1 and min(stride) < 0):
        text = (
            f"{op}() stride must be greater than zero, but got {stride[0]}"
            if rank == 1
            else "stride should not be zero"
        )
        raise RuntimeError(text)
    if min(kernel) <= 0:
        listed = " ".join(f"k{axis}: {size}" for axis, size in zip(axes, kernel, strict=True))
        raise RuntimeError(f"kernel size should be greater than zero, but got {listed}")
    if min(stride) < 0:
        raise RuntimeError(f"stride should be greater than zero, but got {list(stride)}")
    if min(dilation) <= 0:
        listed = " ".join(f"dilation{axis}: {size}" for axis, size in zip(axes, dilation, strict=True))
        raise RuntimeError(f"dilation should be greater than zero, but got {listed}")
    for size, around, spread in zip(kernel, padding, dilation, strict=True):
        if around < 0:
            raise RuntimeError(f"pad must be non-negative, but got pad: {around}")
        if around > ((size - 1) * spread + 1) // 2:
            if op == "max_pool1d":
                raise RuntimeError(
                    f"{op}() padding should be at most half of kernel size, but got padding={around} and kernel_size={size}"
                )
            raise RuntimeError(
                f"pad should be at most half of effective kernel size, but got pad={around}, kernel_size={size} and dilation={spread}"
            )


def _counts(
    op: str, shape: Shape, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape, ceil_mode: bool
) -> Shape:
    """How many windows there are along each axis."""
    rank = len(kernel)
    counts = []
    for extent, size, step, around, spread in zip(shape[-rank:], kernel, stride, padding, dilation, strict=True):
        room = extent + 2 * around - spread * (size - 1) - 1
        count = (room + (step - 1 if ceil_mode else 0)) // step + 1
        if ceil_mode and (count - 1) * step >= extent + around:
            count -= 1  # the last window would start in the padding
        counts.append(count)
    if min(counts) < 1:
        if op == "max_pool1d":
            raise RuntimeError(f"max_pool1d() Invalid computed output size: {counts[0]}")
        given, found = (
            "x".join(map(str, (shape[-rank - 1], *sizes))) for sizes in (shape[-rank:], [max(0, c) for c in counts])
        )
        raise RuntimeError(
            f"Given input size: ({given}). Calculated output size: ({found}). Output size is too small — {op}"
        )
    return tuple(counts)


# ---- maxima ----


@lru_cache(maxsize=1024)
def _max_windows(
    op: str, shape: Shape, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape, ceil_mode: bool
) -> Plain:
    _check_settings(op, kernel, stride, padding, dilation)
    counts = _counts(op, shape, kernel, stride, padding, dilation, ceil_mode)
    return tuple([(*each, False) for each in zip(counts, kernel, stride, padding, dilation, strict=True)])


def _pooled(x: Node, windows: Plain, label: str, return_indices: bool) -> Any:
    values = named(pool.max_pool(x, windows=windows), label)
    return (values, wrap(pool.max_pool_index(x, windows=windows))) if return_indices else values


_max_labels = {1: "SqueezeBackward1", 2: "MaxPool2DWithIndices", 3: "MaxPool3DWithIndices"}


def _max_pool(
    rank: int, input: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool, indices: bool
) -> Any:
    op = f"max_pool{rank}d"
    x = _check_input(op, rank, input, False)
    kernel = setting(op, "kernel_size", kernel_size, rank)
    omitted = stride is None or (isinstance(stride, Sequence) and not len(stride))
    step = kernel if omitted else setting(op, "stride", stride, rank)
    around, spread = setting(op, "padding", padding, rank), setting(op, "dilation", dilation, rank)
    windows = _max_windows(op, x.type.shape, kernel, step, around, spread, bool(ceil_mode))
    return _pooled(x, windows, _max_labels[rank], indices)


def max_pool1d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The maximum of each window of one axis; with `return_indices` its place too. The gradient goes to the first of equal elements.

    >>> import rushlight as torch
    >>> torch.nn.functional.max_pool1d(torch.tensor([[1.0, 4.0, 3.0, 2.0]]), 2)
    tensor([[4., 3.]])
    """
    return _max_pool(1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool2d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The maximum of each window of two axes; with `return_indices` its place in the flattened axes too.

    >>> import rushlight as torch
    >>> torch.nn.functional.max_pool2d(torch.arange(16.0).reshape(1, 4, 4), 2)
    tensor([[[ 5.,  7.],
             [13., 15.]]])
    """
    return _max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@cast
def max_pool3d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The maximum of each window of three axes; with `return_indices` its place in the flattened axes too."""
    return _max_pool(3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool1d_with_indices(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = True,
) -> Any:
    """`max_pool1d` with the places."""
    return _max_pool(1, input, kernel_size, stride, padding, dilation, ceil_mode, True)


def max_pool2d_with_indices(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = True,
) -> Any:
    """`max_pool2d` with the places."""
    return _max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, True)


def max_pool3d_with_indices(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = True,
) -> Any:
    """`max_pool3d` with the places."""
    return _max_pool(3, input, kernel_size, stride, padding, dilation, ceil_mode, True)


# ---- averages ----


@lasting(maxsize=256)
def _divisors(
    extents: Shape, counts: Shape, kernel: Shape, stride: Shape, padding: Shape, include_pad: bool, kind: dtype
) -> Node:
    """How many elements each window counts, as a number where it is the same for all."""
    axes = []
    for extent, count, size, step, around in zip(extents, counts, kernel, stride, padding, strict=True):
        start = np.arange(count) * step - around
        end = np.minimum(start + size, extent + around)
        whole = end - start
        axes.append(whole if include_pad else np.minimum(end, extent) - np.maximum(start, 0))
    whole = axes[0]
    for axis in axes[1:]:
        whole = whole[..., None] * axis
    if whole.size and (whole == whole.flat[0]).all():
        return fixed(float(whole.flat[0]), kind)
    array = encode(whole.astype(kind.compute), kind)
    return input_node(array, Type.of(array.shape, kind))


def _avg_pool(
    rank: int,
    input: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Tensor:
    op = f"avg_pool{rank}d"
    x = _check_input(op, rank, input, True)
    if rank == 1 and isinstance(kernel_size, Sequence) and len(kernel_size) != 1:
        raise RuntimeError(f"avg_pool1d() argument 'kernel_size' should contain one int (got {len(kernel_size)})")
    kernel = setting(op, "kernel_size", kernel_size, rank)
    omitted = stride is None or (isinstance(stride, Sequence) and not len(stride))
    step = kernel if omitted else setting(op, "stride", stride, rank)
    around = setting(op, "padding", padding, rank)
    if divisor_override == 0:
        raise RuntimeError("divisor must be not zero")
    ones = (1,) * rank
    _check_settings(op, kernel, step, around, ones)
    shape, kind = x.type.shape, x.type.dtype
    if rank == 3 and any(size > extent + 2 * pad for size, extent, pad in zip(kernel, shape[-3:], around, strict=True)):
        image, window = (
            " ".join(f"{name}{axis}: {size}" for axis, size in zip("THW", sizes, strict=True))
            for name, sizes in (("", shape[-3:]), ("k", kernel))
        )
        raise RuntimeError(f"input image ({image}) smaller than kernel size ({window})")
    counts = _counts(op, shape, kernel, step, around, ones, bool(ceil_mode))
    pairs = tuple([(each, each) for each in around])
    total = contract(x, spec=contraction.window_sum(shape, kernel, step, pairs, ones, counts))
    if divisor_override is not None:
        divisor = scalar.number(divisor_override, kind)
    else:
        divisor = _divisors(shape[-rank:], counts, kernel, step, around, bool(count_include_pad), kind)
    divide = scalar.div if kind.category == FLOATING else scalar.truncate_divide
    return named(divide(total, divisor), "SqueezeBackward1" if rank == 1 else f"AvgPool{rank}D")


def avg_pool1d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window of one axis."""
    return _avg_pool(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


@with_out
def avg_pool2d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window of two axes; `divisor_override` divides by that instead of the number of elements.

    >>> import rushlight as torch
    >>> torch.nn.functional.avg_pool2d(torch.arange(16.0).reshape(1, 4, 4), 2)
    tensor([[[ 2.5000,  4.5000],
             [10.5000, 12.5000]]])
    """
    return _avg_pool(2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


@cast
@with_out
def avg_pool3d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window of three axes; `divisor_override` divides by that instead of the number of elements."""
    return _avg_pool(3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def _lp_pool(rank: int, input: Tensor, norm_type: float, kernel_size: Any, stride: Any, ceil_mode: bool) -> Tensor:
    kernel = setting(f"lp_pool{rank}d", "kernel_size", kernel_size, rank)
    average = _avg_pool(rank, input.pow(norm_type), kernel, stride, 0, ceil_mode, True, None)  # type: ignore[attr-defined]
    positive = average.sign() * average.abs().relu()  # type: ignore[attr-defined]
    return positive.mul(prod(kernel)).pow(1.0 / norm_type)  # type: ignore[no-any-return]


def lp_pool1d(input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Tensor:
    """(sum of input ** p) ** (1 / p) over each window of one axis, p being `norm_type`."""
    return _lp_pool(1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Tensor:
    """(sum of input ** p) ** (1 / p) over each window of two axes, p being `norm_type`."""
    return _lp_pool(2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Tensor:
    """(sum of input ** p) ** (1 / p) over each window of three axes, p being `norm_type`."""
    return _lp_pool(3, input, norm_type, kernel_size, stride, ceil_mode)


# ---- adaptive windows ----


def _output_sizes(op: str, output_size: Any, extents: Shape) -> Shape:
    """One extent for each axis, None standing for the input's."""
    rank = len(extents)
    sizes = (output_size,) * rank if isinstance(output_size, int) else tuple(output_size)
    if len(sizes) != rank:
        if rank == 1:
            raise RuntimeError(f"{op}() argument 'output_size' should contain one int (got {len(sizes)})")
        if "max" in op:
            raise RuntimeError(f"{op}(): internal error: output_size.size() must be {rank}")
        raise RuntimeError(f"{op}: output_size must be {rank}")
    found = tuple([extent if size is None else int(size) for size, extent in zip(sizes, extents, strict=True)])
    if min(found) < 0:
        listed = ", ".join(map(str, found))
        raise RuntimeError(
            f"{op}: elements of output_size must be greater than or equal to 0 but received {{{listed}}}"
        )
    return found


def _check_adaptive(op: str, rank: int, input: Any, output_size: Any) -> Node:
    require_tensor(op, input)
    shape = list(input.shape)
    if rank > 1 and isinstance(output_size, Sequence) and len(shape) <= len(output_size):
        raise ValueError(f"Input dimension should be at least {len(output_size) + 1} — {op}: input has shape {shape}")
    if len(shape) not in (rank + 1, rank + 2):
        if rank == 1:
            raise RuntimeError(
                f"Expected 2 to 3 dimensions, but got {len(shape)}-dimensional tensor for argument #1 'self' (while checking "
                f"arguments for {op})"
            )
        colon = ":" if "max" in op else ""
        raise RuntimeError(f"{op}(): Expected {rank + 1}D or {rank + 2}D tensor, but got{colon} {shape}")
    for axis in range(len(shape) - rank, len(shape)):
        if not shape[axis]:
            raise RuntimeError(
                f"{op}(): Expected input to have non-zero size for non-batch dimensions, but input has sizes {shape} with dimension "
                f"{axis} being empty"
            )
    if input.dtype.category != FLOATING:
        raise NotImplementedError(f"\"{op}\" not implemented for '{scalar_name(input.dtype)}'")
    return node_of(input)


@lasting(maxsize=256)
def _averaging(extent: int, count: int, kind: dtype) -> Node:
    """The matrix (count, extent) that takes the mean of each stretch."""
    starts, ends = stretches(extent, count)
    places = np.arange(extent)
    inside = (places >= starts[:, None]) & (places < ends[:, None])
    array = encode((inside / (ends - starts)[:, None]).astype(kind.compute), kind)
    return input_node(array, Type.of(array.shape, kind))


def along_axis(x: Node, matrix: Node, axis: int) -> Node:
    """A matrix (out, in) applied along an axis of extent `in`."""
    labels = tuple(range(x.type.ndim))
    new = x.type.ndim
    result = (*labels[:axis], new, *labels[axis + 1 :])
    spec = contraction.einsum((labels, (new, axis)), result, (x.type.shape, matrix.type.shape))
    return contract(x, matrix, spec=spec)


def adaptive_average(op: str, rank: int, input: Any, output_size: Any) -> Tensor:
    """Means of stretches of the last `rank` axes."""
    x = _check_adaptive(op, rank, input, output_size)
    shape, kind = x.type.shape, x.type.dtype
    sizes = _output_sizes(op, output_size, shape[-rank:])
    lead = len(shape) - rank
    if 0 in sizes:
        return wrap(scalar.full(0, Type.of((*shape[:lead], *sizes), kind)))
    label = "SqueezeBackward1" if rank == 1 else f"AdaptiveAvgPool{rank}D"
    if max(sizes) == 1:
        total = reduce.sum_(x, tuple(range(lead, len(shape))))
        mean = scalar.div(total, fixed(float(prod(shape[lead:])), kind))
        return named(view.reshape(mean, (*shape[:lead], *sizes)), label if rank == 1 else "MeanBackward1")
    if not any(extent % size for extent, size in zip(shape[lead:], sizes, strict=True)):
        kernel = tuple([extent // size for extent, size in zip(shape[lead:], sizes, strict=True)])
        spec = contraction.window_sum(shape, kernel, kernel, ((0, 0),) * rank, (1,) * rank)
        return named(scalar.div(contract(x, spec=spec), fixed(float(prod(kernel)), kind)), label)
    wide = float32 if kind.itemsize == 2 else kind  # half precision is rounded once
    x = scalar.cast(x, dtype=wide)
    for place, size in enumerate(sizes):
        if size != shape[lead + place]:
            x = along_axis(x, _averaging(shape[lead + place], size, wide), lead + place)
    return named(scalar.cast(x, dtype=kind), label)


def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """The means of `output_size` stretches of nearly equal length."""
    return adaptive_average("adaptive_avg_pool1d", 1, input, output_size)


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """The means of stretches of two axes, so many that the result has `output_size`; None keeps an axis.

    >>> import rushlight as torch
    >>> torch.nn.functional.adaptive_avg_pool2d(torch.arange(16.0).reshape(1, 4, 4), (1, 2))
    tensor([[[6.5000, 8.5000]]])
    """
    return adaptive_average("adaptive_avg_pool2d", 2, input, output_size)


@cast
def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """The means of stretches of three axes, so many that the result has `output_size`; None keeps an axis."""
    return adaptive_average("adaptive_avg_pool3d", 3, input, output_size)


def _adaptive_max(rank: int, input: Any, output_size: Any, return_indices: bool) -> Any:
    op = f"adaptive_max_pool{rank}d"
    x = _check_adaptive(op, rank, input, output_size)
    extents = x.type.shape[-rank:]
    sizes = _output_sizes(op, output_size, extents)
    windows = []
    for extent, size in zip(extents, sizes, strict=True):
        even = size and extent % size == 0
        windows.append(tuple(Windows(size, extent // size, extent // size) if even else Windows(size, adaptive=True)))
    label = "SqueezeBackward1" if rank == 1 else f"AdaptiveMaxPool{rank}D"
    return _pooled(x, tuple(windows), label, return_indices)


def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The maxima of `output_size` stretches of nearly equal length; with `return_indices` their places too."""
    return _adaptive_max(1, input, output_size, return_indices)


def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The maxima of stretches of two axes; with `return_indices` their places in the flattened axes too."""
    return _adaptive_max(2, input, output_size, return_indices)


@cast
def adaptive_max_pool3d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The maxima of stretches of three axes; with `return_indices` their places in the flattened axes too."""
    return _adaptive_max(3, input, output_size, return_indices)


def adaptive_max_pool1d_with_indices(input: Tensor, output_size: Any, return_indices: bool = True) -> Any:
    """`adaptive_max_pool1d` with the places."""
    return _adaptive_max(1, input, output_size, True)


def adaptive_max_pool2d_with_indices(input: Tensor, output_size: Any, return_indices: bool = True) -> Any:
    """`adaptive_max_pool2d` with the places."""
    return _adaptive_max(2, input, output_size, True)


def adaptive_max_pool3d_with_indices(input: Tensor, output_size: Any, return_indices: bool = True) -> Any:
    """`adaptive_max_pool3d` with the places."""
    return _adaptive_max(3, input, output_size, True)


for _function in (max_pool1d, max_pool2d, max_pool3d, max_pool1d_with_indices, avg_pool1d, adaptive_avg_pool1d):
    register(_function.__name__, _function, function=True, method=False)
register("adaptive_max_pool1d", adaptive_max_pool1d_with_indices, function=True, method=False)
