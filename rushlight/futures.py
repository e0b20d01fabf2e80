"""`torch.futures`: results that will be there.

>>> import rushlight as torch
>>> future = torch.futures.Future()
>>> doubled = future.then(lambda done: done.value() * 2)
>>> future.set_result(21)
>>> doubled.wait()
42
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

__all__ = ["Future", "collect_all", "wait_all"]

Value = TypeVar("Value")


class Future(Generic[Value]):
    """A value that some thread will set once."""

    def __init__(self, *, devices: Sequence[Any] | None = None) -> None:
        if devices:
            raise ValueError("Future(devices=...) is for devices other than the CPU, of which there are none")
        self._finished = threading.Event()
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[Future[Value]], Any]] = []
        self._value: Any = None
        self._error: BaseException | None = None

    def done(self) -> bool:
        """Whether there is a value or an exception."""
        return self._finished.is_set()

    def wait(self) -> Value:
        """The value, once it is there; raises what was set as exception."""
        self._finished.wait()
        return self.value()

    def value(self) -> Value:
        """The value; RuntimeError where there is none yet."""
        if not self._finished.is_set():
            raise RuntimeError("Future.value(): it has no value yet; wait() waits for it")
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[no-any-return]

    def then(self, callback: Callable[[Future[Value]], Any]) -> Future[Any]:
        """A future of what the callback gives, which is called with this one when it is done."""
        following: Future[Any] = Future()

        def run(done: Future[Value]) -> None:
            try:
                following.set_result(callback(done))
            except BaseException as error:
                following.set_exception(error)

        self.add_done_callback(run)
        return following

    def add_done_callback(self, callback: Callable[[Future[Value]], Any]) -> None:
        """Calls the callback with this future when it is done, at once where it is."""
        with self._lock:
            if not self._finished.is_set():
                self._callbacks.append(callback)
                return
        callback(self)

    def set_result(self, result: Value) -> None:
        """Sets the value; RuntimeError at the second time."""
        self._finish(result, None)

    def set_exception(self, result: BaseException) -> None:
        """Sets what `wait` raises."""
        if not isinstance(result, BaseException):
            raise AssertionError(f"{result} is of type {type(result)}, not an Exception.")
        self._finish(None, result)

    def _finish(self, value: Any, error: BaseException | None) -> None:
        with self._lock:
            if self._finished.is_set():
                raise RuntimeError("Future can only be marked completed once: it has a result already")
            self._value, self._error = value, error
            self._finished.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback(self)


def collect_all(futures: Sequence[Future[Any]]) -> Future[list[Future[Any]]]:
    """A future of all these, done when the last of them is."""
    together: Future[list[Future[Any]]] = Future()
    left = [len(futures)]
    lock = threading.Lock()

    def count(_: Any) -> None:
        with lock:
            left[0] -= 1
            last = left[0] == 0
        if last:
            together.set_result(list(futures))

    if not futures:
        together.set_result([])
    for future in futures:
        future.add_done_callback(count)
    return together


def wait_all(futures: Sequence[Future[Any]]) -> list[Any]:
    """The values of all; raises the first exception."""
    return [future.wait() for future in collect_all(futures).wait()]
