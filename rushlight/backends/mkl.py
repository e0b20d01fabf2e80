"""`torch.backends.mkl`."""

from __future__ import annotations

from contextlib import nullcontext

VERBOSE_OFF, VERBOSE_ON = 0, 1


class verbose(nullcontext):
    """Within it MKL would print what it does; there is none."""

    def __init__(self, enable: int) -> None:
        super().__init__()
        self.enable = enable


def is_available() -> bool:
    """False: Rushlight has its own kernels."""
    return False
