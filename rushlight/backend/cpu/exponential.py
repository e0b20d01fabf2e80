"""Exponentials, logarithms and hyperbolic functions of lanes.

The argument is reduced to an interval where a polynomial will do, in parts whose products are exact (Cody and Waite, Software Manual
for the Elementary Functions, 1980; Muller, Elementary Functions, 2016).
"""

from __future__ import annotations

import math

from . import coefficients as table
from .lanes import LEAST_NORMAL, Lanes

LOG2_E, LOG_2 = 1 / math.log(2), math.log(2)

# log(2) in two parts; whole numbers up to the greatest exponent times the first one are exact.
LOG_2_PARTS = {
    "float": (0.693145751953125, 1.4286068203094173e-06),
    "double": (0.6931471803691238, 1.9082149292705877e-10),
}
LOG10_2_PARTS = {
    "float": (0.301025390625, 4.605038981195214e-06),
    "double": (0.30102999565860955, 5.371644767466998e-12),
}
LOG10_E = 0.4342944819032518
LOG2_E_PARTS = {
    "float": (1.4426950216293335, 1.925963033500011e-08),
    "double": (1.4426950408889634, 2.0355273740931033e-17),
}

# Where e^x overflows and where it is less than half of the least subnormal number.
EXP_RANGE = {"float": (-104.0, 89.0), "double": (-746.0, 710.0)}
THREE_QUARTERS = {"float": 0x3F400000, "double": 0x3FE8000000000000}  # the bits


# ---- exponentials ----


def _clamp(v: Lanes, x: str, low: float, high: float) -> str:
    return v.at_least(v.at_most(x, high), low)


def _without_powers(v: Lanes, x: str) -> tuple[str, str]:
    """(n, r) with x = n·log(2) + r."""
    high, low = LOG_2_PARTS[v.element]
    n = v.rounded_product(x, LOG2_E)
    return n, v.fma(n, -low, v.fma(n, -high, x))


def exp_rest_near(v: Lanes, r: str) -> str:
    """exp(r) - 1 - r for |r| <= log(2)/2."""
    return v.mul(v.mul(r, r), v.polynomial(r, table.EXP[v.element]))


def exp_minus_one_near(v: Lanes, r: str) -> str:
    """e^r - 1 for |r| <= log(2)/2."""
    return v.fma(v.mul(r, r), v.polynomial(r, table.EXP[v.element]), r)


def exp(v: Lanes, x: str) -> str:
    low, high = EXP_RANGE[v.element]
    # Below the range nothing is kept of what is computed, and hardware that scales takes any n.
    n, r = _without_powers(v, v.at_most(x, high) if v.has_exponents else _clamp(v, x, low, high))
    value = v.add(exp_minus_one_near(v, r), 1.0)
    # 0 before it is scaled: a product that underflows takes many processors a hundred times as long, and masks are -infinity.
    return v.scale(v.select(v.test("olt", x, low), 0.0, value), n)


def half_exp(v: Lanes, x: str) -> str:
    """e^x/2 for x >= 0, which overflows later."""
    n, r = _without_powers(v, v.at_most(x, EXP_RANGE[v.element][1] + 1))
    return v.scale(v.add(exp_minus_one_near(v, r), 1.0), v.sub(n, 1.0))


def exp2(v: Lanes, x: str) -> str:
    low, high = EXP_RANGE[v.element]
    x = _clamp(v, x, math.floor(low * LOG2_E), math.ceil(high * LOG2_E))
    n = v.rint(x)
    return v.scale(v.add(exp_minus_one_near(v, v.mul(v.sub(x, n), LOG_2)), 1.0), n)


def expm1(v: Lanes, x: str) -> str:
    n, r = _without_powers(v, _clamp(v, x, -40.0, EXP_RANGE[v.element][1]))
    half = v.power_of_two(v.sub(n, 1.0))
    value = v.fma(half, exp_minus_one_near(v, r), v.sub(half, 0.5))
    return v.copysign(v.mul(value, 2.0), x)


def tanh(v: Lanes, x: str) -> str:
    """(e^2a - 1)/(e^2a - 1 + 2), which loses little near 0; in double a polynomial loses less."""
    double = v.mul(v.at_most(v.abs(x), 10.0 if v.element == "float" else 20.0), 2.0)
    n, r = _without_powers(v, double)
    power_ = v.power_of_two(n)
    value = v.fma(power_, exp_minus_one_near(v, r), v.sub(power_, 1.0))
    far = v.copysign(v.div(value, v.add(value, 2.0)), x)
    if v.element == "float":
        return far
    squared = v.mul(x, x)
    near = v.fma(v.mul(x, squared), v.polynomial(squared, table.TANH["double"]), x)
    return v.select(v.test("olt", v.abs(x), 0.6), near, far)


def sinh(v: Lanes, x: str) -> str:
    size, squared = v.abs(x), v.mul(x, x)
    near = v.fma(v.mul(x, squared), v.polynomial(squared, table.SINH[v.element]), x)
    half = half_exp(v, size)
    far = v.copysign(v.sub(half, v.div(0.25, half)), x)
    return v.select(v.test("olt", size, 1.0), near, far)


def cosh(v: Lanes, x: str) -> str:
    half = half_exp(v, v.abs(x))
    return v.add(half, v.div(0.25, half))


