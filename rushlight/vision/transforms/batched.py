"""Known transforms on a whole batch at once, with the results and the draws of sample by sample.

`BatchPlan.of(transform, shape)` reads a transform and gives a plan, or None where one part of it is unknown,
overridden, or works on the values of pixels in a way that does not belong here. `plan.apply(pixels, indices)` gives
the batch.

**Draws.** A sample takes a fixed number of 32-bit words from the generator: one for a flip, two for a crop. So the
words of a batch are drawn at once, in rows, a row for each sample: the same words in the same places as sample by
sample.

**Geometry.** Flips, crops and constant padding all move pixels along the two axes, so their product is, for each
sample and axis, a line `source = offset ± target` over a range of targets, and the fill value outside of it (`_Axis`).
Pixels are copied once.

**Values.** From bytes on, `ToTensor`, `ConvertImageDtype` and `Normalize` work element by element; they follow after
the copy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ...data.arrays import random_words
from ...dtype import dtype as DType
from ...dtype import float32, float64
from ...tensor import get_default_dtype
from .compose import Compose
from .convert import ConvertImageDtype, Normalize, PILToTensor, ToTensor
from .geometry import CenterCrop, Pad, RandomCrop, RandomHorizontalFlip, RandomVerticalFlip

_NUMPY_FLOATS: dict[Any, np.dtype] = {float32: np.dtype(np.float32), float64: np.dtype(np.float64)}


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

    def slices(self) -> list[tuple[slice, slice]]:
        """For each sample, the targets and the sources."""
        first, stop = self.offset + self.sign * self.low, self.offset + self.sign * self.high
        spans = zip(*(part.tolist() for part in (self.low, self.high, first, stop, self.sign)), strict=True)
        return [
            (slice(low, high), slice(begin, end if end >= 0 else None, sign)) if low < high else (slice(0), slice(0))
            for low, high, begin, end, sign in spans
        ]


_Step = Callable[[_Axis, _Axis, Iterator[np.ndarray]], None]


class BatchPlan:
    """What to do with a batch of images of bytes."""

    def __init__(self, channels: int, height: int, width: int) -> None:
        self.channels = channels
        self.height, self.width = height, width  # after the steps so far
        self.start = height, width
        self.steps: list[_Step] = []
        self.words = 0  # drawn by each sample
        self.fill: int | None = None
        self.is_tensor = False
        self.dtype: np.dtype | None = None  # of the values, once they are floating-point
        self.values: list[tuple[str, np.ndarray]] = []  # subtract or divide, by channel

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
        words = iter(random_words(samples * self.words).reshape(samples, self.words).T) if self.words else iter(())
        if self.steps:
            rows, columns = _Axis(samples, self.start[0]), _Axis(samples, self.start[1])
            for step in self.steps:
                step(rows, columns, words)
            batch = _gather(planes, indices, rows, columns, self.fill)
        else:
            batch = planes[np.asarray(indices)]
        return self._valued(batch)

    def _valued(self, batch: np.ndarray) -> np.ndarray:
        if self.dtype is None:
            return np.ascontiguousarray(batch)
        values = batch.astype(self.dtype, order="C")
        lines = values.reshape(len(values), self.channels, -1)
        for operation, operand in self.values:
            if operation == "subtract":
                lines -= operand
            else:
                lines /= operand
        return values


def _gather(planes: np.ndarray, indices: Sequence[int], rows: _Axis, columns: _Axis, fill: int | None) -> np.ndarray:
    shape = (len(indices), planes.shape[1], rows.size, columns.size)
    batch = np.full(shape, fill, np.uint8) if fill else np.zeros(shape, np.uint8)
    moves = zip(batch, indices, rows.slices(), columns.slices(), strict=True)
    for target, index, (target_rows, source_rows), (target_columns, source_columns) in moves:
        target[:, target_rows, target_columns] = planes[index, :, source_rows, source_columns]
    return batch


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


def _chance(words: np.ndarray, p: float) -> np.ndarray:
    """Where `rand(1) < p`, from the words that the draws would take."""
    return (words & 0xFFFFFF).astype(np.float32) * np.float32(2.0**-24) < np.float32(p)


def _draw_chance(plan: BatchPlan, p: Any) -> float:
    if get_default_dtype() is not float32:
        raise _Unknown  # `rand` then takes other words
    plan.words += 1
    return float(p)


def _horizontal_flip(plan: BatchPlan, transform: RandomHorizontalFlip) -> None:
    p = _draw_chance(plan, transform.p)
    plan.steps.append(lambda rows, columns, words: columns.flip(_chance(next(words), p)))


def _vertical_flip(plan: BatchPlan, transform: RandomVerticalFlip) -> None:
    p = _draw_chance(plan, transform.p)
    plan.steps.append(lambda rows, columns, words: rows.flip(_chance(next(words), p)))


def _pad_by(plan: BatchPlan, left: int, top: int, right: int, bottom: int, fill: Any, padding_mode: str) -> None:
    """Constant borders; all of them with one value of a byte, since outside of `_Axis`'s range there is one."""
    if padding_mode != "constant" or min(left, top, right, bottom) < 0 or plan.dtype is not None:
        raise _Unknown
    if type(fill) is not int or not 0 <= fill <= 255 or plan.fill not in (None, fill):
        raise _Unknown
    plan.fill = fill

    def step(rows: _Axis, columns: _Axis, words: Iterator[np.ndarray]) -> None:
        rows.pad(top, bottom)
        columns.pad(left, right)

    plan.steps.append(step)
    plan.height += top + bottom
    plan.width += left + right


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
    if transform.pad_if_needed and plan.width < width:
        lacking = width - plan.width
        _pad_by(plan, lacking, 0, lacking, 0, transform.fill, transform.padding_mode)
    if transform.pad_if_needed and plan.height < height:
        lacking = height - plan.height
        _pad_by(plan, 0, lacking, 0, lacking, transform.fill, transform.padding_mode)
    tops, lefts = plan.height - height + 1, plan.width - width + 1
    if tops < 1 or lefts < 1:
        raise _Unknown  # an error, which the transform itself tells
    if tops == lefts == 1:
        return  # then nothing is drawn

    def step(rows: _Axis, columns: _Axis, words: Iterator[np.ndarray]) -> None:
        rows.crop((next(words) % np.uint32(tops)).astype(np.int64), height)
        columns.crop((next(words) % np.uint32(lefts)).astype(np.int64), width)

    plan.words += 2
    plan.steps.append(step)
    plan.height, plan.width = height, width


