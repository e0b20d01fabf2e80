"""Rows that need processes of their own: an import, a short program with its start, the epochs of a long one, the peak of memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.samples import cifar_like

from .rows import Row
from .sides import NAP, PYTORCH, ROOT, Effort, Failed, command, summary

PROGRAM = ROOT / "tests" / "samples" / "programs" / "04_cifar10.py"
MIB = float(1 << 20)


def _output(words: list[str]) -> str:
    """What a process prints; raises Failed with the last line of its complaint where it fails."""
    done = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise Failed(f"{' '.join(words[1:4])}: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
    return done.stdout


def _alternating(measure: Callable[[str], list[float]], effort: Effort) -> dict[str, Any]:
    """The summary of what both sides measure in turn."""
    samples: dict[str, list[float]] = {"ours": [], "peer": []}
    for number in range(effort.processes):
        for side in ("ours", "peer") if number % 2 == 0 else ("peer", "ours"):
            time.sleep(NAP)
            samples[side] += measure(side)
    return summary(samples["ours"], samples["peer"])


def imports(row: Row, effort: Effort) -> dict[str, Any]:
    """Seconds of `import rushlight` and of `import torch`, in fresh processes whose bytecode is on disk already."""
    code = "import time; started = time.perf_counter(); import {}; print(time.perf_counter() - started)"
    words = {
        "ours": [sys.executable, "-c", code.format("rushlight")],
        "peer": [PYTORCH, "-c", code.format("torch")],
    }

    def measure(side: str) -> list[float]:
        return [float(_output(words[side]))]

    for side in words:
        measure(side)
    return _alternating(measure, effort)


START = """
import {} as torch
torch.manual_seed(0)
layer = torch.nn.Sequential(torch.nn.Linear(300, 100), torch.nn.ReLU(), torch.nn.Linear(100, 10))
optimizer = torch.optim.Adam(layer.parameters())
for _ in range(10):
    loss = torch.nn.functional.cross_entropy(layer(torch.randn(64, 300)), torch.arange(64) % 10)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(loss.item())
"""


def start(row: Row, effort: Effort) -> dict[str, Any]:
    """Seconds of a whole process that trains a small network for ten steps, once it has been run before."""
    words = {"ours": [sys.executable, "-c", START.format("rushlight")], "peer": [PYTORCH, "-c", START.format("torch")]}

    def measure(side: str) -> list[float]:
        began = time.perf_counter()
        _output(words[side])
        return [time.perf_counter() - began]

    for side in words:
        measure(side)
    return _alternating(measure, effort)


def memory(row: Row, effort: Effort) -> dict[str, Any]:
    """MiB by which the first steps raise the memory of a process that has the program and its batch, and finds its kernels on the disk."""

    def measure(side: str) -> list[float]:
        facts = json.loads(_output(command(side, "bench.memory", row.name)))
        return [(facts["peak"] - facts["before"]) / MIB]

    measure("ours")  # compiles them
    return _alternating(measure, effort)


def epochs(row: Row, effort: Effort) -> dict[str, Any]:
    """Seconds an epoch of the sample program, as it is: loading, transforms, steps. The first epoch, with the start, is left out."""
    with tempfile.TemporaryDirectory() as folder:
        cifar_like.write(Path(folder) / "data", effort.images, test_images=100)
        return _alternating(lambda side: _epochs(side, folder, effort.epochs), effort)


def _epochs(side: str, folder: str, count: int) -> list[float]:
    words = [sys.executable, "-m", "rushlight"] if side == "ours" else [PYTORCH, "-m", "bench.with_pytorch"]
    settings = {"EPOCHS": str(count), "PYTHONUNBUFFERED": "1"}
    ends = []
    with (
        tempfile.TemporaryFile() as complaints,
        subprocess.Popen(
            [*words, str(PROGRAM)],
            cwd=folder,
            env={**os.environ, **settings},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("Epoch"):
                ends.append(time.perf_counter())
        if process.wait() != 0 or len(ends) != count:
            complaints.seek(0)
            text = complaints.read().decode(errors="replace").strip().splitlines() or ["no message"]
            raise Failed(f"{side}: {PROGRAM.name} printed {len(ends)} epochs of {count}: {text[-1]}")
    return [end - begin for begin, end in zip(ends, ends[1:], strict=False)]


KINDS: dict[str, Callable[[Row, Effort], dict[str, Any]]] = {
    "import": imports,
    "start": start,
    "memory": memory,
    "epoch": epochs,
}
