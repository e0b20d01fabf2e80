"""The container: a zip archive of uncompressed records, each aligned, as PyTorch writes and maps into memory.

A record stands as `name/record`. Its bytes start at a multiple of 64, which the extra field "FB" before them makes so;
sizes and checksum follow them, so that the writer never seeks. Reading trusts nothing: what the directory says is
compared with what is there before anything is allocated.
"""

from __future__ import annotations

import hashlib
import io
import os
import struct
import zipfile
import zlib
from typing import IO, NamedTuple

import numpy as np

ALIGNMENT = 64
_UINT32_MAX = 0xFFFFFFFF  # from this size or offset on, a field moves into a zip64 extra
_HAS_DESCRIPTOR, _UTF8 = 0x0008, 0x0800
_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR64 = struct.Struct("<4sIQI")
_END = struct.Struct("<4s4H2IH")
_PADDING = b"FB"
_CHUNK = 1 << 20  # bytes read at once: few enough to be in cache still when their checksum is computed


class _Written(NamedTuple):
    name: bytes
    flags: int
    crc: int
    size: int
    offset: int


class ArchiveWriter:
    """Writes records, in order, to a file of which only `write` is used; `close` ends the archive.

    name: the folder that every record stands in.
    """

    def __init__(self, file: IO[bytes], name: str, alignment: int = ALIGNMENT) -> None:
        self._file = file
        self._name = name
        self._alignment = alignment
        self._position = 0
        self._written: list[_Written] = []

    def write(self, record: str, data: bytes | memoryview, checksum: bool = True) -> None:
        """Add one record; a checksum of 0 says that there is none."""
        name = f"{self._name}/{record}".encode()
        size, offset, crc = len(data), self._position, zlib.crc32(data) if checksum else 0
        flags = _UTF8 | (_HAS_DESCRIPTOR if size else 0)
        is_large = size >= _UINT32_MAX or offset >= _UINT32_MAX
        extra = _zip64_extra(size, offset)
        start = offset + _LOCAL.size + len(name) + len(extra) + len(_PADDING) + 2
        padding = -start % self._alignment
        extra += _PADDING + struct.pack("<H", padding) + b"Z" * padding
        self._put(_LOCAL.pack(b"PK\3\4", 0, flags, 0, 0, 0, 0, 0, 0, len(name), len(extra)) + name + extra)
        self._put(data)
        if size:
            self._put(struct.pack("<4sI2Q" if is_large else "<4s3I", b"PK\7\x08", crc, size, size))
        self._written.append(_Written(name, flags, crc, size, offset))

    def close(self) -> None:
        """Add what ends an archive: format version, an identifier made of its content, the directory."""
        self.write("version", b"3\n")
        self.write(".data/serialization_id", self._identifier())
        start = self._position
        for entry in self._written:
            self._put(_central_header(entry))
        count, end = len(self._written), self._position
        size = end - start
        self._put(_END64.pack(b"PK\6\6", _END64.size - 12, 0x031E, 45, 0, 0, count, count, size, start))
        self._put(_LOCATOR64.pack(b"PK\6\7", 0, end, 1))
        short_count = min(count, 0xFFFF)
        self._put(_END.pack(b"PK\5\6", 0, 0, short_count, short_count, _shown(size), _shown(start), 0))

    def _put(self, data: bytes | memoryview) -> None:
        self._file.write(data)
        self._position += len(data)

    def _identifier(self) -> bytes:
        """Forty digits: twenty for the records' names, twenty for their contents."""
        names = hashlib.sha256(b"\0".join(entry.name for entry in self._written))
        contents = hashlib.sha256(b"".join(struct.pack("<IQ", entry.crc, entry.size) for entry in self._written))
        halves = (int.from_bytes(digest.digest()[:8], "little") for digest in (names, contents))
        return "".join(f"{half:020d}" for half in halves).encode()


def _zip64_extra(size: int, offset: int) -> bytes:
    """The extra field for what does not fit 32 bits: the size, twice as nothing is compressed, and the offset."""
    fields = [size, size] if size >= _UINT32_MAX else []
    if offset >= _UINT32_MAX:
        fields.append(offset)
    return struct.pack(f"<2H{len(fields)}Q", 1, 8 * len(fields), *fields) if fields else b""


def _shown(number: int) -> int:
    """What stands in a field of 32 bits: the number, or all ones where an extra field or record has it."""
    return 0xFFFFFFFF if number >= _UINT32_MAX else number


def _central_header(entry: _Written) -> bytes:
    extra = _zip64_extra(entry.size, entry.offset)
    size, offset = _shown(entry.size), _shown(entry.offset)
    # Signature, versions made by and needed, flags, method, time, date; crc, sizes; lengths of name, extra and comment;
    # disk, attributes; offset.
    head = (b"PK\1\2", 0, 0, entry.flags, 0, 0, 0, entry.crc, size, size, len(entry.name), len(extra), 0, 0, 0, 0)
    return _CENTRAL.pack(*head, offset) + entry.name + extra


