"""The gamma function's logarithm and its derivative, and the inverses of the normal distribution, of lanes of double.

The tables and the ranges are those of `ir.special_gamma` and `ir.special_error`; where those choose elements, all branches are
computed here and lanes chosen.
"""

from __future__ import annotations

import math

from ...ir import special_tables as table
from .exponential import log, log1p
from .lanes import Lanes, Number, shared
from .normal import exp_of_square, normal_tail
from .trigonometry import sin, tan

HALF_LOG_TWO_PI = 0.9189385332046727
SQRT_HALF = math.sqrt(0.5)


def _log(v: Lanes, x: str) -> str:
    return shared(v, "log", 1, log, [x])


def _log1p(v: Lanes, x: str) -> str:
    return shared(v, "log1p", 1, log1p, [x])


# ---- the gamma function ----


def _step_down(v: Lanes, x: str) -> tuple[str, str]:
    """(y, product) with gamma(x) = product·gamma(y) and 3/2 < y <= 5/2, for 3/2 < x < 8."""
    y, product = x, v.text(1.0)
    for _ in range(6):
        above = v.test("ogt", y, 2.5)
        y = v.select(above, v.sub(y, 1.0), y)
        product = v.select(above, v.mul(product, y), product)
    return y, product


def _lgamma_away_from_poles(v: Lanes, x: str, a: str) -> str:
    """lgamma(a) for a = |x| > 1/2, and lgamma(x) for |x| <= 1/2: around 2 a polynomial, to which one logarithm leads; from 8 on
    Stirling's series."""
    small, near, middle = v.test("ole", a, 0.5), v.test("ole", a, 1.5), v.test("olt", a, 8.0)
    y, product = _step_down(v, a)
    z = v.select(small, x, v.select(near, v.sub(a, 1.0), v.sub(y, 2.0)))
    factor = v.select(small, v.mul(a, v.add(x, 1.0)), v.select(near, a, v.select(middle, product, a)))
    logarithm = _log(v, factor)
    close = v.fma(z, v.polynomial(z, table.LGAMMA_NEAR_TWO), v.select(near, v.neg(logarithm), logarithm))
    inverse = v.div(1.0, a)
    series = v.mul(v.polynomial(v.mul(inverse, inverse), table.STIRLING), inverse)
    leading = v.mul(a, v.sub(logarithm, 1.0))
    far = v.add(v.sub(leading, v.mul(logarithm, 0.5)), v.add(series, HALF_LOG_TWO_PI))
    return v.select(middle, close, v.select(v.test("olt", a, 1e30), far, leading))


def lgamma(v: Lanes, x: str) -> str:
    """log|gamma(x)|; by reflection for x < -1/2 (A&S 6.1.17), infinite at the poles and where x has no fraction."""
    a = v.abs(x)
    value = _lgamma_away_from_poles(v, x, a)
    turn = v.sub(a, v.mul(v.rint(v.mul(a, 0.5)), 2.0))  # |turn| <= 1, and sin(πa) = sin(π·turn)
    folded = v.select(v.test("ogt", v.abs(turn), 0.5), v.sub(v.copysign(1.0, turn), turn), turn)
    sine = v.abs(shared(v, "sin", 1, sin, [v.mul(folded, math.pi)]))
    reflected = v.sub(_log(v, v.div(math.pi, v.mul(a, sine))), value)
    pole = v.either(v.test("oeq", sine, 0.0), v.test("oge", a, 2.0**52))
    reflected = v.select(pole, math.inf, reflected)
    return v.select(v.test("olt", x, -0.5), reflected, value)


def digamma(v: Lanes, x: str) -> str:
    """Recurrence to 10, then the series at infinity; by reflection for x < 0."""
    negative = v.test("olt", x, 0.0)
    y, shift = v.select(negative, v.sub(1.0, x), x), v.text(0.0)
    for _ in range(10):
        low = v.test("olt", y, 10.0)
        shift = v.add(shift, v.select(low, v.div(1.0, y), 0.0))
        y = v.select(low, v.add(y, 1.0), y)
    square = v.div(1.0, v.mul(y, y))
    value = v.sub(_log(v, y), v.div(0.5, y))
    value = v.sub(v.sub(value, v.mul(square, v.polynomial(square, table.DIGAMMA_SERIES))), shift)
    fraction = v.sub(x, v.rint(x))
    slope = v.div(math.pi, shared(v, "tan", 1, tan, [v.mul(fraction, math.pi)]))
    whole = v.either(v.test("ueq", fraction, 0.0), v.test("oeq", v.abs(x), math.inf))
    reflected = v.select(whole, math.nan, v.sub(value, slope))
    value = v.select(negative, reflected, value)
    return v.select(v.test("oeq", x, 0.0), v.copysign(math.inf, v.neg(x)), value)


