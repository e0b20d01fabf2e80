"""Reading what a network address gives."""

from __future__ import annotations

import hashlib
import urllib.request
from typing import BinaryIO

CHUNK = 1 << 20
TIMEOUT_SECONDS = 30.0


def fetch(url: str, file: BinaryIO) -> str:
    """Copies what the address gives into the file; its checksum."""
    request = urllib.request.Request(url, headers={"User-Agent": "rushlight"})
    digest = hashlib.md5(usedforsecurity=False)
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
        while chunk := answer.read(CHUNK):
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()
