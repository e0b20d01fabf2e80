"""Reads pickles that hold data only: NumPy arrays, numbers, strings, bytes and containers of these.

A pickle is a program, and loading it runs it. Here every name that it asks for is refused but those that NumPy's
arrays need, and these lead to the stand-ins below, which check what they are given; NumPy's own loading code is not
reached. Pickles of Python 2 are read with their strings as latin-1, as CIFAR's are.
"""

from __future__ import annotations

import io
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np


class _Refused(pickle.UnpicklingError):
    pass


class _Dtype:
    """Stands in for `numpy.dtype`: numbers, booleans and strings only."""

    def __init__(self, name: Any, align: Any = False, copy: Any = False) -> None:
        self.dtype = np.dtype(name) if isinstance(name, str) else np.dtype(object)
        if self.dtype.kind not in "biufcSU" or self.dtype.subdtype is not None:
            raise _Refused(f"it holds an array of {name}, which is not a number or string")

    def __setstate__(self, state: Any) -> None:
        _, byte_order, subdtype, names, fields = state[:5]
        if not (subdtype is None and names is None and fields is None):
            raise _Refused("it holds an array of records")
        self.dtype = self.dtype.newbyteorder(byte_order)


def _array(data: Any, dtype: Any, shape: Any, order: str) -> np.ndarray:
    if isinstance(data, str):  # Python 2's bytes
        data = data.encode("latin1")
    if not (isinstance(data, (bytes, bytearray)) and isinstance(dtype, _Dtype) and isinstance(shape, tuple)):
        raise _Refused("it holds an array of an unknown form")
    if not all(type(length) is int and length >= 0 for length in shape):
        raise _Refused(f"it holds an array of shape {shape}")
    if math.prod(shape) * dtype.dtype.itemsize != len(data):
        raise _Refused(f"it holds an array of shape {shape} with {len(data)} bytes")
    return np.frombuffer(data, dtype.dtype).reshape(shape, order=order)  # type: ignore[call-overload]


class _Array:
    """Stands in for an array that is being rebuilt; `_plain` replaces it by its array."""

    def __init__(self, kind: Any, shape: Any, typecode: Any) -> None:
        self.array = np.empty(0)

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, is_fortran, data = state
        self.array = _array(data, dtype, shape, "F" if is_fortran else "C")


def _scalar(dtype: Any, data: Any) -> Any:
    return _array(data, dtype, (), "C")[()]


def _encode(text: Any, encoding: Any) -> bytes:
    """`_codecs.encode` for what protocol 2 uses it for: bytes written as a string."""
    if not (isinstance(text, str) and encoding in ("latin1", "latin-1")):
        raise _Refused("it encodes something other than latin1 text")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    """`bytes()`, as protocol 2 writes the empty ones; with an argument it could ask for any amount of memory."""
    return b""


_ADMITTED: dict[tuple[str, str], Any] = {
    ("numpy", "dtype"): _Dtype,
    ("numpy", "ndarray"): None,  # only ever an argument
    ("_codecs", "encode"): _encode,
    ("collections", "OrderedDict"): dict,
}
for _builtins in ("builtins", "__builtin__"):
    _ADMITTED |= {(_builtins, kind.__name__): kind for kind in (set, frozenset, complex)}
    _ADMITTED[_builtins, "bytes"] = _no_bytes
for _core in ("numpy.core", "numpy._core"):
    _ADMITTED |= {
        (f"{_core}.multiarray", "_reconstruct"): _Array,
        (f"{_core}.multiarray", "scalar"): _scalar,
        (f"{_core}.numeric", "_frombuffer"): _array,
    }


class _Unpickler(pickle._Unpickler):  # type: ignore[name-defined]
    """Python's own, not C's: that one would reserve whatever memory a damaged file's numbers ask for."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ADMITTED:
            raise _Refused(f"it asks for {module}.{name}, which is not data")
        return _ADMITTED[module, name]

    def persistent_load(self, pid: Any) -> Any:
        raise _Refused("it refers to something outside of the file")


def _plain(value: Any) -> Any:
    if isinstance(value, _Array):
        return value.array
    if isinstance(value, dict):
        return {_plain(key): _plain(element) for key, element in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return type(value)(_plain(element) for element in value)
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes, bytearray, np.ndarray, np.generic)):
        return value
    raise _Refused(f"it holds a {type(value).__name__}")


def load(path: str | Path) -> Any:
    """What the file holds; RuntimeError that names the file where it is cut off, damaged, or holds more than data."""
    content = io.BytesIO(Path(path).read_bytes())
    try:
        return _plain(_Unpickler(content, encoding="latin1").load())
    except Exception as error:  # damaged bytes fail in many ways
        reason = " ".join(str(error).split()) or type(error).__name__
        raise RuntimeError(f"{path} is corrupt or not a data set's file: {reason}") from None