# ---- logarithms ----


def split(v: Lanes, x: str) -> tuple[str, str]:
    """(k, m) with x = 2^k·m and 3/4 <= m < 3/2, for normal x > 0."""
    bits = v.to_bits(x)
    k = v.word("ashr", v.word("sub", bits, THREE_QUARTERS[v.element]), v.mantissa)
    return v.from_integer(k), v.from_bits(v.word("sub", bits, v.word("shl", k, v.mantissa)))


def split_any(v: Lanes, x: str) -> tuple[str, str]:
    """The same for subnormal x too; in hardware k is infinite where x is 0 or infinite, and m is NaN where x is negative."""
    if v.has_exponents:
        m = v.significand(x)
        return v.sub(v.exponent(x), v.exponent(m)), m
    tiny, up = v.test("olt", x, LEAST_NORMAL[v.element]), float(v.mantissa + 2)
    k, m = split(v, v.select(tiny, v.mul(x, 2.0**up), x))
    return v.sub(k, v.select(tiny, up, 0.0)), m


def log_near(v: Lanes, f: str, extra: str | float) -> str:
    """log(1 + f) + extra for -1/4 <= f <= 1/2; extra is small. In double by way of s = f/(2 + f) (Tang, ACM Trans. Math.
    Softw. 16, 1990)."""
    squared = v.mul(f, f)
    if v.element == "float":
        return v.add(v.fma(squared, v.polynomial(f, table.LOG["float"]), extra), f)
    half, s = v.mul(squared, 0.5), v.div(f, v.add(f, 2.0))
    z = v.mul(s, s)
    rest = v.fma(v.polynomial(z, table.LOG_RATIO["double"]), z, half)
    return v.sub(f, v.sub(half, v.fma(s, rest, extra)))


def _log_of_parts(v: Lanes, k: str, f: str) -> str:
    """k·log(2) + log(1 + f)."""
    high, low = LOG_2_PARTS[v.element]
    return v.fma(k, high, log_near(v, f, v.mul(k, low)))


def _with_edges(v: Lanes, x: str, value: str, zero: float = 0.0) -> str:
    """A logarithm of x, right for NaN, infinity, `zero` (where it is -infinity) and what is less."""
    value = v.select(v.test("olt", x, math.inf), value, x)
    value = v.select(v.test("oeq", x, zero), -math.inf, value)
    return v.select(v.test("olt", x, zero), math.nan, value)


def _right_at_edges(v: Lanes, x: str, value: str) -> str:
    """A logarithm made from the parts of x: the hardware's are right at the edges."""
    return value if v.has_exponents else _with_edges(v, x, value)


def log(v: Lanes, x: str) -> str:
    k, m = split_any(v, x)
    return _right_at_edges(v, x, _log_of_parts(v, k, v.sub(m, 1.0)))


def log2(v: Lanes, x: str) -> str:
    k, m = split_any(v, x)
    near = log_near(v, v.sub(m, 1.0), 0.0)
    high, low = LOG2_E_PARTS[v.element]
    return _right_at_edges(v, x, v.add(v.fma(near, low, v.mul(near, high)), k))


def log10(v: Lanes, x: str) -> str:
    k, m = split_any(v, x)
    near = log_near(v, v.sub(m, 1.0), 0.0)
    high, low = LOG10_2_PARTS[v.element]
    return _right_at_edges(v, x, v.fma(k, high, v.fma(near, LOG10_E, v.mul(k, low))))


def log1p(v: Lanes, x: str) -> str:
    """log(1 + x): what the sum lost in rounding is put back, scaled as the sum was."""
    total = v.add(x, 1.0)
    part = v.sub(total, 1.0)
    lost = v.add(v.sub(1.0, v.sub(total, part)), v.sub(x, part))
    k, m = split(v, total)
    scale = v.power_of_two(v.at_least(v.sub(0.0, k), 2.0 - v.bias))
    value = _log_of_parts(v, k, v.fma(lost, scale, v.sub(m, 1.0)))
    return v.copysign(_with_edges(v, x, value, -1.0), x)


# ---- inverse hyperbolic functions ----


def asinh(v: Lanes, x: str) -> str:
    size = v.abs(x)
    large = v.test("ogt", size, 2.0**28)
    squared = v.mul(size, size)
    near = v.add(size, v.div(squared, v.add(v.sqrt(v.add(squared, 1.0)), 1.0)))
    value = log1p(v, v.select(large, v.sub(size, 1.0), near))
    return v.copysign(v.add(value, v.select(large, LOG_2, 0.0)), x)


def acosh(v: Lanes, x: str) -> str:
    large, above = v.test("ogt", x, 2.0**28), v.sub(x, 1.0)
    near = v.add(above, v.sqrt(v.mul(above, v.add(above, 2.0))))
    value = v.add(log1p(v, v.select(large, above, near)), v.select(large, LOG_2, 0.0))
    return v.select(v.test("olt", x, 1.0), math.nan, value)


def atanh(v: Lanes, x: str) -> str:
    size = v.abs(x)
    value = log1p(v, v.div(v.mul(size, 2.0), v.sub(1.0, size)))
    return v.copysign(v.mul(value, 0.5), x)
