"""MNASNet: inverted residual blocks that a search arranged for speed on a phone (Tan et al. 2018)."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

from ... import nn
from ...nn import Module
from ...tensor import Tensor
from .initialization import divisible, initialize
from .pretrained import WeightsEnum, imagenet, with_weights

__all__ = [
    "MNASNet",
    "MNASNet0_5_Weights",
    "MNASNet0_75_Weights",
    "MNASNet1_0_Weights",
    "MNASNet1_3_Weights",
    "mnasnet0_5",
    "mnasnet0_75",
    "mnasnet1_0",
    "mnasnet1_3",
]

_MOMENTUM = 1 - 0.9997  # of the running statistics; the original counts the other way round
_WIDTHS = (32, 16, 24, 40, 80, 96, 192, 320)
# For each stage: kernel, stride, widening, blocks.
_STAGES = ((3, 2, 3, 3), (5, 2, 3, 3), (5, 2, 6, 3), (3, 1, 6, 2), (5, 2, 6, 4), (3, 1, 6, 1))


class _InvertedResidual(Module):
    """Widens the channels, filters each by itself, narrows them again; beside a shortcut where shapes allow."""

    def __init__(
        self, in_ch: int, out_ch: int, kernel_size: int, stride: int, expansion_factor: int, bn_momentum: float = 0.1
    ) -> None:
        super().__init__()
        if stride not in (1, 2):
            raise ValueError(f"stride should be 1 or 2 instead of {stride}")
        if kernel_size not in (3, 5):
            raise ValueError(f"kernel_size should be 3 or 5 instead of {kernel_size}")
        wide = in_ch * expansion_factor
        self.apply_residual = in_ch == out_ch and stride == 1
        self.layers = nn.Sequential(
            nn.Conv2d(in_ch, wide, 1, bias=False),
            nn.BatchNorm2d(wide, momentum=bn_momentum),
            nn.ReLU(inplace=True),
            nn.Conv2d(wide, wide, kernel_size, padding=kernel_size // 2, stride=stride, groups=wide, bias=False),
            nn.BatchNorm2d(wide, momentum=bn_momentum),
            nn.ReLU(inplace=True),
            nn.Conv2d(wide, out_ch, 1, bias=False),
            nn.BatchNorm2d(out_ch, momentum=bn_momentum),
        )

    def forward(self, input: Tensor) -> Tensor:
        result = self.layers(input)
        return result + input if self.apply_residual else result  # type: ignore[no-any-return]


def _stage(in_ch: int, out_ch: int, kernel: int, stride: int, widening: int, blocks: int) -> nn.Sequential:
    made = [_InvertedResidual(in_ch, out_ch, kernel, stride, widening, bn_momentum=_MOMENTUM)]
    for _ in range(blocks - 1):
        made.append(_InvertedResidual(out_ch, out_ch, kernel, 1, widening, bn_momentum=_MOMENTUM))
    return nn.Sequential(*made)


def _stem(first: int, second: int) -> list[Module]:
    """The layers before the stages, for two numbers of channels."""
    return [
        nn.Conv2d(3, first, 3, padding=1, stride=2, bias=False),
        nn.BatchNorm2d(first, momentum=_MOMENTUM),
        nn.ReLU(inplace=True),
        nn.Conv2d(first, first, 3, padding=1, stride=1, groups=first, bias=False),
        nn.BatchNorm2d(first, momentum=_MOMENTUM),
        nn.ReLU(inplace=True),
        nn.Conv2d(first, second, 1, padding=0, stride=1, bias=False),
        nn.BatchNorm2d(second, momentum=_MOMENTUM),
    ]


class MNASNet(Module):
    """An MNASNet for images (N, 3, H, W); the result is (N, num_classes).

    Args:
        alpha: factor of all numbers of channels, each rounded to a multiple of 8.
        dropout: the share of the classifier's inputs that training drops.
    """

    _version = 2  # files of version 1 have a stem that `alpha` left alone

    def __init__(self, alpha: float, num_classes: int = 1000, dropout: float = 0.2) -> None:
        super().__init__()
        if alpha <= 0.0:
            raise ValueError(f"alpha should be greater than 0.0 instead of {alpha}")
        self.alpha = alpha
        self.num_classes = num_classes
        widths = [divisible(width * alpha, 8) for width in _WIDTHS]
        layers = _stem(*widths[:2])
        for place, stage in enumerate(_STAGES, 1):
            layers.append(_stage(widths[place], widths[place + 1], *stage))
        layers += [
            nn.Conv2d(widths[-1], 1280, 1, padding=0, stride=1, bias=False),
            nn.BatchNorm2d(1280, momentum=_MOMENTUM),
            nn.ReLU(inplace=True),
        ]
        self.layers = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(p=dropout, inplace=True), nn.Linear(1280, num_classes))
        initialize(self, partial(nn.init.kaiming_uniform_, mode="fan_out", nonlinearity="sigmoid"))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.layers(x).mean([2, 3]))  # type: ignore[no-any-return]

    def _load_from_state_dict(self, state_dict: Any, prefix: str, local_metadata: Any, *arguments: Any) -> None:
        version = local_metadata.get("version", None)
        if version not in (1, 2):
            raise ValueError(f"version should be set to 1 or 2 instead of {version}")
        if version == 1 and self.alpha != 1.0:
            second = divisible(_WIDTHS[2] * self.alpha, 8)
            for place, layer in enumerate([*_stem(32, 16), _stage(16, second, *_STAGES[0])]):
                self.layers[place] = layer
            self._version = 1
            warnings.warn(
                "A new version of MNASNet model has been implemented. Your checkpoint was saved using the previous "
                "version. This checkpoint will load and work as before, but you may want to upgrade by training a "
                "newer model or transfer learning from an updated ImageNet checkpoint.",
                UserWarning,
                stacklevel=2,
            )
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *arguments)


class MNASNet0_5_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("mnasnet0.5_top1_67.823-3ffadce67e", 2218512, 1)
    DEFAULT = IMAGENET1K_V1


class MNASNet0_75_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("mnasnet0_75-7090bc5f", 3170208, 1, resize_size=232)
    DEFAULT = IMAGENET1K_V1


class MNASNet1_0_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("mnasnet1.0_top1_73.512-f206786ef8", 4383312, 1)
    DEFAULT = IMAGENET1K_V1


class MNASNet1_3_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("mnasnet1_3-a4c69d6f", 6282256, 1, resize_size=232)
    DEFAULT = IMAGENET1K_V1


@with_weights(MNASNet0_5_Weights)
def mnasnet0_5(**kwargs: Any) -> MNASNet:
    """MNASNet of half width; further arguments go to `MNASNet`."""
    return MNASNet(0.5, **kwargs)


@with_weights(MNASNet0_75_Weights)
def mnasnet0_75(**kwargs: Any) -> MNASNet:
    """MNASNet of three quarters' width; further arguments go to `MNASNet`."""
    return MNASNet(0.75, **kwargs)


@with_weights(MNASNet1_0_Weights)
def mnasnet1_0(**kwargs: Any) -> MNASNet:
    """MNASNet; further arguments go to `MNASNet`."""
    return MNASNet(1.0, **kwargs)


@with_weights(MNASNet1_3_Weights)
def mnasnet1_3(**kwargs: Any) -> MNASNet:
    """MNASNet, 1.3 times as wide; further arguments go to `MNASNet`."""
    return MNASNet(1.3, **kwargs)
