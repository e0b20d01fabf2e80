"""Ops with several results: such a node has a tuple of arrays, `component` takes one out, `pack` makes one of its parts."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from ..errors import InternalError
from . import scalar
from .graph import Node, Signature, emit_each, signature_of
from .op import Cotangents, Op
from .type import TupleType, Type
from .view import concatenate


def _component_infer(x: Any, *, index: int) -> Type:
    if not isinstance(x, TupleType):
        raise InternalError(f"component of {x!r}")
    return x.parts[index]


def _component_vjp(node: Node, g: Node) -> Cotangents:
    (source,) = node.operands
    parts: Any = source.type
    index = node.attributes["index"]
    return (packed(*[g if i == index else scalar.full(0, part) for i, part in enumerate(parts.parts)]),)


component = Op(
    "component",
    infer=_component_infer,
    eval=lambda type, x, *, index: x[index],
    vjp=_component_vjp,
    anchor="component",
    moves=True,
)


def _pack_eval(type: TupleType, *parts: np.ndarray) -> tuple[np.ndarray, ...]:
    return parts


pack = Op(
    "pack",
    infer=lambda *parts: TupleType.of(*parts),
    eval=_pack_eval,
    vjp=lambda node, g: tuple(component(g, index=i) for i in range(len(node.operands))),
    anchor="component",
    moves=True,
)


def packed(*parts: Node) -> Node:
    """A pack that remembers its parts, so that taking them out again records nothing."""
    node = pack(*parts)
    node.sided().parts = parts
    return node


def components(node: Node) -> tuple[Node, ...]:
    """All results of a node, each as a node."""
    if node.side is not None and node.side.parts is not None:
        return node.side.parts
    if type(node) is not Node:  # an example of a batch (passes/batching.py), which stands in no trace
        several: Any = node.type
        return tuple([component(node, index=index) for index in range(len(several.parts))])
    return emit_each(parts_of(node.type), node)


@cache
def parts_of(type: TupleType) -> list[Signature]:
    """The signatures of taking out each part."""
    source: Any = type
    return [signature_of(component, (source,), {"index": index}) for index in range(len(type.parts))]


def is_literal_zero(node: Node) -> bool:
    """Whether a cotangent is the zero that stands for none."""
    return node.op_name == "constant" and node.attributes["value"] == 0


def accumulate(a: Node, b: Node) -> Node:
    """The sum of two cotangents of one node."""
    if isinstance(a.type, TupleType):
        return packed(*[accumulate(x, y) for x, y in zip(components(a), components(b), strict=True)])
    if is_literal_zero(a):
        return b
    if is_literal_zero(b):
        return a
    total = scalar.add(a, b)
    if a.side is not None and b.side is not None and a.side.rows is not None and b.side.rows is not None:
        (first, at_first), (second, at_second) = a.side.rows, b.side.rows
        total.sided().rows = concatenate((second, first), 0), concatenate((at_second, at_first), 0)
    return total
