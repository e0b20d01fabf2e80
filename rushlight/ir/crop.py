"""Parts of images, each at a place of its own: what crops, mirrors and borders of a batch come to.

`images` is (N, C, H, W), `places` an int64 array with a column for each result and these rows: the number of the image; the row and
the column of the first element; whether rows are mirrored (where `mirrors` says that some may be), whether columns are; and, where
`bounded`, from and to which row, from and to which column of the result there is something to see. A mirrored axis goes down from its
first element. Rows and columns of first elements have `reach` added to them, so that none is negative; what lies beyond the image, or
the bounds, is `fill`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..dtype import int64
from ..errors import InternalError
from .embedding import check_rows
from .expr import Apply, Expr, Literal, Operand, every
from .op import NONDIFFERENTIABLE, Op
from .type import Shape, Type

Array = np.ndarray


def rows_of_places(mirrors: tuple[bool, bool], bounded: bool) -> int:
    """How many rows `places` has."""
    return 3 + sum(mirrors) + 4 * bounded


def _infer(images: Type, places: Type, *, size: Shape, mirrors: tuple[bool, bool], bounded: bool, **more: Any) -> Type:
    if images.ndim != 4 or places.ndim != 2 or places.dtype is not int64:
        raise InternalError(f"crop: images {images!r} at places {places!r}")
    if places.shape[0] != rows_of_places(mirrors, bounded):
        raise InternalError(
            f"crop: {places.shape[0]} rows of places where {rows_of_places(mirrors, bounded)} are needed"
        )
    return Type.of((places.shape[1], images.shape[1], *size), images.dtype)


def _spans(
    first: Array, mirrored: Array | None, bounds: tuple[Array, Array] | None, extent: int, size: int
) -> Iterator[tuple[slice, slice]]:
    """For each result, along one axis: which of its elements are seen, and where they come from."""
    sign = np.ones_like(first) if mirrored is None else np.where(mirrored != 0, -1, 1)
    # Going up from `first`, it enters the image at -first and leaves it at extent - first; going down, the other way round.
    low = np.where(sign > 0, -first, first - extent + 1)
    low, high = np.maximum(low, 0), np.minimum(low + extent, size)
    if bounds is not None:
        low, high = np.maximum(low, bounds[0]), np.minimum(high, bounds[1])
    begin, end = first + sign * low, first + sign * high
    for a, b, source, stop, step in zip(*(part.tolist() for part in (low, high, begin, end, sign)), strict=True):
        yield (slice(a, b), slice(source, stop if stop >= 0 else None, step)) if a < b else (slice(0), slice(0))


def _eval(
    type: Type,
    images: Array,
    places: Array,
    *,
    size: Shape,
    reach: Shape,
    mirrors: tuple[bool, bool],
    bounded: bool,
    fill: int,
) -> Array:
    rows = iter(places)
    number, *first = next(rows), next(rows) - reach[0], next(rows) - reach[1]
    check_rows(number, images.shape[0])
    mirrored = [next(rows) if mirror else None for mirror in mirrors]
    bounds = [(next(rows), next(rows)) if bounded else None for _ in size]
    result = np.full(type.shape, fill, images.dtype)
    spans = [_spans(*axis) for axis in zip(first, mirrored, bounds, images.shape[2:], size, strict=True)]
    for target, image, (down, from_down), (across, from_across) in zip(result, number.tolist(), *spans, strict=True):
        target[:, down, across] = images[image, :, from_down, from_across]
    return result


def _at(
    index: tuple[Expr, ...],
    images: Operand,
    places: Operand,
    *,
    type: Type,
    size: Shape,
    reach: Shape,
    mirrors: tuple[bool, bool],
    bounded: bool,
    fill: int,
) -> Expr:
    item, channel, *targets = index
    rows = iter([places[(Literal(row), item)] for row in range(places.type.shape[0])])
    number, *first = (next(rows) for _ in range(3))
    mirrored = [next(rows) if mirror else None for mirror in mirrors]
    inside: list[Expr] = []
    if bounded:
        inside = [each for target in targets for each in (target.at_least(next(rows)), target.less(next(rows)))]

    def seen(down: tuple[bool, ...]) -> Expr:
        """The element with these axes mirrored; what lies outside is not read."""
        source = [
            (f - target if back else f + target) - r
            for f, target, back, r in zip(first, targets, down, reach, strict=True)
        ]
        within = [
            each
            for place, extent in zip(source, images.type.shape[2:], strict=True)
            for each in (place.at_least(0), place.less(extent))
        ]
        value = Literal(np.array(fill, type.dtype.compute)[()])
        return Apply("choose", every(*inside, *within), images[(number, channel, *source)], value)

    def chosen(decided: tuple[bool, ...]) -> Expr:
        if len(decided) == len(mirrored):
            return seen(decided)
        flag = mirrored[len(decided)]
        straight = chosen((*decided, False))
        return straight if flag is None else Apply("choose", flag.equals(0), straight, chosen((*decided, True)))

    return chosen(())


crop = Op("crop", infer=_infer, eval=_eval, vjp=NONDIFFERENTIABLE, at=_at, moves=True)
