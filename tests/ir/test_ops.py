"""Every op record against itself: `infer` with `eval`, `at` with `eval`, `vjp` with finite differences, twice."""

from __future__ import annotations

import numpy as np
import pytest

import rushlight as torch
from rushlight.ir import expr, op
from rushlight.ir.graph import input_node
from rushlight.tensor.tensor import node_of, wrap

from .op_samples import MULTIPLE, Sample, samples, type_of

NAMES = sorted(set(op.registry) - set(MULTIPLE))


def _evaluated(record: op.Op, sample: Sample) -> np.ndarray:
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
        value = np.asarray(_evaluated(record, sample))
        assert value.shape == result.shape
        assert value.dtype.kind == result.dtype.compute.kind


@pytest.mark.parametrize("name", [name for name in NAMES if op.registry[name].at is not None])
def test_at_agrees_with_eval(name: str) -> None:
    record = op.registry[name]
    for sample in samples(name):
        types = tuple(type_of(x) for x in sample.operands)
        result = record.infer(*types, **sample.attributes)
        by_element = expr.evaluate_at(record, result, types, sample.operands, sample.attributes)
        np.testing.assert_array_equal(by_element, np.asarray(_evaluated(record, sample)))


def _smooth(sample: Sample) -> bool:
    return sample.smooth and all(x.size for x in sample.operands)


@pytest.mark.parametrize("name", [name for name in NAMES if op.registry[name].differentiable])
def test_vjp_agrees_with_finite_differences_twice(name: str) -> None:
    record = op.registry[name]
    for sample in filter(_smooth, samples(name)):

        def function(*moving: torch.Tensor, sample: Sample = sample) -> torch.Tensor:
            remaining = iter(moving)
            nodes = [
                node_of(next(remaining)) if x.dtype.kind in "fc" else input_node(x, type_of(x)) for x in sample.operands
            ]
            return wrap(record(*nodes, **sample.attributes))

        inputs = [torch.tensor(x, requires_grad=True) for x in sample.operands if x.dtype.kind in "fc"]
        assert torch.autograd.gradcheck(function, inputs)
        if any(part.requires_grad for part in _first(function, inputs)):
            assert torch.autograd.gradgradcheck(function, inputs, rtol=2e-3, atol=1e-4)


def _first(function: object, inputs: list[torch.Tensor]) -> list[torch.Tensor]:
    output = function(*inputs)  # type: ignore[operator]
    weight = torch.ones_like(output, requires_grad=True)
    return [g for g in torch.autograd.grad(output, inputs, weight, create_graph=True, allow_unused=True) if g is not None]
