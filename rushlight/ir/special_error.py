"""The error function, its kin and inverses, and the normal distribution's functions.

The whole family stands on two smooth functions: erf(x)/x near zero, and exp(x*x) erfc(x) mapped from [0, inf) to
[-1, 1] (the map is Shepherd and Laframboise's, Math. Comp. 36, 1981). Where a Gaussian factor is needed, x is split so
that x*x loses no digits (Cody, Math. Comp. 23, 1969). The inverses are expansions in w = -log(1 - y*y) (the variable is
Giles's, GPU Computing Gems, 2011).
"""

from __future__ import annotations

import numpy as np

from .special_evaluate import BLOCK, Array, elementwise, fill, horner, result_dtype
from .special_tables import (
    ERF_NEAR,
    ERFCX,
    INVERSE_CENTRE,
    INVERSE_FAR_TAIL,
    INVERSE_SHOULDER,
    INVERSE_TAIL,
)

SQRT_HALF = 0.7071067811865476
INVERSE_SQRT_PI = 0.5641895835477563

# erf(x) = tanh(x + x N(s)/D(s)), s = min(x*x, 16), in single precision. atanh(erf(x))/x - 1 is smooth and needs little
# accuracy where erf is close to 1. The coefficients are a least-squares fit reweighted towards the smallest greatest
# error; N is monic in s.
SINGLE_NUMERATOR = (69.26850891113281, 66.3198471069336, 10.22827434539795)
SINGLE_DENOMINATOR = (539.5619506835938, 84.65325164794922, 12.782172203063965, 0.17531652748584747)


def gaussian(a: Array, scale: float) -> Array:
    """exp(scale a**2) for a >= 0, without the error that rounding a**2 would bring."""
    a = np.minimum(a, 64.0)  # beyond, the result is 0 or inf
    coarse = np.rint(a * 32.0) * 0.03125  # its square is exact
    return np.exp(scale * coarse * coarse) * np.exp(scale * ((a - coarse) * (a + coarse)))


def erf_near(x: Array) -> Array:
    """erf for |x| <= 1."""
    return x + x * horner(x * x, ERF_NEAR)


def erfcx_positive(a: Array) -> Array:
    """exp(a*a) erfc(a) for a >= 0."""
    middle = np.minimum(a, 1e8)
    value = horner((middle - 3.0) / (middle + 3.0), ERFCX) / (1.0 + 2.0 * middle)
    return np.where(a > 1e8, INVERSE_SQRT_PI / a, value)


def erfc_positive(a: Array) -> Array:
    return gaussian(a, -1.0) * erfcx_positive(a)


def erf_double(x: Array) -> Array:
    out = np.empty_like(x)
    a = np.abs(x)
    near = a <= 1.0
    fill(out, near, erf_near, x)
    fill(out, ~near, lambda x, a: np.copysign(1.0 - erfc_positive(a), x), x, a)
    return out


_erf_any = elementwise(erf_double)


def _erf_single(x: Array) -> Array:
    out = np.empty(x.shape, np.float32)
    flat, flat_out = x.reshape(-1), out.reshape(-1)
    length = min(flat.size, 2 * BLOCK)
    squares, denominators = np.empty(length, np.float32), np.empty(length, np.float32)
    with np.errstate(all="ignore"):
        for start in range(0, flat.size, 2 * BLOCK):
            v, n = flat[start : start + 2 * BLOCK], flat_out[start : start + 2 * BLOCK]
            s, d = squares[: v.size], denominators[: v.size]
            np.square(v, out=s)
            np.minimum(s, 16.0, out=s)
            np.add(s, SINGLE_NUMERATOR[2], out=n)
            for c in SINGLE_NUMERATOR[1::-1]:
                n *= s
                n += c
            np.multiply(s, SINGLE_DENOMINATOR[3], out=d)
            d += SINGLE_DENOMINATOR[2]
            for c in SINGLE_DENOMINATOR[1::-1]:
                d *= s
                d += c
            n /= d
            n *= v
            n += v
            np.tanh(n, out=n)
    return out


