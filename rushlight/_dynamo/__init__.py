"""`torch._dynamo`: the names of PyTorch's compiler that programs use beside `torch.compile`."""

from __future__ import annotations

from typing import Any

from ..compiler import allow_in_graph, assume_constant_result, disable, is_compiling, list_backends, reset, set_stance
from . import config, eval_frame
from .eval_frame import OptimizedModule

__all__ = [
    "OptimizedModule",
    "allow_in_graph",
    "assume_constant_result",
    "config",
    "disable",
    "eval_frame",
    "graph_break",
    "is_compiling",
    "list_backends",
    "mark_dynamic",
    "mark_static",
    "mark_static_address",
    "reset",
    "set_stance",
]


def mark_dynamic(t: Any, index: Any, **kwargs: Any) -> None:
    """Nothing: each shape is recorded by itself."""


def mark_static_address(t: Any, guard: bool = False) -> None:
    """Nothing: a recording reads each tensor where it is."""


def mark_static(t: Any, index: Any = None) -> None:
    """Nothing: each shape is recorded by itself."""


def graph_break(msg: str = "") -> None:
    """Nothing where nothing is recorded; a recorded function is run as it is written from then on."""
    _break(msg)


@disable
def _break(msg: str) -> None:
    return None
