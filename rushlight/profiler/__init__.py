"""`torch.profiler`: what a program does over time, with native kernels as events.

Ops are recorded first and run later, many at once, so that events are those of what is run: kernels, interpreted steps, flushes,
compilations. A range marked by `record_function` is charged with its own time, and with that of the kernels whose ops were recorded in it.

>>> import rushlight as torch
>>> from rushlight.profiler import ProfilerActivity, profile, record_function
>>> x = torch.ones(64, 64)
>>> with profile(activities=[ProfilerActivity.CPU]) as prof:
...     for _ in range(3):
...         with record_function("product"):
...             total = (x @ x).sum().item()
>>> {event.key: event.count for event in prof.key_averages()}["product"]
3
>>> print(prof.key_averages().table(sort_by="cpu_time_total", row_limit=2).splitlines()[1].split()[0])
Name
"""

from .averages import DeviceType, EventList, FunctionEvent, FunctionEventAvg
from .profiler import (
    ProfilerAction,
    ProfilerActivity,
    kineto_available,
    profile,
    schedule,
    supported_activities,
    tensorboard_trace_handler,
)
from .record import record_function

__all__ = [
    "DeviceType",
    "EventList",
    "FunctionEvent",
    "FunctionEventAvg",
    "ProfilerAction",
    "ProfilerActivity",
    "kineto_available",
    "profile",
    "record_function",
    "schedule",
    "supported_activities",
    "tensorboard_trace_handler",
]
