"""Transforms that put something else into images: erasing, and mixing the images of a batch."""

from __future__ import annotations

import math
import warnings
from typing import Any

from ....nn.functional import one_hot
from ....tensor import Tensor
from ... import pillow
from ...tv_tensors import BoundingBoxes, Image, KeyPoints, Mask, Video, pure, wrap
from ..arguments import check_sequence
from ..color import RandomErasing as ErasingV1
from ..draws import below, dirichlet
from . import functional as F
from .functional import is_pure_tensor
from .structure import flat, rebuilt
from .transform import RandomApplied, Transform, has_any, labels_getter_of, query_chw, query_size


class RandomErasing(RandomApplied):
    """A random rectangle replaced by `value`, or by noise for "random", with probability `p`."""

    get_params = staticmethod(ErasingV1.get_params)

    def __init__(
        self,
        p: float = 0.5,
        scale: Any = (0.02, 0.33),
        ratio: Any = (0.3, 3.3),
        value: Any = 0.0,
        inplace: bool = False,
    ) -> None:
        super().__init__(p=p)
        ErasingV1(p, scale, ratio, value, inplace)  # checks them
        self.scale = scale
        self.ratio = ratio
        listed = list(value) if isinstance(value, (list, tuple)) else [value]
        self.value = None if isinstance(value, str) else [float(number) for number in listed]
        self.inplace = inplace

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        channels, height, width = query_chw(flat_inputs)
        if self.value is not None and len(self.value) not in (1, channels):
            raise ValueError(
                f"If value is a sequence, it should have either a single value or {channels} (number of inpt channels)"
            )
        place = self.get_params(_OfShape(channels, height, width), self.scale, self.ratio, self.value)  # type: ignore[arg-type]
        return {"place": None if isinstance(place[4], _OfShape) else place}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if params["place"] is None:
            return inpt
        if isinstance(inpt, (BoundingBoxes, KeyPoints, Mask)):
            warnings.warn(
                f"{type(self).__name__}() is currently passing through inputs of type tv_tensors.{type(inpt).__name__}.",
                stacklevel=2,
            )
        return self._call_kernel(F.erase, inpt, *params["place"], inplace=self.inplace)


class _OfShape:
    """Stands for an image of which only the shape counts."""

    def __init__(self, *shape: int) -> None:
        self.shape = shape


