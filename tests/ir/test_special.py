"""The special functions against PyTorch, and against many-digit values where PyTorch's own are not accurate."""

from __future__ import annotations

from collections.abc import Callable

import mpmath
import numpy as np
import pytest
import torch

from rushlight.ir import special

DTYPES = [np.float64, np.float32]
RELATIVE = {np.dtype(np.float64): 1e-14, np.dtype(np.float32): 1e-6}
EDGES = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, -2.0, -30.0, 30.0, 800.0, -800.0, 1e300, -1e300])
TINY = np.array([1e-310, -1e-310])

# name: intervals of arguments; relative tolerance against PyTorch in float64 (its own accuracy where that is poor)
UNARY: dict[str, tuple[list[tuple[float, float]], float]] = {
    "erf": ([(-6, 6), (-1e-3, 1e-3)], 1e-15),
    "erfc": ([(-6, 26), (0.4, 0.6)], 2e-15),
    "erfcx": ([(-6, 90), (0, 1)], 4e-15),
    "erfinv": ([(-1, 1), (-1e-3, 1e-3), (0.999999, 1)], 2e-15),
    "lgamma": ([(0, 10), (0.9, 1.1), (1.9, 2.1), (10, 1e4)], 2e-15),
    "digamma": ([(1.6, 20), (0.01, 1.3), (20, 1e4)], 1e-14),
    "i0": ([(-20, 20), (-700, 700)], 3e-15),
    "i0e": ([(-20, 20), (-700, 700)], 2e-15),
    "i1": ([(-20, 20), (-700, 700), (-1e-3, 1e-3)], 5e-15),
    "i1e": ([(-20, 20), (-700, 700), (-1e-3, 1e-3)], 5e-15),
    "ndtr": ([(-1, 8)], 1e-14),
    "ndtri": ([(0, 0.499), (0.501, 1), (0, 1e-6), (0, 1e-300)], 2e-15),
    "log_ndtr": ([(-37, 4)], 1e-14),
    "entr": ([(0, 0.9), (1.1, 50)], 2e-15),
    "sinc": ([(-3.9, 3.9)], 1e-13),
    "bessel_j0": ([(0, 2)], 1e-13),
    "bessel_j1": ([(-1, 1)], 1e-13),
    "modified_bessel_i0": ([(-20, 20)], 3e-15),
    "modified_bessel_i1": ([(-20, 20)], 5e-15),
    "modified_bessel_k0": ([(0, 2), (2, 20)], 5e-15),
    "modified_bessel_k1": ([(0, 2), (2, 20)], 5e-15),
    "scaled_modified_bessel_k0": ([(0, 2), (2, 500)], 5e-15),
    "scaled_modified_bessel_k1": ([(0, 2), (2, 500)], 5e-15),
    "spherical_bessel_j0": ([(-3, 3)], 2e-15),
    "airy_ai": ([(-1.5, 2), (2, 10)], 3e-14),
    "bessel_y0": ([(1.0, 2)], 1e-12),
    "bessel_y1": ([(0, 2)], 1e-12),
}
POLYNOMIALS = [
    "chebyshev_polynomial_t",
    "chebyshev_polynomial_u",
    "chebyshev_polynomial_v",
    "chebyshev_polynomial_w",
    "shifted_chebyshev_polynomial_t",
    "shifted_chebyshev_polynomial_u",
    "shifted_chebyshev_polynomial_v",
    "shifted_chebyshev_polynomial_w",
    "hermite_polynomial_h",
    "hermite_polynomial_he",
    "laguerre_polynomial_l",
    "legendre_polynomial_p",
]


def oracle(name: str, *arrays: np.ndarray) -> np.ndarray:
    function = getattr(torch.special, {"lgamma": "gammaln"}.get(name, name))
    return function(*(torch.from_numpy(a) for a in arrays)).numpy()


def compare(actual: np.ndarray, expected: np.ndarray, relative: float, absolute: float = 0.0) -> None:
    assert actual.dtype == expected.dtype
    np.testing.assert_allclose(actual, expected, rtol=relative, atol=absolute, equal_nan=True)


