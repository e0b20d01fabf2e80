"""`torch.distributed.nn`: collectives that gradients flow through."""

from __future__ import annotations

from . import functional
from .functional import all_gather, all_reduce, broadcast, reduce

__all__ = ["all_gather", "all_reduce", "broadcast", "functional", "reduce"]
