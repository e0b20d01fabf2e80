"""Infinities and NaN are results like others: NumPy's warnings are not the user's, whatever computes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import rushlight as torch
from rushlight import config

A = torch.tensor([[float("inf"), -float("inf")], [1e38, 3e38]])


@pytest.mark.parametrize("tier", ["interp", "compile"])
@pytest.mark.parametrize(
    "function",
    [
        lambda: A @ A,
        lambda: torch.einsum("ij,kj,lj->ikl", A, A, A),
        lambda: torch.nn.functional.conv1d(A[None], A[None]),
        lambda: torch.nn.functional.avg_pool1d(A[None], 2),
        lambda: torch.fft.fft(A).real,
    ],
)
def test_no_warning_and_no_floating_point_error(
    function: Callable[[], torch.Tensor], tier: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "TIER", tier)
    with np.errstate(all="raise"):
        value = function().numpy()
    assert not np.isfinite(value).all()
