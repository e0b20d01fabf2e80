"""First values of weights that several networks share, and channel counts that processors like."""

from __future__ import annotations

from collections.abc import Callable

from ... import nn
from ...nn import Module
from ...tensor import Tensor


def divisible(channels: float, divisor: int = 8) -> int:
    """The nearest multiple of `divisor` that is not more than a tenth below the number of channels."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


def small(weight: Tensor) -> None:
    """Draws the weight of a linear layer from a narrow normal distribution."""
    nn.init.normal_(weight, 0, 0.01)


def initialize(model: Module, linear: Callable[[Tensor], object] = small) -> None:
    """Convolutions by fan-out (He et al. 2015), normalizations as the identity, linear layers as `linear` draws them, without bias."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, (nn.BatchNorm2d, nn.GroupNorm)):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Linear):
            linear(module.weight)
            nn.init.zeros_(module.bias)


def truncated_normal(model: Module) -> None:
    """Convolutions and linear layers from a normal distribution cut off at ±2, with the layer's `stddev` or 0.1 of spread."""
    for module in model.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            spread = getattr(module, "stddev", 0.1)
            nn.init.trunc_normal_(module.weight, mean=0.0, std=float(spread), a=-2, b=2)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
