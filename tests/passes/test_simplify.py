"""Algebra on the graph: what goes, and what must stay."""

from __future__ import annotations

from rushlight.dtype import float32
from rushlight.ir import scalar, view
from rushlight.ir.scalar import number

from .capturing import graph_of


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
