"""Reads the arrays of numbers in MATLAB's files, level 5, as data sets use them.

After "MAT-File Format" (The MathWorks): a head of 128 bytes, then elements, each with its type and length; a matrix is an element whose parts
are flags, dimensions, name and values, and may be packed with zlib. Cells, structures and text are not read.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

_HEAD = 128
_MATRIX, _PACKED = 14, 15
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
# What a matrix's values are, however they are stored.
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}


class _Damaged(Exception):
    pass


def load_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """The arrays by their names; RuntimeError that names the file where it is not such a file or is cut off."""
    content = Path(path).read_bytes()
    try:
        if len(content) < _HEAD or content[126:128] not in (b"IM", b"MI"):
            raise _Damaged("it does not begin as a MATLAB file of level 5")
        order = "<" if content[126:128] == b"IM" else ">"
        found = {}
        for kind, part in _elements(memoryview(content)[_HEAD:], order):
            if kind == _PACKED:
                ((kind, part),) = _elements(memoryview(zlib.decompress(part)), order, aligned=False)
            if kind == _MATRIX:
                named = _matrix(part, order)
                if named is not None:
                    found[named[0]] = named[1]
        return found
    except (_Damaged, zlib.error, ValueError, struct.error) as error:
        raise RuntimeError(f"{path} is corrupt: {error}") from None


def _elements(content: memoryview, order: str, aligned: bool = True) -> Iterator[tuple[int, memoryview]]:
    """The types and contents of elements one after the other."""
    place = 0
    while place + 8 <= len(content):
        kind, length = struct.unpack_from(f"{order}II", content, place)
        start = place + 8
        if kind >> 16:  # a small element has both in one word, and its content in the next
            kind, length, start = kind & 0xFFFF, kind >> 16, place + 4
            if length > 4:
                raise _Damaged("a small element is longer than four bytes")
        if start + length > len(content):
            raise _Damaged("it is cut off")
        yield kind, content[start : start + length]
        if start == place + 4:
            place += 8
        else:  # all but packed elements end at a multiple of eight bytes
            place = start + length + (-length % 8 if aligned and kind != _PACKED else 0)


def _matrix(content: memoryview, order: str) -> tuple[str, np.ndarray] | None:
    """Name and array of a matrix of numbers; None of anything else."""
    parts = list(_elements(content, order))
    if len(parts) < 3:
        raise _Damaged("a matrix has no name")
    flags = np.frombuffer(parts[0][1], f"{order}u4")
    kind, is_complex = int(flags[0]) & 0xFF, bool(flags[0] & 0x800)
    if kind not in _CLASSES or is_complex:
        return None
    shape = tuple(np.frombuffer(parts[1][1], f"{order}i4").tolist())
    name = bytes(parts[2][1]).decode("latin1")
    if len(parts) < 4 or parts[3][0] not in _NUMBERS:
        raise _Damaged(f"the matrix {name!r} has no values")
    values = np.frombuffer(parts[3][1], order + _NUMBERS[parts[3][0]]).astype(_CLASSES[kind])
    return name, values.reshape(shape, order="F")


def array_of(path: str | Path, name: str) -> np.ndarray:
    """One array of a file; RuntimeError where it has none of this name."""
    arrays = load_arrays(path)
    if name not in arrays:
        raise RuntimeError(f"{path} has no array {name!r}, only {sorted(arrays)}")
    return arrays[name]
