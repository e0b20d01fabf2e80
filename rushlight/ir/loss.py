"""Losses as single ops: what a training step ends with is one node forward and one backward.

`nll` is linear in the log-probabilities, so its gradient's derivative is `nll` again; `cross_entropy` is `nll` of
`log_softmax`, computed at once. Both take (input, target, weight if `weighted`, smoothing if `smoothed`), classes on
axis 1 (axis 0 of a vector); targets equal to `ignore` count for nothing.

Losses of pairs (squared error and its kin) are scalar ops of both operands; `average` is the mean of all elements.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from . import scalar as ops
from .activation import fixed
from .graph import Node
from .index import gather, take
from .op import Cotangents, Op
from .reduce import max_, softmax, spread, sum_, weights_of
from .scalar import add, div, mul, neg, number, scalar, select, sigmoid, square, sub
from .type import Type
from .view import expand, reshape

Array = np.ndarray

# ---- the mean ----


def _average_vjp(node: Node, g: Node) -> Cotangents:
    x = node.operands[0].type
    return (expand(div(g, fixed(x.size, g.type.dtype)), x.shape),)


def _average_eval(type: Type, x: Array) -> Any:
    with np.errstate(all="ignore"):
        return np.divide(np.sum(x, dtype=x.dtype), x.size)


def _average_primitives(x: Node) -> Node:
    return div(sum_(x, tuple(range(x.type.ndim))), number(float(x.type.size), x.type.dtype))


average = Op(
    "average",
    infer=lambda x: Type.of((), x.dtype),
    eval=_average_eval,
    vjp=_average_vjp,
    anchor="reduce",
    primitives=_average_primitives,
)


def reduced(node: Node, reduction: str) -> Node:
    """The mean, the sum, or all of the elements."""
    if reduction == "mean":
        return average(node)
    return sum_(node, tuple(range(node.type.ndim))) if reduction == "sum" else node


# ---- class indices ----


class _Classes(NamedTuple):
    """The operands of `nll` as (batch, class, place) arrays."""

    shape: tuple[int, int, int]
    target: Array  # (batch, 1, place), 0 where ignored
    share: Array  # (batch, 1, place): the target's weight, 0 where ignored
    valid: Array | None  # (batch, 1, place), None where nothing is ignored
    weight: Array | None  # (1, class, 1)
    smoothing: Any  # a number, or None
    count: Any  # what the mean divides by


def _classes(
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    target: Array,
    rest: Sequence[Array],
    weighted: bool,
    smoothed: bool,
    ignore: int,
) -> _Classes:
    split = shape if len(shape) > 1 else (1, *shape)
    batch, count, places = split[0], split[1], prod(split[2:])
    index = target.reshape(batch, 1, places)
    rest = list(rest)
    weight = rest.pop(0).reshape(1, count, 1) if weighted else None
    smoothing = rest.pop(0) if smoothed else None
    valid = index != ignore
    ignored = not valid.all()
    if ignored:
        index = np.where(valid, index, 0)
    check_classes(index, count)
    share = np.ones(index.shape, dtype) if weight is None else weight.reshape(-1)[index]
    if ignored:
        share = share * valid
    whole = share.sum(dtype=dtype)
    return _Classes((batch, count, places), index, share, valid if ignored else None, weight, smoothing, whole)


def check_classes(target: Array, count: int) -> None:
    """IndexError where a class is not in [0, count)."""
    if target.size and (int(target.min()) < 0 or int(target.max()) >= count):
        first = int(target[(target < 0) | (target >= count)][0])
        raise IndexError(f"Target {first} is out of bounds. — nll_loss: there are {count} classes, 0 to {count - 1}")


def _losses(type: Type, parts: _Classes, picked: Array, log_probabilities: Callable[[], Array], reduction: str) -> Any:
    """From each target's log-probability to the loss; all log-probabilities are asked for only by smoothing."""
    loss = np.negative(picked)
    loss *= parts.share
    if parts.smoothing is not None:
        everything = log_probabilities()
        if parts.weight is not None:
            everything = everything * parts.weight
        smooth = np.negative(everything.sum(1, keepdims=True))
        if parts.valid is not None:
            smooth = np.where(parts.valid, smooth, smooth.dtype.type(0))
        loss *= 1 - parts.smoothing
        loss += smooth * (parts.smoothing / parts.shape[1])
    if reduction == "none":
        return loss.reshape(type.shape)
    total = loss.sum(dtype=loss.dtype)
    with np.errstate(all="ignore"):
        return total / parts.count if reduction == "mean" else total


