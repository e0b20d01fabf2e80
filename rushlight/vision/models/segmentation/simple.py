"""A class for each pixel, from the features of a classifier."""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from typing import Any

from ....nn import Module, functional
from ....tensor import Tensor
from ..preset import SemanticSegmentation
from ..pretrained import Weights, WeightsEnum, classes_of, published

VOC_CLASSES = 21


class _SimpleSegmentationModel(Module):
    """Features, a head, and perhaps a second head for training, resized to the image.

    The result is a mapping: "out" and, with the second head, "aux", of (N, classes, H, W).
    """

    def __init__(self, backbone: Module, classifier: Module, aux_classifier: Module | None = None) -> None:
        super().__init__()
        self.backbone = backbone
        self.classifier = classifier
        self.aux_classifier = aux_classifier

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        size = x.shape[-2:]
        features = self.backbone(x)
        heads = {"out": self.classifier}
        if self.aux_classifier is not None:
            heads["aux"] = self.aux_classifier
        results: OrderedDict[str, Tensor] = OrderedDict()
        for name, head in heads.items():
            scores = head(features[name])
            results[name] = functional.interpolate(scores, size=size, mode="bilinear", align_corners=False)
        return results


def pascal(file: str, num_params: int) -> Weights:
    """The record of weights trained on the images of COCO with the classes of Pascal VOC."""
    return published(file, partial(SemanticSegmentation, resize_size=520), "voc", num_params, 1)


def with_second_head(weights: WeightsEnum) -> dict[str, Any]:
    """Published weights have both heads."""
    return {**classes_of(weights), "aux_loss": True}
