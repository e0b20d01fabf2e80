"""Which element of a strided tensor gets which draw.

PyTorch's kernels fill a tensor in the order in which its elements lie in memory, whatever the order of its axes: a
transposed matrix gets its draws down the columns. This matters for writing in place to views, and for results that take
over the strides of another tensor: `rand_like`, `dropout`, the waiting times of `multinomial`.

>>> from rushlight.dtype import float32
>>> from rushlight.generator.continuous import uniform
>>> from rushlight.generator.mt19937 import Engine
>>> by_columns = in_memory_order(lambda shape: uniform(Engine(0), shape, float32), (2, 3), strides=(1, 2))
>>> by_rows = uniform(Engine(0), (3, 2), float32)
>>> bool((by_columns == by_rows.T).all())
True
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .continuous import Shape


def is_contiguous(shape: Shape, strides: Shape) -> bool:
    """Whether strides, in elements, are those of rows one after the other; `continuous.normal` wants to know."""
    expected = 1
    for extent, stride in zip(reversed(shape), reversed(strides), strict=True):
        if extent != 1 and stride != expected:
            return 0 in shape
        expected *= extent
    return True


def in_memory_order(draw: Callable[[Shape], np.ndarray], shape: Shape, strides: Shape) -> np.ndarray:
    """What `draw` gives for `shape`, placed as in a PyTorch tensor with these strides (in elements, none negative)."""
    if is_contiguous(shape, strides):
        return draw(shape)
    order = sorted(range(len(shape)), key=lambda axis: -strides[axis])
    places = [order.index(axis) for axis in range(len(shape))]
    return draw(tuple(shape[axis] for axis in order)).transpose(places)
