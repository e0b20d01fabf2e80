"""Contractions of bfloat16 and float16: exact where every sum is, else within what rounding may do to the sum in float64."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rushlight.backend.cpu.build import available, compile_only, machine_of
from rushlight.backend.cpu.contraction import generate
from rushlight.backend.cpu.contraction.frame import Frame
from rushlight.backend.cpu.contraction.matrix import parts_of
from rushlight.dtype import BY_NAME, decode, encode
from rushlight.ir.contraction import Contraction, build, evaluate, vjp
from rushlight.kernel.buffer import Buffer
from rushlight.kernel.contraction import Contract

from ..ir.test_contraction import Shape, operands
from .contraction_runner import buffer_of, run
from .test_contraction import EDGES, KINDS, convolutions, strided, ways

__all__ = ["ways"]  # the fixture

pytestmark = pytest.mark.skipif(not available(), reason="kernels cannot be compiled here")
HALVES = ["bfloat16", "float16"]
UNIT = {"bfloat16": 2.0**-8, "float16": 2.0**-11, "float32": 2.0**-24}  # the greatest relative error of rounding
many = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def contract(spec: Contraction, arrays: list[np.ndarray], name: str, result: str) -> Contract:
    """The kernel of a contraction of half precision, rounded to it or stored as float32."""
    buffers = tuple(buffer_of(array, name) for array in arrays)
    return Contract(
        spec, buffers, (), (), (Buffer.of(BY_NAME[result], spec.output_shape),), decoded=result == "float32"
    )


def check_exact(spec: Contraction, shapes: list[Shape], forms: list[int], kind: str, name: str, result: str) -> None:
    """Small integers: no sum is rounded, so that the order of terms does not matter."""
    dtype, target = BY_NAME[name], BY_NAME[result]
    exact = operands(shapes, "float32")
    arrays = [strided(encode(array, dtype), form) for array, form in zip(exact, forms, strict=False)]
    (found,) = run(contract(spec, arrays, name, result), arrays, kind, 2)
    np.testing.assert_array_equal(decode(found, target), decode(encode(evaluate(spec, *exact), target), target))


def check_close(spec: Contraction, shapes: list[Shape], kind: str, name: str, result: str, seed: int = 0) -> None:
    generator = np.random.default_rng(seed)
    arrays = [encode(generator.standard_normal(shape).astype(np.float32), BY_NAME[name]) for shape in shapes]
    wide = [decode(array, BY_NAME[name]).astype(np.float64) for array in arrays]
    expected, sizes = evaluate(spec, *wide), evaluate(spec, *map(np.abs, wide))
    (found,) = run(contract(spec, arrays, name, result), arrays, kind, 2)
    depth = int(np.prod(spec.loops[len(spec.output) :]))
    bound = UNIT[result] * np.abs(expected) + 2 * (depth + 1) * UNIT["float32"] * sizes
    error = np.abs(decode(found, BY_NAME[result]).astype(np.float64) - expected)
    assert np.all(error <= bound), np.max(error / bound)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", HALVES)
@many
@given(
    m=EDGES,
    k=EDGES,
    n=EDGES,
    batch=st.sampled_from([(), (3,), (2, 3)]),
    forms=st.lists(st.integers(0, 3), min_size=2, max_size=2),
    decoded=st.booleans(),
    way=st.integers(0, 1000),
)
def test_matrix_products(
    ways: list[int],
    kind: str,
    name: str,
    m: int,
    k: int,
    n: int,
    batch: Shape,
    forms: list[int],
    decoded: bool,
    way: int,
) -> None:
    ways[0] = way
    shapes = [(*batch, m, k), (*batch, k, n)]
    check_exact(build.matmul(*shapes), shapes, forms, kind, name, "float32" if decoded else name)


@pytest.mark.parametrize("kind", KINDS)
@many
@given(drawn=convolutions(), decoded=st.booleans(), way=st.integers(0, 1000))
def test_convolutions(
    ways: list[int], kind: str, drawn: tuple[Contraction, list[Shape]], decoded: bool, way: int
) -> None:
    ways[0] = way
    spec, shapes = drawn
    check_exact(spec, shapes, [0, 0], kind, "bfloat16", "float32" if decoded else "bfloat16")


CASES = {
    "product": (build.matmul((65, 300), (300, 50)), [(65, 300), (300, 50)]),
    "weight": (build.linear((70, 129), (33, 129)), [(70, 129), (33, 129)]),
    "batch": (build.matmul((3, 40, 64), (3, 64, 48)), [(3, 40, 64), (3, 64, 48)]),
    "tall": (build.matmul((700, 1100), (1100, 40)), [(700, 1100), (1100, 40)]),
}
GIVEN: tuple = ((4, 8, 12, 12), (20, 8, 3, 3), (2, 2), ((1, 1), (1, 1)), (1, 1))
CASES["convolution"] = (build.convolution(*GIVEN), list(GIVEN[:2]))
OUT = CASES["convolution"][0].output_shape
CASES["to its input"] = (vjp(CASES["convolution"][0], 0, GIVEN[0]), [OUT, GIVEN[1]])
CASES["to its weight"] = (vjp(CASES["convolution"][0], 1, GIVEN[1]), [OUT, GIVEN[0]])
# Rows of as many pixels as terms fit a register: they are copied in lines, of which some terms fall into the padding.
WIDE: tuple = ((2, 19, 5, 64), (35, 19, 3, 3), (1, 1), ((2, 1), (1, 1)), (1, 1))
CASES["to a weight of wide images"] = (
    vjp(build.convolution(*WIDE), 1, WIDE[1]),
    [build.convolution(*WIDE).output_shape, WIDE[0]],
)
ONE: tuple = ((1, 19, 75), (35, 19, 3), (1,), ((1, 1),), (1,))
CASES["to a weight of one line"] = (
    vjp(build.convolution(*ONE), 1, ONE[1]),
    [build.convolution(*ONE).output_shape, ONE[0]],
)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", HALVES)
@pytest.mark.parametrize("decoded", [False, True])
def test_errors_are_those_of_float32_and_one_rounding(case: str, kind: str, name: str, decoded: bool) -> None:
    check_close(*CASES[case], kind, name, "float32" if decoded else name)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", HALVES)
def test_any_number_of_threads_gives_the_same_bits(case: str, name: str) -> None:
    spec, shapes = CASES[case]
    generator = np.random.default_rng(1)
    arrays = [encode(generator.standard_normal(shape).astype(np.float32), BY_NAME[name]) for shape in shapes]
    kernel = contract(spec, arrays, name, "float32")
    first, *others = [run(kernel, arrays, KINDS[0], threads)[0] for threads in (1, 2, 3)]
    for other in others:
        np.testing.assert_array_equal(first.view("uint32"), other.view("uint32"))


def test_nan_and_infinity_stay_in_their_rows_and_lanes() -> None:
    dtype = BY_NAME["bfloat16"]
    x, y = np.ones((40, 70), np.float32), np.ones((70, 35), np.float32)
    x[3, 5], x[7, 69], y[69, 2] = np.nan, np.inf, -np.inf
    arrays = [encode(x, dtype), encode(y, dtype)]
    spec = build.matmul(x.shape, y.shape)
    for kind in KINDS:
        (found,) = run(contract(spec, arrays, "bfloat16", "float32"), arrays, kind, 2)
        np.testing.assert_array_equal(found, x @ y)


def test_what_only_some_processors_have_is_a_fact() -> None:
    """Code for matrix registers, also where this process may not use them; without the fact none of it."""
    spec, shapes = CASES["product"]
    buffers = tuple(Buffer.of(BY_NAME["bfloat16"], shape) for shape in shapes)
    kernel = Contract(spec, buffers, (), (), (Buffer.of(BY_NAME["bfloat16"], spec.output_shape),))
    machine = replace(machine_of("avx512"), features="+amx-tile,+amx-bf16,-prefer-256-bit", name="sapphirerapids")
    for matrices in (False, True):
        text = generate.generate_contraction(kernel, replace(machine, matrices=matrices)).text
        assert ("tdpbf16ps" in text) == matrices
        assert compile_only(text, replace(machine, matrices=matrices))


def test_matrix_registers_take_bfloat16_and_float32_in_parts() -> None:
    spec, shapes = CASES["product"]
    machine = replace(machine_of("avx512"), matrices=True)
    for names, expected in (
        (("bfloat16", "bfloat16"), 1),
        (("bfloat16", "float32"), 0),
        (("float32", "float32"), 3),
        (("float64", "float64"), 0),
        (("float16",) * 2, 0),
    ):
        buffers = tuple(Buffer.of(BY_NAME[name], shape) for name, shape in zip(names, shapes, strict=True))
        kernel = Contract(spec, buffers, (), (), (Buffer.of(BY_NAME["float32"], spec.output_shape),), True, 3)
        frame = Frame(kernel, machine, "kernel", generate.Epilogue(kernel, machine))
        assert parts_of(frame) == expected
