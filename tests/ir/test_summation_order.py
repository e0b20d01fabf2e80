"""Small products, sums and functions have PyTorch's bits, in the classes that are claimed; none depends on how operands lie."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import rushlight
from rushlight.ir.contraction import blas
from rushlight.ir.contraction.order import MatrixProduct

# Both libraries' products have other kernels on other processors. The bits are claimed where they were measured; elsewhere the same
# cases are held to rounding.
_CPU = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
MEASURED = "GenuineIntel" in _CPU and "avx512f" in _CPU and "OPENBLAS_CORETYPE" not in os.environ


def alike(ours: np.ndarray, theirs: np.ndarray) -> bool:
    """Equal to the bit on a processor of the measured kind, else to rounding."""
    if MEASURED:
        return ours.tobytes() == theirs.tobytes()
    tolerance = 1e-5 if ours.dtype == np.float32 else 1e-13
    return np.allclose(ours, theirs, rtol=tolerance, atol=tolerance * 10)


Shape = tuple[int, ...]
Product = Callable[[Any, Any], Any]


def arranged(array: np.ndarray, transposed: bool) -> rushlight.Tensor:
    """The matrix as a tensor, in memory by rows or by columns."""
    return rushlight.from_numpy(array.T.copy()).t() if transposed else rushlight.from_numpy(array.copy())


@pytest.mark.parametrize("shape", [(4, 2, 3), (36, 50, 10), (4, 50, 96), (100, 84, 10), (10, 100, 84), (64, 100, 100)])
def test_bits_do_not_depend_on_layout(shape: Shape) -> None:
    rows, depth, columns = shape
    random = np.random.default_rng(0)
    left = random.standard_normal((rows, depth)).astype(np.float32)
    right = random.standard_normal((depth, columns)).astype(np.float32)
    results = [
        (arranged(left, turned) @ arranged(right, other)).numpy() for turned, other in itertools.product((0, 1), (0, 1))
    ]
    for result in results[1:]:
        assert alike(result, results[0])


def differ(product: Product, shapes: list[tuple[Shape, Shape]], dtype: str = "float32") -> list[tuple[Shape, Shape]]:
    """The shapes for which the bits are not PyTorch's."""
    found = []
    random = np.random.default_rng(0)
    for left, right in shapes:
        arrays = [random.standard_normal(shape).astype(dtype) for shape in (left, right)]
        theirs = product(*[torch.from_numpy(array.copy()) for array in arrays]).numpy()
        ours = product(*[rushlight.from_numpy(array.copy()) for array in arrays]).numpy()
        if not alike(ours, theirs):
            found.append((left, right))
    return found


def linear(x: Any, weight: Any) -> Any:
    return (torch if isinstance(x, torch.Tensor) else rushlight).nn.functional.linear(x, weight)


def matmul(x: Any, y: Any) -> Any:
    return x @ y


def transposed_matmul(x: Any, y: Any) -> Any:
    """How the gradient of a weight is made."""
    return x.t() @ y


LEAST = [2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 13]
MORE = [2, 3, 5, 8, 10, 16, 17, 20, 33, 50, 64, 84, 100]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_matrices_by_rows(dtype: str) -> None:
    sizes = [*itertools.product(LEAST, LEAST, LEAST)]
    sizes += [(n, k, m) for n, m in itertools.product(MORE, MORE) for k in (31, 32, 50, 96, 120)]
    sizes = [(n, k, m) for n, k, m in sizes if n * k * m <= 10**6]
    assert differ(matmul, [((n, k), (k, m)) for n, k, m in sizes], dtype) == []
    assert differ(transposed_matmul, [((k, n), (k, m)) for n, k, m in sizes], dtype) == []


def test_linear_layers() -> None:
    sizes = [*itertools.product([*LEAST, 15, 16], LEAST, [*LEAST, 20])]
    sizes += [(n, k, m) for n, m in itertools.product(MORE, MORE) for k in (16, 17, 31, 50, 96, 120) if k < 24 * n]
    sizes = [(n, k, m) for n, k, m in sizes if k <= 32 or m > 3 or n > 15]
    assert differ(linear, [((n, k), (m, k)) for n, k, m in sizes]) == []


