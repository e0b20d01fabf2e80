"""torchvision as an oracle beside a CPU build of PyTorch: its Python parts work without its compiled ops.

    from tests.samples.torchvision_oracle import torchvision

torchvision registers shape functions for ops that its compiled library would define. Where that library does not fit
the installed PyTorch the ops are missing and the import fails; so they are declared here first, and what is registered
for them is dropped. CIFAR-10 made elsewhere, whose checksums are not the official ones, is accepted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

# Libraries undo their definitions when they are collected.
_declared = torch.library.Library("torchvision", "DEF")
for _name in ("nms", "qnms"):
    _declared.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

_register = torch.library.register_fake


def _register_elsewhere(op: Any, *arguments: Any, **keywords: Any) -> Any:
    if isinstance(op, str) and op.startswith("torchvision::"):

        def unchanged(function: Callable[..., Any]) -> Callable[..., Any]:
            return function

        return unchanged
    return _register(op, *arguments, **keywords)


torch.library.register_fake = _register_elsewhere
try:
    import torchvision
finally:
    torch.library.register_fake = _register

torchvision.datasets.CIFAR10._check_integrity = lambda self: True
torchvision.datasets.cifar.check_integrity = lambda *arguments: True

__all__ = ["torchvision"]
