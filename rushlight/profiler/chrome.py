"""Events in the format of Chrome's traces (the "Trace Event Format"), which Perfetto and TensorBoard read too.

Complete events ("X") have a start and a length in microseconds; counters ("C") draw memory over time; metadata ("M") names rows.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Sequence
from typing import Any

_CATEGORIES = {
    "range": "user_annotation",
    "flush": "flush",
    "kernel": "cpu_op",
    "interpreted": "cpu_op",
    "compile": "compile",
}
_ROW_OF_KERNELS = 1  # kernels stand in a row of their own, below that of the program's thread


def chrome_trace(
    events: Iterable[Any],
    counters: Sequence[tuple[float, dict[str, int]]] = (),
    metadata: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The trace as what JSON holds."""
    process = os.getpid()
    entries: list[dict[str, Any]] = [
        {"ph": "M", "name": "process_name", "pid": process, "tid": 0, "ts": 0, "args": {"name": "python"}},
        {"ph": "M", "name": "process_labels", "pid": process, "tid": 0, "ts": 0, "args": {"labels": "CPU"}},
    ]
    threads: dict[int, str] = {}
    for event in events:
        row = _ROW_OF_KERNELS if event.kind == "kernel" else event.thread
        threads.setdefault(row, "kernels" if row == _ROW_OF_KERNELS else f"thread {row}")
        entries.append(
            {
                "ph": "X",
                "cat": _CATEGORIES[event.kind],
                "name": event.name,
                "pid": process,
                "tid": row,
                "ts": event.start * 1e6,
                "dur": event.seconds * 1e6,
                "args": _arguments(event),
            }
        )
    for thread, name in threads.items():
        entries.append(
            {"ph": "M", "name": "thread_name", "pid": process, "tid": thread, "ts": 0, "args": {"name": name}}
        )
    for moment, values in counters:
        entries.append({"ph": "C", "name": "memory", "pid": process, "tid": 0, "ts": moment * 1e6, "args": values})
    return {
        "schemaVersion": 1,
        "host_name": socket.gethostname(),
        "displayTimeUnit": "ms",
        **(metadata or {}),
        "traceEvents": entries,
    }


def _arguments(event: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"kind": event.kind, **event.details}
    if event.input_shapes:
        found["Input Dims"] = event.input_shapes
    if event.stack:
        found["Lines"] = event.stack
    if event.flops:
        found["flops"] = event.flops
    if event.cpu_memory_usage:
        found["bytes"] = event.cpu_memory_usage
    return found
