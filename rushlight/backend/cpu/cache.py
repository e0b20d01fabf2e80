"""Compiled kernels on disk: one file a kernel, safe among processes, bounded in size.

`RUSHLIGHT_CACHE` names the folder, or says `off`. A file is written beside its place and renamed into it, so that a reader sees all of it
or nothing; it begins with a checksum, so that a damaged one is not used and is written anew. The least recently used files go when the
folder grows beyond its bound.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import tempfile
import time
import warnings
from pathlib import Path

from ... import config

MAGIC = b"rushlight kernel 1\n"
DIGEST = 16  # bytes of checksum
ENDING = ".kernel"
LIMIT = 512 << 20  # bytes in all
LOOK_AFTER = 32 << 20  # bytes written by this process before it looks again whether the folder is too big
HOUR = 3600.0


def default_folder() -> Path:
    """The user's folder for caches, as each system has it."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = str(Path.home() / "Library" / "Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "rushlight"


def checksum(payload: bytes) -> bytes:
    return hashlib.blake2b(payload, digest_size=DIGEST).digest()


class Cache:
    """A folder of named byte strings. Without a folder it holds nothing."""

    def __init__(self, folder: Path | None, limit: int = LIMIT) -> None:
        self.folder = folder
        self.limit = limit
        self.written = LOOK_AFTER  # so that the first write looks
        self.ready = False

    def path(self, name: str) -> Path:
        assert self.folder is not None
        return self.folder / (name + ENDING)

    def read(self, name: str) -> bytes | None:
        """What was written under a name; None where there is nothing, or nothing whole."""
        if self.folder is None:
            return None
        try:
            with open(self.path(name), "rb") as file:
                data = file.read()
                stale = time.time() - os.fstat(file.fileno()).st_mtime > HOUR
        except OSError:
            return None
        payload = data[len(MAGIC) + DIGEST :]
        if not data.startswith(MAGIC) or data[len(MAGIC) : len(MAGIC) + DIGEST] != checksum(payload):
            return None
        if stale:  # the time of a file is that of its last use, to the hour
            with contextlib.suppress(OSError):
                os.utime(self.path(name))
        return payload

    def write(self, name: str, payload: bytes) -> None:
        """Keeps a byte string. Where the folder cannot be written, warns once and goes on without."""
        if self.folder is None:
            return
        try:
            self._write(name, MAGIC + checksum(payload) + payload)
        except OSError as error:
            warnings.warn(
                f"compiled kernels cannot be kept in {self.folder} ({error}); each process compiles its own. "
                "RUSHLIGHT_CACHE names another folder, or says off",
                stacklevel=2,
            )
            self.folder = None
            return
        self.written += len(payload)
        if self.written > LOOK_AFTER:
            self.written = 0
            self.shrink()

    def _write(self, name: str, data: bytes) -> None:
        assert self.folder is not None
        if not self.ready:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.ready = True
        number, temporary = tempfile.mkstemp(prefix=name[:16], suffix=".part", dir=self.folder)
        try:
            with os.fdopen(number, "wb") as file:
                file.write(data)
            os.replace(temporary, self.path(name))
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise

    def shrink(self) -> None:
        """Removes the least recently used files while there is more than the bound, and what broken-off writers left."""
        assert self.folder is not None
        found, total, now = [], 0, time.time()
        with contextlib.suppress(OSError), os.scandir(self.folder) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):  # another process may have removed it
                    facts = entry.stat()
                    if entry.name.endswith(".part") and now - facts.st_mtime > HOUR:
                        os.unlink(entry.path)
                    elif entry.name.endswith(ENDING):
                        found.append((facts.st_mtime, facts.st_size, entry.path))
                        total += facts.st_size
        if total <= self.limit:
            return
        for _, size, path in sorted(found):
            if total <= self.limit * 3 // 4:
                break
            with contextlib.suppress(OSError):
                os.unlink(path)
            total -= size


def of_user() -> Cache:
    """The cache that `RUSHLIGHT_CACHE` asks for."""
    if config.CACHE == "off":
        return Cache(None)
    if config.CACHE:
        return Cache(Path(config.CACHE).expanduser())
    try:
        return Cache(default_folder())
    except RuntimeError:  # this user has no home
        return Cache(None)
