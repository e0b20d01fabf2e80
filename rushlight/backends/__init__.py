"""`torch.backends`: switches of libraries that PyTorch uses and Rushlight does not. They can be set and read, and change nothing."""

from __future__ import annotations

from .. import late
from . import cpu, cuda, cudnn, mkl, mkldnn, mps, openmp

__all__ = ["cpu", "cuda", "cudnn", "mkl", "mkldnn", "mps", "openmp"]

__getattr__ = late.names(
    __name__,
    "torch.backends",
    {name: (f"{__name__}.{name}", None) for name in ("mha", "nnpack", "opt_einsum", "quantized")},
)
