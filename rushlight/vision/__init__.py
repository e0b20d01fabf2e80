"""Images: data sets, transforms, and pictures of many: `torchvision`.

Pillow, an extra (`pip install rushlight[vision]`), is imported when something needs it (`pillow`).
"""

from . import datasets, transforms, utils

__all__ = ["datasets", "transforms", "utils"]
