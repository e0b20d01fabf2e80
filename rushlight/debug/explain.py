"""`rushlight.explain`: what a function costs, kernel by kernel."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .. import config
from ..backend.cpu import build
from ..passes.lower import Launch
from ..runtime import executor
from ..runtime.compiled import CompiledPlan
from ..runtime.plan import Plan
from ..runtime.tier import hasten
from . import arena, names
from .kernels import Kernel
from .measure import Meter, Run, Timed
from .peak import Peak, peak
from .sites import Site
from .table import table, time_text

_WARM = 5  # runs within which everything that repeats itself has been compiled


class TimedKernel(Kernel):
    """A kernel with its time in one run of the function: `seconds` of all its `calls` together."""

    def __init__(
        self, variant: CompiledPlan, launch: Launch, sites: dict[int, Site], calls: int, seconds: float
    ) -> None:
        super().__init__(variant, launch, sites)
        self.calls = calls
        self.seconds = seconds

    def flops_per_second(self) -> float | None:
        return None if self.flops is None or not self.seconds else self.flops * self.calls / self.seconds

    def bytes_per_second(self) -> float:
        return self.bytes * self.calls / self.seconds if self.seconds else 0.0

    def share(self, most: Peak) -> float:
        """The least time in which this machine could do as much, over the time it took."""
        itemsize = max((buffer.dtype.itemsize for buffer in self.results), default=4)
        least = most.least_seconds(self.flops or 0, self.bytes, itemsize) * self.calls
        return least / self.seconds if self.seconds else 0.0


@dataclass
class Interpreted:
    """An op that the interpreter evaluates."""

    op: str
    reason: str
    lines: list[str]
    calls: int
    seconds: float


@dataclass
class Explanation:
    """What `explain` found; prints as a report.

    `kernels` and `interpreted` stand in the order in which they are run; `seconds` is the median of whole runs, not slowed by measuring.
    """

    name: str
    seconds: float
    fastest: float
    repeat: int
    flushes: int
    kernels: list[TimedKernel]
    interpreted: list[Interpreted]
    plans: list[CompiledPlan]
    peak: Peak | None

    def memory(self) -> str:
        """The arena of each plan over its steps, as text."""
        parts = []
        for number, plan in enumerate(self.plans, 1):
            segment = arena.biggest_segment(plan)
            if segment is None or not segment.memory.bytes:
                continue
            held = arena.held(arena.stays(segment), len(segment.launches))
            head = f"arena of plan {number}: {arena.size_text(segment.memory.bytes)}; at most {arena.size_text(max(held))} are needed at once"
            parts.append(f"{head}, {arena.size_text(sum(segment.sizes.values()))} in all\n{arena.plot(segment)}")
        return "\n\n".join(parts)

    def groups(self) -> str:
        """The ops that each kernel is made of, in the order in which the kernels run, and the lines of the program these came from."""
        rows = [[str(n), ", ".join(k.lines), " ".join(k.ops)] for n, k in enumerate(self.kernels)]
        return table(["kernels[…]", "from the lines", "ops"], rows, left=3) if rows else ""

    def _kernel_rows(self) -> list[list[str]]:
        rows = []
        inside = sum(k.seconds for k in self.kernels) + sum(i.seconds for i in self.interpreted)
        for number, kernel in sorted(enumerate(self.kernels), key=lambda pair: -pair[1].seconds):
            rate = kernel.flops_per_second()
            rows.append(
                [
                    f"{number:>3}  {kernel.name}",
                    str(kernel.calls),
                    time_text(kernel.seconds),
                    f"{100 * kernel.seconds / inside:.1f} %" if inside else "",
                    "" if rate is None else f"{rate / 1e9:.1f}",
                    f"{kernel.bytes_per_second() / 1e9:.1f}",
                    "" if self.peak is None else f"{100 * kernel.share(self.peak):.0f} %",
                ]
            )
        return rows

    def __str__(self) -> str:
        inside = sum(k.seconds for k in self.kernels) + sum(i.seconds for i in self.interpreted)
        parts = [
            f"{self.name}: {time_text(self.seconds)} a run (median of {self.repeat}; fastest {time_text(self.fastest)}). Flushes: {self.flushes}; "
            f"kernels: {sum(k.calls for k in self.kernels)}, {time_text(inside)} one after another; "
            f"interpreted steps: {sum(i.calls for i in self.interpreted)}"
        ]
        if self.kernels:
            head = ["     kernel", "calls", "time", "share", "GFLOP/s", "GB/s", "of peak"]
            parts.append(table(head, self._kernel_rows(), left=1))
        if self.interpreted:
            rows = [[i.op, str(i.calls), time_text(i.seconds), i.reason, ", ".join(i.lines)] for i in self.interpreted]
            parts.append(table(["interpreted", "calls", "time", "why", "from"], rows, left=1))
        parts += [text for text in (self.groups(), self.memory()) if text]
        if self.peak is not None:
            rates = ", ".join(
                f"{rate / 1e9:.1f} GB/s of {arena.size_text(size)}" for size, rate in self.peak.bandwidths
            )
            parts.append(f"measured peak (threads: {self.peak.threads}): {self.peak.flops / 1e9:.0f} GFLOP/s, {rates}")
        return "\n\n".join(parts)

    __repr__ = __str__


class _Collector:
    """Sums the times of equal steps over the runs of a function."""

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.found: dict[tuple[Any, ...], tuple[Run, Timed, list[float]]] = {}

    def hear(self, run: Run) -> None:
        self.runs.append(run)
        for step in run.steps:
            where = (id(run.variant if run.variant is not None and not run.again else run.plan), step.number, step.part)
            self.found.setdefault(where, (run, step, []))[2].append(step.seconds)

    def kernels(self, repeat: int) -> list[TimedKernel]:
        made = []
        for run, step, times in self.found.values():
            launch = run.launch(step)
            if launch is not None and run.variant is not None:
                calls = max(1, round(len(times) / repeat))
                made.append(TimedKernel(run.variant, launch, run.sites, calls, statistics.median(times) * calls))
        return made

    def interpreted(self, repeat: int) -> list[Interpreted]:
        made = []
        for run, step, times in self.found.values():
            if run.launch(step) is not None:
                continue
            op, value = run.op(step)
            calls = max(1, round(len(times) / repeat))
            if run.variant is None or run.again:
                why, site = names.plan_reason(run.plan, config.TIER, run.again), run.sites.get(value)
                lines = [] if site is None else [site.place]
            else:
                graph = run.variant.graph
                why, lines = names.reason(graph, value), names.lines(graph, [value], run.sites)
            made.append(Interpreted(op, why, lines, calls, statistics.median(times) * calls))
        return made

    def plans(self) -> list[CompiledPlan]:
        return list({id(run.variant): run.variant for run in self.runs if run.variant is not None}.values())


def explain(function: Callable[..., Any], /, *args: Any, repeat: int = 10, **kwargs: Any) -> Explanation:
    """Runs a function until what it does is compiled, measures it, and tells what each kernel costs.

    The function is run `repeat` times as it is, `repeat` times with each kernel timed, and a few times before; so it should be one that
    may be run often, like a training step.

    >>> import rushlight as torch
    >>> x = torch.ones(128, 128)
    >>> print(torch.explain(lambda: torch.relu(x @ x + 1), repeat=2).kernels[0].name)
    matmul+add+relu 128×128·128
    """
    if repeat < 1:
        raise ValueError(f"explain: repeat={repeat}, but a function must be run at least once to be measured")

    def run() -> None:
        result = function(*args, **kwargs)
        executor.flush()
        del result

    executor.flush()
    _warm(run)
    times = []
    for _ in range(repeat):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    collector = _Collector()
    meter = Meter(collector.hear)
    meter.start()
    try:
        for _ in range(repeat):
            run()
    finally:
        meter.stop()
    return Explanation(
        getattr(function, "__name__", type(function).__name__),
        statistics.median(times),
        min(times),
        repeat,
        round(len(collector.runs) / repeat),
        collector.kernels(repeat),
        collector.interpreted(repeat),
        collector.plans(),
        peak() if build.available() else None,
    )


def _warm(run: Callable[[], None]) -> None:
    """Runs until all plans that come again are compiled, those too that do little and would be interpreted for a while."""
    seen: list[tuple[Plan, bool]] = []
    meter = Meter(lambda found: seen.append((found.plan, found.variant is not None)), False, False)
    meter.start()
    try:
        for _ in range(_WARM):
            seen.clear()
            run()
            if all(compiled for _, compiled in seen):
                return
            for plan, _ in seen:
                if plan.uses:
                    hasten(plan)
    finally:
        meter.stop()
