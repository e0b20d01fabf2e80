"""The error function and the normal distribution, of lanes."""

from __future__ import annotations

import math

from . import coefficients as table
from .exponential import LOG2_E, LOG_2, LOG_2_PARTS, exp_minus_one_near
from .lanes import Lanes

TAIL_END = {"float": 15.0, "double": 39.0}  # from here on Φ(-a) and a·φ(a) are 0


def _gaussian(v: Lanes, a: str, factor: float) -> tuple[str, str]:
    """(n, p) with exp(factor·a²) = 2^n·(1 + p), for 0 <= a <= TAIL_END. The square loses no digits: it is in two parts, or a is split
    (Cody, Math. Comp. 23, 1969)."""
    if v.machine.fma:
        whole, rest = v.two_product(v.mul(a, factor), a)
    else:
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
    if v.element == "float":
        return v.mul(inverse, v.polynomial(place, table.TAIL["float"])), 0.0
    missing = v.fma(place, v.neg(a), v.fma(v.add(place, 1.0), -pole, a))  # (a - pole) - place·(a + pole)
    value = v.horner(v.fma(missing, inverse, place), table.TAIL["double"])
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


def exp_of_square(v: Lanes, a: str) -> str:
    """exp(a²) for 0 <= a <= 27, where it is infinite."""
    n, p = _gaussian(v, a, 1.0)
    return v.scale(v.add(p, 1.0), n)


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
    a = v.at_most(a, TAIL_END[v.element] / math.sqrt(2))
    ratio, error = _tail_ratio(v, v.mul(a, math.sqrt(2)))
    return _gaussian_times(v, a, -1.0, v.mul(ratio, 2.0), v.mul(error, 2.0) if error else 0.0)


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
