"""Contraction kernels against the interpreter's evaluation of the same contraction."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rushlight.backend.cpu.build import available, compile_only, machine_of
from rushlight.backend.cpu.contraction import generate, product
from rushlight.dtype import BY_NAME, decode, encode
from rushlight.ir.contraction import Contraction, build, evaluate, vjp
from rushlight.ir.expr import Apply, Literal, Load
from rushlight.kernel.buffer import Buffer
from rushlight.kernel.contraction import Contract
from rushlight.kernel.index import loop

from ..ir.test_contraction import Shape, contractions, integers, operands
from .contraction_runner import buffer_of, run

pytestmark = pytest.mark.skipif(not available(), reason="kernels cannot be compiled here")
KINDS = [kind for kind in ("avx512", "avx2", "sse", "neon") if available() and machine_of(kind).native]


def contract(spec: Contraction, arrays: list[np.ndarray]) -> Contract:
    """The kernel that stores a contraction of these arrays as it is."""
    buffers = tuple(map(buffer_of, arrays))
    return Contract(spec, buffers, (), (), (Buffer.of(buffers[0].dtype, spec.output_shape),))


def strided(array: np.ndarray, form: int) -> np.ndarray:
    """The same values, lying otherwise in memory."""
    if form == 1 and array.ndim:
        return np.asfortranarray(array)
    if form == 2 and array.ndim:
        wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1] + 1), array.dtype)
        wide[..., ::2][..., : array.shape[-1]] = array
        return wide[..., : 2 * array.shape[-1] : 2]
    if form == 3 and array.ndim:
        return np.ascontiguousarray(array[::-1])[::-1]
    return array


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, deadline=None)
@given(
    drawn=contractions(),
    dtype=st.sampled_from(["float64", "float32", "int64", "int32", "int8"]),
    forms=st.lists(st.integers(0, 3), min_size=3, max_size=3),
    threads=st.integers(1, 2),
)
def test_random_contractions(
    kind: str, drawn: tuple[Contraction, list[Shape]], dtype: str, forms: list[int], threads: int
) -> None:
    spec, shapes = drawn
    arrays = [strided(array, form) for array, form in zip(operands(shapes, dtype), forms, strict=False)]
    expected = evaluate(spec, *arrays)
    (found,) = run(contract(spec, arrays), arrays, kind, threads)
    np.testing.assert_array_equal(found, expected)


# Products, however small, and by ways that would not be the cheapest.


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Puts a number in the list that chooses among all ways of computing a product."""
    chosen = [0]

    def plan(frame: Any, summation: Any) -> Any:
        if len(summation.reads) != 2 or not all(read.integral for read in summation.reads) or not summation.summed:
            return None
        if not frame.dtype.is_floating_point:
            return None
        found = list(product.plans(frame, summation))
        return found[chosen[0] % len(found)] if found else None

    monkeypatch.setattr(generate, "plan_product", plan)
    monkeypatch.setattr(product, "CANDIDATES", 100)
    monkeypatch.setattr(product, "NEAR", 100)
    monkeypatch.setattr(product, "LONG", 1)
    return chosen


def check(spec: Contraction, shapes: list[Shape], kind: str, dtype: str = "float32", threads: int = 2) -> None:
    arrays = operands(shapes, dtype)
    (found,) = run(contract(spec, arrays), arrays, kind, threads)
    np.testing.assert_array_equal(found, evaluate(spec, *arrays))


