"""What transforms do to the pixels of tensors (..., C, H, W), where version 2 differs from version 1 (`transforms.tensors`).

Values are reckoned in another order here and there, which can be seen in the last bit, or where a value is cut to a whole number.
"""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np

from ....dtype import bool_, complex64, float32, int16, uint8, uint16
from ....dtype import dtype as DType
from ....nn.functional import pad as pad_with_constant
from ....tensor import Tensor, from_numpy, randn_like, stack, where
from ....tensor import tensor as make_tensor
from ... import pillow
from .. import functional as F
from .. import tensors
from ..tensors import largest


def _whole(image: Tensor, dtype: DType) -> Tensor:
    return image if image.dtype is dtype else image.to(dtype)


def _check_channels(image: Tensor) -> None:
    if image.shape[-3] not in (1, 3):
        raise TypeError(f"Input image tensor permitted channel values are 1 or 3, but found {image.shape[-3]}")


def _check_factor(name: str, factor: float) -> None:
    if factor < 0:
        raise ValueError(f"{name} ({factor}) is not non-negative.")


def _bits(dtype: DType) -> int:
    """Of the values of an integer dtype, without the sign."""
    if dtype.is_floating_point or dtype in (bool_, complex64):
        raise TypeError(f"Number of value bits is only defined for integer dtypes, but got {dtype}.")
    return int(math.log2(largest(dtype) + 1))


def to_dtype(image: Tensor, dtype: DType = float32, scale: bool = False) -> Tensor:
    """The image in another dtype; with `scale`, white stays white."""
    if image.dtype is dtype:
        return image
    if not scale:
        return image.to(dtype)
    if image.dtype.is_floating_point:
        return tensors.convert_image_dtype(image, dtype)
    if dtype.is_floating_point:
        return image.to(dtype).mul(1.0 / largest(image.dtype))
    shift = _bits(dtype) - _bits(image.dtype)
    if shift < 0:
        if image.dtype is uint16:
            return (image / 2**-shift).to(dtype)
        return (image >> -shift).to(dtype)
    return image.to(dtype) * 2**shift if dtype is uint16 else image.to(dtype) << shift


def _grey(image: Tensor) -> Tensor:
    """(..., 1, H, W) in floating point."""
    if image.shape[-3] == 1:
        return image
    red, green, blue = image.unbind(-3)
    return red.mul(0.2989).add(green, alpha=0.587).add(blue, alpha=0.114).unsqueeze(-3)


def rgb_to_grayscale(image: Tensor, num_output_channels: int = 1) -> Tensor:
    if num_output_channels not in (1, 3):
        raise ValueError(f"num_output_channels must be 1 or 3, got {num_output_channels}.")
    grey = _whole(_grey(image), image.dtype)
    if num_output_channels == 1:
        return grey.clone()
    return grey.expand(*image.shape[:-3], 3, *image.shape[-2:]).clone()


def grayscale_to_rgb(image: Tensor) -> Tensor:
    return image if image.shape[-3] >= 3 else rgb_to_grayscale(image, 3)


def _blend(image: Tensor, other: Tensor, ratio: float) -> Tensor:
    mixed = image.mul(float(ratio)).add(other, alpha=1.0 - float(ratio)).clamp(0, largest(image.dtype))
    return _whole(mixed, image.dtype)


def _levels(grey: Tensor, image: Tensor) -> Tensor:
    return grey if image.dtype.is_floating_point else grey.to(float32).floor()


def adjust_brightness(image: Tensor, brightness_factor: float) -> Tensor:
    _check_factor("brightness_factor", brightness_factor)
    _check_channels(image)
    return _whole(image.mul(brightness_factor).clamp(0, largest(image.dtype)), image.dtype)


def adjust_contrast(image: Tensor, contrast_factor: float) -> Tensor:
    _check_factor("contrast_factor", contrast_factor)
    _check_channels(image)
    mean = _levels(_grey(image), image).mean(dim=(-3, -2, -1), keepdim=True)
    return _blend(image, mean, contrast_factor)


def adjust_saturation(image: Tensor, saturation_factor: float) -> Tensor:
    _check_factor("saturation_factor", saturation_factor)
    _check_channels(image)
    if image.shape[-3] == 1:
        return image
    return _blend(image, _levels(_grey(image), image), saturation_factor)


