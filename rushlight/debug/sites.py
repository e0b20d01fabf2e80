"""Where in the user's program the entries of a trace come from: lines, the functions called there, marked ranges.

Noting that costs more than recording does, so it is done only while somebody looks: `noting` puts a list in the trace that notes each
entry as it is appended.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from ..ir.graph import Trace, trace

PACKAGE = str(Path(__file__).resolve().parents[1])
USERS = str(Path(PACKAGE, "demo"))  # a part of the package that is written as a user's program
# Names of frames that say nothing of what the user called.
_NAMELESS = {"__call__", "__init__", "call", "forward", "wrapper", "inner", "run"}


class Site(NamedTuple):
    """Where an entry was recorded."""

    file: str
    line: int
    function: str  # what the user called there
    ranges: tuple[str, ...]  # the marked ranges that it stands in, the outermost first

    @property
    def place(self) -> str:
        """`file.py:12`"""
        return f"{Path(self.file).name}:{self.line}"


class Ranges:
    """The ranges marked by `profiler.record_function` that the program is in."""

    open: tuple[str, ...] = ()


def _own(frame: FrameType) -> bool:
    name = frame.f_code.co_filename
    return name.startswith(PACKAGE) and not name.startswith(USERS)


def here() -> Site:
    """The user's line that is being run, and the last function of the package, from there, that has a telling name."""
    frame: FrameType | None = sys._getframe(1)
    function = ""
    while frame is not None and _own(frame):
        name = frame.f_code.co_name
        if name not in _NAMELESS and not name.startswith("<") and (not name.startswith("_") or name.endswith("__")):
            function = name.strip("_").removesuffix("_method")
        frame = frame.f_back
    if frame is None:
        return Site("?", 0, function, Ranges.open)
    return Site(frame.f_code.co_filename, frame.f_lineno, function, Ranges.open)


class Noted(list[Any]):
    """The trace's list of nodes, with the site of each."""

    def __init__(self, items: Iterable[Any] = ()) -> None:
        super().__init__(items)
        self.sites: dict[int, Site] = {}

    def append(self, item: Any) -> None:
        self.sites[len(self)] = here()
        super().append(item)

    def __iadd__(self, items: Iterable[Any]) -> Noted:  # type: ignore[misc,override]
        site, start = here(), len(self)
        self.extend(items)
        self.sites.update(dict.fromkeys(range(start, len(self)), site))
        return self


class _Count:
    """How many look."""

    lookers = 0


def begin() -> None:
    """Notes from now on."""
    with trace.lock:
        _Count.lookers += 1
        Trace.listing = Noted
        if not isinstance(trace.references, Noted):
            trace.references = Noted(trace.references)


def end() -> None:
    """Ends one `begin`."""
    with trace.lock:
        _Count.lookers -= 1
        if not _Count.lookers:
            Trace.listing = list
            trace.references = list(trace.references)


@contextmanager
def noting() -> Iterator[None]:
    """Notes meanwhile."""
    begin()
    try:
        yield
    finally:
        end()


def of_trace() -> dict[int, Site]:
    """The sites of the pending entries, by slot."""
    references = trace.references
    return references.sites if isinstance(references, Noted) else {}
