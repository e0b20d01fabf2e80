"""The format of PyTorch before 1.6: a stream of pickles, then the storages' bytes.

Magic number, protocol version, facts about the machine, the object, the storages' keys: a pickle each; then, for each
key, the number of elements (eight bytes) and the elements. How wide an element is stands only inside the object's
pickle, before the elements themselves. So that pickle is scanned first, and run when the storages are there.
"""

from __future__ import annotations

import io
import pickle
import struct
import sys
from pickle import UnpicklingError
from typing import IO, Any

import numpy as np

from .archive import Binding, Reading, check_identifier
from .location import LoadedStorage
from .names import Global, storage_type
from .pickler import Storages, new_pickler
from .restricted import Scanner, WeightsMachine

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL_VERSION = 1001
_COUNT = struct.Struct("<q")


def write_legacy(obj: Any, file: IO[bytes], binding: Binding, *, pickle_module: Any, protocol: int) -> None:
    """Write `obj` as PyTorch before 1.6 did."""
    storages, buffer = Storages(), io.BytesIO()
    machine = {
        "protocol_version": PROTOCOL_VERSION,
        "little_endian": sys.byteorder == "little",
        "type_sizes": {"short": 2, "int": 4, "long": 4},
    }
    for part in (MAGIC_NUMBER, PROTOCOL_VERSION, machine):
        pickle.dump(part, buffer, protocol=protocol)
    base = {} if pickle_module is pickle else {"base": pickle_module.Pickler}
    new_pickler(buffer, protocol, binding.reduce, storages, **base, extra=(None,)).dump(obj)
    pickle.dump(list(storages.by_key), buffer, protocol=protocol)
    file.write(buffer.getvalue())
    for storage in storages.by_key.values():
        itemsize = storage.dtype.itemsize if storage.dtype else 1
        file.write(_COUNT.pack(storage.array.nbytes // itemsize))
        file.write(storage.array.view(np.uint8).data)


def read_legacy(file: IO[bytes], reading: Reading) -> Any:
    """Read what `write_legacy` or an old PyTorch wrote; `file` then stands behind it, where another may follow."""
    start = file.tell()
    data = file.read()
    position, byteorder = _preamble(data)
    scanner = _scanned(data, position, reading.pickle_arguments.get("encoding", "utf-8"))
    keys, end = _plain(data, scanner.position)
    widths = _widths(scanner.identifiers)
    if type(keys) is not list or not all(type(key) is str and key in widths for key in keys):
        raise UnpicklingError("corrupt file: it lists storages that no tensor names")
    bytes_of: dict[str, np.ndarray] = {}
    for key in keys:
        bytes_of[key], end = _read_storage(data, end, key, widths[key])
    loaded = reading.unpickle(memoryview(data), position, _Storages(bytes_of, byteorder, reading))
    file.seek(start + end)
    return loaded


def scan_legacy(file: IO[bytes]) -> Scanner:
    """What the object in the file asks for; see `Scanner`."""
    data = file.read()
    return _scanned(data, _preamble(data)[0], "utf-8")


def _scanned(data: bytes, position: int, encoding: str) -> Scanner:
    scanner = Scanner(data, position, encoding)
    scanner.run()
    return scanner


def _preamble(data: bytes) -> tuple[int, str]:
    """Where the object's pickle starts, and the byte order of the storages."""
    if data[257:262] == b"ustar":
        raise RuntimeError(
            "load: the file is in the tar format of PyTorch 0.1; load and save it again with PyTorch 1.6 or later"
        )
    if not data:
        raise EOFError("load: the file is empty")
    try:
        magic, position = _plain(data, 0)
    except UnpicklingError as error:
        raise UnpicklingError(
            f"Invalid magic number; corrupt file? It is neither an archive nor a stream that save wrote: {error}"
        ) from None
    if magic != MAGIC_NUMBER:
        raise RuntimeError("Invalid magic number; corrupt file? It is neither an archive nor a stream that save wrote")
    version, position = _plain(data, position)
    if version != PROTOCOL_VERSION:
        raise RuntimeError(f"Invalid protocol version: {version}")
    machine, position = _plain(data, position)
    little = machine.get("little_endian", True) if isinstance(machine, dict) else True
    return position, "little" if little else "big"


def _plain(data: bytes, position: int) -> tuple[Any, int]:
    """An object of plain data, and where the next one starts."""
    machine = WeightsMachine(data, position, calls={}, values=lambda path: None, load_storage=_no_storage)
    return machine.run(), machine.position


def _no_storage(identifier: Any) -> Any:
    raise UnpicklingError("corrupt file: a storage in its preamble")


def _widths(identifiers: list[Any]) -> dict[str, int]:
    """Bytes of an element, for each storage that is named."""
    widths: dict[str, int] = {}
    for identifier in identifiers:
        if type(identifier) is tuple and len(identifier) == 6 and isinstance(identifier[1], Global):
            kind = storage_type(repr(identifier[1]))
            _, key, *_ = check_identifier((identifier[0], kind, *identifier[2:]), 6)
            widths.setdefault(key, kind.itemsize)
    return widths


def _read_storage(data: bytes, position: int, key: str, width: int) -> tuple[np.ndarray, int]:
    """A storage's bytes, and where the next one starts."""
    start = position + _COUNT.size
    if start > len(data):
        raise RuntimeError(f"load: the file ends before storage {key!r}; it is truncated")
    (count,) = _COUNT.unpack_from(data, position)
    end = start + count * width
    if count < 0 or end > len(data):
        raise RuntimeError(f"load: storage {key!r} claims {count} elements, but {len(data) - start} bytes are left")
    return np.frombuffer(data, np.uint8, count * width, start).copy(), end


class _Storages:
    """Turns persistent ids into storages."""

    def __init__(self, bytes_of: dict[str, np.ndarray], byteorder: str, reading: Reading) -> None:
        self._bytes_of = bytes_of
        self._byteorder = byteorder
        self._reading = reading
        self._loaded: dict[str, LoadedStorage] = {}

    def __call__(self, identifier: Any) -> LoadedStorage:
        if type(identifier) is tuple and identifier and identifier[0] == "module":
            return identifier[1]  # a class, with its source beside it
        kind, key, location, count, view = check_identifier(identifier, 6)
        if view is not None:
            raise RuntimeError(
                f"load: storage {key!r} is a view of another, as PyTorch before 0.4 wrote them; load and save the file "
                "again with a later PyTorch"
            )
        if key not in self._bytes_of:
            raise RuntimeError(f"load: the file has no storage {key!r}")
        if count * kind.itemsize != self._bytes_of[key].nbytes:
            raise RuntimeError(f"load: storage {key!r} should have {count} elements, but its record disagrees")
        if key not in self._loaded:
            made = LoadedStorage(self._bytes_of[key], kind.dtype, location, key, self._byteorder)
            self._loaded[key] = self._reading.restore(made, location)
        return self._loaded[key]
