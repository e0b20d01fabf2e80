"""What the library has: `__array_namespace_info__`."""

from __future__ import annotations

from typing import Any

import rushlight as torch
from rushlight import dtype

from .promotion import KINDS

_NAMES = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64 complex64 complex128".split()


class Info:
    """The standard's inspection functions. All is on the one device, the CPU."""

    def capabilities(self) -> dict[str, Any]:
        """What the standard leaves open and this library has."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> torch.device:
        """The device of arrays that name none."""
        return torch.get_default_device()

    def default_dtypes(self, *, device: Any = None) -> dict[str, dtype]:
        """The dtypes of arrays that name none; `torch.set_default_dtype` moves the floating ones."""
        real = torch.get_default_dtype()
        return {
            "real floating": real,
            "complex floating": torch.promote_types(real, torch.complex64),
            "integral": torch.int64,
            "indexing": torch.int64,
        }

    def dtypes(self, *, device: Any = None, kind: str | tuple[str, ...] | None = None) -> dict[str, dtype]:
        """The dtypes that the standard names, by name; those of a kind, or of several."""
        kinds = tuple(KINDS) if kind is None else (kind,) if isinstance(kind, str) else kind
        for one in kinds:
            if one not in KINDS:
                raise ValueError(f"dtypes(): kind {one!r} is unknown; the standard has {', '.join(map(repr, KINDS))}")
        wanted = {found for one in kinds for found in KINDS[one]}
        return {name: getattr(torch, name) for name in _NAMES if getattr(torch, name) in wanted}

    def devices(self) -> list[torch.device]:
        """The devices that arrays can be on."""
        return [torch.device("cpu")]


def __array_namespace_info__() -> Info:
    """The namespace of inspection functions."""
    return Info()
