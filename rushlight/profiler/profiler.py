"""`profile`, its schedule, and where its traces go."""

from __future__ import annotations

import enum
import gzip
import json
import os
import socket
import time
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from ..errors import NotThereYet
from ..runtime import executor
from .averages import EventList
from .chrome import chrome_trace
from .collect import Collector
from .record import record_function


class ProfilerActivity(enum.Enum):
    """What can be watched; here there is the CPU alone."""

    CPU = 0
    XPU = 1
    MTIA = 2
    CUDA = 3
    HPU = 4
    PrivateUse1 = 5


class ProfilerAction(enum.Enum):
    """What a profiler does during a step."""

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3


_RECORDING = (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)


def supported_activities() -> set[ProfilerActivity]:
    """{ProfilerActivity.CPU}"""
    return {ProfilerActivity.CPU}


def kineto_available() -> bool:
    """False: profiles are Rushlight's own."""
    return False


def schedule(
    *, wait: int, warmup: int, active: int, repeat: int = 0, skip_first: int = 0, skip_first_wait: int = 0
) -> Callable[[int], ProfilerAction]:
    """Cycles of `wait` steps that are left out, `warmup` steps, `active` steps that are recorded.

    repeat: cycles in all; 0 goes on for ever. skip_first: steps before the first cycle. skip_first_wait: whether the first cycle has no wait.

    >>> plan = schedule(wait=1, warmup=1, active=2, repeat=1)
    >>> [plan(step).name for step in range(5)]
    ['NONE', 'WARMUP', 'RECORD', 'RECORD_AND_SAVE', 'NONE']
    """
    if min(wait, warmup, repeat, skip_first) < 0 or active < 1:
        raise ValueError(
            f"schedule: wait={wait}, warmup={warmup}, active={active}, repeat={repeat}, skip_first={skip_first}; "
            "none may be negative, and at least one step must be active"
        )
    if not warmup:
        warnings.warn(
            "schedule: without a warmup, the first recorded steps also show what is done only once", stacklevel=2
        )
    length = wait + warmup + active

    def action(step: int) -> ProfilerAction:
        place = step - skip_first + (wait if skip_first_wait else 0)
        if step < skip_first or (repeat and place >= repeat * length):
            return ProfilerAction.NONE
        place %= length
        if place < wait:
            return ProfilerAction.NONE
        if place < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD_AND_SAVE if place == length - 1 else ProfilerAction.RECORD

    return action


def _always(step: int) -> ProfilerAction:
    return ProfilerAction.RECORD


def tensorboard_trace_handler(
    dir_name: str, worker_name: str | None = None, use_gzip: bool = False, use_python_export: bool = False
) -> Callable[[profile], None]:
    """For `on_trace_ready`: writes each trace into a folder, under a name by which TensorBoard finds it."""
    worker = worker_name or f"{socket.gethostname()}_{os.getpid()}"

    def handler(profiler: profile) -> None:
        folder = Path(dir_name)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RuntimeError(f"Can't create directory: {dir_name} ({error})") from error
        ending = ".pt.trace.json.gz" if use_gzip else ".pt.trace.json"
        profiler.export_chrome_trace(str(folder / f"{worker}.{time.time_ns()}{ending}"))

    return handler