# ---- the normal distribution ----


def erfcx_positive(v: Lanes, a: str) -> str:
    """exp(a²)·erfc(a) for a >= 0."""
    middle = v.at_most(a, 1e8)
    place = v.div(v.sub(middle, 3.0), v.add(middle, 3.0))
    value = v.div(v.polynomial(place, table.ERFCX), v.fma(middle, 2.0, 1.0))
    return v.select(v.test("ogt", a, 1e8), v.div(1 / math.sqrt(math.pi), a), value)


def erfcx(v: Lanes, x: str) -> str:
    a = v.abs(x)
    value = erfcx_positive(v, a)
    negative = v.sub(v.mul(exp_of_square(v, v.at_most(a, 27.0)), 2.0), value)
    return v.select(v.test("olt", x, 0.0), negative, value)


def log_ndtr(v: Lanes, x: str) -> str:
    """log Φ(x), without underflow."""
    a = v.abs(x)
    far = v.sub(_log(v, v.mul(erfcx_positive(v, v.mul(a, SQRT_HALF)), 0.5)), v.mul(v.mul(x, x), 0.5))
    tail = shared(v, "normal_tail", 1, normal_tail, [a])
    near = _log1p(v, v.select(v.test("olt", x, 0.0), v.sub(tail, 1.0), v.neg(tail)))
    return v.select(v.test("olt", x, -1.0), far, near)


def _inverse_ratio(v: Lanes, w: str) -> str:
    """erfinv(y)/y as a function of w = -log(1 - y²)."""
    root = v.sqrt(w)
    value = v.mul(root, v.polynomial(v.sub(v.div(504.0 / 19.0, root), 37.0 / 19.0), table.INVERSE_FAR_TAIL))
    ranges: tuple[tuple[Number, float, str, tuple[float, ...]], ...] = (
        (root, 9.0, v.mul(v.sub(root, 6.75), 1 / 2.25), table.INVERSE_TAIL),
        (root, 4.5, v.sub(root, 3.5), table.INVERSE_SHOULDER),
        (w, 6.25, v.sub(v.mul(w, 1 / 3.125), 1.0), table.INVERSE_CENTRE),
    )
    for place, end, variable, coefficients in ranges:
        value = v.select(v.test("ole", place, end), v.polynomial(variable, coefficients), value)
    return value


def erfinv(v: Lanes, y: str) -> str:
    a = v.abs(y)
    product = v.mul(v.sub(1.0, a), v.add(a, 1.0))
    small = v.test("olt", a, 0.6)
    w = v.neg(v.select(small, _log1p(v, v.neg(v.mul(y, y))), _log(v, product)))
    value = v.mul(y, _inverse_ratio(v, v.at_most(w, 700.0)))
    return v.select(v.test("oeq", a, 1.0), v.mul(y, math.inf), value)


def ndtri(v: Lanes, p: str) -> str:
    """The quantile of the standard normal distribution."""
    smaller = v.at_most(v.sub(1.0, p), p)
    y = v.fma(smaller, -2.0, 1.0)
    product = v.mul(v.mul(smaller, 4.0), v.sub(1.0, smaller))
    central = v.test("ogt", smaller, 0.2)
    w = v.neg(v.select(central, _log1p(v, v.neg(v.mul(y, y))), _log(v, product)))
    magnitude = v.mul(v.mul(y, _inverse_ratio(v, v.at_most(w, 783.0))), math.sqrt(2))
    magnitude = v.select(v.test("oeq", smaller, 0.0), math.inf, magnitude)
    return v.select(v.test("olt", p, 0.5), v.neg(magnitude), magnitude)
