"""Maxima over windows of the last axes, axis by axis: a window's maximum is the maximum along its columns of those along its rows.

Going back, the cotangent first finds its row, then its column in it, so that it reaches the first of equal elements in row-major
order, as in PyTorch. `max_pool_index` gives that element's place in the flattened window axes.
"""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import numpy as np

from ..dtype import int64
from . import scalar
from .branchless import drop, keep
from .graph import Node
from .index import gather
from .op import NONDIFFERENTIABLE, Cotangents, Op
from .type import Type
from .view import reshape

Tap = slice | np.ndarray
_WORDS: dict[str, Any] = {"f": np.int32, "d": np.int64}


class Windows(NamedTuple):
    """`number` windows along an axis: of `size` elements `dilation` apart, `stride` from one to the next, the first `low` before the axis.

    `adaptive` ones cut the axis into `number` stretches of nearly equal length instead.
    """

    number: int
    size: int = 1
    stride: int = 1
    low: int = 0
    dilation: int = 1
    adaptive: bool = False

    @property
    def reach(self) -> int:
        """Where the last window ends, from the start of the first."""
        return 0 if self.adaptive else (self.number - 1) * self.stride + (self.size - 1) * self.dilation + 1

    @property
    def overlap(self) -> bool:
        return self.adaptive or self.stride <= (self.size - 1) * self.dilation

    def taps(self, extent: int) -> list[Tap]:
        """For k = 0, 1, … the k-th elements of all windows, as an index of the padded axis."""
        if not self.adaptive:
            last = (self.number - 1) * self.stride + 1
            return [slice(k * self.dilation, k * self.dilation + last, self.stride) for k in range(self.size)]
        starts, ends = stretches(extent, self.number)
        longest = int((ends - starts).max(initial=0))
        return [np.minimum(starts + k, ends - 1) for k in range(longest)]  # shorter ones repeat their last element


