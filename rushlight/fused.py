"""a·b + c in one rounding, as a processor's multiply-add gives it, in NumPy.

>>> import numpy as np
>>> third = np.array([1 / 3])
>>> float(third[0] * 3.0 - 1.0), float(multiply_add(third, np.array(3.0), np.array(-1.0))[0])
(0.0, -5.551115123125783e-17)
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np

_TIE = 1 << 28  # the lowest 29 bits of a float64 that lies halfway between two float32
_BELOW_FLOAT32 = (1 << 29) - 1
_LEAST_NORMAL = 2.0**-126  # of float32
_LEAST, _MOST = 2.0**-400, 2.0**400  # factors and summands between these: nothing on the way leaves the format


def multiply_add(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> Any:
    """a·b + c, elementwise with broadcasting; rounded once in float32 and float64, in other dtypes twice.

    Args:
        a: of the same dtype as `b` and `c`.
    """
    if a.dtype == np.float32:
        return narrow_sum(np.multiply(a, b, dtype=np.float64), c.astype(np.float64))  # the product is exact
    if a.dtype != np.float64:
        return a * b + c
    shape = np.broadcast_shapes(a.shape, b.shape, c.shape)
    a, b, c = np.broadcast_arrays(*np.atleast_1d(a, b, c))
    plain = np.asarray(a * b + c)  # what is right where nothing is rounded, or nothing finite
    rounded = (a != 0) & (b != 0) & (c != 0) & np.isfinite(a) & np.isfinite(b) & np.isfinite(c)
    moderate = rounded.copy()
    for each in (a, b, c):
        moderate &= (np.abs(each) > _LEAST) & (np.abs(each) < _MOST)
    plain[moderate] = moderately(a[moderate], b[moderate], c[moderate])
    for place in zip(*np.nonzero(rounded & ~moderate), strict=True):
        plain[place] = _exactly(float(a[place]), float(b[place]), float(c[place]))
    return plain.reshape(shape)


def narrow_sum(a: np.ndarray, b: np.ndarray | float) -> Any:
    """a + b of float64, rounded once to float32.

    To round the rounded sum again errs only where that lies halfway between two float32, or below the normal ones, of which the halves lie
    elsewhere: such sums are rounded to odd.
    """
    total = np.asarray(a + b)
    doubtful = (total.view(np.int64) & _BELOW_FLOAT32) == _TIE
    doubtful |= np.abs(total) < _LEAST_NORMAL
    if doubtful.any():
        first, second = (np.broadcast_to(each, total.shape)[doubtful] for each in (a, b))
        total[doubtful] = to_odd(*two_sum(first, second))
    return total.astype(np.float32)


def moderately(a: np.ndarray, b: np.ndarray | float, c: np.ndarray | float) -> np.ndarray:
    """a·b + c of float64 of moderate size: the exact sum of three parts, the two smaller ones rounded to odd (Boldo and Melquiond, "Emulation
    of a FMA and correctly rounded sums", 2008)."""
    high, low = two_product(a, b)
    middle, rest = two_sum(low, c)
    high, middle = two_sum(high, middle)
    return high + to_odd(*two_sum(middle, rest))


def to_odd(total: np.ndarray, error: np.ndarray) -> np.ndarray:
    """A rounded sum with its error as the one of the two neighbours of the exact sum whose last bit is set: rounding it again, to a format of
    two bits less or more, is right."""
    bits = np.array(total).view(np.int64)
    inexact_even = (error != 0) & np.isfinite(error) & ((bits & 1) == 0)
    toward_zero = (error < 0) != (total < 0)
    return np.asarray(bits + np.where(inexact_even, np.where(toward_zero, -1, 1), 0)).view(np.float64)


def two_sum(a: np.ndarray, b: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """The rounded sum and its error, which together are exact (Knuth)."""
    total = a + b
    virtual = total - a
    return total, (a - (total - virtual)) + (b - virtual)


def two_product(a: np.ndarray, b: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """The rounded product and its error, which together are exact (Dekker, with Veltkamp's halves)."""
    product = a * b
    scaled = a * 134217729.0
    a_high = scaled - (scaled - a)
    a_low = a - a_high
    scaled_b = b * 134217729.0
    b_high = scaled_b - (scaled_b - b)
    b_low = b - b_high
    return product, a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low)


def _exactly(a: float, b: float, c: float) -> float:
    """By rational numbers: for the few elements that are huge or tiny."""
    exact = Fraction(a) * Fraction(b) + Fraction(c)
    if not exact:
        return a * b + c if a * b == -c else 0.0
    try:
        return exact.numerator / exact.denominator
    except OverflowError:
        return math.inf if exact > 0 else -math.inf
