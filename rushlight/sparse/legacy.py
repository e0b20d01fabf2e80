"""`torch.sparse.FloatTensor` and its kind: constructors that older programs call, and classes that they ask after."""

from __future__ import annotations

from typing import Any

from ..dtype import bfloat16, dtype, float16, float32, float64, int8, int16, int32, int64, uint8
from ..tensor.geometry import Size, sparse_coo
from . import invariants
from .construction import coo_of, empty
from .tensor import SparseTensor


class _SparseType(type):
    """The type of a constructor: an instance is a COO tensor of its dtype."""

    kind: dtype

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, SparseTensor) and value.layout is sparse_coo and value.dtype is cls.kind

    def __call__(cls, *args: Any) -> SparseTensor:
        if len(args) == 1 and isinstance(args[0], SparseTensor):
            return args[0]
        if args and not isinstance(args[0], (int, Size)):
            indices, values, *size = args
            if values.dtype is not cls.kind:
                raise TypeError(
                    f"expected {cls.__name__} (got {values.type()}) — torch.sparse.{cls.__name__}: convert the values to {cls.kind}"
                )
            shape = tuple(size[0]) if size else None
            return coo_of(indices.detach(), values, shape, invariants.wanted(None), None)
        extents = args[0] if args and isinstance(args[0], Size) else args
        return empty(tuple(extents), cls.kind)


def _type(name: str, kind: dtype) -> Any:
    made = _SparseType(
        name, (), {"__doc__": f"A COO tensor of {kind.name}, as `torch.sparse.{name}`; use `torch.sparse_coo_tensor`."}
    )
    made.kind = kind
    return made


types = {
    name: _type(name, kind)
    for name, kind in {
        "FloatTensor": float32,
        "DoubleTensor": float64,
        "HalfTensor": float16,
        "BFloat16Tensor": bfloat16,
        "LongTensor": int64,
        "IntTensor": int32,
        "ShortTensor": int16,
        "CharTensor": int8,
        "ByteTensor": uint8,
    }.items()
}
