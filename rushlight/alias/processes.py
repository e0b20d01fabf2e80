"""Child processes of `multiprocessing` import `torch` as their parent does.

A forked child inherits the import hook. One that starts afresh ("spawn", and from the "forkserver") first unpickles
what its parent says of itself (program, arguments, search path), then imports the main module, then gets its work. The
hook must be there before the main module, so it travels in the first of these: an object whose unpickling runs
`child.py`.
"""

from __future__ import annotations

import runpy
from collections.abc import Callable
from multiprocessing import forkserver, spawn
from pathlib import Path
from typing import Any

CHILD = Path(__file__).with_name("child.py")


class _RunsChildFile:
    """Pickles as a call of `runpy.run_path("…/child.py")`, which needs no search path to be found."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return runpy.run_path, (str(CHILD),)


def install_in_children() -> None:
    """Sends the hook ahead of everything else to every child process started from now on."""
    original_data = spawn.get_preparation_data
    original_preload = forkserver.set_forkserver_preload

    def get_preparation_data(name: str) -> dict[str, Any]:
        return {"import_hook": _RunsChildFile(), **original_data(name)}

    def set_forkserver_preload(modules_names: list[str]) -> None:
        original_preload(["rushlight.alias.child", *modules_names])

    spawn.get_preparation_data = get_preparation_data
    forkserver.set_forkserver_preload = set_forkserver_preload
    # Without the main module: the server would import it before anything else of the list.
    set_forkserver_preload([])
