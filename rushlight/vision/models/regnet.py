"""RegNet: networks whose widths grow by a straight line, rounded (Radosavovic et al. 2020)."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import Any

from ... import nn
from ...nn import Module
from ...tensor import Tensor, flatten
from ..ops.misc import Conv2dNormActivation, SqueezeExcitation
from .initialization import divisible
from .pretrained import BICUBIC, WeightsEnum, imagenet, with_weights

_X = ("400mf", "800mf", "1_6gf", "3_2gf", "8gf", "16gf", "32gf")
_Y = (*_X, "128gf")
__all__ = [
    "RegNet",
    *(f"RegNet_X_{size.upper()}_Weights" for size in _X),
    *(f"RegNet_Y_{size.upper()}_Weights" for size in _Y),
    *(f"regnet_x_{size}" for size in _X),
    *(f"regnet_y_{size}" for size in _Y),
]

Layer = Callable[..., Module]


class SimpleStemIN(Conv2dNormActivation):
    """The first layer, which halves the resolution."""

    def __init__(self, width_in: int, width_out: int, norm_layer: Layer, activation_layer: Layer) -> None:
        super().__init__(
            width_in, width_out, kernel_size=3, stride=2, norm_layer=norm_layer, activation_layer=activation_layer
        )


class BottleneckTransform(nn.Sequential):
    """1×1, grouped 3×3, perhaps squeeze-and-excitation, 1×1."""

    def __init__(
        self,
        width_in: int,
        width_out: int,
        stride: int,
        norm_layer: Layer,
        activation_layer: Layer,
        group_width: int,
        bottleneck_multiplier: float,
        se_ratio: float | None,
    ) -> None:
        make = partial(Conv2dNormActivation, norm_layer=norm_layer)
        inner = int(round(width_out * bottleneck_multiplier))
        layers: OrderedDict[str, Module] = OrderedDict()
        layers["a"] = make(width_in, inner, kernel_size=1, stride=1, activation_layer=activation_layer)
        layers["b"] = make(
            inner,
            inner,
            kernel_size=3,
            stride=stride,
            groups=inner // group_width,
            activation_layer=activation_layer,
        )
        if se_ratio:
            layers["se"] = SqueezeExcitation(
                input_channels=inner,
                squeeze_channels=int(round(se_ratio * width_in)),  # of the block's input, as the authors' networks
                activation=activation_layer,
            )
        layers["c"] = make(inner, width_out, kernel_size=1, stride=1, activation_layer=None)
        super().__init__(layers)


class ResBottleneckBlock(Module):
    """The transform beside a shortcut, which a 1×1 convolution fits where the shape changes."""

    def __init__(
        self,
        width_in: int,
        width_out: int,
        stride: int,
        norm_layer: Layer,
        activation_layer: Layer,
        group_width: int = 1,
        bottleneck_multiplier: float = 1.0,
        se_ratio: float | None = None,
    ) -> None:
        super().__init__()
        self.proj = None
        if width_in != width_out or stride != 1:
            self.proj = Conv2dNormActivation(
                width_in, width_out, kernel_size=1, stride=stride, norm_layer=norm_layer, activation_layer=None
            )
        self.f = BottleneckTransform(
            width_in, width_out, stride, norm_layer, activation_layer, group_width, bottleneck_multiplier, se_ratio
        )
        self.activation = activation_layer(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.proj is None else self.proj(x)
        return self.activation(shortcut + self.f(x))  # type: ignore[no-any-return]


class AnyStage(nn.Sequential):
    """Blocks of one shape; the first changes it."""

    def __init__(
        self,
        width_in: int,
        width_out: int,
        stride: int,
        depth: int,
        block_constructor: Layer,
        norm_layer: Layer,
        activation_layer: Layer,
        group_width: int,
        bottleneck_multiplier: float,
        se_ratio: float | None = None,
        stage_index: int = 0,
    ) -> None:
        super().__init__()
        for place in range(depth):
            block = block_constructor(
                width_in if place == 0 else width_out,
                width_out,
                stride if place == 0 else 1,
                norm_layer,
                activation_layer,
                group_width,
                bottleneck_multiplier,
                se_ratio,
            )
            self.add_module(f"block{stage_index}-{place}", block)


class BlockParams:
    """For each stage: depth, width, width of groups, bottleneck and stride; and the ratio of squeeze-and-excitation."""

    def __init__(
        self,
        depths: Sequence[int],
        widths: Sequence[int],
        group_widths: Sequence[int],
        bottleneck_multipliers: Sequence[float],
        strides: Sequence[int],
        se_ratio: float | None = None,
    ) -> None:
        self.depths = depths
        self.widths = widths
        self.group_widths = group_widths
        self.bottleneck_multipliers = bottleneck_multipliers
        self.strides = strides
        self.se_ratio = se_ratio

    @classmethod
    def from_init_params(
        cls,
        depth: int,
        w_0: int,
        w_a: float,
        w_m: float,
        group_width: int,
        bottleneck_multiplier: float = 1.0,
        se_ratio: float | None = None,
        **kwargs: Any,
    ) -> BlockParams:
        """The stages of the paper's section 3.3: block j's width is w_0 + w_a·j, rounded to w_0·w_m^s for a whole s.

        ValueError for a slope or widths that make no network.
        """
        if w_a < 0 or w_0 <= 0 or w_m <= 1 or w_0 % 8 != 0:
            raise ValueError("Invalid RegNet settings")
        widths = []
        for block in range(depth):
            power = round(math.log((w_0 + w_a * block) / w_0) / math.log(w_m))
            widths.append(int(round(w_0 * w_m**power / 8) * 8))
        stages = [(width, len(list(blocks))) for width, blocks in groupby(widths)]
        groups = [min(group_width, int(width * bottleneck_multiplier)) for width, _ in stages]
        inner = [
            divisible(int(width * bottleneck_multiplier), group)
            for (width, _), group in zip(stages, groups, strict=True)
        ]
        return cls(
            depths=[count for _, count in stages],
            widths=[int(width / bottleneck_multiplier) for width in inner],
            group_widths=groups,
            bottleneck_multipliers=[bottleneck_multiplier] * len(stages),
            strides=[2] * len(stages),
            se_ratio=se_ratio,
        )

    def _get_expanded_params(self) -> Iterator[tuple[int, int, int, int, float]]:
        return zip(self.widths, self.strides, self.depths, self.group_widths, self.bottleneck_multipliers, strict=True)


class RegNet(Module):
    """A RegNet for images (N, 3, H, W); the result is (N, num_classes).

    Args:
        block_params: the stages.
        stem_width: channels of the first layer.
        stem_type, block_type, norm_layer, activation: what makes these.
    """

    def __init__(
        self,
        block_params: BlockParams,
        num_classes: int = 1000,
        stem_width: int = 32,
        stem_type: Layer | None = None,
        block_type: Layer | None = None,
        norm_layer: Layer | None = None,
        activation: Layer | None = None,
    ) -> None:
        super().__init__()
        norm = nn.BatchNorm2d if norm_layer is None else norm_layer
        active = nn.ReLU if activation is None else activation
        block = ResBottleneckBlock if block_type is None else block_type
        self.stem = (SimpleStemIN if stem_type is None else stem_type)(3, stem_width, norm, active)
        width_in = stem_width
        stages: OrderedDict[str, Module] = OrderedDict()
        for number, (width, stride, depth, group_width, multiplier) in enumerate(
            block_params._get_expanded_params(), 1
        ):
            stages[f"block{number}"] = AnyStage(
                width_in,
                width,
                stride,
                depth,
                block,
                norm,
                active,
                group_width,
                multiplier,
                block_params.se_ratio,
                stage_index=number,
            )
            width_in = width
        self.trunk_output = nn.Sequential(stages)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(width_in, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels
                nn.init.normal_(module.weight, mean=0.0, std=math.sqrt(2.0 / fan_out))
            elif isinstance(module, nn.BatchNorm2d):
                nn.init.ones_(module.weight)
                nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, mean=0.0, std=0.01)
                nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.trunk_output(self.stem(x))
        return self.fc(flatten(self.avgpool(x), 1))  # type: ignore[no-any-return]


# The authors' networks: depth, w_0, w_a, w_m, width of groups.
_SETTINGS = {
    "x_400mf": (22, 24, 24.48, 2.54, 16),
    "x_800mf": (16, 56, 35.73, 2.28, 16),
    "x_1_6gf": (18, 80, 34.01, 2.25, 24),
    "x_3_2gf": (25, 88, 26.31, 2.25, 48),
    "x_8gf": (23, 80, 49.56, 2.88, 120),
    "x_16gf": (22, 216, 55.59, 2.1, 128),
    "x_32gf": (23, 320, 69.86, 2.0, 168),
    "y_400mf": (16, 48, 27.89, 2.09, 8),
    "y_800mf": (14, 56, 38.84, 2.4, 16),
    "y_1_6gf": (27, 48, 20.71, 2.65, 24),
    "y_3_2gf": (21, 80, 42.63, 2.66, 24),
    "y_8gf": (17, 192, 76.82, 2.19, 56),
    "y_16gf": (18, 200, 106.23, 2.48, 112),
    "y_32gf": (20, 232, 115.89, 2.53, 232),
    "y_128gf": (27, 456, 160.83, 2.52, 264),
}


def _regnet(name: str, kwargs: dict[str, Any]) -> RegNet:
    """The network of this name; Y has squeeze-and-excitation."""
    ratio = 0.25 if name.startswith("y") else None
    stages = BlockParams.from_init_params(*_SETTINGS[name], se_ratio=ratio, **kwargs)
    norm = kwargs.pop("norm_layer", partial(nn.BatchNorm2d, eps=1e-05, momentum=0.1))
    return RegNet(stages, norm_layer=norm, **kwargs)


class RegNet_X_16GF_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("regnet_x_16gf-2007eb11", 54278536, 1)
    IMAGENET1K_V2 = imagenet("regnet_x_16gf-ba3796d7", 54278536, 1, resize_size=232)
    DEFAULT = IMAGENET1K_V2


class RegNet_X_1_6GF_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("regnet_x_1_6gf-e3633e7f", 9190136, 1)
    IMAGENET1K_V2 = imagenet("regnet_x_1_6gf-a12f2b72", 9190136, 1, resize_size=232)
    DEFAULT = IMAGENET1K_V2


class RegNet_X_32GF_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("regnet_x_32gf-9d47f8d0", 107811560, 1)
    IMAGENET1K_V2 = imagenet("regnet_x_32gf-6eb8fdc6", 107811560, 1, resize_size=232)
    DEFAULT = IMAGENET1K_V2


class RegNet_X_3_2GF_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("regnet_x_3_2gf-f342aeae", 15296552, 1)
    IMAGENET1K_V2 = imagenet("regnet_x_3_2gf-7071aa85", 15296552, 1, resize_size=232)
    DEFAULT = IMAGENET1K_V2


class RegNet_X_400MF_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("regnet_x_400mf-adf1edd5", 5495976, 1)
    IMAGENET1K_V2 = imagenet("regnet_x_400mf-62229a5f", 5495976, 1, resize_size=232)
    DEFAULT = IMAGENET1K_V2


class RegNet_X_800MF_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("regnet_x_800mf-ad17e45c", 7259656, 1)
    IMAGENET1K_V2 = imagenet("regnet_x_800mf-94a99ebd", 7259656, 1, resize_size=232)
    DEFAULT = IMAGENET1K_V2


class RegNet_X_8GF_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("regnet_x_8gf-03ceed89", 39572648, 1)
    IMAGENET1K_V2 = imagenet("regnet_x_8gf-2b70d774", 39572648, 1, resize_size=232)
    DEFAULT = IMAGENET1K_V2


class RegNet_Y_128GF_Weights(WeightsEnum):
    IMAGENET1K_SWAG_E2E_V1 = imagenet(
        "regnet_y_128gf_swag-c8ce3e52", 644812894, 1, crop_size=384, resize_size=384, interpolation=BICUBIC
    )
    IMAGENET1K_SWAG_LINEAR_V1 = imagenet(
        "regnet_y_128gf_lc_swag-cbe8ce12", 644812894, 1, resize_size=224, interpolation=BICUBIC
    )
    DEFAULT = IMAGENET1K_SWAG_E2E_V1


class RegNet_Y_16GF_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("regnet_y_16gf-9e6ed7dd", 83590140, 1)
    IMAGENET1K_V2 = imagenet("regnet_y_16gf-3e4a00f9", 83590140, 1, resize_size=232)
    IMAGENET1K_SWAG_E2E_V1 = imagenet(
        "regnet_y_16gf_swag-43afe44d", 83590140, 1, crop_size=384, resize_size=384, interpolation=BICUBIC
    )
    IMAGENET1K_SWAG_LINEAR_V1 = imagenet(
        "regnet_y_16gf_lc_swag-f3ec0043", 83590140, 1, resize_size=224, interpolation=BICUBIC
    )
    DEFAULT = IMAGENET1K_V2


class RegNet_Y_1_6GF_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("regnet_y_1_6gf-b11a554e", 11202430, 1)
    IMAGENET1K_V2 = imagenet("regnet_y_1_6gf-0d7bc02a", 11202430, 1, resize_size=232)
    DEFAULT = IMAGENET1K_V2


class RegNet_Y_32GF_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("regnet_y_32gf-4dee3f7a", 145046770, 1)
    IMAGENET1K_V2 = imagenet("regnet_y_32gf-8db6d4b5", 145046770, 1, resize_size=232)
    IMAGENET1K_SWAG_E2E_V1 = imagenet(
        "regnet_y_32gf_swag-04fdfa75", 145046770, 1, crop_size=384, resize_size=384, interpolation=BICUBIC
    )
    IMAGENET1K_SWAG_LINEAR_V1 = imagenet(
        "regnet_y_32gf_lc_swag-e1583746", 145046770, 1, resize_size=224, interpolation=BICUBIC
    )
    DEFAULT = IMAGENET1K_V2


class RegNet_Y_3_2GF_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("regnet_y_3_2gf-b5a9779c", 19436338, 1)
    IMAGENET1K_V2 = imagenet("regnet_y_3_2gf-9180c971", 19436338, 1, resize_size=232)
    DEFAULT = IMAGENET1K_V2


class RegNet_Y_400MF_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("regnet_y_400mf-c65dace8", 4344144, 1)
    IMAGENET1K_V2 = imagenet("regnet_y_400mf-e6988f5f", 4344144, 1, resize_size=232)
    DEFAULT = IMAGENET1K_V2


class RegNet_Y_800MF_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("regnet_y_800mf-1b27b58c", 6432512, 1)
    IMAGENET1K_V2 = imagenet("regnet_y_800mf-58fc7688", 6432512, 1, resize_size=232)
    DEFAULT = IMAGENET1K_V2


class RegNet_Y_8GF_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("regnet_y_8gf-d0d0e4a8", 39381472, 1)
    IMAGENET1K_V2 = imagenet("regnet_y_8gf-dc2b1b54", 39381472, 1, resize_size=232)
    DEFAULT = IMAGENET1K_V2


@with_weights(RegNet_X_400MF_Weights)
def regnet_x_400mf(**kwargs: Any) -> RegNet:
    """RegNetX-400 MF; further arguments go to `RegNet`."""
    return _regnet("x_400mf", kwargs)


@with_weights(RegNet_X_800MF_Weights)
def regnet_x_800mf(**kwargs: Any) -> RegNet:
    """RegNetX-800 MF; further arguments go to `RegNet`."""
    return _regnet("x_800mf", kwargs)


@with_weights(RegNet_X_1_6GF_Weights)
def regnet_x_1_6gf(**kwargs: Any) -> RegNet:
    """RegNetX-1.6 GF; further arguments go to `RegNet`."""
    return _regnet("x_1_6gf", kwargs)


@with_weights(RegNet_X_3_2GF_Weights)
def regnet_x_3_2gf(**kwargs: Any) -> RegNet:
    """RegNetX-3.2 GF; further arguments go to `RegNet`."""
    return _regnet("x_3_2gf", kwargs)


@with_weights(RegNet_X_8GF_Weights)
def regnet_x_8gf(**kwargs: Any) -> RegNet:
    """RegNetX-8 GF; further arguments go to `RegNet`."""
    return _regnet("x_8gf", kwargs)


@with_weights(RegNet_X_16GF_Weights)
def regnet_x_16gf(**kwargs: Any) -> RegNet:
    """RegNetX-16 GF; further arguments go to `RegNet`."""
    return _regnet("x_16gf", kwargs)


@with_weights(RegNet_X_32GF_Weights)
def regnet_x_32gf(**kwargs: Any) -> RegNet:
    """RegNetX-32 GF; further arguments go to `RegNet`."""
    return _regnet("x_32gf", kwargs)


@with_weights(RegNet_Y_400MF_Weights)
def regnet_y_400mf(**kwargs: Any) -> RegNet:
    """RegNetY-400 MF; further arguments go to `RegNet`."""
    return _regnet("y_400mf", kwargs)


@with_weights(RegNet_Y_800MF_Weights)
def regnet_y_800mf(**kwargs: Any) -> RegNet:
    """RegNetY-800 MF; further arguments go to `RegNet`."""
    return _regnet("y_800mf", kwargs)


@with_weights(RegNet_Y_1_6GF_Weights)
def regnet_y_1_6gf(**kwargs: Any) -> RegNet:
    """RegNetY-1.6 GF; further arguments go to `RegNet`."""
    return _regnet("y_1_6gf", kwargs)


@with_weights(RegNet_Y_3_2GF_Weights)
def regnet_y_3_2gf(**kwargs: Any) -> RegNet:
    """RegNetY-3.2 GF; further arguments go to `RegNet`."""
    return _regnet("y_3_2gf", kwargs)


@with_weights(RegNet_Y_8GF_Weights)
def regnet_y_8gf(**kwargs: Any) -> RegNet:
    """RegNetY-8 GF; further arguments go to `RegNet`."""
    return _regnet("y_8gf", kwargs)


@with_weights(RegNet_Y_16GF_Weights)
def regnet_y_16gf(**kwargs: Any) -> RegNet:
    """RegNetY-16 GF; further arguments go to `RegNet`."""
    return _regnet("y_16gf", kwargs)


@with_weights(RegNet_Y_32GF_Weights)
def regnet_y_32gf(**kwargs: Any) -> RegNet:
    """RegNetY-32 GF; further arguments go to `RegNet`."""
    return _regnet("y_32gf", kwargs)


@with_weights(RegNet_Y_128GF_Weights)
def regnet_y_128gf(**kwargs: Any) -> RegNet:
    """RegNetY-128 GF; further arguments go to `RegNet`."""
    return _regnet("y_128gf", kwargs)