def test_linear_layers_with_one_row_or_feature() -> None:
    sizes = [(n, k) for n in (2, 3, 4, 5, 7, 8, 36, 64) for k in range(2, 33) if n * k <= 2048]
    assert differ(linear, [((n, k), (1, k)) for n, k in sizes]) == []
    assert differ(linear, [((1, k), (n, k)) for n, k in sizes]) == []


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_batches_of_matrices(dtype: str) -> None:
    sizes = [(n, k, m) for n, k, m in itertools.product([*LEAST, 20, 33], LEAST, [*LEAST, 20, 33])]
    assert differ(matmul, [((3, n, k), (3, k, m)) for n, k, m in sizes], dtype) == []


def test_what_is_not_made_step_by_step_is_one_call() -> None:
    for size in ((4, 400, 120), (128, 128, 128), (64, 16, 64)):
        plan = MatrixProduct("f", 1, True, *size, True, False).plan()
        assert plan in (np.matmul, blas.matmul)


SHAPES: list[Shape] = [(1,), (7,), (36,), (257,), (1800,), (8191,), (4, 9, 1), (4, 9, 5), (4, 9, 50), (5, 3), (3, 1, 4)]
SHAPES += [(9, 50), (64, 10), (10, 3), (20, 70), (100, 80), (1000, 8), (8, 1000), (2, 3, 4, 5), (600, 1), (2, 40, 100)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
def test_sums(shape: Shape, dtype: str) -> None:
    array = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    for first in range(len(shape)):
        for last in range(first, len(shape)):
            axes = tuple(range(first, last + 1))
            for name in ("sum", "mean"):
                theirs = getattr(torch.from_numpy(array), name)(axes).numpy()
                ours = getattr(rushlight.from_numpy(array), name)(axes).numpy()
                assert ours.shape == theirs.shape
                assert alike(ours, theirs), (name, axes)


def test_sum_of_axes_that_are_not_neighbours() -> None:
    array = np.random.default_rng(0).standard_normal((3, 4, 5))
    np.testing.assert_allclose(rushlight.from_numpy(array).sum((0, 2)).numpy(), array.sum((0, 2)), rtol=1e-14)


@pytest.mark.parametrize("name", ["exp", "log", "tanh", "sigmoid"])
def test_functions_are_rounded_to_the_nearest(name: str) -> None:
    array = np.random.default_rng(0).uniform(0.01, 9, 4000).astype(np.float32)
    theirs = getattr(torch.from_numpy(array), name)().numpy()
    ours = getattr(rushlight.from_numpy(array), name)().numpy()
    assert (ours != theirs).mean() < 0.05
    np.testing.assert_array_max_ulp(ours, theirs, 2)


def test_softmax_along_an_axis_that_is_not_the_last() -> None:
    array = np.random.default_rng(0).standard_normal((16, 9, 1)).astype(np.float32)
    theirs = torch.softmax(torch.from_numpy(array), 1).numpy()
    ours = rushlight.softmax(rushlight.from_numpy(array), 1).numpy()
    assert (ours != theirs).mean() < 0.02
    np.testing.assert_array_max_ulp(ours, theirs, 1)


@pytest.mark.skipif(blas.threads() is None, reason="this BLAS is not known, nor how many threads it uses")
@pytest.mark.parametrize(
    ("batch", "rows", "depth", "columns"),
    [(1, 16, 10000, 150), (1, 1, 20000, 1), (1, 1, 5000, 3), (1, 700, 300, 50), (3, 64, 700, 90), (1, 37, 384, 41)],
)
@pytest.mark.parametrize("character", ["f", "d", "F"])
def test_products_do_not_depend_on_the_number_of_threads(
    batch: int, rows: int, depth: int, columns: int, character: str
) -> None:
    generator, (set_threads, told) = np.random.default_rng(0), blas.threads() or (None, None)
    lead = (batch,) if batch > 1 else ()
    left = generator.standard_normal((*lead, rows, depth)).astype(character)
    right = generator.standard_normal((*lead, depth, columns)).astype(character)
    product = MatrixProduct(character, batch, True, rows, depth, columns, True, False).plan()
    before, results = told(), set()
    try:
        for threads in (1, 2, 3):
            set_threads(threads)
            results.add(product(left, right, None).tobytes())
            assert told() == threads
    finally:
        set_threads(before)
    assert len(results) == 1
