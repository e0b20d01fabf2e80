"""Forward-mode differentiation, without a rule of its own for any op.

An op's vjp is linear in the cotangent u. So the derivative of (what the vjp makes of u) by u, transposed once more, is the
derivative forward: the "transpose of the transpose" (B. Christianson, 1992; J. Townsend, "A new trick for calculating
Jacobian vector products", 2017). Here it is done node by node, operands first, so that the tangent of each node is known once, in
program order; the cotangents that come in between are never computed, since nothing that is wanted stands on them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..ir import component, scalar, view
from ..ir.graph import Node, Side, mode
from ..ir.type import TupleType

Tangents = dict[Node, "Node | None"]
Rule = Callable[[Node, Node], "tuple[Node | None, ...]"]


def push(roots: Iterable[Node], tangents: Tangents, create_graph: bool) -> None:
    """Finds the tangent of each root and of what lies between it and the nodes whose tangents are given; None: there is none."""
    depth, mode.depth = mode.depth, 0
    try:
        for node in _below(roots, tangents):
            tangents[node] = _tangent(node, tangents, create_graph)
    finally:
        mode.depth = depth


def _below(roots: Iterable[Node], known: Tangents) -> list[Node]:
    """The tracked nodes from the known ones up to the roots, operands first."""
    found: list[Node] = []
    entered: set[Node] = set()
    stack = [root for root in roots if root.tracked and root not in known]
    while stack:
        node = stack[-1]
        if node in entered:
            stack.pop()
            if node not in known:
                known[node] = None  # a place holder, so that it is listed once
                found.append(node)
            continue
        entered.add(node)
        stack += [operand for operand in node.operands if operand.tracked and operand not in known]
    return found


def _tangent(node: Node, tangents: Tangents, create_graph: bool) -> Node | None:
    parts = [tangents.get(operand) for operand in node.operands]
    if all(part is None for part in parts):
        return None
    side = node.side
    if side is not None and side.backward is not None and hasattr(side.backward, "forward"):
        own: Node | None = side.backward.forward(node, parts)
        return own
    if node.op_name == "component":
        return None if parts[0] is None else component.component(parts[0], index=node.attributes["index"])
    assert node.signature is not None
    op = node.signature.op
    if (side is None or side.backward is None) and op.linear is not None and op.linear(**node.attributes):
        return _of_tangents(node, parts, create_graph)
    return _transposed_twice(node, parts, create_graph)


def _of_tangents(node: Node, parts: list[Node | None], create_graph: bool) -> Node:
    """The tangent of an op that is linear in its floating operands; operands without a tangent count as constant."""
    operands = [
        part if part is not None else scalar.zeros_like(operand) if operand.type.dtype is node.type.dtype else operand
        for operand, part in zip(node.operands, parts, strict=True)
    ]
    tracking, mode.tracking = mode.tracking, create_graph
    try:
        made: Node = node.signature.op(*operands, **node.attributes)  # type: ignore[union-attr]
        return made
    finally:
        mode.tracking = tracking


def _transposed_twice(node: Node, parts: list[Node | None], create_graph: bool) -> Node | None:
    tracking, mode.tracking = mode.tracking, True
    try:
        u = _placeholder(node)
        side = node.side
        rule: Rule = node.signature.op.vjp if side is None or side.backward is None else side.backward  # type: ignore[union-attr,assignment]
        made = rule(node, u)
        cotangents: dict[Node, Node] = {}
        for image, part in zip(made, parts, strict=True):
            if image is not None and part is not None:
                _add(cotangents, image, part)
        mode.tracking = create_graph
        return _pulled(cotangents, u, {node, *node.operands})
    finally:
        mode.tracking = tracking


def _placeholder(node: Node) -> Node:
    """A cotangent to differentiate by. Its value does not matter."""
    kind = node.type
    zero = (
        component.pack(*[scalar.full(0, p) for p in kind.parts])
        if isinstance(kind, TupleType)
        else scalar.full(0, kind)
    )
    made = view.leaf(zero)
    made.tracked, made.operands, made.side = True, (), Side()
    return made


def _add(cotangents: dict[Node, Node], node: Node, g: Node) -> None:
    have = cotangents.get(node)
    cotangents[node] = g if have is None else component.accumulate(have, g)


def _pulled(cotangents: dict[Node, Node], u: Node, ends: set[Node]) -> Node | None:
    """The cotangent of `u`. What the rule made stands on `u` and on the `ends`, below which it is not looked."""
    for node in _leading_to(list(cotangents), u, ends):
        g = cotangents.pop(node, None)
        if g is None:
            continue
        for operand, part in zip(node.operands, node.signature.op.vjp(node, g), strict=True):  # type: ignore[union-attr,operator]
            if part is not None and operand.tracked and operand not in ends:
                _add(cotangents, operand, part)
    return cotangents.get(u)


def _leading_to(roots: list[Node], u: Node, ends: set[Node]) -> list[Node]:
    """The nodes from the roots down to `u`, itself not among them, users first."""
    leads: dict[Node, bool] = {u: True, **dict.fromkeys(ends, False)}
    entered: set[Node] = set()
    found: list[Node] = []
    stack = list(roots)
    while stack:
        node = stack[-1]
        if node in leads:
            stack.pop()
        elif node in entered:
            stack.pop()
            leads[node] = any([leads.get(operand, False) for operand in node.operands])
            if leads[node]:
                found.append(node)
        else:
            entered.add(node)
            stack += [operand for operand in node.operands if operand.tracked and operand not in leads]
    return found[::-1]
