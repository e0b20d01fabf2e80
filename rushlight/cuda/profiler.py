"""`torch.cuda.profiler`: starts and stops NVIDIA's profiler, which needs a device; `torch.profiler` measures the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .missing import function

__all__ = ["init", "profile", "start", "stop"]

init = function("profiler.init", "output_file", "flags", "output_mode")
start = function("profiler.start")
stop = function("profiler.stop")


@contextmanager
def profile() -> Iterator[None]:
    """RuntimeError: there is no device."""
    start()
    yield
