"""Saving to and loading from a path or a file object, in whichever format it is."""

from __future__ import annotations

import mmap as memory_map
import os
import pickle
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import numpy as np

from .archive import Binding, Reading, read_archive, write_archive
from .choices import Choices
from .container import ArchiveReader, is_zip
from .legacy import read_legacy, scan_legacy, write_legacy
from .location import restorer
from .replacing import replacing
from .restricted import Scanner

_TRUST = (
    "Loading with `weights_only=False` would run whatever code the file names: do that only if you trust its source."
)
_DOCUMENTATION = "Which types load with weights_only=True: https://pytorch.org/docs/stable/generated/torch.load.html"


def save_object(
    obj: object,
    f: Any,
    binding: Binding,
    *,
    pickle_module: Any = pickle,
    protocol: int = 2,
    use_zip: bool = True,
    byteorder: bool = True,
) -> None:
    """Write `obj` to a path, which is replaced at once when all is written, or to a file object."""
    if not _is_path(f) and not hasattr(f, "write"):
        raise AttributeError("expected 'f' to be string, path, or a file-like object with a 'write' attribute")
    if Choices.skips_data and not use_zip:
        raise RuntimeError("Cannot use skip_data=True with _use_new_zipfile_serialization=False")
    if _is_path(f):
        parent = os.path.dirname(os.path.abspath(os.fspath(f)))
        if not os.path.isdir(parent):
            raise RuntimeError(
                f"Parent directory {parent} does not exist. — save: make it first, as with os.makedirs({parent!r})"
            )
    name = _archive_name(os.fspath(f)) if _is_path(f) else "archive"
    with _replacing(os.fspath(f)) if _is_path(f) else _flushing(f) as file:
        if use_zip:
            write_archive(obj, file, name, binding, pickle_module=pickle_module, protocol=protocol, byteorder=byteorder)
        else:
            write_legacy(obj, file, binding, pickle_module=pickle_module, protocol=protocol)


def load_object(
    f: Any,
    binding: Binding,
    *,
    map_location: Any = None,
    pickle_module: Any = None,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    pickle_arguments: dict[str, Any] | None = None,
) -> Any:
    """Read what `save_object` or PyTorch wrote, from a path or a seekable file object."""
    if weights_only is None:
        weights_only = pickle_module is None
    if weights_only and pickle_module is not None:
        raise RuntimeError("Can not safely load weights when explicit pickle_module is specified")
    if weights_only and pickle_arguments and set(pickle_arguments) != {"encoding"}:
        warnings.warn("pickle_load_args only works if `weights_only=False`.", stacklevel=3)
    if mmap and not _is_path(f):
        raise ValueError("f must be a file path in order to use the mmap argument")
    reading = Reading(binding, restorer(map_location), weights_only, pickle_module or pickle, pickle_arguments or {})
    with _opened(f) as file:
        mapped = _mapped(os.fspath(f)) if mmap else None
        try:
            if is_zip(file):
                return read_archive(file, reading, mapped)
            if mmap:
                raise RuntimeError(
                    "mmap can only be used with files saved with `torch.save(_use_new_zipfile_serialization=True)`, "
                    "please torch.save your checkpoint with this option in order to use mmap."
                )
            return read_legacy(file, reading)
        except pickle.UnpicklingError as error:
            if not weights_only:
                raise
            raise pickle.UnpicklingError(f"Weights only load failed. {error}\n{_TRUST}\n{_DOCUMENTATION}") from error


def unsafe_globals(f: Any, binding: Binding) -> list[str]:
    """The globals in a file that `load` refuses with weights_only=True."""
    with _opened(f) as file:
        if is_zip(file):
            scanner = Scanner(ArchiveReader(file).read("data.pkl"))
            scanner.run()
        else:
            scanner = scan_legacy(file)
    machine = Reading(binding, restorer(None)).machine(b"", 0, None)
    return [".".join(path) for path in scanner.globals if not machine.allows(*path)]


def _is_path(f: Any) -> bool:
    return isinstance(f, (str, os.PathLike))


def _archive_name(path: str) -> str:
    """The folder in the archive: the file's name without its last suffix, where PyTorch could write that."""
    name = os.path.basename(path)
    stem = name.rpartition(".")[0] if "." in name else name
    return stem if stem.strip(".") and path.isascii() and "\\" not in stem and ":" not in stem else "archive"


@contextmanager
def _replacing(path: str) -> Iterator[IO[bytes]]:
    with replacing(path) as temporary, open(temporary, "wb") as file:
        yield file


@contextmanager
def _flushing(file: Any) -> Iterator[IO[bytes]]:
    yield file
    if hasattr(file, "flush"):
        file.flush()


@contextmanager
def _opened(f: Any) -> Iterator[IO[bytes]]:
    if _is_path(f):
        with open(f, "rb") as file:
            yield file
        return
    for method in ("read", "seek", "tell"):
        if not hasattr(f, method):
            raise AttributeError(
                f"'{type(f).__name__}' object has no attribute '{method}'. You can only torch.load from a file that is "
                "seekable. Please pre-load the data into a buffer like io.BytesIO and try to load from it instead."
            )
    yield f


def _mapped(path: str) -> np.ndarray:
    """The file's bytes, read when they are used; whether writing to them changes the file, `set_default_mmap_options` says."""
    mode: Any = "r+" if Choices.mapping == memory_map.MAP_SHARED else "c"
    return np.memmap(path, np.uint8, mode=mode).view(np.ndarray)
