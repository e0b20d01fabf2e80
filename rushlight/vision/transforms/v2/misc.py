"""Transforms between kinds and dtypes, of values, of boxes and points, and whatever else there is."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ....dtype import dtype as DType
from ....dtype import float32
from ....tensor import Tensor
from ... import pillow
from ...tv_tensors import BoundingBoxes, Image, KeyPoints, Mask, TVTensor, Video, pure, wrap
from .. import convert as v1
from ..arguments import checked_size
from ..color import GaussianBlur as BlurV1
from ..draws import uniform
from . import boxes
from . import functional as F
from .functional import is_pure_tensor
from .structure import flat, rebuilt
from .transform import Transform, get_bounding_boxes, get_keypoints, has_any, labels_getter_of, numbers_of


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray)


# ---- Kinds ----


class PILToTensor(Transform):
    """PIL images as tensors of the same values."""

    _transformed_types = (pillow.is_image,)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.pil_to_tensor(inpt)


class ToImage(Transform):
    """PIL images, arrays (H, W, C) and plain tensors as `Image`."""

    _transformed_types = (is_pure_tensor, pillow.is_image, _is_array)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.to_image(inpt)


class ToPILImage(Transform):
    """Tensors (C, H, W) and arrays (H, W, C) as PIL images."""

    _transformed_types = (is_pure_tensor, Image, _is_array)

    def __init__(self, mode: str | None = None) -> None:
        super().__init__()
        self.mode = mode

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.to_pil_image(pure(inpt) if isinstance(inpt, Tensor) else inpt, mode=self.mode)


class ToPureTensor(Transform):
    """Images, masks, boxes and the like as plain tensors."""

    _transformed_types = (TVTensor,)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return pure(inpt)


class ToTensor(Transform):
    """PIL images and arrays as tensors, bytes scaled to [0, 1]. Deprecated: `ToImage()`, then `ToDtype(torch.float32, scale=True)`."""

    _transformed_types = (pillow.is_image, _is_array)

    def __init__(self) -> None:
        warnings.warn(
            "The transform `ToTensor()` is deprecated: use v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])",
            stacklevel=2,
        )
        super().__init__()

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.to_tensor(inpt)


class ToDtype(Transform):
    """Images and videos in another dtype, or each kind in one of its own; with `scale`, white stays white.

    `dtype` is a dtype, or a dictionary from kinds (and "others") to dtypes or None.
    """

    _transformed_types = (Tensor,)

    def __init__(self, dtype: Any, scale: bool = False) -> None:
        super().__init__()
        if not isinstance(dtype, (dict, DType)):
            raise ValueError(f"dtype must be a dict or a torch.dtype, got {type(dtype)} instead")
        if isinstance(dtype, dict) and Tensor in dtype and (Image in dtype or Video in dtype):
            warnings.warn(
                "Got `dtype` values for `torch.Tensor` and either `tv_tensors.Image` or `tv_tensors.Video`. A plain tensor is not "
                "transformed where an image or a video is in the input.",
                stacklevel=2,
            )
        self.dtype = dtype
        self.scale = scale

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        has_pixels = is_pure_tensor(inpt) or isinstance(inpt, (Image, Video))
        if not isinstance(self.dtype, dict):
            return self._call_kernel(F.to_dtype, inpt, dtype=self.dtype, scale=self.scale) if has_pixels else inpt
        if type(inpt) not in self.dtype and "others" not in self.dtype:
            raise ValueError(
                f"No dtype was specified for type {type(inpt)}: give one, or None for what is to stay as it is, for this type or for "
                '"others"'
            )
        dtype = self.dtype[type(inpt)] if type(inpt) in self.dtype else self.dtype["others"]
        if dtype is not None:
            return self._call_kernel(F.to_dtype, inpt, dtype=dtype, scale=self.scale)
        if self.scale and has_pixels:
            warnings.warn(
                "scale was set to True but no dtype was specified for images or videos: no scaling will be done.",
                stacklevel=2,
            )
        return inpt


class ConvertImageDtype(Transform):
    """Images in another dtype, scaled: white stays white."""

    def __init__(self, dtype: DType = float32) -> None:
        super().__init__()
        self.dtype = dtype

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.to_dtype, inpt, dtype=self.dtype, scale=True)


class Identity(Transform):
    """Everything as it is."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return inpt


