"""Every op record against itself: `infer` with `eval`, `at` with `eval`, `vjp` with finite differences, twice, forward mode once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rushlight as torch
from rushlight.ir import expr, op
from rushlight.ir.component import components
from rushlight.ir.graph import input_node
from rushlight.ir.type import TupleType
from rushlight.runtime.executor import value_of
from rushlight.tensor.tensor import node_of, wrap

from .layer_samples import samples
from .op_samples import MULTIPLE, Sample, type_of

NAMES = sorted(set(op.registry) - set(MULTIPLE))


def _evaluated(record: op.Op, sample: Sample) -> Any:
    types = [type_of(x) for x in sample.operands]
    return record.eval(record.infer(*types, **sample.attributes), *sample.operands, **sample.attributes)


@pytest.mark.parametrize("name", NAMES)
def test_every_op_has_a_sample(name: str) -> None:
    assert samples(name)


@pytest.mark.parametrize("name", NAMES)
def test_infer_agrees_with_eval(name: str) -> None:
    record = op.registry[name]
    for sample in samples(name):
        result = record.infer(*[type_of(x) for x in sample.operands], **sample.attributes)
        value = _evaluated(record, sample)
        many = isinstance(result, TupleType)
        for part, type in zip(value if many else [value], result.parts if many else [result], strict=True):
            assert np.asarray(part).shape == type.shape
            assert np.asarray(part).dtype.kind == type.dtype.compute.kind


@pytest.mark.parametrize("name", [name for name in NAMES if op.registry[name].at is not None])
def test_at_agrees_with_eval(name: str) -> None:
    record = op.registry[name]
    for sample in samples(name):
        types = tuple(type_of(x) for x in sample.operands)
        result = record.infer(*types, **sample.attributes)
        by_element = expr.evaluate_at(record, result, types, sample.operands, sample.attributes)
        np.testing.assert_array_equal(by_element, np.asarray(_evaluated(record, sample)))


@pytest.mark.parametrize("name", [name for name in NAMES if op.registry[name].primitives is not None])
def test_primitives_agree_with_eval(name: str) -> None:
    record = op.registry[name]
    assert record.primitives is not None
    for sample in samples(name):
        nodes = record.primitives(*[input_node(x, type_of(x)) for x in sample.operands], **sample.attributes)
        value = _evaluated(record, sample)
        parts, wanted = (nodes, value) if isinstance(nodes, tuple) else ((nodes,), (value,))
        for part, array in zip(parts, wanted, strict=True):
            np.testing.assert_allclose(value_of(part), array, rtol=1e-12, atol=1e-12, equal_nan=True)


def _smooth(sample: Sample) -> bool:
    return sample.smooth and all(x.size for x in sample.operands)


def _moves(sample: Sample) -> list[bool]:
    """Which operands a derivative is taken by."""
    fixed = len(sample.operands) - sample.settings
    return [x.dtype.kind in "fc" and place < fixed for place, x in enumerate(sample.operands)]


def _function(record: op.Op, sample: Sample) -> Any:
    """The op as a function of the tensors of the operands that move."""

    def function(*moving: torch.Tensor) -> Any:
        remaining = iter(moving)
        nodes = [
            node_of(next(remaining)) if move else input_node(x, type_of(x))
            for x, move in zip(sample.operands, _moves(sample), strict=True)
        ]
        result = record(*nodes, **sample.attributes)
        return tuple(map(wrap, components(result))) if isinstance(result.type, TupleType) else wrap(result)

    return function


DIFFERENTIABLE = [name for name in NAMES if op.registry[name].differentiable]


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_vjp_agrees_with_finite_differences_twice(name: str) -> None:
    record = op.registry[name]
    for sample in filter(_smooth, samples(name)):
        function = _function(record, sample)
        inputs = [
            torch.tensor(x, requires_grad=True) for x, move in zip(sample.operands, _moves(sample), strict=True) if move
        ]
        assert torch.autograd.gradcheck(function, inputs)
        if any(part.requires_grad for part in _first(function, inputs)):
            assert torch.autograd.gradgradcheck(function, inputs, rtol=2e-3, atol=1e-4)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_forward_mode_agrees_with_a_difference(name: str) -> None:
    """In one direction of all operands together."""
    draw, eps = np.random.default_rng(0), 1e-6
    for sample in filter(_smooth, samples(name)):
        function = _function(op.registry[name], sample)
        values = [x for x, move in zip(sample.operands, _moves(sample), strict=True) if move]
        ways = [draw.standard_normal(x.shape) * (1 + 1j if x.dtype.kind == "c" else 1) for x in values]
        given = (
            tuple(map(torch.tensor, values)),
            tuple(torch.tensor(way.astype(x.dtype)) for way, x in zip(ways, values, strict=True)),
        )
        _, change = torch.func.jvp(function, *given)
        up, down = (
            function(*[torch.tensor(x + side * eps * w) for x, w in zip(values, ways, strict=True)]) for side in (1, -1)
        )
        several = isinstance(change, tuple)
        for found, high, low in zip(*[each if several else (each,) for each in (change, up, down)], strict=True):
            difference = (np.asarray(high.numpy()) - np.asarray(low.numpy())) / (2 * eps)
            np.testing.assert_allclose(found.numpy(), difference, rtol=1e-4, atol=1e-5)


def _first(function: object, inputs: list[torch.Tensor]) -> list[torch.Tensor]:
    output = function(*inputs)  # type: ignore[operator]
    outputs = output if isinstance(output, tuple) else (output,)
    weights = [torch.ones_like(each, requires_grad=True) for each in outputs]
    found = torch.autograd.grad(outputs, inputs, weights, create_graph=True, allow_unused=True)
    return [g for g in found if g is not None]
