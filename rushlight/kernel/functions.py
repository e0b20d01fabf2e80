"""Scalar functions for compilers: which are base functions, and how the others are made of them.

A backend implements the base functions (`BASE`); every other function that can be compiled is an expression of them (`expand`), so
that a new backend has all of them at once. What stands in neither table has no native form: `supported` says so, and the op is
interpreted.

>>> from rushlight.dtype import float32, int64
>>> from rushlight.ir.expr import Load
>>> expand("silu", Load(0, ()))
mul(x0[], div(1.0, add(exp(neg(x0[])), 1.0)))
>>> supported("gelu", (float32,)), supported("gelu", (int64,)), supported("zeta", (float32, float32))
(True, False, False)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from ..dtype import ALL, BOOL, COMPLEX, FLOATING, INTEGER, bool_, dtype
from ..ir.expr import Apply, Expr, Literal

Definition = Callable[..., Expr]


class Unsupported(Exception):
    """This has no native form: the op is interpreted. Never an error of the user's."""


# ---- how definitions are written ----


def _lifted(value: Expr | float) -> Expr:
    return value if isinstance(value, Expr) else Literal(value)


def _function(name: str) -> Callable[..., Expr]:
    return lambda *arguments: Apply(name, *map(_lifted, arguments))


add, sub, mul, div, neg, abs_ = map(_function, ("add", "sub", "mul", "div", "neg", "abs"))
maximum, minimum, select, sqrt = map(_function, ("maximum", "minimum", "select", "sqrt"))
eq, lt, le, gt, ge, isnan = map(_function, ("eq", "lt", "le", "gt", "ge", "isnan"))
both, either = map(_function, ("logical_and", "logical_or"))
exp, expm1, log, log1p, tanh, sin = map(_function, ("exp", "expm1", "log", "log1p", "tanh", "sin"))
normal_tail, normal_slope, require = map(_function, ("normal_tail", "normal_slope", "require"))


def sigmoid(x: Expr) -> Expr:
    return div(1.0, add(exp(neg(x)), 1.0))


def plain_softplus(x: Expr) -> Expr:
    """log(1 + e^x) without overflow."""
    return add(log1p(exp(neg(abs_(x)))), maximum(x, 0))


def hardsigmoid(x: Expr) -> Expr:
    return div(minimum(maximum(add(x, 3.0), 0.0), 6.0), 6.0)


def within(x: Expr, bound: Expr) -> Expr:
    return both(ge(x, neg(bound)), le(x, bound))


def normal_distribution(x: Expr) -> Expr:
    """Φ(x): nothing cancels in the negative tail, as it does in 1 + erf."""
    tail = normal_tail(abs_(x))
    return select(lt(x, 0.0), tail, sub(1.0, tail))


# ---- piecewise linear ----


def _hardswish_gradient(g: Expr, x: Expr) -> Expr:
    middle = mul(g, add(div(x, 3.0), 0.5))
    return select(ge(x, 3.0), g, select(le(x, -3.0), 0.0, middle))


def _sign(x: Expr) -> Expr:
    return select(gt(x, 0), 1, select(lt(x, 0), -1, 0))


# ---- smooth activations ----

_INNER, _CUBIC = math.sqrt(2 / math.pi), 0.044715  # gelu_tanh's tanh is of _INNER·(x + _CUBIC·x³)


def _gelu_gradient(g: Expr, x: Expr) -> Expr:
    """g·(Φ(x) + x·φ(x)); with s(a) = Φ(-a) - a·φ(a) that is s(-x) for negative x and 1 - s(x) else."""
    slope = normal_slope(abs_(x))
    return mul(g, select(lt(x, 0.0), slope, sub(1.0, slope)))


def _gelu_tanh_share(x: Expr) -> Expr:
    """(1 + tanh u)/2 = σ(2u)."""
    squared = mul(x, x)
    return sigmoid(mul(mul(x, add(mul(squared, _CUBIC), 1.0)), 2 * _INNER))


def _gelu_tanh_gradient(g: Expr, x: Expr) -> Expr:
    share = _gelu_tanh_share(x)
    inner_slope = mul(x, add(mul(mul(x, x), 6 * _CUBIC * _INNER), 2 * _INNER))
    return mul(g, add(mul(mul(share, sub(1.0, share)), inner_slope), share))


