"""Networks that give each pixel a class: `torchvision.models.segmentation`."""

from . import deeplabv3, fcn, lraspp
from .deeplabv3 import *  # noqa: F403
from .fcn import *  # noqa: F403
from .lraspp import *  # noqa: F403

__all__ = [*deeplabv3.__all__, *fcn.__all__, *lraspp.__all__, "deeplabv3", "fcn", "lraspp"]
