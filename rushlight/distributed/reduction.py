"""`ReduceOp`: how the values of several processes become one."""

from __future__ import annotations

import enum
from collections.abc import Callable

import numpy as np

from ..dtype import BOOL, FLOATING, INTEGER, bfloat16, bool_, decode, dtype, encode, scalar_name

__all__ = ["ReduceOp"]


class ReduceOp(enum.Enum):
    """The operations, as `torch.distributed.ReduceOp`. AVG is the sum, divided by the number of processes; the bitwise ones are for integers."""

    SUM = 0
    AVG = 1
    PRODUCT = 2
    MIN = 3
    MAX = 4
    BAND = 5
    BOR = 6
    BXOR = 7
    PREMUL_SUM = 8

    def __str__(self) -> str:
        return f"RedOpType.{self.name}"

    def __repr__(self) -> str:
        return f"<RedOpType.{self.name}: {self.value}>"


# PyTorch's operations are values of an inner class; here they are of ReduceOp itself.
setattr(ReduceOp, "RedOpType", ReduceOp)  # noqa: B010

_FUNCTIONS: dict[ReduceOp, Callable[..., np.ndarray]] = {
    ReduceOp.SUM: np.add,
    ReduceOp.AVG: np.add,
    ReduceOp.PRODUCT: np.multiply,
    ReduceOp.MIN: np.minimum,
    ReduceOp.MAX: np.maximum,
    ReduceOp.BAND: np.bitwise_and,
    ReduceOp.BOR: np.bitwise_or,
    ReduceOp.BXOR: np.bitwise_xor,
}


def combine(op: ReduceOp, kind: dtype) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """The function on two arrays in memory form; RuntimeError where the op has no meaning for the dtype."""
    if op not in _FUNCTIONS:
        raise RuntimeError(f"Cannot use ReduceOp.{op.name} with Gloo; scale the tensor before, and use ReduceOp.SUM")
    if op is ReduceOp.AVG and kind.category < FLOATING:
        raise RuntimeError(
            f"result type Float can't be cast to the desired output type {scalar_name(kind)} — ReduceOp.AVG"
        )
    if op in (ReduceOp.BAND, ReduceOp.BOR, ReduceOp.BXOR) and kind.category not in (INTEGER, BOOL):
        raise RuntimeError(f"Cannot use ReduceOp.{op.name} with non-integral dtype")
    if op in (ReduceOp.MIN, ReduceOp.MAX) and kind.is_complex:
        raise RuntimeError(f"Cannot use ReduceOp.{op.name} with complex numbers: they have no order")
    function = _FUNCTIONS[op]
    if kind is bfloat16:
        return lambda a, b: encode(function(decode(a, kind), decode(b, kind)), kind)
    if kind is bool_ and op in (ReduceOp.SUM, ReduceOp.PRODUCT):
        return np.logical_or if op is ReduceOp.SUM else np.logical_and
    return function


def finished(op: ReduceOp, kind: dtype, array: np.ndarray, count: int) -> np.ndarray:
    """The combined array as the op's result: AVG divides."""
    if op is not ReduceOp.AVG:
        return array
    return encode(decode(array, kind) / count, kind).astype(array.dtype, copy=False)
