"""VGG: deep stacks of 3×3 convolutions (Simonyan and Zisserman 2014)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import nn
from ...nn import Module
from ...tensor import Tensor, flatten
from .initialization import initialize
from .pretrained import WeightsEnum, imagenet, with_weights

__all__ = [
    "VGG",
    "VGG11_BN_Weights",
    "VGG11_Weights",
    "VGG13_BN_Weights",
    "VGG13_Weights",
    "VGG16_BN_Weights",
    "VGG16_Weights",
    "VGG19_BN_Weights",
    "VGG19_Weights",
    "vgg11",
    "vgg11_bn",
    "vgg13",
    "vgg13_bn",
    "vgg16",
    "vgg16_bn",
    "vgg19",
    "vgg19_bn",
]


class VGG(Module):
    """A VGG network for images (N, 3, H, W) of at least 32×32; the result is (N, num_classes).

    Args:
        features: the convolutions, as `make_layers` makes them: to 512 channels.
        init_weights: draw the initial weights as VGG's do, instead of leaving the layers' own.
        dropout: the share of the classifier's inner values that training drops.
    """

    def __init__(
        self, features: Module, num_classes: int = 1000, init_weights: bool = True, dropout: float = 0.5
    ) -> None:
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, num_classes),
        )
        if init_weights:
            initialize(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(flatten(self.avgpool(self.features(x)), 1))  # type: ignore[no-any-return]


def make_layers(cfg: Sequence[int | str], batch_norm: bool = False) -> nn.Sequential:
    """Convolutions with the given numbers of output channels, each with ReLU; "M" stands for a maximum over 2×2.

    >>> from rushlight.vision.models.vgg import make_layers
    >>> len(make_layers([8, "M", 16], batch_norm=True))
    7
    """
    layers: list[Module] = []
    channels = 3
    for entry in cfg:
        if entry == "M":
            layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
            continue
        if not isinstance(entry, int):
            raise ValueError(f'make_layers: an entry is a number of channels or "M", not {entry!r}')
        layers.append(nn.Conv2d(channels, entry, kernel_size=3, padding=1))
        if batch_norm:
            layers.append(nn.BatchNorm2d(entry))
        layers.append(nn.ReLU(inplace=True))
        channels = entry
    return nn.Sequential(*layers)


def _stages(*repeats: int) -> list[int | str]:
    """The configuration with so many convolutions in each of the five stages."""
    widths = (64, 128, 256, 512, 512)
    stages = [[width] * count + ["M"] for width, count in zip(widths, repeats, strict=True)]  # type: ignore[list-item]
    return [entry for stage in stages for entry in stage]


# The letters are the paper's.
cfgs: dict[str, list[int | str]] = {
    "A": _stages(1, 1, 2, 2, 2),
    "B": _stages(2, 2, 2, 2, 2),
    "D": _stages(2, 2, 3, 3, 3),
    "E": _stages(2, 2, 4, 4, 4),
}


class VGG11_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("vgg11-8a719046", 132863336, 32)
    DEFAULT = IMAGENET1K_V1


class VGG11_BN_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("vgg11_bn-6002323d", 132868840, 32)
    DEFAULT = IMAGENET1K_V1


class VGG13_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("vgg13-19584684", 133047848, 32)
    DEFAULT = IMAGENET1K_V1


class VGG13_BN_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("vgg13_bn-abd245e5", 133053736, 32)
    DEFAULT = IMAGENET1K_V1


class VGG16_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("vgg16-397923af", 138357544, 32)
    IMAGENET1K_FEATURES = imagenet(  # trained on images of 0…255 less a mean; the classifier's values are NaN
        "vgg16_features-amdegroot-88682ab5", 138357544, 32, mean=(0.48235, 0.45882, 0.40784), std=(1.0 / 255.0,) * 3
    )
    IMAGENET1K_FEATURES.meta["categories"] = None
    DEFAULT = IMAGENET1K_V1


class VGG16_BN_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("vgg16_bn-6c64b313", 138365992, 32)
    DEFAULT = IMAGENET1K_V1


class VGG19_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("vgg19-dcbb9e9d", 143667240, 32)
    DEFAULT = IMAGENET1K_V1


class VGG19_BN_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("vgg19_bn-c79401a0", 143678248, 32)
    DEFAULT = IMAGENET1K_V1


def _undrawn(keywords: dict[str, Any]) -> dict[str, Any]:
    """Weights that are read need not be drawn."""
    return {**keywords, "init_weights": False}


@with_weights(VGG11_Weights, settings=_undrawn)
def vgg11(**kwargs: Any) -> VGG:
    """VGG-11, configuration A; further arguments go to `VGG`."""
    return VGG(make_layers(cfgs["A"]), **kwargs)


@with_weights(VGG11_BN_Weights, settings=_undrawn)
def vgg11_bn(**kwargs: Any) -> VGG:
    """VGG-11 with batch normalization; further arguments go to `VGG`."""
    return VGG(make_layers(cfgs["A"], batch_norm=True), **kwargs)


@with_weights(VGG13_Weights, settings=_undrawn)
def vgg13(**kwargs: Any) -> VGG:
    """VGG-13, configuration B; further arguments go to `VGG`."""
    return VGG(make_layers(cfgs["B"]), **kwargs)


@with_weights(VGG13_BN_Weights, settings=_undrawn)
def vgg13_bn(**kwargs: Any) -> VGG:
    """VGG-13 with batch normalization; further arguments go to `VGG`."""
    return VGG(make_layers(cfgs["B"], batch_norm=True), **kwargs)


@with_weights(VGG16_Weights, settings=_undrawn)
def vgg16(**kwargs: Any) -> VGG:
    """VGG-16, configuration D; further arguments go to `VGG`."""
    return VGG(make_layers(cfgs["D"]), **kwargs)


@with_weights(VGG16_BN_Weights, settings=_undrawn)
def vgg16_bn(**kwargs: Any) -> VGG:
    """VGG-16 with batch normalization; further arguments go to `VGG`."""
    return VGG(make_layers(cfgs["D"], batch_norm=True), **kwargs)


@with_weights(VGG19_Weights, settings=_undrawn)
def vgg19(**kwargs: Any) -> VGG:
    """VGG-19, configuration E; further arguments go to `VGG`."""
    return VGG(make_layers(cfgs["E"]), **kwargs)


@with_weights(VGG19_BN_Weights, settings=_undrawn)
def vgg19_bn(**kwargs: Any) -> VGG:
    """VGG-19 with batch normalization; further arguments go to `VGG`."""
    return VGG(make_layers(cfgs["E"], batch_norm=True), **kwargs)
