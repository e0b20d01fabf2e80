"""`Generator` against `torch.Generator`."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch

from rushlight.generator import Generator, default_generator


@pytest.mark.parametrize("seed", [0, 1, -1, 2**64 - 1, -(2**63), 67280421310721])
def test_manual_seed(seed: int) -> None:
    ours, theirs = Generator(), torch.Generator()
    assert ours.manual_seed(seed) is ours
    theirs.manual_seed(seed)
    assert ours.initial_seed() == theirs.initial_seed()
    assert np.array_equal(ours.state(), theirs.get_state().numpy())


def test_a_new_one() -> None:
    assert Generator().initial_seed() == torch.Generator().initial_seed()
    assert np.array_equal(Generator().state(), torch.Generator().get_state().numpy())
    assert str(Generator().device) == str(torch.Generator().device)


@pytest.mark.parametrize("seed", [2**64, -(2**63) - 1, "a", 1.5, True, None])
def test_manual_seed_errors(seed: object) -> None:
    with pytest.raises(Exception) as theirs:
        torch.Generator().manual_seed(seed)
    with pytest.raises(Exception) as ours:
        Generator().manual_seed(seed)
    assert (ours.type, str(ours.value)) == (theirs.type, str(theirs.value))


def test_seeding_drops_the_waiting_normal() -> None:
    generator = Generator()
    generator.engine.double_normal = 0.5
    assert generator.manual_seed(3).engine.double_normal is None


def test_seed() -> None:
    generator = Generator()
    chosen = {generator.seed() for _ in range(5)}
    assert len(chosen) == 5 and max(chosen) > 2**32
    assert generator.initial_seed() in chosen


@pytest.mark.parametrize("copied", [copy.deepcopy, copy.copy, lambda g: pickle.loads(pickle.dumps(g))])
def test_copies(copied: object) -> None:
    generator = Generator().manual_seed(4)
    generator.engine.random32(1000)
    generator.engine.double_normal = 0.25
    other = copied(generator)
    assert other.initial_seed() == 4 and other.engine.double_normal == 0.25
    assert np.array_equal(other.engine.random32(10), generator.engine.random32(10))
    generator.engine.random32(1)
    assert not np.array_equal(other.engine.random32(10), generator.engine.random32(10))


def test_state_and_restore() -> None:
    generator = Generator().manual_seed(4)
    state = generator.state()
    before = generator.engine.uniform64(700)
    generator.manual_seed(5)
    generator.restore(state)
    assert generator.initial_seed() == 4
    assert np.array_equal(generator.engine.uniform64(700), before)


@pytest.mark.parametrize("use", [lambda g: g.get_offset(), lambda g: g.set_offset(3)])
def test_no_offset(use: object) -> None:
    for generator in (Generator(), torch.Generator()):
        with pytest.raises(RuntimeError, match="^CPU Generator does not use offset$"):
            use(generator)


def test_the_default_one_differs_between_processes() -> None:
    assert isinstance(default_generator, Generator)
    command = "from rushlight.generator import default_generator as g; print(g.initial_seed())"
    seeds = {subprocess.run([sys.executable, "-c", command], capture_output=True, check=True).stdout for _ in range(2)}
    assert len(seeds) == 2
