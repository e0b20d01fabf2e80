"""Rules of ops that are formulas over rows: softmax, normalization, losses, pools."""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.ir.graph import Signature

from .ball import Ball
from .facts import TINY, Array, Fact
from .rules import Facts, Rejected, format_of, settle, wide

MODERATE = 1e12  # formulas of greater numbers may overflow on the way


def _refuse_extremes(signature: Signature, operands: Facts) -> bool:
    """Whether an operand is beyond what a formula's intermediate steps hold."""
    largest = format_of(signature).largest
    limit = MODERATE if largest > 1e30 else 1e3
    for fact in operands:
        if fact.floating:
            size = np.abs(fact.value[np.isfinite(fact.value)])
            if size.max(initial=0) > limit or np.isinf(fact.error).any():
                return True
    return False


def _anything(signature: Signature) -> Fact:
    shape = signature.type.shape
    return settle(signature, np.zeros(shape), np.full(shape, np.inf))


def _axes(signature: Signature) -> tuple[int, ...]:
    attributes = signature.attributes
    return attributes["axes"] if "axes" in attributes else (attributes["axis"],)


def exponentials(signature: Signature, operands: Facts) -> Fact:
    """softmax, its logarithm, log of sums of exponentials: differences from the greatest element, rounded, in the exponent."""
    (fact,) = operands
    name, form, axes = signature.op.name, format_of(signature), _axes(signature)
    x, value = fact.value, wide(signature, [fact.value])
    if not x.size:
        return settle(signature, value, np.zeros(value.shape))
    if np.isinf(fact.error).any() or fact.type.dtype.is_complex:
        return _anything(signature)
    keep = name != "logsumexp"
    with np.errstate(all="ignore"):
        top = np.max(x, axis=axes, keepdims=True)
        shift = np.where(np.isfinite(x - top), np.abs(x - top), 0)
        if not keep or name.startswith("log"):
            shift = np.minimum(shift, 1e4)
        apart = np.max(fact.error, axis=axes, keepdims=True)
        terms = float(np.prod([x.shape[axis] for axis in axes]))
        if name in ("softmax", "safe_softmax"):
            relative = np.expm1(2 * apart) + form.working * (terms + 16 + 2 * shift)
            error = np.where(np.isfinite(value), value * relative + form.unit * value + 4 * form.tiny, 0)
        elif name == "log_softmax":
            size = np.where(np.isfinite(value), np.abs(value), 0)
            error = 2 * apart + form.working * (terms + 16 + 2 * size + shift) + form.unit * size
        else:
            size = np.where(np.isfinite(value), np.abs(value), 0)
            low = np.max(shift, axis=axes) if not keep else 0.0
            around = np.squeeze(np.where(np.isfinite(top), np.abs(top), 0), axes)
            error = (
                np.squeeze(apart, axes)
                + form.working * (terms + 16 + low + 2 * around)
                + (form.unit + form.working) * size
            )
    return settle(signature, value, error)


def running_exponentials(signature: Signature, operands: Facts) -> Fact:
    """logcumsumexp: each step rounds in units of the greatest number so far."""
    (fact,) = operands
    form = format_of(signature)
    value = wide(signature, [fact.value])
    if not np.isfinite(fact.value).all() or fact.type.dtype.is_complex:
        return _anything(signature)
    size = np.abs(fact.value).max(initial=0) + 8
    count = fact.value.shape[signature.attributes["axis"]]
    bound = fact.error.max(initial=0) + form.working * count * 8 * size
    return settle(signature, value, bound + form.unit * np.abs(value))


def moments(signature: Signature, operands: Facts) -> Fact:
    """Mean and variance about it."""
    (fact,) = operands
    axes, form = _axes(signature), format_of(signature)
    value = wide(signature, [fact.value])
    if _refuse_extremes(signature, operands):
        return _anything(signature)
    with np.errstate(all="ignore"):
        x = Ball.of(fact, form.working)
        count = float(np.prod([x.value.shape[axis] for axis in axes]))
        mean = x.sum(axes) / count
        away = x - mean if signature.attributes["centred"] else x
        square = (away * away).sum(axes) / count
    shape = value.shape[1:]
    first = mean.error.reshape(shape) if signature.attributes["centred"] else np.zeros(shape)
    error = np.stack([first, square.error.reshape(shape)]) + form.tiny * 4
    return settle(signature, value, error * 2 + form.unit * np.abs(value) * (form.unit > form.working))


