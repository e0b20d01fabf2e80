"""EfficientNet: width, depth and resolution grown together (Tan and Le 2019), and its second version (2021)."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ... import nn
from ...nn import Module
from ...tensor import Tensor, flatten
from ..ops.misc import Conv2dNormActivation, SqueezeExcitation
from ..ops.stochastic_depth import StochasticDepth
from .initialization import divisible, initialize
from .pretrained import BICUBIC, WeightsEnum, imagenet, with_weights

__all__ = [
    "EfficientNet",
    *(f"EfficientNet_B{size}_Weights" for size in range(8)),
    *(f"EfficientNet_V2_{size}_Weights" for size in "SML"),
    *(f"efficientnet_b{size}" for size in range(8)),
    *(f"efficientnet_v2_{size}" for size in "sml"),
]

NormLayer = Callable[..., Module]


class _MBConvConfig:
    """A stage: its widening, kernel, first stride, channels, number of blocks, and what makes a block."""

    def __init__(
        self,
        expand_ratio: float,
        kernel: int,
        stride: int,
        input_channels: int,
        out_channels: int,
        num_layers: int,
        block: Callable[..., Module],
    ) -> None:
        self.expand_ratio = expand_ratio
        self.kernel = kernel
        self.stride = stride
        self.input_channels = input_channels
        self.out_channels = out_channels
        self.num_layers = num_layers
        self.block = block

    @staticmethod
    def adjust_channels(channels: int, width_mult: float, min_value: int | None = None) -> int:
        """The number of channels for a factor of width: a multiple of 8, and at least `min_value`."""
        return max(divisible(channels * width_mult, 8), min_value or 0)


class MBConvConfig(_MBConvConfig):
    """A stage of `MBConv`, with factors of width and depth."""

    def __init__(
        self,
        expand_ratio: float,
        kernel: int,
        stride: int,
        input_channels: int,
        out_channels: int,
        num_layers: int,
        width_mult: float = 1.0,
        depth_mult: float = 1.0,
        block: Callable[..., Module] | None = None,
    ) -> None:
        super().__init__(
            expand_ratio,
            kernel,
            stride,
            self.adjust_channels(input_channels, width_mult),
            self.adjust_channels(out_channels, width_mult),
            self.adjust_depth(num_layers, depth_mult),
            MBConv if block is None else block,
        )

    @staticmethod
    def adjust_depth(num_layers: int, depth_mult: float) -> int:
        """The number of blocks for a factor of depth, rounded up."""
        return math.ceil(num_layers * depth_mult)


class FusedMBConvConfig(_MBConvConfig):
    """A stage of `FusedMBConv`."""

    def __init__(
        self,
        expand_ratio: float,
        kernel: int,
        stride: int,
        input_channels: int,
        out_channels: int,
        num_layers: int,
        block: Callable[..., Module] | None = None,
    ) -> None:
        super().__init__(
            expand_ratio,
            kernel,
            stride,
            input_channels,
            out_channels,
            num_layers,
            FusedMBConv if block is None else block,
        )


class _Residual(Module):
    """Layers beside a shortcut where shapes allow; training drops them now and then."""

    def __init__(self, cnf: _MBConvConfig, stochastic_depth_prob: float, layers: Sequence[Module]) -> None:
        super().__init__()
        if not 1 <= cnf.stride <= 2:
            raise ValueError("illegal stride value")
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        self.block = nn.Sequential(*layers)
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.out_channels = cnf.out_channels

    def forward(self, input: Tensor) -> Tensor:
        result = self.block(input)
        return self.stochastic_depth(result) + input if self.use_res_connect else result  # type: ignore[no-any-return]


class MBConv(_Residual):
    """Widens the channels, filters each by itself, weighs them, narrows them again."""

    def __init__(
        self,
        cnf: MBConvConfig,
        stochastic_depth_prob: float,
        norm_layer: NormLayer,
        se_layer: NormLayer = SqueezeExcitation,
    ) -> None:
        make = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.SiLU)
        wide = cnf.adjust_channels(cnf.input_channels, cnf.expand_ratio)
        layers: list[Module] = []
        if wide != cnf.input_channels:
            layers.append(make(cnf.input_channels, wide, kernel_size=1))
        layers += [
            make(wide, wide, kernel_size=cnf.kernel, stride=cnf.stride, groups=wide),
            se_layer(wide, max(1, cnf.input_channels // 4), activation=partial(nn.SiLU, inplace=True)),
            make(wide, cnf.out_channels, kernel_size=1, activation_layer=None),
        ]
        super().__init__(cnf, stochastic_depth_prob, layers)


class FusedMBConv(_Residual):
    """As `MBConv`, with one full convolution for the first two and no weighing."""

    def __init__(self, cnf: FusedMBConvConfig, stochastic_depth_prob: float, norm_layer: NormLayer) -> None:
        make = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.SiLU)
        wide = cnf.adjust_channels(cnf.input_channels, cnf.expand_ratio)
        widens = wide != cnf.input_channels
        first = wide if widens else cnf.out_channels
        layers = [make(cnf.input_channels, first, kernel_size=cnf.kernel, stride=cnf.stride)]
        if widens:
            layers.append(make(wide, cnf.out_channels, kernel_size=1, activation_layer=None))
        super().__init__(cnf, stochastic_depth_prob, layers)


class EfficientNet(Module):
    """An EfficientNet for images (N, 3, H, W); the result is (N, num_classes).

    Args:
        inverted_residual_setting: a configuration a stage.
        dropout: the share of the classifier's inputs that training drops.
        stochastic_depth_prob: the share of the last block's results that training drops; less of those before it.
        norm_layer: what makes a normalization.
        last_channel: channels before the classifier; by default four times the last stage's.
    """

    def __init__(
        self,
        inverted_residual_setting: Sequence[MBConvConfig | FusedMBConvConfig],
        dropout: float,
        stochastic_depth_prob: float = 0.2,
        num_classes: int = 1000,
        norm_layer: NormLayer | None = None,
        last_channel: int | None = None,
    ) -> None:
        super().__init__()
        stages = inverted_residual_setting
        if not stages:
            raise ValueError("The inverted_residual_setting should not be empty")
        if not (isinstance(stages, Sequence) and all(isinstance(stage, _MBConvConfig) for stage in stages)):
            raise TypeError("The inverted_residual_setting should be List[MBConvConfig]")
        norm = nn.BatchNorm2d if norm_layer is None else norm_layer
        convolution = partial(Conv2dNormActivation, norm_layer=norm, activation_layer=nn.SiLU)
        layers: list[Module] = [convolution(3, stages[0].input_channels, kernel_size=3, stride=2)]
        blocks = float(sum(stage.num_layers for stage in stages))
        made = 0
        for stage in stages:
            row: list[Module] = []
            for place in range(stage.num_layers):
                own = stage
                if place > 0:
                    own = _repeated(stage)
                row.append(stage.block(own, stochastic_depth_prob * float(made) / blocks, norm))
                made += 1
            layers.append(nn.Sequential(*row))
        narrow = stages[-1].out_channels
        last = 4 * narrow if last_channel is None else last_channel
        layers.append(convolution(narrow, last, kernel_size=1))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(p=dropout, inplace=True), nn.Linear(last, num_classes))
        initialize(self, _by_outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(flatten(self.avgpool(self.features(x)), 1))  # type: ignore[no-any-return]


def _by_outputs(weight: Tensor) -> None:
    bound = 1.0 / math.sqrt(weight.shape[0])
    nn.init.uniform_(weight, -bound, bound)


def _repeated(stage: Any) -> Any:
    """The configuration of a stage's blocks after its first, which keep the shape."""
    repeated = copy.copy(stage)
    repeated.stride = 1
    repeated.input_channels = stage.out_channels
    return repeated


