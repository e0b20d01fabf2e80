"""Pictures, films and sound as entries: PNG, GIF and WAV inside a `Summary`."""

from __future__ import annotations

import io
import math
import sys
import warnings
import wave
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from tensorboard.compat.proto.summary_pb2 import Summary

from .values import as_array

# Pictures of a batch that stand side by side in a row.
COLUMNS = 8


def grid(pictures: np.ndarray, columns: int, rows: int | None = None) -> np.ndarray:
    """Pictures (N, H, W, C) as one, row by row; places that are left are black."""
    number, height, width, channels = pictures.shape
    rows = rows or -(-number // columns)
    places = np.zeros((rows * columns, height, width, channels), pictures.dtype)
    places[:number] = pictures
    return (
        places.reshape(rows, columns, height, width, channels)
        .swapaxes(1, 2)
        .reshape(rows * height, columns * width, channels)
    )


def in_order(array: np.ndarray, letters: str) -> np.ndarray:
    """A picture (H, W, C) of an array whose axes `letters` names (N, C, H and W in any order); a batch becomes a grid, and one
    channel three."""
    letters = letters.upper()
    if len(set(letters)) != len(letters):
        raise AssertionError(f"dataformats {letters!r} names an axis twice")
    if array.ndim != len(letters):
        raise AssertionError(
            f"dataformats {letters!r} is for {len(letters)} dimensions, but the picture has shape {array.shape}; "
            "say which axis is which, as in dataformats='HWC'"
        )
    if set(letters) not in (set("NCHW"), set("CHW"), set("HW")):
        raise ValueError(f"dataformats {letters!r} must be an order of 'NCHW', 'CHW' or 'HW'")
    wanted = [letter for letter in "NHWC" if letter in letters]
    array = array.transpose([letters.index(letter) for letter in wanted])
    if "C" not in letters:
        array = array[..., None]
    if array.shape[-1] == 1:
        array = array.repeat(3, axis=-1)
    if "N" in letters:
        if array.shape[-1] != 3:
            raise AssertionError(f"pictures of a batch have 1 or 3 channels, got {array.shape[-1]}")
        if not len(array):
            raise ValueError("a batch of no pictures cannot be shown")
        array = grid(array, min(len(array), COLUMNS))
    return array


def as_bytes(array: np.ndarray) -> np.ndarray:
    """Colours as uint8: bytes as they are, all other dtypes as shares of 255."""
    if array.dtype == np.uint8:
        return array
    return (array.astype(np.float32) * 255).clip(0, 255).astype(np.uint8)


def picture_entry(tag: str, shape: tuple[int, ...], encoded: bytes) -> Summary:
    height, width, channels = shape
    image = Summary.Image(height=height, width=width, colorspace=channels, encoded_image_string=encoded)
    return Summary(value=[Summary.Value(tag=tag, image=image)])


def png(tag: str, picture: np.ndarray, rescale: float) -> Summary:
    """A picture (H, W, C) of bytes, `rescale` times as wide and high; the entry says the size before, as PyTorch's does."""
    height, width, _ = picture.shape
    shown = Image.fromarray(picture)
    size = (int(width * rescale), int(height * rescale))
    if size != shown.size:
        shown = shown.resize(size, Image.Resampling.LANCZOS)
    encoded = io.BytesIO()
    shown.save(encoded, format="PNG")
    return picture_entry(tag, picture.shape, encoded.getvalue())


def image(tag: str, tensor: Any, rescale: float = 1, dataformats: str = "NCHW") -> Summary:
    """A picture, or a batch as one picture. Floats are in [0, 1]."""
    return png(tag, as_bytes(in_order(as_array(tensor), dataformats)), rescale)


def box_with_label(draw: ImageDraw.ImageDraw, box: Sequence[float], label: str | None) -> None:
    """A red frame; its label in black on red, upwards from the lower left corner."""
    left, top, right, bottom = box
    # The way round decides on which side of the line its second pixel lies.
    draw.line([(left, top), (left, bottom), (right, bottom), (right, top), (left, top)], fill="red", width=2)
    if not label:
        return
    font = ImageFont.load_default()
    begin, ascent, end, descent = font.getbbox(label)
    width, height = end - begin, descent - ascent
    margin = math.ceil(0.05 * height)
    draw.rectangle([(left, bottom - height - 2 * margin), (left + width, bottom)], fill="red")
    draw.text((left + margin, bottom - height - margin), label, fill="black", font=font)


def image_boxes(
    tag: str,
    tensor_image: Any,
    tensor_boxes: Any,
    rescale: float = 1,
    dataformats: str = "CHW",
    labels: Sequence[str] | None = None,
) -> Summary:
    """A picture with frames (N, 4) of corners left, top, right, bottom, in pixels; a label for each where there are some."""
    boxes = as_array(tensor_boxes)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise IndexError(f"boxes are (N, 4): left, top, right, bottom; got shape {boxes.shape}")
    if labels is not None and len(labels) < len(boxes):
        raise IndexError(f"{len(boxes)} boxes have {len(labels)} labels; give one for each, or none")
    picture = Image.fromarray(as_bytes(in_order(as_array(tensor_image), dataformats)))
    draw = ImageDraw.Draw(picture)
    for index, box in enumerate(boxes.tolist()):
        box_with_label(draw, box, labels[index] if labels is not None else None)
    return png(tag, np.asarray(picture), rescale)


def films_side_by_side(films: np.ndarray) -> np.ndarray:
    """Frames (T, H, W, C) that show N films (N, T, C, H, W) in a grid, whose sides are powers of 2, as nearly square as they can
    be and not higher than wide."""
    number = len(films)
    exponent = (number - 1).bit_length()
    rows = 2 ** (exponent // 2)
    columns = 2**exponent // rows
    return np.stack([grid(frame, columns, rows) for frame in films.transpose(1, 0, 3, 4, 2)])


def video(tag: str, tensor: Any, fps: float = 4) -> Summary:
    """Films (N, T, C, H, W), bytes or floats in [0, 1], as one GIF; that counts time in hundredths of a second."""
    films = as_array(tensor)
    if films.ndim != 5 or films.shape[2] not in (1, 3) or not films.size:
        raise ValueError(f"films have shape (N, T, C, H, W) with 1 or 3 channels C, got {films.shape}")
    if films.shape[2] == 1:
        films = films.repeat(3, axis=2)
    frames = films_side_by_side(as_bytes(films))
    first, *others = [Image.fromarray(frame) for frame in frames]
    encoded = io.BytesIO()
    first.save(encoded, format="GIF", save_all=True, append_images=others, duration=round(1000 / fps), loop=0)
    return picture_entry(tag, frames.shape[1:], encoded.getvalue())


def audio(tag: str, tensor: Any, sample_rate: int = 44100) -> Summary:
    """One channel of sound in [-1, 1], `sample_rate` numbers a second, in 16 bits; warns where it must clip."""
    sound = as_array(tensor).squeeze()
    if sound.ndim != 1:
        raise AssertionError(f"sound has one channel, a single row of samples, got shape {np.shape(tensor)}")
    if np.abs(sound).max(initial=0) > 1:
        warnings.warn(f"add_audio: {tag!r} has amplitudes beyond 1, which are clipped", stacklevel=3)
    samples = (sound.clip(-1, 1) * (2**15 - 1)).astype("<i2")
    encoded = io.BytesIO()
    with wave.open(encoded, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(samples.tobytes())
    content = Summary.Audio(
        sample_rate=sample_rate,
        num_channels=1,
        length_frames=len(samples),
        encoded_audio_string=encoded.getvalue(),
        content_type="audio/wav",
    )
    return Summary(value=[Summary.Value(tag=tag, audio=content)])


def of_figure(figure: Any, close: bool) -> np.ndarray:
    """A Matplotlib figure's pixels, (3, H, W); `close` takes it from pyplot's list."""
    encoded = io.BytesIO()
    figure.savefig(encoded, format="png", dpi=figure.dpi)
    # A figure that pyplot knows was made by pyplot, which is then loaded.
    pyplot = sys.modules.get("matplotlib.pyplot")
    if close and pyplot is not None:
        pyplot.close(figure)
    return np.asarray(Image.open(encoded))[..., :3].transpose(2, 0, 1)
