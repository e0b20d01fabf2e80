"""Which tier runs a plan: the interpreter, or native code. Counts and sizes decide, never time or what a cache holds.

A plan is interpreted when it is first met, and compiled when it comes again. One that does little is compiled only when it has come often.
"""

from __future__ import annotations

import warnings
from typing import Any

from .. import config
from ..backend.cpu import build
from .compiled import CompiledPlan, Irregular, strides_key
from .plan import Plan

OFTEN = 24  # runs from which even little work is compiled
LITTLE = 1 << 12  # elements that all steps of a plan make together
VARIANTS = 8  # of one plan, for different strides of its inputs


def run(plan: Plan, inputs: list[Any]) -> list[Any]:
    """The values of the plan's live slots."""
    if not _is_compiled(plan):
        return plan.run(inputs)
    key = strides_key(inputs)
    found = plan.variants.get(key)
    if found is None:
        if len(plan.variants) >= VARIANTS:
            return plan.run(inputs)
        found = plan.variants[key] = CompiledPlan(plan.key, plan.live, inputs)
    assert isinstance(found, CompiledPlan)
    try:
        return found.run(list(inputs))
    except Irregular:
        return plan.run(inputs)


def _is_compiled(plan: Plan) -> bool:
    if config.TIER == "interp" or not plan.steps:
        return False
    if config.TIER == "auto" and (plan.uses < 1 or (plan.uses < OFTEN and plan.size < LITTLE)):
        return False
    return _available()


class _Warned:
    done = False


def _available() -> bool:
    if build.available():
        return True
    if config.TIER == "compile":
        raise RuntimeError(f"RUSHLIGHT_TIER=compile: {build.why_not()}")
    if not _Warned.done:
        _Warned.done = True
        warnings.warn(f"programs are interpreted: {build.why_not()}", stacklevel=2)
    return False
