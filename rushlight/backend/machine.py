"""What a processor is, as facts: the generators ask these and nothing else.

A kind is a set of vector instructions: `avx512`, `avx2`, `sse`, `neon`. What the host cannot run can be compiled all the same, and is
not run. Nothing here needs llvmlite; `cpu/build.py` asks it for the host's name and features.
"""

from __future__ import annotations

import ctypes
import functools
import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Machine:
    """One kind of processor.

    Sizes are in bytes. `tile` is a register tile of a product that suits it: rows (broadcast) and vectors (of the other operand).
    """

    triple: str
    name: str  # as LLVM calls it
    features: str
    vector_bytes: int
    registers: int
    tile: tuple[int, int]
    masks: bool  # whether lanes can be masked at no cost
    fma: bool
    halves: bool  # whether it converts float16
    l1: int
    l2: int
    native: bool  # whether this process can run it
    matrices: bool = False  # whether it multiplies matrices of bfloat16 in registers of their own, and this process may

    def width(self, itemsize: int) -> int:
        """How many elements of a size a vector has."""
        return max(1, self.vector_bytes // itemsize)


@dataclass(frozen=True)
class Kind:
    """What all processors with the same vector instructions have in common."""

    architecture: str
    name: str  # LLVM's name of the least such processor
    needs: tuple[str, ...]  # features that a host must have to run it
    features: str  # beyond the name's own
    vector_bytes: int
    registers: int
    tile: tuple[int, int]
    masks: bool
    fma: bool
    halves: bool


# LLVM keeps to 256 bits on the processors whose clock wide vectors once slowed; `-prefer-256-bit` makes it use what was written.
WIDE = "-prefer-256-bit"
KINDS = {
    "avx512": Kind(
        "x86_64",
        "x86-64-v4",
        ("avx512f", "avx512vl", "avx512bw", "avx512dq", "avx512cd", "fma"),
        WIDE,
        64,
        32,
        (14, 2),
        True,
        True,
        True,
    ),
    "avx2": Kind(
        "x86_64",
        "x86-64-v3",
        ("avx2", "fma", "f16c", "bmi", "bmi2", "lzcnt", "movbe"),
        "",
        32,
        16,
        (6, 2),
        False,
        True,
        True,
    ),
    "sse": Kind("x86_64", "x86-64-v2", ("sse4.2", "ssse3", "popcnt", "cx16"), "", 16, 16, (6, 2), False, False, False),
    "neon": Kind("aarch64", "generic", (), "", 16, 32, (8, 3), False, True, True),
}


MATRICES = ("amx-tile", "amx-bf16")  # features
REQUEST_MATRICES = (158, 0x1023, 18)  # of Linux: arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA)


def architecture() -> str:
    """The host's, in LLVM's words."""
    return {"AMD64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())


def kind_of_host(host_features: Mapping[str, bool]) -> str | None:
    """The widest kind that a processor of this architecture with these features can run; None where none fits."""
    for name, kind in KINDS.items():
        if kind.architecture == architecture() and all(host_features.get(feature, False) for feature in kind.needs):
            return name
    return None


def of_kind(kind: str, host_features: Mapping[str, bool], host_name: str, host_triple: str) -> Machine:
    """The machine of a kind. Where it is the best the host has, it is the host, with all the host's features."""
    if kind not in KINDS:
        raise ValueError(f"RUSHLIGHT_CPU={kind!r} is no kind of processor that is known; known are {', '.join(KINDS)}")
    facts = KINDS[kind]
    here = facts.architecture == architecture()
    name, features = facts.name, facts.features
    if kind == kind_of_host(host_features):
        listed = ",".join(f"{'+' if has else '-'}{feature}" for feature, has in sorted(host_features.items()))
        name, features = host_name, ",".join(filter(None, (listed, facts.features)))
    return Machine(
        triple=(here and host_triple) or f"{facts.architecture}-unknown-linux-gnu",
        name=name,
        features=features,
        vector_bytes=facts.vector_bytes,
        registers=facts.registers,
        tile=facts.tile,
        masks=facts.masks,
        fma=facts.fma,
        halves=facts.halves,
        l1=cache_size(1, 32 << 10),
        l2=cache_size(2, 512 << 10),
        native=here and all(host_features.get(feature, False) for feature in facts.needs),
        matrices=name == host_name and all(host_features.get(f, False) for f in MATRICES) and may_use_matrices(),
    )


@functools.cache
def may_use_matrices() -> bool:
    """Asks Linux for matrix registers (AMX): a process gets them when it has asked, since they take much memory to save.

    It refuses where a thread's stack for signals has no room for them.
    """
    if not sys.platform.startswith("linux") or architecture() != "x86_64":
        return False
    process = ctypes.CDLL(None)
    return bool(process.syscall(*REQUEST_MATRICES) == 0)


def cache_size(level: int, default: int) -> int:
    """The bytes of a data cache of the first processor, as Linux tells; elsewhere a modest guess."""
    for index in range(5):
        folder = Path(f"/sys/devices/system/cpu/cpu0/cache/index{index}")
        try:
            if (folder / "level").read_text().strip() != str(level) or (
                folder / "type"
            ).read_text().strip() == "Instruction":
                continue
            text = (folder / "size").read_text().strip()
        except OSError:
            continue
        number = text.rstrip("KMG")
        if number.isdecimal():
            return int(number) << {"": 0, "K": 10, "M": 20, "G": 30}[text[len(number) :]]
    return default


def cores_allowed() -> int:
    """How many cores this process may keep busy: those of its set of processors, fewer where a container's quota is smaller.

    Two processors of one core share its arithmetic units; a second thread there gains little and disturbs the first.
    """
    if not hasattr(os, "sched_getaffinity"):
        return os.cpu_count() or 1
    cores = set()
    for processor in os.sched_getaffinity(0):
        siblings = Path(f"/sys/devices/system/cpu/cpu{processor}/topology/thread_siblings_list")
        try:
            cores.add(siblings.read_text())
        except OSError:
            cores.add(str(processor))
    return max(1, min(len(cores), _quota()))


def _quota() -> int:
    """Processors' worth of time that the control group (version 2) grants, rounded up."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
    except (OSError, ValueError):
        return 1 << 20
    return -(-int(quota) // int(period)) if quota.isdecimal() else 1 << 20
