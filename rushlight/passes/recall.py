"""Backward walks through small graphs that came before, appended again wherever in the trace they stand.

`repetition.py` knows a walk by the whole trace before it, which serves one `backward` in a training step. A solver that asks for gradients in
each of its stages, a physics-informed loss, a policy that was looked at halfway (so that part of it is computed already) have many walks
in a step, or begin them where the trace never is the same. Here the key is the graph below the root alone: ops, labels, which operand is
which node. What a walk appended is kept as entries whose operands are entries of the walk or nodes of the graph, by their number.

A rule sees types, attributes and what is tracked, no values; so the same graph gives the same entries. Of a gradient of a network of two
layers this takes half the time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..ir.graph import Node, Side, recorded_node, signatures, trace
from ..ir.scalar import constant, number
from .repetition import Knowledge, Mark

CAPACITY = 256
LONGEST = 512  # nodes of a graph that is looked at
Key = tuple[Any, ...]


class Graph(NamedTuple):
    """What a walk depends on: the nodes from a root on to what they read, in the order in which they are met, the root's cotangent last."""

    key: Key
    nodes: list[Node]
    places: dict[Node, int]


def describe(root: Node, g: Node) -> Graph | None:
    """The graph below a root; None where it has hooks, rules of the user's, or nodes that cannot be gone through again."""
    nodes = [root]
    places = {root: 0}
    key: list[Any] = []
    for node in nodes:  # which grows meanwhile
        if not node.tracked:  # and so has no operands
            key.append(_kind(node))
            continue
        if node.side is not None and not _is_plain_leaf(node.side):
            return None
        key += (node.signature.number, node.label)  # type: ignore[union-attr]
        for operand in node.operands:
            place = places.get(operand)
            if place is None:
                place = places[operand] = len(nodes)
                nodes.append(operand)
            key.append(place)
        if len(nodes) > LONGEST:
            return None
    if g in places:
        return None
    places[g] = len(nodes)
    nodes.append(g)
    key.append(_kind(g))
    return Graph(tuple(key), nodes, places)


def _kind(node: Node) -> int:
    return -1 - node.type.number if node.signature is None else -1_000_000 - node.signature.number


def _is_plain_leaf(side: Side) -> bool:
    if side.leaf is None or side.hooks or side.before or side.after or side.retain is not None:
        return False
    return side.backward is None and not side.released


class Recalled:
    """What a walk appended. A step is an entry (signature, operands), an input of its own (its type, the array), or a literal.

    Operands that are not negative are steps, others (~) nodes of the graph.
    """

    __slots__ = ("steps", "results", "passed")

    def __init__(self, steps: list[Any], results: list[int | None], passed: list[int]) -> None:
        self.steps, self.results, self.passed = steps, results, passed

    def append(self, nodes: list[Node]) -> list[Node | None]:
        """Appends the entries for another graph of the same structure; the nodes of the results."""
        slots: list[int] = []
        epoch = trace.epoch
        for signature, operands, value in self.steps:
            if signature is not None:
                entry = [signature.number]
                for operand in operands:
                    if operand >= 0:
                        entry.append(slots[operand])
                        continue
                    node = nodes[~operand]
                    if node.epoch != epoch:
                        trace.enter(node)
                    entry.append(node.slot)
                slots.append(len(trace.references))
                trace.key += entry
                trace.references.append(None)
                trace.pending += 1
                trace.bytes += signature.bytes
            elif value is None:  # a literal
                slots.append(number(*operands).slot)
            else:
                slots.append(len(trace.references))
                trace.key.append(operands)
                trace.references.append(None)
                trace.inputs.append(value)
        made: dict[int, Node] = {}
        found: list[Node | None] = []
        for result in self.results:
            if result is None:
                found.append(None)
            elif result < 0:
                found.append(nodes[~result])
            else:
                if result not in made:
                    made[result] = recorded_node(self.steps[result][0], slots[result])
                found.append(made[result])
        return found


_walks: OrderedDict[Key, Recalled] = OrderedDict()


def find(key: Key) -> Recalled | None:
    """The walk that is known for a structure."""
    known = _walks.get(key) if Knowledge.used else None
    if known is not None:
        _walks.move_to_end(key)  # the least recently used goes first
    return known


def keep(key: Key, graph: Graph, start: Mark, passed: Sequence[Node], results: Sequence[Node | None]) -> None:
    """Keeps a walk that has just been recorded, unless it read something beside its graph."""
    if trace.epoch != start.epoch:
        return
    known = {node.slot: ~place for node, place in graph.places.items() if node.epoch == trace.epoch}
    literals = {node.slot: key for key, node in trace.literals.items() if node.epoch == trace.epoch}
    steps: list[Any] = []
    at: dict[int, int] = {}  # step by slot

    def reference(slot: int) -> int | None:
        if slot in at:
            return at[slot]
        if slot in known:
            return known[slot]
        if slot not in literals:
            return None
        at[slot] = len(steps)
        steps.append((None, literals[slot], None))
        return at[slot]

    place, slot, used = start.entries, start.slots, start.inputs
    while place < len(trace.key):
        code = trace.key[place]
        place += 1
        if code < 0:
            array: np.ndarray = trace.inputs[used]
            used += 1
            if slot not in known:  # a number that a rule brought in
                at[slot] = len(steps)
                steps.append((None, code, array))
        else:
            signature = signatures[code]
            count = len(signature.operands)
            if signature.op is constant and slot in literals:
                reference(slot)
            else:
                operands = [reference(each) for each in trace.key[place : place + count]]
                if None in operands:
                    return
                at[slot] = len(steps)
                steps.append((signature, operands, None))
            place += count
        slot += 1
    found: list[int | None] = []
    for node in results:
        if node is None:
            found.append(None)
        elif node in graph.places:
            found.append(~graph.places[node])
        elif node.epoch == trace.epoch and steps[at[node.slot]][0] is not None:
            found.append(at[node.slot])
        else:
            return
    _walks[key] = Recalled(steps, found, [graph.places[node] for node in passed])
    if len(_walks) > CAPACITY:
        _walks.popitem(last=False)
