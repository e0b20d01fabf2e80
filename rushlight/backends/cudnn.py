"""`torch.backends.cudnn`: flags that scripts set; without cuDNN they change nothing, in PyTorch too."""

from __future__ import annotations

from typing import Any

from .switches import context, setting

enabled = True
benchmark = False
benchmark_limit = 10
deterministic = False
allow_tf32 = True
fp32_precision = "none"
depthwise_kernel = "auto"

_DEFAULTS = {
    "enabled": False,
    "benchmark": False,
    "benchmark_limit": 10,
    "deterministic": False,
    "allow_tf32": True,
    "fp32_precision": "none",
    "depthwise_kernel": "auto",
}
set_flags = setting(__name__, _DEFAULTS)
flags = context(set_flags, _DEFAULTS)


def is_available() -> bool:
    """False."""
    return False


def is_acceptable(tensor: Any) -> bool:
    """False: no tensor is for cuDNN."""
    return False


def version() -> None:
    """None: there is no cuDNN."""
