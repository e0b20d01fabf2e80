"""The transforms as functions of whatever they are given: `torchvision.transforms.v2.functional`.

Each function looks at its first argument: plain tensors and `Image` and `Video` are pixels, PIL images too, `Mask` is moved but never
interpolated, `BoundingBoxes` and `KeyPoints` move along. The result is of the same kind. `TypeError` where a function has nothing to do
for a kind. Pixels are worked on by version 1 (`transforms.functional`) but where version 2 reckons otherwise (`images`).

>>> import rushlight as torch
>>> from rushlight.vision import tv_tensors
>>> horizontal_flip(torch.tensor([[[1, 2, 3]]]))
tensor([[[3, 2, 1]]])
>>> box = tv_tensors.BoundingBoxes([[1, 2, 3, 4]], format="XYXY", canvas_size=(10, 10))
>>> horizontal_flip(box).tolist()
[[7, 2, 9, 4]]
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from ....tensor import Tensor, from_numpy
from ... import pillow
from ...tv_tensors import (
    BoundingBoxes,
    BoundingBoxFormat,
    Image,
    KeyPoints,
    Mask,
    TVTensor,
    Video,
    format_of,
    pure,
    wrap,
)
from .. import functional as F
from .. import pil, tensors
from ..functional import pil_to_tensor, to_pil_image, to_tensor
from ..interpolation import PILLOW_CODES, InterpolationMode, mode_of
from . import boxes, images

NEAREST = InterpolationMode.NEAREST
BILINEAR = InterpolationMode.BILINEAR


def is_pure_tensor(inpt: Any) -> bool:
    """Whether this is a tensor that does not say what it holds."""
    return isinstance(inpt, Tensor) and not isinstance(inpt, TVTensor)


def checked_mode(interpolation: Any) -> InterpolationMode:
    """The mode itself, the one of this name, or the one that Pillow gives this number."""
    return InterpolationMode(interpolation) if isinstance(interpolation, str) else mode_of(interpolation)


def _nearest(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """`kernel` for masks, whose numbers are names: each pixel takes its nearest neighbour's, whatever interpolation is asked for."""
    signature = inspect.signature(kernel)

    def moved(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        bound.arguments["interpolation"] = NEAREST
        return kernel(*bound.args, **bound.kwargs)

    return moved


class _Function:
    """A function that does for each kind what is given for it: `pixels` for tensors, `image` for PIL images."""

    def __init__(self, name: str, text: str, kernels: dict[str, Callable[..., Any]]) -> None:
        self.__name__ = self.__qualname__ = name
        self.__doc__ = text
        self.__module__ = __name__
        self.kernels = kernels
        self.others: dict[type, Callable[..., Any]] = {}

    def kernel(self, kind: type) -> Callable[..., Any] | None:
        """What is done for this kind; None where there is nothing."""
        for each in kind.__mro__:
            if each in self.others:
                return self.others[each]
            if each in _KINDS:
                return self.kernels.get(_KINDS[each])
        image = pillow.pillow().Image if pillow.has_pillow() else None
        return self.kernels.get("image") if image is not None and issubclass(kind, image) else None

    def __call__(self, inpt: Any, *args: Any, **kwargs: Any) -> Any:
        kernel = self.kernel(type(inpt))
        if kernel is None:
            raise TypeError(f"{self.__name__} has nothing to do for inputs of type {type(inpt).__name__}")
        return kernel(inpt, *args, **kwargs)

    def __repr__(self) -> str:
        return f"<function {self.__name__}>"

    def __reduce__(self) -> str:
        return self.__name__


_KINDS: dict[type, str] = {
    Image: "pixels",
    Video: "pixels",
    Mask: "mask",
    BoundingBoxes: "boxes",
    KeyPoints: "points",
    TVTensor: "other",
    Tensor: "pixels",
}


def _rewrapped(result: Any, like: Any) -> Any:
    if isinstance(result, (tuple, list)):
        return type(result)(_rewrapped(each, like) for each in result)
    return wrap(result, like=like)


def _of_pixels(function: Callable[..., Any]) -> Callable[..., Any]:
    """Of images and videos: the kind stays."""

    def run(inpt: Any, *args: Any, **kwargs: Any) -> Any:
        if type(inpt) is Tensor:
            return function(inpt, *args, **kwargs)
        return _rewrapped(function(pure(inpt), *args, **kwargs), inpt)

    return run


def _of_mask(function: Callable[..., Any]) -> Callable[..., Any]:
    """Of masks: two dimensions are one channel."""

    def run(inpt: Any, *args: Any, **kwargs: Any) -> Any:
        mask = pure(inpt)
        result = function(mask.unsqueeze(0) if mask.ndim < 3 else mask, *args, **kwargs)
        return wrap(result.squeeze(0) if mask.ndim < 3 else result, like=inpt)

    return run


def _of_coordinates(function: Callable[..., tuple[Tensor, Any]]) -> Callable[..., Any]:
    """Of boxes and points: `function` takes the coordinates, their format (None for points), canvas and clamping mode."""

    def run(inpt: Any, *args: Any, **kwargs: Any) -> Any:
        format = inpt.format if isinstance(inpt, BoundingBoxes) else None
        mode = inpt.clamping_mode if isinstance(inpt, BoundingBoxes) else None
        result, canvas = function((pure(inpt), format, inpt.canvas_size, mode), *args, **kwargs)
        return wrap(result, like=inpt, canvas_size=canvas)

    return run


def _function(
    name: str,
    text: str,
    pixels: Callable[..., Any] | None,
    image: Callable[..., Any] | None = None,
    mask: Callable[..., Any] | None = None,
    coordinates: Callable[..., Any] | None = None,
) -> _Function:
    kernels: dict[str, Callable[..., Any]] = {}
    if pixels is not None:
        kernels["pixels"] = _of_pixels(pixels)
    if image is not None:
        kernels["image"] = image
    if mask is not None:
        kernels["mask"] = _of_mask(mask)
    if coordinates is not None:
        kernels["boxes"] = kernels["points"] = _of_coordinates(coordinates)
    return _Function(name, text, kernels)


# ---- What an input is ----


def get_dimensions(inpt: Any) -> list[int]:
    """[channels, height, width] of an image or video."""
    return F.get_dimensions(pure(inpt) if isinstance(inpt, Tensor) else inpt)


def get_num_channels(inpt: Any) -> int:
    """How many channels an image or video has."""
    return get_dimensions(inpt)[0]


get_image_num_channels = get_num_channels


def get_size(inpt: Any) -> list[int]:
    """[height, width] of an image, video or mask, or of that of boxes and points."""
    if isinstance(inpt, (BoundingBoxes, KeyPoints)):
        return list(inpt.canvas_size)
    return get_dimensions(inpt)[1:]


def get_num_frames(inpt: Tensor) -> int:
    """How many frames a video has."""
    return inpt.shape[-4]


# ---- Moves ----

Known = tuple[Tensor, "BoundingBoxFormat | None", tuple[int, int], "str | None"]


def _flipped(axis: int) -> Callable[..., Any]:
    def flip(known: Known) -> Any:
        values, format, canvas, _ = known
        if format is None:
            return boxes.flipped_points(values, canvas, axis), canvas
        return boxes.flipped(values, format, canvas, axis), canvas

    return flip


horizontal_flip = hflip = _function(
    "horizontal_flip", "Left and right exchanged.", tensors.hflip, pil.hflip, tensors.hflip, _flipped(0)
)
vertical_flip = vflip = _function(
    "vertical_flip", "Top and bottom exchanged.", tensors.vflip, pil.vflip, tensors.vflip, _flipped(1)
)


def _resize(
    image: Any, size: Any, interpolation: Any = BILINEAR, max_size: int | None = None, antialias: bool | None = True
) -> Any:
    return F.resize(image, size, checked_mode(interpolation), max_size, antialias)


def _resize_mask(
    mask: Tensor, size: Any, interpolation: Any = None, max_size: int | None = None, **more: Any
) -> Tensor:
    mode = InterpolationMode.NEAREST if interpolation is None else checked_mode(interpolation)
    exact = InterpolationMode.NEAREST_EXACT
    return F.resize(mask, size, mode if mode is exact else NEAREST, max_size)


def _resize_coordinates(known: Known, size: Any, interpolation: Any = None, max_size: Any = None, **more: Any) -> Any:
    return boxes.resized(known[0], known[2], size, max_size)


resize = _function(
    "resize",
    "At another size: (height, width), or the shorter side and the most of the longer one.",
    _resize,
    _resize,
    _resize_mask,
    _resize_coordinates,
)


def _cropped(known: Known, top: int, left: int, height: int, width: int) -> Any:
    values, format, _, mode = known
    moved = boxes.moved(values, -left, -top, format)
    canvas = height, width
    return (moved if format is None else boxes.clamped(moved, format, canvas, mode)), canvas


crop = _function(
    "crop", "A rectangle; zero where it reaches over the border.", tensors.crop, pil.crop, tensors.crop, _cropped
)


def _center_cropped(known: Known, output_size: Any) -> Any:
    height, width = F.size_pair(output_size)
    top, left = round((known[2][0] - height) / 2.0), round((known[2][1] - width) / 2.0)
    return _cropped(known, top, left, height, width)


center_crop = _function("center_crop", "The middle.", F.center_crop, F.center_crop, F.center_crop, _center_cropped)


def _resized_crop(
    image: Any,
    top: int,
    left: int,
    height: int,
    width: int,
    size: Any,
    interpolation: Any = BILINEAR,
    antialias: bool | None = True,
) -> Any:
    return F.resized_crop(image, top, left, height, width, size, checked_mode(interpolation), antialias)


def _resized_crop_mask(mask: Tensor, top: int, left: int, height: int, width: int, size: Any, *a: Any, **k: Any) -> Any:
    return F.resized_crop(mask, top, left, height, width, size, NEAREST)


def _resized_crop_coordinates(
    known: Known, top: int, left: int, height: int, width: int, size: Any, *args: Any, **kwargs: Any
) -> Any:
    values, canvas = _cropped(known, top, left, height, width)
    return boxes.resized(values, canvas, size, None)


resized_crop = _function(
    "resized_crop",
    "A rectangle at another size.",
    _resized_crop,
    _resized_crop,
    _resized_crop_mask,
    _resized_crop_coordinates,
)


def _pad_pil(image: Any, padding: Any, fill: Any = None, padding_mode: str = "constant") -> Any:
    whole = [int(value) for value in fill] if isinstance(fill, (list, tuple)) else fill
    return F.pad(image, padding, whole, padding_mode)


def _pad_mask(mask: Tensor, padding: Any, fill: Any = None, padding_mode: str = "constant") -> Tensor:
    if isinstance(fill, (tuple, list)):
        raise ValueError("Non-scalar fill value is not supported")
    return images.pad(mask, padding, fill, padding_mode)


def _padded(known: Known, padding: Any, fill: Any = None, padding_mode: str = "constant") -> Any:
    values, format, (height, width), mode = known
    if padding_mode != "constant":
        raise ValueError(f"Padding mode '{padding_mode}' is not supported with bounding boxes or key points")
    left, top, right, bottom = images.borders(padding)
    moved = boxes.moved(values, left, top, format)
    canvas = height + top + bottom, width + left + right
    return (moved if format is None else boxes.clamped(moved, format, canvas, mode)), canvas


pad = _function(
    "pad",
    "With borders: one width, (sides, top and bottom), or (left, top, right, bottom).",
    images.pad,
    _pad_pil,
    _pad_mask,
    _padded,
)


def _rotate(
    image: Any,
    angle: float,
    interpolation: Any = NEAREST,
    expand: bool = False,
    center: Any = None,
    fill: Any = None,
) -> Any:
    mode = checked_mode(interpolation)
    return (images if isinstance(image, Tensor) else F).rotate(image, angle, mode, expand, center, fill)  # type: ignore[attr-defined]


def _rotated(
    known: Known, angle: float, interpolation: Any = None, expand: bool = False, center: Any = None, fill: Any = None
) -> Any:
    return boxes.turned(*known, angle=-angle, expand=expand, center=center)


rotate = _function("rotate", "Turned counter-clockwise by degrees.", _rotate, _rotate, _nearest(_rotate), _rotated)


def _affine(
    image: Any,
    angle: float,
    translate: Any,
    scale: float,
    shear: Any,
    interpolation: Any = NEAREST,
    fill: Any = None,
    center: Any = None,
) -> Any:
    return F.affine(image, angle, translate, scale, shear, checked_mode(interpolation), fill, center)


def _affine_coordinates(
    known: Known,
    angle: float,
    translate: Any,
    scale: float,
    shear: Any,
    interpolation: Any = None,
    fill: Any = None,
    center: Any = None,
) -> Any:
    pair = F.checked_affine(angle, translate, scale, shear, center)
    return boxes.turned(*known, angle=angle, translate=translate, scale=scale, shear=pair, center=center)


affine = _function(
    "affine",
    "Turned clockwise (degrees), moved (pixels), scaled and sheared (degrees).",
    _affine,
    _affine,
    _nearest(_affine),
    _affine_coordinates,
)


def _coefficients(startpoints: Any, endpoints: Any, coefficients: Any) -> list[float]:
    if coefficients is not None:
        if startpoints is not None and endpoints is not None:
            raise ValueError("The startpoints/endpoints and the coefficients shouldn't be defined concurrently.")
        if len(coefficients) != 8:
            raise ValueError("Argument coefficients should have 8 float values")
        return list(coefficients)
    if startpoints is None or endpoints is None:
        raise ValueError("Either the startpoints/endpoints or the coefficients must have non `None` values.")
    return F.perspective_coefficients(startpoints, endpoints)


def _perspective(
    image: Any,
    startpoints: Any,
    endpoints: Any,
    interpolation: Any = BILINEAR,
    fill: Any = None,
    coefficients: Any = None,
) -> Any:
    found, mode = _coefficients(startpoints, endpoints, coefficients), checked_mode(interpolation)
    if isinstance(image, Tensor):
        return tensors.perspective(image, found, mode.value, fill)
    return pil.perspective(image, found, PILLOW_CODES[mode], fill)


def _perspective_coordinates(
    known: Known,
    startpoints: Any,
    endpoints: Any,
    interpolation: Any = None,
    fill: Any = None,
    coefficients: Any = None,
) -> Any:
    found = _coefficients(startpoints, endpoints, coefficients)
    return boxes.seen_in_perspective(*known, found), known[2]


perspective = _function(
    "perspective",
    "Seen so that the four `startpoints` (x, y) come to the `endpoints`.",
    _perspective,
    _perspective,
    _nearest(_perspective),
    _perspective_coordinates,
)


def _elastic(image: Any, displacement: Tensor, interpolation: Any = BILINEAR, fill: Any = None) -> Any:
    return F.elastic_transform(image, displacement, checked_mode(interpolation), fill)


def _elastic_coordinates(known: Known, displacement: Tensor, *args: Any, **kwargs: Any) -> Any:
    return boxes.displaced(*known, displacement), known[2]


elastic = elastic_transform = _function(
    "elastic",
    "Each pixel read at its place plus `displacement` (1, H, W, 2), in half images.",
    _elastic,
    _elastic,
    _nearest(_elastic),
    _elastic_coordinates,
)
five_crop = _function("five_crop", "The four corners and the middle.", F.five_crop, F.five_crop)
ten_crop = _function("ten_crop", "The five crops and those of the mirror image.", F.ten_crop, F.ten_crop)


# ---- Values ----


def _values(name: str, text: str, of_pil: bool = True) -> _Function:
    """A function that `images` has for tensors and version 1 for PIL images."""
    return _function(name, text, getattr(images, name), getattr(F, name) if of_pil else None)


adjust_brightness = _values("adjust_brightness", "0 gives black, 1 the image itself.")
adjust_contrast = _values("adjust_contrast", "0 gives one grey, 1 the image itself.")
adjust_saturation = _values("adjust_saturation", "0 gives a grey image, 1 the image itself.")
adjust_hue = _values("adjust_hue", "The circle of colours turned by a factor from -0.5 to 0.5.")
adjust_sharpness = _values("adjust_sharpness", "0 gives a blurred image, 1 the image itself.")
adjust_gamma = _values("adjust_gamma", "gain * image ** gamma, with white as 1.")
posterize = _values("posterize", "Only so many bits of each value.")
solarize = _values("solarize", "Values from `threshold` on inverted.")
autocontrast = _values("autocontrast", "Each channel from black to white.")
equalize = _values("equalize", "All levels about equally frequent.")
invert = _values("invert", "The negative.")
rgb_to_grayscale = to_grayscale = _values("rgb_to_grayscale", "Without colours, in one or three channels.")
grayscale_to_rgb = _function(
    "grayscale_to_rgb", "In three channels.", images.grayscale_to_rgb, lambda image: image.convert("RGB")
)


def _through_tensor(function: Callable[..., Tensor]) -> Callable[..., Any]:
    def run(image: Any, *args: Any, **kwargs: Any) -> Any:
        return to_pil_image(function(pil_to_tensor(image), *args, **kwargs), mode=image.mode)

    return run


permute_channels = _function(
    "permute_channels",
    "Channels in another order.",
    images.permute_channels,
    _through_tensor(images.permute_channels),
)
gaussian_blur = _function("gaussian_blur", "Blurred by a Gaussian.", F.gaussian_blur, F.gaussian_blur)


def _noise_of_pil(*args: Any, **kwargs: Any) -> Any:
    raise ValueError("Gaussian Noise is not implemented for PIL images.")


gaussian_noise = _function("gaussian_noise", "With noise.", images.gaussian_noise, _noise_of_pil)
erase = _function("erase", "A rectangle replaced by a value.", images.erase, _through_tensor(images.erase))
jpeg = _function("jpeg", "Through a JPEG file of this quality.", images.jpeg, images.jpeg_of_pil)
normalize = _function("normalize", "(image - mean) / std, channel by channel.", F.normalize)
to_dtype = _function("to_dtype", "In another dtype; with `scale`, white stays white.", images.to_dtype)
for _kind in ("mask", "boxes", "points", "other"):  # of these the numbers mean what they mean in any dtype

    def _cast(inpt: Any, dtype: Any = None, scale: bool = False) -> Any:
        return inpt.to(dtype)

    to_dtype.kernels[_kind] = _cast
uniform_temporal_subsample = _function(
    "uniform_temporal_subsample", "So many frames of a video, evenly spread.", images.uniform_temporal_subsample
)


def convert_image_dtype(image: Tensor, dtype: Any = None) -> Tensor:
    """The image in another dtype, scaled: white stays white."""
    return to_dtype(image, dtype, scale=True)


def to_image(inpt: Any) -> Image:
    """An `Image` of a PIL image, an array (H, W) or (H, W, C), or a tensor."""
    if isinstance(inpt, np.ndarray):
        pixels = np.ascontiguousarray(np.atleast_3d(inpt).transpose(2, 0, 1))
        return Image(from_numpy(pixels))
    if isinstance(inpt, Tensor):
        return Image(pure(inpt))
    if not pillow.is_image(inpt):
        raise TypeError(
            f"Input can either be a pure Tensor, a numpy array, or a PIL image, but got {type(inpt)} instead."
        )
    return Image(pil_to_tensor(inpt))


# ---- Boxes and points ----


def convert_bounding_box_format(
    inpt: Tensor, old_format: Any = None, new_format: Any = None, inplace: bool = False
) -> Any:
    """Boxes in another format; of plain tensors, `old_format` says which one they are in."""
    if new_format is None:
        raise TypeError("convert_bounding_box_format() missing 1 required argument: 'new_format'")
    new = format_of(new_format)
    if isinstance(inpt, BoundingBoxes):
        if old_format is not None:
            raise ValueError("For bounding box tv_tensor inputs, `old_format` must not be passed.")
        return wrap(boxes.converted(pure(inpt), inpt.format, new), like=inpt, format=new)
    if not is_pure_tensor(inpt):
        raise TypeError(
            f"Input can either be a plain tensor or a bounding box tv_tensor, but got {type(inpt)} instead."
        )
    if old_format is None:
        raise ValueError("For pure tensor inputs, `old_format` has to be passed.")
    result = boxes.converted(inpt, format_of(old_format), new)
    return inpt.copy_(result) if inplace else result


def clamp_bounding_boxes(
    inpt: Tensor, format: Any = None, canvas_size: Any = None, clamping_mode: str | None = "auto"
) -> Any:
    """Boxes cut off at the borders of the image."""
    if clamping_mode not in (None, "soft", "hard", "auto"):
        raise ValueError(f"clamping_mode must be soft, hard, auto or None, got {clamping_mode}")
    if isinstance(inpt, BoundingBoxes):
        if format is not None or canvas_size is not None:
            raise ValueError("For bounding box tv_tensor inputs, `format` and `canvas_size` must not be passed.")
        mode = inpt.clamping_mode if clamping_mode == "auto" else clamping_mode
        return wrap(boxes.clamped(pure(inpt), inpt.format, inpt.canvas_size, mode), like=inpt)
    if not is_pure_tensor(inpt):
        raise TypeError(
            f"Input can either be a plain tensor or a bounding box tv_tensor, but got {type(inpt)} instead."
        )
    if format is None or canvas_size is None or clamping_mode == "auto":
        raise ValueError("For pure tensor inputs, `format`, `canvas_size` and `clamping_mode` have to be passed.")
    return boxes.clamped(inpt, format_of(format), canvas_size, clamping_mode)


def clamp_keypoints(inpt: Tensor, canvas_size: Any = None) -> Any:
    """Points moved to the border where they are outside of the image."""
    if isinstance(inpt, KeyPoints):
        if canvas_size is not None:
            raise ValueError("For keypoints tv_tensor inputs, `canvas_size` must not be passed.")
        return wrap(boxes.clamped_points(pure(inpt), inpt.canvas_size), like=inpt)
    if not is_pure_tensor(inpt):
        raise TypeError(f"Input can either be a plain tensor or a keypoints tv_tensor, but got {type(inpt)} instead.")
    if canvas_size is None:
        raise ValueError("For pure tensor inputs, `canvas_size` has to be passed.")
    return boxes.clamped_points(inpt, canvas_size)


def sanitize_bounding_boxes(
    bounding_boxes: Tensor, format: Any = None, canvas_size: Any = None, min_size: float = 1.0, min_area: float = 1.0
) -> tuple[Any, Tensor]:
    """The boxes that are inside the image and not too small, and which ones they are."""
    if isinstance(bounding_boxes, BoundingBoxes):
        if format is not None or canvas_size is not None:
            raise ValueError(
                "format and canvas_size must be None when bounding_boxes is a tv_tensors.BoundingBoxes instance. "
                f"Got format={format} and canvas_size={canvas_size}."
            )
        format, canvas_size = bounding_boxes.format, bounding_boxes.canvas_size
    elif format is None or canvas_size is None:
        raise ValueError(
            "format and canvas_size cannot be None if bounding_boxes is a pure tensor. "
            f"Got format={format} and canvas_size={canvas_size}."
        )
    plain = pure(bounding_boxes)
    valid = boxes.are_sound(plain, format_of(format), canvas_size, min_size, min_area)
    kept = plain[valid]
    return (wrap(kept, like=bounding_boxes) if isinstance(bounding_boxes, BoundingBoxes) else kept), valid


def sanitize_keypoints(key_points: Tensor, canvas_size: Any = None) -> tuple[Any, Tensor]:
    """The points that are inside the image, and which ones they are."""
    if isinstance(key_points, KeyPoints):
        if canvas_size is not None:
            raise ValueError(
                "canvas_size must be None when key_points is a tv_tensors.KeyPoints instance. "
                f"Got canvas_size={canvas_size}."
            )
        canvas_size = key_points.canvas_size
    elif canvas_size is None:
        raise ValueError("canvas_size cannot be None if key_points is a pure tensor.")
    plain = pure(key_points)
    valid = boxes.are_inside(plain, canvas_size)
    return (wrap(plain[valid], like=key_points) if isinstance(key_points, KeyPoints) else plain[valid]), valid


def register_kernel(functional: Any, tv_tensor_cls: type) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator: what a function of this module does for a kind of one's own."""
    function = globals().get(functional) if isinstance(functional, str) else functional
    if not isinstance(function, _Function):
        raise ValueError(f"Kernels can only be registered on functions of this module, but got {functional}.")
    if not (isinstance(tv_tensor_cls, type) and issubclass(tv_tensor_cls, TVTensor)):
        raise ValueError(f"Kernels can only be registered for subclasses of TVTensor, but got {tv_tensor_cls}.")
    if tv_tensor_cls in _KINDS:
        raise ValueError(f"Kernels cannot be registered for the builtin tv_tensor classes, but got {tv_tensor_cls}")

    def register(kernel: Callable[..., Any]) -> Callable[..., Any]:
        function.others[tv_tensor_cls] = kernel
        return kernel

    return register


__all__ = [
    name
    for name, value in globals().items()
    if isinstance(value, _Function) or (getattr(value, "__module__", None) == __name__ and not name.startswith("_"))
] + ["InterpolationMode", "pil_to_tensor", "to_pil_image", "to_tensor"]
