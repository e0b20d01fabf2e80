"""Resized images against PyTorch's."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from .oracle import compare, inputs, same_error


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


SHAPES = {1: (2, 3, 7), 2: (2, 3, 5, 7), 3: (1, 2, 4, 3, 5)}
SETTINGS: dict[str, dict[str, Any]] = {
    "twice": {"scale_factor": 2},
    "larger": {"scale_factor": 1.7},
    "smaller": {"scale_factor": 0.6},
    "size": {"size": 9},
    "recomputed": {"scale_factor": 1.7, "recompute_scale_factor": True},
    "one": {"size": 1},
}
MODES = {"nearest": (1, 2, 3), "nearest-exact": (1, 2, 3), "area": (1, 2, 3)}
MODES |= {"linear": (1,), "bilinear": (2,), "bicubic": (2,), "trilinear": (3,)}


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize(("mode", "rank"), [(mode, rank) for mode, ranks in MODES.items() for rank in ranks])
def test_modes(mode: str, rank: int, setting: str) -> None:
    def call(F, torch, x):  # type: ignore[no-untyped-def]
        return F.interpolate(x, mode=mode, **SETTINGS[setting])

    compare(call, *inputs(SHAPES[rank]), label=mode != "area", tolerance=1e-8)
    if mode in ("linear", "bilinear", "bicubic", "trilinear"):
        compare(
            lambda F, torch, x: F.interpolate(x, mode=mode, align_corners=True, **SETTINGS[setting]),
            *inputs(SHAPES[rank]),
            tolerance=1e-8,
        )


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_antialias(mode: str) -> None:
    for settings in ({"size": (3, 4)}, {"scale_factor": 0.4}, {"size": (9, 20)}, {"size": 3, "align_corners": True}):
        compare(
            lambda F, torch, x, s=settings: F.interpolate(x, mode=mode, antialias=True, **s),
            *inputs((2, 3, 8, 9)),
            tolerance=1e-8,
        )


def test_factors_for_each_axis() -> None:
    compare(lambda F, torch, x: F.interpolate(x, scale_factor=(2, 1.5), mode="bilinear"), *inputs((2, 3, 5, 7)))
    compare(lambda F, torch, x: F.interpolate(x, size=(4, 9)), *inputs((2, 3, 5, 7)))


def test_bytes() -> None:
    x = np.random.default_rng(0).integers(0, 256, (2, 3, 9, 8)).astype(np.uint8)
    for mode in ("nearest", "bilinear", "bicubic"):
        compare(lambda F, torch, x, mode=mode: F.interpolate(x, size=(5, 13), mode=mode), x, rounded=False)


def test_old_names() -> None:
    compare(lambda F, torch, x: F.upsample(x, scale_factor=2, mode="bilinear"), *inputs((1, 2, 3, 4)))
    compare(lambda F, torch, x: F.upsample_nearest(x, size=5), *inputs((1, 2, 3, 4)))
    compare(lambda F, torch, x: F.upsample_bilinear(x, size=5), *inputs((1, 2, 3, 4)))


X = np.ones((2, 4, 6, 6))
ERRORS = {
    "no size": lambda F, torch, x: F.interpolate(x),
    "size and factor": lambda F, torch, x: F.interpolate(x, size=3, scale_factor=2),
    "mode": lambda F, torch, x: F.interpolate(x, size=3, mode="x"),
    "linear": lambda F, torch, x: F.interpolate(x, size=3, mode="linear"),
    "trilinear": lambda F, torch, x: F.interpolate(x, size=3, mode="trilinear"),
    "bicubic": lambda F, torch, x: F.interpolate(x[0], size=3, mode="bicubic"),
    "corners": lambda F, torch, x: F.interpolate(x, size=3, align_corners=True),
    "axes": lambda F, torch, x: F.interpolate(x[0, 0], size=3),
    "sizes": lambda F, torch, x: F.interpolate(x, size=(1, 2, 3)),
    "factors": lambda F, torch, x: F.interpolate(x, scale_factor=(1.0, 2.0, 3.0)),
    "negative": lambda F, torch, x: F.interpolate(x, size=-1),
    "nothing left": lambda F, torch, x: F.interpolate(x, scale_factor=0.01),
    "antialias": lambda F, torch, x: F.interpolate(x, size=3, antialias=True),
    "recomputed": lambda F, torch, x: F.interpolate(x, size=3, recompute_scale_factor=True),
    "empty": lambda F, torch, x: F.interpolate(x[:, :, :0], size=3),
    "no channels": lambda F, torch, x: F.interpolate(x[:, :0], size=3),
    "integers": lambda F, torch, x: F.interpolate(x.long(), size=3),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str) -> None:
    same_error(ERRORS[name], X)
