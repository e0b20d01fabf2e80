"""`torch.accelerator`: there is none in this version, and every name says so as PyTorch does without one.

>>> import rushlight as torch
>>> torch.accelerator.is_available()
False
"""

from __future__ import annotations

from typing import Any

__all__ = ["current_accelerator", "device_count", "is_available", "synchronize"]


def is_available() -> bool:
    """False."""
    return False


def device_count() -> int:
    """0."""
    return 0


def current_accelerator(check_available: bool = False) -> None:
    """None: there is no accelerator."""


def synchronize(device: Any = None) -> None:
    """RuntimeError: there is no accelerator to wait for."""
    raise RuntimeError(
        "torch.accelerator.synchronize: Rushlight computes on the CPU in this version; guard the call with torch.accelerator.is_available()"
    )
