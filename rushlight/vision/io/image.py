"""Image files through Pillow: `torchvision.io.image`.

Pillow reads JPEG with libjpeg-turbo and PNG with code of its own. Pixels of a JPEG may differ by rounding from those of
a torchvision that has another libjpeg. Grey of a coloured PNG may differ by one: libpng's weights have other digits.
"""

from __future__ import annotations

import os
from enum import Enum
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from ...dtype import uint8
from ...errors import NotThereYet
from ...tensor import Tensor, from_numpy
from ..pillow import pillow

__all__ = [
    "ImageReadMode",
    "decode_gif",
    "decode_image",
    "decode_jpeg",
    "decode_png",
    "decode_webp",
    "encode_jpeg",
    "encode_png",
    "read_file",
    "read_image",
    "write_file",
    "write_jpeg",
    "write_png",
]


class ImageReadMode(Enum):
    """What channels an image is read as; every `mode` takes a member or its name, as "RGB".

    UNCHANGED leaves them as they are in the file. Transparency is of PNG and WebP only, grey not of WebP.

    >>> ImageReadMode.RGBA
    <ImageReadMode.RGB_ALPHA: 4>
    """

    UNCHANGED = 0
    GRAY = 1
    GRAY_ALPHA = 2
    RGB = 3
    RGB_ALPHA = 4
    RGBA = RGB_ALPHA


_PILLOW_MODES = {
    ImageReadMode.GRAY: "L",
    ImageReadMode.GRAY_ALPHA: "LA",
    ImageReadMode.RGB: "RGB",
    ImageReadMode.RGB_ALPHA: "RGBA",
}
_WITHOUT_ALPHA = (ImageReadMode.UNCHANGED, ImageReadMode.GRAY, ImageReadMode.RGB)
_WITHOUT_GREY = (ImageReadMode.UNCHANGED, ImageReadMode.RGB, ImageReadMode.RGB_ALPHA)
_PNG = b"\x89PNG\r\n\x1a\n"
_COLOR_TYPES = {2: "RGB", 4: "grey with alpha", 6: "RGB with alpha"}  # of PNG, beside grey and palette
_PNG_GREY = 0


def _mode(mode: ImageReadMode | str) -> ImageReadMode:
    if isinstance(mode, ImageReadMode):
        return mode
    try:
        return ImageReadMode[mode.upper()]
    except (KeyError, AttributeError):
        names = ", ".join(ImageReadMode.__members__)
        raise ValueError(f"mode: {mode!r} is none of {names}") from None


def _content(data: Any) -> bytes:
    """The bytes of a file that a tensor holds."""
    if not isinstance(data, Tensor):
        raise TypeError(f"expected a one-dimensional uint8 tensor with the bytes of a file, got {type(data)}")
    if data.dtype is not uint8:
        raise RuntimeError(f"Expected a torch.uint8 tensor, got {data.dtype}")
    if data.dim() != 1 or data.numel() == 0:
        raise RuntimeError(f"Expected a non empty 1-dimensional tensor, got one of shape {tuple(data.shape)}")
    return data.numpy().tobytes()


def _opened(content: bytes, kind: str) -> Any:
    """The picture in a file of this kind; its pixels are not read yet."""
    try:
        return pillow().open(BytesIO(content), formats=[kind])
    except (OSError, SyntaxError) as error:
        raise RuntimeError(
            f"decode_{kind.lower()}: the {len(content)} bytes are no {kind} image, or it is damaged: {error}"
        ) from error


def _pixels(picture: Any, mode: str | None = None) -> np.ndarray:
    """(H, W) or (H, W, channels), of the picture as this mode of Pillow's; RuntimeError where the file is damaged."""
    kind = picture.format
    try:
        picture.load()
    except (OSError, SyntaxError) as error:
        raise RuntimeError(f"the {kind} image is damaged or incomplete: {error}") from error
    return np.array(picture if mode in (None, picture.mode) else picture.convert(mode))


def _image(pixels: np.ndarray) -> Tensor:
    """(channels, H, W)."""
    return from_numpy(pixels if pixels.ndim == 3 else pixels[..., None]).permute(2, 0, 1)


