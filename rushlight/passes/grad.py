"""Reverse-mode differentiation: a walk over the nodes that appends their cotangents to the same graph.

A node is visited after all its tracked users, so its cotangent is complete. What is done at a leaf, and hooks, come from the
caller; nothing here knows of tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable

from ..ir.component import accumulate
from ..ir.graph import Node, Side

Visit = Callable[[Node, Node], "Node | None"]
Rule = Callable[[Node, Node], "tuple[Node | None, ...]"]


def order(roots: Iterable[Node]) -> list[Node]:
    """The tracked nodes below the roots, each after all its users."""
    users: dict[Node, int] = {}
    first = [root for root in roots if root.tracked]
    stack = list(first)
    while stack:
        for operand in stack.pop().operands:
            if operand.tracked:
                if operand in users:
                    users[operand] += 1
                else:
                    users[operand] = 1
                    if operand not in first:
                        stack.append(operand)
    ready = [node for node in first if node not in users]
    result = []
    while ready:
        node = ready.pop()
        result.append(node)
        for operand in node.operands:
            if operand.tracked:
                left = users[operand] = users[operand] - 1
                if not left:
                    ready.append(operand)
    return result


def leading_to(nodes: list[Node], wanted: Iterable[Node]) -> set[Node]:
    """Of nodes ordered users first, those from which a wanted one is reached."""
    found = set(wanted)
    for node in reversed(nodes):
        if node not in found and any(operand in found for operand in node.operands):
            found.add(node)
    return found


def backward(
    cotangents: dict[Node, Node],
    visit: Visit,
    vjp: Rule,
    wanted: Iterable[Node] | None = None,
    visited: Container[Node] = (),
    watched: bool = False,
) -> list[Node]:
    """Carries cotangents from the roots to everything tracked below them; returns the nodes that it went through.

    Most nodes have no side, and their op's own rule is applied. Of those that have one, and of those in `visited`,
    `visit(node, g)` sees the complete cotangent before it goes on, and may replace it (hooks) or stop it (None, at leaves);
    `vjp(node, g)` gives the cotangents of their operands, and of all nodes' where they are `watched`. With `wanted` only the
    nodes that lead to one of them are gone through.
    """
    nodes = order(list(cotangents))
    useful = None if wanted is None else leading_to(nodes, wanted)
    passed = []
    for node in nodes:
        g = cotangents.pop(node, None)
        if g is None or (useful is not None and node not in useful):
            continue
        aside = node.side is not None
        if aside or node in visited:
            seen = visit(node, g)
            if seen is None:
                continue
            g = seen
        operands = node.operands
        if useful is not None and useful.isdisjoint(operands):
            continue
        passed.append(node)
        parts = vjp(node, g) if aside or watched else node.signature.op.vjp(node, g)  # type: ignore[union-attr,operator]
        for operand, part in zip(operands, parts, strict=True):
            if part is not None and operand.tracked:
                have = cotangents.get(operand)
                cotangents[operand] = part if have is None else accumulate(have, part)
    return passed


# Ops whose rule reads only the types of their operands: backward may go through them again after their values are freed.
KEEPING_NOTHING = frozenset(
    "add sub neg sum cumsum cast conj real imag make_complex reshape permute expand slice pad flip concatenate update "
    "component pack graft identity".split()
)


def keeps_values(node: Node) -> bool:
    """Whether the rule of a node needs more of its operands than their types."""
    name = node.signature.op.name  # type: ignore[union-attr]
    if name in KEEPING_NOTHING:
        return False
    if name in ("mul", "div") and node.label not in ("Mul", "Div"):  # a mean's division by its count
        return node.operands[1].tracked or node.operands[1].type.size > 1
    return True


def release(passed: list[Node]) -> None:
    """Frees the values that backward went through, and marks the nodes that it cannot go through again. Nodes are given users first.

    The structure stays, in shadows without values: what kept nothing can be gone through again, and `next_functions` walked.
    """
    shadows: dict[Node, Node | None] = dict.fromkeys(passed)
    leaves: dict[Node, Node] = {}
    for node in reversed(passed):
        ended = keeps_values(node)
        operands = []
        for operand in node.operands:
            shadow = shadows.get(operand)
            if shadow is None:
                shadow = operand
                if operand in shadows or not operand.tracked and operand.type.size > 1:
                    shadows[operand] = shadow = _shadow(operand)
                elif (
                    ended and operand.op_name == "leaf"
                ):  # which is never reached from here again: its value may go with the leaf's
                    shadow = leaves.get(operand) or leaves.setdefault(operand, _shadow_of_leaf(operand))
            operands.append(shadow)
        node.operands = tuple(operands)
        side = node.side
        if side is not None and side.backward is not None and hasattr(side.backward, "release"):
            side.backward.release()
        if ended:
            if side is None:
                side = node.side = Side()
            side.released = True


def _shadow_of_leaf(node: Node) -> Node:
    made = _shadow(node)
    made.operands = tuple([_shadow(operand) for operand in node.operands])
    return made


def _shadow(node: Node) -> Node:
    """The like of a node, without a value."""
    made = Node.__new__(Node)
    made.signature, made.operands, made.type, made.value = node.signature, node.operands, node.type, None
    made.slot = made.epoch = -1
    made.tracked, made.label, made.side = node.tracked, node.label, node.side
    return made
