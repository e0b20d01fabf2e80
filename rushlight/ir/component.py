"""Ops with several results: such a node has a tuple of arrays, `component` takes one out, `pack` makes one of its parts."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import InternalError
from . import scalar
from .graph import Node
from .op import Cotangents, Op
from .type import TupleType, Type


def _component_infer(x: Any, *, index: int) -> Type:
    if not isinstance(x, TupleType):
        raise InternalError(f"component of {x!r}")
    return x.parts[index]


def _component_vjp(node: Node, g: Node) -> Cotangents:
    (source,) = node.operands
    parts: Any = source.type
    index = node.attributes["index"]
    return (pack(*[g if i == index else scalar.full(0, part) for i, part in enumerate(parts.parts)]),)


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


def components(node: Node) -> tuple[Node, ...]:
    """All results of a node, each as a node."""
    parts: Any = node.type
    return tuple(component(node, index=i) for i in range(len(parts.parts)))


def accumulate(a: Node, b: Node) -> Node:
    """The sum of two cotangents of one node."""
    if isinstance(a.type, TupleType):
        return pack(*[scalar.add(x, y) for x, y in zip(components(a), components(b), strict=True)])
    return scalar.add(a, b)
