"""Samples for every op record: operands and attributes from which all op tests are generated.

A record without a sample fails `test_every_op_has_a_sample`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rushlight.dtype import float64, from_numpy_dtype, int32, int64
from rushlight.ir import contract, fourier, fraction, implicit, special_ops  # noqa: F401  (registers their records, which load late)
from rushlight.ir.contraction import build
from rushlight.ir.type import Type


@dataclass
class Sample:
    """One use of an op. Domains keep away from kinks, so that finite differences hold."""

    operands: list[np.ndarray]
    attributes: dict[str, Any] = field(default_factory=dict)
    smooth: bool = True  # whether finite differences are to be compared
    settings: int = 0  # how many of the last operands are settings, through which no gradient flows


_draw = np.random.default_rng(0)


def _real(*shape: int, low: float = -2.0, high: float = 2.0) -> np.ndarray:
    return _draw.uniform(low, high, shape)


def _places(extent: int, *shape: int) -> np.ndarray:
    return _draw.integers(0, extent, shape)


def _distinct(*shape: int) -> np.ndarray:
    """Values apart from each other, so that extremes and order do not change under a small step."""
    count = int(np.prod(shape))
    return (_draw.permutation(count) / 3.0 - count / 7.0 + 0.05).reshape(shape)


POSITIVE = dict(low=0.3, high=3.0)
INSIDE = dict(low=-0.9, high=0.9)
_DOMAINS: dict[str, dict[str, float]] = {
    **dict.fromkeys(
        ("sqrt", "rsqrt", "log", "log2", "log10", "lgamma", "digamma", "reciprocal", "polygamma"), POSITIVE
    ),
    **dict.fromkeys(("asin", "acos", "atanh", "erfinv", "log1p"), INSIDE),
    **dict.fromkeys(("entr", "i0e", "i1e"), POSITIVE),
    "ndtri": dict(low=0.1, high=0.9),
    "acosh": dict(low=1.2, high=3.0),
}
_BITS = ("bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_not", "shift_left", "shift_right", "gcd", "lcm")
_COMPLEX = ("conj", "real", "imag")
_STEPPED = ("floor", "ceil", "trunc", "rint", "sign")


def _elementwise(name: str) -> list[Sample] | None:
    """Samples of a scalar op, by how many operands its function takes."""
    if name in _BITS:
        a, b = _places(9, 3, 4), _places(5, 4)
        return [Sample([a] if name == "bitwise_not" else [a, b])]
    if name in _COMPLEX:
        return [Sample([_real(3, 2) + 1j * _real(3, 2)])]
    domain = _DOMAINS.get(name, {})
    if name in _UNARY:
        samples = [Sample([_real(3, 4, **domain)]), Sample([_real(**domain)]), Sample([_real(0, 2, **domain)])]
        if name in _STEPPED:
            samples = [Sample([np.floor(_real(3, 4)) + 0.4])]
        return samples
    if name == "add_product":
        return [Sample([_real(3, 1), _real(3, 4), _real(4)]), Sample([_real(3, 4), _real(3, 4), np.array(0.3)])]
    if name in _BINARY:
        if name == "pow":
            return [Sample([_real(3, 4, **POSITIVE), _real(4)]), Sample([_real(2, **POSITIVE), _real()])]
        if name in ("fmod", "rem", "floor_divide", "truncate_divide"):
            return [Sample([_real(3, 4) * 3, np.where(_real(4) > 0, 1.7, -1.3)])]
        a = _distinct(3, 4)
        return [Sample([a, _distinct(3, 4) + 0.11]), Sample([a, _real(4) + 0.017]), Sample([_real(3, 1), _real(1, 2)])]
    return None


_UNARY = [
    *(
        "mantissa exponent neg square reciprocal sqrt rsqrt isnan isinf signbit logical_not floor ceil trunc rint sign abs exp exp2 expm1".split()
    ),
    *(
        "log log2 log10 log1p sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh sigmoid erf erfc erfinv".split()
    ),
    *("lgamma digamma angle erfcx ndtr ndtri log_ndtr entr sinc i0 i0e i1 i1e airy_ai spherical_bessel_j0".split()),
    *("bessel_j0 bessel_j1 bessel_y0 bessel_y1 modified_bessel_i0 modified_bessel_i1 modified_bessel_k0".split()),
    *("modified_bessel_k1 scaled_modified_bessel_k0 scaled_modified_bessel_k1".split()),
]
_BINARY = [
    *("add sub mul div floor_divide truncate_divide rem fmod pow maximum minimum fmax fmin eq ne lt le gt ge".split()),
    *("logical_and logical_or logical_xor copysign nextafter heaviside logaddexp atan2 hypot make_complex".split()),
]

_POLYNOMIALS = [
    *(f"{shift}chebyshev_polynomial_{kind}" for shift in ("", "shifted_") for kind in "tuvw"),
    *("hermite_polynomial_h hermite_polynomial_he laguerre_polynomial_l legendre_polynomial_p".split()),
]

_fixed = _real(3, 4)


def _special_pairs() -> dict[str, list[Sample]]:
    """Special functions of two operands, and those with attributes."""
    degree = _places(12, 3, 1).astype(float)
    part = [_real(3, 4, **POSITIVE), _real(4, **POSITIVE)]
    return {
        "polygamma": [Sample([_real(3, **POSITIVE)], dict(order=1)), Sample([_real(3, **POSITIVE)], dict(order=2))],
        "multigammaln": [Sample([_real(3, low=1.2, high=3.0)], dict(p=3)), Sample([_real(2, **POSITIVE)], dict(p=1))],
        "xlogy": [Sample([_real(3, 4), _real(4, **POSITIVE)])],
        "xlog1py": [Sample([_real(3, 1), _real(4, low=-0.5, high=2.0)])],
        # The first operand of these has no derivative: test_special.py looks at the second.
        "gammainc": [Sample(part, smooth=False)],
        "gammaincc": [Sample(part, smooth=False)],
        "zeta": [Sample([part[0] + 1, part[1]], smooth=False)],
        # Their second derivatives are missing or not the draw's: test_implicit.py holds them against closed forms.
        "standard_gamma_grad": [Sample(part, smooth=False)],
        "dirichlet_grad": [Sample([_real(3, low=0.1, high=0.9), part[1][:3], part[1][:3] + 1.5], smooth=False)],
        "gamma_draw": [Sample(part, smooth=False)],
        **{name: [Sample([_real(3, 4), degree])] for name in _POLYNOMIALS},
    }


def _structured() -> dict[str, list[Sample]]:
    """Samples of the ops that have attributes or operands of different kinds."""
    index = _places(4, 5)
    window = dict(size=(2, 3), stride=(1, 2), dilation=(2, 1))
    conv = build.window_sum((2, 3, 6, 6), (2, 2), (2, 2), ((0, 1), (1, 0)), (1, 1))
    return {
        "constant": [Sample([], dict(value=2, shape=(2, 3), dtype=float64))],
        "iota": [Sample([], dict(shape=(2, 3, 4), axis=1), smooth=False)],
        "require": [Sample([np.ones((3, 4), bool), _real(3, 4)], smooth=False)],
        "select": [Sample([_real(3, 4) > 0, _real(4), _real(3, 1)])],
        "cast": [Sample([_real(2, 3)], dict(dtype=float64)), Sample([_real(2, 3)], dict(dtype=int32), smooth=False)],
        "leaf": [Sample([_real(2, 3)], smooth=False)],
        "stop": [Sample([_real(2, 3)], smooth=False)],
        "graft": [Sample([_real(2, 3), _real(2, 3)], smooth=False)],
        "identity": [Sample([_real(2, 3)])],
        "reshape": [Sample([_real(2, 6)], dict(shape=(3, 4))), Sample([_real(0, 2)], dict(shape=(2, 0, 1)))],
        "permute": [Sample([_real(2, 3, 4)], dict(order=(2, 0, 1)))],
        "expand": [Sample([_real(3, 1)], dict(shape=(2, 3, 4)))],
        "slice": [Sample([_real(7, 5)], dict(start=(1, 0), stop=(7, 4), step=(2, 1)))],
        "pad": [
            Sample([_real(3, 2)], dict(low=(1, 0), high=(2, 1), interior=(0, 2))),
            Sample([_real(0)], dict(low=(2,), high=(1,), interior=(1,))),
        ],
        "flip": [Sample([_real(3, 4)], dict(axes=(0, 1)))],
        "concatenate": [Sample([_real(2, 3), _real(2, 1), _real(2, 2)], dict(axis=1))],
        "update": [Sample([_real(6, 3), _real(3, 2)], dict(start=(1, 0), stop=(6, 2), step=(2, 1)))],
        "window": [Sample([_real(2, 7, 8)], window)],
        "fold": [Sample([_real(2, 5, 3, 2, 3)], dict(shape=(2, 7, 8), **window))],
        "sum": [Sample([_real(2, 3, 4)], dict(axes=(0, 2))), Sample([_real(0, 3)], dict(axes=(0,)))],
        "prod": [Sample([_real(2, 3, 4)], dict(axes=(0, 2)))],
        "max": [Sample([_distinct(2, 3, 4)], dict(axes=(1,)))],
        "min": [Sample([_distinct(2, 3, 4)], dict(axes=(0, 2)))],
        "any": [Sample([_real(3, 4) > 0], dict(axes=(1,)))],
        "all": [Sample([_real(3, 4) > 0], dict(axes=(0,)))],
        "logsumexp": [Sample([_real(2, 3, 4)], dict(axes=(2,)))],
        "softmax": [Sample([_real(2, 3)], dict(axis=1))],
        "log_softmax": [Sample([_real(2, 3)], dict(axis=0))],
        "argmax": [Sample([_distinct(3, 4)], dict(axis=1))],
        "argmin": [Sample([_distinct(3, 4)], dict(axis=0))],
        "cumsum": [Sample([_real(3, 4)], dict(axis=1))],
        "cumprod": [Sample([_real(3, 4)], dict(axis=0))],
        "logcumsumexp": [Sample([_real(3, 4)], dict(axis=1))],
        "logcumsumexp_back": [Sample([_real(3, 4), np.logaddexp.accumulate(_fixed, 1), _fixed], dict(axis=1))],
        "argcummax": [Sample([_distinct(3, 4)], dict(axis=1))],
        "argcummin": [Sample([_distinct(3, 4)], dict(axis=1))],
        "take": [Sample([_real(4, 3), index]), Sample([_real(4, 4, 2), _places(4, 2, 1), _places(4, 3)])],
        "put": [
            Sample([_real(4, 3), _real(5, 3), index], dict(accumulate=True)),
            Sample([_real(6, 3), _real(2, 3), np.array([4, 1])], dict(accumulate=False)),
        ],
        "gather": [Sample([_real(4, 3), _places(4, 2, 3)], dict(axis=0))],
        "scatter": [
            Sample([_real(4, 3), _real(2, 3), _places(4, 2, 3)], dict(axis=0, reduce="add")),
            Sample([_real(4, 3), _real(2, 3), np.array([[0, 1, 2], [3, 2, 1]])], dict(axis=0, reduce="set")),
            Sample([_real(4, 3, **POSITIVE), _real(2, 3, **POSITIVE), _places(4, 2, 3)], dict(axis=0, reduce="mul")),
            Sample([_distinct(4, 3), _distinct(2, 3) + 0.01, _places(4, 2, 3)], dict(axis=0, reduce="max")),
            Sample([_distinct(4, 3), _distinct(2, 3) + 0.01, _places(4, 2, 3)], dict(axis=0, reduce="min")),
        ],
        "argsort": [Sample([_distinct(3, 4)], dict(axis=1, descending=True))],
        "top": [Sample([_distinct(3, 4)], dict(axis=1, count=2, largest=True))],
        "contract": [
            Sample([_real(2, 3), _real(3, 4)], dict(spec=build.matmul((2, 3), (3, 4)))),
            Sample([_real(2, 3, 6, 6)], dict(spec=conv)),
        ],
        "bitcast": [Sample([_real(2, 3)], dict(dtype=int64), smooth=False)],
        "transform": [
            Sample([_real(3, 4) + 1j * _real(3, 4)], dict(axes=(0, 1), inverse=False, scale="one")),
            Sample([_real(5)], dict(axes=(0,), inverse=True, scale="root")),
        ],
        "half": [Sample([_real(2, size)], dict(axis=1, scale=scale)) for size, scale in ((5, "one"), (6, "size"))],
        "whole": [
            Sample([_real(3, 2) + 1j * _real(3, 2)], dict(axis=0, size=4, scale="root")),
            Sample([_real(3, 2) + 1j * _real(3, 2)], dict(axis=0, size=5, scale="size")),
            Sample([_real(3)], dict(axis=0, size=4, scale="one")),
        ],
    }


def type_of(array: np.ndarray) -> Type:
    kind = from_numpy_dtype(array.dtype)
    assert kind is not None
    return Type.of(array.shape, kind)


STRUCTURED = _structured() | _special_pairs()
# Ops with several results, and those that only matrices of a kind have: tested in test_decomposition.py, test_linalg.py and
# test_recurrence.py.
MULTIPLE = (
    *("component pack inverse pseudo_inverse eigenvalues_hermitian singular_values solve determinant cofactor".split()),
    *("sign_log_determinant cholesky qr eigh eig svd lu_factor permutation geqrf ldl_factor ldl_solve".split()),
    *("inverse_or_nan solve_or_nan cholesky_or_nan first_indefinite recurrence recurrence_back".split()),
)


def samples(name: str) -> list[Sample]:
    """The samples of an op; KeyError where there are none."""
    found = STRUCTURED.get(name) or _elementwise(name)
    if found is None:
        raise KeyError(name)
    return found
