"""Functions on images against torchvision's: kinds of images, and what the classes do not reach."""

import numpy as np
import pytest
import torch
from PIL import Image

import rushlight
from rushlight.vision.transforms import functional as ours

from ..data.oracle import assert_same
from ..samples.torchvision_oracle import torchvision
from .images import assert_close, pil_image, pixels, plain, tensor_image

theirs = torchvision.transforms.functional
MODES = ["1", "L", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "LAB", "I", "F", "LA", "I;16"]


def image_of(mode):
    if mode == "I;16":
        return Image.fromarray(pixels()[..., 0].astype(np.uint16) * 100)
    if mode == "LAB":
        return Image.frombytes("LAB", (23, 19), pixels().tobytes())
    return pil_image().convert(mode)


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_becomes_a_tensor(mode):
    image = image_of(mode)
    assert_same(ours.to_tensor(image), theirs.to_tensor(image))
    assert_same(ours.get_dimensions(image), theirs.get_dimensions(image))
    if mode != "I;16":  # torch.as_tensor has no uint16 here in older versions; its values are checked above
        assert_same(ours.pil_to_tensor(image), theirs.pil_to_tensor(image))


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "int64", "float32", "float64", "bool"])
@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1), (4, 5, 3), (4, 5, 4)])
def test_arrays_become_tensors(dtype, shape):
    array = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    assert_same(ours.to_tensor(array), theirs.to_tensor(array))


def test_the_default_dtype_counts():
    for library, F in ((rushlight, ours), (torch, theirs)):
        library.set_default_dtype(library.float64)
        try:
            made = F.to_tensor(pil_image())
        finally:
            library.set_default_dtype(library.float32)
        assert made.dtype is library.float64
        np.testing.assert_array_equal(np.asarray(made.numpy()), pixels().transpose(2, 0, 1) / 255)


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_tensors_become_images(dtype, channels):
    one, other = (F.to_pil_image(tensor_image(t, dtype, channels)) for F, t in ((ours, rushlight), (theirs, torch)))
    assert_same(plain(one), plain(other))


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32"])
def test_one_channel_arrays_become_images(dtype):
    array = pixels()[..., 0].astype(dtype)
    for mode in (None, "F") if dtype == "float32" else (None,):
        assert_same(plain(ours.to_pil_image(array, mode)), plain(theirs.to_pil_image(array, mode)))


DTYPES = ["uint8", "int8", "int16", "int32", "int64", "float32", "float64"]


@pytest.mark.parametrize("source", DTYPES)
@pytest.mark.parametrize("target", DTYPES)
def test_convert_image_dtype(source, target):
    values = np.array([0, 0.1, 0.5, 0.999, 1]) if source.startswith("float") else np.array([0, 1, 50, 127])
    values = values.astype(source)
    try:
        expected = theirs.convert_image_dtype(torch.tensor(values), getattr(torch, target))
    except RuntimeError as error:
        with pytest.raises(RuntimeError) as got:
            ours.convert_image_dtype(rushlight.tensor(values), getattr(rushlight, target))
        assert str(got.value) == str(error)
    else:
        assert_same(ours.convert_image_dtype(rushlight.tensor(values), getattr(rushlight, target)), expected)


CALLS = {
    "gamma": lambda F, x: F.adjust_gamma(x, 1.7, 0.9),
    "crop over the border": lambda F, x: F.crop(x, -3, 15, 12, 20),
    "crop beyond": lambda F, x: F.crop(x, 30, 40, 5, 6),
    "crop before": lambda F, x: F.crop(x, -9, -9, 5, 6),
    "negative padding": lambda F, x: F.pad(x, [-2, -1, 3, 0], padding_mode="edge"),
    "negative reflection": lambda F, x: F.pad(x, [-2, 1, -3, 2], padding_mode="reflect"),
    "symmetric over the edge": lambda F, x: F.pad(x, [2, 1, 0, 2], padding_mode="symmetric"),
    "rotate by a right angle": lambda F, x: F.rotate(x, 90, expand=True),
    "rotate by an integer": lambda F, x: F.rotate(x, 180),
    "shear": lambda F, x: F.affine(x, 0, (2, 1), 1.3, [10.0, -5.0]),
    "shear one": lambda F, x: F.affine(x, 15, [0, 0], 1.0, 20),
    "brightness": lambda F, x: F.adjust_brightness(x, 1.8),
    "contrast": lambda F, x: F.adjust_contrast(x, 0.3),
    "saturation": lambda F, x: F.adjust_saturation(x, 2.0),
    "hue": lambda F, x: F.adjust_hue(x, -0.31),
    "sharpness": lambda F, x: F.adjust_sharpness(x, 0.0),
    "resized crop": lambda F, x: F.resized_crop(x, 2, 3, 10, 11, [7, 8]),
    "size": lambda F, x: F.get_image_size(x),
    "channels": lambda F, x: F.get_image_num_channels(x),
    "blur": lambda F, x: F.gaussian_blur(x, 3),
}


