"""Known transforms on a whole batch at once, with the results and the draws of sample by sample.

`BatchPlan.of(transform, shape)` reads a transform and gives a plan, or None where one part of it is unknown,
overridden, or works on the values of pixels in a way that does not belong here. `plan.apply(pixels, indices)` gives
the batch.

**Draws.** Most transforms take a fixed number of 32-bit words from the generator: one for a flip, two for a crop. So the
words of a batch are drawn at once, in rows, a row for each sample: the same words in the same places as sample by
sample. Where one draws until it is content, all draw sample by sample.

**Geometry.** Flips, crops and constant padding all move pixels along the two axes, so their product is, for each
sample and axis, a line `source = offset ± target` over a range of targets, and the fill value outside of it (`_Axis`).
In the graph it is one node, `crop`, with the lines as an operand.

**Values.** The other transforms work element by element (`changes`): nodes that read the crop. What differs from sample
to sample (a flag, a factor, a rectangle) is an operand. So a batch is a plan of its own (`runtime.routine`), which compiles to one kernel: each pixel is read once, and
only the result is written. A batch of the CIFAR-10 tutorial takes two fifths of the time that NumPy's copies and passes took.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...data.arrays import random_words
from ...dtype import dtype as DType
from ...dtype import float32, float64, from_numpy_dtype
from ...ir import scalar
from ...ir.crop import crop
from ...ir.graph import Node
from ...ir.index import take
from ...ir.type import Type
from ...runtime.routine import Routine
from ...tensor import get_default_dtype
from .changes import (
    Arithmetic,
    Brightness,
    Cast,
    Change,
    EitherWay,
    Erased,
    Grey,
    Inverted,
    Posterized,
    Saturation,
    Sometimes,
    division,
)
from .color import (
    ColorJitter,
    Grayscale,
    RandomErasing,
    RandomGrayscale,
    RandomInvert,
    RandomPosterize,
    RandomSolarize,
    rectangle_to_erase,
)
from .compose import Compose
from .convert import ConvertImageDtype, Normalize, PILToTensor, ToTensor
from .draws import below, chance, in_default_dtype, order, uniform
from .geometry import CenterCrop, Pad, RandomCrop, RandomHorizontalFlip, RandomVerticalFlip


class _Unknown(Exception):
    """This transform must be done sample by sample."""


class _Axis:
    """Where each sample's pixels come from along one axis: target `t` in [low, high) from source `offset + sign *
    t`."""

    def __init__(self, samples: int, size: int) -> None:
        self.size = size
        self.offset = np.zeros(samples, np.int64)
        self.sign = np.ones(samples, np.int64)
        self.low = np.zeros(samples, np.int64)
        self.high = np.full(samples, size, np.int64)

    def flip(self, which: np.ndarray) -> None:
        last = self.size - 1
        self.offset += np.where(which, self.sign * last, 0)
        self.sign = np.where(which, -self.sign, self.sign)
        self.low, self.high = (
            np.where(which, self.size - self.high, self.low),
            np.where(which, self.size - self.low, self.high),
        )

    def pad(self, before: int, after: int) -> None:
        self.offset -= self.sign * before
        self.low += before
        self.high += before
        self.size += before + after

    def crop(self, start: np.ndarray | int, size: int) -> None:
        self.offset += self.sign * start
        self.low = np.clip(self.low - start, 0, size)
        self.high = np.clip(self.high - start, 0, size)
        self.size = size


@dataclass
class _Batch:
    """A batch while its steps are gone through: its axes, what was drawn, and the settings of changes so far."""

    rows: _Axis
    columns: _Axis
    drawn: Iterator[np.ndarray]  # an array over the samples for each number
    settings: list[np.ndarray]


_Step = Callable[[_Batch], None]
_Draw = int | Callable[[], tuple[float, ...]]  # so many words, or a function that draws for one sample


def _drawn(draws: Sequence[_Draw], samples: int) -> Iterator[np.ndarray]:
    """What all samples draw, number by number."""
    fixed = [draw for draw in draws if isinstance(draw, int)]
    if len(fixed) == len(draws):
        return iter(random_words(samples * sum(fixed)).reshape(samples, -1).T if fixed and samples else ())
    rows = [
        [number for draw in draws for number in (random_words(draw).tolist() if isinstance(draw, int) else draw())]
        for _ in range(samples)
    ]
    return map(np.array, zip(*rows, strict=True))


@dataclass(frozen=True)
class _Way:
    """An axis of the images for all samples: how long it becomes; how far before the image a line may begin; whether some are mirrored."""

    size: int
    reach: int = 0
    mirrored: bool = False


@dataclass(frozen=True)
class _Recipe:
    """What is done to a batch, draws aside. Without `ways`, images are taken as they are."""

    ways: tuple[_Way, _Way] | None
    bounded: bool
    fill: int
    changes: tuple[Change, ...]

    def nodes(self, planes: Node, places: Node, *settings: Node) -> Node:
        if self.ways is None:
            batch = take(planes, places)
        else:
            down, across = self.ways
            batch = crop(
                planes,
                places,
                size=(down.size, across.size),
                reach=(down.reach, across.reach),
                mirrors=(down.mirrored, across.mirrored),
                bounded=self.bounded,
                fill=self.fill,
            )
        remaining = iter(settings)
        for change in self.changes:
            batch = change.of(batch, *itertools.islice(remaining, change.settings))
        return batch


@functools.lru_cache(maxsize=64)
def _routine(recipe: _Recipe, types: tuple[Type, ...]) -> Routine:
    return Routine(recipe.nodes, types)


def _type(array: np.ndarray) -> Type:
    kind = from_numpy_dtype(array.dtype)
    assert kind is not None
    return Type.of(array.shape, kind)


class BatchPlan:
    """What to do with a batch of images of bytes."""

    def __init__(self, channels: int, height: int, width: int) -> None:
        self.channels = channels
        self.rows, self.columns = _Way(height), _Way(width)  # after the steps so far
        self.start = height, width
        self.steps: list[_Step] = []
        self.draws: list[_Draw] = []
        self.is_moved = False
        self.is_erased = False  # then pixels must not be moved any more
        self.fill: int | None = None
        self.is_cut = False  # whether there are pixels that are not seen
        self.is_bounded = False  # whether they would be, were it not for the bounds of what is seen
        self.is_tensor = False
        self.dtype: DType | None = None  # of the values, once they are floating-point
        self.changes: list[Change] = []

    @staticmethod
    def of(transform: Any, shape: Sequence[int]) -> BatchPlan | None:
        """The plan for images (H, W) or (H, W, C) of bytes, or None."""
        height, width, channels = (*shape, 1) if len(shape) == 2 else shape
        plan = BatchPlan(channels, height, width)
        try:
            _read(plan, transform)
        except _Unknown:
            return None
        return plan if plan.is_tensor else None

    def apply(self, pixels: np.ndarray, indices: Sequence[int]) -> np.ndarray:
        """The batch (N, C, H, W) of these images out of (…, H, W) or (…, H, W, C)."""
        planes = pixels[:, None] if pixels.ndim == 3 else pixels.transpose(0, 3, 1, 2)
        samples = len(indices)
        axes = _Axis(samples, self.start[0]), _Axis(samples, self.start[1])
        batch = _Batch(*axes, _drawn(self.draws, samples), [])
        for step in self.steps:
            step(batch)
        places = self._places(axes, indices) if self.is_moved else np.array(indices, np.int64)
        ways = (self.rows, self.columns) if self.is_moved else None
        recipe = _Recipe(ways, self.is_bounded, self.fill or 0, tuple(self.changes))
        operands = planes, places, *(setting.reshape(-1, 1, 1, 1) for setting in batch.settings)
        (result,) = _routine(recipe, tuple(map(_type, operands))).run(*operands)
        return result

    def _places(self, axes: tuple[_Axis, _Axis], indices: Sequence[int]) -> np.ndarray:
        """For each sample, which image it is of and where each axis begins: the operand of `crop`."""
        ways = self.rows, self.columns
        lines = [np.array(indices, np.int64), *(axis.offset + way.reach for axis, way in zip(axes, ways, strict=True))]
        lines += [axis.sign < 0 for axis, way in zip(axes, ways, strict=True) if way.mirrored]
        if self.is_bounded:
            lines += [bound for axis in axes for bound in (axis.low, axis.high)]
        return np.array(lines, np.int64)


# ---- Reading transforms into a plan ----


def _read(plan: BatchPlan, transform: Any) -> None:
    if type(transform) is Compose and "__call__" not in vars(transform):
        for part in transform.transforms:
            _read(plan, part)
        return
    known = _KNOWN.get(type(transform))
    if known is None or _is_altered(transform, known[0]):
        raise _Unknown
    known[1](plan, transform)


def _is_altered(transform: Any, original: Any) -> bool:
    """Whether somebody has put another function in the place of the transform's own, or hooked into it."""
    kind, own = type(transform), vars(transform)
    current = getattr(kind, "forward", None) or kind.__call__
    hooked = own.get("_forward_hooks") or own.get("_forward_pre_hooks")
    return current is not original or "forward" in own or bool(hooked)


def _unit(words: np.ndarray) -> np.ndarray:
    """`rand(1)`, from the words that the draws would take."""
    return (words & 0xFFFFFF).astype(np.float32) * np.float32(2.0**-24)


def _drawing(plan: BatchPlan, *draws: _Draw) -> None:
    """Notes what each sample draws next."""
    if get_default_dtype() is not float32:
        raise _Unknown  # `rand` then takes other words
    plan.draws += draws


def _moving(plan: BatchPlan, step: _Step) -> None:
    if plan.is_erased:
        raise _Unknown
    plan.is_moved = True
    plan.steps.append(step)


def _horizontal_flip(plan: BatchPlan, transform: RandomHorizontalFlip) -> None:
    p = np.float32(transform.p)
    _drawing(plan, 1)
    _moving(plan, lambda batch: batch.columns.flip(_unit(next(batch.drawn)) < p))
    plan.columns = replace(plan.columns, mirrored=True)


def _vertical_flip(plan: BatchPlan, transform: RandomVerticalFlip) -> None:
    p = np.float32(transform.p)
    _drawing(plan, 1)
    _moving(plan, lambda batch: batch.rows.flip(_unit(next(batch.drawn)) < p))
    plan.rows = replace(plan.rows, mirrored=True)


def _pad_by(plan: BatchPlan, left: int, top: int, right: int, bottom: int, fill: Any, padding_mode: str) -> None:
    """Constant borders; all of them with one value of a byte, since outside of `_Axis`'s range there is one."""
    if padding_mode != "constant" or min(left, top, right, bottom) < 0 or plan.changes:
        raise _Unknown
    if type(fill) is not int or not 0 <= fill <= 255 or plan.fill not in (None, fill):
        raise _Unknown
    plan.fill = fill

    def step(batch: _Batch) -> None:
        batch.rows.pad(top, bottom)
        batch.columns.pad(left, right)

    _moving(plan, step)
    plan.is_bounded |= plan.is_cut
    plan.rows, plan.columns = _padded(plan.rows, top + bottom), _padded(plan.columns, left + right)


def _padded(way: _Way, more: int) -> _Way:
    return replace(way, size=way.size + more, reach=way.reach + more)


def _cut(plan: BatchPlan, height: int, width: int, step: _Step) -> None:
    _moving(plan, step)
    plan.is_cut = True
    plan.rows, plan.columns = replace(plan.rows, size=height), replace(plan.columns, size=width)


def _borders(padding: Any) -> tuple[int, int, int, int]:
    if type(padding) is int:
        return padding, padding, padding, padding
    if not isinstance(padding, (tuple, list)) or len(padding) not in (1, 2, 4):
        raise _Unknown
    if not all(type(border) is int for border in padding):
        raise _Unknown
    return tuple(padding) if len(padding) == 4 else (padding[0], padding[-1], padding[0], padding[-1])  # type: ignore[return-value]


def _pad(plan: BatchPlan, transform: Pad) -> None:
    _pad_by(plan, *_borders(transform.padding), transform.fill, transform.padding_mode)


def _random_crop(plan: BatchPlan, transform: RandomCrop) -> None:
    height, width = transform.size
    if transform.padding is not None:
        _pad_by(plan, *_borders(transform.padding), transform.fill, transform.padding_mode)
    if transform.pad_if_needed and plan.columns.size < width:
        lacking = width - plan.columns.size
        _pad_by(plan, lacking, 0, lacking, 0, transform.fill, transform.padding_mode)
    if transform.pad_if_needed and plan.rows.size < height:
        lacking = height - plan.rows.size
        _pad_by(plan, 0, lacking, 0, lacking, transform.fill, transform.padding_mode)
    tops, lefts = plan.rows.size - height + 1, plan.columns.size - width + 1
    if tops < 1 or lefts < 1:
        raise _Unknown  # an error, which the transform itself tells
    if tops == lefts == 1:
        return  # then nothing is drawn

    def step(batch: _Batch) -> None:
        batch.rows.crop((next(batch.drawn) % np.uint32(tops)).astype(np.int64), height)
        batch.columns.crop((next(batch.drawn) % np.uint32(lefts)).astype(np.int64), width)

    plan.draws.append(2)
    _cut(plan, height, width, step)


def _center_crop(plan: BatchPlan, transform: CenterCrop) -> None:
    height, width = transform.size
    if width > plan.columns.size or height > plan.rows.size:
        across, down = max(width - plan.columns.size, 0), max(height - plan.rows.size, 0)
        _pad_by(plan, across // 2, down // 2, (across + 1) // 2, (down + 1) // 2, 0, "constant")
    top, left = round((plan.rows.size - height) / 2.0), round((plan.columns.size - width) / 2.0)

    def step(batch: _Batch) -> None:
        batch.rows.crop(top, height)
        batch.columns.crop(left, width)

    _cut(plan, height, width, step)


def _scale_bytes(plan: BatchPlan, dtype: DType) -> None:
    if dtype not in (float32, float64):
        raise _Unknown
    plan.dtype = dtype
    plan.changes += [Cast(dtype), Arithmetic(scalar.div, (255.0,))]


def _to_tensor(plan: BatchPlan, transform: ToTensor) -> None:
    if plan.is_tensor:
        raise _Unknown  # an error, which the transform itself tells
    plan.is_tensor = True
    _scale_bytes(plan, get_default_dtype())


def _pil_to_tensor(plan: BatchPlan, transform: PILToTensor) -> None:
    if plan.is_tensor:
        raise _Unknown
    plan.is_tensor = True


def _convert_dtype(plan: BatchPlan, transform: ConvertImageDtype) -> None:
    if not plan.is_tensor:
        raise _Unknown
    if plan.dtype is None:
        _scale_bytes(plan, transform.dtype)
    elif plan.dtype is not transform.dtype:
        raise _Unknown


def _by_channel(plan: BatchPlan, numbers: Any) -> tuple[float, ...]:
    """A number for each channel, or one for all, in the dtype of the values."""
    assert plan.dtype is not None
    if not isinstance(numbers, (tuple, list)) or len(numbers) not in (1, plan.channels):
        raise _Unknown
    if not all(type(number) in (int, float) for number in numbers):
        raise _Unknown
    return tuple(np.array(numbers, plan.dtype.storage).tolist())


def _normalize(plan: BatchPlan, transform: Normalize) -> None:
    if plan.dtype is None:
        raise _Unknown
    mean, std = _by_channel(plan, transform.mean), _by_channel(plan, transform.std)
    if not all(std):
        raise _Unknown  # an error, which the transform itself tells
    plan.changes += [Arithmetic(scalar.sub, mean), division(std)]


def _change_image(plan: BatchPlan, change: Change, p: float | np.float32 | None = None) -> None:
    """A change of the bytes of PIL images; with probability `p`, where there is one."""
    if plan.is_tensor:
        raise _Unknown  # tensors have arithmetic of their own
    if p is not None:
        plan.steps.append(lambda batch: batch.settings.append(_unit(next(batch.drawn)) < p))
        change = Sometimes(change)
    plan.changes.append(change)


def _grayscale(plan: BatchPlan, transform: Grayscale) -> None:
    if plan.channels not in (1, 3) or transform.num_output_channels not in (1, 3):
        raise _Unknown
    _change_image(plan, Grey(transform.num_output_channels))
    plan.channels = transform.num_output_channels


def _random_grayscale(plan: BatchPlan, transform: RandomGrayscale) -> None:
    if plan.channels not in (1, 3):
        raise _Unknown
    _drawing(plan, 1)
    _change_image(plan, Grey(plan.channels), np.float32(transform.p))


def _random_invert(plan: BatchPlan, transform: RandomInvert) -> None:
    _drawing(plan, 1)
    _change_image(plan, Inverted(), np.float64(transform.p))


def _random_posterize(plan: BatchPlan, transform: RandomPosterize) -> None:
    if type(transform.bits) is not int or not 1 <= transform.bits <= 8:
        raise _Unknown
    _drawing(plan, 1)
    _change_image(plan, Posterized(256 - 2 ** (8 - transform.bits)), np.float64(transform.p))


def _random_solarize(plan: BatchPlan, transform: RandomSolarize) -> None:
    if type(transform.threshold) not in (int, float) or not 0 <= transform.threshold <= 255:
        raise _Unknown
    _drawing(plan, 1)
    _change_image(plan, Inverted(math.ceil(transform.threshold)), np.float64(transform.p))


def _colour_jitter(plan: BatchPlan, transform: ColorJitter) -> None:
    """Brightness and saturation; contrast needs all pixels of an image first, and hue other colours."""
    if transform.contrast is not None or transform.hue is not None or plan.channels not in (1, 3):
        raise _Unknown
    ranges = [bounds for bounds in (transform.brightness, transform.saturation) if bounds is not None]

    def draw() -> tuple[float, ...]:
        sequence = order(4)
        return sequence.index(0) < sequence.index(2), *(uniform(*bounds) for bounds in ranges)

    def step(batch: _Batch) -> None:
        flag, *factors = (next(batch.drawn) for _ in range(1 + len(ranges)))
        batch.settings += [flag] if len(ranges) == 2 else []
        batch.settings += [factor.astype(np.float32) for factor in factors]

    _drawing(plan, draw)
    plan.steps.append(step)
    if len(ranges) == 2:
        _change_image(plan, EitherWay(Brightness(), Saturation()))
    elif ranges:
        _change_image(plan, Saturation() if transform.brightness is None else Brightness())
    elif plan.is_tensor:
        raise _Unknown


def _random_erasing(plan: BatchPlan, transform: RandomErasing) -> None:
    if plan.dtype is None or isinstance(transform.value, str):
        raise _Unknown  # bytes; or noise, of which there is as much as the rectangle is large
    given: Any = transform.value if isinstance(transform.value, (tuple, list)) else [transform.value]
    numbers = _by_channel(plan, [float(np.float32(number)) for number in given])
    height, width, ratio = plan.rows.size, plan.columns.size, in_default_dtype(np.log, transform.ratio)

    def draw() -> tuple[float, ...]:
        size = rectangle_to_erase(transform.scale, ratio, height, width) if chance(transform.p) else None
        if size is None:
            return 0, 0, 0, 0
        top, left = below(0, height - size[0] + 1), below(0, width - size[1] + 1)
        return top, top + size[0], left, left + size[1]

    _drawing(plan, draw)
    plan.is_erased = True
    plan.steps.append(lambda batch: batch.settings.extend(next(batch.drawn) for _ in range(4)))
    plan.changes.append(Erased(numbers))


# Each kind of transform with the function that does it, as it was when this file was read, and how to read it into a
# plan.
_KNOWN: dict[type, tuple[Any, Callable[[BatchPlan, Any], None]]] = {
    kind: (getattr(kind, "forward", None) or kind.__call__, reader)
    for kind, reader in (
        (RandomHorizontalFlip, _horizontal_flip),
        (RandomVerticalFlip, _vertical_flip),
        (RandomCrop, _random_crop),
        (CenterCrop, _center_crop),
        (Pad, _pad),
        (ToTensor, _to_tensor),
        (PILToTensor, _pil_to_tensor),
        (ConvertImageDtype, _convert_dtype),
        (Normalize, _normalize),
        (Grayscale, _grayscale),
        (RandomGrayscale, _random_grayscale),
        (RandomInvert, _random_invert),
        (RandomPosterize, _random_posterize),
        (RandomSolarize, _random_solarize),
        (ColorJitter, _colour_jitter),
        (RandomErasing, _random_erasing),
    )
}
