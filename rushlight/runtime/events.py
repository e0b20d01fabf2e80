"""What the runtime tells whoever listens. `debug/` and `profiler/` subscribe; nothing of the core imports them.

    plan hit   nodes, uses, plan                       a structure that was met before
    plan miss  nodes, plan, plans                      one that is new
    compile    plan, variant, started, seconds, kernels   a plan became native code; kernels: how many were compiled, loaded, found
    run        plan, variant, again, started, seconds  variant: None where it was interpreted; again: native code gave up, and it was
                                                       interpreted after all
    flush      steps, plan, started, seconds           all of the above
    range      name, arguments, started, seconds, thread   what the user marked with `profiler.record_function`

Times are those of `time.perf_counter`. Events of a flush come while the trace still holds what is run.
"""

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
