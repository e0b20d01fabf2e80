"""Normalization against PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import rushlight

from .oracle import assert_close, compare, inputs, ours, same_error, theirs

AFFINE = {
    "batch 2d": (lambda F, torch, x, *p: F.batch_norm(x, None, None, *p, training=True), (5, 3), (3,)),
    "batch 3d": (lambda F, torch, x, *p: F.batch_norm(x, None, None, *p, training=True), (5, 3, 4), (3,)),
    "batch 4d": (lambda F, torch, x, *p: F.batch_norm(x, None, None, *p, training=True, eps=0.1), (2, 3, 4, 5), (3,)),
    "layer": (lambda F, torch, x, *p: F.layer_norm(x, (6,), *p), (2, 3, 6), (6,)),
    "layer of two axes": (lambda F, torch, x, *p: F.layer_norm(x, [3, 6], *p, eps=0.1), (2, 3, 6), (3, 6)),
    "layer of a row": (lambda F, torch, x, *p: F.layer_norm(x, x.shape, *p), (6,), (6,)),
    "group": (lambda F, torch, x, *p: F.group_norm(x, 2, *p), (2, 4, 3, 5), (4,)),
    "group of rows": (lambda F, torch, x, *p: F.group_norm(x, 3, *p), (4, 6), (6,)),
    "instance": (lambda F, torch, x, *p: F.instance_norm(x, None, None, *p), (2, 3, 4, 5), (3,)),
    "rms": (lambda F, torch, x, *p: F.rms_norm(x, (6,), *p[:1]), (2, 3, 6), (6,)),
    "rms eps": (lambda F, torch, x, *p: F.rms_norm(x, (3, 6), *p[:1], eps=0.1), (2, 3, 6), (3, 6)),
}
COARSE = {"rms": 1e-7}


@pytest.mark.parametrize("parameters", [0, 1, 2])
@pytest.mark.parametrize("name", AFFINE)
def test_affine(name: str, parameters: int) -> None:
    call, shape, own = AFFINE[name]
    label = not name.startswith("instance")
    compare(call, *inputs(shape, *[own] * parameters), label=label, tolerance=COARSE.get(name, 1e-9))


def test_bias_alone() -> None:
    compare(lambda F, torch, x, b: F.layer_norm(x, (6,), bias=b), *inputs((3, 6), (6,)), gradgrad=False)
    compare(
        lambda F, torch, x, b: F.batch_norm(x, None, None, bias=b, training=True), *inputs((4, 3), (3,)), gradgrad=False
    )


def test_large_batches_take_the_same_values() -> None:
    compare(AFFINE["batch 4d"][0], *inputs((8, 3, 16, 16), (3,), (3,)))
    compare(AFFINE["layer"][0], *inputs((4, 50, 6), (6,), (6,)))
    compare(AFFINE["group"][0], *inputs((2, 8, 20, 20), (8,), (8,)))


@pytest.mark.parametrize("name", ["batch_norm", "instance_norm"])
@pytest.mark.parametrize("training", [True, False])
def test_running_moments(name: str, training: bool) -> None:
    flag = "training" if name == "batch_norm" else "use_input_stats"

    def call(F, torch, x, w, b, mean, variance):  # type: ignore[no-untyped-def]
        mean, variance = mean.detach().clone(), variance.detach().abs()
        settings = {flag: training, "momentum": 0.3, "weight": w, "bias": b}
        first = getattr(F, name)(x, mean, variance, **settings)
        second = getattr(F, name)(2 * x, mean, variance, **settings)
        return first, second, mean, variance

    compare(call, *inputs((4, 3, 5), (3,), (3,), (3,), (3,)), label=name == "batch_norm")


def test_running_moments_change_in_place() -> None:
    F = rushlight.nn.functional
    mean, variance = rushlight.zeros(2), rushlight.ones(2)
    result = F.batch_norm(rushlight.tensor([[1.0, 2.0], [3.0, 6.0]]), mean, variance, training=True)
    assert mean.tolist() == pytest.approx([0.2, 0.4])
    assert variance.tolist() == pytest.approx([1.1, 1.7])
    assert mean._version == 1 and not result.requires_grad


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_with_float32_parameters(dtype: str) -> None:
    x, w, b = inputs((4, 3, 5), (3,), (3,))
    results = []
    for F, library, make in ((rushlight.nn.functional, rushlight, ours), (torch.nn.functional, torch, theirs)):
        mean, variance = library.zeros(3), library.ones(3)
        half = make(x, dtype, grad=True)
        weight = make(w, "float32", grad=True)
        out = F.batch_norm(half, mean, variance, weight, make(b, "float32"), training=True)
        out.float().sum().backward()
        results.append((out, mean, variance, half.grad, weight.grad))
    for mine, wanted in zip(*results, strict=True):
        assert_close(mine, wanted, 2e-2, dtype)


OTHERS = {
    "local response": (lambda F, torch, x: F.local_response_norm(x, 3, 0.5, 0.75, 2.0), (2, 7, 4)),
    "local response of images": (lambda F, torch, x: F.local_response_norm(x, 2), (2, 5, 3, 4)),
    "normalize": (lambda F, torch, x: F.normalize(x), (3, 4)),
    "normalize axis": (lambda F, torch, x: F.normalize(x, dim=0, eps=2.5), (3, 4)),
    "normalize p": (lambda F, torch, x: F.normalize(x, p=3, dim=-1), (2, 3, 4)),
    "normalize axes": (lambda F, torch, x: F.normalize(x, dim=(0, 2)), (2, 3, 4)),
    "cosine": (lambda F, torch, x: F.cosine_similarity(x, x.flip(0)), (3, 4)),
    "cosine broadcast": (lambda F, torch, x: F.cosine_similarity(x[:, None], x[None], dim=-1), (3, 4)),
    "pairwise": (lambda F, torch, x: F.pairwise_distance(x, x.flip(0), 2.0), (3, 4)),
    "pairwise p": (lambda F, torch, x: F.pairwise_distance(x, x.flip(1), p=1, keepdim=True), (3, 4)),
    "pairs": (lambda F, torch, x: F.pdist(x), (5, 4)),
    "pairs p": (lambda F, torch, x: torch.pdist(x, 3), (4, 3)),
}
ONCE = {"pairs", "pairs p"}


@pytest.mark.parametrize("name", OTHERS)
def test_others(name: str) -> None:
    call, shape = OTHERS[name]
    compare(call, *inputs(shape), gradgrad=name not in ONCE)


def test_normalize_of_zeros() -> None:
    compare(lambda F, torch, x: F.normalize(x), np.zeros((2, 3)), gradgrad=False)
    compare(lambda F, torch, x: F.cosine_similarity(x, x + 1), np.zeros((2, 3)), gradgrad=False)


X = np.ones((2, 4, 6, 6))
ERRORS = {
    "batch, no running": lambda F, torch, x: F.batch_norm(x, None, None),
    "batch running": lambda F, torch, x: F.batch_norm(x, torch.zeros(3), torch.ones(3)),
    "batch weight": lambda F, torch, x: F.batch_norm(x, torch.zeros(4), torch.ones(4), weight=torch.ones(3)),
    "batch one value": lambda F, torch, x: F.batch_norm(x[:1, :, :1, :1], None, None, training=True),
    "batch vector": lambda F, torch, x: F.batch_norm(x[0, 0, 0], None, None, training=True),
    "batch integers": lambda F, torch, x: F.batch_norm(x.long(), None, None, training=True),
    "batch half of running": lambda F, torch, x: F.batch_norm(x, torch.zeros(4), None, training=True),
    "batch dtypes": lambda F, torch, x: F.batch_norm(x, None, None, torch.ones(4).double(), training=True),
    "batch eps": lambda F, torch, x: F.batch_norm(x, None, None, training=True, eps=0.0),
    "batch negative eps": lambda F, torch, x: F.batch_norm(x, torch.zeros(4), torch.ones(4), eps=-1.0),
    "layer shape": lambda F, torch, x: F.layer_norm(x, (4,)),
    "layer no shape": lambda F, torch, x: F.layer_norm(x, ()),
    "layer weight": lambda F, torch, x: F.layer_norm(x, (6,), torch.ones(4)),
    "layer bias": lambda F, torch, x: F.layer_norm(x, (6,), torch.ones(6), torch.ones(4)),
    "layer int": lambda F, torch, x: F.layer_norm(x, 6),
    "layer integers": lambda F, torch, x: F.layer_norm(x.long(), (6,)),
    "layer many": lambda F, torch, x: F.layer_norm(x[0, 0, 0], (2, 6)),
    "group": lambda F, torch, x: F.group_norm(x, 3),
    "group weight": lambda F, torch, x: F.group_norm(x, 2, torch.ones(3)),
    "group vector": lambda F, torch, x: F.group_norm(x[0, 0, 0], 2),
    "group one value": lambda F, torch, x: F.group_norm(x[:1, :2, 0, 0], 2),
    "instance one value": lambda F, torch, x: F.instance_norm(x[:, :, 0, 0]),
    "instance no running": lambda F, torch, x: F.instance_norm(x, use_input_stats=False),
    "instance running": lambda F, torch, x: F.instance_norm(x, torch.zeros(3), torch.ones(3)),
    "rms shape": lambda F, torch, x: F.rms_norm(x, (4,)),
    "rms weight": lambda F, torch, x: F.rms_norm(x, (6,), torch.ones(4)),
    "local response": lambda F, torch, x: F.local_response_norm(x[0, 0], 2),
    "pairs": lambda F, torch, x: F.pdist(x),
    "pairs p": lambda F, torch, x: F.pdist(x[0, 0], -1),
    "cosine": lambda F, torch, x: F.cosine_similarity(x, torch.ones(5)),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str) -> None:
    same_error(ERRORS[name], X)
