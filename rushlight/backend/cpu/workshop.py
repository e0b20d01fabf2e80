"""Texts of kernels to object files, on as many processors as the amount of text is worth.

Other processes help, since llvmlite lets one thread at a time into LLVM. They start while the texts are still being generated, which is a third of
the whole, so that the generators' Python and LLVM run side by side.
"""

from __future__ import annotations

import functools
import importlib
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from ...errors import InternalError
from ..machine import Machine, cores_allowed
from .loader import missing

# Characters of text from which one more process is worth its start: it is there after the time that LLVM takes for about as many.
# The tutorial's network has six times as many, and its first compiled step takes two thirds of the time that it takes alone.
TEXT_FOR_A_HELPER = 100_000


@functools.cache
def compiler() -> Any:
    """The module that uses llvmlite, loaded when it is needed first."""
    return importlib.import_module(".compiler", __package__)


def processor(machine: Machine) -> tuple[str, str, str]:
    """What LLVM calls a machine."""
    return machine.triple, machine.name, machine.features


@contextmanager
def explained(text: str) -> Iterator[None]:
    """Where LLVM refuses a text, says where the text is kept."""
    try:
        yield
    except compiler().Refused as error:
        raise InternalError(f"{error}. {kept(text)}") from error


def kept(text: str) -> str:
    """Keeps a kernel's text where somebody can read it, and says where."""
    number, path = tempfile.mkstemp(prefix="rushlight-", suffix=".ll")
    with os.fdopen(number, "w", encoding="utf-8") as file:
        file.write(text)
    return f"The text is in {path}"


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
        with explained(self.text):
            self.content = compiler().kernel_object(self.text, self.facts[0], self.symbol, processor(machine))

    def check(self) -> None:
        """InternalError where the kernel calls what this process does not have."""
        lacking = missing(self.content)
        if lacking:
            raise InternalError(
                f"the kernel {self.facts[0]} calls {', '.join(lacking)}, which this process does not have. {kept(self.text)}"
            )


class Workshop:
    """Compiles the jobs that it is given until its `with` ends. Whatever happens to a helper, what it leaves is compiled here."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.jobs: list[Job] = []
        self._waiting: list[Job] = []
        self._closed = False
        self._changed = threading.Condition()
        self._helpers: list[threading.Thread] = []
        self._most_helpers = cores_allowed() - 1 if _runs_python(sys.executable) else 0
        self._text = 0

    def take(self, job: Job) -> None:
        """One more job; with it, perhaps one more helper."""
        self.jobs.append(job)
        self._text += len(job.text)
        with self._changed:
            self._waiting.append(job)
            self._changed.notify()
        if len(self._helpers) < min(self._most_helpers, self._text // TEXT_FOR_A_HELPER, len(self.jobs) - 1):
            self._helpers.append(threading.Thread(target=self._help, daemon=True))
            self._helpers[-1].start()

    def _next(self, wait: bool) -> Job | None:
        """The longest job that waits, so that what is left at the end is short; None where no more will come."""
        with self._changed:
            while wait and not self._waiting and not self._closed:
                self._changed.wait()
            if not self._waiting:
                return None
            longest = max(self._waiting, key=lambda job: len(job.text))
            self._waiting.remove(longest)
            return longest

    def _help(self) -> None:
        """Has another process compile what waits, as long as it answers."""
        paths = os.pathsep.join(path for path in sys.path if path)
        try:
            with subprocess.Popen(
                [sys.executable, "-P", "-S", compiler().__file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": paths},
            ) as process:
                assert process.stdin is not None and process.stdout is not None
                while job := self._next(wait=True):
                    request = compiler().request(job.text, job.facts[0], job.symbol, processor(self.machine))
                    compiler().send(process.stdin, request)
                    job.content = compiler().receive(process.stdout)
                process.stdin.close()
        except (OSError, EOFError):
            return

    def __enter__(self) -> Workshop:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._closed = True
            if error is not None:
                self._waiting.clear()
            self._changed.notify_all()
        if error is not None:
            return
        while job := self._next(wait=False):
            job.compile(self.machine)
        for helper in self._helpers:
            helper.join()
        for job in self.jobs:
            if not job.content:  # a helper did not manage it, and nobody has said why
                job.compile(self.machine)
            job.check()


def _runs_python(executable: str | None) -> bool:
    """Whether a path is that of a Python, and not of a program that Python is part of."""
    return bool(executable) and Path(str(executable)).name.startswith("python") and not hasattr(sys, "frozen")
