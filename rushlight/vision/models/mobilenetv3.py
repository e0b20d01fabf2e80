"""MobileNetV3: MobileNetV2's blocks with squeeze-and-excitation and cheap activations (Howard et al. 2019)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ... import nn
from ...nn import Module
from ...tensor import Tensor, flatten
from ..ops.misc import Conv2dNormActivation, SqueezeExcitation
from .initialization import divisible, initialize
from .pretrained import WeightsEnum, imagenet, with_weights

__all__ = [
    "MobileNetV3",
    "MobileNet_V3_Large_Weights",
    "MobileNet_V3_Small_Weights",
    "mobilenet_v3_large",
    "mobilenet_v3_small",
]

NormLayer = Callable[..., Module]
_WEIGHING = partial(SqueezeExcitation, scale_activation=nn.Hardsigmoid)


class InvertedResidualConfig:
    """A row of the paper's tables 1 and 2; `activation` is "HS" for hard swish and "RE" for ReLU."""

    def __init__(
        self,
        input_channels: int,
        kernel: int,
        expanded_channels: int,
        out_channels: int,
        use_se: bool,
        activation: str,
        stride: int,
        dilation: int,
        width_mult: float,
    ) -> None:
        self.input_channels = self.adjust_channels(input_channels, width_mult)
        self.kernel = kernel
        self.expanded_channels = self.adjust_channels(expanded_channels, width_mult)
        self.out_channels = self.adjust_channels(out_channels, width_mult)
        self.use_se = use_se
        self.use_hs = activation == "HS"
        self.stride = stride
        self.dilation = dilation

    @staticmethod
    def adjust_channels(channels: int, width_mult: float) -> int:
        """The number of channels for a factor of width: a multiple of 8."""
        return divisible(channels * width_mult, 8)


