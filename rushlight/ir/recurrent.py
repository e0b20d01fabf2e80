"""Recurrent layers over a whole sequence as one node: RNN, LSTM, GRU in one direction.

    recurrence(projected, hidden weight, first states…) -> outputs, saved…

`projected` (T, N, G·H) holds the inputs' part of every gate's scores, biases included. The saved parts (gates, cells) are results too, so
that backward needs nothing but this node. Backward through time is written once over an algebra: `Arrays` runs it with NumPy;
`Nodes` appends it as nodes where the gradient is itself to be differentiated.
Gates stand in PyTorch's order: LSTM input, forget, cell, output; GRU reset, update, new.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import expr, scalar
from .component import component, components
from .contract import contract
from .contraction import build, evaluate
from .graph import Node, mode
from .op import NONDIFFERENTIABLE, Cotangents, Op
from .type import TupleType, Type
from .view import concatenate, permute, reshape, slice_

Parts = tuple[Any, ...]


class Arrays:
    """The algebra of NumPy arrays."""

    @staticmethod
    def matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.matmul(a, b)

    @staticmethod
    def transpose(a: np.ndarray) -> np.ndarray:
        return a.T

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

    @staticmethod
    def rows(a: np.ndarray) -> np.ndarray:
        return a.reshape(-1, a.shape[-1])

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
    def transpose(a: Node) -> Node:
        return permute(a, (1, 0))

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

    @staticmethod
    def rows(a: Node) -> Node:
        shape = a.type.shape
        return reshape(a, (shape[0] * shape[1], shape[2]))

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


def _lstm_backward(
    k: Any, given: Parts, saved: Parts, states: Parts, weight: Any, size: int, order: list[int]
) -> Parts:
    """From the cotangents of outputs, cells, gates: those of the projected inputs, the weight, and both first states."""
    outputs, cells, gates = saved
    first_h, first_c = states
    to_h = to_c = None
    scores: dict[int, Any] = {}
    for place in range(len(order) - 1, -1, -1):
        t = order[place]
        i, f, g, o = (k.columns(k.at(gates, t), n * size, (n + 1) * size) for n in range(4))
        before = k.at(cells, order[place - 1]) if place else first_c
        bent = k.tanh(k.at(cells, t))
        dh = k.at(given[0], t) if to_h is None else k.add(k.at(given[0], t), to_h)
        dc = k.add(k.at(given[1], t), k.mul(k.mul(dh, o), k.one_minus(k.mul(bent, bent))))
        dc = dc if to_c is None else k.add(dc, to_c)
        extra = [k.columns(k.at(given[2], t), n * size, (n + 1) * size) for n in range(4)]
        di, df = k.add(k.mul(dc, g), extra[0]), k.add(k.mul(dc, before), extra[1])
        dg, do = k.add(k.mul(dc, i), extra[2]), k.add(k.mul(dh, bent), extra[3])
        parts = [k.mul(d, k.mul(a, k.one_minus(a))) for d, a in ((di, i), (df, f), (do, o))]
        parts.insert(2, k.mul(dg, k.one_minus(k.mul(g, g))))
        scores[t] = k.join(parts)
        to_h, to_c = k.matmul(scores[t], weight), k.mul(dc, f)
    return _finish(k, scores, outputs, first_h, order, (to_h, to_c))


def _finish(k: Any, scores: dict[int, Any], outputs: Any, first: Any, order: list[int], to_states: Parts) -> Parts:
    """The cotangents in the operands' order; the weight's is one product over all steps."""
    before = {t: k.at(outputs, order[place - 1]) if place else first for place, t in enumerate(order)}
    every = k.stack([scores[t] for t in range(len(order))])
    inputs = k.stack([before[t] for t in range(len(order))])
    return every, k.matmul(k.transpose(k.rows(every)), k.rows(inputs)), *to_states


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


def _rnn_backward(
    k: Any, given: Parts, saved: Parts, states: Parts, weight: Any, order: list[int], relu: bool
) -> Parts:
    (outputs,) = saved
    to_h = None
    scores: dict[int, Any] = {}
    for t in reversed(order):
        h = k.at(outputs, t)
        dh = k.at(given[0], t) if to_h is None else k.add(k.at(given[0], t), to_h)
        scores[t] = k.mul(dh, k.positive(h) if relu else k.one_minus(k.mul(h, h)))
        to_h = k.matmul(scores[t], weight)
    return _finish(k, scores, outputs, states[0], order, (to_h,))


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
    outputs, gates, inner_new = saved
    first = states[0]
    to_h = None
    scores: dict[int, Any] = {}
    inner: dict[int, Any] = {}
    for place in range(len(order) - 1, -1, -1):
        t = order[place]
        reset, kept, new = (k.columns(k.at(gates, t), n * size, (n + 1) * size) for n in range(3))
        before = k.at(outputs, order[place - 1]) if place else first
        extra = [k.columns(k.at(given[1], t), n * size, (n + 1) * size) for n in range(3)]
        dh = k.at(given[0], t) if to_h is None else k.add(k.at(given[0], t), to_h)
        d_new = k.mul(k.add(k.mul(dh, k.one_minus(kept)), extra[2]), k.one_minus(k.mul(new, new)))
        d_kept = k.mul(k.add(k.mul(dh, k.sub(before, new)), extra[1]), k.mul(kept, k.one_minus(kept)))
        turn = k.add(k.mul(d_new, k.at(inner_new, t)), extra[0])
        d_reset = k.mul(turn, k.mul(reset, k.one_minus(reset)))
        d_inner = k.add(k.mul(d_new, reset), k.at(given[2], t))
        scores[t] = k.join([d_reset, d_kept, d_new])
        inner[t] = k.join([d_reset, d_kept, d_inner])
        to_h = k.add(k.matmul(inner[t], weight), k.mul(dh, kept))
    every, to_weight, to_first = _finish(k, inner, outputs, first, order, (to_h,))
    return k.stack([scores[t] for t in range(len(order))]), to_weight, to_first, every


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
    k: Any, given: Parts, saved: Parts, states: Parts, weight: Any, size: int, length: int, kind: str, reverse: bool
) -> Parts:
    order = list(_order(length, reverse))
    if kind == "LSTM":
        return _lstm_backward(k, given, saved, states, weight, size, order)
    if kind == "GRU":
        return _gru_backward(k, given, saved, states, weight, size, order)
    return _rnn_backward(k, given, saved, states, weight, order, kind == "RNN_RELU")


def _vjp(node: Node, g: Node) -> Cotangents:
    projected, weight, *states = node.operands
    kind, reverse = node.attributes["kind"], node.attributes["reverse"]
    if not mode.tracking:
        return components(recurrence_back(g, node, weight, *states, kind=kind, reverse=reverse))
    length, size = projected.type.shape[0], weight.type.shape[1]
    parts = _backward(Nodes, components(g), components(node), tuple(states), weight, size, length, kind, reverse)
    if kind == "GRU":  # the hidden bias is added in every step
        parts = (*parts[:3], scalar.sum_to(parts[3], states[1].type))
    return parts


def _back_infer(g: TupleType, y: TupleType, weight: Type, *states: Type, kind: str, reverse: bool) -> TupleType:
    outputs = y.parts[0]
    projected = Type.of((*outputs.shape[:2], _GATES[kind] * weight.shape[1]), weight.dtype)
    return TupleType.of(projected, weight, *states)


def _back_eval(
    type: TupleType, g: Parts, y: Parts, weight: np.ndarray, *states: np.ndarray, kind: str, reverse: bool
) -> Parts:
    with np.errstate(all="ignore"):
        parts = _backward(Arrays, g, y, states, weight, weight.shape[1], len(y[0]), kind, reverse)
    if kind == "GRU":
        parts = (*parts[:3], parts[3].sum((0, 1)))
    return parts


recurrence = Op("recurrence", infer=_infer, eval=_eval, vjp=_vjp, anchor="recurrence")
recurrence_back = Op("recurrence_back", infer=_back_infer, eval=_back_eval, vjp=NONDIFFERENTIABLE, anchor="recurrence")


def outputs_of(node: Node) -> Node:
    """(T, N, H) of a recurrence."""
    return component(node, index=0)


def cells_of(node: Node) -> Node:
    """(T, N, H) of an LSTM's cells."""
    return component(node, index=1)
