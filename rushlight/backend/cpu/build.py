"""From a kernel's text to its address: llvmlite compiles it, the disk keeps it, one engine loads it.

A kernel is found by its key: in memory; else on disk, under a hash of the key, the machine, LLVM's version and Rushlight's own sources; else
its generator writes it and LLVM compiles it. LLVM's optimizing passes are not run: the text is written as it shall run.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import struct
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ... import config
from ...errors import InternalError
from ...version import __version__
from ..machine import Machine, kind_of_host, of_kind
from . import cache
from .generated import Generated

try:
    import llvmlite
    import llvmlite.binding as llvm
except ImportError:
    llvm = None

LEAST_LLVM = 22  # the text uses this version's masked loads and splat constants
Request = tuple[str, Callable[[], Generated]]


@dataclass(frozen=True)
class Compiled:
    """A kernel in memory, ready to be called; the other fields are `Generated`'s."""

    name: str
    address: int
    shared: int = 0
    per_thread: int = 0
    parallel: bool = True


# ---- the host ----


@functools.cache
def why_not() -> str:
    """Why kernels cannot be compiled and run here; "" where they can."""
    if llvm is None:
        return "llvmlite is not installed"
    if llvm.llvm_version_info[0] < LEAST_LLVM:
        return (
            f"llvmlite {llvmlite.__version__} brings LLVM {llvm.llvm_version_info[0]}; {LEAST_LLVM} or later is needed"
        )
    if struct.calcsize("P") != 8:
        return "this Python is not a 64-bit one"
    if not config.CPU and kind_of_host(_host()[0]) is None:
        return "this processor lacks vector instructions that are needed"
    if not host_machine().native:
        return f"this processor cannot run what RUSHLIGHT_CPU={config.CPU} asks for"
    return ""


def available() -> bool:
    """Whether kernels can be compiled and run here."""
    return not why_not()


@functools.cache
def _host() -> tuple[dict[str, bool], str, str]:
    """The host's features, name and triple, as LLVM tells."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return dict(llvm.get_host_cpu_features()), llvm.get_host_cpu_name(), llvm.get_process_triple()


@functools.cache
def machine_of(kind: str) -> Machine:
    """The machine of a kind, with what the host has of it."""
    return of_kind(kind, *_host())


@functools.cache
def host_machine() -> Machine:
    """The machine to compile for: the host, or what `RUSHLIGHT_CPU` says."""
    kind = config.CPU or kind_of_host(_host()[0])
    if kind is None:
        raise InternalError(why_not())
    return machine_of(kind)


# ---- text to object ----


@functools.cache
def _target(machine: Machine) -> Any:
    """LLVM's code generator for a machine.

    Position-independent code: without it the process is aborted when an object with constants is loaded.
    """
    if not machine.native:
        llvm.initialize_all_targets()
        llvm.initialize_all_asmprinters()
    else:
        _host()
    return llvm.Target.from_triple(machine.triple).create_target_machine(
        cpu=machine.name, features=machine.features, opt=2, reloc="pic", codemodel="default", jit=True
    )


def _dump(text: str) -> str:
    """Writes text that LLVM did not take where somebody can read it; returns where."""
    number, path = tempfile.mkstemp(prefix="rushlight-", suffix=".ll")
    with os.fdopen(number, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def _parsed(text: str, machine: Machine) -> Any:
    """The text as a module of LLVM's, in a context of its own so that nothing of it stays in memory."""
    try:
        module = llvm.parse_assembly(text, context=llvm.create_context())
        module.triple = machine.triple
        module.data_layout = str(_target(machine).target_data)
        module.verify()
    except RuntimeError as error:
        raise InternalError(f"LLVM does not take a generated kernel: {error}. The text is in {_dump(text)}") from error
    return module


def assembly(text: str, machine: Machine) -> str:
    """The machine's assembly for a module's text: to look at."""
    with _lock:
        return str(_target(machine).emit_assembly(_parsed(text, machine)))


def compile_only(text: str, machine: Machine) -> bytes:
    """The object file of a module's text, for any machine."""
    with _lock:
        return bytes(_target(machine).emit_object(_parsed(text, machine)))