@pytest.mark.parametrize("name", CALLS)
def test_on_pil_images(name):
    one, other = CALLS[name](ours, pil_image()), CALLS[name](theirs, pil_image())
    if name == "blur":
        assert np.abs(np.asarray(one).astype(int) - np.asarray(other).astype(int)).max() <= 1
    else:
        assert_same(plain(one), plain(other))


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("name", CALLS)
def test_on_tensors(name, dtype):
    one, other = (CALLS[name](F, tensor_image(t, dtype)) for F, t in ((ours, rushlight), (theirs, torch)))
    warped = name.startswith(("rotate", "shear"))
    assert_close(one, other, 1 if dtype == "uint8" else 1e-4 if warped else 2e-6, 0.02 if warped else 0)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "F", "I"])
def test_other_modes_are_padded_and_turned(mode):
    image = image_of(mode)
    for call in (
        lambda F: F.pad(image, 2, fill=5),
        lambda F: F.pad(image, (1, 2), padding_mode="edge"),
        lambda F: F.rotate(image, 30, fill=7),
        lambda F: F.hflip(image),
        lambda F: F.crop(image, -1, -2, 5, 6),
    ):
        assert_same(plain(call(ours)), plain(call(theirs)))


def test_plain_resize_without_antialias():
    for mode in ("BILINEAR", "BICUBIC", "NEAREST_EXACT"):
        for size in ([8, 40], [40, 8], [19, 22]):
            one, other = (
                F.resize(tensor_image(t, "float32"), size, getattr(F.InterpolationMode, mode), antialias=False)
                for F, t in ((ours, rushlight), (theirs, torch))
            )
            assert_close(one, other, 5e-6)


def test_errors():
    calls = [
        lambda F, t: F.pad(tensor_image(t), 19, padding_mode="reflect"),
        lambda F, t: F.rotate(tensor_image(t), "a"),
        lambda F, t: F.rotate(tensor_image(t), 1, center=1),
        lambda F, t: F.affine(tensor_image(t), 1, [0, 0], -1, 0),
        lambda F, t: F.affine(tensor_image(t), 1, [0], 1, 0),
        lambda F, t: F.affine(tensor_image(t), 1, [0, 0], 1, [1, 2, 3]),
        lambda F, t: F.perspective(tensor_image(t), [[0, 0]], [[0, 0]]),
        lambda F, t: F.hflip("image"),
        lambda F, t: F.to_grayscale(tensor_image(t)),
        lambda F, t: F.erase(pil_image(), 0, 0, 1, 1, 0),
        lambda F, t: F.normalize(pil_image(), [0], [1]),
        lambda F, t: F.gaussian_blur(tensor_image(t), [3, 4]),
        lambda F, t: F.gaussian_blur(tensor_image(t), 3, -1),
        lambda F, t: F.adjust_hue(tensor_image(t), 0.7),
        lambda F, t: F.adjust_gamma(tensor_image(t), -1),
        lambda F, t: F.adjust_brightness(tensor_image(t), -1),
        lambda F, t: F.elastic_transform(tensor_image(t), t.zeros(1, 2, 2, 2)),
        lambda F, t: F.get_dimensions("image"),
        lambda F, t: F.resize(tensor_image(t), [1, 2, 3]),
    ]
    for i, call in enumerate(calls):
        with pytest.raises(Exception) as expected:
            call(theirs, torch)
        with pytest.raises(type(expected.value)) as got:
            call(ours, rushlight)
        assert str(got.value).split("(")[0][:40] == str(expected.value).split("(")[0][:40], i
