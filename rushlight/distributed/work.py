"""`Work`: a collective or message under way."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from ..futures import Future

__all__ = ["Work"]


class Work:
    """What an asynchronous call returns. The tensors hold the result once `wait` has returned."""

    def __init__(
        self, run: Callable[[], Any], store: Callable[[Any], Any], ready: Callable[[], bool] | None = None
    ) -> None:
        self._run, self._store, self._ready = run, store, ready
        self._done = threading.Event()
        self._found: Any = None
        self._error: BaseException | None = None
        self._stored = False
        self._lock = threading.Lock()

    def _execute(self) -> None:
        try:
            self._found = self._run()
        except BaseException as error:
            self._error = error
        self._done.set()

    def wait(self, timeout: timedelta | None = None) -> bool:
        """Waits for the end and stores the result in the tensors; raises what went wrong."""
        if self._ready is not None:
            with self._lock:
                if not self._done.is_set():
                    self._execute()
        elif not self._done.wait(None if timeout is None or not timeout else timeout.total_seconds()):
            raise RuntimeError("Work.wait: the operation did not end within the timeout")
        if self._error is not None:
            raise self._error
        with self._lock:
            if not self._stored:
                self._store(self._found)
                self._stored = True
        return True

    def is_completed(self) -> bool:
        """Whether it has ended."""
        if self._done.is_set():
            return True
        return self._ready is not None and self._ready()

    def is_success(self) -> bool:
        """Whether it has ended well."""
        return self._done.is_set() and self._error is None

    def exception(self) -> BaseException | None:
        """What went wrong."""
        return self._error

    def result(self) -> Any:
        """The tensors that hold the result."""
        self.wait()
        return self._results()

    def _results(self) -> Any:
        return getattr(self, "_tensors", [])

    def synchronize(self) -> None:
        """As `wait`."""
        self.wait()

    def get_future(self) -> Future:
        """A future with the tensors of the result; it ends when this does."""
        future: Future = Future()

        def finish() -> None:
            try:
                future.set_result(self.result())
            except BaseException as error:
                future.set_exception(error)

        threading.Thread(target=finish, daemon=True).start()
        return future


class Worker:
    """A thread that runs what it is given, one after the other: the collectives of a group, in the order of the calls."""

    def __init__(self, name: str) -> None:
        self._tasks: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._name = name
        self._thread: threading.Thread | None = None

    def submit(self, work: Work) -> Work:
        """Runs the work when all before it are done."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._loop, name=self._name, daemon=True)
            self._thread.start()
        self._tasks.put(work)
        return work

    def _loop(self) -> None:
        while (work := self._tasks.get()) is not None:
            work._execute()

    def close(self) -> None:
        """Ends after what it was given."""
        self._tasks.put(None)
        if self._thread is not None:
            self._thread.join()
