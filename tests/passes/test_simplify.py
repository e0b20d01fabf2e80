"""Algebra on the graph: what goes, and what must stay."""

from __future__ import annotations

import numpy as np

from rushlight.dtype import float32
from rushlight.ir import activation, pool, scalar, view
from rushlight.ir.scalar import number

from .capturing import both_tiers, graph_of


def names(*arguments: object) -> list[str]:
    graph = graph_of(*arguments)  # type: ignore[arg-type]
    return [graph.name(value) for value in graph.live() if graph.name(value)]


def test_equal_ops_of_equal_operands_are_one() -> None:
    assert names(lambda x: scalar.add(scalar.exp(x), scalar.exp(x)), [(3,)]) == ["exp", "add"]


def test_what_steers_gradient_flow_is_no_work() -> None:
    assert names(lambda x: scalar.exp(view.stop(view.leaf(view.identity(x)))), [(3,)]) == ["exp"]


def test_views_of_views_are_one_view() -> None:
    def build(x):  # type: ignore[no-untyped-def]
        return view.reshape(view.reshape(view.permute(view.permute(x, (1, 0)), (1, 0)), (6,)), (3, 2))

    assert names(build, [(2, 3)]) == ["reshape"]


def test_a_piece_of_a_concatenation_is_a_piece_of_its_part() -> None:
    def build(x, y):  # type: ignore[no-untyped-def]
        return view.slice_(view.concatenate((x, y), 0), (2, 0), (4, 3))

    assert names(build, [(2, 3), (4, 3)]) == ["slice"]


def test_multiplication_by_one_goes_and_addition_of_zero_stays() -> None:
    assert names(lambda x: scalar.mul(x, number(1, float32)), [(3,)]) == []
    assert "add" in names(lambda x: scalar.add(x, number(0, float32)), [(3,)])  # -0 + 0 is 0


def test_double_negation_goes() -> None:
    assert names(lambda x: scalar.neg(scalar.neg(x)), [(3,)]) == []


def test_the_way_back_through_relu_and_its_maxima_is_one_op() -> None:
    def build(windows):  # type: ignore[no-untyped-def]
        def back(x, g):  # type: ignore[no-untyped-def]
            r = activation.relu(x)
            y = pool.max_pool(r, windows=windows)
            return activation.relu_gradient(pool.max_pool_gradient(g, r, y, windows=windows), r)

        return back

    apart, overlapping = (pool.Windows(3, 2, 2),), (pool.Windows(5, 2, 1),)
    assert names(build(apart), [(2, 6), (2, 3)]) == ["relu", "max_pool", "max_pool_gradient"]
    assert names(build(overlapping), [(2, 6), (2, 5)])[-1] == "relu_gradient"
    x, g = np.random.default_rng(0).standard_normal((2, 2, 6)).astype(np.float32)
    x[0, 0] = np.nan
    for interpreted, compiled in both_tiers(build(apart), [x, np.ascontiguousarray(g[:, :3])]):
        np.testing.assert_array_equal(interpreted, compiled)
