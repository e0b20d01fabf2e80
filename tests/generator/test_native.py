"""Long draws by compiled code: the same words, the same state after them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from rushlight.backend.cpu import twister
from rushlight.dtype import float32
from rushlight.generator import native
from rushlight.generator.discrete import bernoulli
from rushlight.generator.mt19937 import Engine


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Begins without compiled code; `use` sets it."""
    monkeypatch.setattr(native._Provider, "load", None)
    yield monkeypatch


def use(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(native._Provider, "load", staticmethod(lambda: twister))


@pytest.mark.parametrize("before", [0, 1, 623, 624, 700])
@pytest.mark.parametrize("count", [native.LONG - 1, native.LONG + 700, 200_003])
def test_words_and_state_are_the_same(plain: pytest.MonkeyPatch, before: int, count: int) -> None:
    one, other = Engine(7), Engine(7)
    one.random32(before), other.random32(before)
    expected = one.random32(count)
    use(plain)
    np.testing.assert_array_equal(other.random32(count), expected)
    np.testing.assert_array_equal(other.get_state(), one.get_state())
    np.testing.assert_array_equal(other.random32(1000), one.random32(1000))


@pytest.mark.parametrize("p", [0.0, 1e-9, 0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("count", [native.LONG, 100_001, (1 << 19) + 5])
def test_chances_are_the_same(plain: pytest.MonkeyPatch, p: float, count: int) -> None:
    one, other = Engine(3), Engine(3)
    expected = bernoulli(one, (count,), float32, p, 1.25)
    use(plain)
    np.testing.assert_array_equal(bernoulli(other, (count,), float32, p, 1.25), expected)
    np.testing.assert_array_equal(other.get_state(), one.get_state())
