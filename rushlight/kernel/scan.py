"""Running sums, products and extremes along an axis.

>>> from rushlight.dtype import float32
>>> Scan("cumsum", 1, (Buffer.of(float32, (3, 4)),), Buffer.of(float32, (3, 4))).key()
'scan cumsum axis 1 float32[3,4] -> float32[3,4]'
"""

from __future__ import annotations

from dataclasses import dataclass

from ..dtype import COMPLEX, FLOATING, bool_
from ..ir.graph import Signature
from ..ir.type import Type
from .buffer import Buffer


@dataclass(frozen=True)
class Scan:
    """Along one axis of operands of one shape.

    `kind` is cumsum, cumprod or logcumsumexp; argcummax or argcummin (the place of the extreme so far: of the last of equal ones, of the
    last NaN); or logcumsumexp_back: of the cotangent, the result and the operand of logcumsumexp, what the operand gets.
    """

    kind: str
    axis: int
    operands: tuple[Buffer, ...]
    result: Buffer

    def key(self) -> str:
        """All of it as text."""
        operands = " ".join(buffer.key() for buffer in self.operands)
        return f"scan {self.kind} axis {self.axis} {operands} -> {self.result.key()}"


def scan(signature: Signature, operands: tuple[Buffer, ...]) -> Scan | None:
    """The kernel of a scan; None of elements that have no native form, and of nothing."""
    type, name = signature.type, signature.op.name
    assert isinstance(type, Type)
    dtype = operands[0].dtype
    if not type.size or not type.shape or dtype.category == COMPLEX or dtype is bool_:
        return None
    if name.startswith("log") and dtype.category != FLOATING:
        return None
    return Scan(name, signature.attributes["axis"], operands, Buffer.of(type.dtype, type.shape))
