"""`torch.cuda`: there is no CUDA device in this version, and every name does what PyTorch's does where it is built without CUDA.

What needs no device (asking, seeding, emptying caches) is allowed; what needs one raises.

>>> import rushlight as torch
>>> torch.cuda.is_available()
False
"""

from __future__ import annotations

from typing import Any

from .. import late
from ..errors import OutOfMemoryError
from .missing import absent, function, legacy_types, no_device
from .random import (
    get_rng_state,
    get_rng_state_all,
    initial_seed,
    manual_seed,
    manual_seed_all,
    seed,
    seed_all,
    set_rng_state,
    set_rng_state_all,
)
from .streams import Event, ExternalStream, Stream, StreamContext, current_stream, default_stream, set_stream, stream
from .usage import (
    caching_allocator_alloc,
    caching_allocator_delete,
    empty_cache,
    get_allocator_backend,
    host_memory_stats,
    ipc_collect,
    list_gpu_processes,
    max_memory_allocated,
    max_memory_cached,
    max_memory_reserved,
    mem_get_info,
    memory_allocated,
    memory_cached,
    memory_reserved,
    memory_snapshot,
    memory_stats,
    memory_stats_as_nested_dict,
    memory_summary,
    reset_accumulated_memory_stats,
    reset_max_memory_allocated,
    reset_max_memory_cached,
    reset_peak_memory_stats,
    set_per_process_memory_fraction,
)

__all__ = [
    "AcceleratorError",
    "CUDAGraph",
    "CudaError",
    "DeferredCudaCallError",
    "Event",
    "ExternalStream",
    "OutOfMemoryError",
    "Stream",
    "StreamContext",
    "caching_allocator_alloc",
    "caching_allocator_delete",
    "can_device_access_peer",
    "clock_rate",
    "cudart",
    "current_blas_handle",
    "current_device",
    "current_stream",
    "default_generators",
    "default_stream",
    "device",
    "device_count",
    "device_memory_used",
    "device_of",
    "empty_cache",
    "get_allocator_backend",
    "get_arch_list",
    "get_device_capability",
    "get_device_name",
    "get_device_properties",
    "get_gencode_flags",
    "get_rng_state",
    "get_rng_state_all",
    "get_sync_debug_mode",
    "graph",
    "graph_pool_handle",
    "has_half",
    "has_magma",
    "host_memory_stats",
    "init",
    "initial_seed",
    "ipc_collect",
    "is_available",
    "is_bf16_supported",
    "is_current_stream_capturing",
    "is_initialized",
    "is_tf32_supported",
    "list_gpu_processes",
    "make_graphed_callables",
    "manual_seed",
    "manual_seed_all",
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
    "memory_usage",
    "power_draw",
    "reset_accumulated_memory_stats",
    "reset_max_memory_allocated",
    "reset_max_memory_cached",
    "reset_peak_memory_stats",
    "seed",
    "seed_all",
    "set_device",
    "set_per_process_memory_fraction",
    "set_rng_state",
    "set_rng_state_all",
    "set_stream",
    "set_sync_debug_mode",
    "stream",
    "synchronize",
    "temperature",
    "utilization",
    *legacy_types,
]

globals().update(legacy_types)

default_generators: tuple[Any, ...] = ()
has_half, has_magma = True, False


class CudaError(RuntimeError):
    """An error of CUDA's."""


class AcceleratorError(RuntimeError):
    """An error of a device."""


class DeferredCudaCallError(Exception):
    """An error in a call that waited for CUDA to start."""


# ---- asking ----


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


def is_tf32_supported() -> bool:
    """False: there is no device."""
    return False


def get_arch_list() -> list[str]:
    """None of the kinds of GPU."""
    return []


def get_gencode_flags() -> str:
    """No flags."""
    return ""


def is_current_stream_capturing() -> bool:
    """False: nothing is recorded for a GPU."""
    return False


# ---- devices ----


class device:
    """Within it the device is chosen: RuntimeError for one that is not negative (or None, which chooses nothing)."""

    def __init__(self, device: Any) -> None:
        self.idx = _index(device)

    def __enter__(self) -> None:
        if self.idx >= 0:
            no_device("device")

    def __exit__(self, *exception: Any) -> None:
        return None


class device_of(device):
    """Within it the device of a tensor is chosen; that of a tensor on the CPU chooses nothing."""

    def __init__(self, obj: Any) -> None:
        super().__init__(obj.get_device() if obj.is_cuda else -1)


def _index(device: Any) -> int:
    if device is None:
        return -1
    if isinstance(device, int):
        return device
    text = str(device)
    if text.partition(":")[0] != "cuda":
        raise ValueError(f"Expected a cuda device, but got: {device}")
    return int(text.partition(":")[2] or 0)


def set_device(device: Any) -> None:
    """RuntimeError, unless the device is negative (no device), as in PyTorch."""
    if _index(device) >= 0:
        no_device("set_device")


init = function("init")
synchronize = function("synchronize", "device")
current_device = function("current_device")
current_blas_handle = function("current_blas_handle")
cudart = function("cudart")
get_device_name = function("get_device_name", "device")
get_device_capability = function("get_device_capability", "device")
get_device_properties = function("get_device_properties", "device")
can_device_access_peer = function("can_device_access_peer", "device", "peer_device")
get_sync_debug_mode = function("get_sync_debug_mode")
set_sync_debug_mode = function("set_sync_debug_mode", "debug_mode")
graph_pool_handle = function("graph_pool_handle")
make_graphed_callables = function("make_graphed_callables", "callables", "sample_args")
utilization, temperature, power_draw, clock_rate, memory_usage, device_memory_used = (
    function(name, "device")
    for name in ("utilization", "temperature", "power_draw", "clock_rate", "memory_usage", "device_memory_used")
)
CUDAGraph = absent("CUDAGraph")
graph = absent("graph")

__getattr__ = late.names(
    __name__,
    "torch.cuda",
    {
        **{name: (f"{__name__}.{name}", None) for name in ("amp", "nccl", "nvtx", "profiler", "random", "streams")},
        "memory": (f"{__name__}.usage", None),
    },
)
