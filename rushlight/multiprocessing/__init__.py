"""`torch.multiprocessing`: Python's `multiprocessing`, whose queues and pipes send tensors as memory that both sides share.

A tensor that is sent is first moved to shared memory, as by `share_memory_`; writes on either side are seen on the other. Operations on
shared memory run at once, one by one. `spawn` starts a function in several processes and passes on what goes wrong in one of them.
"""

from __future__ import annotations

import multiprocessing as _multiprocessing
from multiprocessing import *  # noqa: F403
from typing import Any

from . import reductions
from .spawn import (
    ProcessContext,
    ProcessExitedException,
    ProcessRaisedException,
    SpawnContext,
    spawn,
    start_processes,
)

__all__ = [  # noqa: PLE0604
    *_multiprocessing.__all__,
    "ProcessContext",
    "ProcessExitedException",
    "ProcessRaisedException",
    "SpawnContext",
    "get_all_sharing_strategies",
    "get_sharing_strategy",
    "init_reductions",
    "set_sharing_strategy",
    "spawn",
    "start_processes",
]

init_reductions = reductions.init_reductions
_STRATEGIES = ("file_descriptor", "file_system")


class _Sharing:
    strategy = "file_descriptor"


def get_all_sharing_strategies() -> set[str]:
    """The names that `set_sharing_strategy` takes."""
    return set(_STRATEGIES)


def get_sharing_strategy() -> str:
    """The name that was set, or "file_descriptor"."""
    return _Sharing.strategy


def set_sharing_strategy(new_strategy: str) -> None:
    """Takes PyTorch's two names; memory is shared by descriptors of anonymous files in either case, and nothing is left behind."""
    if new_strategy not in _STRATEGIES:
        raise AssertionError(f"set_sharing_strategy: {new_strategy!r} is none of {', '.join(_STRATEGIES)}")
    _Sharing.strategy = new_strategy


def __getattr__(name: str) -> Any:
    """What else `multiprocessing` has."""
    return getattr(_multiprocessing, name)


init_reductions()
