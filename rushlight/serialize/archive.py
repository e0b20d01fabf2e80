"""Objects in a container: `data.pkl` holds the object, `data/0`, `data/1`, … the storages its tensors stand on.

This level knows arrays and names only. What a tensor is comes in as a `Binding`, so that it can be tested by itself.
"""

from __future__ import annotations

import io
import mmap
import pickle
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import IO, Any

import numpy as np

from .choices import Choices, byteorder_without_mark
from .container import ALIGNMENT, ArchiveReader, ArchiveWriter
from .location import LoadedStorage, Restore
from .names import StorageType, as_text, dtype_named, find_ours, storage_type
from .pickler import Storages, new_pickler
from .restricted import WeightsMachine

_MOST_BYTES = 1 << 62  # more than any storage has


@dataclass(frozen=True)
class Binding:
    """What tensors are.

    reduce: see `new_pickler`. calls: what files call to make tensors, by PyTorch's full name. values: finds what else
    they name, or None.
    """

    reduce: Callable[[Any], Any]
    calls: Mapping[str, Callable]
    values: Callable[[str], Any] = lambda path: None

    def find(self, path: str) -> Any:
        """What any file may name without being called."""
        for find in (storage_type, dtype_named, self.values):
            found = find(path)
            if found is not None:
                return found
        return None


@dataclass(frozen=True)
class Reading:
    """How to load: the binding, whether only weights are wanted, with what pickle module otherwise, where to."""

    binding: Binding
    restore: Restore
    weights_only: bool = True
    pickle_module: Any = pickle
    pickle_arguments: dict[str, Any] = field(default_factory=dict)

    def unpickle(self, data: bytes | memoryview, position: int, load_storage: Callable[[tuple], Any]) -> Any:
        """The object pickled in `data` from `position` on."""
        if self.weights_only:
            return self.machine(data, position, load_storage).run()
        arguments = {"encoding": "utf-8", **self.pickle_arguments}
        unpickler = _unpickler(self.pickle_module.Unpickler, self.binding)
        return unpickler(io.BytesIO(data[position:]), load_storage, **arguments).load()

    def machine(self, data: bytes | memoryview, position: int, load_storage: Any) -> WeightsMachine:
        """What loads weights only."""
        return WeightsMachine(
            data,
            position,
            calls=self.binding.calls,
            values=self.binding.find,
            load_storage=load_storage,
            encoding=self.pickle_arguments.get("encoding", "utf-8"),
        )


def _unpickler(base: Any, binding: Binding) -> Any:
    class ArchiveUnpickler(base):
        """Python's own, but PyTorch's names mean ours."""

        def __init__(self, file: IO[bytes], load_storage: Callable[[tuple], Any], **arguments: Any) -> None:
            super().__init__(file, **arguments)
            self._load_storage = load_storage

        def persistent_load(self, identifier: Any) -> Any:
            return self._load_storage(identifier)

        def find_class(self, module: str, name: str) -> Any:
            if module.partition(".")[0] not in ("torch", "torchvision"):
                return super().find_class(module, name)
            path = f"{module}.{name}"
            found = binding.calls.get(path) or binding.find(path)
            if found is None:
                found = find_ours(module, name)
            if found is None:
                raise pickle.UnpicklingError(f"load: the file needs {path}, which Rushlight does not have")
            return found

    return ArchiveUnpickler


def write_archive(
    obj: Any,
    file: IO[bytes],
    name: str,
    binding: Binding,
    *,
    pickle_module: Any = pickle,
    protocol: int = 2,
    byteorder: bool = True,
) -> None:
    """Write `obj` and the storages in it as an archive; `name` is the folder in it."""
    storages, buffer = Storages(), io.BytesIO()
    base = {} if pickle_module is pickle else {"base": pickle_module.Pickler}
    new_pickler(buffer, protocol, binding.reduce, storages, **base).dump(obj)
    writer = ArchiveWriter(file, name)
    checksum = Choices.checksums
    writer.write("data.pkl", buffer.getvalue(), checksum)
    writer.write(".format_version", b"1", checksum)
    writer.write(".storage_alignment", str(ALIGNMENT).encode(), checksum)
    if byteorder:
        writer.write("byteorder", sys.byteorder.encode(), checksum)
    for key, storage in storages.by_key.items():
        if Choices.skips_data:  # without a checksum, so that the bytes can be put there afterwards
            writer.write(f"data/{key}", np.zeros(storage.array.nbytes, np.uint8).data, checksum=False)
        else:
            writer.write(f"data/{key}", storage.array.view(np.uint8).data, checksum)
    writer.close()


def read_archive(file: IO[bytes], reading: Reading, mapped: np.ndarray | None = None) -> Any:
    """Read what `write_archive` or PyTorch wrote. mapped: the whole file as bytes, for storages to stand in."""
    archive = ArchiveReader(file)
    if "constants.pkl" in archive:
        raise RuntimeError(
            "load: this is a TorchScript archive, which holds a compiled program; Rushlight loads what torch.save "
            "wrote. Save the module's state_dict() from PyTorch instead"
        )
    byteorder = (
        archive.read("byteorder").decode("ascii", "replace") if "byteorder" in archive else byteorder_without_mark()
    )
    if byteorder not in ("little", "big"):
        raise ValueError(f"Unknown endianness type: {byteorder}")
    loaded: dict[str, LoadedStorage] = {}

    def load_storage(identifier: Any) -> LoadedStorage:
        kind, key, location, count = check_identifier(identifier, 5)
        if key not in loaded:
            array = _read_storage(archive, key, kind, count, mapped)
            made = LoadedStorage(array, kind.dtype, location, key, byteorder)
            made.writes_through = mapped is not None and Choices.mapping == mmap.MAP_SHARED
            loaded[key] = reading.restore(made, location)
        return loaded[key]

    return reading.unpickle(archive.read("data.pkl"), 0, load_storage)


def check_identifier(identifier: Any, length: int) -> Any:
    """The parts of a storage's persistent id, once they are what they should be."""
    if type(identifier) is tuple and len(identifier) == length and as_text(identifier[0]) == "storage":
        _, kind, key, location, count, *others = identifier
        key, location = as_text(key), as_text(location)
        if (
            isinstance(kind, StorageType)
            and type(key) is str
            and type(location) is str
            and type(count) is int
            and 0 <= count < _MOST_BYTES
        ):
            return kind, key, location, count, *others
    raise pickle.UnpicklingError(
        "corrupt file: a storage is named by its class, key, location and number of elements, not by "
        f"{[type(part).__name__ for part in identifier] if type(identifier) is tuple else type(identifier).__name__}"
    )


def _read_storage(
    archive: ArchiveReader, key: str, kind: StorageType, count: int, mapped: np.ndarray | None
) -> np.ndarray:
    record = f"data/{key}"
    wanted, size = count * kind.itemsize, archive.size(record)
    if not wanted <= size < wanted + kind.itemsize:
        raise RuntimeError(
            f"load: storage {key!r} should have {count} elements of {kind.dtype or 'torch.uint8'}, {wanted} bytes, but "
            f"its record has {size}; the file is corrupt"
        )
    if Choices.skips_data:
        return np.zeros(size, np.uint8)
    if mapped is None:
        return archive.read_array(record)
    start = archive.offset(record)
    return mapped[start : start + size]