def _nll_eval(
    type: Type, x: Array, target: Array, *rest: Array, reduction: str, ignore: int, weighted: bool, smoothed: bool
) -> Any:
    parts = _classes(x.shape, x.dtype, target, rest, weighted, smoothed, ignore)
    x = x.reshape(parts.shape)
    return _losses(type, parts, np.take_along_axis(x, parts.target, 1), lambda: x, reduction)


def _cross_entropy_eval(
    type: Type, x: Array, target: Array, *rest: Array, reduction: str, ignore: int, weighted: bool, smoothed: bool
) -> Any:
    parts = _classes(x.shape, x.dtype, target, rest, weighted, smoothed, ignore)
    if not x.size:
        return _losses(type, parts, np.zeros(parts.target.shape, x.dtype), lambda: x.reshape(parts.shape), reduction)
    with np.errstate(all="ignore"):
        shifted, total = _shifted(x.reshape(parts.shape))
        total = np.log(total)
        picked = np.take_along_axis(shifted, parts.target, 1) - total
        return _losses(type, parts, picked, lambda: shifted - total, reduction)


def _shifted(x: Array) -> tuple[Array, Array]:
    """x less its maximum over classes, and the sum of its exponentials."""
    shifted = x - np.max(x, axis=1, keepdims=True)
    return shifted, np.exp(shifted).sum(1, keepdims=True)


def _coefficients(parts: _Classes, g: Array, reduction: str) -> tuple[Array, Array | None]:
    """The negative cotangents of the target's log-probability (batch, 1, place), and of all of them by smoothing."""
    g = g.reshape(parts.share.shape) if reduction == "none" else g
    if reduction == "mean":
        with np.errstate(all="ignore"):
            g = g / parts.count
    own = parts.share * g
    if parts.valid is not None and reduction == "mean":
        own = np.where(parts.valid, own, own.dtype.type(0))  # the count is 0 where all are ignored
    if parts.smoothing is None:
        return own, None
    everywhere = np.broadcast_to(g * (parts.smoothing / parts.shape[1]), parts.share.shape)
    if parts.valid is not None:
        everywhere = np.where(parts.valid, everywhere, everywhere.dtype.type(0))
    return own * (1 - parts.smoothing), everywhere


def _subtract_at_targets(result: Array, parts: _Classes, own: Array) -> None:
    batch, _, places = parts.shape
    rows = np.arange(batch)[:, None]
    columns = np.arange(places)[None]
    result[rows, parts.target[:, 0], columns] -= own[:, 0]


def _nll_gradient_eval(
    type: Type,
    g: Array,
    target: Array,
    *rest: Array,
    shape: tuple[int, ...],
    reduction: str,
    ignore: int,
    weighted: bool,
    smoothed: bool,
) -> Array:
    parts = _classes(type.shape, g.dtype, target, rest, weighted, smoothed, ignore)
    own, everywhere = _coefficients(parts, g, reduction)
    result = np.zeros(parts.shape, g.dtype)
    if everywhere is not None:
        result -= everywhere if parts.weight is None else everywhere * parts.weight
    _subtract_at_targets(result, parts, own)
    return result.reshape(type.shape)


