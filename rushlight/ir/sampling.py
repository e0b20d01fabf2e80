"""Reading images at places between their elements: which elements, and the reading itself.

A place on an axis is a number, 0 the centre of the first element. `bounded` brings places beyond the edges back, `taps`
gives for each place the numbers of the elements around it, and `pick` reads them; its transpose is `spread_back`.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..dtype import int64
from ..errors import InternalError
from .expr import Expr, Operand
from .graph import Node, input_node
from .op import NONDIFFERENTIABLE, Cotangents, Op
from .scalar import (
    abs_,
    add,
    cast,
    constant,
    div,
    floor,
    ge,
    gt,
    le,
    logical_and,
    logical_xor,
    lt,
    maximum,
    minimum,
    mul,
    ne,
    number,
    rem,
    select,
    sub,
)
from .type import Shape, Type
from .view import reshape

Array = np.ndarray

# ---- places beyond the edges ----


def _reflected(x: Array, extent: int, aligned: bool) -> tuple[Array, Array]:
    """Mirrored at the centres of the outermost elements, or at their outer edges; and whether going forward there is going back."""
    low = 0.0 if aligned else -0.5
    span = extent - 1.0 if aligned else float(extent)
    if not span:
        return np.zeros_like(x), np.zeros(x.shape, bool)
    away = x - x.dtype.type(low)
    distance = np.abs(away)
    turns = np.floor(distance / x.dtype.type(span))
    rest = distance - turns * x.dtype.type(span)
    back = (turns % 2).astype(bool)
    place = np.where(back, x.dtype.type(span) - rest, rest) + x.dtype.type(low)
    return place, back ^ (away < 0)


def _bounded_eval(type: Type, x: Array, *, extent: int, reflect: bool, aligned: bool) -> Array:
    with np.errstate(all="ignore"):
        place = _reflected(x, extent, aligned)[0] if reflect else x
        return np.clip(place, 0, extent - 1)


def _slope_eval(type: Type, x: Array, *, extent: int, reflect: bool, aligned: bool) -> Array:
    with np.errstate(all="ignore"):
        if not reflect:
            return ((x > 0) & (x < extent - 1)).astype(x.dtype)
        place, back = _reflected(x, extent, aligned)
        return np.where((place > 0) & (place < extent - 1), np.where(back, -1, 1), 0).astype(x.dtype)


def _reflection(x: Node, extent: int, aligned: bool) -> tuple[Node, Node]:
    """`_reflected` of nodes."""
    dtype = x.type.dtype
    low, span = number(0.0 if aligned else -0.5, dtype), number(extent - 1.0 if aligned else float(extent), dtype)
    away = sub(x, low)
    distance = abs_(away)
    turns = floor(div(distance, span))
    rest = sub(distance, mul(turns, span))
    back = ne(rem(turns, number(2, dtype)), number(0, dtype))
    return add(select(back, sub(span, rest), rest), low), logical_xor(back, lt(away, number(0, dtype)))


def _within(x: Node, extent: int) -> Node:
    return logical_and(gt(x, number(0, x.type.dtype)), lt(x, number(extent - 1, x.type.dtype)))


def _bounded_primitives(x: Node, *, extent: int, reflect: bool, aligned: bool) -> Node:
    dtype = x.type.dtype
    if reflect and aligned and extent == 1:
        return constant(value=0, shape=x.type.shape, dtype=dtype)
    place = _reflection(x, extent, aligned)[0] if reflect else x
    return minimum(maximum(place, number(0, dtype)), number(extent - 1, dtype))


def _slope_primitives(x: Node, *, extent: int, reflect: bool, aligned: bool) -> Node:
    dtype = x.type.dtype
    if reflect and aligned and extent == 1:
        return constant(value=0, shape=x.type.shape, dtype=dtype)
    if not reflect:
        return cast(_within(x, extent), dtype=dtype)
    place, back = _reflection(x, extent, aligned)
    forward = select(back, number(-1, dtype), number(1, dtype))
    return select(_within(place, extent), forward, number(0, dtype))


bounded_slope = Op(
    "bounded_slope",
    infer=lambda x, **settings: x,
    eval=_slope_eval,
    vjp=NONDIFFERENTIABLE,  # -1, 0 or 1
    anchor="map",
    primitives=_slope_primitives,
)
bounded = Op(
    "bounded",
    infer=lambda x, **settings: x,
    eval=_bounded_eval,
    vjp=lambda node, g: (mul(g, bounded_slope(node.operands[0], **node.attributes)),),
    anchor="map",
    primitives=_bounded_primitives,
)

# ---- the elements around each place ----


def _taps_infer(*places: Type, extents: Shape, steps: tuple[int, ...], **settings: Any) -> Type:
    if len(places) != len(extents):
        raise InternalError(f"taps: {len(places)} axes of places for {len(extents)} of the image")
    batch, count = places[0].shape
    return Type.of((batch, len(steps) ** len(extents) * count), int64)


def _taps_eval(
    type: Type, *places: Array, extents: Shape, steps: tuple[int, ...], reflect: bool | None, aligned: bool
) -> Array:
    """Numbers in the flattened image, which has one more element behind its last: that is read for what lies outside.

    `reflect`: whether taps beyond the edges are reflected or stay at the edge; None where they are outside.
    """
    rank, size = len(extents), int(np.prod(extents))
    flat: Array | None = None
    for axis, (low, extent) in enumerate(zip(places, extents, strict=True)):
        place = low[:, None, :] + np.array(steps, low.dtype)[:, None]
        if reflect is not None:
            place = _bounded_eval(type, place, extent=extent, reflect=reflect, aligned=aligned)
        inside = (place >= 0) & (place <= extent - 1)
        stride = int(np.prod(extents[axis + 1 :]))
        own = np.where(inside, place, 0).astype(np.int64)
        own *= stride
        own[~inside] = size
        own = own.reshape(len(low), *[len(steps) if a == axis else 1 for a in range(rank)], low.shape[1])
        flat = own if flat is None else flat + own
    assert flat is not None
    return np.minimum(flat, size, out=flat).reshape(type.shape)


def _taps_primitives(
    *places: Node, extents: Shape, steps: tuple[int, ...], reflect: bool | None, aligned: bool
) -> Node:
    rank, size, dtype = len(extents), prod(extents), places[0].type.dtype
    batch, count = places[0].type.shape
    beyond = number(size, int64)
    flat: Node | None = None
    for axis, (low, extent) in enumerate(zip(places, extents, strict=True)):
        taken = np.array(steps, dtype.storage).reshape([len(steps) if a == axis else 1 for a in range(rank)] + [1])
        place = add(reshape(low, (batch, *[1] * rank, count)), input_node(taken, Type.of(taken.shape, dtype)))
        if reflect is not None:
            place = _bounded_primitives(place, extent=extent, reflect=reflect, aligned=aligned)
        zero = number(0, dtype)
        inside = logical_and(ge(place, zero), le(place, number(extent - 1, dtype)))
        whole = cast(select(inside, place, zero), dtype=int64)
        own = select(inside, mul(whole, number(prod(extents[axis + 1 :]), int64)), beyond)
        flat = own if flat is None else add(flat, own)
    assert flat is not None
    return reshape(minimum(flat, beyond), (batch, len(steps) ** rank * count))


taps = Op("taps", infer=_taps_infer, eval=_taps_eval, vjp=NONDIFFERENTIABLE, anchor="map", primitives=_taps_primitives)

# ---- reading and its transpose ----


def _pick_infer(x: Type, places: Type) -> Type:
    if places.dtype is not int64 or x.ndim != 3 or places.ndim != 2:
        raise InternalError(f"pick: {x!r} at {places!r}")
    return Type.of((*x.shape[:2], places.shape[1]), x.dtype)


def _pick_eval(type: Type, x: Array, places: Array) -> Array:
    result = np.empty(type.shape, x.dtype)
    for image, own, out in zip(x, places, result, strict=True):
        np.take(image, own, axis=1, out=out, mode="clip")
    return result


def _pick_at(index: tuple[Expr, ...], x: Operand, places: Operand, *, type: Type) -> Expr:
    return x[index[0], index[1], places[index[0], index[2]]]


def _pick_vjp(node: Node, g: Node) -> Cotangents:
    x, places = node.operands
    return spread_back(g, places, extent=x.type.shape[2]), None


pick = Op("pick", infer=_pick_infer, eval=_pick_eval, vjp=_pick_vjp, at=_pick_at, moves=True)


def _spread_back_eval(type: Type, g: Array, places: Array, *, extent: int) -> Array:
    batch, channels, _ = type.shape
    rows = np.arange(batch * channels).reshape(batch, channels, 1) * extent
    flat = (rows + places[:, None, :]).reshape(-1)
    total = np.bincount(flat, g.reshape(-1), minlength=batch * channels * extent)
    return total.reshape(type.shape).astype(g.dtype)


spread_back = Op(
    "spread_back",
    infer=lambda g, places, *, extent: Type.of((*g.shape[:2], extent), g.dtype),
    eval=_spread_back_eval,
    vjp=lambda node, h: (pick(h, node.operands[1]), None),
    anchor="scatter",
)

__all__ = ["bounded", "bounded_slope", "pick", "spread_back", "taps"]
