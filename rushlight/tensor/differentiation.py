"""Derivatives of functions: their inputs made anew for one derivative, and results cut off from it afterwards.

Each derivative in progress differentiates by its own fresh nodes. What a result has of other leaves, of a derivative further out or of
parameters that require grad, stays in its history: only where there is none is it cut off.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..dtype import FLOATING
from ..ir import scalar, view
from ..ir.graph import Node, mode, standing_for
from ..ir.type import Type
from ..passes import forward
from ..passes import grad as grad_pass
from .autograd import _walk
from .tensor import Tensor, node_of, wrap


def _nobody() -> None:
    """In place of the reference to a leaf tensor."""


def fresh(node: Node) -> Node:
    """A node of the same value to differentiate by; it keeps the history of one that is tracked."""
    tracking, mode.tracking = mode.tracking, True
    try:
        if node.tracked:
            return view.identity(node)
        if node.value is not None:
            made = standing_for(view.leaf, node)
        else:
            made = view.leaf(node)
            made.tracked, made.operands = True, (node,)
        made.sided().leaf = _nobody
        return made
    finally:
        mode.tracking = tracking


def depends_on_others(nodes: Iterable[Node], own: Iterable[Node]) -> bool:
    """Whether gradient flows from the nodes to a leaf that is not among `own`."""
    mine = set(own)
    return any(
        node.side is not None and node.side.leaf is not None and node not in mine for node in grad_pass.order(nodes)
    )


def released(tensor: Tensor, own: Iterable[Node]) -> Tensor:
    """A result as those outside see it: without history where that goes to `own` alone, or where nothing is tracked outside."""
    node = node_of(tensor)
    if not node.tracked or (mode.tracking and depends_on_others([node], own)):
        return tensor
    return wrap(view.stop(node))


def pulled_back(
    outputs: Sequence[Node], cotangents: Sequence[Node], wanted: Sequence[Node], create_graph: bool, retain: bool
) -> list[Node]:
    """The cotangents of the wanted nodes, zeros where none flows."""
    roots: dict[Node, Node] = {}
    for output, g in zip(outputs, cotangents, strict=True):
        if output.tracked:
            roots[output] = scalar.add(roots[output], g) if output in roots else g
    found: dict[Node, Node | None] = dict.fromkeys(wanted)
    if roots:
        _walk(roots, create_graph, retain, lambda node, g: None, found)  # type: ignore[arg-type]
    return [scalar.zeros_like(node) if part is None else part for node, part in found.items()]


class Duals:
    """Dual numbers of one forward-mode derivative: nodes with their tangents."""

    def __init__(self) -> None:
        self.tangents: forward.Tangents = {}
        self.given: dict[Node, Node] = {}

    def make(self, node: Node, tangent: Node) -> Node:
        """A node of the same value that has the tangent."""
        dual = fresh(node)
        self.tangents[dual] = self.given[dual] = tangent
        return dual

    def tangent(self, node: Node) -> Node | None:
        """The tangent of a node; None where it has none."""
        if not node.tracked or node.type.dtype.category < FLOATING:
            return None
        if node not in self.tangents:
            create = depends_on_others([node, *self.given.values()], self.given)
            forward.push([node], self.tangents, create)
        return self.tangents[node]


def basis(types: list[Type]) -> list[Tensor]:
    """For each type a tensor (directions, *shape): all directions of all types together, one after another."""
    total = sum(type.size for type in types)
    found, start = [], 0
    for type in types:
        rows = scalar.iota(shape=(total, type.size), axis=0)
        columns = scalar.iota(shape=(total, type.size), axis=1)
        shifted = scalar.add(columns, scalar.number(start, columns.type.dtype))
        unit = scalar.cast(scalar.eq(rows, shifted), dtype=type.dtype)
        found.append(wrap(view.reshape(unit, (total, *type.shape))))
        start += type.size
    return found