class Lambda(Transform):
    """Any function of each part of a sample, or of those of some types."""

    _transformed_types = (object,)

    def __init__(self, lambd: Callable[[Any], Any], *types: type) -> None:
        super().__init__()
        self.lambd = lambd
        self.types: tuple[type, ...] = types or (object,)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self.lambd(inpt) if isinstance(inpt, self.types) else inpt

    def extra_repr(self) -> str:
        name = getattr(self.lambd, "__name__", None)
        return ", ".join([*([name] if name else []), f"types={[kind.__name__ for kind in self.types]}"])


# ---- Values ----


class _OfTensors(Transform):
    def check_inputs(self, flat_inputs: list[Any]) -> None:
        if has_any(flat_inputs, pillow.is_image):
            raise TypeError(f"{type(self).__name__}() does not support PIL images.")


class LinearTransformation(_OfTensors):
    """(flattened image - mean_vector) @ transformation_matrix, for whitening."""

    _transformed_types = (is_pure_tensor, Image, Video)

    def __init__(self, transformation_matrix: Tensor, mean_vector: Tensor) -> None:
        super().__init__()
        self._change = v1.LinearTransformation(transformation_matrix, mean_vector)
        self.transformation_matrix = transformation_matrix
        self.mean_vector = mean_vector

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        result = self._change(pure(inpt))
        return result if is_pure_tensor(inpt) else wrap(result, like=inpt)


class Normalize(_OfTensors):
    """(image - mean) / std, channel by channel."""

    def __init__(self, mean: Any, std: Any, inplace: bool = False) -> None:
        super().__init__()
        self.mean = list(mean)
        self.std = list(std)
        self.inplace = inplace

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.normalize, inpt, self.mean, self.std, self.inplace)


class GaussianBlur(Transform):
    """Blurred with a random `sigma`, over `kernel_size` pixels."""

    get_params = staticmethod(BlurV1.get_params)

    def __init__(self, kernel_size: Any, sigma: Any = (0.1, 2.0)) -> None:
        super().__init__()
        self.kernel_size = checked_size(kernel_size, "Kernel size should be a tuple/list of two integers")
        if any(size <= 0 or size % 2 == 0 for size in self.kernel_size):
            raise ValueError("Kernel size value should be an odd and positive number.")
        self.sigma = numbers_of(sigma, "sigma")
        if not 0.0 < self.sigma[0] <= self.sigma[1]:
            raise ValueError(f"sigma values should be positive and of the form (min, max). Got {self.sigma}")

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        sigma = uniform(self.sigma[0], self.sigma[1])
        return {"sigma": [sigma, sigma]}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.gaussian_blur, inpt, self.kernel_size, **params)


class GaussianNoise(Transform):
    """With noise; cut to the range of values, where `clip`."""

    def __init__(self, mean: float = 0.0, sigma: float = 0.1, clip: bool = True) -> None:
        super().__init__()
        self.mean = mean
        self.sigma = sigma
        self.clip = clip

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.gaussian_noise, inpt, mean=self.mean, sigma=self.sigma, clip=self.clip)


class UniformTemporalSubsample(Transform):
    """`num_samples` frames of a video, evenly spread."""

    _transformed_types = (is_pure_tensor, Video)

    def __init__(self, num_samples: int) -> None:
        super().__init__()
        self.num_samples = num_samples

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(F.uniform_temporal_subsample, inpt, self.num_samples)


# ---- Boxes and points ----


class ConvertBoundingBoxFormat(Transform):
    """Boxes in another format."""

    _transformed_types = (BoundingBoxes,)

    def __init__(self, format: Any) -> None:
        super().__init__()
        self.format = format

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.convert_bounding_box_format(inpt, new_format=self.format)


