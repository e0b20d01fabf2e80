"""Tells whether two results are equal as PyTorch's own tests would have it.

Tolerances are `torch.testing.assert_close`'s, per dtype; wider ones come only from an OpInfo's own overrides. Strides
are not compared. Where a value is out of tolerance, `as_accurate` lets a second judge decide: a result that lies as
near to the double-precision result as PyTorch's own does is right.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

DEFAULT: dict[torch.dtype, tuple[float, float]] = {  # (rtol, atol)
    torch.float16: (1e-3, 1e-5),
    torch.bfloat16: (1.6e-2, 1e-5),
    torch.float32: (1.3e-6, 1e-5),
    torch.float64: (1e-7, 1e-7),
    torch.complex64: (1.3e-6, 1e-5),
    torch.complex128: (1e-7, 1e-7),
}


@dataclass
class Tolerances:
    """What to allow for each dtype: the defaults, widened by `overrides`; nothing at all when `exact`."""

    overrides: dict[torch.dtype, tuple[float, float]] = field(default_factory=dict)
    exact: bool = False

    def of(self, dtype: torch.dtype) -> tuple[float, float]:
        """Relative and absolute tolerance."""
        if self.exact:
            return 0.0, 0.0
        rtol, atol = DEFAULT.get(dtype, (0.0, 0.0))
        wider = self.overrides.get(dtype, (0.0, 0.0))
        return max(rtol, wider[0]), max(atol, wider[1])


def _describe(t: torch.Tensor) -> str:
    return f"{str(t.dtype).removeprefix('torch.')}{tuple(t.shape)}"


def _element(actual: torch.Tensor, expected: torch.Tensor, wrong: torch.Tensor, rtol: float, atol: float) -> str:
    place = tuple(int(i) for i in wrong.nonzero()[0])
    count = int(wrong.sum())
    got, wanted = actual[place].item(), expected[place].item()
    return f"value at {place}: got {got!r}, expected {wanted!r}; {count} of {wrong.numel()} (rtol {rtol}, atol {atol})"


def tensor_problem(actual: torch.Tensor, expected: torch.Tensor, tolerances: Tolerances) -> str | None:
    """What differs between two tensors of PyTorch's, in words, or None."""
    if actual.dtype != expected.dtype or actual.shape != expected.shape:
        what = "shape" if actual.dtype == expected.dtype else "dtype"
        return f"{what}: got {_describe(actual)}, expected {_describe(expected)}"
    plain = actual.layout is expected.layout is torch.strided
    if expected.numel() == 0 or (plain and torch.equal(actual, expected)):
        return None
    if actual.layout is not expected.layout:
        return f"layout: got {actual.layout}, expected {expected.layout}"
    if expected.layout is not torch.strided:
        return tensor_problem(actual.to_dense(), expected.to_dense(), tolerances)
    rtol, atol = tolerances.of(expected.dtype)
    if expected.dtype in (torch.float16, torch.bfloat16):
        close = torch.isclose(actual.float(), expected.float(), rtol=rtol, atol=atol, equal_nan=True)
    elif expected.dtype in (torch.uint16, torch.uint32, torch.uint64):
        close = actual.to(torch.int64) == expected.to(torch.int64)
    else:
        close = torch.isclose(actual, expected, rtol=rtol, atol=atol, equal_nan=True)
    return None if bool(close.all()) else _element(actual, expected, ~close, rtol, atol)


def problem(actual: Any, expected: Any, tolerances: Tolerances) -> str | None:
    """What differs between two results (tensors, numbers, nests of them), in words, or None."""
    if isinstance(expected, torch.Tensor):
        if not isinstance(actual, torch.Tensor):
            return f"type: got {type(actual).__name__}, expected a tensor"
        return tensor_problem(actual, expected, tolerances)
    if isinstance(expected, (list, tuple)) and not isinstance(expected, str):
        if not isinstance(actual, (list, tuple)):
            return f"type: got {type(actual).__name__}, expected {type(expected).__name__}"
        if len(actual) != len(expected):
            return f"length: got {len(actual)}, expected {len(expected)}"
        found = (problem(a, e, tolerances) for a, e in zip(actual, expected, strict=True))
        return next((f"result {i}: {p}" for i, p in enumerate(found) if p), None)
    if isinstance(expected, dict):
        if not isinstance(actual, dict) or list(actual) != list(expected):
            return f"keys: got {actual!r}, expected {list(expected)}"
        found = (problem(actual[k], expected[k], tolerances) for k in expected)
        return next((f"{k}: {p}" for k, p in zip(expected, found, strict=True) if p), None)
    if isinstance(expected, (bool, int, float, complex)):
        if type(actual) is not type(expected):
            return f"type: got {type(actual).__name__} {actual!r}, expected {type(expected).__name__} {expected!r}"
        if isinstance(expected, (float, complex)):
            rtol, atol = tolerances.of(torch.float32)
            if np.isclose(actual, expected, rtol=rtol, atol=atol, equal_nan=True):
                return None
    return None if actual == expected else f"got {actual!r}, expected {expected!r}"


def _distance(t: torch.Tensor, exact: torch.Tensor, rtol: float, atol: float) -> float:
    """The greatest error in units of the tolerance; infinite where NaN or infinity stand in other places."""
    wide = torch.complex128 if t.is_complex() else torch.float64
    t, exact = t.to(wide), exact.to(wide)
    if not torch.equal(torch.isfinite(t), torch.isfinite(exact)):
        return float("inf")
    finite = torch.isfinite(t)
    if not torch.equal(torch.isnan(t), torch.isnan(exact)) or not torch.equal(
        t[~finite & ~torch.isnan(t)], exact[~finite & ~torch.isnan(exact)]
    ):
        return float("inf")
    t, exact = t[finite], exact[finite]
    return float(((t - exact).abs() / (atol + rtol * exact.abs())).max()) if t.numel() else 0.0


def as_accurate(actual: Any, expected: Any, exact: Any, tolerances: Tolerances) -> bool:
    """Whether each result is within tolerance of the double-precision one, or at most twice as far as PyTorch's."""
    if isinstance(expected, (list, tuple)):
        return len(exact) == len(expected) and all(
            as_accurate(a, e, x, tolerances) for a, e, x in zip(actual, expected, exact, strict=True)
        )
    if not isinstance(expected, torch.Tensor) or problem(actual, expected, tolerances) is None:
        return problem(actual, expected, tolerances) is None
    if not (expected.is_floating_point() or expected.is_complex()) or expected.shape != exact.shape:
        return False
    if actual.dtype != expected.dtype or actual.shape != expected.shape or tolerances.exact:
        return False
    rtol, atol = tolerances.of(expected.dtype)
    return _distance(actual, exact, rtol, atol) <= max(1.0, 2.0 * _distance(expected, exact, rtol, atol))
