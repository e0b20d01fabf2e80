"""Known transforms on a whole batch at once, with the results and the draws of sample by sample.

`BatchPlan.of(transform, shape)` reads a transform and gives a plan (`batchplan`), or None where one part of it is unknown,
overridden, or works on the values of pixels in a way that does not belong here. `plan.apply(pixels, indices)` gives
the batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ...data.arrays import random_words
from ...dtype import dtype as DType
from ...dtype import float32, float64
from ...ir import scalar
from ...tensor import get_default_dtype
from .batchplan import Batch, Draw, Plan, Unknown
from .changes import (
    Arithmetic,
    Cast,
    Change,
    Colour,
    Covered,
    Erased,
    Grey,
    Inverted,
    Jitter,
    Order,
    Picked,
    Posterized,
    Resampled,
    Sometimes,
    Together,
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
from .compose import Compose, RandomApply
from .convert import ConvertImageDtype, Normalize, PILToTensor, ToTensor
from .draws import below, chance, in_default_dtype, is_exceeded, normal, order_of, uniform_of, unit_of
from .functional import inverse_affine_matrix, resized_size
from .geometry import (
    CenterCrop,
    Pad,
    RandomAffine,
    RandomCrop,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomRotation,
    RandomVerticalFlip,
    Resize,
    affine_parameters,
    part_to_resize,
)
from .interpolation import InterpolationMode
from .pillow_positions import FILTERS, height_first, most_taps, nearest, taps, turning_matrix


class BatchPlan(Plan):
    """What to do with a batch of images of bytes, read from a transform."""

    @staticmethod
    def of(transform: Any, shape: Sequence[int]) -> BatchPlan | None:
        """The plan for images (H, W) or (H, W, C) of bytes, or None."""
        height, width, channels = (*shape, 1) if len(shape) == 2 else shape
        plan = BatchPlan(channels, height, width)
        try:
            _read(plan, transform)
        except Unknown:
            return None
        return plan if plan.is_tensor else None


# ---- Reading transforms into a plan ----


def _read(plan: Plan, transform: Any) -> None:
    if type(transform) is Compose and "__call__" not in vars(transform):
        for part in transform.transforms:
            _read(plan, part)
        return
    known = _KNOWN.get(type(transform))
    if known is None or _is_altered(transform, known[0]):
        raise Unknown
    known[1](plan, transform)


def _is_altered(transform: Any, original: Any) -> bool:
    """Whether somebody has put another function in the place of the transform's own, or hooked into it."""
    kind, own = type(transform), vars(transform)
    current = getattr(kind, "forward", None) or kind.__call__
    hooked = own.get("_forward_hooks") or own.get("_forward_pre_hooks")
    return current is not original or "forward" in own or bool(hooked)


def _drawing(plan: Plan, *draws: Draw) -> None:
    """Notes what each sample draws next."""
    if get_default_dtype() is not float32:
        raise Unknown  # `rand` then takes other words
    plan.draws += draws


def _horizontal_flip(plan: Plan, transform: RandomHorizontalFlip) -> None:
    p = np.float32(transform.p)
    _drawing(plan, 1)
    plan.flip_columns(lambda batch: batch.columns.flip(unit_of(next(batch.drawn)) < p))


def _vertical_flip(plan: Plan, transform: RandomVerticalFlip) -> None:
    p = np.float32(transform.p)
    _drawing(plan, 1)
    plan.flip_rows(lambda batch: batch.rows.flip(unit_of(next(batch.drawn)) < p))


def _pad_by(plan: Plan, left: int, top: int, right: int, bottom: int, fill: Any, padding_mode: str) -> None:
    """Constant borders of one value."""
    if padding_mode != "constant" or min(left, top, right, bottom) < 0:
        raise Unknown
    if type(fill) is not int or not 0 <= fill <= 255:
        raise Unknown
    plan.pad(left, top, right, bottom, fill)


def _borders(padding: Any) -> tuple[int, int, int, int]:
    if type(padding) is int:
        return padding, padding, padding, padding
    if not isinstance(padding, (tuple, list)) or len(padding) not in (1, 2, 4):
        raise Unknown
    if not all(type(border) is int for border in padding):
        raise Unknown
    return tuple(padding) if len(padding) == 4 else (padding[0], padding[-1], padding[0], padding[-1])  # type: ignore[return-value]


def _pad(plan: Plan, transform: Pad) -> None:
    _pad_by(plan, *_borders(transform.padding), transform.fill, transform.padding_mode)


