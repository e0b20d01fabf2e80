"""What LLVM says of itself and of the processor, remembered on the disk so that LLVM need not be loaded to be asked again.

It is kept under a hash of all that it may depend on: llvmlite's library file and what the system says of the processor. Where either cannot be
had, LLVM is asked in each process.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .cache import Cache
from .workshop import compiler

PROCESSORS = Path("/proc/cpuinfo")
# What Linux says of a processor that does not change while it runs, on x86 and on ARM.
LASTING = frozenset(
    ("vendor_id", "cpu family", "model", "model name", "stepping", "flags")
    + ("Features", "CPU implementer", "CPU architecture", "CPU variant", "CPU part", "CPU revision")
)


@dataclass(frozen=True)
class Host:
    """LLVM's version and llvmlite's; the host's features, name and triple."""

    llvm: int
    version: list[Any]
    features: dict[str, bool]
    name: str
    triple: str


def look(cache: Cache) -> Host:
    """Remembered facts, or what LLVM says, which is remembered then. ImportError where llvmlite is missing."""
    traces = _traces()
    name = hashlib.blake2b(json.dumps(traces).encode(), digest_size=20).hexdigest()
    known = cache.read(name) if traces else None
    if known is not None:
        return Host(**json.loads(known))
    llvm = compiler()
    found = Host(llvm.LLVM, list(llvm.VERSION), *llvm.host())
    if traces:
        cache.write(name, json.dumps(asdict(found)).encode())
    return found


def _traces() -> list[Any]:
    """What tells llvmlite's build and the processor from others; empty where that is not known."""
    found = importlib.util.find_spec("llvmlite")
    if found is None or found.origin is None:
        return []
    try:
        libraries = sorted((Path(found.origin).parent / "binding").glob("*llvmlite.*"))
        files = [[str(path), path.stat().st_size, path.stat().st_mtime_ns] for path in libraries]
        with PROCESSORS.open(encoding="utf-8", errors="replace") as file:
            text = file.read(1 << 14)  # the first processor's part; of many, all would take long to list
    except OSError:
        return []
    first = text.partition("\n\n")[0]
    facts = [[key.strip(), value.strip()] for key, _, value in (line.partition(":") for line in first.splitlines())]
    lasting = [fact for fact in facts if fact[0] in LASTING]
    return [list(Host.__annotations__), files, lasting] if files and lasting else []
