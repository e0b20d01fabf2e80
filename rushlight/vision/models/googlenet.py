"""GoogLeNet: kernels of several sizes side by side (Szegedy et al. 2014), with normalization."""

from __future__ import annotations

import warnings
from collections import namedtuple
from collections.abc import Callable, Sequence
from typing import Any

from ... import nn
from ...nn import Module
from ...tensor import Tensor, cat, flatten
from .initialization import truncated_normal
from .pretrained import WeightsEnum, classes_of, imagenet, with_weights

__all__ = ["GoogLeNet", "GoogLeNetOutputs", "GoogLeNet_Weights", "_GoogLeNetOutputs", "googlenet"]

GoogLeNetOutputs = namedtuple("GoogLeNetOutputs", ["logits", "aux_logits2", "aux_logits1"])
GoogLeNetOutputs.__annotations__ = {"logits": Tensor, "aux_logits2": Tensor | None, "aux_logits1": Tensor | None}
_GoogLeNetOutputs = GoogLeNetOutputs

Block = Callable[..., Module]

# Channels of each block: input, 1×1, before 3×3, 3×3, before 5×5, 5×5, after pooling (the paper's table 1).
_BLOCKS = {
    "inception3a": (192, 64, 96, 128, 16, 32, 32),
    "inception3b": (256, 128, 128, 192, 32, 96, 64),
    "inception4a": (480, 192, 96, 208, 16, 48, 64),
    "inception4b": (512, 160, 112, 224, 24, 64, 64),
    "inception4c": (512, 128, 128, 256, 24, 64, 64),
    "inception4d": (512, 112, 144, 288, 32, 64, 64),
    "inception4e": (528, 256, 160, 320, 32, 128, 128),
    "inception5a": (832, 256, 160, 320, 32, 128, 128),
    "inception5b": (832, 384, 192, 384, 48, 128, 128),
}


class BasicConv2d(Module):
    """A convolution without bias, normalization and ReLU."""

    def __init__(self, in_channels: int, out_channels: int, **kwargs: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, bias=False, **kwargs)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.relu(self.bn(self.conv(x)), inplace=True)  # type: ignore[no-any-return]


def from_imagenet_range(x: Tensor) -> Tensor:
    """Images normalized with ImageNet's means and deviations, as if normalized with 0.5 and 0.5."""
    pairs = zip((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), strict=True)
    planes = [
        x[:, channel].unsqueeze(1) * (deviation / 0.5) + (mean - 0.5) / 0.5
        for channel, (mean, deviation) in enumerate(pairs)
    ]
    return cat(planes, 1)  # type: ignore[no-any-return]


def asked_for_initialization(init_weights: bool | None, name: str) -> bool:
    """Whether a model draws its weights itself; a warning where nothing was said, as torchvision has it."""
    if init_weights is None:
        warnings.warn(
            f"The default weight initialization of {name} will be changed in future releases of torchvision. If you "
            "wish to keep the old behavior (which leads to long initialization times due to scipy/scipy#11299), please "
            "set init_weights=True.",
            FutureWarning,
            stacklevel=3,
        )
        return True
    return init_weights


class Inception(Module):
    """A 1×1 convolution, two larger ones (both 3×3, as in the published weights) and a pooling, side by side."""

    def __init__(
        self,
        in_channels: int,
        ch1x1: int,
        ch3x3red: int,
        ch3x3: int,
        ch5x5red: int,
        ch5x5: int,
        pool_proj: int,
        conv_block: Block | None = None,
    ) -> None:
        super().__init__()
        block = BasicConv2d if conv_block is None else conv_block
        self.branch1 = block(in_channels, ch1x1, kernel_size=1)
        self.branch2 = nn.Sequential(
            block(in_channels, ch3x3red, kernel_size=1), block(ch3x3red, ch3x3, kernel_size=3, padding=1)
        )
        self.branch3 = nn.Sequential(
            block(in_channels, ch5x5red, kernel_size=1), block(ch5x5red, ch5x5, kernel_size=3, padding=1)
        )
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(kernel_size=3, stride=1, padding=1, ceil_mode=True),
            block(in_channels, pool_proj, kernel_size=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)  # type: ignore[no-any-return]


