"""Nodes that are made once and used from step to step: settings such as an epsilon, grids, tables of places.

They are told from a tensor's value, which is also the same node while nothing is written to the tensor: who repeats a recorded run
may take the former for constants.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from .graph import Node

Parameters = ParamSpec("Parameters")
Made = TypeVar("Made", Node, tuple[Node, Node])
_all: weakref.WeakSet[Node] = weakref.WeakSet()


def lasting(maxsize: int) -> Callable[[Callable[Parameters, Made]], Callable[Parameters, Made]]:
    """`lru_cache` of a function that makes a node, or several, of settings alone."""

    def decorate(make: Callable[Parameters, Made]) -> Callable[Parameters, Made]:
        @functools.wraps(make)
        def marked(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Made:
            made = make(*args, **kwargs)
            _all.update((made,) if isinstance(made, Node) else made)
            return made

        return functools.lru_cache(maxsize=maxsize)(marked)  # type: ignore[return-value]

    return decorate


def is_lasting(node: Node) -> bool:
    """Whether a node was made by a function that is `lasting`."""
    return node in _all
