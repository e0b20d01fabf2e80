"""randint, random_ and randperm, bit for bit."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rushlight.generator import Engine, integers

from .twin import COMPLEX, INTEGER, REAL, UNSIGNED, Twin, both, same_bits

LOW, HIGH = -(2**63), 2**63 - 1
SIZES = [0, 1, 2, 3, 7, 100, 623, 1000, 5001]

pytestmark = pytest.mark.filterwarnings("ignore:.*is out of bounds")  # compared by a test of their own


def check_randint(name: str, low: int, high: int) -> None:
    kind, torch_kind = both(name)
    twin = Twin(6)
    for size in SIZES:
        twin.check(
            lambda e, n=size: integers.randint(e, (n,), kind, low, high),
            lambda g, n=size: torch.randint(low, high, (n,), dtype=torch_kind, generator=g),
        )


@pytest.mark.parametrize("name", [*INTEGER, *REAL, *UNSIGNED, "bool"])
def test_randint_of_every_dtype(name: str) -> None:
    check_randint(name, 0, 2)
    if name != "bool":
        check_randint(name, 3, 120)
        check_randint(name, 9, 10)


@pytest.mark.parametrize("name", ["int64", "float32", "float64", "bfloat16"])
@pytest.mark.parametrize(
    ("low", "high"),
    [(0, 2**28 - 1), (0, 2**28), (-5, 2**40), (LOW, HIGH), (LOW, LOW + 1), (-(2**62), 2**62 + 1), (0, HIGH)],
)
def test_randint_over_wide_ranges(name: str, low: int, high: int) -> None:
    check_randint(name, low, high)


@pytest.mark.parametrize("name", ["int32", *REAL])
@pytest.mark.parametrize(
    ("low", "high"), [(0, 65504), (-60000, 5000), (-3001, -2500), (-70, 65505), (2049, 4097), (100, 3333)]
)
def test_randint_beyond_what_half_types_count(name: str, low: int, high: int) -> None:
    check_randint(name, low, high)


@pytest.mark.parametrize("name", [*INTEGER, *REAL, "bool"])
def test_random(name: str) -> None:
    kind, torch_kind = both(name)
    twin = Twin(4)
    for size in SIZES:
        twin.check(
            lambda e, n=size: integers.random(e, (n,), kind),
            lambda g, n=size: torch.empty(n, dtype=torch_kind).random_(generator=g),
        )


@pytest.mark.parametrize("name", [*INTEGER, *REAL, "uint16", "uint32", "bool"])
@pytest.mark.parametrize("low", [0, 1, 5, -100, LOW])
def test_random_from(name: str, low: int) -> None:
    kind, torch_kind = both(name)
    twin = Twin(4)
    for size in SIZES:
        ours = lambda e, n=size: integers.random_from(e, (n,), kind, low)  # noqa: E731
        theirs = lambda g, n=size: torch.empty(n, dtype=torch_kind).random_(low, None, generator=g)  # noqa: E731
        try:
            theirs(torch.Generator())
        except (RuntimeError, NotImplementedError):
            twin.check_error(ours, theirs)
        else:
            twin.check(ours, theirs)


EDGES = [LOW, -65505, -129, -1, 0, 1, 3, 129, 257, 2049, 2050, 32768, 65520, 2**24 + 1, 2**31, 2**53 + 3, HIGH]


@pytest.mark.parametrize("name", [*INTEGER, *REAL, *UNSIGNED, "bool", *COMPLEX])
def test_ranges_at_the_edges(name: str) -> None:
    """Elements where PyTorch draws, its exception where it raises, over pairs of awkward bounds."""
    kind, torch_kind = both(name)
    compared = refused = 0
    for low in EDGES[:-1]:  # from the last one on, PyTorch never ends for some dtypes
        for high in (*EDGES, None):
            engine, generator = Engine(1), torch.Generator().manual_seed(1)
            outcomes: list[object] = []
            for draw in (
                (
                    lambda lo=low, e=engine: integers.random_from(e, (5,), kind, lo),
                    lambda lo=low, g=generator: torch.empty(5, dtype=torch_kind).random_(lo, None, generator=g),
                )
                if high is None
                else (
                    lambda lo=low, hi=high, e=engine: integers.randint(e, (5,), kind, lo, hi),
                    lambda lo=low, hi=high, g=generator: torch.empty(5, dtype=torch_kind).random_(lo, hi, generator=g),
                )
            ):
                try:
                    outcomes.append(draw())
                except (RuntimeError, NotImplementedError) as error:
                    outcomes.append((type(error), str(error)))
            ours, theirs = outcomes
            if isinstance(theirs, torch.Tensor):
                assert same_bits(ours, theirs), (low, high)
                compared += 1
            else:
                assert ours == theirs, (low, high)
                refused += 1
    assert compared or name in COMPLEX
    assert refused


def test_warnings() -> None:
    for name, bounds in (("float16", (0, 5000)), ("bfloat16", (-300, 400)), ("float32", (-(2**25), 5))):
        kind, torch_kind = both(name)
        said = []
        for draw in (
            lambda k=kind, b=bounds: integers.randint(Engine(0), (3,), k, *b),
            lambda k=torch_kind, b=bounds: torch.randint(*b, (3,), dtype=k),
        ):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                torch.set_warn_always(True)
                draw()
                torch.set_warn_always(False)
            said.append([str(warning.message).partition(" (Triggered")[0] for warning in caught])
        assert said[0] and said[0] == said[1]


@pytest.mark.parametrize("name", [*INTEGER, *REAL])
def test_randperm(name: str) -> None:
    kind, torch_kind = both(name)
    twin = Twin(2)
    for n in (*range(12), 100, 127, 128):
        twin.check(
            lambda e, n=n: integers.randperm(e, n, kind),
            lambda g, n=n: torch.randperm(n, dtype=torch_kind, generator=g),
        )


@pytest.mark.parametrize("n", [1000, 50_000, 300_001])
def test_long_randperm(n: int) -> None:
    kind, _ = both("int64")
    Twin(2).check(lambda e: integers.randperm(e, n), lambda g: torch.randperm(n, generator=g))


@pytest.mark.parametrize(
    ("name", "n"), [("float16", 2049), ("bfloat16", 300), ("uint8", 256), ("int8", 128), ("int16", 32768)]
)
def test_the_longest_randperm_of_a_dtype(name: str, n: int) -> None:
    kind, torch_kind = both(name)
    Twin(2).check(lambda e: integers.randperm(e, n, kind), lambda g: torch.randperm(n, dtype=torch_kind, generator=g))


@pytest.mark.parametrize(
    ("name", "n"),
    [("float16", 2050), ("uint8", 257), ("int8", 129), ("int16", 32769), ("int64", -1), ("bool", 2), ("complex64", 2)],
)
def test_randperm_errors(name: str, n: int) -> None:
    kind, torch_kind = both(name)
    Twin(2).check_error(
        lambda e: integers.randperm(e, n, kind), lambda g: torch.randperm(n, dtype=torch_kind, generator=g)
    )


@given(st.data())
def test_exchanges(data: st.DataObject) -> None:
    n = data.draw(st.integers(0, 30))
    targets = [data.draw(st.integers(i, n - 1)) for i in range(n)]
    places = list(range(n))
    for i, j in enumerate(targets):
        places[i], places[j] = places[j], places[i]
    assert integers._exchanged(np.array(targets, np.int64)).tolist() == places


@given(st.integers(0, 30), st.integers(0, 1000))
def test_the_shuffle_of_very_many(n: int, seed: int) -> None:
    """PyTorch takes it from 214,748,364 elements on, too many for a test; the algorithm was compared with it once."""
    words = Engine(seed).random64(n)
    places: list[int] = []
    for i, word in enumerate(words.tolist()):
        places.append(i)
        j = word % (i + 1)
        places[i], places[j] = places[j], places[i]
    assert integers._inside_out(words).tolist() == places
