"""LR-ASPP: MobileNetV3's own head for segmentation (Howard et al. 2019, section 6.4)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from .... import nn
from ....nn import Module, functional
from ....tensor import Tensor
from ..intermediate import IntermediateLayerGetter, stages
from ..mobilenetv3 import MobileNet_V3_Large_Weights, mobilenet_v3_large
from ..pretrained import WeightsEnum, with_weights
from .simple import VOC_CLASSES, pascal

__all__ = ["LRASPP", "LRASPP_MobileNet_V3_Large_Weights", "lraspp_mobilenet_v3_large"]


class LRASPPHead(Module):
    """The deep features, weighed by their mean, and the shallow ones: classes of both, added."""

    def __init__(self, low_channels: int, high_channels: int, num_classes: int, inter_channels: int) -> None:
        super().__init__()
        self.cbr = nn.Sequential(
            nn.Conv2d(high_channels, inter_channels, 1, bias=False),
            nn.BatchNorm2d(inter_channels),
            nn.ReLU(inplace=True),
        )
        self.scale = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(high_channels, inter_channels, 1, bias=False), nn.Sigmoid()
        )
        self.low_classifier = nn.Conv2d(low_channels, num_classes, 1)
        self.high_classifier = nn.Conv2d(inter_channels, num_classes, 1)

    def forward(self, input: Mapping[str, Tensor]) -> Tensor:
        low, high = input["low"], input["high"]
        x = self.cbr(high) * self.scale(high)
        x = functional.interpolate(x, size=low.shape[-2:], mode="bilinear", align_corners=False)
        return self.low_classifier(low) + self.high_classifier(x)  # type: ignore[no-any-return]


class LRASPP(Module):
    """LR-ASPP for images (N, 3, H, W): a mapping of "out", (N, num_classes, H, W).

    Args:
        backbone: gives a mapping of "low" and "high", shallow and deep features.
        low_channels, high_channels: theirs. inter_channels: of the head.
    """

    def __init__(
        self, backbone: Module, low_channels: int, high_channels: int, num_classes: int, inter_channels: int = 128
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.classifier = LRASPPHead(low_channels, high_channels, num_classes, inter_channels)

    def forward(self, input: Tensor) -> dict[str, Tensor]:
        scores = self.classifier(self.backbone(input))
        scores = functional.interpolate(scores, size=input.shape[-2:], mode="bilinear", align_corners=False)
        return OrderedDict(out=scores)


class LRASPP_MobileNet_V3_Large_Weights(WeightsEnum):
    COCO_WITH_VOC_LABELS_V1 = pascal("lraspp_mobilenet_v3_large-d234d4ea", 3221538)
    DEFAULT = COCO_WITH_VOC_LABELS_V1


@with_weights(LRASPP_MobileNet_V3_Large_Weights, backbone=MobileNet_V3_Large_Weights.IMAGENET1K_V1)
def lraspp_mobilenet_v3_large(num_classes: int | None = None, weights_backbone: Any = None, **kwargs: Any) -> LRASPP:
    """LR-ASPP on a dilated MobileNetV3, large.

    Args:
        num_classes: 21 by default, Pascal VOC's.
        weights_backbone: weights of the MobileNet; its published ones by default, None for drawn ones.
    """
    if kwargs.pop("aux_loss", False):
        raise NotImplementedError("This model does not use auxiliary loss")
    features = mobilenet_v3_large(weights=weights_backbone, dilated=True).features
    begun = stages(features)
    low, high = begun[-4], begun[-1]
    backbone = IntermediateLayerGetter(features, {str(low): "low", str(high): "high"})
    classes = VOC_CLASSES if num_classes is None else num_classes
    return LRASPP(backbone, features[low].out_channels, features[high].out_channels, classes, **kwargs)
