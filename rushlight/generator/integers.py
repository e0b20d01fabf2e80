"""Integer draws: `randint`, the three forms of `Tensor.random_`, and `randperm`.

The arguments and results are as in `continuous`: engine, shape and dtype in, a NumPy array with PyTorch's elements
out. Floating and bool dtypes are filled too, as PyTorch does.

>>> from rushlight.dtype import int64
>>> from rushlight.generator.mt19937 import Engine
>>> randint(Engine(0), (4,), int64, 0, 10)
array([4, 9, 3, 0])
>>> randperm(Engine(0), 5, int64)
array([4, 0, 1, 3, 2])
"""

from __future__ import annotations

import math
import warnings

import numpy as np

from ..dtype import bfloat16, bool_, dtype, float32, float64, int64, uint16, uint32, uint64
from .checks import DIGITS, FLOATING, INTEGERS, LARGEST, c_name, require, require_kernel, scalar_name
from .continuous import Shape
from .mt19937 import Engine
from .rounding import stored

_INT64_MIN, _INT64_MAX = -(1 << 63), (1 << 63) - 1
_UNSIGNED = (uint16, uint32, uint64)
_WIDE_RANGE = 1 << 28  # from here on PyTorch takes 64 bits for each number, so that `%` favours none by much
_WIDE_PERMUTATION = 0xFFFFFFFF // 20  # from here on randperm does too, and shuffles the other way round


def random(engine: Engine, shape: Shape, dtype: dtype) -> np.ndarray:
    """All values of an integer dtype from 0 up, or all integers a floating dtype has exactly, as `Tensor.random_()`."""
    require_kernel("random_kernel_cpu", dtype, (*INTEGERS, *FLOATING, bool_))
    count = math.prod(shape)
    words = engine.random64(count) if dtype in (int64, float64) else engine.random32(count)
    if dtype is bool_:
        return (words & 1).astype(bool).reshape(shape)
    if dtype in FLOATING:
        values = (words % words.dtype.type((1 << DIGITS[dtype]) + 1)).astype(np.int64)
    else:
        values = (words & words.dtype.type(_greatest(dtype))).astype(np.int64)
    return _from_int64(values, dtype).reshape(shape)


def random_from(engine: Engine, shape: Shape, dtype: dtype, low: int) -> np.ndarray:
    """The integers of `dtype` from `low` on, as `Tensor.random_(low, None)`; from -2**63 on, all of int64."""
    if low == _INT64_MIN:
        return _random_everywhere(engine, shape, dtype)
    if dtype in FLOATING:
        high = min(1 << DIGITS[dtype], _INT64_MAX)
        low = _least_within(low, dtype)
        require(
            low < high,
            "random_ expects 'from' casted to dtype to be less than or equal to 'to_inc' casted to dtype, "
            f"but got from={low} > to_inc={high}",
        )
    else:
        require(
            dtype in (*INTEGERS, *_UNSIGNED, bool_),
            "random_from_to_impl handles only integral, floating-point and boolean types",
        )
        high = _greatest(dtype)
    _check_range(low, high, dtype)
    return _below(engine, shape, dtype, low, (high - low + 1) % (1 << 64))


def _random_everywhere(engine: Engine, shape: Shape, dtype: dtype) -> np.ndarray:
    count = math.prod(shape)
    if count:
        kernel = "random_full_64_bits_range_kernel_cpu"
        require_kernel(kernel, dtype, (*INTEGERS, float32, float64, bfloat16))
        require(
            dtype in (int64, float32, float64, bfloat16), f"{kernel} handles only int64, double, float and bfloat16"
        )
    return _from_int64(engine.random64(count).view(np.int64), dtype).reshape(shape)


