"""The rows of the table: what is measured, and what share of PyTorch's time or memory it may take at most.

Targets are ours/PyTorch; below 1 Rushlight is faster or smaller. A row without a target of its own counts in a mean that has one.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """One line.

    kind: "block" times repetitions in two lasting processes; "memory", "epoch", "import" and "start" start processes anew.
    program: module and function under `bench/programs/` that make the `Program`, called with `arguments`.
    compiled: ours runs it through `rushlight.compile`; PyTorch runs eagerly all the same.
    """

    name: str
    target: float | None
    program: str = ""
    arguments: tuple[Any, ...] = ()
    kind: str = "block"
    compiled: bool = False

    @property
    def unit(self) -> str:
        return {"memory": "MiB", "epoch": "s"}.get(self.kind, "ms")

    def make(self) -> Any:
        """The program; PyTorch is imported only here, for the table itself needs none."""
        module, _, function = self.program.partition(":")
        return getattr(importlib.import_module(f"bench.programs.{module}"), function)(*self.arguments)


@dataclass(frozen=True)
class Mean:
    """The arithmetic mean of the ratios of the rows whose name begins with `prefix`."""

    name: str
    target: float
    prefix: str


LENET = ("training:lenet", (100,))
MLP = ("training:mlp", (32,))
RESNET = ("training:resnet18", (32, "contiguous_format"))
GPT = ("training:gpt", (8, 65, 256, 6, 384, 6))

# ResNet's on CIFAR, batch 32: name, then channels in and out, image size, kernel, stride, groups.
CONVOLUTIONS = (
    ("3×3 64→64 32²", (64, 64, 32, 3, 1, 1)),
    ("3×3 128→128 16²", (128, 128, 16, 3, 1, 1)),
    ("3×3 256→256 8²", (256, 256, 8, 3, 1, 1)),
    ("3×3 512→512 4²", (512, 512, 4, 3, 1, 1)),
    ("3×3 64→128 32² stride 2", (64, 128, 32, 3, 2, 1)),
    ("3×3 128→256 16² stride 2", (128, 256, 16, 3, 2, 1)),
    ("3×3 256→512 8² stride 2", (256, 512, 8, 3, 2, 1)),
    ("1×1 64→256 32²", (64, 256, 32, 1, 1, 1)),
    ("1×1 256→64 32²", (256, 64, 32, 1, 1, 1)),
    ("1×1 64→128 32² stride 2", (64, 128, 32, 1, 2, 1)),
    ("depthwise 3×3 64 32²", (64, 64, 32, 3, 1, 64)),
    ("depthwise 3×3 256 8²", (256, 256, 8, 3, 1, 256)),
)
PASSES = {"forward": "conv forward", "input": "conv gradient of input", "weight": "conv gradient of weight"}


def _steps() -> Iterator[Row]:
    yield Row("LeNet step, batch 100", 0.40, *LENET)
    yield Row("LeNet step, batch 100, compile", 0.30, *LENET, compiled=True)
    yield Row("MLP step 2→64→64→1, batch 32", 0.9, *MLP)
    yield Row("MLP step 2→64→64→1, batch 32, compile", 0.2, *MLP, compiled=True)
    yield Row("LSTM step 10→20, 2 layers, 64×50", 0.4, "training:lstm", (64, 50, 10, 20, 2))
    yield Row("nn.Transformer step 128, 2+2, 16×40", 0.6, "training:transformer", (16, 40, 128, 2))
    yield Row("ResNet-18 step, batch 32", 0.85, *RESNET)
    yield Row("ResNet-18 step, channels_last", 0.85, RESNET[0], (32, "channels_last"))
    yield Row("GPT step 6×384, 8×256 tokens", 0.75, *GPT)


def _kernels() -> Iterator[Row]:
    for size in (256, 512, 1024, 2048):
        for form in ("NN", "NT", "TN"):
            yield Row(f"matmul {size} {form}", 1.0, "kernels:matmul", (size, form))
    for size in (512, 1024, 2048):
        yield Row(f'matmul {size}, precision "high"', 1.0, "kernels:matmul_of_less", (size,))
    for shape in ((100, 400, 120), (100, 120, 84), (32, 768, 3072)):
        yield Row(f"linear+bias+relu {'·'.join(map(str, shape))}", 0.7, "kernels:linear_relu", shape)
    for size in (512, 1024, 2048):
        yield Row(f"bfloat16 matmul {size}", 1.0, "kernels:matmul", (size, "NN", "bfloat16"))
    yield Row("bfloat16 linear+bias+relu 512·1024·1024", 1.0, "kernels:linear_relu", (512, 1024, 1024, "bfloat16"))
    for which, title in PASSES.items():
        for name, geometry in CONVOLUTIONS:
            yield Row(f"{title} {name}", None, "kernels:convolution", (which, 32, *geometry))
    yield Row("softmax 4096×1024", 0.5, "kernels:softmax", (4096, 1024))
    yield Row("layer norm both ways 4096×768", 0.5, "kernels:layer_norm", (4096, 768))
    yield Row("gelu+dropout+residual 8M", 0.5, "kernels:gelu_dropout_residual", (8192, 1024))
    for name in ("normal_", "uniform_"):
        yield Row(f"{name} 16M", 1.0, "kernels:draw", (name, 1 << 24))


ROWS = (
    Row("04_cifar10.py, an epoch", 0.15, kind="epoch"),
    *_steps(),
    *_kernels(),
    Row("import", 0.12, kind="import"),
    Row("start, and ten steps of a small network", None, kind="start"),
    Row("peak memory of ResNet-18 step", 0.6, *RESNET, kind="memory"),
    Row("peak memory of GPT step", 0.6, *GPT, kind="memory"),
)
MEANS = (
    Mean("matmul, mean", 0.92, "matmul "),
    *(Mean(f"{title}, mean", 0.95, f"{title} ") for title in PASSES.values()),
)
BY_NAME = {row.name: row for row in ROWS}
