"""A function of nodes as a graph for the passes, and as a plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rushlight.dtype import dtype as ElementType
from rushlight.dtype import float32
from rushlight.ir.capture import capture
from rushlight.ir.graph import Node
from rushlight.ir.type import Type
from rushlight.kernel.buffer import Buffer
from rushlight.passes.expand import from_key
from rushlight.passes.fuse import Fusion
from rushlight.passes.graph import Graph
from rushlight.passes.lower import Lowering
from rushlight.passes.support import native
from rushlight.runtime.compiled import CompiledPlan
from rushlight.runtime.plan import Plan

Build = Callable[..., Node | tuple[Node, ...]]
Shapes = Sequence[tuple[int, ...]]


def key_of(build: Build, shapes: Shapes, dtype: ElementType = float32) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The trace's key and live slots. `build` must use no constants but the five literals."""
    found = capture(build, tuple(Type.of(shape, dtype) for shape in shapes), {})
    assert not found.constants
    return found.key, found.results


def graph_of(build: Build, shapes: Shapes, dtype: ElementType = float32) -> Graph:
    return from_key(*key_of(build, shapes, dtype))[0]


def lowered(build: Build, shapes: Shapes, dtype: ElementType = float32) -> Lowering:
    """Kernels for contiguous inputs."""
    graph = graph_of(build, shapes, dtype)
    buffers = {value: Buffer.of(graph.types[value].dtype, graph.types[value].shape) for value in graph.inputs}
    buffers |= {v: Buffer.of(graph.types[v].dtype, graph.types[v].shape) for v in graph.constants}
    return Lowering(Fusion(graph, native, {v: b.strides for v, b in buffers.items()}), buffers)


def both_tiers(
    build: Build, arrays: Sequence[np.ndarray[Any, Any]], dtype: ElementType = float32
) -> list[tuple[Any, Any]]:
    """(interpreted, compiled) for each result."""
    key, live = key_of(build, [array.shape for array in arrays], dtype)
    compiled = CompiledPlan(key, live, arrays).run(list(arrays))
    assert compiled is not None
    return list(zip(Plan(key, live).run(list(arrays)), compiled, strict=True))
