"""`torch.backends.cpu`."""

from __future__ import annotations

import importlib

__all__ = ["get_cpu_capability"]


def get_cpu_capability() -> str:
    """The widest instructions that compiled programs use: "DEFAULT", "AVX2" or "AVX512"."""
    machine = importlib.import_module("rushlight.backend.cpu.build").host_machine()
    return {64: "AVX512", 32: "AVX2"}.get(machine.vector_bytes, "DEFAULT")
