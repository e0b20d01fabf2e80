"""Residual networks: ResNet, ResNeXt and wide ResNet (He et al. 2015, Xie et al. 2016, Zagoruyko and Komodakis
2016)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from ... import nn
from ...nn import Module
from ...tensor import Tensor, flatten
from .pretrained import WeightsEnum, imagenet, with_weights

__all__ = [
    "ResNeXt101_32X8D_Weights",
    "ResNeXt101_64X4D_Weights",
    "ResNeXt50_32X4D_Weights",
    "ResNet",
    "ResNet101_Weights",
    "ResNet152_Weights",
    "ResNet18_Weights",
    "ResNet34_Weights",
    "ResNet50_Weights",
    "Wide_ResNet101_2_Weights",
    "Wide_ResNet50_2_Weights",
    "resnet101",
    "resnet152",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnext101_32x8d",
    "resnext101_64x4d",
    "resnext50_32x4d",
    "wide_resnet101_2",
    "wide_resnet50_2",
]

NormLayer = Callable[..., Module]


def conv3x3(in_planes: int, out_planes: int, stride: int = 1, groups: int = 1, dilation: int = 1) -> nn.Conv2d:
    """A 3×3 convolution without bias, padded so that stride 1 keeps height and width."""
    return nn.Conv2d(
        in_planes, out_planes, 3, stride=stride, padding=dilation, groups=groups, bias=False, dilation=dilation
    )


def conv1x1(in_planes: int, out_planes: int, stride: int = 1) -> nn.Conv2d:
    """A 1×1 convolution without bias."""
    return nn.Conv2d(in_planes, out_planes, 1, stride=stride, bias=False)


class BasicBlock(Module):
    """Two 3×3 convolutions beside a shortcut; input and output (N, C, H, W).

    downsample: what makes the shortcut fit where the shape changes.
    """

    expansion: ClassVar[int] = 1

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: NormLayer | None = None,
    ) -> None:
        super().__init__()
        norm = nn.BatchNorm2d if norm_layer is None else norm_layer
        if groups != 1 or base_width != 64:
            raise ValueError("BasicBlock only supports groups=1 and base_width=64")
        if dilation > 1:
            raise NotImplementedError("Dilation > 1 not supported in BasicBlock")
        self.conv1 = conv3x3(inplanes, planes, stride)
        self.bn1 = norm(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(planes, planes)
        self.bn2 = norm(planes)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.bn2(self.conv2(x))
        return self.relu(x.add_(shortcut))  # type: ignore[no-any-return]


class Bottleneck(Module):
    """A 3×3 convolution between two of 1×1, the last with four times the channels, beside a shortcut.

    The stride is the 3×3 convolution's (ResNet "v1.5").
    """

    expansion: ClassVar[int] = 4

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: NormLayer | None = None,
    ) -> None:
        super().__init__()
        norm = nn.BatchNorm2d if norm_layer is None else norm_layer
        width = int(planes * (base_width / 64.0)) * groups
        self.conv1 = conv1x1(inplanes, width)
        self.bn1 = norm(width)
        self.conv2 = conv3x3(width, width, stride, groups, dilation)
        self.bn2 = norm(width)
        self.conv3 = conv1x1(width, planes * self.expansion)
        self.bn3 = norm(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        x = self.bn3(self.conv3(x))
        return self.relu(x.add_(shortcut))  # type: ignore[no-any-return]


class ResNet(Module):
    """A residual network for images (N, 3, H, W); the result is (N, num_classes).

    Args:
        block, layers: the kind of block, and how many in each of the four stages.
        zero_init_residual: begin with blocks that are the identity.
        groups, width_per_group: of the 3×3 convolutions of `Bottleneck`.
        replace_stride_with_dilation: for the last three stages, whether to dilate instead of halving the resolution.
        norm_layer: makes a normalization for a number of channels.

    >>> import rushlight as torch
    >>> from rushlight.vision.models.resnet import BasicBlock, ResNet
    >>> ResNet(BasicBlock, [1, 1, 1, 1], num_classes=10)(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    def __init__(
        self,
        block: type[BasicBlock | Bottleneck],
        layers: Sequence[int],
        num_classes: int = 1000,
        zero_init_residual: bool = False,
        groups: int = 1,
        width_per_group: int = 64,
        replace_stride_with_dilation: Sequence[bool] | None = None,
        norm_layer: NormLayer | None = None,
    ) -> None:
        super().__init__()
        self._norm_layer: NormLayer = nn.BatchNorm2d if norm_layer is None else norm_layer
        dilate = (False, False, False) if replace_stride_with_dilation is None else replace_stride_with_dilation
        if len(dilate) != 3:
            raise ValueError(
                "replace_stride_with_dilation should be None or a 3-element tuple, got "
                + str(replace_stride_with_dilation)
            )
        self.inplanes = 64
        self.dilation = 1
        self.groups = groups
        self.base_width = width_per_group
        self.conv1 = nn.Conv2d(3, self.inplanes, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = self._norm_layer(self.inplanes)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.layer1 = self._make_layer(block, 64, layers[0])
        self.layer2 = self._make_layer(block, 128, layers[1], stride=2, dilate=dilate[0])
        self.layer3 = self._make_layer(block, 256, layers[2], stride=2, dilate=dilate[1])
        self.layer4 = self._make_layer(block, 512, layers[3], stride=2, dilate=dilate[2])
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(512 * block.expansion, num_classes)
        self._initialize(zero_init_residual)

    def _initialize(self, zero_init_residual: bool) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, (nn.BatchNorm2d, nn.GroupNorm)):
                nn.init.ones_(module.weight)
                nn.init.zeros_(module.bias)
        if not zero_init_residual:
            return
        for module in self.modules():
            if isinstance(module, (BasicBlock, Bottleneck)):
                last: Any = module.bn3 if isinstance(module, Bottleneck) else module.bn2
                if last.weight is not None:
                    nn.init.zeros_(last.weight)

    def _make_layer(
        self, block: type[BasicBlock | Bottleneck], planes: int, blocks: int, stride: int = 1, dilate: bool = False
    ) -> nn.Sequential:
        """One stage; its first block changes the shape, and has the dilation of the stage before."""
        before = self.dilation
        if dilate:
            self.dilation *= stride
            stride = 1
        out = planes * block.expansion
        downsample = None
        if stride != 1 or self.inplanes != out:
            downsample = nn.Sequential(conv1x1(self.inplanes, out, stride), self._norm_layer(out))
        shared = self.groups, self.base_width
        made = [block(self.inplanes, planes, stride, downsample, *shared, before, self._norm_layer)]
        self.inplanes = out
        for _ in range(1, blocks):
            made.append(block(out, planes, 1, None, *shared, self.dilation, self._norm_layer))
        return nn.Sequential(*made)

    def _forward_impl(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(flatten(self.avgpool(x), 1))  # type: ignore[no-any-return]

    def forward(self, x: Tensor) -> Tensor:
        return self._forward_impl(x)


class ResNet18_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("resnet18-f37072fd", 11689512, 1)
    DEFAULT = IMAGENET1K_V1


class ResNet34_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("resnet34-b627a593", 21797672, 1)
    DEFAULT = IMAGENET1K_V1


class ResNet50_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("resnet50-0676ba61", 25557032, 1)
    IMAGENET1K_V2 = imagenet("resnet50-11ad3fa6", 25557032, 1, resize_size=232)
    DEFAULT = IMAGENET1K_V2


class ResNet101_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("resnet101-63fe2227", 44549160, 1)
    IMAGENET1K_V2 = imagenet("resnet101-cd907fc2", 44549160, 1, resize_size=232)
    DEFAULT = IMAGENET1K_V2


class ResNet152_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("resnet152-394f9c45", 60192808, 1)
    IMAGENET1K_V2 = imagenet("resnet152-f82ba261", 60192808, 1, resize_size=232)
    DEFAULT = IMAGENET1K_V2


class ResNeXt50_32X4D_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("resnext50_32x4d-7cdf4587", 25028904, 1)
    IMAGENET1K_V2 = imagenet("resnext50_32x4d-1a0047aa", 25028904, 1, resize_size=232)
    DEFAULT = IMAGENET1K_V2


class ResNeXt101_32X8D_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("resnext101_32x8d-8ba56ff5", 88791336, 1)
    IMAGENET1K_V2 = imagenet("resnext101_32x8d-110c445d", 88791336, 1, resize_size=232)
    DEFAULT = IMAGENET1K_V2


class ResNeXt101_64X4D_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("resnext101_64x4d-173b62eb", 83455272, 1, resize_size=232)
    DEFAULT = IMAGENET1K_V1


class Wide_ResNet50_2_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("wide_resnet50_2-95faca4d", 68883240, 1)
    IMAGENET1K_V2 = imagenet("wide_resnet50_2-9ba9bcbe", 68883240, 1, resize_size=232)
    DEFAULT = IMAGENET1K_V2


class Wide_ResNet101_2_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("wide_resnet101_2-32ee1156", 126886696, 1)
    IMAGENET1K_V2 = imagenet("wide_resnet101_2-d733dc28", 126886696, 1, resize_size=232)
    DEFAULT = IMAGENET1K_V2


@with_weights(ResNet18_Weights)
def resnet18(**kwargs: Any) -> ResNet:
    """ResNet-18; further arguments go to `ResNet`.

    >>> from rushlight.vision import models
    >>> sum(p.numel() for p in models.resnet18(num_classes=10).parameters())
    11181642
    """
    return ResNet(BasicBlock, [2, 2, 2, 2], **kwargs)


@with_weights(ResNet34_Weights)
def resnet34(**kwargs: Any) -> ResNet:
    """ResNet-34; further arguments go to `ResNet`."""
    return ResNet(BasicBlock, [3, 4, 6, 3], **kwargs)


@with_weights(ResNet50_Weights)
def resnet50(**kwargs: Any) -> ResNet:
    """ResNet-50; further arguments go to `ResNet`."""
    return ResNet(Bottleneck, [3, 4, 6, 3], **kwargs)


@with_weights(ResNet101_Weights)
def resnet101(**kwargs: Any) -> ResNet:
    """ResNet-101; further arguments go to `ResNet`."""
    return ResNet(Bottleneck, [3, 4, 23, 3], **kwargs)


@with_weights(ResNet152_Weights)
def resnet152(**kwargs: Any) -> ResNet:
    """ResNet-152; further arguments go to `ResNet`."""
    return ResNet(Bottleneck, [3, 8, 36, 3], **kwargs)


def _fixed(kwargs: dict[str, Any], **wanted: int) -> dict[str, Any]:
    """The arguments with those that make the model what its name says; ValueError where others are given."""
    for name, value in wanted.items():
        if kwargs.setdefault(name, value) != value:
            raise ValueError(f"The parameter '{name}' expected value {value} but got {kwargs[name]} instead.")
    return kwargs


@with_weights(ResNeXt50_32X4D_Weights)
def resnext50_32x4d(**kwargs: Any) -> ResNet:
    """ResNeXt-50 with 32 groups of width 4; further arguments go to `ResNet`."""
    return ResNet(Bottleneck, [3, 4, 6, 3], **_fixed(kwargs, groups=32, width_per_group=4))


@with_weights(ResNeXt101_32X8D_Weights)
def resnext101_32x8d(**kwargs: Any) -> ResNet:
    """ResNeXt-101 with 32 groups of width 8; further arguments go to `ResNet`."""
    return ResNet(Bottleneck, [3, 4, 23, 3], **_fixed(kwargs, groups=32, width_per_group=8))


@with_weights(ResNeXt101_64X4D_Weights)
def resnext101_64x4d(**kwargs: Any) -> ResNet:
    """ResNeXt-101 with 64 groups of width 4; further arguments go to `ResNet`."""
    return ResNet(Bottleneck, [3, 4, 23, 3], **_fixed(kwargs, groups=64, width_per_group=4))


@with_weights(Wide_ResNet50_2_Weights)
def wide_resnet50_2(**kwargs: Any) -> ResNet:
    """ResNet-50 with 3×3 convolutions twice as wide; further arguments go to `ResNet`."""
    return ResNet(Bottleneck, [3, 4, 6, 3], **_fixed(kwargs, width_per_group=128))


@with_weights(Wide_ResNet101_2_Weights)
def wide_resnet101_2(**kwargs: Any) -> ResNet:
    """ResNet-101 with 3×3 convolutions twice as wide; further arguments go to `ResNet`."""
    return ResNet(Bottleneck, [3, 4, 23, 3], **_fixed(kwargs, width_per_group=128))
