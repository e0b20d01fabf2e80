"""Ops that only move elements: each result element is one operand element or zero.

The vjp of each is another of them, or a sum. Shapes are given in full; the tensor layer has resolved -1, negative axes and
defaults, and has raised the user's error.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..errors import InternalError
from . import expr, scalar
from .expr import Apply, Expr, Literal, Operand
from .graph import Node
from .op import Cotangents, Op, same_dtype
from .type import Shape, Type

# ---- what steers gradient flow: these three preserve the value ----

leaf = Op(
    "leaf",
    infer=lambda x: x,
    eval=lambda type, x: x,
    vjp=lambda node, g: (None,),  # the tensor layer takes the cotangent of a leaf
    at=lambda index, x, *, type: x[index],
    moves=True,
)
stop = Op(
    "stop",
    infer=lambda x: x,
    eval=lambda type, x: x,
    vjp="nondifferentiable",
    at=lambda index, x, *, type: x[index],
    moves=True,
)
graft = Op(
    "graft",
    infer=lambda value, *through: value,
    eval=lambda type, value, *through: value,
    # The cotangent goes to what the value was grafted upon; a custom backward replaces this rule.
    vjp=lambda node, g: (None, g, *[None] * (len(node.operands) - 2)),
    at=lambda index, value, *through, type: value[index],
    moves=True,
)

identity = Op(
    "identity",
    infer=lambda x: x,
    eval=lambda type, x: x,
    vjp=lambda node, g: (g,),
    at=lambda index, x, *, type: x[index],
    moves=True,
)

# ---- reshape, permute, expand ----


def empty_of(x: Node, shape: Shape) -> Node:
    """No elements of `x`, in a shape of size 0: its gradient is zero, yet there is one."""
    return reshape(slice_(reshape(x, (x.type.size,)), (0,), (0,)), shape)


def _reshape_infer(x: Type, *, shape: Shape) -> Type:
    if prod(shape) != x.size:
        raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {x.size} — reshape: input {x.shape}")
    return Type.of(shape, x.dtype)


def _reshape_at(index: tuple[Expr, ...], x: Operand, *, type: Type, shape: Shape) -> Expr:
    flat: Expr = Literal(0)
    for i, extent in zip(index, shape, strict=True):
        flat = flat * extent + i
    source: list[Expr] = []
    for extent in reversed(x.type.shape):
        source.append(flat % max(extent, 1))
        flat = flat // max(extent, 1)
    return x[tuple(reversed(source))]


_reshape = Op(
    "reshape",
    infer=_reshape_infer,
    eval=lambda type, x, *, shape: x.reshape(shape),
    vjp=lambda node, g: (reshape(g, node.operands[0].type.shape),),
    at=_reshape_at,
    moves=True,
)


def reshape(x: Node, shape: Shape) -> Node:
    return x if x.type.shape == shape else _reshape(x, shape=shape)


def _inverse(order: Shape) -> Shape:
    inverse = [0] * len(order)
    for place, axis in enumerate(order):
        inverse[axis] = place
    return tuple(inverse)


_permute = Op(
    "permute",
    infer=lambda x, *, order: Type.of(tuple([x.shape[axis] for axis in order]), x.dtype),
    eval=lambda type, x, *, order: x.transpose(order),
    vjp=lambda node, g: (permute(g, _inverse(node.attributes["order"])),),
    at=lambda index, x, *, type, order: x[tuple(index[place] for place in _inverse(order))],
    moves=True,
)


def permute(x: Node, order: Shape) -> Node:
    return x if order == tuple(range(len(order))) else _permute(x, order=order)


def _expand_infer(x: Type, *, shape: Shape) -> Type:
    lead = len(shape) - x.ndim
    if lead < 0 or any(e not in (1, s) for e, s in zip(x.shape, shape[lead:], strict=True)):
        raise InternalError(f"expand: {x.shape} does not broadcast to {shape}")
    return Type.of(shape, x.dtype)


_expand = Op(
    "expand",
    infer=_expand_infer,
    eval=lambda type, x, *, shape: np.broadcast_to(x, shape),
    vjp=lambda node, g: (_sum_to_operand(node, g),),
    at=lambda index, x, *, type, shape: x.broadcast(index),
    moves=True,
)


def expand(x: Node, shape: Shape) -> Node:
    return x if x.type.shape == shape else _expand(x, shape=shape)


def _sum_to_operand(node: Node, g: Node) -> Node:
    return scalar.sum_to(g, node.operands[0].type)


# ---- slice, pad, flip, concatenate ----


def _slice_infer(x: Type, *, start: Shape, stop: Shape, step: Shape) -> Type:
    shape = []
    for extent, lo, hi, by in zip(x.shape, start, stop, step, strict=True):
        if not (0 <= lo <= hi <= extent and by > 0):
            raise InternalError(f"slice: [{lo}:{hi}:{by}] leaves an axis of {extent}")
        shape.append(-(-(hi - lo) // by))
    return Type.of(tuple(shape), x.dtype)


def _slice_vjp(node: Node, g: Node) -> Cotangents:
    start, step = node.attributes["start"], node.attributes["step"]
    low, high, interior = [], [], []
    for extent, lo, by, count in zip(node.operands[0].type.shape, start, step, g.type.shape, strict=True):
        covered = (count - 1) * by + 1 if count else 0
        low.append(lo)
        high.append(extent - lo - covered)
        interior.append(by - 1)
    return (pad(g, tuple(low), tuple(high), tuple(interior)),)


_slice = Op(
    "slice",
    infer=_slice_infer,
    eval=lambda type, x, *, start, stop, step: x[tuple(map(slice, start, stop, step))],
    vjp=_slice_vjp,
    at=lambda index, x, *, type, start, stop, step: x[
        tuple(i * by + lo for i, lo, by in zip(index, start, step, strict=True))
    ],
    moves=True,
)


def slice_(x: Node, start: Shape, stop: Shape, step: Shape | None = None) -> Node:
    """x[start:stop:step] on every axis, with 0 <= start <= stop <= extent and step > 0."""
    step = step or (1,) * len(start)
    if stop == x.type.shape and not any(start) and step == (1,) * len(start):
        return x
    return _slice(x, start=start, stop=stop, step=step)


def _pad_infer(x: Type, *, low: Shape, high: Shape, interior: Shape) -> Type:
    shape = [
        lo + hi + extent + max(extent - 1, 0) * gap
        for extent, lo, hi, gap in zip(x.shape, low, high, interior, strict=True)
    ]
    if min(low + high + interior, default=0) < 0:
        raise InternalError(f"pad: negative amounts {low} {high} {interior}")
    return Type.of(tuple(shape), x.dtype)


def _pad_eval(type: Type, x: np.ndarray, *, low: Shape, high: Shape, interior: Shape) -> np.ndarray:
    result = np.zeros(type.shape, type.dtype.storage)
    result[_pad_region(x.shape, low, interior)] = x
    return result


def _pad_region(shape: Shape, low: Shape, interior: Shape) -> tuple[slice, ...]:
    return tuple(
        slice(lo, lo + max(extent - 1, 0) * (gap + 1) + min(extent, 1), gap + 1)
        for extent, lo, gap in zip(shape, low, interior, strict=True)
    )


def _pad_vjp(node: Node, g: Node) -> Cotangents:
    low, interior = node.attributes["low"], node.attributes["interior"]
    region = _pad_region(node.operands[0].type.shape, low, interior)
    return (slice_(g, tuple(r.start for r in region), tuple(r.stop for r in region), tuple(r.step for r in region)),)


def _pad_at(index: tuple[Expr, ...], x: Operand, *, type: Type, low: Shape, high: Shape, interior: Shape) -> Expr:
    inside, source = [], []
    for i, lo, gap, extent in zip(index, low, interior, x.type.shape, strict=True):
        offset = i - lo
        place = offset // (gap + 1)
        inside += [offset.at_least(0), (offset % (gap + 1)).equals(0), place.less(extent)]
        source.append(place)
    return Apply("choose", expr.every(*inside), x[tuple(source)], Literal(np.zeros((), type.dtype.compute)[()]))


_pad = Op("pad", infer=_pad_infer, eval=_pad_eval, vjp=_pad_vjp, at=_pad_at, moves=True)


def pad(x: Node, low: Shape, high: Shape, interior: Shape | None = None) -> Node:
    """Zeros before and after each axis, and `interior` zeros between its elements."""
    interior = interior or (0,) * len(low)
    return _pad(x, low=low, high=high, interior=interior) if any(low + high + interior) else x


flip = Op(
    "flip",
    infer=lambda x, *, axes: x,
    eval=lambda type, x, *, axes: np.flip(x, axes),
    vjp=lambda node, g: (flip(g, axes=node.attributes["axes"]),),
    at=lambda index, x, *, type, axes: x[
        tuple(Literal(x.type.shape[axis] - 1) - i if axis in axes else i for axis, i in enumerate(index))
    ],
    moves=True,
)


def _concatenate_infer(*types: Type, axis: int) -> Type:
    same_dtype("cat", types)
    first = types[0]
    for number, t in enumerate(types):
        if t.ndim != first.ndim:
            raise RuntimeError(
                f"Tensors must have same number of dimensions: got {first.ndim} and {t.ndim} — cat: operand {number}"
            )
        for other, (a, b) in enumerate(zip(first.shape, t.shape, strict=True)):
            if other != axis and a != b:
                raise RuntimeError(
                    f"Sizes of tensors must match except in dimension {axis}. Expected size {a} but got size {b} for "
                    f"tensor number {number} in the list. — cat: shapes {first.shape} and {t.shape}"
                )
    shape = list(first.shape)
    shape[axis] = sum(t.shape[axis] for t in types)
    return Type.of(tuple(shape), first.dtype)


def _concatenate_vjp(node: Node, g: Node) -> Cotangents:
    axis = node.attributes["axis"]
    parts, place = [], 0
    for operand in node.operands:
        end = place + operand.type.shape[axis]
        start, stop = [0] * g.type.ndim, list(g.type.shape)
        start[axis], stop[axis] = place, end
        parts.append(slice_(g, tuple(start), tuple(stop)) if operand.tracked else None)
        place = end
    return tuple(parts)


def _concatenate_at(index: tuple[Expr, ...], *operands: Operand, type: Type, axis: int) -> Expr:
    def moved(i: Expr) -> tuple[Expr, ...]:
        return (*index[:axis], i, *index[axis + 1 :])

    end = type.shape[axis]
    result: Expr | None = None
    for operand in reversed(operands):
        end -= operand.type.shape[axis]
        load = operand[moved(index[axis] - end)]
        result = (
            load if result is None else Apply("choose", index[axis].less(end + operand.type.shape[axis]), load, result)
        )
    assert result is not None
    return result


_concatenate = Op(
    "concatenate",
    infer=_concatenate_infer,
    eval=lambda type, *xs, axis: np.concatenate(xs, axis),
    vjp=_concatenate_vjp,
    at=_concatenate_at,
    moves=True,
)


def concatenate(xs: tuple[Node, ...], axis: int) -> Node:
    return xs[0] if len(xs) == 1 else _concatenate(*xs, axis=axis)


# ---- update: the functional form of writing into a region ----


def _update_infer(base: Type, value: Type, *, start: Shape, stop: Shape, step: Shape) -> Type:
    same_dtype("update", (base, value))
    region = _slice_infer(base, start=start, stop=stop, step=step)
    if region.shape != value.shape:
        raise InternalError(f"update: value {value.shape} does not fit region {region.shape}")
    return base


def _update_eval(
    type: Type, base: np.ndarray, value: np.ndarray, *, start: Shape, stop: Shape, step: Shape
) -> np.ndarray:
    result = np.array(base, order="C")
    result[tuple(map(slice, start, stop, step))] = value
    return result


def _update_vjp(node: Node, g: Node) -> Cotangents:
    base, value = node.operands
    region = node.attributes
    zero = scalar.zeros_like(value)
    return (
        update(g, zero, region["start"], region["stop"], region["step"]) if base.tracked else None,
        slice_(g, **region) if value.tracked else None,
    )


def _update_at(
    index: tuple[Expr, ...], base: Operand, value: Operand, *, type: Type, start: Shape, stop: Shape, step: Shape
) -> Expr:
    inside, source = [], []
    for i, lo, hi, by in zip(index, start, stop, step, strict=True):
        offset = i - lo
        inside += [offset.at_least(0), i.less(hi), (offset % by).equals(0)]
        source.append(offset // by)
    return Apply("choose", expr.every(*inside), value[tuple(source)], base[index])


_update = Op("update", infer=_update_infer, eval=_update_eval, vjp=_update_vjp, at=_update_at, moves=True)


def update(base: Node, value: Node, start: Shape, stop: Shape, step: Shape) -> Node:
    """`base` with `base[start:stop:step]` replaced by `value`."""
    if value.type.shape == base.type.shape and stop == base.type.shape and not any(start) and step == (1,) * len(step):
        return value
    return _update(base, value, start=start, stop=stop, step=step)


# ---- window and fold: sliding windows over trailing axes, and their transpose ----


def _window_infer(x: Type, *, size: Shape, stride: Shape, dilation: Shape) -> Type:
    lead = x.ndim - len(size)
    counts = tuple(
        (extent - (k - 1) * d - 1) // s + 1
        for extent, k, s, d in zip(x.shape[lead:], size, stride, dilation, strict=True)
    )
    if min(counts, default=1) < 0:
        raise InternalError(f"window: {size} does not fit {x.shape}")
    return Type.of((*x.shape[:lead], *counts, *size), x.dtype)


def _window_eval(type: Type, x: np.ndarray, *, size: Shape, stride: Shape, dilation: Shape) -> np.ndarray:
    lead = x.ndim - len(size)
    own = x.strides[lead:]
    strides = (
        *x.strides[:lead],
        *[a * s for a, s in zip(own, stride, strict=True)],
        *[a * d for a, d in zip(own, dilation, strict=True)],
    )
    return np.lib.stride_tricks.as_strided(x, type.shape, strides, writeable=False)


def _window_at(index: tuple[Expr, ...], x: Operand, *, type: Type, size: Shape, stride: Shape, dilation: Shape) -> Expr:
    n = len(size)
    lead = x.type.ndim - n
    at = [index[lead + a] * stride[a] + index[lead + n + a] * dilation[a] for a in range(n)]
    return x[(*index[:lead], *at)]


window = Op(
    "window",
    infer=_window_infer,
    eval=_window_eval,
    vjp=lambda node, g: (fold(g, shape=node.operands[0].type.shape, **node.attributes),),
    at=_window_at,
    moves=True,
)


def _fold_eval(type: Type, x: np.ndarray, *, shape: Shape, size: Shape, stride: Shape, dilation: Shape) -> np.ndarray:
    n = len(size)
    lead = len(shape) - n
    counts = x.shape[lead : lead + n]
    result = np.zeros(shape, x.dtype)
    for offset in np.ndindex(*size):
        place: Any = tuple(
            slice(o * d, o * d + (c - 1) * s + 1 if c else o * d, s)
            for o, d, s, c in zip(offset, dilation, stride, counts, strict=True)
        )
        inner: Any = (..., *offset)
        result[(..., *place)] += x[inner]
    return result


fold = Op(
    "fold",
    infer=lambda x, *, shape, size, stride, dilation: Type.of(shape, x.dtype),
    eval=_fold_eval,
    vjp=lambda node, g: (window(g, **{key: value for key, value in node.attributes.items() if key != "shape"}),),
    anchor="contract",
)
