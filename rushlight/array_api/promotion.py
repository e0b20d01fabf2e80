"""Dtypes by the standard's rules: kinds, promotion of dtypes alone, limits."""

from __future__ import annotations

from typing import Any

import rushlight as torch
from rushlight import Tensor, dtype
from rushlight.dtype import common_dtype

_SIGNED = (torch.int8, torch.int16, torch.int32, torch.int64)
_UNSIGNED = (torch.uint8, torch.uint16, torch.uint32, torch.uint64)

KINDS: dict[str, tuple[dtype, ...]] = {
    "bool": (torch.bool,),
    "signed integer": _SIGNED,
    "unsigned integer": _UNSIGNED,
    "integral": (*_SIGNED, *_UNSIGNED),
    "real floating": (torch.float16, torch.bfloat16, torch.float32, torch.float64),
    "complex floating": (torch.complex64, torch.complex128),
}
KINDS["numeric"] = KINDS["integral"] + KINDS["real floating"] + KINDS["complex floating"]


def isdtype(dtype: dtype, kind: dtype | str | tuple[dtype | str, ...]) -> bool:
    """Whether `dtype` is of a kind: a dtype, the standard's name of a kind, or a tuple of these.

    >>> isdtype(torch.uint16, "integral"), isdtype(torch.uint16, ("bool", torch.int8))
    (True, False)
    """
    if isinstance(kind, tuple):
        return any(isdtype(dtype, one) for one in kind)
    if isinstance(kind, str):
        if kind not in KINDS:
            raise ValueError(f"isdtype(): kind {kind!r} is unknown; the standard has {', '.join(map(repr, KINDS))}")
        return dtype in KINDS[kind]
    return dtype is kind


def _with_scalar(kind: dtype, scalar: complex) -> dtype:
    """The dtype of an array of `kind` beside a Python scalar: the scalar only says whether it is real or complex."""
    if isinstance(scalar, complex) and not isinstance(scalar, float | int) and isdtype(kind, "real floating"):
        return torch.promote_types(kind, torch.complex64)
    if isinstance(scalar, bool) or isdtype(kind, ("real floating", "complex floating")):
        return kind
    if isinstance(scalar, int):
        return kind if kind is not torch.bool else torch.int64
    if isinstance(scalar, float):
        return torch.get_default_dtype()
    return torch.promote_types(torch.get_default_dtype(), torch.complex64)


def result_type(*arrays_and_dtypes: Tensor | dtype | complex) -> dtype:
    """The dtype that the arguments (tensors, dtypes, Python numbers) have together; shapes do not matter.

    Raises ValueError without any tensor or dtype, RuntimeError where no dtype holds both (uint64 and a signed one).

    >>> result_type(torch.ones(3, dtype=torch.float32), torch.tensor(1.0, dtype=torch.float64))
    torch.float64
    """
    kinds = [x.dtype if isinstance(x, Tensor) else x for x in arrays_and_dtypes if isinstance(x, Tensor | dtype)]
    scalars = [x for x in arrays_and_dtypes if not isinstance(x, Tensor | dtype)]
    if not kinds:
        raise ValueError("result_type(): at least one of the arguments must be an array or a dtype")
    found = kinds[0]
    for kind in kinds[1:]:
        found = common_dtype(found, kind)
    for scalar in scalars:
        found = _with_scalar(found, scalar)
    return found


def together(*values: Any) -> list[Tensor]:
    """Tensors and Python numbers as tensors of the one dtype that they have together."""
    kind = result_type(*values)
    return [x.to(kind) if isinstance(x, Tensor) else torch.tensor(x, dtype=kind) for x in values]


def can_cast(from_: dtype | Tensor, to: dtype, /) -> bool:
    """Whether values of one dtype (or tensor) turn into the other by promotion alone."""
    kind = from_.dtype if isinstance(from_, Tensor) else from_
    try:
        return common_dtype(kind, to) is to
    except RuntimeError:  # uint64 and a signed integer
        return False


def astype(x: Tensor, dtype: dtype, /, *, copy: bool = True, device: Any = None) -> Tensor:
    """The tensor in another dtype; `copy=False` hands out `x` itself where nothing changes.

    Raises TypeError for a complex tensor and a real dtype: take `real` or `imag` of it.
    """
    if x.is_complex() and not isdtype(dtype, ("complex floating", "bool")):
        raise TypeError(f"astype(): {x.dtype} does not go to {dtype}; take xp.real or xp.imag first")
    return x.to(device=device, dtype=dtype, copy=copy)


class finfo:
    """Limits of a floating dtype, or of a tensor's; of a complex one those of its parts."""

    def __init__(self, type: dtype | Tensor, /) -> None:
        kind = type.dtype if isinstance(type, Tensor) else type
        limits = torch.finfo(kind)
        self.bits: int = limits.bits
        self.eps: float = limits.eps
        self.max: float = limits.max
        self.min: float = limits.min
        self.smallest_normal: float = limits.smallest_normal
        self.dtype: dtype = kind.to_real()

    def __repr__(self) -> str:
        return f"finfo(bits={self.bits}, eps={self.eps:g}, max={self.max:g}, min={self.min:g}, dtype={self.dtype})"


class iinfo:
    """Limits of an integer dtype, or of a tensor's."""

    def __init__(self, type: dtype | Tensor, /) -> None:
        kind = type.dtype if isinstance(type, Tensor) else type
        limits = torch.iinfo(kind)
        self.bits: int = limits.bits
        self.max: int = limits.max
        self.min: int = limits.min
        self.dtype: dtype = kind

    def __repr__(self) -> str:
        return f"iinfo(bits={self.bits}, max={self.max}, min={self.min}, dtype={self.dtype})"
