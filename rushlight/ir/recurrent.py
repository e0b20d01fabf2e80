"""Recurrent layers over a whole sequence as one node: RNN, LSTM, GRU in one direction.

    recurrence(projected, hidden weight, first states…) -> outputs, saved…

`projected` (T, N, G·H) holds the inputs' part of every gate's scores, biases included. The saved parts (gates, cells) are results too, so
that backward needs nothing but this node. Backward through time is written once over an algebra: `Arrays` runs it with NumPy, as one
node; `Nodes` appends it as nodes where the gradient is itself to be differentiated. The weight's gradient is a contraction over all
steps, outside of either.
Gates stand in PyTorch's order: LSTM input, forget, cell, output; GRU reset, update, new.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import expr, scalar
from .component import component, components, is_literal_zero
from .contract import contract
from .contraction import build, evaluate
from .graph import Node, mode
from .op import NONDIFFERENTIABLE, Cotangents, Op
from .type import TupleType, Type
from .view import concatenate, reshape, slice_

Parts = tuple[Any, ...]


class Arrays:
    """The algebra of NumPy arrays."""

    @staticmethod
    def matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.matmul(a, b)

    @staticmethod
    def at(a: np.ndarray, t: int) -> np.ndarray:
        return a[t]

    @staticmethod
    def columns(a: np.ndarray, start: int, stop: int) -> np.ndarray:
        return a[:, start:stop]

    @staticmethod
    def join(parts: list[Any]) -> np.ndarray:
        return np.concatenate(parts, -1)

    @staticmethod
    def stack(parts: list[Any]) -> np.ndarray:
        return np.stack(parts)

    add: Callable[..., Any] = staticmethod(np.add)
    sub: Callable[..., Any] = staticmethod(np.subtract)
    mul: Callable[..., Any] = staticmethod(np.multiply)

    @staticmethod
    def one_minus(a: np.ndarray) -> np.ndarray:
        return 1 - a

    @staticmethod
    def tanh(a: np.ndarray) -> np.ndarray:
        return _tanh(a)

    @staticmethod
    def positive(a: np.ndarray) -> np.ndarray:
        return (a > 0).astype(a.dtype)


class Nodes:
    """The algebra of graph nodes."""

    @staticmethod
    def matmul(a: Node, b: Node) -> Node:
        return contract(a, b, spec=build.matmul(a.type.shape, b.type.shape))

    @staticmethod
    def at(a: Node, t: int) -> Node:
        shape = a.type.shape
        return reshape(slice_(a, (t, *[0] * (len(shape) - 1)), (t + 1, *shape[1:])), shape[1:])

    @staticmethod
    def columns(a: Node, start: int, stop: int) -> Node:
        return slice_(a, (0, start), (a.type.shape[0], stop))

    @staticmethod
    def join(parts: list[Any]) -> Node:
        return concatenate(tuple(parts), parts[0].type.ndim - 1)

    @staticmethod
    def stack(parts: list[Any]) -> Node:
        return concatenate(tuple(reshape(p, (1, *p.type.shape)) for p in parts), 0)

    add, sub, mul, tanh = scalar.add, scalar.sub, scalar.mul, scalar.tanh

    @staticmethod
    def one_minus(a: Node) -> Node:
        return scalar.sub(scalar.number(1, a.type.dtype), a)

    @staticmethod
    def positive(a: Node) -> Node:
        return scalar.cast(scalar.gt(a, scalar.number(0, a.type.dtype)), dtype=a.type.dtype)


_sigmoid, _tanh = expr.FUNCTIONS["sigmoid"], expr.FUNCTIONS["tanh"]  # as the elementwise ops round them


def _order(length: int, reverse: bool) -> range:
    return range(length - 1, -1, -1) if reverse else range(length)


# ---- LSTM ----


def _lstm_forward(projected: np.ndarray, weight: np.ndarray, states: Parts, reverse: bool) -> Parts:
    h, c = states
    size = h.shape[-1]
    step = build.linear(h.shape, weight.shape)
    outputs = np.empty((*projected.shape[:-1], size), projected.dtype)
    cells, gates = np.empty_like(outputs), np.empty_like(projected)
    for t in _order(len(projected), reverse):
        scores = evaluate(step, h, weight)
        scores += projected[t]
        act = gates[t]
        act[...] = _sigmoid(scores)
        act[:, 2 * size : 3 * size] = _tanh(scores[:, 2 * size : 3 * size])
        c = act[:, size : 2 * size] * c + act[:, :size] * act[:, 2 * size : 3 * size]
        h = act[:, 3 * size :] * _tanh(c)
        outputs[t], cells[t] = h, c
    return outputs, cells, gates


def _at(k: Any, part: Any, t: int) -> Any:
    """One step of a cotangent; None where there is none."""
    return None if part is None else k.at(part, t)


def _gates(k: Any, part: Any, t: int, size: int, count: int) -> list[Any]:
    """One step's gates, each by itself; of a cotangent that there is not, None for each."""
    if part is None:
        return [None] * count
    step = k.at(part, t)
    return [k.columns(step, n * size, (n + 1) * size) for n in range(count)]


