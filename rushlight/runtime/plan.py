"""A plan: a trace as a flat list of steps over slots, with every value dropped after its last use.

Steps are interpreted by each op's `eval`. What nothing live stands on is not computed.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from ..ir.graph import Signature, signatures
from ..ir.op import bind
from ..ir.text import Entry, show
from ..ir.type import Type

LONG = 256  # steps from which a plan that does little is taken for a loop recorded turn by turn
LITTLE_EACH = 1 << 10  # elements that each step of such a plan makes, at most
PRODUCTS = 64  # of a contraction, that take the interpreter about as long as an element of another op
Step = tuple[Callable[..., Any], tuple[int, ...], int, tuple[int, ...]]  # evaluate, operand slots, result slot, dropped


def entries(key: tuple[int, ...]) -> list[tuple[Signature | None, tuple[int, ...]]]:
    """The trace's key as (signature, operand slots) for each slot; (None, ()) for an input."""
    result: list[tuple[Signature | None, tuple[int, ...]]] = []
    place = 0
    while place < len(key):
        number = key[place]
        place += 1
        if number < 0:
            result.append((None, ()))
            continue
        signature = signatures[number]
        end = place + len(signature.operands)
        result.append((signature, key[place:end]))
        place = end
    return result


def typed(key: tuple[int, ...]) -> list[Entry]:
    """The trace's key as what `ir.text` prints: with the type of each slot."""
    result: list[Entry] = []
    numbers = iter(input_types(key))
    for signature, operands in entries(key):
        result.append((signature, next(numbers) if signature is None else signature.type, operands))
    return result


def input_types(key: tuple[int, ...]) -> list[Type]:
    """The types of the inputs in order."""
    found, place = [], 0
    while place < len(key):
        number = key[place]
        place += 1
        if number < 0:
            found.append(Type.by_number[-1 - number])
        else:
            place += len(signatures[number].operands)
    return found


def _size(signature: Signature) -> int:
    """How much an op does, in elements that are made."""
    spec = signature.attributes.get("spec")
    products = prod(spec.loops) // PRODUCTS if signature.op.name == "contract" and spec is not None else 0
    return int(signature.type.size) + products


class Plan:
    """Steps for one (structure, live set)."""

    __slots__ = ("steps", "slots", "inputs", "live", "key", "uses", "size", "structure", "unrolled", "variants")

    def __init__(self, key: tuple[int, ...], live: tuple[int, ...]) -> None:
        found = entries(key)
        self.slots = len(found)
        self.live = live
        self.key = key
        self.inputs = [slot for slot, (signature, _) in enumerate(found) if signature is None]
        self.uses = 0
        self.variants: dict[Any, Any] = {}  # compiled, by the strides of the inputs
        lasting = frozenset(live)
        wanted = set(live)
        last_use: dict[int, int] = {}
        kept = []
        for slot in range(len(found) - 1, -1, -1):
            signature, operands = found[slot]
            if signature is None or slot not in wanted:
                continue
            kept.append(slot)
            wanted.update(operands)
            for operand in operands:
                last_use.setdefault(operand, slot)
        dropped: dict[int, list[int]] = {}
        for operand, user in last_use.items():
            if operand not in lasting:
                dropped.setdefault(user, []).append(operand)
        self.steps: list[Step] = [
            (bind(found[slot][0]), found[slot][1], slot, tuple(dropped.get(slot, ()))) for slot in reversed(kept)
        ]
        self.size = sum(_size(found[slot][0]) for slot in kept)  # type: ignore[arg-type, misc]
        self.unrolled = len(kept) >= LONG and self.size < LITTLE_EACH * len(kept)
        names = [found[slot][0].op.name for slot in kept]  # type: ignore[union-attr]
        self.structure = hash(frozenset(names) if self.unrolled else tuple(names))

    def text(self) -> str:
        """The graph as text that reads back, dead nodes included."""
        return show(typed(self.key), self.live)

    def run(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        """The values of the live slots."""
        values: list[Any] = [None] * self.slots
        for slot, value in zip(self.inputs, inputs, strict=True):
            values[slot] = value
        inputs.clear()
        with np.errstate(all="ignore"):  # infinities and NaN are results like others
            for evaluate, operands, result, dropped in self.steps:
                values[result] = evaluate(*[values[slot] for slot in operands])
                for slot in dropped:
                    values[slot] = None
        return [values[slot] for slot in self.live]

    def run_what_can(self, inputs: list[np.ndarray]) -> tuple[list[Any], Exception | None]:
        """After a failure: every live value that does not stand on the failed step (None for those), and the first error."""
        values: list[Any] = [None] * self.slots
        for slot, value in zip(self.inputs, inputs, strict=True):
            values[slot] = value
        first: Exception | None = None
        for evaluate, operands, result, _ in self.steps:
            arguments = [values[slot] for slot in operands]
            if any(argument is None for argument in arguments):
                continue
            try:
                with np.errstate(all="ignore"):
                    values[result] = evaluate(*arguments)
            except Exception as error:  # whatever an op's eval raises is the user's to see, once
                first = first or error
        return [values[slot] for slot in self.live], first
