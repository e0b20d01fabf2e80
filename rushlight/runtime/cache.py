"""Plans by structure, the least recently used dropped beyond a bound.

The key is (trace key, live slots): structure alone, so a second step of a training loop finds its plan whatever its data, learning
rate or seed.
"""

from __future__ import annotations

from collections import OrderedDict

from . import events
from .plan import Plan

CAPACITY = 512
Key = tuple[tuple[int, ...], tuple[int, ...]]
_plans: OrderedDict[Key, Plan] = OrderedDict()


class _Latest:
    """The plan that was found or made last."""

    plan: Plan | None = None


def find(key: Key) -> Plan:
    """The plan for a structure, made on a miss."""
    plan = _plans.get(key)
    if plan is not None:
        if plan is not _Latest.plan:  # else it stands at the end already: long keys take long to hash
            _plans.move_to_end(key)
            _Latest.plan = plan
        plan.uses += 1
        if events.heard():
            events.emit("plan hit", nodes=len(plan.steps), uses=plan.uses, plan=plan)
        return plan
    plan = Plan(*key)
    _plans[key] = _Latest.plan = plan
    if len(_plans) > CAPACITY:
        _plans.popitem(last=False)
    if events.heard():
        events.emit("plan miss", nodes=len(plan.steps), plan=plan, plans=len(_plans))
    return plan


def size() -> int:
    return len(_plans)


def clear() -> None:
    _plans.clear()
    _Latest.plan = None
    _Latest.plan = None
