"""Box-Muller on blocks of sixteen uniforms: eight radii, eight angles, as PyTorch fills contiguous normals.

Element i of a block and element i + 8 give the normals i (cosine) and i + 8 (sine). PyTorch's float32 kernel for
AVX2, which AVX512 machines run too, evaluates the Cephes polynomials with fused multiply-add. Here a float32 value is
held in float64, where a product is exact, and rounded to float32 after each step. That rounds twice, but a uniform
has 24 bits only, and for all 2**24 arguments the results have been found equal to PyTorch's, bit for bit.
"""

from __future__ import annotations

import math

import numpy as np

from .rounding import float_libm, libm

_CHUNK = 1024  # blocks worked on at once, so that the intermediate arrays stay in the cache


def _float32(*values: float) -> tuple[float, ...]:
    return tuple(float(np.float32(value)) for value in values)


# Cephes logf: log(1 + x) = x - x**2 / 2 + x**3 P(x), highest power first; log 2 in two parts.
_LOG = _float32(
    7.0376836292e-2,
    -1.1514610310e-1,
    1.1676998740e-1,
    -1.2420140846e-1,
    1.4249322787e-1,
    -1.6668057665e-1,
    2.0000714765e-1,
    -2.4999993993e-1,
    3.3333331174e-1,
)
_LOG2_LOW, _LOG2_HIGH, _SQRT_HALF = _float32(-2.12194440e-4, 0.693359375, math.sqrt(0.5))
# Cephes sinf and cosf on [-pi/4, pi/4]; pi/4 in three parts.
_SINE = _float32(-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
_COSINE = _float32(2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
_QUARTER_PI = _float32(0.78515625, 2.4187564849853515625e-4, 3.77489497744594108e-8)
_OCTANTS, _TWO_PI = _float32(4 / math.pi, 2 * math.pi)
# In the order in which compiled code takes them.
COEFFICIENTS = (*_LOG, _LOG2_LOW, _LOG2_HIGH, _SQRT_HALF, *_SINE, *_COSINE, *_QUARTER_PI, _OCTANTS, _TWO_PI)


def _rounded(x: np.ndarray) -> np.ndarray:
    """float64 to the nearest float32, held in float64."""
    return x.astype(np.float32).astype(np.float64)


def _polynomial(x: np.ndarray, coefficients: tuple[float, ...]) -> np.ndarray:
    """Horner's rule, each step rounded once to float32."""
    y = _rounded(coefficients[0] * x + coefficients[1])
    for coefficient in coefficients[2:]:
        y *= x
        y += coefficient
        y = _rounded(y)
    return y


def _log(u: np.ndarray) -> np.ndarray:
    """log of float32 `u` in (0, 1]."""
    mantissa, exponent = np.frexp(u)
    x, e = mantissa.astype(np.float64), exponent.astype(np.float64)
    small = (x < _SQRT_HALF).astype(np.float64)
    x += x * small
    x -= 1.0
    e -= small
    square = _rounded(x * x)
    y = _rounded(_polynomial(x, _LOG) * x)
    y = _rounded(y * square + _rounded(e * _LOG2_LOW))
    y = _rounded(y - 0.5 * square)
    return _rounded(_rounded(x + y) + e * _LOG2_HIGH)


def _cosine_sine(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cosine and sine of float32 values `theta` >= 0."""
    octant = (_rounded(theta * _OCTANTS).astype(np.int32) + 1) & ~1
    whole = octant.astype(np.float64)
    x = theta
    for part in _QUARTER_PI:
        x = _rounded(x - whole * part)
    square = _rounded(x * x)
    cosine = _rounded(_polynomial(square, _COSINE) * square)
    cosine = _rounded(_rounded(cosine * square - 0.5 * square) + 1.0)
    sine = _rounded(_polynomial(square, _SINE) * square)
    sine = _rounded(sine * x + x)
    _turn(cosine.view(np.int64), sine.view(np.int64), octant.astype(np.int64))
    return cosine, sine


def _turn(cosine: np.ndarray, sine: np.ndarray, octant: np.ndarray) -> None:
    """Exchange and negate the bits of cosine and sine for an angle that lies `octant` (even, 0 to 8) octants on.

    Bit operations, as `np.where` on an unforeseeable condition takes as long as all the rest.
    """
    difference = (cosine ^ sine) & -((octant >> 1) & 1)
    cosine ^= difference
    sine ^= difference
    cosine ^= ((octant + 2) & 4) << 61
    sine ^= (octant & 4) << 61


def _pairs_float32(radial: np.ndarray, angular: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """PyTorch with AVX2 or AVX512."""
    radius = np.sqrt((-2.0 * _log(np.float32(1) - radial)).astype(np.float32)).astype(np.float64)
    cosine, sine = _cosine_sine((angular * np.float32(_TWO_PI)).astype(np.float64))
    return radius * cosine, radius * sine


def _pairs_libm(radial: np.ndarray, angular: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """PyTorch without them, in float32: the C library's functions."""
    radius = np.sqrt(np.float32(-2) * float_libm("logf", np.float32(1) - radial))
    theta = (2.0 * math.pi * angular.astype(np.float64)).astype(np.float32)
    return radius * float_libm("cosf", theta), radius * float_libm("sinf", theta)


def _pairs_float64(radial: np.ndarray, angular: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """PyTorch in float64, on every machine."""
    radius = np.sqrt(-2.0 * libm(math.log, 1.0 - radial))
    theta = 2.0 * math.pi * angular
    return radius * libm(math.cos, theta), radius * libm(math.sin, theta)


def standard_normals(uniforms: np.ndarray, fused: bool) -> np.ndarray:
    """Normals of mean 0 and deviation 1 in place of `uniforms`, float32 or float64 with a multiple of 16 elements.

    The result has the dtype of the uniforms; a zero may have either sign.
    """
    single = _pairs_float32 if fused else _pairs_libm
    pairs = _pairs_float64 if uniforms.dtype == np.float64 else single
    blocks = uniforms.reshape(-1, 2, 8)
    normals = np.empty_like(blocks)
    for begin in range(0, len(blocks), _CHUNK):
        chunk = blocks[begin : begin + _CHUNK]
        cosines, sines = pairs(chunk[:, 0], chunk[:, 1])
        normals[begin : begin + _CHUNK, 0] = cosines
        normals[begin : begin + _CHUNK, 1] = sines
    return normals.reshape(-1)
