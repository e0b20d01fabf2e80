"""Makes events of what the runtime tells."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from ..backend.cpu import pool
from ..debug import names, work
from ..debug.measure import Meter, Run, Timed
from ..ir.type import TupleType
from ..passes.lower import Launch
from ..runtime import events
from ..runtime.compiled import CompiledPlan, Native
from ..runtime.plan import entries
from .averages import FunctionEvent


class Collector:
    """Hears from `start` to `stop`; `finished` gives the events in order of time."""

    def __init__(self, shapes: bool, lines: bool, memory: bool) -> None:
        self.shapes = shapes
        self.lines = lines
        self.memory = memory
        self.events: list[FunctionEvent] = []
        self.counters: list[tuple[float, dict[str, int]]] = []
        self._ranges: list[tuple[FunctionEvent, tuple[str, ...]]] = []  # events with the ranges they were recorded in
        self._runs: list[
            tuple[Run, int]
        ] = []  # with the thread; looked at in the end, so that it costs the program little
        self._meter = Meter(lambda run: self._runs.append((run, threading.get_native_id())), gradients=lines)
        self._unsubscribe: Callable[[], None] | None = None

    def start(self) -> None:
        self._meter.start()
        self._unsubscribe = events.subscribe(self._hear)

    def stop(self) -> None:
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._meter.stop()

    def _add(self, name: str, kind: str, start: float, seconds: float, thread: int = 0, **facts: Any) -> FunctionEvent:
        event = FunctionEvent(name, kind, start, seconds, thread or threading.get_native_id(), **facts)
        self.events.append(event)
        return event

    def _hear(self, event: str, facts: dict[str, Any]) -> None:
        if event == "flush":
            started, seconds = facts["started"], facts["seconds"]
            self._add("flush", "flush", started, seconds, details={"steps": facts["steps"]})
            if self.memory:
                values = {"allocated": pool.live(), "arena": pool.ARENA.size}
                self.counters.append((started + seconds, values))
        elif event == "compile":
            kernels = facts["kernels"]
            details = {"compiled": kernels.compiled, "loaded": kernels.loaded, "found": kernels.found}
            self._add("compile", "compile", facts["started"], facts["seconds"], details=details)
        elif event == "range":
            details = {} if facts["arguments"] is None else {"arguments": facts["arguments"]}
            self._add(facts["name"], "range", facts["started"], facts["seconds"], details=details)

    def _add_steps(self, run: Run, thread: int) -> None:
        for step in run.steps:
            launch = run.launch(step)
            event = self._interpreted(run, step, thread) if launch is None else self._kernel(run, step, thread, launch)
            site = run.sites.get(self._slot(run, step, launch))
            if site is not None and site.ranges:
                self._ranges.append((event, site.ranges))

    def _slot(self, run: Run, step: Timed, launch: Launch | None) -> int:
        if launch is not None:
            assert run.variant is not None
            return run.variant.graph.sources[launch.value]
        value = run.op(step)[1]
        return value if run.variant is None or run.again else run.variant.graph.sources[value]

    def _kernel(self, run: Run, step: Timed, thread: int, launch: Launch) -> FunctionEvent:
        assert run.variant is not None
        variant: CompiledPlan = run.variant
        segment = variant.segments[step.number]
        assert isinstance(segment, Native)
        inside = names.members(variant.fusion, launch) if self.lines else []
        fresh = [value for value in launch.results if value in segment.fresh]
        return self._add(
            names.kernel_name(variant.fusion, launch, run.sites),
            "kernel",
            step.start,
            step.seconds,
            thread,
            shapes=[buffer.shape for buffer in work.buffers(variant.lowering, launch)[0]] if self.shapes else (),
            stack=names.lines(variant.graph, inside, run.sites),
            flops=work.flops(launch.kernel),
            memory=sum(variant.graph.types[value].nbytes for value in fresh),
        )

    def _interpreted(self, run: Run, step: Timed, thread: int) -> FunctionEvent:
        name, value = run.op(step)
        if run.variant is None or run.again:
            signature, slot = entries(run.plan.key)[value][0], value
        else:
            signature, slot = run.variant.graph.signatures[value], run.variant.graph.sources[value]
        assert signature is not None
        site = run.sites.get(slot)
        shapes = [type.shape for type in signature.operands if not isinstance(type, TupleType)]
        return self._add(
            name,
            "interpreted",
            step.start,
            step.seconds,
            thread,
            shapes=shapes if self.shapes else (),
            stack=[site.place] if self.lines and site is not None else (),
            memory=signature.type.nbytes,
        )

    def finished(self) -> list[FunctionEvent]:
        """The events, each charged with what is its own."""
        for run, thread in self._runs:
            self._add_steps(run, thread)
        self.events.sort(key=lambda event: (event.start, -event.seconds))
        open: dict[int, list[FunctionEvent]] = {}
        for event in self.events:
            outer = open.setdefault(event.thread, [])
            while outer and event.start >= outer[-1].start + outer[-1].seconds:
                outer.pop()
            if outer:
                outer[-1].inner += event.seconds
            outer.append(event)
        self._charge_ranges()
        return self.events

    def _charge_ranges(self) -> None:
        """Adds the time of what was recorded in a range, and ran after it, to the range: the last of its name that began before."""
        marked = [event for event in self.events if event.kind == "range"]
        for event, within in self._ranges:
            for name in dict.fromkeys(within):
                before = [one for one in marked if one.name == name and one.start <= event.start]
                if before and event.start >= before[-1].start + before[-1].seconds:
                    before[-1].outer += event.seconds
