"""Inception v3: large kernels taken apart into small and one-sided ones (Szegedy et al. 2015)."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Sequence
from typing import Any

from ... import nn
from ...nn import Module
from ...tensor import Tensor, cat, flatten
from .googlenet import BasicConv2d, asked_for_initialization, from_imagenet_range
from .initialization import truncated_normal
from .pretrained import WeightsEnum, classes_of, imagenet, with_weights

__all__ = ["Inception3", "InceptionOutputs", "Inception_V3_Weights", "_InceptionOutputs", "inception_v3"]

InceptionOutputs = namedtuple("InceptionOutputs", ["logits", "aux_logits"])
InceptionOutputs.__annotations__ = {"logits": Tensor, "aux_logits": Tensor | None}
_InceptionOutputs = InceptionOutputs

Block = Callable[..., Module]


class InceptionA(Module):
    """The paper's figure 5: 1×1, 5×5, two of 3×3, and a pooling."""

    def __init__(self, in_channels: int, pool_features: int, conv_block: Block | None = None) -> None:
        super().__init__()
        block = BasicConv2d if conv_block is None else conv_block
        self.branch1x1 = block(in_channels, 64, kernel_size=1)
        self.branch5x5_1 = block(in_channels, 48, kernel_size=1)
        self.branch5x5_2 = block(48, 64, kernel_size=5, padding=2)
        self.branch3x3dbl_1 = block(in_channels, 64, kernel_size=1)
        self.branch3x3dbl_2 = block(64, 96, kernel_size=3, padding=1)
        self.branch3x3dbl_3 = block(96, 96, kernel_size=3, padding=1)
        self.branch_pool = block(in_channels, pool_features, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        results = [
            self.branch1x1(x),
            self.branch5x5_2(self.branch5x5_1(x)),
            self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x))),
            self.branch_pool(nn.functional.avg_pool2d(x, kernel_size=3, stride=1, padding=1)),
        ]
        return cat(results, 1)  # type: ignore[no-any-return]


class InceptionB(Module):
    """Halves the resolution before the 17×17 blocks."""

    def __init__(self, in_channels: int, conv_block: Block | None = None) -> None:
        super().__init__()
        block = BasicConv2d if conv_block is None else conv_block
        self.branch3x3 = block(in_channels, 384, kernel_size=3, stride=2)
        self.branch3x3dbl_1 = block(in_channels, 64, kernel_size=1)
        self.branch3x3dbl_2 = block(64, 96, kernel_size=3, padding=1)
        self.branch3x3dbl_3 = block(96, 96, kernel_size=3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        results = [
            self.branch3x3(x),
            self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x))),
            nn.functional.max_pool2d(x, kernel_size=3, stride=2),
        ]
        return cat(results, 1)  # type: ignore[no-any-return]


class InceptionC(Module):
    """The paper's figure 6: 7×7 kernels as pairs of one-sided ones."""

    def __init__(self, in_channels: int, channels_7x7: int, conv_block: Block | None = None) -> None:
        super().__init__()
        block = BasicConv2d if conv_block is None else conv_block
        narrow = channels_7x7
        wide, tall = {"kernel_size": (1, 7), "padding": (0, 3)}, {"kernel_size": (7, 1), "padding": (3, 0)}
        self.branch1x1 = block(in_channels, 192, kernel_size=1)
        self.branch7x7_1 = block(in_channels, narrow, kernel_size=1)
        self.branch7x7_2 = block(narrow, narrow, **wide)
        self.branch7x7_3 = block(narrow, 192, **tall)
        self.branch7x7dbl_1 = block(in_channels, narrow, kernel_size=1)
        self.branch7x7dbl_2 = block(narrow, narrow, **tall)
        self.branch7x7dbl_3 = block(narrow, narrow, **wide)
        self.branch7x7dbl_4 = block(narrow, narrow, **tall)
        self.branch7x7dbl_5 = block(narrow, 192, **wide)
        self.branch_pool = block(in_channels, 192, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        results = [
            self.branch1x1(x),
            self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x))),
            self.branch7x7dbl_5(self.branch7x7dbl_4(double)),
            self.branch_pool(nn.functional.avg_pool2d(x, kernel_size=3, stride=1, padding=1)),
        ]
        return cat(results, 1)  # type: ignore[no-any-return]


class InceptionD(Module):
    """Halves the resolution before the 8×8 blocks."""

    def __init__(self, in_channels: int, conv_block: Block | None = None) -> None:
        super().__init__()
        block = BasicConv2d if conv_block is None else conv_block
        self.branch3x3_1 = block(in_channels, 192, kernel_size=1)
        self.branch3x3_2 = block(192, 320, kernel_size=3, stride=2)
        self.branch7x7x3_1 = block(in_channels, 192, kernel_size=1)
        self.branch7x7x3_2 = block(192, 192, kernel_size=(1, 7), padding=(0, 3))
        self.branch7x7x3_3 = block(192, 192, kernel_size=(7, 1), padding=(3, 0))
        self.branch7x7x3_4 = block(192, 192, kernel_size=3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        results = [
            self.branch3x3_2(self.branch3x3_1(x)),
            self.branch7x7x3_4(self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x)))),
            nn.functional.max_pool2d(x, kernel_size=3, stride=2),
        ]
        return cat(results, 1)  # type: ignore[no-any-return]