def _sum(k: Any, a: Any, b: Any) -> Any:
    """a + b, where None stands for no term."""
    return b if a is None else a if b is None else k.add(a, b)


def _in_order(k: Any, steps: dict[int, Any]) -> Any:
    return k.stack([steps[t] for t in range(len(steps))])


def _lstm_backward(
    k: Any, given: Parts, saved: Parts, states: Parts, weight: Any, size: int, order: list[int]
) -> Parts:
    """From the cotangents of outputs, cells, gates: those of the projected inputs and of both first states."""
    _, cells, gates = saved
    to_h = to_c = None
    scores: dict[int, Any] = {}
    for place in range(len(order) - 1, -1, -1):
        t = order[place]
        i, f, g, o = _gates(k, gates, t, size, 4)
        before = k.at(cells, order[place - 1]) if place else states[1]
        bent = k.tanh(k.at(cells, t))
        dh = _sum(k, k.at(given[0], t), to_h)
        dc = _sum(k, _at(k, given[1], t), k.mul(k.mul(dh, o), k.one_minus(k.mul(bent, bent))))
        dc = _sum(k, dc, to_c)
        extra = _gates(k, given[2], t, size, 4)
        di, df = _sum(k, k.mul(dc, g), extra[0]), _sum(k, k.mul(dc, before), extra[1])
        dg, do = _sum(k, k.mul(dc, i), extra[2]), _sum(k, k.mul(dh, bent), extra[3])
        parts = [k.mul(d, k.mul(a, k.one_minus(a))) for d, a in ((di, i), (df, f), (do, o))]
        parts.insert(2, k.mul(dg, k.one_minus(k.mul(g, g))))
        scores[t] = k.join(parts)
        to_h, to_c = k.matmul(scores[t], weight), k.mul(dc, f)
    return _in_order(k, scores), to_h, to_c


# ---- Elman's network ----


def _rnn_forward(projected: np.ndarray, weight: np.ndarray, states: Parts, reverse: bool, relu: bool) -> Parts:
    (h,) = states
    step = build.linear(h.shape, weight.shape)
    outputs = np.empty_like(projected)
    for t in _order(len(projected), reverse):
        scores = evaluate(step, h, weight)
        scores += projected[t]
        h = np.maximum(scores, 0) if relu else _tanh(scores)
        outputs[t] = h
    return (outputs,)


def _rnn_backward(k: Any, given: Parts, saved: Parts, weight: Any, order: list[int], relu: bool) -> Parts:
    (outputs,) = saved
    to_h = None
    scores: dict[int, Any] = {}
    for t in reversed(order):
        h = k.at(outputs, t)
        dh = _sum(k, k.at(given[0], t), to_h)
        scores[t] = k.mul(dh, k.positive(h) if relu else k.one_minus(k.mul(h, h)))
        to_h = k.matmul(scores[t], weight)
    return _in_order(k, scores), to_h


