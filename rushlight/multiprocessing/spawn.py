"""`spawn`: one function in several processes; the first that fails ends the others, and its error is raised."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from multiprocessing import connection
from typing import Any

__all__ = [
    "ProcessContext",
    "ProcessException",
    "ProcessExitedException",
    "ProcessRaisedException",
    "SpawnContext",
    "spawn",
    "start_processes",
]

GRACE = 30.0  # seconds between asking processes to end and ending them


class ProcessException(Exception):
    """A process failed; which, and its id."""

    def __init__(self, msg: str, error_index: int, pid: int) -> None:
        super().__init__(msg)
        self.msg, self.error_index, self.pid = msg, error_index, pid

    def __reduce__(self) -> Any:
        return type(self), (self.msg, self.error_index, self.pid)


class ProcessRaisedException(ProcessException):
    """A process raised an exception, whose traceback is in the text."""

    def __init__(self, msg: str, error_index: int, error_pid: int) -> None:
        super().__init__(msg, error_index, error_pid)


class ProcessExitedException(ProcessException):
    """A process ended with another code than 0, or by a signal."""

    def __init__(
        self, msg: str, error_index: int, error_pid: int, exit_code: int, signal_name: str | None = None
    ) -> None:
        super().__init__(msg, error_index, error_pid)
        self.exit_code, self.signal_name = exit_code, signal_name

    def __reduce__(self) -> Any:
        return type(self), (self.msg, self.error_index, self.pid, self.exit_code, self.signal_name)


def _run(fn: Callable[..., Any], index: int, args: Sequence[Any], error_path: str) -> None:
    """What a process does: the function, and the traceback into a file where it fails."""
    try:
        fn(index, *args)
    except KeyboardInterrupt:
        pass  # the parent has it too
    except Exception:
        with open(error_path, "wb") as file:
            pickle.dump(traceback.format_exc(), file)
        sys.exit(1)


class ProcessContext:
    """Processes that `spawn(join=False)` has started."""

    def __init__(self, processes: list[Any], error_paths: list[str]) -> None:
        self.processes, self.error_files = processes, error_paths
        self.sentinels = {process.sentinel: index for index, process in enumerate(processes)}

    def pids(self) -> list[int]:
        """Their process ids."""
        return [int(process.pid) for process in self.processes]

    def join(self, timeout: float | None = None, grace_period: float | None = None) -> bool:
        """Waits until one or more have ended; whether all have, and well. Where one has failed, ends the others and raises."""
        if not self.sentinels:
            return True
        failed = None
        for sentinel in connection.wait(list(self.sentinels), timeout):
            index = self.sentinels.pop(sentinel)  # type: ignore[call-overload]
            self.processes[index].join()
            if self.processes[index].exitcode != 0:
                failed = index
                break
        if failed is None:
            if not self.sentinels:
                self._forget()
            return not self.sentinels
        self._end_all(GRACE if grace_period is None else grace_period)
        self._raise(failed)
        return False

    def _end_all(self, grace: float) -> None:
        for process in self.processes:
            if process.is_alive():
                process.terminate()
        end = time.monotonic() + grace
        for process in self.processes:
            process.join(max(0.0, end - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()

    def _forget(self) -> None:
        for path in self.error_files:
            if os.path.exists(path):
                os.remove(path)

    def _raise(self, index: int) -> None:
        process = self.processes[index]
        with open(self.error_files[index], "rb") as file:
            data = file.read()
        self._forget()
        if data:
            text = f"\n\n-- Process {index} terminated with the following error:\n{pickle.loads(data)}"
            raise ProcessRaisedException(text, index, process.pid)
        code = process.exitcode
        if code < 0:
            name = signal.Signals(-code).name
            raise ProcessExitedException(
                f"process {index} terminated with signal {name}", index, process.pid, code, name
            )
        raise ProcessExitedException(f"process {index} terminated with exit code {code}", index, process.pid, code)


class SpawnContext(ProcessContext):
    """The older name."""


def start_processes(
    fn: Callable[..., Any],
    args: Sequence[Any] = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> ProcessContext | None:
    """Runs `fn(i, *args)` for i from 0 to `nprocs - 1`, each in a process of its own.

    With `join` it returns when all have ended; ProcessRaisedException where one raised an exception, ProcessExitedException where one
    ended otherwise than well. Without, it returns a context whose `join` does so.
    """
    context: Any = multiprocessing.get_context(start_method)
    processes, paths = [], []
    for index in range(nprocs):
        handle, path = tempfile.mkstemp(prefix="rushlight-spawn-", suffix=".pickle")
        os.close(handle)
        process = context.Process(target=_run, args=(fn, index, tuple(args), path), daemon=daemon)
        process.start()
        processes.append(process)
        paths.append(path)
    started = SpawnContext(processes, paths)
    if not join:
        return started
    while not started.join():
        pass
    return None


def spawn(
    fn: Callable[..., Any],
    args: Sequence[Any] = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> ProcessContext | None:
    """`start_processes` with Python's start method "spawn"."""
    return start_processes(fn, args, nprocs, join, daemon, start_method)
