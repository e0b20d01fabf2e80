"""Networks for images: `torchvision.models`.

A file a family; `pretrained` has what they say about published weights, `preset` the preparation of an image for them,
`registry` models by name.
"""

from . import alexnet as _alexnet
from . import densenet, mobilenetv2, resnet, squeezenet, vgg
from .alexnet import *  # noqa: F403
from .densenet import *  # noqa: F403
from .mobilenetv2 import *  # noqa: F403
from .pretrained import Weights, WeightsEnum
from .registry import get_model, get_model_builder, get_model_weights, get_weight, list_models
from .resnet import *  # noqa: F403
from .squeezenet import *  # noqa: F403
from .vgg import *  # noqa: F403

_FAMILIES = (_alexnet, densenet, mobilenetv2, resnet, squeezenet, vgg)

__all__ = [
    *(name for family in _FAMILIES for name in family.__all__),
    "Weights",
    "WeightsEnum",
    "get_model",
    "get_model_builder",
    "get_model_weights",
    "get_weight",
    "list_models",
]