# ---- GRU: the hidden part of the new gate is multiplied by the reset gate, so the hidden bias is an operand ----


def _gru_forward(projected: np.ndarray, weight: np.ndarray, states: Parts, reverse: bool) -> Parts:
    h, bias = states
    size = h.shape[-1]
    step = build.linear(h.shape, weight.shape)
    outputs = np.empty((*projected.shape[:-1], size), projected.dtype)
    gates, inner_new = np.empty_like(projected), np.empty_like(outputs)
    for t in _order(len(projected), reverse):
        inner = evaluate(step, h, weight)
        inner += bias
        act = gates[t]
        act[:, : 2 * size] = _sigmoid(projected[t, :, : 2 * size] + inner[:, : 2 * size])
        reset, kept = act[:, :size], act[:, size : 2 * size]
        inner_new[t] = inner[:, 2 * size :]
        new = _tanh(projected[t, :, 2 * size :] + reset * inner_new[t])
        act[:, 2 * size :] = new
        h = new + kept * (h - new)
        outputs[t] = h
    return outputs, gates, inner_new


def _gru_backward(k: Any, given: Parts, saved: Parts, states: Parts, weight: Any, size: int, order: list[int]) -> Parts:
    """The cotangents of the projected inputs, of the first state, and of the hidden part of the scores."""
    outputs, gates, inner_new = saved
    to_h = None
    scores: dict[int, Any] = {}
    inner: dict[int, Any] = {}
    for place in range(len(order) - 1, -1, -1):
        t = order[place]
        reset, kept, new = _gates(k, gates, t, size, 3)
        before = k.at(outputs, order[place - 1]) if place else states[0]
        extra = _gates(k, given[1], t, size, 3)
        dh = _sum(k, k.at(given[0], t), to_h)
        d_new = k.mul(_sum(k, k.mul(dh, k.one_minus(kept)), extra[2]), k.one_minus(k.mul(new, new)))
        d_kept = k.mul(_sum(k, k.mul(dh, k.sub(before, new)), extra[1]), k.mul(kept, k.one_minus(kept)))
        turn = _sum(k, k.mul(d_new, k.at(inner_new, t)), extra[0])
        d_reset = k.mul(turn, k.mul(reset, k.one_minus(reset)))
        d_inner = _sum(k, k.mul(d_new, reset), _at(k, given[2], t))
        scores[t] = k.join([d_reset, d_kept, d_new])
        inner[t] = k.join([d_reset, d_kept, d_inner])
        to_h = k.add(k.matmul(inner[t], weight), k.mul(dh, kept))
    return _in_order(k, scores), to_h, _in_order(k, inner)


# ---- the records ----

_GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}


def _infer(projected: Type, weight: Type, *states: Type, kind: str, reverse: bool) -> TupleType:
    size = weight.shape[1]
    outputs = Type.of((*projected.shape[:2], size), projected.dtype)
    extra = {"LSTM": (outputs, projected), "GRU": (projected, outputs)}.get(kind, ())
    return TupleType.of(outputs, *extra)


def _eval(
    type: TupleType, projected: np.ndarray, weight: np.ndarray, *states: np.ndarray, kind: str, reverse: bool
) -> Parts:
    with np.errstate(all="ignore"):
        if kind == "LSTM":
            return _lstm_forward(projected, weight, states, reverse)
        if kind == "GRU":
            return _gru_forward(projected, weight, states, reverse)
        return _rnn_forward(projected, weight, states, reverse, kind == "RNN_RELU")


def _backward(
    k: Any, given: Parts, saved: Parts, states: Parts, weight: Any, length: int, kind: str, reverse: bool
) -> Parts:
    """The results of `recurrence_back`. Of `given`, all but the outputs' cotangent may be None."""
    order, size = list(_order(length, reverse)), states[0].shape[-1] if k is Arrays else states[0].type.shape[-1]
    if kind == "LSTM":
        return _lstm_backward(k, given, saved, states, weight, size, order)
    if kind == "GRU":
        return _gru_backward(k, given, saved, states, weight, size, order)
    return _rnn_backward(k, given, saved, weight, order, kind == "RNN_RELU")


