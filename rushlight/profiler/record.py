"""`record_function`: ranges of a program that get a name."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

from ..debug.sites import ranges
from ..runtime import events

Function = TypeVar("Function", bound=Callable[..., Any])


class record_function:
    """Gives a stretch of the program a name in a profile; a context manager and a decorator. Without a profiler it does next to nothing.

    args: shown with the range in a trace.
    """

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name = name
        self.args = args
        self._open: list[tuple[float, tuple[str, ...]]] = []

    def __enter__(self) -> record_function:
        self._open.append((time.perf_counter(), ranges.open))
        ranges.open = (*ranges.open, self.name)
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, where: TracebackType | None) -> None:
        started, ranges.open = self._open.pop()
        if events.heard():
            events.emit(
                "range",
                name=self.name,
                arguments=self.args,
                started=started,
                seconds=time.perf_counter() - started,
                thread=threading.get_native_id(),
            )

    def __call__(self, function: Function) -> Function:
        @functools.wraps(function)
        def ranged(*args: Any, **kwargs: Any) -> Any:
            with record_function(self.name, self.args):
                return function(*args, **kwargs)

        return ranged  # type: ignore[return-value]
