"""`pad`: constants, reflections, replicas and wrapped-around elements beyond the edges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...dtype import bool_, int64
from ...ir import index, scalar, view
from ...ir.graph import Node, input_node
from ...ir.type import Type
from ...tensor.tensor import Tensor, node_of, wrap
from .operands import require_tensor

__all__ = ["pad"]

Amounts = list[tuple[int, int]]  # (before, after) for each axis, from the first axis on


def _amounts(pad: Sequence[Any], ndim: int) -> Amounts:
    """PyTorch gives (before, after) from the last axis on."""
    if isinstance(pad, int) or len(pad) % 2:
        raise RuntimeError(f"Padding length must be divisible by 2 — pad: {pad}")
    if len(pad) > 2 * ndim:
        raise RuntimeError(
            f"Padding length should be less than or equal to two times the input dimension but got padding length {len(pad)} and input of "
            f"dimension {ndim}"
        )
    found = [(int(pad[place]), int(pad[place + 1])) for place in range(0, len(pad), 2)]
    return [(0, 0)] * (ndim - len(found)) + found[::-1]


def _check_result(shape: tuple[int, ...], amounts: Amounts, pad: Sequence[int]) -> None:
    for axis, (extent, (low, high)) in enumerate(zip(shape, amounts, strict=True)):
        if extent + low + high < 0:
            raise RuntimeError(
                f"The input size {extent}, plus negative padding {low} and {high} resulted in a negative output size, which is invalid. Check "
                f"dimension {axis} of your input."
            )


def _cropped(node: Node, amounts: Amounts) -> Node:
    """Negative amounts cut off."""
    start = tuple(max(-low, 0) for low, _ in amounts)
    stop = tuple(extent - max(-high, 0) for extent, (_, high) in zip(node.type.shape, amounts, strict=True))
    return view.slice_(node, start, stop)


def _constant(node: Node, amounts: Amounts, value: float) -> Node:
    node = _cropped(node, amounts)
    low, high = (tuple(max(part, 0) for part in side) for side in zip(*amounts, strict=True)) if amounts else ((), ())
    padded = view.pad(node, low, high)
    if value == 0 or padded is node:
        return padded
    # Zeros where the input is, the value elsewhere: one sum, and the gradient of `pad` alone.
    inside = np.zeros(node.type.shape, bool)
    frame = np.pad(inside, list(zip(low, high, strict=True)), constant_values=True)
    mask = input_node(frame, Type.of(frame.shape, bool_))
    return scalar.select(mask, scalar.number(value, node.type.dtype), padded)


def _places(mode: str, extent: int, low: int, high: int) -> np.ndarray:
    """Which element stands at each place of the padded axis."""
    place = np.arange(-low, extent + high)
    if mode == "replicate":
        return np.clip(place, 0, extent - 1)
    if mode == "circular":
        return place % extent
    period = max(2 * (extent - 1), 1)
    folded = np.abs(place) % period
    return np.minimum(folded, period - folded) if extent > 1 else np.zeros_like(place)


def _check_mode(mode: str, shape: tuple[int, ...], amounts: Amounts, count: int) -> None:
    ndim = len(shape)
    if ndim not in (count + 1, count + 2):
        raise NotImplementedError(
            f"Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now — pad: mode '{mode}' pads the last {count} axes of an input "
            f"with {count + 1} or {count + 2} axes, got {ndim}"
        )
    for axis, (extent, (low, high)) in enumerate(zip(shape, amounts, strict=True)):
        if mode == "reflect" and max(low, high) >= extent > 0 and (low, high) != (0, 0):
            raise RuntimeError(
                f"Argument #4: Padding size should be less than the corresponding input dimension, but got: padding ({low}, {high}) at dimension "
                f"{axis} of input {list(shape)}"
            )
        if mode == "circular" and max(low, high) > extent:
            raise RuntimeError(
                f"Padding value causes wrapping around more than once. — pad: ({low}, {high}) on dimension {axis} of extent {extent}"
            )
        if extent == 0 and axis and (low or high):
            raise RuntimeError(
                f"pad: Expected a non-empty input on dimension {axis} for mode '{mode}', got {list(shape)}"
            )


def _mirrored(node: Node, amounts: Amounts, mode: str) -> Node:
    for axis, (low, high) in enumerate(amounts):
        if not (low or high):
            continue
        extent = node.type.shape[axis]
        place = _places(mode, extent, low, high)
        order = (axis, *[a for a in range(node.type.ndim) if a != axis])
        back = tuple(order.index(a) for a in range(len(order)))
        moved = index.take(view.permute(node, order), input_node(place, Type.of(place.shape, int64)))
        node = view.permute(moved, back)
    return node


_LABELS = {"reflect": "ReflectionPad{}D", "replicate": "ReplicationPad{}D", "circular": "CopySlices"}


def _pad(input: Tensor, pad: Sequence[Any], mode: str, value: float | None) -> tuple[Node, str]:
    shape = tuple(input.shape)
    amounts = _amounts(pad, len(shape))
    if mode == "constant":
        _check_result(shape, amounts, pad)
        return _constant(node_of(input), amounts, 0.0 if value is None else value), "ConstantPadNd"
    if mode not in _LABELS:
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    if value:
        raise ValueError(f"Padding mode '{mode}' doesn't take in value argument")
    count = len(pad) // 2
    _check_mode(mode, shape, amounts, count)
    _check_result(shape, amounts, pad)
    return _mirrored(node_of(input), amounts, mode), _LABELS[mode].format(count)


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """The input with elements before and after: `pad` gives (before, after) from the last axis on; negative amounts cut off.

    `mode` is 'constant' (with `value`), 'reflect', 'replicate' or 'circular'.

    >>> import rushlight as torch
    >>> torch.nn.functional.pad(torch.ones(2), (1, 2))
    tensor([0., 1., 1., 0., 0.])
    """
    require_tensor("pad", input)
    node, label = _pad(input, pad, mode, value)
    if node is node_of(input):
        node = view.identity(node)
    if node.tracked and node.label is None:
        node.label = label
    return wrap(node)
