"""What the runtime tells whoever listens: plan-cache hits and misses, flushes. `debug/` subscribes; nobody imports it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Listener = Callable[[str, dict[str, Any]], None]
_listeners: list[Listener] = []


def subscribe(listener: Listener) -> Callable[[], None]:
    """Calls `listener(event, facts)` from now on; returns the function that ends it."""
    _listeners.append(listener)
    return lambda: _listeners.remove(listener)


def emit(event: str, **facts: Any) -> None:
    for listener in list(_listeners):
        listener(event, facts)


def heard() -> bool:
    """Whether anybody listens: facts that cost something are gathered only then."""
    return bool(_listeners)
