"""Kernels of attention against the interpreter's evaluation of the same records."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight
from rushlight.backend.cpu.build import available
from rushlight.dtype import BY_NAME
from rushlight.ir.attention import attention
from rushlight.ir.graph import signature_of, trace
from rushlight.ir.op import bind
from rushlight.ir.type import Type
from rushlight.kernel.attention import Attention
from rushlight.runtime.compiled import CompiledPlan

from .template_runner import KINDS, check

pytestmark = pytest.mark.skipif(not available(), reason="kernels cannot be compiled here")
TOLERANCE = {"float32": 2e-5, "float64": 1e-13}


def operands(
    batch: tuple[int, ...], length: int, source: int, sizes: tuple[int, int], dtype: str, mask: str = ""
) -> list[np.ndarray]:
    """Queries, keys, values, the mask if there is one, the scale."""
    random = np.random.default_rng(length + 3 * source)
    shapes = [(*batch, length, sizes[0]), (*batch, source, sizes[0]), (*batch, source, sizes[1])]
    arrays = [random.standard_normal(shape).astype(dtype) for shape in shapes]
    if mask:
        seen = random.random((*batch, length, source)) > 0.3
        seen[..., length // 2, :] = False
        added = np.where(seen, random.standard_normal(seen.shape), -np.inf).astype(dtype)
        arrays.append(seen if mask == "bool" else added)
    return [*arrays, np.array(sizes[0] ** -0.5, dtype)]


def back_operands(arrays: list[np.ndarray], causal: bool) -> list[np.ndarray]:
    """Those of `attention_gradient`, of an attention with these operands."""
    types = tuple(Type.of(array.shape, BY_NAME[array.dtype.name]) for array in arrays)
    result, sums = bind(signature_of(attention, types, {"causal": causal}))(*arrays)
    random = np.random.default_rng(1)
    g = random.standard_normal(result.shape).astype(result.dtype)
    return [*arrays, g, sums, (g * result).sum(-1)]


def check_both(arrays: list[np.ndarray], kind: str, causal: bool, forms: tuple[int, ...] = ()) -> None:
    settings: dict[str, Any] = {"exact": False, "rtol": TOLERANCE[arrays[0].dtype.name], "causal": causal}
    check("attention", arrays, kind, forms, **settings)
    check("attention_gradient", back_operands(arrays, causal), kind, forms, **settings)


SIZES = [  # queries, keys, columns of both and of values; causal in every second
    (1, 1, 1, 1),
    (17, 17, 8, 8),
    (33, 33, 33, 33),
    (65, 65, 64, 64),
    (127, 127, 80, 80),
    (127, 127, 16, 16),
    (5, 70, 16, 3),
    (70, 5, 3, 20),
    (300, 280, 20, 24),
    (40, 40, 16, 16),
]


@pytest.mark.parametrize("machine", KINDS)
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_sizes(machine: str, sizes: tuple[int, int, int, int]) -> None:
    length, source, *columns = sizes
    place = SIZES.index(sizes)
    for dtype in ("float32", "float64") if place < 4 else ("float32",):
        check_both(operands((2, 3), length, source, (columns[0], columns[1]), dtype), machine, place % 2 == 1)
    if place >= 6:
        check_both(operands((2,), length, source, (columns[0], columns[1]), "float64"), machine, place % 2 == 0)


@pytest.mark.parametrize("machine", KINDS)
@pytest.mark.parametrize("mask", ["bool", "added"])
@pytest.mark.parametrize("causal", [False, True], ids=["", "causal"])
def test_masks(machine: str, mask: str, causal: bool) -> None:
    """With rows that may look at nothing."""
    for length, source, dtype in ((1, 1, "float32"), (33, 65, "float32"), (60, 35, "float64")):
        check_both(operands((2, 2), length, source, (9, 8), dtype, mask), machine, causal)


@pytest.mark.parametrize("machine", KINDS)
@pytest.mark.parametrize("form", [1, 2, 3])
def test_operands_lie_anyhow(machine: str, form: int) -> None:
    """As columns, reversed, every second."""
    arrays = operands((2, 3), 37, 41, (18, 20), "float32", "bool")
    check_both(arrays, machine, False, (form, form, form, form))
    check_both(operands((3,), 20, 50, (16, 16), "float32", "added"), machine, True, (form, form, form, form))


def captured(build: Callable[[], Any]) -> CompiledPlan:
    """The plan of what `build` records."""
    trace.reset()
    kept = build()
    nodes = [None if reference is None else reference() for reference in trace.references]
    live = tuple(slot for slot, node in enumerate(nodes) if node is not None and node.value is None)
    plan = CompiledPlan(tuple(trace.key), live, list(trace.inputs))
    del kept
    return plan


def test_packed_projections_are_read_as_they_lie() -> None:
    """Queries, keys and values of one product with a bias: no kernel stands between the product and attention, neither way."""
    rushlight.manual_seed(0)
    x, weight, bias = rushlight.randn(2, 9, 24), rushlight.randn(72, 24), rushlight.randn(72)
    for each in (x, weight, bias):
        each.requires_grad_()
    x.sum().item()

    def build() -> Any:
        packed = rushlight.nn.functional.linear(x, weight, bias).split(24, dim=2)
        q, k, v = (part.view(2, 9, 3, 8).transpose(1, 2) for part in packed)
        y = rushlight.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return rushlight.autograd.grad(y.sum(), (x, weight, bias))

    plan = captured(build)
    launches = [launch for segment in plan.segments for launch in getattr(segment, "launches", ())]
    kernels = [launch.kernel for launch in launches]
    kinds = [type(kernel).__name__ for kernel in kernels]
    assert len(plan.segments) == 1
    assert kinds.count("Attention") == 2
    assert kinds[: kinds.index("Attention")].count("Contract") == 1
    assert all(each.q.strides[-2] == 72 for each in kernels if isinstance(each, Attention))
    assert not any(buffer.shape[-2:] == (9, 9) for kernel in kernels for buffer in kernel.results)  # the scores
