"""The places of elements in order along an axis: of all, or of the first so many.

>>> from rushlight.dtype import float32, int64
>>> Sort(1, 2, True, (Buffer.of(float32, (3, 8)),), Buffer.of(int64, (3, 2))).key()
'sort axis 1 first 2 descending float32[3,8] -> int64[3,2]'
"""

from __future__ import annotations

from dataclasses import dataclass

from ..dtype import COMPLEX
from ..ir.graph import Signature
from ..ir.type import Type
from .buffer import Buffer

LONGEST = 1 << 31  # elements of an axis, so that a place fits 32 bits


@dataclass(frozen=True)
class Sort:
    """Equal elements keep their order; NaN is greater than all numbers, and -0.0 equals 0.0."""

    axis: int
    count: int
    descending: bool
    operands: tuple[Buffer, ...]
    result: Buffer

    def key(self) -> str:
        """All of it as text."""
        (operand,) = self.operands
        order = "descending" if self.descending else "ascending"
        return f"sort axis {self.axis} first {self.count} {order} {operand.key()} -> {self.result.key()}"


def sort(signature: Signature, operands: tuple[Buffer, ...]) -> Sort | None:
    """The kernel of a sort or of a selection; None of nothing, of scalars, and of complex numbers."""
    type, attributes = signature.type, signature.attributes
    assert isinstance(type, Type)
    if not type.size or not type.shape or operands[0].dtype.category == COMPLEX:
        return None
    axis = attributes["axis"]
    if operands[0].shape[axis] >= LONGEST:
        return None
    descending = attributes["descending"] if signature.op.name == "argsort" else attributes["largest"]
    return Sort(axis, type.shape[axis], descending, operands, Buffer.of(type.dtype, type.shape))
