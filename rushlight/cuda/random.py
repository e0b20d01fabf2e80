"""Seeds and states of the devices' generators, of which there are none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .missing import function

__all__ = [
    "get_rng_state",
    "get_rng_state_all",
    "initial_seed",
    "manual_seed",
    "manual_seed_all",
    "seed",
    "seed_all",
    "set_rng_state",
    "set_rng_state_all",
]

get_rng_state = function("get_rng_state", "device")
initial_seed = function("initial_seed")


def get_rng_state_all() -> list[Any]:
    """The state of each device: of none."""
    return []


def set_rng_state(new_state: Any, device: Any = "cuda") -> None:
    """Nothing: there is no device, as in PyTorch, which keeps the state for when there will be one."""
    new_state.clone()


def set_rng_state_all(new_states: Iterable[Any]) -> None:
    """Nothing for no states."""
    for place, state in enumerate(new_states):
        set_rng_state(state, place)


def manual_seed(seed: int) -> None:
    """Nothing: there is no device to seed."""
    int(seed)


def manual_seed_all(seed: int) -> None:
    """Nothing: there is no device to seed."""
    int(seed)


def seed() -> None:
    """Nothing: there is no device to seed."""


def seed_all() -> None:
    """Nothing: there is no device to seed."""
