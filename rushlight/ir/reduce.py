"""Reductions over axes, arg-reductions and scans. The reduced axes are dropped; `keepdim` is a reshape above.

The order of summation is a function of shape and layout alone: NumPy's, or for few elements PyTorch's (see `rounding`).
NaN passes through `max` and `min`; `argmax` of a NaN is its place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..dtype import bool_, int64
from . import rounding, scalar
from .graph import Node, input_node
from .op import NONDIFFERENTIABLE, Cotangents, Op
from .scalar import cj, constant, div, eq, mul, neg, number, select, sub
from .type import Shape, Type
from .view import concatenate, expand, flip, permute, reshape, slice_


def _dropped(shape: Shape, axes: Shape) -> Shape:
    return tuple([extent for axis, extent in enumerate(shape) if axis not in axes])


def kept(shape: Shape, axes: Shape) -> Shape:
    """The shape with the reduced axes of extent 1."""
    return tuple([1 if axis in axes else extent for axis, extent in enumerate(shape)])


def spread(g: Node, shape: Shape, axes: Shape) -> Node:
    """A reduced node along its axes again."""
    if axes == tuple(range(len(axes))):  # the first axes: broadcasting puts them back by itself
        return expand(g, shape)
    return expand(reshape(g, kept(shape, axes)), shape)


def view_slice(x: Node, axis: int, start: int, stop: int) -> Node:
    """x[start:stop] along one axis."""
    low, high = [0] * x.type.ndim, list(x.type.shape)
    low[axis], high[axis] = start, stop
    return slice_(x, tuple(low), tuple(high))


def _reduction(
    name: str,
    function: Callable[..., Any],
    vjp: Callable[[Node, Node], Cotangents] | str,
    boolean: bool = False,
    primitives: Callable[..., Node] | None = None,
) -> Op:
    def infer(x: Type, *, axes: Shape) -> Type:
        return Type.of(_dropped(x.shape, axes), bool_ if boolean else x.dtype)

    def evaluate(type: Type, x: np.ndarray, *, axes: Shape) -> Any:
        with np.errstate(all="ignore"):
            return function(x, axes)

    return Op(name, infer=infer, eval=evaluate, vjp=vjp, anchor="reduce", primitives=primitives)


def _sum_vjp(node: Node, g: Node) -> Cotangents:
    return (spread(g, node.operands[0].type.shape, node.attributes["axes"]),)


_sum = _reduction("sum", rounding.total, _sum_vjp)


def sum_(x: Node, axes: Shape) -> Node:
    return _sum(x, axes=axes) if axes else x


def sum_to(g: Node, type: Type) -> Node:
    """Undoes broadcasting: the cotangent summed to an operand's shape."""
    shape = g.type.shape
    if shape == type.shape:
        return g
    lead = len(shape) - type.ndim
    axes = (*range(lead), *[lead + a for a, e in enumerate(type.shape) if e == 1 and shape[lead + a] != 1])
    return reshape(sum_(g, axes), type.shape)


scalar._declare_sum_to(sum_to)


def _extreme_vjp(node: Node, g: Node) -> Cotangents:
    # amax and amin spread the cotangent evenly over the elements that reach the extreme.
    x = node.operands[0]
    axes = node.attributes["axes"]
    reached = eq(x, spread(node, x.type.shape, axes))
    mask = scalar.cast(reached, dtype=x.type.dtype)
    share = div(mask, spread(sum_(mask, axes), x.type.shape, axes))
    return (mul(spread(g, x.type.shape, axes), share),)


max_ = _reduction("max", lambda x, axes: np.max(x, axis=axes), _extreme_vjp)
min_ = _reduction("min", lambda x, axes: np.min(x, axis=axes), _extreme_vjp)


def _product_vjp(node: Node, g: Node) -> Cotangents:
    """The product of all others, by prefix and suffix products, so that zeros are right and it can be differentiated again."""
    x = node.operands[0]
    axes = node.attributes["axes"]
    rest = tuple(axis for axis in range(x.type.ndim) if axis not in axes)
    order = (*rest, *axes)
    moved = permute(x, order)
    lead = moved.type.shape[: len(rest)]
    count = 1
    for axis in axes:
        count *= x.type.shape[axis]
    flat = reshape(moved, (*lead, count))
    others = mul(_exclusive_product(flat), flip(_exclusive_product(flip(flat, axes=(len(lead),))), axes=(len(lead),)))
    whole = mul(expand(reshape(g, (*lead, 1)), (*lead, count)), cj(others))
    inverse = tuple(order.index(axis) for axis in range(len(order)))
    return (permute(reshape(whole, moved.type.shape), inverse),)


