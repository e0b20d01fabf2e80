"""From a kernel's text to its address: llvmlite compiles it, the disk keeps it, it is loaded.

A kernel is found by its key: in memory; else on disk, under a hash of the key, the machine, LLVM's version and Rushlight's own sources; else
its generator writes it and LLVM compiles it. LLVM's optimizing passes are not run: the text is written as it shall run.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import struct
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ... import config
from ...errors import InternalError
from ...version import __version__
from ..machine import Machine, kind_of_host, of_kind
from . import cache, loader
from .generated import Generated
from .host import Host, look
from .workshop import Job, Workshop, compiler, explained, processor

LEAST_LLVM = 22  # the text uses this version's masked loads and splat constants
SOURCES = ("ir", "kernel", "backend")
Request = tuple[str, Callable[[], Generated]]


@dataclass(frozen=True)
class Compiled:
    """A kernel in memory, ready to be called; the other fields are `Generated`'s."""

    name: str
    address: int
    shared: int = 0
    per_thread: int = 0
    parallel: bool = True
    risk: str = ""


# ---- the host ----


@functools.cache
def why_not() -> str:
    """Why kernels cannot be compiled and run here; "" where they can."""
    try:
        found = host()
    except ImportError as error:
        return f"llvmlite is not installed, or not usable ({error})"
    if found.llvm < LEAST_LLVM:
        return f"llvmlite {found.version[0]} brings LLVM {found.llvm}; {LEAST_LLVM} or later is needed"
    if sys.platform == "win32":
        return "the team of threads is written for POSIX systems"
    if struct.calcsize("P") != 8:
        return "this Python is not a 64-bit one"
    if not config.CPU and kind_of_host(found.features) is None:
        return "this processor lacks vector instructions that are needed"
    if not host_machine().native:
        return f"this processor cannot run what RUSHLIGHT_CPU={config.CPU} asks for"
    return ""


def available() -> bool:
    """Whether kernels can be compiled and run here."""
    return not why_not()


@functools.cache
def host() -> Host:
    """What LLVM says of itself and of this processor."""
    return look(_cache())


@functools.cache
def machine_of(kind: str) -> Machine:
    """The machine of a kind, with what the host has of it."""
    return of_kind(kind, host().features, host().name, host().triple)


@functools.cache
def host_machine() -> Machine:
    """The machine to compile for: the host, or what `RUSHLIGHT_CPU` says."""
    kind = config.CPU or kind_of_host(host().features)
    if kind is None:
        raise InternalError(why_not())
    return machine_of(kind)


# ---- text to object ----


def assembly(text: str, machine: Machine) -> str:
    """The machine's assembly for a module's text: to look at."""
    with _lock, explained(text):
        return str(compiler().assembly(text, processor(machine)))


def compile_only(text: str, machine: Machine) -> bytes:
    """The object file of a module's text, for any machine."""
    with _lock, explained(text):
        return bytes(compiler().object_of(text, processor(machine)))


# ---- finding and loading ----

_lock = threading.RLock()
_tables: dict[Machine, dict[str, Compiled]] = {}
# No fork while another thread compiles: LLVM's own locks would stay locked in the child.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


@functools.cache
def _sources() -> str:
    """A hash of everything in Rushlight that decides what a kernel's text is.

    "" where a file has changed since this process loaded it: what this process compiles is then neither the old sources' nor the new ones'.
    """
    root = Path(__file__).resolve().parents[2]
    digest = hashlib.blake2b(digest_size=16)
    for path in [root / "dtype.py", *(path for folder in SOURCES for path in sorted((root / folder).rglob("*.py")))]:
        if path.stat().st_mtime > config.LOADED:
            return ""
        digest.update(str(path.relative_to(root)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


@dataclass
class Counts:
    """How this process came by the kernels that plans asked for."""

    compiled: int = 0
    loaded: int = 0  # from the disk
    found: int = 0  # in memory


COUNTS = Counts()


@functools.cache
def _cache() -> cache.Cache:
    return cache.of_user() if _sources() else cache.Cache(None)


def identity(key: str, machine: Machine) -> str:
    """A name that differs wherever the machine code may."""
    facts = [key, repr(machine), host().version, _sources(), __version__]
    return hashlib.blake2b(json.dumps(facts).encode(), digest_size=20).hexdigest()


def compiled(requests: Sequence[Request], machine: Machine) -> list[Compiled]:
    """The kernels of these keys, in memory. `make` is called for what is found nowhere."""
    table = _tables.get(machine)
    if table is None:
        if not machine.native:
            raise InternalError(f"kernels for {machine.name} cannot run on this processor; compile_only compiles them")
        table = _tables.setdefault(machine, {})
    missing = {key: make for key, make in requests if key not in table}
    COUNTS.found += len(requests) - len(missing)
    if missing:
        with _lock:
            _load({key: make for key, make in missing.items() if key not in table}, machine, table)
    return [table[key] for key, _ in requests]


def _load(wanted: dict[str, Callable[[], Generated]], machine: Machine, table: dict[str, Compiled]) -> None:
    """Brings kernels into memory and into the table."""
    jobs = []
    with Workshop(machine) as workshop:
        for key, make in wanted.items():
            jobs.append(_job(key, make, machine))
            if not jobs[-1].content:
                workshop.take(jobs[-1])
    fresh = workshop.jobs
    COUNTS.compiled += len(fresh)
    COUNTS.loaded += len(jobs) - len(fresh)
    addresses = loader.load([(job.symbol, job.content) for job in jobs], compiler)
    for job in fresh:
        _cache().write(job.identity, json.dumps(job.facts).encode() + b"\n" + job.content)
    for job, address in zip(jobs, addresses, strict=True):
        name, *others = job.facts
        table[job.key] = Compiled(name, address, *others)


def _job(key: str, make: Callable[[], Generated], machine: Machine) -> Job:
    """A kernel from the disk, or its text from its generator."""
    name = identity(key, machine)
    payload = _cache().read(name)
    if payload is not None:
        head, _, content = payload.partition(b"\n")
        return Job(key, name, json.loads(head), content=content)
    generated = make()
    facts = [generated.name, generated.shared, generated.per_thread, generated.parallel, generated.risk]
    return Job(key, name, facts, generated.text)
