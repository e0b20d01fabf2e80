"""Numbers evenly apart: `arange`, `linspace`, `logspace`."""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np

from .. import dtype as dtypes
from ..dtype import FLOATING, INTEGER, complex128, decode, dtype, encode, float64, int64
from ..generator.rounding import multiply_add
from ..generator.seeding import default_generator
from .creation import _finish
from .geometry import require_cpu, require_strided
from .promotion import Defaults, default_complex, is_number
from .public import public
from .tensor import Tensor, from_values


def _range_dtype(*bounds: Any) -> dtype:
    return (
        int64
        if all(isinstance(b, (int, np.integer)) or (isinstance(b, Tensor) and b.dtype.category < 2) for b in bounds)
        else Defaults.dtype
    )


@public(method=False, out="dtype")
def arange(
    *bounds: Any,
    dtype: dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    start: Any = None,
    end: Any = None,
    step: Any = None,
) -> Tensor:
    """Numbers from `start` (0) up to but not including `end`, `step` apart."""
    require_cpu(device, "arange")
    require_strided(layout, "arange")
    given = list(bounds)
    if len(given) == 1 and end is None:
        given = [start if start is not None else 0, given[0]] if start is None else [given[0], start]
    elif end is not None:
        given = [*(given or [start if start is not None else 0]), end]
    if step is not None:
        given.append(step)
    if not 2 <= len(given) <= 3:
        raise TypeError(f"arange() takes 1 to 3 bounds (start, end, step), got {len(bounds)}")
    values = [b.item() if isinstance(b, Tensor) else b for b in given]
    first, last, by = (*values, 1)[:3]
    if by == 0:
        raise RuntimeError("step must be nonzero — arange")
    if not (np.isfinite(first) and np.isfinite(last)):
        raise RuntimeError(f"unsupported range: {first} -> {last} — arange")
    if (last - first) * by < 0:
        raise RuntimeError(f"upper bound and lower bound inconsistent with step sign — arange({first}, {last}, {by})")
    kind = dtype or _range_dtype(*given)
    if kind is int64:  # the other integers count with the fractions, and drop them then
        first, last, by = int(first), int(last), int(by)
        if by == 0:
            raise ValueError("step must be nonzero — arange: as an int64 it is 0")
    count = ceil((last - first) / by)
    if kind.category == 1:
        array = int(first) + np.arange(count, dtype=np.int64) * int(by)
    else:
        array = first + np.arange(count) * by
    return _finish(from_values(np.asarray(array).astype(kind.compute), kind), requires_grad)


@public(method=False)
def range_(start: Any = 0, end: Any = None, step: Any = 1, **options: Any) -> Tensor:
    """Like `arange` but with the end included; deprecated in PyTorch too."""
    if end is None:
        start, end = 0, start
    if step == 0:
        raise RuntimeError("step must be nonzero — range")
    if (end - start) * step < 0:
        raise RuntimeError(f"upper bound and lower bound inconsistent with step sign — range({start}, {end}, {step})")
    kind = options.pop("dtype", None) or Defaults.dtype
    count = int((end - start) / step) + 1
    return _finish(
        from_values((start + np.arange(count) * step).astype(kind.compute), kind), options.get("requires_grad", False)
    )


def _check_steps(op: str, start: Any, end: Any, steps: Any) -> None:
    for name, bound in (("start", start), ("end", end)):
        if not isinstance(bound, Tensor) and not is_number(bound):
            raise TypeError(f"{op}(): argument '{name}' must be Number, not {type(bound).__name__}")
    if not isinstance(steps, (int, np.integer)):
        raise TypeError(f"{op}(): argument 'steps' must be int, not {type(steps).__name__}")


def _symmetric_range(start: Any, end: Any, steps: int, kind: dtype) -> np.ndarray:
    """Evenly spaced from both ends towards the middle, as PyTorch computes it, in the dtype itself."""
    real = kind.compute if kind.category > 1 else np.dtype("f8")
    if kind.category == INTEGER:
        start, end = int(start), int(end)
    if kind.storage != kind.compute:  # half precision: the ends are rounded first
        start, end = (decode(encode(np.array(v, kind.compute), kind), kind) for v in (start, end))
    if steps == 1:
        return np.array([start]).astype(kind.compute)
    first, last = np.array(start).astype(real), np.array(end).astype(real)

    def rounded(values: np.ndarray) -> np.ndarray:
        """Half precision rounds after each operation; the others do so by themselves."""
        return values if kind.storage == kind.compute else decode(encode(values, kind), kind)

    with np.errstate(all="ignore"):
        width = rounded((rounded(last - first) / rounded(np.array(steps - 1).astype(real))).astype(real))
        place = np.arange(steps)
        if kind.storage == kind.compute and kind.category == FLOATING:
            fused = default_generator.engine.fused
            low = multiply_add(place.astype(real), float(width), float(first), fused)
            high = multiply_add((steps - 1 - place).astype(real), -float(width), float(last), fused)
        else:
            low = first + rounded(width * rounded(place.astype(real)))
            high = last - rounded(width * rounded((steps - 1 - place).astype(real)))
    return np.where(place < steps // 2, low, high).astype(kind.compute)


def _ends(
    op: str, start: Any, end: Any, steps: int, kind: dtype | None, layout: Any, device: Any
) -> tuple[Any, Any, dtype]:
    """The first and the last number of a range as Python numbers, and the range's dtype."""
    _check_steps(op, start, end, steps)
    require_cpu(device, op)
    require_strided(layout, op)
    start, end = (b.item() if isinstance(b, Tensor) else b for b in (start, end))
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    is_complex = isinstance(start, complex) or isinstance(end, complex)
    return start, end, kind or (default_complex() if is_complex else Defaults.dtype)


@public(method=False, out="dtype")
def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    dtype: dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """`steps` numbers evenly from `start` to `end`, both included."""
    start, end, kind = _ends("linspace", start, end, steps, dtype, layout, device)
    return _finish(from_values(_symmetric_range(start, end, steps, kind), kind), requires_grad)


@public(method=False, out="dtype")
def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    dtype: dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """`base` to the powers evenly from `start` to `end`."""
    start, end, kind = _ends("logspace", start, end, steps, dtype, layout, device)
    wide = complex128 if kind.is_complex else float64
    if kind.category == INTEGER:
        start, end = int(start), int(end)
    if kind.storage != kind.compute:  # half precision: the ends are rounded, the powers are not
        if steps > 1:
            start, end = (decode(encode(np.array(v, kind.compute), kind), kind) for v in (start, end))
        wide = dtypes.float32
    powers = _symmetric_range(start, end, steps, wide if kind.category < 2 or kind.storage != kind.compute else kind)
    with np.errstate(all="ignore"):
        return _finish(
            from_values(np.power(np.array(base).astype(powers.dtype), powers).astype(kind.compute), kind), requires_grad
        )
