"""`torch.fx`, as far as programs use it without tracing symbolically: marks for a tracer, and its types.

There is no symbolic tracer: `torch.fx.symbolic_trace` is not in Rushlight yet, and so no `Proxy` ever comes to a
function. `rushlight.explain` shows the graph that a function makes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ..absent import absent_class, absent_function
from ..alias.missing import not_there_yet
from ..errors import NotThereYet

Named = TypeVar("Named", str, Callable[..., Any])

__all__ = [
    "Graph",
    "GraphModule",
    "Interpreter",
    "Node",
    "Proxy",
    "Tracer",
    "Transformer",
    "replace_pattern",
    "symbolic_trace",
    "wrap",
]

_INSTEAD = "`rushlight.explain` shows the graph that a function makes, hooks and `torch.overrides` change what it does"
Graph = absent_class("torch.fx.Graph", _INSTEAD)
GraphModule = absent_class("torch.fx.GraphModule", _INSTEAD)
Interpreter = absent_class("torch.fx.Interpreter", _INSTEAD)
Node = absent_class("torch.fx.Node", _INSTEAD)
Tracer = absent_class("torch.fx.Tracer", _INSTEAD)
Transformer = absent_class("torch.fx.Transformer", _INSTEAD)
replace_pattern = absent_function("torch.fx.replace_pattern", _INSTEAD)
symbolic_trace = absent_function("torch.fx.symbolic_trace", _INSTEAD)


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
