"""`torch.autograd.profiler`: the older names for a profile of everything."""

from __future__ import annotations

import warnings
from types import TracebackType
from typing import Any

from ..absent import absent_class
from .averages import EventList, FunctionEvent, FunctionEventAvg
from .profiler import kineto_available
from .profiler import profile as _profile
from .record import record_function

__all__ = [
    "EventList",
    "FunctionEvent",
    "FunctionEventAvg",
    "emit_itt",
    "emit_nvtx",
    "kineto_available",
    "profile",
    "record_function",
]

_INSTEAD = "`torch.autograd.profiler.profile` tells what runs"
emit_nvtx = absent_class("torch.autograd.profiler.emit_nvtx", _INSTEAD)
emit_itt = absent_class("torch.autograd.profiler.emit_itt", _INSTEAD)


class profile:
    """Watches its `with` block; afterwards it has the events.

    >>> import rushlight as torch
    >>> with torch.autograd.profiler.profile() as prof:
    ...     total = torch.ones(8).sum().item()
    >>> "flush" in [event.key for event in prof.key_averages()]
    True
    """

    def __init__(
        self,
        enabled: bool = True,
        *,
        use_cuda: bool = False,
        use_device: str | None = None,
        record_shapes: bool = False,
        with_flops: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_modules: bool = False,
        use_kineto: bool = False,
        use_cpu: bool = True,
        experimental_config: Any = None,
        acc_events: bool = False,
        custom_trace_id_callback: Any = None,
        post_processing_timeout_s: float | None = None,
    ) -> None:
        if use_cuda or use_device == "cuda":
            warnings.warn("CUDA is not available, disabling CUDA profiling", stacklevel=2)
        self.enabled = enabled
        self.function_events: EventList | None = None
        self._inner = _profile(
            record_shapes=record_shapes,
            with_flops=with_flops,
            profile_memory=profile_memory,
            with_stack=with_stack,
            experimental_config=experimental_config,
        )

    def __enter__(self) -> profile:
        if self.enabled:
            self._inner.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, where: TracebackType | None) -> None:
        if self.enabled:
            self._inner.stop()
            self.function_events = self._inner.events()

    def _events(self) -> EventList:
        if self.function_events is None:
            raise RuntimeError("Profiler didn't finish running")
        return self.function_events

    def key_averages(
        self, group_by_input_shape: bool = False, group_by_stack_n: int = 0, group_by_overload_name: bool = False
    ) -> EventList:
        """Events of one name together; `profiler.profile` has the same."""
        return self._events().key_averages(group_by_input_shape, group_by_stack_n)

    def table(self, *args: Any, **kwargs: Any) -> str:
        """All events; takes what `EventList.table` takes."""
        return self._events().table(*args, **kwargs)

    def total_average(self) -> FunctionEventAvg:
        return self._events().total_average()

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds of everything."""
        return self._events().self_cpu_time_total

    def export_chrome_trace(self, path: str) -> None:
        self._inner.export_chrome_trace(path)

    def export_stacks(self, path: str, metric: str = "self_cpu_time_total") -> None:
        self._events().export_stacks(path, metric)

    def __str__(self) -> str:
        return "<unfinished torch.autograd.profile>" if self.function_events is None else str(self.function_events)
