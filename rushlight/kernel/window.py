"""Maxima over windows, their places, and the way back: one kernel each.

>>> from rushlight.dtype import float32
>>> x = Buffer.of(float32, (1, 4, 6))
>>> MaxPool("value", (Windows(2, 2, 2), Windows(3, 2, 2)), (x,), Buffer.of(float32, (1, 2, 3))).key()
'max_pool value [(2, 2, 2, 0, 1, False), (3, 2, 2, 0, 1, False)] float32[1,4,6] -> float32[1,2,3]'
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from ..dtype import COMPLEX, FLOATING, bool_, float32, float64
from ..ir.graph import Signature
from ..ir.pool import Windows
from ..ir.type import Type
from .buffer import Buffer

ROUTED_TAPS = 64  # elements of a window up to which its comparisons are written out


@dataclass(frozen=True)
class MaxPool:
    """Over the last axes of `x`, one for each of `windows`.

    `kind` is
        value      operands x: the maximum of each window.
        place      operands x: where in the flattened window axes the first of its greatest elements lies, or its last NaN.
        scattered  operands g, x: the sums of the cotangents `g` whose windows have their place at an element, added in the windows' order.
        routed     operands g, x, y: windows without overlap, inside of x; along each axis the cotangent goes to the first element (row, …)
                   that equals the maximum, or to the last.
        searched   the same for windows of many elements.
    """

    kind: str
    windows: tuple[Windows, ...]
    operands: tuple[Buffer, ...]
    result: Buffer
    rectified: bool = False  # of routed and searched: 0 where x is not above 0

    @property
    def x(self) -> Buffer:
        return self.operands[0 if self.kind in ("value", "place") else 1]

    @property
    def extents(self) -> tuple[int, ...]:
        return self.x.shape[len(self.x.shape) - len(self.windows) :]

    def key(self) -> str:
        """All of it as text."""
        operands = " ".join(buffer.key() for buffer in self.operands)
        kind = f"{self.kind} rectified" if self.rectified else self.kind
        return f"max_pool {kind} {[tuple(each) for each in self.windows]} {operands} -> {self.result.key()}"


def interior(windows: Windows, extent: int) -> tuple[int, int]:
    """The windows, from the first on up to the last but one, of which all elements lie inside the axis; none of adaptive ones."""
    if windows.adaptive:
        return 0, 0
    first = -(-windows.low // windows.stride)
    beyond = (extent - 1 - (windows.size - 1) * windows.dilation + windows.low) // windows.stride + 1
    last = max(0, min(beyond, windows.number))
    return min(first, last), last


def is_inside(windows: Windows, extent: int) -> bool:
    """Whether all windows are whole."""
    return interior(windows, extent) == (0, windows.number)


def _regular(windows: Windows, extent: int) -> Windows:
    """Stretches of one length are ordinary windows."""
    if not windows.adaptive or extent % windows.number:
        return windows
    size = extent // windows.number
    return Windows(windows.number, size, size)


def _reaches(windows: Windows, extent: int) -> bool:
    """Whether each window has an element inside the axis."""
    if windows.adaptive:
        return extent > 0
    taps = [k * windows.dilation for k in range(windows.size)]
    starts = [number * windows.stride - windows.low for number in range(windows.number)]
    return all(any(0 <= start + tap < extent for tap in taps) for start in starts)


def max_pool(signature: Signature, operands: tuple[Buffer, ...]) -> MaxPool | None:
    """Values or places; None where a window has no element, or elements have no native form."""
    type, x = signature.type, operands[0]
    assert isinstance(type, Type)
    given = [Windows(*each) for each in signature.attributes["windows"]]
    extents = x.shape[len(x.shape) - len(given) :]
    if not type.size or x.dtype.category == COMPLEX or x.dtype is bool_ or prod(extents) >= 1 << 31:
        return None
    if not all(map(_reaches, given, extents)):
        return None
    kind = "value" if signature.op.name == "max_pool" else "place"
    return MaxPool(kind, tuple(map(_regular, given, extents)), operands, Buffer.of(type.dtype, type.shape))


def max_pool_gradient(signature: Signature, operands: tuple[Buffer, ...]) -> MaxPool | None:
    """The way back."""
    type, (g, x, y) = signature.type, operands
    assert isinstance(type, Type)
    given = [Windows(*each) for each in signature.attributes["windows"]]
    extents, rectified = x.shape[len(x.shape) - len(given) :], signature.attributes.get("rectified", False)
    if not type.size or not g.size or x.dtype.category != FLOATING or prod(extents) >= 1 << 31:
        return None
    result = Buffer.of(type.dtype, type.shape)
    if all(map(is_inside, given, extents)) and not any(each.overlap for each in given):
        kind = "routed" if prod(each.size for each in given) <= ROUTED_TAPS else "searched"
        return MaxPool(kind, tuple(given), (g, x, y), result, rectified)
    # Sums of half precision would have to be kept in single precision elsewhere.
    if rectified or g.dtype not in (float32, float64) or not all(map(_reaches, given, extents)):
        return None
    return MaxPool("scattered", tuple(map(_regular, given, extents)), (g, x, y), result)