# Stages of the first version: (widening, kernel, stride, input channels, output channels, blocks).
_STAGES = (
    (1, 3, 1, 32, 16, 1),
    (6, 3, 2, 16, 24, 2),
    (6, 5, 2, 24, 40, 2),
    (6, 3, 2, 40, 80, 3),
    (6, 5, 1, 80, 112, 3),
    (6, 5, 2, 112, 192, 4),
    (6, 3, 1, 192, 320, 1),
)
# Of the second: those of fused blocks, and the others.
_V2_STAGES = {
    "s": (
        ((1, 3, 1, 24, 24, 2), (4, 3, 2, 24, 48, 4), (4, 3, 2, 48, 64, 4)),
        ((4, 3, 2, 64, 128, 6), (6, 3, 1, 128, 160, 9), (6, 3, 2, 160, 256, 15)),
    ),
    "m": (
        ((1, 3, 1, 24, 24, 3), (4, 3, 2, 24, 48, 5), (4, 3, 2, 48, 80, 5)),
        ((4, 3, 2, 80, 160, 7), (6, 3, 1, 160, 176, 14), (6, 3, 2, 176, 304, 18), (6, 3, 1, 304, 512, 5)),
    ),
    "l": (
        ((1, 3, 1, 32, 32, 4), (4, 3, 2, 32, 64, 7), (4, 3, 2, 64, 96, 7)),
        ((4, 3, 2, 96, 192, 10), (6, 3, 1, 192, 224, 19), (6, 3, 2, 224, 384, 25), (6, 3, 1, 384, 640, 7)),
    ),
}


