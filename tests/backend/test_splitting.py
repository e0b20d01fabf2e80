"""Contractions of float32 in matrix registers: as near as multiply-adds for all numbers there are, the great, the small and those that are none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rushlight as torch
from rushlight import config
from rushlight.backend.cpu.build import available, compile_only, machine_of
from rushlight.backend.cpu.contraction import generate, product
from rushlight.dtype import float32
from rushlight.ir.contraction import Contraction, build, evaluate
from rushlight.kernel.buffer import Buffer
from rushlight.kernel.contraction import Contract

from ..ir.test_contraction import Shape, operands
from .contraction_runner import run
from .test_contraction import EDGES, convolutions, strided
from .test_contraction import contract as contract_in_vectors
from .test_half_contraction import CASES

pytestmark = pytest.mark.skipif(not available(), reason="kernels cannot be compiled here")
matrices = pytest.mark.skipif(
    not (available() and machine_of("avx512").native and machine_of("avx512").matrices),
    reason="this processor has no matrix registers",
)
UNIT = {2: 2.0**-15, 3: 2.0**-24}  # of a product
PARTS = st.sampled_from([2, 3])
many = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Puts a number in the list that chooses among the ways in matrix registers."""
    chosen = [0]

    def plan(frame: Any, summation: Any) -> Any:
        if len(summation.reads) != 2 or not all(read.integral for read in summation.reads) or not summation.summed:
            return None
        found = [way for way in product.plans(frame, summation) if way.matrix > 1]
        return found[chosen[0] % len(found)] if found else None

    monkeypatch.setattr(generate, "plan_product", plan)
    return chosen


def contract(spec: Contraction, arrays: list[np.ndarray], parts: int) -> Contract:
    return replace(contract_in_vectors(spec, arrays), parts=parts)


def multiply(arrays: list[np.ndarray], parts: int = 3) -> np.ndarray:
    spec = build.matmul(*(array.shape for array in arrays))
    (found,) = run(contract(spec, arrays, parts), arrays, "avx512", 2)
    return found


def check(found: np.ndarray, spec: Contraction, arrays: list[np.ndarray], parts: int) -> None:
    """Within the bound of any order of summation, where the sums are finite."""
    wide = [array.astype(np.float64) for array in arrays]
    with np.errstate(all="ignore"):
        expected, sizes = evaluate(spec, *wide), evaluate(spec, *map(np.abs, wide))
    depth = int(np.prod(spec.loops[len(spec.output) :]))
    bound = UNIT[3] * (np.abs(expected) + 2 * depth * sizes) + depth * 2.0**-149
    if parts == 2:
        bound += UNIT[2] * sizes
    finite = sizes < 2.0**127
    error = np.abs(found.astype(np.float64) - expected)[finite]
    assert np.all(error <= bound[finite]), np.max(error / bound[finite])


@matrices
@many
@given(
    m=EDGES,
    k=EDGES,
    n=EDGES,
    batch=st.sampled_from([(), (3,), (2, 3)]),
    forms=st.lists(st.integers(0, 3), min_size=2, max_size=2),
    way=st.integers(0, 1000),
    parts=PARTS,
)
def test_sums_that_need_no_rounding(
    ways: list[int], m: int, k: int, n: int, batch: Shape, forms: list[int], way: int, parts: int
) -> None:
    ways[0] = way
    shapes = [(*batch, m, k), (*batch, k, n)]
    arrays = [strided(array, form) for array, form in zip(operands(shapes, "float32"), forms, strict=True)]
    np.testing.assert_array_equal(multiply(arrays, parts), evaluate(build.matmul(*shapes), *arrays))


@matrices
@many
@given(drawn=convolutions(), way=st.integers(0, 1000), parts=PARTS)
def test_convolutions(ways: list[int], drawn: tuple[Contraction, list[Shape]], way: int, parts: int) -> None:
    ways[0] = way
    spec, shapes = drawn
    arrays = operands(shapes, "float32")
    (found,) = run(contract(spec, arrays, parts), arrays, "avx512", 2)
    np.testing.assert_array_equal(found, evaluate(spec, *arrays))


@matrices
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("parts", [2, 3])
def test_errors_are_those_of_so_many_bits(ways: list[int], case: str, parts: int) -> None:
    spec, shapes = CASES[case]
    generator = np.random.default_rng(0)
    arrays = [generator.standard_normal(shape).astype(np.float32) for shape in shapes]
    for way in (0, 5):
        ways[0] = way
        found = [run(contract(spec, arrays, parts), arrays, "avx512", threads)[0] for threads in (1, 2, 3)]
        check(found[0], spec, arrays, parts)
        for other in found[1:]:
            np.testing.assert_array_equal(found[0].view("uint32"), other.view("uint32"))


