"""`replicate`: copies of a module on several devices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...tensor.geometry import require_cpu
from ..modules.module import Module

__all__ = ["replicate"]


def replicate(network: Module, devices: Sequence[Any], detach: bool = False) -> list[Module]:
    """RuntimeError: copies of one module are for several devices, and there is the CPU alone."""
    for each in devices:
        require_cpu(f"cuda:{each}" if isinstance(each, int) else each, "nn.parallel.replicate")
    raise RuntimeError("nn.parallel.replicate: copies are for several devices; on the CPU call the module itself")
