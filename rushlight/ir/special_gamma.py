"""The gamma function's logarithm, its derivatives, the Hurwitz zeta function, and the incomplete gamma functions.

lgamma: one polynomial around 2, recurrence up to 8, Stirling's series beyond (A&S 6.1). digamma and zeta: recurrence to
10, then the Euler-Maclaurin sum (A&S 6.3.18, 23.2). Incomplete gamma: power series (A&S 6.5.29), continued fraction
(A&S 6.5.31) and, for large a with x near a, Temme's uniform expansion (DLMF 8.12).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .special_error import erfcx_positive
from .special_evaluate import Array, elementwise, fill, horner, result_dtype, run_blocks, sin_pi
from .special_tables import DIGAMMA_SERIES, EULER_MACLAURIN, LGAMMA_NEAR_TWO, LOG1P_MINUS, STIRLING, TEMME

HALF_LOG_TWO_PI = 0.9189385332046727
EPSILON = 2.0**-53
LARGE_A = 100.0  # from here Temme's expansion serves x near a
MOST_TERMS = 2000


def lgamma_from_two(z: Array) -> Array:
    """lgamma(2 + z) for |z| <= 1/2."""
    return z * horner(z, LGAMMA_NEAR_TWO)


def stirling_correction(x: Array) -> Array:
    """lgamma(x) - ((x - 1/2) log(x) - x + log(2 pi)/2) for x >= 8."""
    return horner(1.0 / (x * x), STIRLING) / x


def step_down(x: Array) -> tuple[Array, Array]:
    """(y, product) with gamma(x) = product * gamma(y) and 1.5 < y <= 2.5, for 1.5 < x < 14."""
    y, product = x, np.ones_like(x)
    while (above := y > 2.5).any():
        y = np.where(above, y - 1.0, y)
        product = np.where(above, product * y, product)
    return y, product


def lgamma_large(x: Array) -> Array:
    logarithm = np.log(x)
    leading = x * (logarithm - 1.0)
    return np.where(x < 1e30, leading - 0.5 * logarithm + HALF_LOG_TWO_PI + stirling_correction(x), leading)


def lgamma_middle(x: Array) -> Array:
    y, product = step_down(x)
    return lgamma_from_two(y - 2.0) + np.log(product)


def lgamma_positive(x: Array) -> Array:
    """lgamma for x > 1/2."""
    out = np.empty_like(x)
    near_one, middle = x <= 1.5, x < 8.0
    fill(out, near_one, lambda x: lgamma_from_two(x - 1.0) - np.log1p(x - 1.0), x)
    fill(out, middle & ~near_one, lgamma_middle, x)
    fill(out, ~middle, lgamma_large, x)
    return out


def lgamma_reflected(x: Array) -> Array:
    """lgamma for x < -1/2 (A&S 6.1.17): infinite at the poles, and at every x too large to have a fraction."""
    a = np.abs(x)
    sine = np.where(a < 2.0**52, np.abs(sin_pi(a)), 0.0)
    return np.where(sine == 0.0, np.inf, np.log(np.pi / (a * sine)) - lgamma_positive(a))


def lgamma_double(x: Array) -> Array:
    out = np.empty_like(x)
    small, negative = np.abs(x) <= 0.5, x < -0.5
    fill(out, small, lambda x: lgamma_from_two(x) - np.log(np.abs(x)) - np.log1p(x), x)
    fill(out, negative, lgamma_reflected, x)
    fill(out, ~(small | negative), lgamma_positive, x)
    return out


@elementwise
def lgamma(x: Array) -> Array:
    """The logarithm of |gamma(x)|. Near its zeros at negative x only the absolute error is at rounding level."""
    return lgamma_double(x)


def digamma_positive(x: Array) -> Array:
    y, shift = x, np.zeros_like(x)
    while (low := y < 10.0).any():
        shift = shift + np.where(low, 1.0 / y, 0.0)
        y = np.where(low, y + 1.0, y)
    square = 1.0 / (y * y)
    return np.log(y) - 0.5 / y - square * horner(square, DIGAMMA_SERIES) - shift


def digamma_reflected(x: Array) -> Array:
    fraction = x - np.rint(x)
    value = digamma_positive(1.0 - x) - np.pi / np.tan(np.pi * fraction)
    return np.where((fraction == 0.0) | np.isinf(x), np.nan, value)


def digamma_double(x: Array) -> Array:
    out = np.empty_like(x)
    fill(out, x == 0.0, lambda x: np.copysign(np.inf, -x), x)
    fill(out, x < 0.0, digamma_reflected, x)
    fill(out, ~(x <= 0.0), digamma_positive, x)
    return out


@elementwise
def digamma(x: Array) -> Array:
    """The derivative of lgamma: NaN at negative integers, -inf at 0 and inf at -0."""
    return digamma_double(x)


def zeta_positive(s: Array, q: Array) -> Array:
    """sum (q + k)**-s over k >= 0, for s > 1, q > 0."""
    total = q**-s
    for k in range(1, 10):
        total += (q + k) ** -s
    a = q + 10.0
    power = a**-s
    tail = power * a / (s - 1.0) + 0.5 * power
    term = s * power / a
    for j, coefficient in enumerate(EULER_MACLAURIN):
        tail += coefficient * term
        term = term * (s + (2 * j + 1)) * (s + (2 * j + 2)) / (a * a)
    # For large s the series diverges, but then its first term is already below the rounding error.
    return np.where(power * a > EPSILON * 1e-3 * total, total + tail, total)


def zeta_negative(s: Array, q: Array) -> Array:
    """The same for q < 0 and whole s: the terms below zero are a finite sum, the difference of two infinite ones."""
    steps = -np.floor(q)
    below = zeta_positive(s, -(q + (steps - 1.0))) - zeta_positive(s, 1.0 - q)
    return np.where(np.mod(s, 2.0) == 1.0, -below, below) + zeta_positive(s, q + steps)


def zeta_double(s: Array, q: Array) -> Array:
    out = np.full(s.shape, np.nan)
    pole = (s == 1.0) | (~(s < 1.0) & (q <= 0.0) & (q == np.floor(q)))
    out[pole] = np.inf
    fill(out, (s > 1.0) & (q > 0.0), zeta_positive, s, q)
    fill(out, (s > 1.0) & (q < 0.0) & ~pole & (s == np.floor(s)), zeta_negative, s, q)
    return out


def zeta_at_infinity(s: Array, q: Array, value: Array) -> Array:
    """PyTorch's answers where s or q is infinite: NaN, unless the first term alone is 1 or infinite."""
    first = np.where(q == 1.0, 1.0, np.where(np.abs(q) < 1.0, np.inf, np.nan))
    value = np.where((s == np.inf) & (q > 0.0), first, value)
    value = np.where((s == np.inf) & (q < 0.0), np.inf, value)
    return np.where((q == np.inf) & (s > 1.0), np.nan, value)