class InvertedResidual(Module):
    """Widens the channels, filters each by itself, weighs them, narrows them again; beside a shortcut where it fits."""

    def __init__(
        self,
        cnf: InvertedResidualConfig,
        norm_layer: NormLayer,
        se_layer: NormLayer = _WEIGHING,
    ) -> None:
        super().__init__()
        if not 1 <= cnf.stride <= 2:
            raise ValueError("illegal stride value")
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        wide = cnf.expanded_channels
        make = partial(Conv2dNormActivation, norm_layer=norm_layer)
        activation = nn.Hardswish if cnf.use_hs else nn.ReLU
        layers: list[Module] = []
        if wide != cnf.input_channels:
            layers.append(make(cnf.input_channels, wide, kernel_size=1, activation_layer=activation))
        layers.append(
            make(
                wide,
                wide,
                kernel_size=cnf.kernel,
                stride=1 if cnf.dilation > 1 else cnf.stride,
                dilation=cnf.dilation,
                groups=wide,
                activation_layer=activation,
            )
        )
        if cnf.use_se:
            layers.append(se_layer(wide, divisible(wide // 4, 8)))
        layers.append(make(wide, cnf.out_channels, kernel_size=1, activation_layer=None))
        self.block = nn.Sequential(*layers)
        self.out_channels = cnf.out_channels
        self._is_cn = cnf.stride > 1

    def forward(self, input: Tensor) -> Tensor:
        result = self.block(input)
        return result + input if self.use_res_connect else result  # type: ignore[no-any-return]


class MobileNetV3(Module):
    """MobileNetV3 for images (N, 3, H, W); the result is (N, num_classes).

    Args:
        inverted_residual_setting: a configuration a block.
        last_channel: width of the classifier's hidden layer.
        block, norm_layer: what makes a block, and a normalization.
        dropout: the share of the hidden layer that training drops.
    """

    def __init__(
        self,
        inverted_residual_setting: Sequence[InvertedResidualConfig],
        last_channel: int,
        num_classes: int = 1000,
        block: NormLayer | None = None,
        norm_layer: NormLayer | None = None,
        dropout: float = 0.2,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        if not inverted_residual_setting:
            raise ValueError("The inverted_residual_setting should not be empty")
        if not (
            isinstance(inverted_residual_setting, Sequence)
            and all(isinstance(row, InvertedResidualConfig) for row in inverted_residual_setting)
        ):
            raise TypeError("The inverted_residual_setting should be List[InvertedResidualConfig]")
        make = InvertedResidual if block is None else block
        norm = partial(nn.BatchNorm2d, eps=0.001, momentum=0.01) if norm_layer is None else norm_layer
        convolution = partial(Conv2dNormActivation, norm_layer=norm, activation_layer=nn.Hardswish)
        narrow = inverted_residual_setting[-1].out_channels
        self.features = nn.Sequential(
            convolution(3, inverted_residual_setting[0].input_channels, kernel_size=3, stride=2),
            *(make(row, norm) for row in inverted_residual_setting),
            convolution(narrow, 6 * narrow, kernel_size=1),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Linear(6 * narrow, last_channel),
            nn.Hardswish(inplace=True),
            nn.Dropout(p=dropout, inplace=True),
            nn.Linear(last_channel, num_classes),
        )
        initialize(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(flatten(self.avgpool(self.features(x)), 1))  # type: ignore[no-any-return]


# Rows of (input, kernel, widened, output channels, squeeze-and-excitation, activation, stride).
_LARGE = (
    (16, 3, 16, 16, False, "RE", 1),
    (16, 3, 64, 24, False, "RE", 2),
    (24, 3, 72, 24, False, "RE", 1),
    (24, 5, 72, 40, True, "RE", 2),
    (40, 5, 120, 40, True, "RE", 1),
    (40, 5, 120, 40, True, "RE", 1),
    (40, 3, 240, 80, False, "HS", 2),
    (80, 3, 200, 80, False, "HS", 1),
    (80, 3, 184, 80, False, "HS", 1),
    (80, 3, 184, 80, False, "HS", 1),
    (80, 3, 480, 112, True, "HS", 1),
    (112, 3, 672, 112, True, "HS", 1),
    (112, 5, 672, 160, True, "HS", 2),
    (160, 5, 960, 160, True, "HS", 1),
    (160, 5, 960, 160, True, "HS", 1),
)
_SMALL = (
    (16, 3, 16, 16, True, "RE", 2),
    (16, 3, 72, 24, False, "RE", 2),
    (24, 3, 88, 24, False, "RE", 1),
    (24, 5, 96, 40, True, "HS", 2),
    (40, 5, 240, 40, True, "HS", 1),
    (40, 5, 240, 40, True, "HS", 1),
    (40, 5, 120, 48, True, "HS", 1),
    (48, 5, 144, 48, True, "HS", 1),
    (48, 5, 288, 96, True, "HS", 2),
    (96, 5, 576, 96, True, "HS", 1),
    (96, 5, 576, 96, True, "HS", 1),
)
_TAIL = 3  # the last blocks, which detection and segmentation make narrower or dilate


def _mobilenet_v3(
    rows: Sequence[tuple[int, int, int, int, bool, str, int]],
    last_channel: int,
    width_mult: float = 1.0,
    reduced_tail: bool = False,
    dilated: bool = False,
    **kwargs: Any,
) -> MobileNetV3:
    """The network of a table; `reduced_tail` halves the last blocks' channels, `dilated` has them dilate."""
    part = 2 if reduced_tail else 1
    start = len(rows) - _TAIL
    settings = []
    for place, (inputs, kernel, wide, outputs, weighed, activation, stride) in enumerate(rows):
        if place > start:
            inputs, wide = inputs // part, wide // part
        if place >= start:
            outputs //= part
        dilation = 2 if dilated and place >= start else 1
        settings.append(
            InvertedResidualConfig(
                inputs, kernel, wide, outputs, weighed, activation, stride, dilation, width_mult=width_mult
            )
        )
    last = InvertedResidualConfig.adjust_channels(last_channel // part, width_mult)
    return MobileNetV3(settings, last, **kwargs)


class MobileNet_V3_Large_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("mobilenet_v3_large-8738ca79", 5483032, 1)
    IMAGENET1K_V2 = imagenet("mobilenet_v3_large-5c1a4163", 5483032, 1, resize_size=232)
    DEFAULT = IMAGENET1K_V2


class MobileNet_V3_Small_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("mobilenet_v3_small-047dcff4", 2542856, 1)
    DEFAULT = IMAGENET1K_V1


@with_weights(MobileNet_V3_Large_Weights)
def mobilenet_v3_large(**kwargs: Any) -> MobileNetV3:
    """MobileNetV3, large; further arguments go to `MobileNetV3`.

    `width_mult` multiplies all numbers of channels, `reduced_tail` halves those of the last blocks, `dilated` dilates
    these instead of halving the resolution.
    """
    return _mobilenet_v3(_LARGE, 1280, **kwargs)


@with_weights(MobileNet_V3_Small_Weights)
def mobilenet_v3_small(**kwargs: Any) -> MobileNetV3:
    """MobileNetV3, small; further arguments as for `mobilenet_v3_large`."""
    return _mobilenet_v3(_SMALL, 1024, **kwargs)
