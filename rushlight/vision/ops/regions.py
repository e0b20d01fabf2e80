"""Regions of feature maps as arrays of one size: what `roi_align`, `roi_pool` and their kin share.

Which pixels make up an element of the result, and with which weights, follows from the regions alone and is computed in
NumPy; regions have no gradient. The features are gathered pixel by pixel, all channels of a pixel at once, and summed or
compared, so that their gradient is automatic. Regions that read the same number of pixels go together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ...tensor import Tensor, cat, from_numpy, full

_GATHERED = 1 << 23  # numbers gathered at once, so that many regions do not need much memory


def as_regions(boxes: Tensor | Sequence[Tensor]) -> np.ndarray:
    """Regions (K, 5), place in the batch and corners, of such a tensor or of a list of boxes (L, 4), one an image."""
    if isinstance(boxes, (list, tuple)):
        for one in boxes:
            if one.size(1) != 4:
                raise AssertionError("The shape of the tensor in the boxes list is not correct as List[Tensor[L, 4]]")
        corners = [one.detach() for one in boxes]
        numbers = [full((len(one), 1), float(place), dtype=one.dtype) for place, one in enumerate(corners)]
        return cat([cat(numbers), cat(corners)], 1).numpy()  # type: ignore[no-any-return]
    if not isinstance(boxes, Tensor):
        raise AssertionError("boxes is expected to be a Tensor[L, 5] or a List[Tensor[K, 4]]")
    if boxes.size(1) != 5:
        raise AssertionError("The boxes tensor shape is not correct as Tensor[K, 5]")
    return boxes.detach().numpy()  # type: ignore[no-any-return]


def sizes_of(output_size: int | Sequence[int]) -> tuple[int, int]:
    """Height and width."""
    return (output_size, output_size) if isinstance(output_size, int) else (output_size[0], output_size[1])


def bilinear(start: np.ndarray, width: np.ndarray, bins: int, samples: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Pixels and weights (K, bins, 2·samples) along one axis: the mean of samples spread over each bin.

    start, width: of each region, in pixels. A sample outside of the axis by more than a pixel counts as zero.
    """
    kind = start.dtype.type
    step = width / kind(bins)
    inside = (np.arange(samples, dtype=kind) + kind(0.5)) * step[:, None] / kind(samples)
    place = start[:, None, None] + np.arange(bins, dtype=kind)[None, :, None] * step[:, None, None] + inside[:, None, :]
    outside = (place < -1) | (place > size)
    place = np.clip(place, 0, size - 1)
    low = np.minimum(place.astype(np.int64), size - 1)
    high = np.minimum(low + 1, size - 1)
    share = place - low
    weights = np.stack([1 - share, share], axis=-1) * np.where(outside, 0, 1 / kind(samples))[..., None]
    pixels = np.stack([low, high], axis=-1)
    shape = (*place.shape[:2], 2 * samples)
    return pixels.reshape(shape), weights.reshape(shape).astype(kind)


def pixel_rows(input: Tensor) -> Tensor:
    """Features (N, C, H, W) as (N·H·W, C): all channels of a pixel side by side."""
    return input.permute(0, 2, 3, 1).reshape(-1, input.shape[1])


def groups_of(*keys: np.ndarray) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
    """The regions that have the same keys, with the keys."""
    if len(keys[0]) == 0:
        return
    table = np.stack(keys, axis=1)
    found, member = np.unique(table, axis=0, return_inverse=True)
    for number, key in enumerate(found):
        yield tuple(int(part) for part in key), np.flatnonzero(member.reshape(-1) == number)


