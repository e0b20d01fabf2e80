"""Proposals: reductions, scans, order, normalization, softmax by hand and as records."""

from __future__ import annotations

from math import prod

from rushlight.dtype import BOOL, COMPLEX, FLOATING
from rushlight.ir import op, reduce, scalar
from rushlight.ir.graph import Node
from rushlight.ir.type import Shape, Type

from .builder import Builder, proposal


def _axes(b: Builder, node: Node) -> Shape:
    rank = node.type.ndim
    count = b.integer(0 if rank == 0 else 1, rank)
    return tuple(sorted(int(a) for a in b.draw.choice(rank, count, replace=False))) if rank else ()


def _filled(b: Builder, node: Node, axes: Shape) -> bool:
    return 0 not in [node.type.shape[axis] for axis in axes]


@proposal(9)
def sums(b: Builder) -> Node | None:
    x = b.floating() if b.chance(0.75) else b.pick(lambda n: n.type.dtype.category != BOOL)
    if x is None or x.type.dtype.category == BOOL:
        return None
    axes = _axes(b, x)
    if b.chance(0.15) and x.type.dtype.category == FLOATING:
        return op.registry["average"](x)
    made = reduce.sum_(x, axes)
    return reduce.spread(made, x.type.shape, axes) if b.chance(0.25) and b.add(made) else made


@proposal(3)
def extremes(b: Builder) -> Node | None:
    x = b.pick(lambda n: n.type.dtype.category != COMPLEX)
    if x is None:
        return None
    axes = _axes(b, x)
    return op.registry[b.one(("max", "min"))](x, axes=axes) if _filled(b, x, axes) else None


@proposal(2)
def tests(b: Builder) -> Node | None:
    x = b.pick(lambda n: n.type.dtype.category != COMPLEX and b.facts[n.slot].certain if n.slot >= 0 else True)
    return x and op.registry[b.one(("any", "all"))](x, axes=_axes(b, x))


@proposal(2)
def products(b: Builder) -> Node | None:
    x = b.pick(lambda n: n.type.dtype.category not in (COMPLEX, BOOL))
    return x and op.registry["prod"](x, axes=_axes(b, x))


@proposal(4)
def places(b: Builder) -> Node | None:
    x = (
        b.floating(certain=True, minimum_rank=1)
        if b.chance(0.7)
        else b.pick(lambda n: n.type.dtype.category < FLOATING)
    )
    if x is None or not x.type.ndim or x.type.dtype.category == COMPLEX:
        return None
    axis = b.integer(0, x.type.ndim - 1)
    if not x.type.shape[axis]:
        return None
    name = b.one("argmax argmin argmax argsort argsort top argcummax argcummin".split())
    if name == "argsort":
        return op.registry[name](x, axis=axis, descending=b.chance(0.5))
    if name == "top":
        return op.registry[name](x, axis=axis, count=b.integer(0, x.type.shape[axis]), largest=b.chance(0.5))
    return op.registry[name](x, axis=axis)


@proposal(3)
def sorting(b: Builder) -> Node | None:
    """Sorted values: a gather at the places of an argsort, or the running extreme."""
    x = b.floating(certain=True, minimum_rank=1, filled=True)
    if x is None or not x.type.ndim:
        return None
    axis = b.integer(0, x.type.ndim - 1)
    name = b.one(("argsort", "argcummax", "top"))
    extra = {"argsort": dict(descending=b.chance(0.5)), "top": dict(count=min(3, x.type.shape[axis]), largest=True)}
    order = op.registry[name](x, axis=axis, **extra.get(name, {}))
    return op.registry["gather"](x, order, axis=axis) if b.add(order) else None


@proposal(3)
def scans(b: Builder) -> Node | None:
    x = b.floating(minimum_rank=1) if b.chance(0.8) else b.pick(lambda n: n.type.dtype.category not in (BOOL, COMPLEX))
    if x is None or not x.type.ndim or x.type.dtype.category in (BOOL, COMPLEX):
        return None
    axis = b.integer(0, x.type.ndim - 1)
    names = ["cumsum", "cumsum"]
    if x.type.shape[axis] <= 8:
        names.append("cumprod")
    if x.type.dtype.category == FLOATING and x.type.size:
        names.append("logcumsumexp")
    return op.registry[b.one(names)](x, axis=axis)


