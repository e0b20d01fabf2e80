"""`torch.utils`: `data` is Rushlight's own package."""

from .. import data, late
from . import checkpoint, dlpack, hooks

__all__ = ["checkpoint", "data", "dlpack", "hooks"]

__getattr__ = late.names(
    __name__,
    "torch.utils",
    {name: (f"{__name__}.{name}", None) for name in ("_pytree", "flop_counter", "model_zoo", "tensorboard")},
)
