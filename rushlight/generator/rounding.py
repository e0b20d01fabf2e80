"""Arithmetic that rounds exactly as PyTorch's compiled kernels do.

NumPy rounds a product before it adds; the kernels fuse the two. And NumPy's float64 `log` or `tan` need not agree
with the C library's in the last bit, which is what the kernels call; Python's `math` does call it.
"""

from __future__ import annotations

import ctypes
import math
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from ..dtype import bfloat16, bool_, dtype, encode, float16
from ..fused import moderately, narrow_sum


def fused32(a: np.ndarray, b: float, c: float) -> Any:
    """a * b + c with one rounding: `a` float32 values in a float64 array, b and c rounded to float32, as the result is."""
    with np.errstate(over="ignore", invalid="ignore"):
        return narrow_sum(a * float(np.float32(b)), float(np.float32(c)))  # the product is exact


def fused64(a: np.ndarray, b: float, c: float) -> np.ndarray:
    """a * b + c in float64 with one rounding, for `a` of moderate size and results above 1e-290."""
    if b == 0 or c == 0 or not (math.isfinite(b) and math.isfinite(c)):
        return a * b + c  # the product or the sum is exact, or there is nothing to round
    fraction, exponent = math.frexp(b)
    distance = math.frexp(c)[1] - exponent
    if distance > 400:
        return np.full_like(a, c)  # which the product is too small to move
    if abs(exponent) < 400:
        return moderately(a, b, c)
    return np.ldexp(moderately(a, fraction, math.ldexp(c, -exponent)), exponent)  # halves of b itself might overflow


def multiply_add(a: np.ndarray, b: float, c: float, fused: bool) -> np.ndarray:
    """a * b + c in the dtype of `a` (float32 or float64), in one rounding if `fused`, else in two."""
    with np.errstate(over="ignore", invalid="ignore"):
        if c == 0 or not fused:
            return a * a.dtype.type(b) + a.dtype.type(c)
        if a.dtype == np.float32:
            return fused32(a.astype(np.float64), b, c)
        return fused64(a, b, c)


def libm(function: Callable[[float], float], x: np.ndarray) -> np.ndarray:
    """`function` of `math` on every element of a float64 array, within its domain."""
    return np.fromiter(map(function, x.ravel().tolist()), np.float64, x.size).reshape(x.shape)


def narrowed(x: np.ndarray, to: type = np.float32) -> np.ndarray:
    """`x` converted as C does it, silently."""
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        return x.astype(to)


def stored(x: np.ndarray, to: dtype) -> np.ndarray:
    """A floating-point result as an array of dtype `to`; the half types are rounded by way of float32, as C10's are."""
    if to in (float16, bfloat16):
        x = narrowed(x)
        with np.errstate(over="ignore"):
            return encode(x, to)
    if to is bool_:
        return np.asarray(x != 0)
    return np.asarray(narrowed(x, to.storage.type))  # NumPy computes scalars of arrays without dimensions


def c_library(name: str, of: type = ctypes.c_double) -> Callable[[float], float]:
    """The C library's function `name` of a number ("logf" of a `ctypes.c_float`) that Python's `math` does not call."""
    function = getattr(ctypes.CDLL("ucrtbase" if os.name == "nt" else None), name)
    function.restype, function.argtypes = of, [of]
    return function


def float_libm(name: str, x: np.ndarray) -> np.ndarray:
    """The C library's float32 function `name` on every element of a float32 array.

    Its results differ from rounded float64 results.
    """
    function = c_library(name, ctypes.c_float)
    return np.fromiter(map(function, x.ravel().tolist()), np.float32, x.size).reshape(x.shape)
