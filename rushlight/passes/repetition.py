"""Backward walks that came before, recorded again without asking a rule.

An op's rule sees types, attributes, and which operands are tracked; no values. So where the trace is as it was at an
earlier backward from the same root, and the same of it is tracked, backward appends the same entries. They are kept from the
second time on, and at the third appended at once: of all their nodes only the gradients of leaves are made. In a small
training step this halves the Python of backward.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np

from ..ir.graph import Node, recorded_node, signatures, trace

CAPACITY = 64
_SEEN = 1024  # structures of which it is remembered that they came once
Key = tuple[tuple[int, ...], int]
_walks: OrderedDict[Key, Walk] = OrderedDict()
_once: dict[int, None] = {}
_refused: dict[int, None] = {}


class Mark(NamedTuple):
    """How far the trace had come."""

    epoch: int
    entries: int
    slots: int
    inputs: int
    pending: int
    bytes: int


def mark() -> Mark:
    """How far the trace has come."""
    return Mark(trace.epoch, len(trace.key), len(trace.references), len(trace.inputs), trace.pending, trace.bytes)


class Walk:
    """What a backward went through and what it appended."""

    __slots__ = ("steps", "leaves", "entries", "slots", "inputs", "pending", "bytes", "gradients")

    def __init__(self, start: Mark, passed: list[Node], leaves: list[tuple[Node, Node]]) -> None:
        places = {node: place for place, node in enumerate(passed)}
        places.update((leaf, ~place) for place, (leaf, _) in enumerate(leaves))
        # For each node gone through, users first: whether each operand is tracked, and which node or leaf (~) it is.
        self.steps = [
            [(operand.tracked, places.get(operand) if operand.tracked else None) for operand in node.operands]
            for node in passed
        ]
        self.leaves = len(leaves)
        self.entries = tuple(trace.key[start.entries :])
        self.slots = len(trace.references) - start.slots
        self.inputs: list[np.ndarray] = trace.inputs[start.inputs :]  # numbers that the rules brought in
        self.pending, self.bytes = trace.pending - start.pending, trace.bytes - start.bytes
        self.gradients = [(g.slot, g.signature.number) for _, g in leaves if g.signature is not None]

    def match(self, root: Node) -> tuple[list[Node], list[Node]] | None:
        """The nodes to go through and the leaves, where as much is tracked as before and nothing stands aside."""
        passed: list[Node] = [root] * len(self.steps)
        leaves: list[Node] = [root] * self.leaves
        epoch = trace.epoch
        for place, step in enumerate(self.steps):
            node = passed[place]
            if node.side is not None or node.epoch != epoch or not node.tracked:
                return None
            for operand, (tracked, target) in zip(node.operands, step, strict=True):
                if operand.tracked is not tracked:
                    return None
                if target is not None:
                    if target >= 0:
                        passed[target] = operand
                    else:
                        leaves[~target] = operand
        return passed, leaves

    def append(self) -> list[Node]:
        """Appends the entries; the gradient of each leaf."""
        trace.key += self.entries
        trace.references += [None] * self.slots
        trace.inputs += self.inputs
        trace.pending += self.pending
        trace.bytes += self.bytes
        made: dict[int, Node] = {}
        for slot, number in self.gradients:
            if slot not in made:
                made[slot] = recorded_node(signatures[number], slot)
        return [made[slot] for slot, _ in self.gradients]


def key_of(root: Node) -> Key | None:
    """The structure that a backward from this node depends on, while it is pending."""
    return (tuple(trace.key), root.slot) if root.epoch == trace.epoch and root.value is None else None


class Knowledge:
    """Whether walks that are known are used: not while somebody looks where each entry comes from, which only a walk tells."""

    used = True


def find(key: Key) -> Walk | None:
    """The walk that is known for a structure."""
    return _walks.get(key) if Knowledge.used else None


def came_before(key: tuple[Any, ...]) -> bool:
    """Whether a structure comes for the second time at least, so that its walk is worth keeping."""
    shortened = hash(key)
    if shortened in _once:
        return True
    if len(_once) >= _SEEN:
        _once.clear()
    _once[shortened] = None
    return False


def was_refused(key: Key) -> bool:
    """Whether the walk for a structure could not be kept."""
    return hash(key) in _refused


def keep(key: Key, start: Mark, passed: list[Node], leaves: list[tuple[Node, Node]]) -> None:
    """Keeps a walk, unless it went through values of before the trace, or a gradient is none of its own nodes."""
    if not _can_be_kept(start, passed, leaves):
        if len(_refused) >= _SEEN:
            _refused.clear()
        _refused[hash(key)] = None
        return
    _walks[key] = Walk(start, passed, leaves)
    if len(_walks) > CAPACITY:
        _walks.popitem(last=False)


def _can_be_kept(start: Mark, passed: list[Node], leaves: list[tuple[Node, Node]]) -> bool:
    if trace.epoch != start.epoch or len(dict(leaves)) != len(leaves):
        return False
    for node in (*passed, *[g for _, g in leaves]):
        if node.side is not None or node.epoch != start.epoch or trace.references[node.slot] is None:
            return False
    return all(g.slot >= start.slots for _, g in leaves)
