"""The graph of a seed."""

from __future__ import annotations

import numpy as np

from rushlight.ir import op
from rushlight.ir.graph import Node, trace
from rushlight.ir.type import Type

from . import elementwise, layer_graphs, rows  # noqa: F401  (each puts its proposals in the table)
from .builder import INTEGERS, Builder
from .case import Case


def _failing(b: Builder) -> Node:
    """A node whose evaluation raises: an index out of range, or an integer divided by zero."""
    if b.chance(0.5):
        dtype = b.one(INTEGERS)
        zeros = np.where(b.draw.random(5) < 0.6, 0, 1).astype(dtype.storage)
        zeros[int(b.integer(0, 4))] = 0
        x, y = b.input(Type.of((3, 5), dtype)), b.input(Type.of((5,), dtype), array=zeros)
        return op.registry[b.one("floor_divide truncate_divide rem fmod".split())](x, y)
    x, index = b.input(Type.of((7, 3), b.dtype())), b.integers((4,), 7, 9)
    if b.chance(0.5):
        return op.registry["take"](x, index)
    return op.registry["embedding"](x, index, padding=None, by_frequency=False)


def generate(seed: int) -> Case:
    """A case, the same for a seed every time. The pending trace is given up."""
    with trace.lock:
        b = Builder(seed)
        for _ in range(b.integer(1, 2)):
            b.input(Type.of(b.home, b.dtype()))
        b.grow(int(b.draw.choice((3, 6, 10, 16), p=(0.3, 0.35, 0.25, 0.1))))
        raises = None
        live = b.live()
        if b.chance(0.02):
            node = _failing(b)
            b.kept.append(node)
            b.absorb()
            raises = type(b.cause[node.slot]).__name__
            live = (*live, node.slot)
        case = b.case(live, raises)
        trace.reset()
    return case
