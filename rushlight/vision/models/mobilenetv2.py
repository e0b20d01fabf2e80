"""MobileNetV2: residual blocks that are wide inside, with one filter a channel (Sandler et al. 2018)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ... import nn
from ...nn import Module
from ...tensor import Tensor, flatten
from ..ops.misc import Conv2dNormActivation
from .initialization import divisible, initialize
from .pretrained import WeightsEnum, imagenet, with_weights

__all__ = ["MobileNetV2", "MobileNet_V2_Weights", "mobilenet_v2"]

NormLayer = Callable[..., Module]

# The paper's table: for each stage the factor of widening, output channels, number of blocks, first block's stride.
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


class InvertedResidual(Module):
    """Widens the channels, filters each by itself, narrows them again; beside a shortcut where shapes allow."""

    def __init__(self, inp: int, oup: int, stride: int, expand_ratio: int, norm_layer: NormLayer | None = None) -> None:
        super().__init__()
        if stride not in (1, 2):
            raise ValueError(f"stride should be 1 or 2 instead of {stride}")
        norm = nn.BatchNorm2d if norm_layer is None else norm_layer
        self.stride = stride
        self.use_res_connect = stride == 1 and inp == oup
        wide = int(round(inp * expand_ratio))
        layers: list[Module] = []
        if expand_ratio != 1:
            layers.append(Conv2dNormActivation(inp, wide, kernel_size=1, norm_layer=norm, activation_layer=nn.ReLU6))
        layers.append(
            Conv2dNormActivation(wide, wide, stride=stride, groups=wide, norm_layer=norm, activation_layer=nn.ReLU6)
        )
        layers += [nn.Conv2d(wide, oup, 1, bias=False), norm(oup)]
        self.conv = nn.Sequential(*layers)
        self.out_channels = oup

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.use_res_connect else self.conv(x)  # type: ignore[no-any-return]


class MobileNetV2(Module):
    """MobileNetV2 for images (N, 3, H, W); the result is (N, num_classes).

    Args:
        width_mult: factor of all numbers of channels, each rounded to a multiple of `round_nearest`.
        inverted_residual_setting: rows of (widening, channels, blocks, stride), a stage each.
        block, norm_layer: what makes a block, and a normalization.
        dropout: the share of the classifier's inputs that training drops.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        width_mult: float = 1.0,
        inverted_residual_setting: Sequence[Sequence[int]] | None = None,
        round_nearest: int = 8,
        block: NormLayer | None = None,
        norm_layer: NormLayer | None = None,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        make = InvertedResidual if block is None else block
        norm = nn.BatchNorm2d if norm_layer is None else norm_layer
        stages = _STAGES if inverted_residual_setting is None else inverted_residual_setting
        if len(stages) == 0 or len(stages[0]) != 4:
            raise ValueError(f"inverted_residual_setting should be non-empty or a 4-element list, got {stages}")
        channels = divisible(32 * width_mult, round_nearest)
        self.last_channel = divisible(1280 * max(1.0, width_mult), round_nearest)
        features: list[Module] = [
            Conv2dNormActivation(3, channels, stride=2, norm_layer=norm, activation_layer=nn.ReLU6)
        ]
        for widening, wanted, blocks, stride in stages:
            out = divisible(wanted * width_mult, round_nearest)
            for place in range(blocks):
                features.append(
                    make(channels, out, stride if place == 0 else 1, expand_ratio=widening, norm_layer=norm)
                )
                channels = out
        features.append(
            Conv2dNormActivation(channels, self.last_channel, kernel_size=1, norm_layer=norm, activation_layer=nn.ReLU6)
        )
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(nn.Dropout(p=dropout), nn.Linear(self.last_channel, num_classes))
        initialize(self)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.adaptive_avg_pool2d(self.features(x), (1, 1))
        return self.classifier(flatten(x, 1))  # type: ignore[no-any-return]


class MobileNet_V2_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("mobilenet_v2-b0353104", 3504872, 1)
    IMAGENET1K_V2 = imagenet("mobilenet_v2-7ebf99e0", 3504872, 1, resize_size=232)
    DEFAULT = IMAGENET1K_V2


@with_weights(MobileNet_V2_Weights)
def mobilenet_v2(**kwargs: Any) -> MobileNetV2:
    """MobileNetV2; further arguments go to `MobileNetV2`."""
    return MobileNetV2(**kwargs)
