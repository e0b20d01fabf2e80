"""Attention, and what its weights need beside contractions.

    attention(q, k, v, mask?, scale) -> result, sums

With the scores `q·kᵀ·scale + mask` the result is `softmax(scores)·v`, and `sums` the logarithms of each row's sum of exponentials,
from which the way back computes the weights again: neither way keeps the matrix of scores (Dao et al., "FlashAttention", 2022). A
query that may look at nothing has the result 0 and the sum 0. Keys and values where a query may not look count with weight 0, or not
at all: an infinity there may show or not.

`safe_softmax` gives a row that may look at nothing weights 0, where softmax itself has NaN. `split` cuts packed projections
apart as one op, so that going back is one concatenation.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtype import bool_
from ..errors import InternalError
from .component import components, is_literal_zero
from .contract import contract
from .contraction import build, evaluate
from .graph import Node, input_node, mode
from .op import NONDIFFERENTIABLE, Cotangents, Op
from .reduce import max_, spread, sum_, view_slice, weights_of
from .scalar import add, cast, eq, mul, number, reciprocal, select, sub
from .type import Shape, TupleType, Type
from .view import concatenate, permute


def _safe_softmax_eval(type: Type, x: np.ndarray, *, axis: int) -> np.ndarray:
    if not x.size:
        return x
    with np.errstate(all="ignore"):
        top = np.max(x, axis=axis, keepdims=True)
        top[np.isneginf(top)] = 0
        weights: np.ndarray = np.exp(x - top)
        total = np.sum(weights, axis=axis, keepdims=True)
        total[total == 0] = 1
        weights /= total
    return weights


def _safe_softmax_vjp(node: Node, g: Node) -> Cotangents:
    axis = node.attributes["axis"]
    weighted = mul(g, node)
    return (sub(weighted, mul(node, spread(sum_(weighted, (axis,)), node.type.shape, (axis,)))),)


def _safe_softmax_primitives(x: Node, *, axis: int) -> Node:
    zero = number(0, x.type.dtype)
    top = max_(x, axes=(axis,))
    top = select(eq(top, number(float("-inf"), x.type.dtype)), zero, top)
    weights, total = weights_of(x, top, axis)
    total = select(eq(total, zero), number(1, x.type.dtype), total)
    return mul(weights, spread(reciprocal(total), x.type.shape, (axis,)))


safe_softmax = Op(
    "safe_softmax",
    infer=lambda x, *, axis: x,
    eval=_safe_softmax_eval,
    vjp=_safe_softmax_vjp,
    anchor="reduce",
    primitives=_safe_softmax_primitives,
)


def _split_infer(x: Type, *, axis: int, sizes: Shape) -> TupleType:
    if sum(sizes) != x.shape[axis]:
        raise InternalError(f"split: {sizes} of {x!r} on axis {axis}")
    return TupleType.of(*[Type.of((*x.shape[:axis], size, *x.shape[axis + 1 :]), x.dtype) for size in sizes])


def _split_eval(type: TupleType, x: np.ndarray, *, axis: int, sizes: Shape) -> tuple[np.ndarray, ...]:
    return tuple(np.split(x, np.cumsum(sizes)[:-1], axis))


def _split_primitives(x: Node, *, axis: int, sizes: Shape) -> tuple[Node, ...]:
    parts, start = [], 0
    for size in sizes:
        parts.append(view_slice(x, axis, start, start + size))
        start += size
    return tuple(parts)


split = Op(
    "split",
    infer=_split_infer,
    eval=_split_eval,
    vjp=lambda node, g: (concatenate(components(g), node.attributes["axis"]),),
    anchor="component",
    moves=True,
    primitives=_split_primitives,
)


# ---- attention ----


def masked(scores: Node, mask: Node | None, causal: bool) -> Node:
    """-inf where a query may not look (a bool mask says where it may; `causal`: at itself and what stands before), or the mask added."""
    low = number(float("-inf"), scores.type.dtype)
    if causal:
        keep = np.tri(*scores.type.shape[-2:], dtype=np.bool_)
        scores = select(input_node(keep, Type.of(keep.shape, bool_)), scores, low)
    if mask is None:
        return scores
    if mask.type.dtype is bool_:
        return select(mask, scores, low)
    return add(scores, cast(mask, dtype=scores.type.dtype))


def _attention_infer(q: Type, k: Type, v: Type, *rest: Type, causal: bool) -> TupleType:
    """`rest`: the mask if there is one, of the scores' shape; the scale, a number."""
    if not (q.shape[:-2] == k.shape[:-2] == v.shape[:-2]) or q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2]:
        raise InternalError(f"attention of {q!r}, {k!r}, {v!r}")
    if any(mask.shape != (*q.shape[:-1], k.shape[-2]) for mask in rest[:-1]):
        raise InternalError(f"attention of {q!r}, {k!r} with the mask {rest[0]!r}")
    return TupleType.of(Type.of((*q.shape[:-1], v.shape[-1]), q.dtype), Type.of(q.shape[:-1], q.dtype))


