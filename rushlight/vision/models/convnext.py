"""ConvNeXt: a convolutional network with the proportions of a transformer (Liu et al. 2022)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ... import nn
from ...nn import Module
from ...tensor import Tensor, ones
from ..ops.misc import Conv2dNormActivation, Permute
from ..ops.stochastic_depth import StochasticDepth
from .pretrained import WeightsEnum, imagenet, with_weights

__all__ = [
    "ConvNeXt",
    "ConvNeXt_Base_Weights",
    "ConvNeXt_Large_Weights",
    "ConvNeXt_Small_Weights",
    "ConvNeXt_Tiny_Weights",
    "convnext_base",
    "convnext_large",
    "convnext_small",
    "convnext_tiny",
]


class LayerNorm2d(nn.LayerNorm):
    """Layer normalization over the channels of (N, C, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)  # type: ignore[no-any-return]


class CNBlock(Module):
    """A 7×7 filter of each channel, then two linear layers at each pixel, scaled, beside a shortcut."""

    def __init__(
        self,
        dim: int,
        layer_scale: float,
        stochastic_depth_prob: float,
        norm_layer: Callable[..., Module] | None = None,
    ) -> None:
        super().__init__()
        norm = partial(nn.LayerNorm, eps=1e-6) if norm_layer is None else norm_layer
        self.block = nn.Sequential(
            nn.Conv2d(dim, dim, kernel_size=7, padding=3, groups=dim, bias=True),
            Permute([0, 2, 3, 1]),
            norm(dim),
            nn.Linear(in_features=dim, out_features=4 * dim, bias=True),
            nn.GELU(),
            nn.Linear(in_features=4 * dim, out_features=dim, bias=True),
            Permute([0, 3, 1, 2]),
        )
        self.layer_scale = nn.Parameter(ones(dim, 1, 1) * layer_scale)
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")

    def forward(self, input: Tensor) -> Tensor:
        return self.stochastic_depth(self.layer_scale * self.block(input)) + input  # type: ignore[no-any-return]


class CNBlockConfig:
    """A stage: channels, those of the next stage (None for the last), number of blocks."""

    def __init__(self, input_channels: int, out_channels: int | None, num_layers: int) -> None:
        self.input_channels = input_channels
        self.out_channels = out_channels
        self.num_layers = num_layers

    def __repr__(self) -> str:
        fields = ("input_channels", "out_channels", "num_layers")
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)}' for name in fields)})"


class ConvNeXt(Module):
    """A ConvNeXt for images (N, 3, H, W) of at least 32×32; the result is (N, num_classes).

    Args:
        block_setting: a configuration a stage.
        stochastic_depth_prob: the share of the last block's results that training drops; less of those before it.
        layer_scale: first value of each block's scale.
        block, norm_layer: what makes a block, and a normalization.
    """

    def __init__(
        self,
        block_setting: Sequence[CNBlockConfig],
        stochastic_depth_prob: float = 0.0,
        layer_scale: float = 1e-6,
        num_classes: int = 1000,
        block: Callable[..., Module] | None = None,
        norm_layer: Callable[..., Module] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        if not block_setting:
            raise ValueError("The block_setting should not be empty")
        if not (
            isinstance(block_setting, Sequence) and all(isinstance(stage, CNBlockConfig) for stage in block_setting)
        ):
            raise TypeError("The block_setting should be List[CNBlockConfig]")
        make = CNBlock if block is None else block
        norm = partial(LayerNorm2d, eps=1e-6) if norm_layer is None else norm_layer
        first = block_setting[0].input_channels
        layers: list[Module] = [
            Conv2dNormActivation(
                3, first, kernel_size=4, stride=4, padding=0, norm_layer=norm, activation_layer=None, bias=True
            )
        ]
        last_block = sum(stage.num_layers for stage in block_setting) - 1.0
        made = 0
        for stage in block_setting:
            row = []
            for _ in range(stage.num_layers):
                row.append(make(stage.input_channels, layer_scale, stochastic_depth_prob * made / last_block))
                made += 1
            layers.append(nn.Sequential(*row))
            if stage.out_channels is not None:
                shrink = nn.Conv2d(stage.input_channels, stage.out_channels, kernel_size=2, stride=2)
                layers.append(nn.Sequential(norm(stage.input_channels), shrink))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        last = block_setting[-1]
        width = last.input_channels if last.out_channels is None else last.out_channels
        self.classifier = nn.Sequential(norm(width), nn.Flatten(1), nn.Linear(width, num_classes))
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)))  # type: ignore[no-any-return]


class ConvNeXt_Base_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("convnext_base-6075fbad", 88591464, 32, resize_size=232)
    DEFAULT = IMAGENET1K_V1


class ConvNeXt_Large_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("convnext_large-ea097f82", 197767336, 32, resize_size=232)
    DEFAULT = IMAGENET1K_V1


class ConvNeXt_Small_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("convnext_small-0c510722", 50223688, 32, resize_size=230)
    DEFAULT = IMAGENET1K_V1


class ConvNeXt_Tiny_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("convnext_tiny-983f1562", 28589128, 32, resize_size=236)
    DEFAULT = IMAGENET1K_V1


def _convnext(
    widths: Sequence[int], depths: Sequence[int], stochastic_depth_prob: float, kwargs: dict[str, Any]
) -> ConvNeXt:
    """The network of these stages, with the call's own stochastic depth if it has one."""
    following = [*widths[1:], None]
    stages = [CNBlockConfig(*stage) for stage in zip(widths, following, depths, strict=True)]
    return ConvNeXt(stages, kwargs.pop("stochastic_depth_prob", stochastic_depth_prob), **kwargs)


@with_weights(ConvNeXt_Tiny_Weights)
def convnext_tiny(**kwargs: Any) -> ConvNeXt:
    """ConvNeXt, tiny; further arguments go to `ConvNeXt`."""
    return _convnext([96, 192, 384, 768], [3, 3, 9, 3], 0.1, kwargs)


@with_weights(ConvNeXt_Small_Weights)
def convnext_small(**kwargs: Any) -> ConvNeXt:
    """ConvNeXt, small; further arguments go to `ConvNeXt`."""
    return _convnext([96, 192, 384, 768], [3, 3, 27, 3], 0.4, kwargs)


@with_weights(ConvNeXt_Base_Weights)
def convnext_base(**kwargs: Any) -> ConvNeXt:
    """ConvNeXt, base; further arguments go to `ConvNeXt`."""
    return _convnext([128, 256, 512, 1024], [3, 3, 27, 3], 0.5, kwargs)


@with_weights(ConvNeXt_Large_Weights)
def convnext_large(**kwargs: Any) -> ConvNeXt:
    """ConvNeXt, large; further arguments go to `ConvNeXt`."""
    return _convnext([192, 384, 768, 1536], [3, 3, 27, 3], 0.5, kwargs)
