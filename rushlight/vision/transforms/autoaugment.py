"""Augmentation by a few changes out of many: AutoAugment, RandAugment, TrivialAugment.

A change has a name and a magnitude; a signed one is made in either direction. Which changes, and how strong, are the
papers'.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import Enum
from functools import lru_cache
from typing import Any

import numpy as np

from ...nn import Module
from ...tensor import Tensor, from_numpy, linspace
from . import functional as F
from .draws import below, belows, dirichlet, units
from .interpolation import InterpolationMode


class AutoAugmentPolicy(Enum):
    """The data set that a policy of AutoAugment was found on."""

    IMAGENET = "imagenet"
    CIFAR10 = "cifar10"
    SVHN = "svhn"


# Table 9 and its like in "AutoAugment: Learning Augmentation Policies from Data", Cubuk and others, 2019: two changes
# a line, each with its probability and, where it has one, its magnitude from 0 to 9.
POLICIES = {
    AutoAugmentPolicy.IMAGENET: """
    Posterize 0.4 8 + Rotate 0.6 9
    Solarize 0.6 5 + AutoContrast 0.6
    Equalize 0.8 + Equalize 0.6
    Posterize 0.6 7 + Posterize 0.6 6
    Equalize 0.4 + Solarize 0.2 4
    Equalize 0.4 + Rotate 0.8 8
    Solarize 0.6 3 + Equalize 0.6
    Posterize 0.8 5 + Equalize 1.0
    Rotate 0.2 3 + Solarize 0.6 8
    Equalize 0.6 + Posterize 0.4 6
    Rotate 0.8 8 + Color 0.4 0
    Rotate 0.4 9 + Equalize 0.6
    Equalize 0.0 + Equalize 0.8
    Invert 0.6 + Equalize 1.0
    Color 0.6 4 + Contrast 1.0 8
    Rotate 0.8 8 + Color 1.0 2
    Color 0.8 8 + Solarize 0.8 7
    Sharpness 0.4 7 + Invert 0.6
    ShearX 0.6 5 + Equalize 1.0
    Color 0.4 0 + Equalize 0.6
    Equalize 0.4 + Solarize 0.2 4
    Solarize 0.6 5 + AutoContrast 0.6
    Invert 0.6 + Equalize 1.0
    Color 0.6 4 + Contrast 1.0 8
    Equalize 0.8 + Equalize 0.6
    """,
    AutoAugmentPolicy.CIFAR10: """
    Invert 0.1 + Contrast 0.2 6
    Rotate 0.7 2 + TranslateX 0.3 9
    Sharpness 0.8 1 + Sharpness 0.9 3
    ShearY 0.5 8 + TranslateY 0.7 9
    AutoContrast 0.5 + Equalize 0.9
    ShearY 0.2 7 + Posterize 0.3 7
    Color 0.4 3 + Brightness 0.6 7
    Sharpness 0.3 9 + Brightness 0.7 9
    Equalize 0.6 + Equalize 0.5
    Contrast 0.6 7 + Sharpness 0.6 5
    Color 0.7 7 + TranslateX 0.5 8
    Equalize 0.3 + AutoContrast 0.4
    TranslateY 0.4 3 + Sharpness 0.2 6
    Brightness 0.9 6 + Color 0.2 8
    Solarize 0.5 2 + Invert 0.0
    Equalize 0.2 + AutoContrast 0.6
    Equalize 0.2 + Equalize 0.6
    Color 0.9 9 + Equalize 0.6
    AutoContrast 0.8 + Solarize 0.2 8
    Brightness 0.1 3 + Color 0.7 0
    Solarize 0.4 5 + AutoContrast 0.9
    TranslateY 0.9 9 + TranslateY 0.7 9
    AutoContrast 0.9 + Solarize 0.8 3
    Equalize 0.8 + Invert 0.1
    TranslateY 0.7 9 + AutoContrast 0.9
    """,
    AutoAugmentPolicy.SVHN: """
    ShearX 0.9 4 + Invert 0.2
    ShearY 0.9 8 + Invert 0.7
    Equalize 0.6 + Solarize 0.6 6
    Invert 0.9 + Equalize 0.6
    Equalize 0.6 + Rotate 0.9 3
    ShearX 0.9 4 + AutoContrast 0.8
    ShearY 0.9 8 + Invert 0.4
    ShearY 0.9 5 + Solarize 0.2 6
    Invert 0.9 + AutoContrast 0.8
    Equalize 0.6 + Rotate 0.9 3
    ShearX 0.9 4 + Solarize 0.3 3
    ShearY 0.8 8 + Invert 0.7
    Equalize 0.9 + TranslateY 0.6 6
    Invert 0.9 + Equalize 0.6
    Contrast 0.3 3 + Rotate 0.8 4
    Invert 0.8 + TranslateY 0.0 2
    ShearY 0.7 6 + Solarize 0.4 8
    Invert 0.6 + Rotate 0.8 4
    ShearY 0.3 7 + TranslateX 0.9 3
    ShearX 0.1 6 + Invert 0.6
    Solarize 0.7 2 + TranslateY 0.6 7
    ShearY 0.8 4 + Invert 0.8
    ShearX 0.7 9 + TranslateY 0.8 3
    ShearY 0.8 5 + AutoContrast 0.7
    ShearX 0.7 2 + Invert 0.1
    """,
}

Change = tuple[str, float, int | None]


def read_policy(text: str) -> list[tuple[Change, Change]]:
    def change(words: str) -> Change:
        name, probability, *magnitude = words.split()
        return name, float(probability), int(magnitude[0]) if magnitude else None

    return [tuple(change(words) for words in line.split("+")) for line in text.strip().splitlines()]  # type: ignore[misc]


@lru_cache(maxsize=256)
def steps(low: float, high: float, count: int) -> list[float]:
    return linspace(low, high, count).tolist()


def bits_left(fewest: int, strongest: int, count: int) -> list[float]:
    """How many bits `Posterize` leaves: from `fewest` + `strongest` down to `fewest`."""
    cut = np.round(np.arange(count, dtype=np.float32) / np.float32((count - 1) / strongest))
    return (fewest + strongest - cut).astype(float).tolist()


SIGNED = ("ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate", "Brightness", "Color", "Contrast", "Sharpness")


def magnitudes(
    count: int, shear: float, across: float, down: float, turn: float, colour: float, bits: list[float]
) -> dict[str, list[float]]:
    """The strengths of each change, weakest first; of those that have none, an empty list."""
    ends = {"ShearX": shear, "ShearY": shear, "TranslateX": across, "TranslateY": down, "Rotate": turn}
    ends |= dict.fromkeys(("Brightness", "Color", "Contrast", "Sharpness"), colour)
    listed = {name: steps(0.0, end, count) for name, end in ends.items()}
    return listed | {"Posterize": bits, "Solarize": steps(255.0, 0.0, count), "AutoContrast": [], "Equalize": []}


def changed(img: Any, name: str, magnitude: float, interpolation: Any, fill: Any, functions: Any = F) -> Any:
    """The image after one change, by the `functions` of version 1 or 2."""
    if name in ("ShearX", "ShearY"):
        angle = math.degrees(math.atan(magnitude))
        shear = [angle, 0.0] if name == "ShearX" else [0.0, angle]
        return functions.affine(img, 0.0, [0, 0], 1.0, shear, interpolation, fill, center=[0, 0])
    if name in ("TranslateX", "TranslateY"):
        move = [int(magnitude), 0] if name == "TranslateX" else [0, int(magnitude)]
        return functions.affine(img, 0.0, move, 1.0, [0.0, 0.0], interpolation, fill)
    if name == "Rotate":
        return functions.rotate(img, magnitude, interpolation=interpolation, fill=fill)
    if name in _ADJUSTMENTS:
        return getattr(functions, _ADJUSTMENTS[name])(img, 1.0 + magnitude)
    if name == "Posterize":
        return functions.posterize(img, int(magnitude))
    if name == "Solarize":
        return functions.solarize(img, magnitude)
    return img if name == "Identity" else getattr(functions, name.lower())(img)


_ADJUSTMENTS = {
    "Brightness": "adjust_brightness",
    "Color": "adjust_saturation",
    "Contrast": "adjust_contrast",
    "Sharpness": "adjust_sharpness",
}


def _fill_for(img: Any, fill: Any) -> Any:
    """For tensors, one float for each channel."""
    if fill is None or not isinstance(img, Tensor):
        return fill
    if isinstance(fill, (int, float)):
        return [float(fill)] * F.get_image_num_channels(img)
    return [float(value) for value in fill]


class AutoAugment(Module):
    """Two changes after one of the 25 lines of a policy that was learnt on a data set; for images of bytes."""

    def __init__(
        self,
        policy: AutoAugmentPolicy = AutoAugmentPolicy.IMAGENET,
        interpolation: InterpolationMode = InterpolationMode.NEAREST,
        fill: Any = None,
    ) -> None:
        super().__init__()
        if policy not in POLICIES:
            raise ValueError(f"The provided policy {policy} is not recognized.")
        self.policy = policy
        self.interpolation = interpolation
        self.fill = fill
        self.policies = read_policy(POLICIES[policy])

    @staticmethod
    def get_params(transform_num: int) -> tuple[int, list[float], list[int]]:
        """Draws the line, and for each of its changes a number to hold against its probability, and a sign."""
        return below(0, transform_num), units(2), belows(2, 2)

    def forward(self, img: Any) -> Any:
        fill = _fill_for(img, self.fill)
        _, height, width = F.get_dimensions(img)
        line, chances, signs = self.get_params(len(self.policies))
        strengths = magnitudes(10, 0.3, 150.0 / 331.0 * width, 150.0 / 331.0 * height, 30.0, 0.9, bits_left(4, 4, 10))
        for (name, probability, place), drawn, sign in zip(self.policies[line], chances, signs, strict=True):
            if drawn <= np.float32(probability):
                magnitude = 0.0 if place is None else strengths[name][place]
                if name in SIGNED and sign == 0:
                    magnitude = -magnitude
                img = changed(img, name, magnitude, self.interpolation, fill)
        return img

    def __repr__(self) -> str:
        return f"{type(self).__name__}(policy={self.policy}, fill={self.fill})"


class RandAugment(Module):
    """`num_ops` changes of one strength, chosen at random; for images of bytes."""

    def __init__(
        self,
        num_ops: int = 2,
        magnitude: int = 9,
        num_magnitude_bins: int = 31,
        interpolation: InterpolationMode = InterpolationMode.NEAREST,
        fill: Any = None,
    ) -> None:
        super().__init__()
        self.num_ops = num_ops
        self.magnitude = magnitude
        self.num_magnitude_bins = num_magnitude_bins
        self.interpolation = interpolation
        self.fill = fill

    def forward(self, img: Any) -> Any:
        fill = _fill_for(img, self.fill)
        _, height, width = F.get_dimensions(img)
        bins = self.num_magnitude_bins
        reach = 150.0 / 331.0
        strengths: dict[str, list[float]] = {"Identity": []} | magnitudes(
            bins, 0.3, reach * width, reach * height, 30.0, 0.9, bits_left(4, 4, bins)
        )
        for _ in range(self.num_ops):
            name = list(strengths)[below(0, len(strengths))]
            magnitude = strengths[name][self.magnitude] if strengths[name] else 0.0
            if name in SIGNED and below(0, 2):
                magnitude = -magnitude
            img = changed(img, name, magnitude, self.interpolation, fill)
        return img

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(num_ops={self.num_ops}, magnitude={self.magnitude}, "
            f"num_magnitude_bins={self.num_magnitude_bins}, interpolation={self.interpolation}, fill={self.fill})"
        )


class TrivialAugmentWide(Module):
    """One change of any strength, chosen at random; for images of bytes."""

    def __init__(
        self,
        num_magnitude_bins: int = 31,
        interpolation: InterpolationMode = InterpolationMode.NEAREST,
        fill: Any = None,
    ) -> None:
        super().__init__()
        self.num_magnitude_bins = num_magnitude_bins
        self.interpolation = interpolation
        self.fill = fill

    def forward(self, img: Any) -> Any:
        fill = _fill_for(img, self.fill)
        bins = self.num_magnitude_bins
        strengths: dict[str, list[float]] = {"Identity": []} | magnitudes(
            bins, 0.99, 32.0, 32.0, 135.0, 0.99, bits_left(2, 6, bins)
        )
        name = list(strengths)[below(0, len(strengths))]
        magnitude = strengths[name][below(0, len(strengths[name]))] if strengths[name] else 0.0
        if name in SIGNED and below(0, 2):
            magnitude = -magnitude
        return changed(img, name, magnitude, self.interpolation, fill)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(num_magnitude_bins={self.num_magnitude_bins}, "
            f"interpolation={self.interpolation}, fill={self.fill})"
        )


class AugMix(Module):
    """A mean of the image and of chains of changes to it, with random weights (Hendrycks and others, 2020); for images of bytes.

    Args:
        severity: how strong the changes may be, 1 to 10.
        mixture_width: how many chains.
        chain_depth: how many changes in a chain; -1 for one to three.
        alpha: of the Dirichlet distributions of the weights.
        all_ops: with brightness, colour, contrast and sharpness.
        interpolation, fill: of the changes that move pixels.
    """

    def __init__(
        self,
        severity: int = 3,
        mixture_width: int = 3,
        chain_depth: int = -1,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
        fill: Any = None,
    ) -> None:
        super().__init__()
        check_severity(severity)
        self.severity = severity
        self.mixture_width = mixture_width
        self.chain_depth = chain_depth
        self.alpha = alpha
        self.all_ops = all_ops
        self.interpolation = interpolation
        self.fill = fill

    def forward(self, orig_img: Any) -> Any:
        fill = _fill_for(orig_img, self.fill)
        _, height, width = F.get_dimensions(orig_img)
        image = orig_img if isinstance(orig_img, Tensor) else F.pil_to_tensor(orig_img)
        batch = image.reshape(*[1] * max(4 - image.ndim, 0), *image.shape)

        def change(part: Tensor, name: str, magnitude: float) -> Tensor:
            return changed(part, name, magnitude, self.interpolation, fill)

        mixed = chains_mixed(self, batch, augmix_strengths(height, width, 255.0), lambda: below(0, 2) == 1, change)
        result = mixed.reshape(image.shape).to(image.dtype)
        return result if isinstance(orig_img, Tensor) else F.to_pil_image(result)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(severity={self.severity}, mixture_width={self.mixture_width}, "
            f"chain_depth={self.chain_depth}, alpha={self.alpha}, all_ops={self.all_ops}, "
            f"interpolation={self.interpolation}, fill={self.fill})"
        )


_MOST_SEVERE = 10


def check_severity(severity: int) -> None:
    if not 1 <= severity <= _MOST_SEVERE:
        raise ValueError(f"The severity must be between [1, {_MOST_SEVERE}]. Got {severity} instead.")


def augmix_strengths(height: int, width: int, white: float) -> dict[str, list[float]]:
    """The strengths of AugMix's changes, weakest first, those of colours last."""
    listed = magnitudes(_MOST_SEVERE, 0.3, width / 3.0, height / 3.0, 30.0, 0.9, bits_left(0, 4, _MOST_SEVERE))
    listed["Solarize"] = steps(white, 0.0, _MOST_SEVERE)
    return {name: listed[name] for name in listed if name not in _ADJUSTMENTS} | {n: listed[n] for n in _ADJUSTMENTS}


def chains_mixed(
    transform: Any,
    batch: Tensor,
    strengths: dict[str, list[float]],
    is_negative: Callable[[], bool],
    change: Callable[[Tensor, str, float], Tensor],
) -> Tensor:
    """The mean of a batch and chains of changes to it, drawn after AugMix's settings; in floating point."""
    samples, names = batch.shape[0], list(strengths)
    if not transform.all_ops:
        names = names[: -len(_ADJUSTMENTS)]
    shares = dirichlet([[transform.alpha] * 2] * samples)
    weights = dirichlet([[transform.alpha] * transform.mixture_width] * samples) * shares[:, 1:]
    single = (samples, *[1] * (batch.ndim - 1))
    mixed = from_numpy(shares[:, 0].copy()).reshape(single) * batch
    for chain in range(transform.mixture_width):
        part = batch
        for _ in range(transform.chain_depth if transform.chain_depth > 0 else below(1, 4)):
            name = names[below(0, len(names))]
            magnitude = strengths[name][below(0, transform.severity)] if strengths[name] else 0.0
            if name in SIGNED and is_negative():
                magnitude = -magnitude
            part = change(part, name, magnitude)
        mixed = mixed + from_numpy(weights[:, chain].copy()).reshape(single) * part
    return mixed
