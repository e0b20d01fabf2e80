"""`torch.backends.cuda`."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = [
    "allow_fp16_bf16_reduction_math_sdp",
    "cudnn_sdp_enabled",
    "cufft_plan_cache",
    "enable_cudnn_sdp",
    "enable_flash_sdp",
    "enable_math_sdp",
    "enable_mem_efficient_sdp",
    "flash_sdp_enabled",
    "fp16_bf16_reduction_math_sdp_allowed",
    "is_built",
    "is_flash_attention_available",
    "math_sdp_enabled",
    "matmul",
    "mem_efficient_sdp_enabled",
    "preferred_blas_library",
    "preferred_linalg_library",
    "sdp_kernel",
]


class _Matmul:
    """Flags of cuBLAS that scripts set. `allow_tf32` is another word for the precision of float32 products."""

    __slots__ = (
        "allow_bf16_reduced_precision_reduction",
        "allow_fp16_accumulation",
        "allow_fp16_reduced_precision_reduction",
        "fp32_precision",
    )

    def __init__(self) -> None:
        self.allow_fp16_reduced_precision_reduction = True
        self.allow_bf16_reduced_precision_reduction = True
        self.allow_fp16_accumulation = False
        self.fp32_precision = "none"

    @property
    def allow_tf32(self) -> bool:
        return bool(_settings().get_float32_matmul_precision() != "highest")

    @allow_tf32.setter
    def allow_tf32(self, wanted: bool) -> None:
        _settings().set_float32_matmul_precision("high" if wanted else "highest")

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"Unknown attribute {name}")

    def __setattr__(self, name: str, value: Any) -> None:
        if name != "allow_tf32" and name not in self.__slots__:
            raise AttributeError(f"Unknown attribute {name}")
        object.__setattr__(self, name, value)


def _settings() -> Any:
    return importlib.import_module("rushlight.settings")


class _PlanCache:
    """Plans of cuFFT: there are none."""

    def __getitem__(self, device: Any) -> Any:
        raise RuntimeError(f"cufft_plan_cache: expected 0 <= device index < 0, but got device with index {device}")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise RuntimeError(f"cufft_plan_cache.{name}: there is no CUDA device")


matmul = _Matmul()
cufft_plan_cache = _PlanCache()


def is_built() -> bool:
    """False."""
    return False


def is_flash_attention_available() -> bool:
    """False: that of CUDA is not; attention is computed in blocks all the same."""
    return False


# ---- ways to compute attention, which all mean the same here ----

_ways = {"flash": True, "math": True, "mem_efficient": True, "cudnn": True}
_reduction = {"allowed": False}


def enable_flash_sdp(enabled: bool) -> None:
    """Remembers it; without effect."""
    _ways["flash"] = bool(enabled)


def enable_math_sdp(enabled: bool) -> None:
    """Remembers it; without effect."""
    _ways["math"] = bool(enabled)


def enable_mem_efficient_sdp(enabled: bool) -> None:
    """Remembers it; without effect."""
    _ways["mem_efficient"] = bool(enabled)


def enable_cudnn_sdp(enabled: bool) -> None:
    """Remembers it; without effect."""
    _ways["cudnn"] = bool(enabled)


def flash_sdp_enabled() -> bool:
    """What was set."""
    return _ways["flash"]


def math_sdp_enabled() -> bool:
    """What was set."""
    return _ways["math"]


def mem_efficient_sdp_enabled() -> bool:
    """What was set."""
    return _ways["mem_efficient"]


def cudnn_sdp_enabled() -> bool:
    """What was set."""
    return _ways["cudnn"]


def allow_fp16_bf16_reduction_math_sdp(enabled: bool) -> None:
    """Remembers it; without effect: sums are made in float32."""
    _reduction["allowed"] = bool(enabled)


def fp16_bf16_reduction_math_sdp_allowed() -> bool:
    """What was set."""
    return _reduction["allowed"]


@contextmanager
def sdp_kernel(
    enable_flash: bool = True, enable_math: bool = True, enable_mem_efficient: bool = True, enable_cudnn: bool = True
) -> Iterator[None]:
    """Within it the ways are as given; the older form of `nn.attention.sdpa_kernel`."""
    warnings.warn(
        "`torch.backends.cuda.sdp_kernel()` is deprecated. In the future, this context manager will be removed. Please see "
        "`torch.nn.attention.sdpa_kernel()` for the new context manager, with updated signature",
        FutureWarning,
        stacklevel=3,
    )
    before = dict(_ways)
    _ways.update(flash=enable_flash, math=enable_math, mem_efficient=enable_mem_efficient, cudnn=enable_cudnn)
    try:
        yield
    finally:
        _ways.update(before)


def _preference(name: str, allowed: tuple[str, ...]) -> Any:
    chosen = {"name": "default"}

    def preferred(backend: str | None = None) -> str:
        if backend is not None:
            if backend not in allowed:
                raise RuntimeError(f"Unknown input value. Choose from: {', '.join(allowed)}.")
            chosen["name"] = backend
        return chosen["name"]

    preferred.__name__ = preferred.__qualname__ = name
    preferred.__doc__ = "Remembers a library's name, and tells it; without effect."
    return preferred


preferred_linalg_library = _preference("preferred_linalg_library", ("default", "cusolver", "magma"))
preferred_blas_library = _preference("preferred_blas_library", ("default", "cublas", "cublaslt", "hipblaslt", "ck"))
