"""`torch.distributed.tensor._utils`: which part of a distributed tensor a process has."""

from __future__ import annotations

from ...absent import absent_function

__all__ = ["compute_local_shape_and_global_offset"]

compute_local_shape_and_global_offset = absent_function(
    "torch.distributed.tensor._utils.compute_local_shape_and_global_offset",
    "`Shard.local_shard_size_and_offset` says it for one axis of a mesh",
)
