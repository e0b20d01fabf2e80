"""Fractional max-pooling, whose windows are drawn, and the inverse of max-pooling."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from ...dtype import FLOATING, int64
from ...generator import continuous, default_generator
from ...ir import index, reduce, scalar, view
from ...ir.graph import input_node
from ...ir.type import Type
from ...tensor.public import scalar_name
from ...tensor.random import drawn
from ...tensor.tensor import Tensor, node_of, wrap
from .operands import named, require_tensor
from .pooling import setting

__all__ = [
    "fractional_max_pool2d",
    "fractional_max_pool2d_with_indices",
    "fractional_max_pool3d",
    "fractional_max_pool3d_with_indices",
    "max_unpool1d",
    "max_unpool2d",
    "max_unpool3d",
]

Shape = tuple[int, ...]
_names = {2: ("height", "width"), 3: ("time", "height", "width")}


def _starts(samples: np.ndarray, extent: int, count: int, size: int) -> np.ndarray:
    """Where the `count` windows of an axis start, for each sample in [0, 1): (*samples, count)."""
    if count == 1:
        return np.full((*samples.shape, 1), extent - size)
    alpha = samples.dtype.type(extent - size) / samples.dtype.type(count - 1)
    numbers = np.arange(count - 1, dtype=samples.dtype)
    before = ((numbers + samples[..., None]) * alpha).astype(np.int64) - (samples[..., None] * alpha).astype(np.int64)
    return np.concatenate([before, np.full((*samples.shape, 1), extent - size)], -1)


def _output_size(op: str, rank: int, output_size: Any, output_ratio: Any, extents: Shape) -> Shape:
    if output_size is None and output_ratio is None:
        raise ValueError(f"{op} requires specifying either an output_size or an output_ratio")
    if output_size is not None:
        return setting(op, "output_size", output_size, rank)
    ratios = (output_ratio,) * rank if isinstance(output_ratio, float) else tuple(output_ratio)
    if len(ratios) != rank or not all(0 < ratio < 1 for ratio in ratios):
        raise ValueError(
            f"{op} requires output_ratio to be between 0 and 1, for each of {rank} axes (got {output_ratio})"
        )
    return tuple([int(extent * ratio) for extent, ratio in zip(extents, ratios, strict=True)])


def _fractional(
    rank: int, input: Any, kernel_size: Any, output_size: Any, output_ratio: Any, indices: bool, samples: Tensor | None
) -> Any:
    op = f"fractional_max_pool{rank}d"
    require_tensor(op, input)
    if input.dtype.category != FLOATING:
        raise NotImplementedError(f"\"{op}_out_frame\" not implemented for '{scalar_name(input.dtype)}'")
    shape = tuple(input.shape)
    if len(shape) not in (rank + 1, rank + 2) or 0 in shape[1:]:
        raise RuntimeError(f"{op}(): Expected {rank + 1}D or {rank + 2}D tensor, but got: {list(shape)}")
    kernel, extents = setting(op, "kernel_size", kernel_size, rank), shape[-rank:]
    counts = _output_size(op, rank, output_size, output_ratio, extents)
    for name, size, count, extent in zip(_names[rank], kernel, counts, extents, strict=True):
        if count + size - 1 > extent - (rank == 3):
            raise RuntimeError(f"{op}(): pool {name} {size} too large relative to input {name} {extent}")
    lead = shape[:-rank] if len(shape) == rank + 2 else (1, shape[0])
    if samples is None:
        type = Type.of((*lead, rank), input.dtype)
        samples = wrap(drawn(lambda sizes: continuous.uniform(default_generator.engine, sizes, type.dtype), type))
    _check_samples(samples, input, lead, rank)
    windows = _window_places(samples._decoded()[: lead[0]], extents, counts, kernel)
    count, size = prod(counts), prod(kernel)
    x = view.reshape(node_of(input), (*lead, prod(extents)))
    places = input_node(windows.reshape(*lead, count * size), Type.of((*lead, count * size), int64))
    found = view.reshape(index.gather(view.stop(x), places, axis=2), (*lead, count, size))
    best = view.reshape(reduce.argmax(found, axis=3), (*lead, count, 1))
    chosen = index.gather(view.reshape(places, (*lead, count, size)), best, axis=3)
    chosen = view.reshape(chosen, (*lead, count))
    result = (*shape[:-rank], *counts)
    values = named(view.reshape(index.gather(x, chosen, axis=2), result), f"FractionalMaxPool{rank}D")
    return (values, wrap(view.reshape(chosen, result))) if indices else values


def _check_samples(samples: Tensor, input: Tensor, lead: Shape, rank: int) -> None:
    if samples.dtype is not input.dtype:
        raise RuntimeError("Expect _random_samples to have the same dtype as input")
    if samples.ndim != 3:
        raise RuntimeError(f"Expect _random_samples to have 3 dimensions, got {samples.ndim}")
    batch, channels, axes = samples.shape
    if batch < lead[0]:
        raise RuntimeError("Expect _random_samples.size(0) no less then input batch size.")
    if channels != lead[1]:
        raise RuntimeError("Expect _random_samples.size(1) equals to input channel size.")
    if axes != rank:
        raise RuntimeError(f"Expect _random_samples.size(2) equals to {rank}; got {axes}.")


def _window_places(samples: np.ndarray, extents: Shape, counts: Shape, kernel: Shape) -> np.ndarray:
    """The flattened place of each element of each window: (N, C, *counts, *kernel)."""
    rank = len(kernel)
    order = range(rank) if rank == 3 else range(rank - 1, -1, -1)  # two samples are given as (width, height)
    places = np.zeros((), np.int64)
    for axis, sample in zip(range(rank), order, strict=True):
        starts = _starts(samples[..., sample], extents[axis], counts[axis], kernel[axis])
        starts = starts.reshape(
            *starts.shape[:2], *[counts[axis] if a == axis else 1 for a in range(rank)], *[1] * rank
        )
        inner = np.arange(kernel[axis]).reshape([-1 if a == axis else 1 for a in range(rank)])
        places = places * extents[axis] + starts + inner
    return places


def fractional_max_pool2d_with_indices(
    input: Tensor,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """`fractional_max_pool2d` with the places of the maxima."""
    return _fractional(2, input, kernel_size, output_size, output_ratio, True, _random_samples)


def fractional_max_pool2d(
    input: Tensor,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """The maxima of windows of two axes that stand at random, about evenly spaced places; their number is given, or its ratio."""
    return _fractional(2, input, kernel_size, output_size, output_ratio, return_indices, _random_samples)


def fractional_max_pool3d_with_indices(
    input: Tensor,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """`fractional_max_pool3d` with the places of the maxima."""
    return _fractional(3, input, kernel_size, output_size, output_ratio, True, _random_samples)


def fractional_max_pool3d(
    input: Tensor,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """The maxima of windows of three axes that stand at random, about evenly spaced places; their number is given, or its ratio."""
    return _fractional(3, input, kernel_size, output_size, output_ratio, return_indices, _random_samples)


# ---- unpooling ----


def _unpooled_size(
    shape: Shape, kernel: Shape, stride: Shape, padding: Shape, output_size: Sequence[int] | None
) -> Shape:
    rank = len(kernel)
    extents = shape[-rank:]
    default = tuple([(e - 1) * s + k - 2 * p for e, s, k, p in zip(extents, stride, kernel, padding, strict=True)])
    if output_size is None:
        return default
    wanted = tuple(output_size)
    if len(wanted) == rank + 2:
        wanted = wanted[2:]
    if len(wanted) != rank:
        raise ValueError(
            f"output_size should be a sequence containing {rank} or {rank + 2} elements, but it has a length of '{len(wanted)}'"
        )
    for axis, (size, own, step) in enumerate(zip(wanted, default, stride, strict=True)):
        if not own - step < size < own + step:
            raise ValueError(
                f'invalid output_size "{wanted}" (dim {axis} must be between {own - step} and {own + step})'
            )
    return wanted


def _unpool(
    rank: int, input: Any, indices: Any, kernel_size: Any, stride: Any, padding: Any, output_size: Any
) -> Tensor:
    op = f"max_unpool{rank}d"
    require_tensor(op, input)
    require_tensor(op, indices, "indices", 2)
    kernel = setting(op, "kernel_size", kernel_size, rank)
    step = kernel if stride is None else setting(op, "stride", stride, rank)
    around = setting(op, "padding", padding, rank)
    shape = tuple(input.shape)
    size = _unpooled_size(shape, kernel, step, around, output_size)
    if indices.dtype is not int64:
        raise RuntimeError(f"elements in indices should be type int64 but got: {scalar_name(indices.dtype)}")
    if len(shape) not in (rank + 1, rank + 2):
        raise RuntimeError(
            f"Input to {op} should be a {rank + 1}d or {rank + 2}d Tensor, but got a tensor with {len(shape)} dimensions."
        )
    if tuple(indices.shape) != shape:
        raise RuntimeError(
            f"Expected shape of indices to be same as that of the input tensor ({list(shape)}) but got indices tensor with shape: "
            f"{list(indices.shape)}"
        )
    lead, count, flat = shape[:-rank], prod(shape[-rank:]), prod(size)
    places = node_of(indices)
    if places.value is not None and places.value.size:
        least, most = int(places.value.min()), int(places.value.max())
        if least < 0 or most >= flat:
            sizes = "x".join(map(str, size))
            raise RuntimeError(
                f"Found an invalid max index: {least if least < 0 else most} (output volumes are of size {sizes}) — {op}"
            )
    source = view.reshape(node_of(input), (*lead, count))
    empty = scalar.full(0, Type.of((*lead, flat), input.dtype))
    spread = index.scatter(empty, source, view.reshape(places, (*lead, count)), axis=len(lead), reduce="set")
    label = "SqueezeBackward1" if rank == 1 else f"MaxUnpool{rank}D"
    return named(view.reshape(spread, (*lead, *size)), label)


def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Tensor:
    """Maxima put back to the places that `max_pool1d` gave, zeros elsewhere.

    >>> import rushlight as torch
    >>> torch.nn.functional.max_unpool1d(torch.tensor([[4.0, 3.0]]), torch.tensor([[1, 2]]), 2)
    tensor([[0., 4., 3., 0.]])
    """
    return _unpool(1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Tensor:
    """Maxima put back to the places that `max_pool2d` gave, zeros elsewhere."""
    return _unpool(2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Tensor:
    """Maxima put back to the places that `max_pool3d` gave, zeros elsewhere."""
    return _unpool(3, input, indices, kernel_size, stride, padding, output_size)
