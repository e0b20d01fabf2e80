"""The greatest term of formulas of several steps: what the units of their rounding are counted in."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Array = np.ndarray


def _size(x: Array) -> Array:
    return np.where(np.isfinite(x), np.abs(x), 0.0)


def _operand(values: list[Array], size: Array) -> Array:
    return np.maximum(size, _size(values[0]))


def _result(values: list[Array], size: Array) -> Array:
    return size


def general(values: list[Array], size: Array) -> Array:
    """The first operand of a gradient times one and all others; of other functions one and all operands."""
    total = np.ones(())
    for value in values:
        total = total + _size(value)
    return np.maximum(size, total * (1 + _size(values[0])) if values else total)


_SCALES: dict[str, Callable[[list[Array], Array], Array]] = {
    **dict.fromkeys("gelu gelu_tanh hardswish mish".split(), _operand),
    **dict.fromkeys("silu glu smooth_l1 huber log_sigmoid".split(), _result),
}

# Functions whose condition is bad somewhere (near their zeros, or of great operands).
TOUCHY = frozenset(
    "lgamma digamma polygamma multigammaln erfinv ndtri log_ndtr ndtr erfcx sinc i0 i0e i1 i1e airy_ai bessel_j0 bessel_j1 "
    "bessel_y0 bessel_y1 modified_bessel_i0 modified_bessel_i1 modified_bessel_k0 modified_bessel_k1 gammainc gammaincc zeta "
    "scaled_modified_bessel_k0 scaled_modified_bessel_k1 spherical_bessel_j0 chebyshev_polynomial_t chebyshev_polynomial_u "
    "chebyshev_polynomial_v chebyshev_polynomial_w hermite_polynomial_h hermite_polynomial_he laguerre_polynomial_l "
    "legendre_polynomial_p shifted_chebyshev_polynomial_t shifted_chebyshev_polynomial_u shifted_chebyshev_polynomial_v "
    "shifted_chebyshev_polynomial_w entr xlogy xlog1py".split()
)


def scale(name: str, values: list[Array], size: Array) -> Array:
    """What the rounding of an op is proportional to."""
    return np.broadcast_to(_SCALES.get(name, general)(values, size), size.shape)