EDGES = st.sampled_from([1, 2, 3, 7, 8, 13, 14, 15, 16, 17, 28, 31, 32, 33, 47, 64, 65])


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    drawn=contractions(),
    dtype=st.sampled_from(["float64", "float32"]),
    forms=st.lists(st.integers(0, 3), min_size=3, max_size=3),
    way=st.integers(0, 1000),
)
def test_random_contractions_as_products(
    ways: list[int], kind: str, drawn: tuple[Contraction, list[Shape]], dtype: str, forms: list[int], way: int
) -> None:
    ways[0] = way
    spec, shapes = drawn
    arrays = [strided(array, form) for array, form in zip(operands(shapes, dtype), forms, strict=False)]
    (found,) = run(contract(spec, arrays), arrays, kind, 2)
    np.testing.assert_array_equal(found, evaluate(spec, *arrays))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    m=EDGES,
    k=EDGES,
    n=EDGES,
    batch=st.sampled_from([(), (3,), (2, 3)]),
    forms=st.lists(st.integers(0, 3), min_size=2, max_size=2),
    dtype=st.sampled_from(["float64", "float32"]),
    way=st.integers(0, 1000),
)
def test_matrix_products(
    ways: list[int], kind: str, m: int, k: int, n: int, batch: Shape, forms: list[int], dtype: str, way: int
) -> None:
    ways[0] = way
    spec = build.matmul((*batch, m, k), (*batch, k, n))
    arrays = operands([(*batch, m, k), (*batch, k, n)], dtype)
    arrays = [strided(array, form) for array, form in zip(arrays, forms, strict=True)]
    (found,) = run(contract(spec, arrays), arrays, kind, 2)
    np.testing.assert_array_equal(found, evaluate(spec, *arrays))


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[Contraction, list[Shape]]:
    """Convolutions, transposed ones, in groups, and their gradients."""
    rank = draw(st.sampled_from([1, 2, 2, 2, 3]))
    kernel = tuple(draw(st.integers(1, 4)) for _ in range(rank))
    stride = tuple(draw(st.integers(1, 3)) for _ in range(rank))
    dilation = tuple(draw(st.sampled_from([1, 1, 2])) for _ in range(rank))
    padding = tuple((draw(st.integers(0, 2)), draw(st.integers(0, 2))) for _ in range(rank))
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    images, inner, outer = draw(st.integers(1, 3)), groups * draw(st.integers(1, 5)), groups * draw(st.integers(1, 18))
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    spatial = tuple(max(1, r - sum(p)) + draw(st.integers(0, 19 // rank)) for r, p in zip(reach, padding, strict=True))
    x = (images, inner, *spatial)
    if draw(st.integers(0, 3)):
        weight = (outer, inner // groups, *kernel)
        given = (x, weight, stride, padding, dilation, groups)
        shapes, spec = build.convolution_shapes(*given), build.convolution(*given)
    else:
        padding = tuple((low, low) for low, _ in padding)
        weight = (inner, outer // groups, *kernel)
        more = tuple(draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True))
        given = (x, weight, stride, tuple((0, 0) for _ in padding), more, dilation, groups)
        shapes, spec = build.transposed_convolution_shapes(*given), build.transposed_convolution(*given)
    which = draw(st.integers(0, 2))
    if which == 0:
        return spec, [shapes.input, shapes.weight]
    operand, other = (shapes.input, shapes.weight) if which == 1 else (shapes.weight, shapes.input)
    return vjp(spec, which - 1, operand), [spec.output_shape, other]


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=convolutions(), dtype=st.sampled_from(["float64", "float32"]), way=st.integers(0, 1000))
def test_convolutions(ways: list[int], kind: str, drawn: tuple[Contraction, list[Shape]], dtype: str, way: int) -> None:
    ways[0] = way
    check(*drawn, kind, dtype)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15, deadline=None)
@given(drawn=convolutions(), dtype=st.sampled_from(["float64", "float32"]))
def test_convolutions_by_the_best_way(kind: str, drawn: tuple[Contraction, list[Shape]], dtype: str) -> None:
    check(*drawn, kind, dtype)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ((0, 3), (3, 4)),
        ((2, 0), (0, 4)),
        ((2, 3), (3, 0)),
        ((1, 300), (300, 70)),
        ((70, 300), (300, 1)),
        ((300,), (300,)),
    ],
)
def test_odd_extents(x: Shape, y: Shape) -> None:
    check(build.matmul(x, y), [x, y], KINDS[0])


# Epilogues.


