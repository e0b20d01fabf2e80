"""The error function and the normal distribution, of lanes."""

from __future__ import annotations

import math

from . import coefficients as table
from .exponential import LOG2_E, LOG_2, LOG_2_PARTS, exp_minus_one_near, exp_rest_near
from .lanes import Lanes

TAIL_END = {"float": 15.0, "double": 39.0}  # from here on Φ(-a) and a·φ(a) are 0
ROOT_2_LOW = {"float": 2.420323420895794e-08, "double": -9.667293313452913e-17}  # √2 less what it is rounded to


def _gaussian(v: Lanes, a: str, factor: float) -> tuple[str, str, str]:
    """(n, r, s) with exp(factor·a²) = 2^n·(1 + r + s) and a small s, for 0 <= a <= TAIL_END. The square loses no digits: it is in two
    parts."""
    whole, rest = v.two_product(v.mul(a, factor), a)
    high, low = LOG_2_PARTS[v.element]
    n = v.rint(v.mul(v.add(whole, rest), LOG2_E))
    r, lost = v.two_sum(v.fma(n, -high, whole), v.fma(n, -low, rest))
    return n, r, v.add(exp_rest_near(v, r), lost)


def _tail_ratio(v: Lanes, a: str) -> tuple[str, str | float]:
    """exp(a²/2)·Φ(-a) and what its rounding lost; the map of [0, inf) is that of Shepherd and Laframboise, Math. Comp. 36, 1981.

    In single precision the loss, of about 4 units in the last place, is left: it is gelu that comes here, and to know the loss would
    double its time.
    """
    pole, coefficients = table.TAIL_POLE[v.element], table.TAIL[v.element]
    if v.element == "float":
        inverse = v.div(1.0, v.add(a, pole))
        return v.mul(inverse, v.polynomial(v.mul(v.sub(a, pole), inverse), coefficients)), 0.0
    total, total_lost = v.two_sum_any(a, pole)
    difference, difference_lost = v.two_sum_any(a, -pole)
    inverse = v.div(1.0, total)
    place = v.mul(difference, inverse)
    product, product_lost = v.two_product(place, total)
    missing = v.add(v.sub(v.sub(difference, product), product_lost), v.sub(difference_lost, v.mul(place, total_lost)))
    place = v.fma(missing, inverse, place)
    most, most_error = v.two_product(place, v.horner(place, coefficients[1:]))
    value, value_error = v.two_sum_any(coefficients[0], most)
    ratio, error = v.two_product(inverse, value)
    product, product_lost = v.two_product(inverse, total)
    defect = v.sub(v.sub(v.sub(1.0, product), product_lost), v.mul(inverse, total_lost))
    return ratio, v.fma(ratio, defect, v.fma(inverse, v.add(value_error, most_error), error))


def _gaussian_times(v: Lanes, a: str, factor: float, ratio: str, error: str | float) -> str:
    """exp(factor·a²)·(ratio + error)."""
    n, r, rest = _gaussian(v, a, factor)
    if v.element == "float":
        return v.scale(v.fma(ratio, v.add(r, rest), ratio), n)
    product, product_error = v.two_product(ratio, r)
    total, total_error = v.two_sum(ratio, product)
    lost = v.add(v.add(product_error, total_error), v.fma(ratio, rest, error))
    return v.scale(v.add(total, lost), n)


def exp_of_square(v: Lanes, a: str) -> str:
    """exp(a²) for 0 <= a <= 27, where it is infinite."""
    n, r, rest = _gaussian(v, a, 1.0)
    total, lost = v.two_sum(1.0, r)
    return v.scale(v.add(total, v.add(rest, lost)), n)


def normal_tail(v: Lanes, a: str) -> str:
    """Φ(-a), the normal distribution's tail, for a >= 0."""
    a = v.at_most(a, TAIL_END[v.element])
    return _gaussian_times(v, a, -0.5, *_tail_ratio(v, a))


def normal_slope(v: Lanes, a: str) -> str:
    """Φ(-a) - a·φ(a) for a >= 0; NaN of infinity, as the product is."""
    near = v.at_most(a, TAIL_END[v.element])
    ratio, error = _tail_ratio(v, near)
    value = _gaussian_times(v, near, -0.5, v.fma(near, -1 / math.sqrt(2 * math.pi), ratio), error)
    return v.fma(a, 0.0, value)


def _erfc_of_size(v: Lanes, a: str) -> str:
    """erfc(a) = 2·Φ(-a·√2). What the product with √2 loses counts by the ratio's slope, x·ratio - φ(0)."""
    a = v.at_most(a, TAIL_END[v.element] / math.sqrt(2))
    x, lost = v.two_product(a, v.text(math.sqrt(2)))
    lost = v.fma(a, ROOT_2_LOW[v.element], lost)
    ratio, error = _tail_ratio(v, x)
    error = v.fma(lost, v.fma(x, ratio, -1 / math.sqrt(2 * math.pi)), error)
    return _gaussian_times(v, a, -1.0, v.mul(ratio, 2.0), v.mul(error, 2.0))


def erf(v: Lanes, x: str) -> str:
    size, squared = v.abs(x), v.mul(x, x)
    near = v.fma(x, v.polynomial(squared, table.ERF[v.element]), x)
    far = v.copysign(v.sub(1.0, _erfc_far(v, size)), x)
    return v.select(v.test("olt", size, 1.0), near, far)


def _erfc_far(v: Lanes, a: str) -> str:
    """erfc(a) for a >= 1, as precisely as 1 - erfc(a) needs it."""
    if v.element == "double":
        return _erfc_of_size(v, a)
    exponent = v.polynomial(v.at_most(a, 4.0), table.ERFC_LOG["float"])
    n = v.rint(exponent)
    near = v.add(exp_minus_one_near(v, v.mul(v.sub(n, exponent), LOG_2)), 1.0)
    return v.mul(near, v.power_of_two(v.neg(n)))


def erfc(v: Lanes, x: str) -> str:
    size, squared = v.abs(x), v.mul(x, x)
    near = v.sub(1.0, v.fma(x, v.polynomial(squared, table.ERF[v.element]), x))
    far = _erfc_of_size(v, size)
    far = v.select(v.test("olt", x, 0.0), v.sub(2.0, far), far)
    return v.select(v.test("olt", size, 0.5), near, far)
