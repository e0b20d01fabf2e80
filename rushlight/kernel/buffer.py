"""What a kernel reads and writes: arrays in memory, by dtype, shape and strides."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from ..dtype import dtype as ElementType

Shape = tuple[int, ...]


def contiguous_strides(shape: Shape) -> Shape:
    """Strides in elements of an array whose last axis lies closest in memory."""
    strides, step = [], 1
    for extent in reversed(shape):
        strides.append(step)
        step *= max(extent, 1)
    return tuple(reversed(strides))


@dataclass(frozen=True)
class Buffer:
    """An array in memory; strides are in elements and may be 0 or negative. The pointer is that of element 0."""

    dtype: ElementType
    shape: Shape
    strides: Shape

    @staticmethod
    def of(dtype: ElementType, shape: Shape) -> Buffer:
        """A contiguous one."""
        return Buffer(dtype, shape, contiguous_strides(shape))

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def contiguous(self) -> bool:
        return all(
            s == c for e, s, c in zip(self.shape, self.strides, contiguous_strides(self.shape), strict=True) if e != 1
        )

    def key(self) -> str:
        strides = "" if self.contiguous else "@" + ",".join(map(str, self.strides))
        return f"{self.dtype.name}[{','.join(map(str, self.shape))}]{strides}"