def _exclusive_product(x: Node) -> Node:
    """Along the last axis: 1, x0, x0·x1, …"""
    axis = x.type.ndim - 1
    count = x.type.shape[axis]
    one = constant(value=1, shape=(*x.type.shape[:axis], 1), dtype=x.type.dtype)
    if count <= 1:
        return constant(value=1, shape=x.type.shape, dtype=x.type.dtype)
    head = view_slice(x, axis, 0, count - 1)
    return concatenate((one, cumprod(head, axis=axis)), axis)


prod = _reduction("prod", lambda x, axes: np.prod(x, axis=axes, dtype=x.dtype), _product_vjp)
any_ = _reduction("any", lambda x, axes: np.any(x, axis=axes), NONDIFFERENTIABLE, boolean=True)
all_ = _reduction("all", lambda x, axes: np.all(x, axis=axes), NONDIFFERENTIABLE, boolean=True)


def _logsumexp(x: np.ndarray, axes: Shape) -> Any:
    if 0 in [x.shape[axis] for axis in axes]:
        return np.full(_dropped(x.shape, axes), -np.inf, x.dtype)
    top = np.max(x.real, axis=axes, keepdims=True)  # of a complex number the angle is left alone
    top = np.where(np.isfinite(top), top, 0).astype(x.dtype)
    return np.log(np.sum(np.exp(x - top), axis=axes)) + top.reshape(_dropped(x.shape, axes))


def _logsumexp_vjp(node: Node, g: Node) -> Cotangents:
    x = node.operands[0]
    axes = node.attributes["axes"]
    shape = x.type.shape
    top = spread(node, shape, axes)
    # Where the whole row is -inf the weights are exp(-inf + inf): take them as 0.
    low = eq(top, number(float("-inf"), x.type.dtype))
    weight = scalar.exp(sub(x, select(low, number(0, x.type.dtype), top)))
    return (mul(spread(g, shape, axes), cj(weight)),)


def _finite_top(x: Node, axes: Shape) -> Node:
    """The largest of each row, 0 where it is infinite or NaN."""
    top = max_(x, axes=axes)
    zero = number(0, x.type.dtype)
    return select(eq(sub(top, top), zero), top, zero)


def _logsumexp_primitives(x: Node, *, axes: Shape) -> Node:
    top = _finite_top(x, axes)
    total = sum_(scalar.exp(sub(x, spread(top, x.type.shape, axes))), axes)
    return scalar.add(scalar.log(total), top)


logsumexp = _reduction("logsumexp", _logsumexp, _logsumexp_vjp, primitives=_logsumexp_primitives)

# ---- softmax: one node forward, one backward ----


def _softmax(type: Type, x: np.ndarray, *, axis: int) -> np.ndarray:
    if not x.size:
        return x
    with np.errstate(all="ignore"):
        shifted = rounding.exp(x - np.max(x, axis=axis, keepdims=True))
        shifted /= rounding.total_of_weights(shifted, axis)
    return shifted


def _log_softmax(type: Type, x: np.ndarray, *, axis: int) -> np.ndarray:
    if not x.size:
        return x
    with np.errstate(all="ignore"):
        shifted = x - np.max(x, axis=axis, keepdims=True)
        return shifted - rounding.log(rounding.total_of_weights(rounding.exp(shifted), axis))


def _softmax_vjp(node: Node, g: Node) -> Cotangents:
    axis = node.attributes["axis"]
    weighted = mul(g, node)
    return (sub(weighted, mul(node, spread(sum_(weighted, (axis,)), node.type.shape, (axis,)))),)


def _log_softmax_vjp(node: Node, g: Node) -> Cotangents:
    axis = node.attributes["axis"]
    return (sub(g, mul(scalar.exp(node), spread(sum_(g, (axis,)), node.type.shape, (axis,)))),)


def weights_of(x: Node, top: Node, axis: int) -> tuple[Node, Node]:
    """exp(x - top) and its sum along an axis."""
    weights = scalar.exp(sub(x, spread(top, x.type.shape, (axis,))))
    return weights, sum_(weights, (axis,))