@matrices
def test_errors_are_less_than_those_of_multiply_adds(ways: list[int]) -> None:
    """Measured over a product: the sums of parts are of fewer roundings than a chain of multiply-adds."""
    generator = np.random.default_rng(1)
    arrays = [generator.standard_normal(shape).astype(np.float32) for shape in ((96, 512), (512, 64))]
    exact = arrays[0].astype(np.float64) @ arrays[1].astype(np.float64)
    chain = np.zeros_like(exact, np.float32)
    for term in range(512):
        exactly = arrays[0][:, term, None].astype(np.float64) * arrays[1][None, term].astype(np.float64)
        chain = (chain + exactly).astype(np.float32)
    error, other = (np.sqrt(np.mean((found - exact) ** 2)) for found in (multiply(arrays), chain))
    assert error < other


NUMBERS = st.sampled_from(
    [0.0, -0.0, 1.0, -3.7, 1e-12, 1e-20, -7e-31, 3e-33, 1.5e-38, -1e-39, 1.4e-45, 1e20, -1e15, 1e16, 3.4e38, -2e38]
)


@matrices
@many
@given(
    shape=st.tuples(st.sampled_from([3, 20, 40]), st.sampled_from([5, 33, 70]), st.sampled_from([9, 32, 50])),
    scales=st.tuples(*[st.sampled_from([1.0, 1e-10, 1e-17, 1e-28, 1e-38, 1e17, 1e30])] * 2),
    odd=st.lists(st.tuples(st.integers(0, 1), st.integers(0, 999), st.integers(0, 999), NUMBERS), max_size=6),
    zeros=st.booleans(),
    way=st.integers(0, 1000),
    parts=PARTS,
)
def test_numbers_of_any_size(
    ways: list[int],
    shape: tuple[int, int, int],
    scales: tuple[float, float],
    odd: list[tuple[int, int, int, float]],
    zeros: bool,
    way: int,
    parts: int,
) -> None:
    ways[0] = way
    m, k, n = shape
    generator = np.random.default_rng(m * k * n)
    arrays = [
        (generator.standard_normal(part) * scale).astype(np.float32)
        for part, scale in zip(((m, k), (k, n)), scales, strict=True)
    ]
    if zeros:  # sums of which only small terms are left
        arrays[0][:, ::2], arrays[1][1::2] = 0, 0
    for number, row, column, value in odd:
        array = arrays[number]
        array[row % array.shape[0], column % array.shape[1]] = value
    check(multiply(arrays, parts), build.matmul((m, k), (k, n)), arrays, parts)


@matrices
def test_nan_and_infinity_stay_in_their_rows_and_lanes(ways: list[int]) -> None:
    x, y = np.ones((70, 70), np.float32), np.ones((70, 70), np.float32)
    x[3, 5], x[7, 69], y[69, 2], y[4, 40] = np.nan, np.inf, -np.inf, np.inf
    x[50, 4], x[60] = -0.0, np.array(0x7F800001, np.uint32).view(np.float32)
    x[65] = np.array(0xFFFFFFFF, np.uint32).view(np.float32)
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(multiply([x, y]), x @ y)


@matrices
def test_results_whose_sums_would_overflow_in_parts(ways: list[int]) -> None:
    """The greatest number times one: its upper part, rounded to nearest, would be infinite."""
    most = np.finfo(np.float32).max
    x = np.full((32, 32), most, np.float32) * np.eye(32, dtype=np.float32)
    np.testing.assert_array_equal(multiply([x, np.eye(32, dtype=np.float32)]), x)


def test_code_for_them_compiles_anywhere() -> None:
    machine = replace(machine_of("avx512"), features="+amx-tile,+amx-bf16,-prefer-256-bit", name="sapphirerapids")
    machine = replace(machine, matrices=True)
    spec = build.matmul((512, 512), (512, 512))
    buffers = (Buffer.of(float32, (512, 512)),) * 2
    kernel = Contract(spec, buffers, (), (), (Buffer.of(float32, (512, 512)),), parts=3)
    text = generate.generate_contraction(kernel, machine).text
    assert "tdpbf16ps" in text and compile_only(text, machine)


@matrices
def test_precision_of_products(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `set_float32_matmul_precision` asks for: two parts in products of matrices alone, and float32 again."""
    monkeypatch.setattr(config, "TIER", "compile")
    generator = np.random.default_rng(2)
    x, y = (generator.standard_normal((256, 256)).astype(np.float32) for _ in range(2))
    image, weight = torch.randn(2, 32, 16, 16), torch.randn(32, 32, 3, 3)

    def error() -> float:
        return float(np.abs((torch.tensor(x) @ torch.tensor(y)).numpy() - x.astype(np.float64) @ y).max())

    full, convolved = error(), torch.conv2d(image, weight).tolist()
    try:
        torch.set_float32_matmul_precision("high")
        assert 2 * full < error() < UNIT[2] * float((np.abs(x) @ np.abs(y)).max())
        assert torch.conv2d(image, weight).tolist() == convolved
    finally:
        torch.set_float32_matmul_precision("highest")
    assert error() == full
