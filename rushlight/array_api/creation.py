"""Arrays made from nothing, from numbers, and from other objects."""

from __future__ import annotations

from typing import Any

import rushlight as torch
from rushlight import Tensor, dtype

from .promotion import together

Shape = int | tuple[int, ...]


def _shape(shape: Shape) -> tuple[int, ...]:
    return (shape,) if isinstance(shape, int) else tuple(shape)


def arange(
    start: float, /, stop: float | None = None, step: float = 1, *, dtype: dtype | None = None, device: Any = None
) -> Tensor:
    """Numbers from `start` (0 where only one is given) up to `stop`, which is left out."""
    if stop is None:
        start, stop = 0, start
    if (stop - start) * step <= 0:  # the standard: nothing; PyTorch: an error
        integers = all(isinstance(x, int) for x in (start, stop, step))
        kind = dtype or (torch.int64 if integers else torch.get_default_dtype())
        return torch.empty(0, dtype=kind, device=device)
    return torch.arange(start, stop, step, dtype=dtype, device=device)


def asarray(obj: Any, /, *, dtype: dtype | None = None, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor of a tensor, a number, a nested sequence, or an object with a buffer or `__dlpack__`.

    `copy=None` copies where it must, `copy=False` raises ValueError where a copy would be needed.
    """
    if copy is False and isinstance(obj, bool | int | float | complex | list | tuple):
        raise ValueError(f"asarray(): a {type(obj).__name__} becomes an array only as a copy; copy=False forbids one")
    return torch.asarray(obj, dtype=dtype, device=device, copy=copy)


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor on the memory of an object with `__dlpack__`, or a copy of it with `copy=True`."""
    made = torch.from_dlpack(x)
    if device is not None:
        made = made.to(device)
    return made.clone() if copy else made


def empty(shape: Shape, *, dtype: dtype | None = None, device: Any = None) -> Tensor:
    """A tensor whose values are not defined."""
    return torch.empty(_shape(shape), dtype=dtype, device=device)


def empty_like(x: Tensor, /, *, dtype: dtype | None = None, device: Any = None) -> Tensor:
    """A tensor of the shape of `x` whose values are not defined."""
    return torch.empty_like(x, dtype=dtype, device=device)


def zeros(shape: Shape, *, dtype: dtype | None = None, device: Any = None) -> Tensor:
    """A tensor of zeros."""
    return torch.zeros(_shape(shape), dtype=dtype, device=device)


def zeros_like(x: Tensor, /, *, dtype: dtype | None = None, device: Any = None) -> Tensor:
    """Zeros in the shape of `x`."""
    return torch.zeros_like(x, dtype=dtype, device=device)


def ones(shape: Shape, *, dtype: dtype | None = None, device: Any = None) -> Tensor:
    """A tensor of ones."""
    return torch.ones(_shape(shape), dtype=dtype, device=device)


def ones_like(x: Tensor, /, *, dtype: dtype | None = None, device: Any = None) -> Tensor:
    """Ones in the shape of `x`."""
    return torch.ones_like(x, dtype=dtype, device=device)


def full(shape: Shape, fill_value: complex, *, dtype: dtype | None = None, device: Any = None) -> Tensor:
    """A tensor of one value; its dtype follows from the value where none is given."""
    return torch.full(_shape(shape), fill_value, dtype=dtype, device=device)


def full_like(x: Tensor, /, fill_value: complex, *, dtype: dtype | None = None, device: Any = None) -> Tensor:
    """One value in the shape of `x`."""
    return torch.full_like(x, fill_value, dtype=dtype, device=device)


def eye(
    n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: dtype | None = None, device: Any = None
) -> Tensor:
    """Ones on the `k`-th diagonal of an (n_rows, n_cols) matrix, zeros elsewhere."""
    n_cols = n_rows if n_cols is None else n_cols
    made = torch.zeros(n_rows, n_cols, dtype=dtype, device=device)
    if -n_rows < k < n_cols:
        made.diagonal(k).fill_(1)
    return made


def linspace(
    start: complex,
    stop: complex,
    /,
    num: int,
    *,
    dtype: dtype | None = None,
    device: Any = None,
    endpoint: bool = True,
) -> Tensor:
    """`num` numbers at equal distances from `start` to `stop`; `endpoint=False` leaves the last place out."""
    if dtype is None and (isinstance(start, complex) or isinstance(stop, complex)):
        dtype = torch.promote_types(torch.get_default_dtype(), torch.complex64)
    if endpoint:
        return torch.linspace(start, stop, num, dtype=dtype, device=device)
    return torch.linspace(start, stop, num + 1, dtype=dtype, device=device)[:num]


def meshgrid(*arrays: Tensor, indexing: str = "xy") -> list[Tensor]:
    """Coordinate matrices of vectors; "xy" has the second vector along the first axis, "ij" the first."""
    if not arrays:
        return []
    return list(torch.meshgrid(*together(*arrays), indexing=indexing))


def tril(x: Tensor, /, *, k: int = 0) -> Tensor:
    """The part of each matrix on and below its `k`-th diagonal, zeros above."""
    return torch.tril(x, k)


def triu(x: Tensor, /, *, k: int = 0) -> Tensor:
    """The part of each matrix on and above its `k`-th diagonal, zeros below."""
    return torch.triu(x, k)
