"""The op records of layers, activations and losses against themselves, as `test_ops` does with the others."""

from __future__ import annotations

from math import prod
from types import ModuleType

import numpy as np
import pytest

import rushlight as torch
from rushlight.ir import (
    activation,
    biased,
    component,
    contract,
    contraction,
    ctc,
    embedding,
    expr,
    index,
    loss,
    normalization,
    op,
    pool,
    reduce,
    scalar,
    view,
)
from rushlight.ir.graph import input_node
from rushlight.tensor.tensor import node_of, wrap

from .op_samples import Sample, type_of

MODULES = (activation, biased, ctc, embedding, loss, normalization, pool)
BASE = (component, contract, index, reduce, scalar, view)
draw = np.random.default_rng(0)


def real(*shape: int) -> np.ndarray:
    return draw.standard_normal(shape)


def apart(*shape: int) -> np.ndarray:
    """Elements all different, and none near another."""
    return draw.permutation(prod(shape)).reshape(shape) / prod(shape) + 0.01


def number(value: float) -> np.ndarray:
    return np.array(value)


SETTINGS = {
    "leaky_relu": (0.2,),
    "hardtanh": (-0.7, 0.9),
    "threshold": (0.2, -1.0),
    "hardshrink": (0.4,),
    "softshrink": (0.4,),
    "softplus": (1.5, 2.0),
    "elu": (0.8, 1.1, 0.9),
    "smooth_l1": (0.7,),
    "huber": (0.7,),
}
PAIRS = ("smooth_l1", "huber", "squared_error", "logits_loss", "divergence", "glu", "prelu")
PLAIN = "relu hardsigmoid hardswish gelu gelu_tanh silu mish log_sigmoid".split()
WINDOWS = ((2, 3, 2, 1, 1, False), (3, 2, 1, 0, 1, False))
CHANNELS = dict(axes=(0, 2), scale_axes=(1,), weighted=True, biased=True, centred=True)
LAST = dict(axes=(1, 2), scale_axes=(1, 2), weighted=True, biased=False, centred=False)
CLASSES = dict(reduction="mean", ignore=1, weighted=True, smoothed=True)


def moments(x: np.ndarray, axes: tuple[int, ...], centred: bool = True) -> np.ndarray:
    return np.stack([x.mean(axes), x.var(axes)]) if centred else np.stack([0 * x.mean(axes), np.square(x).mean(axes)])


def _samples() -> dict[str, list[Sample]]:
    found: dict[str, list[Sample]] = {}
    for name in (*PLAIN, *SETTINGS, *PAIRS):
        settings = [number(value) for value in SETTINGS.get(name, ())]
        operands = [real(3, 4), real(3, 4) if name != "prelu" else real(4)] if name in PAIRS else [real(3, 4)]
        if name == "divergence":
            operands[1] = np.abs(operands[1]) + 0.1
        found[name] = [Sample([*operands, *settings])]
        if f"{name}_gradient" in op.registry and name != "relu":
            found[f"{name}_gradient"] = [Sample([real(3, 4), *operands, *settings])]
    found["relu_gradient"] = [Sample([real(3, 4), real(3, 4)], smooth=False)]
    found["logits_gradient"] = [Sample([real(3, 4), real(3, 4), real(3, 4)])]
    chances = [draw.uniform(0.1, 0.9, (3, 4)) for _ in range(2)]
    found["binary_cross_entropy"] = [Sample(chances)]
    found["binary_cross_entropy_gradient"] = [Sample([real(3, 4), *chances])]
    found["average"] = [Sample([real(3, 4)])]
    return found | _layers() | _classes()


def _layers() -> dict[str, list[Sample]]:
    spec = contraction.convolution((2, 4, 5, 6), (6, 2, 3, 2), (2, 1), ((1, 0), (0, 1)), (1, 1), 2)
    x, image, rows = real(3, 2, 4), apart(2, 4, 5), np.array([[0, 3, 3], [1, 2, 3]])
    pooled = pool.max_pool.eval(pool.max_pool.infer(type_of(image), windows=WINDOWS), image, windows=WINDOWS)
    table = dict(padding=3, by_frequency=False)
    return {
        "affine": [Sample([real(4), real(3, 2), real(4, 2)], dict(spec=contraction.linear((3, 2), (4, 2))))],
        "convolution": [Sample([real(2, 4, 5, 6), real(6, 2, 3, 2), real(6)], dict(spec=spec, groups=2))],
        "embedding": [Sample([real(5, 2), rows], dict(padding=None, by_frequency=False))],
        "embedding_gradient": [Sample([real(2, 3, 2), rows], dict(rows=5, **table))],
        "max_pool": [
            Sample([image], dict(windows=WINDOWS)),
            Sample([image], dict(windows=((3, 1, 1, 0, 1, True),))),
        ],
        "max_pool_gradient": [Sample([real(*pooled.shape), image, pooled], dict(windows=WINDOWS), smooth=False)],
        "max_pool_index": [Sample([image], dict(windows=WINDOWS))],
        "moments": [Sample([x], dict(axes=(0, 2), centred=True)), Sample([x], dict(axes=(1,), centred=False))],
        # Seen by themselves, the moments of these are operands like others: the tensor level tests their derivatives.
        "normalize": [
            Sample([x, moments(x, (0, 2)), number(1e-3), real(2), real(2)], CHANNELS, smooth=False),
            Sample([x, moments(x, (1, 2), False), number(1e-3), real(2, 4)], LAST, smooth=False),
        ],
        "standardize": [
            Sample([x, real(2), draw.uniform(1, 2, 2), number(1e-3), real(2), real(2)], CHANNELS, smooth=False)
        ],
        "running": [Sample([real(2), moments(x, (0, 2)), number(0.1), number(1.2)], dict(part=1))],
        "ctc": [
            Sample(
                [real(6, 2, 4), np.array([[1, 2], [3, 3]]), np.array([6, 5]), np.array([2, 2])],
                dict(blank=0, zero_infinity=False),
                smooth=False,
            )  # as behind a log-softmax
        ],
        "ctc_gradient": [
            Sample(
                [real(2), real(6, 2, 4), np.array([[1, 2], [3, 3]]), np.array([6, 5]), np.array([2, 2])],
                dict(blank=0, zero_infinity=True),
                smooth=False,
            )
        ],
    }


