"""The transforms as functions: `torchvision.transforms.functional`.

Each takes a PIL image or a tensor of shape (..., C, H, W) and gives back one of the same kind. Arguments are checked
and completed here; `pil` and `tensors` do the work.

>>> import rushlight as torch
>>> hflip(torch.tensor([[[1, 2, 3]]]))
tensor([[[3, 2, 1]]])
"""

from __future__ import annotations

import math
import numbers
import sys
import warnings
from typing import Any

import numpy as np

from ...data.arrays import tensor_of_array
from ...dtype import dtype as DType
from ...dtype import float32, uint8
from ...tensor import Tensor, from_numpy, get_default_dtype
from ...tensor.geometry import Size
from .. import pillow
from . import pil, tensors
from .interpolation import PILLOW_CODES, InterpolationMode, mode_of


def get_dimensions(img: Any) -> list[int]:
    """[channels, height, width] of an image."""
    return tensors.get_dimensions(img) if isinstance(img, Tensor) else pil.get_dimensions(img)


def get_image_size(img: Any) -> list[int]:
    """[width, height] of an image."""
    _, height, width = get_dimensions(img)
    return [width, height]


def get_image_num_channels(img: Any) -> int:
    """How many channels an image has."""
    return get_dimensions(img)[0]


_MODE_TYPES = {
    "I": np.int32,
    "I;16" if sys.byteorder == "little" else "I;16B": np.int16,
    "F": np.float32,
}


def to_tensor(pic: Any) -> Tensor:
    """A tensor (C, H, W) of a PIL image, or of an array (H, W) or (H, W, C); bytes are scaled to [0, 1].

    >>> import numpy as np
    >>> to_tensor(np.array([[0, 255]], np.uint8))
    tensor([[[0., 1.]]])
    """
    if isinstance(pic, np.ndarray):
        if pic.ndim not in (2, 3):
            raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
        pixels = pic[:, :, None] if pic.ndim == 2 else pic
    elif pillow.is_image(pic):
        pixels = np.asarray(pic, _MODE_TYPES.get(pic.mode, np.uint8))
        if pic.mode == "1":
            pixels = 255 * pixels
        pixels = pixels.reshape(pic.height, pic.width, len(pic.getbands()))
    else:
        raise TypeError(f"pic should be PIL Image or ndarray. Got {type(pic)}")
    planes = pixels.transpose(2, 0, 1)
    if planes.dtype == np.uint8 and get_default_dtype() is float32:
        return tensor_of_array(np.ascontiguousarray(planes).astype(np.float32) / np.float32(255))
    whole = from_numpy(planes.copy(order="C"))
    return whole.to(get_default_dtype()).div(255) if whole.dtype is uint8 else whole


def pil_to_tensor(pic: Any) -> Tensor:
    """A tensor (C, H, W) of a PIL image's values, as they are."""
    if not pillow.is_image(pic):
        raise TypeError(f"pic should be PIL Image. Got {type(pic)}")
    pixels = np.array(pic, copy=True).reshape(pic.height, pic.width, len(pic.getbands()))
    return from_numpy(pixels).permute((2, 0, 1))


def convert_image_dtype(image: Tensor, dtype: DType = float32) -> Tensor:
    """An image with another dtype, scaled: white stays white."""
    if not isinstance(image, Tensor):
        raise TypeError("Input img should be Tensor Image")
    return tensors.convert_image_dtype(image, dtype)


_MODES_BY_CHANNELS = {2: ("LA",), 3: ("RGB", "YCbCr", "HSV"), 4: ("RGBA", "CMYK", "RGBX")}
_ONE_CHANNEL_MODES = {
    np.dtype(np.uint8): "L",
    np.dtype(np.int16): "I;16" if sys.byteorder == "little" else "I;16B",
    np.dtype(np.int32): "I",
    np.dtype(np.float32): "F",
}


