"""`Generator`: an engine with PyTorch's seeding interface, and the default one."""

from __future__ import annotations

import secrets

import numpy as np

from .mt19937 import Engine


class Generator:
    """A source of random numbers with its own state; `engine` is what the draws take.

    >>> Generator().manual_seed(3).initial_seed()
    3
    """

    def __init__(self) -> None:
        self.engine = Engine()

    def manual_seed(self, seed: int) -> Generator:
        """Starts again from a seed; a negative one counts from 2**64 down. Raises RuntimeError beyond 64 bits."""
        seed = int(seed)
        if not -(1 << 63) <= seed < 1 << 64:
            raise RuntimeError(f"Overflow when unpacking long: seed {seed} does not fit 64 bits")
        self.engine.seed(seed % (1 << 64))
        return self

    def seed(self) -> int:
        """Starts again from a seed of the system's entropy, which is returned."""
        chosen = secrets.randbits(63)
        self.engine.seed(chosen)
        return chosen

    def initial_seed(self) -> int:
        """The seed that the stream began with."""
        return self.engine.initial_seed

    def state(self) -> np.ndarray:
        """The state as PyTorch lays it out: uint8, 5056 elements."""
        return self.engine.get_state()

    def restore(self, state: np.ndarray) -> None:
        """Goes on from a state."""
        self.engine.set_state(state)


default_generator = Generator()
