"""Storages read from a file, and the devices they go to (`map_location`)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..dtype import dtype
from ..storage import TypedStorage, UntypedStorage

Restore = Callable[["LoadedStorage", str], "LoadedStorage"]


class LoadedStorage:
    """The bytes of one storage as they came from a file.

    array: uint8. dtype: the elements', None where the file leaves that to the tensors. location: the device it was
    saved from. cell: kept here by the tensor layer, so that the tensors of one storage share it.
    """

    def __init__(
        self, array: np.ndarray, dtype: dtype | None, location: str, key: str, byteorder: str = sys.byteorder
    ) -> None:
        self.array = array
        self.dtype = dtype
        self.location = location
        self.key = key
        self.cell: Any = None
        self.writes_through = False  # whether what is written to the tensors goes into the array, which is the file
        self._is_foreign = byteorder != sys.byteorder

    def nbytes(self) -> int:
        return self.array.nbytes

    size = __len__ = nbytes

    def cpu(self) -> LoadedStorage:
        """Itself: files are read into ordinary memory."""
        return self

    def cuda(self, *arguments: Any, **options: Any) -> LoadedStorage:
        """Refused: there is no such device."""
        raise _no_device("cuda", self.location)

    def elements(self, of: dtype) -> np.ndarray:
        """The storage as a one-dimensional array in the form `of` has in memory; the same array each time."""
        if self.dtype is not None and of is not self.dtype:
            raise RuntimeError(f"load: storage {self.key!r} holds {self.dtype}, but a tensor reads it as {of}")
        self.dtype = of
        whole = self.array.nbytes - self.array.nbytes % of.itemsize
        typed = self.array[:whole].view(of.storage)
        if self._is_foreign:
            typed = typed.byteswap()
        elif not typed.flags.aligned:
            typed = typed.copy()
        self.array, self._is_foreign = typed.view(np.uint8), False
        return typed


def restorer(map_location: Any) -> Restore:
    """What puts a storage where `map_location` says: None, a device or its name, a dictionary of names, a function."""
    if map_location is None:
        return _place
    if isinstance(map_location, Mapping):
        return lambda storage, location: _place(storage, str(map_location.get(location, location)))
    if isinstance(map_location, bytes):
        map_location = map_location.decode()
    if isinstance(map_location, str) or not callable(map_location):
        target = str(map_location)
        return lambda storage, location: _place(storage, target, asked=True)

    def through_function(storage: LoadedStorage, location: str) -> LoadedStorage:
        placed = map_location(storage, location)
        if placed is None:
            return _place(storage, location)
        if not isinstance(placed, LoadedStorage):
            raise TypeError(
                f"load: map_location returned {type(placed).__name__}; it must return the storage it was given, or None"
            )
        return placed

    return through_function


def is_storage(obj: Any) -> bool:
    """Whether an object is a storage: of a tensor, or what a function given as `map_location` gets."""
    return isinstance(obj, (LoadedStorage, TypedStorage, UntypedStorage))


def location_tag(storage: Any) -> str:
    """The device that a storage lies on, as it stands in a file."""
    return str(storage.device)


def default_restore_location(storage: Any, location: str) -> Any:
    """The storage, where it was saved from the CPU; RuntimeError for another device."""
    if location.partition(":")[0] != "cpu":
        raise _no_device(location, location)
    return storage


def validate_cuda_device(location: str) -> int:
    """RuntimeError: there is no such device."""
    raise _no_device(location, location)


def _place(storage: LoadedStorage, location: str, asked: bool = False) -> LoadedStorage:
    if location.partition(":")[0] == "cpu":
        return storage
    raise _no_device(location, None if asked else storage.location)


def _no_device(device: str, saved_from: str | None) -> RuntimeError:
    kind = device.partition(":")[0]
    if kind == "cuda":
        reason = "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False."
    else:
        reason = f"don't know how to restore data location of torch.UntypedStorage (tagged with {device})."
    if saved_from is None:
        return RuntimeError(f"load: {reason} map_location={device!r} names a device that this machine does not offer")
    return RuntimeError(
        f"load: {reason} If you are running on a CPU-only machine, please use torch.load with "
        "map_location=torch.device('cpu') to map your storages to the CPU."
    )