def _cross_entropy_gradient_eval(
    type: Type,
    g: Array,
    x: Array,
    target: Array,
    *rest: Array,
    reduction: str,
    ignore: int,
    weighted: bool,
    smoothed: bool,
) -> Array:
    parts = _classes(x.shape, x.dtype, target, rest, weighted, smoothed, ignore)
    if not x.size:
        return np.zeros(x.shape, x.dtype)
    own, everywhere = _coefficients(parts, g, reduction)
    with np.errstate(all="ignore"):
        result = x.reshape(parts.shape)
        result = result - np.max(result, axis=1, keepdims=True)
        np.exp(result, out=result)
        whole = own
        spreading = None
        if everywhere is not None:
            spreading = np.broadcast_to(everywhere if parts.weight is None else everywhere * parts.weight, parts.shape)
            whole = own + spreading.sum(1, keepdims=True)
        result *= whole / result.sum(1, keepdims=True)
    if spreading is not None:
        result -= spreading
    _subtract_at_targets(result, parts, own)
    return result.reshape(type.shape)


def _loss_type(x: Type, target: Type, *rest: Type, reduction: str, **settings: Any) -> Type:
    return Type.of(target.shape if reduction == "none" else (), x.dtype)


def _nll_vjp(node: Node, g: Node) -> Cotangents:
    x, *rest = node.operands
    return (nll_gradient(g, *rest, shape=x.type.shape, **node.attributes), *[None] * len(rest))


def _nll_gradient_vjp(node: Node, h: Node) -> Cotangents:
    _, *rest = node.operands
    settings = {name: value for name, value in node.attributes.items() if name != "shape"}
    return (nll(h, *rest, **settings), *[None] * len(rest))


class _Targets(NamedTuple):
    """What both losses' primitives begin with; per target unless said otherwise."""

    axis: int  # of the classes
    shape: tuple[int, ...]  # of x
    place: Node  # 0 where ignored
    valid: Node
    share: Node
    weight: Node | None  # broadcast to x
    smoothing: Node | None


def _targets(x: Type, target: Node, rest: tuple[Node, ...], ignore: int, weighted: bool, smoothed: bool) -> _Targets:
    axis = 1 if x.ndim > 1 else 0
    parts = list(rest)
    weight = parts.pop(0) if weighted else None
    valid = ops.ne(target, number(ignore, target.type.dtype))
    index = select(valid, target, number(0, target.type.dtype))
    one = number(1, x.dtype) if weight is None else take(weight, index)
    wide = None
    if weight is not None:
        place = [1] * x.ndim
        place[axis] = x.shape[axis]
        wide = expand(reshape(weight, tuple(place)), x.shape)
    share = select(valid, one, number(0, x.dtype))
    return _Targets(axis, x.shape, index, valid, share, wide, parts[0] if smoothed else None)


def _picked(x: Node, parts: _Targets) -> Node:
    """The element of each target's class."""
    place = list(x.type.shape)
    place[parts.axis] = 1
    return reshape(gather(x, reshape(parts.place, tuple(place)), axis=parts.axis), parts.place.type.shape)


def _loss_of(picked: Node, everywhere: Node, parts: _Targets, reduction: str) -> Node:
    """`everywhere` is minus the (weighted) sum of all log-probabilities, which smoothing asks for."""
    loss = mul(neg(picked), parts.share)
    kind = loss.type.dtype
    if parts.smoothing is not None:
        smooth = select(parts.valid, everywhere, number(0, kind))
        loss = mul(loss, sub(number(1, kind), parts.smoothing))
        loss = add(loss, mul(smooth, div(parts.smoothing, number(float(parts.shape[parts.axis]), kind))))
    if reduction == "none":
        return loss
    axes = tuple(range(loss.type.ndim))
    total = sum_(loss, axes)
    return div(total, sum_(parts.share, axes)) if reduction == "mean" else total


def _everywhere(x: Node, parts: _Targets) -> Node:
    return neg(sum_(x if parts.weight is None else mul(x, parts.weight), (parts.axis,)))


def _nll_primitives(
    x: Node, target: Node, *rest: Node, reduction: str, ignore: int, weighted: bool, smoothed: bool
) -> Node:
    parts = _targets(x.type, target, rest, ignore, weighted, smoothed)
    return _loss_of(_picked(x, parts), _everywhere(x, parts), parts, reduction)


