"""The draws that transforms make: each takes the words of the default generator that PyTorch's expression takes, and
gives a number.

They go to the generator itself: through tensors, a draw would cost more than the transform it is for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ...dtype import decode, encode, int64
from ...generator import continuous, default_generator, integers
from ...tensor import get_default_dtype


def unit() -> float:
    """`torch.rand(1).item()`"""
    return uniform(0.0, 1.0)


def uniform(low: float, high: float) -> float:
    """`torch.empty(1).uniform_(low, high).item()`"""
    dtype = get_default_dtype()
    return float(decode(continuous.uniform(default_generator.engine, (1,), dtype, low, high), dtype)[0])


def _in_dtype_of_draws(p: float) -> float:
    dtype = get_default_dtype()
    return float(decode(encode(np.array([p]), dtype), dtype)[0])


def chance(p: float) -> bool:
    """`torch.rand(1) < p`, which compares in the dtype of the draw."""
    return unit() < _in_dtype_of_draws(p)


def is_exceeded(p: float) -> bool:
    """`p < torch.rand(1)`"""
    return _in_dtype_of_draws(p) < unit()


def in_default_dtype(function: Callable[[np.ndarray], np.ndarray], values: Sequence[float]) -> list[float]:
    """`function(torch.tensor(values, dtype=torch.get_default_dtype())).tolist()`, for a function of arrays."""
    dtype = get_default_dtype()
    return decode(encode(function(decode(encode(np.array(values, float), dtype), dtype)), dtype), dtype).tolist()


def below(low: int, high: int) -> int:
    """`torch.randint(low, high, size=(1,)).item()`"""
    return int(integers.randint(default_generator.engine, (1,), int64, low, high)[0])


def units(count: int) -> list[float]:
    """`torch.rand((count,)).tolist()`"""
    dtype = get_default_dtype()
    return decode(continuous.uniform(default_generator.engine, (count,), dtype), dtype).tolist()


def belows(high: int, count: int) -> list[int]:
    """`torch.randint(high, (count,)).tolist()`"""
    return integers.randint(default_generator.engine, (count,), int64, 0, high).tolist()


def order(count: int) -> list[int]:
    """`torch.randperm(count).tolist()`"""
    return integers.randperm(default_generator.engine, count).tolist()
