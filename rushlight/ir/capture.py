"""Records what a function of nodes does, aside from the trace in progress: how the compiler sees an op's `primitives`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .graph import input_node, mode, trace
from .type import Type

_NOTHING = np.empty(0)


class Captured(NamedTuple):
    """A trace of its own: its key, and the slots of parameters, of constants with their values, and of results."""

    key: tuple[int, ...]
    parameters: tuple[int, ...]
    constants: tuple[tuple[int, np.ndarray], ...]
    results: tuple[int, ...]


def capture(function: Callable[..., Any], types: tuple[Type, ...], attributes: dict[str, Any]) -> Captured:
    """What `function(*nodes, **attributes)` records, for parameters of the given types; it returns a node or a tuple of nodes."""
    with trace.lock:
        saved = trace.__dict__.copy()
        tracking, mode.tracking = mode.tracking, False
        trace.reset()
        try:
            parameters = [input_node(_NOTHING, type) for type in types]
            for parameter in parameters:
                trace.enter(parameter)
            result = function(*parameters, **attributes)
            nodes = result if isinstance(result, tuple) else (result,)
            for node in nodes:
                if node.epoch != trace.epoch:
                    trace.enter(node)
            inputs = [slot for slot, reference in enumerate(trace.references) if reference is None]
            constants = tuple(zip(inputs[len(types) :], trace.inputs[len(types) :], strict=True))
            return Captured(tuple(trace.key), tuple(range(len(types))), constants, tuple(node.slot for node in nodes))
        finally:
            trace.__dict__.update(saved)
            mode.tracking = tracking
