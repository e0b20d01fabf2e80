"""Recurrent layers and cells: options, packed sequences, states, errors; programs run with both libraries."""

from __future__ import annotations

import copy
import itertools
import pickle
from typing import Any

import numpy as np
import pytest

import rushlight
from rushlight import config
from rushlight.backend.cpu.build import available
from rushlight.ir.graph import trace

from ..both import array, check, check_warnings

OPTIONS = [
    "",
    "num_layers=2",
    "bidirectional=True",
    "num_layers=2, bidirectional=True, batch_first=True",
    "bias=False",
    "batch_first=True",
    "num_layers=2, dropout=0.5",
]
KINDS = ["RNN", "LSTM", "GRU"]


def _result(t: Any, layer: Any, x: Any, state: Any = None) -> dict[str, Any]:
    output, final = layer(x, state)
    values = output.data if isinstance(output, t.nn.utils.rnn.PackedSequence) else output
    finals = final if isinstance(final, tuple) else (final,)
    (values.square().sum() + sum((each * each.detach().cos()).sum() for each in finals)).backward()
    return {
        "output": values,
        "final": final,
        "gradients": {name: p.grad for name, p in layer.named_parameters()},
        "length": None if values is output else output.batch_sizes,
    }


def _state(t: Any, layer: Any, batch: int | None) -> Any:
    first = layer.num_layers * (2 if layer.bidirectional else 1)
    shape = (first,) if batch is None else (first, batch)
    hidden = t.randn(*shape, layer.proj_size or layer.hidden_size, requires_grad=True)
    return (hidden, t.randn(*shape, layer.hidden_size)) if layer.mode == "LSTM" else hidden


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("form", ["batch", "one", "with state"])
def test_layers(kind: str, options: str, form: str) -> None:
    def program(t: Any) -> Any:
        layer = eval(f"t.nn.{kind}(3, 4, {options})", {"t": t})
        if "dropout" in options:
            layer.eval()
        x = t.randn(5, 3, requires_grad=True) if form == "one" else t.randn(5, 2, 3, requires_grad=True)
        batch = 5 if layer.batch_first else 2
        state = _state(t, layer, batch) if form == "with state" else None
        return {**_result(t, layer, x, state), "x": x.grad}

    check(program, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("options", ["", "num_layers=2, bidirectional=True"])
def test_projection(options: str) -> None:
    def program(t: Any) -> Any:
        layer = eval(f"t.nn.LSTM(3, 4, proj_size=2, {options})", {"t": t})
        return _result(t, layer, t.randn(5, 2, 3), _state(t, layer, 2))

    check(program, rtol=2e-5, atol=2e-6)


def test_relu() -> None:
    check(lambda t: _result(t, t.nn.RNN(3, 4, 1, "relu"), t.randn(5, 2, 3)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", ["", "num_layers=2, bidirectional=True, batch_first=True"])
@pytest.mark.parametrize("lengths", [[4, 2, 1], [2, 4, 4], [1, 1, 1]], ids=str)
@pytest.mark.parametrize("given", [False, True])
def test_packed(kind: str, options: str, lengths: list[int], given: bool) -> None:
    def program(t: Any) -> Any:
        layer = eval(f"t.nn.{kind}(3, 4, {options})", {"t": t})
        sequences = [t.randn(length, 3, requires_grad=True) for length in lengths]
        packed = t.nn.utils.rnn.pack_sequence(sequences, enforce_sorted=False)
        state = _state(t, layer, len(lengths)) if given else None
        return {**_result(t, layer, packed, state), "x": [each.grad for each in sequences]}

    check(program, rtol=2e-5, atol=2e-6)


@pytest.mark.skipif(not available(), reason="kernels cannot be compiled here")
@pytest.mark.parametrize("kind", KINDS)
def test_compiled_packed_sequences_are_those_interpreted(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def result() -> list[Any]:
        rushlight.manual_seed(0)
        layer = getattr(rushlight.nn, kind)(5, 20, num_layers=2, bidirectional=True)
        sequences = [rushlight.randn(length, 5, requires_grad=True) for length in (3, 7, 1, 6)]
        packed = rushlight.nn.utils.rnn.pack_sequence(sequences, enforce_sorted=False)
        found = _result(rushlight, layer, packed)
        return [found["output"], *found["gradients"].values(), *[each.grad for each in sequences]]

    monkeypatch.setattr(config, "TIER", "compile")
    compiled = [array(each) for each in result()]
    monkeypatch.setattr(config, "TIER", "interp")
    for ours, expected in zip(compiled, result(), strict=True):
        np.testing.assert_allclose(ours, array(expected), rtol=2e-5, atol=2e-6)


def test_a_packed_layer_is_few_nodes() -> None:
    layer = rushlight.nn.GRU(4, 5)
    packed = rushlight.nn.utils.rnn.pack_sequence([rushlight.randn(length, 4) for length in (90, 50, 20)])
    layer(packed)[0].data.detach().numpy()
    before = trace.pending
    output = layer(packed)[0].data
    assert trace.pending - before < 40
    assert output.shape == (160, 5)


def test_dropout_falls_between_layers_only_in_training() -> None:
    layer = rushlight.nn.LSTM(3, 4, num_layers=2, dropout=1.0)
    x = rushlight.randn(5, 2, 3)
    expected = layer.eval()(x)[0]
    layer.train()
    dropped = layer(x)[0]
    assert not bool((dropped == expected).all())
    assert bool((layer(x * 3)[0] == dropped).all())  # nothing of the first layer comes through


@pytest.mark.parametrize(
    ("kind", "nonlinearity"), [("RNNCell", "tanh"), ("RNNCell", "relu"), ("LSTMCell", ""), ("GRUCell", "")]
)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("form", ["batch", "one", "with state", "one with state"])
def test_cells(kind: str, nonlinearity: str, bias: bool, form: str) -> None:
    def program(t: Any) -> Any:
        options = {"nonlinearity": nonlinearity} if nonlinearity else {}
        cell = getattr(t.nn, kind)(3, 4, bias=bias, **options)
        batch = () if "one" in form else (2,)
        x = t.randn(*batch, 3, requires_grad=True)
        hidden = t.randn(*batch, 4, requires_grad=True)
        state = None if "with" not in form else (hidden, t.randn(*batch, 4)) if kind == "LSTMCell" else hidden
        result = cell(x, state)
        first = result[0] if isinstance(result, tuple) else result
        first.square().sum().backward()
        names = [each.grad_fn.name() for each in (result if isinstance(result, tuple) else (result,))]
        return result, x.grad, hidden.grad, {n: p.grad for n, p in cell.named_parameters()}, names if batch else None

    check(program)


LAYER_ERRORS = [
    "RNN(3, 4, nonlinearity='x')",
    "RNNBase('X', 3, 4)",
    "LSTM(3, 4, proj_size=5)",
    "LSTM(3, 4, proj_size=-1)",
    "GRU(3, 4, proj_size=2)",
    "RNN(3, 4, proj_size=2)",
    "LSTM(3, 0)",
    "LSTM(3, 4, num_layers=0)",
    "LSTM(3, 4, dropout=2)",
    "LSTM('a', 4)",
    "LSTM(3, 'a')",
    "LSTM(3, 4, bias=3)",
    "LSTM(3, 4)(t.ones(5, 2, 4))",
    "LSTM(3, 4)(t.ones(5))",
    "LSTM(3, 4)(t.ones(1, 1, 1, 1))",
    "LSTM(3, 4)(t.ones(5, 2, 3), (t.ones(1, 2, 5), t.ones(1, 2, 4)))",
    "LSTM(3, 4)(t.ones(5, 2, 3), (t.ones(1, 2, 4), t.ones(1, 3, 4)))",
    "LSTM(3, 4)(t.ones(5, 2, 3), (t.ones(2, 4), t.ones(1, 2, 4)))",
    "LSTM(3, 4)(t.ones(5, 3), (t.ones(1, 2, 4), t.ones(1, 2, 4)))",
    "LSTM(3, 4)(t.ones(5, 2, 3, dtype=t.float64))",
    "LSTM(3, 4)(t.ones(0, 2, 3))",
    "GRU(3, 4)(t.ones(5, 2, 4))",
    "GRU(3, 4)(t.ones(5))",
    "RNN(3, 4)(t.ones(5))",
    "GRU(3, 4)(t.ones(5, 2, 3), t.ones(1, 2, 5))",
    "GRU(3, 4)(t.ones(5, 2, 3), t.ones(2, 4))",
    "GRU(3, 4)(t.ones(5, 3), t.ones(1, 2, 4))",
    "GRU(3, 4)(t.ones(5, 2, 3), t.ones(2, 2, 4))",
    "GRU(3, 4)(t.ones(5, 0, 3))[0].shape == (5, 0, 4)",
    "RNNCell(3, 4)(t.ones(2, 2))",
    "RNNCell(3, 4)(t.ones(2, 2, 3))",
    "RNNCell(3, 4)(t.ones(2, 3), t.ones(2, 5))",
    "RNNCell(3, 4)(t.ones(2, 3), t.ones(3, 4))",
    "RNNCell(3, 4)(t.ones(2, 3), t.ones(2, 4, 1))",
    "GRUCell(3, 4)(t.ones(2, 3), t.ones(4))",
    "LSTMCell(3, 4)(t.ones(2, 3), (t.ones(2, 4, 1), t.ones(2, 4)))",
    "LSTMCell(3, 4)(t.ones(2, 3), (t.ones(2, 5), t.ones(2, 5)))",
    "RNNCell(3, 4, nonlinearity='x')(t.ones(3))",
]


@pytest.mark.parametrize("text", LAYER_ERRORS)
def test_errors(text: str) -> None:
    check(lambda t: eval("t.nn." + text, {"t": t}))


def test_dropout_of_one_layer_warns() -> None:
    check_warnings(lambda t: t.nn.GRU(3, 4, dropout=0.5))


def test_weights_by_list() -> None:
    def program(t: Any) -> Any:
        layer = t.nn.LSTM(3, 4, 2, bidirectional=True, proj_size=2)
        flat = [tuple(w.shape) for w in layer._flat_weights]
        layer.flatten_parameters()
        return flat, [[tuple(w.shape) for w in each] for each in layer.all_weights], layer._flat_weights_names

    check(program)


def test_replaced_weights_are_used() -> None:
    def program(t: Any) -> Any:
        layer = t.nn.GRU(2, 2)
        layer.weight_ih_l0 = t.nn.Parameter(t.zeros(6, 2))
        return layer(t.ones(3, 1, 2))[0]

    check(program)


@pytest.mark.parametrize("kind", KINDS)
def test_copies_work_on(kind: str) -> None:
    layer = getattr(rushlight.nn, kind)(3, 4)
    x = rushlight.randn(5, 2, 3)
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert_alike_ours(twin(x)[0], layer(x)[0])


def assert_alike_ours(one: Any, other: Any) -> None:
    assert bool((one == other).all())


def test_gradients_flow_to_the_first_state() -> None:
    def program(t: Any) -> Any:
        state = t.randn(1, 2, 4, requires_grad=True)
        t.nn.GRU(3, 4)(t.randn(3, 2, 3), state)[1].sum().backward()
        return state.grad

    check(program)


def test_float64() -> None:
    check(lambda t: t.nn.LSTM(3, 4, dtype=t.float64)(t.randn(3, 2, 3, dtype=t.float64)), rtol=1e-12, atol=1e-12)


def test_every_kind_has_the_step_of_its_cell() -> None:
    """A layer over one step is its cell."""
    for kind, mode in itertools.product(KINDS, ["", "relu"]):
        if mode and kind != "RNN":
            continue
        options = {"nonlinearity": mode} if mode else {}
        layer = getattr(rushlight.nn, kind)(3, 4, **options)
        cell = getattr(rushlight.nn, kind + "Cell")(3, 4, **options)
        cell.load_state_dict({name.removesuffix("_l0"): value for name, value in layer.state_dict().items()})
        x = rushlight.randn(2, 3)
        found = cell(x)
        assert_alike_ours(layer(x.unsqueeze(0))[0][0], found[0] if isinstance(found, tuple) else found)
