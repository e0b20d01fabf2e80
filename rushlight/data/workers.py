"""The main process's side of a DataLoader's workers: starting, feeding, watching and ending them.

`Workers` owns the processes. `Schedule` runs one pass: it deals tasks to workers in turn, keeps `prefetch_factor` of
them ahead for each worker, and hands out the answers in order.

Nothing here waits without end: every wait ends too when a worker dies, and ending the workers goes from asking, after
`JOIN_SECONDS`, to SIGTERM and at last SIGKILL. The workers are ended when the last reference to them goes, at the exit
of the interpreter, or when a pass is over; if this process dies, they notice by themselves.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import pickle
import select
import signal
import time
import warnings
import weakref
from collections import deque
from collections.abc import Iterator
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from typing import Any

from ..tensor import flush_pending
from .transport import HAS_POLL, Channel
from .worker import Exhausted, Failure, Resume, WorkerPlan, main_channels, worker_main

JOIN_SECONDS = 5.0
KILL_SECONDS = 1.0


def _end(processes: list[BaseProcess], channels: list[Channel], owner: int) -> None:
    """Ends the workers; in a forked copy of their owner it does nothing."""
    if os.getpid() != owner:
        return
    for channel in channels:
        with contextlib.suppress(OSError):  # this one may have ended already
            channel.post(None)
        channel.close()
    deadline = time.monotonic() + JOIN_SECONDS
    for process in processes:
        process.join(max(0.0, deadline - time.monotonic()))
    for stop in ("terminate", "kill"):
        for process in processes:
            if process.is_alive():
                getattr(process, stop)()
        for process in processes:
            process.join(KILL_SECONDS)
    for process in processes:
        if process.exitcode is not None:
            process.close()


def _death(process: BaseProcess) -> str:
    code = process.exitcode
    if code is None or code >= 0:
        return f"exit code {code}"
    name = signal.Signals(-code).name if -code in iter(signal.Signals) else str(-code)
    hint = "; the system may have run out of memory" if -code == getattr(signal, "SIGKILL", 9) else ""
    return f"killed by signal {name}{hint}"


class Workers:
    """The worker processes of one iterator."""

    def __init__(self, context: Any, plans: list[WorkerPlan], timeout: float) -> None:
        self.timeout = timeout
        self.processes: list[BaseProcess] = []
        self.channels: list[Channel] = []
        self.inbox: deque[tuple[int, Any]] = deque()
        self.lost_one = False
        flush_pending()  # else each worker would compute by itself what the data set is still waiting for
        self.end = weakref.finalize(self, _end, self.processes, self.channels, os.getpid())
        try:
            for plan in plans:
                self._start(context, plan)
        except BaseException:
            self.end()
            raise

    def __len__(self) -> int:
        return len(self.processes)

    def _start(self, context: Any, plan: WorkerPlan) -> None:
        ours, theirs = context.Pipe(duplex=True)
        channel = Channel(ours)
        main_channels.add(channel)
        process = context.Process(target=worker_main, args=(theirs, plan), daemon=True)
        try:
            process.start()
        except (TypeError, AttributeError, pickle.PicklingError):
            channel.close()
            warnings.warn(
                "Got pickle error when attempting to start a worker Process. This might be because the worker Process "
                "arguments are not picklable. Python 3.14+ changed the multiprocessing start method in non-Mac POSIX "
                "platforms to 'forkserver', which requires the worker Process arguments to be picklable. You can also "
                "try multiprocessing.set_start_method('fork').",
                stacklevel=5,
            )
            raise
        finally:
            theirs.close()
        self.channels.append(channel)
        self.processes.append(process)

    def post(self, worker: int, message: Any) -> None:
        try:
            self.channels[worker].post(message)
        except (BrokenPipeError, ConnectionResetError):
            raise self._died([worker]) from None

    @property
    def broken(self) -> bool:
        """Whether a worker has died or a message was cut in two, by Ctrl-C say: then no more passes can be made."""
        return self.lost_one or not self.end.alive or any(channel.cut for channel in self.channels)

    def _died(self, workers: list[int]) -> RuntimeError:
        self.lost_one = True
        for worker in workers:
            self.processes[worker].join(KILL_SECONDS)  # its exit status comes a moment after its pipe closes
        pids = ", ".join(str(self.processes[worker].pid) for worker in workers)
        reasons = "; ".join(_death(self.processes[worker]) for worker in workers)
        return RuntimeError(f"DataLoader worker (pid(s) {pids}) exited unexpectedly ({reasons})")

    def _ready(self, workers: list[int], seconds: float | None) -> set[int]:
        """Waits until one of these workers has sent something, has died, or can take what is left to send to it."""
        if not HAS_POLL:
            handles: dict[Any, int] = {}
            for worker in workers:
                handles[self.channels[worker].connection] = worker
                handles[self.processes[worker].sentinel] = worker
            return {handles[ready] for ready in connection.wait(list(handles), seconds)}
        poll, owner = select.poll(), {}
        for worker in workers:
            channel = self.channels[worker]
            events = select.POLLIN | (select.POLLOUT if channel.waiting else 0)
            for file, wanted in (
                (channel.connection.fileno(), events),
                (self.processes[worker].sentinel, select.POLLIN),
            ):
                poll.register(file, wanted)
                owner[file] = worker
        return {owner[file] for file, _ in poll.poll(None if seconds is None else math.ceil(seconds * 1000))}

    def next_answer(self, expected: list[int]) -> tuple[int, Any]:
        """The next message of any of these workers, with its number; RuntimeError where one died or time is over."""
        deadline = time.monotonic() + self.timeout if self.timeout > 0 else None
        while not self.inbox:
            seconds = None if deadline is None else deadline - time.monotonic()
            if seconds is not None and seconds <= 0:
                raise RuntimeError(f"DataLoader timed out after {self.timeout} seconds")
            dead = []
            for worker in sorted(self._ready(expected, seconds)):
                channel = self.channels[worker]
                try:
                    channel.flush()
                    if channel.connection.poll():
                        self.inbox.append((worker, channel.receive()))
                    elif not self.processes[worker].is_alive():
                        dead.append(worker)
                except (EOFError, BrokenPipeError, ConnectionResetError):
                    dead.append(worker)
            if dead and not self.inbox:
                raise self._died(dead)
        return self.inbox.popleft()

    def resume(self) -> None:
        """Has every worker begin a new pass; answers left over from the last one are thrown away."""
        waiting = set(range(len(self)))
        for worker in waiting:
            self.post(worker, Resume())
        while waiting:
            worker, answer = self.next_answer(sorted(waiting))
            if isinstance(answer, Resume):
                waiting.discard(worker)


class Schedule:
    """One pass over the data set."""

    def __init__(
        self, workers: Workers, indices: Iterator[Any], prefetch_factor: int, in_order: bool, persistent: bool
    ) -> None:
        self.workers = workers
        self.indices = indices
        self.in_order = in_order
        self.persistent = persistent
        self.most = prefetch_factor * len(workers)  # tasks under way at once
        self.turn = itertools.cycle(range(len(workers)))
        self.active = [True] * len(workers)  # not yet at the end of an iterable data set
        self.load = [0] * len(workers)
        self.sent = 0  # number of the next task to deal
        self.next = 0  # number of the next task to hand out
        self.under_way: dict[int, int] = {}  # task -> its worker
        self.answered: dict[int, tuple[int, Any]] = {}  # task -> its worker, its outcome
        for _ in range(self.most):
            self._deal()

    def _has_room(self, worker: int) -> bool:
        if not self.active[worker]:
            return False
        return self.in_order or self.load[worker] < self.most // sum(self.active)

    def _deal(self) -> None:
        """Gives the next index to the worker whose turn it is."""
        try:
            index = next(self.indices)
        except StopIteration:
            return
        for worker in itertools.islice(self.turn, len(self.workers)):
            if self._has_room(worker):
                break
        else:
            return
        self.workers.post(worker, (self.sent, index))
        self.under_way[self.sent] = worker
        self.load[worker] += 1
        self.sent += 1

    def _hand_out(self, worker: int, outcome: Any) -> Any:
        self.load[worker] -= 1
        self._deal()
        if isinstance(outcome, Failure):
            outcome.reraise()
        return outcome

    def _skip_unanswerable(self) -> None:
        """Passes over tasks handed out already, and those of workers that reached their end before them."""
        while self.next < self.sent and self.next not in self.answered:
            worker = self.under_way.get(self.next)
            if worker is not None and self.active[worker]:
                return
            self.under_way.pop(self.next, None)
            self.next += 1

    def _expected(self) -> list[int]:
        return sorted({worker for worker in self.under_way.values() if self.active[worker]})

    def next_batch(self) -> Any:
        """The next batch; StopIteration at the end of the pass."""
        while True:
            self._skip_unanswerable()
            if self.next == self.sent:
                if not self.persistent:
                    self.workers.end()
                raise StopIteration
            if self.next in self.answered:
                worker, outcome = self.answered.pop(self.next)
                self.next += 1
                return self._hand_out(worker, outcome)
            worker, (number, outcome) = self.workers.next_answer(self._expected())
            if isinstance(outcome, Exhausted):
                self.active[worker] = False
                if not self.persistent:
                    self.workers.post(worker, None)
                self._deal()
            elif number == self.next or not self.in_order:
                del self.under_way[number]
                self.next += number == self.next
                return self._hand_out(worker, outcome)
            else:
                del self.under_way[number]
                self.answered[number] = worker, outcome
