"""Normalization: batch, layer, group, instance and RMS norm are one record over different axes.

`moments` takes mean and variance over axes; `normalize(x, moments, eps, weight, bias)` is (x - mean) / sqrt(variance + eps)
· weight + bias, and its derivative knows that the moments are x's own. `standardize(x, mean, variance, eps, …)` is the same
with moments from elsewhere (running statistics), through which no gradient flows.

Going back is one fused node. Where gradients are to be differentiated again it is written in primitives instead.
"""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import numpy as np

from ..dtype import bfloat16, float16, float32
from .component import component
from .graph import Node, mode
from .op import NONDIFFERENTIABLE, Cotangents, Op
from .reduce import kept, spread, sum_
from .scalar import add, cast, div, mul, number, rsqrt, square, sub, zeros_like
from .type import Shape, TupleType, Type
from .view import concatenate, expand, reshape, slice_

Array = np.ndarray


def statistics_dtype(x: Type) -> Any:
    """Moments of half precision are float32."""
    return float32 if x.dtype in (float16, bfloat16) else x.dtype


def _total(x: Array, axes: Shape) -> Array:
    """The sum over axes, the trailing ones first: these lie one after another in memory."""
    last = x.ndim
    while last - 1 in axes:
        last -= 1
    inner = tuple(range(last, x.ndim))
    outer = tuple(axis for axis in axes if axis < last)
    if inner:
        x = np.add.reduce(x, axis=inner)
    return np.add.reduce(x, axis=outer) if outer else x


def _moments_infer(x: Type, *, axes: Shape, centred: bool) -> Type:
    rest = tuple([extent for axis, extent in enumerate(x.shape) if axis not in axes])
    return Type.of((2, *rest), statistics_dtype(x))


def _moments_eval(type: Type, x: Array, *, axes: Shape, centred: bool) -> Array:
    count = x.dtype.type(prod(x.shape[axis] for axis in axes))
    result = np.zeros(type.shape, x.dtype)
    with np.errstate(all="ignore"):
        if centred:
            result[0] = _total(x, axes) / count
            away = x - result[0].reshape(kept(x.shape, axes))
        else:
            away = x
        result[1] = _total(np.square(away), axes) / count
    return result


# (2, *rest): the mean and the variance about it; not `centred`, 0 and the mean square.
def _moments_primitives(x: Node, *, axes: Shape, centred: bool) -> Node:
    count = number(float(prod(x.type.shape[axis] for axis in axes)), x.type.dtype)
    mean = div(sum_(x, axes), count) if centred else None
    away = x if mean is None else sub(x, spread(mean, x.type.shape, axes))
    square_mean = div(sum_(square(away), axes), count)
    first = zeros_like(square_mean) if mean is None else mean
    wide = (1, *square_mean.type.shape)
    return concatenate((reshape(first, wide), reshape(square_mean, wide)), 0)


moments = Op(
    "moments",
    infer=_moments_infer,
    eval=_moments_eval,
    vjp=NONDIFFERENTIABLE,
    anchor="reduce",
    primitives=_moments_primitives,
)


class _Layout(NamedTuple):
    """What the attributes of both records say: normalized axes, the axes that weight and bias have, which of them there are."""

    axes: Shape
    scale_axes: Shape
    weighted: bool
    biased: bool
    centred: bool = True

    def wide(self, vector: Array, ndim: int) -> Array:
        """A weight or bias with axes of extent 1 where x has others."""
        shape = [1] * ndim
        for axis, extent in zip(self.scale_axes, vector.shape, strict=True):
            shape[axis] = extent
        return vector.reshape(shape)

    def others(self, ndim: int) -> Shape:
        return tuple(axis for axis in range(ndim) if axis not in self.scale_axes)


def _split(rest: tuple[Any, ...], layout: _Layout) -> tuple[Any, Any]:
    found = list(rest)
    weight = found.pop(0) if layout.weighted else None
    return weight, found.pop(0) if layout.biased else None


def _apply(x: Array, mean: Array | None, root: Array, rest: tuple[Array, ...], layout: _Layout) -> Array:
    """(x - mean)·root·weight + bias; `mean` and `root` broadcast to x."""
    weight, bias = _split(rest, layout)
    wide_weight = None if weight is None else layout.wide(weight, x.ndim)
    wide_bias = None if bias is None else layout.wide(bias, x.ndim)
    scale = root if wide_weight is None else root * wide_weight
    if scale.size * 4 <= x.size:  # one factor and one addend for whole stretches of x
        shift = None if mean is None else -mean * scale
        if wide_bias is not None:
            shift = wide_bias if shift is None else shift + wide_bias
        result = x * scale
        if shift is not None:
            result += shift
        return result
    result = x * root if mean is None else (x - mean) * root
    if wide_weight is not None:
        result *= wide_weight
    if wide_bias is not None:
        result += wide_bias
    return result


