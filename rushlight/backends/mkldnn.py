"""`torch.backends.mkldnn`."""

from __future__ import annotations

from contextlib import nullcontext

from .switches import context, setting

VERBOSE_OFF, VERBOSE_ON, VERBOSE_ON_CREATION = 0, 1, 2

enabled = False
deterministic = False
allow_tf32 = True
fp32_precision = "none"

_DEFAULTS = {"enabled": False, "deterministic": False, "allow_tf32": True, "fp32_precision": "none"}
set_flags = setting(__name__, _DEFAULTS)
flags = context(set_flags, _DEFAULTS)


class verbose(nullcontext):
    """Within it oneDNN would print what it does; there is none."""

    def __init__(self, level: int) -> None:
        super().__init__()
        self.level = level


def is_available() -> bool:
    """False: Rushlight has its own kernels."""
    return False