def _cross_entropy_primitives(
    x: Node, target: Node, *rest: Node, reduction: str, ignore: int, weighted: bool, smoothed: bool
) -> Node:
    parts = _targets(x.type, target, rest, ignore, weighted, smoothed)
    axes, shape = (parts.axis,), x.type.shape
    top = max_(x, axes=axes)
    total = ops.log(sum_(ops.exp(sub(x, spread(top, shape, axes))), axes))
    shifted = sub(x, spread(top, shape, axes))
    picked = sub(sub(_picked(x, parts), top), total)
    return _loss_of(picked, _everywhere(sub(shifted, spread(total, shape, axes)), parts), parts, reduction)


def _to_targets(g: Node, parts: _Targets, reduction: str) -> tuple[Node, Node | None]:
    """The negative cotangents of each target's log-probability, and of all of them by smoothing."""
    kind = g.type.dtype
    zero = number(0, kind)
    if reduction == "mean":
        g = div(g, sum_(parts.share, tuple(range(parts.share.type.ndim))))
    own = mul(parts.share, g)
    if reduction == "mean":
        own = select(parts.valid, own, zero)
    if parts.smoothing is None:
        return own, None
    each = mul(g, div(parts.smoothing, number(float(parts.shape[parts.axis]), kind)))
    return mul(own, sub(number(1, kind), parts.smoothing)), select(parts.valid, each, zero)


def _at_targets(own: Node, parts: _Targets) -> Node:
    """`own` at each target's class, 0 elsewhere; the classes must be in range."""
    axes, shape = (parts.axis,), parts.shape
    number_of = ops.iota(shape=shape, axis=parts.axis)
    count = number(shape[parts.axis], parts.place.type.dtype)
    within = ops.logical_and(ops.ge(parts.place, number(0, parts.place.type.dtype)), ops.lt(parts.place, count))
    index = spread(ops.cast(ops.require(within, parts.place), dtype=number_of.type.dtype), shape, axes)
    return select(ops.eq(number_of, index), spread(own, shape, axes), number(0, own.type.dtype))


def _nll_gradient_primitives(
    g: Node,
    target: Node,
    *rest: Node,
    shape: tuple[int, ...],
    reduction: str,
    ignore: int,
    weighted: bool,
    smoothed: bool,
) -> Node:
    parts = _targets(Type.of(shape, g.type.dtype), target, rest, ignore, weighted, smoothed)
    own, each = _to_targets(g, parts, reduction)
    result = neg(_at_targets(own, parts))
    if each is None:
        return result
    everywhere = spread(each, shape, (parts.axis,))
    return sub(result, everywhere if parts.weight is None else mul(everywhere, parts.weight))


def _cross_entropy_gradient_primitives(
    g: Node, x: Node, target: Node, *rest: Node, reduction: str, ignore: int, weighted: bool, smoothed: bool
) -> Node:
    parts = _targets(x.type, target, rest, ignore, weighted, smoothed)
    axes, shape = (parts.axis,), x.type.shape
    own, each = _to_targets(g, parts, reduction)
    weights, total = weights_of(x, max_(x, axes=axes), parts.axis)
    whole, spreading = own, None
    if each is not None:
        spreading = spread(each, shape, axes)
        spreading = spreading if parts.weight is None else mul(spreading, parts.weight)
        whole = add(own, sum_(spreading, axes))
    result = mul(weights, spread(div(whole, total), shape, axes))
    result = result if spreading is None else sub(result, spreading)
    return sub(result, _at_targets(own, parts))


nll = Op("nll", infer=_loss_type, eval=_nll_eval, vjp=_nll_vjp, anchor="loss", primitives=_nll_primitives)
nll_gradient = Op(
    "nll_gradient",
    infer=lambda g, target, *rest, shape, **settings: Type.of(shape, g.dtype),
    eval=_nll_gradient_eval,
    vjp=_nll_gradient_vjp,
    anchor="loss",
    primitives=_nll_gradient_primitives,
)


def _cross_entropy_vjp(node: Node, g: Node) -> Cotangents:
    _, *rest = node.operands
    return (cross_entropy_gradient(g, *node.operands, **node.attributes), *[None] * len(rest))


