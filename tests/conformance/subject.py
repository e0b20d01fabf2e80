"""The module under test.

`CONFORMANCE_SUBJECT=torch` puts PyTorch itself in Rushlight's place: then every case must pass. That tests the harness.
"""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import torch

torch.set_num_threads(1)

NAME = os.environ.get("CONFORMANCE_SUBJECT", "rushlight")
TIER = os.environ.get("RUSHLIGHT_TIER", "auto")
TIERS = ("auto", "compile")  # the suite is for both: in the first, most of what runs but once is interpreted

subject: ModuleType = importlib.import_module(NAME)
for _part in ("linalg", "fft", "special", "nn", "nn.functional", "autograd", "autograd.forward_ad", "optim"):
    with contextlib.suppress(ModuleNotFoundError):  # some namespaces are no modules: `lookup` tells
        importlib.import_module(f"{NAME}.{_part}")


def lookup(path: str, root: Any = subject) -> Any | None:
    """The object at a dotted path below the module under test, or None where it has none."""
    found = root
    for part in path.split("."):
        found = getattr(found, part, None)
        if found is None:
            return None
    return found


def pin(tier: str) -> None:
    """Makes the module under test run everything in a tier from here on; PyTorch has none."""
    if NAME == "rushlight":
        importlib.import_module("rushlight.config").TIER = tier


@contextlib.contextmanager
def pinned(tier: str) -> Iterator[None]:
    """A tier for a while."""
    pin(tier)
    try:
        yield
    finally:
        pin(TIER)
