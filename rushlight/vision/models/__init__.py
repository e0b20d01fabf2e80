"""Networks for images: `torchvision.models`.

A file a family; `pretrained` has what they say about published weights, `preset` the preparation of an image for them,
`registry` models by name.
"""

from . import alexnet as _alexnet
from . import (
    convnext,
    densenet,
    efficientnet,
    inception,
    mnasnet,
    mobilenet,
    mobilenetv2,
    mobilenetv3,
    regnet,
    resnet,
    segmentation,
    shufflenetv2,
    squeezenet,
    swin_transformer,
    vgg,
    vision_transformer,
)
from . import googlenet as _googlenet
from .alexnet import *  # noqa: F403
from .convnext import *  # noqa: F403
from .densenet import *  # noqa: F403
from .efficientnet import *  # noqa: F403
from .googlenet import *  # noqa: F403
from .inception import *  # noqa: F403
from .mnasnet import *  # noqa: F403
from .mobilenetv2 import *  # noqa: F403
from .mobilenetv3 import *  # noqa: F403
from .pretrained import Weights, WeightsEnum
from .registry import get_model, get_model_builder, get_model_weights, get_weight, list_models
from .regnet import *  # noqa: F403
from .resnet import *  # noqa: F403
from .shufflenetv2 import *  # noqa: F403
from .squeezenet import *  # noqa: F403
from .swin_transformer import *  # noqa: F403
from .vgg import *  # noqa: F403
from .vision_transformer import *  # noqa: F403

_FAMILIES = (
    _alexnet,
    convnext,
    densenet,
    efficientnet,
    _googlenet,
    inception,
    mnasnet,
    mobilenetv2,
    mobilenetv3,
    regnet,
    resnet,
    shufflenetv2,
    squeezenet,
    swin_transformer,
    vgg,
    vision_transformer,
)

__all__ = [
    *(name for family in _FAMILIES for name in family.__all__),
    "Weights",
    "WeightsEnum",
    "get_model",
    "get_model_builder",
    "get_model_weights",
    "get_weight",
    "list_models",
    "mobilenet",
    "segmentation",
]