def _turned(x: np.ndarray) -> np.ndarray:
    return x.swapaxes(-1, -2)


def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return evaluate(build.matmul(a.shape, b.shape), a, b)


def _scores(q: np.ndarray, k: np.ndarray, mask: np.ndarray | None, scale: np.ndarray, causal: bool) -> np.ndarray:
    scores = _product(q * scale, _turned(k))
    if causal:
        scores = np.where(np.tri(*scores.shape[-2:], dtype=np.bool_), scores, -np.inf).astype(scores.dtype)
    if mask is None:
        return scores
    return np.where(mask, scores, -np.inf).astype(scores.dtype) if mask.dtype == np.bool_ else scores + mask


def _parted(rest: tuple[Any, ...]) -> tuple[Any, Any]:
    """The mask, or None; the scale."""
    return (rest[0] if len(rest) == 2 else None), rest[-1]


def _attention_eval(
    type: TupleType, q: np.ndarray, k: np.ndarray, v: np.ndarray, *rest: np.ndarray, causal: bool
) -> tuple[np.ndarray, ...]:
    with np.errstate(all="ignore"):
        weights = _scores(q, k, *_parted(rest), causal)
        top = np.max(weights, axis=-1, keepdims=True, initial=-np.inf)
        top[np.isneginf(top)] = 0
        weights -= top
        np.exp(weights, out=weights)
        total = np.sum(weights, axis=-1, keepdims=True)
        total[total == 0] = 1
        weights /= total
        return _product(weights, v), (top + np.log(total))[..., 0]


def _attention_vjp(node: Node, g: Node) -> Cotangents:
    """With the weights P, the scores' cotangent is P·(g·vᵀ - t), where t is each row's sum of g·result, less the cotangent of `sums`."""
    q, k, v, *rest = node.operands
    mask, scale = _parted(tuple(rest))
    to_result, to_sums = components(g)
    causal = node.attributes["causal"]
    if mode.tracking or (mask is not None and mask.tracked):
        return _differentiable_vjp(q, k, v, mask, scale, to_result, to_sums, causal)
    result, sums = components(node)
    through = sum_(mul(to_result, result), (q.type.ndim - 1,))
    if not is_literal_zero(to_sums):
        through = sub(through, to_sums)
    parts = components(attention_gradient(q, k, v, *rest, to_result, sums, through, causal=causal))
    return (*parts, *[None] * len(rest))


def _matmul(a: Node, b: Node) -> Node:
    return contract(a, b, spec=build.matmul(a.type.shape, b.type.shape))


def _differentiable_vjp(
    q: Node, k: Node, v: Node, mask: Node | None, scale: Node, to_result: Node, to_sums: Node, causal: bool
) -> Cotangents:
    """The cotangents of other ops, with the weights as a matrix; that of a mask that is added too."""
    axis = q.type.ndim - 1

    def turned(x: Node) -> Node:
        return permute(x, order=(*range(axis - 1), axis, axis - 1))

    scaled = mul(q, scale)
    weights = safe_softmax(masked(_matmul(scaled, turned(k)), mask, causal), axis=axis)
    to_weights = mul(weights, _matmul(to_result, turned(v)))
    through = sum_(to_weights, (axis,))
    if not is_literal_zero(to_sums):
        through = sub(through, to_sums)
    to_scores = sub(to_weights, mul(weights, spread(through, weights.type.shape, (axis,))))
    to_mask = None if mask is None or mask.type.dtype is bool_ else cast(to_scores, dtype=mask.type.dtype)
    given = () if mask is None else (to_mask,)
    to_q, to_k = mul(_matmul(to_scores, k), scale), _matmul(turned(to_scores), scaled)
    return to_q, to_k, _matmul(turned(weights), to_result), *given, None


attention = Op("attention", infer=_attention_infer, eval=_attention_eval, vjp=_attention_vjp, anchor="attention")


def _gradient_infer(q: Type, k: Type, v: Type, *rest: Type, causal: bool) -> TupleType:
    """`rest`: the mask if there is one, the scale, the result's cotangent, `sums`, and what is taken from each row of weights' cotangents."""
    return TupleType.of(q, k, v)


def _gradient_eval(
    type: TupleType, q: np.ndarray, k: np.ndarray, v: np.ndarray, *rest: np.ndarray, causal: bool
) -> tuple[np.ndarray, ...]:
    *given, g, sums, through = rest
    mask, scale = _parted(tuple(given))
    with np.errstate(all="ignore"):
        weights = _scores(q, k, mask, scale, causal)
        weights -= sums[..., None]
        np.exp(weights, out=weights)
        to_v = _product(_turned(weights), g)
        to_scores = _product(g, _turned(v))
        to_scores -= through[..., None]
        to_scores *= weights
        return _product(to_scores, k) * scale, _product(_turned(to_scores), q * scale), to_v


attention_gradient = Op(
    "attention_gradient", infer=_gradient_infer, eval=_gradient_eval, vjp=NONDIFFERENTIABLE, anchor="attention"
)

__all__ = ["attention", "attention_gradient", "masked", "safe_softmax", "split"]
