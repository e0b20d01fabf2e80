"""What is done to the values of a batch of images, as nodes: each change takes the batch (N, C, H, W) and gives it back changed.

What differs from sample to sample (a factor, a flag, a place) is an operand of shape (N, 1, 1, 1); `settings` says how many of them a
change takes. Changes compare by value, so that a batch plan finds the routine that was made for an equal one. Bytes are those of PIL
images, and what is done to them is Pillow's arithmetic.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from ...dtype import dtype as DType
from ...dtype import float32, float64, int32, int64, uint8
from ...ir import reduce, scalar, view
from ...ir.graph import Node, input_node
from ...ir.index import gather
from ...ir.type import Type


@dataclass(frozen=True)
class Change:
    """Base of changes."""

    settings = 0
    by_element = True  # so that pixels may as well be moved before it

    def of(self, batch: Node, *settings: Node) -> Node:
        raise NotImplementedError

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of images of this size after the change."""
        return height, width


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

    @property
    def by_element(self) -> bool:  # type: ignore[override]
        return self.change.by_element

    def of(self, batch: Node, *settings: Node) -> Node:
        flag, *others = settings
        return scalar.select(flag, self.change.of(batch, *others), batch)


@dataclass(frozen=True)
class Together(Change):
    """Changes one after the other, none of which changes the size."""

    changes: tuple[Change, ...]

    @property
    def settings(self) -> int:  # type: ignore[override]
        return sum(change.settings for change in self.changes)

    @property
    def by_element(self) -> bool:  # type: ignore[override]
        return all(change.by_element for change in self.changes)

    def of(self, batch: Node, *settings: Node) -> Node:
        remaining = iter(settings)
        for change in self.changes:
            batch = change.of(batch, *itertools.islice(remaining, change.settings))
        return batch


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


def _mean_grey(batch: Node) -> Node:
    """The mean of each sample's grey image as a whole number: what its contrast is measured from."""
    count, _, height, width = batch.type.shape
    total = reduce.sum_(scalar.cast(_grey(batch, 1), dtype=int64), (1, 2, 3))
    pixels = scalar.number(height * width, float64)
    mean = scalar.div(scalar.cast(total, dtype=float64), pixels)
    whole = scalar.floor(scalar.add(mean, scalar.number(0.5, float64)))
    return view.reshape(scalar.cast(whole, dtype=float32), (count, 1, 1, 1))


class Colour(Enum):
    """What `ColorJitter` changes, in its order."""

    BRIGHTNESS = 0  # blended with black
    CONTRAST = 1  # blended with the mean of the grey image
    SATURATION = 2  # blended with the grey image
    HUE = 3


@dataclass(frozen=True)
class Jitter(Change):
    """One change of colours. The settings are a flag for each of them but the first, set where it is the sample's, and its factor; of
    hues, how many of 256 steps they turn."""

    colours: tuple[Colour, ...]

    @property
    def settings(self) -> int:  # type: ignore[override]
        return len(self.colours)

    @property
    def by_element(self) -> bool:  # type: ignore[override]
        return Colour.CONTRAST not in self.colours

    def of(self, batch: Node, *settings: Node) -> Node:
        factor = settings[-1]
        flags = dict(zip(self.colours[1:], settings, strict=False))
        results: list[tuple[Colour, Node]] = []
        starts = [(colour, self._start(batch, colour)) for colour in self.colours if colour is not Colour.HUE]
        if starts:
            start = self._chosen(flags, starts)
            results.append((starts[0][0], _blended(batch, start, factor)))
        if Colour.HUE in self.colours:
            results.append((Colour.HUE, _turned(batch, factor)))
        return self._chosen(flags, results)

    def _start(self, batch: Node, colour: Colour) -> Node:
        if colour is Colour.BRIGHTNESS:
            return scalar.number(0.0, float32)
        if colour is Colour.CONTRAST:
            return _mean_grey(batch)
        return scalar.cast(_grey(batch, batch.type.shape[1]), dtype=float32)

    @staticmethod
    def _chosen(flags: dict[Colour, Node], options: Sequence[tuple[Colour, Node]]) -> Node:
        """The option whose flag is set; the first one where none of the others' is."""
        (_, chosen), *others = options
        for colour, option in others:
            chosen = scalar.select(flags[colour], option, chosen)
        return chosen


