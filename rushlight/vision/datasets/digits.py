"""1,797 handwritten digits that come with the package.

They are the test set of "Optical Recognition of Handwritten Digits" by E. Alpaydin and C. Kaynak (1998), UCI Machine
Learning Repository, https://doi.org/10.24432/C50P49, under the licence CC BY 4.0; `digits.txt` beside this file says
more.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .vision import ArrayDataset

_FILE = Path(__file__).with_name("digits.npz")
_TRAINING_IMAGES = 1437  # the first four fifths of the file


class Digits(ArrayDataset):
    """Handwritten digits of 8 x 8 pixels: 1,437 to learn from, 360 to test on. Not in torchvision.

    Args:
        train: the images to learn from, or those to test on.
        transform: called with the PIL image.
        target_transform: called with the digit.

    `data` is the array (N, 8, 8) of bytes, white being 255, `targets` the list of digits. The images are those of
    "Optical Recognition of Handwritten Digits" by E. Alpaydin and C. Kaynak, UCI Machine Learning Repository, CC BY
    4.0.

    >>> digits = Digits(train=False)
    >>> len(digits), digits.data.shape, digits.targets[:3]
    (360, (360, 8, 8), [2, 3, 4])
    """

    classes = [str(digit) for digit in range(10)]

    def __init__(
        self, train: bool = True, transform: Callable | None = None, target_transform: Callable | None = None
    ) -> None:
        super().__init__(transform=transform, target_transform=target_transform)
        self.train = train
        part = slice(_TRAINING_IMAGES) if train else slice(_TRAINING_IMAGES, None)
        with np.load(_FILE) as file:
            levels, digits = file["levels"][part], file["digits"][part]
        # The file has the original's 17 levels of ink, 0 to 16.
        self.data: Any = (levels.astype(np.uint16) * 255 // 16).astype(np.uint8)
        self.targets: Any = digits.tolist()

    @property
    def class_to_idx(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.classes)}

    def _pixels(self) -> np.ndarray:
        return self.data

    def _target(self, index: int) -> Any:
        return self.targets[index]

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train else 'Test'}"
