"""The order of equal elements, as PyTorch's `topk` leaves it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rushlight.generator import selection


def check(values: torch.Tensor, count: int) -> None:
    assert np.array_equal(selection.greatest(values.numpy(), count), torch.topk(values, count).indices.numpy())


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 16, 17, 18, 33, 64, 65, 129, 200, 1000, 3000])
@pytest.mark.parametrize("levels", [1, 2, 3, 10, 1000])
def test_equal_elements(size: int, levels: int) -> None:
    generator = torch.Generator().manual_seed(size)
    values = torch.randint(levels, (size,), generator=generator).float()
    for count in {1, 2, 3, size // 64, size // 65, size // 3, size // 2, size - 1, size}:
        if 0 < count <= size:
            check(values, count)
            check(values.sort().values, count)
            check(values.sort(descending=True).values, count)


def test_nan_comes_first() -> None:
    values = torch.randint(5, (200,), generator=torch.Generator().manual_seed(0)).float()
    values[[3, 90, 150]] = float("nan")
    values[[4, 91]] = float("inf")
    for count in (1, 3, 4, 50, 200):
        check(values, count)


class Adversary:
    """McIlroy's: it settles the order only when asked, so that each partition comes out as uneven as can be."""

    def __init__(self, size: int) -> None:
        self.unsettled = size
        self.places = [size] * size
        self.settled = 0
        self.candidate = 0

    def settle(self, x: int, y: int) -> bool:
        if self.places[x] == self.places[y] == self.unsettled:
            self.places[x if x == self.candidate else y] = self.settled
            self.settled += 1
        if self.places[x] == self.unsettled:
            self.candidate = x
        elif self.places[y] == self.unsettled:
            self.candidate = y
        return self.places[x] < self.places[y]


class Contested:
    """A rank that the adversary is asked about."""

    def __init__(self, adversary: Adversary, index: int) -> None:
        self.adversary, self.index = adversary, index

    def __lt__(self, other: Contested) -> bool:
        return self.adversary.settle(self.index, other.index)


@pytest.mark.parametrize("size", [500, 2000])
@pytest.mark.parametrize(("routine", "part"), [("_select", 0.1), ("_select", 0.5), ("_select", 1.0), ("_sort", 1.0)])
def test_where_partitions_fail_and_heaps_take_over(
    size: int, routine: str, part: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = int(size * part)
    adversary = Adversary(size)
    getattr(selection, routine)([(Contested(adversary, i), i) for i in range(size)], count - 1)
    heaps = []
    plain = selection._heap_select
    monkeypatch.setattr(selection, "_heap_select", lambda *given: (heaps.append(given[1:]), plain(*given)))
    for width in (2, 3, 5, 20):  # several to a value, so that there are equal ones
        check(-torch.tensor([place // width for place in adversary.places]).float(), count)
    check(-torch.tensor(adversary.places).float().clamp(min=1), count)
    assert heaps
