"""What programs may choose about files for the whole process: byte order, checksums, mapping into memory, leaving data out."""

from __future__ import annotations

import mmap
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any


class LoadEndianness(Enum):
    """The byte order of a file that does not say its own."""

    NATIVE = 1
    LITTLE = 2
    BIG = 3


class SourceChangeWarning(Warning):
    """A class's source is not what it was when the file was written; only very old files know their sources."""


class Choices:
    """The present ones."""

    endianness: LoadEndianness | None = None
    checksums = True
    mapping = mmap.MAP_PRIVATE
    skips_data = False


def byteorder_without_mark() -> str:
    """ "little" or "big"."""
    chosen = Choices.endianness
    return sys.byteorder if chosen in (None, LoadEndianness.NATIVE) else str(chosen.name).lower()  # type: ignore[union-attr]


def get_default_load_endianness() -> LoadEndianness | None:
    """The byte order that `load` assumes where a file does not say it; None: this machine's."""
    return Choices.endianness


def set_default_load_endianness(endianness: LoadEndianness | None) -> None:
    """Sets the byte order that `load` assumes where a file does not say it; TypeError for what is no LoadEndianness."""
    if not (endianness is None or isinstance(endianness, LoadEndianness)):
        raise TypeError(
            "Invalid argument type in function set_default_load_endianness — a LoadEndianness or None, not "
            f"{type(endianness).__name__}"
        )
    Choices.endianness = endianness


def get_crc32_options() -> bool:
    """Whether `save` writes checksums."""
    return Choices.checksums


def set_crc32_options(compute_crc32: bool) -> None:
    """Sets whether `save` writes checksums; without them `load` cannot tell that a storage was damaged, and unzipping may complain."""
    Choices.checksums = bool(compute_crc32)


def get_default_mmap_options() -> int:
    """How `load(mmap=True)` maps a file: `mmap.MAP_PRIVATE` or `mmap.MAP_SHARED`."""
    return Choices.mapping


class set_default_mmap_options:  # noqa: N801 -- PyTorch's name
    """Sets how `load(mmap=True)` maps a file, from now on or within `with`; ValueError for other flags.

    `mmap.MAP_PRIVATE`: writes to a tensor change memory alone. `mmap.MAP_SHARED`: in-place operations on a tensor that was loaded, and writes to
    its `numpy()`, change the file, which must be writable. Its checksums do not fit then: load it with `mmap=True`, which does not look at
    them, or save it without (`set_crc32_options(False)`).
    """

    def __init__(self, flags: int) -> None:
        if flags not in (mmap.MAP_PRIVATE, mmap.MAP_SHARED):
            raise ValueError(
                "Invalid argument in function set_default_mmap_options, expected mmap.MAP_PRIVATE or mmap.MAP_SHARED, but got "
                f"{flags}"
            )
        self._before, Choices.mapping = Choices.mapping, flags

    def __enter__(self) -> None:
        """Set already."""

    def __exit__(self, *error: Any) -> None:
        Choices.mapping = self._before


class skip_data:  # noqa: N801 -- PyTorch's name
    """Within it, `save` leaves the storages' bytes empty, at their places, and `load` does not read them: tensors are zero.

    materialize_fake_tensors: taken as PyTorch takes it; there are no fake tensors here.

    >>> import io
    >>> import rushlight as torch
    >>> file = io.BytesIO()
    >>> with torch.serialization.skip_data():
    ...     torch.save(torch.ones(2), file)
    >>> _ = file.seek(0)
    >>> torch.load(file)
    tensor([0., 0.])
    """

    def __init__(self, materialize_fake_tensors: bool = False) -> None:
        self.materialize_fake_tensors = materialize_fake_tensors

    def __enter__(self) -> None:
        self._before, Choices.skips_data = Choices.skips_data, True

    def __exit__(self, *error: Any) -> None:
        Choices.skips_data = self._before


@contextmanager
def mkdtemp() -> Iterator[str]:
    """A folder that is gone afterwards."""
    path = tempfile.mkdtemp()
    try:
        yield path
    finally:
        shutil.rmtree(path)


def check_module_version_greater_or_equal(
    module: Any, req_version_tuple: tuple[int, ...], error_if_malformed: bool = True
) -> bool:
    """Whether a module's `__version__` is at least the given one; RuntimeError, or a warning and True, for one that is no numbers."""
    try:
        parts = tuple(
            type(wanted)(part) for part, wanted in zip(module.__version__.split("."), req_version_tuple, strict=False)
        )
    except ValueError:
        text = f"'{module.__name__}' module version string is malformed '{module.__version__}' and cannot be compared with tuple {req_version_tuple}"
        if error_if_malformed:
            raise RuntimeError(text) from None
        warnings.warn(text + ", but continuing assuming that requirement is met", stacklevel=2)
        return True
    return parts >= req_version_tuple
