"""`torch.cuda.nvtx`: marks for NVIDIA's profiler, which PyTorch without CUDA refuses too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["mark", "range", "range_end", "range_pop", "range_push", "range_start"]


def _missing(name: str) -> Any:
    def call(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(
            f"NVTX functions not installed. Are you sure you have a CUDA build? — nvtx.{name}: use torch.profiler.record_function"
        )

    call.__name__ = call.__qualname__ = name
    call.__doc__ = "RuntimeError: there is no CUDA."
    return call


range_push, range_pop, range_start, range_end, mark = map(
    _missing, ("range_push", "range_pop", "range_start", "range_end", "mark")
)


@contextmanager
def range(msg: str, *args: Any, **kwargs: Any) -> Iterator[None]:
    """RuntimeError: there is no CUDA."""
    range_push(msg)
    yield
