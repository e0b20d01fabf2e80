"""How a special function runs over arrays: in blocks that stay in cache, in double precision, rounded once.

A *kernel* takes one-dimensional float64 arrays of one length, never writes to them, and returns a new one.
`elementwise` turns it into a function on arrays of any shape: operands are broadcast, float32 in gives float32 out.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Array = np.ndarray
Kernel = Callable[..., Array]

BLOCK = 8192  # doubles: a few temporaries of this length fit into a second-level cache


def result_dtype(name: str, arrays: Sequence[Array]) -> np.dtype:
    """The floating dtype that `arrays` promote to; TypeError when that is none."""
    dtype = np.result_type(*arrays)
    if dtype.kind != "f":
        raise TypeError(f"{name}: expected floating-point arrays, got {', '.join(str(a.dtype) for a in arrays)}")
    return dtype


def run_blocks(kernel: Kernel, arrays: Sequence[Array], dtype: np.dtype) -> Array:
    """Apply `kernel` block by block to the broadcast `arrays`; the result has `dtype`."""
    shape = np.broadcast_shapes(*(a.shape for a in arrays))
    out = np.empty(shape, dtype)
    flat_out = out.reshape(-1)
    flat = [a.reshape(1) if a.size == 1 else np.broadcast_to(a, shape).reshape(-1) for a in arrays]
    with np.errstate(all="ignore"):
        for start in range(0, flat_out.size, BLOCK):
            stop = min(start + BLOCK, flat_out.size)
            block = [np.full(stop - start, f[0], np.float64) if f.size == 1 else f[start:stop] for f in flat]
            flat_out[start:stop] = kernel(*(b.astype(np.float64, copy=False) for b in block))
    return out


def elementwise(kernel: Kernel) -> Callable[..., Array]:
    """The function on arrays of any shape that `kernel` describes."""

    @functools.wraps(kernel)
    def function(*operands: Any) -> Array:
        arrays = [np.asarray(o) for o in operands]
        return run_blocks(kernel, arrays, result_dtype(kernel.__name__, arrays))

    return function


def fill(out: Array, where: Array, kernel: Kernel, *operands: Array) -> None:
    """Set `out[where]` to the kernel of the operands there; runs the kernel only if there are any."""
    count = np.count_nonzero(where)
    if count == where.size:
        out[:] = kernel(*operands)
    elif count:
        index = np.flatnonzero(where)
        out[index] = kernel(*(operand[index] for operand in operands))


def horner(x: Array, coefficients: Sequence[float]) -> Array:
    """The polynomial with these coefficients, lowest power first."""
    result = x * coefficients[-1]
    result += coefficients[-2]
    for coefficient in coefficients[-3::-1]:
        result *= x
        result += coefficient
    return result


def sin_pi(x: Array) -> Array:
    """sin(pi x), exact at integers and half-integers."""
    r = x - 2.0 * np.rint(0.5 * x)
    folded = np.where(np.abs(r) > 0.5, np.copysign(1.0, r) - r, r)
    return np.sin(np.pi * folded)