def digits(function: Callable, x: np.ndarray) -> np.ndarray:
    """The function's values, computed with 40 digits and rounded."""
    with mpmath.workdps(40):
        return np.array([float(function(mpmath.mpf(float(v)))) for v in x])


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("dtype", DTYPES)
def test_unary_against_pytorch(name: str, dtype: type) -> None:
    intervals, tolerance = UNARY[name]
    generator = np.random.default_rng(1)
    for low, high in intervals:
        x = generator.uniform(low, high, 500).astype(dtype)
        expected = oracle(name, x)
        if dtype is np.float64:
            compare(getattr(special, name)(x), expected, tolerance)
        else:  # PyTorch computes in single precision here: the truth is its double-precision result, rounded
            with np.errstate(over="ignore"):
                expected = oracle(name, x.astype(np.float64)).astype(np.float32)
            absolute = 3e-7 if name == "sinc" else 1e-45  # sinc rounds pi x in the dtype, as PyTorch's does
            compare(getattr(special, name)(x), expected, 3e-7, absolute)


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("dtype", DTYPES)
def test_edges_against_pytorch(name: str, dtype: type) -> None:
    # PyTorch's Airy function is accurate to three digits in float32, its Bessel functions to six.
    with np.errstate(over="ignore"):
        x = np.concatenate([EDGES, TINY]).astype(dtype)
    actual, expected = getattr(special, name)(x), oracle(name, x)
    assert actual.dtype == expected.dtype
    np.testing.assert_array_equal(np.isnan(actual), np.isnan(expected))
    np.testing.assert_array_equal(np.isinf(actual), np.isinf(expected))
    ok = np.isfinite(expected)
    absolute = 5e-5 if name == "airy_ai" else 1e-6 if name.startswith("bessel") else 1e-12
    compare(actual[ok], expected[ok], 1e-6, absolute)
    zero = expected == 0
    np.testing.assert_array_equal(np.signbit(actual[zero]), np.signbit(expected[zero]))


# PyTorch's Bessel functions are accurate to 1e-8 between 3 and 10, its Airy function to 1e-5, its trigamma to 1e-9,
# its erfcx, ndtr and lower incomplete gamma function lose digits where the result is small or large.
ACCURATE: list[tuple[str, Callable, tuple[float, float], float, float]] = [
    ("bessel_j0", lambda x: mpmath.besselj(0, x), (0, 5), 3e-15, 0),
    ("bessel_j0", lambda x: mpmath.besselj(0, x), (-300, 300), 0, 5e-16),
    ("bessel_j1", lambda x: mpmath.besselj(1, x), (-5, 5), 3e-15, 0),
    ("bessel_j1", lambda x: mpmath.besselj(1, x), (-300, 300), 0, 5e-16),
    ("bessel_y0", lambda x: mpmath.bessely(0, x), (0, 100), 0, 5e-15),
    ("bessel_y1", lambda x: mpmath.bessely(1, x), (0.2, 100), 0, 1e-14),
    ("airy_ai", mpmath.airyai, (-2, 5), 3e-15, 0),
    ("airy_ai", mpmath.airyai, (-20, -2), 0, 2e-14),
    ("airy_ai", mpmath.airyai, (2, 100), 3e-13, 0),
    ("ndtr", lambda x: mpmath.erfc(-x / mpmath.sqrt(2)) / 2, (-37, 8), 2e-15, 0),
    ("log_ndtr", lambda x: mpmath.log(mpmath.erfc(-x / mpmath.sqrt(2)) / 2), (-37, 8), 2e-15, 0),
    ("erfcx", lambda x: mpmath.exp(x * x) * mpmath.erfc(x), (-26, 26), 2e-15, 0),
    ("erfc", mpmath.erfc, (-6, 26), 2e-15, 0),
    ("lgamma", lambda x: mpmath.re(mpmath.loggamma(x)), (-30, 0), 0, 1e-13),
    ("digamma", mpmath.digamma, (0.1, 5), 0, 1e-14),
]


@pytest.mark.parametrize(("name", "exact", "interval", "relative", "absolute"), ACCURATE)
def test_against_many_digits(
    name: str, exact: Callable, interval: tuple[float, float], relative: float, absolute: float
) -> None:
    x = np.random.default_rng(2).uniform(*interval, 60)
    compare(getattr(special, name)(x), digits(exact, x), relative, absolute)


def test_erf_in_single_precision_on_a_dense_grid() -> None:
    x = np.concatenate([np.linspace(-4.5, 4.5, 400_001), 2.0 ** -np.linspace(0, 60, 50_001)]).astype(np.float32)
    exact = oracle("erf", x.astype(np.float64))
    error = np.abs(special.erf(x).astype(np.float64) - exact) / np.spacing(np.abs(exact).astype(np.float32))
    assert error.max() <= 2.5
    assert error.mean() <= 0.5
    assert (np.abs(special.erf(x)) <= 1).all()


def test_error_functions_invert_one_another() -> None:
    p = np.concatenate([np.linspace(0.001, 0.999, 301), 10.0 ** -np.arange(4.0, 300.0, 7.0)])
    compare(special.ndtr(special.ndtri(p)), p, 1e-12)
    compare(special.erf(special.erfinv(p)), p, 1e-14)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 8])