def stretches(extent: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Where adaptive pooling's stretches start and end."""
    numbers = np.arange(count)
    return numbers * extent // count, -(-(numbers + 1) * extent // count)


AllWindows = list[Windows]
Plain = tuple[tuple[Any, ...], ...]  # the attribute: each axis's Windows as a plain tuple, which prints and reads back


def _read(windows: Plain) -> AllWindows:
    return [Windows(*each) for each in windows]


def _infer_shape(x: Type, windows: Plain) -> tuple[int, ...]:
    return (*x.shape[: x.ndim - len(windows)], *[each[0] for each in windows])


def _lowest(dtype: np.dtype[Any]) -> Any:
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


def _padding(shape: tuple[int, ...], windows: AllWindows) -> list[tuple[int, int]] | None:
    """How much to add before and after each window axis; None where every window lies inside."""
    extents = shape[len(shape) - len(windows) :]
    amounts = [(w.low, max(0, w.reach - w.low - extent)) for w, extent in zip(windows, extents, strict=True)]
    return amounts if any(low or high for low, high in amounts) else None


def _padded(x: np.ndarray, windows: AllWindows) -> np.ndarray:
    amounts = _padding(x.shape, windows)
    if amounts is None:
        return x
    lead = x.ndim - len(windows)
    shape = (*x.shape[:lead], *[lo + e + hi for e, (lo, hi) in zip(x.shape[lead:], amounts, strict=True)])
    result = np.full(shape, _lowest(x.dtype), x.dtype)
    result[_inside(x.shape, amounts)] = x
    return result


def _inside(shape: tuple[int, ...], amounts: list[tuple[int, int]]) -> tuple[Any, ...]:
    extents = shape[len(shape) - len(amounts) :]
    return (..., *[slice(low, low + extent) for (low, _), extent in zip(amounts, extents, strict=True)])


def _at(axis: int, tap: Tap) -> tuple[Any, ...]:
    return (slice(None),) * axis + (tap,)


def _max_along(x: np.ndarray, axis: int, windows: Windows) -> np.ndarray:
    taps = windows.taps(x.shape[axis])
    result = x[_at(axis, taps[0])]
    if len(taps) > 1:
        result = np.maximum(result, x[_at(axis, taps[1])])
    for tap in taps[2:]:
        np.maximum(result, x[_at(axis, tap)], out=result)
    return result


def _levels(x: np.ndarray, windows: AllWindows, axes: int) -> list[np.ndarray]:
    """The padded array and its maxima along the last axis, the last two, … of `axes` axes."""
    found = [_padded(x, windows)]
    for back in range(axes):
        found.append(_max_along(found[-1], x.ndim - 1 - back, windows[len(windows) - 1 - back]))
    return found


def _max_pool_eval(type: Type, x: np.ndarray, *, windows: Plain) -> np.ndarray:
    if not type.size:
        return np.empty(type.shape, x.dtype)
    return _levels(x, _read(windows), len(windows))[-1]


def _max_pool_vjp(node: Node, g: Node) -> Cotangents:
    return (max_pool_gradient(g, node.operands[0], node, windows=node.attributes["windows"]),)


max_pool = Op(
    "max_pool",
    infer=lambda x, *, windows: Type.of(_infer_shape(x, windows), x.dtype),
    eval=_max_pool_eval,
    vjp=_max_pool_vjp,
    anchor="window",
)

# ---- places: which element of its window is the maximum ----


def _starts(windows: Windows, extent: int) -> np.ndarray:
    """Where each window starts on the padded axis."""
    return stretches(extent, windows.number)[0] if windows.adaptive else np.arange(windows.number) * windows.stride


def _choices(x: np.ndarray, y: np.ndarray, axis: int, windows: Windows) -> np.ndarray:
    """For each maximum along an axis the number of the first tap that is it: how many taps before are something else."""
    taps = windows.taps(x.shape[axis])
    before = np.ones(y.shape, bool)
    number = np.zeros(y.shape, np.uint8 if len(taps) < 256 else np.int64)
    for tap in taps[:-1]:
        # Comparing what lies apart costs NumPy far more than bringing it together first.
        before &= np.not_equal(np.ascontiguousarray(x[_at(axis, tap)]), y)
        number += before
    return number


def _places_of(x: np.ndarray, y: np.ndarray, windows: AllWindows) -> np.ndarray:
    """The place of each of the maxima `y` in the flattened window axes; right unless NaN or padding is a maximum."""
    count = len(windows)
    outside = y.shape[y.ndim - count :]
    levels = [level.reshape(-1, *level.shape[x.ndim - count :]) for level in (*_levels(x, windows, count - 1), y)]
    word: Any = np.int32 if max(level.size for level in levels) < 1 << 31 else np.int64  # half the memory to go through
    within = np.arange(len(levels[0]), dtype=word).reshape(-1, *[1] * count)  # the place in a level's leading axes
    place = np.zeros((), word)
    for number, each in enumerate(windows):
        inner, outer = levels[count - 1 - number], levels[count - number]
        extent = inner.shape[number + 1]
        choice = _choices(inner, outer, number + 1, each)
        if number:
            flat = within
            for later in range(number, count):
                steps = np.arange(outside[later], dtype=word).reshape(-1, *[1] * (count - 1 - later))
                flat = flat * word(outside[later]) + steps
            choice = choice.reshape(-1)[flat.astype(np.intp)]
        start = _starts(each, extent).astype(word).reshape(-1, *[1] * (count - 1 - number))
        position = choice.astype(word) * word(each.dilation) + start
        within = within * word(extent) + position
        place = place * word(x.shape[x.ndim - count + number]) + (position - word(each.low))
    return place.reshape(y.shape)


def _by_search(x: np.ndarray, windows: AllWindows) -> np.ndarray:
    """Like `_places_of`, element by element as PyTorch searches: the last NaN wins, and padding is never chosen."""
    value, place, step = _padded(x, windows), None, 1
    for back, each in enumerate(reversed(windows)):
        axis = x.ndim - 1 - back
        value, place = _search_along(value, place, axis, each, x.shape[axis], step)
        step *= x.shape[axis]
    assert place is not None
    return place


def _first_inside(windows: Windows, extent: int) -> np.ndarray:
    """The place of each window's first element that lies inside the axis."""
    if windows.adaptive:
        return stretches(extent, windows.number)[0]
    start = np.arange(windows.number) * windows.stride - windows.low
    return np.where(start < 0, start % windows.dilation, start)


def _search_along(
    x: np.ndarray, place: np.ndarray | None, axis: int, windows: Windows, extent: int, step: int
) -> tuple[np.ndarray, np.ndarray]:
    """Maxima along an axis, and their places: those carried from inner axes, plus `step` for each element of this one."""
    spread = (-1, *[1] * (x.ndim - 1 - axis))
    best: np.ndarray | None = None
    found = np.empty(0)
    for number, tap in enumerate(windows.taps(x.shape[axis])):
        value = x[_at(axis, tap)]
        position = np.arange(x.shape[axis])[tap] - windows.low if number else _first_inside(windows, extent)
        here = np.broadcast_to(position.reshape(spread) * step, value.shape)
        if place is not None:
            here = here + place[_at(axis, tap)]
        if best is None:
            best, found = value, here
            continue
        better = value > best
        if x.dtype.kind == "f":
            better |= np.isnan(value)
        best, found = np.where(better, value, best), np.where(better, here, found)
    assert best is not None
    return best, found


def _is_plain(x: np.ndarray, y: np.ndarray, windows: AllWindows) -> bool:
    """Whether no maximum is NaN or may be padding."""
    least = float(y.min()) if y.dtype.kind == "f" else 0.0
    return least == least and (least > -np.inf or _padding(x.shape, windows) is None)


def _index_eval(type: Type, x: np.ndarray, *, windows: Plain) -> np.ndarray:
    if not type.size:
        return np.empty(type.shape, np.int64)
    each_axis = _read(windows)
    y = _levels(x, each_axis, len(windows))[-1]
    plain = x.dtype.kind == "f" and _is_plain(x, y, each_axis)
    place = _places_of(x, y, each_axis) if plain else _by_search(x, each_axis)
    return np.ascontiguousarray(np.broadcast_to(place, type.shape), np.int64)


max_pool_index = Op(
    "max_pool_index",
    infer=lambda x, *, windows: Type.of(_infer_shape(x, windows), int64),
    eval=_index_eval,
    vjp=NONDIFFERENTIABLE,
    anchor="window",
)

# ---- back ----


def _without(a: np.ndarray, part: np.ndarray) -> np.ndarray:
    """`a` with 0 where `part` took its elements."""
    word = _WORDS[a.dtype.char]
    return np.bitwise_xor(a.view(word), part.view(word)).view(a.dtype)


def _route(g: np.ndarray, x: np.ndarray, y: np.ndarray, axis: int, windows: Windows) -> np.ndarray:
    """The cotangent of maxima `y` of `x` along an axis to the first of each window's elements that is its maximum."""
    taps = windows.taps(x.shape[axis])
    tiled = windows.size == windows.stride and windows.number * windows.size == x.shape[axis]
    result = (np.empty if tiled else np.zeros)(x.shape, g.dtype)
    for tap in taps[:-1]:
        part = keep(np.equal(np.ascontiguousarray(x[_at(axis, tap)]), y), g)
        g = _without(g, part)
        result[_at(axis, tap)] = part
    result[_at(axis, taps[-1])] = g
    return result


def is_routed(shape: tuple[int, ...], windows: Plain) -> bool:
    """Whether no element lies in two windows, and no window reaches beyond the axes: the way back is then a choice."""
    each_axis = _read(windows)
    return not any(each.overlap for each in each_axis) and _padding(shape, each_axis) is None


def _gradient_eval(
    type: Type, g: np.ndarray, x: np.ndarray, y: np.ndarray, *, windows: Plain, rectified: bool = False
) -> np.ndarray:
    result = _cotangent(type, g, x, y, windows)
    return drop(np.less_equal(x, 0), result) if rectified else result


def _cotangent(type: Type, g: np.ndarray, x: np.ndarray, y: np.ndarray, windows: Plain) -> np.ndarray:
    if not g.size:
        return np.zeros(type.shape, g.dtype)
    each_axis, count = _read(windows), len(windows)
    if is_routed(x.shape, windows):
        levels = [*_levels(x, each_axis, count - 1), y]
        for number, each in enumerate(each_axis):
            axis = x.ndim - count + number
            g = _route(g, levels[count - 1 - number], levels[count - number], axis, each)
        return g
    place = _places_of(x, y, each_axis) if _is_plain(x, y, each_axis) else _by_search(x, each_axis)
    planes = place.reshape(x.size // prod(x.shape[x.ndim - count :]), -1).astype(np.intp)
    result = np.zeros((len(planes), x.size // len(planes)), g.dtype)
    planes += np.arange(len(planes))[:, None] * result.shape[1]
    np.add.at(result.reshape(-1), planes.reshape(-1), g.reshape(-1))
    return result.reshape(x.shape)


def _gradient_vjp(node: Node, h: Node) -> Cotangents:
    g, x, _ = node.operands
    windows = node.attributes["windows"]
    if node.attributes.get("rectified"):
        zero = scalar.number(0, x.type.dtype)
        h = scalar.select(scalar.le(x, zero), zero, h)
    lead = g.type.shape[: g.type.ndim - len(windows)]
    place = max_pool_index(x, windows=windows)
    flat = reshape(h, (*lead, prod(h.type.shape[len(lead) :])))
    picked = gather(flat, reshape(place, (*lead, prod(g.type.shape[len(lead) :]))), axis=len(lead))
    return reshape(picked, g.type.shape), None, None


# `rectified`: 0 where x is not above 0, which is the way back through a relu that gave x.
max_pool_gradient = Op(
    "max_pool_gradient",
    infer=lambda g, x, y, *, windows, rectified=False: x,
    eval=_gradient_eval,
    vjp=_gradient_vjp,
    anchor="window",
)
