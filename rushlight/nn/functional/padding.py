"""`pad`: constants, reflections, replicas and wrapped-around elements beyond the edges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...dtype import BOOL
from ...ir import scalar, view
from ...ir.graph import Node
from ...ir.type import Type
from ...tensor.casting import cast
from ...tensor.tensor import Tensor, node_of
from .operands import named, require_tensor

__all__ = ["pad"]

Amounts = list[tuple[int, int]]  # (before, after) for each axis, from the first axis on


def _integers(pad: Any) -> list[int]:
    if not isinstance(pad, Sequence) or isinstance(pad, str):
        raise TypeError(f"pad(): argument 'pad' (position 2) must be tuple of ints, not {type(pad).__name__}")
    for place, each in enumerate(pad):
        if isinstance(each, bool) or not hasattr(each, "__index__"):
            raise TypeError(
                f"pad(): argument 'pad' (position 2) must be tuple of ints, but found element of type {type(each).__name__} at pos {place}"
            )
    return [each.__index__() for each in pad]


def _amounts(pad: list[int], ndim: int) -> Amounts:
    """PyTorch gives (before, after) from the last axis on."""
    if len(pad) % 2:
        raise RuntimeError(f"Padding length must be divisible by 2 — pad: {pad}")
    if len(pad) > 2 * ndim:
        raise RuntimeError(
            f"Padding length should be less than or equal to two times the input dimension but got padding length {len(pad)} and input of "
            f"dimension {ndim}"
        )
    found = list(zip(pad[::2], pad[1::2], strict=True))
    return [(0, 0)] * (ndim - len(found)) + found[::-1]


# ---- constants ----


def _constant(node: Node, amounts: Amounts, value: float) -> Node:
    shape = node.type.shape
    for axis, (extent, (low, high)) in enumerate(zip(shape, amounts, strict=True)):
        if extent + min(low, 0) + min(high, 0) < 0 or extent + low + high < 0:
            raise RuntimeError(
                f"narrow(): length must be non-negative. — pad: {low} and {high} leave nothing of axis {axis}, which has {extent} elements"
            )
    start = tuple([max(-low, 0) for low, _ in amounts])
    stop = tuple([extent - max(-high, 0) for extent, (_, high) in zip(shape, amounts, strict=True)])
    inside = view.slice_(node, start, stop)
    before, after = tuple([max(low, 0) for low, _ in amounts]), tuple([max(high, 0) for _, high in amounts])
    if value == 0:
        return view.pad(inside, before, after)
    whole = tuple([extent + low + high for extent, (low, high) in zip(shape, amounts, strict=True)])
    end = tuple([low + extent for low, extent in zip(before, inside.type.shape, strict=True)])
    base = scalar.full(value, Type.of(whole, node.type.dtype))
    return view.update(base, inside, before, end, (1,) * len(whole))


# ---- elements of the input beyond its edges ----


def _cut(node: Node, axis: int, start: int, stop: int) -> Node:
    shape = node.type.shape
    return view.slice_(
        node,
        tuple([start if a == axis else 0 for a in range(len(shape))]),
        tuple([stop if a == axis else extent for a, extent in enumerate(shape)]),
    )


def _round(node: Node, axis: int, count: int, from_end: bool) -> Node:
    """The first (or last) `count` elements of the input repeated without end."""
    extent = node.type.shape[axis]
    turns = -(-count // extent)
    repeated = view.concatenate((node,) * turns, axis)
    return _cut(repeated, axis, turns * extent - count if from_end else 0, turns * extent if from_end else count)


def _beyond(node: Node, axis: int, count: int, mode: str, at_end: bool) -> Node:
    """`count` elements before the first element of an axis, or behind its last."""
    extent = node.type.shape[axis]
    if mode == "circular":
        return _round(node, axis, count, from_end=not at_end)
    if mode == "reflect":
        mirrored = _cut(node, axis, extent - 1 - count, extent - 1) if at_end else _cut(node, axis, 1, count + 1)
        return view.flip(mirrored, axes=(axis,))
    edge = _cut(node, axis, extent - 1, extent) if at_end else _cut(node, axis, 0, 1)
    return view.expand(edge, tuple([count if a == axis else e for a, e in enumerate(edge.type.shape)]))


def _extended(node: Node, axis: int, low: int, high: int, mode: str) -> Node:
    if mode == "circular":  # what is cut off does not come round again
        node = _cut(node, axis, max(-low, 0), node.type.shape[axis] - max(-high, 0))
    parts = [_beyond(node, axis, low, mode, False)] if low > 0 else []
    parts.append(node)
    if high > 0:
        parts.append(_beyond(node, axis, high, mode, True))
    whole = view.concatenate(tuple(parts), axis)
    if mode == "circular":
        return whole
    return _cut(whole, axis, max(-low, 0), whole.type.shape[axis] - max(-high, 0))


_LABELS = {"reflect": "ReflectionPad{}D", "replicate": "ReplicationPad{}D", "circular": "Copy"}
_KERNELS = {"reflect": "reflection_pad{}d", "replicate": "replication_pad{}d"}


def _check_axes(mode: str, input: Tensor, count: int) -> None:
    """How many axes may be padded, of which dtype, and that they have elements."""
    ndim, shape = input.ndim, list(input.shape)
    if count not in (1, 2, 3) or ndim not in (count + 1, count + 2):
        raise NotImplementedError(
            f"Padding size {2 * count} is not supported for {ndim}D input tensor.\n"
            "Supported combinations for non-constant padding:\n"
            "  - 2D or 3D input: padding size = 2 (pads last dimension)\n"
            "  - 3D or 4D input: padding size = 4 (pads last 2 dimensions)\n"
            "  - 4D or 5D input: padding size = 6 (pads last 3 dimensions)"
        )
    if mode == "circular":
        return
    if 0 in shape[-count - 1 :]:
        raise RuntimeError(
            f"Expected {count + 1}D or {count + 2}D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for "
            f"input, but got: {shape}"
        )
    if input.dtype.category == BOOL:
        raise NotImplementedError(f"\"{_KERNELS[mode].format(count)}\" not implemented for 'Bool' — pad")


def _check_extents(mode: str, shape: tuple[int, ...], amounts: Amounts, count: int) -> None:
    for axis in range(len(shape) - count, len(shape)):
        extent, (low, high) = shape[axis], amounts[axis]
        where = f"pad: {low} and {high} on axis {axis}, which has {extent} elements"
        if mode == "circular" and max(low, high) > extent:
            raise RuntimeError(f"Padding value causes wrapping around more than once. — {where}")
        if mode == "circular" and (extent + low + high < 0 or max(-low, -high) > extent):
            raise RuntimeError(f"Negative padding value is resulting in an empty dimension — {where}")
        if mode == "reflect" and max(low, high) >= extent:
            raise RuntimeError(
                f"Argument #{2 * (len(shape) - axis) + 2}: Padding size should be less than the corresponding input dimension, but got: "
                f"padding ({low}, {high}) at dimension {axis} of input {list(shape)}"
            )
        if mode != "circular" and extent + low + high < (1 if count == 1 else 0):
            raise RuntimeError(f"input is too small. Calculated output: {extent + low + high} — {where}")


def _from_input(input: Tensor, pad: list[int], mode: str) -> Node:
    count = len(pad) // 2
    _check_axes(mode, input, count)
    shape = tuple(input.shape)
    amounts = _amounts(pad, len(shape))
    _check_extents(mode, shape, amounts, count)
    node = node_of(input)
    for axis in range(len(shape) - count, len(shape)):
        node = _extended(node, axis, *amounts[axis], mode)
    return node


@cast
def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """The input with elements before and after: `pad` gives (before, after) from the last axis on; negative amounts cut off.

    `mode` is 'constant' (with `value`), 'reflect', 'replicate' or 'circular'; the last three take 1 to 3 axes behind the
    channels'.

    >>> import rushlight as torch
    >>> torch.nn.functional.pad(torch.ones(2), (1, 2))
    tensor([0., 1., 1., 0., 0.])
    """
    require_tensor("pad", input)
    amounts = _integers(pad)
    if not isinstance(mode, str):
        raise TypeError(f"pad(): argument 'mode' (position 3) must be str, not {type(mode).__name__}")
    if value is not None and not isinstance(value, (int, float)) and not hasattr(value, "__float__"):
        raise TypeError(f"pad(): argument 'value' (position 4) must be float, not {type(value).__name__}")
    if mode == "constant":
        node = _constant(node_of(input), _amounts(amounts, input.ndim), 0.0 if value is None else value)
        label = "ConstantPadNd"
    elif mode not in _LABELS:
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    elif value:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    else:
        node, label = _from_input(input, amounts, mode), _LABELS[mode].format(len(amounts) // 2)
    return named(view.identity(node) if node is node_of(input) else node, label)