def nothing(rows: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Zeros that read no row, and whose gradient is zero as well."""
    return rows.new_zeros(shape) + rows[:0].sum()


def in_order(parts: list[tuple[np.ndarray, Tensor]], rows: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The results of groups of regions in the regions' own order; `shape` is the result's where there is none."""
    if not parts:
        return nothing(rows, shape)
    order = np.argsort(np.concatenate([members for members, _ in parts]), kind="stable")
    joined = cat([result for _, result in parts]) if len(parts) > 1 else parts[0][1]
    return joined if (order == np.arange(len(order))).all() else joined.index_select(0, from_numpy(order))


def chunks(members: np.ndarray, numbers_each: int) -> Iterator[np.ndarray]:
    """The members in parts that gather no more than a bounded amount of numbers."""
    count = max(1, _GATHERED // max(1, numbers_each))
    for first in range(0, len(members), count):
        yield members[first : first + count]


def mean_of_samples(
    rows: Tensor,
    first_row: np.ndarray,
    across: tuple[np.ndarray, np.ndarray],
    down: tuple[np.ndarray, np.ndarray],
    width: int,
    dtype: object,
) -> Tensor:
    """The weighted sums (K, bins down, bins across, C) of rows.

    first_row: (K, 1, 1) or (K, bins down, bins across), where the pixels of an element's feature map begin.
    across, down: pixels and weights (K, bins, amount) along the axes.
    """
    (columns, column_weights), (lines, line_weights) = across, down
    count, high, tall = lines.shape
    _, wide, broad = columns.shape
    pixels = lines[:, :, None, :, None] * width + columns[:, None, :, None, :]
    pixels = pixels + first_row[..., None, None]
    weights = line_weights[:, :, None, :, None] * column_weights[:, None, :, None, :]
    gathered = rows.index_select(0, from_numpy(pixels.reshape(-1))).reshape(count * high * wide, tall * broad, -1)
    shares = from_numpy(np.ascontiguousarray(weights.reshape(count * high * wide, 1, tall * broad))).to(dtype)
    return (shares @ gathered).reshape(count, high, wide, -1)


def aligned_regions(
    input: Tensor,
    regions: np.ndarray,
    output_size: tuple[int, int],
    spatial_scale: float,
    sampling_ratio: int,
    offset: float,
    least: float | None,
    rows: Tensor,
    channels: int,
    first_row: Callable[[np.ndarray], np.ndarray],
) -> Tensor:
    """The mean of bilinear samples in each bin of each region: (K, channels, height, width).

    offset: what is taken off the scaled corners. least: the least side of a region, or None.
    rows: what is gathered, and `first_row` from places in the batch where their feature maps begin there.
    """
    bins_down, bins_across = output_size
    _, _, height, width = input.shape
    kind = regions.dtype.type
    left, top, right, bottom = (regions[:, side] * kind(spatial_scale) - kind(offset) for side in range(1, 5))
    wide, tall = right - left, bottom - top
    if least is not None:
        wide, tall = np.maximum(wide, kind(least)), np.maximum(tall, kind(least))
    if sampling_ratio > 0:
        samples = [np.full(len(regions), sampling_ratio)] * 2
    else:
        samples = [
            np.maximum(np.ceil(side / kind(bins)), 0).astype(np.int64)
            for side, bins in ((tall, bins_down), (wide, bins_across))
        ]
    parts = []
    for (down, across), members in groups_of(*samples):
        if down == 0 or across == 0:  # a region without extent has no samples
            parts.append((members, nothing(rows, (len(members), bins_down, bins_across, channels))))
            continue
        for some in chunks(members, 4 * down * across * bins_down * bins_across * channels):
            result = mean_of_samples(
                rows,
                first_row(regions[some, 0].astype(np.int64)),
                bilinear(left[some], wide[some], bins_across, across, width),
                bilinear(top[some], tall[some], bins_down, down, height),
                width,
                input.dtype,
            )
            parts.append((some, result))
    joined = in_order(parts, rows, (0, bins_down, bins_across, channels))
    return joined.permute(0, 3, 1, 2).contiguous()


def whole_bins(start: np.ndarray, width: np.ndarray, bins: int, limit: int) -> tuple[np.ndarray, np.ndarray]:
    """First pixel and end (K, bins) of each bin of regions that begin at whole pixels, cut at 0 and `limit`."""
    step = width / width.dtype.type(bins)
    number = np.arange(bins, dtype=width.dtype)
    first = np.floor(number * step[:, None]).astype(np.int64) + start[:, None]
    end = np.ceil((number + 1) * step[:, None]).astype(np.int64) + start[:, None]
    return np.clip(first, 0, limit), np.clip(end, 0, limit)


def rounded(values: np.ndarray) -> np.ndarray:
    """To whole numbers, halves away from zero, as C rounds."""
    return (np.sign(values) * np.floor(np.abs(values) + values.dtype.type(0.5))).astype(np.int64)
