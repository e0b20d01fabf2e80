"""`torch.utils`: `data` is Rushlight's own package."""

from .. import data
from . import checkpoint, dlpack, hooks

__all__ = ["checkpoint", "data", "dlpack", "hooks"]