class ArchiveReader:
    """Reads records from a seekable file. Whatever is wrong with the file is a RuntimeError that says what."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        try:
            entries = zipfile.ZipFile(file).infolist()
        except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error, OSError) as error:
            raise RuntimeError(
                "PytorchStreamReader failed reading zip archive: failed finding central directory; the file is "
                f"truncated or not written by save ({error})"
            ) from None
        self._size = file.seek(0, os.SEEK_END)
        self._check(entries)
        root = entries[0].filename.partition("/")[0] + "/"
        self._entries = {e.filename[len(root) :]: e for e in entries if e.filename.startswith(root)}

    def _check(self, entries: list[zipfile.ZipInfo]) -> None:
        if not entries:
            raise RuntimeError("PytorchStreamReader failed: the archive has no records")
        names = [entry.filename for entry in entries]
        for name in names:
            if name.startswith("/") or ".." in name.split("/") or "\\" in name or ":" in name.partition("/")[0]:
                raise RuntimeError(f"PytorchStreamReader failed: record name {name!r} points outside the archive")
        if len(set(names)) != len(names):
            raise RuntimeError("PytorchStreamReader failed: the archive has two records of the same name")
        # Records stored side by side cannot be larger than the file; records on top of each other could be.
        if sum(entry.file_size for entry in entries) > self._size:
            raise RuntimeError("PytorchStreamReader failed: the records claim more bytes than the file has")

    def __contains__(self, record: str) -> bool:
        return record in self._entries

    def size(self, record: str) -> int:
        """Bytes in the record."""
        return self._entry(record).file_size

    def read(self, record: str) -> bytes:
        """The record's bytes."""
        return self.read_array(record).tobytes()

    def read_array(self, record: str) -> np.ndarray:
        """The record's bytes as a new uint8 array."""
        entry = self._entry(record)
        self._file.seek(self.offset(record))
        array = np.empty(entry.file_size, np.uint8)
        # A checksum of 0 says that the writer was told to write none.
        if _fill(self._file, array, record) != entry.CRC and entry.CRC:
            raise RuntimeError(f"PytorchStreamReader failed reading file {record}: its checksum does not fit; corrupt?")
        return array

    def offset(self, record: str) -> int:
        """Where the record's bytes start in the file."""
        entry = self._entry(record)
        header = b""
        if 0 <= entry.header_offset < self._size:
            self._file.seek(entry.header_offset)
            header = self._file.read(_LOCAL.size)
        if len(header) < _LOCAL.size or header[:4] != b"PK\3\4":
            raise RuntimeError(f"PytorchStreamReader failed reading file {record}: no record where the directory says")
        name_length, extra_length = _LOCAL.unpack(header)[-2:]
        name = self._file.read(name_length)
        start = entry.header_offset + _LOCAL.size + name_length + extra_length
        encoding = "utf-8" if entry.flag_bits & _UTF8 else "cp437"
        if name != entry.orig_filename.encode(encoding) or start + entry.file_size > self._size:
            raise RuntimeError(f"PytorchStreamReader failed reading file {record}: directory and record disagree")
        return start

    def _entry(self, record: str) -> zipfile.ZipInfo:
        if record not in self._entries:
            raise RuntimeError(f"PytorchStreamReader failed locating file {record}: file not found")
        entry = self._entries[record]
        if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
            raise RuntimeError(
                f"PytorchStreamReader failed reading file {record}: it is compressed, which save never does; unpack "
                "the archive and pack it again without compression (zip -0)"
            )
        if entry.flag_bits & 1:
            raise RuntimeError(f"PytorchStreamReader failed reading file {record}: it is encrypted")
        return entry


def _fill(file: IO[bytes], array: np.ndarray, record: str) -> int:
    """Read exactly as many bytes as `array` holds; their checksum."""
    view, done, crc = array.data, 0, 0
    while done < len(view):
        part = view[done : done + _CHUNK]
        if hasattr(file, "readinto"):
            count = file.readinto(part) or 0
        else:
            read = file.read(len(part))
            count = len(read)
            part[:count] = read
        if not count:
            raise RuntimeError(f"PytorchStreamReader failed reading file {record}: the file ends within it")
        crc = zlib.crc32(part[:count], crc)
        done += count
    return crc


def is_zip(file: IO[bytes]) -> bool:
    """Whether a zip archive starts where `file` stands, which does not move."""
    start = file.tell()
    magic = file.read(4)
    file.seek(start, io.SEEK_SET)
    return magic == b"PK\3\4"