def _center_crop(plan: BatchPlan, transform: CenterCrop) -> None:
    height, width = transform.size
    if width > plan.width or height > plan.height:
        across, down = max(width - plan.width, 0), max(height - plan.height, 0)
        _pad_by(plan, across // 2, down // 2, (across + 1) // 2, (down + 1) // 2, 0, "constant")
    top, left = round((plan.height - height) / 2.0), round((plan.width - width) / 2.0)

    def step(rows: _Axis, columns: _Axis, words: Iterator[np.ndarray]) -> None:
        rows.crop(top, height)
        columns.crop(left, width)

    plan.steps.append(step)
    plan.height, plan.width = height, width


def _scale_bytes(plan: BatchPlan, dtype: DType) -> None:
    if dtype not in _NUMPY_FLOATS:
        raise _Unknown
    plan.dtype = _NUMPY_FLOATS[dtype]
    plan.values.append(("divide", np.array(255, plan.dtype)))


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
    elif plan.dtype != _NUMPY_FLOATS.get(transform.dtype):
        raise _Unknown


def _by_channel(plan: BatchPlan, numbers: Any) -> np.ndarray:
    if not isinstance(numbers, (tuple, list)) or len(numbers) not in (1, plan.channels):
        raise _Unknown
    if not all(type(number) in (int, float) for number in numbers):
        raise _Unknown
    return np.array(numbers, plan.dtype).reshape(-1, 1)


def _normalize(plan: BatchPlan, transform: Normalize) -> None:
    if plan.dtype is None:
        raise _Unknown
    mean, std = _by_channel(plan, transform.mean), _by_channel(plan, transform.std)
    if not std.all():
        raise _Unknown  # an error, which the transform itself tells
    plan.values += [("subtract", mean), ("divide", std)]


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
    )
}
