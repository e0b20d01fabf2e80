"""The transforms on tensors of shape (..., C, H, W). Arguments have been checked and completed by `functional`."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ...data.arrays import array_of_tensor, tensor_of_array, values_at_hand
from ...dtype import dtype as DType
from ...dtype import float32, float64, int8, int16, int32, int64, uint8, uint16
from ...nn.functional import conv2d
from ...nn.functional import pad as pad_with_constant
from ...tensor import (
    Tensor,
    as_tensor,
    bincount,
    cumsum,
    from_numpy,
    isfinite,
    ones_like,
    stack,
    where,
    zeros_like,
)
from .resample import resize as resize_floating
from .resample import warp

PADDING_MODES = ("constant", "edge", "reflect", "symmetric")
_LARGEST = {
    uint8: 2**8 - 1,
    int8: 2**7 - 1,
    int16: 2**15 - 1,
    uint16: 2**16 - 1,
    int32: 2**31 - 1,
    int64: 2**63 - 1,
}
_INTEGERS = (uint8, int8, int16, int32, int64)


def check_image(image: Any, least_dimensions: int = 2) -> None:
    if image.ndim < 2:
        raise TypeError("Tensor is not a torch image.")
    if image.ndim < least_dimensions:
        raise TypeError(
            f"Input image tensor should have at least {least_dimensions} dimensions, but found {image.ndim}"
        )


def check_channels(image: Tensor, permitted: tuple[int, ...] = (1, 3)) -> None:
    channels = get_dimensions(image)[0]
    if channels not in permitted:
        raise TypeError(f"Input image tensor permitted channel values are {list(permitted)}, but found {channels}")


def _check_bytes(image: Tensor) -> None:
    if image.dtype is not uint8:
        raise TypeError(f"Only torch.uint8 image tensors are supported, but found {image.dtype}")


def largest(dtype: DType) -> int:
    """The value of white."""
    return _LARGEST.get(dtype, 1)


def _floating(image: Tensor) -> DType:
    """The dtype to reckon in."""
    return image.dtype if image.dtype.is_floating_point else float32


def _back(image: Tensor, dtype: DType) -> Tensor:
    """Rounded where it goes back to integers."""
    if image.dtype is dtype:
        return image
    return (image.round() if dtype in _INTEGERS else image).to(dtype)


def get_dimensions(image: Tensor) -> list[int]:
    check_image(image)
    return [1 if image.ndim == 2 else image.shape[-3], *image.shape[-2:]]


def convert_image_dtype(image: Tensor, dtype: DType) -> Tensor:
    if image.dtype is dtype:
        return image
    if image.dtype.is_floating_point:
        if dtype.is_floating_point:
            return image.to(dtype)
        too_wide = {float32: (int32, int64), float64: (int64,)}
        if dtype in too_wide.get(image.dtype, ()):
            raise RuntimeError(f"The cast from {image.dtype} to {dtype} cannot be performed safely.")
        return image.mul(largest(dtype) + 1.0 - 1e-3).to(dtype)  # so that each level gets an equal share of [0, 1]
    if dtype.is_floating_point:
        return image.to(dtype) / float(largest(image.dtype))
    levels, wanted = largest(image.dtype) + 1, largest(dtype) + 1
    if levels > wanted:
        return image.div(levels // wanted, rounding_mode="floor").to(dtype)
    return image.to(dtype) * (wanted // levels)


def normalize(image: Tensor, mean: Any, std: Any, inplace: bool) -> Tensor:
    check_image(image)
    if not image.dtype.is_floating_point:
        raise TypeError(f"Input tensor should be a float tensor. Got {image.dtype}.")
    if image.ndim < 3:
        raise ValueError(
            f"Expected tensor to be a tensor image of size (..., C, H, W). Got tensor.size() = {image.size()}"
        )
    values = values_at_hand(image) if image.dtype in (float32, float64) else None
    if values is not None and not inplace and not isinstance(mean, Tensor) and not isinstance(std, Tensor):
        # One sample after the other, as data sets ask for it: that is done without the graph.
        done = values - _by_channel(np.asarray(mean, values.dtype))
        done /= _by_channel(_without_zero(np.asarray(std, values.dtype), image))
        return tensor_of_array(done)
    mean, std = as_tensor(mean, dtype=image.dtype), as_tensor(std, dtype=image.dtype)
    _without_zero(array_of_tensor(std)[0], image)
    mean, std = _by_channel(mean), _by_channel(std)
    return image.sub_(mean).div_(std) if inplace else (image - mean) / std


def _by_channel(numbers: Any) -> Any:
    return numbers.reshape(-1, 1, 1) if numbers.ndim == 1 else numbers


def _without_zero(std: np.ndarray, image: Tensor) -> np.ndarray:
    if not std.all():
        raise ValueError(f"std evaluated to zero after conversion to {image.dtype}, leading to division by zero.")
    return std


def hflip(image: Tensor) -> Tensor:
    check_image(image)
    return image.flip(-1)


def vflip(image: Tensor) -> Tensor:
    check_image(image)
    return image.flip(-2)


def crop(image: Tensor, top: int, left: int, height: int, width: int) -> Tensor:
    _, rows, columns = get_dimensions(image)
    bottom, right = top + height, left + width
    if left >= 0 and top >= 0 and right <= columns and bottom <= rows:
        return image[..., top:bottom, left:right]
    borders = [
        max(-left + min(0, right), 0),
        max(-top + min(0, bottom), 0),
        max(right - max(columns, left), 0),
        max(bottom - max(rows, top), 0),
    ]
    return pad(image[..., max(top, 0) : bottom, max(left, 0) : right], borders, 0, "constant")


def _borders(padding: Any) -> tuple[int, int, int, int]:
    """Left, top, right, bottom."""
    if isinstance(padding, int):
        return padding, padding, padding, padding
    if len(padding) == 4:
        return tuple(padding)  # type: ignore[return-value]
    return padding[0], padding[-1], padding[0], padding[-1]


def _repeated(length: int, before: int, after: int, padding_mode: str) -> np.ndarray:
    """Which pixel stands at each place of a line padded from itself; negative borders cut off."""
    kept = np.arange(max(-before, 0), length - max(-after, 0))
    return np.pad(kept, (max(before, 0), max(after, 0)), mode=padding_mode)  # type: ignore[call-overload]


def pad(image: Tensor, padding: Any, fill: Any, padding_mode: str) -> Tensor:
    check_image(image)
    fill = 0 if fill is None else fill
    if not isinstance(padding, (int, tuple, list)):
        raise TypeError("Got inappropriate padding arg")
    if not isinstance(fill, (int, float)):
        raise TypeError("Got inappropriate fill arg")
    if not isinstance(padding_mode, str):
        raise TypeError("Got inappropriate padding_mode arg")
    if not isinstance(padding, int) and len(padding) not in (1, 2, 4):
        raise ValueError(f"Padding must be an int or a 1, 2, or 4 element tuple, not a {len(padding)} element tuple")
    if padding_mode not in PADDING_MODES:
        raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")
    left, top, right, bottom = _borders(padding)
    if padding_mode == "constant":
        return pad_with_constant(image, [left, right, top, bottom], value=float(fill))
    height, width = image.shape[-2:]
    for argument, dimension, before, after in ((4, -1, left, right), (6, -2, top, bottom)):
        if padding_mode == "reflect" and max(before, after) >= image.shape[dimension]:
            raise RuntimeError(
                f"Argument #{argument}: Padding size should be less than the corresponding input dimension, but got: "
                f"padding ({before}, {after}) at dimension {image.ndim + dimension} of input {list(image.shape)}"
            )
    rows = from_numpy(_repeated(height, top, bottom, padding_mode))
    columns = from_numpy(_repeated(width, left, right, padding_mode))
    return image.index_select(-2, rows).index_select(-1, columns)


def resize(image: Tensor, size: list[int], interpolation: str, antialias: bool | None) -> Tensor:
    check_image(image)
    if interpolation not in ("nearest", "nearest-exact", "bilinear", "bicubic"):
        raise ValueError(f"Interpolation mode '{interpolation}' is unsupported with Tensor input")
    floating = image.to(float64 if image.dtype is float64 else float32)
    resized = resize_floating(floating, (size[0], size[1]), interpolation, bool(antialias))
    if interpolation == "bicubic" and image.dtype is uint8:
        resized = resized.clamp(min=0, max=255)
    return _back(resized, image.dtype)


def _warped(image: Tensor, x: np.ndarray, y: np.ndarray, interpolation: str, fill: Any) -> Tensor:
    """The image read at these pixel positions; `fill` (a value, or one for each channel) where it has no pixel."""
    if interpolation not in ("nearest", "bilinear"):
        raise ValueError(f"Interpolation mode '{interpolation}' is unsupported with Tensor input")
    channels = get_dimensions(image)[0]
    if fill is not None and not isinstance(fill, (int, float, tuple, list)):
        warnings.warn("Argument fill should be either int, float, tuple or list", stacklevel=4)
    if isinstance(fill, (tuple, list)) and len(fill) > 1 and len(fill) != channels:
        raise ValueError(
            "The number of elements in 'fill' cannot broadcast to match the number of channels of the image "
            f"({len(fill)} != {channels})"
        )
    floating = image.to(_floating(image))
    warped = warp(floating, x, y, interpolation)
    if fill is not None:
        inside = warp(ones_like(floating.detach()), x, y, interpolation)
        colour = as_tensor(fill if isinstance(fill, (tuple, list)) else [float(fill)], dtype=floating.dtype)
        colour = colour.view(-1, 1, 1) if image.ndim > 2 else colour
        warped = (
            warped * inside + (1.0 - inside) * colour
            if interpolation == "bilinear"
            else where(inside < 0.5, colour.expand_as(warped), warped)
        )
    return _back(warped, image.dtype)


def _pixel_grid(width: int, height: int, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """The centres of the pixels, measured from the middle of the image."""
    x = np.arange(width, dtype=dtype) - dtype.type((width - 1) * 0.5)
    y = np.arange(height, dtype=dtype) - dtype.type((height - 1) * 0.5)
    return x[None, :], y[:, None]


def _numpy_floating(image: Tensor) -> np.dtype:
    return np.dtype(np.float64 if image.dtype is float64 else np.float32)


def _affine_positions(image: Tensor, matrix: list[float], width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    dtype = _numpy_floating(image)
    x, y = _pixel_grid(width, height, dtype)
    a, b, c, d, e, f = (dtype.type(value) for value in matrix)
    columns, rows = image.shape[-1], image.shape[-2]
    half = dtype.type(0.5)
    # In grid_sample's terms: normalised to [-1, 1], then back to pixels; the roundings decide which pixel is nearest.
    u = (x * a + y * b + c) / dtype.type(0.5 * columns)
    v = (x * d + y * e + f) / dtype.type(0.5 * rows)
    return ((u + 1) * columns - 1) * half, ((v + 1) * rows - 1) * half


def affine(image: Tensor, matrix: list[float], interpolation: str, fill: Any) -> Tensor:
    check_image(image)
    x, y = _affine_positions(image, matrix, image.shape[-1], image.shape[-2])
    return _warped(image, x, y, interpolation, fill)


def size_of_rotated(matrix: list[float], width: int, height: int) -> tuple[int, int]:
    """Width and height of the box around a rotated image."""
    corners = np.array([[-0.5, -0.5], [-0.5, 0.5], [0.5, 0.5], [0.5, -0.5]], np.float32) * np.array(
        [width, height], np.float32
    )
    turn = np.array(matrix, np.float32).reshape(2, 3)
    turned = corners @ turn[:, :2].T + turn[:, 2]
    middle = np.array([width * 0.5, height * 0.5], np.float32)
    tolerance = np.float32(1e-4)
    low = np.floor(np.trunc((turned.min(0) + middle) / tolerance) * tolerance)
    high = np.ceil(np.trunc((turned.max(0) + middle) / tolerance) * tolerance)
    return int(high[0] - low[0]), int(high[1] - low[1])


def rotate(image: Tensor, matrix: list[float], interpolation: str, expand: bool, fill: Any) -> Tensor:
    check_image(image)
    height, width = image.shape[-2:]
    if expand:
        width, height = size_of_rotated(matrix, width, height)
    x, y = _affine_positions(image, matrix, width, height)
    return _warped(image, x, y, interpolation, fill)


def perspective(image: Tensor, coefficients: list[float], interpolation: str, fill: Any) -> Tensor:
    check_image(image)
    dtype = _numpy_floating(image)
    height, width = image.shape[-2:]
    x = (np.arange(width, dtype=dtype) + dtype.type(0.5))[None, :]
    y = (np.arange(height, dtype=dtype) + dtype.type(0.5))[:, None]
    a, b, c, d, e, f, g, h = (dtype.type(value) for value in coefficients)
    half_width, half_height, one = dtype.type(0.5 * width), dtype.type(0.5 * height), dtype.type(1)
    depth = x * g + y * h + one
    u = (x * (a / half_width) + y * (b / half_width) + c / half_width) / depth - one
    v = (x * (d / half_height) + y * (e / half_height) + f / half_height) / depth - one
    columns = ((u + one) * dtype.type(width) - one) * dtype.type(0.5)
    rows = ((v + one) * dtype.type(height) - one) * dtype.type(0.5)
    return _warped(image, columns, rows, interpolation, fill)


def pixel_positions(width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """The centres of the pixels in half images from the middle."""
    x = np.linspace((1 - width) / width, (width - 1) / width, width, dtype=np.float32)[None, :]
    y = np.linspace((1 - height) / height, (height - 1) / height, height, dtype=np.float32)[:, None]
    return x, y


def elastic_transform(image: Tensor, displacement: Tensor, interpolation: str, fill: Any) -> Tensor:
    check_image(image)
    height, width = image.shape[-2:]
    x, y = pixel_positions(width, height)
    shift = np.asarray(displacement.detach().numpy())[0]
    columns = ((x + shift[..., 0] + 1) * width - 1) * np.float32(0.5)
    rows = ((y + shift[..., 1] + 1) * height - 1) * np.float32(0.5)
    return _warped(
        image, columns.astype(_numpy_floating(image)), rows.astype(_numpy_floating(image)), interpolation, fill
    )


def rgb_to_grayscale(image: Tensor, num_output_channels: int) -> Tensor:
    check_image(image, 3)
    check_channels(image)
    if num_output_channels not in (1, 3):
        raise ValueError("num_output_channels should be either 1 or 3")
    if image.shape[-3] == 3:
        red, green, blue = image.unbind(dim=-3)
        grey = (0.2989 * red + 0.587 * green + 0.114 * blue).to(image.dtype).unsqueeze(-3)
    else:
        grey = image.clone()
    return grey.expand(image.shape) if num_output_channels == 3 else grey


def _blend(one: Tensor, other: Tensor, ratio: float) -> Tensor:
    mixed = float(ratio) * one + (1.0 - float(ratio)) * other
    return mixed.clamp(0, largest(one.dtype)).to(one.dtype)


def _check_factor(name: str, factor: float) -> None:
    if factor < 0:
        raise ValueError(f"{name} ({factor}) is not non-negative.")


def adjust_brightness(image: Tensor, factor: float) -> Tensor:
    _check_factor("brightness_factor", factor)
    check_channels(image)
    return _blend(image, zeros_like(image), factor)


def adjust_contrast(image: Tensor, factor: float) -> Tensor:
    _check_factor("contrast_factor", factor)
    check_channels(image, (3, 1))
    grey = rgb_to_grayscale(image, 1) if get_dimensions(image)[0] == 3 else image
    mean = grey.to(_floating(image)).mean(dim=(-3, -2, -1), keepdim=True)
    return _blend(image, mean, factor)


def adjust_saturation(image: Tensor, factor: float) -> Tensor:
    _check_factor("saturation_factor", factor)
    check_channels(image)
    if get_dimensions(image)[0] == 1:
        return image
    return _blend(image, rgb_to_grayscale(image, 1), factor)


def adjust_hue(image: Tensor, factor: float) -> Tensor:
    if not -0.5 <= factor <= 0.5:
        raise ValueError(f"hue_factor ({factor}) is not in [-0.5, 0.5].")
    check_channels(image)
    if get_dimensions(image)[0] == 1:
        return image
    hue, saturation, value = _hsv_of_rgb(convert_image_dtype(image, float32))
    turned: Any = (hue + factor) % 1.0
    return convert_image_dtype(_rgb_of_hsv(turned, saturation, value), image.dtype)


def _hsv_of_rgb(image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    red, green, blue = image.unbind(dim=-3)
    high, low = image.amax(dim=-3), image.amin(dim=-3)
    grey = high == low
    spread = high - low
    one = ones_like(high)
    saturation = spread / where(grey, one, high)
    divisor = where(grey, one, spread)
    from_red, from_green, from_blue = ((high - part) / divisor for part in (red, green, blue))
    is_red = high == red
    is_green = (high == green) & (high != red)
    is_blue = (high != green) & (high != red)
    hue = (
        is_red * (from_blue - from_green)
        + is_green * (2.0 + from_red - from_blue)
        + is_blue * (4.0 + from_green - from_red)
    )
    return (hue / 6.0 + 1.0).fmod(1.0), saturation, high


def _rgb_of_hsv(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    sector = (hue * 6.0).floor()
    rest = hue * 6.0 - sector
    sector = sector.to(int32) % 6
    p = (value * (1.0 - saturation)).clamp(0.0, 1.0)
    q = (value * (1.0 - saturation * rest)).clamp(0.0, 1.0)
    t = (value * (1.0 - saturation * (1.0 - rest))).clamp(0.0, 1.0)
    by_sector = ((value, q, p, p, t, value), (t, value, value, q, p, p), (p, p, t, value, value, q))
    channels = []
    for choices in by_sector:
        chosen = choices[0]
        for i in range(1, 6):
            chosen = where(sector == i, choices[i], chosen)
        channels.append(chosen)
    return stack(channels, dim=-3)


def adjust_gamma(image: Tensor, gamma: float, gain: float) -> Tensor:
    check_channels(image)
    if gamma < 0:
        raise ValueError("Gamma should be a non-negative real number")
    floating = image if image.dtype.is_floating_point else convert_image_dtype(image, float32)
    return convert_image_dtype((gain * floating.pow(gamma)).clamp(0, 1), image.dtype)


def _each_channel_convolved(image: Tensor, kernel: Tensor) -> Tensor:
    """Every (H, W) plane convolved with the same kernel, without padding, in floating point."""
    planes = image.reshape(-1, 1, *image.shape[-2:])
    out = conv2d(planes, kernel[None, None])
    return out.reshape(*image.shape[:-2], *out.shape[-2:])


def _bell(size: int, sigma: float, dtype: np.dtype) -> np.ndarray:
    x = np.linspace(-(size - 1) * 0.5, (size - 1) * 0.5, size, dtype=dtype)
    weights = np.exp(dtype.type(-0.5) * np.square(x / dtype.type(sigma)))
    return weights / weights.sum()


def gaussian_blur(image: Tensor, kernel_size: list[int], sigma: list[float]) -> Tensor:
    check_image(image)
    dtype = _numpy_floating(image)
    across, down = (_bell(size, width, dtype) for size, width in zip(kernel_size, sigma, strict=True))
    floating = image.to(_floating(image))
    padded = pad(floating, [kernel_size[0] // 2, kernel_size[1] // 2], 0, "reflect")
    kernel = from_numpy(np.outer(down, across)).to(floating.dtype)
    return _back(_each_channel_convolved(padded, kernel), image.dtype)


def smoothed(image: Tensor) -> Tensor:
    """A floating-point image less sharp, without its border."""
    kernel = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]], np.float32) / np.float32(13)
    return _each_channel_convolved(image, from_numpy(kernel).to(image.dtype))


def adjust_sharpness(image: Tensor, factor: float) -> Tensor:
    _check_factor("sharpness_factor", factor)
    check_channels(image)
    if image.shape[-1] <= 2 or image.shape[-2] <= 2:
        return image
    smooth = _back(smoothed(image.to(_floating(image))), image.dtype)
    blurred = image.clone()
    blurred[..., 1:-1, 1:-1] = smooth
    return _blend(image, blurred, factor)


def invert(image: Tensor) -> Tensor:
    check_image(image, 3)
    check_channels(image)
    inverted: Any = largest(image.dtype) - image
    return inverted


def posterize(image: Tensor, bits: int) -> Tensor:
    check_image(image, 3)
    _check_bytes(image)
    check_channels(image)
    return image & (256 - 2 ** (8 - bits))


def solarize(image: Tensor, threshold: float) -> Tensor:
    check_image(image, 3)
    check_channels(image)
    if threshold > largest(image.dtype):
        raise TypeError("Threshold should be less than bound of img.")
    return where(image >= threshold, invert(image), image)


def autocontrast(image: Tensor) -> Tensor:
    check_image(image, 3)
    check_channels(image)
    white = largest(image.dtype)
    low = image.amin(dim=(-2, -1), keepdim=True).to(_floating(image))
    high = image.amax(dim=(-2, -1), keepdim=True).to(_floating(image))
    scale = white / (high - low)
    flat = ~isfinite(scale)
    low, scale = where(flat, zeros_like(low), low), where(flat, ones_like(scale), scale)
    return ((image - low) * scale).clamp(0, white).to(image.dtype)


def equalize(image: Tensor) -> Tensor:
    check_image(image)
    if not 3 <= image.ndim <= 4:
        raise TypeError(f"Input image tensor should have 3 or 4 dimensions, but found {image.ndim}")
    _check_bytes(image)
    check_channels(image)
    planes = [_equalized_plane(plane) for plane in image.reshape(-1, *image.shape[-2:])]
    return stack(planes).reshape(image.shape)


def _equalized_plane(plane: Tensor) -> Tensor:
    counts = bincount(plane.reshape(-1), minlength=256)
    present = counts[counts != 0]
    step = int(present[:-1].sum()) // 255
    if step == 0:
        return plane
    reached = (cumsum(counts, 0) + step // 2).div(step, rounding_mode="floor")
    table = pad_with_constant(reached[:-1], [1, 0]).clamp(0, 255)
    return table[plane.to(int64)].to(uint8)


def erase(image: Tensor, top: int, left: int, height: int, width: int, value: Tensor, inplace: bool) -> Tensor:
    check_image(image)
    erased = image if inplace else image.clone()
    erased[..., top : top + height, left : left + width] = value
    return erased