def to_pil_image(pic: Any, mode: str | None = None) -> Any:
    """A PIL image of a tensor (C, H, W) or an array (H, W, C); floating-point values are taken as [0, 1]."""
    if isinstance(pic, Tensor):
        pixels = np.asarray((pic.permute((1, 2, 0)) if pic.ndim == 3 else pic).detach().numpy())
    elif isinstance(pic, np.ndarray):
        pixels = pic
    else:
        raise TypeError(f"pic should be Tensor or ndarray. Got {type(pic)}.")
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if pixels.ndim != 3:
        raise ValueError(f"pic should be 2/3 dimensional. Got {pixels.ndim} dimensions.")
    channels = pixels.shape[-1]
    if channels > 4:
        raise ValueError(f"pic should not have > 4 channels. Got {channels} channels.")
    if np.issubdtype(pixels.dtype, np.floating) and mode != "F":
        pixels = (pixels * 255).astype(np.uint8)
    if channels == 1:
        pixels = pixels[:, :, 0]
        expected = _ONE_CHANNEL_MODES.get(pixels.dtype)
        if mode is not None and mode != expected:
            raise ValueError(f"Incorrect mode ({mode}) supplied for input type {pixels.dtype}. Should be {expected}")
        mode = expected
    else:
        permitted = _MODES_BY_CHANNELS[channels]
        if mode is not None and mode not in permitted:
            raise ValueError(f"Only modes {list(permitted)} are supported for {channels}D inputs")
        if mode is None and pixels.dtype == np.uint8:
            mode = permitted[0]
    if mode is None:
        raise TypeError(f"Input type {pixels.dtype} is not supported")
    return pillow.image_of_array(pixels, mode)