def _softmax_primitives(x: Node, *, axis: int) -> Node:
    weights, total = weights_of(x, max_(x, axes=(axis,)), axis)
    return mul(weights, spread(scalar.reciprocal(total), x.type.shape, (axis,)))


def _log_softmax_primitives(x: Node, *, axis: int) -> Node:
    top = max_(x, axes=(axis,))
    _, total = weights_of(x, top, axis)
    shifted = sub(x, spread(top, x.type.shape, (axis,)))
    return sub(shifted, spread(scalar.log(total), x.type.shape, (axis,)))


softmax = Op(
    "softmax",
    infer=lambda x, *, axis: x,
    eval=_softmax,
    vjp=_softmax_vjp,
    anchor="reduce",
    primitives=_softmax_primitives,
)
log_softmax = Op(
    "log_softmax",
    infer=lambda x, *, axis: x,
    eval=_log_softmax,
    vjp=_log_softmax_vjp,
    anchor="reduce",
    primitives=_log_softmax_primitives,
)

# ---- arg-reductions ----


def _arg_infer(x: Type, *, axis: int) -> Type:
    return Type.of(_dropped(x.shape, (axis,)), int64)


argmax = Op(
    "argmax", infer=_arg_infer, eval=lambda type, x, *, axis: np.argmax(x, axis), vjp=NONDIFFERENTIABLE, anchor="reduce"
)
argmin = Op(
    "argmin", infer=_arg_infer, eval=lambda type, x, *, axis: np.argmin(x, axis), vjp=NONDIFFERENTIABLE, anchor="reduce"
)

# ---- scans ----


def _scan(name: str, function: Callable[..., Any], vjp: Callable[[Node, Node], Cotangents] | str) -> Op:
    def evaluate(type: Type, x: np.ndarray, *, axis: int) -> Any:
        with np.errstate(all="ignore"):
            return function(x, axis)

    return Op(name, infer=lambda x, *, axis: x, eval=evaluate, vjp=vjp, anchor="scan")


def _backwards(g: Node, scan: Op, axis: int) -> Node:
    return flip(scan(flip(g, axes=(axis,)), axis=axis), axes=(axis,))


cumsum = _scan(
    "cumsum",
    lambda x, axis: np.cumsum(x, axis, dtype=x.dtype),
    lambda node, g: (_backwards(g, cumsum, node.attributes["axis"]),),
)


def _cumprod_vjp(node: Node, g: Node) -> Cotangents:
    """dx_k = sum over i >= k of g_i · prod of the others up to i: a triangular sum of products, right where x has zeros."""
    x = node.operands[0]
    axis = node.attributes["axis"]
    count = x.type.shape[axis]
    order = (*[a for a in range(x.type.ndim) if a != axis], axis)
    inverse = tuple(order.index(a) for a in range(len(order)))
    flat, cotangent = permute(x, order), permute(g, order)
    lead = flat.type.shape[:-1]
    ndim = len(lead)
    parts = []
    for k in range(count):
        # prod_{j<=i, j!=k} x_j for i = k..n-1  =  (prefix before k) · (1, x_{k+1}, x_{k+1}x_{k+2}, …)
        one = constant(value=1, shape=(*lead, 1), dtype=x.type.dtype)
        before = reshape(prod(view_slice(flat, ndim, 0, k), axes=(ndim,)), (*lead, 1)) if k else one
        after = (
            concatenate((one, cumprod(view_slice(flat, ndim, k + 1, count), axis=ndim)), ndim) if k + 1 < count else one
        )
        weighted = mul(view_slice(cotangent, ndim, k, count), cj(mul(before, after)))
        parts.append(reshape(sum_(weighted, (ndim,)), (*lead, 1)))
    return (permute(concatenate(tuple(parts), ndim), inverse) if parts else g,)


cumprod = _scan("cumprod", lambda x, axis: np.cumprod(x, axis, dtype=x.dtype), _cumprod_vjp)


