"""Files from the network, written whole or not at all."""

from __future__ import annotations

import hashlib
import os
import re
import sys
import tempfile
import urllib.request
import zipfile

__all__ = ["HASH_REGEX", "READ_DATA_CHUNK", "download_url_to_file", "unpacked"]

READ_DATA_CHUNK = 128 * 1024
HASH_REGEX = re.compile(r"-([a-f0-9]*)\.")  # name-0123abcd.pth


def download_url_to_file(url: str, dst: str, hash_prefix: str | None = None, progress: bool = True) -> None:
    """Downloads a file. RuntimeError where its SHA-256 does not begin with `hash_prefix`; then there is no file."""
    dst = os.path.expanduser(dst)
    if progress:
        print(f'Downloading: "{url}" to {dst}', file=sys.stderr)
    digest = hashlib.sha256()
    handle, partial = tempfile.mkstemp(
        prefix=os.path.basename(dst) + ".", suffix=".partial", dir=os.path.dirname(dst) or "."
    )
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "torch.hub"})
        with os.fdopen(handle, "wb") as file, urllib.request.urlopen(request) as answer:
            while part := answer.read(READ_DATA_CHUNK):
                file.write(part)
                digest.update(part)
        found = digest.hexdigest()
        if hash_prefix is not None and found[: len(hash_prefix)] != hash_prefix:
            raise RuntimeError(f'invalid hash value (expected "{hash_prefix}", got "{found}")')
        os.chmod(partial, 0o644)
        os.replace(partial, dst)
    except BaseException:
        os.remove(partial)
        raise


def unpacked(path: str, folder: str) -> str:
    """The one file in an archive that wraps it (an old habit), or the file itself: PyTorch's own files are archives too."""
    if not zipfile.is_zipfile(path):
        return path
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if len(members) != 1 or members[0].is_dir():
            return path
        name = members[0].filename
        target = os.path.join(folder, os.path.basename(name))
        with archive.open(name) as packed, open(target, "wb") as file:
            while part := packed.read(READ_DATA_CHUNK):
                file.write(part)
    return target
