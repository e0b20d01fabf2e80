"""What draws from the generator gives PyTorch's masks and samples, and leaves the stream where PyTorch leaves it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

import rushlight

from .oracle import compare, inputs, same_error


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


DRAWN = {
    "dropout": (lambda F, torch, x: F.dropout(x), (5, 7)),
    "dropout p": (lambda F, torch, x: F.dropout(x, 0.2), (5, 70)),
    "dropout all": (lambda F, torch, x: F.dropout(x, 1.0), (5, 7)),
    "dropout none": (lambda F, torch, x: F.dropout(x * 1, 0.0), (5, 7)),
    "dropout off": (lambda F, torch, x: F.dropout(x * 1, training=False), (5, 7)),
    "dropout in place": (lambda F, torch, x: F.dropout(x * 1, 0.3, inplace=True), (5, 7)),
    "dropout transposed": (lambda F, torch, x: F.dropout(x.t()), (5, 7)),
    "dropout permuted": (lambda F, torch, x: F.dropout(x.permute(2, 0, 1)), (3, 4, 5)),
    "torch.dropout": (lambda F, torch, x: torch.dropout(x, 0.4, True), (5, 7)),
    "torch.dropout_": (lambda F, torch, x: torch.dropout_(x * 1, 0.4, True), (5, 7)),
    "torch.feature_dropout": (lambda F, torch, x: torch.feature_dropout(x, 0.4, True), (5, 7, 2)),
    "dropout1d": (lambda F, torch, x: F.dropout1d(x), (3, 6, 5)),
    "dropout1d unbatched": (lambda F, torch, x: F.dropout1d(x, 0.4), (6, 5)),
    "dropout2d": (lambda F, torch, x: F.dropout2d(x), (3, 6, 2, 5)),
    "dropout2d of three axes": (lambda F, torch, x: F.dropout2d(x), (3, 6, 5)),
    "dropout3d": (lambda F, torch, x: F.dropout3d(x), (3, 6, 2, 3, 2)),
    "dropout3d unbatched": (lambda F, torch, x: F.dropout3d(x, 0.4), (6, 2, 3, 2)),
    "alpha_dropout": (lambda F, torch, x: F.alpha_dropout(x, 0.3, training=True), (5, 7)),
    "alpha_dropout all": (lambda F, torch, x: F.alpha_dropout(x, 1.0, training=True), (5, 7)),
    "feature_alpha_dropout": (lambda F, torch, x: F.feature_alpha_dropout(x, 0.3, training=True), (5, 7, 3)),
    "rrelu": (lambda F, torch, x: F.rrelu(x, 0.1, 0.4, training=True), (5, 7)),
    "rrelu off": (lambda F, torch, x: F.rrelu(x), (5, 7)),
    "gumbel_softmax": (lambda F, torch, x: F.gumbel_softmax(x, 0.7), (5, 7)),
    "gumbel_softmax hard": (lambda F, torch, x: F.gumbel_softmax(x, hard=True, dim=0), (5, 7)),
}
WITHOUT_LABEL = {"dropout none", "dropout off", "dropout1d unbatched", "dropout3d unbatched", "gumbel_softmax hard"}


@pytest.mark.parametrize("name", DRAWN)
def test_drawn(name: str) -> None:
    call, shape = DRAWN[name]
    compare(call, *inputs(shape), seed=4, label=name not in WITHOUT_LABEL, gradgrad="rrelu" not in name)
    left = []
    for F, library in ((rushlight.nn.functional, rushlight), (torch.nn.functional, torch)):
        library.manual_seed(4)
        call(F, library, library.tensor(inputs(shape)[0]))
        left.append(library.randint(0, 1 << 30, (3,)).tolist())
    assert left[0] == left[1]


def test_a_model_draws_the_same_masks_in_each_step() -> None:
    """A seeded loop of dropout, loss, backward gives PyTorch's losses."""
    losses: list[list[float]] = []
    x, w = inputs((16, 8), (4, 8))
    for F, library in ((rushlight.nn.functional, rushlight), (torch.nn.functional, torch)):
        library.manual_seed(1)
        weight: Any = library.tensor(w, requires_grad=True)
        found = []
        for _ in range(3):
            scores = F.linear(F.dropout(library.tensor(x), 0.3), weight)
            loss = F.cross_entropy(scores, library.arange(16) % 4)
            loss.backward()
            with library.no_grad():
                weight -= 0.1 * weight.grad
            weight.grad = None
            found.append(loss.item())
        losses.append(found)
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-12)


X = np.ones((3, 4))
ERRORS = {
    "chance": lambda F, torch, x: F.dropout(x, 1.5),
    "negative": lambda F, torch, x: F.dropout(x, -0.1),
    "integers": lambda F, torch, x: F.dropout(x.long()),
    "list": lambda F, torch, x: F.dropout([1.0]),
    "1d": lambda F, torch, x: F.dropout1d(x[0]),
    "features": lambda F, torch, x: F.dropout2d(x[0]),
    "alpha": lambda F, torch, x: F.alpha_dropout(x, 2.0),
    "rrelu": lambda F, torch, x: F.rrelu(x, 0.4, 0.1),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str) -> None:
    same_error(ERRORS[name], X)
