"""Functions of nodes that are run on arrays as plans of their own, beside the trace in progress."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir.capture import capture
from ..ir.graph import trace
from ..ir.type import Type
from . import cache, tier


class Routine:
    """What a function of nodes computes, for operands of given types: recorded once, interpreted or compiled as any plan is.

    Nothing of it enters the trace: what a program has pending is left alone, and its steps stay the plans that they were.
    """

    def __init__(self, function: Callable[..., Any], types: tuple[Type, ...]) -> None:
        captured = capture(function, types, {})
        self._key = captured.key, captured.results
        self._constants = [value for _, value in captured.constants]

    def run(self, *arrays: np.ndarray) -> list[Any]:
        """The function's results for arrays of its types."""
        with trace.lock:
            plan = cache.find(self._key)
        return tier.run(plan, [*arrays, *self._constants])
