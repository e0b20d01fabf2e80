"""Memory that several processes share: tensors moved there see each other's writes.

The memory is an anonymous file, which lives as long as some process has it open; a child made by fork inherits it, others are sent its
descriptor (`rushlight.multiprocessing`). Where the system has no such files, the memory is shared with forked children alone.
"""

from __future__ import annotations

import mmap
import os
import weakref

import numpy as np

from ..runtime import executor
from .storage import Storage
from .tensor import Tensor

_HAS_FILES = hasattr(os, "memfd_create")


class SharedFile:
    """An anonymous file in memory, mapped."""

    def __init__(self, size: int, descriptor: int | None = None) -> None:
        if descriptor is None and _HAS_FILES:
            descriptor = os.memfd_create("rushlight-tensor")
            os.ftruncate(descriptor, max(size, 1))
        self.descriptor = descriptor
        self.memory = mmap.mmap(-1 if descriptor is None else descriptor, max(size, 1))

    def __del__(self) -> None:
        if self.descriptor is not None:
            os.close(self.descriptor)


_files: weakref.WeakKeyDictionary[Storage, tuple[SharedFile, np.ndarray]] = weakref.WeakKeyDictionary()


def shared_file(tensor: Tensor) -> SharedFile | None:
    """The file that the tensor's memory is, None where it is not shared between processes."""
    found = _files.get(tensor._storage)
    return None if found is None or tensor._storage.buffer is not found[1] else found[0]


def adopt(storage: Storage, file: SharedFile) -> None:
    """Makes the file's memory, which holds the present value, the storage's."""
    kind = storage.node.type
    array = np.frombuffer(file.memory, kind.dtype.storage, kind.size).reshape(kind.shape)
    storage.share(array)
    _files[storage] = file, array


def move(tensor: Tensor) -> SharedFile:
    """Moves the tensor's memory to where processes can share it, unless it is there."""
    file = shared_file(tensor)
    if file is None:
        storage = tensor._storage
        value = np.ascontiguousarray(executor.value_of(storage.node))
        file = SharedFile(value.nbytes)
        file.memory[: value.nbytes] = value.tobytes()
        adopt(storage, file)
    return file
