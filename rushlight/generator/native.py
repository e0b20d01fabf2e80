"""Where compiled code takes over long draws: the stream's words are the same, only sooner.

This package knows no compiler: the layer that does hands over a function that loads one (`provide`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

LONG = 1 << 15  # words from which compiled code is asked


class Draws(Protocol):
    """What compiled code does."""

    def fill(self, key: np.ndarray, words: np.ndarray) -> None:
        """Fills whole blocks with the stream after the block `key` (uint32, 624), which becomes the last block."""

    def hits(self, words: np.ndarray, result: np.ndarray, threshold: int, one: float) -> None:
        """`one` (float32) where the low 53 bits of a pair of words, high half first, are below the threshold, else 0."""

    def able(self) -> bool:
        """Whether there is a multiply-add in one rounding, which `normals` and `uniforms` need."""

    def normals(self, uniforms: np.ndarray, coefficients: Sequence[float], std: float, mean: float) -> None:
        """float32 uniforms, a multiple of 16, become normals in place."""

    def uniforms(self, words: np.ndarray, low: float, high: float) -> np.ndarray:
        """Words of the stream as float32 uniforms over [low, high), in the words' memory."""


class _Provider:
    load: Callable[[], Draws | None] | None = None


def provide(load: Callable[[], Draws | None]) -> None:
    """Sets what loads the compiled code; it gives None where there is none."""
    _Provider.load = load


def draws() -> Draws | None:
    """The compiled code, if there is any."""
    return None if _Provider.load is None else _Provider.load()


def fused_draws(count: int) -> Draws | None:
    """The compiled code for so many draws that PyTorch rounds with multiply-adds, if there is any for them."""
    compiled = draws() if count >= LONG else None
    return compiled if compiled is not None and compiled.able() else None
