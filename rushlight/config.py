"""Every environment variable that Rushlight reads, in one table.

An unknown `RUSHLIGHT_…` variable warns, so that a misspelt one is noticed.
"""

from __future__ import annotations

import os
import time
import warnings

VARIABLES = {
    "RUSHLIGHT_CACHE": "folder for compiled kernels, or off (default: in the user's folder for caches)",
    "RUSHLIGHT_CPU": "processor to compile for: avx512, avx2, sse or neon (default: the host's)",
    "RUSHLIGHT_DATA": "folder in which the demo looks for CIFAR-10",
    "RUSHLIGHT_DEBUG": "1 prints when plans are made and compiled, 2 also each flush with its time, 3 graphs, kernels and memory, 4 machine code",
    "RUSHLIGHT_PARTS": "2 or 3: contractions of float32 in matrix registers (AMX), of numbers in so many parts of bfloat16; 0 (default): in vectors",
    "RUSHLIGHT_PENDING": "bound on pending nodes before the trace is flushed by itself (default 20000)",
    "RUSHLIGHT_TIER": "interp, compile or auto (default): whether plans are interpreted, compiled, or compiled when they come again",
    "RUSHLIGHT_PEER": "benchmarks only: the interpreter that has PyTorch",
    "RUSHLIGHT_SHARED": "tests only: folder with the sample programs and CIFAR-10",
}


def _read(name: str, default: str) -> str:
    return os.environ.get(name, default)


def _integer(name: str, default: int) -> int:
    text = _read(name, str(default))
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{name}={text!r} is not an integer; it is the {VARIABLES[name]}") from None


def _tier() -> str:
    tier = _read("RUSHLIGHT_TIER", "auto")
    if tier not in ("auto", "interp", "compile"):
        raise ValueError(f"RUSHLIGHT_TIER={tier!r}: it is 'auto', 'interp' or 'compile'")
    return tier


def _parts() -> int:
    parts = _integer("RUSHLIGHT_PARTS", 0)
    if parts not in (0, 2, 3):
        raise ValueError(f"RUSHLIGHT_PARTS={parts}: it is 0, 2 or 3")
    return parts


for _name in os.environ:
    if _name.startswith("RUSHLIGHT_") and _name not in VARIABLES:
        warnings.warn(f"unknown environment variable {_name}; known are {', '.join(VARIABLES)}", stacklevel=2)

DEBUG = _integer("RUSHLIGHT_DEBUG", 0)
PENDING = _integer("RUSHLIGHT_PENDING", 20000)
PENDING_BYTES = 64 << 30  # of all results: bounds the work held back, not memory, which no pending node has
TIER = _tier()
PARTS = _parts()
CPU = _read("RUSHLIGHT_CPU", "")
CACHE = _read("RUSHLIGHT_CACHE", "")
THREADS = _read(
    "OMP_NUM_THREADS", ""
)  # heeded as PyTorch heeds it; anything but a positive number means every processor allowed
LOADED = time.time()  # when this process read Rushlight's sources: one changed later is not what runs