def _silu_gradient(g: Expr, x: Expr) -> Expr:
    s = sigmoid(x)
    return mul(g, mul(s, add(mul(x, sub(1.0, s)), 1.0)))


def _mish_gradient(g: Expr, x: Expr) -> Expr:
    t = tanh(plain_softplus(x))
    return mul(g, add(mul(mul(sub(1.0, mul(t, t)), sigmoid(x)), x), t))


def _softplus(x: Expr, beta: Expr, bound: Expr) -> Expr:
    scaled = mul(x, beta)
    return select(gt(scaled, bound), x, div(plain_softplus(scaled), beta))


def _softplus_gradient(g: Expr, x: Expr, beta: Expr, bound: Expr) -> Expr:
    scaled = mul(x, beta)
    return select(gt(scaled, bound), g, mul(g, sigmoid(scaled)))


def _elu(x: Expr, low: Expr, high: Expr, rate: Expr) -> Expr:
    return select(le(x, 0.0), mul(expm1(mul(minimum(x, 0.0), rate)), low), mul(x, high))


def _elu_gradient(g: Expr, x: Expr, low: Expr, high: Expr, rate: Expr) -> Expr:
    below = mul(exp(mul(minimum(x, 0.0), rate)), mul(low, rate))
    return mul(g, select(le(x, 0.0), below, high))


# ---- losses ----


def _smooth_l1(a: Expr, b: Expr, beta: Expr) -> Expr:
    size = abs_(sub(a, b))
    return select(lt(size, beta), div(mul(mul(size, 0.5), size), beta), sub(size, mul(beta, 0.5)))


def _huber(a: Expr, b: Expr, delta: Expr) -> Expr:
    size = abs_(sub(a, b))
    return select(le(size, delta), mul(mul(size, 0.5), size), mul(delta, sub(size, mul(delta, 0.5))))


def _clipped(x: Expr, low: Expr, high: Expr) -> Expr:
    return minimum(maximum(x, low), high)


def _squared_error(a: Expr, b: Expr) -> Expr:
    difference = sub(a, b)
    return mul(difference, difference)


def _squared_error_gradient(g: Expr, a: Expr, b: Expr) -> Expr:
    difference = sub(a, b)
    return mul(g, add(difference, difference))


def _is_probability(x: Expr) -> Expr:
    return both(ge(x, 0.0), le(x, 1.0))


def _binary_cross_entropy(x: Expr, target: Expr) -> Expr:
    negative = mul(sub(target, 1.0), maximum(log1p(neg(x)), -100.0))
    loss = sub(negative, mul(target, maximum(log(x), -100.0)))
    return require(both(_is_probability(x), _is_probability(target)), loss)


def _binary_cross_entropy_gradient(g: Expr, x: Expr, target: Expr) -> Expr:
    return div(mul(g, sub(x, target)), maximum(mul(sub(1.0, x), x), 1e-12))


def _divergence(x: Expr, target: Expr) -> Expr:
    logs = log(select(eq(target, 0.0), 1.0, target))
    return sub(mul(target, logs), mul(target, x))


# ---- logarithms and their kin ----


def _logaddexp(a: Expr, b: Expr) -> Expr:
    apart = add(maximum(a, b), log1p(exp(neg(abs_(sub(a, b))))))
    return select(eq(a, b), add(a, math.log(2)), apart)


def _times_log(logarithm: Callable[[Expr], Expr]) -> Definition:
    def definition(x: Expr, y: Expr) -> Expr:
        return select(both(eq(x, 0.0), eq(y, y)), 0.0, mul(x, logarithm(y)))

    return definition


def _entr(x: Expr) -> Expr:
    return select(eq(x, 0.0), 0.0, select(lt(x, 0.0), -math.inf, neg(mul(x, log(x)))))


def _sinc(x: Expr) -> Expr:
    scaled = mul(x, math.pi)
    return select(eq(x, 0.0), 1.0, div(sin(scaled), scaled))


def _wrap(index: Expr, extent: Expr) -> Expr:
    return select(lt(index, 0), add(index, extent), index)


FLOATS, INTEGERS, NUMBERS = (FLOATING,), (INTEGER,), (INTEGER, FLOATING)
INTEGERS_AND_BOOL, EVERYTHING = (BOOL, INTEGER), (BOOL, INTEGER, FLOATING)

