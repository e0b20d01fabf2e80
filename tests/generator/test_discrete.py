"""Bernoulli, geometric and multinomial draws, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rushlight.dtype import BY_NAME, decode
from rushlight.generator import continuous, discrete

from .twin import COMPLEX, INTEGER, REAL, Twin, both, stored

SIZES = [0, 1, 2, 3, 16, 100, 5001]


@pytest.mark.parametrize("name", [*INTEGER, *REAL, "bool"])
@pytest.mark.parametrize("p", [0.0, 1.0, 0.5, 0.3, 1e-17, 0.999999, 1 / 3])
def test_bernoulli(name: str, p: float) -> None:
    kind, torch_kind = both(name)
    twin = Twin(5)
    for size in SIZES:
        twin.check(
            lambda e, n=size: discrete.bernoulli(e, (n,), kind, p),
            lambda g, n=size: torch.empty(n, dtype=torch_kind).bernoulli_(p, generator=g),
        )


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_bernoulli_is_what_dropout_draws(rate: float) -> None:
    torch.manual_seed(5)
    expected = torch.dropout(torch.ones(1000), rate, True) != 0
    assert np.array_equal(discrete.bernoulli(Twin(5).engine, (1000,), BY_NAME["bool"], 1 - rate), expected.numpy())


@pytest.mark.parametrize("name", [*REAL, "bool"])
def test_one_draw_without_dimensions_is_an_array_too(name: str) -> None:
    kind, engine = BY_NAME[name], Twin(5).engine
    drawn = [discrete.bernoulli(engine, (), kind, 0.5), discrete.bernoulli(engine, (), kind, 0.5, 2.0)]
    if name != "bool":
        drawn.append(continuous.normal_around(engine, (), kind, np.zeros((), np.float32), np.ones((), np.float32)))
    assert all(isinstance(array, np.ndarray) and array.shape == () for array in drawn)


@pytest.mark.parametrize("p_name", REAL)
@pytest.mark.parametrize("name", ["float32", "bfloat16", "int64", "bool"])
def test_bernoulli_by_tensor(name: str, p_name: str) -> None:
    kind, torch_kind = both(name)
    p_kind, torch_p_kind = both(p_name)
    twin = Twin(5)
    cases = [
        ((301,), torch.linspace(0, 1, 301)),
        ((4, 50), torch.rand(50)),
        ((0,), torch.ones(1)),
        ((), torch.tensor(0.5)),
    ]
    for shape, p in cases:
        chances = p.to(torch_p_kind)
        twin.check(
            lambda e, s=shape, c=chances: discrete.bernoulli_from(e, s, kind, decode(stored(c), p_kind), p_kind),
            lambda g, s=shape, c=chances: torch.empty(s, dtype=torch_kind).bernoulli_(c, generator=g),
        )


def test_bernoulli_errors() -> None:
    twin = Twin()
    single, torch_single = both("float32")
    for p in (-0.1, 1.5, float("nan")):
        twin.check_error(
            lambda e, p=p: discrete.bernoulli(e, (3,), single, p),
            lambda g, p=p: torch.empty(3).bernoulli_(p, generator=g),
        )
        chances = torch.tensor([0.5, 0.2, p, 0.1])
        twin.check_error(
            lambda e, c=chances: discrete.bernoulli_from(e, (4,), single, c.numpy(), single),
            lambda g, c=chances: torch.bernoulli(c, generator=g),
        )
    for name in (*COMPLEX, "uint16"):
        kind, torch_kind = both(name)
        twin.check_error(
            lambda e, k=kind: discrete.bernoulli(e, (3,), k, 0.5),
            lambda g, k=torch_kind: torch.empty(3, dtype=k).bernoulli_(0.5, generator=g),
        )
    whole = torch.tensor([0, 1])
    twin.check_error(
        lambda e: discrete.bernoulli_from(e, (2,), single, whole.numpy(), BY_NAME["int64"]),
        lambda g: torch.empty(2).bernoulli_(whole, generator=g),
    )


@pytest.mark.parametrize("name", [*INTEGER, *REAL])
@pytest.mark.parametrize("p", [0.5, 0.01, 1e-5, 1e-9, 0.99])
def test_geometric(name: str, p: float) -> None:
    kind, torch_kind = both(name)
    twin = Twin(5)
    for size in SIZES:
        twin.check(
            lambda e, n=size: discrete.geometric(e, (n,), kind, p),
            lambda g, n=size: torch.empty(n, dtype=torch_kind).geometric_(p, generator=g),
        )


@pytest.mark.parametrize(
    ("name", "p"), [("float32", 0.0), ("float32", 1.0), ("int64", 2.0), ("bool", 0.5), ("complex64", 0.5)]
)
def test_geometric_errors(name: str, p: float) -> None:
    kind, torch_kind = both(name)
    Twin().check_error(
        lambda e: discrete.geometric(e, (3,), kind, p),
        lambda g: torch.empty(3, dtype=torch_kind).geometric_(p, generator=g),
    )


@pytest.mark.parametrize("replacement", [False, True])
@pytest.mark.parametrize("name", REAL)
def test_multinomial(name: str, replacement: bool) -> None:
    kind, torch_kind = both(name)
    weights = torch.Generator().manual_seed(3)
    twin = Twin(5)
    for shape in ((1,), (2,), (5,), (100,), (7, 3), (20, 50), (2000,), (3, 1000), (0, 4)):
        for samples in sorted({1, 2, 3, shape[-1] // 70, shape[-1] // 2, shape[-1]}):
            if samples == 0 or (samples > shape[-1] and not replacement):
                continue
            smooth = torch.rand(shape, generator=weights).to(torch_kind)
            few = torch.randint(1, 5, shape, generator=weights).to(torch_kind)
            for chances in (smooth, few):
                twin.check(
                    lambda e, c=chances, n=samples: discrete.multinomial(e, stored(c), kind, n, replacement),
                    lambda g, c=chances, n=samples: torch.multinomial(c, n, replacement, generator=g),
                )


def test_multinomial_with_too_few_chances_above_zero() -> None:
    kind, _ = both("float32")
    chances = torch.zeros(40)
    chances[7:12] = torch.arange(1.0, 6)
    twin = Twin(5)
    for samples in (3, 5, 6, 20, 40):
        twin.check(
            lambda e, n=samples: discrete.multinomial(e, chances.numpy(), kind, n),
            lambda g, n=samples: torch.multinomial(chances, n, generator=g),
        )


INFINITE, MISSING = float("inf"), float("nan")


@pytest.mark.parametrize(
    ("chances", "samples", "replacement"),
    [
        ([1.0, -1.0], 1, False),
        ([1.0, -1.0], 2, True),
        ([1.0, INFINITE], 2, True),
        ([1.0, INFINITE], 2, False),
        ([1.0, MISSING], 2, True),
        ([1.0, MISSING], 1, False),
        ([0.0, 0.0], 2, True),
        ([0.0, 0.0], 2, False),
        ([[1.0, 1.0], [0.0, 0.0]], 2, False),
        ([[1.0, 1.0], [0.0, 0.0]], 2, True),
        ([1.0, 1.0], 3, False),
        ([1.0, 1.0], 0, True),
        ([], 1, False),
        (1.0, 1, False),
        ([[[1.0]]], 1, False),
    ],
)
def test_multinomial_errors(chances: object, samples: int, replacement: bool) -> None:
    tensor = torch.tensor(chances)
    Twin().check_error(
        lambda e: discrete.multinomial(e, tensor.numpy(), BY_NAME["float32"], samples, replacement),
        lambda g: torch.multinomial(tensor, samples, replacement, generator=g),
    )


@pytest.mark.parametrize("name", ["int64", "bool", "complex64"])
def test_multinomial_of_other_dtypes(name: str) -> None:
    kind, torch_kind = both(name)
    ones = torch.ones(3, dtype=torch_kind)
    Twin().check_error(
        lambda e: discrete.multinomial(e, ones.numpy(), kind, 1), lambda g: torch.multinomial(ones, 1, generator=g)
    )
