"""From a trace's key to a graph: composite ops are replaced by their `primitives`, results of several parts by the parts."""

from __future__ import annotations

import functools
from math import prod
from typing import Any

from ..dtype import COMPLEX, bfloat16, bool_, float16, float32, float64
from ..ir.capture import Captured, capture
from ..ir.graph import Node, Signature, signatures
from ..ir.op import Op, registry
from ..ir.scalar import cast
from ..ir.type import TupleType, Type
from .fuse import LEAST_BLOCKS
from .graph import TRANSPARENT, Graph
from .simplify import simplified

LONG_FOLD = (
    1 << 14
)  # elements of one fold from which it is split, so that threads share it and its rounding errors stay small
MOST_TURNS, LEAST_TURNS = 64, 8  # rows that are summed on the side by a kernel that goes through them
FEW_ROWS = 16  # folds of at least so many rows are shared by rows


Layout = list[int | tuple[int, ...]]  # for each live slot its value, or those of its parts


def from_key(key: tuple[int, ...], live: tuple[int, ...]) -> tuple[Graph, Layout]:
    """The graph of a trace, its inputs in the trace's order, and which values the live slots have."""
    graph = Graph(simplified)
    slots, parts = _append(graph, key, None, live)
    layout: Layout = [parts[slot] if slot in parts else slots[slot] for slot in live]
    graph.outputs = [v for one in layout for v in (one if isinstance(one, tuple) else (one,))]
    return graph, layout


@functools.lru_cache(maxsize=4096)
def _primitives(number: int) -> Captured:
    signature = signatures[number]
    primitives, result = signature.op.primitives, signature.type
    assert primitives is not None
    if signature.op.moves or not any(type.dtype in (bfloat16, float16) for type in signature.operands):
        return capture(primitives, signature.operands, signature.attributes)
    kinds = result.parts if isinstance(result, TupleType) else (result,)

    def in_single_precision(*operands: Node, **attributes: Any) -> tuple[Node, ...]:
        """Half precision is rounded once, at the end of the op."""
        found = primitives(*[_single(operand) for operand in operands], **attributes)
        parts = found if isinstance(found, tuple) else (found,)
        return tuple(cast(part, dtype=kind.dtype) for part, kind in zip(parts, kinds, strict=True))

    return capture(in_single_precision, signature.operands, signature.attributes)


def _single(node: Node) -> Node:
    return cast(node, dtype=float32) if node.type.dtype in (bfloat16, float16) else node


def _expandable(signature: Signature) -> bool:
    """Empty operands and complex ones are left to the op's own evaluation."""
    return all(isinstance(t, Type) and t.size and t.dtype.category != COMPLEX for t in signature.operands)


def _append(
    graph: Graph, key: tuple[int, ...], given: dict[int, int] | None, wanted: tuple[int, ...]
) -> tuple[list[int], dict[int, tuple[int, ...]]]:
    """Appends a key's entries; `given` are values for its input slots (None: they are the graph's inputs).

    Returns each slot's value, and the values of slots with several parts.
    """
    entries = _entries(key)
    needed = set(wanted)
    for slot in range(len(entries) - 1, -1, -1):
        if slot in needed:
            needed.update(entries[slot][1])
    parts: dict[int, tuple[int, ...]] = {}  # of slots that hold several results
    slots: list[int] = []
    for slot, (signature, operands, type) in enumerate(entries):
        if given is None:
            graph.source = slot
        if signature is None:
            slots.append(
                graph.input(type) if given is None else given[slot]
            )  # every input, so that they keep their places
        elif slot not in needed:
            slots.append(-1)
        elif signature.op.name == "pack":
            parts[slot] = tuple(slots[operand] for operand in operands)
            slots.append(-1)
        elif (
            signature.op.name in TRANSPARENT and operands[0] in parts
        ):  # a custom function's results, saved for its backward
            parts[slot] = parts[operands[0]]
            slots.append(-1)
        elif signature.op.name == "component" and operands[0] in parts:
            slots.append(parts[operands[0]][signature.attributes["index"]])
        elif signature.op.primitives is not None and _expandable(signature):
            found = _primitives(signature.number)
            bound = {place: slots[operand] for place, operand in zip(found.parameters, operands, strict=True)}
            for place, array in found.constants:
                bound[place] = graph.constant(array, _entries(found.key)[place][2])
            inner, _ = _append(graph, found.key, bound, found.results)
            results = tuple(inner[result] for result in found.results)
            several = isinstance(signature.type, TupleType)
            slots.append(-1 if several else results[0])
            if several:
                parts[slot] = results
        else:
            value = _simple(graph, signature, tuple(slots[operand] for operand in operands))
            slots.append(value)
            if isinstance(signature.type, TupleType):
                count = len(signature.type.parts)
                parts[slot] = tuple(graph.op(registry["component"], (value,), index=i) for i in range(count))
    return slots, parts


