"""Scans, compiled, against the op's own evaluation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rushlight.backend.cpu.build import available, compile_only, machine_of
from rushlight.backend.cpu.generate import GENERATORS
from rushlight.dtype import BY_NAME, encode, float32
from rushlight.ir.type import Type
from rushlight.kernel.scan import Scan

from .template_runner import KINDS, check, kernel_of

pytestmark = pytest.mark.skipif(not available(), reason="kernels cannot be compiled here")
SHAPES = st.one_of(
    st.lists(st.integers(1, 5), min_size=1, max_size=4).map(tuple),
    st.tuples(st.integers(1, 3), st.integers(1, 40)),
    st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 40)),
)


def numbers(shape: tuple[int, ...], dtype: str, seed: int, special: bool = False) -> np.ndarray:
    """Small whole numbers, so that sums are exact whatever their order."""
    draw = np.random.default_rng(seed)
    found = np.asarray(draw.integers(0 if dtype.startswith("uint") else -2, 4, shape))
    if not dtype.startswith(("float", "bfloat")):
        return found.astype(dtype)
    found = found.astype(np.float32)
    if special:
        found[draw.random(shape) < 0.1] = np.nan
        found[draw.random(shape) < 0.1] = np.inf
    return encode(found, BY_NAME[dtype])


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=80, deadline=None)
@given(
    op=st.sampled_from(["cumsum", "cumprod", "argcummax", "argcummin"]),
    shape=SHAPES,
    axis=st.integers(0, 3),
    dtype=st.sampled_from(["float32", "float64", "bfloat16", "float16", "int64", "int32", "uint8"]),
    form=st.integers(0, 3),
    special=st.booleans(),
    seed=st.integers(0, 1 << 20),
)
def test_scans(kind, op, shape, axis, dtype, form, special, seed) -> None:  # noqa: ANN001
    x = numbers(shape, dtype, seed, special)
    if op == "cumprod" and dtype.startswith(("float", "bfloat")):
        x = np.sign(x) if dtype in ("float32", "float64") else encode(np.ones(shape, np.float32) * 2, BY_NAME[dtype])
    if op == "cumprod" and dtype == "float16":
        x = encode(np.ones(shape, np.float32) * -1, BY_NAME[dtype])
    check(op, [x], kind, [form], [dtype], axis=axis % len(shape))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, deadline=None)
@given(
    shape=SHAPES,
    axis=st.integers(0, 3),
    dtype=st.sampled_from(["float32", "float64"]),
    forms=st.lists(st.integers(0, 3), min_size=3, max_size=3),
    special=st.booleans(),
    seed=st.integers(0, 1 << 20),
)
def test_logarithmic_sums(kind, shape, axis, dtype, forms, special, seed) -> None:  # noqa: ANN001
    axis %= len(shape)
    draw = np.random.default_rng(seed)
    x = draw.uniform(-3, 3, shape).astype(dtype)
    g = draw.uniform(-2, 2, shape).astype(dtype)
    if special:
        x[draw.random(shape) < 0.1] = -np.inf
        g[draw.random(shape) < 0.3] = 0
    rtol = 1e-5 if dtype == "float32" else 1e-12
    check("logcumsumexp", [x], kind, forms[:1], exact=False, rtol=rtol, axis=axis)
    y = np.logaddexp.accumulate(np.where(np.isinf(x), -9, x), axis)
    check("logcumsumexp_back", [g, y, x], kind, forms, exact=False, rtol=rtol, axis=axis)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("op", ["cumsum", "cumprod", "logcumsumexp", "argcummax"])
@pytest.mark.parametrize("shape, axis", [((40, 500), 0), ((40, 500), 1), ((6, 50, 70), 1), ((20000,), 0)])
def test_shared_by_a_team(kind: str, op: str, shape: tuple[int, ...], axis: int) -> None:
    x = np.random.default_rng(0).uniform(0.9, 1.1, shape)
    check(op, [x], kind, exact=op == "argcummax", rtol=1e-10, axis=axis)
    check(op, [x], kind, [1], exact=op == "argcummax", rtol=1e-10, axis=axis)


@pytest.mark.parametrize("kind", ["avx512", "avx2", "sse", "neon"])
@pytest.mark.parametrize("op", ["cumsum", "logcumsumexp", "argcummin"])
def test_every_machine(kind: str, op: str) -> None:
    type = Type.of((40, 30), float32)
    kernel = kernel_of(op, [type], [np.zeros(type.shape, np.float32)], dict(axis=1))
    machine = machine_of(kind)
    assert compile_only(GENERATORS[Scan](kernel, machine).text, machine)
