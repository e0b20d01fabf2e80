"""The table of what a sparse tensor does with a public function's call: an implementation for each name.

The modules of this package fill it; `SparseTensor.instead` reads it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Implementation = TypeVar("Implementation", bound=Callable[..., Any])
operations: dict[str, Callable[..., Any]] = {}


def operation(*names: str) -> Callable[[Implementation], Implementation]:
    """Enters a function under the names of public functions, whose arguments it takes."""

    def enter(implementation: Implementation) -> Implementation:
        for name in names:
            operations[name] = implementation
        return implementation

    return enter