def _wide(ball: Ball, scale_axes: tuple[int, ...], ndim: int) -> Ball:
    shape = [1] * ndim
    for axis, extent in zip(scale_axes, ball.value.shape, strict=True):
        shape[axis] = extent
    return ball.reshape(tuple(shape))


def _root(variance: Ball, eps: Ball, shape: tuple[int, ...]) -> Ball:
    return (variance + eps).rsqrt().reshape(shape)


def _split_statistics(fact: Fact, unit: float) -> tuple[Ball, Ball]:
    ball = Ball.of(fact, unit)
    return Ball(ball.value[0], ball.error[0], unit), Ball(ball.value[1], ball.error[1], unit)


def normalized(signature: Signature, operands: Facts) -> Fact:
    """(x - mean)·root·weight + bias, or x·scale + shift."""
    value = wide(signature, [f.value for f in operands])
    if _refuse_extremes(signature, operands):
        return _anything(signature)
    form, attributes = format_of(signature), signature.attributes
    unit, ndim = form.working, operands[0].value.ndim
    x, *rest = operands
    with np.errstate(all="ignore"):
        if signature.op.name == "normalize":
            statistics, eps, *rest = rest
            shape = tuple([1 if a in attributes["axes"] else e for a, e in enumerate(x.type.shape)])
            mean, variance = _split_statistics(statistics, unit)
            mean, root = mean.reshape(shape), _root(variance, Ball.of(eps, unit), shape)
        else:
            mean_fact, variance_fact, eps, *rest = rest
            shape = _wide(Ball.of(mean_fact, unit), attributes["scale_axes"], ndim).value.shape
            mean = Ball.of(mean_fact, unit).reshape(shape)
            root = _root(Ball.of(variance_fact, unit), Ball.of(eps, unit), shape)
        scale = root
        if attributes["weighted"]:
            scale = scale * _wide(Ball.of(rest[0], unit), attributes["scale_axes"], ndim)
        own = Ball.of(x, unit)
        first = own * scale
        result = first - mean * scale if attributes["centred"] else first
        if attributes["biased"]:
            result = result + _wide(Ball.of(rest[-1], unit), attributes["scale_axes"], ndim)
        # Moments and eps in half precision's float32 are rounded to x's dtype by nobody: the root may be.
        error = 3 * result.error + form.unit * np.abs(value) * (form.unit > unit) + 8 * form.tiny
    return settle(signature, value, error)


def normalized_back(signature: Signature, operands: Facts) -> Any:
    """root·(h - mean(h) - hat·mean(h·hat)) with h = g·weight; and the sums of g·hat and of g."""
    values = wide(signature, [f.value for f in operands])
    parts = signature.type.parts
    if _refuse_extremes(_Part(signature, parts[0]), operands) or not all(
        np.isfinite(f.value).all() for f in operands if f.floating
    ):
        return tuple(_anything(_Part(signature, part)) for part in parts)
    attributes, ndim = signature.attributes, operands[0].value.ndim
    unit = format_of(_Part(signature, parts[0])).working
    g, x, statistics, eps, *weight = operands
    axes = attributes["axes"]
    others = tuple(axis for axis in range(ndim) if axis not in attributes["scale_axes"])
    shape = tuple([1 if a in axes else e for a, e in enumerate(x.type.shape)])
    with np.errstate(all="ignore"):
        mean, variance = _split_statistics(statistics, unit)
        root = _root(variance, Ball.of(eps, unit), shape)
        own, cotangent = Ball.of(x, unit), Ball.of(g, unit)
        hat = (own - mean.reshape(shape) if attributes["centred"] else own) * root
        h = (
            cotangent * _wide(Ball.of(weight[0], unit), attributes["scale_axes"], ndim)
            if attributes["weighted"]
            else cotangent
        )
        count = float(np.prod([x.type.shape[axis] for axis in axes]))
        inner = h - hat * ((h * hat).sum(axes) / count)
        if attributes["centred"]:
            inner = inner - h.sum(axes) / count
        balls = [inner * root, (cotangent * hat).sum(others), cotangent.sum(others)]
    found = []
    for part, value, ball in zip(
        parts, values, [b for b, w in zip(balls, attributes["wanted"], strict=True) if w], strict=True
    ):
        one = _Part(signature, part)
        form = format_of(one)
        error = 3 * ball.error.reshape(value.shape) + form.unit * np.abs(value) * (form.unit > unit) + 8 * form.tiny
        found.append(settle(one, value, error))
    return tuple(found)


