"""Events of a profile, events of one name together, and their table."""

from __future__ import annotations

import enum
import json
from collections.abc import Iterable, Sequence
from typing import Any

from .chrome import chrome_trace


class DeviceType(enum.Enum):
    """Where something ran."""

    CPU = 0
    CUDA = 1


def _time_text(microseconds: float, unit: str | None = None) -> str:
    scale = {"s": 1e6, "ms": 1e3, "us": 1.0}
    if unit is None:
        unit = next((name for name, size in scale.items() if microseconds >= size), "us")
    if unit not in scale:
        raise ValueError(f"time_unit={unit!r}: it is 's', 'ms' or 'us'")
    return f"{microseconds / scale[unit]:.3f}{unit}"


def _memory_text(count: float) -> str:
    for name, size in (("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10)):
        if abs(count) >= size:
            return f"{count / size:.2f} {name}"
    return f"{count:.0f} B"


class _Times:
    """What events and sums of events share: times in microseconds. There is no device beside the CPU, whose figures are 0."""

    self_cpu_time_total: float
    cpu_time_total: float
    count: int
    device_time_total = self_device_time_total = cuda_time_total = self_cuda_time_total = 0.0
    device_memory_usage = self_device_memory_usage = 0

    @property
    def cpu_time(self) -> float:
        """The average."""
        return self.cpu_time_total / self.count if self.count else 0.0

    @property
    def device_time(self) -> float:
        return 0.0

    cuda_time = device_time

    @property
    def cpu_time_str(self) -> str:
        return _time_text(self.cpu_time)

    @property
    def cpu_time_total_str(self) -> str:
        return _time_text(self.cpu_time_total)

    @property
    def self_cpu_time_total_str(self) -> str:
        return _time_text(self.self_cpu_time_total)


class FunctionEvent(_Times):
    """One event: a kernel, an interpreted step, a flush, a compilation or a marked range.

    Args:
        kind: kernel, interpreted, flush, compile, range.
        start, seconds: of `time.perf_counter`.
        inner: seconds of the events inside of it, which are not its own.
        outer: seconds of kernels that were recorded in it and ran elsewhere.
    """

    count = 1

    def __init__(
        self,
        name: str,
        kind: str,
        start: float,
        seconds: float,
        thread: int,
        shapes: Sequence[Sequence[int]] = (),
        stack: Sequence[str] = (),
        flops: int | None = None,
        memory: int = 0,
        details: dict[str, Any] | None = None,
    ) -> None:
        self.name = self.key = name
        self.kind = kind
        self.start = start
        self.seconds = seconds
        self.thread = thread
        self.input_shapes = [list(shape) for shape in shapes]
        self.stack = list(stack)
        self.flops = flops or 0
        self.cpu_memory_usage = self.self_cpu_memory_usage = memory
        self.details = details or {}
        self.inner = 0.0
        self.outer = 0.0
        self.device_type = DeviceType.CPU
        self.is_user_annotation = kind == "range"

    @property
    def self_cpu_time_total(self) -> float:  # type: ignore[override]
        return max(0.0, self.seconds - self.inner) * 1e6

    @property
    def cpu_time_total(self) -> float:  # type: ignore[override]
        return (self.seconds + self.outer) * 1e6

    def __repr__(self) -> str:
        return f"<FunctionEvent {self.name!r} ({self.kind}) cpu_time={self.cpu_time_str}>"


class FunctionEventAvg(_Times):
    """All events of one name; times and bytes are sums."""

    def __init__(self, key: str = "") -> None:
        self.key = key
        self.kind = ""
        self.count = 0
        self.self_cpu_time_total = 0.0
        self.cpu_time_total = 0.0
        self.cpu_memory_usage = 0
        self.self_cpu_memory_usage = 0
        self.input_shapes: list[list[int]] | None = None
        self.stack: list[str] = []
        self.flops = 0
        self.device_type = DeviceType.CPU
        self.is_user_annotation = False

    def add(self, other: FunctionEvent | FunctionEventAvg) -> FunctionEventAvg:
        if not self.count:
            self.key, self.kind = other.key, other.kind
            self.input_shapes, self.stack = other.input_shapes, other.stack
            self.is_user_annotation = other.is_user_annotation
        self.count += other.count
        self.self_cpu_time_total += other.self_cpu_time_total
        self.cpu_time_total += other.cpu_time_total
        self.cpu_memory_usage += other.cpu_memory_usage
        self.self_cpu_memory_usage += other.self_cpu_memory_usage
        self.flops += other.flops
        return self

    __iadd__ = add

    def __repr__(self) -> str:
        return (
            f"<FunctionEventAvg key={self.key} self_cpu_time={self.self_cpu_time_total_str} "
            f"cpu_time={self.cpu_time_str} input_shapes={self.input_shapes}>"
        )


_SORTED_BY = (
    "cpu_time cpu_time_total self_cpu_time_total cpu_memory_usage self_cpu_memory_usage count flops "
    "cuda_time cuda_time_total self_cuda_time_total device_time device_time_total self_device_time_total "
    "device_memory_usage self_device_memory_usage"
).split()


class EventList(list[Any]):
    """Events, or their averages, with a table."""

    def __init__(
        self,
        events: Iterable[Any] = (),
        profile_memory: bool = False,
        with_flops: bool = False,
        counters: Sequence[tuple[float, dict[str, int]]] = (),
    ) -> None:
        super().__init__(events)
        self.profile_memory = profile_memory
        self.with_flops = with_flops
        self.counters = list(counters)
        self._by_shape = False
        self._by_stack = 0

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds of all events, none counted twice."""
        return sum(event.self_cpu_time_total for event in self)

    def key_averages(self, group_by_input_shapes: bool = False, group_by_stack_n: int = 0) -> EventList:
        """Events of one name together; also of the same shapes, or from the same so many lines, where asked."""
        found: dict[Any, FunctionEventAvg] = {}
        for event in self:
            shape = str(event.input_shapes) if group_by_input_shapes else ""
            key = (event.key, event.kind, shape, tuple(event.stack[:group_by_stack_n]))
            found.setdefault(key, FunctionEventAvg()).add(event)
        averages = EventList(found.values(), self.profile_memory, self.with_flops)
        averages._by_shape, averages._by_stack = group_by_input_shapes, group_by_stack_n
        return averages

    def total_average(self) -> FunctionEventAvg:
        """All in one."""
        total = FunctionEventAvg()
        for event in self:
            total.add(event)
        total.key = "Total"
        return total

    def table(
        self,
        sort_by: str | None = None,
        row_limit: int = 100,
        max_src_column_width: int = 75,
        max_name_column_width: int = 55,
        max_shapes_column_width: int = 80,
        header: str | None = None,
        top_level_events_only: bool = False,
        time_unit: str | None = None,
    ) -> str:
        """The events as text, the greatest by `sort_by` first; `top_level_events_only`: ranges and flushes alone."""
        if sort_by is not None and sort_by not in _SORTED_BY:
            raise AttributeError(f"table: sort_by={sort_by!r}; it is one of {', '.join(_SORTED_BY)}")
        events = [e for e in self if not top_level_events_only or e.kind in ("range", "flush")]
        if sort_by is not None:
            events.sort(key=lambda event: -getattr(event, sort_by))
        widths = (max_name_column_width, max_shapes_column_width, max_src_column_width)
        rows = [self._row(event, time_unit, widths) for event in (events if row_limit < 0 else events[:row_limit])]
        total = self.self_cpu_time_total
        lines = _lines([self._head(), *rows])
        if header is not None:
            lines = ["=" * len(lines[0]), header, *lines]
        return "\n".join([*lines, f"Self CPU time total: {_time_text(total, time_unit)}", ""])

    def _head(self) -> list[str]:
        head = ["Name", "Self CPU %", "Self CPU", "CPU total %", "CPU total", "CPU time avg"]
        head += ["CPU Mem", "Self CPU Mem"] if self.profile_memory else []
        head += ["# of Calls"]
        head += ["Input Shapes"] if self._by_shape else []
        head += ["Source Location"] if self._by_stack else []
        return head + (["Total MFLOPs"] if self.with_flops else [])

    def _row(self, event: Any, unit: str | None, widths: tuple[int, int, int]) -> list[str]:
        total = self.self_cpu_time_total or 1.0
        row = [
            _cut(event.key, widths[0]),
            f"{100 * event.self_cpu_time_total / total:.2f}%",
            _time_text(event.self_cpu_time_total, unit),
            f"{100 * event.cpu_time_total / total:.2f}%",
            _time_text(event.cpu_time_total, unit),
            _time_text(event.cpu_time, unit),
        ]
        if self.profile_memory:
            row += [_memory_text(event.cpu_memory_usage), _memory_text(event.self_cpu_memory_usage)]
        row.append(str(event.count))
        row += [_cut(str(event.input_shapes), widths[1])] if self._by_shape else []
        row += [_cut(", ".join(event.stack[: self._by_stack]), widths[2])] if self._by_stack else []
        return row + ([f"{event.flops / 1e6:.3f}" if event.flops else "--"] if self.with_flops else [])

    def export_chrome_trace(self, path: str) -> None:
        """Writes the events as a trace that chrome://tracing and Perfetto show."""
        with open(path, "w", encoding="utf-8") as file:
            json.dump(chrome_trace(self, self.counters), file)

    def export_stacks(self, path: str, metric: str = "self_cpu_time_total") -> None:
        """Writes lines `outermost;…;innermost microseconds`, which makers of flame graphs read."""
        if metric not in ("self_cpu_time_total", "self_cuda_time_total"):
            raise ValueError(f"export_stacks: metric={metric!r}; it is 'self_cpu_time_total' or 'self_cuda_time_total'")
        with open(path, "w", encoding="utf-8") as file:
            for event in self:
                if event.stack:
                    names = [*reversed(event.stack), event.key]
                    frames = ";".join(name.replace(";", ",").replace(" ", "_") for name in names)
                    file.write(f"{frames} {int(getattr(event, metric))}\n")

    def __str__(self) -> str:
        return self.table()


def _cut(text: str, width: int) -> str:
    return text if width < 0 or len(text) <= width else text[: max(width - 3, 0)] + "..."


def _lines(rows: list[list[str]]) -> list[str]:
    widths = [max(12, *(len(row[place]) for row in rows)) for place in range(len(rows[0]))]
    rule = "  ".join("-" * width for width in widths)
    lines = ["  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows]
    return [rule, lines[0], rule, *lines[1:], rule]