def normalize(tensor: Tensor, mean: Any, std: Any, inplace: bool = False) -> Tensor:
    """(tensor - mean) / std, channel by channel."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(tensor)}")
    return tensors.normalize(tensor, mean, std, inplace)


def resized_size(height: int, width: int, size: Any, max_size: int | None) -> list[int]:
    """Height and width after a resize; one number asks for the shorter side."""
    if size is None and max_size is not None:  # of the longer side alone
        scaled = int(max_size * min(height, width) / max(height, width))
        return [max_size, scaled] if width <= height else [scaled, max_size]
    size = [size] if isinstance(size, int) else size
    if len(size) not in (1, 2):
        raise ValueError(f"Size must be an int or a 1 or 2 element tuple/list, not a {len(size)} element tuple/list")
    if max_size is not None and len(size) != 1:
        raise ValueError(
            "max_size should only be passed if size specifies the length of the smaller edge, i.e. size should be an "
            "int or a sequence of length 1 in torchscript mode."
        )
    if len(size) == 2:
        return [size[0], size[1]]
    short, long = sorted((height, width))
    new_short, new_long = size[0], int(size[0] * long / short)
    if max_size is not None:
        if max_size <= size[0]:
            raise ValueError(
                f"max_size = {max_size} must be strictly greater than the requested size for the smaller edge "
                f"size = {size}"
            )
        if new_long > max_size:
            new_short, new_long = int(max_size * new_short / new_long), max_size
    return [new_long, new_short] if width <= height else [new_short, new_long]


def resize(
    img: Any,
    size: Any,
    interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool | None = True,
) -> Any:
    """The image at size (height, width), or with its shorter side `size` and the longer one at most `max_size`."""
    mode = mode_of(interpolation)
    _, height, width = get_dimensions(img)
    wanted = resized_size(height, width, size, max_size)
    if wanted == [height, width]:
        return img
    if isinstance(img, Tensor):
        return tensors.resize(img, wanted, mode.value, antialias)
    if antialias is False:
        warnings.warn(
            "Anti-alias option is always applied for PIL Image input. Argument antialias is ignored.", stacklevel=2
        )
    return pil.resize(img, wanted, PILLOW_CODES[mode])


def pad(img: Any, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> Any:
    """The image with borders: one width, (sides, top and bottom), or (left, top, right, bottom)."""
    return (tensors if isinstance(img, Tensor) else pil).pad(img, padding, fill, padding_mode)


def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    """A rectangle of the image; black where it reaches over the border."""
    return (tensors if isinstance(img, Tensor) else pil).crop(img, top, left, height, width)


def size_pair(size: Any) -> Any:
    if isinstance(size, numbers.Number):
        return int(size), int(size)  # type: ignore[call-overload]
    return (size[0], size[0]) if len(size) == 1 else size


def center_crop(img: Any, output_size: Any) -> Any:
    """The middle of the image, with black borders where the image is smaller."""
    crop_height, crop_width = size_pair(output_size)
    _, height, width = get_dimensions(img)
    if crop_width > width or crop_height > height:
        left, top = max(crop_width - width, 0) // 2, max(crop_height - height, 0) // 2
        right, bottom = (max(crop_width - width, 0) + 1) // 2, (max(crop_height - height, 0) + 1) // 2
        img = pad(img, [left, top, right, bottom], fill=0)
        _, height, width = get_dimensions(img)
        if crop_width == width and crop_height == height:
            return img
    top, left = round((height - crop_height) / 2.0), round((width - crop_width) / 2.0)
    return crop(img, top, left, crop_height, crop_width)


def resized_crop(
    img: Any,
    top: int,
    left: int,
    height: int,
    width: int,
    size: Any,
    interpolation: InterpolationMode = InterpolationMode.BILINEAR,
    antialias: bool | None = True,
) -> Any:
    """A rectangle of the image at another size."""
    return resize(crop(img, top, left, height, width), size, interpolation, antialias=antialias)


def hflip(img: Any) -> Any:
    """The image with left and right exchanged."""
    return (tensors if isinstance(img, Tensor) else pil).hflip(img)


def vflip(img: Any) -> Any:
    """The image with top and bottom exchanged."""
    return (tensors if isinstance(img, Tensor) else pil).vflip(img)


def five_crop(img: Any, size: Any) -> tuple[Any, ...]:
    """The four corners and the middle."""
    size = size_pair(size)
    if len(size) != 2:
        raise ValueError("Please provide only two dimensions (h, w) for size.")
    _, height, width = get_dimensions(img)
    crop_height, crop_width = size
    if crop_width > width or crop_height > height:
        raise ValueError(f"Requested crop size {size} is bigger than input size {(height, width)}")
    corners = [(top, left) for top in (0, height - crop_height) for left in (0, width - crop_width)]
    crops = [crop(img, top, left, crop_height, crop_width) for top, left in corners]
    return (*crops, center_crop(img, [crop_height, crop_width]))


def ten_crop(img: Any, size: Any, vertical_flip: bool = False) -> tuple[Any, ...]:
    """The five crops of the image and those of its mirror image."""
    return five_crop(img, size) + five_crop(vflip(img) if vertical_flip else hflip(img), size)


def adjust_brightness(img: Any, brightness_factor: float) -> Any:
    """0 gives black, 1 the image itself."""
    return (tensors if isinstance(img, Tensor) else pil).adjust_brightness(img, brightness_factor)


def adjust_contrast(img: Any, contrast_factor: float) -> Any:
    """0 gives one grey, 1 the image itself."""
    return (tensors if isinstance(img, Tensor) else pil).adjust_contrast(img, contrast_factor)


def adjust_saturation(img: Any, saturation_factor: float) -> Any:
    """0 gives a grey image, 1 the image itself."""
    return (tensors if isinstance(img, Tensor) else pil).adjust_saturation(img, saturation_factor)


def adjust_hue(img: Any, hue_factor: float) -> Any:
    """Turns the circle of colours by a factor from -0.5 to 0.5."""
    return (tensors if isinstance(img, Tensor) else pil).adjust_hue(img, hue_factor)


def adjust_gamma(img: Any, gamma: float, gain: float = 1) -> Any:
    """gain * img ** gamma, with white as 1."""
    return (tensors if isinstance(img, Tensor) else pil).adjust_gamma(img, gamma, gain)


def adjust_sharpness(img: Any, sharpness_factor: float) -> Any:
    """0 gives a blurred image, 1 the image itself, 2 a sharper one."""
    return (tensors if isinstance(img, Tensor) else pil).adjust_sharpness(img, sharpness_factor)


def _linear_part(angle: float, shear: Any) -> tuple[float, float, float, float]:
    """turn · shear, row by row; its determinant is 1."""
    turn, shear_x, shear_y = math.radians(angle), math.radians(shear[0]), math.radians(shear[1])
    a = math.cos(turn - shear_y) / math.cos(shear_y)
    b = -math.cos(turn - shear_y) * math.tan(shear_x) / math.cos(shear_y) - math.sin(turn)
    c = math.sin(turn - shear_y) / math.cos(shear_y)
    d = -math.sin(turn - shear_y) * math.tan(shear_x) / math.cos(shear_y) + math.cos(turn)
    return a, b, c, d


def inverse_affine_matrix(center: Any, angle: float, translate: Any, scale: float, shear: Any) -> list[float]:
    """From target to source pixels: the inverse of move · turn · shear · scale about the centre."""
    a, b, c, d = _linear_part(angle, shear)
    (center_x, center_y), (move_x, move_y) = center, translate
    matrix = [value / scale for value in (d, -b, 0.0, -c, a, 0.0)]
    matrix[2] += matrix[0] * (-center_x - move_x) + matrix[1] * (-center_y - move_y)
    matrix[5] += matrix[3] * (-center_x - move_x) + matrix[4] * (-center_y - move_y)
    matrix[2] += center_x
    matrix[5] += center_y
    return matrix


def affine_matrix(center: Any, angle: float, translate: Any, scale: float, shear: Any) -> list[float]:
    """From source to target pixels: move · turn · shear · scale about the centre."""
    a, b, c, d = (value * scale for value in _linear_part(angle, shear))
    (center_x, center_y), (move_x, move_y) = center, translate
    return [
        *(a, b, -a * center_x - b * center_y + center_x + move_x),
        *(c, d, -c * center_x - d * center_y + center_y + move_y),
    ]


def _from_middle(img: Tensor, center: Any) -> list[float]:
    """The centre of a turn measured from the middle of the image."""
    if center is None:
        return [0.0, 0.0]
    _, height, width = get_dimensions(img)
    return [center[0] - width * 0.5, center[1] - height * 0.5]


def rotate(
    img: Any,
    angle: float,
    interpolation: InterpolationMode | int = InterpolationMode.NEAREST,
    expand: bool = False,
    center: Any = None,
    fill: Any = None,
) -> Any:
    """The image turned counter-clockwise by `angle` degrees about its middle or `center`; `expand` keeps all of it."""
    mode = mode_of(interpolation)
    if not isinstance(angle, (int, float)):
        raise TypeError("Argument angle should be int or float")
    if center is not None and not isinstance(center, (list, tuple)):
        raise TypeError("Argument center should be a sequence")
    if not isinstance(img, Tensor):
        return pil.rotate(img, angle, PILLOW_CODES[mode], expand, center, fill)
    matrix = inverse_affine_matrix(_from_middle(img, center), -angle, [0.0, 0.0], 1.0, [0.0, 0.0])
    return tensors.rotate(img, matrix, mode.value, expand, fill)


def checked_affine(angle: Any, translate: Any, scale: Any, shear: Any, center: Any) -> list[float]:
    """Raises where an argument of `affine` is wrong; the two shears."""
    if not isinstance(angle, (int, float)):
        raise TypeError("Argument angle should be int or float")
    if not isinstance(translate, (list, tuple)):
        raise TypeError("Argument translate should be a sequence")
    if len(translate) != 2:
        raise ValueError("Argument translate should be a sequence of length 2")
    if scale <= 0.0:
        raise ValueError("Argument scale should be positive")
    if not isinstance(shear, (numbers.Number, list, tuple)):
        raise TypeError("Shear should be either a single value or a sequence of two values")
    if isinstance(shear, numbers.Number):
        shear = [shear, 0.0]
    shear = [shear[0], shear[0]] if len(shear) == 1 else list(shear)
    if len(shear) != 2:
        raise ValueError(f"Shear should be a sequence containing two values. Got {shear}")
    if center is not None and not isinstance(center, (list, tuple)):
        raise TypeError("Argument center should be a sequence")
    return shear


def affine(
    img: Any,
    angle: float,
    translate: Any,
    scale: float,
    shear: Any,
    interpolation: InterpolationMode | int = InterpolationMode.NEAREST,
    fill: Any = None,
    center: Any = None,
) -> Any:
    """The image turned (clockwise, degrees), moved (pixels), scaled and sheared (degrees) about its middle or
    `center`."""
    mode = mode_of(interpolation)
    shear = checked_affine(angle, translate, scale, shear, center)
    if isinstance(img, Tensor):
        matrix = inverse_affine_matrix(_from_middle(img, center), angle, translate, scale, shear)
        return tensors.affine(img, matrix, mode.value, fill)
    _, height, width = get_dimensions(img)
    if center is None:
        center = [width * 0.5, height * 0.5]
    return pil.affine(img, inverse_affine_matrix(center, angle, translate, scale, shear), PILLOW_CODES[mode], fill)


def perspective_coefficients(startpoints: Any, endpoints: Any) -> list[float]:
    """(a, …, h) with x' = (ax + by + c) / (gx + hy + 1), y' = (dx + ey + f) / (gx + hy + 1) from end to start
    points."""
    if len(startpoints) != 4 or len(endpoints) != 4:
        raise ValueError(
            f"Please provide exactly four corners, got {len(startpoints)} startpoints and {len(endpoints)} endpoints."
        )
    rows = []
    for (x, y), (to_x, to_y) in zip(endpoints, startpoints, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -to_x * x, -to_x * y])
        rows.append([0, 0, 0, x, y, 1, -to_y * x, -to_y * y])
    wanted = np.array(startpoints, np.float64).reshape(8)
    solution = np.linalg.lstsq(np.array(rows, np.float64), wanted, rcond=None)[0]
    return solution.astype(np.float32).tolist()


def perspective(
    img: Any,
    startpoints: Any,
    endpoints: Any,
    interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
    fill: Any = None,
) -> Any:
    """The image seen so that the four `startpoints` (x, y) come to the `endpoints`."""
    coefficients = perspective_coefficients(startpoints, endpoints)
    mode = mode_of(interpolation)
    if isinstance(img, Tensor):
        return tensors.perspective(img, coefficients, mode.value, fill)
    return pil.perspective(img, coefficients, PILLOW_CODES[mode], fill)


def to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """A PIL image without colours, in one or three equal channels."""
    if not pillow.is_image(img):
        raise TypeError("Input should be PIL Image")
    return pil.to_grayscale(img, num_output_channels)


def rgb_to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """An image without colours, in one or three equal channels."""
    return (tensors.rgb_to_grayscale if isinstance(img, Tensor) else pil.to_grayscale)(img, num_output_channels)


def erase(img: Tensor, i: int, j: int, h: int, w: int, v: Tensor, inplace: bool = False) -> Tensor:
    """The image with the value `v` in the rectangle of height `h` and width `w` at row `i`, column `j`."""
    if not isinstance(img, Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(img)}")
    return tensors.erase(img, i, j, h, w, v, inplace)


def _checked_blur(kernel_size: Any, sigma: Any) -> tuple[list[int], list[float]]:
    if not isinstance(kernel_size, (int, list, tuple)):
        raise TypeError(f"kernel_size should be int or a sequence of integers. Got {type(kernel_size)}")
    sizes = [kernel_size, kernel_size] if isinstance(kernel_size, int) else list(kernel_size)
    if len(sizes) != 2:
        raise ValueError(f"If kernel_size is a sequence its length should be 2. Got {len(sizes)}")
    if any(size % 2 == 0 or size < 0 for size in sizes):
        raise ValueError(f"kernel_size should have odd and positive integers. Got {kernel_size}")
    if sigma is None:
        sigma = [size * 0.15 + 0.35 for size in sizes]
    if not isinstance(sigma, (int, float, list, tuple)):
        raise TypeError(f"sigma should be either float or sequence of floats. Got {type(sigma)}")
    if isinstance(sigma, (int, float)):
        sigma = [float(sigma)]
    sigmas = [sigma[0], sigma[0]] if len(sigma) == 1 else list(sigma)
    if len(sigmas) != 2:
        raise ValueError(f"If sigma is a sequence, its length should be 2. Got {len(sigmas)}")
    if any(s <= 0.0 for s in sigmas):
        raise ValueError(f"sigma should have positive values. Got {sigmas}")
    return sizes, sigmas


def gaussian_blur(img: Any, kernel_size: Any, sigma: Any = None) -> Any:
    """The image blurred by a Gaussian of `sigma`, over `kernel_size` pixels; both (across, down) or one for both."""
    sizes, sigmas = _checked_blur(kernel_size, sigma)
    if isinstance(img, Tensor):
        return tensors.gaussian_blur(img, sizes, sigmas)
    if not pillow.is_image(img):
        raise TypeError(f"img should be PIL Image or Tensor. Got {type(img)}")
    return to_pil_image(tensors.gaussian_blur(pil_to_tensor(img), sizes, sigmas), mode=img.mode)


def invert(img: Any) -> Any:
    """The negative of the image."""
    return (tensors if isinstance(img, Tensor) else pil).invert(img)


def posterize(img: Any, bits: int) -> Any:
    """The image with only the `bits` highest bits of each value."""
    if not 0 <= bits <= 8:
        raise ValueError(f"The number if bits should be between 0 and 8. Got {bits}")
    return (tensors if isinstance(img, Tensor) else pil).posterize(img, bits)


def solarize(img: Any, threshold: float) -> Any:
    """The image with values from `threshold` on inverted."""
    return (tensors if isinstance(img, Tensor) else pil).solarize(img, threshold)


def autocontrast(img: Any) -> Any:
    """The image with each channel stretched from black to white."""
    return (tensors if isinstance(img, Tensor) else pil).autocontrast(img)


def equalize(img: Any) -> Any:
    """The image with all levels made about equally frequent."""
    return (tensors if isinstance(img, Tensor) else pil).equalize(img)


def elastic_transform(
    img: Any,
    displacement: Tensor,
    interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
    fill: Any = None,
) -> Any:
    """The image with each pixel read at its place plus `displacement` (1, H, W, 2), in half images."""
    if not isinstance(displacement, Tensor):
        raise TypeError("Argument displacement should be a Tensor")
    mode = mode_of(interpolation)
    image = img if isinstance(img, Tensor) else pil_to_tensor(img)
    wanted = Size((1, *image.shape[-2:], 2))
    if wanted != displacement.shape:
        raise ValueError(f"Argument displacement shape should be {wanted}, but given {displacement.shape}")
    moved = tensors.elastic_transform(image, displacement, mode.value, fill)
    return moved if isinstance(img, Tensor) else to_pil_image(moved, mode=img.mode)
