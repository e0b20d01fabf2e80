"""Where files are kept: $TORCH_HOME, else torch in the user's cache."""

from __future__ import annotations

import os

__all__ = ["get_dir", "set_dir"]

_chosen: dict[str, str] = {}


def _get_torch_home() -> str:
    """$TORCH_HOME, else torch in $XDG_CACHE_HOME or ~/.cache."""
    cache = os.getenv("XDG_CACHE_HOME", "~/.cache")
    return os.path.expanduser(os.getenv("TORCH_HOME", os.path.join(cache, "torch")))


def get_dir() -> str:
    """The folder of repositories and checkpoints."""
    return _chosen.get("folder") or os.path.join(_get_torch_home(), "hub")


def set_dir(d: str | os.PathLike[str]) -> None:
    """Sets it for this process."""
    _chosen["folder"] = os.path.expanduser(os.fspath(d))
