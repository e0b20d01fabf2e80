"""What the table was measured on, and the processors that the measured processes may use."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

PROCESSORS = Path("/sys/devices/system/cpu")
LIBRARIES = ("numpy", "llvmlite", "pillow")


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _allowed() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _core(processor: int) -> str:
    """Names the core that a processor is a hardware thread of."""
    return _read(PROCESSORS / f"cpu{processor}" / "topology" / "thread_siblings_list") or str(processor)


def pin(threads: int) -> list[int]:
    """Keeps this process and those it starts on as many processors as there are threads, on cores of their own where it can.

    So a library that takes all the processors it sees has no more than the other.
    """
    allowed = _allowed()
    first_of_core: dict[str, int] = {}
    for processor in allowed:
        first_of_core.setdefault(_core(processor), processor)
    chosen = list(dict.fromkeys([*first_of_core.values(), *allowed]))[:threads]
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, chosen)
    return chosen


def _name() -> str:
    for line in _read(Path("/proc/cpuinfo")).splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _instructions() -> list[str]:
    """The vector instructions it knows, for names of processors often hide them."""
    for line in _read(Path("/proc/cpuinfo")).splitlines():
        if line.startswith(("flags", "Features")):
            words = line.partition(":")[2].split()
            return [word for word in words if word.startswith(("avx", "fma", "sse4", "amx", "asimd", "sve"))]
    return []


def _caches(processor: int) -> dict[str, str]:
    """Size by level, of the caches that one processor uses."""
    found = {}
    for index in sorted((PROCESSORS / f"cpu{processor}" / "cache").glob("index*")):
        kind = {"Data": "d", "Instruction": "i"}.get(_read(index / "type"), "")
        found[f"L{_read(index / 'level')}{kind}"] = _read(index / "size")
    return found


def _commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=Path(__file__).parent
    )
    return done.stdout.strip() or "unknown"


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def describe() -> dict[str, Any]:
    """The machine before it was pinned."""
    allowed = _allowed()
    return {
        "processor": _name(),
        "architecture": platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "cores": len({_core(each) for each in allowed}),
        "threads": len(allowed),
        "caches": _caches(allowed[0]),
        "instructions": _instructions(),
        "load": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "libraries": {name: _version(name) for name in LIBRARIES},
        "commit": _commit(),
    }
