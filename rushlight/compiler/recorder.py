"""Watches one run of a function: which plans ran, what went into them, and whether anything happened that a repetition would miss."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any, NamedTuple

import numpy as np

from ..generator.mt19937 import Engine
from ..ir.graph import Node, mode, trace
from ..runtime.plan import Plan
from ..runtime.watch import Watching
from ..tensor import Tensor
from ..tensor.promotion import Defaults
from ..tensor.tensor import detached_read
from .census import Refused, takes_options_anew
from .straight import only_returned


class Segment(NamedTuple):
    """A flush: its plan, what entered (None: a number that a gradient rule brought in, which depends on types alone), what came out."""

    plan: Plan
    entered: list[Node | None]
    arrays: list[Any]
    made: list[Node]


class Update(NamedTuple):
    """A group's part of an optimizer's step."""

    optimizer: Any
    group: dict[str, Any]
    parameters: list[Tensor]
    settings: list[Any]
    kinds: list[Any]


class Number:
    """Stands for a number that is read from a tensor and only returned."""

    def __init__(self, node: Node, tensor: Tensor) -> None:
        self.node, self.tensor = node, tensor


class Recorder:
    """A `Watcher` for the time of one run."""

    def __init__(self, code: CodeType | None) -> None:
        self.code = code
        self.thread = threading.get_ident()
        self.segments: list[Segment] = []
        self.draws: list[tuple[Node, Callable[[], Any]]] = []
        self.updates: list[Update] = []
        self.numbers: dict[
            int, list[tuple[int, int, int]]
        ] = {}  # by node's id: every update, parameter and place it serves
        self._nodes: list[Node] = []  # so that the ids stay theirs
        self.counts: list[Tensor] = []
        self.refusals: list[Refused] = []
        self._entered: dict[int, dict[int, Node]] = {}
        self._optimizer: Any = None  # whose step is going on
        self._requests = 0  # draws that are accounted for
        self._before = (0, self._surroundings())

    # ---- the run ----

    def __enter__(self) -> Recorder:
        Watching.watcher = self
        trace.enter = self._enter  # type: ignore[method-assign]
        self._before = (Engine.requests, self._surroundings())
        return self

    def __exit__(self, *exception: Any) -> None:
        Watching.watcher = None
        del trace.enter
        requests, surroundings = self._before
        if Engine.requests - requests != self._requests:
            self.refuse("it draws random numbers, or begins a stream, in a way that cannot be repeated")
        if surroundings != self._surroundings():
            self.refuse("it changes a global setting, or draws from Python's or NumPy's generator")

    @staticmethod
    def _surroundings() -> tuple[Any, ...]:
        drawn: Any = np.random.get_state()
        numpy_state = (drawn[1].tobytes(), *drawn[2:])
        return (
            mode.tracking,
            mode.inference,
            mode.autocast,
            mode.anomaly,
            mode.check_nan,
            Defaults.dtype,
            random.getstate(),
            numpy_state,
        )

    def refuse(self, reason: str, lasting: bool = True) -> None:
        self.refusals.append(Refused(reason, lasting))

    def _enter(self, node: Node) -> None:
        """Trace.enter, noting which node it was."""
        place = len(trace.inputs)
        type(trace).enter(trace, node)
        self._entered.setdefault(trace.epoch, {})[place] = node

    def _elsewhere(self) -> bool:
        return threading.get_ident() != self.thread

    # ---- what a watcher is told ----

    def flushed(self, plan: Plan, nodes: list[Node], values: list[Any]) -> None:
        entered = self._entered.pop(trace.epoch, {})
        arrays = list(trace.inputs)
        self.segments.append(Segment(plan, [entered.get(place) for place in range(len(arrays))], arrays, nodes))

    def read(self, node: Node) -> None:
        if self._elsewhere():
            return
        if self._optimizer is not None:
            if not takes_options_anew(self._optimizer):
                self.refuse(f"{type(self._optimizer).__name__} reads its state on the host", lasting=False)
        else:
            self.refuse("Python reads a tensor's value in the middle of it (item, bool, print, numpy, an index)")

    def exposed(self) -> None:
        if not self._elsewhere():
            self.refuse("it reads memory that is shared with NumPy, or an operation that has to run at once")

    def drawn(self, node: Node, draw: Callable[[], Any], requests: int) -> None:
        if not self._elsewhere():
            self._requests += requests
            self.draws.append((node, draw))

    def item(self, tensor: Any) -> Any:
        if self._elsewhere():
            return None
        frame: FrameType | None = sys._getframe(2)
        if frame is None or frame.f_code is not self.code or not only_returned(frame.f_code, frame.f_lasti):
            return None
        above = frame.f_back
        while above is not None:  # called by itself, what it returns may be used
            if above.f_code is self.code:
                return None
            above = above.f_back
        return Number(detached_read(tensor), tensor)

    def stepping(self, optimizer: Any, group: dict[str, Any] | None) -> None:
        if self._elsewhere():
            return
        self._optimizer = None if group is None else optimizer
        if group is not None and takes_options_anew(optimizer):
            self.updates.append(Update(optimizer, group, [], [], []))

    def updated(self, parameter: Any, settings: Any, kind: Any, numbers: list[Node]) -> None:
        if self._elsewhere():
            return
        update = self.updates[-1]
        update.parameters.append(parameter)
        update.settings.append(settings)
        update.kinds.append(kind)
        if any(settings is known for known in update.settings[:-1]):
            return
        for place, node in enumerate(numbers):
            self._nodes.append(node)
            claim = (len(self.updates) - 1, len(update.parameters) - 1, place)
            self.numbers.setdefault(id(node), []).append(claim)

    def counted(self, count: Any) -> None:
        if not self._elsewhere():
            self.counts.append(count)

    def by_parts(self) -> None:
        if not self._elsewhere():
            self.refuse("an optimizer's first step, or one on views, complex numbers or half precision", lasting=False)
