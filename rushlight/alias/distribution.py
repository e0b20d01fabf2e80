"""What `importlib.metadata` says of `torch` and `torchvision` while they mean Rushlight: name and version, no files.

Programs ask for the version of the distribution before they import it. Loaded when something asks.
"""

from __future__ import annotations

import importlib
import os
from importlib.metadata import Distribution

# the distribution's name -> the module that has its version
VERSIONS = {"torch": "rushlight", "torchvision": "rushlight.vision"}


class Alias(Distribution):
    """The distribution `torch` or `torchvision`."""

    def __init__(self, name: str) -> None:
        self.distribution = name

    def read_text(self, filename: str | os.PathLike[str]) -> str | None:
        """The metadata; no other file is there."""
        if filename not in ("METADATA", "PKG-INFO"):
            return None
        version = importlib.import_module(VERSIONS[self.distribution]).__version__
        summary = "Rushlight, imported under this name"
        return f"Metadata-Version: 2.1\nName: {self.distribution}\nVersion: {version}\nSummary: {summary}\n"

    def locate_file(self, path: str | os.PathLike[str]) -> str:  # type: ignore[override]
        """Where a file of it would lie; it has none."""
        return os.path.join(os.path.dirname(os.path.dirname(__file__)), path)
