"""Transforms that move pixels, and boxes and points with them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from ....tensor import Tensor, where
from ... import pillow
from ...tv_tensors import BoundingBoxes, Image, KeyPoints, Mask, pure, wrap
from .. import geometry as v1
from ..arguments import check_sequence, checked_angles, checked_size
from ..color import ElasticTransform as ElasticV1
from ..draws import below, uniform, units
from . import boxes
from . import functional as F
from .functional import is_pure_tensor
from .transform import (
    Fills,
    RandomApplied,
    Transform,
    get_bounding_boxes,
    has_all,
    has_any,
    numbers_of,
    query_size,
)


def _float32s(count: int) -> np.ndarray:
    """`torch.rand(count)`, to be reckoned with in single precision."""
    return np.array(units(count), np.float32)


def _between(low: float, high: float, count: int = 1) -> np.ndarray:
    """`low + (high - low) * torch.rand(count)`"""
    return np.float32(low) + np.float32(high - low) * _float32s(count)


class RandomHorizontalFlip(RandomApplied):
    """The mirror image with probability `p`."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.horizontal_flip, inpt)


class RandomVerticalFlip(RandomApplied):
    """Upside down with probability `p`."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.vertical_flip, inpt)


class _Resizing(Transform):
    """Base of transforms to a size that `make_params` gives."""

    interpolation: Any
    antialias: bool | None

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        how = {"interpolation": self.interpolation, "antialias": self.antialias}
        return self._call_kernel(F.resize, inpt, **params, **how)


class Resize(_Resizing):
    """At `size`: (height, width), or its shorter side, the longer being at most `max_size`; None where only `max_size` counts."""

    def __init__(
        self, size: Any, interpolation: Any = "bilinear", max_size: int | None = None, antialias: bool | None = True
    ) -> None:
        super().__init__()
        if isinstance(size, int):
            size = [size]
        elif isinstance(size, Sequence) and len(size) in (1, 2):
            size = list(size)
        elif size is not None:
            raise ValueError(
                f"size can be an integer, a sequence of one or two integers, or None, but got {size} instead."
            )
        elif not isinstance(max_size, int):
            raise ValueError(f"max_size must be an integer when size is None, but got {max_size} instead.")
        self.size = size
        self.interpolation = interpolation
        self.max_size = max_size
        self.antialias = antialias

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return {"size": self.size, "max_size": self.max_size}


class ScaleJitter(_Resizing):
    """Scaled at random around the scale that fits into `target_size`."""

    def __init__(
        self,
        target_size: tuple[int, int],
        scale_range: tuple[float, float] = (0.1, 2.0),
        interpolation: Any = "bilinear",
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.target_size = target_size
        self.scale_range = scale_range
        self.interpolation = interpolation
        self.antialias = antialias

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        height, width = query_size(flat_inputs)
        (scale,) = _between(*self.scale_range)
        ratio = np.float32(min(self.target_size[1] / height, self.target_size[0] / width)) * scale
        return {"size": (int(np.float32(height) * ratio), int(np.float32(width) * ratio))}


class RandomShortestSize(_Resizing):
    """The shorter side one of `min_size`, the longer one at most `max_size`."""

    def __init__(
        self, min_size: Any, max_size: int | None = None, interpolation: Any = "bilinear", antialias: bool | None = True
    ) -> None:
        super().__init__()
        self.min_size = [min_size] if isinstance(min_size, int) else list(min_size)
        self.max_size = max_size
        self.interpolation = interpolation
        self.antialias = antialias

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        height, width = query_size(flat_inputs)
        ratio = self.min_size[below(0, len(self.min_size))] / min(height, width)
        if self.max_size is not None:
            ratio = min(ratio, self.max_size / max(height, width))
        return {"size": (int(height * ratio), int(width * ratio))}


class RandomResize(_Resizing):
    """The shorter side from `min_size` to below `max_size`."""

    def __init__(
        self, min_size: int, max_size: int, interpolation: Any = "bilinear", antialias: bool | None = True
    ) -> None:
        super().__init__()
        self.min_size = min_size
        self.max_size = max_size
        self.interpolation = interpolation
        self.antialias = antialias

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return {"size": [below(self.min_size, self.max_size)]}


class CenterCrop(Transform):
    """The middle."""

    def __init__(self, size: Any) -> None:
        super().__init__()
        self.size = checked_size(size)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.center_crop, inpt, output_size=self.size)


class RandomResizedCrop(Transform):
    """A random part, with `scale` of the area and `ratio` of sides, at `size`."""

    get_params = staticmethod(v1.RandomResizedCrop.get_params)

    def __init__(
        self,
        size: Any,
        scale: Any = (0.08, 1.0),
        ratio: Any = (3.0 / 4.0, 4.0 / 3.0),
        interpolation: Any = "bilinear",
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.size = checked_size(size)
        if not isinstance(scale, Sequence) or len(scale) != 2:
            raise TypeError("Scale should be a sequence of two floats.")
        if not isinstance(ratio, Sequence) or len(ratio) != 2:
            raise TypeError("Ratio should be a sequence of two floats.")
        if scale[0] > scale[1] or ratio[0] > ratio[1]:
            warnings.warn("Scale and ratio should be of kind (min, max)", stacklevel=2)
        self.scale = scale
        self.ratio = ratio
        self.interpolation = interpolation
        self.antialias = antialias

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        place = v1.part_to_resize(self.scale, self.ratio, *query_size(flat_inputs))
        return dict(zip(("top", "left", "height", "width"), place, strict=True))

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        how = {"interpolation": self.interpolation, "antialias": self.antialias}
        return self._call_kernel(F.resized_crop, inpt, **params, size=self.size, **how)


class _SeveralCrops(Transform):
    """Base of transforms that give several images."""

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        if has_any(flat_inputs, BoundingBoxes, Mask):
            raise TypeError(f"BoundingBoxes'es and Mask's are not supported by {type(self).__name__}()")

    def _call_kernel(self, functional: Any, inpt: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(inpt, KeyPoints):
            warnings.warn(
                f"{type(self).__name__}() is currently passing through inputs of type tv_tensors.KeyPoints.",
                stacklevel=2,
            )
        return super()._call_kernel(functional, inpt, *args, **kwargs)


class FiveCrop(_SeveralCrops):
    """The four corners and the middle."""

    def __init__(self, size: Any) -> None:
        super().__init__()
        self.size = checked_size(size)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.five_crop, inpt, self.size)


class TenCrop(_SeveralCrops):
    """The five crops and those of the mirror image."""

    def __init__(self, size: Any, vertical_flip: bool = False) -> None:
        super().__init__()
        self.size = checked_size(size)
        self.vertical_flip = vertical_flip

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.ten_crop, inpt, self.size, vertical_flip=self.vertical_flip)


def _check_padding(padding: Any) -> None:
    is_sequence = isinstance(padding, (tuple, list)) and len(padding) in (1, 2, 4)
    if not (isinstance(padding, int) or (is_sequence and all(isinstance(border, int) for border in padding))):
        raise ValueError(f"Padding must be an int or a 1, 2, or 4 element of tuple or list, got {padding}.")


def _check_padding_mode(padding_mode: str) -> None:
    if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
        raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")


class Pad(Transform):
    """With borders."""

    def __init__(self, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> None:
        super().__init__()
        _check_padding(padding)
        _check_padding_mode(padding_mode)
        self.padding = padding if isinstance(padding, int) else list(padding)
        self.fill = fill
        self._fill = Fills(fill)
        self.padding_mode = padding_mode

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        how = {"fill": self._fill.of(inpt), "padding_mode": self.padding_mode}
        return self._call_kernel(F.pad, inpt, padding=self.padding, **how)


class RandomZoomOut(RandomApplied):
    """Somewhere in a larger image, with probability `p`; the sides grow by a factor of `side_range`."""

    def __init__(self, fill: Any = 0, side_range: Sequence[float] = (1.0, 4.0), p: float = 0.5) -> None:
        super().__init__(p=p)
        self.fill = fill
        self._fill = Fills(fill)
        check_sequence(side_range, "side_range", (2,))
        self.side_range = side_range
        if side_range[0] < 1.0 or side_range[0] > side_range[1]:
            raise ValueError(f"Invalid side range provided {side_range}.")

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        height, width = query_size(flat_inputs)
        (factor,) = _between(self.side_range[0], self.side_range[1])
        canvas_width, canvas_height = int(np.float32(width) * factor), int(np.float32(height) * factor)
        across, down = _float32s(2)
        left = int(np.float32(canvas_width - width) * across)
        top = int(np.float32(canvas_height - height) * down)
        return {"padding": [left, top, canvas_width - (left + width), canvas_height - (top + height)]}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.pad, inpt, **params, fill=self._fill.of(inpt))


class RandomCrop(Transform):
    """A rectangle of `size` at a random place, after padding."""

    get_params = staticmethod(v1.RandomCrop.get_params)

    def __init__(
        self,
        size: Any,
        padding: Any = None,
        pad_if_needed: bool = False,
        fill: Any = 0,
        padding_mode: str = "constant",
    ) -> None:
        super().__init__()
        self.size = checked_size(size)
        if padding is not None:
            _check_padding(padding)
        if pad_if_needed or padding is not None:
            _check_padding_mode(padding_mode)
        self.padding = _crossed(padding) if padding else None
        self.pad_if_needed = pad_if_needed
        self.fill = fill
        self._fill = Fills(fill)
        self.padding_mode = padding_mode

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        height, width = query_size(flat_inputs)
        left, right, top, bottom = self.padding or (0, 0, 0, 0)
        crop_height, crop_width = self.size
        if self.pad_if_needed:
            lacking = max(crop_height - (height + top + bottom), 0)
            top, bottom = top + lacking, bottom + lacking
            lacking = max(crop_width - (width + left + right), 0)
            left, right = left + lacking, right + lacking
        height, width = height + top + bottom, width + left + right
        if height < crop_height or width < crop_width:
            padded = "padded " if self.padding is not None else ""
            raise ValueError(
                f"Required crop size {(crop_height, crop_width)} is larger than {padded}input image size {(height, width)}."
            )
        padding = [left, top, right, bottom]
        first_row = below(0, height - crop_height + 1) if height > crop_height else 0
        first_column = below(0, width - crop_width + 1) if width > crop_width else 0
        is_cut = height > crop_height or width > crop_width
        return {
            "padding": padding if any(padding) else None,
            "place": (first_row, first_column, crop_height, crop_width) if is_cut else None,
        }

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if params["padding"] is not None:
            how = {"fill": self._fill.of(inpt), "padding_mode": self.padding_mode}
            inpt = self._call_kernel(F.pad, inpt, padding=params["padding"], **how)
        if params["place"] is not None:
            inpt = self._call_kernel(F.crop, inpt, *params["place"])
        return inpt


def _crossed(padding: Any) -> list[int]:
    """Left, right, top, bottom."""
    borders = [padding] if isinstance(padding, int) else list(padding)
    left, top = borders[0], borders[1 % len(borders)]
    right, bottom = (borders[2], borders[3]) if len(borders) == 4 else (left, top)
    return [left, right, top, bottom]


class RandomRotation(Transform):
    """Turned by a random angle."""

    get_params = staticmethod(v1.RandomRotation.get_params)

    def __init__(
        self,
        degrees: Any,
        interpolation: Any = "nearest",
        expand: bool = False,
        center: Any = None,
        fill: Any = 0,
    ) -> None:
        super().__init__()
        self.degrees = checked_angles(degrees, "degrees")
        self.interpolation = interpolation
        self.expand = expand
        self.fill = fill
        self._fill = Fills(fill)
        if center is not None:
            check_sequence(center, "center", (2,))
        self.center = center

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return {"angle": uniform(self.degrees[0], self.degrees[1])}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        how = {"interpolation": self.interpolation, "expand": self.expand, "center": self.center}
        return self._call_kernel(F.rotate, inpt, **params, **how, fill=self._fill.of(inpt))


class RandomAffine(Transform):
    """Turned, moved, scaled and sheared at random."""

    get_params = staticmethod(v1.RandomAffine.get_params)

    def __init__(
        self,
        degrees: Any,
        translate: Any = None,
        scale: Any = None,
        shear: Any = None,
        interpolation: Any = "nearest",
        fill: Any = 0,
        center: Any = None,
    ) -> None:
        super().__init__()
        checked = v1.RandomAffine(degrees, translate, scale, shear, center=center)
        self.degrees = checked.degrees
        self.translate = translate
        self.scale = scale
        self.shear = checked.shear
        self.interpolation = interpolation
        self.fill = fill
        self._fill = Fills(fill)
        self.center = center

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        height, width = query_size(flat_inputs)
        drawn = self.get_params(self.degrees, self.translate, self.scale, self.shear, [width, height])
        return dict(zip(("angle", "translate", "scale", "shear"), drawn, strict=True))

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        how = {"interpolation": self.interpolation, "fill": self._fill.of(inpt), "center": self.center}
        return self._call_kernel(F.affine, inpt, **params, **how)


class RandomPerspective(RandomApplied):
    """Seen from a random side with probability `p`."""

    get_params = staticmethod(v1.RandomPerspective.get_params)

    def __init__(
        self, distortion_scale: float = 0.5, p: float = 0.5, interpolation: Any = "bilinear", fill: Any = 0
    ) -> None:
        super().__init__(p=p)
        if not 0 <= distortion_scale <= 1:
            raise ValueError("Argument distortion_scale value should be between 0 and 1")
        self.distortion_scale = distortion_scale
        self.interpolation = interpolation
        self.fill = fill
        self._fill = Fills(fill)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        height, width = query_size(flat_inputs)
        starts, ends = self.get_params(width, height, self.distortion_scale)
        return {"startpoints": starts, "endpoints": ends}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        how = {"fill": self._fill.of(inpt), "interpolation": self.interpolation}
        return self._call_kernel(F.perspective, inpt, **params, **how)


class ElasticTransform(Transform):
    """As if seen through moving water: pixels read from places moved at random, smoothly."""

    get_params = staticmethod(ElasticV1.get_params)

    def __init__(self, alpha: Any = 50.0, sigma: Any = 5.0, interpolation: Any = "bilinear", fill: Any = 0) -> None:
        super().__init__()
        self.alpha = numbers_of(alpha, "alpha")
        self.sigma = numbers_of(sigma, "sigma")
        self.interpolation = interpolation
        self.fill = fill
        self._fill = Fills(fill)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return {"displacement": self.get_params(self.alpha, self.sigma, list(query_size(flat_inputs)))}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        how = {"fill": self._fill.of(inpt), "interpolation": self.interpolation}
        return self._call_kernel(F.elastic, inpt, **params, **how)


class RandomIoUCrop(Transform):
    """A random part that overlaps with a box as much as one of `sampler_options` says (SSD, Liu and others, 2016, section 2.2).

    Boxes whose middles are outside of it become empty: `SanitizeBoundingBoxes` removes them.
    """

    def __init__(
        self,
        min_scale: float = 0.3,
        max_scale: float = 1.0,
        min_aspect_ratio: float = 0.5,
        max_aspect_ratio: float = 2.0,
        sampler_options: list[float] | None = None,
        trials: int = 40,
    ) -> None:
        super().__init__()
        self.min_scale = min_scale
        self.max_scale = max_scale
        self.min_aspect_ratio = min_aspect_ratio
        self.max_aspect_ratio = max_aspect_ratio
        self.options = [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0] if sampler_options is None else sampler_options
        self.trials = trials

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        if not (has_all(flat_inputs, BoundingBoxes) and has_any(flat_inputs, pillow.is_image, Image, is_pure_tensor)):
            raise TypeError(
                f"{type(self).__name__}() requires input sample to contain tensor or PIL images and bounding boxes. "
                "Sample can also contain masks."
            )

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        size, given = query_size(flat_inputs), get_bounding_boxes(flat_inputs)
        corners = boxes.converted(pure(given), given.format, boxes.XYXY)
        while True:
            overlap = self.options[below(0, len(self.options))]
            if overlap >= 1.0:
                return {}
            for _ in range(self.trials):
                found = self._tried(*size, corners, overlap)
                if found is not None:
                    return found

    def _tried(self, height: int, width: int, corners: Tensor, overlap: float) -> dict[str, Any] | None:
        """A part of the image, or None where it is not as it should be."""
        across, down = _between(self.min_scale, self.max_scale, 2)
        new_width, new_height = int(np.float32(width) * across), int(np.float32(height) * down)
        if not self.min_aspect_ratio <= new_width / new_height <= self.max_aspect_ratio:
            return None
        across, down = _float32s(2)
        left, top = int(np.float32(width - new_width) * across), int(np.float32(height - new_height) * down)
        right, bottom = left + new_width, top + new_height
        if left == right or top == bottom:
            return None
        x1, y1, x2, y2 = corners.unbind(-1)
        x, y = 0.5 * (x1 + x2), 0.5 * (y1 + y2)
        is_inside = (left < x) & (x < right) & (top < y) & (y < bottom)
        if not is_inside.any() or boxes.overlaps(corners[is_inside], [left, top, right, bottom]).max() < overlap:
            return None
        return {"place": (top, left, new_height, new_width), "is_inside": is_inside}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if not params:
            return inpt
        part = self._call_kernel(F.crop, inpt, *params["place"])
        if isinstance(part, BoundingBoxes):
            return wrap(where(params["is_inside"][:, None], pure(part), 0), like=part)
        return part
