"""Powers of lanes of double: e^(y·log|x|), with the logarithm and the product in two parts, since the exponential magnifies their
relative error by the size of the exponent (Muller, Elementary Functions, 2016, chapter 12)."""

from __future__ import annotations

import math

from . import coefficients as table
from .exponential import LOG2_E, LOG_2_PARTS, exp_minus_one_near, log, split_any
from .lanes import Lanes

LOG_2_HIGH, LOG_2_LOW = LOG_2_PARTS["double"]
THIRDS, THIRDS_LOW = 2 / 3, 3.700743415417188e-17  # 2/3


def _log_parts(v: Lanes, x: str) -> tuple[str, str]:
    """log(x) in two parts for finite x > 0: with s = f/(2 + f), 2s + (2/3)·s³ are summed in two parts and the rest in one."""
    k, m = split_any(v, x)
    f = v.sub(m, 1.0)
    below, below_low = v.two_sum(2.0, f)
    s = v.div(f, below)
    product, error = v.two_product(s, below)
    s_low = v.div(v.sub(v.sub(v.sub(f, product), error), v.mul(s, below_low)), below)
    z, z_low = v.two_product(s, s)
    z_low = v.fma(v.mul(s, 2.0), s_low, z_low)
    third, third_low = v.two_product(z, v.text(THIRDS))
    third_low = v.add(third_low, v.fma(z, THIRDS_LOW, v.mul(z_low, THIRDS)))
    cube, cube_low = v.two_product(third, s)
    cube_low = v.add(cube_low, v.fma(third, s_low, v.mul(third_low, s)))
    rest = v.mul(v.mul(s, v.mul(z, z)), v.polynomial(z, table.LOG_RATIO_TAIL["double"]))
    first, first_low = v.two_sum(v.mul(k, LOG_2_HIGH), v.mul(s, 2.0))
    second, second_low = v.two_sum(first, cube)
    low = v.add(v.add(rest, cube_low), v.fma(k, LOG_2_LOW, v.mul(s_low, 2.0)))
    return v.two_sum(second, v.add(v.add(first_low, second_low), low))


def _magnitude(v: Lanes, size: str, y: str) -> str:
    """|x|^y for |x| >= 0."""
    high, low = _log_parts(v, size)
    high = v.select(v.test("oeq", size, 0.0), -math.inf, high)
    high = v.select(v.test("olt", size, math.inf), high, size)
    y = v.at_least(v.at_most(y, 2.0**80), -(2.0**80))  # beyond, all but 1 overflow or vanish
    exponent, error = v.two_product(y, high)
    error = v.fma(y, low, error)
    return _exp_of_sum(v, exponent, v.select(v.test("olt", v.abs(exponent), 800.0), error, 0.0))


def _exp_of_sum(v: Lanes, exponent: str, error: str | float) -> str:
    """e^(exponent + error)."""
    exponent = v.at_least(v.at_most(exponent, 710.0), -746.0)
    n = v.rounded_product(exponent, LOG2_E)
    r = v.fma(n, -LOG_2_LOW, v.add(v.fma(n, -LOG_2_HIGH, exponent), error))
    return v.scale(v.add(exp_minus_one_near(v, r), 1.0), n)


def power(v: Lanes, x: str, y: str, precise: bool = True) -> str:
    """x^y as in C: 1 where y is 0 or x is 1, NaN for negative x and y that is not whole, negative for odd y.

    Not `precise` is precise enough for a float.
    """
    size = v.abs(x)
    value = _magnitude(v, size, y) if precise else _exp_of_sum(v, v.mul(y, log(v, size)), 0.0)
    value = v.select(v.test("oeq", size, 1.0), 1.0, value)
    whole = v.test("oeq", v.trunc(y), y)
    half = v.mul(y, 0.5)
    odd = v.both(whole, v.test("one", v.trunc(half), half))
    value = v.select(v.test("uno", y, y), math.nan, value)
    value = v.select(odd, v.copysign(value, x), value)
    negative = v.both(v.test("olt", x, 0.0), v.test("ogt", x, -math.inf))
    broken = v.both(negative, v.test("one", v.trunc(y), y))
    value = v.select(broken, math.nan, value)
    return v.select(v.either(v.test("oeq", y, 0.0), v.test("oeq", x, 1.0)), 1.0, value)
