"""Reverse-mode differentiation: a walk over the nodes that appends their cotangents to the same graph.

A node is visited after all its tracked users, so its cotangent is complete. What is done at a leaf, and hooks, come from the
caller; nothing here knows of tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..ir.component import accumulate
from ..ir.graph import Node

Visit = Callable[[Node, Node], "Node | None"]


def order(roots: Iterable[Node]) -> list[Node]:
    """The tracked nodes below the roots, each after all its users."""
    users: dict[Node, int] = {}
    stack = [root for root in roots if root.tracked]
    seen = dict.fromkeys(stack)  # in order of discovery, so that equal programs give equal graphs
    while stack:
        node = stack.pop()
        for operand in node.operands:
            if operand.tracked:
                users[operand] = users.get(operand, 0) + 1
                if operand not in seen:
                    seen[operand] = None
                    stack.append(operand)
    ready = [node for node in seen if node not in users]
    result = []
    while ready:
        node = ready.pop()
        result.append(node)
        for operand in node.operands:
            if operand.tracked:
                users[operand] -= 1
                if not users[operand]:
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
    vjp: Callable[[Node, Node], tuple[Node | None, ...]],
    wanted: Iterable[Node] | None = None,
) -> None:
    """Carries cotangents from the roots to everything tracked below them.

    `visit(node, g)` sees each complete cotangent before it goes on, and may replace it (hooks) or stop it (None, at leaves).
    `vjp(node, g)` gives the cotangents of a node's operands. With `wanted` only the nodes that lead to one of them are gone through.
    """
    nodes = order(list(cotangents))
    useful = None if wanted is None else leading_to(nodes, wanted)
    for node in nodes:
        g = cotangents.pop(node, None)
        if g is None or (useful is not None and node not in useful):
            continue
        passed = visit(node, g)
        if passed is None or (useful is not None and useful.isdisjoint(node.operands)):
            continue
        for operand, part in zip(node.operands, vjp(node, passed), strict=True):
            if part is None or not operand.tracked:
                continue
            have = cotangents.get(operand)
            cotangents[operand] = part if have is None else accumulate(have, part)


# Ops whose rule reads only the types of their operands: backward may go through them again after their values are freed.
KEEPING_NOTHING = frozenset(
    "add sub neg sum cumsum cast conj real imag make_complex reshape permute expand slice pad flip concatenate update "
    "component pack graft identity".split()
)


def keeps_values(node: Node) -> bool:
    """Whether the rule of a node needs more of its operands than their types."""
    name = node.op_name
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
    for node in reversed(passed):
        operands = []
        for operand in node.operands:
            shadow = shadows.get(operand)
            if shadow is None:
                shadow = operand
                if operand in shadows or not operand.tracked and operand.type.size > 1:
                    shadows[operand] = shadow = _shadow(operand)
            operands.append(shadow)
        node.operands = tuple(operands)
        if node.side is not None and hasattr(node.side.backward, "release"):
            node.side.backward.release()
        if keeps_values(node):
            node.sided().released = True


def _shadow(node: Node) -> Node:
    """The like of a node, without a value."""
    made = Node.__new__(Node)
    made.signature, made.operands, made.type, made.value = node.signature, node.operands, node.type, None
    made.slot = made.epoch = -1
    made.tracked, made.label, made.side = node.tracked, node.label, node.side
    return made
