"""What a row runs, again and again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Program(NamedTuple):
    """One repetition is `run(*arguments)`.

    is_step: a training step, whose user reads the loss that it returns; else a computation whose results are only wanted.
    """

    run: Callable[..., Any]
    arguments: tuple[Any, ...] = ()
    is_step: bool = False
