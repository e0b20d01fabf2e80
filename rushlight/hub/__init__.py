"""`torch.hub`: models from a folder or a repository that has a `hubconf.py`, and files from the network, kept in a folder.

>>> import rushlight as torch
>>> torch.hub.get_dir().endswith("hub")
True
"""

from __future__ import annotations

import os
import warnings
from typing import Any
from urllib.parse import urlparse

from ..serialize import load as _load_file
from .download import HASH_REGEX, READ_DATA_CHUNK, download_url_to_file, unpacked
from .places import _get_torch_home, get_dir, set_dir
from .repository import entry_points, imported_hubconf, model_of, repository_folder

__all__ = [
    "HASH_REGEX",
    "READ_DATA_CHUNK",
    "_get_torch_home",
    "download_url_to_file",
    "get_dir",
    "help",
    "list",
    "load",
    "load_state_dict_from_url",
    "set_dir",
]


def list(
    github: str,
    force_reload: bool = False,
    skip_validation: bool = False,
    trust_repo: bool | str | None = "check",
    verbose: bool = True,
) -> Any:
    """The names that a repository offers."""
    folder = repository_folder(github, "github", force_reload, trust_repo, "list", verbose)
    return entry_points(imported_hubconf(folder))


def help(
    github: str,
    model: str,
    force_reload: bool = False,
    skip_validation: bool = False,
    trust_repo: bool | str | None = "check",
) -> str | None:
    """The text that a repository has on one of its names."""
    folder = repository_folder(github, "github", force_reload, trust_repo, "help", True)
    return model_of(imported_hubconf(folder), model).__doc__


def load(
    repo_or_dir: str | os.PathLike[str],
    model: str,
    *args: Any,
    source: str = "github",
    trust_repo: bool | str | None = "check",
    force_reload: bool = False,
    verbose: bool = True,
    skip_validation: bool = False,
    **kwargs: Any,
) -> Any:
    """What a repository's function `model` gives for the arguments.

    source "local": a folder; "github": "owner/name[:branch or tag]", downloaded once. The repository's code is run, so that it must be
    one that you trust: `trust_repo="check"` asks, unless it was trusted before.
    """
    source = source.lower()
    if source not in ("github", "local"):
        raise ValueError(f'Unknown source: "{source}". Allowed values: "github" | "local".')
    if source == "github":
        folder = repository_folder(str(repo_or_dir), source, force_reload, trust_repo, "load", verbose)
    else:
        folder = os.fspath(repo_or_dir)
    return model_of(imported_hubconf(folder), model)(*args, **kwargs)


def load_state_dict_from_url(
    url: str,
    model_dir: str | None = None,
    map_location: Any = None,
    progress: bool = True,
    check_hash: bool = False,
    file_name: str | None = None,
    weights_only: bool = False,
) -> Any:
    """`torch.load` of the file at an address, which is downloaded where it is not in `model_dir` (checkpoints in `get_dir()`).

    check_hash: the name has the first digits of the file's SHA-256, name-digits.ext, which are compared. `weights_only=False`, the
    default as in PyTorch, runs what the file says; pass True for addresses that you do not trust.
    """
    if os.getenv("TORCH_MODEL_ZOO"):
        warnings.warn("TORCH_MODEL_ZOO is deprecated, please use env TORCH_HOME instead", stacklevel=2)
    folder = os.path.join(get_dir(), "checkpoints") if model_dir is None else model_dir
    os.makedirs(folder, exist_ok=True)
    name = os.path.basename(urlparse(url).path) if file_name is None else file_name
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        found = HASH_REGEX.search(name) if check_hash else None
        download_url_to_file(url, path, found.group(1) if found else None, progress=progress)
    return _load_file(unpacked(path, folder), map_location=map_location, weights_only=weights_only)
