"""`torch.signal.windows`: windows of M places, symmetric (for filters) or, with `sym=False`, periodic (for transforms).

Every function takes `dtype` (float32 or float64; the default dtype where it is left out), `device` and `requires_grad`. A window is computed in
double precision and rounded once. N below is M - 1 for a symmetric window and M for a periodic one: the place where it ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import pi
from typing import Any

from ..dtype import dtype as Dtype
from ..dtype import float64
from ..tensor.geometry import require_cpu, strided
from ..tensor.promotion import Defaults
from ..tensor.public import functions
from ..tensor.tensor import Tensor

__all__ = [
    "bartlett",
    "blackman",
    "cosine",
    "exponential",
    "gaussian",
    "general_cosine",
    "general_hamming",
    "hamming",
    "hann",
    "kaiser",
    "nuttall",
]

Shape = Callable[[Any, int], Any]  # of the places 0 … M-1 and of N: the window's values


def _window(
    name: str,
    M: int,
    shape: Shape,
    sym: bool,
    *,
    dtype: Dtype | None = None,
    layout: Any = strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    require_cpu(device, name)
    kind = dtype or Defaults.dtype
    if M < 0:
        raise ValueError(f"{name} requires non-negative window length, got M={M}")
    if layout is not strided:
        raise ValueError(f"{name} is implemented for strided tensors only, got: {layout}")
    if not kind.is_floating_point or kind.itemsize < 4:
        raise ValueError(f"{name} expects float32 or float64 dtypes, got: {kind}")
    if M <= 1:
        return functions["ones"](M, dtype=kind, requires_grad=requires_grad)  # type: ignore[no-any-return]
    values = shape(functions["arange"](M, dtype=float64), M - 1 if sym else M).to(kind)
    return values.requires_grad_(requires_grad)  # type: ignore[no-any-return]


def _cosines(weights: Iterable[float]) -> Shape:
    """Σ (-1)^k · weights[k] · cos(2πkn / N)."""

    def shape(places: Any, end: int) -> Any:
        turns = places * (2 * pi / end)
        total = functions["zeros_like"](places)
        for k, weight in enumerate(weights):
            total = total + (-weight if k % 2 else weight) * (k * turns).cos()
        return total

    return shape


def exponential(M: int, *, center: float | None = None, tau: float = 1.0, sym: bool = True, **options: Any) -> Tensor:
    """exp(-|n - center| / tau); the centre is the middle unless it is given, which a symmetric window does not take.

    ValueError for a `tau` that is not positive.
    """
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")

    def shape(places: Any, end: int) -> Any:
        return ((places - (end / 2 if center is None else center)).abs() / -tau).exp()

    return _window("exponential", M, shape, sym, **options)


def cosine(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """sin(π·(n + 1/2) / (N + 1)): half a turn of a sine.

    >>> import rushlight as torch
    >>> torch.signal.windows.cosine(3)
    tensor([0.5000, 1.0000, 0.5000])
    """
    return _window("cosine", M, lambda places, end: ((places + 0.5) * (pi / (end + 1))).sin(), sym, **options)


def gaussian(M: int, *, std: float = 1.0, sym: bool = True, **options: Any) -> Tensor:
    """exp(-((n - N/2) / std)² / 2); ValueError for an `std` that is not positive."""
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")

    def shape(places: Any, end: int) -> Any:
        return (((places - end / 2) / std).square() / -2).exp()

    return _window("gaussian", M, shape, sym, **options)


def kaiser(M: int, *, beta: float = 12.0, sym: bool = True, **options: Any) -> Tensor:
    """I0(beta·√(1 - (2n/N - 1)²)) / I0(beta); ValueError for a negative `beta`."""
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")

    def shape(places: Any, end: int) -> Any:
        inside = (1 - (places * (2 / end) - 1).square()).clamp(min=0)
        return (inside.sqrt() * beta).i0() / functions["tensor"](float(beta), dtype=float64).i0()

    return _window("kaiser", M, shape, sym, **options)


def general_cosine(M: int, *, a: Iterable[float], sym: bool = True, **options: Any) -> Tensor:
    """A sum of cosines of multiples of a turn, weighted by `a` with alternating signs.

    TypeError where `a` is not a sequence, ValueError where it is empty.
    """
    if not isinstance(a, Iterable):
        raise TypeError("Coefficients must be a list/tuple")
    weights = list(a)
    if not weights:
        raise ValueError("Coefficients cannot be empty")
    return _window("general_cosine", M, _cosines(weights), sym, **options)


def general_hamming(M: int, *, alpha: float = 0.54, sym: bool = True, **options: Any) -> Tensor:
    """alpha - (1 - alpha)·cos(2πn / N)."""
    return _window("general_hamming", M, _cosines([alpha, 1 - alpha]), sym, **options)


def hamming(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """0.54 - 0.46·cos(2πn / N)."""
    return _window("hamming", M, _cosines([0.54, 0.46]), sym, **options)


def hann(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """1/2 - 1/2·cos(2πn / N).

    >>> import rushlight as torch
    >>> torch.signal.windows.hann(4, sym=False)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return _window("hann", M, _cosines([0.5, 0.5]), sym, **options)


def blackman(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """0.42 - 0.5·cos(2πn / N) + 0.08·cos(4πn / N)."""
    return _window("blackman", M, _cosines([0.42, 0.5, 0.08]), sym, **options)


def nuttall(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """Nuttall's minimum 4-term window (A. Nuttall, "Some windows with very good sidelobe behavior", 1981)."""
    return _window("nuttall", M, _cosines([0.3635819, 0.4891775, 0.1365995, 0.0106411]), sym, **options)


def bartlett(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """1 - |2n / N - 1|: a triangle that ends at 0."""
    return _window("bartlett", M, lambda places, end: 1 - (places * (2 / end) - 1).abs(), sym, **options)
