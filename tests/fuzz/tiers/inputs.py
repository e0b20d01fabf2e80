"""Arrays as users may hand them over: ordinary and extreme values, in every layout."""

from __future__ import annotations

from math import prod

import numpy as np

from rushlight.dtype import BOOL, COMPLEX, FLOATING, encode
from rushlight.dtype import dtype as ElementType
from rushlight.ir.type import Type

from ..guarded import guarded

Draw = np.random.Generator
EXTREMES = (np.nan, np.inf, -np.inf, -0.0, 0.0, 1e-42, -3e-45, 3e38, -1e-38, 1.0, -1.0)


def floats(draw: Draw, count: int, kind: str) -> np.ndarray:
    """Values of a kind, as float64."""
    if kind == "dyadic":
        return draw.integers(-12, 13, count) / 4
    if kind == "integer":
        return draw.integers(-8, 9, count).astype(float)
    if kind == "positive":
        return draw.uniform(0.25, 4, count)
    if kind == "unit":
        return draw.uniform(0.02, 0.98, count)
    if kind == "apart":
        return (draw.permutation(count) - count // 2) / 4 + 0.125
    values = draw.standard_normal(count) * draw.choice((1.0, 1.0, 1e-3, 100.0))
    if kind == "odd":
        places = draw.random(count) < draw.choice((0.03, 0.3))
        values = np.where(places, draw.choice(EXTREMES, count), values)
    return values


KINDS = ("dyadic", "integer", "normal", "odd", "positive", "unit", "apart")


def values(draw: Draw, type: Type, kind: str | None = None) -> np.ndarray:
    """A contiguous array in memory form."""
    count, dtype = type.size, type.dtype
    if dtype.category == BOOL:
        made = draw.random(count) < draw.choice((0.5, 0.5, 0.1, 0.9))
    elif dtype.category < FLOATING:
        made = _integers(draw, count, dtype)
    else:
        kind = kind or str(draw.choice(KINDS, p=(0.42, 0.13, 0.18, 0.12, 0.06, 0.04, 0.05)))
        real = floats(draw, count, kind)
        with np.errstate(all="ignore"):
            if dtype.category == COMPLEX:
                made = (real + 1j * floats(draw, count, "dyadic")).astype(dtype.storage)
            else:
                made = encode(real.astype(dtype.compute), dtype)
    return np.asarray(made).reshape(type.shape)


def _integers(draw: Draw, count: int, dtype: ElementType) -> np.ndarray:
    bounds = np.iinfo(dtype.storage)
    small = draw.integers(max(-4, bounds.min), 6, count)
    if draw.random() < 0.75:
        return small.astype(dtype.storage)
    extremes = np.array([bounds.min, bounds.max, bounds.max // 2, 0, 1], dtype.storage)
    return np.where(draw.random(count) < 0.4, draw.choice(extremes, count), small.astype(dtype.storage))


def _empty(draw: Draw, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Memory at an odd address, or against an inaccessible page."""
    roll = draw.random()
    if roll < 0.5:
        return np.empty(shape, dtype)
    if roll < 0.8:
        return guarded(shape, dtype, end=roll < 0.7)
    lead = int(draw.integers(1, 9))
    return np.empty(prod(shape) + lead, dtype)[lead:].reshape(shape)


def placed(draw: Draw, array: np.ndarray) -> np.ndarray:
    """The same elements in some layout: transposed, with gaps, reversed, or plain."""
    roll, rank, shape = draw.random(), array.ndim, array.shape
    if roll < 0.55 or not rank:
        result = _empty(draw, shape, array.dtype)
    elif roll < 0.75:
        order = draw.permutation(rank)
        result = _empty(draw, tuple(shape[axis] for axis in order), array.dtype).transpose(np.argsort(order))
    else:
        steps = draw.choice((1, 1, 2, 3, -1, -2), rank)
        whole = _empty(draw, tuple(e * abs(s) + (abs(s) > 1) for e, s in zip(shape, steps, strict=True)), array.dtype)
        whole.fill(1)  # what lies in the gaps must not be read
        index = [slice(0, e * s, s) if s > 0 else slice(None, None, s) for e, s in zip(shape, steps, strict=True)]
        result = whole[tuple(index)][tuple(slice(0, e) for e in shape)]
    result[...] = array
    return result


def repeated(draw: Draw, type: Type, kind: str | None = None) -> np.ndarray:
    """An array some of whose axes have stride 0."""
    small = tuple(1 if draw.random() < 0.6 else extent for extent in type.shape)
    small = tuple(min(a, b) for a, b in zip(small, type.shape, strict=True))
    return np.broadcast_to(values(draw, Type.of(small, type.dtype), kind), type.shape)


def array(draw: Draw, type: Type, kind: str | None = None) -> np.ndarray:
    """An input."""
    if draw.random() < 0.06 and type.ndim and 0 not in type.shape:
        return repeated(draw, type, kind)
    return placed(draw, values(draw, type, kind))
