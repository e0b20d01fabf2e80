"""Pooling and unpooling against PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest

from .oracle import compare, inputs, same_error

MAXIMA = {
    "1d": (lambda F, torch, x: F.max_pool1d(x, 2), (2, 3, 7)),
    "1d unbatched": (lambda F, torch, x: F.max_pool1d(x, 3, 1, 1), (3, 7)),
    "1d with indices": (lambda F, torch, x: F.max_pool1d(x, 3, 2, return_indices=True), (2, 3, 9)),
    "torch.max_pool1d_with_indices": (lambda F, torch, x: torch.max_pool1d_with_indices(x, 3, 2, 1), (2, 3, 9)),
    "2d": (lambda F, torch, x: F.max_pool2d(x, 2), (2, 3, 6, 8)),
    "2d odd": (lambda F, torch, x: F.max_pool2d(x, 2), (2, 3, 7, 9)),
    "torch.max_pool2d": (lambda F, torch, x: torch.max_pool2d(x, 2), (2, 3, 6, 8)),
    "2d large": (lambda F, torch, x: F.max_pool2d(x, 2), (4, 8, 16, 16)),
    "2d unbatched": (lambda F, torch, x: F.max_pool2d(x, (3, 2)), (3, 6, 8)),
    "2d overlapping": (lambda F, torch, x: F.max_pool2d(x, 3, 2, 1), (2, 3, 9, 8)),
    "2d overlapping large": (lambda F, torch, x: F.max_pool2d(x, 3, 1, 1), (2, 3, 20, 20)),
    "2d dilated": (lambda F, torch, x: F.max_pool2d(x, (2, 3), (1, 2), (1, 1), (3, 2)), (2, 3, 9, 8)),
    "2d ceil": (lambda F, torch, x: F.max_pool2d(x, 3, 2, 1, ceil_mode=True), (2, 3, 8, 8)),
    "2d gaps": (lambda F, torch, x: F.max_pool2d(x, 2, 3), (2, 3, 9, 8)),
    "2d kernel 1": (lambda F, torch, x: F.max_pool2d(x, 1), (2, 3, 4, 4)),
    "2d indices": (lambda F, torch, x: F.max_pool2d(x, 3, 2, 1, return_indices=True), (2, 3, 9, 8)),
    "2d indices ceil": (lambda F, torch, x: F.max_pool2d_with_indices(x, 2, 2, ceil_mode=True), (2, 3, 7, 5)),
    "2d indices dilated": (lambda F, torch, x: F.max_pool2d(x, 3, 1, 1, 2, return_indices=True), (1, 2, 7, 8)),
    "3d": (lambda F, torch, x: F.max_pool3d(x, 2), (1, 2, 4, 6, 4)),
    "3d overlapping": (lambda F, torch, x: F.max_pool3d(x, 3, 2, 1, return_indices=True), (1, 2, 5, 6, 5)),
    "adaptive 1d": (lambda F, torch, x: F.adaptive_max_pool1d(x, 4), (2, 3, 9)),
    "torch.adaptive_max_pool1d": (lambda F, torch, x: torch.adaptive_max_pool1d(x, 4), (2, 3, 9)),
    "adaptive 2d": (lambda F, torch, x: F.adaptive_max_pool2d(x, (3, None)), (2, 3, 7, 5)),
    "adaptive 2d even": (lambda F, torch, x: F.adaptive_max_pool2d(x, 2), (2, 3, 4, 6)),
    "adaptive 2d more": (lambda F, torch, x: F.adaptive_max_pool2d(x, (3, 7)), (1, 2, 2, 5)),
    "adaptive 2d indices": (lambda F, torch, x: F.adaptive_max_pool2d(x, (3, 2), True), (2, 3, 7, 5)),
    "adaptive 3d": (lambda F, torch, x: F.adaptive_max_pool3d(x, (2, 3, 2), True), (1, 2, 5, 4, 3)),
}


@pytest.mark.parametrize("name", MAXIMA)
def test_maxima(name: str) -> None:
    call, shape = MAXIMA[name]
    compare(call, *inputs(shape))


def test_equal_elements_give_the_gradient_to_the_first() -> None:
    x = np.random.default_rng(0).integers(0, 2, (2, 3, 30, 30)).astype(float)
    for call in (MAXIMA["2d"][0], MAXIMA["2d overlapping"][0], MAXIMA["2d indices"][0], MAXIMA["2d ceil"][0]):
        compare(call, x)
    small = np.zeros((1, 1, 4, 4))
    compare(MAXIMA["2d"][0], small)


def test_maxima_of_integers_and_infinities() -> None:
    x = np.random.default_rng(0).integers(-9, 9, (1, 2, 6, 6))
    compare(lambda F, torch, x: F.max_pool2d(x, 3, 2, 1, return_indices=True), x, rounded=False)
    y = np.random.default_rng(0).standard_normal((1, 2, 6, 6))
    y[0, 0, 1, 1], y[0, 0, 4, 4], y[0, 1, 3, :] = np.nan, np.inf, -np.inf
    compare(lambda F, torch, x: F.max_pool2d(x.detach(), 2, return_indices=True), y, rounded=False)


AVERAGES = {
    "1d": (lambda F, torch, x: F.avg_pool1d(x, 2), (2, 3, 7)),
    "torch.avg_pool1d": (lambda F, torch, x: torch.avg_pool1d(x, 3, 2, 1), (3, 7)),
    "2d": (lambda F, torch, x: F.avg_pool2d(x, 2), (2, 3, 6, 8)),
    "2d unbatched": (lambda F, torch, x: F.avg_pool2d(x, (3, 2)), (3, 6, 8)),
    "2d padded": (lambda F, torch, x: F.avg_pool2d(x, 3, 2, 1), (2, 3, 9, 8)),
    "2d without padding's zeros": (lambda F, torch, x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False), (2, 3, 9, 8)),
    "2d ceil": (lambda F, torch, x: F.avg_pool2d(x, 3, 2, 1, True), (2, 3, 8, 8)),
    "2d ceil, not counted": (lambda F, torch, x: F.avg_pool2d(x, 3, 2, 1, True, False), (2, 3, 8, 8)),
    "2d divisor": (lambda F, torch, x: F.avg_pool2d(x, 2, divisor_override=3), (2, 3, 6, 8)),
    "3d": (lambda F, torch, x: F.avg_pool3d(x, 2), (1, 2, 4, 6, 4)),
    "3d settings": (lambda F, torch, x: F.avg_pool3d(x, (3, 2, 2), 2, (1, 0, 1), True, False, 5), (1, 2, 5, 6, 5)),
    "lp 1d": (lambda F, torch, x: F.lp_pool1d(x, 2, 3, 2), (2, 3, 9)),
    "lp 2d": (lambda F, torch, x: F.lp_pool2d(x, 2, 2), (2, 3, 6, 8)),
    "lp 3d": (lambda F, torch, x: F.lp_pool3d(x * x, 1.5, 2), (1, 2, 4, 4, 4)),
    "adaptive 1d": (lambda F, torch, x: F.adaptive_avg_pool1d(x, 4), (2, 3, 9)),
    "torch.adaptive_avg_pool1d": (lambda F, torch, x: torch.adaptive_avg_pool1d(x, 4), (2, 3, 9)),
    "adaptive 2d to one": (lambda F, torch, x: F.adaptive_avg_pool2d(x, 1), (2, 3, 4, 5)),
    "adaptive 2d even": (lambda F, torch, x: F.adaptive_avg_pool2d(x, (2, 3)), (2, 3, 4, 6)),
    "adaptive 2d": (lambda F, torch, x: F.adaptive_avg_pool2d(x, (3, None)), (2, 3, 7, 5)),
    "adaptive 2d more": (lambda F, torch, x: F.adaptive_avg_pool2d(x, (3, 7)), (1, 2, 2, 5)),
    "adaptive 3d": (lambda F, torch, x: F.adaptive_avg_pool3d(x, (2, 3, 2)), (1, 2, 5, 4, 3)),
    "adaptive 3d to one": (lambda F, torch, x: F.adaptive_avg_pool3d(x, 1), (1, 2, 5, 4, 3)),
}


@pytest.mark.parametrize("name", AVERAGES)
def test_averages(name: str) -> None:
    call, shape = AVERAGES[name]
    compare(call, *inputs(shape))


UNPOOLED = {
    "1d": (lambda F, torch, x: F.max_unpool1d(*F.max_pool1d(x, 2, return_indices=True), 2), (2, 3, 8)),
    "2d": (lambda F, torch, x: F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2), (2, 3, 6, 8)),
    "2d size": (
        lambda F, torch, x: F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2, output_size=x.shape),
        (2, 3, 7, 9),
    ),
    "3d": (lambda F, torch, x: F.max_unpool3d(*F.max_pool3d(x, 2, return_indices=True), 2), (1, 2, 4, 4, 6)),
}


@pytest.mark.parametrize("name", UNPOOLED)
def test_unpooling(name: str) -> None:
    call, shape = UNPOOLED[name]
    compare(call, *inputs(shape))


FRACTIONAL = {
    "2d": (lambda F, torch, x: F.fractional_max_pool2d(x, 2, 4), (2, 3, 9, 8)),
    "2d ratio": (lambda F, torch, x: F.fractional_max_pool2d(x, (2, 3), output_ratio=(0.5, 0.6)), (2, 3, 9, 8)),
    "2d indices": (lambda F, torch, x: F.fractional_max_pool2d(x, 3, (4, 5), return_indices=True), (3, 9, 8)),
    "2d samples": (
        lambda F, torch, x, s: F.fractional_max_pool2d(x, 2, 4, _random_samples=s.detach() * 0 + 0.3),
        (2, 3, 9, 8),
        (2, 3, 2),
    ),
    "3d": (lambda F, torch, x: F.fractional_max_pool3d(x, 2, 3, return_indices=True), (1, 2, 6, 7, 8)),
}


@pytest.mark.parametrize("name", FRACTIONAL)
def test_fractional(name: str) -> None:
    call, *shapes = FRACTIONAL[name]
    compare(call, *inputs(*shapes), rounded=False, gradgrad=False)


X = np.ones((1, 2, 6, 6))
ERRORS = {}
for _name in ("max_pool2d", "avg_pool2d"):
    for _label, _arguments in {
        "kernel": ((1, 2, 3),),
        "stride 0": (2, 0),
        "stride": (2, (1, 2, 3)),
        "padding": (2, 2, -1),
        "wide padding": (2, 2, 2),
        "too small": (9,),
        "kernel 0": (0,),
        "negative kernel": (-1,),
    }.items():
        ERRORS[f"{_name} {_label}"] = (lambda F, torch, x, n=_name, a=_arguments: getattr(F, n)(x, *a), X)
    ERRORS[f"{_name} axes"] = (lambda F, torch, x, n=_name: getattr(F, n)(x[0, 0], 2), X)
    ERRORS[f"{_name} many axes"] = (lambda F, torch, x, n=_name: getattr(F, n)(x[None], 2), X)
    ERRORS[f"{_name} empty"] = (lambda F, torch, x, n=_name: getattr(F, n)(x[:, :, :0], 2), X)
    ERRORS[f"{_name} bool"] = (lambda F, torch, x, n=_name: getattr(F, n)(x > 0, 2), X)
ERRORS |= {
    "dilation": (lambda F, torch, x: F.max_pool2d(x, 2, dilation=0), X),
    "divisor": (lambda F, torch, x: F.avg_pool2d(x, 2, divisor_override=0), X),
    "max 1d axes": (lambda F, torch, x: F.max_pool1d(x, 2), X),
    "max 1d size": (lambda F, torch, x: F.max_pool1d(x[0], 9), X),
    "max 1d padding": (lambda F, torch, x: F.max_pool1d(x[0], 2, padding=3), X),
    "avg 1d axes": (lambda F, torch, x: F.avg_pool1d(x, 2), X),
    "avg 1d kernel": (lambda F, torch, x: F.avg_pool1d(x[0], (3, 3)), X),
    "max 3d axes": (lambda F, torch, x: F.max_pool3d(x[0, 0], 2), X),
    "avg 3d axes": (lambda F, torch, x: F.avg_pool3d(x[0, 0], 2), X),
    "avg 3d size": (lambda F, torch, x: F.avg_pool3d(x, 9), X),
    "adaptive axes": (lambda F, torch, x: F.adaptive_avg_pool2d(x[0, 0], 2), X),
    "adaptive sizes": (lambda F, torch, x: F.adaptive_avg_pool2d(x, (1, 2, 3)), X),
    "adaptive negative": (lambda F, torch, x: F.adaptive_avg_pool2d(x, -1), X),
    "adaptive empty": (lambda F, torch, x: F.adaptive_max_pool2d(x[:, :, :0], 2), X),
    "adaptive integers": (lambda F, torch, x: F.adaptive_max_pool2d(x, 2), np.ones((1, 2, 6, 6), int)),
    "unpool shapes": (lambda F, torch, x: F.max_unpool2d(x, torch.zeros(1, 2, 6, 5, dtype=torch.int64), 2), X),
    "unpool places": (lambda F, torch, x: F.max_unpool2d(x, torch.full((1, 2, 6, 6), 999), 2), X),
    "unpool dtype": (lambda F, torch, x: F.max_unpool2d(x, x, 2), X),
    "unpool size": (
        lambda F, torch, x: F.max_unpool2d(x, torch.zeros(1, 2, 6, 6, dtype=torch.int64), 2, output_size=(99, 99)),
        X,
    ),
    "fractional": (lambda F, torch, x: F.fractional_max_pool2d(x, 2), X),
    "fractional samples": (lambda F, torch, x: F.fractional_max_pool2d(x, 2, 3, _random_samples=torch.ones(3, 2)), X),
    "fractional batch": (lambda F, torch, x: F.fractional_max_pool2d(x, 2, 3, _random_samples=torch.ones(0, 3, 2)), X),
    "fractional channels": (
        lambda F, torch, x: F.fractional_max_pool2d(x, 2, 3, _random_samples=torch.ones(9, 9, 2)),
        X,
    ),
    "fractional size": (lambda F, torch, x: F.fractional_max_pool2d(x, 2, 9), X),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str) -> None:
    call, array = ERRORS[name]
    same_error(call, array)