def _cross_entropy_gradient_vjp(node: Node, h: Node) -> Cotangents:
    # The gradient is D - p·S, where D is nll's, p the softmax and S the sum of D over classes.
    g, x, *rest = node.operands
    shape = x.type.shape
    axes = (1,) if len(shape) > 1 else (0,)
    p = softmax(x, axis=axes[0])
    inner = sub(h, spread(sum_(mul(h, p), axes), shape, axes))
    to_g = nll(inner, *rest, **node.attributes) if g.tracked else None
    to_x = None
    if x.tracked:
        total = sum_(nll_gradient(g, *rest, shape=shape, **node.attributes), axes)
        to_x = neg(mul(mul(p, inner), spread(total, shape, axes)))
    return (to_g, to_x, *[None] * len(rest))


cross_entropy = Op(
    "cross_entropy",
    infer=_loss_type,
    eval=_cross_entropy_eval,
    vjp=_cross_entropy_vjp,
    anchor="loss",
    primitives=_cross_entropy_primitives,
)
cross_entropy_gradient = Op(
    "cross_entropy_gradient",
    infer=lambda g, x, *rest, **settings: x,
    eval=_cross_entropy_gradient_eval,
    vjp=_cross_entropy_gradient_vjp,
    anchor="loss",
    primitives=_cross_entropy_gradient_primitives,
)

# ---- losses of pairs: functions of the difference ----


def _difference_loss(
    name: str, value: Callable[..., Any], gradient: Callable[..., Any], second: Callable[..., Node]
) -> Op:
    """The record of `value(a - b, *settings)`.

    `gradient(g, d, *settings)` is g times its derivative; `second(d, *settings)` the second derivative in primitives.
    """

    def gradient_rule(h: Node, y: Node, g: Node, a: Node, b: Node, *settings: Node) -> Sequence[Node | None]:
        bent = mul(mul(h, g), second(sub(a, b), *settings)) if a.tracked or b.tracked else None
        to_b = neg(bent) if bent is not None and b.tracked else None
        return slope(h, a, b, *settings), bent, to_b, *[None] * len(settings)

    def rule(g: Node, y: Node, a: Node, b: Node, *settings: Node) -> Sequence[Node | None]:
        part = slope(g, a, b, *settings)
        return part if a.tracked else None, neg(part) if b.tracked else None, *[None] * len(settings)

    slope = scalar(f"{name}_gradient", lambda g, a, b, *settings: gradient(g, a - b, *settings), gradient_rule)
    return scalar(name, lambda a, b, *settings: value(a - b, *settings), rule)


squared_error = _difference_loss(
    "squared_error",
    np.square,
    lambda g, d: g * (d + d),
    lambda d: number(2, d.type.dtype),
)


def _within(d: Node, bound: Node, value: Node) -> Node:
    return select(ops.lt(ops.abs_(d), bound), value, number(0, d.type.dtype))


def _smooth_l1(d: Array, beta: Array) -> Any:
    size, half = np.abs(d), d.dtype.type(0.5)
    return np.where(size < beta, half * size * size / beta, size - half * beta)


smooth_l1 = _difference_loss(
    "smooth_l1",
    _smooth_l1,
    lambda g, d, beta: g * np.minimum(np.maximum(d / beta, d.dtype.type(-1)), d.dtype.type(1)),
    lambda d, beta: _within(d, beta, div(number(1, d.type.dtype), beta)),
)


def _huber(d: Array, delta: Array) -> Any:
    size, half = np.abs(d), d.dtype.type(0.5)
    return np.where(size <= delta, half * size * size, delta * (size - half * delta))


huber = _difference_loss(
    "huber",
    _huber,
    lambda g, d, delta: g * np.minimum(np.maximum(d, -delta), delta),
    lambda d, delta: _within(d, delta, number(1, d.type.dtype)),
)

# ---- probabilities and logits of two classes ----


def _check_probabilities(x: Array, target: Array) -> None:
    for name, values in (("input", x), ("target", target)):
        if values.size and not (values.min() >= 0 and values.max() <= 1):
            raise RuntimeError(
                f"all elements of {name} should be between 0 and 1 — binary_cross_entropy: apply sigmoid first, or use "
                "binary_cross_entropy_with_logits"
            )