class profile:
    """Watches what runs between `start` and `stop`, or inside of its `with` block.

    Single steps are timed, and run one after another meanwhile: a profiled program is a little slower.

    Args:
        activities: CPU, or what else there is of `ProfilerActivity`: devices that are not there have no events.
        schedule: for each step, counted by `step()`, what to do.
        on_trace_ready: called with the profiler when a cycle of the schedule has been recorded, or at the end.
        record_shapes: whether events have the shapes of their operands.
        profile_memory: whether tables show the memory of results, and traces the memory held over time.
        with_stack: whether events have the user's lines that they came from.
        with_flops: whether tables show floating-point operations.
    """

    def __init__(
        self,
        *,
        activities: Iterable[ProfilerActivity] | None = None,
        schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[..., Any] | None = None,
        record_shapes: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_flops: bool = False,
        with_modules: bool = False,
        experimental_config: Any = None,
        execution_trace_observer: Any = None,
        acc_events: bool = False,
        use_cuda: bool | None = None,
        custom_trace_id_callback: Callable[[], str] | None = None,
        post_processing_timeout_s: float | None = None,
    ) -> None:
        self.activities = set(activities) if activities is not None else supported_activities()
        if not self.activities:
            raise AssertionError("No valid profiler activities found")
        if ProfilerActivity.CUDA in self.activities or use_cuda:
            warnings.warn("CUDA is not available, disabling CUDA profiling", stacklevel=2)
        for name, given in (
            ("experimental_config", experimental_config),
            ("execution_trace_observer", execution_trace_observer),
        ):
            if given is not None:
                raise NotThereYet(f"torch.profiler.profile: {name} is not in Rushlight yet")
        self.schedule = schedule or _always
        self.record_steps = schedule is not None
        self.on_trace_ready = on_trace_ready
        self.record_shapes = record_shapes
        self.profile_memory = profile_memory
        self.with_stack = with_stack
        self.with_flops = with_flops
        self.acc_events = acc_events
        self.step_num = 0
        self.current_action = self.schedule(0)
        self._metadata: dict[str, Any] = {}
        self._collector: Collector | None = None
        self._found = EventList([], profile_memory, with_flops)
        self._range: record_function | None = None

    # ---- from start to stop ----

    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, where: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        self._change(ProfilerAction.NONE, self.current_action)
        self._begin_step()

    def stop(self) -> None:
        self._end_step()
        recording = self._collector is not None
        self._change(self.current_action, ProfilerAction.NONE)
        if recording and self.on_trace_ready is not None:
            self.on_trace_ready(self)
        self.current_action = ProfilerAction.NONE

    def step(self) -> None:
        """Says that a step of the program is over."""
        self._end_step()
        before, self.step_num = self.current_action, self.step_num + 1
        self.current_action = self.schedule(self.step_num)
        self._change(before, self.current_action)
        if before is ProfilerAction.RECORD_AND_SAVE and self.on_trace_ready is not None:
            self.on_trace_ready(self)
        if before is ProfilerAction.RECORD_AND_SAVE and self.current_action in _RECORDING:
            self._begin()  # the next cycle follows at once
        self._begin_step()

    def _change(self, before: ProfilerAction, after: ProfilerAction) -> None:
        if self._collector is not None and (after not in _RECORDING or before is ProfilerAction.RECORD_AND_SAVE):
            self._end()
        elif self._collector is None and after in _RECORDING:
            self._begin()

    def _begin(self) -> None:
        executor.flush()  # what was recorded before is not part of this
        kept = self._found if self.acc_events else EventList()
        self._collector = Collector(self.record_shapes, self.with_stack, self.profile_memory)
        self._found = EventList(kept, self.profile_memory, self.with_flops, kept.counters)
        self._collector.start()

    def _end(self) -> None:
        assert self._collector is not None
        executor.flush()  # what was recorded meanwhile is
        collector, self._collector = self._collector, None
        collector.stop()
        self._found += collector.finished()
        self._found.counters += collector.counters

    def _begin_step(self) -> None:
        if self.record_steps:
            self._range = record_function(f"ProfilerStep#{self.step_num}")
            self._range.__enter__()

    def _end_step(self) -> None:
        if self._range is not None:
            self._range.__exit__(None, None, None)
            self._range = None

    # ---- what was found ----

    def events(self) -> EventList:
        """Every event of the last recording."""
        if self._collector is not None:
            raise AssertionError(
                "the profiler has not stopped yet: its events are known after the with block, or after stop()"
            )
        return self._found

    def key_averages(
        self, group_by_input_shape: bool = False, group_by_stack_n: int = 0, group_by_overload_name: bool = False
    ) -> EventList:
        """Events of one name together, in a list that has a `table`. Ops have no overloads here."""
        return self.events().key_averages(group_by_input_shape, group_by_stack_n)

    def export_chrome_trace(self, path: str) -> None:
        """Writes the trace for chrome://tracing or Perfetto; compressed where the path ends in `.gz`."""
        found = self.events()
        facts: dict[str, Any] = {"profile_memory": int(self.profile_memory), "record_shapes": int(self.record_shapes)}
        facts |= {"with_stack": int(self.with_stack), "with_flops": int(self.with_flops), "traceName": str(path)}
        text = json.dumps(chrome_trace(found, found.counters, facts | self._metadata))
        if str(path).endswith(".gz"):
            with gzip.open(path, "wt", encoding="utf-8") as file:
                file.write(text)
        else:
            Path(path).write_text(text, encoding="utf-8")

    def export_stacks(self, path: str, metric: str = "self_cpu_time_total") -> None:
        """Writes lines for makers of flame graphs; needs `with_stack=True`."""
        self.events().export_stacks(path, metric)

    def add_metadata(self, key: str, value: str) -> None:
        """A word of the user's in the trace."""
        self._metadata[key] = value

    def add_metadata_json(self, key: str, value: str) -> None:
        """A value of the user's, written as JSON, in the trace."""
        self._metadata[key] = json.loads(value)

    preset_metadata_json = add_metadata_json