def _normalize_infer(x: Type, statistics: Type, eps: Type, *rest: Type, **layout: Any) -> Type:
    return x


def _roots(x: Array, statistics: Array, eps: Array, layout: _Layout) -> tuple[Array | None, Array]:
    shape = kept(x.shape, layout.axes)
    with np.errstate(all="ignore"):
        root = np.reciprocal(np.sqrt(statistics[1] + eps)).astype(x.dtype, copy=False).reshape(shape)
    mean = statistics[0].astype(x.dtype, copy=False).reshape(shape) if layout.centred else None
    return mean, root


def _normalize_eval(type: Type, x: Array, statistics: Array, eps: Array, *rest: Array, **attributes: Any) -> Array:
    layout = _Layout(**attributes)
    mean, root = _roots(x, statistics, eps, layout)
    with np.errstate(all="ignore"):
        return _apply(x, mean, root, rest, layout)


def _normalize_vjp(node: Node, g: Node) -> Cotangents:
    x, statistics, eps, *rest = node.operands
    layout = _Layout(**node.attributes)
    if mode.tracking:
        return _in_primitives(node, g, x, eps, rest, layout)
    weight, bias = _split(tuple(rest), layout)
    wanted = (x.tracked, weight is not None and weight.tracked, bias is not None and bias.tracked)
    if not any(wanted):  # eps alone is tracked, or the statistics, through which no gradient flows but that of x
        return (None,) * len(node.operands)
    operands = (g, x, statistics, eps) if weight is None else (g, x, statistics, eps, weight)
    types = (x.type, weight and weight.type, bias and bias.type)
    parts = normalize_gradient(
        *operands, wanted=wanted, bias=bias.type.dtype if bias is not None else None, **node.attributes
    )
    return _in_order(parts, wanted, types, 3)


def _in_order(parts: Node, wanted: tuple[bool, ...], types: tuple[Any, ...], lead: int) -> Cotangents:
    """The components of a gradient node at their operands' places: x first, then the weight and the bias there are."""
    places = iter(range(sum(wanted)))
    found = [component(parts, index=next(places)) if want else None for want in wanted]
    rest = [part for part, type in zip(found[1:], types[1:], strict=True) if type is not None]
    return (found[0], *[None] * (lead - 1), *rest)


def _gradient_infer(
    g: Type, x: Type, statistics: Type, eps: Type, *weight: Type, wanted: tuple[bool, ...], bias: Any, **attributes: Any
) -> TupleType:
    layout = _Layout(**attributes)
    shape = tuple([x.shape[axis] for axis in layout.scale_axes])
    types = [x] if wanted[0] else []
    if wanted[1]:
        types.append(weight[0])
    if wanted[2]:
        types.append(Type.of(shape, bias))
    return TupleType.of(*types)


def _gradient_eval(
    type: TupleType,
    g: Array,
    x: Array,
    statistics: Array,
    eps: Array,
    *rest: Array,
    wanted: tuple[bool, ...],
    bias: Any,
    **attributes: Any,
) -> tuple[Array, ...]:
    layout = _Layout(**attributes)
    mean, root = _roots(x, statistics, eps, layout)
    others = layout.others(x.ndim)
    with np.errstate(all="ignore"):
        hat = x * root if mean is None else (x - mean) * root
        product = g * hat
        whole = set(others) == set(layout.axes)  # batch norm: the sums for weight and bias serve x too
        to_weight = _total(product, others) if wanted[1] or whole else None
        if to_weight is not None and to_weight is product:  # no axes to sum, and `product` is written over below
            product = product.copy()
        to_bias = _total(g, others) if wanted[2] or whole else None
        to_x = None
        if wanted[0]:
            to_x = _to_x(g, hat, product, root, to_weight, to_bias, rest[0] if layout.weighted else None, layout, whole)
    return tuple([part for part, want in zip((to_x, to_weight, to_bias), wanted, strict=True) if want])  # type: ignore[misc]


