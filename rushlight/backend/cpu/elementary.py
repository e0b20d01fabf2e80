"""Elementary functions of lanes: within two units in the last place, at any width, subnormal numbers, infinities and NaN included.

The argument is reduced to an interval where a polynomial will do, in parts whose products are exact (Cody and Waite, Software Manual
for the Elementary Functions, 1980; Muller, Elementary Functions, 2016). Float functions that few programs wait for compute in double.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from . import coefficients as table
from .lanes import LEAST_NORMAL, Lanes, shared
from .power import power
from .trigonometry import acos, asin, atan, atan2, cos, sin, tan

INFINITY, NAN = math.inf, math.nan
LOG2_E, LOG_2 = 1 / math.log(2), math.log(2)

# log(2) in two parts; whole numbers up to the greatest exponent times the first one are exact.
LOG_2_PARTS = {
    "float": (0.693145751953125, 1.4286068203094173e-06),
    "double": (0.6931471803691238, 1.9082149292705877e-10),
}
LOG10_2_PARTS = (0.30102999565860955, 5.371644767466998e-12)
LOG10_E, LOG2_E_PARTS = 0.4342944819032518, (1.4426950408889634, 2.0355273740931033e-17)

# Where e^x overflows and where it is less than half of the least subnormal number.
EXP_RANGE = {"float": (-104.0, 89.0), "double": (-746.0, 710.0)}
TAIL_END = {"float": 15.0, "double": 39.0}  # from here on Φ(-a) and a·φ(a) are 0
SQRT_HALF_BITS = {"float": 0x3F3504F3, "double": 0x3FE6A09E667F3BCD}


# ---- exponentials ----


def _clamp(v: Lanes, x: str, low: float, high: float) -> str:
    return v.at_least(v.at_most(x, high), low)


def _without_powers(v: Lanes, x: str) -> tuple[str, str]:
    """(n, r) with x = n·log(2) + r."""
    high, low = LOG_2_PARTS[v.element]
    n = v.rint(v.mul(x, LOG2_E))
    return n, v.fma(n, -low, v.fma(n, -high, x))


def exp_minus_one_near(v: Lanes, r: str) -> str:
    """e^r - 1 for |r| <= log(2)/2."""
    return v.fma(v.mul(r, r), v.polynomial(r, table.EXP[v.element]), r)


def exp(v: Lanes, x: str) -> str:
    n, r = _without_powers(v, _clamp(v, x, *EXP_RANGE[v.element]))
    return v.scale(v.add(exp_minus_one_near(v, r), 1.0), n)


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
    """(k, m) with x = 2^k·m and sqrt(1/2) <= m < sqrt(2), for normal x > 0."""
    bits = v.to_bits(x)
    k = v.word("ashr", v.word("sub", bits, SQRT_HALF_BITS[v.element]), v.mantissa)
    return v.from_integer(k), v.from_bits(v.word("sub", bits, v.word("shl", k, v.mantissa)))


def split_any(v: Lanes, x: str) -> tuple[str, str]:
    """The same for subnormal x too."""
    tiny, up = v.test("olt", x, LEAST_NORMAL[v.element]), float(v.mantissa + 2)
    k, m = split(v, v.select(tiny, v.mul(x, 2.0**up), x))
    return v.sub(k, v.select(tiny, up, 0.0)), m


def log_near(v: Lanes, f: str, extra: str | float) -> str:
    """log(1 + f) + extra for sqrt(1/2) <= 1 + f <= sqrt(2); extra is small. In double by way of s = f/(2 + f) (Tang, ACM Trans. Math.
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
    value = v.select(v.test("olt", x, INFINITY), value, x)
    value = v.select(v.test("oeq", x, zero), -INFINITY, value)
    return v.select(v.test("olt", x, zero), NAN, value)


def log(v: Lanes, x: str) -> str:
    k, m = split_any(v, x)
    return _with_edges(v, x, _log_of_parts(v, k, v.sub(m, 1.0)))


def log2(v: Lanes, x: str) -> str:
    k, m = split_any(v, x)
    near = log_near(v, v.sub(m, 1.0), 0.0)
    high, low = LOG2_E_PARTS
    return _with_edges(v, x, v.add(v.fma(near, low, v.mul(near, high)), k))


def log10(v: Lanes, x: str) -> str:
    k, m = split_any(v, x)
    near = log_near(v, v.sub(m, 1.0), 0.0)
    high, low = LOG10_2_PARTS
    return _with_edges(v, x, v.fma(k, high, v.fma(near, LOG10_E, v.mul(k, low))))


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
    return v.select(v.test("olt", x, 1.0), NAN, value)


def atanh(v: Lanes, x: str) -> str:
    size = v.abs(x)
    value = log1p(v, v.div(v.mul(size, 2.0), v.sub(1.0, size)))
    return v.copysign(v.mul(value, 0.5), x)


# ---- the error function and the normal distribution ----


def _gaussian(v: Lanes, a: str, factor: float) -> tuple[str, str]:
    """(n, p) with exp(factor·a²) = 2^n·(1 + p), for 0 <= a <= TAIL_END: a is split so that the square loses no digits (Cody, Math. Comp.
    23, 1969)."""
    steps = 16.0 if v.element == "float" else 32.0
    coarse = v.mul(v.rint(v.mul(a, steps)), 1 / steps)
    whole = v.mul(v.mul(coarse, coarse), factor)
    rest = v.mul(v.mul(v.sub(a, coarse), factor), v.add(a, coarse))
    high, low = LOG_2_PARTS[v.element]
    n = v.rint(v.mul(v.add(whole, rest), LOG2_E))
    r = v.add(v.fma(n, -low, v.fma(n, -high, whole)), rest)
    return n, exp_minus_one_near(v, r)


def _tail_ratio(v: Lanes, a: str) -> tuple[str, str | float]:
    """exp(a²/2)·Φ(-a), in double with what its rounding lost; the map of [0, inf) is that of Shepherd and Laframboise, Math. Comp. 36,
    1981."""
    pole = table.TAIL_POLE[v.element]
    total = v.add(a, pole)
    inverse = v.div(1.0, total)
    place = v.mul(v.sub(a, pole), inverse)
    missing = v.fma(place, v.neg(a), v.fma(v.add(place, 1.0), -pole, a))  # (a - pole) - place·(a + pole)
    value = v.polynomial(v.fma(missing, inverse, place), table.TAIL[v.element])
    if v.element == "float":
        return v.mul(inverse, value), 0.0
    ratio, error = v.two_product(inverse, value)
    product, product_error = v.two_product(inverse, total)
    lost = v.add(v.sub(a, v.sub(total, pole)), v.sub(pole, v.sub(total, v.sub(total, pole))))
    defect = v.sub(v.sub(v.sub(1.0, product), product_error), v.mul(inverse, lost))
    return ratio, v.fma(ratio, defect, error)


def _gaussian_times(v: Lanes, a: str, factor: float, ratio: str, error: str | float) -> str:
    """exp(factor·a²)·(ratio + error)."""
    n, p = _gaussian(v, a, factor)
    product = v.fma(ratio, p, error) if error else v.mul(ratio, p)
    return v.scale(v.add(ratio, product), n)


def normal_tail(v: Lanes, a: str) -> str:
    """Φ(-a), the normal distribution's tail, for a >= 0."""
    a = v.at_most(a, TAIL_END[v.element])
    return _gaussian_times(v, a, -0.5, *_tail_ratio(v, a))


def normal_slope(v: Lanes, a: str) -> str:
    """Φ(-a) - a·φ(a) for a >= 0."""
    a = v.at_most(a, TAIL_END[v.element])
    ratio, error = _tail_ratio(v, a)
    return _gaussian_times(v, a, -0.5, v.fma(a, -1 / math.sqrt(2 * math.pi), ratio), error)


def _erfc_of_size(v: Lanes, a: str) -> str:
    a = v.at_most(a, TAIL_END[v.element] / math.sqrt(2))
    ratio, error = _tail_ratio(v, v.mul(a, math.sqrt(2)))
    return _gaussian_times(v, a, -1.0, v.mul(ratio, 2.0), v.mul(error, 2.0) if error else 0.0)


def erf(v: Lanes, x: str) -> str:
    size, squared = v.abs(x), v.mul(x, x)
    near = v.fma(x, v.polynomial(squared, table.ERF[v.element]), x)
    far = v.copysign(v.sub(1.0, _erfc_of_size(v, size)), x)
    return v.select(v.test("olt", size, 1.0), near, far)


def erfc(v: Lanes, x: str) -> str:
    size, squared = v.abs(x), v.mul(x, x)
    near = v.sub(1.0, v.fma(x, v.polynomial(squared, table.ERF[v.element]), x))
    far = _erfc_of_size(v, size)
    far = v.select(v.test("olt", x, 0.0), v.sub(2.0, far), far)
    return v.select(v.test("olt", size, 0.5), near, far)


# ---- the length of a vector ----


def hypot(v: Lanes, x: str, y: str) -> str:
    """sqrt(x² + y²), scaled by a power of two where a square would overflow or vanish; infinite where one of them is."""
    x, y = v.abs(x), v.abs(y)
    size = v.select(v.test("olt", x, y), y, x)
    large, small = v.test("ogt", size, 2.0**500), v.test("olt", size, 2.0**-500)
    down, up = 2.0**-600, 2.0**600
    scale, back = (v.select(large, a, v.select(small, b, 1.0)) for a, b in ((down, up), (up, down)))
    x_scaled, y_scaled = v.mul(x, scale), v.mul(y, scale)
    value = v.mul(v.sqrt(v.fma(x_scaled, x_scaled, v.mul(y_scaled, y_scaled))), back)
    infinite = v.either(v.test("oeq", x, INFINITY), v.test("oeq", y, INFINITY))
    return v.select(infinite, INFINITY, value)


# ---- which function is computed how ----

Body = Callable[..., str]

# In lanes of the operand's type.
DIRECT: dict[str, Body] = {
    "exp": exp, "exp2": exp2, "expm1": expm1, "log": log, "log1p": log1p, "tanh": tanh, "erf": erf,
    "normal_tail": normal_tail, "normal_slope": normal_slope, "sin": sin, "cos": cos,
}  # fmt: skip
# In lanes of double.
BY_DOUBLE: dict[str, Body] = {
    "log2": log2, "log10": log10, "sinh": sinh, "cosh": cosh, "asinh": asinh, "acosh": acosh, "atanh": atanh, "tan": tan,
    "erfc": erfc, "asin": asin, "acos": acos, "atan": atan, "atan2": atan2, "hypot": hypot, "pow": power,
}  # fmt: skip
SHORT = frozenset({"exp", "exp2"})  # written where they are applied, where the machine scales in hardware

NAMES = frozenset(DIRECT) | frozenset(BY_DOUBLE)


def elementary(v: Lanes, name: str, arguments: Sequence[str]) -> str:
    """Applies an elementary function."""
    if name in DIRECT:
        if name in SHORT and v.scales_in_hardware:
            return DIRECT[name](v, *arguments)
        return shared(v, name, len(arguments), DIRECT[name], arguments)
    return shared(v, name, len(arguments), _by_double(name), arguments)


def _by_double(name: str) -> Body:
    function = BY_DOUBLE[name]

    def body(v: Lanes, *arguments: str) -> str:
        if v.element == "double":
            return function(v, *arguments)
        wide, converted = v.widened(arguments)
        return wide.narrowed(function(wide, *converted), v)

    return body