def _random_crop(plan: Plan, transform: RandomCrop) -> None:
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
        raise Unknown  # an error, which the transform itself tells
    if tops == lefts == 1:
        return  # then nothing is drawn

    def step(batch: Batch) -> None:
        batch.rows.crop((next(batch.drawn) % np.uint32(tops)).astype(np.int64), height)
        batch.columns.crop((next(batch.drawn) % np.uint32(lefts)).astype(np.int64), width)

    plan.draws.append(2)
    plan.cut(height, width, step)


def _center_crop(plan: Plan, transform: CenterCrop) -> None:
    height, width = transform.size
    if width > plan.columns.size or height > plan.rows.size:
        across, down = max(width - plan.columns.size, 0), max(height - plan.rows.size, 0)
        _pad_by(plan, across // 2, down // 2, (across + 1) // 2, (down + 1) // 2, 0, "constant")
    top, left = round((plan.rows.size - height) / 2.0), round((plan.columns.size - width) / 2.0)

    def step(batch: Batch) -> None:
        batch.rows.crop(top, height)
        batch.columns.crop(left, width)

    plan.cut(height, width, step)


def _scale_bytes(plan: Plan, dtype: DType) -> None:
    if dtype not in (float32, float64):
        raise Unknown
    plan.dtype = dtype
    plan.change(Cast(dtype))
    plan.change(Arithmetic(scalar.div, (255.0,)))


def _to_tensor(plan: Plan, transform: ToTensor) -> None:
    if plan.is_tensor:
        raise Unknown  # an error, which the transform itself tells
    plan.is_tensor = True
    _scale_bytes(plan, get_default_dtype())


def _pil_to_tensor(plan: Plan, transform: PILToTensor) -> None:
    if plan.is_tensor:
        raise Unknown
    plan.is_tensor = True


def _convert_dtype(plan: Plan, transform: ConvertImageDtype) -> None:
    if not plan.is_tensor:
        raise Unknown
    if plan.dtype is None:
        _scale_bytes(plan, transform.dtype)
    elif plan.dtype is not transform.dtype:
        raise Unknown


def _by_channel(plan: Plan, numbers: Any) -> tuple[float, ...]:
    """A number for each channel, or one for all, in the dtype of the values."""
    assert plan.dtype is not None
    if not isinstance(numbers, (tuple, list)) or len(numbers) not in (1, plan.channels):
        raise Unknown
    if not all(type(number) in (int, float) for number in numbers):
        raise Unknown
    return tuple(np.array(numbers, plan.dtype.storage).tolist())


def _normalize(plan: Plan, transform: Normalize) -> None:
    if plan.dtype is None:
        raise Unknown
    mean, std = _by_channel(plan, transform.mean), _by_channel(plan, transform.std)
    if not all(std):
        raise Unknown  # an error, which the transform itself tells
    plan.change(Arithmetic(scalar.sub, mean))
    plan.change(division(std))


def _change_image(plan: Plan, change: Change, p: float | np.float32 | None = None) -> None:
    """A change of the bytes of PIL images; with probability `p`, where there is one."""
    if plan.is_tensor:
        raise Unknown  # tensors have arithmetic of their own
    if p is not None:
        plan.steps.append(lambda batch: batch.set(unit_of(next(batch.drawn)) < p))
        change = Sometimes(change)
    plan.change(change)


def _grayscale(plan: Plan, transform: Grayscale) -> None:
    if plan.channels not in (1, 3) or transform.num_output_channels not in (1, 3):
        raise Unknown
    _change_image(plan, Grey(transform.num_output_channels))
    plan.channels = transform.num_output_channels


def _random_grayscale(plan: Plan, transform: RandomGrayscale) -> None:
    if plan.channels not in (1, 3):
        raise Unknown
    _drawing(plan, 1)
    _change_image(plan, Grey(plan.channels), np.float32(transform.p))


def _random_invert(plan: Plan, transform: RandomInvert) -> None:
    _drawing(plan, 1)
    _change_image(plan, Inverted(), np.float64(transform.p))


def _random_posterize(plan: Plan, transform: RandomPosterize) -> None:
    if type(transform.bits) is not int or not 1 <= transform.bits <= 8:
        raise Unknown
    _drawing(plan, 1)
    _change_image(plan, Posterized(256 - 2 ** (8 - transform.bits)), np.float64(transform.p))


def _random_solarize(plan: Plan, transform: RandomSolarize) -> None:
    if type(transform.threshold) not in (int, float) or not 0 <= transform.threshold <= 255:
        raise Unknown
    _drawing(plan, 1)
    _change_image(plan, Inverted(math.ceil(transform.threshold)), np.float64(transform.p))


def _colour_jitter(plan: Plan, transform: ColorJitter) -> None:
    """In the order of each sample: so many changes, of which each is one of those that are asked for."""
    ranges = [transform.brightness, transform.contrast, transform.saturation, transform.hue]
    if plan.is_tensor or plan.channels not in (1, 3):
        raise Unknown
    asked = [number for number, bounds in enumerate(ranges) if bounds is not None]

    def step(batch: Batch) -> None:
        sequence = order_of([next(batch.drawn) for _ in range(3)])
        if not asked:
            return
        factors = np.stack([uniform_of(next(batch.drawn), *ranges[number]) for number in asked], 1)
        numbers = sequence[np.isin(sequence, asked)].reshape(-1, len(asked))
        factors = np.take_along_axis(factors, np.searchsorted(asked, numbers), 1)
        steps = np.trunc(factors * 255)  # of hues, which are bytes
        amounts = np.where(numbers == Colour.HUE.value, steps, factors).astype(np.float32)
        for number, amount in zip(numbers.T, amounts.T, strict=True):
            batch.set(*(number == other for other in asked[1:]), amount)

    _drawing(plan, 3 + len(asked))
    plan.steps.append(step)
    for _ in asked:
        plan.change(Jitter(tuple(Colour(number) for number in asked)))


def _bytes_of_images(plan: Plan) -> None:
    if plan.is_tensor:
        raise Unknown  # tensors are resized and turned in floating point


def _resize(plan: Plan, transform: Resize) -> None:
    _bytes_of_images(plan)
    source = plan.rows.size, plan.columns.size
    try:
        size = resized_size(*source, transform.size, transform.max_size)
    except ValueError:
        raise Unknown from None  # an error, which the transform itself tells
    if min(size) < 1 or transform.antialias is False:
        raise Unknown  # an error, and a warning
    if tuple(size) == source:
        return
    mode = transform.interpolation
    most = [most_taps(extent, wanted, mode) for extent, wanted in zip(source, size, strict=True)]
    begin = np.zeros(1, np.int64)
    down, across = (
        taps(begin, np.array([extent]), wanted, mode, count)
        for extent, wanted, count in zip(source, size, most, strict=True)
    )
    is_height_first = mode in FILTERS and bool(height_first(*source, *size))
    plan.steps.append(lambda batch: batch.operands.extend((*across, *down)))
    plan.change(Resampled(size[0], size[1], Order.HEIGHT if is_height_first else Order.WIDTH))


def _random_resized_crop(plan: Plan, transform: RandomResizedCrop) -> None:
    _bytes_of_images(plan)
    source = plan.rows.size, plan.columns.size
    size, mode = transform.size, transform.interpolation
    if transform.antialias is False or not all(type(extent) is int and extent > 0 for extent in size):
        raise Unknown
    most = [most_taps(extent, wanted, mode) for extent, wanted in zip(source, size, strict=True)]

    def draw() -> tuple[float, ...]:
        return part_to_resize(transform.scale, transform.ratio, *source)

    def step(batch: Batch) -> None:
        top, left, height, width = (next(batch.drawn) for _ in range(4))
        down, across = taps(top, height, size[0], mode, most[0]), taps(left, width, size[1], mode, most[1])
        batch.operands += (*across, *down)
        if kind is Order.BY_SAMPLE:
            batch.set(height_first(height, width, *size))

    kind = Order.BY_SAMPLE if source[0] > size[0] and mode in FILTERS else Order.WIDTH
    _drawing(plan, draw)
    plan.steps.append(step)
    plan.change(Resampled(size[0], size[1], kind))


def _fill_of_bytes(plan: Plan, fill: Any) -> tuple[int, ...]:
    given = fill if isinstance(fill, (tuple, list)) else [fill]
    if len(given) not in (1, plan.channels) or not all(type(value) in (int, float) for value in given):
        raise Unknown
    if not all(0 <= value <= 255 for value in given):
        raise Unknown
    return tuple(int(value) for value in given)


def _picked(
    plan: Plan, fill: Any, words: int, matrices: Callable[[Callable[..., np.ndarray]], Iterable[list[float]]]
) -> None:
    """Pixels read where each sample's matrix leads to; `matrices` makes them with a function that draws for all samples."""
    height, width = plan.rows.size, plan.columns.size

    def step(batch: Batch) -> None:
        made = matrices(lambda low, high: uniform_of(next(batch.drawn), low, high))
        batch.operands.append(nearest(np.array(list(made)), height, width))

    change = Picked(height, width, _fill_of_bytes(plan, fill))
    _drawing(plan, words)
    plan.steps.append(step)
    plan.change(change)


def _checked_center(plan: Plan, transform: RandomRotation | RandomAffine) -> tuple[float, float]:
    """The centre of a turn; far from the image, positions would need more than 16 bits before the point."""
    width, height = plan.columns.size, plan.rows.size
    if transform.center is None:
        return width * 0.5, height * 0.5
    x, y = transform.center
    if max(abs(x), abs(y), width, height) > 2048:
        raise Unknown
    return x, y


def _random_rotation(plan: Plan, transform: RandomRotation) -> None:
    _bytes_of_images(plan)
    if transform.interpolation is not InterpolationMode.NEAREST or transform.expand:
        raise Unknown  # sizes differ from sample to sample
    center = _checked_center(plan, transform)

    def matrices(draw: Callable[..., np.ndarray]) -> Iterable[list[float]]:
        return (turning_matrix(angle, center) for angle in draw(*transform.degrees).tolist())

    _picked(plan, transform.fill, 1, matrices)


def _random_affine(plan: Plan, transform: RandomAffine) -> None:
    _bytes_of_images(plan)
    degrees, translate, scale, shear = transform.degrees, transform.translate, transform.scale, transform.shear
    if transform.interpolation is not InterpolationMode.NEAREST:
        raise Unknown
    if max(map(abs, shear or [0.0])) > 60 or min(scale or [1.0]) < 0.05:
        raise Unknown  # positions that need more than 16 bits before the point
    center, size = _checked_center(plan, transform), [plan.columns.size, plan.rows.size]

    def matrices(draw: Callable[..., np.ndarray]) -> Iterable[list[float]]:
        angle, moved, factor, sheared = affine_parameters(draw, degrees, translate, scale, shear, size)
        drawn = np.broadcast_arrays(angle, *moved, factor, *sheared)
        for turn, x, y, by, *along in zip(*(each.tolist() for each in drawn), strict=True):
            yield inverse_affine_matrix(center, turn, (x, y), by, along)

    words = 1 + (2 if translate is not None else 0) + (scale is not None) + len(shear or ()) // 2
    _picked(plan, transform.fill, words, matrices)


def _random_erasing(plan: Plan, transform: RandomErasing) -> None:
    if plan.dtype is None:
        raise Unknown  # bytes
    if isinstance(transform.value, str):
        _erase_with_noise(plan, transform)
        return
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
    plan.steps.append(lambda batch: batch.set(*(next(batch.drawn) for _ in range(4))))
    plan.change(Erased(numbers))


def _erase_with_noise(plan: Plan, transform: RandomErasing) -> None:
    """Where a rectangle falls, each sample draws as much noise as it has elements."""
    assert plan.dtype is not None
    channels, height, width, storage = plan.channels, plan.rows.size, plan.columns.size, plan.dtype.storage
    ratio = in_default_dtype(np.log, transform.ratio)

    def draw() -> tuple[Any, ...]:
        cover = np.full((channels, height, width), np.nan, storage)
        size = rectangle_to_erase(transform.scale, ratio, height, width) if chance(transform.p) else None
        if size is not None:
            noise = normal((channels, *size))
            top, left = below(0, height - size[0] + 1), below(0, width - size[1] + 1)
            cover[:, top : top + size[0], left : left + size[1]] = noise
        return (cover,)

    _drawing(plan, draw)
    plan.steps.append(lambda batch: batch.operands.append(next(batch.drawn)))
    plan.change(Covered())


def _random_apply(plan: Plan, transform: RandomApply) -> None:
    """Some changes for some of the samples; the others draw nothing for them."""

    def read() -> None:
        for part in transform.transforms:
            _read(plan, part)

    draws, steps, changes = plan.changes_alone(read)
    words = sum(draw for draw in draws if isinstance(draw, int))
    if not all(isinstance(draw, int) for draw in draws):
        raise Unknown

    def draw() -> tuple[float, ...]:
        if is_exceeded(transform.p):
            return 0, *[0] * words
        return 1, *random_words(words).tolist()

    def step(batch: Batch) -> None:
        batch.set(next(batch.drawn) != 0)
        for each in steps:
            each(batch)

    _drawing(plan, draw)
    plan.steps.append(step)
    plan.change(Sometimes(Together(tuple(changes))))


# Each kind of transform with the function that does it, as it was when this file was read, and how to read it into a
# plan.
_KNOWN: dict[type, tuple[Any, Callable[[Plan, Any], None]]] = {
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
        (RandomApply, _random_apply),
        (Resize, _resize),
        (RandomResizedCrop, _random_resized_crop),
        (RandomRotation, _random_rotation),
        (RandomAffine, _random_affine),
    )
}