def _first(width_mult: float, depth_mult: float, dropout: float, kwargs: dict[str, Any]) -> EfficientNet:
    """A network of the first version, with the call's own dropout if it has one."""
    stages = [MBConvConfig(*stage, width_mult=width_mult, depth_mult=depth_mult) for stage in _STAGES]
    return EfficientNet(stages, kwargs.pop("dropout", dropout), **kwargs)


def _second(size: str, dropout: float, kwargs: dict[str, Any]) -> EfficientNet:
    """A network of the second version."""
    fused, others = _V2_STAGES[size]
    stages: list[Any] = [*(FusedMBConvConfig(*stage) for stage in fused), *(MBConvConfig(*stage) for stage in others)]
    norm = kwargs.pop("norm_layer", partial(nn.BatchNorm2d, eps=1e-3))
    return EfficientNet(stages, kwargs.pop("dropout", dropout), norm_layer=norm, last_channel=1280, **kwargs)


class EfficientNet_B0_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("efficientnet_b0_rwightman-7f5810bc", 5288548, 1, interpolation=BICUBIC)
    DEFAULT = IMAGENET1K_V1


class EfficientNet_B1_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("efficientnet_b1_rwightman-bac287d4", 7794184, 1, crop_size=240, interpolation=BICUBIC)
    IMAGENET1K_V2 = imagenet("efficientnet_b1-c27df63c", 7794184, 1, crop_size=240, resize_size=255)
    DEFAULT = IMAGENET1K_V2


class EfficientNet_B2_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet(
        "efficientnet_b2_rwightman-c35c1473", 9109994, 1, crop_size=288, resize_size=288, interpolation=BICUBIC
    )
    DEFAULT = IMAGENET1K_V1


class EfficientNet_B3_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet(
        "efficientnet_b3_rwightman-b3899882", 12233232, 1, crop_size=300, resize_size=320, interpolation=BICUBIC
    )
    DEFAULT = IMAGENET1K_V1


class EfficientNet_B4_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet(
        "efficientnet_b4_rwightman-23ab8bcd", 19341616, 1, crop_size=380, resize_size=384, interpolation=BICUBIC
    )
    DEFAULT = IMAGENET1K_V1


class EfficientNet_B5_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet(
        "efficientnet_b5_lukemelas-1a07897c", 30389784, 1, crop_size=456, resize_size=456, interpolation=BICUBIC
    )
    DEFAULT = IMAGENET1K_V1


class EfficientNet_B6_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet(
        "efficientnet_b6_lukemelas-24a108a5", 43040704, 1, crop_size=528, resize_size=528, interpolation=BICUBIC
    )
    DEFAULT = IMAGENET1K_V1


