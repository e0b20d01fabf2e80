"""Arrays that lie against an inaccessible page, so that an access outside them faults at once.

>>> guarded((3,), "f4").shape
(3,)
"""

from __future__ import annotations

import ctypes
import mmap
from math import prod

import numpy as np

_libc = ctypes.CDLL(None, use_errno=True)
_NO_ACCESS = 0  # PROT_NONE
_libc.mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
CANARY = 0xA5  # what all bytes hold at first, also those between the array and the other end of its pages


def _between_guards(nbytes: int) -> np.ndarray:
    """Whole pages of bytes between two inaccessible ones; the memory lives as long as any view of them."""
    usable = -(-max(nbytes, 1) // mmap.PAGESIZE) * mmap.PAGESIZE
    memory = mmap.mmap(-1, usable + 2 * mmap.PAGESIZE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for guard in (address, address + mmap.PAGESIZE + usable):
        if _libc.mprotect(guard, mmap.PAGESIZE, _NO_ACCESS):
            raise OSError(ctypes.get_errno(), "mprotect")
    whole = np.frombuffer(memory, np.uint8, usable, mmap.PAGESIZE)
    whole[:] = CANARY
    return whole


def guarded(shape: tuple[int, ...], dtype: np.dtype | str, end: bool = True, align: int = 1) -> np.ndarray:
    """An array of canaries whose last byte (or, with `end=False`, first byte) is next to a page that may not be touched.

    With `align`, the first byte's address is a multiple of it, and less than that many bytes may lie behind the last.
    """
    kind = np.dtype(dtype)
    nbytes = prod(map(int, shape)) * kind.itemsize
    whole = _between_guards(nbytes)
    start = (len(whole) - nbytes) // align * align if end else 0
    return whole[start : start + nbytes].view(kind).reshape(shape)


def canaries_live(array: np.ndarray) -> bool:
    """Whether the bytes around a guarded array, up to the guards, still hold what they were given."""
    whole = array
    while isinstance(whole.base, np.ndarray):
        whole = whole.base
    start = array.ctypes.data - whole.ctypes.data
    outside = np.concatenate((whole[:start], whole[start + array.nbytes :]))
    return bool((outside == CANARY).all())