@proposal(6)
def exponentials(b: Builder) -> Node | None:
    x = b.floating(minimum_rank=1)
    if x is None or not x.type.ndim:
        return None
    axis = b.integer(0, x.type.ndim - 1) if b.chance(0.5) else x.type.ndim - 1
    name = b.one("softmax softmax log_softmax safe_softmax logsumexp".split())
    if name == "logsumexp":
        return op.registry[name](x, axes=_axes(b, x))
    return op.registry[name](x, axis=axis)


@proposal(5)
def softmax_by_hand(b: Builder) -> Node | None:
    """exp(x - max) / sum, each of its steps a node; or the logarithm of the sum."""
    x = b.floating(minimum_rank=1, filled=True)
    if x is None or not x.type.size:
        return None
    axes = (b.integer(0, x.type.ndim - 1),) if b.chance(0.8) else _axes(b, x)
    top = reduce.max_(x, axes=axes)
    shifted = scalar.sub(x, reduce.spread(top, x.type.shape, axes))
    weights = scalar.exp(shifted)
    total = reduce.sum_(weights, axes)
    for node in (top, shifted, weights, total):
        if not b.add(node):
            return None
    if b.chance(0.3):
        return scalar.add(scalar.log(total), top)
    return scalar.div(weights, reduce.spread(total, x.type.shape, axes))


@proposal(5)
def moments_by_hand(b: Builder) -> Node | None:
    """The mean, the variance about it, and what is normalized with them."""
    x = b.floating(minimum_rank=1, filled=True)
    if x is None or not x.type.size:
        return None
    axes = _axes(b, x)
    count = scalar.number(float(prod(x.type.shape[axis] for axis in axes)), x.type.dtype)
    mean = scalar.div(reduce.sum_(x, axes), count)
    away = scalar.sub(x, reduce.spread(mean, x.type.shape, axes))
    variance = scalar.div(reduce.sum_(scalar.square(away), axes), count)
    for node in (mean, away, variance):
        if not b.add(node):
            return None
    root = scalar.rsqrt(scalar.add(variance, scalar.number(1, x.type.dtype)))
    return scalar.mul(away, reduce.spread(root, x.type.shape, axes))


@proposal(6)
def normalization(b: Builder) -> Node | None:
    """moments and normalize, as layer, batch, group or RMS norm has them."""
    x = b.floating(minimum_rank=2, filled=True)
    if x is None or x.type.ndim < 2 or not x.type.size:
        return None
    rank, dtype = x.type.ndim, x.type.dtype
    centred = b.chance(0.75)
    if b.chance(0.5):
        axes: Shape = tuple(range(rank - b.integer(1, rank - 1), rank))
        scale_axes = axes
    else:
        axes = (0, *range(2, rank))
        scale_axes = (1,)
    moments = op.registry["moments"](x, axes=axes, centred=centred)
    if not b.add(moments):
        return None
    eps = scalar.number(1e-5 if b.chance(0.8) else 1, moments.type.dtype)
    weighted, biased = b.chance(0.6), b.chance(0.6)
    own = Type.of(tuple(x.type.shape[axis] for axis in scale_axes), dtype)
    rest = [b.input(own, "dyadic") for wanted in (weighted, biased) if wanted]
    layout = dict(axes=axes, scale_axes=scale_axes, weighted=weighted, biased=biased, centred=centred)
    if b.chance(0.2) and scale_axes == (1,):
        mean, variance = (b.input(own.with_dtype(moments.type.dtype), kind) for kind in ("dyadic", "positive"))
        return op.registry["standardize"](x, mean, variance, eps, *rest, **(layout | dict(centred=True)))
    return op.registry["normalize"](x, moments, eps, *rest, **layout)
