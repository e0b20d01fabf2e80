"""Contractions: evaluation against enumeration, derivatives against the adjoint identity, builders against PyTorch."""

from __future__ import annotations

import copy
import itertools
import pickle
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rushlight.errors import InternalError
from rushlight.ir import contraction as cn
from rushlight.ir.affine import Axis, constant_axis, loop_axis
from rushlight.ir.contraction import (
    Contraction,
    enumerate_contraction,
    evaluate,
    evaluation,
    normal,
    parse,
    product,
    vjp,
)

functional = torch.nn.functional
Shape = tuple[int, ...]


def integers(shape: Shape, seed: int, dtype: Any = np.float64) -> np.ndarray:
    """Small integers, so that sums of products are exact in floating point."""
    values = np.random.default_rng(seed).integers(-4, 5, shape)
    return values.astype(dtype)


def operands(shapes: Sequence[Shape], dtype: Any = np.float64) -> list[np.ndarray]:
    return [integers(shape, seed, dtype) for seed, shape in enumerate(shapes)]


# Random contractions.


@st.composite
def axes(draw: st.DrawFn, loops: int) -> Axis:
    terms = {
        draw(st.integers(0, loops - 1)): draw(st.integers(-3, 3))
        for _ in range(draw(st.integers(0, 3)) if loops else 0)
    }
    return Axis(terms, draw(st.integers(-4, 4)), draw(st.sampled_from([1, 1, 1, 1, 2, 3])))


@st.composite
def contractions(draw: st.DrawFn) -> tuple[Contraction, list[Shape]]:
    extents = draw(st.lists(st.sampled_from([1, 2, 3, 4, 5, 2, 3, 0]), max_size=5))
    count = len(extents)
    output = draw(st.permutations(range(count)))[: draw(st.integers(0, count))]
    maps: list[list[Axis]] = []
    shapes: list[Shape] = []
    for _ in range(draw(st.integers(1, 3))):
        rank = draw(st.integers(0, 3))
        if draw(st.booleans()) and count:
            maps.append([loop_axis(draw(st.integers(0, count - 1))) for _ in range(rank)])
            shapes.append(tuple(extents[axis.loops[0]] for axis in maps[-1]))
        else:
            maps.append([draw(axes(count)) for _ in range(rank)])
            shapes.append(tuple(draw(st.integers(0, 7)) for _ in range(rank)))
    guards = [(draw(axes(count)), draw(st.integers(1, 6))) for _ in range(draw(st.integers(0, 2)))]
    return Contraction(extents, output, maps, guards), shapes


@settings(max_examples=400, deadline=None)
@given(contractions(), st.sampled_from(["float64", "float32", "complex64", "int8", "int64", "bool"]))
def test_evaluation_is_enumeration(drawn: tuple[Contraction, list[Shape]], dtype: str) -> None:
    contraction, shapes = drawn
    arrays = operands(shapes, dtype)
    expected = enumerate_contraction(contraction, *arrays)
    found = evaluate(contraction, *arrays)
    assert found.dtype == expected.dtype == np.dtype(dtype)
    assert found.shape == expected.shape == contraction.output_shape
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(evaluate(contraction, *[np.array(array, order="F") for array in arrays]), expected)


@settings(max_examples=200, deadline=None)
@given(contractions())
def test_derivative_of_random_contractions(drawn: tuple[Contraction, list[Shape]]) -> None:
    check_adjoint(*drawn, depth=2)


@settings(max_examples=200, deadline=None)
@given(contractions())
def test_text_reads_back(drawn: tuple[Contraction, list[Shape]]) -> None:
    contraction, shapes = drawn
    assert parse(repr(contraction)) is contraction
    for j, shape in enumerate(shapes):
        derivative = vjp(contraction, j, shape)
        assert parse(repr(derivative)) is derivative


def check_adjoint(contraction: Contraction, shapes: Sequence[Shape], depth: int = 3, seed: int = 0) -> None:
    """<g, C(x)> = <vjp(g), x> for every operand, then for every derivative in the same way; on integers, so exact."""
    arrays = operands(shapes)
    value = enumerate_contraction(contraction, *arrays)
    np.testing.assert_array_equal(evaluate(contraction, *arrays), value)
    g = integers(value.shape, seed + 100)
    for j, array in enumerate(arrays):
        derivative = vjp(contraction, j, shapes[j])
        others = [other for k, other in enumerate(arrays) if k != j]
        cotangent = evaluate(derivative, g, *others)
        assert cotangent.shape == shapes[j]
        assert (g * value).sum() == (cotangent * array).sum(), (contraction, j, derivative)
        if depth > 1:
            rest = [shape for k, shape in enumerate(shapes) if k != j]
            check_adjoint(derivative, [value.shape, *rest], depth - 1, seed + 1)


