"""`torch.distributed.constants`: how long collectives wait for the others unless they are told."""

from __future__ import annotations

from .group import DEFAULT_TIMEOUT

__all__ = ["default_pg_nccl_timeout", "default_pg_timeout"]

default_pg_timeout = DEFAULT_TIMEOUT
default_pg_nccl_timeout = None