def _to_x(
    g: Array,
    hat: Array,
    product: Array,
    root: Array,
    to_weight: Array | None,
    to_bias: Array | None,
    weight: Array | None,
    layout: _Layout,
    whole: bool,
) -> Array:
    """root·(h - mean(h) - hat·mean(h·hat)), h = g·weight; overwrites `hat` and `product`."""
    ndim = g.ndim
    count = g.dtype.type(prod(g.shape[axis] for axis in layout.axes))
    wide = None if weight is None else layout.wide(weight, ndim)
    if whole:
        assert to_weight is not None and to_bias is not None
        hat *= -layout.wide(to_weight / count, ndim)
        hat += g
        if layout.centred:
            hat -= layout.wide(to_bias / count, ndim)
        hat *= root if wide is None else root * wide
        return hat
    shape = kept(g.shape, layout.axes)
    if wide is not None:
        product *= wide
        g = g * wide
    hat *= -(_total(product, layout.axes) / count).reshape(shape)
    hat += g
    if layout.centred:
        hat -= (_total(g, layout.axes) / count).reshape(shape)
    hat *= root
    return hat


def _rows_of(x: Node, statistics: Node, eps: Node, layout: _Layout) -> tuple[Node | None, Node]:
    """The mean and 1/sqrt(variance + eps), broadcast to x."""

    def part(index: int) -> Node:
        low, high = [0] * statistics.type.ndim, list(statistics.type.shape)
        low[0], high[0] = index, index + 1
        return reshape(slice_(statistics, tuple(low), tuple(high)), statistics.type.shape[1:])

    root = spread(rsqrt(add(part(1), eps)), x.type.shape, layout.axes)
    return (spread(part(0), x.type.shape, layout.axes) if layout.centred else None), root


def _scaled(x: Node, rest: tuple[Node, ...], layout: _Layout) -> Node:
    weight, bias = _split(rest, layout)
    if weight is not None:
        x = mul(x, _wide_node(weight, layout, x.type))
    return x if bias is None else add(x, _wide_node(bias, layout, x.type))


def _normalize_primitives(x: Node, statistics: Node, eps: Node, *rest: Node, **attributes: Any) -> Node:
    layout = _Layout(**attributes)
    mean, root = _rows_of(x, statistics, eps, layout)
    return _scaled(mul(x if mean is None else sub(x, mean), root), rest, layout)


def _gradient_primitives(
    g: Node, x: Node, statistics: Node, eps: Node, *rest: Node, wanted: tuple[bool, ...], bias: Any, **attributes: Any
) -> tuple[Node, ...]:
    layout = _Layout(**attributes)
    mean, root = _rows_of(x, statistics, eps, layout)
    away = x if mean is None else sub(x, mean)
    hat = mul(away, root)
    others = layout.others(x.type.ndim)
    parts: list[Node] = []
    if wanted[0]:
        h = mul(g, _wide_node(rest[0], layout, x.type)) if layout.weighted else g
        # mean(h·hat), root taken out of the sum, which so need not wait for the variance: a sweep over the row less.
        share = mul(_mean(mul(h, away), layout.axes), root)
        inner = sub(h, mul(hat, share))
        parts.append(mul(root, sub(inner, _mean(h, layout.axes)) if layout.centred else inner))
    if wanted[1]:
        parts.append(sum_(mul(g, hat), others))
    if wanted[2]:
        parts.append(sum_(g, others))
    return tuple(parts)


normalize = Op(
    "normalize",
    infer=_normalize_infer,
    eval=_normalize_eval,
    vjp=_normalize_vjp,
    anchor="reduce",
    primitives=_normalize_primitives,
)
normalize_gradient = Op(
    "normalize_gradient",
    infer=_gradient_infer,
    eval=_gradient_eval,
    vjp=NONDIFFERENTIABLE,
    anchor="reduce",
    primitives=_gradient_primitives,
)

# ---- in primitives ----


def _wide_node(vector: Node, layout: _Layout, x: Type) -> Node:
    shape = [1] * x.ndim
    for axis, extent in zip(layout.scale_axes, vector.type.shape, strict=True):
        shape[axis] = extent
    return expand(reshape(cast(vector, dtype=x.dtype), tuple(shape)), x.shape)


def _mean(x: Node, axes: Shape) -> Node:
    count = prod(x.type.shape[axis] for axis in axes)
    return spread(div(sum_(x, axes), number(float(count), x.type.dtype)), x.type.shape, axes)


