"""Arithmetic on values with bounds: each operation adds what it rounds. For rules that are easiest written as a formula."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .facts import Fact

Array = np.ndarray


@dataclass(frozen=True)
class Ball:
    """Wide values, a bound on each, and the unit roundoff of the arithmetic."""

    value: Array
    error: Array
    unit: float

    @staticmethod
    def of(fact: Fact, unit: float) -> Ball:
        assert fact.error is not None
        return Ball(fact.value, fact.error, unit)

    def _made(self, value: Array, error: Array, times: float = 1.0) -> Ball:
        return Ball(value, error + times * self.unit * np.abs(value), self.unit)

    def __add__(self, other: Ball) -> Ball:
        return self._made(self.value + other.value, self.error + other.error)

    def __sub__(self, other: Ball) -> Ball:
        return self._made(self.value - other.value, self.error + other.error)

    def __mul__(self, other: Ball) -> Ball:
        spread = np.abs(self.value) * other.error + np.abs(other.value) * self.error + self.error * other.error
        return self._made(self.value * other.value, spread)

    def __truediv__(self, count: float) -> Ball:
        return self._made(self.value / count, self.error / abs(count) if count else self.error * np.inf)

    def rsqrt(self) -> Ball:
        """1 / √, by the values at both ends."""
        value = 1 / np.sqrt(self.value)
        low = 1 / np.sqrt(np.maximum(self.value - self.error, 0))
        return self._made(value, low - value, 3)

    def sum(self, axes: tuple[int, ...]) -> Ball:
        """The sum over axes, which are kept, in any order."""
        terms = float(np.prod([self.value.shape[axis] for axis in axes]))
        total = np.sum(self.value, axis=axes, keepdims=True)
        size = np.sum(np.abs(self.value), axis=axes, keepdims=True)
        return Ball(total, np.sum(self.error, axis=axes, keepdims=True) + terms * self.unit * size, self.unit)

    def reshape(self, shape: tuple[int, ...]) -> Ball:
        return Ball(self.value.reshape(shape), self.error.reshape(shape), self.unit)