class ClampBoundingBoxes(Transform):
    """Boxes cut off at the borders of the image."""

    _transformed_types = (BoundingBoxes,)

    def __init__(self, clamping_mode: str | None = "auto") -> None:
        super().__init__()
        self.clamping_mode = clamping_mode

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.clamp_bounding_boxes(inpt, clamping_mode=self.clamping_mode)


class ClampKeyPoints(Transform):
    """Points moved to the border where they are outside of the image."""

    _transformed_types = (KeyPoints,)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.clamp_keypoints(inpt)


class SetClampingMode(Transform):
    """Boxes that later transforms cut off, or not."""

    _transformed_types = (BoundingBoxes,)

    def __init__(self, clamping_mode: str | None) -> None:
        super().__init__()
        if clamping_mode not in (None, "soft", "hard"):
            raise ValueError(f"clamping_mode must be soft, hard or None, got {clamping_mode}")
        self.clamping_mode = clamping_mode

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return wrap(pure(inpt).clone(), like=inpt, clamping_mode=self.clamping_mode)


class _Sanitizing(Transform):
    """Base of transforms that keep some rows of boxes or points, and of the labels that go with them."""

    what = ""

    def __init__(self, labels_getter: Any) -> None:
        super().__init__()
        self.labels_getter = labels_getter
        self._labels_getter = labels_getter_of(labels_getter)

    def _valid(self, parts: list[Any]) -> Tensor:
        raise NotImplementedError

    def _is_kept_in_part(self, part: Any) -> bool:
        raise NotImplementedError

    def forward(self, *inputs: Any) -> Any:
        sample = inputs if len(inputs) > 1 else inputs[0]
        labels = self._labels_getter(sample)
        listed = labels if isinstance(labels, (tuple, list)) else [] if labels is None else [labels]
        for label in listed:
            if not isinstance(label, Tensor):
                raise ValueError(
                    f"The labels in the input to forward() must be a tensor or None, got {type(label)} instead."
                )
        parts = flat(sample)
        valid = self._valid(parts)
        for label in listed:
            if label.shape[0] != valid.shape[0]:
                raise ValueError(
                    f"Number of {self.what} ({valid.shape[0]}) and of labels must be the same, found labels of shape {label.shape}."
                )
        return rebuilt(sample, iter([self._kept(part, valid, listed) for part in parts]))

    def _kept(self, part: Any, valid: Tensor, labels: Any) -> Any:
        if any(part is label for label in labels):
            return part[valid]
        if not self._is_kept_in_part(part) or part.shape[0] != valid.shape[0]:
            return part
        return wrap(pure(part)[valid], like=part)


class SanitizeBoundingBoxes(_Sanitizing):
    """Without boxes that are outside of the image or too small; their labels and masks go too.

    `labels_getter` finds the labels: "default" looks for a key with "label" in it, or a pair's second tensor.
    """

    what = "boxes"

    def __init__(self, min_size: float = 1.0, min_area: float = 1.0, labels_getter: Any = "default") -> None:
        if min_size < 1:
            raise ValueError(f"min_size must be >= 1, got {min_size}.")
        if min_area < 1:
            raise ValueError(f"min_area must be >= 1, got {min_area}.")
        super().__init__(labels_getter)
        self.min_size = min_size
        self.min_area = min_area

    def _valid(self, parts: list[Any]) -> Tensor:
        given = get_bounding_boxes(parts)
        return boxes.are_sound(pure(given), given.format, given.canvas_size, self.min_size, self.min_area)

    def _is_kept_in_part(self, part: Any) -> bool:
        return isinstance(part, (BoundingBoxes, Mask))


class SanitizeKeyPoints(_Sanitizing):
    """Without points that are outside of the image; their labels go too."""

    what = "key points"

    def __init__(self, labels_getter: Any = None) -> None:
        super().__init__(labels_getter)

    def _valid(self, parts: list[Any]) -> Tensor:
        given = get_keypoints(parts)
        return boxes.are_inside(pure(given), given.canvas_size)

    def _is_kept_in_part(self, part: Any) -> bool:
        return isinstance(part, KeyPoints)
