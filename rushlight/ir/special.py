"""The special functions of `torch.special` on NumPy arrays: float64 to a few units in the last place, float32 rounded
from that.

The families stand in `special_error`, `special_gamma`, `special_bessel` and `special_polynomial`; this module gathers
them and holds those that need no more than a logarithm or a sine. Arguments broadcast; infinities, NaN and the edges of
the domain follow PyTorch.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .special_bessel import (
    airy_ai,
    bessel_j0,
    bessel_j1,
    bessel_y0,
    bessel_y1,
    i0,
    i0e,
    i1,
    i1e,
    modified_bessel_i0,
    modified_bessel_i1,
    modified_bessel_k0,
    modified_bessel_k1,
    scaled_modified_bessel_k0,
    scaled_modified_bessel_k1,
    spherical_bessel_j0,
)
from .special_error import erf, erfc, erfcx, erfinv, log_ndtr, ndtr, ndtri
from .special_evaluate import Array, elementwise, result_dtype
from .special_gamma import digamma, gammainc, gammaincc, lgamma, multigammaln, polygamma, zeta
from .special_polynomial import (
    chebyshev_polynomial_t,
    chebyshev_polynomial_u,
    chebyshev_polynomial_v,
    chebyshev_polynomial_w,
    hermite_polynomial_h,
    hermite_polynomial_he,
    laguerre_polynomial_l,
    legendre_polynomial_p,
    shifted_chebyshev_polynomial_t,
    shifted_chebyshev_polynomial_u,
    shifted_chebyshev_polynomial_v,
    shifted_chebyshev_polynomial_w,
)

__all__ = [
    "airy_ai",
    "bessel_j0",
    "bessel_j1",
    "bessel_y0",
    "bessel_y1",
    "chebyshev_polynomial_t",
    "chebyshev_polynomial_u",
    "chebyshev_polynomial_v",
    "chebyshev_polynomial_w",
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfcx",
    "erfinv",
    "gammainc",
    "gammaincc",
    "hermite_polynomial_h",
    "hermite_polynomial_he",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "laguerre_polynomial_l",
    "legendre_polynomial_p",
    "lgamma",
    "log_ndtr",
    "modified_bessel_i0",
    "modified_bessel_i1",
    "modified_bessel_k0",
    "modified_bessel_k1",
    "multigammaln",
    "ndtr",
    "ndtri",
    "polygamma",
    "scaled_modified_bessel_k0",
    "scaled_modified_bessel_k1",
    "shifted_chebyshev_polynomial_t",
    "shifted_chebyshev_polynomial_u",
    "shifted_chebyshev_polynomial_v",
    "shifted_chebyshev_polynomial_w",
    "sinc",
    "spherical_bessel_j0",
    "xlog1py",
    "xlogy",
    "zeta",
]


@elementwise
def entr(x: Array) -> Array:
    """-x log(x), 0 at 0 and -inf below."""
    return np.where(x == 0.0, 0.0, np.where(x < 0.0, -np.inf, -x * np.log(x)))


@elementwise
def xlogy(x: Array, y: Array) -> Array:
    """x log(y), 0 where x is 0 unless y is NaN."""
    return np.where((x == 0.0) & ~np.isnan(y), 0.0, x * np.log(y))


@elementwise
def xlog1py(x: Array, y: Array) -> Array:
    """x log(1 + y), 0 where x is 0 unless y is NaN."""
    return np.where((x == 0.0) & ~np.isnan(y), 0.0, x * np.log1p(y))


def sinc(x: Any) -> Array:
    """sin(pi x)/(pi x), 1 at 0. pi x is rounded to the dtype, as in PyTorch: at integers the result is small, not 0."""
    x = np.asarray(x)
    scaled = x * (x.dtype if x.dtype.kind == "c" else result_dtype("sinc", [x])).type(np.pi)
    with np.errstate(all="ignore"):
        return np.where(x == 0.0, x.dtype.type(1.0), np.sin(scaled) / scaled)
