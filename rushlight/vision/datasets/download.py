"""Getting data sets: checksums, downloads that leave nothing half-written, archives unpacked safely."""

from __future__ import annotations

import gzip
import hashlib
import lzma
import os
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import BinaryIO

CHUNK = 1 << 20


def file_md5(path: str | Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def check_integrity(path: str | Path, md5: str | None = None) -> bool:
    """Whether the file is there and, if a checksum is given, has it."""
    return os.path.isfile(path) and (md5 is None or file_md5(path) == md5)


@contextmanager
def written_whole(path: str | Path) -> Iterator[BinaryIO]:
    """A file that gets its name when it is complete; after an error there is none."""
    folder, name = os.path.split(os.path.abspath(path))
    os.makedirs(folder, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{name}.", suffix=".part", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        os.chmod(temporary, 0o644)  # mkstemp's are for the owner alone
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def download(urls: list[str], path: str | Path, md5: str, place: str) -> None:
    """Downloads to `path` from the first address that gives the file with this checksum, unless it is there already.

    RuntimeError of one line that says what failed and, in the words of `place`, where the user may put files by hand.
    """
    if check_integrity(path, md5):
        return
    fetch = import_module(".address", __package__).fetch  # what speaks to networks loads long; most runs do not need it
    failures = []
    for url in urls:
        try:
            with written_whole(path) as file:
                found = fetch(url, file)
                if found != md5:
                    raise OSError(f"its checksum is {found} instead of {md5}")
            return
        except (OSError, ValueError) as error:
            failures.append(f"{url} ({_reason(error)})")
    raise RuntimeError(f"could not download {' nor '.join(failures)}; {place}")


def _reason(error: Exception) -> str:
    inner = getattr(error, "reason", None)
    text = str(inner if isinstance(inner, Exception) else error)
    return " ".join(text.split()) or type(error).__name__


def extract_tar(archive: str | Path, folder: str | Path) -> None:
    """Unpacks the files of a tar archive; one that would land outside of the folder is refused."""
    root = os.path.realpath(folder)
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                target = os.path.realpath(os.path.join(root, member.name))
                if os.path.commonpath([root, target]) != root:
                    raise RuntimeError(f"{archive} would write {member.name}, outside of {folder}")
                content = tar.extractfile(member) if member.isfile() else None
                if content is not None:
                    with written_whole(target) as file:
                        shutil.copyfileobj(content, file, CHUNK)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise RuntimeError(f"{archive} is corrupt: {error}") from None


def extract_zip(archive: str | Path, folder: str | Path) -> None:
    """Unpacks the files of a zip archive; one that would land outside of the folder is refused."""
    root = os.path.realpath(folder)
    try:
        with zipfile.ZipFile(archive) as packed:
            for member in packed.infolist():
                target = os.path.realpath(os.path.join(root, member.filename))
                if os.path.commonpath([root, target]) != root:
                    raise RuntimeError(f"{archive} would write {member.filename}, outside of {folder}")
                if not member.is_dir():
                    with packed.open(member) as content, written_whole(target) as file:
                        shutil.copyfileobj(content, file, CHUNK)
    except (zipfile.BadZipFile, EOFError, zlib.error) as error:
        raise RuntimeError(f"{archive} is corrupt: {error}") from None


def extract_gzip_tars(source: str | Path, folder: str | Path) -> None:
    """Unpacks every tar archive that lies in `source`, packed or not."""
    for name in sorted(os.listdir(source)):
        if name.endswith((".tar.gz", ".tar")):
            extract_tar(os.path.join(source, name), folder)


def extract_xz(archive: str | Path, path: str | Path) -> None:
    """Unpacks an xz file to `path`."""
    try:
        with lzma.open(archive) as packed, written_whole(path) as file:
            shutil.copyfileobj(packed, file, CHUNK)
    except (EOFError, lzma.LZMAError) as error:
        raise RuntimeError(f"{archive} is corrupt: {error}") from None


def extract_gzip(archive: str | Path, path: str | Path) -> None:
    """Unpacks a gzip file to `path`."""
    try:
        with gzip.open(archive) as packed, written_whole(path) as file:
            shutil.copyfileobj(packed, file, CHUNK)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise RuntimeError(f"{archive} is corrupt: {error}") from None
