"""`torch.distributed.algorithms.join`: processes whose data end at different steps."""

from __future__ import annotations

from ...absent import absent_class

__all__ = ["Join", "JoinHook", "Joinable"]

_INSTEAD = "give every process as many batches, as `DistributedSampler` does"

Join = absent_class("torch.distributed.algorithms.join.Join", _INSTEAD)
JoinHook = absent_class("torch.distributed.algorithms.join.JoinHook", _INSTEAD)
Joinable = absent_class("torch.distributed.algorithms.join.Joinable", _INSTEAD)
