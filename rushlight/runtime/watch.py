"""Who watches a run while it is recorded: `rushlight.compile` learns from it what to repeat.

At most one watches at a time, and it holds the trace's lock; the methods are called by any thread, and heed only their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from ..ir.graph import Node
from .plan import Plan


class Watcher(Protocol):
    """What a watcher is told."""

    def flushed(self, plan: Plan, nodes: list[Node], values: list[Any]) -> None:
        """A plan ran and gave the nodes their values."""

    def read(self, node: Node) -> None:
        """Python is about to see the value of a node."""

    def exposed(self) -> None:
        """Memory was read that others may change, or something has to run at once."""

    def drawn(self, node: Node, draw: Callable[[], Any], requests: int) -> None:
        """A node holds random numbers; `draw` draws them anew, by so many requests to the engine."""

    def item(self, tensor: Any) -> Any:
        """Called for `tensor.item()`: what stands for the number until the run has ended; None where it is read at once."""

    def stepping(self, optimizer: Any, group: dict[str, Any] | None) -> None:
        """An optimizer begins to update a group; without a group: its step has ended."""

    def updated(self, parameter: Any, settings: Any, kind: Any, numbers: list[Node]) -> None:
        """A parameter is updated by one node, whose operands after the tensors are `numbers`."""

    def counted(self, count: Any) -> None:
        """An optimizer advanced a count that it keeps in a tensor."""

    def by_parts(self) -> None:
        """An optimizer updated a parameter in the public functions, with numbers that nothing tells apart from others."""


class Watching:
    """The watcher, None nearly always."""

    watcher: Watcher | None = None
