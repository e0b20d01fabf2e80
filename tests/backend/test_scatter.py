"""Scattering, compiled, against the op's own evaluation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rushlight.backend.cpu.build import available, compile_only, machine_of
from rushlight.backend.cpu.generate import GENERATORS
from rushlight.dtype import BY_NAME, encode, float32, int64
from rushlight.ir.type import Type
from rushlight.kernel.scatter import Scatter

from .template_runner import KINDS, check, kernel_of, laid_out, run

pytestmark = pytest.mark.skipif(not available(), reason="kernels cannot be compiled here")
DTYPES = ["float32", "float64", "int64", "int32", "uint8", "bool"]
FORMS = st.lists(st.integers(0, 3), min_size=4, max_size=4)
SHAPES = st.lists(st.integers(1, 5), max_size=2).map(tuple)


def numbers(shape: tuple[int, ...], dtype: str, seed: int) -> np.ndarray:
    """Small whole numbers, whose sums and products are exact."""
    found = np.asarray(np.random.default_rng(seed).integers(0 if dtype == "uint8" else -2, 4, shape))
    return encode(found.astype(np.float32), BY_NAME[dtype]) if dtype.startswith("bfloat") else found.astype(dtype)


def places(shape: tuple[int, ...], low: int, extent: int, seed: int) -> np.ndarray:
    return np.asarray(np.random.default_rng(seed).integers(low, extent, shape))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(1, 9),
    read=st.lists(st.integers(1, 9), min_size=1, max_size=2).map(tuple),
    inner=st.one_of(SHAPES, st.tuples(st.sampled_from([16, 65, 200]))),
    dtype=st.sampled_from(["float32", "float64"]),
    forms=FORMS,
    padding=st.sampled_from([None, 0]),
    by_frequency=st.booleans(),
    seed=st.integers(0, 1 << 20),
)
def test_embedding_gradient(kind, rows, read, inner, dtype, forms, padding, by_frequency, seed) -> None:  # noqa: ANN001
    g, index = numbers((*read, *inner), dtype, seed), places(read, 0, rows, seed)
    check("embedding_gradient", [g, index], kind, forms[:2], rows=rows, padding=padding, by_frequency=by_frequency)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.integers(1, 6), min_size=1, max_size=2).map(tuple),
    entries=SHAPES,
    inner=st.one_of(SHAPES, st.just((150,))),
    dtype=st.sampled_from([*DTYPES, "bfloat16"]),
    forms=FORMS,
    accumulate=st.booleans(),
    seed=st.integers(0, 1 << 20),
)
def test_put(kind, rows, entries, inner, dtype, forms, accumulate, seed) -> None:  # noqa: ANN001
    accumulate = accumulate and dtype != "bfloat16"
    base, value = numbers((*rows, *inner), dtype, seed), numbers((*entries, *inner), dtype, seed + 1)
    indices = [places(entries, -extent, extent, seed + axis) for axis, extent in enumerate(rows)]
    if len(indices) == 2 and entries:
        indices[0] = indices[0][:1]  # broadcast with the other
    dtypes = [dtype, dtype, *["int64"] * len(indices)]
    check("put", [base, value, *indices], kind, forms[: 2 + len(rows)], dtypes, accumulate=accumulate)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(
    shape=st.lists(st.integers(1, 6), min_size=1, max_size=3),
    more=st.lists(st.integers(0, 2), min_size=3, max_size=3),
    axis=st.integers(0, 2),
    dtype=st.sampled_from([*DTYPES, "float16"]),
    forms=FORMS,
    reduce=st.sampled_from(["set", "add", "mul", "max", "min"]),
    seed=st.integers(0, 1 << 20),
)
def test_scatter(kind, shape, more, axis, dtype, forms, reduce, seed) -> None:  # noqa: ANN001
    axis %= len(shape)
    if dtype == "float16" and reduce in ("add", "mul"):
        reduce = "max"
    own = tuple(shape)
    wide = tuple(extent + extra for extent, extra in zip(own, more, strict=False))
    base, value = numbers(wide, dtype, seed), numbers(own, dtype, seed + 1)
    index = places(own, -wide[axis], wide[axis], seed)
    check("scatter", [base, value, index], kind, forms[:3], [dtype, dtype, "int64"], axis=axis, reduce=reduce)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reduce", ["add", "max"])
@pytest.mark.parametrize(
    "shape, axis", [((300, 40), 0), ((300, 40), 1), ((40, 300), 0), ((3, 50, 70), 1), ((9000,), 0)]
)
def test_shared_by_a_team(kind: str, reduce: str, shape: tuple[int, ...], axis: int) -> None:
    draw = np.random.default_rng(0)
    base, value = (draw.standard_normal(shape).astype(np.float32) for _ in range(2))
    value[draw.random(shape) < 0.01] = np.nan
    index = draw.integers(0, shape[axis], shape)
    settings = dict(axis=axis, reduce=reduce)
    check("scatter", [base, value, index], kind, exact=False, rtol=1e-5, **settings)
    # The same row for all inner elements, as where messages are summed at nodes.
    line = draw.integers(0, shape[0], (shape[0], *[1] * (len(shape) - 1)))
    same = np.broadcast_to(line, shape)
    types = [Type.of(shape, float32), Type.of(shape, float32), Type.of(shape, int64)]
    kernel = kernel_of("scatter", types, [base, value, same], dict(axis=0, reduce=reduce))
    assert kernel.by_rows
    (found,), failed = run(kernel, [base, value, same], types[:1], kind, 2)
    expected = base.copy()
    {"add": np.add, "max": np.maximum}[reduce].at(expected, line.reshape(-1), value)
    assert not failed
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("inner", [1, 7, 300])
@pytest.mark.parametrize("by_frequency", [False, True])
def test_large_tables(kind: str, inner: int, by_frequency: bool) -> None:
    draw = np.random.default_rng(0)
    g, index = draw.standard_normal((40, 30, inner)).astype(np.float32), draw.integers(0, 50, (40, 30))
    settings = dict(rows=50, padding=3, by_frequency=by_frequency)
    check("embedding_gradient", [g, index], kind, exact=False, rtol=1e-5, **settings)
    check("embedding_gradient", [g, index], kind, [2, 1], exact=False, rtol=1e-5, **settings)


@pytest.mark.parametrize("kind", KINDS)
def test_images_get_back_what_was_read(kind: str) -> None:
    draw = np.random.default_rng(0)
    g, index = draw.standard_normal((3, 5, 900)).astype(np.float32), draw.integers(0, 64, (3, 900))
    check("spread_back", [g, index], kind, exact=False, rtol=1e-5, extent=65)
    check("spread_back", [g, index], kind, [1, 1], exact=False, rtol=1e-5, extent=65)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, deadline=None)
@given(
    lead=SHAPES,
    axes=st.lists(st.tuples(*[st.integers(1, 4)] * 3, st.integers(1, 2), st.integers(0, 2)), min_size=1, max_size=2),
    dtype=st.sampled_from(["float32", "float64", "int64"]),
    form=st.integers(0, 3),
    seed=st.integers(0, 1 << 20),
)
def test_fold(kind, lead, axes, dtype, form, seed) -> None:  # noqa: ANN001
    counts, size, stride, dilation, more = zip(*axes, strict=True)
    extents = [(c - 1) * s + (k - 1) * d + 1 + m for c, k, s, d, m in axes]
    windows = dict(size=size, stride=stride, dilation=dilation)
    check("fold", [numbers((*lead, *counts, *size), dtype, seed)], kind, [form], shape=(*lead, *extents), **windows)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wrong", [5, -1, 1 << 40])
def test_an_index_that_is_nowhere_fails(kind: str, wrong: int) -> None:
    g, index = laid_out(np.ones((4, 3), np.float32), 0), laid_out(np.array([0, wrong, 2, 4]), 0)
    types = [Type.of(g.shape, float32), Type.of(index.shape, int64)]
    settings = dict(rows=5, padding=None, by_frequency=False)
    kernel = kernel_of("embedding_gradient", types, [g, index], settings)
    _, failed = run(kernel, [g, index], [Type.of((5, 3), float32)], kind, 1)
    assert failed


@pytest.mark.parametrize("kind", ["avx512", "avx2", "sse", "neon"])
def test_every_machine(kind: str) -> None:
    types = [Type.of((40, 300), float32), Type.of((40, 300), float32), Type.of((40, 300), int64)]
    arrays = [np.zeros(type.shape, type.dtype.storage) for type in types]
    kernel = kernel_of("scatter", types, arrays, dict(axis=1, reduce="add"))
    machine = machine_of(kind)
    assert compile_only(GENERATORS[Scatter](kernel, machine).text, machine)
