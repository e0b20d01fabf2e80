"""One example in this process, run as far as it is told:

    python -m rushlight -m bench.example_run NAME ARGUMENT…      ours
    python -m bench.example_run NAME ARGUMENT…                   PyTorch

Each line of standard input is a number of the optimizer's steps to go on for; the answer is a line with the seconds that they took, in the
middle of the program, which waits for the next number in the step's hook. After an empty line it runs to its end, and the last line
printed has its losses and the MiB of memory that it took at its peak.
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


class Turns:
    """Counts the optimizer's steps, and waits after the last of a turn until it is told to go on."""

    def __init__(self) -> None:
        self._answers, sys.stdout = sys.stdout, sys.stderr  # what the program prints goes elsewhere
        self._left = 0
        self._began = 0.0

    def wait(self) -> None:
        """Reads how many steps to go on for; none: to the end."""
        self._left = int(sys.stdin.readline().strip() or 0)
        self._began = time.perf_counter()

    def stepped(self) -> None:
        """After each step."""
        self._left -= 1
        if self._left == 0:
            self.answer(time.perf_counter() - self._began)
            self.wait()

    def answer(self, found: object) -> None:
        print(json.dumps(found), file=self._answers, flush=True)


def main() -> None:
    if not hasattr(torch, "explain"):  # PyTorch
        importlib.import_module("tests.samples.torchvision_oracle")
        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    turns = Turns()
    register_optimizer_step_post_hook(lambda *_: turns.stepped())
    sys.path.insert(0, str(ROOT / "examples"))
    program = importlib.import_module(sys.argv[1])
    gc.collect()
    before = held()
    forget_peak()
    turns.answer("ready")
    turns.wait()
    losses = program.main(sys.argv[2:])
    turns.answer({"losses": losses, "memory": (peak() - before) / MIB})


if __name__ == "__main__":
    main()