def erf(x: Array) -> Array:
    """The error function; in float32 within 2.2 units in the last place, in 18 passes over blocks in cache."""
    x = np.asarray(x)
    if result_dtype("erf", [x]) == np.float32:
        return _erf_single(x)
    return _erf_any(x)


def erfc_double(x: Array) -> Array:
    out = np.empty_like(x)
    a = np.abs(x)
    near = a <= 0.5
    fill(out, near, lambda x: 1.0 - erf_near(x), x)
    fill(out, ~near, lambda x, a: np.where(x < 0, 2.0 - erfc_positive(a), erfc_positive(a)), x, a)
    return out


@elementwise
def erfc(x: Array) -> Array:
    """1 - erf(x), with full relative accuracy for large x."""
    return erfc_double(x)


@elementwise
def erfcx(x: Array) -> Array:
    """exp(x*x) erfc(x)."""
    out = erfcx_positive(np.abs(x))
    fill(out, x < 0, lambda x, positive: 2.0 * gaussian(-x, 1.0) - positive, x, out)
    return out


def inverse_ratio(w: Array) -> Array:
    """erfinv(y)/y as a function of w = -log(1 - y*y), 0 <= w < 784."""
    out = np.empty_like(w)
    root = np.sqrt(w)
    centre, shoulder, tail = w <= 6.25, root <= 4.5, root <= 9.0
    fill(out, centre, lambda w: horner(w / 3.125 - 1.0, INVERSE_CENTRE), w)
    fill(out, shoulder & ~centre, lambda r: horner(r - 3.5, INVERSE_SHOULDER), root)
    fill(out, tail & ~shoulder, lambda r: horner((r - 6.75) / 2.25, INVERSE_TAIL), root)
    fill(out, ~tail, lambda r: r * horner((504.0 / r - 37.0) / 19.0, INVERSE_FAR_TAIL), root)
    return out


@elementwise
def erfinv(y: Array) -> Array:
    """The inverse of erf: infinite at -1 and 1, NaN outside."""
    a = np.abs(y)
    w = np.where(a < 0.6, -np.log1p(-y * y), -np.log((1.0 - a) * (1.0 + a)))
    return np.where(a == 1.0, y * np.inf, y * inverse_ratio(np.minimum(w, 700.0)))


@elementwise
def ndtri(p: Array) -> Array:
    """The quantile of the standard normal distribution: infinite at 0 and 1, NaN outside."""
    smaller = np.minimum(p, 1.0 - p)
    y = 1.0 - 2.0 * smaller
    w = np.where(smaller > 0.2, -np.log1p(-y * y), -np.log(4.0 * smaller * (1.0 - smaller)))
    magnitude = y * inverse_ratio(np.minimum(w, 783.0)) / SQRT_HALF
    magnitude = np.where(smaller == 0.0, np.inf, magnitude)
    return np.where(p < 0.5, -magnitude, magnitude)


def normal_tail(a: Array) -> Array:
    """The probability that a standard normal variable exceeds a >= 0."""
    return 0.5 * gaussian(a, -0.5) * erfcx_positive(a * SQRT_HALF)


def ndtr_double(x: Array) -> Array:
    out = np.empty_like(x)
    a = np.abs(x)
    near = a <= 1.0
    fill(out, near, lambda x: 0.5 + 0.5 * erf_near(x * SQRT_HALF), x)
    fill(out, ~near, lambda x, a: np.where(x < 0, normal_tail(a), 1.0 - normal_tail(a)), x, a)
    return out


@elementwise
def ndtr(x: Array) -> Array:
    """The distribution function of the standard normal distribution."""
    return ndtr_double(x)


@elementwise
def log_ndtr(x: Array) -> Array:
    """log(ndtr(x)), without underflow."""
    out = np.empty_like(x)
    far = x < -1.0
    fill(out, far, lambda x: np.log(0.5 * erfcx_positive(-x * SQRT_HALF)) - 0.5 * x * x, x)
    fill(out, ~far, lambda x: np.log1p(-ndtr_double(-x)), x)
    return out