@elementwise
def zeta(x: Array, q: Array) -> Array:
    """The Hurwitz zeta function: sum (q + k)**-x over k >= 0; infinite at its poles, NaN for x < 1."""
    return zeta_at_infinity(x, q, zeta_double(x, q))


def polygamma_double(n: int, x: Array) -> Array:
    order = np.full(x.shape, n + 1.0)
    values = zeta_double(order, x)
    if n == 1:
        return np.where(x == -np.inf, np.nan, np.where(x == np.inf, 0.0, values))
    values = np.where(x == np.inf, np.nan, values)
    return (1.0 if n % 2 else -1.0) * (float(math.factorial(n)) if n <= 170 else math.inf) * values


def polygamma(n: int, x: Any) -> Array:
    """The n-th derivative of digamma.

    Unlike PyTorch, the first one is infinite at negative integers (PyTorch gives a huge number) and exact to rounding.
    """
    if n < 0:
        raise RuntimeError("polygamma(n, x) does not support negative n.")
    if n == 0:
        return digamma(x)
    x = np.asarray(x)
    return run_blocks(lambda block: polygamma_double(n, block), [x], result_dtype("polygamma", [x]))


def multigammaln(a: Any, p: int) -> Array:
    """The logarithm of the multivariate gamma function of dimension p."""
    if p < 1:
        raise RuntimeError("p has to be greater than or equal to 1")
    a = np.asarray(a)
    constant = 0.25 * p * (p - 1) * math.log(math.pi)

    def kernel(block: Array) -> Array:
        return sum((lgamma_double(block - 0.5 * i) for i in range(p)), np.full(block.shape, constant))

    return run_blocks(kernel, [a], result_dtype("multigammaln", [a]))


def log1p_minus(d: Array) -> Array:
    """log(1 + d) - d for d > -1."""
    near = (d >= -0.4) & (d <= 0.6)
    out = np.log1p(d) - d
    fill(out, near, lambda d: d * d * horner(d, LOG1P_MINUS), d)
    return out


def gamma_plus_one(a: Array) -> Array:
    """gamma(1 + a) for 0 <= a < 13."""
    small = a <= 0.5
    y, product = step_down(np.where(small, 1.5, a) + 1.0)
    return np.where(
        small, np.exp(lgamma_from_two(np.minimum(a, 0.5))) / (1.0 + a), product * np.exp(lgamma_from_two(y - 2.0))
    )


def gamma_density(a: Array, x: Array) -> Array:
    """x**a exp(-x) / gamma(1 + a)."""
    out = np.empty_like(a)
    small = a < 10.0
    fill(out, small, lambda a, x: np.minimum(x, 1e3) ** a * np.exp(-x) / gamma_plus_one(a), a, x)
    fill(out, ~small, gamma_density_large, a, x)
    return out


