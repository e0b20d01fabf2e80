"""`Generator`: an engine with PyTorch's seeding interface, and the default one.

The tensor layer's `torch.Generator` is a subclass that speaks of tensors and devices where this one has arrays and
names.
"""

from __future__ import annotations

import os
from typing import Any, Self

import numpy as np

from .mt19937 import DEFAULT_SEED, Engine


def entropy() -> int:
    """64 bits from the operating system, as a seed that is never the same."""
    return int.from_bytes(os.urandom(8), "little")


class Generator:
    """A source of random numbers with its own state; `engine` is what the draws take.

    A new one begins with the seed 67280421310721, as in PyTorch. It can be copied and pickled, state and all.

    >>> Generator().manual_seed(3).initial_seed()
    3
    """

    __slots__ = ("engine", "__dict__", "__weakref__")
    device: Any = "cpu"

    def __init__(self, seed: int = DEFAULT_SEED) -> None:
        self.engine = Engine(seed)

    def manual_seed(self, seed: int) -> Self:
        """Start again from a seed in [-2**63, 2**64); a negative one counts from 2**64 down.

        Raises RuntimeError if it is not an int, ValueError if it is out of range.
        """
        if not isinstance(seed, int) or isinstance(seed, bool):
            raise RuntimeError(f"manual_seed expected a long, but got {type(seed).__name__}")
        if not -(1 << 63) <= seed < 1 << 64:
            raise ValueError("Overflow when unpacking long long")
        self.engine.seed(seed % (1 << 64))
        return self

    def seed(self) -> int:
        """Start again from a seed of the operating system's entropy, which is returned."""
        chosen = entropy()
        self.engine.seed(chosen)
        return chosen

    def initial_seed(self) -> int:
        """The seed that the stream began with."""
        return self.engine.initial_seed

    def state(self) -> np.ndarray:
        """The state as PyTorch lays it out: uint8, 5056 elements."""
        return self.engine.get_state()

    def restore(self, state: np.ndarray) -> None:
        """Go on from a state; see `Engine.set_state` for what it raises."""
        self.engine.set_state(state)

    def get_offset(self) -> int:
        """Raises RuntimeError: only generators that count their draws have an offset."""
        raise RuntimeError("CPU Generator does not use offset")

    def set_offset(self, offset: int) -> None:
        """Raises RuntimeError, as `get_offset`."""
        raise RuntimeError("CPU Generator does not use offset")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (), self.state()

    def __setstate__(self, state: np.ndarray) -> None:
        self.engine.set_state(state)


# What draws from no generator in particular come from. PyTorch, too, seeds it differently in every process.
default_generator = Generator(entropy())
