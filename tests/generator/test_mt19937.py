"""The raw stream and its state."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rushlight.generator.mt19937 import BLOCK, Engine

from .twin import Twin


def torch_words(generator: torch.Generator, count: int) -> np.ndarray:
    """PyTorch's next words, their low 31 bits; `random_` of int32 takes one word each."""
    return torch.empty(count, dtype=torch.int32).random_(generator=generator).numpy().view(np.uint32)


@pytest.mark.parametrize("seed", [0, 1, 5489, 2**32 - 1, 2**32, 2**63 + 12345, 2**64 - 1])
def test_stream_of_a_seed(seed: int) -> None:
    twin = Twin(seed)
    assert np.array_equal(twin.engine.random32(3000) & 0x7FFFFFFF, torch_words(twin.torch, 3000))
    twin.check_state()


def test_published_first_output() -> None:
    # The 10000th output of MT19937 seeded with 5489, as the C++ standard gives it.
    assert Engine(5489).random32(10000)[-1] == 4123659995


@given(st.lists(st.integers(0, 3 * BLOCK), min_size=1, max_size=12))
@settings(max_examples=40, deadline=None)
def test_pieces_make_up_the_stream(counts: list[int]) -> None:
    pieces = Engine(7)
    whole = Engine(7).random32(sum(counts))
    assert np.array_equal(np.concatenate([pieces.random32(count) for count in counts]), whole)


@pytest.mark.parametrize("count", [0, 1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 64 * BLOCK, 64 * BLOCK + 5, 100000])
@pytest.mark.parametrize("before", [0, 1, 623, 624])
def test_state_after_counts(count: int, before: int) -> None:
    twin = Twin(3)
    for step in (before, count, 5):
        assert np.array_equal(twin.engine.random32(step) & 0x7FFFFFFF, torch_words(twin.torch, step))
        twin.check_state()


def test_random64_joins_words_high_half_first() -> None:
    words = Engine(4).random32(6).astype(object)
    assert Engine(4).random64(3).tolist() == [
        words[0] << 32 | words[1],
        words[2] << 32 | words[3],
        words[4] << 32 | words[5],
    ]


def test_results_are_the_callers_own() -> None:
    engine = Engine(0)
    engine.random32(5)[:] = 0
    engine.set_state(Engine(0).get_state())
    first = engine.random32(5)
    first[:] = 0
    assert engine.random32(2000).min() < 2**32
    assert np.array_equal(Engine(0).random32(2005)[5:10], Engine(0).random32(10)[5:])


def test_states_go_both_ways() -> None:
    twin = Twin(11)
    twin.check(lambda e: e.uniform32(1000), lambda g: torch.rand(1000, generator=g))
    theirs = torch.Generator()
    theirs.set_state(torch.from_numpy(twin.engine.get_state()))
    ours = Engine(0)
    ours.set_state(twin.torch.get_state().numpy())
    assert ours.initial_seed == theirs.initial_seed() == 11
    assert np.array_equal(ours.uniform32(1000), torch.rand(1000, generator=theirs).numpy())


def test_state_carries_the_waiting_normal() -> None:
    theirs = torch.Generator().manual_seed(2)
    torch.randn(3, generator=theirs)  # leaves the fourth waiting
    ours = Engine(0)
    ours.set_state(theirs.get_state().numpy())
    assert ours.double_normal == torch.randn(1, generator=theirs, dtype=torch.float64).item()
    state = ours.get_state()
    ours.seed(2)
    assert ours.double_normal is None
    ours.set_state(state)
    assert ours.double_normal is not None


def altered(**fields: int) -> np.ndarray:
    engine = Engine(4)
    engine.random32(3)
    state = engine.get_state()
    places = {"left": state[8:12].view("<i4"), "seeded": state[12:16].view("<i4"), "next": state[16:24].view("<u8")}
    for name, value in fields.items():
        places[name][0] = value
    return state


@pytest.mark.parametrize("fields", [{"left": 10}, {"left": 1, "next": 0}, {"left": 5, "next": 620}, {"seeded": 2}])
def test_unusual_states_that_pytorch_accepts(fields: dict[str, int]) -> None:
    twin = Twin()
    twin.engine.set_state(altered(**fields))
    twin.torch.set_state(torch.from_numpy(altered(**fields)))
    twin.check_state()
    for count in (3, 700, 1):
        twin.check(lambda e, n=count: e.uniform32(n), lambda g, n=count: torch.rand(n, generator=g))


@pytest.mark.parametrize("fields", [{"left": 0}, {"left": 625}, {"next": 625}, {"seeded": 0}])
def test_states_that_pytorch_refuses(fields: dict[str, int]) -> None:
    state = altered(**fields)
    Twin().check_error(lambda e: e.set_state(state), lambda g: g.set_state(torch.from_numpy(state)))


def test_state_beyond_the_block_is_refused() -> None:
    with pytest.raises(RuntimeError, match="Invalid mt19937 state"):
        Engine(0).set_state(altered(left=600, next=600))


def test_wrong_state_arrays() -> None:
    for wrong in (np.zeros(10, np.uint8), np.zeros(5056, np.float32)):
        Twin().check_error(lambda e, a=wrong: e.set_state(a), lambda g, a=wrong: g.set_state(torch.from_numpy(a)))


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_seed_out_of_range(seed: int) -> None:
    with pytest.raises(ValueError, match=r"not in \[0, 2\*\*64\)"):
        Engine(seed)
