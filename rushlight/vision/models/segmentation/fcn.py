"""Fully convolutional networks: a head of convolutions on a dilated ResNet (Long et al. 2014)."""

from __future__ import annotations

from typing import Any

from .... import nn
from ..intermediate import IntermediateLayerGetter
from ..pretrained import WeightsEnum, with_weights
from ..resnet import ResNet, ResNet50_Weights, ResNet101_Weights, resnet50, resnet101
from .simple import VOC_CLASSES, _SimpleSegmentationModel, pascal, with_second_head

__all__ = ["FCN", "FCN_ResNet101_Weights", "FCN_ResNet50_Weights", "fcn_resnet101", "fcn_resnet50"]


class FCN(_SimpleSegmentationModel):
    """A fully convolutional network for images (N, 3, H, W): a mapping of "out" and perhaps "aux", (N, classes, H, W)."""


class FCNHead(nn.Sequential):
    """A 3×3 convolution to a quarter of the channels, and one of 1×1 to the classes."""

    def __init__(self, in_channels: int, channels: int) -> None:
        inner = in_channels // 4
        super().__init__(
            nn.Conv2d(in_channels, inner, 3, padding=1, bias=False),
            nn.BatchNorm2d(inner),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Conv2d(inner, channels, 1),
        )


class FCN_ResNet50_Weights(WeightsEnum):
    COCO_WITH_VOC_LABELS_V1 = pascal("fcn_resnet50_coco-1167a1af", 35322218)
    DEFAULT = COCO_WITH_VOC_LABELS_V1


class FCN_ResNet101_Weights(WeightsEnum):
    COCO_WITH_VOC_LABELS_V1 = pascal("fcn_resnet101_coco-7ecb50ca", 54314346)
    DEFAULT = COCO_WITH_VOC_LABELS_V1


def dilated_resnet(resnet: ResNet, aux: bool | None) -> IntermediateLayerGetter:
    """The features of a ResNet: "out" and, where asked for, "aux"."""
    layers = {"layer4": "out", "layer3": "aux"} if aux else {"layer4": "out"}
    return IntermediateLayerGetter(resnet, layers)


def _fcn(resnet: ResNet, num_classes: int | None, aux: bool | None) -> FCN:
    classes = VOC_CLASSES if num_classes is None else num_classes
    second = FCNHead(1024, classes) if aux else None
    return FCN(dilated_resnet(resnet, aux), FCNHead(2048, classes), second)


_DILATED = (False, True, True)


@with_weights(FCN_ResNet50_Weights, fixed=with_second_head, backbone=ResNet50_Weights.IMAGENET1K_V1)
def fcn_resnet50(
    num_classes: int | None = None, aux_loss: bool | None = None, weights_backbone: Any = None, **kwargs: Any
) -> FCN:
    """A fully convolutional network on ResNet-50.

    Args:
        num_classes: 21 by default, Pascal VOC's.
        aux_loss: a second head, for training; by default only with weights.
        weights_backbone: weights of the ResNet; its published ones by default, None for drawn ones.
    """
    backbone = resnet50(weights=weights_backbone, replace_stride_with_dilation=list(_DILATED))
    return _fcn(backbone, num_classes, aux_loss)


@with_weights(FCN_ResNet101_Weights, fixed=with_second_head, backbone=ResNet101_Weights.IMAGENET1K_V1)
def fcn_resnet101(
    num_classes: int | None = None, aux_loss: bool | None = None, weights_backbone: Any = None, **kwargs: Any
) -> FCN:
    """As `fcn_resnet50`, on ResNet-101."""
    backbone = resnet101(weights=weights_backbone, replace_stride_with_dilation=list(_DILATED))
    return _fcn(backbone, num_classes, aux_loss)
