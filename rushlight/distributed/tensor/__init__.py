"""`torch.distributed.tensor`: tensors that are divided among processes. There are none here; placements can be described, not used."""

from __future__ import annotations

from ...absent import absent_class, absent_function
from .placement_types import Partial, Placement, Replicate, Shard

__all__ = [
    "DTensor",
    "Partial",
    "Placement",
    "Replicate",
    "Shard",
    "distribute_module",
    "distribute_tensor",
]

_INSTEAD = "`torch.nn.parallel.DistributedDataParallel` trains in several processes, each with the whole model"

DTensor = absent_class("torch.distributed.tensor.DTensor", _INSTEAD)
DTensor.from_local = staticmethod(absent_function("torch.distributed.tensor.DTensor.from_local", _INSTEAD))
distribute_tensor = absent_function("torch.distributed.tensor.distribute_tensor", _INSTEAD)
distribute_module = absent_function("torch.distributed.tensor.distribute_module", _INSTEAD)