@pytest.mark.parametrize("dtype", DTYPES)
def test_polygamma(n: int, dtype: type) -> None:
    x = np.random.default_rng(3).uniform(-4.9, 12, 40).astype(dtype)
    expected = digits(lambda v: mpmath.polygamma(n, v), x).astype(dtype)
    compare(special.polygamma(n, x), expected, 1e-13 if dtype is np.float64 else 3e-7)
    edges = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 800.0, 1e-310, -1e-310]).astype(dtype)
    compare(special.polygamma(n, edges), torch.special.polygamma(n, torch.from_numpy(edges)).numpy(), 1e-6)


def test_polygamma_at_poles_and_negative_order() -> None:
    np.testing.assert_array_equal(special.polygamma(1, np.array([-1.0, -7.0])), [np.inf, np.inf])
    np.testing.assert_array_equal(special.polygamma(2, np.array([-1.0, -7.0])), [-np.inf, -np.inf])
    with pytest.raises(RuntimeError, match="does not support negative n"):
        special.polygamma(-1, np.array([1.0]))


GRID = np.array([np.nan, np.inf, -np.inf, 0, -0.0, -1, -1.5, 0.5, 1, 2, 3, 2.5, 30, 300, -30.3, 1e-5, 1e5])


@pytest.mark.parametrize("name", ["zeta", "gammainc", "gammaincc", "xlogy", "xlog1py"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_binary_grid_against_pytorch(name: str, dtype: type) -> None:
    a, b = np.meshgrid(GRID.astype(dtype), GRID.astype(dtype))
    relative = 1e-8 if name.startswith("gamma") and dtype is np.float64 else 20 * RELATIVE[np.dtype(dtype)]
    absolute = 0.0 if dtype is np.float64 else 1e-6
    compare(getattr(special, name)(a, b), oracle(name, a, b), relative, absolute)


@pytest.mark.parametrize(
    ("low", "high", "count"), [((0, 0), (5, 8), 80), ((5, 0), (99, 200), 40), ((100, 60), (300, 400), 40)]
)
def test_incomplete_gamma_against_many_digits(low: tuple, high: tuple, count: int) -> None:
    generator = np.random.default_rng(4)
    a, x = generator.uniform(low[0], high[0], count), generator.uniform(low[1], high[1], count)
    with mpmath.workdps(40):
        lower = np.array([float(mpmath.gammainc(p, 0, q, regularized=True)) for p, q in zip(a, x, strict=True)])
        upper = np.array(
            [float(mpmath.gammainc(p, q, mpmath.inf, regularized=True)) for p, q in zip(a, x, strict=True)]
        )
    compare(special.gammainc(a, x), lower, 3e-13, 1e-300)
    compare(special.gammaincc(a, x), upper, 3e-13, 1e-300)


def test_upper_incomplete_gamma_keeps_small_values() -> None:
    a, x = 10.0 ** np.linspace(-12, 0, 25), np.repeat([1e-6, 0.01, 0.4, 0.9, 1.05], 5)
    with mpmath.workdps(40):
        exact = np.array(
            [float(mpmath.gammainc(p, q, mpmath.inf, regularized=True)) for p, q in zip(a, x, strict=True)]
        )
    compare(special.gammaincc(a, x), exact, 1e-14)


@pytest.mark.parametrize("a", [1e3, 1e6, 1e12])
def test_incomplete_gamma_at_large_a(a: float) -> None:
    """Q(a, a) = 1/2 - (1/3 + 1/(540 a) - 25/(6048 a a) + ...)/sqrt(2 pi a) (DLMF 8.11.12)."""
    expected = 0.5 - (1 / 3 + 1 / (540 * a) - 25 / (6048 * a * a)) / np.sqrt(2 * np.pi * a)
    point = np.array([a])
    compare(special.gammaincc(point, point), np.array([expected]), 1e-12)
    compare(special.gammainc(point, point) + special.gammaincc(point, point), np.ones(1), 1e-15)


def test_zeta_against_pytorch_and_its_recurrence() -> None:
    generator = np.random.default_rng(5)
    s, q = generator.uniform(1.01, 60, 300), generator.uniform(0, 60, 300)
    compare(special.zeta(s, q), oracle("zeta", s, q), 5e-14)
    whole = np.array([2.0, 3.0, 4.0])
    below = np.array([-2000.7, -31.25, -0.125])
    expected = [
        sum((q + k) ** -s for k in range(2001)) + special.zeta(np.array(s), np.array(q + 2001))
        for s, q in zip(whole, below, strict=True)
    ]
    compare(special.zeta(whole, below), np.array(expected), 1e-12)


@pytest.mark.parametrize("p", [1, 2, 5])
@pytest.mark.parametrize("dtype", DTYPES)
def test_multigammaln(p: int, dtype: type) -> None:
    a = np.random.default_rng(6).uniform(p / 2 + 0.1, 40, 200).astype(dtype)
    expected = torch.special.multigammaln(torch.from_numpy(a.astype(np.float64)), p).numpy().astype(dtype)
    compare(special.multigammaln(a, p), expected, RELATIVE[np.dtype(dtype)], 1e-14)


def test_multigammaln_rejects_a_dimension_below_one() -> None:
    with pytest.raises(RuntimeError, match="p has to be greater than or equal to 1"):
        special.multigammaln(np.array([1.5]), 0)


@pytest.mark.parametrize("name", POLYNOMIALS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_polynomials(name: str, dtype: type) -> None:
    x = np.array([np.inf, -np.inf, 0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 0.1, 0.97, -0.3, 1.3]).astype(dtype)
    degrees = np.array([-3.0, -1.0, 0.0, 1.0, 2.7, 3.0, 6.0, 7.0, 8.0, 9.0, 10.0, 15.0]).astype(dtype)
    x, n = x[:, None], degrees[None, :]
    actual = getattr(special, name)(x, n)
    expected = oracle(name, *np.broadcast_arrays(x.astype(np.float64), n.astype(np.float64))).astype(dtype)
    scale = np.abs(np.where(np.isfinite(expected), expected, 0)).max() if "hermite" in name else 1.0
    compare(actual, expected, 1e-12 if dtype is np.float64 else 3e-7, scale * (1e-13 if dtype is np.float64 else 1e-7))


@pytest.mark.parametrize("name", POLYNOMIALS)
def test_polynomials_of_no_number_and_of_high_degree(name: str) -> None:
    function = getattr(special, name)
    x = np.array([np.nan, 0.3, 0.3, 0.0])
    compare(function(x, np.array([2.0, np.nan, 0.0, -1.0])), np.array([np.nan, 0.0, 1.0, 0.0]), 0)
    x = np.array([0.3, 0.5, 1.0, 0.9])
    high = oracle(name, x, np.full(4, 600.0))
    compare(function(x, np.array(600.0)), high, 1e-9, 1e-10)


@pytest.mark.parametrize("name", ["chebyshev_polynomial_t", "legendre_polynomial_p"])
def test_polynomials_of_enormous_degree_overflow_at_once(name: str) -> None:
    x = np.array([1.5])
    assert np.isnan(getattr(special, name)(x, np.array(1e15))).all()
    assert np.isfinite(getattr(special, name)(x, np.array(40.0))).all()


@pytest.mark.parametrize("name", ["erf", "lgamma", "xlogy"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_shapes_strides_and_operands_left_alone(name: str, dtype: type) -> None:
    whole = np.random.default_rng(7).uniform(0.1, 3, (60, 170)).astype(dtype)
    x = whole[::2, ::3].T
    kept = whole.copy()
    function = getattr(special, name)
    operands = (x, x[:, :1]) if name == "xlogy" else (x,)
    torch_operands = (x.copy(), np.broadcast_to(x[:, :1], x.shape).copy()) if name == "xlogy" else (x.copy(),)
    compare(function(*operands), oracle(name, *torch_operands), 1e-6)
    np.testing.assert_array_equal(whole, kept)
    scalars = tuple(np.array(1.5, dtype) for _ in operands)
    assert function(*scalars).shape == ()
    assert function(*(np.empty((0, 3), dtype) for _ in operands)).shape == (0, 3)


def test_longer_than_a_block() -> None:
    x = np.random.default_rng(8).normal(size=50_001)
    compare(special.erf(x), oracle("erf", x), 1e-15)
    single = x.astype(np.float32)
    compare(special.erf(single), oracle("erf", single), 5e-7)


def test_integers_are_refused() -> None:
    with pytest.raises(TypeError, match="lgamma.*floating-point"):
        special.lgamma(np.array([1, 2]))
    with pytest.raises(TypeError, match="erf: expected floating-point"):
        special.erf(np.array([1, 2]))


def test_every_public_function_is_covered() -> None:
    covered = set(UNARY) | set(POLYNOMIALS)
    covered |= {"polygamma", "zeta", "gammainc", "gammaincc", "xlogy", "xlog1py", "multigammaln"}
    assert covered == set(special.__all__)
