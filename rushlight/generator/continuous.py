"""Draws from continuous distributions: uniform, normal, exponential, Cauchy, log-normal.

Every function takes the engine, the shape and the dtype of the result and returns a NumPy array with exactly the
elements that PyTorch's CPU kernel gives a contiguous tensor; the engine's stream moves on as far as PyTorch's does.
bfloat16 results are uint16 bit patterns.

>>> from rushlight.dtype import float32
>>> from rushlight.generator.mt19937 import Engine
>>> uniform(Engine(0), (2,), float32)
array([0.4962566, 0.7682218], dtype=float32)
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..dtype import bfloat16, complex128, decode, dtype, float16, float32, float64
from .box_muller import COEFFICIENTS, standard_normals
from .checks import COMPLEX, FLOATING, LARGEST, c_name, require, require_kernel, scalar_name
from .mt19937 import Engine
from .native import fused_draws
from .rounding import libm, multiply_add, narrowed, stored

Shape = tuple[int, ...]


def uniform(engine: Engine, shape: Shape, dtype: dtype, low: float = 0.0, high: float = 1.0) -> np.ndarray:
    """Uniform over [low, high), as `torch.rand` and `Tensor.uniform_`; floating and complex dtypes.

    Raises RuntimeError if low > high, or if either or their difference is beyond the dtype.
    """
    if dtype in COMPLEX:
        return _complex(lambda real, part: uniform(engine, real, part, low, high), shape, dtype)
    low, high = _uniform_bounds(dtype, low, high)
    count = math.prod(shape)
    compiled = fused_draws(count) if dtype is float32 and engine.fused else None
    if compiled is not None:
        return compiled.uniforms(engine.random32(count), low, high).reshape(shape)
    unit = engine.uniform64(count) if dtype is float64 else engine.uniform32(count)
    if not (low == 0.0 and high == 1.0):
        extent = high - low if dtype is float64 else float(np.float32(high) - np.float32(low))
        unit = multiply_add(unit, extent, low, engine.fused)
    elif dtype in (float32, float64):
        return unit.reshape(shape)
    result = stored(unit, dtype)
    ends = stored(np.array([low, high]), dtype)
    result[result == ends[1]] = ends[0]  # where rounding reached the excluded bound
    return result.reshape(shape)


def _uniform_bounds(dtype: dtype, low: float, high: float) -> tuple[float, float]:
    require_kernel("check_uniform_bounds", dtype, FLOATING)
    largest = LARGEST[dtype]
    require(-largest <= low <= largest, f"from is out of bounds for {c_name(dtype)}")
    require(-largest <= high <= largest, f"to is out of bounds for {c_name(dtype)}")
    require(low <= high, f"uniform_ expects to return a [from, to) range, but found from={low:g} > to={high:g}")
    require(
        high - low <= largest,
        f"uniform_ expects to-from <= std::numeric_limits<{scalar_name(dtype)}>::max(), but found to={high:g} and "
        f"from={low:g} which result in to-from to exceed the limit",
    )
    return float(low), float(high)


def normal(
    engine: Engine, shape: Shape, dtype: dtype, mean: float = 0.0, std: float = 1.0, contiguous: bool = True
) -> np.ndarray:
    """Normal, as `torch.randn` and `Tensor.normal_`; floating and complex dtypes.

    PyTorch draws fewer than 16 elements, and those of a tensor that is not contiguous (`contiguous=False`), one by
    one in float64, and all others in blocks of 16. Raises RuntimeError if std < 0.
    """
    require(std >= 0.0, f"normal expects std >= 0.0, but found std {std:g}")
    if dtype in COMPLEX:
        deviation = std / math.sqrt(2)  # of either part
        return _complex(lambda real, part: normal(engine, real, part, mean, deviation, contiguous), shape, dtype)
    require_kernel("normal_kernel_cpu", dtype, FLOATING)
    count = math.prod(shape)
    if count >= 16 and contiguous:
        uniforms = _block_uniforms(engine, count, dtype)
        compiled = fused_draws(count) if dtype is not float64 and engine.fused else None
        if compiled is not None:
            compiled.normals(uniforms, COEFFICIENTS, std, mean)
            values = uniforms
        else:
            values = standard_normals(uniforms, engine.fused)
            values = multiply_add(values, std, mean, fused=True)  # fused by name in PyTorch's source, on all machines
        return _over_last_block(stored(values, dtype), count).reshape(shape)
    values = multiply_add(_sequential_normals(engine, count), std, mean, engine.fused)
    return stored(values, dtype).reshape(shape)


def _block_uniforms(engine: Engine, count: int, dtype: dtype) -> np.ndarray:
    """Uniforms for the whole blocks of 16 in `count` elements and, if these are not all, for one more block."""
    whole = count // 16 * 16
    draw = engine.uniform64 if dtype is float64 else engine.uniform32
    if whole == count:
        return draw(count)
    if dtype in (float16, bfloat16):
        return draw(whole + 16)
    # PyTorch draws one uniform for each element before it computes, and those beyond the whole blocks go unused.
    uniforms = draw(count + 16)
    uniforms[whole : whole + 16] = uniforms[count:]
    return uniforms[: whole + 16]


def _over_last_block(values: np.ndarray, count: int) -> np.ndarray:
    """Cut to `count` elements: the last of several blocks overwrites the last 16."""
    if len(values) == count:
        return values
    values[count - 16 : count] = values[-16:].copy()
    return values[:count].copy()


def _sequential_normals(engine: Engine, count: int) -> np.ndarray:
    """`count` standard normals in float64, made in pairs; a second one left over waits in the engine."""
    kept = [] if engine.double_normal is None or count == 0 else [engine.double_normal]
    pairs = (count - len(kept) + 1) // 2
    uniforms = engine.uniform64(2 * pairs)
    radius = np.sqrt(-2.0 * libm(math.log1p, -uniforms[1::2]))
    theta = 2.0 * math.pi * uniforms[0::2]
    values = np.empty(len(kept) + 2 * pairs)
    values[: len(kept)] = kept
    values[len(kept) :: 2] = radius * libm(math.cos, theta)
    values[len(kept) + 1 :: 2] = radius * libm(math.sin, theta)
    if count:
        engine.double_normal = float(values[-1]) if len(values) > count else None
    return values[:count]


def normal_around(
    engine: Engine, shape: Shape, dtype: dtype, mean: np.ndarray | float, std: np.ndarray | float
) -> np.ndarray:
    """Normal with a mean and a deviation for each element, as `torch.normal` with one tensor or two.

    Arrays are given decoded (bfloat16 and float16 as float32) and broadcast to `shape`, which is the broadcast of
    both, as PyTorch's result is; `dtype` is that of the mean, or of `std` if the mean is a number.
    """
    if not isinstance(std, np.ndarray):
        values = normal(engine, shape, dtype, 0.0, std)
    else:
        require(not np.iscomplexobj(std), "normal expects standard deviation to be non-complex")
        require(std.size == 0 or bool(std.min() >= 0), "normal expects all elements of std >= 0.0")
        values = normal(engine, shape, dtype)
        values = stored(decode(values, dtype) * std, dtype)
    if not isinstance(mean, np.ndarray):
        mean = decode(stored(np.array(mean), dtype), dtype)
    return stored(decode(values, dtype) + mean, dtype)


def log_normal(engine: Engine, shape: Shape, dtype: dtype, mean: float = 1.0, std: float = 2.0) -> np.ndarray:
    """exp of a normal, as `Tensor.log_normal_`; floating dtypes. Raises RuntimeError unless std > 0."""
    require(std > 0.0, f"log_normal_ expects std > 0.0, but found std={std:g}")
    require_kernel("log_normal_cpu", dtype, FLOATING)
    values = multiply_add(_sequential_normals(engine, math.prod(shape)), std, mean, engine.fused)
    finite = values < 709.8  # beyond it `math.exp` raises
    exponentials = np.full(values.shape, np.inf)
    exponentials[finite] = libm(_exp, values[finite])
    return stored(exponentials, dtype).reshape(shape)


def _exp(x: float) -> float:
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


def exponential(engine: Engine, shape: Shape, dtype: dtype, rate: float = 1.0) -> np.ndarray:
    """Exponential with rate lambda, as `Tensor.exponential_`; floating dtypes. Raises RuntimeError unless rate > 0."""
    require(rate > 0.0, f"exponential_ expects lambda > 0.0, but found lambda={rate:g}")
    require(
        dtype in FLOATING,
        "Exponential distribution is a continuous probability distribution. dtype must be a floating point but you "
        f"specified {scalar_name(dtype)}",
    )
    uniforms = engine.uniform64(math.prod(shape))
    np.negative(uniforms, out=uniforms)
    scale = -1.0 / rate

    def exact(u: np.ndarray) -> np.ndarray:
        return scale * libm(math.log1p, u)

    if dtype is float64:
        return exact(uniforms).reshape(shape)
    approximate = scale * np.log1p(uniforms)
    return stored(_settled(uniforms, approximate, np.abs(approximate), exact), dtype).reshape(shape)


def cauchy(engine: Engine, shape: Shape, dtype: dtype, median: float = 0.0, sigma: float = 1.0) -> np.ndarray:
    """Cauchy, as `Tensor.cauchy_`; floating dtypes. Raises RuntimeError unless sigma > 0."""
    require(sigma > 0.0, f"cauchy_ expects sigma > 0.0, but found sigma={sigma:g}")
    require(
        dtype in FLOATING,
        "Cauchy distribution is a continuous probability distribution. dtype must be a floating point but you "
        f"specified {c_name(dtype)}",
    )
    angles = math.pi * (engine.uniform64(math.prod(shape)) - 0.5)

    def exact(angles: np.ndarray) -> np.ndarray:
        return multiply_add(libm(math.tan, angles), sigma, median, engine.fused)

    if dtype is float64:
        return exact(angles).reshape(shape)
    spread = sigma * np.tan(angles)
    return stored(_settled(angles, median + spread, abs(median) + np.abs(spread), exact), dtype).reshape(shape)


def _settled(
    x: np.ndarray, approximate: np.ndarray, magnitude: np.ndarray, exact: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """float64 values that round to the same float32 as those of the slow `exact(x)`.

    `approximate` comes from NumPy's functions, which are good to a few units in the last place; `magnitude` bounds
    what was added up to it. Where the rounding could hang on that, about once in 100,000 elements, the exact value
    takes its place.
    """
    margin = magnitude * 2.0**-42
    doubtful = narrowed(approximate - margin) != narrowed(approximate + margin)
    if doubtful.any():
        approximate[doubtful] = exact(x[doubtful])
    return approximate


def _complex(draw: Callable[[Shape, dtype], np.ndarray], shape: Shape, dtype: dtype) -> np.ndarray:
    """A complex result, drawn as pairs of its real and imaginary parts."""
    pairs = draw((*shape, 2), float64 if dtype is complex128 else float32)
    return pairs.view(dtype.storage).reshape(shape)
