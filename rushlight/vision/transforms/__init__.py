"""Transforms of images, PIL and tensors: `torchvision.transforms`, version 1.

`transforms` lists the classes; `geometry`, `color`, `autoaugment`, `convert`, `compose` define them; `functional` has
the functions they call, `pil` and `tensors` those for each kind of image; `batched` does known transforms on a whole
batch at once.
"""

from . import functional
from .transforms import *  # noqa: F403
from .transforms import __all__ as _names

__all__ = [*_names, "functional"]
