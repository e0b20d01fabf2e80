"""Times of single steps, taken while programs run: native steps note them themselves, the interpreter's evaluations are wrapped.

While a `Meter` is on, the steps of a program run one after another, each waiting for the one before, so that a time belongs to one step.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..passes.lower import Launch
from ..runtime import events
from ..runtime.compiled import CompiledPlan, Interpreted, Native
from ..runtime.plan import Plan, entries
from . import sites
from .sites import Site


class Timed(NamedTuple):
    """One step of one run. `number` and `part` are where it stands: a step of a plan, or a segment and a launch of it."""

    number: int
    part: int
    start: float
    seconds: float


@dataclass
class Run:
    """A run of a plan, with the time of each step that was run."""

    plan: Plan
    variant: CompiledPlan | None
    again: bool  # native code gave up
    started: float
    seconds: float
    steps: list[Timed]
    sites: dict[int, Site]

    def launch(self, step: Timed) -> Launch | None:
        """The kernel of a native step; None of an op that was interpreted."""
        if self.variant is None or self.again:
            return None
        segment = self.variant.segments[step.number]
        return segment.launches[step.part] if isinstance(segment, Native) else None

    def op(self, step: Timed) -> tuple[str, int]:
        """The name of an interpreted op, and its value in the graph (its slot where the whole plan was interpreted)."""
        if self.variant is None or self.again:
            slot = self.plan.steps[step.number][2]
            signature = entries(self.plan.key)[slot][0]
            assert signature is not None
            return signature.op.name, slot
        segment = self.variant.segments[step.number]
        assert isinstance(segment, Interpreted)
        signature = self.variant.graph.signatures[segment.result]
        assert signature is not None
        return signature.op.name, segment.result


class Meter:
    """Hears of every run with its times, from `start` to `stop`."""

    def __init__(self, hear: Callable[[Run], None], steps: bool = True, gradients: bool = True) -> None:
        """`steps`: whether single steps are timed; else runs alone. `gradients`: as in `sites.begin`."""
        self.hear = hear
        self.steps = steps
        self.gradients = gradients
        self._plans: dict[Plan, list[Any]] = {}
        self._variants: dict[int, tuple[CompiledPlan, list[Callable[..., Any] | None]]] = {}
        self._notes: list[Timed] = []
        self._unsubscribe: Callable[[], None] | None = None

    def start(self) -> None:
        sites.begin(self.gradients)
        self._unsubscribe = events.subscribe(self._note)

    def stop(self) -> None:
        """Leaves everything as it was."""
        if self._unsubscribe is None:
            return
        self._unsubscribe()
        self._unsubscribe = None
        sites.end(self.gradients)
        for plan, steps in self._plans.items():
            plan.steps = steps
        for variant, evaluations in self._variants.values():
            for segment, evaluate in zip(variant.segments, evaluations, strict=True):
                if isinstance(segment, Native):
                    segment.program.measure(False)
                elif evaluate is not None:
                    segment.evaluate = evaluate
        self._plans.clear()
        self._variants.clear()

    def _note(self, event: str, facts: dict[str, Any]) -> None:
        if event in ("plan hit", "plan miss"):
            self._notes.clear()
            if self.steps:
                self._watch_plan(facts["plan"])
        elif event == "compile" and self.steps:
            self._watch_variant(facts["variant"])
        elif event == "run":
            plan, variant, again = facts["plan"], facts["variant"], facts["again"]
            native = variant is not None and not again
            if native and self.steps and id(variant) in self._variants:
                self._collect(variant)
            elif native and self.steps:  # `compile` repeats plans without looking them up: from its next run on
                self._watch_variant(variant)
            # What a native run that gave up had evaluated before is not part of the run that counts.
            steps = [step for step in self._notes if native or step.part < 0]
            self.hear(Run(plan, variant, again, facts["started"], facts["seconds"], steps, sites.of_trace()))
            self._notes.clear()

    def _timed(self, evaluate: Callable[..., Any], number: int, part: int) -> Callable[..., Any]:
        notes, clock = self._notes, time.perf_counter

        def timed(*arrays: Any) -> Any:
            started = clock()
            try:
                return evaluate(*arrays)
            finally:
                notes.append(Timed(number, part, started, clock() - started))

        return timed

    def _watch_plan(self, plan: Plan) -> None:
        if plan not in self._plans:
            self._plans[plan] = plan.steps
            plan.steps = [(self._timed(step[0], number, -1), *step[1:]) for number, step in enumerate(plan.steps)]
        for variant in plan.variants.values():
            self._watch_variant(variant)

    def _watch_variant(self, variant: CompiledPlan) -> None:
        if id(variant) in self._variants:
            return
        evaluations: list[Callable[..., Any] | None] = []
        for number, segment in enumerate(variant.segments):
            if isinstance(segment, Native):
                segment.program.measure()
                evaluations.append(None)
            else:
                evaluations.append(segment.evaluate)
                segment.evaluate = self._timed(segment.evaluate, number, 0)
        self._variants[id(variant)] = (variant, evaluations)

    def _collect(self, variant: CompiledPlan) -> None:
        for number, segment in enumerate(variant.segments):
            if isinstance(segment, Native):
                pairs = itertools.pairwise(segment.program.moments())
                self._notes += [Timed(number, part, a, b - a) for part, (a, b) in enumerate(pairs)]
        self._notes.sort(key=lambda step: step.start)
