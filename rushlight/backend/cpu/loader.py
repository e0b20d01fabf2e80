"""Object files into memory, so that they can be called.

On x86-64 with ELF this is done here, for the sake of what it spares: a process that finds all its kernels on the disk never loads LLVM's
library, which is 46 MB of its memory and most of the time until its first kernel runs. Elsewhere LLVM's engine does it.

What has to be known of the format is little (Tool Interface Standard, "Executable and Linking Format", 1.2; System V Application Binary Interface,
AMD64 supplement, 4.4 "Relocation"): the sections that are wanted in memory, the symbols, and the one relocation that the large model of code
makes, a whole address.
"""

from __future__ import annotations

import ctypes
import functools
import mmap
import platform
import struct
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import InternalError

ELF_OF_64_BITS = b"\x7fELF\x02\x01"
X86_64 = 62
SYMBOLS, RELOCATIONS, NOTHING = 2, 4, 8  # kinds of sections; one of nothing takes memory and has no bytes in the file
UNWINDING = 0x70000001  # how to unwind the stack for an exception: kernels throw none
WRITABLE, IN_MEMORY = 1, 2  # flags of sections
WHOLE_ADDRESS = 1  # R_X86_64_64
PAGE = mmap.PAGESIZE


@dataclass(frozen=True)
class Section:
    """A section's header (Elf64_Shdr)."""

    name: int
    kind: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    alignment: int
    entry: int


@dataclass(frozen=True)
class Symbol:
    """A name, and the section and place in it that it stands for; section 0 where it is defined elsewhere."""

    name: str
    section: int
    value: int


class ObjectFile:
    """What an ELF object says."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        (headers,) = struct.unpack_from("<Q", content, 40)
        size, count = struct.unpack_from("<HH", content, 58)
        self.sections = [Section(*struct.unpack_from("<IIQQQQIIQQ", content, headers + size * i)) for i in range(count)]
        self.symbols = [
            symbol for section in self.sections if section.kind == SYMBOLS for symbol in self._symbols(section)
        ]

    def _symbols(self, table: Section) -> list[Symbol]:
        texts = self.sections[table.link].offset
        found = []
        for place in range(table.offset, table.offset + table.size, 24):
            name, _, _, section, value, _ = struct.unpack_from("<IBBHQQ", self.content, place)
            start = texts + name
            text = self.content[start : self.content.index(b"\0", start)].decode()
            found.append(Symbol(text, section, value))
        return found

    def relocations(self, table: Section) -> list[tuple[int, int, int, int]]:
        """For each: the place in the section that the table is about, the kind, the number of the symbol, what is added."""
        raw = struct.iter_unpack("<QIIq", self.content[table.offset : table.offset + table.size])
        return [(place, kind, symbol, addend) for place, kind, symbol, addend in raw]

    def undefined(self) -> list[str]:
        return [symbol.name for symbol in self.symbols if symbol.name and not symbol.section]


@functools.cache
def _process() -> Any:
    """The symbols of the process: the C library's, above all."""
    return ctypes.CDLL(None, use_errno=True)


def missing(content: bytes) -> list[str]:
    """The names that an ELF object needs from elsewhere and that this process lacks; of other formats, none are found."""
    if not content.startswith(ELF_OF_64_BITS):
        return []
    return [name for name in ObjectFile(content).undefined() if not hasattr(_process(), name)]


def load(contents: Sequence[tuple[str, bytes]], engine: Callable[[], Any]) -> list[int]:
    """Loads object files, for as long as the process lives; returns the addresses of their symbols.

    Args:
        contents: for each its symbol, which differs from all that were ever loaded, and the object file.
        engine: the module that uses LLVM, for the processors and formats that are not known here.
    """
    here = sys.platform == "linux" and platform.machine() == "x86_64"
    if here and all(content.startswith(ELF_OF_64_BITS) for _, content in contents):
        return _Region([(symbol, ObjectFile(content)) for symbol, content in contents]).addresses
    addresses: list[int] = engine().load(list(contents))
    return addresses


class _Region:
    """Pages of memory with the code and the constants of some objects: written, linked, and then no more to be written."""

    def __init__(self, objects: Sequence[tuple[str, ObjectFile]]) -> None:
        self.size = 0
        self.places = [self._place(file) for _, file in objects]
        self.size = max(PAGE, -(-self.size // PAGE) * PAGE)
        self.base = _pages(self.size)
        memory = memoryview((ctypes.c_char * self.size).from_address(self.base)).cast("B")
        for (_, file), places in zip(objects, self.places, strict=True):
            for number, place in places.items():
                section = file.sections[number]
                if section.kind != NOTHING:
                    memory[place : place + section.size] = file.content[section.offset : section.offset + section.size]
        self.addresses = [
            self._linked(file, places, symbol, memory)
            for (symbol, file), places in zip(objects, self.places, strict=True)
        ]
        if _process().mprotect(ctypes.c_void_p(self.base), ctypes.c_size_t(self.size), mmap.PROT_READ | mmap.PROT_EXEC):
            raise InternalError(
                f"this system does not let a process run code that it has made (mprotect: error {ctypes.get_errno()}); "
                "RUSHLIGHT_TIER=interp does without"
            )

    def _place(self, file: ObjectFile) -> dict[int, int]:
        """Where the sections go that are wanted in memory, by their numbers."""
        places = {}
        for number, section in enumerate(file.sections):
            if section.flags & IN_MEMORY and section.size and section.kind != UNWINDING:
                if section.flags & WRITABLE:
                    raise InternalError("a kernel has variables of its own, and two threads would share them")
                self.size = -(-self.size // max(1, section.alignment)) * max(1, section.alignment)
                places[number] = self.size
                self.size += section.size
        return places

    def _linked(self, file: ObjectFile, places: dict[int, int], symbol: str, memory: memoryview) -> int:
        """Writes the addresses that the object's code needs; returns that of the symbol."""
        values: list[int | None] = []
        address = None
        for one in file.symbols:
            value = self.base + places[one.section] + one.value if one.section in places else None
            values.append(value)
            if one.name == symbol:
                address = value
        for table in file.sections:
            if table.kind == RELOCATIONS and table.info in places:
                for place, kind, number, addend in file.relocations(table):
                    if kind != WHOLE_ADDRESS:
                        raise InternalError(f"an object has a relocation of kind {kind}; the large model makes none")
                    value = values[number]
                    target = _address_of(file.symbols[number].name) if value is None else value
                    struct.pack_into("<Q", memory, places[table.info] + place, (target + addend) % (1 << 64))
        if address is None:
            raise InternalError(f"an object does not define {symbol}")
        return address


def _pages(size: int) -> int:
    """The address of fresh memory that the process may write to."""
    allocate = _process().mmap
    allocate.restype = ctypes.c_void_p
    allocate.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long)
    found = allocate(None, size, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
    if found in (None, ctypes.c_void_p(-1).value):
        raise MemoryError(f"no memory for {size} bytes of compiled code")
    return int(found)


@functools.cache
def _address_of(name: str) -> int:
    try:
        return int(ctypes.cast(getattr(_process(), name), ctypes.c_void_p).value or 0)
    except AttributeError:
        raise InternalError(f"a kernel calls {name}, which this process does not have") from None
