"""The counter of floating-point operations beside PyTorch's."""

from __future__ import annotations

from typing import Any

import pytest
import torch.utils.flop_counter  # noqa: F401 — the programs use it

import rushlight.utils.flop_counter

from ..both import check


def counted(t: Any, module: Any, *shapes: tuple[int, ...]) -> Any:
    """All operations of two training steps, by module."""
    inputs = [t.randn(shape, requires_grad=True) for shape in shapes]
    with t.utils.flop_counter.FlopCounterMode(display=False) as counter:
        for _ in range(2):
            module(*inputs).sum().backward()
    counts = counter.get_flop_counts()
    return counter.get_total_flops(), sorted((place, sum(found.values())) for place, found in counts.items())


MODULES = {
    "layers": lambda nn: (
        nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.Flatten(), nn.Linear(128, 5)),
        (2, 3, 8, 8),
    ),
    "line": lambda nn: (nn.Conv1d(4, 8, 3, bias=False), (2, 4, 9)),
    "transposed": lambda nn: (nn.ConvTranspose2d(3, 4, 3, stride=2), (2, 3, 5, 5)),
    "batches": lambda nn: (nn.Linear(6, 6, bias=False), (4, 5, 6)),
}


@pytest.mark.parametrize("name", MODULES)
def test_counts_are_pytorchs(name: str) -> None:
    check(lambda t: counted(t, *MODULES[name](t.nn)))


def test_nothing_is_counted_afterwards_and_the_table_names_modules() -> None:
    layer = rushlight.nn.Linear(8, 4)
    with rushlight.utils.flop_counter.FlopCounterMode(display=False) as counter:
        layer(rushlight.ones(2, 8))
    layer(rushlight.ones(2, 8))
    assert counter.get_total_flops() == 2 * 2 * 8 * 4
    assert counter.get_table().splitlines()[-1].split() == ["-", "aten.addmm", "128", "100.00%"]


def test_attention_and_recurrence_are_counted() -> None:
    with rushlight.utils.flop_counter.FlopCounterMode(display=False) as counter:
        q = rushlight.randn(2, 4, 16, 8, requires_grad=True)
        rushlight.nn.functional.scaled_dot_product_attention(q, q, q).sum().backward()
        rushlight.nn.LSTM(4, 5)(rushlight.ones(3, 2, 4))
    products = 2 * 2 * 4 * 16 * 16 * 8
    counts = counter.get_flop_counts()["Global"]
    assert counts["aten._scaled_dot_product_attention"] == 2 * products
    assert counts["aten._scaled_dot_product_attention_backward"] == 5 * products
    assert sum(counter.get_flop_counts()["LSTM"].values()) == 2 * 3 * 2 * 20 * (4 + 5)
