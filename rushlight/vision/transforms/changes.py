"""What is done to the values of a batch of images, as nodes: each change takes the batch (N, C, H, W) and gives it back changed.

What differs from sample to sample (a factor, a flag, a place) is an operand of shape (N, 1, 1, 1); `settings` says how many of them a
change takes. Changes compare by value, so that a batch plan finds the routine that was made for an equal one. Bytes are those of PIL
images, and what is done to them is Pillow's arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...dtype import dtype as DType
from ...dtype import float32, int32, uint8
from ...ir import scalar, view
from ...ir.graph import Node, input_node
from ...ir.type import Type


@dataclass(frozen=True)
class Change:
    """Base of changes."""

    settings = 0

    def of(self, batch: Node, *settings: Node) -> Node:
        raise NotImplementedError


def _by_channel(numbers: tuple[float, ...], dtype: DType) -> Node:
    """A number for each channel, or one for all."""
    array = np.array(numbers, dtype.storage).reshape(-1, 1, 1)
    return input_node(array, Type.of(array.shape, dtype))


@dataclass(frozen=True)
class Cast(Change):
    dtype: DType

    def of(self, batch: Node, *settings: Node) -> Node:
        return scalar.cast(batch, dtype=self.dtype)


@dataclass(frozen=True)
class Arithmetic(Change):
    """An operation with a number for each channel, or one for all."""

    operation: Callable[..., Node]
    numbers: tuple[float, ...]

    def of(self, batch: Node, *settings: Node) -> Node:
        return self.operation(batch, _by_channel(self.numbers, batch.type.dtype))


def division(divisors: tuple[float, ...]) -> Arithmetic:
    """Division by powers of two as a product with their reciprocals, which gives the same bits and takes less time."""
    if all(math.frexp(abs(divisor))[0] == 0.5 and 2.0**-60 < abs(divisor) < 2.0**60 for divisor in divisors):
        return Arithmetic(scalar.mul, tuple(1 / divisor for divisor in divisors))
    return Arithmetic(scalar.div, divisors)


@dataclass(frozen=True)
class Sometimes(Change):
    """A change of the samples whose flag is set; the flag is the first setting."""

    change: Change

    @property
    def settings(self) -> int:  # type: ignore[override]
        return 1 + self.change.settings

    def of(self, batch: Node, *settings: Node) -> Node:
        flag, *others = settings
        return scalar.select(flag, self.change.of(batch, *others), batch)


def _grey(batch: Node, copies: int) -> Node:
    """By the weights of ITU-R 601 in 16 bits, in so many channels; grey images as they are.

    Copies are made of what is read, not of the result: so it is part of the kernel that wants it, where it would else be stored.
    """
    count, channels, height, width = batch.type.shape
    wanted = count, copies, height, width
    if channels == 1:
        return view.expand(batch, wanted)
    total = scalar.number(0x8000, int32)
    for channel, weight in enumerate((19595, 38470, 7471)):
        one = view.expand(view.slice_(batch, (0, channel, 0, 0), (count, channel + 1, height, width)), wanted)
        total = scalar.add(total, scalar.mul(scalar.cast(one, dtype=int32), scalar.number(weight, int32)))
    return scalar.cast(scalar.shift_right(total, scalar.number(16, int32)), dtype=uint8)


@dataclass(frozen=True)
class Grey(Change):
    """Without colours, in so many channels."""

    channels: int

    def of(self, batch: Node, *settings: Node) -> Node:
        return _grey(batch, self.channels)


@dataclass(frozen=True)
class Inverted(Change):
    """Bytes from `threshold` on taken from 255."""

    threshold: int = 0

    def of(self, batch: Node, *settings: Node) -> Node:
        inverted = scalar.bitwise_xor(batch, scalar.number(255, uint8))
        if not self.threshold:
            return inverted
        return scalar.select(scalar.ge(batch, scalar.number(self.threshold, uint8)), inverted, batch)


@dataclass(frozen=True)
class Posterized(Change):
    """The bits of bytes that are in the mask."""

    mask: int

    def of(self, batch: Node, *settings: Node) -> Node:
        return scalar.bitwise_and(batch, scalar.number(self.mask, uint8))


def _blended(batch: Node, start: Node, factor: Node) -> Node:
    """Bytes on the line from `start` (factor 0) to the batch (factor 1) and beyond, cut to a byte's range, then to whole numbers."""
    end = scalar.cast(batch, dtype=float32)
    mixed = scalar.add(start, scalar.mul(factor, scalar.sub(end, start)))
    bounded = scalar.minimum(scalar.maximum(mixed, scalar.number(0.0, float32)), scalar.number(255.0, float32))
    return scalar.cast(bounded, dtype=uint8)


@dataclass(frozen=True)
class Brightness(Change):
    """Blended with black; the factor is a setting."""

    settings = 1

    def of(self, batch: Node, *settings: Node) -> Node:
        return _blended(batch, scalar.number(0.0, float32), settings[0])


@dataclass(frozen=True)
class Saturation(Change):
    """Blended with its grey image; the factor is a setting."""

    settings = 1

    def of(self, batch: Node, *settings: Node) -> Node:
        channels = batch.type.shape[1]
        if channels == 1:
            return batch
        return _blended(batch, scalar.cast(_grey(batch, channels), dtype=float32), settings[0])


@dataclass(frozen=True)
class EitherWay(Change):
    """Two changes of one setting each, the second one first where the flag, the first setting, is not set."""

    one: Change
    other: Change
    settings = 3

    def of(self, batch: Node, *settings: Node) -> Node:
        flag, first, second = settings
        forward = self.other.of(self.one.of(batch, first), second)
        return scalar.select(flag, forward, self.one.of(self.other.of(batch, second), first))


@dataclass(frozen=True)
class Erased(Change):
    """A rectangle of each sample replaced by a number for each channel; the settings are its first and end row, its first and end column."""

    numbers: tuple[float, ...]
    settings = 4

    def of(self, batch: Node, *settings: Node) -> Node:
        top, bottom, left, right = settings
        shape = batch.type.shape  # whole, so that they are part of the kernel that wants them
        rows, columns = scalar.iota(shape=shape, axis=2), scalar.iota(shape=shape, axis=3)
        down = scalar.logical_and(scalar.ge(rows, top), scalar.lt(rows, bottom))
        across = scalar.logical_and(scalar.ge(columns, left), scalar.lt(columns, right))
        value = _by_channel(self.numbers, batch.type.dtype)
        return scalar.select(scalar.logical_and(down, across), value, batch)
