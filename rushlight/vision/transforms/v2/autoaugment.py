"""Augmentation by a few changes out of many, of the one image or video in a sample; version 1 (`transforms.autoaugment`) has the changes."""

from __future__ import annotations

from typing import Any

from ....tensor import Tensor
from ... import pillow
from ...tv_tensors import BoundingBoxes, Image, KeyPoints, Mask, Video, pure, wrap
from ..autoaugment import (
    POLICIES,
    SIGNED,
    AutoAugmentPolicy,
    augmix_strengths,
    bits_left,
    chains_mixed,
    changed,
    check_severity,
    magnitudes,
    read_policy,
    steps,
)
from ..draws import below, unit
from ..tensors import largest
from . import functional as F
from .functional import is_pure_tensor
from .structure import flat, rebuilt
from .transform import Fills, Transform, check_type


def _is_negative() -> bool:
    return unit() <= 0.5


def _white(image: Any) -> float:
    return float(largest(image.dtype)) if isinstance(image, Tensor) else 255.0


class _Augmentation(Transform):
    """Base: `augmented` is called with the image or video of a sample."""

    def __init__(self, interpolation: Any, fill: Any) -> None:
        super().__init__()
        self.interpolation = interpolation
        self.fill = fill
        self._fill = Fills(fill)

    def forward(self, *inputs: Any) -> Any:
        sample = inputs if len(inputs) > 1 else inputs[0]
        parts = flat(sample)
        kinds = (Image, pillow.is_image, is_pure_tensor, Video)
        wanted = self._needs_transform_list(parts)
        found = [place for place, part in enumerate(parts) if wanted[place] and check_type(part, kinds)]
        for place, part in enumerate(parts):
            if place not in found and isinstance(part, (BoundingBoxes, Mask, KeyPoints)):
                raise TypeError(f"Inputs of type {type(part).__name__} are not supported by {type(self).__name__}()")
        if not found:
            raise TypeError("Found no image in the sample.")
        if len(found) > 1:
            raise TypeError(
                "Auto augment transformations are only properly defined for a single image or video, "
                f"but found {len(found)}."
            )
        parts[found[0]] = self.augmented(parts[found[0]])
        return rebuilt(sample, iter(parts))

    def augmented(self, image: Any) -> Any:
        raise NotImplementedError

    def _changed(self, image: Any, name: str, magnitude: float) -> Any:
        if name == "Solarize":
            magnitude = _white(image) * magnitude
        return changed(image, name, magnitude, self.interpolation, self._fill.of(image), F)

    def _strengths(self, image: Any, count: int, *ends: Any) -> dict[str, list[float]]:
        """As version 1's, but for thresholds, which are shares of white."""
        return magnitudes(count, *ends) | {"Solarize": steps(1.0, 0.0, count)}


def _signed(name: str, magnitude: float) -> float:
    return -magnitude if name in SIGNED and _is_negative() else magnitude


class AutoAugment(_Augmentation):
    """Two changes after one of the 25 lines of a policy that was learnt on a data set."""

    def __init__(
        self,
        policy: AutoAugmentPolicy = AutoAugmentPolicy.IMAGENET,
        interpolation: Any = "nearest",
        fill: Any = None,
    ) -> None:
        super().__init__(interpolation, fill)
        if policy not in POLICIES:
            raise ValueError(f"The provided policy {policy} is not recognized.")
        self.policy = policy
        self._policies = read_policy(POLICIES[policy])

    def augmented(self, image: Any) -> Any:
        height, width = F.get_size(image)
        reach = 150.0 / 331.0
        strengths = self._strengths(image, 10, 0.3, reach * width, reach * height, 30.0, 0.9, bits_left(4, 4, 10))
        for name, probability, place in self._policies[below(0, len(self._policies))]:
            if unit() <= probability:
                listed = strengths.get(name)
                magnitude = _signed(name, listed[place]) if listed and place is not None else 0.0
                image = self._changed(image, name, magnitude)
        return image


class RandAugment(_Augmentation):
    """`num_ops` changes of one strength, chosen at random."""

    def __init__(
        self,
        num_ops: int = 2,
        magnitude: int = 9,
        num_magnitude_bins: int = 31,
        interpolation: Any = "nearest",
        fill: Any = None,
    ) -> None:
        super().__init__(interpolation, fill)
        if not isinstance(num_ops, int) or num_ops < 0:
            raise ValueError(f"num_ops should be a non-negative integer, but got {num_ops} instead.")
        self.num_ops = num_ops
        self.magnitude = magnitude
        self.num_magnitude_bins = num_magnitude_bins

    def augmented(self, image: Any) -> Any:
        height, width = F.get_size(image)
        bins, reach = self.num_magnitude_bins, 150.0 / 331.0
        ends = 0.3, reach * width, reach * height, 30.0, 0.9, bits_left(4, 4, bins)
        strengths: dict[str, list[float]] = {"Identity": []} | self._strengths(image, bins, *ends)
        for _ in range(self.num_ops):
            name = list(strengths)[below(0, len(strengths))]
            magnitude = _signed(name, strengths[name][self.magnitude]) if strengths[name] else 0.0
            image = self._changed(image, name, magnitude)
        return image


class TrivialAugmentWide(_Augmentation):
    """One change of any strength, chosen at random."""

    def __init__(self, num_magnitude_bins: int = 31, interpolation: Any = "nearest", fill: Any = None) -> None:
        super().__init__(interpolation, fill)
        self.num_magnitude_bins = num_magnitude_bins

    def augmented(self, image: Any) -> Any:
        bins = self.num_magnitude_bins
        ends = 0.99, 32.0, 32.0, 135.0, 0.99, bits_left(2, 6, bins)
        strengths: dict[str, list[float]] = {"Identity": []} | self._strengths(image, bins, *ends)
        name = list(strengths)[below(0, len(strengths))]
        magnitude = _signed(name, strengths[name][below(0, bins)]) if strengths[name] else 0.0
        return self._changed(image, name, magnitude)


class AugMix(_Augmentation):
    """A mean of the image and of chains of changes to it, with random weights; the arguments are version 1's."""

    def __init__(
        self,
        severity: int = 3,
        mixture_width: int = 3,
        chain_depth: int = -1,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: Any = "bilinear",
        fill: Any = None,
    ) -> None:
        super().__init__(interpolation, fill)
        check_severity(severity)
        self.severity = severity
        self.mixture_width = mixture_width
        self.chain_depth = chain_depth
        self.alpha = alpha
        self.all_ops = all_ops

    def augmented(self, image: Any) -> Any:
        height, width = F.get_size(image)
        is_tensor = isinstance(image, Tensor)
        pixels = pure(image) if is_tensor else F.pil_to_tensor(image)
        dimensions = 5 if isinstance(image, Video) else 4
        batch = pixels.reshape(*[1] * max(dimensions - pixels.ndim, 0), *pixels.shape)
        mixed = chains_mixed(self, batch, augmix_strengths(height, width, 1.0), _is_negative, self._changed)
        result = mixed.reshape(pixels.shape).to(pixels.dtype)
        if not is_tensor:
            return F.to_pil_image(result)
        return result if is_pure_tensor(image) else wrap(result, like=image)
