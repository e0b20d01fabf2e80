"""`torch.cuda.nccl`: collectives between GPUs, of which there are none; `torch.distributed` has those between processes."""

from __future__ import annotations

from typing import Any

from .missing import no_device

__all__ = [
    "all_gather",
    "all_reduce",
    "broadcast",
    "init_rank",
    "is_available",
    "reduce",
    "reduce_scatter",
    "unique_id",
    "version",
]


def is_available(tensors: Any) -> bool:
    """False."""
    return False


def _missing(name: str) -> Any:
    def call(*args: Any, **kwargs: Any) -> Any:
        no_device(f"nccl.{name}")

    call.__name__ = call.__qualname__ = name
    call.__doc__ = "RuntimeError: there is no device."
    return call


version, unique_id, init_rank, all_reduce, reduce, broadcast, all_gather, reduce_scatter = map(
    _missing, ("version", "unique_id", "init_rank", "all_reduce", "reduce", "broadcast", "all_gather", "reduce_scatter")
)
