"""`torch.cpu`: the CPU by the names that other devices have.

>>> import rushlight as torch
>>> torch.cpu.is_available(), torch.cpu.device_count()
(True, 1)
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from .. import late

__all__ = [
    "Event",
    "Stream",
    "StreamContext",
    "current_device",
    "current_stream",
    "device_count",
    "is_available",
    "is_initialized",
    "set_device",
    "stream",
    "synchronize",
]


class Stream:
    """The one order in which operations run."""

    def __init__(self, priority: int = -1) -> None:
        pass

    def wait_stream(self, stream: Any) -> None:
        """Nothing: there is one order."""

    def record_event(self) -> None:
        """Nothing."""

    def wait_event(self, event: Any) -> None:
        """Nothing."""


class Event:
    """A place in that order; it has always been reached."""

    def query(self) -> bool:
        """True."""
        return True

    def record(self, stream: Any = None) -> None:
        """Nothing."""

    def synchronize(self) -> None:
        """Nothing."""

    def wait(self, stream: Any = None) -> None:
        """Nothing."""


_stream = Stream()


class StreamContext(nullcontext):
    """Within it nothing changes."""

    def __init__(self, stream: Any) -> None:
        super().__init__()


def is_available() -> bool:
    """True."""
    return True


def is_initialized() -> bool:
    """True."""
    return True


def device_count() -> int:
    """1."""
    return 1


def current_device() -> str:
    """The name `cpu`."""
    return "cpu"


def set_device(device: Any) -> None:
    """Nothing: there is one."""


def synchronize(device: Any = None) -> None:
    """Nothing: what is read is computed before."""


def current_stream(device: Any = None) -> Stream:
    """The one stream."""
    return _stream


def stream(stream: Stream) -> AbstractContextManager:
    """Within it nothing changes."""
    return StreamContext(stream)


__getattr__ = late.names(__name__, "torch.cpu", {"amp": ("rushlight.cpu.amp", None)})
