"""Runs a case in a tier and says what differs from what is known of its results."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rushlight.dtype import decode, encode
from rushlight.ir import expr
from rushlight.ir.graph import Signature
from rushlight.ir.op import bind
from rushlight.ir.type import TupleType
from rushlight.runtime.plan import Plan

from .case import Case, shrink
from .facts import difference

Prepared = Callable[[], list[Any]]
Tier = Callable[[Case], Prepared]
Check = Callable[[Case, Prepared], "str | None"]


def interpreted(case: Case) -> Prepared:
    """The interpreter's run."""
    plan = Plan(case.key, case.live)
    return lambda: plan.run(list(case.inputs))


def _by_element(signature: Signature) -> Callable[..., Any]:
    """An op's result by its `at`, element by element, where it has one."""
    record, types = signature.op, signature.operands
    if record.at is None or isinstance(signature.type, TupleType):
        return bind(signature)

    def run(*arrays: np.ndarray) -> np.ndarray:
        decoded = [decode(array, t.dtype) for array, t in zip(arrays, types, strict=True)]
        value = expr.evaluate_at(record, signature.type, types, decoded, signature.attributes)
        return np.asarray(encode(value, signature.type.dtype))

    return run


def by_element(case: Case) -> Prepared:
    """Every op that has an `at` evaluated by it."""

    def run() -> list[Any]:
        values: list[Any] = []
        inputs = iter(case.inputs)
        for signature, _, operands in case.entries:
            values.append(next(inputs) if signature is None else _by_element(signature)(*[values[o] for o in operands]))
        return [values[slot] for slot in case.live]

    return run


def as_bytes(value: Any) -> Any:
    """The bits of a result."""
    return tuple(map(as_bytes, value)) if isinstance(value, tuple) else np.asarray(value).tobytes()


def differs(case: Case, tier: Tier, checks: Sequence[Check] = ()) -> str | None:
    """What is wrong with a tier's results, or None.

    A second run must give the same bits, and leave the results of the first and the inputs as they were. `checks` are made after it.
    """
    before = [array.tobytes() for array in case.inputs]
    try:
        run = tier(case)
        results = run()
    except Exception as error:
        if case.raises == type(error).__name__:
            return None
        return f"raised {type(error).__name__}: {error}"
    if case.raises is not None:
        return f"did not raise {case.raises}"
    facts = case.facts()
    if len(results) != len(case.live):
        return f"{len(results)} results for {len(case.live)} live slots"
    for slot, result in zip(case.live, results, strict=True):
        found = difference(result, facts[slot]) if slot in facts else None
        if found:
            return f"%{slot}: {found}"
    kept = [as_bytes(result) for result in results]
    for slot, old, result, new in zip(case.live, kept, results, run(), strict=True):
        if old != as_bytes(new):
            return f"%{slot}: a second run gives other bits"
        if old != as_bytes(result):
            return f"%{slot}: a second run changed the result of the first"
    for place, (old, array) in enumerate(zip(before, case.inputs, strict=True)):
        if old != array.tobytes():
            return f"input {place} was written to"
    return next((found for check in checks if (found := check(case, run))), None)


def kind(case: Case, why: str) -> str:
    """What differences of one cause are likely to have in common: the complaint without its numbers, and the op."""
    slot = re.match(r"%(\d+): ", why)
    signature = case.entries[int(slot[1])][0] if slot else None
    complaint = re.sub(r"[0-9]+", "N", re.sub(r"the first at.*", "", why))
    return f"{complaint} {'' if signature is None else signature.op.name}"


def report(case: Case, why: str, differ: Callable[[Case], str | None]) -> str:
    """What differs in the smallest case found that differs too."""
    small = shrink(case, differ) if case.raises is None else case
    return f"seed {case.seed}: {differ(small) or why}\n{small.text()}"