# name: (categories of dtype that it takes, the function in terms of others). Choices take a bool first.
DEFINITIONS: dict[str, tuple[tuple[int, ...], Definition]] = {
    "relu": (NUMBERS, lambda x: maximum(x, 0)),
    "relu_gradient": (NUMBERS, lambda g, y: select(le(y, 0), 0, g)),
    "leaky_relu": (FLOATS, lambda x, slope: select(gt(x, 0.0), x, mul(x, slope))),
    "leaky_relu_gradient": (FLOATS, lambda g, x, slope: select(gt(x, 0.0), g, mul(g, slope))),
    "prelu": (FLOATS, lambda x, weight: select(gt(x, 0.0), x, mul(x, weight))),
    "hardtanh": (NUMBERS, _clipped),
    "hardtanh_gradient": (NUMBERS, lambda g, x, low, high: select(either(le(x, low), ge(x, high)), 0, g)),
    "threshold": (NUMBERS, lambda x, bound, value: select(le(x, bound), value, x)),
    "threshold_gradient": (NUMBERS, lambda g, x, bound, value: select(le(x, bound), 0, g)),
    "hardshrink": (FLOATS, lambda x, bound: select(within(x, bound), 0.0, x)),
    "hardshrink_gradient": (FLOATS, lambda g, x, bound: select(within(x, bound), 0.0, g)),
    "softshrink": (FLOATS, lambda x, bound: sub(x, _clipped(x, neg(bound), bound))),
    "softshrink_gradient": (FLOATS, lambda g, x, bound: select(within(x, bound), 0.0, g)),
    "hardsigmoid": (FLOATS, hardsigmoid),
    "hardsigmoid_gradient": (FLOATS, lambda g, x: select(both(gt(x, -3.0), lt(x, 3.0)), div(g, 6.0), 0.0)),
    "hardswish": (FLOATS, lambda x: mul(x, hardsigmoid(x))),
    "hardswish_gradient": (FLOATS, _hardswish_gradient),
    "gelu": (FLOATS, lambda x: mul(x, normal_distribution(x))),
    "gelu_gradient": (FLOATS, _gelu_gradient),
    "gelu_tanh": (FLOATS, lambda x: mul(x, _gelu_tanh_share(x))),
    "gelu_tanh_gradient": (FLOATS, _gelu_tanh_gradient),
    "sigmoid": (FLOATS, sigmoid),
    "silu": (FLOATS, lambda x: mul(x, sigmoid(x))),
    "silu_gradient": (FLOATS, _silu_gradient),
    "mish": (FLOATS, lambda x: mul(x, tanh(plain_softplus(x)))),
    "mish_gradient": (FLOATS, _mish_gradient),
    "softplus": (FLOATS, _softplus),
    "softplus_gradient": (FLOATS, _softplus_gradient),
    "log_sigmoid": (FLOATS, lambda x: sub(minimum(x, 0.0), log1p(exp(neg(abs_(x)))))),
    "log_sigmoid_gradient": (FLOATS, lambda g, x: mul(g, sigmoid(neg(x)))),
    "elu": (FLOATS, _elu),
    "elu_gradient": (FLOATS, _elu_gradient),
    "glu": (FLOATS, lambda a, b: mul(a, sigmoid(b))),
    "squared_error": (NUMBERS, _squared_error),
    "squared_error_gradient": (NUMBERS, _squared_error_gradient),
    "smooth_l1": (FLOATS, _smooth_l1),
    "smooth_l1_gradient": (FLOATS, lambda g, a, b, beta: mul(g, _clipped(div(sub(a, b), beta), Literal(-1.0), Literal(1.0)))),
    "huber": (FLOATS, _huber),
    "huber_gradient": (FLOATS, lambda g, a, b, delta: mul(g, _clipped(sub(a, b), neg(delta), delta))),
    "binary_cross_entropy": (FLOATS, _binary_cross_entropy),
    "binary_cross_entropy_gradient": (FLOATS, _binary_cross_entropy_gradient),
    "logits_loss": (FLOATS, lambda x, target: sub(plain_softplus(x), mul(x, target))),
    "logits_gradient": (FLOATS, lambda g, x, target: mul(g, sub(sigmoid(x), target))),
    "divergence": (FLOATS, _divergence),
    "square": (NUMBERS, lambda x: mul(x, x)),
    "reciprocal": (FLOATS, lambda x: div(1.0, x)),
    "rsqrt": (FLOATS, lambda x: div(1.0, sqrt(x))),
    "sign": (NUMBERS, _sign),
    "heaviside": (NUMBERS, lambda x, at_zero: select(eq(x, 0), at_zero, select(gt(x, 0), 1, 0))),
    "logaddexp": (FLOATS, _logaddexp),
    "xlogy": (FLOATS, _times_log(log)),
    "xlog1py": (FLOATS, _times_log(log1p)),
    "entr": (FLOATS, _entr),
    "sinc": (FLOATS, _sinc),
    "ndtr": (FLOATS, normal_distribution),
    "angle": (FLOATS, lambda x: select(isnan(x), x, select(lt(x, 0.0), math.pi, 0.0))),
    "real": (EVERYTHING, lambda x: x),
    "conj": (EVERYTHING, lambda x: x),
    "choose": (EVERYTHING, select),
    "wrap": (INTEGERS, _wrap),
    "index_add": (INTEGERS, add),
    "index_sub": (INTEGERS, sub),
    "index_mul": (INTEGERS, mul),
    "index_div": (INTEGERS, _function("floor_divide")),
    "index_rem": (INTEGERS, _function("rem")),
    "index_ge": (INTEGERS, ge),
    "index_lt": (INTEGERS, lt),
    "index_eq": (INTEGERS, eq),
    "index_and": (EVERYTHING, both),
}  # fmt: skip

