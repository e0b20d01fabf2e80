"""`torch.distributed.fsdp`: models whose parameters are shared out among processes. They cannot be made here; the names are for packages that ask for them."""

from __future__ import annotations

import enum

from ...absent import absent_class, absent_function

__all__ = [
    "BackwardPrefetch",
    "CPUOffload",
    "CPUOffloadPolicy",
    "FSDPModule",
    "FullOptimStateDictConfig",
    "FullStateDictConfig",
    "FullyShardedDataParallel",
    "LocalOptimStateDictConfig",
    "LocalStateDictConfig",
    "MixedPrecision",
    "MixedPrecisionPolicy",
    "OffloadPolicy",
    "OptimStateDictConfig",
    "OptimStateKeyType",
    "ShardedOptimStateDictConfig",
    "ShardedStateDictConfig",
    "ShardingStrategy",
    "StateDictConfig",
    "StateDictSettings",
    "StateDictType",
    "fully_shard",
]

_INSTEAD = "`torch.nn.parallel.DistributedDataParallel` trains in several processes"


class ShardingStrategy(enum.Enum):
    """What is shared out: parameters, gradients and optimizer states, or a part of these."""

    FULL_SHARD = enum.auto()
    SHARD_GRAD_OP = enum.auto()
    NO_SHARD = enum.auto()
    HYBRID_SHARD = enum.auto()
    _HYBRID_SHARD_ZERO2 = enum.auto()


class BackwardPrefetch(enum.Enum):
    """When the next parameters are gathered in a backward pass."""

    BACKWARD_PRE = enum.auto()
    BACKWARD_POST = enum.auto()


class StateDictType(enum.Enum):
    """Which state dict a sharded model gives: all, this process's part, or sharded tensors."""

    FULL_STATE_DICT = enum.auto()
    LOCAL_STATE_DICT = enum.auto()
    SHARDED_STATE_DICT = enum.auto()


class OptimStateKeyType(enum.Enum):
    """What an optimizer's states are known by."""

    PARAM_NAME = enum.auto()
    PARAM_ID = enum.auto()


fully_shard = absent_function("torch.distributed.fsdp.fully_shard", _INSTEAD)
FullyShardedDataParallel = absent_class("torch.distributed.fsdp.FullyShardedDataParallel", _INSTEAD)
FSDPModule = absent_class("torch.distributed.fsdp.FSDPModule", _INSTEAD)
CPUOffload = absent_class("torch.distributed.fsdp.CPUOffload", _INSTEAD)
CPUOffloadPolicy = absent_class("torch.distributed.fsdp.CPUOffloadPolicy", _INSTEAD)
OffloadPolicy = absent_class("torch.distributed.fsdp.OffloadPolicy", _INSTEAD)
MixedPrecision = absent_class("torch.distributed.fsdp.MixedPrecision", _INSTEAD)
MixedPrecisionPolicy = absent_class("torch.distributed.fsdp.MixedPrecisionPolicy", _INSTEAD)
StateDictConfig = absent_class("torch.distributed.fsdp.StateDictConfig", _INSTEAD)
StateDictSettings = absent_class("torch.distributed.fsdp.StateDictSettings", _INSTEAD)
FullStateDictConfig = absent_class("torch.distributed.fsdp.FullStateDictConfig", _INSTEAD)
LocalStateDictConfig = absent_class("torch.distributed.fsdp.LocalStateDictConfig", _INSTEAD)
ShardedStateDictConfig = absent_class("torch.distributed.fsdp.ShardedStateDictConfig", _INSTEAD)
OptimStateDictConfig = absent_class("torch.distributed.fsdp.OptimStateDictConfig", _INSTEAD)
FullOptimStateDictConfig = absent_class("torch.distributed.fsdp.FullOptimStateDictConfig", _INSTEAD)
LocalOptimStateDictConfig = absent_class("torch.distributed.fsdp.LocalOptimStateDictConfig", _INSTEAD)
ShardedOptimStateDictConfig = absent_class("torch.distributed.fsdp.ShardedOptimStateDictConfig", _INSTEAD)
