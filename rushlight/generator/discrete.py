"""Draws by given chances: Bernoulli, geometric, multinomial.

The arguments and results are as in `continuous`; chances that are arrays come decoded, with the dtype they have in
PyTorch beside them.

>>> from rushlight.dtype import float32
>>> from rushlight.generator.mt19937 import Engine
>>> bernoulli(Engine(0), (4,), float32, 0.5)
array([0., 0., 1., 0.], dtype=float32)
"""

from __future__ import annotations

import math

import numpy as np

from ..dtype import bfloat16, bool_, decode, dtype, float32, float64, int64
from .checks import FLOATING, INTEGERS, require, require_kernel, scalar_name
from .continuous import Shape, exponential
from .mt19937 import Engine
from .native import LONG, draws
from .rounding import libm, narrowed, stored
from .selection import greatest

_PIECE = 1 << 19  # elements drawn at once: their words stay in the cache
_BAD_CHANCE = (
    "Expected p_in >= 0 && p_in <= 1 to be true, but got false.  "
    "(Could this error message be improved?  If so, please report an enhancement request to PyTorch.)"
)


def bernoulli(engine: Engine, shape: Shape, dtype: dtype, p: float = 0.5, one: float = 1.0) -> np.ndarray:
    """`one` with chance `p`, else 0, as `Tensor.bernoulli_(p)` and dropout; real dtypes and bool.

    Raises RuntimeError unless 0 <= p <= 1.
    """
    require(0 <= p <= 1, f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")
    require_kernel("bernoulli_scalar_cpu_", dtype, (*INTEGERS, *FLOATING, bool_))
    # uniform < p, in whole numbers: k / 2**53 < p just if k < ceil(p * 2**53).
    count, threshold = math.prod(shape), math.ceil(math.ldexp(p, 53))
    compiled = draws() if dtype is float32 and count >= LONG else None
    if compiled is None:
        words = engine.random64(count)
        words &= np.uint64((1 << 53) - 1)
        values = _ones_and_zeros(words < np.uint64(threshold), dtype)
        return (values if one == 1 else values * dtype.storage.type(one)).reshape(shape)
    result = np.empty(count, np.float32)
    for begin in range(0, count, _PIECE):
        part = result[begin : begin + _PIECE]
        compiled.hits(engine.random32(2 * part.size), part, threshold, one)
    return result.reshape(shape)


def bernoulli_from(engine: Engine, shape: Shape, dtype: dtype, p: np.ndarray, p_dtype: dtype) -> np.ndarray:
    """1 with the chance that `p` (decoded, broadcast to `shape`) has for the element, as `torch.bernoulli(p)`.

    A float64 `p` takes float64 uniforms, all others float32. Raises RuntimeError unless 0 <= p <= 1.
    """
    require_kernel("bernoulli_tensor_cpu_self_", dtype, (*INTEGERS, *FLOATING, bool_))
    count = math.prod(shape)
    if count == 0:
        return np.empty(shape, dtype.storage)
    require_kernel("bernoulli_tensor_cpu_p_", p_dtype, FLOATING)
    chances = np.broadcast_to(p, shape).reshape(-1)
    draw = engine.uniform64 if p_dtype is float64 else engine.uniform32
    refused = np.flatnonzero(~((chances >= 0) & (chances <= 1)))
    if refused.size:
        draw(int(refused[0]))  # PyTorch has drawn the elements before
        raise RuntimeError(_BAD_CHANCE)
    return _ones_and_zeros(draw(count) < chances, dtype).reshape(shape)


def _ones_and_zeros(hits: np.ndarray, dtype: dtype) -> np.ndarray:
    if dtype is bfloat16:
        return stored(hits.astype(np.float32), dtype)
    return hits.astype(dtype.storage, copy=False)


def geometric(engine: Engine, shape: Shape, dtype: dtype, p: float) -> np.ndarray:
    """The number of trials up to the first success, as `Tensor.geometric_`; real dtypes.

    Raises RuntimeError unless 0 < p < 1.
    """
    require(0 < p < 1, f"geometric_ expects p to be in (0, 1), but got p={p:g}")
    require_kernel("geometric_cpu", dtype, (*INTEGERS, *FLOATING))
    uniforms = engine.uniform64(math.prod(shape))
    zero = uniforms == 0.0  # whose logarithm `math` refuses
    uniforms[zero] = 1.0
    logs = libm(math.log, uniforms)
    logs[zero] = -np.inf
    trials = np.ceil(logs / math.log1p(-p)).reshape(shape)
    if dtype in FLOATING:
        return stored(trials, dtype)
    # C converts to int first and cuts that down to the smaller integers.
    return narrowed(trials, np.int64 if dtype is int64 else np.int32).astype(dtype.storage, copy=False)


def multinomial(
    engine: Engine, chances: np.ndarray, dtype: dtype, samples: int, replacement: bool = False
) -> np.ndarray:
    """Indices in proportion to the rows of `chances`, as `torch.multinomial`; int64, (samples,) or (rows, samples).

    `chances` is in storage form, one- or two-dimensional, of floating `dtype`. Raises RuntimeError for negative,
    infinite or all-zero rows, and for more samples than columns unless with replacement.
    """
    require(dtype in FLOATING, f"multinomial only supports floating-point dtypes for input, got: {scalar_name(dtype)}")
    require(chances.ndim in (1, 2), "prob_dist must be 1 or 2 dim")
    require(samples > 0, "cannot sample n_sample <= 0 samples")
    require(
        replacement or samples <= chances.shape[-1],
        "cannot sample n_sample > prob_dist.size(-1) samples without replacement",
    )
    rows = chances.reshape(-1, chances.shape[-1]) if chances.size else chances.reshape(-1, 1)[:0]
    if len(rows) == 0:
        result = np.empty((0, samples), np.int64)
    elif replacement and samples > 1:
        result = np.stack([_with_replacement(engine, decode(row, dtype), dtype, samples) for row in rows])
    else:
        result = _without_replacement(engine, rows, dtype, samples)
    return result.reshape(*chances.shape[:-1], samples)


def _without_replacement(engine: Engine, rows: np.ndarray, dtype: dtype, samples: int) -> np.ndarray:
    """The columns with the greatest chance / exponential."""
    chances = decode(rows, dtype)
    require(
        bool(((chances >= 0) & (chances < np.inf)).all()),
        "probability tensor contains either `inf`, `nan` or element < 0",
    )
    require(bool((chances != 0).any(axis=1).all()), "invalid multinomial distribution (sum of probabilities <= 0)")
    waits = decode(exponential(engine, rows.shape, dtype), dtype)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        scores = decode(stored(chances / waits, dtype), dtype)
    if samples == 1:
        return scores.argmax(axis=1)[:, None]
    return np.stack([greatest(row, samples) for row in scores])


def _with_replacement(engine: Engine, chances: np.ndarray, dtype: dtype, samples: int) -> np.ndarray:
    """By the cumulative distribution of one row, summed one by one in the row's dtype."""
    good = (chances >= 0) & np.isfinite(chances)
    if not good.all():
        first = chances[~good][0]
        fault = "probability entry = infinity or NaN" if first > 0 else "probability entry < 0"
        raise RuntimeError(f"invalid multinomial distribution (encountering {fault})")
    cumulative = np.cumsum(chances)
    require(bool(cumulative[-1] > 0), "invalid multinomial distribution (sum of probabilities <= 0)")
    cumulative /= cumulative[-1]
    cumulative[-1] = 1
    return np.searchsorted(cumulative.astype(np.float64), engine.uniform64(samples))
