"""`torch.fx`, as far as programs use it without tracing symbolically: marks for a tracer, and its types.

There is no symbolic tracer: `torch.fx.symbolic_trace` is not in Rushlight yet, and so no `Proxy` ever comes to a
function. `rushlight.explain` shows the graph that a function makes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from .alias.missing import not_there_yet
from .errors import NotThereYet

Named = TypeVar("Named", str, Callable[..., Any])

__all__ = ["Proxy", "wrap"]


class Proxy:
    """The stand-in for a value while a program is traced symbolically; there is no tracer that would make one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotThereYet(not_there_yet("torch.fx's tracing"))


def wrap(fn_or_name: Named) -> Named:
    """Marks a function, or the name of one, that a tracer is not to look into; hands it back.

    Raises RuntimeError for what is neither.
    """
    if not callable(fn_or_name) and not isinstance(fn_or_name, str):
        raise RuntimeError(f"wrap(): a function or the name of one is expected, not {type(fn_or_name).__name__}")
    return fn_or_name
