"""`torch.cuda`: there is no CUDA device in this version, and every name says so in PyTorch's way.

What PyTorch allows without a device (asking, seeding, emptying caches) is allowed; what needs one raises.

>>> import rushlight as torch
>>> torch.cuda.is_available()
False
"""

from __future__ import annotations

from typing import Any, NoReturn

from ..errors import OutOfMemoryError

__all__ = [
    "OutOfMemoryError",
    "current_device",
    "device_count",
    "empty_cache",
    "get_device_name",
    "get_device_properties",
    "is_available",
    "is_bf16_supported",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "max_memory_reserved",
    "memory_allocated",
    "memory_reserved",
    "reset_peak_memory_stats",
    "set_device",
    "synchronize",
]


def _missing(name: str) -> NoReturn:
    raise RuntimeError(
        f"torch.cuda.{name}: Rushlight computes on the CPU in this version; guard the call with torch.cuda.is_available()"
    )


def is_available() -> bool:
    """False."""
    return False


def is_initialized() -> bool:
    """False."""
    return False


def device_count() -> int:
    """0."""
    return 0


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """False: there is no device."""
    return False


def manual_seed(seed: int) -> None:
    """Nothing: there is no device to seed."""
    int(seed)


def manual_seed_all(seed: int) -> None:
    """Nothing: there is no device to seed."""
    int(seed)


def empty_cache() -> None:
    """Nothing: there is no cache of a device's memory."""


def memory_allocated(device: Any = None) -> int:
    """0."""
    return 0


def max_memory_allocated(device: Any = None) -> int:
    """0."""
    return 0


def memory_reserved(device: Any = None) -> int:
    """0."""
    return 0


def max_memory_reserved(device: Any = None) -> int:
    """0."""
    return 0


def reset_peak_memory_stats(device: Any = None) -> None:
    """Nothing: there is nothing to reset."""


def set_device(device: Any) -> None:
    """RuntimeError, unless the device is negative (no device), as in PyTorch."""
    if not (isinstance(device, int) and device < 0):
        _missing("set_device")


def synchronize(device: Any = None) -> None:
    """RuntimeError: there is no device to wait for."""
    _missing("synchronize")


def current_device() -> int:
    """RuntimeError: there is no device."""
    _missing("current_device")


def get_device_name(device: Any = None) -> str:
    """RuntimeError: there is no device."""
    _missing("get_device_name")


def get_device_properties(device: Any = None) -> Any:
    """RuntimeError: there is no device."""
    _missing("get_device_properties")
