"""`torch.fx.experimental.proxy_tensor`: the question whether tensors are being traced."""

from __future__ import annotations

__all__ = ["get_proxy_mode"]


def get_proxy_mode() -> None:
    """None: nothing traces."""
