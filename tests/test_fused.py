"""A product and a sum in one rounding, against exact rational arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rushlight.fused import multiply_add

any_number = st.floats(allow_nan=False, allow_infinity=False)
# Few bits far apart: sums that lie halfway between two numbers but for a little.
near_ties = st.builds(math.ldexp, st.integers(-(2**14), 2**14), st.integers(-160, 20))
numbers = any_number | near_ties


def right(a: float, b: float, c: float) -> float:
    exact = Fraction(a) * Fraction(b) + Fraction(c)
    if not exact:
        return a * b + c
    try:
        return exact.numerator / exact.denominator
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


@given(st.lists(st.tuples(numbers, numbers, numbers), min_size=1, max_size=9))
@settings(max_examples=150, deadline=None)
def test_float64_is_rounded_once(rows: list[tuple[float, float, float]]) -> None:
    a, b, c = (np.array(column) for column in zip(*rows, strict=True))
    with np.errstate(all="ignore"):
        found = multiply_add(a, b, c)
    assert found.tolist() == [right(*row) for row in rows]


@given(
    st.lists(
        st.tuples(*[st.floats(width=32, allow_nan=False, allow_infinity=False) | near_ties] * 3), min_size=1, max_size=9
    )
)
@settings(max_examples=150, deadline=None)
def test_float32_is_rounded_once(rows: list[tuple[float, float, float]]) -> None:
    with np.errstate(all="ignore"):
        a, b, c = (np.array(column, np.float32) for column in zip(*rows, strict=True))
        found = multiply_add(a, b, c)
        for x, y, z, one in zip(*(each.tolist() for each in (a, b, c)), found, strict=True):
            exact = Fraction(x) * Fraction(y) + Fraction(z)
            if abs(exact) >= Fraction(2) ** 127 or not exact:
                continue
            around = [np.nextafter(one, np.float32(-np.inf)), one, np.nextafter(one, np.float32(np.inf))]
            nearest = min(around, key=lambda n: (abs(Fraction(float(n)) - exact), int(n.view(np.uint32)) & 1))
            assert one == nearest


def test_broadcasting_and_what_is_not_finite() -> None:
    inf = math.inf
    with np.errstate(all="ignore"):
        found = multiply_add(np.array([inf, 0.0, -inf, 1e308]), np.array(2.0), np.array([[1.0], [inf]]))
    np.testing.assert_array_equal(found, [[inf, 1.0, -inf, inf], [inf, inf, math.nan, inf]])
    assert right(1e308, 2.0, -1e308) == 1e308
    with np.errstate(all="ignore"):
        assert multiply_add(np.array(1e308), np.array(2.0), np.array(-1e308)) == 1e308
    assert multiply_add(np.empty((0, 3)), np.array(2.0), np.array(1.0)).shape == (0, 3)
