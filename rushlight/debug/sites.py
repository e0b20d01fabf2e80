"""Where in the user's program the entries of a trace come from: lines, the functions called there, marked ranges.

Noting that costs more than recording does, so it is done only while somebody looks: `noting` puts a list in the trace that notes each
entry as it is appended.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from ..ir.graph import Trace, trace
from ..passes import grad, repetition

PACKAGE = str(Path(__file__).resolve().parents[1])
USERS = str(Path(PACKAGE, "demo"))  # a part of the package that is written as a user's program
# Names of frames that say nothing of what the user called.
_BACKWARD = grad.backward.__code__
_NAMELESS = {"__call__", "__init__", "call", "forward", "wrapper", "inner", "run", "gate"}


class Site(NamedTuple):
    """Where an entry was recorded: of a gradient, where that was whose gradient it is."""

    file: str
    line: int
    function: str  # what the user called there
    ranges: tuple[str, ...]  # the marked ranges that the program was in, the outermost first
    gradient: bool = False

    @property
    def place(self) -> str:
        """`file.py:12`, and whether it is a gradient."""
        return f"{Path(self.file).name}:{self.line}{' (gradient)' if self.gradient else ''}"


class Ranges(threading.local):
    """The ranges marked by `profiler.record_function` that a thread is in."""

    open: tuple[str, ...] = ()


ranges = Ranges()


def _own(frame: FrameType) -> bool:
    name = frame.f_code.co_filename
    return name.startswith(PACKAGE) and not name.startswith(USERS)


def here(known: Mapping[int, Site]) -> Site:
    """The user's line that is being run, and the last function of the package, from there, that has a telling name.

    `known` are the sites of earlier entries, among which is that of the node whose gradient is being recorded.
    """
    frame: FrameType | None = sys._getframe(1)
    function = ""
    while frame is not None and _own(frame):
        if frame.f_code is _BACKWARD:
            node = frame.f_locals.get("node")
            site = known.get(node.slot) if node is not None and node.epoch == trace.epoch else None
            if site is not None:
                return site._replace(function="backward", ranges=ranges.open, gradient=True)
        name = frame.f_code.co_name
        if name not in _NAMELESS and not name.startswith("<") and (not name.startswith("_") or name.endswith("__")):
            function = name.strip("_").removesuffix("_method")
        frame = frame.f_back
    if frame is None:
        return Site("?", 0, function, ranges.open)
    return Site(frame.f_code.co_filename, frame.f_lineno, function, ranges.open)


class Noted(list[Any]):
    """The trace's list of nodes, with the site of each."""

    def __init__(self, items: Iterable[Any] = ()) -> None:
        super().__init__(items)
        self.sites: dict[int, Site] = {}

    def append(self, item: Any) -> None:
        self.sites[len(self)] = here(self.sites)
        super().append(item)

    def __iadd__(self, items: Iterable[Any]) -> Noted:  # type: ignore[misc,override]
        site, start = here(self.sites), len(self)
        self.extend(items)
        self.sites.update(dict.fromkeys(range(start, len(self)), site))
        return self


class _Count:
    """How many look, and how many of them at gradients."""

    lookers = 0
    gradients = 0


def begin(gradients: bool = True) -> None:
    """Notes from now on. `gradients`: also of gradients where they come from, for which each backward must be gone through anew."""
    with trace.lock:
        _Count.lookers += 1
        _Count.gradients += gradients
        repetition.Knowledge.used = not _Count.gradients
        Trace.listing = Noted
        if not isinstance(trace.references, Noted):
            trace.references = Noted(trace.references)


def end(gradients: bool = True) -> None:
    """Ends one `begin`."""
    with trace.lock:
        _Count.lookers -= 1
        _Count.gradients -= gradients
        repetition.Knowledge.used = not _Count.gradients
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
