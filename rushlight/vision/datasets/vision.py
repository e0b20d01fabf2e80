"""The base of data sets of images, and of those that hold all their images in one array."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ...data import Dataset
from ...data.arrays import tensor_of_array
from ...data.dataset import plain_indices
from .. import pillow
from ..transforms.batched import BatchPlan

T_co = TypeVar("T_co", covariant=True)


class VisionDataset(Dataset[T_co]):
    """Base of data sets of images.

    `transform` is called with the image, `target_transform` with the target; `transforms`, instead of both, with the
    two of them.
    """

    _repr_indent = 4

    def __init__(
        self,
        root: str | Path | None = None,
        transforms: Callable | None = None,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
    ) -> None:
        self.root: Any = os.path.expanduser(root) if isinstance(root, str) else root
        separate = transform is not None or target_transform is not None
        if transforms is not None and separate:
            raise ValueError("Only transforms or transform/target_transform can be passed as argument")
        self.transform = transform
        self.target_transform = target_transform
        self.transforms = StandardTransform(transform, target_transform) if separate else transforms

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError

    def __repr__(self) -> str:
        body = [f"Number of datapoints: {len(self)}"]
        if self.root is not None:
            body.append(f"Root location: {self.root}")
        body += self.extra_repr().splitlines()
        if self.transforms is not None:
            body.append(repr(self.transforms))
        return "\n".join([f"Dataset {type(self).__name__}", *(" " * self._repr_indent + line for line in body)])

    def extra_repr(self) -> str:
        return ""


def _headed(head: str, text: str) -> list[str]:
    first, *rest = text.splitlines()
    return [head + first, *(" " * len(head) + line for line in rest)]


class StandardTransform:
    """A transform of the image and one of the target as one transform of both."""

    def __init__(self, transform: Callable | None = None, target_transform: Callable | None = None) -> None:
        self.transform = transform
        self.target_transform = target_transform

    def __call__(self, input: Any, target: Any) -> tuple[Any, Any]:
        if self.transform is not None:
            input = self.transform(input)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return input, target

    def __repr__(self) -> str:
        body = [type(self).__name__]
        if self.transform is not None:
            body += _headed("Transform: ", repr(self.transform))
        if self.target_transform is not None:
            body += _headed("Target transform: ", repr(self.target_transform))
        return "\n".join(body)


class ArrayDataset(VisionDataset):
    """Base of data sets that hold all images in one array of bytes.

    A subclass gives, in `_pixels`, the array (N, H, W) or (N, H, W, C) and, in `_target`, the target of one sample.
    Then samples are PIL images, as torchvision's; and where all transforms are known, batches are made at once
    (`transforms.batched`), without Pillow.
    """

    def _pixels(self) -> np.ndarray:
        raise NotImplementedError

    def _target(self, index: int) -> Any:
        raise NotImplementedError

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        pixels, target = self._pixels()[index], self._target(index)
        if not pillow.has_pillow():
            plan = BatchPlan.of(self.transform, self._pixels().shape[1:])
            if plan is not None:
                place = range(len(self))[index]
                sample = tensor_of_array(plan.apply(self._pixels(), [place])[0])
                return sample, target if self.target_transform is None else self.target_transform(target)
        image = pillow.image_of_array(pixels, "L" if pixels.ndim == 2 else None)
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target

    def __len__(self) -> int:
        return len(self._pixels())

    def _collated(self, indices: Sequence[Any]) -> Any:
        if self.target_transform is not None or not plain_indices(indices, len(self)):
            return NotImplemented
        targets = [self._target(i) for i in indices]
        if not all(type(target) is int for target in targets):
            return NotImplemented
        pixels = self._pixels()
        plan = BatchPlan.of(self.transform, pixels.shape[1:]) if pixels.dtype == np.uint8 else None
        if plan is None:
            return NotImplemented
        return [tensor_of_array(plan.apply(pixels, indices)), tensor_of_array(np.array(targets, np.int64))]
