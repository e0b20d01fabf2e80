"""The type of a node: shape and dtype, interned, so that equal types are the same object.

>>> from rushlight.dtype import float32
>>> Type.of((2, 3), float32) is Type.of((2, 3), float32)
True
>>> broadcast_shapes("add", (4, 1), (3,))
(4, 3)
"""

from __future__ import annotations

from math import prod
from typing import Any

from ..dtype import dtype as ElementType
from ..dtype import require_tensors

Shape = tuple[int, ...]


class Type:
    """Shape and dtype of a tensor; make it with `Type.of`.

    `meta`: the type of what has shape and dtype and no elements ever (the device "meta"); each type has a twin that is so.
    """

    __slots__ = ("shape", "dtype", "size", "ndim", "number", "meta", "twin")
    shape: Shape
    dtype: ElementType
    size: int
    ndim: int
    number: int
    meta: bool
    twin: Type | None

    _interned: dict[tuple[Shape, ElementType], Type] = {}
    by_number: list[Any] = []  # types of both kinds: a trace's key tells inputs apart by their type's number

    @classmethod
    def of(cls, shape: Shape, dtype: ElementType) -> Type:
        found = cls._interned.get((shape, dtype))
        if found is None:
            require_tensors(dtype)
            found = cls.__new__(cls)
            found.shape = tuple(map(int, shape))
            found.dtype = dtype
            found.size = prod(shape)
            found.ndim = len(shape)
            found.number = len(Type.by_number)
            found.meta, found.twin = False, None
            Type.by_number.append(found)
            cls._interned[found.shape, dtype] = found
        return found

    def on_meta(self) -> Type:
        """The same shape and dtype, without elements."""
        if self.meta:
            return self
        if self.twin is None:
            made = self.twin = Type.__new__(Type)
            made.shape, made.dtype, made.size, made.ndim = self.shape, self.dtype, self.size, self.ndim
            made.meta, made.twin, made.number = True, self, len(Type.by_number)
            Type.by_number.append(made)
        return self.twin

    def plain(self) -> Type:
        """The same shape and dtype, with elements."""
        return self.twin if self.meta else self  # type: ignore[return-value]

    def with_shape(self, shape: Shape) -> Type:
        return Type.of(shape, self.dtype)

    def with_dtype(self, dtype: ElementType) -> Type:
        return Type.of(self.shape, dtype)

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize

    def __repr__(self) -> str:
        return f"{'meta ' if self.meta else ''}{self.dtype.name}[{', '.join(map(str, self.shape))}]"


class TupleType:
    """The type of an op with several results; `component` nodes take one out."""

    __slots__ = ("parts", "number", "size", "dtype", "shape")
    _interned: dict[tuple[Type, ...], TupleType] = {}
    parts: tuple[Type, ...]
    number: int
    size: int
    dtype: ElementType
    shape: Shape

    @classmethod
    def of(cls, *parts: Type) -> TupleType:
        found = cls._interned.get(parts)
        if found is None:
            found = cls.__new__(cls)
            found.parts = parts
            found.number = len(Type.by_number)
            Type.by_number.append(found)
            found.size = sum(part.size for part in parts)
            found.dtype = parts[0].dtype
            found.shape = ()
            cls._interned[parts] = found
        return found

    @property
    def meta(self) -> bool:
        return self.parts[0].meta

    def on_meta(self) -> TupleType:
        """The same parts, without elements."""
        return TupleType.of(*[part.on_meta() for part in self.parts])

    def plain(self) -> TupleType:
        """The same parts, with elements."""
        return TupleType.of(*[part.plain() for part in self.parts])

    @property
    def nbytes(self) -> int:
        return sum(part.nbytes for part in self.parts)

    def __repr__(self) -> str:
        return f"({', '.join(map(repr, self.parts))})"


def broadcast_shapes(op: str, *shapes: Shape) -> Shape:
    """The shape all broadcast to, by NumPy's rule; RuntimeError in PyTorch's words where there is none."""
    first = shapes[0]
    if all(shape == first for shape in shapes):
        return first
    ndim = max(map(len, shapes))
    result = [1] * ndim
    for shape in shapes:
        lead = ndim - len(shape)
        for axis, extent in enumerate(shape, lead):
            if extent == result[axis] or extent == 1:
                continue
            if result[axis] != 1:
                listed = " and ".join(str(tuple(s)) for s in shapes)
                raise RuntimeError(
                    f"The size of tensor a ({result[axis]}) must match the size of tensor b ({extent}) at "
                    f"non-singleton dimension {axis} — {op}: shapes {listed} do not broadcast"
                )
            result[axis] = extent
    return tuple(result)