class _Mixing(Transform):
    """Base of transforms that mix each image of a batch with the one before it, and their labels alike."""

    def __init__(self, *, alpha: float = 1.0, num_classes: int | None = None, labels_getter: Any = "default") -> None:
        super().__init__()
        self.alpha = float(alpha)
        self.num_classes = num_classes
        self._labels_getter = labels_getter_of(labels_getter)

    def _share(self) -> float:
        """`torch.distributions.Beta(alpha, alpha).sample().item()`"""
        return float(dirichlet([[self.alpha, self.alpha]])[0, 0])

    def forward(self, *inputs: Any) -> Any:
        sample = inputs if len(inputs) > 1 else inputs[0]
        parts = flat(sample)
        wanted = self._needs_transform_list(parts)
        if has_any(parts, pillow.is_image, BoundingBoxes, Mask, KeyPoints):
            raise ValueError(
                f"{type(self).__name__}() does not support PIL images, bounding boxes, keypoints and masks."
            )
        labels = self._labels_getter(sample)
        self._check_labels(labels)
        params = self.make_params([part for part, is_wanted in zip(parts, wanted, strict=True) if is_wanted])
        params["labels"] = labels
        wanted[next(place for place, part in enumerate(parts) if part is labels)] = True
        done = [
            self.transform(part, params) if is_wanted else part for part, is_wanted in zip(parts, wanted, strict=True)
        ]
        return rebuilt(sample, iter(done))

    def _check_labels(self, labels: Any) -> None:
        if not isinstance(labels, Tensor):
            raise ValueError(f"The labels must be a tensor, but got {type(labels)} instead.")
        if labels.ndim not in (1, 2):
            raise ValueError(
                "labels should be index based with shape (batch_size,) or probability based with shape "
                f"(batch_size, num_classes), but got a tensor of shape {labels.shape} instead."
            )
        if labels.ndim == 2 and self.num_classes is not None and labels.shape[-1] != self.num_classes:
            raise ValueError(
                "When passing 2D labels, the number of elements in last dimension must match num_classes: "
                f"{labels.shape[-1]} != {self.num_classes}. You can Leave num_classes to None."
            )
        if labels.ndim == 1 and self.num_classes is None:
            raise ValueError("num_classes must be passed if the labels are index-based (1D)")

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if inpt is params["labels"]:
            return self._mixed_labels(inpt, params["share"])
        if not (isinstance(inpt, (Image, Video)) or is_pure_tensor(inpt)):
            return inpt
        dimensions, count = 5 if isinstance(inpt, Video) else 4, params["labels"].shape[0]
        if inpt.ndim != dimensions:
            raise ValueError(
                f"Expected a batched input with {dimensions} dims, but got {inpt.ndim} dimensions instead."
            )
        if inpt.shape[0] != count:
            raise ValueError(
                "The batch size of the image or video does not match the batch size of the labels: "
                f"{inpt.shape[0]} != {count}."
            )
        result = self.mixed(pure(inpt), params)
        return result if is_pure_tensor(inpt) else wrap(result, like=inpt)

    def mixed(self, batch: Tensor, params: dict[str, Any]) -> Tensor:
        raise NotImplementedError

    def _mixed_labels(self, labels: Tensor, share: float) -> Tensor:
        if labels.ndim == 1 and self.num_classes is not None:
            labels = one_hot(labels, num_classes=self.num_classes)
        if not labels.dtype.is_floating_point:
            labels = labels.float()
        return labels.roll(1, 0).mul(1.0 - share).add(labels.mul(share))


class MixUp(_Mixing):
    """Each image of a batch mixed with the one before it, and their labels (Zhang and others, 2018)."""

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return {"share": self._share()}

    def mixed(self, batch: Tensor, params: dict[str, Any]) -> Tensor:
        share = params["share"]
        return batch.roll(1, 0).mul_(1.0 - share).add_(batch.mul(share))


class CutMix(_Mixing):
    """A random rectangle of each image taken from the one before it, and their labels mixed (Yun and others, 2019)."""

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        share = self._share()
        height, width = query_size(flat_inputs)
        x, y = below(0, width), below(0, height)
        side = 0.5 * math.sqrt(1.0 - share)
        across, down = int(side * width), int(side * height)
        left, right = max(x - across, 0), min(x + across, width)
        top, bottom = max(y - down, 0), min(y + down, height)
        rest = 1.0 - (right - left) * (bottom - top) / (width * height)
        return {"box": (left, top, right, bottom), "share": float(rest)}

    def mixed(self, batch: Tensor, params: dict[str, Any]) -> Tensor:
        left, top, right, bottom = params["box"]
        result = batch.clone()
        result[..., top:bottom, left:right] = batch.roll(1, 0)[..., top:bottom, left:right]
        return result


class JPEG(Transform):
    """Through a JPEG file of a random quality."""

    def __init__(self, quality: Any) -> None:
        super().__init__()
        if isinstance(quality, bool):
            raise TypeError("quality can't be bool")
        if isinstance(quality, int):
            quality = [quality, quality]
        check_sequence(quality, "quality", (2,))
        if not (all(isinstance(end, int) for end in quality) and 1 <= quality[0] <= quality[1] <= 100):
            raise ValueError(f"quality must be an integer from 1 to 100, got quality ={quality!r}")
        self.quality = quality

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return {"quality": below(self.quality[0], self.quality[1] + 1)}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.jpeg, inpt, **params)
