"""The fused multiply-add against exact rational arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rushlight.dtype import bfloat16, float16
from rushlight.generator.rounding import fused32, fused64, libm, multiply_add, stored

float64s = st.floats(1e-250, 1e250) | st.floats(-1e250, -1e-250) | st.just(0.0)
# Numbers of few bits far apart: their sums lie halfway between two float32 or float64, but for a little.
near_ties = st.builds(lambda k, e: math.ldexp(k, e), st.integers(-(2**13), 2**13), st.integers(-70, 10))


def exactly(a: float, b: float, c: float) -> Fraction:
    return Fraction(a) * Fraction(b) + Fraction(c)


def nearest_float32(value: Fraction) -> np.float32:
    guess = np.float32(float(value))
    around = [np.nextafter(guess, np.float32(-np.inf)), guess, np.nextafter(guess, np.float32(np.inf))]
    return min(around, key=lambda x: (abs(Fraction(float(x)) - value), int(x.view(np.uint32)) & 1))


@given(st.lists(near_ties, min_size=1, max_size=20), near_ties, near_ties)
@settings(max_examples=100, deadline=None)
def test_fused32_rounds_once(values: list[float], b: float, c: float) -> None:
    a = np.array(values, np.float32)
    expected = [nearest_float32(exactly(float(x), float(np.float32(b)), float(np.float32(c)))) for x in a]
    assert np.array_equal(fused32(a.astype(np.float64), b, c), np.array(expected, np.float32))


def test_fused32_where_rounding_twice_errs() -> None:
    # The square lies halfway between two float32, of which the lower is even; the tiny addend makes the upper one
    # right.
    root, addend = 1.0 + 2.0**-12, 2.0**-80
    a = np.array([root])
    assert (a * root + addend).astype(np.float32)[0] == np.float32(1 + 2.0**-11)
    assert fused32(a, root, addend)[0] == np.float32(1 + 2.0**-11 + 2.0**-23)
    assert fused32(a, root, -addend)[0] == np.float32(1 + 2.0**-11)


@given(st.lists(float64s, min_size=1, max_size=8), float64s, float64s)
@settings(max_examples=100, deadline=None)
def test_fused64_rounds_once(values: list[float], b: float, c: float) -> None:
    a = np.array([math.ldexp(math.frexp(value)[0], 3) for value in values])  # of moderate size, as normals are
    expected = [exactly(x, b, c) for x in a.tolist()]
    assert fused64(a, b, c).tolist() == [value.numerator / value.denominator for value in expected]


def test_fused64_differs_from_two_roundings() -> None:
    a = np.random.default_rng(0).random(1000)
    assert (fused64(a, 0.7, 0.3) != a * 0.7 + 0.3).any()


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_multiply_add_with_infinities(kind: type) -> None:
    assert np.isposinf(multiply_add(np.array([1.0], kind), math.inf, 3.0, fused=True)).all()
    assert np.isnan(multiply_add(np.array([0.0], kind), math.inf, 3.0, fused=True)).all()


def test_unfused_rounds_twice() -> None:
    a = np.random.default_rng(0).random(1000)
    assert np.array_equal(multiply_add(a, 0.7, 0.3, fused=False), a * 0.7 + 0.3)


def test_half_types_are_rounded_by_way_of_float32() -> None:
    # Just above the middle of two neighbours; float32 rounds it to the middle, which then goes to the even one.
    assert stored(np.array([1 + 2.0**-11 + 2.0**-40]), float16)[0] == 1
    assert stored(np.array([1 + 2.0**-8 + 2.0**-40]), bfloat16)[0] == 0x3F80
    assert np.isinf(stored(np.array([1e300]), float16)).all()


def test_libm_keeps_the_shape() -> None:
    assert libm(math.sin, np.zeros((2, 3))).shape == (2, 3)
