"""A recurrence in one node: its unrolled program, PyTorch's layer, gradients by finite differences, twice."""

from __future__ import annotations

from typing import Any

import pytest
import torch as peer

import rushlight as torch
from rushlight.ir.component import components
from rushlight.ir.graph import trace
from rushlight.ir.recurrent import recurrence
from rushlight.tensor.tensor import node_of, wrap

GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}
SIZE = 3


def _operands(kind: str, length: int) -> list[Any]:
    torch.manual_seed(0)
    width = GATES[kind] * SIZE
    shapes = [(length, 2, width), (width, SIZE), (2, SIZE)]
    shapes += {"LSTM": [(2, SIZE)], "GRU": [(width,)]}.get(kind, [])
    return [torch.randn(*shape, dtype=torch.float64).requires_grad_() for shape in shapes]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("kind", GATES)
def test_gradients_twice(kind: str, reverse: bool) -> None:
    def outputs(*operands: Any) -> Any:
        node = recurrence(*map(node_of, operands), kind=kind, reverse=reverse)
        return [wrap(part) for part in components(node)]

    operands = _operands(kind, 3)
    assert torch.autograd.gradcheck(outputs, operands)
    assert torch.autograd.gradgradcheck(outputs, operands)


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_layers_are_pytorchs(kind: str, dtype: str) -> None:
    found = []
    for module in (peer, torch):
        module.manual_seed(0)
        layer = getattr(module.nn, kind)(4, 5, num_layers=2, bidirectional=True).to(getattr(module, dtype))
        x = module.randn(6, 2, 4).to(getattr(module, dtype))
        output = layer(x)[0]
        output.float().square().sum().backward()
        grads = [p.grad.float().tolist() for p in layer.parameters()]
        found.append([output.float().tolist(), *grads])
    tolerance = 0.05 if dtype == "bfloat16" else 1e-5
    for theirs, ours in zip(*found, strict=True):
        peer.testing.assert_close(peer.tensor(ours), peer.tensor(theirs), rtol=tolerance, atol=tolerance)


def test_a_layer_is_few_nodes() -> None:
    layer = torch.nn.LSTM(4, 5)
    x = torch.randn(100, 2, 4)
    layer(x)[0].detach().numpy()
    before = trace.pending
    output = layer(x)[0]
    assert trace.pending - before < 40
    assert output.shape == (100, 2, 5)