class _Part:
    """One result of a signature, as if it were the only one."""

    def __init__(self, signature: Signature, type: Any) -> None:
        self.op, self.attributes, self.operands, self.type = (
            signature.op,
            signature.attributes,
            signature.operands,
            type,
        )


def loss(signature: Signature, operands: Facts) -> Fact:
    """Losses of classes: how far they move with their operands is tried in some directions."""
    values = [f.value for f in operands]
    value = wide(signature, values)
    if _refuse_extremes(signature, operands) or not all(np.isfinite(f.value).all() for f in operands if f.floating):
        return _anything(signature)
    form = format_of(signature)
    count = max(f.type.size for f in operands if f.floating)
    draw = np.random.default_rng(0)
    moved = np.zeros(value.shape)
    if any(f.floating and f.error.any() for f in operands):
        for _ in range(4):
            signs = [draw.choice((-1.0, 1.0), f.value.shape) for f in operands]
            ends = [v + s * f.error if f.floating else v for v, s, f in zip(values, signs, operands, strict=True)]
            moved = np.maximum(moved, np.abs(np.asarray(wide(signature, ends)) - value))
    scale = 1.0
    if (
        signature.op.name == "cross_entropy"
    ):  # a term of equal logits is not 0, but the logarithm of the number of classes
        logits = operands[0].type.shape
        scale += np.log(max(1, logits[min(1, len(logits) - 1)]))
    for fact in operands:
        if fact.floating:
            scale = scale * (1 + np.abs(fact.value).max(initial=0)) if fact is not operands[-1] else scale
    scale *= 1 + np.abs(operands[-1].value).max(initial=0) if operands[-1].floating else 1
    error = (4 + np.sqrt(count)) * moved + (count + 32) * form.working * scale + form.unit * np.abs(value)
    if form.unit > 2**-50 and not np.isfinite(value).all() and value.ndim:
        raise Rejected("loss: partly not finite")
    return settle(signature, value, error)


def pooled(signature: Signature, operands: Facts) -> Fact:
    """The maximum of each window is as far off as its farthest candidate; where it is, only of what is certain."""
    if signature.op.name == "max_pool":
        value = wide(signature, [operands[0].value])
        if not operands[0].floating:
            return Fact(signature.type, value, None)
        bound = float(operands[0].error.max(initial=0))
        return Fact(signature.type, value, np.where(value == 0, max(bound, TINY), bound))
    g, x, y = operands
    if not (x.certain and y.certain):
        raise Rejected("max_pool_gradient of what is rounded")
    value = wide(signature, [g.value, x.value, y.value])
    if not np.isfinite(g.value).all():
        return _anything(signature)
    whole = wide(signature, [np.abs(g.value), x.value, y.value])
    form = format_of(signature)
    terms = float(np.prod([each[1] for each in signature.attributes["windows"]]))
    error = wide(signature, [g.error, x.value, y.value]) + np.where(
        whole == np.abs(value), 0, terms * form.working * whole
    )
    integral: Array = g.value * 64 == np.rint(g.value * 64)
    if integral.all() and whole.max(initial=0) * 64 < 0.5 / form.unit and not g.error.any():
        error = np.where(value == 0, TINY, 0.0)
    else:
        error = error + terms * form.working * whole + form.unit * np.abs(value) + np.where(value == 0, TINY, 0.0)
    return settle(signature, value, error)