def epilogue_kernel(
    spec: Contraction, arrays: list[np.ndarray], dtype: str, seed: int
) -> tuple[Contract, list[np.ndarray]]:
    """The value plus a bias along one axis, rectified, and that times what has all axes, and a number."""
    shape = spec.output_shape
    loops = tuple(loop(axis, extent) for axis, extent in enumerate(shape))
    axis = seed % max(1, len(shape))
    bias, whole = integers(shape[axis : axis + 1], seed, dtype), integers(shape, seed + 1, dtype)
    number = np.array(3, dtype)
    kind = BY_NAME[dtype]
    shifted = Apply("maximum", Apply("add", Load(0, loops), Load(1, loops[axis : axis + 1])), Literal(0.0))
    scaled = Apply("mul", Apply("add", shifted, Load(2, loops)), Load(3, ()))
    extras = [bias, whole, number]
    results = (Buffer.of(kind, shape), Buffer.of(kind, shape))
    operands_ = tuple(map(buffer_of, arrays))
    return Contract(spec, operands_, tuple(map(buffer_of, extras)), (shifted, scaled), results), extras


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    drawn=st.one_of(convolutions(), contractions()),
    dtype=st.sampled_from(["float64", "float32"]),
    way=st.integers(0, 1000),
    seed=st.integers(0, 5),
)
def test_epilogues(
    ways: list[int], kind: str, drawn: tuple[Contraction, list[Shape]], dtype: str, way: int, seed: int
) -> None:
    ways[0] = way
    spec, shapes = drawn
    arrays = operands(shapes, dtype)
    kernel, extras = epilogue_kernel(spec, arrays, dtype, seed)
    first, second = run(kernel, [*arrays, *extras], kind, 2)
    rank = len(spec.output_shape)
    axis = seed % max(1, rank)
    bias = extras[0].reshape([-1 if a == axis else 1 for a in range(rank)]) if rank else extras[0][()]
    expected = np.maximum(evaluate(spec, *arrays) + bias, 0)
    np.testing.assert_array_equal(first, expected)
    np.testing.assert_array_equal(second, (expected + extras[1]) * extras[2])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["bfloat16", "float16"])
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=convolutions(), way=st.integers(0, 1000))
def test_half_precision(
    ways: list[int], kind: str, name: str, drawn: tuple[Contraction, list[Shape]], way: int
) -> None:
    ways[0] = way
    spec, shapes = drawn
    exact = operands(shapes, "float32")
    dtype = BY_NAME[name]
    arrays = [encode(array, dtype) for array in exact]
    buffers = tuple(buffer_of(array, name) for array in arrays)
    kernel = Contract(spec, buffers, (), (), (Buffer.of(dtype, spec.output_shape),))
    (found,) = run(kernel, arrays, kind, 2)
    np.testing.assert_array_equal(decode(found, dtype), decode(encode(evaluate(spec, *exact), dtype), dtype))


@pytest.mark.parametrize("kind", ["avx512", "avx2", "sse", "neon"])
def test_every_machine_gets_code(kind: str) -> None:
    """Also one that this processor cannot run."""
    machine = machine_of(kind)
    given = ((4, 8, 12, 12), (20, 8, 3, 3), (2, 2), ((1, 1), (1, 1)), (1, 1))
    spec = build.convolution(*given)
    shapes: list[tuple[Contraction, list[Shape]]] = [
        (build.linear((64, 100), (50, 100)), [(64, 100), (50, 100)]),
        (spec, list(given[:2])),
        (vjp(spec, 0, given[0]), [spec.output_shape, given[1]]),
        (vjp(spec, 1, given[1]), [spec.output_shape, given[0]]),
    ]
    for one, sizes in shapes:
        for name in ("float32", "float64", "bfloat16", "int32"):
            buffers = tuple(Buffer.of(BY_NAME[name], shape) for shape in sizes)
            kernel = Contract(one, buffers, (), (), (Buffer.of(BY_NAME[name], one.output_shape),))
            assert compile_only(generate.generate_contraction(kernel, machine).text, machine)


@pytest.mark.parametrize("which", range(4))
def test_any_number_of_threads_gives_the_same_bits(which: int) -> None:
    given = ((8, 5, 20, 20), (24, 5, 3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1))
    spec = build.convolution(*given)
    one, shapes = [
        (build.matmul((90, 200), (200, 70)), [(90, 200), (200, 70)]),
        (spec, list(given[:2])),
        (vjp(spec, 0, given[0]), [spec.output_shape, given[1]]),
        (vjp(spec, 1, given[1]), [spec.output_shape, given[0]]),
    ][which]
    generator = np.random.default_rng(which)
    arrays = [generator.standard_normal(shape).astype("float32") for shape in shapes]
    first, *others = [run(contract(one, arrays), arrays, KINDS[0], threads)[0] for threads in (1, 2, 3)]
    np.testing.assert_allclose(first, evaluate(one, *arrays), rtol=1e-3, atol=1e-3)
    for other in others:
        np.testing.assert_array_equal(first.view("uint32"), other.view("uint32"))
