"""Writes pickles that PyTorch reads: our objects under PyTorch's names, storages as persistent ids.

Python's C pickler insists that a global be importable under the name it is written by, so the one written in Python,
which can be told otherwise, is used.
"""

from __future__ import annotations

import io
import pickle
import types
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..dtype import dtype
from .names import DTYPE_GLOBALS, STORAGE_GLOBALS, UNTYPED_STORAGE, Global, name_in_file

_DEFAULT_PICKLER: type = pickle._Pickler
# Types of plain data, for which no binding need be asked.
_PLAIN = frozenset((int, float, complex, bool, str, bytes, bytearray, type(None), list, tuple, dict, set, frozenset))


@dataclass(eq=False)
class SavedStorage:
    """A storage on its way into a file.

    identity: equal for what shares memory. array: all of the storage, one-dimensional. dtype: its elements', None for
    plain bytes. owner: whatever keeps `identity` from being used again.
    """

    identity: Hashable
    array: np.ndarray
    dtype: dtype | None
    location: str = "cpu"
    owner: Any = None


@dataclass
class Storages:
    """The storages met so far, by key in the file, in order."""

    by_key: dict[str, SavedStorage] = field(default_factory=dict)
    _keys: dict[Hashable, str] = field(default_factory=dict)

    def key(self, storage: SavedStorage) -> str:
        """The key of a storage, new or met before."""
        key = self._keys.setdefault(storage.identity, str(len(self._keys)))
        first = self.by_key.setdefault(key, storage)
        # A file gives each storage one element type, except that plain bytes take any.
        if first.array.size and first.dtype is not storage.dtype:
            raise RuntimeError(
                "Cannot save multiple tensors or storages that view the same data as different types: "
                f"{first.dtype} and {storage.dtype}; save a clone() of one of them"
            )
        return key


def new_pickler(
    file: io.BytesIO,
    protocol: int,
    reduce: Callable[[Any], Any],
    storages: Storages,
    base: type = _DEFAULT_PICKLER,
    extra: tuple = (),
) -> Any:
    """A pickler that writes to `file`.

    reduce: takes an object apart as `__reduce_ex__` does, with `Global` for what PyTorch knows by name and
    `SavedStorage` for storages; NotImplemented leaves it to pickle. base: the class to derive from, which must be
    written in Python. extra: what a persistent id ends with, in the format that wants more.
    """
    if not (isinstance(base, type) and issubclass(base, _DEFAULT_PICKLER)):
        raise RuntimeError(
            f"save: pickle_module's Pickler ({base!r}) must derive from pickle._Pickler, as dill's does: only that one "
            "can write PyTorch's names for Rushlight's classes"
        )

    class ArchivePickler(base):  # type: ignore[misc, valid-type]
        dispatch = type(base.dispatch)(base.dispatch)

        def persistent_id(self, obj: Any) -> Any:
            if type(obj) is not SavedStorage:
                return None
            kind = UNTYPED_STORAGE if obj.dtype is None else STORAGE_GLOBALS[obj.dtype]
            count = obj.array.nbytes // (obj.dtype.itemsize if obj.dtype else 1)
            return ("storage", kind, storages.key(obj), obj.location, count, *extra)

        def reducer_override(self, obj: Any) -> Any:
            return NotImplemented if type(obj) in _PLAIN else reduce(obj)

        def save_global(self, obj: Any, name: str | None = None) -> None:
            name = name or obj.__qualname__
            known = name_in_file(obj, name)
            if known is None or "." in name:
                super().save_global(obj, name)
            else:
                self.write_name(obj, known.module, known.name)

        def save_name(self, obj: Global) -> None:
            self.write_name(obj, obj.module, obj.name)

        def save_dtype(self, obj: dtype) -> None:
            self.save_name(DTYPE_GLOBALS[obj])

        def write_name(self, obj: Any, module: str, name: str) -> None:
            if self.proto >= 4:
                self.save(module)
                self.save(name)
                self.write(pickle.STACK_GLOBAL)
            else:
                self.write(pickle.GLOBAL + f"{module}\n{name}\n".encode())
            self.memoize(obj)

        # Found by type before any method is, so the methods above must be put there too.
        dispatch[types.FunctionType] = save_global
        dispatch[Global] = save_name
        dispatch[dtype] = save_dtype

    return ArchivePickler(file, protocol=protocol)
