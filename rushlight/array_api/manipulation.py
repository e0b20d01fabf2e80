"""Shapes and places: what moves elements and computes nothing."""

from __future__ import annotations

from collections.abc import Sequence

import rushlight as torch
from rushlight import Tensor

from .promotion import together

Axes = int | tuple[int, ...]


def broadcast_to(x: Tensor, /, shape: tuple[int, ...]) -> Tensor:
    """The tensor seen in a larger shape."""
    return torch.broadcast_to(x, shape)


def broadcast_arrays(*arrays: Tensor) -> list[Tensor]:
    """The tensors seen in the one shape that they have together."""
    return list(torch.broadcast_tensors(*arrays))


def concat(arrays: Sequence[Tensor], /, *, axis: int | None = 0) -> Tensor:
    """The tensors one after the other along an axis; flattened first where `axis` is None."""
    parts = together(*arrays)
    return torch.cat([part.flatten() for part in parts]) if axis is None else torch.cat(parts, axis)


def stack(arrays: Sequence[Tensor], /, *, axis: int = 0) -> Tensor:
    """The tensors along a new axis."""
    return torch.stack(together(*arrays), axis)


def unstack(x: Tensor, /, *, axis: int = 0) -> tuple[Tensor, ...]:
    """The slices of a tensor along an axis."""
    return torch.unbind(x, axis)


def expand_dims(x: Tensor, /, axis: int = 0) -> Tensor:
    """The tensor with a new axis of length one; IndexError for a place that the result has not."""
    if not -x.ndim - 1 <= axis <= x.ndim:
        raise IndexError(f"expand_dims(): axis {axis} is out of range for a result of {x.ndim + 1} axes")
    return torch.unsqueeze(x, axis)


def squeeze(x: Tensor, /, axis: Axes) -> Tensor:
    """The tensor without the named axes, each of length one; ValueError where one is longer."""
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    for one in axes:
        if x.shape[one] != 1:
            raise ValueError(f"squeeze(): axis {one} of shape {tuple(x.shape)} has length {x.shape[one]}, not 1")
    return torch.squeeze(x, axes) if axes else x


def flip(x: Tensor, /, *, axis: Axes | None = None) -> Tensor:
    """The elements in reverse order along the axes, all of them where none is named."""
    axes = tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else axis
    return torch.flip(x, axes)


def moveaxis(x: Tensor, source: Axes, destination: Axes, /) -> Tensor:
    """The tensor with axes moved to other places."""
    return torch.moveaxis(x, source, destination)


def permute_dims(x: Tensor, /, axes: tuple[int, ...]) -> Tensor:
    """The tensor with its axes in another order."""
    return torch.permute(x, axes)


def repeat(x: Tensor, repeats: int | Tensor, /, *, axis: int | None = None) -> Tensor:
    """Each element so many times, along an axis or flattened."""
    if isinstance(repeats, Tensor):
        repeats = repeats.to(torch.int64)
    return torch.repeat_interleave(x.flatten() if axis is None else x, repeats, 0 if axis is None else axis)


def reshape(x: Tensor, /, shape: tuple[int, ...], *, copy: bool | None = None) -> Tensor:
    """The elements in another shape; `copy=True` in new memory, `copy=False` as a view (RuntimeError where that cannot be)."""
    if copy is False:
        return x.view(shape)
    return torch.reshape(x.clone() if copy else x, shape)


def roll(x: Tensor, /, shift: Axes, *, axis: Axes | None = None) -> Tensor:
    """The elements moved on by `shift`; those that leave at the end come back at the start."""
    return torch.roll(x, shift, axis)


def tile(x: Tensor, repetitions: tuple[int, ...], /) -> Tensor:
    """The tensor repeated so many times along each axis."""
    return torch.tile(x, repetitions)


def take(x: Tensor, indices: Tensor, /, *, axis: int | None = None) -> Tensor:
    """The slices of `x` along an axis at the indices."""
    if axis is None:
        if x.ndim != 1:
            raise ValueError(f"take(): axis must be given for a tensor of {x.ndim} axes")
        axis = 0
    axis = axis % x.ndim
    found = torch.index_select(x, axis, indices.flatten().to(torch.int64) % max(x.shape[axis], 1))
    return found.reshape(*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])


def take_along_axis(x: Tensor, indices: Tensor, /, *, axis: int = -1) -> Tensor:
    """For each line along an axis, the elements at that line's indices."""
    length = x.shape[axis]
    indices = indices.to(torch.int64)
    return torch.take_along_dim(x, torch.where(indices < 0, indices + length, indices), axis)
