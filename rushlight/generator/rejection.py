"""Draws by rejection, an element at a time: gamma, Dirichlet, Poisson, binomial.

How many uniforms an element takes depends on what they are, so these are Python loops over a `Tape` of uniforms, at a
few microseconds an element. The parameters are arrays in storage form, of the dtype that the result has too.

>>> import numpy as np
>>> from rushlight.dtype import float32
>>> from rushlight.generator.mt19937 import Engine
>>> poisson(Engine(0), np.array([2.0, 30.0], np.float32), float32)
array([ 6., 27.], dtype=float32)
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable

import numpy as np

from ..dtype import decode, dtype, float32, float64
from .checks import FLOATING, SMALLEST_NORMAL, require, require_kernel, scalar_name
from .mt19937 import Engine
from .rounding import c_library, narrowed, stored
from .summation import row_sums

_FETCH = 1024
_SINGLE_OR_DOUBLE = (float32, float64)
_INT64_MIN = -(1 << 63)
_lgamma = c_library("lgamma")  # `math.lgamma` is Python's own
_log1p_float32 = c_library("log1pf", ctypes.c_float)


class Tape:
    """An engine's float64 uniforms one by one, fetched in bulk; on leaving, the rest is back in the engine."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def __enter__(self) -> Tape:
        self._start = self.engine.get_state()
        self._fetched = 0
        self._values: list[float] = []  # last one first
        return self

    def __exit__(self, *exception: object) -> None:
        normal = self.engine.double_normal
        self.engine.set_state(self._start)
        self.engine.random32(2 * (self._fetched - len(self._values)))
        self.engine.double_normal = normal

    def uniform(self) -> float:
        """The next uniform in [0, 1)."""
        if not self._values:
            self._values = self.engine.uniform64(_FETCH)[::-1].tolist()
            self._fetched += _FETCH
        return self._values.pop()

    def normal(self) -> float:
        """The next standard normal."""
        kept = self.engine.double_normal
        if kept is not None:
            self.engine.double_normal = None
            return kept
        theta = 2.0 * math.pi * self.uniform()
        radius = math.sqrt(-2.0 * math.log1p(-self.uniform()))
        self.engine.double_normal = radius * math.sin(theta)
        return radius * math.cos(theta)


def _log(x: float) -> float:
    """As C has it: minus infinity at 0."""
    return math.log(x) if x else -math.inf


def gamma(engine: Engine, alpha: np.ndarray, dtype: dtype) -> np.ndarray:
    """Gamma with shape `alpha` and scale 1, as `torch._standard_gamma`; float32 or float64. Marsaglia and Tsang's."""
    require_kernel("gamma_cpu", dtype, _SINGLE_OR_DOUBLE)
    return _at_least(SMALLEST_NORMAL[dtype], narrowed(_standard_gamma(engine, alpha), dtype.storage.type))


def _at_least(least: float, values: np.ndarray) -> np.ndarray:
    """C's max(least, value), unlike NumPy's: `least` for a NaN."""
    return np.where(values > least, values, values.dtype.type(least))


def _standard_gamma(engine: Engine, alpha: np.ndarray) -> np.ndarray:
    """float64 samples, with the parameters computed in the dtype of `alpha` as in its kernel."""
    small = alpha < 1
    third = np.float32(1) / np.float32(3)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        power = 1 / alpha
        d = (np.where(small, alpha + 1, alpha) - third).astype(np.float64)
        c = 1.0 / np.sqrt(9.0 * d)
    samples = []
    with Tape(engine) as tape:
        for given, boosted, exponent, d_i, c_i in zip(
            *(array.ravel().tolist() for array in (alpha, small, power, d, c)), strict=True
        ):
            if given == 0:
                samples.append(0.0)
                continue
            scale = _power(1.0 - tape.uniform(), exponent) if boosted else 1.0
            samples.append(scale * d_i * _marsaglia_tsang(tape, d_i, c_i))
    return np.array(samples, np.float64).reshape(alpha.shape)


def _power(base: float, exponent: float) -> float:
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return math.inf


_SQUEEZE = float(np.float32(0.0331))


def _marsaglia_tsang(tape: Tape, d: float, c: float) -> float:
    """The cube v whose d * v is gamma distributed."""
    while True:
        y = 0.0
        while y <= 0.0:
            x = tape.normal()
            y = 1.0 + c * x
        v = y * y * y
        u = 1.0 - tape.uniform()
        square = x * x
        if u < 1.0 - _SQUEEZE * square * square or math.log(u) < 0.5 * square + d * (1.0 - v + math.log(v)):
            return v


def dirichlet(engine: Engine, alpha: np.ndarray, dtype: dtype) -> np.ndarray:
    """Dirichlet over the last axis, float32 or float64, as `torch._sample_dirichlet`."""
    require_kernel("dirichlet", dtype, _SINGLE_OR_DOUBLE)
    samples = _at_least(SMALLEST_NORMAL[float64], _standard_gamma(engine, alpha.astype(np.float64)))
    shares = narrowed(samples / row_sums(samples), dtype.storage.type)
    one = dtype.storage.type(1)
    return np.minimum(np.nextafter(one, 0 * one), _at_least(SMALLEST_NORMAL[dtype], shares))


def poisson(engine: Engine, rate: np.ndarray, dtype: dtype) -> np.ndarray:
    """Poisson with a rate for each element, as `torch.poisson`. Raises RuntimeError for a rate below 0 or NaN."""
    require_kernel("poisson_cpu", dtype, FLOATING)
    rates = decode(rate, dtype).ravel().tolist()
    counts = []
    with Tape(engine) as tape:
        for one in rates:
            require(one >= 0, "invalid Poisson rate, expected rate to be non-negative")
            if one >= 10:
                counts.append(_poisson_by_rejection(tape, one))
            elif one == 0:
                counts.append(0)
            else:
                counts.append(_poisson_by_product(tape, one))
    return stored(np.array(counts, np.float64), dtype).reshape(rate.shape)