def _vjp(node: Node, g: Node) -> Cotangents:
    projected, weight, *states = node.operands
    kind, reverse = node.attributes["kind"], node.attributes["reverse"]
    saved = components(node)
    outputs, *rest = components(g)
    given = (outputs, *[None if is_literal_zero(part) else part for part in rest])
    if mode.tracking:
        length = projected.type.shape[0]
        parts = _backward(Nodes, given, saved, tuple(states), weight, length, kind, reverse)
    else:
        operands = [*filter(None, given), *saved, weight, *states]
        which = tuple(part is not None for part in given)
        parts = components(recurrence_back(*operands, given=which, kind=kind, reverse=reverse))
    if kind != "GRU":
        return parts[0], _to_weight(parts[0], saved[0], states[0], reverse), *parts[1:]
    scores, to_first, inner = parts
    to_bias = scalar.sum_to(inner, states[1].type)  # the hidden bias is added in every step
    return scores, _to_weight(inner, saved[0], states[0], reverse), to_first, to_bias


def _to_weight(scores: Node, outputs: Node, first: Node, reverse: bool) -> Node:
    """The weight's cotangent: all steps' scores times the states before them, which are the first state and all outputs but the last."""
    length = scores.type.shape[0]
    start = length - 1 if reverse else 0
    found = _outer(_steps(scores, start, start + 1), reshape(first, (1, *first.type.shape)))
    if length == 1:
        return found
    low, high = (0, 1) if reverse else (1, 0)
    return scalar.add(_outer(_steps(scores, low, low + length - 1), _steps(outputs, high, high + length - 1)), found)


def _steps(a: Node, start: int, stop: int) -> Node:
    return slice_(a, (start, 0, 0), (stop, *a.type.shape[1:]))


def _outer(a: Node, b: Node) -> Node:
    """Of (T, N, G) and (T, N, H) the products summed over steps and rows: (G, H)."""
    spec = build.einsum(((0, 1, 2), (0, 1, 3)), (2, 3), (a.type.shape, b.type.shape))
    return contract(a, b, spec=spec)


def _back_infer(*types: Type, given: tuple[bool, ...], kind: str, reverse: bool) -> TupleType:
    """Operands: the cotangents of the parts that are `given`, all parts, the weight, the first states."""
    _, saved, weight, states = _back_operands(types, given)
    outputs = saved[0]
    projected = Type.of((*outputs.shape[:2], _GATES[kind] * weight.shape[1]), weight.dtype)
    return TupleType.of(projected, *states) if kind != "GRU" else TupleType.of(projected, states[0], projected)


def _back_operands(operands: Parts, given: tuple[bool, ...]) -> tuple[Parts, Parts, Any, Parts]:
    """(cotangents, None where none is given; saved parts; weight; first states)."""
    rest = iter(operands)
    cotangents = tuple(next(rest) if has else None for has in given)
    saved = tuple(next(rest) for _ in given)
    return cotangents, saved, next(rest), tuple(rest)


def _back_eval(type: TupleType, *operands: np.ndarray, given: tuple[bool, ...], kind: str, reverse: bool) -> Parts:
    cotangents, saved, weight, states = _back_operands(operands, given)
    with np.errstate(all="ignore"):
        return _backward(Arrays, cotangents, saved, states, weight, len(saved[0]), kind, reverse)


recurrence = Op("recurrence", infer=_infer, eval=_eval, vjp=_vjp, anchor="recurrence")
recurrence_back = Op("recurrence_back", infer=_back_infer, eval=_back_eval, vjp=NONDIFFERENTIABLE, anchor="recurrence")


def outputs_of(node: Node) -> Node:
    """(T, N, H) of a recurrence."""
    return component(node, index=0)


def cells_of(node: Node) -> Node:
    """(T, N, H) of an LSTM's cells."""
    return component(node, index=1)