def randint(engine: Engine, shape: Shape, dtype: dtype, low: int, high: int) -> np.ndarray:
    """Integers in [low, high), as `torch.randint` and `Tensor.random_(low, high)`.

    Raises RuntimeError unless low < high and both are within the dtype; warns where a floating dtype does not have
    all integers between.
    """
    require(low < high, f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    if dtype in FLOATING:
        low, high = _least_within(low, dtype), _end_within(high, dtype)
        require(
            low < high,
            "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, "
            f"but got from={low} >= to={high}",
        )
    _check_range(low, high - 1, dtype)
    return _below(engine, shape, dtype, low, high - low)


def _below(engine: Engine, shape: Shape, dtype: dtype, low: int, extent: int) -> np.ndarray:
    """low + (0 ... extent - 1), by PyTorch's remainder."""
    count = math.prod(shape)
    words = engine.random64(count) if extent >= _WIDE_RANGE else engine.random32(count)
    words %= words.dtype.type(extent)
    values = words.astype(np.int64)
    values += low
    return _from_int64(values, dtype).reshape(shape)


def _from_int64(values: np.ndarray, dtype: dtype) -> np.ndarray:
    """C's conversion; to the half types by way of float32."""
    if dtype in FLOATING and dtype is not float64:
        return stored(values.astype(np.float32), dtype)
    return values.astype(dtype.storage, copy=False)


def _greatest(dtype: dtype) -> int:
    return 1 if dtype is bool_ else int(np.iinfo(dtype.storage).max)


def _nearest(value: int, dtype: dtype) -> int:
    """The value of a floating dtype that an int64 is rounded to, as an int64.

    Where int64 has it not, this is -2**63, as x86 converts.
    """
    shift = max(abs(value).bit_length() - DIGITS[dtype], 0)
    kept, dropped = abs(value) >> shift, abs(value) & ((1 << shift) - 1)
    half = 1 << shift >> 1
    kept += dropped > half or (dropped == half and shift > 0 and kept & 1 == 1)
    rounded = (kept << shift) * (1 if value >= 0 else -1)
    return _INT64_MIN if abs(rounded) > LARGEST[dtype] or rounded > _INT64_MAX else rounded


def _least_within(low: int, dtype: dtype) -> int:
    """The least integer from `low` on that is not rounded to below it, about; PyTorch's `update_from`."""
    above = _nearest(low + 1, dtype)
    if above < low:
        return above + (1 << (abs(low + 1).bit_length() - DIGITS[dtype]))
    return low


def _end_within(high: int, dtype: dtype) -> int:
    """The greatest end not above `high` whose predecessor is not rounded up to it, about; PyTorch's `update_to`."""
    below = _nearest(high - 1, dtype)
    if below >= high:
        return below - (1 << (abs(high - 1).bit_length() - DIGITS[dtype]))
    return high


def _check_range(low: int, last: int, dtype: dtype) -> None:
    bounds = {"from": low, "to - 1": last}
    if dtype in FLOATING:
        least, greatest = -LARGEST[dtype], LARGEST[dtype]
    elif dtype is uint64:
        least, greatest = 0, _INT64_MAX
    elif dtype in (*INTEGERS, *_UNSIGNED, bool_):
        least, greatest = (0 if dtype is bool_ else int(np.iinfo(dtype.storage).min)), _greatest(dtype)
    else:
        raise RuntimeError("check_random_bounds handles only integral, floating-point and boolean types")
    for name, bound in bounds.items():
        require(least <= bound <= greatest, f"{name} is out of bounds for {c_name(dtype)}")
    for name, bound in bounds.items():
        if dtype in FLOATING and abs(bound) > 1 << DIGITS[dtype]:
            digits = DIGITS[dtype]
            warnings.warn(
                f"{name} is out of bounds [-(2^{digits}), 2^{digits}]. Due to precision limitations {c_name(dtype)} "
                "can support discrete uniform distribution only within this range. This warning will become an error "
                "in version 1.7 release, please fix the code in advance",
                UserWarning,
                stacklevel=4,
            )


def randperm(engine: Engine, n: int, dtype: dtype = int64) -> np.ndarray:
    """A random order of 0 ... n - 1, as `torch.randperm`. Raises RuntimeError if `dtype` has not all these numbers."""
    require(n >= 0, f"Trying to create tensor with negative dimension {n}: [{n}]")
    if dtype in FLOATING and dtype is not bfloat16:
        most = (1 << DIGITS[dtype]) + 1
        require(n <= most, f"n cannot be greater than {most} for {scalar_name(dtype)} type.")
    elif dtype in INTEGERS:
        bits = 8 * dtype.itemsize
        c_type = f"{'' if dtype.is_signed else 'u'}int{bits}_t"
        require(n - 1 <= _greatest(dtype), f"value cannot be converted to type {c_type} without overflow")
    require_kernel("randperm", dtype, (*INTEGERS, *FLOATING))
    require(n <= 1 << 31, f"randperm: n = {n} is beyond 2**31, the most that can be shuffled here")
    if n >= _WIDE_PERMUTATION:
        return _from_int64(_inside_out(engine.random64(n)), dtype)
    steps = np.arange(n)
    left = n - steps[:-1]  # the places that are not final yet, at each step but the last, which needs no draw
    steps[:-1] += (engine.random32(len(left)) % left.astype(np.uint32)).astype(np.int64)
    return _from_int64(_exchanged(steps), dtype)


def _inside_out(words: np.ndarray) -> np.ndarray:
    """0 ... n - 1 after exchanging the places i and words[i] % (i + 1), for i = 0, 1, ... in turn.

    Exchanging in the opposite order gives the inverse permutation, and counted from the end that is what `_exchanged`
    does.
    """
    n = len(words)
    targets = (words % np.arange(1, n + 1, dtype=np.uint64)).astype(np.int64)
    inverse = n - 1 - _exchanged(n - 1 - targets[::-1])[::-1]
    result = np.empty(n, np.int64)
    result[inverse] = np.arange(n)
    return result


def _exchanged(targets: np.ndarray) -> np.ndarray:
    """0 ... n - 1 after exchanging the places i and targets[i] >= i, for i = 0, 1, ... in turn; int64.

    Place i is final after step i, and holds what place targets[i] held before. That place was last written by the
    step before i with the same target, if any, which put there what its own place had held. So with `origin[i]`, what
    place i holds before step i, the result is origin[previous step with that target]; and origin itself is the end of
    a chain of such steps.
    """
    steps = np.arange(len(targets))
    by_target = np.sort(targets << 32 | steps)
    target, step = by_target >> 32, by_target & 0xFFFFFFFF
    same = target[1:] == target[:-1]
    again = np.flatnonzero(same)
    repeats, before = step[again + 1], step[again]
    # What wrote place i before step i: the last step with that target. Step i itself, if it exchanges nothing, does
    # not count.
    ends = np.flatnonzero(~same)
    parent = steps.copy()
    parent[target[ends]] = step[ends]
    parent[target[-1:]] = step[-1:]
    previous = np.full(len(targets), -1)
    previous[repeats] = before
    idle = np.flatnonzero(targets == steps)
    parent[idle] = np.where(previous[idle] < 0, idle, previous[idle])
    origin = parent[parent]
    while (origin != parent).any():
        parent, origin = origin, origin[origin]
    result = targets.copy()
    result[repeats] = origin[before]
    return result
