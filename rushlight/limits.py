"""`finfo` and `iinfo`: what numbers a dtype has.

>>> from rushlight.dtype import float32, int8
>>> finfo(float32).eps
1.1920928955078125e-07
>>> iinfo(int8).max
127
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .dtype import BOOL, INTEGER, bfloat16, dtype, float32

_BFLOAT16 = {"bits": 16, "eps": 2.0**-7, "max": 3.3895313892515355e38, "tiny": 2.0**-126, "resolution": 0.01}
# The formats of a byte: https://arxiv.org/abs/2209.05433 (e4m3fn, e5m2), https://arxiv.org/abs/2206.02915 (…fnuz), and the scale of the
# OCP microscaling formats (e8m0fnu). Each: eps, max, min, the least normal number.
_BYTES = {
    "float8_e4m3fn": (2.0**-3, 448.0, -448.0, 2.0**-6),
    "float8_e4m3fnuz": (2.0**-3, 240.0, -240.0, 2.0**-7),
    "float8_e5m2": (2.0**-2, 57344.0, -57344.0, 2.0**-14),
    "float8_e5m2fnuz": (2.0**-3, 57344.0, -57344.0, 2.0**-15),
    "float8_e8m0fnu": (1.0, 2.0**127, 2.0**-127, 2.0**-127),
}


class _Limits:
    """Read-only attributes with PyTorch's repr."""

    _shown: tuple[str, ...] = ()
    _name = ""

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name):g}" for name in self._shown)
        return f"{self._name}({shown}, dtype={self.dtype})"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.dtype == other.dtype  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash(self.dtype)

    dtype: str


class finfo(_Limits):
    """Limits of a floating dtype (the default one where none is given); of a complex one those of its parts."""

    _shown = ("resolution", "min", "max", "eps", "smallest_normal", "tiny")
    _name = "finfo"

    def __init__(self, type: dtype = float32) -> None:
        if type.category <= INTEGER:
            raise TypeError(f"torch.finfo() requires a floating point input type. Use torch.iinfo to handle '{type!r}'")
        if type.name in _BYTES:
            self._of_a_byte(type.name)
            return
        real = type.to_real()
        self.dtype = real.name
        facts: Any = _BFLOAT16 if real is bfloat16 else None
        if facts is None:
            info = np.finfo(real.storage)
            facts = {"bits": info.bits, "eps": float(info.eps), "max": float(info.max), "tiny": float(info.tiny)}
            facts["resolution"] = 10.0**-info.precision
        self.bits: int = facts["bits"]
        self.eps: float = facts["eps"]
        self.max: float = facts["max"]
        self.min: float = -facts["max"]
        self.tiny: float = facts["tiny"]
        self.smallest_normal: float = facts["tiny"]
        self.resolution: float = facts["resolution"]

    def _of_a_byte(self, name: str) -> None:
        self.dtype, self.bits, self.resolution = name, 8, 1.0
        self.eps, self.max, self.min, self.tiny = _BYTES[name]
        self.smallest_normal = self.tiny


class iinfo(_Limits):
    """Limits of an integer dtype."""

    _shown = ("min", "max")
    _name = "iinfo"

    def __init__(self, type: dtype) -> None:
        if type.category == BOOL:
            raise TypeError("torch.bool is not supported by torch.iinfo")
        if type.category != INTEGER:
            raise TypeError(f"torch.iinfo() requires an integer input type. Use torch.finfo to handle '{type!r}'")
        info = np.iinfo(type.storage)
        self.dtype = type.name
        self.bits: int = info.bits
        self.min: int = int(info.min)
        self.max: int = int(info.max)