def _upright(pixels: np.ndarray, picture: Any) -> np.ndarray:
    """The pixels (H, W, …) as a viewer shows them: turned and mirrored as the file's Exif tag 274 says."""
    orientation = picture.getexif().get(0x0112, 1)
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def read_file(path: str | os.PathLike[str]) -> Tensor:
    """The bytes of a file: one-dimensional, uint8. RuntimeError where there is none or it is empty."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise RuntimeError(str(error)) from error
    if not content:
        raise RuntimeError(f"Expected a non empty file: {str(path)!r}")
    return from_numpy(np.frombuffer(bytearray(content), np.uint8))


def write_file(filename: str | os.PathLike[str], data: Tensor) -> None:
    """Writes the bytes of a one-dimensional uint8 tensor to a file. RuntimeError where it is another or cannot."""
    if data.dtype is not uint8:
        raise RuntimeError(f"Input tensor dtype should be uint8, got {data.dtype}")
    if data.dim() != 1:
        raise RuntimeError(f"Input data should be a 1-dimensional tensor, got one of shape {tuple(data.shape)}")
    try:
        Path(filename).write_bytes(data.numpy().tobytes())
    except OSError as error:
        raise RuntimeError(str(error)) from error


# ---- decoding ----


def decode_png(
    input: Tensor, mode: ImageReadMode | str = ImageReadMode.UNCHANGED, apply_exif_orientation: bool = False
) -> Tensor:
    """The PNG file whose bytes `input` holds, as (channels, H, W) of uint8; of uint16 where it has 16 bits of grey.

    UNCHANGED gives the numbers of a palette's colours, as torchvision does: what label images need. Where torchvision
    has no transparency, for one transparent colour without a palette, there is none here.

    Raises RuntimeError for what is no PNG or damaged, NotThereYet for colours of 16 bits, which Pillow cannot read.
    """
    mode, content = _mode(mode), _content(input)
    picture = _opened(content, "PNG")
    deep = content[24] == 16
    if deep and content[25] != _PNG_GREY:
        raise NotThereYet(
            f"decode_png: 16 bits a channel of {_COLOR_TYPES[content[25]]} are not in Rushlight yet, since Pillow would "
            "cut them to 8; 16 bits of grey can be read, and every image of 8"
        )
    if picture.mode != "P":
        picture.info.pop("transparency", None)
    if deep:
        pixels = _deep_pixels(picture, mode)
    elif mode is ImageReadMode.UNCHANGED:
        pixels = _pixels(picture, "L" if picture.mode == "1" else None)
    else:
        pixels = _pixels(picture, _PILLOW_MODES[mode])
    return _image(_upright(pixels, picture) if apply_exif_orientation else pixels)


def _deep_pixels(picture: Any, mode: ImageReadMode) -> np.ndarray:
    """16 bits of grey, repeated for colours, with opacity where the mode has it."""
    grey = _pixels(picture).astype(np.uint16)
    planes = [grey] * (3 if mode in (ImageReadMode.RGB, ImageReadMode.RGB_ALPHA) else 1)
    if mode in (ImageReadMode.GRAY_ALPHA, ImageReadMode.RGB_ALPHA):
        planes.append(np.full_like(grey, 2**16 - 1))
    return np.stack(planes, axis=-1)


def decode_jpeg(
    input: Tensor | list[Tensor],
    mode: ImageReadMode | str = ImageReadMode.UNCHANGED,
    device: Any = "cpu",
    apply_exif_orientation: bool = False,
) -> Tensor | list[Tensor]:
    """The JPEG file whose bytes `input` holds, as (channels, H, W) of uint8; of a list of files, a list.

    UNCHANGED gives 1, 3 or 4 channels: grey, RGB, or CMYK as the file has it, 0 for full ink.

    Raises RuntimeError for what is no JPEG or damaged, and for modes with transparency.
    """
    if isinstance(input, list):
        if not input:
            raise ValueError("Input list must contain at least one element")
        return [_jpeg(one, mode, apply_exif_orientation).to(device) for one in input]
    return _jpeg(input, mode, apply_exif_orientation).to(device)


def _jpeg(data: Tensor, mode: ImageReadMode | str, apply_exif_orientation: bool) -> Tensor:
    mode, content = _mode(mode), _content(data)
    if mode not in _WITHOUT_ALPHA:
        raise RuntimeError(f"The provided mode is not supported for JPEG files: {mode.name}; use GRAY or RGB")
    picture = _opened(content, "JPEG")
    if mode is ImageReadMode.GRAY and picture.mode == "RGB":
        picture.draft("L", picture.size)  # the brightness that the file has, instead of one computed from colours
    if mode is not ImageReadMode.UNCHANGED:
        pixels = _pixels(picture, _PILLOW_MODES[mode])
    elif picture.mode == "CMYK":
        pixels = 255 - _pixels(picture)  # Pillow has 255 for full ink
    else:
        pixels = _pixels(picture)
    return _image(_upright(pixels, picture) if apply_exif_orientation else pixels)


def decode_gif(input: Tensor) -> Tensor:
    """The GIF file whose bytes `input` holds: (3, H, W) of uint8, or (N, 3, H, W) where it moves.

    What is transparent has the colour that its palette gives it. Raises RuntimeError for what is no GIF or damaged.
    """
    picture = _opened(_content(input), "GIF")
    frames = []
    for number in range(picture.n_frames):
        picture.seek(number)
        frames.append(_pixels(picture, "RGB"))
    return _image(frames[0]) if len(frames) == 1 else from_numpy(np.stack(frames)).permute(0, 3, 1, 2)


def decode_webp(input: Tensor, mode: ImageReadMode | str = ImageReadMode.UNCHANGED) -> Tensor:
    """The WebP file whose bytes `input` holds: (3, H, W) of uint8, or (4, H, W) with transparency.

    Raises RuntimeError for what is no WebP, damaged or moving, and for modes of grey.
    """
    mode, content = _mode(mode), _content(input)
    if mode not in _WITHOUT_GREY:
        raise RuntimeError(f"decode_webp: mode {mode.name} is not supported for WebP files; use RGB or RGB_ALPHA")
    picture = _opened(content, "WEBP")
    if picture.is_animated:
        raise RuntimeError("decode_webp: animated webp files are not supported, as in torchvision")
    return _image(_pixels(picture, _PILLOW_MODES.get(mode)))


def decode_image(
    input: Tensor | str | os.PathLike[str],
    mode: ImageReadMode | str = ImageReadMode.UNCHANGED,
    apply_exif_orientation: bool = False,
) -> Tensor:
    """A JPEG, PNG, GIF or WebP file, by its path or its bytes (one-dimensional, uint8), as (channels, H, W).

    Args:
        mode: the channels, a member of ImageReadMode or its name; GIF is always RGB.
        apply_exif_orientation: of JPEG and PNG, turn the image as its Exif says.

    Raises RuntimeError where there is no such file, for another format, and where the image is damaged.

    >>> import rushlight as torch
    >>> image = torch.arange(12, dtype=torch.uint8).reshape(3, 2, 2)
    >>> torch.equal(decode_image(encode_png(image)), image)
    True
    """
    data = input if isinstance(input, Tensor) else read_file(input)
    start = _content(data[:16])
    if start.startswith(b"\xff\xd8\xff"):
        return _jpeg(data, mode, apply_exif_orientation)
    if start.startswith(_PNG):
        return decode_png(data, mode, apply_exif_orientation)
    if start.startswith((b"GIF87a", b"GIF89a")):
        return decode_gif(data)
    if start[:4] == b"RIFF" and start[8:15] == b"WEBPVP8":
        return decode_webp(data, mode)
    raise RuntimeError(
        f"Unsupported image file. Only jpeg, png, webp and gif are currently supported; the first bytes are {start!r}"
    )


def read_image(
    path: str | os.PathLike[str],
    mode: ImageReadMode | str = ImageReadMode.UNCHANGED,
    apply_exif_orientation: bool = False,
) -> Tensor:
    """The image in a file, as `decode_image` gives it."""
    return decode_image(read_file(path), mode, apply_exif_orientation)


# ---- encoding ----


def _encoded(image: Tensor, kind: str, **options: int) -> Tensor:
    """The bytes of a file with this image (1 or 3, H, W)."""
    if image.dtype is not uint8:
        raise RuntimeError(f"Input tensor dtype should be uint8, got {image.dtype}")
    if image.dim() != 3:
        raise RuntimeError(f"Input data should be a 3-dimensional tensor, got one of shape {tuple(image.shape)}")
    if image.size(0) not in (1, 3):
        raise RuntimeError(f"The number of channels should be 1 or 3, got: {image.size(0)}")
    pixels = image.numpy()
    pixels = pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)
    buffer = BytesIO()
    pillow().fromarray(np.ascontiguousarray(pixels)).save(buffer, format=kind, **options)
    return from_numpy(np.frombuffer(bytearray(buffer.getbuffer()), np.uint8))


def encode_png(input: Tensor, compression_level: int = 6) -> Tensor:
    """The bytes of a PNG file, one-dimensional, with the image (1 or 3, H, W) of uint8; level 0 (none) to 9."""
    if not 0 <= compression_level <= 9:
        raise RuntimeError(f"Compression level should be between 0 and 9, got {compression_level}")
    return _encoded(input, "PNG", compress_level=compression_level)


def write_png(input: Tensor, filename: str | os.PathLike[str], compression_level: int = 6) -> None:
    """Writes the image (1 or 3, H, W) of uint8 to a PNG file."""
    write_file(filename, encode_png(input, compression_level))


def encode_jpeg(input: Tensor | list[Tensor], quality: int = 75) -> Tensor | list[Tensor]:
    """The bytes of a JPEG file, one-dimensional, with the image (1 or 3, H, W) of uint8; of a list, a list.

    `quality` is 1 to 100; ValueError for another.
    """
    if not 1 <= quality <= 100:
        raise ValueError(f"Image quality should be a positive number between 1 and 100, got {quality}")
    if isinstance(input, list):
        if not input:
            raise ValueError("encode_jpeg requires at least one input tensor when a list is passed")
        return [_encoded(one, "JPEG", quality=quality) for one in input]
    return _encoded(input, "JPEG", quality=quality)


def write_jpeg(input: Tensor, filename: str | os.PathLike[str], quality: int = 75) -> None:
    """Writes the image (1 or 3, H, W) of uint8 to a JPEG file of this quality, 1 to 100."""
    content = encode_jpeg(input, quality)
    assert isinstance(content, Tensor)
    write_file(filename, content)
