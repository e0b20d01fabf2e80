"""From a kernel's text to its address: llvmlite compiles it, the disk keeps it, one engine loads it.

A kernel is found by its key: in memory; else on disk, under a hash of the key, the machine, LLVM's version and Rushlight's own sources; else
its generator writes it and LLVM compiles it. LLVM's optimizing passes are not run: the text is written as it shall run.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import json
import os
import struct
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ... import config
from ...errors import InternalError
from ...version import __version__
from ..machine import Machine, cores_allowed, kind_of_host, of_kind
from . import cache
from .generated import Generated

LEAST_LLVM = 22  # the text uses this version's masked loads and splat constants
TEXT_FOR_A_HELPER = 500_000  # characters of text from which one more process is worth its start
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
def _compiler() -> Any:
    """The module that uses llvmlite, loaded when it is needed first."""
    return importlib.import_module(".compiler", __package__)


@functools.cache
def why_not() -> str:
    """Why kernels cannot be compiled and run here; "" where they can."""
    try:
        compiler = _compiler()
    except ImportError as error:
        return f"llvmlite is not installed, or not usable ({error})"
    if compiler.LLVM < LEAST_LLVM:
        return f"llvmlite {compiler.VERSION[0]} brings LLVM {compiler.LLVM}; {LEAST_LLVM} or later is needed"
    if sys.platform == "win32":
        return "the team of threads is written for POSIX systems"
    if struct.calcsize("P") != 8:
        return "this Python is not a 64-bit one"
    if not config.CPU and kind_of_host(compiler.host()[0]) is None:
        return "this processor lacks vector instructions that are needed"
    if not host_machine().native:
        return f"this processor cannot run what RUSHLIGHT_CPU={config.CPU} asks for"
    return ""


def available() -> bool:
    """Whether kernels can be compiled and run here."""
    return not why_not()


@functools.cache
def machine_of(kind: str) -> Machine:
    """The machine of a kind, with what the host has of it."""
    return of_kind(kind, *_compiler().host())


@functools.cache
def host_machine() -> Machine:
    """The machine to compile for: the host, or what `RUSHLIGHT_CPU` says."""
    kind = config.CPU or kind_of_host(_compiler().host()[0])
    if kind is None:
        raise InternalError(why_not())
    return machine_of(kind)


# ---- text to object ----


def _processor(machine: Machine) -> tuple[str, str, str]:
    return machine.triple, machine.name, machine.features


@contextmanager
def _explained(text: str) -> Iterator[None]:
    """Where LLVM refuses a text, keeps the text where somebody can read it, and says where."""
    compiler = _compiler()
    try:
        yield
    except compiler.Refused as error:
        number, path = tempfile.mkstemp(prefix="rushlight-", suffix=".ll")
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(text)
        raise InternalError(f"{error}. The text is in {path}") from error


def assembly(text: str, machine: Machine) -> str:
    """The machine's assembly for a module's text: to look at."""
    with _lock, _explained(text):
        return str(_compiler().assembly(text, _processor(machine)))


def compile_only(text: str, machine: Machine) -> bytes:
    """The object file of a module's text, for any machine."""
    with _lock, _explained(text):
        return bytes(_compiler().object_of(text, _processor(machine)))


@dataclass
class Job:
    """A kernel on its way: `content` is its object file, once there is one."""

    key: str
    identity: str
    facts: list[Any]  # the fields of Compiled but the address
    text: str = ""
    content: bytes = b""

    @property
    def symbol(self) -> str:
        return f"rushlight_{self.identity}"

    def compile(self, machine: Machine) -> None:
        with _explained(self.text):
            self.content = _compiler().kernel_object(self.text, self.facts[0], self.symbol, _processor(machine))


def _compile_all(jobs: Sequence[Job], machine: Machine) -> None:
    """Compiles, the longest first. Where there is much to do, other processes help, as many as there are cores."""
    waiting = deque(sorted(jobs, key=lambda job: -len(job.text)))
    most = sum(len(job.text) for job in jobs) // TEXT_FOR_A_HELPER
    helpers = min(len(jobs), cores_allowed(), most) - 1 if _runs_python(sys.executable) else 0
    threads = [threading.Thread(target=_help, args=(waiting, machine), daemon=True) for _ in range(helpers)]
    for thread in threads:
        thread.start()
    while True:
        try:
            job = waiting.popleft()
        except IndexError:
            break
        job.compile(machine)
    for thread in threads:
        thread.join()
    for job in jobs:
        if not job.content:  # a helper did not manage it, and nobody has said why
            job.compile(machine)


def _runs_python(executable: str | None) -> bool:
    """Whether a path is that of a Python, and not of a program that Python is part of."""
    return bool(executable) and Path(str(executable)).name.startswith("python") and not hasattr(sys, "frozen")


def _help(waiting: deque[Job], machine: Machine) -> None:
    """Has one more process compile what is waiting. Whatever happens to it, nothing is lost: what it leaves is compiled here."""
    compiler = _compiler()
    paths = os.pathsep.join(path for path in sys.path if path)
    try:
        with subprocess.Popen(
            [sys.executable, "-P", "-S", compiler.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": paths},
        ) as process:
            assert process.stdin is not None and process.stdout is not None
            while waiting:
                job = waiting.popleft()
                compiler.send(process.stdin, compiler.request(job.text, job.facts[0], job.symbol, _processor(machine)))
                job.content = compiler.receive(process.stdout)
            process.stdin.close()
    except (OSError, EOFError, IndexError):
        return


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
    facts = [key, repr(machine), _compiler().VERSION, _sources(), __version__]
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
    jobs = [_job(key, make, machine) for key, make in wanted.items()]
    fresh = [job for job in jobs if not job.content]
    COUNTS.compiled += len(fresh)
    COUNTS.loaded += len(jobs) - len(fresh)
    _compile_all(fresh, machine)
    for job in fresh:
        _cache().write(job.identity, json.dumps(job.facts).encode() + b"\n" + job.content)
    addresses = _compiler().load([(job.symbol, job.content) for job in jobs])
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
