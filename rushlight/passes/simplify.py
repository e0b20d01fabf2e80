"""Algebra on single values, done as the graph is built: each rule is exact, also for NaN, infinities and zeros of either sign.

A rule gets the graph, the signature and the operands of an op that is about to be added, and gives a value in its place, or None.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..ir.graph import Signature
from ..ir.op import registry
from ..ir.pool import is_routed
from .graph import Graph

Rule = Callable[[Graph, Signature, tuple[int, ...]], int | None]


def simplified(graph: Graph, signature: Signature, operands: tuple[int, ...]) -> int | None:
    """The value that an op simplifies to, if it does."""
    rule = RULES.get(signature.op.name)
    return None if rule is None else rule(graph, signature, operands)


def _is(graph: Graph, value: int, number: float) -> bool:
    """Whether a value is a constant with this number everywhere."""
    signature = graph.signatures[value]
    if signature is not None:
        return signature.op.name == "constant" and signature.attributes["value"] == number
    array = graph.constants.get(value)
    return array is not None and array.size == 1 and array.dtype.kind in "fiu" and bool(np.all(array == number))


def _reshape(graph: Graph, signature: Signature, operands: tuple[int, ...]) -> int | None:
    (x,) = operands
    shape = signature.type.shape
    if graph.types[x].shape == shape:
        return x
    if graph.name(x) == "reshape":
        return graph.op(registry["reshape"], graph.operands[x], shape=shape)
    return None


def _permute(graph: Graph, signature: Signature, operands: tuple[int, ...]) -> int | None:
    (x,) = operands
    order = signature.attributes["order"]
    if order == tuple(range(len(order))):
        return x
    if graph.name(x) == "permute":
        inner = graph.signatures[x].attributes["order"]  # type: ignore[union-attr]
        return graph.op(registry["permute"], graph.operands[x], order=tuple(inner[place] for place in order))
    return None


def _expand(graph: Graph, signature: Signature, operands: tuple[int, ...]) -> int | None:
    return operands[0] if graph.types[operands[0]].shape == signature.type.shape else None


def _slice(graph: Graph, signature: Signature, operands: tuple[int, ...]) -> int | None:
    """A piece of a concatenation that lies in one part is a piece of that part."""
    (x,) = operands
    start, stop, step = (signature.attributes[name] for name in ("start", "stop", "step"))
    if graph.types[x].shape == signature.type.shape:
        return x
    if graph.name(x) != "concatenate":
        return None
    axis, begin = graph.signatures[x].attributes["axis"], 0  # type: ignore[union-attr]
    for part in graph.operands[x]:
        end = begin + graph.types[part].shape[axis]
        if begin <= start[axis] and stop[axis] <= end:
            low = (*start[:axis], start[axis] - begin, *start[axis + 1 :])
            high = (*stop[:axis], stop[axis] - begin, *stop[axis + 1 :])
            return graph.op(registry["slice"], (part,), start=low, stop=high, step=step)
        begin = end
    return None


def _mul(graph: Graph, signature: Signature, operands: tuple[int, ...]) -> int | None:
    for one, other in (operands, operands[::-1]):
        if _is(graph, one, 1) and graph.types[other] is signature.type:
            return other
    return None


def _div(graph: Graph, signature: Signature, operands: tuple[int, ...]) -> int | None:
    """Division by a power of two is exact multiplication."""
    x, y = operands
    if _is(graph, y, 1) and graph.types[x] is signature.type:
        return x
    array = graph.constants.get(y)
    if array is None or array.size != 1 or array.dtype not in (np.float32, np.float64) or not np.isfinite(array).all():
        return None
    mantissa, exponent = np.frexp(array.reshape(())[()])
    if mantissa != 0.5 or abs(int(exponent)) > 100:
        return None
    inverse = np.asarray(1 / array, array.dtype)
    return graph.op(registry["mul"], (x, graph.constant(inverse, graph.types[y])))


def _neg(graph: Graph, signature: Signature, operands: tuple[int, ...]) -> int | None:
    return graph.operands[operands[0]][0] if graph.name(operands[0]) == "neg" else None


def _relu_gradient(graph: Graph, signature: Signature, operands: tuple[int, ...]) -> int | None:
    """The way back through a relu and the maxima of its windows is one op: both choose elements of one cotangent."""
    g, y = operands
    pooled = graph.signatures[g]
    if pooled is None or pooled.op.name != "max_pool_gradient" or graph.operands[g][1] != y:
        return None
    windows = pooled.attributes["windows"]
    if not is_routed(signature.type.shape, windows):
        return None
    return graph.op(pooled.op, graph.operands[g], windows=windows, rectified=True)


RULES: dict[str, Rule] = {
    "reshape": _reshape,
    "permute": _permute,
    "expand": _expand,
    "slice": _slice,
    "mul": _mul,
    "div": _div,
    "neg": _neg,
    "relu_gradient": _relu_gradient,
}
