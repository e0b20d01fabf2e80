"""Rearranged pixels, windows as columns, and images read at any places, against PyTorch's."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import pytest

from .oracle import compare, inputs, same_error


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


REARRANGED = {
    "pixel_shuffle": (lambda F, torch, x: F.pixel_shuffle(x, 2), (2, 8, 3, 4)),
    "pixel_shuffle unbatched": (lambda F, torch, x: torch.pixel_shuffle(x, 3), (9, 2, 2)),
    "pixel_unshuffle": (lambda F, torch, x: F.pixel_unshuffle(x, 2), (2, 3, 4, 6)),
    "channel_shuffle": (lambda F, torch, x: F.channel_shuffle(x, 2), (2, 6, 3)),
    "torch.channel_shuffle": (lambda F, torch, x: torch.channel_shuffle(x, 3), (2, 6, 3, 2)),
    "unfold": (lambda F, torch, x: F.unfold(x, 2), (2, 3, 4, 5)),
    "unfold settings": (lambda F, torch, x: F.unfold(x, (2, 3), (1, 2), (1, 0), (2, 1)), (2, 3, 6, 7)),
    "unfold unbatched": (lambda F, torch, x: F.unfold(x, 3, padding=1), (3, 4, 5)),
    "fold": (lambda F, torch, x: F.fold(x, (4, 5), 2), (2, 12, 12)),
    "fold settings": (lambda F, torch, x: F.fold(x, (5, 6), (2, 3), (1, 2), (1, 1), (2, 1)), (2, 6, 12)),
    "fold unbatched": (lambda F, torch, x: F.fold(x, 4, 2, stride=2), (4, 4)),
}


@pytest.mark.parametrize("name", REARRANGED)
def test_rearranged(name: str) -> None:
    call, shape = REARRANGED[name]
    compare(call, *inputs(shape))


@pytest.mark.parametrize("corners", [True, False])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
def test_grid_sample(mode: str, padding: str, corners: bool) -> None:
    def call(F, torch, x, grid):  # type: ignore[no-untyped-def]
        return F.grid_sample(x, 1.3 * grid, mode, padding, corners)

    compare(call, *inputs((2, 3, 4, 5), (2, 3, 6, 2)), gradgrad=False, rounded=False)
    if mode != "bicubic":
        compare(call, *inputs((2, 2, 3, 4, 3), (2, 2, 3, 2, 3)), gradgrad=False, rounded=False)


def test_grid_sample_once_more() -> None:
    compare(lambda F, torch, x, g: F.grid_sample(x, g.tanh()), *inputs((1, 2, 4, 5), (1, 3, 3, 2)), rounded=False)
    compare(
        lambda F, torch, x, g: torch.grid_sampler(x, g, 0, 1, True), *inputs((1, 2, 4, 5), (1, 3, 3, 2)), rounded=False
    )


@pytest.mark.parametrize("corners", [True, False, None])
def test_affine_grid(corners: bool | None) -> None:
    compare(lambda F, torch, t: F.affine_grid(t, (2, 3, 4, 5), corners), *inputs((2, 2, 3)))
    compare(lambda F, torch, t: F.affine_grid(t, (1, 3, 2, 1, 3), align_corners=corners), *inputs((1, 3, 4)))


X = np.ones((2, 4, 6, 6))
ERRORS = {
    "shuffle axes": lambda F, torch, x: F.pixel_shuffle(x[0, 0], 2),
    "shuffle channels": lambda F, torch, x: F.pixel_shuffle(x[:, :3], 2),
    "shuffle 0": lambda F, torch, x: F.pixel_shuffle(x, 0),
    "unshuffle height": lambda F, torch, x: F.pixel_unshuffle(x[:, :, :5], 2),
    "unshuffle width": lambda F, torch, x: F.pixel_unshuffle(x[..., :5], 2),
    "unshuffle 0": lambda F, torch, x: F.pixel_unshuffle(x, 0),
    "channels": lambda F, torch, x: F.channel_shuffle(x, 3),
    "channels axes": lambda F, torch, x: F.channel_shuffle(x[0, 0], 2),
    "channels 0": lambda F, torch, x: F.channel_shuffle(x, 0),
    "unfold size": lambda F, torch, x: F.unfold(x, 9),
    "unfold kernel": lambda F, torch, x: F.unfold(x, 0),
    "unfold stride": lambda F, torch, x: F.unfold(x, 2, stride=0),
    "unfold dilation": lambda F, torch, x: F.unfold(x, 2, dilation=0),
    "unfold padding": lambda F, torch, x: F.unfold(x, 2, padding=-1),
    "unfold kernels": lambda F, torch, x: F.unfold(x, (2, 2, 2)),
    "unfold empty": lambda F, torch, x: F.unfold(x[:, :0], 2),
    "unfold integers": lambda F, torch, x: F.unfold(x.long(), 2),
    "fold windows": lambda F, torch, x: F.fold(torch.ones(2, 8, 8), 4, 2),
    "fold channels": lambda F, torch, x: F.fold(torch.ones(2, 7, 9), 4, 2),
    "fold axes": lambda F, torch, x: F.fold(torch.ones(2, 8, 9, 1), 4, 2),
    "fold kernel": lambda F, torch, x: F.fold(torch.ones(2, 8, 9), 4, 0),
    "fold sizes": lambda F, torch, x: F.fold(torch.ones(2, 8, 9), (4, 4, 4), 2),
    "grid mode": lambda F, torch, x: F.grid_sample(x, torch.ones(2, 3, 3, 2), mode="x"),
    "grid padding": lambda F, torch, x: F.grid_sample(x, torch.ones(2, 3, 3, 2), padding_mode="x"),
    "grid batch": lambda F, torch, x: F.grid_sample(x, torch.ones(3, 3, 3, 2)),
    "grid last": lambda F, torch, x: F.grid_sample(x, torch.ones(2, 3, 3, 3)),
    "grid axes": lambda F, torch, x: F.grid_sample(x, torch.ones(2, 3, 3, 3, 3)),
    "grid of rows": lambda F, torch, x: F.grid_sample(x[0], torch.ones(4, 3, 3)),
    "grid bicubic": lambda F, torch, x: F.grid_sample(x[None], torch.ones(1, 2, 2, 2, 3), mode="bicubic"),
    "grid dtype": lambda F, torch, x: F.grid_sample(x, torch.ones(2, 3, 3, 2).double()),
    "grid empty": lambda F, torch, x: F.grid_sample(x[:, :, :0], torch.ones(2, 3, 3, 2)),
    "affine": lambda F, torch, x: F.affine_grid(torch.ones(2, 3, 3), (2, 1, 4, 4)),
    "affine size": lambda F, torch, x: F.affine_grid(torch.ones(2, 2, 3), (2, 1, 4)),
    "affine integers": lambda F, torch, x: F.affine_grid(torch.ones(2, 2, 3).long(), (2, 1, 4, 4)),
    "affine empty": lambda F, torch, x: F.affine_grid(torch.ones(2, 2, 3), (2, 1, 0, 4)),
    "affine batch": lambda F, torch, x: F.affine_grid(torch.ones(3, 2, 3), (2, 1, 4, 4)),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str) -> None:
    same_error(ERRORS[name], X)
