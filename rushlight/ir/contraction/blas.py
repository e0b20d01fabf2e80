"""NumPy's BLAS: its number of threads, and products that do not depend on it.

BLAS shares a product among threads in parts that depend on their number, and sums the parts' borders in another order. Results shall be the same
for any number of threads, so the interpreter's products are made by one: where there is a compiler, it makes the large ones.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

# What sets and what tells the number of threads, in the builds of BLAS that NumPy comes with.
_THREAD_FUNCTIONS = (
    *((f"{own}openblas_set_num_threads{bits}", f"{own}openblas_get_num_threads{bits}")
      for own in ("scipy_", "") for bits in ("64_", "")),
    ("MKL_Set_Num_Threads", "MKL_Get_Max_Threads"),
)  # fmt: skip
SHARED = (
    1 << 13
)  # multiplications from which OpenBLAS shares: a product of a vector; of two matrices, thirty times as many


def _libraries() -> Iterator[Path]:
    """NumPy's compiled core, through which the library it is linked with is found; else the files beside NumPy."""
    for name in ("numpy._core._multiarray_umath", "numpy.core._multiarray_umath"):
        if name in sys.modules:
            yield Path(str(sys.modules[name].__file__))
    package = Path(np.__file__).parent
    for folder in (package.parent / "numpy.libs", package / ".dylibs"):
        yield from sorted(folder.glob("*openblas*"))


@functools.cache
def threads() -> tuple[Callable[[int], Any], Callable[[], int]] | None:
    """The functions of NumPy's BLAS that set and tell its number of threads; None of a BLAS that is not known."""
    for path in _libraries():
        library = ctypes.CDLL(str(path))
        for setter, getter in _THREAD_FUNCTIONS:
            if hasattr(library, setter) and hasattr(library, getter):
                return getattr(library, setter), getattr(library, getter)
    return None


class Sharing:
    """Whether products are shared among BLAS's threads after all: where no compiler makes the large ones."""

    allowed = False


def matmul(left: np.ndarray, right: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """`np.matmul` in one thread."""
    known = None if Sharing.allowed else threads()
    if known is None:
        return np.matmul(left, right, out)
    set_threads, told = known
    before = told()
    if before == 1:
        return np.matmul(left, right, out)
    set_threads(1)
    try:
        return np.matmul(left, right, out)
    finally:
        set_threads(before)
