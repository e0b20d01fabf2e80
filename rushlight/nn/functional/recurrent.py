"""Recurrent networks: one step of each kind, and whole layers of them over a sequence.

A layer is one matrix product for the inputs of all steps, then one op that goes over time. Packed sequences are put side by side
for it. A layer with a projection, and ReLU over packed sequences, are unrolled here.

Weights of a layer in one direction: (weight_ih, weight_hh, bias_ih, bias_hh, weight_hr), None for what it does not
have. Gates stand in PyTorch's order: input, forget, cell, output for LSTM; reset, update, new for GRU.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ...dtype import int64
from ...ir import scalar
from ...ir.graph import Node, input_node
from ...ir.graph import mode as thread_mode
from ...ir.index import take
from ...ir.recurrent import cells_of, outputs_of, recurrence
from ...ir.type import Type
from ...ir.view import reshape
from ...tensor import Tensor, addmm, cat, mm, sigmoid, stack, tanh
from ...tensor.casting import cast, casting
from ...tensor.tensor import node_of, wrap
from .activation import relu
from .linear import linear
from .operands import named

State = tuple[Tensor, ...]


class Weights(NamedTuple):
    """What one layer in one direction has learnt."""

    ih: Tensor
    hh: Tensor
    bias_ih: Tensor | None = None
    bias_hh: Tensor | None = None
    hr: Tensor | None = None


def _rnn_step(activation: Callable[[Tensor], Tensor]) -> Callable:
    def step(x: Tensor, state: State, weights: Weights, hidden_weight: Tensor) -> State:
        return (activation(addmm(x, state[0], hidden_weight)),)

    return step


def _lstm_step(x: Tensor, state: State, weights: Weights, hidden_weight: Tensor) -> State:
    h, c = state
    scores = addmm(x, h, hidden_weight)
    size = c.shape[1]
    opened = sigmoid(scores)
    into, kept, out = opened[:, :size], opened[:, size : 2 * size], opened[:, 3 * size :]
    c = kept * c + into * tanh(scores[:, 2 * size : 3 * size])
    h = out * tanh(c)
    return (h if weights.hr is None else mm(h, weights.hr.t())), c


def _gru_step(x: Tensor, state: State, weights: Weights, hidden_weight: Tensor) -> State:
    (h,) = state
    size = h.shape[1]
    inner = mm(h, hidden_weight) if weights.bias_hh is None else addmm(weights.bias_hh, h, hidden_weight)
    opened = sigmoid(x[:, : 2 * size] + inner[:, : 2 * size])
    reset, kept = opened[:, :size], opened[:, size:]
    new = tanh(x[:, 2 * size :] + reset * inner[:, 2 * size :])
    return (new + kept * (h - new),)


class Kind(NamedTuple):
    """A kind of recurrent layer: its step, and whether the hidden bias may be added to all inputs beforehand."""

    step: Callable
    bias_beforehand: bool


KINDS = {
    "RNN_TANH": Kind(_rnn_step(tanh), True),
    "RNN_RELU": Kind(_rnn_step(relu), True),
    "LSTM": Kind(_lstm_step, True),
    "GRU": Kind(_gru_step, False),  # its reset gate multiplies the hidden bias
}


def _project(kind: Kind, x: Tensor, weights: Weights) -> Tensor:
    """The inputs' part of the gates' scores."""
    bias = weights.bias_ih
    if kind.bias_beforehand and bias is not None:
        bias = bias + weights.bias_hh
    return linear(x, weights.ih, bias)


def cell(mode: str, x: Tensor, state: State, weights: Weights) -> State:
    """One step: x (N, input_size), state of tensors (N, hidden_size); gives the new state."""
    kind = KINDS[mode]
    return kind.step(_project(kind, x, weights), state, weights, weights.hh.t())


def _steps(projected: Tensor, batch_sizes: Sequence[int]) -> list[Tensor]:
    steps = []
    start = 0
    for size in batch_sizes:
        steps.append(projected[start : start + size])
        start += size
    return steps


def _run_forward(step: Callable, steps: list[Tensor], state: State) -> tuple[list[Tensor], State]:
    """Over time; where the batch shrinks, the states of the sequences that ended are put aside."""
    outputs = []
    ended: list[State] = []
    for x in steps:
        size = x.shape[0]
        if size < state[0].shape[0]:
            ended.append(tuple(s[size:] for s in state))
            state = tuple(s[:size] for s in state)
        state = step(x, state)
        outputs.append(state[0])
    if ended:
        parts = [state, *reversed(ended)]
        state = tuple(cat(list(each), 0) for each in zip(*parts, strict=True))
    return outputs, state


def _run_backward(step: Callable, steps: list[Tensor], first: State) -> tuple[list[Tensor], State]:
    """Against time; where the batch grows, the sequences that come in bring their first states."""
    outputs = []
    size = steps[-1].shape[0]
    state = first if size == first[0].shape[0] else tuple(s[:size] for s in first)
    for x in reversed(steps):
        grown = x.shape[0]
        if grown > size:
            state = tuple(cat([s, f[size:grown]], 0) for s, f in zip(state, first, strict=True))
            size = grown
        state = step(x, state)
        outputs.append(state[0])
    return outputs[::-1], state


def _node(mode: str, projected: Node, state: State, weights: Weights, reverse: bool) -> Node:
    """A layer in one direction over (T, N, ·) as one node of the graph."""
    states = [node_of(each) for each in state]
    if mode == "GRU":
        bias = weights.bias_hh
        size = weights.hh.shape[0]
        states.append(node_of(bias) if bias is not None else scalar.full(0, Type.of((size,), weights.hh.dtype)))
    return recurrence(projected, node_of(weights.hh), *states, kind=mode, reverse=reverse)


def _whole(mode: str, x: Tensor, state: State, weights: Weights, reverse: bool) -> tuple[Tensor, State]:
    """Over sequences of one length."""
    node = _node(mode, node_of(_project(KINDS[mode], x, weights)), state, weights, reverse)
    outputs = named(outputs_of(node), "Stack")
    last = 0 if reverse else -1
    if mode == "LSTM":
        return outputs, (outputs[last], wrap(cells_of(node))[last])
    return outputs, (outputs[last],)


def _turns(lengths: np.ndarray, longest: int, reverse: bool) -> np.ndarray:
    """Which step each sequence comes to in each turn, (T, N): against time its own last one first. One that has ended stays where it is."""
    turn = np.arange(longest)[:, None]
    return np.clip(lengths - 1 - turn, 0, None) if reverse else np.minimum(turn, lengths - 1)


def _rows(table: Node, places: np.ndarray) -> Node:
    """table[places], the places being data."""
    return take(table, input_node(places, Type.of(places.shape, int64)))


def can_lie_side_by_side(mode: str, weights: Sequence[Weights]) -> bool:
    """Whether sequences of different lengths may be computed as if they were of one: what comes after their end is then not read."""
    # ReLU without bound may overflow where a sequence has ended, and 0 times infinity would reach the weight's gradient.
    mixed = mode == "GRU" and thread_mode.autocast is not None  # states in single precision, products in half
    return mode != "RNN_RELU" and not mixed and all([each.hr is None for each in weights])


def _run_side_by_side(
    mode: str,
    x: Tensor,
    places: np.ndarray,
    lengths: np.ndarray,
    states: Sequence[State],
    weights: Sequence[Weights],
    directions: int,
) -> tuple[Tensor, State]:
    """All layers of a recurrent network over sequences side by side, as if they were of one length.

    x: (R, I), of which `places` (T, N) has the row of each step. Gives the outputs (T·N, ·), step by step, and the final state. Where a
    sequence has ended it goes on with its last row; nobody reads what comes of that. Nothing here depends on the lengths but data.
    """
    longest, batch = places.shape
    sequence = np.arange(batch)
    forward, backward = (_turns(lengths, longest, reverse) for reverse in (False, True))
    last = (lengths - 1) * batch + sequence
    finals: list[State] = []
    for layer in range(len(weights) // directions):
        outputs = []
        for direction in range(directions):
            place = layer * directions + direction
            own = weights[place]
            turns = backward if direction else forward
            taken = wrap(_rows(node_of(x), places[turns, sequence]))
            node = _node(mode, node_of(_project(KINDS[mode], taken, own)), states[place], own, False)
            found = [outputs_of(node), cells_of(node)] if mode == "LSTM" else [outputs_of(node)]
            flat = [reshape(each, (longest * batch, each.type.shape[-1])) for each in found]
            finals.append(tuple(wrap(_rows(each, last)) for each in flat))
            outputs.append(wrap(_rows(flat[0], (backward * batch + sequence).reshape(-1)) if direction else flat[0]))
        x = outputs[0] if directions == 1 else cat(outputs, -1)
        places = forward * batch + sequence
    return x, tuple(stack(list(each), 0) for each in zip(*finals, strict=True))


run_side_by_side = casting("run_layers", _run_side_by_side)


def _packed(
    mode: str, x: Tensor, batch_sizes: Sequence[int], state: State, weights: Weights, reverse: bool
) -> tuple[Tensor, State]:
    """One direction over packed sequences: put side by side."""
    sizes = np.array(batch_sizes, np.int64)
    sequence, longest, batch = np.arange(sizes[0]), len(sizes), int(sizes[0])
    lengths = (sizes[:, None] > sequence).sum(0)
    turns = _turns(lengths, longest, reverse)
    rows = (np.cumsum(sizes) - sizes)[turns] + sequence
    node = _node(mode, _rows(node_of(_project(KINDS[mode], x, weights)), rows), state, weights, False)
    found = [outputs_of(node), cells_of(node)] if mode == "LSTM" else [outputs_of(node)]
    flat = [reshape(each, (longest * batch, each.type.shape[-1])) for each in found]
    real = np.arange(longest)[:, None] < lengths
    steps, last = (turns * batch + sequence)[real], (lengths - 1) * batch + sequence
    return named(_rows(flat[0], steps), "Cat"), tuple(wrap(_rows(each, last)) for each in flat)


def _direction(
    mode: str, x: Tensor, batch_sizes: Sequence[int] | None, state: State, weights: Weights, reverse: bool
) -> tuple[Tensor, State]:
    """One layer in one direction; x: (T, N, I), or (rows, I) packed where there are batch sizes."""
    mixed = mode == "GRU" and thread_mode.autocast is not None  # states in single precision, products in half
    if batch_sizes is None and weights.hr is None and x.shape[0] and not mixed:
        return _whole(mode, x, state, weights, reverse)
    if batch_sizes is not None and can_lie_side_by_side(mode, [weights]):
        return _packed(mode, x, batch_sizes, state, weights, reverse)
    kind = KINDS[mode]
    rows = x if batch_sizes is not None else x.reshape(-1, x.shape[-1])
    projected = _project(kind, rows, weights)
    sizes = batch_sizes if batch_sizes is not None else [x.shape[1]] * x.shape[0]
    hidden_weight = weights.hh.t()

    def step(x_t: Tensor, state: State) -> State:
        return kind.step(x_t, state, weights, hidden_weight)

    run = _run_backward if reverse else _run_forward
    outputs, state = run(step, _steps(projected, sizes), state)
    return (stack(outputs, 0) if batch_sizes is None else cat(outputs, 0)), state


@cast
def run_layers(
    mode: str,
    x: Tensor,
    batch_sizes: Sequence[int] | None,
    states: Sequence[State],
    weights: Sequence[Weights],
    directions: int,
    dropout: Callable[[Tensor], Tensor] | None = None,
) -> tuple[Tensor, State]:
    """All layers of a recurrent network.

    mode: a key of `KINDS`. x: (T, N, I), or (rows, I) of a packed sequence with its batch_sizes. states and weights:
    one for each layer and direction, in that order. dropout: applied between layers. Gives the last layer's outputs,
    like x, and the final state, each tensor (layers · directions, N, hidden_size).
    """
    finals: list[State] = []
    layers = len(weights) // directions
    for layer in range(layers):
        outputs = []
        for direction in range(directions):
            place = layer * directions + direction
            out, final = _direction(mode, x, batch_sizes, states[place], weights[place], direction == 1)
            outputs.append(out)
            finals.append(final)
        x = outputs[0] if directions == 1 else cat(outputs, -1)
        if dropout is not None and layer < layers - 1:
            x = dropout(x)
    return x, tuple(stack(list(each), 0) for each in zip(*finals, strict=True))


def rnn_tanh_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """One step of an Elman network with tanh; input (N, I), hx (N, H)."""
    return cell("RNN_TANH", input, (hx,), Weights(w_ih, w_hh, b_ih, b_hh))[0]


def rnn_relu_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """One step of an Elman network with ReLU; input (N, I), hx (N, H)."""
    return cell("RNN_RELU", input, (hx,), Weights(w_ih, w_hh, b_ih, b_hh))[0]


def gru_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """One step of a GRU; input (N, I), hx (N, H)."""
    return cell("GRU", input, (hx,), Weights(w_ih, w_hh, b_ih, b_hh))[0]


def lstm_cell(
    input: Tensor,
    hx: tuple[Tensor, Tensor],
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """One step of an LSTM; input (N, I), hx two of (N, H)."""
    h, c = cell("LSTM", input, tuple(hx), Weights(w_ih, w_hh, b_ih, b_hh))
    return h, c