def _turned(batch: Node, steps: Node) -> Node:
    """The circle of hues turned by so many of its 256 steps; grey images as they are.

    Colours go to hue, saturation and value and back as Pillow's do: each of them a byte, reckoned in double precision and rounded to
    single where Pillow stores it so.
    """
    count, channels, height, width = batch.type.shape
    if channels == 1:
        return batch
    red, green, blue = (
        scalar.cast(view.slice_(batch, (0, c, 0, 0), (count, c + 1, height, width)), dtype=int32) for c in range(3)
    )
    hue, saturation, value = _hue_saturation_value(red, green, blue)
    turned = scalar.bitwise_and(scalar.add(hue, scalar.cast(steps, dtype=int32)), scalar.number(255, int32))
    channel = scalar.iota(shape=batch.type.shape, axis=1)
    parts = _red_green_blue(turned, saturation, value)
    rest = scalar.select(scalar.eq(channel, scalar.number(1, int64)), parts[1], parts[2])
    return scalar.cast(scalar.select(scalar.eq(channel, scalar.number(0, int64)), parts[0], rest), dtype=uint8)


def _single(x: Node) -> Node:
    """Rounded to single precision."""
    return scalar.cast(scalar.cast(x, dtype=float32), dtype=float64)


def _hue_saturation_value(red: Node, green: Node, blue: Node) -> tuple[Node, Node, Node]:
    high = scalar.maximum(red, scalar.maximum(green, blue))
    low = scalar.minimum(red, scalar.minimum(green, blue))
    is_grey = scalar.eq(high, low)
    zero, one, end = scalar.number(0, int32), scalar.number(1.0, float64), scalar.number(255.0, float64)
    spread = scalar.cast(scalar.select(is_grey, scalar.number(1, int32), scalar.sub(high, low)), dtype=float32)

    def from_high(part: Node) -> Node:
        return scalar.cast(scalar.div(scalar.cast(scalar.sub(high, part), dtype=float32), spread), dtype=float64)

    from_red, from_green, from_blue = from_high(red), from_high(green), from_high(blue)
    at_red = scalar.sub(from_blue, from_green)
    at_green = scalar.sub(scalar.add(scalar.number(2.0, float64), from_red), from_blue)
    at_blue = scalar.sub(scalar.add(scalar.number(4.0, float64), from_green), from_red)
    place = scalar.select(scalar.eq(red, high), at_red, scalar.select(scalar.eq(green, high), at_green, at_blue))
    turns = scalar.add(scalar.div(_single(place), scalar.number(6.0, float64)), one)  # 5/6 to 11/6
    hue = _single(scalar.select(scalar.ge(turns, one), scalar.sub(turns, one), turns))
    largest = scalar.cast(scalar.maximum(high, scalar.number(1, int32)), dtype=float32)
    saturation = scalar.cast(scalar.div(spread, largest), dtype=float64)
    bytes_ = (scalar.cast(scalar.mul(part, end), dtype=int32) for part in (hue, saturation))
    return *(scalar.select(is_grey, zero, part) for part in bytes_), high  # type: ignore[return-value]


def _red_green_blue(hue: Node, saturation: Node, value: Node) -> tuple[Node, Node, Node]:
    one, six, end = (scalar.number(number, float64) for number in (1.0, 6.0, 255.0))
    turns = scalar.div(_single(scalar.mul(scalar.cast(hue, dtype=float64), six)), end)
    sector = scalar.floor(turns)
    rest = _single(scalar.sub(turns, sector))
    share = _single(scalar.div(scalar.cast(saturation, dtype=float64), end))

    def less(part: Node) -> Node:
        """The value less this part of it, rounded, halves up."""
        left = scalar.mul(scalar.cast(value, dtype=float64), scalar.sub(one, part))
        return scalar.cast(scalar.floor(scalar.add(left, scalar.number(0.5, float64))), dtype=int32)

    p, q, t = less(share), less(scalar.mul(share, rest)), less(scalar.mul(share, scalar.sub(one, rest)))
    number = scalar.cast(sector, dtype=int32)  # 6 at the very end, which is 0

    def chosen(options: tuple[Node, ...]) -> Node:
        part = options[0]
        for place in range(1, 6):
            part = scalar.select(scalar.eq(number, scalar.number(place, int32)), options[place], part)
        return part

    return (
        chosen((value, q, p, p, t, value)),
        chosen((t, value, value, q, p, p)),
        chosen((p, p, t, value, value, q)),
    )


@dataclass(frozen=True)
class Erased(Change):
    """A rectangle of each sample replaced by a number for each channel; the settings are its first and end row, its first and end column."""

    numbers: tuple[float, ...]
    settings = 4
    by_element = False

    def of(self, batch: Node, *settings: Node) -> Node:
        top, bottom, left, right = settings
        shape = batch.type.shape  # whole, so that they are part of the kernel that wants them
        rows, columns = scalar.iota(shape=shape, axis=2), scalar.iota(shape=shape, axis=3)
        down = scalar.logical_and(scalar.ge(rows, top), scalar.lt(rows, bottom))
        across = scalar.logical_and(scalar.ge(columns, left), scalar.lt(columns, right))
        value = _by_channel(self.numbers, batch.type.dtype)
        return scalar.select(scalar.logical_and(down, across), value, batch)


