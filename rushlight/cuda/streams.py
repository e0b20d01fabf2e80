"""Streams and events of a GPU: there are none, and what makes one raises."""

from __future__ import annotations

from typing import Any

from .missing import absent, function, no_device

__all__ = [
    "Event",
    "ExternalStream",
    "Stream",
    "StreamContext",
    "current_stream",
    "default_stream",
    "set_stream",
    "stream",
]

Event = absent("Event")
Stream = absent("Stream")
ExternalStream = absent("ExternalStream")
current_stream = function("current_stream", "device")
default_stream = function("default_stream", "device")


def set_stream(stream: Any) -> None:
    """Nothing for None; RuntimeError for anything else, since there are no streams."""
    if stream is not None:
        no_device("set_stream")


class StreamContext:
    """Within it a stream is the current one; with None, nothing changes."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def __enter__(self) -> None:
        if self.stream is not None:
            no_device("stream")

    def __exit__(self, *exception: Any) -> None:
        return None


def stream(stream: Any) -> StreamContext:
    """`StreamContext`."""
    return StreamContext(stream)
