"""What a network computes on its way: the parts of classifiers that detection and segmentation build on."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from ... import nn
from ...nn import Module
from ...tensor import Tensor


class IntermediateLayerGetter(nn.ModuleDict):
    """A model's direct children up to the last that is asked for; the result is a mapping of what those give.

    return_layers: from the names of children to names in the result. ValueError for a name that is no child's.

    >>> import rushlight as torch
    >>> model = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.ReLU())
    >>> list(IntermediateLayerGetter(model, {"1": "flat"})(torch.ones(1, 2)))
    ['flat']
    """

    def __init__(self, model: Module, return_layers: Mapping[str, str]) -> None:
        children = dict(model.named_children())
        if not set(return_layers) <= set(children):
            raise ValueError("return_layers are not present in model")
        wanted = {str(name) for name in return_layers}
        layers: OrderedDict[str, Module] = OrderedDict()
        for name, module in children.items():
            layers[name] = module
            wanted.discard(name)
            if not wanted:
                break
        super().__init__(layers)
        self.return_layers = {str(name): str(new) for name, new in return_layers.items()}

    def forward(self, x: Any) -> OrderedDict[str, Tensor]:
        results: OrderedDict[str, Tensor] = OrderedDict()
        for name, module in self.items():
            x = module(x)
            if name in self.return_layers:
                results[self.return_layers[name]] = x
        return results


def stages(features: nn.Sequential) -> list[int]:
    """Where in a MobileNetV3's features each stage begins, and the last layer: the resolution is halved there."""
    begun = [place for place, block in enumerate(features) if getattr(block, "_is_cn", False)]
    return [0, *begun, len(features) - 1]