def gamma_density_large(a: Array, x: Array) -> Array:
    return np.exp(a * log1p_minus((x - a) / a) - stirling_correction(a)) / np.sqrt(2.0 * np.pi * a)


def lower_series(a: Array, x: Array) -> Array:
    """P(a, x) by its power series; for x up to about a."""
    term, total = np.ones_like(a), np.ones_like(a)
    for n in range(1, MOST_TERMS):
        term *= x / (a + n)
        total += term
        if not (term > EPSILON * total).any():
            break
    return total * gamma_density(a, x)


def upper_fraction(a: Array, x: Array) -> Array:
    """Q(a, x) by its continued fraction, evaluated forwards (Lentz); for x above 1 and above a."""
    b = x + 1.0 - a
    c, d = np.full(a.shape, np.inf), 1.0 / b
    value = d.copy()
    for n in range(1, MOST_TERMS):
        numerator = n * (a - n)
        b = b + 2.0
        d = 1.0 / (numerator * d + b)
        c = b + numerator / c
        step = c * d
        value *= step
        if not (np.abs(step - 1.0) > 2.0 * EPSILON).any():
            break
    return value * a * gamma_density(a, x)


def upper_series(a: Array, x: Array) -> Array:
    """Q(a, x) for small x, without the cancellation of 1 - P."""
    factor, total = np.ones_like(a), np.zeros_like(a)
    for n in range(1, MOST_TERMS):
        factor *= -x / n
        term = factor / (a + n)
        total += term
        if not (np.abs(term) > EPSILON * np.abs(total)).any():
            break
    exponent = a * np.log(x) - np.where(
        a <= 0.5, lgamma_from_two(np.minimum(a, 0.5)) - np.log1p(a), lgamma_double(1.0 + a)
    )
    return -np.expm1(exponent) - a * np.exp(exponent) * total


def temme(a: Array, x: Array, upper: bool) -> Array:
    """P or Q for large a and x near a."""
    exponent = a * log1p_minus((x - a) / a)
    eta = np.copysign(np.sqrt(-2.0 * exponent / a), x - a)
    tail = 0.5 * np.exp(exponent) * erfcx_positive(np.sqrt(-exponent))
    total = np.zeros_like(a)
    for row in reversed(TEMME):
        total = total / a + (horner(eta, row) if len(row) > 1 else row[0])
    correction = np.exp(exponent) / np.sqrt(2.0 * np.pi * a) * total
    beyond = (eta >= 0) == upper
    return np.where(beyond, tail, 1.0 - tail) + (correction if upper else -correction)


def incomplete_edges(a: Array, x: Array, upper: bool) -> tuple[Array, Array]:
    """(result filled at the edges of the domain, where it still has to be computed)."""
    zero, one = (1.0, 0.0) if upper else (0.0, 1.0)  # the values at x = 0 and at x = inf
    conditions = [
        (x < 0) | (a < 0),
        (a == 0) & (x > 0),
        a == 0,
        x == 0,
        np.isinf(a) & np.isinf(x),
        np.isinf(a),
        np.isinf(x),
        np.isnan(a) | np.isnan(x),
    ]
    values = [np.nan, one, np.nan, zero, np.nan, zero, one, np.nan]
    return np.select(conditions, values, 0.0), ~np.logical_or.reduce(conditions)


@elementwise
def gammainc(a: Array, x: Array) -> Array:
    """The regularised lower incomplete gamma function P(a, x)."""
    out, inside = incomplete_edges(a, x, upper=False)
    near = inside & (a >= LARGE_A) & (np.abs(x - a) <= 0.3 * a)
    above = inside & ~near & (x > 1.0) & (x > a)
    fill(out, near, lambda a, x: temme(a, x, upper=False), a, x)
    fill(out, above, lambda a, x: 1.0 - upper_fraction(a, x), a, x)
    fill(out, inside & ~near & ~above, lower_series, a, x)
    return out


@elementwise
def gammaincc(a: Array, x: Array) -> Array:
    """The regularised upper incomplete gamma function Q(a, x) = 1 - P(a, x)."""
    out, inside = incomplete_edges(a, x, upper=True)
    near = inside & (a >= LARGE_A) & (np.abs(x - a) <= 0.3 * a)
    fraction = inside & ~near & (x > 1.1) & (x >= a)
    threshold = np.where(x > 1.1, x, np.where(x <= 0.5, -0.4 / np.log(x), 1.1 * x))
    lower = inside & ~near & ~fraction & (threshold < a)
    fill(out, near, lambda a, x: temme(a, x, upper=True), a, x)
    fill(out, fraction, upper_fraction, a, x)
    fill(out, lower, lambda a, x: 1.0 - lower_series(a, x), a, x)
    fill(out, inside & ~near & ~fraction & ~lower, upper_series, a, x)
    return out
