"""One side of the comparison: a process that times blocks of a work as it is told on standard input.

Started as `python -m bench.worker ours|peer`; answers each line `name repetitions` with seconds a repetition.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
from typing import Any

from .works import WORKS


def load(side: str) -> Any:
    """Rushlight, or the PyTorch that is installed."""
    if side == "ours":
        return importlib.import_module("rushlight")
    torch = importlib.import_module("torch")
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    return torch


def main() -> None:
    torch = load(sys.argv[1])
    if sys.argv[1] == "peer":
        importlib.import_module(
            "tests.samples.torchvision_oracle"
        )  # torchvision's Python parts beside a CPU build of torch
    ready: dict[str, Any] = {}
    for line in sys.stdin:
        name, _, count = line.rstrip("\n").rpartition("\t")
        if name not in ready:
            ready[name] = WORKS[name][0](torch)
            for _ in range(3):
                ready[name]()
        work = ready[name]
        started = time.perf_counter()
        for _ in range(int(count)):
            work()
        print((time.perf_counter() - started) / int(count), flush=True)


if __name__ == "__main__":
    main()
