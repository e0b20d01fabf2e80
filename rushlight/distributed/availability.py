"""What there is: the backend "gloo", and no other."""

from __future__ import annotations

import os
from typing import Any

from ..tensor.geometry import device as _device


def is_available() -> bool:
    """True."""
    return True


def is_gloo_available() -> bool:
    """True: what gloo does, over TCP."""
    return True


def is_nccl_available() -> bool:
    """False: NCCL is for CUDA devices."""
    return False


def is_mpi_available() -> bool:
    """False."""
    return False


def is_ucc_available() -> bool:
    """False."""
    return False


def is_xccl_available() -> bool:
    """False."""
    return False


def is_backend_available(backend: str) -> bool:
    """Whether it is "gloo"."""
    return backend.lower() == "gloo"


def is_torchelastic_launched() -> bool:
    """Whether a launcher started this process, which sets TORCHELASTIC_RUN_ID."""
    return os.environ.get("TORCHELASTIC_RUN_ID") is not None


def get_default_backend_for_device(device: Any) -> str:
    """The backend "gloo" for the CPU; ValueError for other devices."""
    kind = device.type if isinstance(device, _device) else str(device).partition(":")[0]
    if kind != "cpu":
        raise ValueError(f"Default backend not registered for device : {device}")
    return "gloo"
