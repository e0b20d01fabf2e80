"""Where the elements of a sparse tensor stand: arithmetic on indices in NumPy, before any value is known.

A *key* is an element's place along the sparse axes as one number, in row-major order. Structures depend on data, so what is made of
them is computed at once; values stay in the graph.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

Array = np.ndarray


def keys_of(indices: Array, extents: tuple[int, ...]) -> Array:
    """The keys of indices (axes, count) along axes of these extents."""
    keys = np.zeros(indices.shape[1], np.int64)
    for row, extent in zip(indices, extents, strict=True):
        keys = keys * extent + row
    return keys


def indices_of(keys: Array, extents: tuple[int, ...]) -> Array:
    """The indices (axes, count) of keys."""
    found = np.empty((len(extents), keys.size), np.int64)
    for axis in range(len(extents) - 1, -1, -1):
        extent = max(extents[axis], 1)
        found[axis] = keys % extent
        keys = keys // extent
    return found


def is_increasing(keys: Array) -> bool:
    """Whether each key is greater than the one before: sorted, none twice."""
    return bool(np.all(keys[1:] > keys[:-1]))


def gathered(keys: Array) -> tuple[Array, Array]:
    """The distinct keys in order, and for each key given its place among them."""
    distinct, places = np.unique(keys, return_inverse=True)
    return distinct, places.reshape(-1)


def merged(left: Array, right: Array) -> tuple[Array, Array, Array]:
    """The keys of a sum, and the place of each left and right key in it: the sorted union of sorted keys, others one after another."""
    if left.shape == right.shape and np.array_equal(left, right):
        same = np.arange(left.size)
        return left, same, same
    both = np.concatenate([left, right])
    union, places = gathered(both) if is_increasing(left) and is_increasing(right) else (both, np.arange(both.size))
    return union, places[: left.size], places[left.size :]


def expanded_pointers(pointers: Array) -> Array:
    """The row of each element, from where each row starts: [0, 2, 3] gives [0, 0, 1]."""
    return np.repeat(np.arange(pointers.size - 1), np.diff(pointers))


def pointers_of(rows: Array, count: int) -> Array:
    """Where each of `count` rows starts among sorted rows: [0, 0, 1] gives [0, 2, 3]."""
    return np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=count))]).astype(np.int64)


def matched(inner_left: Array, inner_right: Array, count: int) -> tuple[Array, Array]:
    """All pairs (place on the left, place on the right) of elements with the same inner index, in order of the left.

    What a product of sparse matrices multiplies: the column of a left element is the row of a right one.
    """
    order = np.argsort(inner_right, kind="stable")
    starts = pointers_of(inner_right[order], count)
    lengths = starts[inner_left + 1] - starts[inner_left]
    left = np.repeat(np.arange(inner_left.size), lengths)
    first = np.repeat(np.cumsum(lengths) - lengths, lengths)
    right = order[starts[inner_left][left] + np.arange(left.size) - first]
    return left, right


def looked_up(keys: Array, among: Array) -> tuple[Array, Array]:
    """For each key the place of its like in `among` (distinct, sorted), and whether there is one."""
    places = np.searchsorted(among, keys)
    inside = np.minimum(places, max(among.size - 1, 0))
    found = among[inside] == keys if among.size else np.zeros(keys.size, bool)
    return inside, found


def size_of(extents: tuple[int, ...]) -> int:
    return prod(extents)


def as_indices(value: Any) -> Array:
    """Indices as int64."""
    return np.asarray(value).astype(np.int64, copy=False)
