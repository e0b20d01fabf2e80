"""Distances and similarities against PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest

import rushlight

from .oracle import compare, inputs, same_error

COSINES = {
    "rows": ({}, ((3, 4), (3, 4))),
    "first axis": ({"dim": 0}, ((3, 4), (3, 4))),
    "last of three": ({"dim": -1}, ((2, 3, 4), (2, 3, 4))),
    "broadcast": ({"dim": 2}, ((3, 1, 4), (1, 5, 4))),
    "fewer axes": ({"dim": 1}, ((2, 3, 4), (3, 4))),
    "vectors": ({"dim": 0}, ((4,), (4,))),
    "numbers": ({"dim": 0}, ((), ())),
    "eps": ({"eps": 5.0}, ((3, 4), (3, 4))),
    "no rows": ({}, ((0, 4), (0, 4))),
    "no columns": ({}, ((3, 0), (3, 0))),
}


@pytest.mark.parametrize("name", COSINES)
def test_cosine_similarity(name: str) -> None:
    settings, shapes = COSINES[name]
    # Of single numbers the second derivative is rounding alone.
    compare(
        lambda F, torch, x, y: F.cosine_similarity(x, y, **settings),
        *inputs(*shapes),
        gradgrad=name not in ("numbers", "eps"),
        rounded="numbers" not in name,
    )


def test_cosine_similarity_of_zeros_and_other_dtypes() -> None:
    compare(lambda F, torch, x, y: F.cosine_similarity(x, y), np.zeros((2, 3)), inputs((2, 3))[0], gradgrad=False)
    compare(
        lambda F, torch, x, y: F.cosine_similarity(x.float(), y), *inputs((2, 3), (2, 3)), tolerance=1e-6, rounded=False
    )
    compare(lambda F, torch, x: torch.cosine_similarity(x, x), *inputs((2, 3)), gradgrad=False)


ORDERS = [0.0, 0.5, 1.0, 2.0, 3.0, float("inf")]


@pytest.mark.parametrize("p", [*ORDERS, float("-inf"), -1.0])
@pytest.mark.parametrize("keepdim", [False, True])
def test_pairwise_distance(p: float, keepdim: bool) -> None:
    compare(
        lambda F, torch, x, y: F.pairwise_distance(x, y, p, keepdim=keepdim),
        *inputs((3, 4), (3, 4)),
        gradgrad=p not in (0.0, float("inf"), float("-inf")),
        rounded=p in (1.0, 2.0, float("inf")),
    )


def test_pairwise_distance_of_other_shapes() -> None:
    for shapes in (((4,), (4,)), ((2, 3, 4), (4,)), ((3, 1, 4), (1, 2, 4)), ((0, 3), (0, 3))):
        compare(lambda F, torch, x, y: F.pairwise_distance(x, y), *inputs(*shapes))
    compare(lambda F, torch, x, y: F.pairwise_distance(x, y, eps=0.3), *inputs((3, 4), (3, 4)))
    compare(lambda F, torch, x: F.pairwise_distance(x, x, eps=0.0), *inputs((3, 4)), gradgrad=False)
    compare(
        lambda F, torch, x, y: F.pairwise_distance(x, y),
        np.arange(6).reshape(2, 3),
        np.ones((2, 3), int),
        rounded=False,
    )


@pytest.mark.parametrize("p", ORDERS)
@pytest.mark.parametrize("rows", [2, 5])
def test_pdist(rows: int, p: float) -> None:
    compare(
        lambda F, torch, x: F.pdist(x, p),
        *inputs((rows, 4)),
        gradgrad=False,  # PyTorch has none
        rounded=False,
    )


@pytest.mark.parametrize("rows", [0, 1])
def test_pdist_without_pairs(rows: int) -> None:  # PyTorch's gradient of it ends the process
    compare(lambda F, torch, x: F.pdist(x.detach()), *inputs((rows, 4)))
    x = rushlight.ones(rows, 4, requires_grad=True)
    rushlight.pdist(x).sum().backward()
    assert x.grad.tolist() == [[0.0] * 4] * rows


def test_pdist_of_equal_rows_has_gradient_zero() -> None:
    x = np.ones((3, 4))
    x[2] = 2
    for p in (1.0, 2.0, 3.0, float("inf")):
        compare(lambda F, torch, x, p=p: F.pdist(x, p), x, gradgrad=False, rounded=False)


ERRORS = {
    "cosine of integers": (lambda F, torch, x: F.cosine_similarity(x.long(), x.long()), (2, 3)),
    "cosine axis": (lambda F, torch, x: F.cosine_similarity(x, x, dim=2), (2, 3)),
    "cosine shapes": (lambda F, torch, x: F.cosine_similarity(x, torch.ones(2, 4)), (2, 3)),
    "cosine of a list": (lambda F, torch, x: F.cosine_similarity([1.0], x), (2, 3)),
    "distance shapes": (lambda F, torch, x: F.pairwise_distance(x, torch.ones(2, 4)), (2, 3)),
    "distance of a list": (lambda F, torch, x: F.pairwise_distance(x, [1.0]), (2, 3)),
    "pairs of three axes": (lambda F, torch, x: F.pdist(x), (2, 3, 4)),
    "pairs of a negative order": (lambda F, torch, x: F.pdist(x, -1.0), (2, 3)),
    "pairs of integers": (lambda F, torch, x: F.pdist(x.long()), (2, 3)),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str) -> None:
    call, shape = ERRORS[name]
    same_error(call, np.ones(shape))
