"""`torch.__config__`: what the library was built with, in words. Programs look for "MKL" and its kind in them."""

from __future__ import annotations

import platform

from .backend.cpu.compiler import VERSION
from .settings import get_num_interop_threads, get_num_threads
from .version import interface, release

__all__ = ["parallel_info", "show"]


def show() -> str:
    """What stands under the library: compiler, interface, and what it has not."""
    llvmlite, *llvm = VERSION
    lines = (
        f"Rushlight {release}, with the interface of PyTorch {interface}",
        f"  - Python {platform.python_version()}",
        f"  - kernels compiled by LLVM {'.'.join(map(str, llvm))} (llvmlite {llvmlite})",
        "  - Build settings: USE_CUDA=0, USE_MKL=OFF, USE_MKLDNN=OFF, USE_OPENMP=OFF, USE_ROCM=OFF, USE_XPU=OFF",
    )
    return "\n".join(lines) + "\n"


def parallel_info() -> str:
    """How many threads compute."""
    return (
        f"threads within an operation: {get_num_threads()}\nthreads between operations: {get_num_interop_threads()}\n"
    )