@dataclass(frozen=True)
class Covered(Change):
    """Other values where there are some; the setting is an array of the batch's shape that holds NaN elsewhere."""

    settings = 1
    by_element = False

    def of(self, batch: Node, *settings: Node) -> Node:
        return scalar.select(scalar.isnan(settings[0]), batch, settings[0])


class Order(Enum):
    """Along which axis pixels are summed first; the sums are rounded to bytes in between, so that it can be seen."""

    WIDTH = "width"
    HEIGHT = "height"
    BY_SAMPLE = "by sample"


@dataclass(frozen=True)
class Resampled(Change):
    """Bytes at another size, as Pillow makes them: along either axis, each pixel is a sum of a few.

    The settings are, for width and height, which pixel each tap reads and its weight in 22 bits, (samples or 1, size, taps) each; and,
    where it differs, whether a sample is resized along its height first.
    """

    height: int
    width: int
    order: Order
    by_element = False

    @property
    def settings(self) -> int:  # type: ignore[override]
        return 4 + (self.order is Order.BY_SAMPLE)

    def size(self, height: int, width: int) -> tuple[int, int]:
        return self.height, self.width

    def of(self, batch: Node, *settings: Node) -> Node:
        width_first = self._down(self._across(batch, settings), settings)
        height_first = self._across(self._down(batch, settings), settings)
        if self.order is Order.BY_SAMPLE:
            return scalar.select(settings[4], height_first, width_first)
        return height_first if self.order is Order.HEIGHT else width_first

    def _across(self, batch: Node, settings: Sequence[Node]) -> Node:
        return _weighed(batch, 3, self.width, settings[0], settings[1])

    def _down(self, batch: Node, settings: Sequence[Node]) -> Node:
        return _weighed(batch, 2, self.height, settings[2], settings[3])


UNROLLED = 9  # taps up to which sums are written out, so that the elements of a row are made side by side


def _weighed(batch: Node, axis: int, size: int, places: Node, weights: Node) -> Node:
    """Along one axis, sums of pixels at `places` times `weights`, rounded to bytes."""
    shape = list(batch.type.shape)
    shape[axis] = size
    samples, _, taps = places.type.shape
    lined = [samples, 1, 1, 1]
    lined[axis] = size
    half = scalar.number(1 << 21, int32)
    if taps > UNROLLED:
        pixels = gather(
            view.expand(view.reshape(batch, (*batch.type.shape, 1)), (*batch.type.shape, taps)),
            view.expand(view.reshape(places, (*lined, taps)), (*shape, taps)),
            axis=axis,
        )
        products = scalar.mul(scalar.cast(pixels, dtype=int32), view.reshape(weights, (*lined, taps)))
        total = scalar.add(reduce.sum_(products, (4,)), half)
    else:
        total = half
        for tap in range(taps):
            begin, end = (0, 0, tap), (samples, size, tap + 1)
            place, weight = (view.reshape(view.slice_(each, begin, end), tuple(lined)) for each in (places, weights))
            pixel = scalar.cast(gather(batch, view.expand(place, tuple(shape)), axis=axis), dtype=int32)
            total = scalar.add(total, scalar.mul(pixel, weight))
    level = scalar.shift_right(total, scalar.number(22, int32))
    bounded = scalar.minimum(scalar.maximum(level, scalar.number(0, int32)), scalar.number(255, int32))
    return scalar.cast(bounded, dtype=uint8)


@dataclass(frozen=True)
class Picked(Change):
    """Pixels at other places, given by the setting (samples or 1, height * width), -1 where the result is the fill."""

    height: int
    width: int
    fill: tuple[int, ...]
    settings = 1
    by_element = False

    def size(self, height: int, width: int) -> tuple[int, int]:
        return self.height, self.width

    def of(self, batch: Node, *settings: Node) -> Node:
        (places,) = settings
        count, channels, height, width = batch.type.shape
        wanted = count, channels, self.height * self.width
        flat = view.reshape(batch, (count, channels, height * width))
        places = view.expand(view.reshape(places, (places.type.shape[0], 1, wanted[2])), wanted)
        zero = scalar.number(0, int64)
        inside = scalar.ge(places, zero)
        read = gather(flat, scalar.maximum(places, zero), axis=2)
        fill = view.reshape(_by_channel(self.fill, batch.type.dtype), (len(self.fill), 1))
        return view.reshape(scalar.select(inside, read, fill), (count, channels, self.height, self.width))
