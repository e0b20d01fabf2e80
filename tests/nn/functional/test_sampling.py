"""Reading images at places: edges, numbers that are none, half precision, warnings, against PyTorch's."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch as pytorch

import rushlight
import rushlight.nn.functional

from .oracle import compare, inputs, ours, theirs, to_array

MODES = ["bilinear", "nearest", "bicubic"]
PADDINGS = ["zeros", "border", "reflection"]


def _grid(*places: float) -> np.ndarray:
    """All pairs of these places: (1, n, n, 2)."""
    return np.stack(np.meshgrid(places, places), -1)[None]


@pytest.mark.parametrize("corners", [True, False])
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("mode", MODES)
def test_edges_and_beyond(mode: str, padding: str, corners: bool) -> None:
    places = (-9.3, -2.6, -1.25, -1.0, -0.8, 0.0, 0.8, 1.0, 1.25, 2.6, 7.1)
    compare(
        lambda F, torch, x, grid: F.grid_sample(x, grid, mode, padding, corners),
        inputs((1, 2, 4, 5))[0],
        _grid(*places),
        gradgrad=False,
        rounded=False,
    )


@pytest.mark.parametrize("corners", [True, False])
@pytest.mark.parametrize("padding", PADDINGS)
def test_images_of_one_element(padding: str, corners: bool) -> None:
    compare(
        lambda F, torch, x, grid: F.grid_sample(x, grid, "bilinear", padding, corners),
        inputs((1, 2, 1, 1))[0],
        _grid(-1.5, -0.3, 0.0, 0.4, 2.0),
        gradgrad=False,
        rounded=False,
    )


@pytest.mark.parametrize("mode", MODES)
def test_what_is_no_number_reads_nothing(mode: str) -> None:
    grid = _grid(np.nan, np.inf, -np.inf, 0.1)
    image = np.ones((1, 1, 4, 5))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        got = rushlight.nn.functional.grid_sample(ours(image), ours(grid), mode, "zeros", False)
    values = to_array(got)[0, 0]
    assert np.isfinite(values[3, 3])
    if mode == "nearest":
        assert (np.delete(values.reshape(-1), 15) == 0).all()


@pytest.mark.parametrize(
    "shapes", [((0, 3, 4, 5), (0, 2, 2, 2)), ((2, 0, 4, 5), (2, 2, 2, 2)), ((2, 3, 4, 5), (2, 0, 2, 2))]
)
def test_empty(shapes: tuple[tuple[int, ...], ...]) -> None:
    compare(lambda F, torch, x, grid: F.grid_sample(x, grid, align_corners=False), *inputs(*shapes), gradgrad=False)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_rounded_no_further_off_than_pytorch(dtype: str, mode: str) -> None:
    image, grid = inputs((2, 3, 4, 5), (2, 4, 4, 2))
    grid = np.clip(np.round(grid * 4) / 8, -1, 1)  # numbers that all dtypes have
    image = to_array(theirs(image, dtype)).astype(np.float64)
    exact = to_array(pytorch.nn.functional.grid_sample(theirs(image), theirs(grid), mode, align_corners=False))
    wanted = pytorch.nn.functional.grid_sample(theirs(image, dtype), theirs(grid, dtype), mode, align_corners=False)
    got = rushlight.nn.functional.grid_sample(ours(image, dtype), ours(grid, dtype), mode, align_corners=False)
    assert str(got.dtype) == f"torch.{dtype}"
    ours_off, theirs_off = (np.abs(to_array(each) - exact).max() for each in (got, wanted))
    assert ours_off <= theirs_off + 1e-6


def test_places_of_nearest_elements_have_gradient_zero() -> None:
    image, grid = rushlight.ones(1, 1, 3, 3), rushlight.zeros(1, 2, 2, 2, requires_grad=True)
    rushlight.nn.functional.grid_sample(image, grid, "nearest", align_corners=False).sum().backward()
    assert grid.grad.tolist() == rushlight.zeros(1, 2, 2, 2).tolist()


def _warned(library: Any, call: Any) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call(library)
    return [str(w.message) for w in caught]


@pytest.mark.parametrize("corners", [None, True, False])
def test_warnings(corners: bool | None) -> None:
    def sample(t: Any) -> None:
        t.nn.functional.grid_sample(t.ones(1, 1, 2, 2), t.zeros(1, 2, 2, 2), align_corners=corners)

    def grid(t: Any) -> None:
        t.nn.functional.affine_grid(t.ones(1, 2, 3), (1, 1, 1, 4), align_corners=corners)

    for call in (sample, grid):
        assert _warned(rushlight, call) == _warned(pytorch, call)


def test_third_order_of_smooth_places() -> None:
    image = rushlight.arange(20.0, dtype=rushlight.float64).reshape(1, 1, 4, 5).requires_grad_()
    grid = (0.7 * rushlight.tensor(_grid(-0.61, 0.13, 0.47))).requires_grad_()
    sample = lambda x, g: rushlight.nn.functional.grid_sample(x, g, "bicubic", align_corners=False)  # noqa: E731
    assert rushlight.autograd.gradcheck(sample, (image, grid))
    assert rushlight.autograd.gradgradcheck(sample, (image, grid))
