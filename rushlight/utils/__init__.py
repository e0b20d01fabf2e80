"""`torch.utils`: `data` is Rushlight's own package."""

from .. import data

__all__ = ["data"]