def _binary_cross_entropy(x: Array, target: Array) -> Any:
    _check_probabilities(x, target)
    least, one = x.dtype.type(-100), x.dtype.type(1)
    return (target - one) * np.maximum(np.log1p(-x), least) - target * np.maximum(np.log(x), least)


def _floored_log(x: Node) -> Node:
    return ops.maximum(ops.log(x), fixed(-100, x.type.dtype))


def _binary_cross_entropy_rule(g: Node, y: Node, x: Node, target: Node) -> Sequence[Node | None]:
    to_target = None
    if target.tracked:
        to_target = mul(g, sub(_floored_log(sub(number(1, x.type.dtype), x)), _floored_log(x)))
    return binary_cross_entropy_gradient(g, x, target) if x.tracked else None, to_target


def _variance(x: Node) -> Node:
    return ops.maximum(mul(sub(number(1, x.type.dtype), x), x), fixed(1e-12, x.type.dtype))


def _binary_cross_entropy_gradient_rule(h: Node, r: Node, g: Node, x: Node, target: Node) -> Sequence[Node | None]:
    variance = _variance(x)
    hg = mul(h, g)
    # d/dx of (x - t) / v is 1/v - (x - t)(1 - 2x)/v²
    tilt = div(mul(sub(x, target), sub(number(1, x.type.dtype), add(x, x))), square(variance))
    to_x = mul(hg, sub(ops.reciprocal(variance), tilt)) if x.tracked else None
    return binary_cross_entropy_gradient(h, x, target), to_x, neg(div(hg, variance)) if target.tracked else None


def _binary_cross_entropy_gradient(g: Array, x: Array, target: Array) -> Any:
    kind = x.dtype.type
    return g * (x - target) / np.maximum((kind(1) - x) * x, kind(1e-12))


binary_cross_entropy = scalar("binary_cross_entropy", _binary_cross_entropy, _binary_cross_entropy_rule)
binary_cross_entropy_gradient = scalar(
    "binary_cross_entropy_gradient", _binary_cross_entropy_gradient, _binary_cross_entropy_gradient_rule
)


def _logits_loss(x: Array, target: Array) -> Any:
    """-(t·log σ(x) + (1 - t)·log(1 - σ(x))) = max(x, 0) - x·t + log(1 + e^-|x|)."""
    result = np.log1p(np.exp(-np.abs(x)))
    result = result + np.maximum(x, x.dtype.type(0))
    return result - x * target


def _logits_gradient(g: Array, x: Array, target: Array) -> Any:
    result = np.exp(-x)
    result = np.reciprocal(result + x.dtype.type(1))
    return g * (result - target)


def _logits_gradient_rule(h: Node, r: Node, g: Node, x: Node, target: Node) -> Sequence[Node | None]:
    hg = mul(h, g)
    s = sigmoid(x)
    to_x = mul(hg, mul(s, sub(number(1, x.type.dtype), s))) if x.tracked else None
    return logits_gradient(h, x, target), to_x, neg(hg) if target.tracked else None


logits_gradient = scalar("logits_gradient", _logits_gradient, _logits_gradient_rule)
logits_loss = scalar(
    "logits_loss",
    _logits_loss,
    lambda g, y, x, target: (
        logits_gradient(g, x, target) if x.tracked else None,
        neg(mul(g, x)) if target.tracked else None,
    ),
)


def _divergence(x: Array, target: Array) -> Any:
    """t·(log t - x), 0 where t is 0."""
    logs = np.log(np.where(target == 0, target.dtype.type(1), target))
    return target * logs - target * x


def _divergence_rule(g: Node, y: Node, x: Node, target: Node) -> Sequence[Node | None]:
    to_target = None
    if target.tracked:
        slope = sub(add(ops.log(target), number(1, x.type.dtype)), x)
        to_target = mul(g, slope)
    return neg(mul(g, target)) if x.tracked else None, to_target


divergence = scalar("divergence", _divergence, _divergence_rule)
