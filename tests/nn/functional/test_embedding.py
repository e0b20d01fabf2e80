"""Tables of vectors against PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rushlight

from .oracle import compare, inputs, same_error

PLACES = np.array([[1, 0, 4], [4, 4, 2]])
TABLE = (5, 3)
SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "padding": {"padding_idx": 4},
    "padding from the end": {"padding_idx": -4},
    "frequency": {"scale_grad_by_freq": True},
    "frequency and padding": {"scale_grad_by_freq": True, "padding_idx": 4},
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_embedding(setting: str) -> None:
    def call(F, torch, index, table):  # type: ignore[no-untyped-def]
        return F.embedding(index, table, **SETTINGS[setting])

    compare(call, PLACES, *inputs(TABLE), gradgrad="frequency" not in setting)
    compare(call, np.array(4), *inputs(TABLE), gradgrad=False)
    compare(call, np.zeros((0, 2), np.int64), *inputs(TABLE), gradgrad=False)


def test_many_rows() -> None:
    index = np.random.default_rng(0).integers(0, 50, (20, 30))
    compare(lambda F, torch, index, table: F.embedding(index, table, padding_idx=3), index, *inputs((50, 8)))


def test_torch_embedding() -> None:
    compare(lambda F, torch, index, table: torch.embedding(table, index), PLACES, *inputs(TABLE))
    compare(lambda F, torch, index, table: F.embedding(index.int(), table), PLACES, *inputs(TABLE))


@pytest.mark.parametrize("norm", [2.0, 1.0])
def test_max_norm_changes_the_table(norm: float) -> None:
    def call(F, torch, index, table):  # type: ignore[no-untyped-def]
        table = table.detach().clone()
        return F.embedding(index, table, max_norm=0.8, norm_type=norm), table

    compare(call, PLACES, *inputs(TABLE), gradgrad=False)


BAGS = {
    "rows": (np.array([[1, 0, 4], [4, 4, 2]]), None, {}),
    "offsets": (np.array([1, 0, 4, 4, 2]), [0, 2, 2], {}),
    "last offset": (np.array([1, 0, 4, 4, 2]), [0, 2, 5], {"include_last_offset": True}),
    "padding": (np.array([1, 0, 4, 4, 2]), [0, 2, 3], {"padding_idx": 4}),
}


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("name", BAGS)
def test_bags(name: str, mode: str) -> None:
    index, offsets, settings = BAGS[name]

    def call(F, torch, index, table):  # type: ignore[no-untyped-def]
        starts = None if offsets is None else torch.tensor(offsets)
        return F.embedding_bag(index, table, starts, mode=mode, **settings)

    compare(call, index, *inputs(TABLE), gradgrad=False)


def test_weighted_bags() -> None:
    compare(
        lambda F, torch, index, table, w: F.embedding_bag(index, table, mode="sum", per_sample_weights=w),
        PLACES,
        *inputs(TABLE, (2, 3)),
        gradgrad=False,
    )


def test_one_hot() -> None:
    compare(lambda F, torch, index: F.one_hot(index), PLACES, rounded=False)
    compare(lambda F, torch, index: F.one_hot(index, 7), PLACES, rounded=False)
    compare(lambda F, torch, index: F.one_hot(index, 3), np.zeros((0, 2), np.int64), rounded=False)


def test_errors_come_late_where_values_are_pending() -> None:
    index = rushlight.tensor([3, 4]) + 1
    with pytest.raises(IndexError, match="index out of range in self"):
        rushlight.nn.functional.embedding(index, rushlight.ones(5, 3)).sum().item()


ERRORS = {
    "range": lambda F, torch, table: F.embedding(torch.tensor([5]), table),
    "negative": lambda F, torch, table: F.embedding(torch.tensor([-1]), table),
    "floating": lambda F, torch, table: F.embedding(torch.tensor([1.0]), table),
    "bool": lambda F, torch, table: F.embedding(torch.tensor([True]), table),
    "list": lambda F, torch, table: F.embedding([1], table),
    "padding": lambda F, torch, table: F.embedding(torch.tensor([1]), table, padding_idx=9),
    "table": lambda F, torch, table: F.embedding(torch.tensor([1]), table[0]),
    "bag offsets": lambda F, torch, table: F.embedding_bag(torch.tensor([1, 2]), table, torch.tensor([1])),
    "bag far offsets": lambda F, torch, table: F.embedding_bag(torch.tensor([1, 2]), table, torch.tensor([0, 5])),
    "bag no offsets": lambda F, torch, table: F.embedding_bag(torch.tensor([1, 2]), table),
    "bag axes": lambda F, torch, table: F.embedding_bag(torch.tensor([[[1]]]), table),
    "bag mode": lambda F, torch, table: F.embedding_bag(torch.tensor([[1]]), table, mode="x"),
    "bag weights": lambda F, torch, table: F.embedding_bag(
        torch.tensor([[1]]), table, mode="mean", per_sample_weights=torch.ones(1, 1)
    ),
    "one-hot range": lambda F, torch, table: F.one_hot(torch.tensor([0, 5]), 3),
    "one-hot negative": lambda F, torch, table: F.one_hot(torch.tensor([-1])),
    "one-hot floating": lambda F, torch, table: F.one_hot(torch.tensor([1.0])),
    "one-hot int32": lambda F, torch, table: F.one_hot(torch.tensor([1]).int()),
    "one-hot empty": lambda F, torch, table: F.one_hot(torch.zeros(0, dtype=torch.int64)),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str) -> None:
    same_error(ERRORS[name], np.ones(TABLE))
