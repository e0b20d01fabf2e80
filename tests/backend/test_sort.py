"""Sorting, compiled, against the op's own evaluation: the same places, also of equal elements."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rushlight.backend.cpu.build import available, compile_only, machine_of
from rushlight.backend.cpu.generate import GENERATORS
from rushlight.dtype import BY_NAME, encode, float32, float64
from rushlight.ir.type import Type
from rushlight.kernel.sort import Sort

from .template_runner import KINDS, check, kernel_of

pytestmark = pytest.mark.skipif(not available(), reason="kernels cannot be compiled here")
DTYPES = ["float32", "float64", "bfloat16", "float16", "int64", "int32", "int8", "uint8", "bool"]


def numbers(shape: tuple[int, ...], dtype: str, seed: int, few: bool) -> np.ndarray:
    """Numbers of all sizes, or few different ones; floats with both zeros, infinities and NaN among them."""
    draw = np.random.default_rng(seed)
    if not dtype.startswith(("float", "bfloat")):
        if dtype == "bool":
            return np.asarray(draw.random(shape) < 0.5)
        limits = np.iinfo(dtype)
        low, high = (max(-2, limits.min), 3) if few else (limits.min, limits.max)
        return np.asarray(draw.integers(low, high, shape, dtype, endpoint=True))
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, -np.nan, 1e-42])
    found = np.asarray(
        draw.choice(special, shape) if few else draw.standard_normal(shape) * 10.0 ** draw.integers(-4, 5, shape)
    )
    chosen = draw.random(shape) < 0.1
    found = np.where(chosen, draw.choice(special, shape), found)
    if dtype == "float64":
        return found
    return encode(found.astype(np.float32), BY_NAME[dtype])


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(
    lead=st.lists(st.integers(1, 3), max_size=2),
    length=st.one_of(st.integers(1, 70), st.sampled_from([64, 65, 200, 1000])),
    trail=st.lists(st.integers(1, 3), max_size=1),
    dtype=st.sampled_from(DTYPES),
    form=st.integers(0, 3),
    descending=st.booleans(),
    few=st.booleans(),
    part=st.one_of(st.none(), st.floats(0, 1), st.integers(1, 70)),
    seed=st.integers(0, 1 << 20),
)
def test_sorts(kind, lead, length, trail, dtype, form, descending, few, part, seed) -> None:  # noqa: ANN001
    x = numbers((*lead, length, *trail), dtype, seed, few)
    axis = len(lead)
    if part is None:
        check("argsort", [x], kind, [form], [dtype], axis=axis, descending=descending)
        return
    count = min(length, part) if isinstance(part, int) else max(1, round(part * length))
    check("top", [x], kind, [form], [dtype], axis=axis, count=count, largest=descending)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_long_rows(kind: str, dtype: str) -> None:
    x = numbers((3, 5000), dtype, 0, False)
    for descending in (False, True):
        check("argsort", [x], kind, dtypes=[dtype], axis=1, descending=descending)
        check("top", [x], kind, dtypes=[dtype], axis=1, count=5, largest=descending)
        check("top", [x], kind, dtypes=[dtype], axis=1, count=150, largest=descending)
        check("top", [x.T], kind, [1], [dtype], axis=0, count=100, largest=descending)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("length", [40, 3000])
@pytest.mark.parametrize("order", [1, -1])
def test_rows_in_order(kind: str, length: int, order: int) -> None:
    x = np.arange(2 * length, dtype=np.float32).reshape(2, length)[:, ::order]
    for descending in (False, True):
        check("argsort", [x], kind, axis=1, descending=descending)
        check("top", [x], kind, axis=1, count=7, largest=descending)


@pytest.mark.parametrize("kind", ["avx512", "avx2", "sse", "neon"])
@pytest.mark.parametrize("dtype", [float32, float64])
@pytest.mark.parametrize("length, count", [(9, 9), (900, 9), (900, 900)])
def test_every_machine(kind: str, dtype, length: int, count: int) -> None:  # noqa: ANN001
    type = Type.of((4, length), dtype)
    kernel = kernel_of(
        "top", [type], [np.zeros(type.shape, type.dtype.storage)], dict(axis=1, count=count, largest=True)
    )
    machine = machine_of(kind)
    assert compile_only(GENERATORS[Sort](kernel, machine).text, machine)
