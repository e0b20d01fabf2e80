"""Maxima over windows, compiled, against the op's own evaluation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rushlight.backend.cpu.build import available, compile_only, machine_of
from rushlight.backend.cpu.generate import GENERATORS
from rushlight.dtype import BY_NAME, decode, encode, float32
from rushlight.ir.op import registry
from rushlight.ir.pool import Windows
from rushlight.ir.type import Type
from rushlight.kernel.window import MaxPool

from .template_runner import KINDS, check, kernel_of

pytestmark = pytest.mark.skipif(not available(), reason="kernels cannot be compiled here")


@st.composite
def axes(draw: st.DrawFn) -> tuple[int, Windows]:
    """An axis and windows along it, each of which has an element."""
    extent = draw(st.integers(1, 40))
    if draw(st.integers(0, 4)) == 0:
        return extent, Windows(draw(st.integers(1, extent)), adaptive=True)
    size, dilation = draw(st.integers(1, 4)), draw(st.integers(1, 2))
    stride = draw(st.one_of(st.integers(1, 4), st.just(size)))
    low = draw(st.integers(0, size // 2))
    padded = extent + low + draw(st.integers(0, size // 2))
    number = (padded - (size - 1) * dilation - 1) // stride + 1
    windows = Windows(number, size, stride, low, dilation)
    taps = [number * stride - low + k * dilation for number in range(number) for k in range(size)]
    starts = np.array(taps).reshape(-1, size) if number > 0 else np.zeros((0, 1))
    if number <= 0 or not ((starts >= 0) & (starts < extent)).any(1).all():
        return extent, Windows(extent)
    return extent, windows


def filled(shape: tuple[int, ...], seed: int, special: bool, dtype: str) -> np.ndarray:
    """Few different values, so that many are equal; NaN and infinities where asked."""
    draw = np.random.default_rng(seed)
    x = draw.integers(-3, 4, shape)
    if not dtype.startswith(("float", "bfloat")):
        return x.astype(dtype)
    x = x.astype(np.float32)
    if special:
        x[draw.random(shape) < 0.1] = np.nan
        x[draw.random(shape) < 0.3] = -np.inf
    return encode(x, BY_NAME[dtype])


windowed = st.lists(axes(), min_size=1, max_size=3)
leads = st.lists(st.integers(1, 3), max_size=2)


def pooled(x: np.ndarray, dtype: str, windows: tuple[Windows, ...]) -> np.ndarray:
    record, kind = registry["max_pool"], BY_NAME[dtype]
    y = record.eval(record.infer(Type.of(x.shape, kind), windows=windows), decode(x, kind), windows=windows)
    return encode(y, kind)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=50, deadline=None)
@given(
    lead=leads,
    drawn=windowed,
    dtype=st.sampled_from(["float32", "float64", "bfloat16", "float16", "int64", "int8", "uint8"]),
    form=st.integers(0, 3),
    special=st.booleans(),
    seed=st.integers(0, 1 << 20),
    op=st.sampled_from(["max_pool", "max_pool_index"]),
)
def test_forward(kind, lead, drawn, dtype, form, special, seed, op) -> None:  # noqa: ANN001
    shape = (*lead, *[extent for extent, _ in drawn])
    x = filled(shape, seed, special, dtype)
    check(op, [x], kind, [form], [dtype], windows=tuple(each for _, each in drawn))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(
    lead=leads,
    drawn=windowed,
    dtype=st.sampled_from(["float32", "float64"]),
    forms=st.lists(st.integers(0, 3), min_size=3, max_size=3),
    special=st.booleans(),
    seed=st.integers(0, 1 << 20),
)
def test_gradient(kind, lead, drawn, dtype, forms, special, seed) -> None:  # noqa: ANN001
    windows = tuple(each for _, each in drawn)
    x = filled((*lead, *[extent for extent, _ in drawn]), seed, special, dtype)
    y = pooled(x, dtype, windows)
    g = np.random.default_rng(seed + 1).standard_normal(y.shape).astype(dtype)
    check("max_pool_gradient", [g, x, y], kind, forms, windows=windows)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(100, 2, 28, 28), (60, 16, 10, 10), (3, 4, 33, 18)])
@pytest.mark.parametrize("window", [(2, 2, 0), (3, 2, 1), (3, 3, 0)])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_images(kind: str, shape: tuple[int, ...], window: tuple[int, int, int], dtype: str) -> None:
    """Sizes that the team shares, the usual windows."""
    size, stride, low = window
    windows = tuple(Windows((extent + 2 * low - size) // stride + 1, size, stride, low) for extent in shape[2:])
    x = filled(shape, 0, False, dtype)
    y = pooled(x, dtype, windows)
    g = encode(np.random.default_rng(1).standard_normal(y.shape).astype(np.float32), BY_NAME[dtype])
    check("max_pool", [x], kind, dtypes=[dtype], windows=windows)
    if dtype == "float32" or stride == size:
        check("max_pool_gradient", [g, x, y], kind, dtypes=[dtype] * 3, windows=windows)
    if stride == size:
        check("max_pool_gradient", [g, x, y], kind, dtypes=[dtype] * 3, windows=windows, rectified=True)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("special", [False, True])
@pytest.mark.parametrize("sizes", [(10, 11), (70,), (5, 4, 6)])
def test_large_windows(kind: str, special: bool, sizes: tuple[int, ...]) -> None:
    windows = tuple(Windows(2, size, size + 1) for size in sizes)
    x = filled((3, *[2 * size + 3 for size in sizes]), 0, special, "float32")
    y = pooled(x, "float32", windows)
    g = np.random.default_rng(1).standard_normal(y.shape).astype(np.float32)
    for rectified in (False, True):
        check("max_pool_gradient", [g, x, y], kind, windows=windows, rectified=rectified)
        check("max_pool_gradient", [g, x, y], kind, [2, 1, 3], windows=windows, rectified=rectified)


def test_windows_of_nothing_have_no_kernel() -> None:
    """Dilated windows that step over the whole axis."""
    windows = (Windows(1, 2, 1, 1, 3),)
    assert kernel_of("max_pool", [Type.of((1,), float32)], [np.zeros(1, np.float32)], dict(windows=windows)) is None


@pytest.mark.parametrize("kind", ["avx512", "avx2", "sse", "neon"])
def test_every_machine(kind: str) -> None:
    windows = (Windows(8, 3, 2, 1), Windows(8, 3, 2, 1))
    type = Type.of((2, 16, 16), float32)
    kernel = kernel_of("max_pool", [type], [np.zeros(type.shape, np.float32)], dict(windows=windows))
    machine = machine_of(kind)
    assert compile_only(GENERATORS[MaxPool](kernel, machine).text, machine)
