"""Contraction kernels against the interpreter's evaluation of the same contraction."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rushlight.backend.cpu.build import available, machine_of
from rushlight.ir.contraction import Contraction, evaluate
from rushlight.kernel.buffer import Buffer
from rushlight.kernel.contraction import Contract

from ..ir.test_contraction import Shape, contractions, operands
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
@settings(max_examples=60, deadline=None)
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
