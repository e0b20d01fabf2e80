"""`torch.distributed.rpc`: calls of functions in other processes, which are not in Rushlight yet; that can be asked."""

from __future__ import annotations

__all__ = ["is_available"]


def is_available() -> bool:
    """False: there are collectives and messages (`torch.distributed`), no remote calls."""
    return False
