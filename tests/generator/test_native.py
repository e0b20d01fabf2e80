"""Long draws by compiled code: the same words, the same state after them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from rushlight.backend.cpu import box_muller, draws
from rushlight.dtype import bfloat16, dtype, float16, float32
from rushlight.generator import native
from rushlight.generator.box_muller import COEFFICIENTS, standard_normals
from rushlight.generator.continuous import normal, uniform
from rushlight.generator.discrete import bernoulli
from rushlight.generator.mt19937 import Engine


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Begins without compiled code; `use` sets it."""
    monkeypatch.setattr(native._Provider, "load", None)
    yield monkeypatch


def use(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(native._Provider, "load", staticmethod(lambda: draws))


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


needs_fma = pytest.mark.skipif(not box_muller.able(), reason="the processor has no multiply-add")


@needs_fma
def test_normals_of_all_uniforms_are_the_same() -> None:
    """A uniform has 24 bits: each of them as a radius and as an angle."""
    step = 1 << 20
    for begin in range(0, 1 << 24, step):
        unit = (np.arange(begin, begin + step, dtype=np.uint32).astype(np.float32) * np.float32(2.0**-24)).reshape(
            -1, 8
        )
        both = np.stack([unit, unit[::-1, ::-1]], 1).ravel()
        expected = standard_normals(both, True)
        draws.normals(both, COEFFICIENTS, 1.0, 0.0)
        np.testing.assert_array_equal(both, expected)


@needs_fma
@pytest.mark.parametrize("kind", [float32, float16, bfloat16])
@pytest.mark.parametrize("count", [native.LONG, native.LONG + 5, (1 << 18) + 31])
@pytest.mark.parametrize("place", [(0.0, 1.0), (0.0, 0.02), (-3.25, 1e-3), (1e30, 1e30)])
def test_normals_are_the_same(plain: pytest.MonkeyPatch, kind: dtype, count: int, place: tuple[float, float]) -> None:
    one, other = Engine(5), Engine(5)
    expected = normal(one, (count,), kind, *place)
    use(plain)
    np.testing.assert_array_equal(normal(other, (count,), kind, *place), expected)
    np.testing.assert_array_equal(other.get_state(), one.get_state())


@needs_fma
@pytest.mark.parametrize("count", [native.LONG, native.LONG + 5, (1 << 18) + 31])
@pytest.mark.parametrize("ends", [(0.0, 1.0), (-0.05, 0.05), (1e9, 1e9 + 256), (3.0, 3.0), (-1e38, 2e38)])
def test_uniforms_are_the_same(plain: pytest.MonkeyPatch, count: int, ends: tuple[float, float]) -> None:
    one, other = Engine(11), Engine(11)
    expected = uniform(one, (count,), float32, *ends)
    use(plain)
    np.testing.assert_array_equal(uniform(other, (count,), float32, *ends), expected)
    np.testing.assert_array_equal(other.get_state(), one.get_state())