class EfficientNet_B7_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet(
        "efficientnet_b7_lukemelas-c5b4e57e", 66347960, 1, crop_size=600, resize_size=600, interpolation=BICUBIC
    )
    DEFAULT = IMAGENET1K_V1


class EfficientNet_V2_L_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet(
        "efficientnet_v2_l-59c71312",
        118515272,
        33,
        crop_size=480,
        resize_size=480,
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        interpolation=BICUBIC,
    )
    DEFAULT = IMAGENET1K_V1


class EfficientNet_V2_M_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("efficientnet_v2_m-dc08266a", 54139356, 33, crop_size=480, resize_size=480)
    DEFAULT = IMAGENET1K_V1


class EfficientNet_V2_S_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("efficientnet_v2_s-dd5fe13b", 21458488, 33, crop_size=384, resize_size=384)
    DEFAULT = IMAGENET1K_V1


@with_weights(EfficientNet_B0_Weights)
def efficientnet_b0(**kwargs: Any) -> EfficientNet:
    """EfficientNet-B0; further arguments go to `EfficientNet`."""
    return _first(1.0, 1.0, 0.2, kwargs)


@with_weights(EfficientNet_B1_Weights)
def efficientnet_b1(**kwargs: Any) -> EfficientNet:
    """EfficientNet-B1; further arguments go to `EfficientNet`."""
    return _first(1.0, 1.1, 0.2, kwargs)


@with_weights(EfficientNet_B2_Weights)
def efficientnet_b2(**kwargs: Any) -> EfficientNet:
    """EfficientNet-B2; further arguments go to `EfficientNet`."""
    return _first(1.1, 1.2, 0.3, kwargs)


@with_weights(EfficientNet_B3_Weights)
def efficientnet_b3(**kwargs: Any) -> EfficientNet:
    """EfficientNet-B3; further arguments go to `EfficientNet`."""
    return _first(1.2, 1.4, 0.3, kwargs)


@with_weights(EfficientNet_B4_Weights)
def efficientnet_b4(**kwargs: Any) -> EfficientNet:
    """EfficientNet-B4; further arguments go to `EfficientNet`."""
    return _first(1.4, 1.8, 0.4, kwargs)


@with_weights(EfficientNet_B5_Weights)
def efficientnet_b5(**kwargs: Any) -> EfficientNet:
    """EfficientNet-B5; further arguments go to `EfficientNet`."""
    kwargs.setdefault("norm_layer", partial(nn.BatchNorm2d, eps=0.001, momentum=0.01))
    return _first(1.6, 2.2, 0.4, kwargs)


@with_weights(EfficientNet_B6_Weights)
def efficientnet_b6(**kwargs: Any) -> EfficientNet:
    """EfficientNet-B6; further arguments go to `EfficientNet`."""
    kwargs.setdefault("norm_layer", partial(nn.BatchNorm2d, eps=0.001, momentum=0.01))
    return _first(1.8, 2.6, 0.5, kwargs)


@with_weights(EfficientNet_B7_Weights)
def efficientnet_b7(**kwargs: Any) -> EfficientNet:
    """EfficientNet-B7; further arguments go to `EfficientNet`."""
    kwargs.setdefault("norm_layer", partial(nn.BatchNorm2d, eps=0.001, momentum=0.01))
    return _first(2.0, 3.1, 0.5, kwargs)


@with_weights(EfficientNet_V2_S_Weights)
def efficientnet_v2_s(**kwargs: Any) -> EfficientNet:
    """EfficientNetV2-S; further arguments go to `EfficientNet`."""
    return _second("s", 0.2, kwargs)


@with_weights(EfficientNet_V2_M_Weights)
def efficientnet_v2_m(**kwargs: Any) -> EfficientNet:
    """EfficientNetV2-M; further arguments go to `EfficientNet`."""
    return _second("m", 0.3, kwargs)


@with_weights(EfficientNet_V2_L_Weights)
def efficientnet_v2_l(**kwargs: Any) -> EfficientNet:
    """EfficientNetV2-L; further arguments go to `EfficientNet`."""
    return _second("l", 0.4, kwargs)