def _entries(key: tuple[int, ...]) -> list[tuple[Signature | None, tuple[int, ...], Type]]:
    """(signature, operand slots, type) for each slot; no signature for an input."""
    found: list[tuple[Signature | None, tuple[int, ...], Type]] = []
    place = 0
    while place < len(key):
        number = key[place]
        place += 1
        if number < 0:
            found.append((None, (), Type.by_number[-1 - number]))
            continue
        signature = signatures[number]
        end = place + len(signature.operands)
        found.append((signature, key[place:end], signature.type))
        place = end
    return found


def _simple(graph: Graph, signature: Signature, operands: tuple[int, ...]) -> int:
    if signature.op.name in ("sum", "prod", "max", "min", "any", "all") and signature.type.size:
        return _fold(graph, signature.op, operands[0], signature.attributes["axes"])
    return graph.add(signature, operands)


# How two folds of parts are put together.
_TOGETHER = {"sum": "add", "prod": "mul", "max": "maximum", "min": "minimum", "any": "logical_or", "all": "logical_and"}


def _fold(graph: Graph, op: Op, x: int, axes: tuple[int, ...]) -> int:
    """A fold over axes of extent 1 is a reshape; a long one with few rows becomes two, by shapes alone."""
    shape = graph.types[x].shape
    real = tuple(axis for axis in axes if shape[axis] != 1)
    kept = tuple(extent for axis, extent in enumerate(shape) if axis not in axes)
    if not real and (op.name not in ("any", "all") or graph.types[x].dtype is bool_):
        return graph.op(registry["reshape"], (x,), shape=kept)
    rows, length = prod(kept), prod(shape[axis] for axis in axes)
    if op.name == "sum" and rows >= FEW_ROWS and length and _is_gone_through(graph, x, real):
        return _fold_blocks(graph, op, x, axes, real[-1])
    if rows >= FEW_ROWS or length < LONG_FOLD or 0 in shape:
        return graph.op(op, (x,), axes=axes)
    outer: list[int] = []  # reduced axes that stay rows in the first fold
    while rows * prod(shape[axis] for axis in outer) < FEW_ROWS and len(outer) < len(real) - 1:
        outer.append(real[len(outer)])
    if outer:
        first = tuple(axis for axis in axes if axis not in outer)
        partial = _fold(graph, op, x, first)
        places = tuple(axis - sum(gone < axis for gone in first) for axis in outer)
        return _fold(graph, op, partial, places)
    return _fold_one_axis(graph, op, x, axes, real[0])


def _is_gone_through(graph: Graph, x: int, axes: tuple[int, ...]) -> bool:
    """Whether a sum over the leading axes may be had on the side: rows of this shape are also reduced within."""
    type = graph.types[x]
    real = tuple(axis for axis, extent in enumerate(type.shape) if extent != 1)
    if axes != real[: len(axes)] or axes == real or type.dtype not in (float32, float64):
        return False
    within = real[len(axes) :]

    def reduces_within(signature: Signature | None) -> bool:
        if signature is None or signature.op.name not in _TOGETHER or signature.operands[0].shape != type.shape:
            return False
        return tuple(axis for axis in signature.attributes["axes"] if type.shape[axis] != 1) == within

    return any(reduces_within(signature) for signature in graph.signatures)


def _fold_blocks(graph: Graph, op: Op, x: int, axes: tuple[int, ...], axis: int) -> int:
    """A sum over blocks of rows, then one over the blocks: the first is had on the side where the rows are gone through anyway."""
    shape = graph.types[x].shape
    turns = next(count for count in range(min(MOST_TURNS, shape[axis]), 0, -1) if shape[axis] % count == 0)
    if turns < LEAST_TURNS or prod(shape[a] for a in axes) < LEAST_BLOCKS * turns:
        return graph.op(op, (x,), axes=axes)
    split = (*shape[:axis], shape[axis] // turns, turns, *shape[axis + 1 :])
    partial = graph.op(op, (graph.op(registry["reshape"], (x,), shape=split),), axes=(axis + 1,))
    return graph.op(op, (partial,), axes=axes)


def _fold_one_axis(graph: Graph, op: Op, x: int, axes: tuple[int, ...], axis: int) -> int:
    """Splits one long axis into parts of equal length and what is left over."""
    shape = graph.types[x].shape
    parts = min(256, shape[axis] // 1024)
    length = shape[axis] // parts
    covered = parts * length

    def piece(start: int, stop: int) -> int:
        if (start, stop) == (0, shape[axis]):
            return x
        low, high = [0] * len(shape), list(shape)
        low[axis], high[axis] = start, stop
        return graph.op(registry["slice"], (x,), start=tuple(low), stop=tuple(high), step=(1,) * len(shape))

    split = (*shape[:axis], parts, length, *shape[axis + 1 :])
    reshaped = graph.op(registry["reshape"], (piece(0, covered),), shape=split)
    first = tuple(a + (a >= axis) for a in axes if a != axis) + (axis + 1,)
    partial = graph.op(op, (reshaped,), axes=tuple(sorted(first)))
    where = axis - sum(a < axis for a in axes)
    result = graph.op(op, (partial,), axes=(where,))
    if covered == shape[axis]:
        return result
    rest = graph.op(op, (piece(covered, shape[axis]),), axes=axes)
    return graph.op(registry[_TOGETHER[op.name]], (result, rest))
