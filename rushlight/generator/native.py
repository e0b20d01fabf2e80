"""Where compiled code takes over long draws: the stream's words are the same, only sooner.

This package knows no compiler: the layer that does hands over a function that loads one (`provide`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

LONG = 1 << 15  # words from which compiled code is asked


class Draws(Protocol):
    """What compiled code does."""

    def fill(self, key: np.ndarray, words: np.ndarray) -> None:
        """Fills whole blocks with the stream after the block `key` (uint32, 624), which becomes the last block."""

    def hits(self, words: np.ndarray, result: np.ndarray, threshold: int, one: float) -> None:
        """`one` (float32) where the low 53 bits of a pair of words, high half first, are below the threshold, else 0."""


class _Provider:
    load: Callable[[], Draws | None] | None = None


def provide(load: Callable[[], Draws | None]) -> None:
    """Sets what loads the compiled code; it gives None where there is none."""
    _Provider.load = load


def draws() -> Draws | None:
    """The compiled code, if there is any."""
    return None if _Provider.load is None else _Provider.load()
