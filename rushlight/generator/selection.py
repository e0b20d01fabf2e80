"""The greatest elements of a row, and which of equal ones comes first: as PyTorch's `topk` has it.

`topk` is built on C++'s `std::partial_sort`, `std::nth_element` and `std::sort`, which leave equal elements in an
order that depends on how they go about it. Where equal elements are among the greatest, this goes about it as GCC's
library does; else, any sort will do. Everything below works on a list of (rank, index), least rank first.
"""

from __future__ import annotations

import numpy as np

Items = list[tuple[int, int]]
_SMALL = 16  # sort leaves stretches of up to so many elements to a last insertion sort


def greatest(values: np.ndarray, count: int) -> np.ndarray:
    """The indices of the `count` >= 1 greatest elements of a one-dimensional floating array; NaN counts as greatest."""
    order = np.argsort(-values, kind="stable")
    missing = np.isnan(values)
    if missing.any():
        order = np.concatenate([np.flatnonzero(missing), order[: -int(missing.sum())]])
    front = values[order[: count + 1]]
    equal = (front[1:] == front[:-1]) | (np.isnan(front[1:]) & np.isnan(front[:-1]))
    if not equal.any():
        return order[:count]
    _, ranks = np.unique(-np.where(missing, np.inf, values), return_inverse=True)
    ranks = np.where(missing, -1, ranks)
    items = list(zip(ranks.tolist(), range(len(values)), strict=True))
    if count * 64 <= len(items):
        _partial_sort(items, 0, count, len(items))
    else:
        _select(items, count - 1)
        _sort(items, count - 1)
    return np.array([index for _, index in items[:count]])


def _select(items: Items, place: int) -> None:
    """`std::nth_element`: partition until `place` is among three."""
    first, last = 0, len(items)
    depth = 2 * (last.bit_length() - 1)
    while last - first > 3:
        if depth == 0:
            _heap_select(items, first, place + 1, last)
            items[first], items[place] = items[place], items[first]
            return
        depth -= 1
        cut = _partition(items, first, last)
        if cut <= place:
            first = cut
        else:
            last = cut
    _insertion_sort(items, first, last)


def _sort(items: Items, last: int) -> None:
    """`std::sort` of items[:last]: partition down to small stretches, then one insertion sort over all."""
    stretches = [(0, last, 2 * (last.bit_length() - 1))]
    while stretches:
        first, end, depth = stretches.pop()
        if end - first <= _SMALL:
            continue
        if depth == 0:
            _partial_sort(items, first, end, end)
            continue
        cut = _partition(items, first, end)
        stretches += [(first, cut, depth - 1), (cut, end, depth - 1)]
    _insertion_sort(items, 0, last)


def _insertion_sort(items: Items, first: int, last: int) -> None:
    """Insertion keeps equal elements in order, so any stable sort gives what it gives."""
    items[first:last] = sorted(items[first:last], key=_rank)


def _rank(item: tuple[int, int]) -> int:
    return item[0]


def _median(items: Items, a: int, b: int, c: int) -> int:
    """Which of three places has the middle element; among equal ones, the one that GCC's library takes."""
    ra, rb, rc = items[a][0], items[b][0], items[c][0]
    if ra < rb:
        if rb < rc:
            return b
        return c if ra < rc else a
    if ra < rc:
        return a
    return c if rb < rc else b


def _partition(items: Items, first: int, last: int) -> int:
    """Split by the median of the second, the middle and the last element, which is put first; return where."""
    median = _median(items, first + 1, first + (last - first) // 2, last - 1)
    items[first], items[median] = items[median], items[first]
    pivot = items[first][0]
    low, high = first + 1, last
    while True:
        while items[low][0] < pivot:
            low += 1
        high -= 1
        while pivot < items[high][0]:
            high -= 1
        if low >= high:
            return low
        items[low], items[high] = items[high], items[low]
        low += 1


def _partial_sort(items: Items, first: int, middle: int, last: int) -> None:
    """`std::partial_sort`: the least elements go to items[first:middle], in order."""
    _heap_select(items, first, middle, last)
    heap = items[first:middle]
    for end in range(len(heap) - 1, 0, -1):
        item, heap[end] = heap[end], heap[0]
        _sift(heap, 0, end, item)
    items[first:middle] = heap


def _heap_select(items: Items, first: int, middle: int, last: int) -> None:
    """Keep the least elements in a heap, items[first:middle], whose greatest stands first."""
    heap = items[first:middle]
    for parent in range((len(heap) - 2) // 2, -1, -1):
        _sift(heap, parent, len(heap), heap[parent])
    for i in range(middle, last):
        item = items[i]
        if item[0] < heap[0][0]:
            items[i] = heap[0]
            _sift(heap, 0, len(heap), item)
    items[first:middle] = heap


def _sift(heap: Items, top: int, size: int, item: tuple[int, int]) -> None:
    """Fill the hole at `top` from below, down to a leaf, and let `item` rise from there."""
    hole = top
    while 2 * hole + 2 < size:
        child = 2 * hole + 2
        if heap[child][0] < heap[child - 1][0]:
            child -= 1
        heap[hole] = heap[child]
        hole = child
    if 2 * hole + 2 == size:
        heap[hole] = heap[size - 1]
        hole = size - 1
    while hole > top and heap[(hole - 1) // 2][0] < item[0]:
        heap[hole] = heap[(hole - 1) // 2]
        hole = (hole - 1) // 2
    heap[hole] = item
