"""Index arithmetic: the normal form has the value of what it came from, and puts together what a reshape took apart."""

from __future__ import annotations

import itertools
from math import prod

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from rushlight.errors import InternalError
from rushlight.ir.expr import Apply, Expr, Literal, Loop, evaluate
from rushlight.kernel.index import Index, condition, divide, fixed, loop, normal, remainder

EXTENTS = (3, 4, 5)


def value_of(index: Index, places: tuple[int, ...]) -> int:
    """An index at given loops, by its definition."""
    total = index.constant
    for atom, factor in index.terms:
        kind = atom.key[0]
        if kind == "loop":
            part = places[atom.key[1]]
        else:
            inner = value_of(atom.key[1], places)
            part = inner // atom.key[2] if kind == "div" else inner % atom.key[2]
        assert atom.low <= part <= atom.high
        total += factor * part
    return total


def plain(expression: Expr) -> Expr:
    """The same over the loops of `ir.expr`."""
    if isinstance(expression, Index):
        (atom, _), *_ = expression.terms
        return Loop(atom.key[1])
    if isinstance(expression, Apply):
        return Apply(expression.function, *[plain(a) for a in expression.arguments])
    return expression


LOOPS = [loop(axis, extent) for axis, extent in enumerate(EXTENTS)]
expressions = st.recursive(
    st.sampled_from(LOOPS) | st.integers(-7, 7).map(Literal),
    lambda inner: (
        st.tuples(inner, inner).map(lambda p: p[0] + p[1])
        | st.tuples(inner, inner).map(lambda p: p[0] - p[1])
        | st.tuples(inner, st.integers(-6, 6)).map(lambda p: p[0] * p[1])
        | st.tuples(inner, st.integers(1, 9)).map(lambda p: p[0] // p[1])
        | st.tuples(inner, st.integers(1, 9)).map(lambda p: p[0] % p[1])
    ),
    max_leaves=10,
)


@given(expressions)
def test_the_normal_form_has_the_same_value_within_its_bounds(expression: Expr) -> None:
    index = normal(expression)
    expected = np.broadcast_to(evaluate(plain(expression), EXTENTS, []), EXTENTS)
    for places in itertools.product(*map(range, EXTENTS)):
        value = value_of(index, places)
        assert value == expected[places]
        assert index.low <= value <= index.high


@given(expressions, expressions, st.sampled_from(["index_ge", "index_lt", "index_eq"]))
def test_conditions_are_decided_only_where_all_agree(a: Expr, b: Expr, name: str) -> None:
    found = condition(Apply(name, a, b))
    expected = np.broadcast_to(evaluate(Apply(name, plain(a), plain(b)), EXTENTS, []), EXTENTS)
    if isinstance(found, Literal):
        assert (expected == found.value).all()
        return
    assert isinstance(found, Apply)
    difference = found.arguments[0]
    assert isinstance(difference, Index)
    compare = {"index_ge": int.__ge__, "index_lt": int.__lt__, "index_eq": int.__eq__}[name]
    for places in itertools.product(*map(range, EXTENTS)):
        assert compare(value_of(difference, places), 0) == expected[places]


@pytest.mark.parametrize("shape", [(6,), (2, 3), (4, 5, 6), (2, 1, 7, 3)])
def test_taking_a_flat_index_apart_and_putting_it_together_is_the_index(shape: tuple[int, ...]) -> None:
    flat = loop(0, prod(shape))
    rest, together, step = flat, fixed(0), 1
    for extent in reversed(shape):
        together = normal(together + remainder(rest, extent) * step)
        rest, step = divide(rest, extent), step * extent
    assert together == flat


def test_equal_indices_are_equal_objects_by_value() -> None:
    i, j = LOOPS[:2]
    assert normal(i * 4 + j) == normal(j + i * 4)
    assert hash(normal(i + i)) == hash(normal(i * 2))
    assert normal((i * 4 + j) // 4) == i
    assert normal(i) != normal(j)


def test_products_of_indices_and_division_by_nothing_are_refused() -> None:
    i, j = LOOPS[:2]
    with pytest.raises(InternalError, match="product of indices"):
        normal(i * j)
    with pytest.raises(InternalError, match="divided by"):
        normal(i // 0)