def _poisson_by_product(tape: Tape, rate: float) -> int:
    """How many uniforms are multiplied before the product falls below exp(-rate)."""
    limit, product, count = math.exp(-rate), tape.uniform(), 0
    while product > limit:
        count += 1
        product *= tape.uniform()
    return count


def _poisson_by_rejection(tape: Tape, rate: float) -> int:
    """Hörmann's transformed rejection (1993)."""
    root, log_rate = math.sqrt(rate), math.log(rate)
    b = 0.931 + 2.53 * root
    a = -0.059 + 0.02483 * b
    log_inverse = math.log(1.1239 + 1.1328 / (b - 3.4))
    accepted = 0.9277 - 3.6224 / (b - 2)
    while True:
        u, v = tape.uniform() - 0.5, tape.uniform()
        us = 0.5 - abs(u)
        k = _floor((2 * a / us + b) * u + rate + 0.43) if us else -math.inf
        if us >= 0.07 and v <= accepted:
            return _to_int64(k)
        if k < 0 or (us < 0.013 and v > us):
            continue
        if _log(v) + log_inverse - math.log(a / (us * us) + b) <= -rate + k * log_rate - _lgamma(k + 1.0):
            return _to_int64(k)


def _to_int64(x: float) -> int:
    """As C converts on x86: what int64 cannot hold becomes its least number."""
    return int(x) if -(2.0**63) <= x < 2.0**63 else _INT64_MIN


def binomial(engine: Engine, count: np.ndarray, prob: np.ndarray, dtype: dtype) -> np.ndarray:
    """Binomial, float32 or float64, as `torch.binomial`; `prob` is broadcast to the shape of `count`.

    PyTorch computes partly in the dtype of its arguments; so does this. For a NaN count it never ends; this raises a
    RuntimeError.
    """
    if dtype not in FLOATING:
        raise ValueError(f"binomial only supports floating-point dtypes for count, got: {scalar_name(dtype)}")
    require_kernel("binomial_cpu", dtype, _SINGLE_OR_DOUBLE)
    require(not np.isnan(count).any(), "binomial: count has a NaN")
    rounded = float if dtype is float64 else _to_float32
    draws = []
    with Tape(engine) as tape:
        for n, p in zip(count.ravel().tolist(), np.broadcast_to(prob, count.shape).ravel().tolist(), strict=True):
            if n <= 0 or p <= 0:
                draws.append(0.0)
            elif p >= 1:
                draws.append(n)
            elif p <= 0.5:
                draws.append(_binomial_up_to_half(tape, n, p, rounded))
            elif p > 0.5:
                draws.append(n - _binomial_up_to_half(tape, n, rounded(1.0 - p), rounded))
            else:
                draws.append(math.nan)
    return narrowed(np.array(draws, np.float64), dtype.storage.type).reshape(count.shape)


def _to_float32(x: float) -> float:
    return float(np.float32(x))


def _binomial_up_to_half(tape: Tape, n: float, p: float, rounded: Callable[[float], float]) -> float:
    if rounded(n * p) >= 10:
        return _binomial_by_rejection(tape, n, p, rounded)
    log_miss = math.log1p(-p) if rounded is float else _log1p_float32(-p)
    trials, successes = 0.0, 0.0
    while True:  # the trials from one success to the next are geometric
        u = tape.uniform()
        trials += math.ceil(math.log(u) / log_miss) if u else math.inf
        if trials > n:
            return successes
        successes += 1


def _binomial_by_rejection(tape: Tape, n: float, p: float, rounded: Callable[[float], float]) -> float:
    """Hörmann's BTRS (1993)."""
    miss, mean = rounded(1 - p), rounded(n * p)
    deviation = rounded(math.sqrt(rounded(mean * miss)))
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * p
    c = mean + 0.5
    accepted = 0.92 - 4.2 / b
    odds = rounded(p / miss)
    alpha = (2.83 + 5.1 / b) * deviation
    m = _floor(rounded(rounded(n + 1) * p))
    while True:
        u, v = tape.uniform() - 0.5, tape.uniform()
        us = 0.5 - abs(u)
        k = rounded(_floor((2 * a / us + b) * u + c)) if us else -math.inf
        if k < 0 or k > n:
            continue
        if us >= 0.07 and v <= accepted:
            return k
        left = rounded(rounded(n - k) + 1)
        bound = (
            (m + 0.5) * math.log((m + 1) / (odds * (n - m + 1)))
            + rounded(n + 1) * math.log((n - m + 1) / left)
            + (k + 0.5) * math.log(odds * left / rounded(k + 1))
            + _stirling_rest(m)
            + _stirling_rest(n - m)
            - _stirling_rest(k)
            - _stirling_rest(rounded(n - k))
        )
        if _log(v * alpha / (a / (us * us) + b)) <= bound:
            return k


def _floor(x: float) -> float:
    return float(math.floor(x)) if math.isfinite(x) else x


# What Stirling's approximation lacks of log k! for k = 0 ... 9 (Hörmann's table).
_STIRLING_RESTS = (
    0.0810614667953272,
    0.0413406959554092,
    0.0276779256849983,
    0.02079067210376509,
    0.0166446911898211,
    0.0138761288230707,
    0.0118967099458917,
    0.0104112652619720,
    0.00925546218271273,
    0.00833056343336287,
)


def _stirling_rest(k: float) -> float:
    if k <= 9:
        return _STIRLING_RESTS[int(k)]
    square = (k + 1) * (k + 1)
    return (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / square) / square) / (k + 1)
