"""The extension `fft`: `torch.fft` with the standard's names of arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import rushlight as torch
from rushlight import Tensor, dtype

_ALONG_AN_AXIS = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
_OVER_AXES = ("fftn", "ifftn", "rfftn", "irfftn")


def _along_an_axis(name: str) -> Callable[..., Tensor]:
    function: Callable[..., Tensor] = getattr(torch.fft, name)

    def transform(x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Tensor:
        return function(x, n, axis, norm)

    transform.__name__ = transform.__qualname__ = name
    transform.__doc__ = f"`torch.fft.{name}` along an axis, cut or filled up to `n` elements."
    return transform


def _over_axes(name: str) -> Callable[..., Tensor]:
    function: Callable[..., Tensor] = getattr(torch.fft, name)

    def transform(
        x: Tensor, /, *, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str = "backward"
    ) -> Tensor:
        return function(x, s, axes, norm)

    transform.__name__ = transform.__qualname__ = name
    transform.__doc__ = f"`torch.fft.{name}` over axes, each cut or filled up to its length in `s`."
    return transform


def fftfreq(n: int, /, *, d: float = 1.0, dtype: dtype | None = None, device: Any = None) -> Tensor:
    """The frequencies of the places of a transform of `n` samples at distances `d`."""
    return torch.fft.fftfreq(n, d, dtype=dtype, device=device)


def rfftfreq(n: int, /, *, d: float = 1.0, dtype: dtype | None = None, device: Any = None) -> Tensor:
    """The frequencies of the places of a transform of `n` real samples at distances `d`."""
    return torch.fft.rfftfreq(n, d, dtype=dtype, device=device)


def fftshift(x: Tensor, /, *, axes: int | Sequence[int] | None = None) -> Tensor:
    """The tensor with the zero frequency in the middle."""
    return torch.fft.fftshift(x, axes)


def ifftshift(x: Tensor, /, *, axes: int | Sequence[int] | None = None) -> Tensor:
    """The reverse of `fftshift`."""
    return torch.fft.ifftshift(x, axes)


globals().update({name: _along_an_axis(name) for name in _ALONG_AN_AXIS})
globals().update({name: _over_axes(name) for name in _OVER_AXES})

__all__ = [*_ALONG_AN_AXIS, *_OVER_AXES, "fftfreq", "fftshift", "ifftshift", "rfftfreq"]  # noqa: PLE0604
