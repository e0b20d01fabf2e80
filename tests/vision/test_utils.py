"""make_grid and save_image against torchvision's."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

import rushlight
from rushlight.vision import utils as ours

from ..data.oracle import assert_same
from ..samples.torchvision_oracle import torchvision

theirs = torchvision.utils
VALUES = np.random.default_rng(0).normal(0.5, 0.4, (5, 3, 4, 6)).astype(np.float32)
CALLS = {
    "plain": lambda u, t: u.make_grid(t),
    "rows": lambda u, t: u.make_grid(t, nrow=2),
    "padding": lambda u, t: u.make_grid(t, nrow=3, padding=1, pad_value=0.25),
    "no padding": lambda u, t: u.make_grid(t, padding=0),
    "normalized": lambda u, t: u.make_grid(t, normalize=True),
    "normalized by range": lambda u, t: u.make_grid(t, normalize=True, value_range=(0, 1)),
    "normalized each": lambda u, t: u.make_grid(t, normalize=True, scale_each=True),
    "list": lambda u, t: u.make_grid([t[0], t[1]]),
    "one": lambda u, t: u.make_grid(t[:1]),
    "image": lambda u, t: u.make_grid(t[0]),
    "plane": lambda u, t: u.make_grid(t[0, 0]),
    "grey": lambda u, t: u.make_grid(t[:, :1], nrow=4),
    "grey image": lambda u, t: u.make_grid(t[0, :1]),
    "two channels": lambda u, t: u.make_grid(t[:, :2]),
}


@pytest.mark.parametrize("name", CALLS)
def test_make_grid(name):
    values = rushlight.tensor(VALUES)
    assert_same(CALLS[name](ours, values), CALLS[name](theirs, torch.tensor(VALUES)))
    np.testing.assert_array_equal(values.numpy(), VALUES)  # the input is left alone


def test_bytes():
    images = (VALUES * 50).clip(0, 255).astype(np.uint8)
    assert_same(ours.make_grid(rushlight.tensor(images)), theirs.make_grid(torch.tensor(images)))


@pytest.mark.parametrize("options", [{}, {"nrow": 2, "normalize": True}])
def test_save_image(tmp_path, options):
    for u, t in ((ours, rushlight), (theirs, torch)):
        u.save_image(t.tensor(VALUES), tmp_path / f"{t.__name__}.png", **options)
    one, other = (np.asarray(Image.open(tmp_path / f"{name}.png")) for name in ("rushlight", "torch"))
    np.testing.assert_array_equal(one, other)
    buffer = io.BytesIO()
    ours.save_image(rushlight.tensor(VALUES), buffer, format="png", **options)
    np.testing.assert_array_equal(np.asarray(Image.open(buffer)), one)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda u, t: u.make_grid(3), "list of tensors, got int"),
        (lambda u, t: u.make_grid([3]), "got a list with int"),
        (lambda u, t: u.make_grid(t.zeros(2, 3, 4, 4), normalize=True, value_range=[0, 1]), r"tuple .*, got \[0, 1\]"),
        (lambda u, t: u.make_grid(t.zeros(2, 3, 4, 4).int(), normalize=True), "takes floats, got .*int32"),
    ],
)
def test_errors_are_of_torchvisions_class_and_say_what(call, words):
    with pytest.raises(Exception) as expected:  # noqa: B017
        call(theirs, torch)
    with pytest.raises(expected.type, match=words):
        call(ours, rushlight)


def test_no_images_are_named():
    with pytest.raises(ValueError, match=r"no images: shape \(0, 3, 2, 2\)"):
        ours.make_grid(rushlight.zeros(0, 3, 2, 2))
