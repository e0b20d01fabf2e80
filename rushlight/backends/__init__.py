"""`torch.backends`: switches of libraries that PyTorch uses and Rushlight does not. They can be set and read, and change nothing."""

from __future__ import annotations

from . import cuda, cudnn, mkldnn, mps

__all__ = ["cuda", "cudnn", "mkldnn", "mps"]