def _logcumsumexp_back_eval(type: Type, g: np.ndarray, y: np.ndarray, x: np.ndarray, *, axis: int) -> np.ndarray:
    """sum over i >= k of g_i·exp(x_k - y_i), in the log domain, positive and negative cotangents apart."""

    def half(part: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            logs = np.flip(np.where(part > 0, np.log(np.where(part > 0, part, 1)), -np.inf) - y, axis)
            return np.exp(np.flip(np.logaddexp.accumulate(logs, axis), axis) + x)

    return half(g) - half(-g)


def _logcumsumexp_pairs(x: Node, y: Node, axis: int) -> tuple[Node, Shape, Shape]:
    """exp(x_k - y_i) for k <= i, else 0, with k before i on two axes; and the shapes that broadcast to it along each."""
    shape = x.type.shape
    count = shape[axis]
    rows, columns = (*shape[:axis], count, 1, *shape[axis + 1 :]), (*shape[:axis], 1, count, *shape[axis + 1 :])
    weights = scalar.exp(sub(reshape(x, rows), reshape(y, columns)))
    keep = np.arange(count)[:, None] <= np.arange(count)
    mask = keep.reshape((1,) * axis + keep.shape + (1,) * (len(shape) - axis - 1))
    within = input_node(mask, Type.of(mask.shape, bool_))
    return select(within, weights, number(0, x.type.dtype)), rows, columns


def _logcumsumexp_back_vjp(node: Node, h: Node) -> Cotangents:
    g, y, x = node.operands
    axis = node.attributes["axis"]
    # d g_i = sum over k <= i of h_k·exp(x_k - y_i): all pairs, each exponent at most 0.
    weights, rows, _ = _logcumsumexp_pairs(x, y, axis)
    to_g = sum_(mul(weights, reshape(h, rows)), (axis,))
    return to_g, neg(mul(g, to_g)), mul(h, node)


logcumsumexp_back = Op(
    "logcumsumexp_back",
    infer=lambda g, y, x, *, axis: x,
    eval=_logcumsumexp_back_eval,
    vjp=_logcumsumexp_back_vjp,
    anchor="scan",
)


def _logcumsumexp_vjp(node: Node, g: Node) -> Cotangents:
    if node.type.dtype.is_complex:
        axis = node.attributes["axis"]
        weights, _, columns = _logcumsumexp_pairs(node.operands[0], node, axis)
        return (sum_(mul(cj(weights), reshape(g, columns)), (axis + 1,)),)
    return (logcumsumexp_back(g, node, node.operands[0], axis=node.attributes["axis"]),)


def _logcumsumexp(x: np.ndarray, axis: int) -> np.ndarray:
    if x.dtype.kind != "c":
        return np.logaddexp.accumulate(x, axis)
    moved = np.moveaxis(x, axis, 0)
    result = np.empty_like(moved)
    for place, row in enumerate(moved):
        if place == 0:
            result[0] = row
            continue
        last = result[place - 1]
        high = np.where(last.real < row.real, row, last)
        low = np.where(last.real < row.real, last, row)
        same = np.isinf(high.real) & (high.real == low.real)
        result[place] = np.where(same, high, high + np.log(1 + np.exp(low - high)))
    return np.moveaxis(result, 0, axis)


logcumsumexp = _scan("logcumsumexp", _logcumsumexp, _logcumsumexp_vjp)


def _running_extreme(better: Callable[..., Any]) -> Callable[..., Any]:
    """Places of the running extreme; a later equal element takes over, NaN stays, as in PyTorch."""

    def evaluate(type: Type, x: np.ndarray, *, axis: int) -> np.ndarray:
        moved = np.moveaxis(x, axis, 0)
        result = np.zeros(moved.shape, np.int64)
        if not moved.size:
            return np.moveaxis(result, 0, axis)
        best, place = moved[0].copy(), np.zeros(moved.shape[1:], np.int64)
        for i in range(1, moved.shape[0]):
            nan = np.isnan(moved[i]) if x.dtype.kind == "f" else np.zeros(best.shape, bool)
            held = np.isnan(best) if x.dtype.kind == "f" else nan
            takes = nan | (better(moved[i], best) & ~held)
            best = np.where(takes, moved[i], best)
            place = np.where(takes, i, place)
            result[i] = place
        return np.moveaxis(result, 0, axis)

    return evaluate


argcummax = Op(
    "argcummax",
    infer=lambda x, *, axis: Type.of(x.shape, int64),
    eval=_running_extreme(np.greater_equal),
    vjp=NONDIFFERENTIABLE,
    anchor="scan",
)
argcummin = Op(
    "argcummin",
    infer=lambda x, *, axis: Type.of(x.shape, int64),
    eval=_running_extreme(np.less_equal),
    vjp=NONDIFFERENTIABLE,
    anchor="scan",
)
