"""Runs a template's kernel on arrays against the op's own evaluation.

Operands and results lie between pages that may not be touched; scratch memory has canaries behind it; several numbers of threads must give
the same bits.
"""

from __future__ import annotations

import ctypes
import itertools
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.backend.cpu.build import available, compiled, machine_of
from rushlight.backend.cpu.generate import GENERATORS
from rushlight.backend.cpu.generated import FAILURE, OPERANDS, SCRATCH
from rushlight.dtype import BY_NAME
from rushlight.ir import embedding, sampling  # noqa: F401  (they register their records)
from rushlight.ir.graph import signature_of
from rushlight.ir.op import bind, registry
from rushlight.ir.type import TupleType, Type
from rushlight.kernel.buffer import Buffer
from rushlight.kernel.templates import TEMPLATES

from ..fuzz.guarded import guarded

KINDS = [kind for kind in ("avx512", "avx2", "sse", "neon") if available() and machine_of(kind).native]
_numbers = itertools.count()


def laid_out(array: np.ndarray, form: int) -> np.ndarray:
    """The same values in guarded memory: as rows, as columns, reversed, every second."""
    array = np.asarray(array)
    order = tuple(reversed(range(array.ndim))) if form == 1 else tuple(range(array.ndim))
    step = {2: -1, 3: 2}.get(form, 1)
    shape = [array.shape[axis] for axis in order]
    if array.ndim and step == 2:
        shape[-1] = max(0, 2 * shape[-1] - 1)
    memory = guarded(tuple(shape), array.dtype)
    view = memory[..., ::step] if array.ndim else memory
    view = view.transpose(np.argsort(order)) if array.ndim else view
    view[...] = array
    return view


def buffer_of(array: np.ndarray, name: str) -> Buffer:
    return Buffer(BY_NAME[name], array.shape, tuple(step // array.itemsize for step in array.strides))


def kernel_of(op: str, types: Sequence[Type], arrays: Sequence[np.ndarray], attributes: dict[str, Any]) -> Any:
    """The kernel that the op's template gives for these arrays, or None."""
    found = signature_of(registry[op], tuple(types), attributes)
    return TEMPLATES[op](found, tuple(buffer_of(a, t.dtype.name) for a, t in zip(arrays, types, strict=True)))


def run(
    kernel: Any, arrays: Sequence[np.ndarray], results: Sequence[Type], kind: str, threads: int
) -> tuple[list[np.ndarray], bool]:
    """The results of a kernel, and whether it reported a failure."""
    machine = machine_of(kind)
    (entry,) = compiled(
        [(f"test {next(_numbers)} {kernel.key()}", lambda: GENERATORS[type(kernel)](kernel, machine))], machine
    )
    threads = threads if entry.parallel else 1
    outputs = [guarded(type.shape, type.dtype.storage) for type in results]
    scratch = guarded((entry.shared + threads * entry.per_thread,), np.uint8, align=64)
    barrier, failed = guarded((16,), np.int64, align=64), np.zeros(1, np.int64)
    barrier[...] = 0
    slots = np.zeros(OPERANDS + len(arrays) + len(outputs), np.int64)
    slots[0], slots[SCRATCH], slots[FAILURE] = barrier.ctypes.data, scratch.ctypes.data, failed.ctypes.data
    slots[OPERANDS:] = [array.__array_interface__["data"][0] for array in (*arrays, *outputs)]
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(entry.address)
    others = [threading.Thread(target=function, args=(slots.ctypes.data, t, threads)) for t in range(1, threads)]
    for thread in others:
        thread.start()
    function(slots.ctypes.data, 0, threads)
    for thread in others:
        thread.join()
    return [output.copy() for output in outputs], bool(failed[0])


def check(
    op: str,
    arrays: Sequence[np.ndarray],
    kind: str,
    /,
    forms: Sequence[int] = (),
    dtypes: Sequence[str] = (),
    exact: bool = True,
    rtol: float = 1e-6,
    **attributes: Any,
) -> None:
    """That the kernel means what the op means, for one thread and for three."""
    forms = [*forms, *[0] * (len(arrays) - len(forms))]
    names = dtypes or [array.dtype.name for array in arrays]
    arrays = [laid_out(array, form) for array, form in zip(arrays, forms, strict=True)]
    types = [Type.of(array.shape, BY_NAME[name]) for array, name in zip(arrays, names, strict=True)]
    found = signature_of(registry[op], tuple(types), attributes)
    # Contiguous ones: where places repeat, NumPy's order of assignment depends on how its arrays lie.
    wanted = bind(found)(*[np.array(array, order="C") for array in arrays])
    kernel = kernel_of(op, types, arrays, attributes)
    assert kernel is not None, f"{op} has no kernel for {types}"
    parts = found.type.parts if isinstance(found.type, TupleType) else (found.type,)
    expected = wanted if isinstance(wanted, tuple) else (wanted,)
    alone, failed = run(kernel, arrays, parts, kind, 1)
    assert not failed
    for ours, theirs in zip(alone, expected, strict=True):
        if exact:
            np.testing.assert_array_equal(ours, theirs)
        else:
            np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=rtol)
    together, _ = run(kernel, arrays, parts, kind, 3)
    for ours, theirs in zip(alone, together, strict=True):
        assert ours.tobytes() == theirs.tobytes()
