"""Image files: what Pillow reads and writes, as tensors, and the errors of `torchvision.io`."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

import rushlight as torch
from rushlight.errors import NotThereYet
from rushlight.vision import io

DRAW = np.random.default_rng(0)
COLORS = DRAW.integers(0, 256, (9, 14, 3), np.uint8)


def file(picture: Image.Image, kind: str, **options: Any) -> Any:
    buffer = BytesIO()
    picture.save(buffer, format=kind, **options)
    return torch.from_numpy(np.frombuffer(bytearray(buffer.getbuffer()), np.uint8))


def pixels(image: Any) -> np.ndarray:
    return np.array(image.permute(1, 2, 0).tolist(), np.uint8)


@pytest.mark.parametrize("shape", [(3, 9, 14), (1, 5, 4), (3, 1, 1)])
def test_png_there_and_back(shape: tuple[int, ...], tmp_path: Path) -> None:
    image = torch.from_numpy(DRAW.integers(0, 256, shape, np.uint8))
    io.write_png(image, tmp_path / "x.png")
    assert torch.equal(io.read_image(tmp_path / "x.png"), image)
    assert torch.equal(io.decode_png(io.encode_png(image, 0)), image)
    assert torch.equal(io.decode_image(str(tmp_path / "x.png"), mode="UNCHANGED"), image)


def test_jpeg_is_pillows(tmp_path: Path) -> None:
    image = torch.from_numpy(COLORS).permute(2, 0, 1)
    io.write_jpeg(image, tmp_path / "x.jpg", quality=90)
    with Image.open(tmp_path / "x.jpg") as picture:
        np.testing.assert_array_equal(pixels(io.read_image(tmp_path / "x.jpg")), np.array(picture))
    first, second = io.decode_jpeg([io.encode_jpeg(image), io.encode_jpeg(image[:1])])
    assert first.shape == (3, 9, 14) and second.shape == (1, 9, 14)
    assert io.decode_jpeg(io.encode_jpeg(image), mode=io.ImageReadMode.GRAY).shape == (1, 9, 14)
    # Inks are as the file has them: torchvision gives 0 for full ink.
    inks = np.array(Image.fromarray(COLORS).convert("CMYK"))
    found = pixels(io.decode_jpeg(file(Image.fromarray(inks, "CMYK"), "JPEG", quality=100, subsampling=0)))
    assert found.shape == (9, 14, 4) and abs((255 - found.astype(int)) - inks).mean() < 4


@pytest.mark.parametrize(
    ("mode", "channels"), [("GRAY", 1), ("GRAY_ALPHA", 2), ("RGB", 3), ("RGB_ALPHA", 4), ("RGBA", 4)]
)
def test_modes(mode: str, channels: int) -> None:
    data = file(Image.fromarray(COLORS), "PNG")
    assert io.decode_png(data, mode=mode).shape[0] == channels
    assert torch.equal(io.decode_png(data, mode=mode), io.decode_image(data, mode=io.ImageReadMode[mode]))
    if channels in (2, 4):
        assert io.decode_png(data, mode=mode)[-1].min() == 255


def test_palettes_bits_and_deep_greys() -> None:
    numbers = DRAW.integers(0, 5, (6, 7), np.uint8)
    picture = Image.fromarray(numbers, "P")
    picture.putpalette(DRAW.integers(0, 256, 768, np.uint8).tobytes())
    np.testing.assert_array_equal(pixels(io.decode_png(file(picture, "PNG")))[..., 0], numbers)
    np.testing.assert_array_equal(pixels(io.decode_png(file(picture, "PNG"), "RGB")), np.array(picture.convert("RGB")))
    deep = DRAW.integers(0, 1 << 16, (3, 4), np.uint16)
    found = io.decode_png(file(Image.fromarray(deep), "PNG"), "RGB")
    assert found.dtype is torch.uint16 and found.tolist() == [deep.tolist()] * 3
    black = Image.fromarray(numbers > 2)
    np.testing.assert_array_equal(pixels(io.decode_png(file(black, "PNG")))[..., 0], (numbers > 2) * 255)


def test_orientation() -> None:
    exif = Image.Exif()
    for orientation in range(1, 9):
        exif[0x0112] = orientation
        data = file(Image.fromarray(COLORS), "PNG", exif=exif)
        with Image.open(BytesIO(bytes(data.tolist()))) as picture:
            turned = np.array(ImageOps.exif_transpose(picture))
        np.testing.assert_array_equal(pixels(io.decode_image(data, apply_exif_orientation=True)), turned)
        np.testing.assert_array_equal(pixels(io.decode_image(data)), COLORS)


def test_gif_and_webp() -> None:
    frames = [Image.fromarray(DRAW.integers(0, 256, (5, 6), np.uint8)) for _ in range(3)]
    still, moving = file(frames[0], "GIF"), file(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert io.decode_gif(still).shape == (3, 5, 6) and io.decode_image(moving).shape == (3, 3, 5, 6)
    data = file(Image.fromarray(COLORS), "WEBP", lossless=True)
    np.testing.assert_array_equal(pixels(io.decode_webp(data)), COLORS)
    assert io.decode_image(data, mode="RGBA").shape[0] == 4


def test_errors(tmp_path: Path) -> None:
    png = file(Image.fromarray(COLORS), "PNG")
    wrong = [
        (RuntimeError, "No such file", lambda: io.read_file(tmp_path / "none")),
        (RuntimeError, "non empty", lambda: io.decode_png(png[:0])),
        (RuntimeError, "uint8", lambda: io.decode_image(png.float())),
        (RuntimeError, "damaged", lambda: io.decode_png(png[:60])),
        (RuntimeError, "no JPEG image", lambda: io.decode_jpeg(png)),
        (RuntimeError, "Unsupported image file", lambda: io.decode_image(png[1:])),
        (RuntimeError, "not supported for JPEG", lambda: io.decode_jpeg(png, mode="RGBA")),
        (ValueError, "is none of", lambda: io.decode_png(png, mode="BLUE")),
        (RuntimeError, "1 or 3", lambda: io.encode_png(torch.zeros(2, 3, 3, dtype=torch.uint8))),
        (RuntimeError, "3-dimensional", lambda: io.encode_jpeg(torch.zeros(3, 3, dtype=torch.uint8))),
        (ValueError, "between 1 and 100", lambda: io.encode_jpeg(torch.zeros(1, 3, 3, dtype=torch.uint8), quality=0)),
        (RuntimeError, "between 0 and 9", lambda: io.encode_png(torch.zeros(1, 3, 3, dtype=torch.uint8), 10)),
        (NotThereYet, "read_video is not in Rushlight yet", lambda: io.read_video),
    ]
    for kind, text, call in wrong:
        with pytest.raises(kind, match=text):
            call()
