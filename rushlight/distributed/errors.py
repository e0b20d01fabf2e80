"""The errors of `torch.distributed`."""

from __future__ import annotations

__all__ = ["DistBackendError", "DistError", "DistNetworkError", "DistStoreError"]


class DistError(RuntimeError):
    """Anything that goes wrong between processes."""


class DistBackendError(DistError):
    """A collective failed."""


class DistNetworkError(DistError):
    """No connection."""


class DistStoreError(DistError):
    """A store could not do what was asked, or not in time."""
