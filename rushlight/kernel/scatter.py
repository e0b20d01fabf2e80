"""Values brought to places that are read from memory: rows of a table, points of an array, elements along one axis.

>>> from rushlight.dtype import float32, int64
>>> value, index = Buffer.of(float32, (6, 4)), Buffer(int64, (6, 4), (1, 0))
>>> Scatter(value, None, (index,), 0, 1, "add", False, None, False, Buffer.of(float32, (9, 4))).key()
'scatter add 0:1 float32[6,4] zeros at int64[6,4]@1,0 -> float32[9,4]'
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from ..dtype import COMPLEX, bfloat16, bool_, float16
from ..ir import contraction
from ..ir.graph import Signature
from ..ir.type import Type
from .buffer import Buffer, Shape
from .contraction import Contract

COUNTED_ROWS = 1 << 20  # up to which each thread counts how often each row is met


@dataclass(frozen=True)
class Scatter:
    """result = base; then for each element of `value`, in rows: result[outer…, index…, inner…] = what `reduce` makes of that and of it.

    Args:
        value: its axes are the outer ones, up to `start`; those of the entries, up to `stop`; and the inner ones.
        base: of the result's shape; None for zeros.
        indices: one for each axis of the result that they replace the entries by; seen with the value's shape.
        reduce: set, add, mul, max, min; of bool, add is `or` and mul is `and`.
        wrap: whether indices from -extent on are taken; else they are in [0, extent).
        skipped: the index whose values are left out.
        averaged: whether each row is divided by how many values it got.
    """

    value: Buffer
    base: Buffer | None
    indices: tuple[Buffer, ...]
    start: int
    stop: int
    reduce: str
    wrap: bool
    skipped: int | None
    averaged: bool
    result: Buffer

    @property
    def outer(self) -> Shape:
        """Of the value; the result may have more."""
        return self.value.shape[: self.start]

    @property
    def entries(self) -> Shape:
        return self.value.shape[self.start : self.stop]

    @property
    def inner(self) -> Shape:
        return self.value.shape[self.stop :]

    @property
    def rows(self) -> Shape:
        """The axes of the result that the indices tell."""
        return self.result.shape[self.start : self.start + len(self.indices)]

    @property
    def result_inner(self) -> Shape:
        return self.result.shape[self.start + len(self.indices) :]

    @property
    def by_rows(self) -> bool:
        """Whether an entry's inner elements all go to one row."""
        return all(not any(index.strides[self.stop :]) for index in self.indices)

    @property
    def operands(self) -> tuple[Buffer, ...]:
        return (*(() if self.base is None else (self.base,)), self.value, *self.indices)

    def key(self) -> str:
        """All of it as text."""
        settings = [name for name in ("wrap", "averaged") if getattr(self, name)]
        settings += [] if self.skipped is None else [f"without {self.skipped}"]
        base = "zeros" if self.base is None else f"base {self.base.key()}"
        parts = ["scatter", self.reduce, f"{self.start}:{self.stop}", *settings, self.value.key(), base, "at"]
        return " ".join([*parts, *[index.key() for index in self.indices], "->", self.result.key()])


def _native(type: Type, value: Buffer, reduce: str) -> bool:
    """Sums of half precision would have to be kept in single precision elsewhere."""
    if not type.size or not value.size or value.dtype.category == COMPLEX:
        return False
    return value.dtype not in (bfloat16, float16) or reduce in ("set", "max", "min")


def _seen(index: Buffer, shape: Shape, before: int, after: int) -> Buffer:
    """An index broadcast to a shape, of which it has the axes from `before` on up to the last `after`."""
    missing = len(shape) - before - after - len(index.shape)
    own = [0 if extent == 1 else stride for extent, stride in zip(index.shape, index.strides, strict=True)]
    return Buffer(index.dtype, shape, (*[0] * (before + missing), *own, *[0] * after))


def fold(signature: Signature, operands: tuple[Buffer, ...]) -> Contract | None:
    """Windows added up where they came from: a contraction that looks from each element at the windows that have it."""
    type, (x,) = signature.type, operands
    size, stride, dilation = (signature.attributes[name] for name in ("size", "stride", "dilation"))
    assert isinstance(type, Type)
    if not type.size or not x.size or x.dtype.category == COMPLEX or x.dtype is bool_:
        return None
    rank, lead = len(size), len(type.shape) - len(size)
    order = (*range(lead), *range(lead + rank, lead + 2 * rank), *range(lead, lead + rank))
    turned = Buffer(x.dtype, tuple(x.shape[axis] for axis in order), tuple(x.strides[axis] for axis in order))
    spec = contraction.fold(type.shape[lead:], turned.shape, stride, ((0, 0),) * rank, dilation)
    return Contract(spec, (turned,), (), (), (Buffer.of(type.dtype, type.shape),))


def embedding_gradient(signature: Signature, operands: tuple[Buffer, ...]) -> Scatter | None:
    """The sums of the rows that were read."""
    type, (value, index) = signature.type, operands
    attributes = signature.attributes
    assert isinstance(type, Type)
    if not _native(type, value, "add") or (attributes["by_frequency"] and type.shape[0] > COUNTED_ROWS):
        return None
    inner = len(type.shape) - 1
    return Scatter(
        value, None, (_seen(index, value.shape, 0, inner),), 0, len(value.shape) - inner, "add",
        False, attributes["padding"], attributes["by_frequency"], Buffer.of(type.dtype, type.shape),
    )  # fmt: skip


def put(signature: Signature, operands: tuple[Buffer, ...]) -> Scatter | None:
    """Regions of the leading axes."""
    type, (base, value, *indices) = signature.type, operands
    assert isinstance(type, Type)
    reduce = "add" if signature.attributes["accumulate"] else "set"
    if not _native(type, value, reduce):
        return None
    inner = len(type.shape) - len(indices)
    seen = tuple(_seen(index, value.shape, 0, inner) for index in indices)
    stop = len(value.shape) - inner
    return Scatter(value, base, seen, 0, stop, reduce, True, None, False, Buffer.of(type.dtype, type.shape))


def scatter(signature: Signature, operands: tuple[Buffer, ...]) -> Scatter | None:
    """Elements along one axis."""
    type, (base, value, index) = signature.type, operands
    axis, reduce = signature.attributes["axis"], signature.attributes["reduce"]
    assert isinstance(type, Type)
    if not _native(type, value, reduce):
        return None
    result = Buffer.of(type.dtype, type.shape)
    return Scatter(value, base, (index,), axis, axis + 1, reduce, True, None, False, result)


def spread_back(signature: Signature, operands: tuple[Buffer, ...]) -> Scatter | None:
    """What images get back that were read at places, each channel at the same ones."""
    type, (value, places) = signature.type, operands
    assert isinstance(type, Type)
    if not _native(type, value, "add") or prod(value.shape) == 0:
        return None
    seen = Buffer(places.dtype, value.shape, (places.strides[0], 0, places.strides[1]))
    return Scatter(value, None, (seen,), 2, 3, "add", False, None, False, Buffer.of(type.dtype, type.shape))
