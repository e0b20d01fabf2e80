"""`torch.utils`: `data` is Rushlight's own package."""

from .. import data
from . import checkpoint, dlpack

__all__ = ["checkpoint", "data", "dlpack"]
