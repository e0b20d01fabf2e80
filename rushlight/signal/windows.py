"""`torch.signal.windows`: windows of M places, symmetric (for filters) or, with `sym=False`, periodic (for transforms).

Every function takes `dtype` (floating; the default dtype where it is left out), `device` and `requires_grad`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import pi, sqrt
from typing import Any

from ..dtype import dtype as Dtype
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


def _made(
    name: str,
    M: int,
    shape: Callable[[Any, int], Any],
    sym: bool = True,
    dtype: Dtype | None = None,
    layout: Any = strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The window whose value at the places 0 … M-1 is `shape(places, last)`; `last` is the place where it ends."""
    require_cpu(device, name)
    kind = dtype or Defaults.dtype
    if M < 0:
        raise ValueError(f"{name} requires non-negative window length, got M={M}")
    if layout is not strided:
        raise ValueError(f"{name} is implemented for strided tensors only, got: {layout}")
    if not kind.is_floating_point or kind.itemsize < 4:
        raise ValueError(f"{name} expects float32 or float64 dtypes, got: {kind}")
    options = dict(dtype=kind, requires_grad=requires_grad)
    if M == 0:
        return functions["empty"]((0,), **options)  # type: ignore[no-any-return]
    if M == 1:
        return functions["ones"]((1,), **options)  # type: ignore[no-any-return]
    last = M - 1 if sym else M
    found: Tensor = shape(functions["arange"](M, dtype=kind), last)
    return found.requires_grad_(requires_grad) if requires_grad else found


def _even(places: Any, start: float, step: float, count: int) -> Any:
    """`count` numbers from `start`, `step` apart, as PyTorch spaces them."""
    return functions["linspace"](start, start + (count - 1) * step, count, dtype=places.dtype)


def exponential(M: int, *, center: float | None = None, tau: float = 1.0, sym: bool = True, **options: Any) -> Tensor:
    """exp(-|n - center| / tau); a symmetric window has its centre in the middle."""
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")

    def shape(places: Any, last: int) -> Any:
        middle = last / 2.0 if center is None else center
        return functions["exp"](-functions["abs"](_even(places, -middle / tau, 1 / tau, len(places))))

    return _made("exponential", M, shape, sym, **options)


def cosine(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """sin(π·(n + 1/2) / N): half a turn of a sine.

    >>> import rushlight as torch
    >>> torch.signal.windows.cosine(3)
    tensor([0.5000, 1.0000, 0.5000])
    """

    def shape(places: Any, last: int) -> Any:
        step = pi / (last + 1)
        return functions["sin"](_even(places, 0.5 * step, step, len(places)))

    return _made("cosine", M, shape, sym, **options)


def gaussian(M: int, *, std: float = 1.0, sym: bool = True, **options: Any) -> Tensor:
    """exp(-(n - N/2)² / (2·std²))."""
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")

    def shape(places: Any, last: int) -> Any:
        step = 1 / (std * sqrt(2))
        return functions["exp"](-(_even(places, -(last / 2.0) * step, step, len(places)) ** 2))

    return _made("gaussian", M, shape, sym, **options)


def kaiser(M: int, *, beta: float = 12.0, sym: bool = True, **options: Any) -> Tensor:
    """I0(beta·√(1 - ((n - N/2) / (N/2))²)) / I0(beta)."""
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")

    def shape(places: Any, last: int) -> Any:
        count = len(places)
        step = 2.0 * beta / last
        end = functions["minimum"](
            functions["tensor"](beta, dtype=places.dtype),
            functions["tensor"](-beta + (count - 1) * step, dtype=places.dtype),
        )
        across = functions["linspace"](-beta, float(end), count, dtype=places.dtype)
        top = functions["i0"](functions["tensor"](float(beta), dtype=places.dtype))
        return functions["i0"](functions["sqrt"](beta * beta - across**2)) / top

    return _made("kaiser", M, shape, sym, **options)


def _cosines(weights: Iterable[float]) -> Callable[[Any, int], Any]:
    own = list(weights)

    def shape(places: Any, last: int) -> Any:
        turns = _even(places, 0.0, 2 * pi / last, len(places))
        column = functions["tensor"]([(-1) ** i * w for i, w in enumerate(own)], dtype=places.dtype).unsqueeze(-1)
        order = functions["arange"](len(own), dtype=places.dtype).unsqueeze(-1)
        return (column * functions["cos"](order * turns)).sum(0)

    return shape


def general_cosine(M: int, *, a: Iterable[float], sym: bool = True, **options: Any) -> Tensor:
    """A sum of cosines of multiples of a turn, weighted by `a` with alternating signs."""
    if not isinstance(a, Iterable):
        raise TypeError("Coefficients must be a list/tuple")
    if not a:
        raise ValueError("Coefficients cannot be empty")
    return _made("general_cosine", M, _cosines(a), sym, **options)


def general_hamming(M: int, *, alpha: float = 0.54, sym: bool = True, **options: Any) -> Tensor:
    """alpha - (1 - alpha)·cos(2πn / N)."""
    return _made("general_hamming", M, _cosines([alpha, 1.0 - alpha]), sym, **options)


def hamming(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """0.54 - 0.46·cos(2πn / N)."""
    return _made("hamming", M, _cosines([0.54, 1.0 - 0.54]), sym, **options)


def hann(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """1/2 - 1/2·cos(2πn / N)."""
    return _made("hann", M, _cosines([0.5, 0.5]), sym, **options)


def blackman(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """0.42 - 0.5·cos(2πn / N) + 0.08·cos(4πn / N)."""
    return _made("blackman", M, _cosines([0.42, 0.5, 0.08]), sym, **options)


def nuttall(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """Nuttall's minimum 4-term window (A. Nuttall, "Some windows with very good sidelobe behavior", 1981)."""
    return _made("nuttall", M, _cosines([0.3635819, 0.4891775, 0.1365995, 0.0106411]), sym, **options)


def bartlett(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """1 - |2n / N - 1|: a triangle that ends at 0."""

    def shape(places: Any, last: int) -> Any:
        return 1 - functions["abs"](_even(places, -1.0, 2.0 / last, len(places)))

    return _made("bartlett", M, shape, sym, **options)
