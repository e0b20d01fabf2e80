"""Gamma, Dirichlet, Poisson and binomial draws, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rushlight.generator import Engine, rejection
from rushlight.generator.summation import row_sums

from .twin import COMPLEX, REAL, Twin, both, stored

INFINITE, MISSING = float("inf"), float("nan")
SINGLE_OR_DOUBLE = ("float32", "float64")

ALPHAS = {
    "small and large": lambda: torch.logspace(-3, 4, 2000, dtype=torch.float64),
    "around one": lambda: torch.linspace(0.01, 5, 2000, dtype=torch.float64).reshape(40, 50),
    "odd": lambda: torch.tensor([0.0, -1.0, 1.0, 0.5, MISSING, 2.0, -1e-30]),
    "none": lambda: torch.zeros(0),
    "one": lambda: torch.tensor(1.5),
}


def check_each(kind_name: str, draw: object, draw_torch: object, *parameters: torch.Tensor) -> None:
    """Several times over, beginning with a normal that waits."""
    kind, torch_kind = both(kind_name)
    given = [parameter.to(torch_kind) for parameter in parameters]
    twin = Twin(9)
    torch.randn(1, generator=twin.torch)
    twin.engine.set_state(twin.torch.get_state().numpy())
    for _ in range(3):
        twin.check(lambda e: draw(e, *map(stored, given), kind), lambda g: draw_torch(*given, generator=g))


@pytest.mark.parametrize("name", SINGLE_OR_DOUBLE)
@pytest.mark.parametrize("alpha", ALPHAS)
def test_gamma(name: str, alpha: str) -> None:
    check_each(name, rejection.gamma, torch._standard_gamma, ALPHAS[alpha]())


@pytest.mark.parametrize("name", SINGLE_OR_DOUBLE)
@pytest.mark.parametrize(
    "alpha",
    [
        torch.linspace(0.01, 5, 300).reshape(100, 3),
        torch.ones(10, 100),
        torch.ones(37),
        torch.full((20, 2), 1e-4),
        torch.ones(3, 1),
        torch.ones(0, 3),
    ],
    ids=lambda alpha: str(tuple(alpha.shape)),
)
def test_dirichlet(name: str, alpha: torch.Tensor) -> None:
    check_each(name, rejection.dirichlet, torch._sample_dirichlet, alpha)


@pytest.mark.parametrize("columns", [0, 1, 3, 4, 5, 8, 15, 16, 17, 63, 64, 65, 100, 257, 1024, 5000])
def test_sums_of_rows(columns: int) -> None:
    rows = torch.rand(20, columns, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert np.array_equal(row_sums(rows.numpy()), rows.sum(-1, keepdim=True).numpy())


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize(
    "rates",
    [
        torch.linspace(0, 9.99, 2000),
        torch.linspace(0, 100, 2000).reshape(2, 1000),
        torch.logspace(0, 4, 1000),
        torch.logspace(0, 30, 1000, dtype=torch.float64),
        torch.tensor([INFINITE, 2.0, 3.0]),
        torch.tensor(4.0),
    ],
    ids=["below ten", "hundred", "ten thousand", "huge", "infinite", "one"],
)
def test_poisson(name: str, rates: torch.Tensor) -> None:
    check_each(name, rejection.poisson, torch.poisson, rates)


@pytest.mark.parametrize("name", SINGLE_OR_DOUBLE)
@pytest.mark.parametrize(
    ("count", "prob"),
    [
        (torch.full((1000,), 20.0), torch.linspace(0, 1, 1000)),
        (torch.full((1000,), 200.0), torch.linspace(-0.1, 1.1, 1000)),
        (torch.linspace(-3, 3000, 1000), torch.full((1000,), 0.3)),
        (torch.linspace(0, 1e5, 500).reshape(5, 100), torch.full((5, 100), 0.003)),
        (torch.full((500,), 1e8), torch.linspace(0, 1, 500)),
        (torch.full((5,), INFINITE), torch.linspace(0.1, 0.9, 5)),
        (torch.tensor([5.0, 6.0]), torch.tensor([MISSING, 0.5])),
    ],
    ids=["twenty", "two hundred", "varying", "seldom", "many", "infinite", "missing"],
)
def test_binomial(name: str, count: torch.Tensor, prob: torch.Tensor) -> None:
    check_each(name, rejection.binomial, torch.binomial, count, prob)


def test_binomial_without_end() -> None:
    kind, _ = both("float32")
    with pytest.raises(RuntimeError, match="NaN"):
        rejection.binomial(Engine(0), np.array([MISSING], np.float32), np.array([0.5], np.float32), kind)


@pytest.mark.parametrize("name", ["float16", "bfloat16", "int64", *COMPLEX])
def test_errors_of_dtypes(name: str) -> None:
    kind, torch_kind = both(name)
    ones = torch.ones(2, 3, dtype=torch_kind)
    array = stored(ones)
    twin = Twin()
    twin.check_error(lambda e: rejection.gamma(e, array, kind), lambda g: torch._standard_gamma(ones, generator=g))
    twin.check_error(
        lambda e: rejection.dirichlet(e, array, kind), lambda g: torch._sample_dirichlet(ones, generator=g)
    )
    twin.check_error(
        lambda e: rejection.binomial(e, array, array, kind), lambda g: torch.binomial(ones, ones, generator=g)
    )
    if name not in REAL:
        twin.check_error(lambda e: rejection.poisson(e, array, kind), lambda g: torch.poisson(ones, generator=g))


@pytest.mark.parametrize("rate", [-1.0, MISSING])
def test_poisson_errors(rate: float) -> None:
    kind, _ = both("float32")
    rates = torch.tensor([2.0, 30.0, rate, 5.0])
    Twin().check_error(lambda e: rejection.poisson(e, rates.numpy(), kind), lambda g: torch.poisson(rates, generator=g))