def _classes() -> dict[str, list[Sample]]:
    target, weight = np.array([0, 1, 3, 2]), draw.uniform(0.5, 2, 5)
    rest = [target, weight, number(0.1)]
    plain = dict(reduction="none", ignore=-100, weighted=False, smoothed=False)
    image = np.array([[0, 4], [2, 1]])
    return {
        "nll": [Sample([real(4, 5), *rest], CLASSES, smooth=False), Sample([real(2, 5, 2), image], plain)],
        "nll_gradient": [Sample([real(2, 2), image], dict(shape=(2, 5, 2), **plain))],
        "cross_entropy": [
            Sample([real(2, 5, 2), image], plain),
            Sample([real(4, 5), target], plain | dict(reduction="sum")),
        ],
        "cross_entropy_gradient": [Sample([real(2, 2), real(2, 5, 2), image], plain)],
    }


SAMPLES = _samples()


def records(module: ModuleType) -> set[str]:
    return {record.name for record in vars(module).values() if isinstance(record, op.Op)}


def test_every_op_has_a_sample() -> None:
    several = {"normalize_gradient"}  # its results are a tuple: the tensor level tests it
    base = set().union(*map(records, BASE))
    own = set().union(*map(records, MODULES)) - base
    own |= {f"{name}_gradient" for name in own if f"{name}_gradient" in op.registry}
    assert own - several == set(SAMPLES)


def evaluated(record: op.Op, sample: Sample) -> np.ndarray:
    types = [type_of(x) for x in sample.operands]
    return record.eval(record.infer(*types, **sample.attributes), *sample.operands, **sample.attributes)


@pytest.mark.parametrize("name", SAMPLES)
def test_infer_agrees_with_eval(name: str) -> None:
    record = op.registry[name]
    for sample in SAMPLES[name]:
        before = [x.copy() for x in sample.operands]
        result = record.infer(*[type_of(x) for x in sample.operands], **sample.attributes)
        value = np.asarray(evaluated(record, sample))
        assert value.shape == result.shape
        assert value.dtype == result.dtype.compute
        for x, kept in zip(sample.operands, before, strict=True):
            np.testing.assert_array_equal(x, kept)  # eval writes to no operand


@pytest.mark.parametrize("name", [name for name in SAMPLES if op.registry[name].at is not None])
def test_at_agrees_with_eval(name: str) -> None:
    record = op.registry[name]
    for sample in SAMPLES[name]:
        types = tuple(type_of(x) for x in sample.operands)
        result = record.infer(*types, **sample.attributes)
        by_element = expr.evaluate_at(record, result, types, sample.operands, sample.attributes)
        np.testing.assert_array_equal(by_element, np.asarray(evaluated(record, sample)))


def is_moving(x: np.ndarray) -> bool:
    return x.dtype.kind == "f" and x.ndim > 0  # numbers are settings


@pytest.mark.parametrize("name", [name for name in SAMPLES if op.registry[name].differentiable])
def test_vjp_agrees_with_finite_differences_twice(name: str) -> None:
    record = op.registry[name]
    for sample in SAMPLES[name]:
        if not sample.smooth:
            continue

        def function(*moving: torch.Tensor, sample: Sample = sample) -> torch.Tensor:
            rest = iter(moving)
            nodes = [node_of(next(rest)) if is_moving(x) else input_node(x, type_of(x)) for x in sample.operands]
            return wrap(record(*nodes, **sample.attributes))

        inputs = [torch.tensor(x, requires_grad=True) for x in sample.operands if is_moving(x)]
        assert torch.autograd.gradcheck(function, inputs)
        assert torch.autograd.gradgradcheck(function, inputs, rtol=2e-3, atol=1e-4)
