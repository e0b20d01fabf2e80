"""Kernels of recurrent layers against the interpreter's evaluation of the same records."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rushlight.backend.cpu.build import available, compile_only, machine_of
from rushlight.backend.cpu.generate import GENERATORS
from rushlight.backend.cpu.recurrence.division import divide
from rushlight.dtype import BY_NAME
from rushlight.ir.graph import signature_of
from rushlight.ir.op import bind
from rushlight.ir.recurrent import recurrence, recurrence_back
from rushlight.ir.type import Type

from .template_runner import KINDS, check, kernel_of, run

pytestmark = pytest.mark.skipif(not available(), reason="kernels cannot be compiled here")
GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}
PARTS = {"LSTM": 3, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}
TOLERANCE = {"float32": 2e-5, "float64": 1e-13}
Sizes = tuple[int, int, int]  # steps, rows, units


def operands(kind: str, sizes: Sizes, dtype: str) -> list[np.ndarray]:
    """Those of `recurrence`."""
    length, rows, units = sizes
    wide = GATES[kind] * units
    shapes = [(length, rows, wide), (wide, units), (rows, units)]
    shapes += {"LSTM": [(rows, units)], "GRU": [(wide,)]}.get(kind, [])
    random = np.random.default_rng(0)
    arrays = [random.standard_normal(shape) for shape in shapes]
    arrays[1] /= units**0.5
    return [array.astype(dtype) for array in arrays]


def back_operands(kind: str, arrays: list[np.ndarray], reverse: bool, given: tuple[bool, ...]) -> list[np.ndarray]:
    """Those of `recurrence_back`, of a layer with these operands."""
    types = tuple(Type.of(array.shape, BY_NAME[array.dtype.name]) for array in arrays)
    saved = bind(signature_of(recurrence, types, {"kind": kind, "reverse": reverse}))(*arrays)
    random = np.random.default_rng(1)
    cotangents = [random.standard_normal(part.shape).astype(part.dtype) for part in saved]
    return [*[each for each, has in zip(cotangents, given, strict=True) if has], *saved, *arrays[1:]]


def check_both(kind: str, sizes: Sizes, dtype: str, machine: str, reverse: bool, all_given: bool) -> None:
    arrays = operands(kind, sizes, dtype)
    attributes: dict[str, Any] = {"kind": kind, "reverse": reverse}
    check("recurrence", arrays, machine, exact=False, rtol=TOLERANCE[dtype], **attributes)
    given = (True, *[all_given] * (PARTS[kind] - 1))
    arrays = back_operands(kind, arrays, reverse, given)
    check("recurrence_back", arrays, machine, exact=False, rtol=TOLERANCE[dtype], given=given, **attributes)


sizes = st.tuples(
    st.integers(1, 4), st.sampled_from([1, 2, 3, 7, 15, 20, 33]), st.sampled_from([1, 2, 3, 5, 8, 16, 17, 20, 33])
)


@pytest.mark.parametrize("machine", KINDS)
@pytest.mark.parametrize("kind", GATES)
@settings(max_examples=12, deadline=None)
@given(sizes=sizes, dtype=st.sampled_from(["float32", "float64"]), reverse=st.booleans(), all_given=st.booleans())
def test_any_sizes(machine: str, kind: str, sizes: Sizes, dtype: str, reverse: bool, all_given: bool) -> None:
    check_both(kind, sizes, dtype, machine, reverse, all_given)


@pytest.mark.parametrize("machine", KINDS)
@pytest.mark.parametrize("kind", GATES)
@pytest.mark.parametrize("sizes", [(4, 40, 72), (3, 2, 150)], ids=["by rows", "by units"])
def test_shared_by_threads(machine: str, kind: str, sizes: Sizes) -> None:
    for dtype in ("float32", "float64"):
        check_both(kind, sizes, dtype, machine, False, False)


def test_many_weights_are_shared_by_units() -> None:
    machine = machine_of(KINDS[0])
    assert divide(machine, 4, 2, 150, 4, 150).by_units
    assert not divide(machine, 4, 40, 72, 4, 72).by_units
    units = 8 * machine.l2 // 1024
    assert divide(machine, 4, 64, units, 4, units).by_units


def test_large_layers() -> None:
    """Weights beyond the second cache, terms in several chunks."""
    check_both("LSTM", (2, 20, 650), "float32", KINDS[0], False, False)
    check_both("GRU", (2, 9, 520), "float32", KINDS[0], True, False)


@pytest.mark.parametrize("kind", GATES)
@pytest.mark.parametrize("form", [1, 2, 3])
def test_operands_lie_anyhow(kind: str, form: int) -> None:
    """As columns, reversed, every second: what is no result of the layer may be a view of anything."""
    arrays = operands(kind, (3, 5, 18), "float32")
    forms = [form] * len(arrays)
    check("recurrence", arrays, KINDS[0], forms, exact=False, rtol=2e-5, kind=kind, reverse=False)
    given = (True, *[True] * (PARTS[kind] - 1))
    arrays = back_operands(kind, arrays, False, given)
    forms = [form] * len(given) + [0] * len(given) + [form] * len(forms[1:])
    check("recurrence_back", arrays, KINDS[0], forms, exact=False, rtol=2e-5, given=given, kind=kind, reverse=False)


def test_expanded_cotangents() -> None:
    """One number for all elements."""
    arrays = back_operands("LSTM", operands("LSTM", (3, 4, 20), "float32"), False, (True, False, False))
    arrays[0] = np.broadcast_to(np.float32(0.5), arrays[0].shape)
    types = [Type.of(array.shape, BY_NAME["float32"]) for array in arrays]
    attributes = {"given": (True, False, False), "kind": "LSTM", "reverse": False}
    found = signature_of(recurrence_back, tuple(types), attributes)
    kernel = kernel_of("recurrence_back", types, arrays, attributes)
    ours, _ = run(kernel, arrays, found.type.parts, KINDS[0], 1)
    for one, other in zip(ours, bind(found)(*arrays), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("kind", GATES)
def test_not_a_number_stays(kind: str) -> None:
    arrays = operands(kind, (3, 4, 20), "float32")
    arrays[0][1, 2, 5], arrays[0][1, 1, 3], arrays[0][0, 0, 7] = np.nan, np.inf, -np.inf
    check("recurrence", arrays, KINDS[0], exact=False, rtol=2e-5, kind=kind, reverse=False)


def test_what_has_no_kernel() -> None:
    for kind, sizes, dtype in (
        ("LSTM", (0, 2, 3), "float32"),
        ("GRU", (2, 0, 3), "float32"),
        ("LSTM", (2, 2, 3), "bfloat16"),
    ):
        arrays = operands(kind, sizes, "float32")
        types = [Type.of(array.shape, BY_NAME[dtype]) for array in arrays]
        assert kernel_of("recurrence", types, arrays, {"kind": kind, "reverse": False}) is None


def test_compiles_for_every_machine() -> None:
    arrays = operands("LSTM", (3, 4, 20), "float32")
    types = [Type.of(array.shape, BY_NAME["float32"]) for array in arrays]
    kernel = kernel_of("recurrence", types, arrays, {"kind": "LSTM", "reverse": False})
    compile_only(GENERATORS[type(kernel)](kernel, machine_of("neon")).text, machine_of("neon"))
