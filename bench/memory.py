"""Bytes that a process holds before its first training step, and the most that it holds in the first steps.

    python -m rushlight -m bench.memory "row"      ours
    python -m bench.memory "row"                   PyTorch

The first steps and not later ones: what a library keeps from one step for the next would else count as there before. Machine code
made for the step, and the memory of making it, count too.
"""

from __future__ import annotations

import gc
import json
import resource
import sys
from pathlib import Path

from .rows import BY_NAME

STEPS = 3  # an optimizer's state is made in the first; the second holds it together with all activations
STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")


def _status(field: str) -> int:
    (line,) = [line for line in STATUS.read_text().splitlines() if line.startswith(f"{field}:")]
    return int(line.split()[1]) << 10


def peak() -> int:
    """The most bytes of memory this process has held, since `forget_peak` where that works."""
    if STATUS.exists():
        return _status("VmHWM")
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most << 10


def held() -> int:
    """Bytes held now; where the system does not tell, the most so far, which is more or less that once a program is set up."""
    return _status("VmRSS") if STATUS.exists() else peak()


def forget_peak() -> None:
    """Lets the peak begin anew at what is held now, where the system can (Linux, proc_pid_clear_refs(5))."""
    if CLEAR.exists():
        CLEAR.write_text("5")


def main() -> None:
    program = BY_NAME[sys.argv[1]].make()
    for argument in program.arguments:
        argument.flatten()[0].item()  # so that all of it is there
    gc.collect()
    before = held()
    forget_peak()
    for _ in range(STEPS):
        program.run(*program.arguments).item()
    print(json.dumps({"before": before, "peak": peak()}))


if __name__ == "__main__":
    main()