def families() -> list[tuple[str, Contraction, list[Shape]]]:
    """What the library asks for, and mixtures of coefficients and denominators it does not."""
    found: list[tuple[str, Contraction, list[Shape]]] = []

    def add(name: str, contraction: Contraction, *shapes: Shape) -> None:
        found.append((name, contraction, list(shapes)))

    for x, y in MATMUL_SHAPES:
        add(f"matmul {x} {y}", cn.matmul(x, y), x, y)
    add("three operands", cn.einsum(((0, 1), (1, 2), (2,)), (0,), ((3, 4), (4, 2), (2,))), (3, 4), (4, 2), (2,))
    add("bilinear", cn.bilinear((2, 3), (2, 4), (5, 3, 4)), (2, 3), (2, 4), (5, 3, 4))
    add("diagonal", cn.einsum(((0, 0),), (0,), ((4, 4),)), (4, 4))
    add("trace of a product", cn.einsum(((0, 1), (1, 0)), (), ((3, 4), (4, 3))), (3, 4), (4, 3))
    add("window sum", cn.window_sum((2, 9), (3,), (2,), ((1, 1),), (1,)), (2, 9))
    add("fold", cn.fold((8,), (2, 3, 3), (2,), ((0, 1),), (1,)), (2, 3, 3))
    add(
        "crossed windows", Contraction((4, 3), (0,), [[Axis({0: 1, 1: 1})], [loop_axis(0), loop_axis(1)]]), (6,), (4, 3)
    )
    for stride, dilation, pad, groups in itertools.product((1, 2, 3), (1, 2), (0, 1), (1, 2)):
        arguments = ((stride,), ((pad, pad),), (dilation,), groups)
        shapes = cn.convolution_shapes((1, 4, 8), (4, 4 // groups, 3), *arguments)
        contraction = cn.convolution((1, 4, 8), (4, 4 // groups, 3), *arguments)
        add(f"convolution {arguments}", contraction, shapes.input, shapes.weight)
    for stride, dilation, pad, extra in itertools.product((1, 2, 3), (1, 2), (0, 1), (0, 1)):
        transposed = ((stride,), ((pad, pad),), (extra,), (dilation,))
        contraction = cn.transposed_convolution((1, 2, 4), (2, 2, 3), *transposed)
        add(f"transposed convolution {transposed}", contraction, (1, 2, 4), (2, 2, 3))
    draw = random.Random(0)
    for number in range(60):
        axis = Axis(
            {0: draw.choice([-2, -1, 1, 2, 3]), 1: draw.choice([-2, -1, 1, 2])}, draw.randint(-2, 2), draw.randint(1, 3)
        )
        maps = [[axis, loop_axis(2)], [loop_axis(1), loop_axis(2)]]
        add(f"random {number} {axis}", Contraction((5, 3, 2), (0,), maps), (6, 2), (3, 2))
    return found


MATMUL_SHAPES: list[tuple[Shape, Shape]] = [
    ((3,), (3,)),
    ((3,), (3, 2)),
    ((2, 3), (3,)),
    ((2, 3), (3, 4)),
    ((1, 3), (3, 1)),
    ((2, 1), (1, 3)),
    ((2, 2, 3), (3, 4)),
    ((2, 3), (2, 3, 4)),
    ((2, 2, 3), (2, 3, 4)),
    ((2, 1, 2, 3), (3, 3, 2)),
    ((1, 2, 3), (2, 3, 2)),
    ((2, 2, 3), (3,)),
    ((3,), (2, 3, 2)),
]
FAMILIES = families()


def test_there_are_many_families() -> None:
    assert len({contraction for _, contraction, _ in FAMILIES}) > 100


@pytest.mark.parametrize(("contraction", "shapes"), [f[1:] for f in FAMILIES], ids=[f[0] for f in FAMILIES])
def test_derivatives_three_deep(contraction: Contraction, shapes: list[Shape]) -> None:
    check_adjoint(contraction, shapes)


# Identity, text, errors.


def test_equal_contractions_are_one_object() -> None:
    axis = Axis({1: 2, 0: -4}, 6, -2)
    assert axis is Axis({0: 2, 1: -1}, -3)
    assert copy.deepcopy(axis) is axis and pickle.loads(pickle.dumps(axis)) is axis
    first = Contraction((2, 4, 3), (0, 1), [[loop_axis(0), loop_axis(2)], [loop_axis(2), loop_axis(1)]])
    renamed = Contraction((3, 4, 2), (2, 1), [[loop_axis(2), loop_axis(0)], [loop_axis(0), loop_axis(1)]])
    assert first is renamed is cn.matmul((2, 3), (3, 4))
    assert copy.deepcopy(first) is first and pickle.loads(pickle.dumps(first)) is first
    with pytest.raises(AttributeError):
        first.loops = (1,)  # type: ignore[misc]
    with pytest.raises(AttributeError):
        axis.offset = 1  # type: ignore[misc]


def test_short_loops_and_idle_guards_fall_away() -> None:
    contraction = Contraction(
        (3, 1, 1), (0, 1), [[Axis({0: 1, 1: 5, 2: 7}, 2)]], [(loop_axis(0), 3), (loop_axis(0), 2)]
    )
    assert contraction.loops == (3, 1)
    assert contraction.maps == ((Axis({0: 1}, 2),),)
    assert contraction.guards == ((loop_axis(0), 2),)


@pytest.mark.parametrize(
    ("axis", "text"),
    [
        (constant_axis(), "0"),
        (constant_axis(-3), "-3"),
        (loop_axis(2), "l2"),
        (Axis({0: -1, 2: 3}, 1), "-l0 + 3*l2 + 1"),
        (Axis({0: 1}, 0, 2), "l0/2"),
        (Axis({0: -3}, -1, 2), "(-3*l0 - 1)/2"),
        (Axis((), 1, 2), "1/2"),
    ],
)
def test_addresses_print_as_one_writes_them(axis: Axis, text: str) -> None:
    assert repr(axis) == text


def test_broken_contractions_are_refused() -> None:
    for arguments in [((2,), (0, 0), [[]]), ((2,), (1,), [[]]), ((2,), (0,), []), ((-1,), (), [[]])]:
        with pytest.raises(InternalError):
            Contraction(*arguments)
    with pytest.raises(InternalError, match="names a loop"):
        Contraction((2,), (0,), [[loop_axis(1)]])
    with pytest.raises(InternalError, match="denominator 0"):
        Axis({0: 1}, 0, 0)
    contraction = cn.matmul((2, 3), (3, 4))
    for shapes in [((2, 3),), ((2, 3), (3, 4), (1,)), ((2, 3), (3,))]:
        with pytest.raises(InternalError):
            contraction.verify(shapes)
        with pytest.raises(InternalError):
            evaluate(contraction, *operands(shapes))
    with pytest.raises(InternalError, match="dtypes"):
        evaluate(contraction, np.zeros((2, 3)), np.zeros((3, 4), np.float32))
    for text in ["", "out[o0:2] = in0[o1]", "out[o0:2] = in0[o0] where o0 < 3"]:
        with pytest.raises(InternalError):
            parse(text)


def test_the_result_is_a_new_array() -> None:
    x = np.arange(6.0).reshape(2, 3)
    same = evaluate(Contraction((2, 3), (0, 1), [[loop_axis(0), loop_axis(1)]]), x)
    assert not np.shares_memory(same, x) and same.flags.c_contiguous
    np.testing.assert_array_equal(same, x)


def test_far_apart_addresses_need_no_more_memory_than_are_read() -> None:
    contraction = Contraction((4,), (0,), [[Axis({0: 10**12}, 3)]])
    np.testing.assert_array_equal(evaluate(contraction, np.arange(5.0)), [3, 0, 0, 0])


# The ways a plan can go, tried on small shapes by moving the sizes from which each is taken.

WAYS: dict[str, dict[str, Any]] = {
    "pieces": {"product.PIECE": 8, "product.FILLED": 1},
    "merged pieces": {"product.PIECE": 12, "product.FILLED": 1000, "evaluation.SMALL": 0},
    "relaid windows": {"evaluation.RUN": 1000, "evaluation.LONG": 2, "product.PIECE": 16, "evaluation.SMALL": 0},
    "folds": {"normal._STEP": 0, "normal._ADD": 0, "normal.LONG": 2, "evaluation.FOLD_BYTES": 64},
    "plain folds": {"normal._STEP": 0, "normal._ADD": 0, "normal.LONG": 1000, "evaluation.TAPS": 0},
    "gathers": {"evaluation.SPARSE": 0, "normal.FOLD_STEPS": 0},
    "no folds": {"normal.FOLD_STEPS": 0, "evaluation.RUN": 0, "evaluation.TAPS": 1000},
}


@contextmanager
def way(name: str) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        evaluation._recipe.cache_clear()
        for place, value in WAYS[name].items():
            module, _, constant = place.partition(".")
            patch.setattr({"product": product, "normal": normal, "evaluation": evaluation}[module], constant, value)
        yield
    evaluation._recipe.cache_clear()


@pytest.mark.parametrize("name", WAYS)
@settings(max_examples=150, deadline=None)
@given(drawn=contractions())
def test_every_way_is_enumeration(name: str, drawn: tuple[Contraction, list[Shape]]) -> None:
    contraction, shapes = drawn
    arrays = operands(shapes)
    with way(name):
        np.testing.assert_array_equal(evaluate(contraction, *arrays), enumerate_contraction(contraction, *arrays))


@pytest.mark.parametrize("name", WAYS)
def test_every_way_for_the_families(name: str) -> None:
    with way(name):
        for label, contraction, shapes in FAMILIES + larger_families():
            cases = [(contraction, shapes)]
            for j, shape in enumerate(shapes):
                others = [other for k, other in enumerate(shapes) if k != j]
                cases.append((vjp(contraction, j, shape), [contraction.output_shape, *others]))
            for case, case_shapes in cases:
                for order in ("C", "F"):
                    arrays = [np.array(array, order=order) for array in operands(case_shapes)]
                    np.testing.assert_array_equal(
                        evaluate(case, *arrays), enumerate_contraction(case, *arrays), err_msg=f"{label} {case}"
                    )


def larger_families() -> list[tuple[str, Contraction, list[Shape]]]:
    """Shapes with batches and several spatial axes, so that loops of every class are there."""
    found: list[tuple[str, Contraction, list[Shape]]] = []
    for x, w, stride, pad, dilation, groups in [
        ((5, 3, 7, 6), (4, 3, 3, 2), (1, 1), (1, 0), (1, 1), 1),
        ((3, 4, 7, 8), (6, 2, 3, 3), (2, 1), (1, 1), (1, 2), 2),
        ((4, 3, 6, 6), (3, 1, 3, 3), (1, 2), (1, 1), (1, 1), 3),
        ((4, 3, 5, 5), (2, 3, 1, 1), (2, 2), (0, 0), (1, 1), 1),
        ((2, 1, 5, 4, 5), (3, 1, 2, 2, 3), (1, 2, 1), (0, 1, 1), (1, 1, 1), 1),
    ]:
        arguments = (stride, tuple((p, p) for p in pad), dilation, groups)
        shapes = cn.convolution_shapes(x, w, *arguments)
        found.append((f"{x} {w}", cn.convolution(x, w, *arguments), [shapes.input, shapes.weight]))
    arguments = ((2, 2), ((1, 1), (0, 1)), (1, 0), (1, 1), 2)
    shapes = cn.transposed_convolution_shapes((4, 4, 4, 3), (4, 3, 3, 3), *arguments)
    contraction = cn.transposed_convolution((4, 4, 4, 3), (4, 3, 3, 3), *arguments)
    found.append(("transposed", contraction, [shapes.input, shapes.weight]))
    window = ((3, 2), (2, 1), ((1, 1), (0, 1)), (1, 1))
    found.append(("window sum", cn.window_sum((3, 4, 7, 5), *window), [(3, 4, 7, 5)]))
    found.append(("unfold", cn.unfold((3, 4, 7, 5), *window), [(3, 4, 7, 5)]))
    for labels, output, extents in [
        (((0, 1, 2, 3), (0, 4, 2, 3)), (0, 2, 1, 4), (2, 3, 4, 5, 6)),  # attention scores, heads inside
        (((0, 1, 2), (1, 2, 3)), (3, 0), (3, 4, 5, 6)),
        (((0, 1), (2, 1, 3), (3, 0)), (2, 3), (3, 4, 5, 6)),
        (((0, 1, 2), (0, 2, 3)), (3, 0, 1), (3, 4, 5, 6)),
        (((0, 1), (2, 3)), (2, 0, 3, 1), (3, 4, 2, 5)),
        (((0, 1, 2, 3), (1, 3)), (2, 0), (3, 4, 5, 6)),
        (((0, 2, 1), (3, 2, 4)), (0, 3, 1, 4), (3, 4, 5, 2, 6)),
    ]:
        some = tuple(tuple(extents[label] for label in one) for one in labels)
        found.append((f"einsum {labels}", cn.einsum(labels, output, some), list(some)))
    return found
