"""`torch.accelerator`: there is none in this version, and every name says so as PyTorch does without one.

>>> import rushlight as torch
>>> torch.accelerator.is_available()
False
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "current_accelerator",
    "current_device_idx",
    "current_device_index",
    "current_stream",
    "device_count",
    "device_index",
    "empty_cache",
    "get_device_capability",
    "get_memory_info",
    "is_available",
    "max_memory_allocated",
    "max_memory_reserved",
    "memory_allocated",
    "memory_reserved",
    "memory_stats",
    "reset_accumulated_memory_stats",
    "reset_peak_memory_stats",
    "set_device_idx",
    "set_device_index",
    "set_stream",
    "synchronize",
]


def is_available() -> bool:
    """False."""
    return False


def device_count() -> int:
    """0."""
    return 0


def current_accelerator(check_available: bool = False) -> None:
    """None: there is no accelerator."""


class device_index:
    """Within it an accelerator is chosen; with None, nothing changes."""

    def __init__(self, device: int | None, /) -> None:
        self.idx = device

    def __enter__(self) -> None:
        if self.idx is not None:
            set_device_index(self.idx)

    def __exit__(self, *exception: Any) -> None:
        return None


def _without(name: str) -> Any:
    def call(device: Any = None, /) -> Any:
        raise RuntimeError(
            f"Cannot access accelerator device when none is available. — torch.accelerator.{name}: Rushlight computes on the CPU in "
            "this version; guard the call with torch.accelerator.is_available()"
        )

    call.__name__ = call.__qualname__ = name
    call.__doc__ = "RuntimeError: there is no accelerator."
    return call


current_device_index = current_device_idx = _without("current_device_index")
set_device_index = set_device_idx = _without("set_device_index")
current_stream, set_stream, synchronize, get_device_capability = map(
    _without, ("current_stream", "set_stream", "synchronize", "get_device_capability")
)
empty_cache, get_memory_info, memory_stats, reset_accumulated_memory_stats, reset_peak_memory_stats = map(
    _without,
    ("empty_cache", "get_memory_info", "memory_stats", "reset_accumulated_memory_stats", "reset_peak_memory_stats"),
)
memory_allocated, max_memory_allocated, memory_reserved, max_memory_reserved = map(
    _without, ("memory_allocated", "max_memory_allocated", "memory_reserved", "max_memory_reserved")
)
