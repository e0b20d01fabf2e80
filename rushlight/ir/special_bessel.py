"""Bessel functions of orders 0 and 1, modified and not, the spherical one of order 0, and Airy's Ai.

Near the origin an expansion in x*x, with the logarithm and the first zero split off; far away the leading behaviour
(A&S 9.2, 9.7, DLMF 9.7) times an expansion in the inverse of the argument.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .special_evaluate import Array, elementwise, fill, horner
from .special_tables import (
    AIRY_CREST,
    AIRY_F,
    AIRY_FALL,
    AIRY_FAR,
    AIRY_G,
    AIRY_WAVE,
    HANKEL_P0,
    HANKEL_P1,
    HANKEL_Q0,
    HANKEL_Q1,
    I0_FAR,
    I0_NEAR,
    I1_FAR,
    I1_NEAR,
    J0_NEAR,
    J0_ZERO,
    J1_NEAR,
    J1_ZERO,
    K0_FAR,
    K0_NEAR,
    K1_FAR,
    K1_NEAR,
    Y0_NEAR,
    Y1_NEAR,
)

TWO_OVER_PI = 0.6366197723675814
INVERSE_SQRT_PI = 0.5641895835477563
AIRY_UNDERFLOW = 103.892  # beyond, PyTorch's airy_ai is 0


def split_at(x: Array, limit: float, near: Callable[[Array], Array], far: Callable[[Array], Array]) -> Array:
    out = np.empty_like(x)
    below = x <= limit
    fill(out, below, near, x)
    fill(out, ~below, far, x)
    return out


# ---- I ----


def i0_near(a: Array) -> Array:
    return horner(a * a, I0_NEAR)


def i1_near(a: Array) -> Array:
    return a * horner(a * a, I1_NEAR)


def i0_far_scaled(a: Array) -> Array:
    return horner(16.0 / a - 1.0, I0_FAR) / np.sqrt(a)


def i1_far_scaled(a: Array) -> Array:
    return horner(16.0 / a - 1.0, I1_FAR) / np.sqrt(a)


@elementwise
def i0(x: Array) -> Array:
    """The modified Bessel function of the first kind, order 0."""
    return split_at(np.abs(x), 8.0, i0_near, lambda a: np.exp(a) * i0_far_scaled(a))


@elementwise
def i0e(x: Array) -> Array:
    """exp(-|x|) i0(x)."""
    return split_at(np.abs(x), 8.0, lambda a: np.exp(-a) * i0_near(a), i0_far_scaled)


@elementwise
def i1(x: Array) -> Array:
    """The modified Bessel function of the first kind, order 1."""
    value = split_at(np.abs(x), 8.0, i1_near, lambda a: np.exp(a) * i1_far_scaled(a))
    return np.where(x < 0, -value, value)


@elementwise
def i1e(x: Array) -> Array:
    """exp(-|x|) i1(x)."""
    value = split_at(np.abs(x), 8.0, lambda a: np.exp(-a) * i1_near(a), i1_far_scaled)
    return np.where(x < 0, -value, value)


modified_bessel_i0 = i0
modified_bessel_i1 = i1

# ---- K ----


def k0_near(x: Array) -> Array:
    """K0 for x <= 2; inf at 0, NaN below."""
    value = horner(x * x, K0_NEAR) - np.log(0.5 * x) * i0_near(x)
    return np.where(x == 0.0, np.inf, value)


def k1_near(x: Array) -> Array:
    value = horner(x * x, K1_NEAR) / x + np.log(0.5 * x) * i1_near(x)
    return np.where(x == 0.0, np.inf, value)


def k0_far_scaled(x: Array) -> Array:
    return horner(4.0 / x - 1.0, K0_FAR) / np.sqrt(x)


def k1_far_scaled(x: Array) -> Array:
    return horner(4.0 / x - 1.0, K1_FAR) / np.sqrt(x)


@elementwise
def modified_bessel_k0(x: Array) -> Array:
    """The modified Bessel function of the second kind, order 0."""
    return split_at(x, 2.0, k0_near, lambda x: np.exp(-x) * k0_far_scaled(x))


@elementwise
def modified_bessel_k1(x: Array) -> Array:
    """The modified Bessel function of the second kind, order 1."""
    return split_at(x, 2.0, k1_near, lambda x: np.exp(-x) * k1_far_scaled(x))


@elementwise
def scaled_modified_bessel_k0(x: Array) -> Array:
    """exp(x) modified_bessel_k0(x)."""
    return split_at(x, 2.0, lambda x: np.exp(x) * k0_near(x), k0_far_scaled)


@elementwise
def scaled_modified_bessel_k1(x: Array) -> Array:
    """exp(x) modified_bessel_k1(x)."""
    return split_at(x, 2.0, lambda x: np.exp(x) * k1_near(x), k1_far_scaled)


# ---- J and Y ----


def distance_from_zero(a: Array, zero: tuple[float, float]) -> Array:
    """a*a - zero*zero, accurate where it is small; the zero is a sum of two doubles."""
    return ((a - zero[0]) - zero[1]) * (a + zero[0])


def j0_near(a: Array) -> Array:
    return distance_from_zero(a, J0_ZERO) * horner(a * a / 12.5 - 1.0, J0_NEAR)


def j1_near(a: Array) -> Array:
    return a * distance_from_zero(a, J1_ZERO) * horner(a * a / 12.5 - 1.0, J1_NEAR)


def hankel(a: Array, order: int) -> tuple[Array, Array]:
    """(J, Y) for a >= 5.

    The phase a - pi/4 (less pi/2 for order 1) is applied by the addition theorem: nothing is lost for large a.
    """
    u = 50.0 / (a * a) - 1.0
    p = horner(u, HANKEL_P1 if order else HANKEL_P0)
    q = horner(u, HANKEL_Q1 if order else HANKEL_Q0) * (5.0 / a)
    sine, cosine = np.sin(a), np.cos(a)
    cos_phase, sin_phase = (sine - cosine, -(sine + cosine)) if order else (cosine + sine, sine - cosine)
    amplitude = INVERSE_SQRT_PI / np.sqrt(a)
    return amplitude * (p * cos_phase - q * sin_phase), amplitude * (p * sin_phase + q * cos_phase)


@elementwise
def bessel_j0(x: Array) -> Array:
    """The Bessel function of the first kind, order 0. Beyond 5 the error is relative to the envelope, not the value."""
    return split_at(np.abs(x), 5.0, j0_near, lambda a: hankel(a, 0)[0])


@elementwise
def bessel_j1(x: Array) -> Array:
    """The Bessel function of the first kind, order 1."""
    return np.copysign(1.0, x) * split_at(np.abs(x), 5.0, j1_near, lambda a: hankel(a, 1)[0])


def y0_near(x: Array) -> Array:
    value = horner(x * x / 12.5 - 1.0, Y0_NEAR) + TWO_OVER_PI * np.log(x) * j0_near(x)
    return np.where(x == 0.0, -np.inf, value)


def y1_near(x: Array) -> Array:
    value = x * horner(x * x / 12.5 - 1.0, Y1_NEAR) + TWO_OVER_PI * (np.log(x) * j1_near(x) - 1.0 / x)
    return np.where(x == 0.0, -np.inf, value)


@elementwise
def bessel_y0(x: Array) -> Array:
    """The Bessel function of the second kind, order 0: -inf at 0, NaN below."""
    return split_at(x, 5.0, y0_near, lambda x: hankel(x, 0)[1])


@elementwise
def bessel_y1(x: Array) -> Array:
    """The Bessel function of the second kind, order 1: -inf at 0, NaN below."""
    return split_at(x, 5.0, y1_near, lambda x: hankel(x, 1)[1])


@elementwise
def spherical_bessel_j0(x: Array) -> Array:
    """sin(x)/x, 1 at 0 and 0 at infinity."""
    value = np.sin(x) / x
    return np.where(x == 0.0, 1.0, np.where(np.isinf(x), 0.0, value))


# ---- Ai ----


def airy_oscillating(x: Array) -> Array:
    """Ai for x <= -4.5 (DLMF 9.7.9)."""
    a = -x
    zeta = a * np.sqrt(a) / 1.5
    u = 80.0 / (zeta * zeta) - 1.0
    phase = zeta + 0.25 * np.pi
    wave = np.sin(phase) * horner(u, AIRY_F) - np.cos(phase) / zeta * horner(u, AIRY_G)
    return wave * (INVERSE_SQRT_PI / np.sqrt(np.sqrt(a)))


def airy_decaying(x: Array) -> Array:
    zeta = x * np.sqrt(x) / 1.5
    value = 0.5 * INVERSE_SQRT_PI * np.exp(-zeta) / np.sqrt(np.sqrt(x)) * horner(3.6 / zeta - 1.0, AIRY_FAR)
    return np.where(x > AIRY_UNDERFLOW, 0.0, value)


@elementwise
def airy_ai(x: Array) -> Array:
    """Airy's function Ai; as in PyTorch NaN at both infinities."""
    out = np.full(x.shape, np.nan)
    finite = np.isfinite(x)
    fill(out, finite & (x < -4.5), airy_oscillating, x)
    fill(out, (x >= -4.5) & (x < -2.0), lambda x: horner((x + 3.25) / 1.25, AIRY_WAVE), x)
    fill(out, (x >= -2.0) & (x < 0.0), lambda x: horner(x + 1.0, AIRY_CREST), x)
    fill(out, (x >= 0.0) & (x < 2.0), lambda x: horner(x - 1.0, AIRY_FALL), x)
    fill(out, finite & (x >= 2.0), airy_decaying, x)
    return out