def adjust_sharpness(image: Tensor, sharpness_factor: float) -> Tensor:
    _check_channels(image)
    _check_factor("sharpness_factor", sharpness_factor)
    if not image.numel() or min(image.shape[-2:]) <= 2:
        return image
    floating = image if image.dtype.is_floating_point else image.to(float32)
    soft = tensors.smoothed(floating)
    soft = soft if image.dtype.is_floating_point else soft.round()
    result = floating.clone()
    middle = floating[..., 1:-1, 1:-1]
    result[..., 1:-1, 1:-1] = middle.add(soft - middle, alpha=1.0 - sharpness_factor)
    return _whole(result.clamp(0, largest(image.dtype)), image.dtype)


def _hue_saturation_value(image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    red, green, blue = image.unbind(-3)
    high, low = image.amax(-3), image.amin(-3)
    is_grey, spread = high == low, high - low
    divisor = where(is_grey, 1.0, spread)
    from_red, from_green, from_blue = ((high - part) / divisor for part in (red, green, blue))
    is_red = high == red
    is_green = (high == green) & ~is_red
    at_green = from_red.add(2.0).sub(from_blue)
    at_blue = from_green.add(4.0).sub(from_red)
    place = where(is_red, from_blue - from_green, where(is_green, at_green, at_blue))
    return place.mul(1.0 / 6.0).add(1.0).fmod(1.0), spread / where(is_grey, 1.0, high), high


def _red_green_blue(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    turns = hue.mul(6)
    sector = turns.floor()
    part = saturation * (turns - sector)
    rest = 1.0 - saturation
    q = (1.0 - part).mul(value).clamp(0.0, 1.0)
    t = part.add(rest).mul(value).clamp(0.0, 1.0)
    p = rest.mul(value).clamp(0.0, 1.0)
    sector = sector.remainder(6)
    channels = []
    for choices in ((value, q, p, p, t, value), (t, value, value, q, p, p), (p, p, t, value, value, q)):
        chosen = choices[0]
        for number in range(1, 6):
            chosen = where(sector == number, choices[number], chosen)
        channels.append(chosen)
    return stack(channels, -3)


def adjust_hue(image: Tensor, hue_factor: float) -> Tensor:
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"hue_factor ({hue_factor}) is not in [-0.5, 0.5].")
    _check_channels(image)
    if image.shape[-3] == 1 or not image.numel():
        return image
    hue, saturation, value = _hue_saturation_value(to_dtype(image, float32, True))
    turned = hue.add(hue_factor).remainder(1.0)
    return to_dtype(_red_green_blue(turned, saturation, value), image.dtype, True)


def adjust_gamma(image: Tensor, gamma: float, gain: float = 1.0) -> Tensor:
    if gamma < 0:
        raise ValueError("Gamma should be a non-negative real number")
    floating = image if image.dtype.is_floating_point else to_dtype(image, float32, True)
    result = floating.pow(gamma)
    if gain != 1.0:
        result = result.mul(gain).clamp(0.0, 1.0)
    return to_dtype(result, image.dtype, True)


def posterize(image: Tensor, bits: int) -> Tensor:
    if not isinstance(bits, int) or not 0 <= bits <= 8:
        raise TypeError(f"bits must be a positive integer in the range [0, 8], got {bits} instead.")
    if image.dtype.is_floating_point:
        levels = 1 << bits
        return image.mul(levels).floor().clamp(0, levels - 1).mul(1.0 / levels)
    all_bits = _bits(image.dtype)
    if bits >= all_bits:
        return image
    highest: Any = image & (((1 << bits) - 1) << (all_bits - bits))
    return highest


def invert(image: Tensor) -> Tensor:
    inverted: Any = largest(image.dtype) - image
    return inverted


def solarize(image: Tensor, threshold: float) -> Tensor:
    if threshold > largest(image.dtype):
        raise TypeError(f"Threshold should be less or equal the maximum value of the dtype, but got {threshold}")
    return where(image >= threshold, invert(image), image)


def autocontrast(image: Tensor) -> Tensor:
    _check_channels(image)
    if not image.numel():
        return image
    floating = image if image.dtype.is_floating_point else image.to(float32)
    low, high = floating.amin((-2, -1), keepdim=True), floating.amax((-2, -1), keepdim=True)
    is_flat = low == high
    scale = where(is_flat, 1.0, (high - low).mul(1.0 / largest(image.dtype)))
    stretched = floating.sub(where(is_flat, 0.0, low)).div(scale).clamp(0, largest(image.dtype))
    return _whole(stretched, image.dtype)


def equalize(image: Tensor) -> Tensor:
    if not image.numel():
        return image
    planes = to_dtype(image, uint8, True).reshape(-1, 1, *image.shape[-2:])
    return to_dtype(tensors.equalize(planes).reshape(image.shape), image.dtype, True)


def permute_channels(image: Tensor, permutation: Any) -> Tensor:
    order = permutation.tolist() if isinstance(permutation, Tensor) else list(permutation)
    if len(order) != image.shape[-3]:
        raise ValueError(f"Length of permutation does not match number of channels: {len(order)} != {image.shape[-3]}")
    return image[..., order, :, :]


def gaussian_noise(image: Tensor, mean: float = 0.0, sigma: float = 0.1, clip: bool = True) -> Tensor:
    if sigma < 0:
        raise ValueError(f"sigma shouldn't be negative. Got {sigma}")
    if image.dtype.is_floating_point:
        noisy = image + (mean + randn_like(image) * sigma)
        return noisy.clamp(0, 1) if clip else noisy
    if image.dtype is not uint8:
        raise ValueError(f"Input tensor is expected to be in uint8 or float dtype, got dtype={image.dtype}")
    noise = (mean * 255 + randn_like(image, dtype=float32) * (sigma * 255)).to(int16)
    noisy = image + noise
    return (noisy.clamp(0, 255) if clip else noisy).to(uint8)


def jpeg(image: Tensor, quality: int) -> Tensor:
    """Through a JPEG file of this quality, by Pillow."""
    planes = image.reshape(-1, *image.shape[-3:])
    if not len(planes):
        return image.clone()
    return stack([F.pil_to_tensor(jpeg_of_pil(F.to_pil_image(plane), quality)) for plane in planes]).reshape(
        image.shape
    )


def jpeg_of_pil(image: Any, quality: int) -> Any:
    file = io.BytesIO()
    image.save(file, format="JPEG", quality=quality)
    return pillow.pillow().open(file).copy()


def borders(padding: Any) -> tuple[int, int, int, int]:
    """Left, top, right, bottom."""
    if isinstance(padding, int):
        return padding, padding, padding, padding
    if not isinstance(padding, (tuple, list)):
        raise TypeError(f"`padding` should be an integer or tuple or list of integers, but got {padding}")
    if len(padding) not in (1, 2, 4):
        raise ValueError(f"Padding must be an int or a 1, 2, or 4 element tuple or list. Found {len(padding)}")
    return tuple(padding) if len(padding) == 4 else (padding[0], padding[-1], padding[0], padding[-1])  # type: ignore[return-value]


def pad(image: Tensor, padding: Any, fill: Any = None, padding_mode: str = "constant") -> Tensor:
    left, top, right, bottom = borders(padding)
    if padding_mode not in tensors.PADDING_MODES:
        raise ValueError(
            "`padding_mode` should be either `'constant'`, `'edge'`, `'reflect'` or `'symmetric'`, "
            f"but got `'{padding_mode}'`."
        )
    colour = [0 if fill is None else fill] if fill is None or isinstance(fill, (int, float)) else list(fill)
    if len(colour) == 1:
        return tensors.pad(image, [left, top, right, bottom], colour[0], padding_mode)
    if padding_mode != "constant":
        raise ValueError(f"Padding mode '{padding_mode}' is not supported if fill is not scalar")
    width = [left, right, top, bottom]
    inside = pad_with_constant(image.new_ones(image.shape[-2:], dtype=bool_), width, value=False)
    values = make_tensor(colour).to(image.dtype).reshape(-1, 1, 1)
    return where(inside, pad_with_constant(image, width, value=0.0), values)


def rotate(image: Tensor, angle: float, interpolation: Any, expand: bool, center: Any, fill: Any) -> Tensor:
    """Right angles are turned as they are, where nothing would be cut off."""
    angle %= 360
    if center is None and (
        angle in (0, 180) or (angle in (90, 270) and (expand or image.shape[-1] == image.shape[-2]))
    ):
        return image.rot90(int(angle) // 90, (-2, -1))
    return F.rotate(image, angle, interpolation, expand, center, fill)


def erase(image: Tensor, i: int, j: int, h: int, w: int, v: Tensor, inplace: bool = False) -> Tensor:
    return tensors.erase(image, i, j, h, w, v, inplace)


def uniform_temporal_subsample(video: Tensor, num_samples: int) -> Tensor:
    """`num_samples` frames, evenly spread."""
    frames = np.linspace(0, video.shape[-4] - 1, num_samples, dtype=np.float32)
    return video.index_select(-4, from_numpy(frames.astype(np.int64)))
