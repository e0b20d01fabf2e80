"""Transforms that change colours."""

from __future__ import annotations

from typing import Any

from ....tensor import as_tensor
from ..color import ColorJitter as JitterV1
from ..draws import chance, order, uniform, unit
from . import functional as F
from .transform import RandomApplied, Transform, query_chw


class Grayscale(Transform):
    """Without colours, in one or three channels."""

    def __init__(self, num_output_channels: int = 1) -> None:
        super().__init__()
        self.num_output_channels = num_output_channels

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.rgb_to_grayscale, inpt, num_output_channels=self.num_output_channels)


class RandomGrayscale(RandomApplied):
    """Without colours with probability `p`, in as many channels as before."""

    def __init__(self, p: float = 0.1) -> None:
        super().__init__(p=p)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return {"num_output_channels": query_chw(flat_inputs)[0]}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.rgb_to_grayscale, inpt, **params)


class RGB(Transform):
    """Grey images in three channels; others as they are."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.grayscale_to_rgb, inpt)


class ColorJitter(Transform):
    """Brightness, contrast, saturation and hue changed at random, in random order.

    A number `x` stands for the factors from 1 - x to 1 + x; for hue, from -x to x.
    """

    get_params = staticmethod(JitterV1.get_params)

    def __init__(self, brightness: Any = None, contrast: Any = None, saturation: Any = None, hue: Any = None) -> None:
        super().__init__()
        checked = JitterV1(*(0 if value is None else value for value in (brightness, contrast, saturation, hue)))
        self.brightness = checked.brightness
        self.contrast = checked.contrast
        self.saturation = checked.saturation
        self.hue = checked.hue

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        sequence, *factors = self.get_params(self.brightness, self.contrast, self.saturation, self.hue)
        return {"steps": [(number, factors[number]) for number in sequence.tolist() if factors[number] is not None]}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        changes = F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue
        for number, factor in params["steps"]:
            inpt = self._call_kernel(changes[number], inpt, factor)
        return inpt


class RandomChannelPermutation(Transform):
    """Channels in random order."""

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return {"permutation": as_tensor(order(query_chw(flat_inputs)[0]))}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.permute_channels, inpt, params["permutation"])


class RandomPhotometricDistort(Transform):
    """Each of brightness, contrast, saturation, hue and the order of channels changed with probability `p` (SSD, Liu and others, 2016)."""

    def __init__(
        self,
        brightness: tuple[float, float] = (0.875, 1.125),
        contrast: tuple[float, float] = (0.5, 1.5),
        saturation: tuple[float, float] = (0.5, 1.5),
        hue: tuple[float, float] = (-0.05, 0.05),
        p: float = 0.5,
    ) -> None:
        super().__init__()
        self.brightness = brightness
        self.contrast = contrast
        self.hue = hue
        self.saturation = saturation
        self.p = p

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        channels = query_chw(flat_inputs)[0]
        ranges = self.brightness, self.contrast, self.saturation, self.hue
        factors = [uniform(*bounds) if chance(self.p) else None for bounds in ranges]
        is_contrast_first = unit() < 0.5
        permutation = as_tensor(order(channels)) if chance(self.p) else None
        sequence = (0, 1, 2, 3) if is_contrast_first else (0, 2, 3, 1)
        steps = [(number, factors[number]) for number in sequence if factors[number] is not None]
        return {"steps": steps, "permutation": permutation}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        changes = F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue
        for number, factor in params["steps"]:
            inpt = self._call_kernel(changes[number], inpt, factor)
        if params["permutation"] is not None:
            inpt = self._call_kernel(F.permute_channels, inpt, params["permutation"])
        return inpt


class RandomEqualize(RandomApplied):
    """All levels about equally frequent, with probability `p`."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.equalize, inpt)


class RandomInvert(RandomApplied):
    """The negative with probability `p`."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.invert, inpt)


class RandomPosterize(RandomApplied):
    """Fewer bits for each value, with probability `p`."""

    def __init__(self, bits: int, p: float = 0.5) -> None:
        super().__init__(p=p)
        self.bits = bits

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.posterize, inpt, bits=self.bits)


class RandomSolarize(RandomApplied):
    """Bright values inverted, with probability `p`."""

    def __init__(self, threshold: float, p: float = 0.5) -> None:
        super().__init__(p=p)
        self.threshold = threshold

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.solarize, inpt, threshold=self.threshold)


class RandomAutocontrast(RandomApplied):
    """Stretched from black to white, with probability `p`."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.autocontrast, inpt)


class RandomAdjustSharpness(RandomApplied):
    """Sharper or softer, with probability `p`."""

    def __init__(self, sharpness_factor: float, p: float = 0.5) -> None:
        super().__init__(p=p)
        self.sharpness_factor = sharpness_factor

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.adjust_sharpness, inpt, sharpness_factor=self.sharpness_factor)
