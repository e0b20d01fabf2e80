"""DenseNet: every layer sees the results of all before it in its block (Huang et al. 2016)."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from ... import nn
from ...nn import Module
from ...tensor import Tensor, cat, flatten
from .pretrained import WeightsEnum, imagenet, with_weights

__all__ = [
    "DenseNet",
    "DenseNet121_Weights",
    "DenseNet161_Weights",
    "DenseNet169_Weights",
    "DenseNet201_Weights",
    "densenet121",
    "densenet161",
    "densenet169",
    "densenet201",
]


class _DenseLayer(Module):
    """A 1×1 and a 3×3 convolution of all results so far, each after normalization and ReLU."""

    def __init__(
        self,
        num_input_features: int,
        growth_rate: int,
        bn_size: int,
        drop_rate: float,
        memory_efficient: bool = False,
    ) -> None:
        super().__init__()
        inner = bn_size * growth_rate
        self.norm1 = nn.BatchNorm2d(num_input_features)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(num_input_features, inner, kernel_size=1, stride=1, bias=False)
        self.norm2 = nn.BatchNorm2d(inner)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(inner, growth_rate, kernel_size=3, stride=1, padding=1, bias=False)
        self.drop_rate = float(drop_rate)
        self.memory_efficient = memory_efficient

    def forward(self, input: Tensor | list[Tensor]) -> Tensor:
        before = [input] if isinstance(input, Tensor) else input
        x = self.conv1(self.relu1(self.norm1(cat(before, 1))))
        x = self.conv2(self.relu2(self.norm2(x)))
        if self.drop_rate > 0:
            x = nn.functional.dropout(x, p=self.drop_rate, training=self.training)
        return x  # type: ignore[no-any-return]


class _DenseBlock(nn.ModuleDict):
    """Dense layers one after another; the result is the input with all their results beside it."""

    def __init__(
        self,
        num_layers: int,
        num_input_features: int,
        bn_size: int,
        growth_rate: int,
        drop_rate: float,
        memory_efficient: bool = False,
    ) -> None:
        super().__init__()
        for place in range(num_layers):
            channels = num_input_features + place * growth_rate
            layer = _DenseLayer(channels, growth_rate, bn_size, drop_rate, memory_efficient)
            self.add_module(f"denselayer{place + 1}", layer)

    def forward(self, init_features: Tensor) -> Tensor:
        results = [init_features]
        for layer in self.values():
            results.append(layer(results))
        return cat(results, 1)  # type: ignore[no-any-return]


class _Transition(nn.Sequential):
    """Between two blocks: halves height and width."""

    def __init__(self, num_input_features: int, num_output_features: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(num_input_features)
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(num_input_features, num_output_features, kernel_size=1, stride=1, bias=False)
        self.pool = nn.AvgPool2d(kernel_size=2, stride=2)


class DenseNet(Module):
    """A DenseNet for images (N, 3, H, W) of at least 29×29; the result is (N, num_classes).

    Args:
        growth_rate: channels that each layer adds.
        block_config: layers in each block.
        num_init_features: channels of the first convolution.
        bn_size: channels between a layer's two convolutions, in multiples of `growth_rate`.
        drop_rate: the share of each layer's results that training drops.
        memory_efficient: a hint, which has no effect here: what backward can recompute is not kept anyway.
    """

    def __init__(
        self,
        growth_rate: int = 32,
        block_config: Sequence[int] = (6, 12, 24, 16),
        num_init_features: int = 64,
        bn_size: int = 4,
        drop_rate: float = 0,
        num_classes: int = 1000,
        memory_efficient: bool = False,
    ) -> None:
        super().__init__()
        self.features = nn.Sequential(
            OrderedDict(
                conv0=nn.Conv2d(3, num_init_features, kernel_size=7, stride=2, padding=3, bias=False),
                norm0=nn.BatchNorm2d(num_init_features),
                relu0=nn.ReLU(inplace=True),
                pool0=nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
            )
        )
        channels = num_init_features
        for number, layers in enumerate(block_config, 1):
            block = _DenseBlock(layers, channels, bn_size, growth_rate, drop_rate, memory_efficient)
            self.features.add_module(f"denseblock{number}", block)
            channels += layers * growth_rate
            if number < len(block_config):
                self.features.add_module(f"transition{number}", _Transition(channels, channels // 2))
                channels //= 2
        self.features.add_module("norm5", nn.BatchNorm2d(channels))
        self.classifier = nn.Linear(channels, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
            elif isinstance(module, nn.BatchNorm2d):
                nn.init.ones_(module.weight)
                nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.relu(self.features(x), inplace=True)
        x = nn.functional.adaptive_avg_pool2d(x, (1, 1))
        return self.classifier(flatten(x, 1))  # type: ignore[no-any-return]


def renamed(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """The published files with the keys that dense layers have: theirs are of a time when names could hold dots."""
    old = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.(?=[12]\.)")
    return {old.sub(r"\1", key): value for key, value in state.items()}


class DenseNet121_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("densenet121-a639ec97", 7978856, 29)
    DEFAULT = IMAGENET1K_V1


class DenseNet161_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("densenet161-8d451a50", 28681000, 29)
    DEFAULT = IMAGENET1K_V1


class DenseNet169_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("densenet169-b2777c0a", 14149480, 29)
    DEFAULT = IMAGENET1K_V1


class DenseNet201_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("densenet201-c1103571", 20013928, 29)
    DEFAULT = IMAGENET1K_V1


@with_weights(DenseNet121_Weights, renamed)
def densenet121(**kwargs: Any) -> DenseNet:
    """DenseNet-121; further arguments go to `DenseNet`."""
    return DenseNet(32, (6, 12, 24, 16), 64, **kwargs)


@with_weights(DenseNet161_Weights, renamed)
def densenet161(**kwargs: Any) -> DenseNet:
    """DenseNet-161; further arguments go to `DenseNet`."""
    return DenseNet(48, (6, 12, 36, 24), 96, **kwargs)


@with_weights(DenseNet169_Weights, renamed)
def densenet169(**kwargs: Any) -> DenseNet:
    """DenseNet-169; further arguments go to `DenseNet`."""
    return DenseNet(32, (6, 12, 32, 32), 64, **kwargs)


@with_weights(DenseNet201_Weights, renamed)
def densenet201(**kwargs: Any) -> DenseNet:
    """DenseNet-201; further arguments go to `DenseNet`."""
    return DenseNet(32, (6, 12, 48, 32), 64, **kwargs)
