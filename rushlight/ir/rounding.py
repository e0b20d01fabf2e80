"""Small float arrays rounded as PyTorch rounds them, so that programs print the same digits. Large ones go to NumPy as they are.

Sums of fewer than `FEW_TERMS` elements have the order of PyTorch's CPU kernel (2.13, as measured; it splits sums of 32768 among
threads): along the innermost axes four vectors of partial sums, along others a sum for each column, or four; each of them
a cascade, in which 16 sums of 16 terms are added up before they are added to the rest. Functions of at most
`FEW_ELEMENTS` float32 elements are rounded to the nearest float32, as PyTorch's are but for one element in some hundreds.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from .type import Shape

FEW_TERMS = 1 << 13
FEW_ELEMENTS = 1 << 13
_VECTOR = 32  # bytes


def nearest(function: np.ufunc) -> Callable[[np.ndarray], Any]:
    """The function, by way of float64 for a small float32 array."""

    def rounded(x: np.ndarray) -> Any:
        if x.dtype != np.float32 or x.size > FEW_ELEMENTS:
            return function(x)
        return function(x, dtype=np.float64).astype(np.float32)

    return rounded


exp, log, tanh = nearest(np.exp), nearest(np.log), nearest(np.tanh)


def total_of_weights(x: np.ndarray, axis: int) -> Any:
    """The sum over an axis, which is kept, as PyTorch's softmax makes it: from first to last, but along long rows."""
    long = axis == x.ndim - 1 and x.shape[axis] >= 16
    if long or x.size >= FEW_TERMS or prod(x.shape[axis + 1 :]) > 1:
        return np.add.reduce(x, axis=axis, keepdims=True)
    return np.add.accumulate(x, axis=axis)[(slice(None),) * axis + (slice(-1, None),)]


def total(x: np.ndarray, axes: tuple[int, ...]) -> Any:
    """The sum over some axes, in the dtype of x."""
    if x.size >= FEW_TERMS or x.dtype.char not in "fd" or not x.flags.c_contiguous:
        return np.add.reduce(x, axis=axes, dtype=x.dtype)
    plan = _plan(x.shape, axes)
    if plan is None:
        return np.add.reduce(x, axis=axes, dtype=x.dtype)
    three, result = plan
    x = x.reshape(three)
    lanes = _VECTOR // x.itemsize
    return (_innermost(x[:, :, 0], lanes) if three[2] == 1 else _columns(x, lanes)).reshape(result)


@lru_cache(maxsize=4096)
def _plan(shape: Shape, axes: Shape) -> tuple[Shape, Shape] | None:
    """The shape as three axes, of which the second is summed, and the result's. None: no sum, or not of neighbours."""
    summed = [axis for axis in axes if shape[axis] != 1]
    if not summed or 0 in shape:
        return None
    first, last = min(summed), max(summed)
    if any(shape[axis] != 1 and axis not in axes for axis in range(first, last)):
        return None
    three = (prod(shape[:first]), prod(shape[first : last + 1]), prod(shape[last + 1 :]))
    return three, tuple(extent for axis, extent in enumerate(shape) if axis not in axes)


def _innermost(x: np.ndarray, lanes: int) -> np.ndarray:
    """Along the rows of x."""
    length = x.shape[1]
    if length < lanes:
        return _by_fours(x[:, :, None])[:, 0]
    whole = length - length % lanes
    sums = _by_fours(x[:, :whole].reshape(len(x), -1, lanes))
    if whole < length:
        sums = np.concatenate((x[:, whole:], sums), axis=1)
    return _one_by_one(sums[:, :, None])[:, 0]


def _columns(x: np.ndarray, lanes: int) -> np.ndarray:
    """Along axis 1 of three."""
    width = x.shape[2]
    together = 4 * lanes if width >= lanes else 4
    whole = width - width % together
    if not whole:
        return _by_fours(x)
    sums = _cascade(x[..., :whole])
    return np.concatenate((sums, _by_fours(x[..., whole:])), axis=1) if whole < width else sums


def _by_fours(x: np.ndarray) -> np.ndarray:
    """Along axis 1 of three: four sums, of every fourth; then what is left is added to the first, and so are the others."""
    count, length, width = x.shape
    if length < 4:
        return _one_by_one(x)
    whole = length - length % 4
    sums = _cascade(x[:, :whole].reshape(count, -1, 4 * width)).reshape(count, 4, width)
    if whole < length:
        sums = np.concatenate((sums[:, :1], x[:, whole:], sums[:, 1:]), axis=1)
    return _one_by_one(sums)


def _one_by_one(x: np.ndarray) -> np.ndarray:
    """Along axis 1 of three, from first to last: as NumPy does along an axis that is not the innermost one."""
    count, _, width = x.shape
    if count * width == 1:
        return np.add.accumulate(x, axis=1)[:, -1]
    if count > 1 and width < 256:
        return np.add.reduce(x.transpose(1, 0, 2).copy(), axis=0)  # in longer runs
    return np.add.reduce(x, axis=1)


def _cascade(x: np.ndarray) -> np.ndarray:
    """Along axis 1 of three."""
    count, length, width = x.shape
    if length < 16:
        return _one_by_one(x)
    step = 1 << max(4, (length - 1).bit_length() // 4)
    sums = []
    for level in range(4):
        length = x.shape[1]
        whole = length - length % step if level < 3 else 0
        if whole < length:
            sums.append(_one_by_one(x[:, whole:]))
        if not whole:
            break
        x = _one_by_one(x[:, :whole].reshape(-1, step, width)).reshape(count, -1, width)
    result = sums[0]
    for more in sums[1:]:
        result = result + more
    return result
