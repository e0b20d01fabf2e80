"""The draws that transforms make: each takes the words of the default generator that PyTorch's expression takes, and
gives a number.

They go to the generator itself: through tensors, a draw would cost more than the transform it is for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...dtype import decode, encode, float32, int64
from ...generator import continuous, default_generator, integers, rejection
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


class _Given:
    """Stands for an engine whose next words are these."""

    def __init__(self, words: np.ndarray) -> None:
        self.words = words
        self.fused = default_generator.engine.fused

    def uniform32(self, count: int) -> np.ndarray:
        return unit_of(self.words)


def unit_of(words: np.ndarray) -> np.ndarray:
    """`rand(1)`, from the words that the draws would take; float32."""
    return (words & 0xFFFFFF).astype(np.float32) * np.float32(2.0**-24)


def uniform_of(words: np.ndarray, low: float, high: float) -> np.ndarray:
    """`uniform(low, high)` of many samples, in the dtype float32, from the word that each would take."""
    engine: Any = _Given(words)
    return continuous.uniform(engine, words.shape, float32, low, high).astype(np.float64)


def order_of(words: Sequence[np.ndarray]) -> np.ndarray:
    """`order(count)` of many samples, (samples, count), from the `count` - 1 words that each would take."""
    count = len(words) + 1
    numbers = np.tile(np.arange(count), (len(words[0]), 1))
    samples = np.arange(len(numbers))
    for place, word in enumerate(words):
        other = place + (word % np.uint32(count - place)).astype(np.int64)
        numbers[samples, other], numbers[:, place] = numbers[:, place].copy(), numbers[samples, other]
    return numbers


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


def normal(shape: tuple[int, ...]) -> np.ndarray:
    """`torch.empty(shape, dtype=torch.float32).normal_()`"""
    return np.asarray(continuous.normal(default_generator.engine, shape, float32, 0.0, 1.0))


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


def dirichlet(alpha: Sequence[Sequence[float]]) -> np.ndarray:
    """`torch._sample_dirichlet(torch.tensor(alpha))`, float32."""
    return rejection.dirichlet(default_generator.engine, np.array(alpha, np.float32), float32)
