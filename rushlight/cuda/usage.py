"""`torch.cuda.memory`: memory of a device, of which there is none: nothing is in use, and there is nothing to reset."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from .missing import function

__all__ = [
    "caching_allocator_alloc",
    "caching_allocator_delete",
    "empty_cache",
    "get_allocator_backend",
    "host_memory_stats",
    "ipc_collect",
    "list_gpu_processes",
    "max_memory_allocated",
    "max_memory_cached",
    "max_memory_reserved",
    "mem_get_info",
    "memory_allocated",
    "memory_cached",
    "memory_reserved",
    "memory_snapshot",
    "memory_stats",
    "memory_stats_as_nested_dict",
    "memory_summary",
    "reset_accumulated_memory_stats",
    "reset_max_memory_allocated",
    "reset_max_memory_cached",
    "reset_peak_memory_stats",
    "set_per_process_memory_fraction",
]

caching_allocator_alloc = function("caching_allocator_alloc", "size", "device", "stream")
caching_allocator_delete = function("caching_allocator_delete", "mem_ptr")
get_allocator_backend = function("get_allocator_backend")
ipc_collect = function("ipc_collect")
mem_get_info = function("mem_get_info", "device")
memory_snapshot = function("memory_snapshot", "mempool_id", "include_traces")
set_per_process_memory_fraction = function("set_per_process_memory_fraction", "fraction", "device")


def _nothing_in_use(name: str) -> Any:
    def call(device: Any = None) -> int:
        return 0

    call.__name__ = call.__qualname__ = name
    call.__doc__ = "0: there is no device."
    return call


def _nothing_to_do(name: str) -> Any:
    def call(device: Any = None) -> None:
        return None

    call.__name__ = call.__qualname__ = name
    call.__doc__ = "Nothing: there is nothing to reset."
    return call


memory_allocated = _nothing_in_use("memory_allocated")
max_memory_allocated = _nothing_in_use("max_memory_allocated")
memory_reserved = _nothing_in_use("memory_reserved")
max_memory_reserved = _nothing_in_use("max_memory_reserved")
memory_cached = _nothing_in_use("memory_cached")
max_memory_cached = _nothing_in_use("max_memory_cached")
reset_peak_memory_stats = _nothing_to_do("reset_peak_memory_stats")
reset_accumulated_memory_stats = _nothing_to_do("reset_accumulated_memory_stats")
reset_max_memory_allocated = _nothing_to_do("reset_max_memory_allocated")
reset_max_memory_cached = _nothing_to_do("reset_max_memory_cached")


def empty_cache() -> None:
    """Nothing: there is no cache of a device's memory."""


def memory_stats(device: Any = None) -> OrderedDict[str, Any]:
    """No numbers."""
    return OrderedDict()


def memory_stats_as_nested_dict(device: Any = None) -> dict[str, Any]:
    """No numbers."""
    return {}


def host_memory_stats() -> OrderedDict[str, Any]:
    """No numbers."""
    return OrderedDict()


def memory_summary(device: Any = None, abbreviated: bool = False) -> str:
    """A line that says so. (PyTorch raises KeyError here.)"""
    return "No CUDA device: no memory of one is in use. rushlight.memory tells what is in use on the CPU."


def list_gpu_processes(device: Any = None) -> str:
    """A line that says so."""
    return "No CUDA device: no processes are running on one."
