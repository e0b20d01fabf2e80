"""Repositories with a `hubconf.py`: found, fetched, trusted, imported."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import urllib.error
import urllib.request
import warnings
import zipfile
from collections.abc import Callable
from types import ModuleType
from typing import Any

from .download import download_url_to_file
from .places import get_dir

TRUSTED_OWNERS = ("facebookresearch", "facebookincubator", "pytorch", "fairinternal")
CONFIGURATION = "hubconf.py"
DEPENDENCIES = "dependencies"


def _parts(github: str) -> tuple[str, str, str]:
    """Owner, name and branch of "owner/name[:branch]"; "main" or "master" where none is said."""
    repository, _, reference = github.partition(":")
    owner, slash, name = repository.partition("/")
    if not slash or not owner or not name:
        raise ValueError(f"hub: a repository is 'owner/name' or 'owner/name:branch', not {github!r}")
    return owner, name, reference or _default_branch(owner, name)


def _default_branch(owner: str, name: str) -> str:
    try:
        with urllib.request.urlopen(f"https://github.com/{owner}/{name}/tree/main/"):
            return "main"
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return "master"
        raise
    except urllib.error.URLError as error:
        for branch in ("main", "master"):  # without a network: what is there
            if os.path.exists(os.path.join(get_dir(), f"{owner}_{name}_{branch}")):
                return branch
        raise RuntimeError(
            f"It looks like there is no internet connection and the repo could not be found in the cache ({get_dir()})"
        ) from error


def repository_folder(
    github: str, source: str, force_reload: bool, trust_repo: bool | str | None, use: str, verbose: bool
) -> str:
    """The folder of a repository, downloaded where it is not there yet; code of strangers only where they are trusted."""
    owner, name, reference = _parts(github)
    home = get_dir()
    os.makedirs(home, exist_ok=True)
    folder = os.path.join(home, "_".join([owner, name, reference.replace("/", "_")]))
    _check_trust(owner, name, trust_repo, use)
    if os.path.exists(folder) and not force_reload:
        if verbose:
            print(f"Using cache found in {folder}", file=sys.stderr)
        return folder
    archive = os.path.join(home, f"{owner}_{name}_{reference.replace('/', '_')}.zip")
    download_url_to_file(f"https://github.com/{owner}/{name}/zipball/{reference}", archive, progress=False)
    with zipfile.ZipFile(archive) as packed:
        first = packed.namelist()[0].partition("/")[0]
        packed.extractall(home)
    os.remove(archive)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.move(os.path.join(home, first), folder)
    return folder


def _check_trust(owner: str, name: str, trust_repo: bool | str | None, use: str) -> None:
    """Asks the user where it must be asked; RuntimeError where the answer is no."""
    if trust_repo not in (True, False, "check", None):
        raise ValueError(f"trust_repo is True, False, 'check' or None, not {trust_repo!r}")
    path = os.path.join(get_dir(), "trusted_list")
    if not os.path.exists(path):
        open(path, "w").close()
    with open(path) as file:
        known = tuple(line.strip() for line in file)
    repository = f"{owner}_{name}"
    trusted = repository in known or owner in TRUSTED_OWNERS
    if trust_repo is None:
        if not trusted:
            warnings.warn(
                f"You are about to download and run code from an untrusted repository. To change this, pass trust_repo to {use}(..., "
                "trust_repo=False), which asks before, or trust_repo=True, which adds it to the trusted ones.",
                stacklevel=3,
            )
        return
    if trust_repo is False or (trust_repo == "check" and not trusted):
        answer = input(
            f"The repository {owner}/{name} does not belong to the list of trusted repositories and as such cannot be downloaded. Do you "
            "trust this repository and wish to add it to the trusted list of repositories (y/N)?"
        )
        if answer.lower() not in ("y", "yes"):
            raise RuntimeError(
                "Untrusted repository." if answer.lower() in ("n", "no", "") else f"Unrecognized response {answer}."
            )
    if repository not in known:
        with open(path, "a") as file:
            file.write(repository + "\n")


def imported_hubconf(folder: str) -> ModuleType:
    """The repository's `hubconf.py`, imported with its folder on the search path."""
    path = os.path.join(folder, CONFIGURATION)
    if not os.path.isfile(path):
        raise FileNotFoundError(f"hub: {folder} has no {CONFIGURATION}, which says what a repository offers")
    sys.path.insert(0, folder)
    try:
        spec = importlib.util.spec_from_file_location(CONFIGURATION, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(folder)
    _check_dependencies(module)
    return module


def _check_dependencies(module: ModuleType) -> None:
    missing = [name for name in getattr(module, DEPENDENCIES, ()) if importlib.util.find_spec(name) is None]
    if missing:
        raise RuntimeError(f"Missing dependencies: {', '.join(missing)}")


def entry_points(module: ModuleType) -> list[str]:
    """The functions that it offers."""
    return [name for name in dir(module) if callable(getattr(module, name)) and not name.startswith("_")]


def model_of(module: ModuleType, name: str) -> Callable[..., Any]:
    """One of them."""
    if not isinstance(name, str):
        raise ValueError("Invalid input: model should be a string of function name")
    found: Any = getattr(module, name, None)
    if not callable(found):
        raise RuntimeError(f"Cannot find callable {name} in hubconf")
    return found
