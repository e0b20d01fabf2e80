"""What runs in a DataLoader's worker process.

A worker reads tasks `(number, index)` from its channel, answers each with `(number, outcome)`, and ends on `None`,
when the channel closes, or when the process that started it is gone. Ctrl-C is left to that process.
"""

from __future__ import annotations

import importlib
import os
import pickle
import random
import select
import signal
import threading
import traceback
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import connection, parent_process
from typing import Any

import numpy as np

from ..tensor import manual_seed
from .fetch import make_fetcher
from .transport import HAS_POLL, Channel

PARENT_CHECK_SECONDS = 1.0

# The main process's ends of all channels. A forked worker inherits them and closes its copies: else no worker would see
# its own channel close while another worker lives.
main_channels: weakref.WeakSet[Channel] = weakref.WeakSet()


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """What `get_worker_info` tells: this worker's number, how many there are, its seed and its copy of the data set."""

    id: int
    num_workers: int
    seed: int
    dataset: Any
    rng: Any = None
    worker_method: str | None = "multiprocessing"


_worker_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """In a DataLoader's worker, its number, how many there are, its seed and its data set; None in the main process.

    >>> get_worker_info() is None
    True
    """
    return _worker_info


@dataclass(frozen=True)
class WorkerPlan:
    """All that a worker must know to do its work."""

    dataset: Any
    iterable: bool
    auto_collation: bool
    collate_fn: Callable
    drop_last: bool
    base_seed: int
    init_fn: Callable[[int], None] | None
    id: int
    num_workers: int


class Resume:
    """Asks a persistent worker to begin the next pass; answered in kind."""


class Exhausted:
    """Answer of a worker whose iterable data set has come to its end."""


class _KeyErrorText(str):
    """A KeyError shows the `repr` of its argument; this one's is readable."""

    def __repr__(self) -> str:
        return str(self)


class Failure:
    """An exception of a worker, to be raised in the main process with the worker's traceback in its text."""

    def __init__(self, error: BaseException, where: str) -> None:
        kind = type(error)
        self.text = f"Caught {kind.__name__} {where}.\nOriginal {''.join(traceback.format_exception(error))}"
        try:
            pickle.dumps(kind)
            self.kind: type[BaseException] = kind
        except Exception:  # a class made inside a function cannot travel
            self.kind = RuntimeError

    def reraise(self) -> None:
        if self.kind is KeyError:
            raise KeyError(_KeyErrorText(self.text))
        if getattr(self.kind, "message", None):
            raise self.kind(message=self.text)  # type: ignore[call-arg]
        try:
            error = self.kind(self.text)
        except Exception:  # the class wants other arguments than one text
            raise RuntimeError(self.text) from None
        raise error


def numpy_seed(base_seed: int, worker_id: int) -> np.ndarray:
    """The state PyTorch seeds a worker's `numpy.random` with: four words of NumPy's own seed sequence."""
    words = [worker_id, base_seed & 0xFFFFFFFF, base_seed >> 32, 0]
    return np.random.SeedSequence(words).generate_state(4)


def _seed_all(plan: WorkerPlan) -> int:
    seed = plan.base_seed + plan.id
    random.seed(seed)
    manual_seed(seed)
    np.random.seed(numpy_seed(plan.base_seed, plan.id))
    return seed


def _compute_alone() -> None:
    """One thread a worker, as in PyTorch: the processors are for the workers together."""
    importlib.import_module("rushlight.backend.cpu.team").set_threads(1)


def _end_with_parent() -> None:
    """Ends this process at once when its parent has gone, whatever it is doing."""
    parent = parent_process()
    own_parent_id = os.getppid()

    def watch() -> None:
        while not connection.wait([parent.sentinel], PARENT_CHECK_SECONDS):
            if os.getppid() != own_parent_id:
                break  # the sentinel stays silent while another child of the parent holds its other end
        os._exit(1)

    if parent is not None:
        threading.Thread(target=watch, name="parent watch", daemon=True).start()


def _wait(channel: Channel) -> bool:
    """Waits until there is a task to read (True) or what is left to send may be sent (False)."""
    if not channel.waiting or not HAS_POLL:
        return bool(connection.wait([channel.connection]))
    poll = select.poll()
    poll.register(channel.connection.fileno(), select.POLLIN | select.POLLOUT)
    [(_, event)] = poll.poll()
    return not event & select.POLLOUT


def _next_message(channel: Channel) -> Any:
    while not _wait(channel):
        channel.flush()
    return channel.receive()


class _Worker:
    def __init__(self, plan: WorkerPlan) -> None:
        self.plan = plan
        self.where = f"in DataLoader worker process {plan.id}"
        self.fetcher: Any = None
        self.failed_start: Failure | None = None
        self.exhausted = False
        try:
            if plan.init_fn is not None:
                plan.init_fn(plan.id)
            self.begin_pass()
        except Exception as error:
            self.failed_start = Failure(error, self.where)

    def begin_pass(self) -> None:
        plan = self.plan
        self.exhausted = False
        self.fetcher = make_fetcher(plan.dataset, plan.iterable, plan.auto_collation, plan.collate_fn, plan.drop_last)

    def outcome(self, index: Any) -> Any:
        if self.failed_start is not None:
            failure, self.failed_start = self.failed_start, None
            return failure
        try:
            return self.fetcher.fetch(index)
        except StopIteration as error:
            if not self.plan.iterable:
                return Failure(error, self.where)
            self.exhausted = True
            return Exhausted()
        except Exception as error:
            return Failure(error, self.where)

    def serve(self, channel: Channel) -> None:
        while (message := _next_message(channel)) is not None:
            if isinstance(message, Resume):
                try:
                    self.begin_pass()
                except Exception as error:
                    self.failed_start = Failure(error, self.where)
                channel.post(message)
                continue
            if self.exhausted:
                continue  # the main process knows by now that no answer comes
            number, index = message
            outcome = self.outcome(index)
            try:
                channel.post((number, outcome))
            except (BrokenPipeError, ConnectionResetError):
                return
            except Exception as error:  # the batch cannot be pickled, or there is no room for it
                channel.post((number, Failure(error, self.where)))
            del outcome, message  # frees the batch while waiting for the next task


def worker_main(connection_end: Any, plan: WorkerPlan) -> None:
    """Entry of the process."""
    global _worker_info
    for channel in list(main_channels):
        channel.connection.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _end_with_parent()
    _compute_alone()
    seed = _seed_all(plan)
    _worker_info = WorkerInfo(id=plan.id, num_workers=plan.num_workers, seed=seed, dataset=plan.dataset)
    channel = Channel(connection_end)
    try:
        _Worker(plan).serve(channel)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass  # the main process has gone or needs no more
    finally:
        channel.close()
