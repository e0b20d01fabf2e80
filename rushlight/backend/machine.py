"""What a processor is, as facts: the generators ask these and nothing else.

`RUSHLIGHT_CPU` names another than the host: `avx512`, `avx2`, `sse`, `neon`, or any processor that LLVM knows. What the host cannot
run can be compiled all the same, and is not run.
"""

from __future__ import annotations

import functools
import os
import platform
from dataclasses import dataclass
from pathlib import Path

from .. import config


@dataclass(frozen=True)
class Machine:
    """One kind of processor.

    Sizes are in bytes. `tile` is the register tile of a contraction: rows (broadcast) and vectors (of the other operand).
    """

    triple: str
    name: str  # as LLVM calls it
    features: str
    vector_bytes: int
    registers: int
    tile: tuple[int, int]
    masks: bool  # whether lanes can be masked at no cost
    fma: bool
    l1: int
    l2: int
    native: bool  # whether this process can run it

    def width(self, itemsize: int) -> int:
        """How many elements of a size a vector has."""
        return max(1, self.vector_bytes // itemsize)


# name: (architecture, LLVM's processor, vector bytes, registers, tile, masks, fma)
KINDS = {
    "avx512": ("x86_64", "x86-64-v4", 64, 32, (14, 2), True, True),
    "avx2": ("x86_64", "x86-64-v3", 32, 16, (6, 2), False, True),
    "sse": ("x86_64", "x86-64-v2", 16, 16, (6, 2), False, False),
    "neon": ("aarch64", "generic", 16, 32, (8, 3), False, True),
}


def _cache_size(level: int, default: int) -> int:
    for index in range(5):
        folder = Path(f"/sys/devices/system/cpu/cpu0/cache/index{index}")
        try:
            if (folder / "level").read_text().strip() != str(level) or (folder / "type").read_text().strip() == "Instruction":
                continue
            text = (folder / "size").read_text().strip()
        except OSError:
            continue
        return int(text[:-1]) * {"K": 1 << 10, "M": 1 << 20}[text[-1]] if text[-1] in "KM" else int(text)
    return default


def _architecture() -> str:
    return {"AMD64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())


def of_kind(kind: str, host_features: dict[str, bool], host_name: str, host_triple: str) -> Machine:
    """The machine of a kind; where the host has it, with all the host's features up to that kind's vectors."""
    architecture, name, vector_bytes, registers, tile, masks, fma = KINDS[kind]
    native = architecture == _architecture()
    features = ""
    if native:
        needed = {"avx512": ("avx512f", "avx512vl", "avx512bw", "avx512dq"), "avx2": ("avx2", "fma"), "sse": (), "neon": ()}[kind]
        native = all(host_features.get(feature, False) for feature in needed)
    if native and kind == "avx512":
        name, features = host_name, ",".join(f"{'+' if has else '-'}{f}" for f, has in sorted(host_features.items()))
        features += ",-prefer-256-bit"
    if native and kind == "neon":
        name, features = host_name, ",".join(f"{'+' if has else '-'}{f}" for f, has in sorted(host_features.items()))
    triple = host_triple if architecture == _architecture() else f"{architecture}-unknown-linux-gnu"
    return Machine(
        triple, name, features, vector_bytes, registers, tile, masks, fma,
        _cache_size(1, 32 << 10), _cache_size(2, 512 << 10), native,
    )  # fmt: skip


@functools.lru_cache(maxsize=1)
def host() -> Machine:
    """The machine to compile for: the host, or what `RUSHLIGHT_CPU` says."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features, name, triple = dict(llvm.get_host_cpu_features()), llvm.get_host_cpu_name(), llvm.get_process_triple()
    kind = config.CPU
    if not kind:
        if _architecture() == "aarch64":
            kind = "neon"
        elif features.get("avx512f") and features.get("avx512bw") and features.get("avx512vl"):
            kind = "avx512"
        else:
            kind = "avx2" if features.get("avx2") and features.get("fma") else "sse"
    return of_kind(kind, features, name, triple)


def threads_allowed() -> int:
    """How many processors this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
