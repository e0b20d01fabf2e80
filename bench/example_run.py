"""One example in this process: the last line printed has its losses, seconds a step, seconds of its first steps, bytes at its peak.

python -m rushlight -m bench.example_run NAME ARGUMENT…      ours
python -m bench.example_run NAME ARGUMENT…                   PyTorch
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import time

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

from .memory import forget_peak, held, peak
from .processes import MIB
from .sides import ROOT


def main() -> None:
    if not hasattr(torch, "explain"):  # PyTorch
        importlib.import_module("tests.samples.torchvision_oracle")
        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    ends: list[float] = []
    register_optimizer_step_post_hook(lambda *_: ends.append(time.perf_counter()))
    sys.path.insert(0, str(ROOT / "examples"))
    program = importlib.import_module(sys.argv[1])
    gc.collect()
    before, began = held(), time.perf_counter()
    forget_peak()
    losses = program.main(sys.argv[2:])
    each = len(ends) // len(losses)  # optimizers that step for a loss
    ends = ends[each - 1 :: each]
    first = max(1, len(ends) // 3)
    facts = {
        "losses": losses,
        "step": (ends[-1] - ends[first - 1]) / (len(ends) - first),
        "first": ends[first - 1] - began,
        "memory": (peak() - before) / MIB,
    }
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
