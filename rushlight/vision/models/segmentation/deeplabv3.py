"""DeepLabV3: convolutions of several dilations side by side (Chen et al. 2017)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .... import nn
from ....nn import Module, functional
from ....tensor import Tensor, cat
from ..intermediate import IntermediateLayerGetter, stages
from ..mobilenetv3 import MobileNet_V3_Large_Weights, mobilenet_v3_large
from ..pretrained import WeightsEnum, with_weights
from ..resnet import ResNet, ResNet50_Weights, ResNet101_Weights, resnet50, resnet101
from .fcn import _DILATED, FCNHead, dilated_resnet
from .simple import VOC_CLASSES, _SimpleSegmentationModel, pascal, with_second_head

__all__ = [
    "DeepLabV3",
    "DeepLabV3_MobileNet_V3_Large_Weights",
    "DeepLabV3_ResNet101_Weights",
    "DeepLabV3_ResNet50_Weights",
    "deeplabv3_mobilenet_v3_large",
    "deeplabv3_resnet101",
    "deeplabv3_resnet50",
]


class DeepLabV3(_SimpleSegmentationModel):
    """DeepLabV3 for images (N, 3, H, W): a mapping of "out" and perhaps "aux", (N, classes, H, W)."""


class ASPPConv(nn.Sequential):
    """A 3×3 convolution of a dilation."""

    def __init__(self, in_channels: int, out_channels: int, dilation: int) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, 3, padding=dilation, dilation=dilation, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
        )


class ASPPPooling(nn.Sequential):
    """The mean of all the image, at every pixel."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(in_channels, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
        )

    def forward(self, x: Tensor) -> Tensor:
        size = x.shape[-2:]
        return functional.interpolate(super().forward(x), size=size, mode="bilinear", align_corners=False)


class ASPP(Module):
    """A 1×1 convolution, one for each dilation, and the mean of the image, side by side."""

    def __init__(self, in_channels: int, atrous_rates: Sequence[int], out_channels: int = 256) -> None:
        super().__init__()
        branches: list[Module] = [
            nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, bias=False), nn.BatchNorm2d(out_channels), nn.ReLU())
        ]
        branches += [ASPPConv(in_channels, out_channels, rate) for rate in atrous_rates]
        branches.append(ASPPPooling(in_channels, out_channels))
        self.convs = nn.ModuleList(branches)
        self.project = nn.Sequential(
            nn.Conv2d(len(branches) * out_channels, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
            nn.Dropout(0.5),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.project(cat([branch(x) for branch in self.convs], dim=1))  # type: ignore[no-any-return]


class DeepLabHead(nn.Sequential):
    """The branches of dilations, then convolutions to the classes."""

    def __init__(self, in_channels: int, num_classes: int, atrous_rates: Sequence[int] = (12, 24, 36)) -> None:
        super().__init__(
            ASPP(in_channels, atrous_rates),
            nn.Conv2d(256, 256, 3, padding=1, bias=False),
            nn.BatchNorm2d(256),
            nn.ReLU(),
            nn.Conv2d(256, num_classes, 1),
        )


class DeepLabV3_ResNet50_Weights(WeightsEnum):
    COCO_WITH_VOC_LABELS_V1 = pascal("deeplabv3_resnet50_coco-cd0a2569", 42004074)
    DEFAULT = COCO_WITH_VOC_LABELS_V1


class DeepLabV3_ResNet101_Weights(WeightsEnum):
    COCO_WITH_VOC_LABELS_V1 = pascal("deeplabv3_resnet101_coco-586e9e4e", 60996202)
    DEFAULT = COCO_WITH_VOC_LABELS_V1


class DeepLabV3_MobileNet_V3_Large_Weights(WeightsEnum):
    COCO_WITH_VOC_LABELS_V1 = pascal("deeplabv3_mobilenet_v3_large-fc3c493d", 11029328)
    DEFAULT = COCO_WITH_VOC_LABELS_V1


def _deeplabv3(resnet: ResNet, num_classes: int | None, aux: bool | None) -> DeepLabV3:
    classes = VOC_CLASSES if num_classes is None else num_classes
    second = FCNHead(1024, classes) if aux else None
    return DeepLabV3(dilated_resnet(resnet, aux), DeepLabHead(2048, classes), second)


@with_weights(DeepLabV3_ResNet50_Weights, fixed=with_second_head, backbone=ResNet50_Weights.IMAGENET1K_V1)
def deeplabv3_resnet50(
    num_classes: int | None = None, aux_loss: bool | None = None, weights_backbone: Any = None, **kwargs: Any
) -> DeepLabV3:
    """DeepLabV3 on ResNet-50.

    Args:
        num_classes: 21 by default, Pascal VOC's.
        aux_loss: a second head, for training; by default only with weights.
        weights_backbone: weights of the ResNet; its published ones by default, None for drawn ones.
    """
    backbone = resnet50(weights=weights_backbone, replace_stride_with_dilation=list(_DILATED))
    return _deeplabv3(backbone, num_classes, aux_loss)


@with_weights(DeepLabV3_ResNet101_Weights, fixed=with_second_head, backbone=ResNet101_Weights.IMAGENET1K_V1)
def deeplabv3_resnet101(
    num_classes: int | None = None, aux_loss: bool | None = None, weights_backbone: Any = None, **kwargs: Any
) -> DeepLabV3:
    """As `deeplabv3_resnet50`, on ResNet-101."""
    backbone = resnet101(weights=weights_backbone, replace_stride_with_dilation=list(_DILATED))
    return _deeplabv3(backbone, num_classes, aux_loss)


@with_weights(
    DeepLabV3_MobileNet_V3_Large_Weights, fixed=with_second_head, backbone=MobileNet_V3_Large_Weights.IMAGENET1K_V1
)
def deeplabv3_mobilenet_v3_large(
    num_classes: int | None = None, aux_loss: bool | None = None, weights_backbone: Any = None, **kwargs: Any
) -> DeepLabV3:
    """As `deeplabv3_resnet50`, on a dilated MobileNetV3, large."""
    features = mobilenet_v3_large(weights=weights_backbone, dilated=True).features
    begun = stages(features)
    last, middle = begun[-1], begun[-4]
    layers = {str(last): "out", str(middle): "aux"} if aux_loss else {str(last): "out"}
    classes = VOC_CLASSES if num_classes is None else num_classes
    second = FCNHead(features[middle].out_channels, classes) if aux_loss else None
    head = DeepLabHead(features[last].out_channels, classes)
    return DeepLabV3(IntermediateLayerGetter(features, layers), head, second)