# What a backend implements: name: the categories of dtype it takes. Beside NumPy's functions of the same meaning as the op records':
# `normal_tail(a)` = Φ(-a) and `normal_slope(a)` = Φ(-a) - a·φ(a) for a >= 0, the tail of the normal distribution and gelu's slope,
# with full relative accuracy; `require(condition, value)` is the value, and the kernel fails where the condition does not hold.
BASE: dict[str, tuple[int, ...]] = {
    **dict.fromkeys("add mul maximum minimum fmax fmin eq ne lt le gt ge select isnan isinf signbit abs".split(), EVERYTHING),
    **dict.fromkeys("logical_and logical_or logical_xor logical_not require".split(), EVERYTHING),
    **dict.fromkeys("sub neg floor_divide truncate_divide rem fmod pow floor ceil trunc".split(), NUMBERS),
    **dict.fromkeys("bitwise_and bitwise_or bitwise_xor bitwise_not".split(), INTEGERS_AND_BOOL),
    **dict.fromkeys("shift_left shift_right".split(), INTEGERS),
    **dict.fromkeys("div rint sqrt copysign nextafter hypot add_product mantissa exponent".split(), FLOATS),
    **dict.fromkeys("exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan atan2".split(), FLOATS),
    **dict.fromkeys("sinh cosh tanh asinh acosh atanh erf erfc normal_tail normal_slope".split(), FLOATS),
    **dict.fromkeys("erfcx erfinv lgamma digamma log_ndtr ndtri".split(), FLOATS),
    **{f"cast_{target.name}": EVERYTHING for target in ALL if target.category != COMPLEX},
}  # fmt: skip

# What a kernel must have a way to say that it failed for: a condition that does not hold, and of integers a division by zero.
FAILING = frozenset("require binary_cross_entropy floor_divide truncate_divide rem fmod index_div index_rem".split())

_CHOICES = ("select", "choose", "require")


def expand(name: str, *arguments: Expr) -> Expr:
    """One step: the function in terms of others, which may themselves have a definition. A base function is itself."""
    if name in DEFINITIONS:
        return DEFINITIONS[name][1](*arguments)
    if name in BASE:
        return Apply(name, *arguments)
    raise Unsupported(f"{name} has no native form")


def supported(name: str, dtypes: Sequence[dtype]) -> bool:
    """Whether the function of operands of these dtypes can be compiled."""
    categories = DEFINITIONS[name][0] if name in DEFINITIONS else BASE.get(name, ())
    operands = list(dtypes)
    if name in _CHOICES and operands:
        if operands.pop(0) is not bool_:
            return False
        operands = operands[:1] if name == "require" else operands
    return all(d.category in categories and d is operands[0] for d in operands)