def _to_scale(part: Node, vector: Node, layout: _Layout) -> Node:
    return cast(sum_(part, layout.others(part.type.ndim)), dtype=vector.type.dtype)


def _in_primitives(node: Node, g: Node, x: Node, eps: Node, rest: list[Node], layout: _Layout) -> Cotangents:
    weight, bias = _split(tuple(rest), layout)
    own = x.type.dtype
    working = x.type.with_dtype(eps.type.dtype)
    g, x = cast(g, dtype=working.dtype), cast(x, dtype=working.dtype)
    away = sub(x, _mean(x, layout.axes)) if layout.centred else x
    root = rsqrt(add(_mean(square(away), layout.axes), eps))
    hat = mul(away, root)
    h = g if weight is None else mul(g, _wide_node(weight, layout, working))
    inner = sub(h, mul(hat, _mean(mul(h, hat), layout.axes)))
    if layout.centred:
        inner = sub(inner, _mean(h, layout.axes))
    parts: list[Node | None] = [cast(mul(root, inner), dtype=own), None, None]
    if weight is not None:
        parts.append(_to_scale(mul(g, hat), weight, layout) if weight.tracked else None)
    if bias is not None:
        parts.append(_to_scale(g, bias, layout) if bias.tracked else None)
    return tuple(parts)


# ---- with moments from elsewhere ----


def _standardize_eval(
    type: Type, x: Array, mean: Array, variance: Array, eps: Array, *rest: Array, **attributes: Any
) -> Array:
    layout = _Layout(**attributes)
    with np.errstate(all="ignore"):
        root = np.reciprocal(np.sqrt(variance + eps)).astype(x.dtype, copy=False)
        wide = layout.wide(mean.astype(x.dtype, copy=False), x.ndim)
        return _apply(x, wide, layout.wide(root, x.ndim), rest, layout)


def _standardize_vjp(node: Node, g: Node) -> Cotangents:
    x, mean, variance, eps, *rest = node.operands
    layout = _Layout(**node.attributes)
    weight, bias = _split(tuple(rest), layout)
    own = x.type.dtype
    working = x.type.with_dtype(eps.type.dtype)
    g = cast(g, dtype=working.dtype)
    root = _wide_node(rsqrt(add(cast(variance, dtype=working.dtype), eps)), layout, working)
    parts: list[Node | None] = [None] * 4
    if x.tracked:
        h = g if weight is None else mul(g, _wide_node(weight, layout, working))
        parts[0] = cast(mul(h, root), dtype=own)
    if weight is not None:
        to_weight = None
        if weight.tracked:
            hat = mul(sub(cast(x, dtype=working.dtype), _wide_node(mean, layout, working)), root)
            to_weight = _to_scale(mul(g, hat), weight, layout)
        parts.append(to_weight)
    if bias is not None:
        parts.append(_to_scale(g, bias, layout) if bias.tracked else None)
    return tuple(parts)


def _standardize_primitives(x: Node, mean: Node, variance: Node, eps: Node, *rest: Node, **attributes: Any) -> Node:
    layout = _Layout(**attributes)
    root = _wide_node(rsqrt(add(variance, eps)), layout, x.type)
    return _scaled(mul(sub(x, _wide_node(mean, layout, x.type)), root), rest, layout)


standardize = Op(
    "standardize",
    infer=lambda x, *rest, **layout: x,
    eval=_standardize_eval,
    vjp=_standardize_vjp,
    anchor="map",
    primitives=_standardize_primitives,
)

# ---- running statistics ----


def _running_eval(type: Type, old: Array, statistics: Array, share: Array, factor: Array, *, part: int) -> Array:
    return old * (1 - share) + statistics[part] * (factor * share)


def _running_primitives(old: Node, statistics: Node, share: Node, factor: Node, *, part: int) -> Node:
    low, high = [0] * statistics.type.ndim, list(statistics.type.shape)
    low[0], high[0] = part, part + 1
    now = reshape(slice_(statistics, tuple(low), tuple(high)), old.type.shape)
    left = sub(number(1, share.type.dtype), share)
    return add(mul(old, left), mul(now, mul(factor, share)))


# The running mean (part 0) or variance (part 1), moved by `share` towards the batch's, which is multiplied by `factor`.
running = Op(
    "running",
    infer=lambda old, *rest, part: old,
    eval=_running_eval,
    vjp=NONDIFFERENTIABLE,
    anchor="map",
    primitives=_running_primitives,
)