class InceptionE(Module):
    """The paper's figure 7: 3×3 kernels as one-sided ones side by side."""

    def __init__(self, in_channels: int, conv_block: Block | None = None) -> None:
        super().__init__()
        block = BasicConv2d if conv_block is None else conv_block
        wide, tall = {"kernel_size": (1, 3), "padding": (0, 1)}, {"kernel_size": (3, 1), "padding": (1, 0)}
        self.branch1x1 = block(in_channels, 320, kernel_size=1)
        self.branch3x3_1 = block(in_channels, 384, kernel_size=1)
        self.branch3x3_2a = block(384, 384, **wide)
        self.branch3x3_2b = block(384, 384, **tall)
        self.branch3x3dbl_1 = block(in_channels, 448, kernel_size=1)
        self.branch3x3dbl_2 = block(448, 384, kernel_size=3, padding=1)
        self.branch3x3dbl_3a = block(384, 384, **wide)
        self.branch3x3dbl_3b = block(384, 384, **tall)
        self.branch_pool = block(in_channels, 192, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        single = self.branch3x3_1(x)
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        results = [
            self.branch1x1(x),
            self.branch3x3_2a(single),
            self.branch3x3_2b(single),
            self.branch3x3dbl_3a(double),
            self.branch3x3dbl_3b(double),
            self.branch_pool(nn.functional.avg_pool2d(x, kernel_size=3, stride=1, padding=1)),
        ]
        return cat(results, 1)  # type: ignore[no-any-return]


class InceptionAux(Module):
    """A classifier half way, which helps training."""

    def __init__(self, in_channels: int, num_classes: int, conv_block: Block | None = None) -> None:
        super().__init__()
        block = BasicConv2d if conv_block is None else conv_block
        self.conv0 = block(in_channels, 128, kernel_size=1)
        self.conv1 = block(128, 768, kernel_size=5)
        self.fc = nn.Linear(768, num_classes)
        self.fc.stddev = 0.001

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(self.conv0(nn.functional.avg_pool2d(x, kernel_size=5, stride=3)))
        return self.fc(flatten(nn.functional.adaptive_avg_pool2d(x, (1, 1)), 1))  # type: ignore[no-any-return]


class Inception3(Module):
    """Inception v3 for images (N, 3, H, W) of at least 75×75; its own size is 299×299.

    The result is (N, num_classes); in training with `aux_logits` an `InceptionOutputs` of two of them.

    Args:
        aux_logits: a classifier half way.
        transform_input: images come normalized for ImageNet, where the weights want 0.5 and 0.5.
        inception_blocks: what makes a convolution, the blocks A to E, and the classifier half way.
        init_weights: draw the weights from a normal distribution cut off; False leaves the layers' own, None warns and
            means True.
        dropout: the share of the classifier's inputs that training drops.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        aux_logits: bool = True,
        transform_input: bool = False,
        inception_blocks: Sequence[Block] | None = None,
        init_weights: bool | None = None,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        draws = asked_for_initialization(init_weights, "inception_v3")
        own = [BasicConv2d, InceptionA, InceptionB, InceptionC, InceptionD, InceptionE, InceptionAux]
        convolution, a, b, c, d, e, auxiliary = own if inception_blocks is None else inception_blocks
        self.aux_logits = aux_logits
        self.transform_input = transform_input
        self.Conv2d_1a_3x3 = convolution(3, 32, kernel_size=3, stride=2)
        self.Conv2d_2a_3x3 = convolution(32, 32, kernel_size=3)
        self.Conv2d_2b_3x3 = convolution(32, 64, kernel_size=3, padding=1)
        self.maxpool1 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.Conv2d_3b_1x1 = convolution(64, 80, kernel_size=1)
        self.Conv2d_4a_3x3 = convolution(80, 192, kernel_size=3)
        self.maxpool2 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.Mixed_5b = a(192, pool_features=32)
        self.Mixed_5c = a(256, pool_features=64)
        self.Mixed_5d = a(288, pool_features=64)
        self.Mixed_6a = b(288)
        self.Mixed_6b = c(768, channels_7x7=128)
        self.Mixed_6c = c(768, channels_7x7=160)
        self.Mixed_6d = c(768, channels_7x7=160)
        self.Mixed_6e = c(768, channels_7x7=192)
        self.AuxLogits = auxiliary(768, num_classes) if aux_logits else None
        self.Mixed_7a = d(768)
        self.Mixed_7b = e(1280)
        self.Mixed_7c = e(2048)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(p=dropout)
        self.fc = nn.Linear(2048, num_classes)
        if draws:
            truncated_normal(self)

    def forward(self, x: Tensor) -> Tensor | InceptionOutputs:
        if self.transform_input:
            x = from_imagenet_range(x)
        x = self.maxpool1(self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x))))
        x = self.maxpool2(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x)))
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(x)))
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))))
        with_aux = self.training and self.aux_logits
        auxiliary = self.AuxLogits(x) if with_aux else None
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))
        x = self.fc(flatten(self.dropout(self.avgpool(x)), 1))
        return InceptionOutputs(x, auxiliary) if with_aux else x


class Inception_V3_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("inception_v3_google-0cc3c7bd", 27161264, 75, crop_size=299, resize_size=342)
    DEFAULT = IMAGENET1K_V1


def _as_published(weights: WeightsEnum) -> dict[str, Any]:
    """The published weights have the classifier half way, and images prepared for 0.5 and 0.5."""
    return {**classes_of(weights), "transform_input": True, "aux_logits": True, "init_weights": False}


@with_weights(Inception_V3_Weights, fixed=_as_published)
def inception_v3(**kwargs: Any) -> Inception3:
    """Inception v3; further arguments go to `Inception3`. Images are 299×299, unlike other networks'."""
    return Inception3(**kwargs)
