"""Orthogonal polynomials by three-term recurrences (A&S 22.7), Chebyshev's of high degree by cosines (A&S 22.3).

The degree is an array, broadcast against x and cut to a whole number; a negative (or NaN) degree gives 0, as in
PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .special_evaluate import Array, result_dtype, run_blocks

Start = Callable[[Array], Array]
Step = Callable[[int, Array, Array, Array], Array]

TRIGONOMETRIC_DEGREE = 8  # above, and for |x| < 1, Chebyshev polynomials are evaluated as cosines
HERMITE_LIMIT = {"float64": 512, "float32": 128}  # PyTorch: Hermite polynomials of a higher degree are NaN


def whole_degree(n: Array) -> Array:
    """The degree without its fraction; -1 where it is no number or no 64-bit integer."""
    return np.where(np.abs(n) < 2.0**63, np.trunc(n), -1.0)


def recurrence(x: Array, n: Array, first: Start, step: Step) -> Array:
    """P_n with P_0 = 1, P_1 = first(x), P_{k+1} = step(k, x, P_k, P_{k-1}); 0 for negative n."""
    out = np.zeros_like(x)
    out[n == 0] = 1.0
    wanted = set(np.unique(n[n > 0]).tolist())
    if not wanted:
        return out
    previous, current = np.ones_like(x), first(x)
    for k in range(1, int(max(wanted)) + 1):
        if k in wanted:
            np.copyto(out, current, where=n == k)
        if k % 64 == 0 and np.isnan(current).all():  # overflowed: it stays NaN
            out[n > k] = np.nan
            break
        previous, current = current, step(k, x, current, previous)
    return out


def chebyshev_first_two(k: int, x: Array, p: Array, q: Array) -> Array:
    return 2.0 * x * p - q


def chebyshev(
    name: str, first: Start, cosine: Callable[[Array, Array], Array], at_one: Start, at_minus_one: Start
) -> Callable[[Any, Any], Array]:
    """A Chebyshev polynomial: P_1, its form in (n, angle), and its values at x = 1 and x = -1 up to (-1)**n."""

    def kernel(x: Array, n: Array) -> Array:
        n = whole_degree(n)
        inside, end = np.abs(x) < 1.0, np.abs(x) == 1.0
        closed = (n > TRIGONOMETRIC_DEGREE) & (inside | end)
        out = recurrence(x, np.where(closed, -1.0, n), first, chebyshev_first_two)
        if closed.any():
            sign = np.where(np.mod(n, 2.0) == 1.0, -1.0, 1.0)
            ends = np.where(x > 0, at_one(n), sign * at_minus_one(n))
            out = np.where(closed, np.where(end, ends, cosine(n, np.arccos(x))), out)
        return out

    return polynomial(name, kernel)


def polynomial(name: str, kernel: Callable[[Array, Array], Array]) -> Callable[[Any, Any], Array]:
    def function(x: Any, n: Any) -> Array:
        x, n = np.asarray(x), np.asarray(n)
        return run_blocks(kernel, [x, n], result_dtype(name, [x, n]))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{name.replace('_', ' ')} of degree n at x."
    return function


def ones(n: Array) -> Array:
    return np.ones_like(n)


chebyshev_polynomial_t = chebyshev(
    "chebyshev_polynomial_t", lambda x: x, lambda n, angle: np.cos(n * angle), at_one=ones, at_minus_one=ones
)
chebyshev_polynomial_u = chebyshev(
    "chebyshev_polynomial_u",
    lambda x: 2.0 * x,
    lambda n, angle: np.sin((n + 1.0) * angle) / np.sin(angle),
    at_one=lambda n: n + 1.0,
    at_minus_one=lambda n: n + 1.0,
)
chebyshev_polynomial_v = chebyshev(
    "chebyshev_polynomial_v",
    lambda x: 2.0 * x - 1.0,
    lambda n, angle: np.cos((n + 0.5) * angle) / np.cos(0.5 * angle),
    at_one=ones,
    at_minus_one=lambda n: 2.0 * n + 1.0,
)
chebyshev_polynomial_w = chebyshev(
    "chebyshev_polynomial_w",
    lambda x: 2.0 * x + 1.0,
    lambda n, angle: np.sin((n + 0.5) * angle) / np.sin(0.5 * angle),
    at_one=lambda n: 2.0 * n + 1.0,
    at_minus_one=ones,
)


def shifted(name: str, base: Callable[[Any, Any], Array]) -> Callable[[Any, Any], Array]:
    """The polynomial on [0, 1] instead of [-1, 1]."""
    return polynomial(name, lambda x, n: base(2.0 * x - 1.0, n))


shifted_chebyshev_polynomial_t = shifted("shifted_chebyshev_polynomial_t", chebyshev_polynomial_t)
shifted_chebyshev_polynomial_u = shifted("shifted_chebyshev_polynomial_u", chebyshev_polynomial_u)
shifted_chebyshev_polynomial_v = shifted("shifted_chebyshev_polynomial_v", chebyshev_polynomial_v)
shifted_chebyshev_polynomial_w = shifted("shifted_chebyshev_polynomial_w", chebyshev_polynomial_w)


def hermite(name: str, x: Any, n: Any, first: Start, step: Step) -> Array:
    x, n = np.asarray(x), np.asarray(n)
    dtype = result_dtype(name, [x, n])
    limit = HERMITE_LIMIT.get(dtype.name, HERMITE_LIMIT["float32"])

    def kernel(x: Array, n: Array) -> Array:
        n = whole_degree(n)
        return np.where(n > limit, np.nan, recurrence(x, np.where(n > limit, -1.0, n), first, step))

    return run_blocks(kernel, [x, n], dtype)


def hermite_polynomial_h(x: Any, n: Any) -> Array:
    """The physicists' Hermite polynomial of degree n at x; NaN for degrees above 512 (float32: 128)."""
    return hermite("hermite_polynomial_h", x, n, lambda x: 2.0 * x, lambda k, x, p, q: 2.0 * (x * p - k * q))


def hermite_polynomial_he(x: Any, n: Any) -> Array:
    """The probabilists' Hermite polynomial of degree n at x; NaN for degrees above 512 (float32: 128)."""
    return hermite("hermite_polynomial_he", x, n, lambda x: x, lambda k, x, p, q: x * p - k * q)


def laguerre_kernel(x: Array, n: Array) -> Array:
    n = whole_degree(n)
    origin = (x == 0.0) & (n >= 0)
    n = np.where(origin, -1.0, n)
    values = recurrence(x, n, lambda x: 1.0 - x, lambda k, x, p, q: ((2 * k + 1 - x) * p - k * q) / (k + 1))
    return np.where(origin, 1.0, values)


def legendre_kernel(x: Array, n: Array) -> Array:
    n = whole_degree(n)
    end = (np.abs(x) == 1.0) & (n >= 0)
    ends = np.where((x < 0) & (np.mod(n, 2.0) == 1.0), -1.0, 1.0)
    n = np.where(end, -1.0, n)
    values = recurrence(x, n, lambda x: x, lambda k, x, p, q: ((2 * k + 1) * x * p - k * q) / (k + 1))
    return np.where(end, ends, values)


laguerre_polynomial_l = polynomial("laguerre_polynomial_l", laguerre_kernel)
legendre_polynomial_p = polynomial("legendre_polynomial_p", legendre_kernel)