class InceptionAux(Module):
    """A classifier half way, which helps training."""

    def __init__(
        self, in_channels: int, num_classes: int, conv_block: Block | None = None, dropout: float = 0.7
    ) -> None:
        super().__init__()
        block = BasicConv2d if conv_block is None else conv_block
        self.conv = block(in_channels, 128, kernel_size=1)
        self.fc1 = nn.Linear(2048, 1024)
        self.fc2 = nn.Linear(1024, num_classes)
        self.dropout = nn.Dropout(p=dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = flatten(self.conv(nn.functional.adaptive_avg_pool2d(x, (4, 4))), 1)
        return self.fc2(self.dropout(nn.functional.relu(self.fc1(x), inplace=True)))  # type: ignore[no-any-return]


class GoogLeNet(Module):
    """GoogLeNet for images (N, 3, H, W) of at least 15×15.

    The result is (N, num_classes); in training with `aux_logits` a `GoogLeNetOutputs` of three of them.

    Args:
        aux_logits: two classifiers half way.
        transform_input: images come normalized for ImageNet, where the weights want 0.5 and 0.5.
        init_weights: draw the weights as the paper's; False leaves the layers' own, None warns and means True.
        blocks: what makes a convolution, an inception block and a classifier half way.
        dropout, dropout_aux: shares of the classifiers' inputs that training drops.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        aux_logits: bool = True,
        transform_input: bool = False,
        init_weights: bool | None = None,
        blocks: Sequence[Block] | None = None,
        dropout: float = 0.2,
        dropout_aux: float = 0.7,
    ) -> None:
        super().__init__()
        draws = asked_for_initialization(init_weights, "GoogleNet")
        convolution, inception, auxiliary = [BasicConv2d, Inception, InceptionAux] if blocks is None else blocks
        self.aux_logits = aux_logits
        self.transform_input = transform_input
        self.conv1 = convolution(3, 64, kernel_size=7, stride=2, padding=3)
        self.maxpool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.conv2 = convolution(64, 64, kernel_size=1)
        self.conv3 = convolution(64, 192, kernel_size=3, padding=1)
        self.maxpool2 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        for name, channels in _BLOCKS.items():
            setattr(self, name, inception(*channels))
            if name == "inception3b":
                self.maxpool3 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
            elif name == "inception4e":
                self.maxpool4 = nn.MaxPool2d(2, stride=2, ceil_mode=True)
        self.aux1 = auxiliary(512, num_classes, dropout=dropout_aux) if aux_logits else None
        self.aux2 = auxiliary(528, num_classes, dropout=dropout_aux) if aux_logits else None
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(p=dropout)
        self.fc = nn.Linear(1024, num_classes)
        if draws:
            for module in self.modules():
                if isinstance(module, (nn.Conv2d, nn.Linear)):
                    module.stddev = 0.01
            truncated_normal(self)

    def forward(self, x: Tensor) -> Tensor | GoogLeNetOutputs:
        if self.transform_input:
            x = from_imagenet_range(x)
        with_aux = self.training and self.aux_logits
        x = self.maxpool1(self.conv1(x))
        x = self.maxpool2(self.conv3(self.conv2(x)))
        x = self.maxpool3(self.inception3b(self.inception3a(x)))
        x = self.inception4a(x)
        first = self.aux1(x) if with_aux else None
        x = self.inception4d(self.inception4c(self.inception4b(x)))
        second = self.aux2(x) if with_aux else None
        x = self.maxpool4(self.inception4e(x))
        x = self.inception5b(self.inception5a(x))
        x = self.fc(self.dropout(flatten(self.avgpool(x), 1)))
        return GoogLeNetOutputs(x, second, first) if with_aux else x


class GoogLeNet_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("googlenet-1378be20", 6624904, 15)
    DEFAULT = IMAGENET1K_V1


def _as_published(weights: WeightsEnum) -> dict[str, Any]:
    """Images are prepared for 0.5 and 0.5."""
    return {**classes_of(weights), "transform_input": True, "init_weights": False}


def _with_classifiers(keywords: dict[str, Any]) -> dict[str, Any]:
    """The published weights have the classifiers half way, though not trained."""
    keywords.setdefault("aux_logits", False)
    if keywords["aux_logits"]:
        warnings.warn(
            "auxiliary heads in the pretrained googlenet model are NOT pretrained, so make sure to train them",
            stacklevel=4,
        )
    return {**keywords, "aux_logits": True}


def _without_classifiers(model: GoogLeNet, keywords: dict[str, Any]) -> None:
    if not keywords["aux_logits"]:
        model.aux_logits = False
        model.aux1 = None
        model.aux2 = None


@with_weights(GoogLeNet_Weights, fixed=_as_published, settings=_with_classifiers, finish=_without_classifiers)
def googlenet(**kwargs: Any) -> GoogLeNet:
    """GoogLeNet; further arguments go to `GoogLeNet`. With weights, `aux_logits` is False by default."""
    return GoogLeNet(**kwargs)
