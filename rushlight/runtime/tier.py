"""Which tier runs a plan: the interpreter, or native code. Counts and sizes decide, never time or what a cache holds.

A plan is interpreted when it is first met, and compiled when it comes again. One that does little is compiled only when it has come often;
one that does very much is compiled at once: it would take longer to interpret, and more memory. Of plans that differ in sizes alone (batches of
many lengths) the first few are compiled like that, and each further one must come more often: so that a training does not wait for a compiler
again and again. A loop that is recorded turn by turn (an episode of a game, of any length) makes long plans of little work, which take long to
compile and gain little by it: of these the ones that were met count, not only those that were compiled.

The compiler is loaded when the first plan is compiled: a program that never repeats itself starts faster without it.
"""

from __future__ import annotations

import functools
import importlib
import time
import warnings
from collections.abc import Callable
from typing import Any

from .. import config
from ..ir.contraction import blas
from . import events
from .plan import Plan

OFTEN = 24  # runs from which even little work is compiled
LITTLE = 1 << 12  # elements that all steps of a plan make together; products of contractions count too
AMPLE = 1 << 20  # from here on a few runs are as long as compiling
MUCH = 1 << 24
MUCH_EACH = 1 << 14  # of one step: with less, compiling so many steps takes longer than a run
SHAPES = 4  # plans of one structure that are compiled as soon as their turn comes
PATIENCE = 4  # runs more that each further one must wait; one, from AMPLE on
VARIANTS = 8  # of one plan, for different strides of its inputs


def run(plan: Plan, inputs: list[Any], lending: bool = False) -> list[Any]:
    """The values of the plan's live slots; `lending`: inputs that nobody but the trace and this list hold may be written over."""
    if Instead.run is not None:
        return Instead.run(plan, inputs, lending)
    if plan.unrolled and not plan.uses:
        _count(plan)
    variant = _variant(plan, inputs)
    started = time.perf_counter()
    values: list[Any] | None = None if variant is None else variant.run(list(inputs), lending)
    again = variant is not None and values is None
    if values is None:
        values = plan.run(inputs)
    if events.heard():
        seconds = time.perf_counter() - started
        events.emit("run", plan=plan, variant=variant, again=again, started=started, seconds=seconds)
    return values


class Instead:
    """What plans are handed to instead of being run: how `rushlight.memory` learns which there would be."""

    run: Callable[[Plan, list[Any], bool], list[Any]] | None = None


def _variant(plan: Plan, inputs: list[Any]) -> Any:
    """The plan compiled for these inputs, made where it is time for it; None where it is to be interpreted."""
    if config.TIER == "interp" or not plan.steps or not _comes_often(plan) or not available():
        return None
    compiler = _compiler()
    key = compiler.strides_key(inputs)
    found = plan.variants.get(key)
    if found is None and len(plan.variants) < VARIANTS:
        started = time.perf_counter()
        found = compiler.CompiledPlan(plan.key, plan.live, inputs)
        if not plan.variants and not plan.unrolled:
            _count(plan)
        plan.variants[key] = found
        if events.heard():
            seconds = time.perf_counter() - started
            events.emit("compile", plan=plan, variant=found, started=started, seconds=seconds, kernels=found.kernels)
    return found


def _wait(plan: Plan) -> int:
    """Runs more that a plan must wait, for there are many like it."""
    patience = PATIENCE if plan.size < AMPLE else 1
    return patience * max(0, _structures.get(plan.structure, 0) - SHAPES + 1)


def hasten(plan: Plan) -> None:
    """Compiles a plan at its next run, since the user says that it will come again."""
    plan.uses = max(plan.uses, OFTEN + _wait(plan))


def _comes_often(plan: Plan) -> bool:
    if config.TIER == "compile" or plan.variants:
        return True
    wait = _wait(plan)
    if plan.uses >= OFTEN + wait or (plan.size >= max(MUCH, MUCH_EACH * len(plan.steps)) and plan.uses >= wait):
        return True
    return plan.uses >= 1 + wait and plan.size >= LITTLE


def _count(plan: Plan) -> None:
    """Notes one more plan of a structure."""
    _structures[plan.structure] = _structures.get(plan.structure, 0) + 1


_structures: dict[int, int] = {}  # plans compiled, or met if they are unrolled loops, by their structure without sizes


@functools.cache
def _compiler() -> Any:
    return importlib.import_module(".compiled", __package__)


@functools.cache
def draws() -> Any:
    """Compiled code for long random draws; None where everything is interpreted."""
    if config.TIER == "interp" or not available():
        return None
    return importlib.import_module("..backend.cpu.draws", __package__)


@functools.cache
def available() -> bool:
    """Whether there is a compiler; where not, one warning, or an error where `RUSHLIGHT_TIER` insists."""
    build = importlib.import_module("..backend.cpu.build", __package__)
    if build.available():
        return True
    if config.TIER == "compile":
        raise RuntimeError(f"RUSHLIGHT_TIER=compile: {build.why_not()}")
    warnings.warn(f"programs are interpreted: {build.why_not()}", stacklevel=2)
    blas.Sharing.allowed = True  # large products stay with the interpreter, and shall not take the longer for it
    return False