def _object(generated: Generated, symbol: str, machine: Machine) -> bytes:
    """Compiles a kernel to an object file in which it alone is visible, under the name `symbol`."""
    module = _parsed(generated.text, machine)
    defined = {function.name: function for function in module.functions if not function.is_declaration}
    if generated.name not in defined:
        raise InternalError(f"a kernel's text does not define {generated.name}; it is in {_dump(generated.text)}")
    for name, function in defined.items():
        function.linkage = "external" if name == generated.name else "internal"
    defined[generated.name].name = symbol
    result = bytes(_target(machine).emit_object(module))
    _engine()  # has made the process's symbols known
    missing = [name for name in undefined_symbols(result) if not llvm.address_of_symbol(name)]
    if missing:  # LLVM would end the process when it loads this
        raise InternalError(
            f"the kernel {generated.name} calls {', '.join(missing)}, which this process does not have. "
            f"The text is in {_dump(generated.text)}"
        )
    return result


def undefined_symbols(content: bytes) -> list[str]:
    """The names that an ELF object needs from elsewhere; of other formats, none are found."""
    if content[:6] != b"\x7fELF\x02\x01":
        return []
    (sections,) = struct.unpack_from("<Q", content, 40)
    size, count = struct.unpack_from("<HH", content, 58)
    headers = [struct.unpack_from("<IIQQQQIIQQ", content, sections + size * i) for i in range(count)]
    names = []
    for header in headers:
        if header[1] != 2:  # the table of symbols
            continue
        texts = headers[header[6]][4]
        for place in range(header[4] + 24, header[4] + header[5], 24):  # the first symbol is none
            name, _, _, section = struct.unpack_from("<IBBH", content, place)
            if section == 0 and name:
                start = texts + name
                names.append(content[start : content.index(b"\0", start)].decode())
    return names


# ---- finding and loading ----

_lock = threading.RLock()
_tables: dict[Machine, dict[str, Compiled]] = {}
# No fork while another thread compiles: LLVM's own locks would stay locked in the child.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


@functools.cache
def _engine() -> Any:
    """What holds all loaded objects. It must live as long as the process: kernels run in its memory."""
    empty = llvm.parse_assembly("")
    return llvm.create_mcjit_compiler(
        empty,
        llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(
            opt=2, reloc="pic", codemodel="default", jit=True
        ),
    )


@functools.cache
def _sources() -> str:
    """A hash of everything in Rushlight that decides what a kernel's text is."""
    root = Path(__file__).resolve().parents[2]
    digest = hashlib.blake2b(digest_size=16)
    for folder in ("kernel", "backend"):
        for path in sorted((root / folder).rglob("*.py")):
            digest.update(str(path.relative_to(root)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


@functools.cache
def _cache() -> cache.Cache:
    return cache.of_user()


def identity(key: str, machine: Machine) -> str:
    """A name that differs wherever the machine code may."""
    facts = [key, repr(machine), llvmlite.__version__, llvm.llvm_version_info, _sources(), __version__]
    return hashlib.blake2b(json.dumps(facts).encode(), digest_size=20).hexdigest()


def compiled(requests: Sequence[Request], machine: Machine) -> list[Compiled]:
    """The kernels of these keys, in memory. `make` is called for what is found nowhere."""
    table = _tables.get(machine)
    if table is None:
        if not machine.native:
            raise InternalError(f"kernels for {machine.name} cannot run on this processor; compile_only compiles them")
        table = _tables.setdefault(machine, {})
    try:
        return [table[key] for key, _ in requests]
    except KeyError:
        pass
    with _lock:
        _load({key: make for key, make in requests if key not in table}, machine, table)
    return [table[key] for key, _ in requests]


def _load(wanted: dict[str, Callable[[], Generated]], machine: Machine, table: dict[str, Compiled]) -> None:
    """Brings kernels into memory and into the table."""
    contents = {key: _content(key, make, machine) for key, make in wanted.items()}
    engine = _engine()  # a symbol must not be given to it twice: nothing below fails
    for _, _, content in contents.values():
        engine.add_object_file(llvm.ObjectFileRef.from_data(content))
    engine.finalize_object()
    for key, (symbol, facts, _) in contents.items():
        name, shared, per_thread, parallel = facts
        table[key] = Compiled(name, engine.get_function_address(symbol), shared, per_thread, parallel)


def _content(key: str, make: Callable[[], Generated], machine: Machine) -> tuple[str, list[Any], bytes]:
    """A kernel's symbol, what `Compiled` says of it, and its object file, from the disk or from LLVM."""
    name = identity(key, machine)
    symbol = f"rushlight_{name}"
    payload = _cache().read(name)
    if payload is None:
        generated = make()
        facts = [generated.name, generated.shared, generated.per_thread, generated.parallel]
        payload = json.dumps(facts).encode() + b"\n" + _object(generated, symbol, machine)
        _cache().write(name, payload)
    head, _, content = payload.partition(b"\n")
    return symbol, json.loads(head), content
