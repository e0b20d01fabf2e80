"""`torch.cuda.amp`: the older names of `torch.amp`'s, for "cuda". Without a GPU they warn and do nothing, as PyTorch's."""

from .autocast_mode import autocast, custom_bwd, custom_fwd
from .common import amp_definitely_not_available
from .grad_scaler import GradScaler

__all__ = ["GradScaler", "amp_definitely_not_available", "autocast", "custom_bwd", "custom_fwd"]
