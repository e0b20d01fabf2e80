"""What `RUSHLIGHT_DEBUG` prints.

1 says when a plan is made, when it is compiled, and with how many kernels; 2 also each flush with its time and how it was run; 3 also the
graph of each new plan with the user's lines, and of each compiled one its kernels, what the interpreter does, and its memory; 4 also each
kernel's text, LLVM IR and assembly.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import IO, Any

from ..passes.lower import Launch
from ..runtime import events
from ..runtime.compiled import CompiledPlan, Native
from ..runtime.plan import Plan
from . import arena, names, sites
from .kernels import Kernel
from .table import time_text


class Report:
    """A listener that prints."""

    def __init__(self, level: int, to: IO[str] | None = None) -> None:
        self.level = level
        self.to = to
        self._tier = ""
        self._unsubscribe: Callable[[], None] | None = None

    def start(self) -> None:
        if self.level >= 3:
            sites.begin()
        self._unsubscribe = events.subscribe(self.hear)

    def stop(self) -> None:
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
            if self.level >= 3:
                sites.end()

    def say(self, text: str) -> None:
        print(text, file=self.to or sys.stderr)

    def hear(self, event: str, facts: dict[str, Any]) -> None:
        if event == "plan miss":
            self.say(f"rushlight: new plan of {facts['nodes']} steps ({facts['plans']} kept)")
            if self.level >= 3:
                self.say(graph_text(facts["plan"]))
        elif event == "compile":
            kernels, variant = facts["kernels"], facts["variant"]
            self.say(
                f"rushlight: plan of {len(facts['plan'].steps)} steps compiled in {time_text(facts['seconds'])}: "
                f"{kernels.compiled} kernels compiled, {kernels.loaded} loaded from disk, {kernels.found} there already"
            )
            if self.level >= 3:
                self.say(variant_text(variant))
            if self.level >= 4:
                self._say_kernels(variant)
        elif event == "run":
            native = facts["variant"] is not None
            self._tier = "compiled" if native else "interpreted"
            if facts["again"]:
                self._tier = "interpreted, since native code met an index out of range or a division by zero"
        elif event == "flush" and self.level >= 2:
            self.say(f"rushlight: {facts['steps']} steps in {time_text(facts['seconds'])}, {self._tier or 'failed'}")
            self._tier = ""

    def _say_kernels(self, variant: CompiledPlan) -> None:
        for segment in variant.segments:
            if isinstance(segment, Native):
                for launch in segment.launches:
                    kernel = Kernel(variant, launch, sites.of_trace())
                    for title, text in (("computes", kernel.text()), ("ir", kernel.ir()), ("asm", kernel.assembly())):
                        self.say(f"---- {kernel.name}: {title}\n{text.rstrip()}")


def graph_text(plan: Plan) -> str:
    """A plan's graph, each line with the user's line that it came from."""
    known, found = sites.of_trace(), []
    for line in plan.text().splitlines():
        number = line[1:].split(" ", 1)[0]
        site = known.get(int(number)) if line.startswith("%") and " = input" not in line else None
        found.append(line if site is None else f"{line}  # {site.place}")
    return "\n".join(found)


def variant_text(variant: CompiledPlan) -> str:
    """The kernels of a compiled plan in the order in which they run, what is interpreted, and its memory."""
    lines, graph = [], variant.graph
    for segment in variant.segments:
        if isinstance(segment, Native):
            lines += [f"  {_launch_text(variant, launch)}" for launch in segment.launches]
            if segment.memory.bytes:
                lines.append(f"  arena of {arena.size_text(segment.memory.bytes)}:")
                for stay in arena.stays(segment):
                    lines.append(
                        f"    {stay.offset:>10} … {stay.offset + stay.bytes:<10} %{stay.value}, steps {stay.first} to {stay.last}"
                    )
        else:
            signature = graph.signatures[segment.result]
            assert signature is not None
            came = names.lines(graph, [segment.result], sites.of_trace())
            lines.append(
                f"  interpreted: {signature.op.name} ({names.reason(graph, segment.result)}) {', '.join(came)}".rstrip()
            )
    return "\n".join(lines)


def _launch_text(variant: CompiledPlan, launch: Launch) -> str:
    known = sites.of_trace()
    inside = names.members(variant.fusion, launch)
    results = ", ".join(f"%{value}" for value in launch.results)
    came = ", ".join(names.lines(variant.graph, inside, known))
    return f"{results} = {names.kernel_name(variant.fusion, launch, known)}" + (f"  # {came}" if came else "")
