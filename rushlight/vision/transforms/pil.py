"""The transforms on PIL images. Arguments have been checked and completed by `functional`."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from ..pillow import image_of_array, is_image, pillow

PADDING_MODES = ("constant", "edge", "reflect", "symmetric")


def check_image(image: Any) -> None:
    if not is_image(image):
        raise TypeError(f"img should be PIL Image. Got {type(image)}")


def get_dimensions(image: Any) -> list[int]:
    if not is_image(image):
        raise TypeError(f"Unexpected type {type(image)}")
    return [len(image.getbands()), image.height, image.width]


def hflip(image: Any) -> Any:
    check_image(image)
    return image.transpose(pillow().Transpose.FLIP_LEFT_RIGHT)


def vflip(image: Any) -> Any:
    check_image(image)
    return image.transpose(pillow().Transpose.FLIP_TOP_BOTTOM)


def crop(image: Any, top: int, left: int, height: int, width: int) -> Any:
    check_image(image)
    return image.crop((left, top, left + width, top + height))


def resize(image: Any, size: list[int], interpolation: int) -> Any:
    check_image(image)
    return image.resize((size[1], size[0]), interpolation)


def _colour(fill: Any, image: Any) -> Any:
    """The fill as Pillow wants it: one value for each band, integers except in mode F."""
    bands = len(image.getbands())
    if fill is None:
        fill = 0
    if isinstance(fill, (int, float)) and bands > 1:
        fill = [fill] * bands
    convert = float if image.mode == "F" else int
    if not isinstance(fill, (list, tuple)):
        return convert(fill)
    if len(fill) == 1:
        fill = list(fill) * bands
    if len(fill) != bands:
        raise ValueError(
            "The number of elements in 'fill' does not match the number of channels of the image "
            f"({len(fill)} != {bands})"
        )
    return tuple(convert(value) for value in fill)


def _borders(padding: Any) -> tuple[int, int, int, int]:
    """Left, top, right, bottom."""
    if isinstance(padding, (tuple, list)):
        if len(padding) == 4:
            return tuple(padding)  # type: ignore[return-value]
        left, top = (padding[0], padding[-1])
        return left, top, left, top
    return padding, padding, padding, padding


def pad(image: Any, padding: Any, fill: Any, padding_mode: str) -> Any:
    check_image(image)
    if not isinstance(padding, (numbers.Number, tuple, list)):
        raise TypeError("Got inappropriate padding arg")
    if fill is not None and not isinstance(fill, (numbers.Number, tuple, list)):
        raise TypeError("Got inappropriate fill arg")
    if not isinstance(padding_mode, str):
        raise TypeError("Got inappropriate padding_mode arg")
    if isinstance(padding, (tuple, list)) and len(padding) not in (1, 2, 4):
        raise ValueError(f"Padding must be an int or a 1, 2, or 4 element tuple, not a {len(padding)} element tuple")
    if padding_mode not in PADDING_MODES:
        raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")
    borders = _borders(padding)
    palette = image.getpalette() if image.mode == "P" else None
    if padding_mode == "constant":
        padded = pillow("ImageOps").expand(image, border=borders, fill=_colour(fill, image))
    else:
        padded = _pad_from_image(image, borders, padding_mode)
    if palette is not None:
        padded.putpalette(palette)
    return padded


def _pad_from_image(image: Any, borders: tuple[int, int, int, int], padding_mode: str) -> Any:
    left, top, right, bottom = (max(-border, 0) for border in borders)
    if left or top or right or bottom:  # a negative border cuts off
        image = image.crop((left, top, image.width - right, image.height - bottom))
    left, top, right, bottom = (max(border, 0) for border in borders)
    pixels = np.asarray(image)
    widths = [(top, bottom), (left, right)] + [(0, 0)] * (pixels.ndim - 2)
    return pillow().fromarray(np.pad(pixels, widths, mode=padding_mode))  # type: ignore[call-overload]


def affine(image: Any, matrix: list[float], interpolation: int, fill: Any) -> Any:
    check_image(image)
    kind = pillow().Transform.AFFINE
    return image.transform(image.size, kind, matrix, interpolation, fillcolor=_colour(fill, image))


def rotate(image: Any, angle: float, interpolation: int, expand: bool, center: Any, fill: Any) -> Any:
    check_image(image)
    return image.rotate(angle, interpolation, expand, center, fillcolor=_colour(fill, image))


def perspective(image: Any, coefficients: list[float], interpolation: int, fill: Any) -> Any:
    check_image(image)
    kind = pillow().Transform.PERSPECTIVE
    return image.transform(image.size, kind, coefficients, interpolation, fillcolor=_colour(fill, image))


def to_grayscale(image: Any, num_output_channels: int) -> Any:
    check_image(image)
    if num_output_channels not in (1, 3):
        raise ValueError("num_output_channels should be either 1 or 3")
    grey = image.convert("L")
    if num_output_channels == 1:
        return grey
    return pillow().merge("RGB", (grey, grey, grey))


def _enhanced(image: Any, what: str, factor: float) -> Any:
    check_image(image)
    return getattr(pillow("ImageEnhance"), what)(image).enhance(factor)


def adjust_brightness(image: Any, factor: float) -> Any:
    return _enhanced(image, "Brightness", factor)


def adjust_contrast(image: Any, factor: float) -> Any:
    return _enhanced(image, "Contrast", factor)


def adjust_saturation(image: Any, factor: float) -> Any:
    return _enhanced(image, "Color", factor)


def adjust_sharpness(image: Any, factor: float) -> Any:
    return _enhanced(image, "Sharpness", factor)


def adjust_hue(image: Any, factor: float) -> Any:
    if not -0.5 <= factor <= 0.5:
        raise ValueError(f"hue_factor ({factor}) is not in [-0.5, 0.5].")
    check_image(image)
    if image.mode in ("L", "1", "I", "F"):
        return image
    hue, saturation, value = image.convert("HSV").split()
    turned = np.asarray(hue) + np.array(int(factor * 255)).astype(np.uint8)  # uint8: the circle closes at 256
    hue = image_of_array(turned, "L")
    return pillow().merge("HSV", (hue, saturation, value)).convert(image.mode)


def adjust_gamma(image: Any, gamma: float, gain: float) -> Any:
    check_image(image)
    if gamma < 0:
        raise ValueError("Gamma should be a non-negative real number")
    table = [int((255 + 1 - 1e-3) * gain * pow(level / 255.0, gamma)) for level in range(256)]
    return image.convert("RGB").point(table * 3).convert(image.mode)


def _operated(image: Any, what: str, *arguments: Any) -> Any:
    check_image(image)
    return getattr(pillow("ImageOps"), what)(image, *arguments)


def invert(image: Any) -> Any:
    return _operated(image, "invert")


def posterize(image: Any, bits: int) -> Any:
    return _operated(image, "posterize", bits)


def solarize(image: Any, threshold: float) -> Any:
    return _operated(image, "solarize", threshold)


def autocontrast(image: Any) -> Any:
    return _operated(image, "autocontrast")


def equalize(image: Any) -> Any:
    return _operated(image, "equalize")
