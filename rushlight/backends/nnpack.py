"""`torch.backends.nnpack`."""

from __future__ import annotations

from .switches import context, setting

__all__ = ["flags", "is_available", "set_flags"]

enabled = False
_DEFAULTS = {"enabled": False}
set_flags = setting(__name__, _DEFAULTS)
flags = context(set_flags, _DEFAULTS)


def is_available() -> bool:
    """False: Rushlight has its own kernels."""
    return False
