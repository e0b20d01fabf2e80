"""Inputs that nobody holds any more lend their memory to results: who may be written over.

A plan's inputs are arrays that nodes hold. When a plan runs, an old parameter's node has mostly gone: its storage has another since the
optimizer's step was recorded, and the backward pass has let go of it. So it is Python's counts of references that tell whose memory is free.
A view, an array made for NumPy, a tensor that kept the old value: each holds the array, or the memory that it lies in, and then the result
gets memory of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..backend.cpu.pool import BIG, Lease, take

_count = sys.getrefcount


def _counted(values: Mapping[int, Any], value: int) -> int:
    return _count(values[value])


def _counted_base(array: Any) -> int:
    return _count(array.base)


def _held_by_runtime() -> int:
    """The count of an array that the trace, the list of a plan's inputs and the plan's values hold."""
    array = np.empty(1)
    values, *lists = {0: array}, [array], [array]
    del array
    found = _counted(values, 0)
    del lists
    return found


_FREE = _held_by_runtime()
_FREE_BASE = _counted_base(take((BIG,), np.dtype(np.uint8)))


def is_free(values: Mapping[int, Any], value: int) -> bool:
    """Whether nobody but the runtime holds an input of a flush, or the memory that it lies in."""
    return is_unseen(values, value) and is_own(values[value])


def is_unseen(values: Mapping[int, Any], value: int) -> bool:
    """Whether nobody but the runtime holds an array, or what it lies in."""
    if _counted(values, value) != _FREE:
        return False
    return values[value].base is None or _counted_base(values[value]) == _FREE_BASE


def is_own(array: Any) -> bool:
    """Whether an array's memory is NumPy's or the pool's, and not a file's or somebody else's."""
    base, flags = array.base, array.flags
    if type(array) is not np.ndarray or not flags.writeable:
        return False
    if base is None:
        return bool(flags.owndata)
    return type(base) is Lease or (type(base) is np.ndarray and base.base is None and base.flags.owndata)
