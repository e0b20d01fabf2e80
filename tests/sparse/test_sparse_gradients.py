"""Gradients of tables of which some rows were read, and the optimizers that take them."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

import rushlight

from ..both import check

READ = (
    "F.embedding(t.tensor([1, 1, 2]), w, sparse=True).sum()",
    "F.embedding(t.tensor([[1, 0], [3, 0]]), w, sparse=True, padding_idx=0).pow(2).sum()",
    "F.embedding_bag(t.tensor([[0, 1], [3, 3]]), w, sparse=True, mode='sum').pow(2).sum()",
    "F.embedding_bag(t.tensor([0, 1, 3]), w, t.tensor([0, 1]), sparse=True, mode='mean').sum()",
    "(F.embedding(t.tensor([1]), w, sparse=True) * F.embedding(t.tensor([2]), w, sparse=True)).sum()",
    "F.embedding(t.tensor([1]), w, sparse=True).sum() + w.sum()",
    "t.nn.functional.embedding(t.tensor([2]), w, sparse=True, scale_grad_by_freq=True).sum()",
    "F.embedding_bag(t.tensor([[0, 1]]), w, sparse=True, mode='max').sum()",
)


def _table(t: Any) -> Any:
    return t.nn.Parameter(t.arange(8.0).reshape(4, 2))


@pytest.mark.parametrize("loss", READ)
def test_the_gradient_has_the_rows_that_were_read(loss: str) -> None:
    def program(t: Any) -> Any:
        w = _table(t)
        eval(loss, {"t": t, "F": t.nn.functional, "w": w}).backward()
        return w.grad.is_sparse, repr(w.grad)

    check(program)


def test_gradients_add_up_and_hooks_see_them() -> None:
    def program(t: Any) -> Any:
        w, seen = _table(t), []
        w.register_hook(lambda g: seen.append(g.layout == t.sparse_coo) or g * 2)
        for rows in ([1, 1], [0, 1]):
            t.nn.functional.embedding(t.tensor(rows), w, sparse=True).sum().backward()
        sparse = w.grad.is_sparse, w.grad.to_dense()
        (w * 3).sum().backward()
        (g,) = t.autograd.grad(t.nn.functional.embedding(t.tensor([3]), w, sparse=True).sum(), w)
        return seen, sparse, w.grad, repr(g)

    check(program)


def test_a_computed_table_gets_a_dense_gradient() -> None:
    w = _table(rushlight)
    rushlight.nn.functional.embedding(rushlight.tensor([1]), w * 2, sparse=True).sum().backward()
    assert not w.grad.is_sparse
    assert w.grad.tolist() == [[0, 0], [2, 2], [0, 0], [0, 0]]


def test_rows_not_read_cost_nothing() -> None:
    """A table of 64 MB is not made a second time: its gradient holds three rows."""
    table = rushlight.from_numpy(np.zeros((250_000, 64), "f4")).requires_grad_()
    for count in range(4):
        table.grad = None
        if count == 2:  # what is loaded and compiled first is not counted
            tracemalloc.start()
        rushlight.nn.functional.embedding(rushlight.tensor([1, 5, 249_999]), table, sparse=True).sum().backward()
        assert table.grad._nnz() == 3
        assert table.grad._values().sum().item() == 192
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


OPTIMIZERS = (
    ("SparseAdam", {"lr": 0.05}),
    ("SparseAdam", {"lr": 0.05, "maximize": True, "betas": (0.8, 0.9)}),
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.5, "nesterov": True}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1}),
)


@pytest.mark.parametrize(("name", "options"), OPTIMIZERS)
def test_optimizers_take_sparse_gradients(name: str, options: dict[str, Any]) -> None:
    def program(t: Any) -> Any:
        words, bags = (
            t.nn.Embedding(20, 4, sparse=True, padding_idx=3),
            t.nn.EmbeddingBag(15, 4, mode="sum", sparse=True),
        )
        optimizer = getattr(t.optim, name)([*words.parameters(), *bags.parameters()], **options)
        losses = []
        for _ in range(6):
            loss = ((words(t.randint(0, 20, (8,))) * bags(t.randint(0, 15, (8, 2)))).sum(1) - 1).pow(2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        state = [each for each in optimizer.state_dict()["state"].values() if name == "SparseAdam"]
        return losses, words.weight.detach(), bags.weight.detach(), state

    check(program, rtol=1e-4, atol=1e-5)


REFUSING = ("Adam", "AdamW", "Adadelta", "Adamax", "NAdam", "RAdam", "RMSprop", "Rprop", "ASGD")


@pytest.mark.parametrize("name", [*REFUSING, "SGD", "Adagrad", "SparseAdam"])
def test_what_optimizers_refuse(name: str) -> None:
    def program(t: Any) -> Any:
        w = _table(t)
        t.nn.functional.embedding(t.tensor([1]), w, sparse=name != "SparseAdam").sum().backward()
        options = {"weight_decay": 0.1} if name in ("SGD", "Adagrad") else {}
        getattr(t.optim, name)([w], **options).step()

    check(program)


@pytest.mark.parametrize("options", [{"lr": -1}, {"eps": 0}, {"betas": (1.2, 0.9)}])
def test_options_of_sparse_adam(options: dict[str, Any]) -> None:
    check(lambda t: t.optim.SparseAdam([_table(t)], **options))


def test_sparse_adam_wants_dense_parameters() -> None:
    check(lambda t: t.optim.SparseAdam([t.nn.Parameter(t.ones(2, 2).to_sparse())]))


def test_compiled_steps_with_sparse_gradients() -> None:
    def losses(compiled: bool) -> list[float]:
        rushlight.manual_seed(0)
        table = rushlight.nn.Embedding(5, 3, sparse=True)
        optimizer = rushlight.optim.SparseAdam(table.parameters(), 0.1)

        def step(rows: Any) -> Any:
            optimizer.zero_grad()
            loss = table(rows).pow(2).sum()
            loss.backward()
            optimizer.step()
            return loss

        run = rushlight.compile(step) if compiled else step
        return [run(rushlight.tensor([k % 5, 1, 1])).item() for k in range(6)]

    assert losses(True) == losses(False)


def test_compiled_functions_of_sparse_tensors() -> None:
    matrix = rushlight.eye(3).to_sparse()
    product = rushlight.compile(lambda a, x: rushlight.sparse.mm(a, x).sum())
    assert [product(matrix * k, rushlight.ones(3, 2)).item() for k in range(4)] == [0, 6, 12, 18]
