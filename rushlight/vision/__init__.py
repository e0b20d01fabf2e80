"""Images: data sets, transforms, and pictures of many: `torchvision`.

Pillow, an extra (`pip install rushlight[vision]`), is imported when something needs it (`pillow`).
"""

from . import datasets, transforms, utils

__version__ = "0.28.0"  # of the torchvision whose interface this is: programs ask for it to know what they may call

__all__ = ["datasets", "transforms", "utils"]
