"""Activations: each one scalar op, its gradient another, so that a layer's activation is one node forward and one backward.

`y_gradient(g, x, …)` is g·y'(x); its own derivative in `x` is written in primitives and is made only where gradients of gradients are
wanted. Settings (slopes, bounds) are zero-dimensional operands. At kinks the subgradients are PyTorch's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import pi, sqrt
from typing import Any

import numpy as np

from ..dtype import dtype
from . import scalar as ops
from . import special
from .branchless import choose, drop, keep
from .graph import Node
from .lasting import lasting
from .op import Op
from .scalar import add, exp, mul, neg, number, scalar, select, sigmoid, square, sub, tanh

Array = np.ndarray
Second = Callable[..., Node]


@lasting(maxsize=1024)
def _input(value: float, dtype: dtype) -> Node:
    return number(value, dtype)


def fixed(value: float, dtype: dtype) -> Node:
    """`number`, made once for each value: for settings that stay the same from step to step."""
    return number(value, dtype) if value in ops.LITERALS else _input(float(value), dtype)


def _times(x: Node, value: float) -> Node:
    return mul(x, fixed(value, x.type.dtype))


def _plus(x: Node, value: float) -> Node:
    return add(x, fixed(value, x.type.dtype))


def _activation(name: str, value: Callable[..., Any], gradient: Callable[..., Any], second: Second | None = None) -> Op:
    """The record of `value(x, *settings)`, with a record of `gradient(g, x, *settings)` = g·value'(x) as its derivative.

    `second(x, *settings)` gives value''(x) in primitives; None where it is 0 almost everywhere.
    """

    def gradient_rule(h: Node, y: Node, g: Node, x: Node, *settings: Node) -> Sequence[Node | None]:
        curved = second is not None and x.tracked
        bent = mul(mul(h, g), second(x, *settings)) if curved and second is not None else None
        return slope(h, x, *settings), bent, *[None] * len(settings)

    def rule(g: Node, y: Node, x: Node, *settings: Node) -> Sequence[Node | None]:
        return slope(g, x, *settings), *[None] * len(settings)

    slope = scalar(f"{name}_gradient", gradient, gradient_rule)
    return scalar(name, value, rule)


# ---- piecewise linear ----


def _relu_rule(g: Node, y: Node, x: Node) -> Sequence[Node | None]:
    return (relu_gradient(g, y),)


# Of g and the result: the input need not be kept. NaN passes the cotangent, as in PyTorch.
relu_gradient = scalar(
    "relu_gradient",
    lambda g, y: drop(np.less_equal(y, 0), g),
    lambda h, r, g, y: (relu_gradient(h, y), None),
)
relu = scalar("relu", lambda x: np.maximum(x, x.dtype.type(0)), _relu_rule)


def _leaky_relu(x: Array, slope: Array) -> Any:
    if slope.ndim == 0 and 0 < slope <= 1:
        return np.maximum(x, x * slope)
    return choose(x > 0, x, x * slope)


leaky_relu = _activation("leaky_relu", _leaky_relu, lambda g, x, slope: choose(x > 0, g, g * slope))


def _clip(x: Array, low: Array, high: Array) -> Any:
    return np.minimum(np.maximum(x, low), high)


hardtanh = _activation("hardtanh", _clip, lambda g, x, low, high: drop((x <= low) | (x >= high), g))
threshold = _activation(
    "threshold", lambda x, bound, value: np.where(x <= bound, value, x), lambda g, x, bound, value: drop(x <= bound, g)
)
hardshrink = _activation(
    "hardshrink",
    lambda x, bound: drop((x >= -bound) & (x <= bound), x),
    lambda g, x, bound: drop((x >= -bound) & (x <= bound), g),
)
softshrink = _activation(
    "softshrink",
    lambda x, bound: x - np.minimum(np.maximum(x, -bound), bound),
    lambda g, x, bound: drop((x >= -bound) & (x <= bound), g),
)


def _hardsigmoid(x: Array) -> Any:
    kind = x.dtype.type
    return np.minimum(np.maximum(x + kind(3), kind(0)), kind(6)) / kind(6)


hardsigmoid = _activation("hardsigmoid", _hardsigmoid, lambda g, x: keep((x > -3) & (x < 3), g / g.dtype.type(6)))


def _hardswish_gradient(g: Array, x: Array) -> Any:
    kind = g.dtype.type
    return choose(x >= 3, g, drop(x <= -3, g * (x / kind(3) + kind(0.5))))


def _hardswish_second(x: Node) -> Node:
    three = fixed(3, x.type.dtype)
    inside = ops.lt(ops.abs_(x), three)
    return select(inside, fixed(1 / 3, x.type.dtype), number(0, x.type.dtype))


hardswish = _activation("hardswish", lambda x: x * _hardsigmoid(x), _hardswish_gradient, _hardswish_second)


def _prelu_rule(g: Node, y: Node, x: Node, weight: Node) -> Sequence[Node | None]:
    zero = number(0, x.type.dtype)
    positive = ops.gt(x, zero)
    return (
        select(positive, g, mul(g, weight)) if x.tracked else None,
        select(positive, zero, mul(g, x)) if weight.tracked else None,
    )


prelu = scalar("prelu", lambda x, weight: np.where(x > 0, x, x * weight), _prelu_rule)

# ---- smooth ----

_root_half = sqrt(0.5)
_density = 1 / sqrt(2 * pi)


def _normal_cdf(x: Array) -> Any:
    kind = x.dtype.type
    result = special.erf(x * kind(_root_half))
    result += kind(1)
    result *= kind(0.5)
    return result


def _gelu_gradient(g: Array, x: Array) -> Any:
    kind = x.dtype.type
    density = x * x
    density *= kind(-0.5)
    density = np.exp(density)
    density *= x
    density *= kind(_density)
    density += _normal_cdf(x)
    density *= g
    return density


def _gelu_second(x: Node) -> Node:
    # φ(x)·(2 - x²)
    squared = square(x)
    density = _times(exp(_times(squared, -0.5)), _density)
    return mul(density, sub(number(2, x.type.dtype), squared))


gelu = _activation("gelu", lambda x: x * _normal_cdf(x), _gelu_gradient, _gelu_second)

_inner, _cubic = sqrt(2 / pi), 0.044715  # tanh's argument: _inner · (x + _cubic·x³)


def _inner_tanh(x: Array) -> tuple[Array, Array]:
    """tanh of the inner function, and x²."""
    kind = x.dtype.type
    squared = x * x
    inner = squared * kind(_cubic)
    inner += kind(1)
    inner *= x
    inner *= kind(_inner)
    return np.tanh(inner), squared


def _gelu_tanh(x: Array) -> Any:
    kind = x.dtype.type
    t, _ = _inner_tanh(x)
    t += kind(1)
    t *= x
    t *= kind(0.5)
    return t


def _gelu_tanh_gradient(g: Array, x: Array) -> Any:
    kind = x.dtype.type
    t, squared = _inner_tanh(x)
    inner_slope = squared * kind(3 * _cubic * _inner)
    inner_slope += kind(_inner)
    inner_slope *= x
    result = kind(1) - t * t
    result *= inner_slope
    result += t
    result += kind(1)
    result *= kind(0.5)
    result *= g
    return result


def _gelu_tanh_second(x: Node) -> Node:
    one = number(1, x.type.dtype)
    squared = square(x)
    t = tanh(_times(mul(x, _plus(_times(squared, _cubic), 1)), _inner))
    first = _plus(_times(squared, 3 * _cubic * _inner), _inner)
    curve = _times(x, 6 * _cubic * _inner)
    bell = sub(one, square(t))
    # s'·(1 - t²) + x/2·(1 - t²)·(s'' - 2·t·s'²)
    rest = sub(curve, _times(mul(t, square(first)), 2))
    return mul(bell, add(first, _times(mul(x, rest), 0.5)))


gelu_tanh = _activation("gelu_tanh", _gelu_tanh, _gelu_tanh_gradient, _gelu_tanh_second)


def logistic(x: Array) -> Any:
    """1 / (1 + e^-x), in place on its own memory."""
    result = np.exp(-x)
    result += x.dtype.type(1)
    return np.reciprocal(result)


def _silu_gradient(g: Array, x: Array) -> Any:
    kind = x.dtype.type
    s = logistic(x)
    result = kind(1) - s
    result *= x
    result += kind(1)
    result *= s
    result *= g
    return result


def _silu_second(x: Node) -> Node:
    # σ·(1 - σ)·(2 + x·(1 - 2σ))
    one = number(1, x.type.dtype)
    s = sigmoid(x)
    return mul(mul(s, sub(one, s)), _plus(mul(x, sub(one, _times(s, 2))), 2))


silu = _activation("silu", lambda x: x * logistic(x), _silu_gradient, _silu_second)


def _plain_softplus(x: Array) -> Any:
    """log(1 + e^x) without overflow."""
    result = np.log1p(np.exp(-np.abs(x)))
    result += np.maximum(x, x.dtype.type(0))
    return result


def _mish_gradient(g: Array, x: Array) -> Any:
    kind = x.dtype.type
    t = np.tanh(_plain_softplus(x))
    result = kind(1) - t * t
    result *= logistic(x)
    result *= x
    result += t
    result *= g
    return result


def _mish_second(x: Node) -> Node:
    one = number(1, x.type.dtype)
    s = sigmoid(x)
    t = tanh(softplus(x, one, fixed(20, x.type.dtype)))
    bell = mul(sub(one, square(t)), s)  # the slope of t
    turn = sub(mul(bell, sub(one, s)), _times(mul(mul(bell, t), s), 2))
    return add(_times(bell, 2), mul(x, turn))


mish = _activation("mish", lambda x: x * np.tanh(_plain_softplus(x)), _mish_gradient, _mish_second)


def _softplus(x: Array, beta: Array, bound: Array) -> Any:
    scaled = x * beta
    return choose(scaled > bound, x, _plain_softplus(scaled) / beta)


def _softplus_gradient(g: Array, x: Array, beta: Array, bound: Array) -> Any:
    scaled = x * beta
    return choose(scaled > bound, g, g * logistic(scaled))


def _softplus_second(x: Node, beta: Node, bound: Node) -> Node:
    scaled = mul(x, beta)
    s = sigmoid(scaled)
    curve = mul(beta, mul(s, sub(number(1, x.type.dtype), s)))
    return select(ops.gt(scaled, bound), number(0, x.type.dtype), curve)


softplus = _activation("softplus", _softplus, _softplus_gradient, _softplus_second)


def _log_sigmoid(x: Array) -> Any:
    return np.minimum(x, x.dtype.type(0)) - np.log1p(np.exp(-np.abs(x)))


def _log_sigmoid_second(x: Node) -> Node:
    s = sigmoid(x)
    return neg(mul(s, sub(number(1, x.type.dtype), s)))


log_sigmoid = _activation("log_sigmoid", _log_sigmoid, lambda g, x: g * logistic(-x), _log_sigmoid_second)


def _elu(x: Array, low: Array, high: Array, rate: Array) -> Any:
    """high·x above 0, low·(e^(rate·x) - 1) below: ELU, SELU and CELU are this."""
    zero = x.dtype.type(0)
    below = np.expm1(np.minimum(x, zero) * rate)
    below *= low
    return choose(x <= 0, below, x * high)


def _elu_gradient(g: Array, x: Array, low: Array, high: Array, rate: Array) -> Any:
    below = np.exp(np.minimum(x, x.dtype.type(0)) * rate)
    below *= low * rate
    return g * choose(x <= 0, below, high)


def _elu_second(x: Node, low: Node, high: Node, rate: Node) -> Node:
    zero = number(0, x.type.dtype)
    below = mul(exp(mul(ops.minimum(x, zero), rate)), mul(low, square(rate)))
    return select(ops.le(x, zero), below, zero)


elu = _activation("elu", _elu, _elu_gradient, _elu_second)


def _glu_rule(g: Node, y: Node, a: Node, b: Node) -> Sequence[Node | None]:
    s = sigmoid(b)
    first = mul(g, s)
    bend = mul(mul(first, a), sub(number(1, b.type.dtype), s)) if b.tracked else None
    return first if a.tracked else None, bend


glu = scalar("glu", lambda a, b: a * logistic(b), _glu_rule)
