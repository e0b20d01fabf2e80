"""`torch.profiler`."""

from __future__ import annotations

import gzip
import inspect
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch as theirs
import torch.profiler

import rushlight as ours
from rushlight import config, profiler
from rushlight.profiler import ProfilerActivity, profile, record_function, schedule
from rushlight.runtime import events

from .programs import training_step


@pytest.fixture(autouse=True)
def as_users_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "TIER", "auto")


SCHEDULES: list[dict[str, int]] = [
    {"wait": 1, "warmup": 1, "active": 2},
    {"wait": 0, "warmup": 1, "active": 1, "repeat": 2},
    {"wait": 2, "warmup": 0, "active": 3, "repeat": 1, "skip_first": 4},
    {"wait": 1, "warmup": 2, "active": 1, "repeat": 3, "skip_first": 2, "skip_first_wait": 1},
    {"wait": 3, "warmup": 1, "active": 2, "skip_first": 1, "skip_first_wait": 1},
]


@pytest.mark.parametrize("settings", SCHEDULES)
@pytest.mark.filterwarnings("ignore")
def test_schedules_are_pytorchs(settings: dict[str, int]) -> None:
    own, other = schedule(**settings), theirs.profiler.schedule(**settings)
    assert [own(step).name for step in range(40)] == [other(step).name for step in range(40)]


@pytest.mark.parametrize(
    "own, other",
    [
        (profiler.profile.__init__, theirs.profiler.profile.__init__),
        (profiler.schedule, theirs.profiler.schedule),
        (profiler.record_function.__init__, theirs.profiler.record_function.__init__),
        (profiler.tensorboard_trace_handler, theirs.profiler.tensorboard_trace_handler),
        (profiler.EventList.table, theirs.autograd.profiler_util.EventList.table),
        (profiler.profile.key_averages, theirs.profiler.profile.key_averages),
        (ours.autograd.profiler.profile.key_averages, theirs.autograd.profiler.profile.key_averages),
    ],
)
def test_parameters_are_pytorchs(own: Any, other: Any) -> None:
    assert list(inspect.signature(own).parameters) == list(inspect.signature(other).parameters)


def traced(calls: int, **settings: Any) -> profile:
    """A profile of a training step that has been compiled before."""
    step = training_step()
    for _ in range(3):
        step()
    with profile(activities=[ProfilerActivity.CPU], **settings) as found:
        for _ in range(calls):
            with record_function("step"):
                step()
    return found


def test_kernels_flushes_and_ranges() -> None:
    found = traced(3, record_shapes=True, profile_memory=True, with_stack=True, with_flops=True)
    averages = {event.key: event for event in found.key_averages()}
    assert averages["step"].count == averages["flush"].count == 3
    linear = averages["linear+bias+relu 32×24·40"]
    assert linear.count == 3 and linear.flops == 3 * (2 * 32 * 24 * 40 + 2 * 32 * 40)
    assert linear.cpu_time_total == linear.self_cpu_time_total > 0
    assert linear.cpu_time == pytest.approx(linear.cpu_time_total / 3)
    assert averages["flush"].self_cpu_time_total < averages["flush"].cpu_time_total
    assert averages["step"].cpu_time_total >= averages["flush"].cpu_time_total
    assert [32, 24] in linear.input_shapes and any("programs.py:" in line for line in linear.stack)
    assert any(event.self_cpu_memory_usage for event in found.events() if event.kind == "kernel")
    total = found.key_averages().self_cpu_time_total
    assert total == pytest.approx(
        sum(event.seconds for event in found.events() if event.name == "step") * 1e6, rel=0.01
    )
    assert found.key_averages().total_average().self_cpu_time_total == pytest.approx(total)
    assert not events.heard()


def test_a_range_is_charged_with_what_was_recorded_in_it() -> None:
    x = ours.randn(500, 500)
    x.sum().item()
    with profile() as found:
        with record_function("forward"):
            y = x @ x
        with record_function("reading"):
            y.sum().item()
    times = {event.key: event for event in found.key_averages()}
    assert times["forward"].cpu_time_total > times["forward"].self_cpu_time_total + times["contract"].cpu_time_total / 2
    assert times["reading"].cpu_time_total > times["flush"].self_cpu_time_total


def test_what_is_interpreted() -> None:
    x = ours.randn(3, 3)
    with profile() as found:
        ours.fft.fft(x).abs().sum().item()
    kinds = {event.kind for event in found.events()}
    assert "interpreted" in kinds and "kernel" not in kinds


def test_the_table() -> None:
    averages = traced(2, profile_memory=True, with_flops=True, record_shapes=True).key_averages(
        group_by_input_shape=True
    )
    text = averages.table(sort_by="self_cpu_time_total", row_limit=3, header="A step")
    lines = text.splitlines()
    assert lines[1] == "A step" and set(lines[0]) == {"="}
    assert lines[3].split("  ")[0].strip() == "" and "Self CPU %" in lines[3] and "Input Shapes" in lines[3]
    for word in ("CPU total", "CPU time avg", "CPU Mem", "# of Calls", "Total MFLOPs"):
        assert word in lines[3]
    assert len(lines) == 2 + 3 + 3 + 2 and lines[-1].startswith("Self CPU time total: ")
    assert len({len(line) for line in lines[2:-1]}) == 1
    times = [event.self_cpu_time_total for event in averages]
    first = averages[times.index(max(times))].key
    assert first[:20] in lines[5]
    with pytest.raises(AttributeError, match="sort_by='speed'"):
        averages.table(sort_by="speed")
    assert "s" in averages.table(time_unit="s").splitlines()[-1]


def test_the_chrome_trace(tmp_path: Path) -> None:
    found = traced(2, profile_memory=True)
    found.add_metadata("who", "a test")
    found.export_chrome_trace(str(tmp_path / "trace.json"))
    trace = json.loads((tmp_path / "trace.json").read_text())
    assert trace["who"] == "a test" and trace["schemaVersion"] == 1
    complete = [event for event in trace["traceEvents"] if event["ph"] == "X"]
    assert all(isinstance(event[field], (int, float)) for event in complete for field in ("ts", "dur", "pid", "tid"))
    assert {"flush", "user_annotation", "cpu_op"} <= {event["cat"] for event in complete}
    flush = next(event for event in complete if event["name"] == "flush")
    inside = [event for event in complete if event["cat"] == "cpu_op" and event["ts"] < flush["ts"] + flush["dur"]]
    assert inside and all(e["ts"] >= flush["ts"] and e["ts"] + e["dur"] <= flush["ts"] + flush["dur"] for e in inside)
    assert any(event["ph"] == "C" and "allocated" in event["args"] for event in trace["traceEvents"])
    found.export_chrome_trace(str(tmp_path / "trace.json.gz"))
    with gzip.open(tmp_path / "trace.json.gz", "rt") as file:
        assert len(json.load(file)["traceEvents"]) == len(trace["traceEvents"])


def test_steps_and_handlers(tmp_path: Path) -> None:
    step = training_step()
    seen = []

    def ready(found: profile) -> None:
        seen.append((found.step_num, [event.name for event in found.events() if event.name.startswith("ProfilerStep")]))
        profiler.tensorboard_trace_handler(str(tmp_path / "traces"), "worker", use_gzip=len(seen) > 1)(found)

    with profile(schedule=schedule(wait=1, warmup=1, active=2, repeat=2), on_trace_ready=ready) as found:
        for _ in range(9):
            step()
            found.step()
    assert seen == [(4, ["ProfilerStep#2", "ProfilerStep#3"]), (8, ["ProfilerStep#6", "ProfilerStep#7"])]
    names = sorted(
        path.name.partition(".")[0] + "".join(path.suffixes[-3:]) for path in (tmp_path / "traces").iterdir()
    )
    assert len(names) == 2 and all(name.startswith("worker") for name in names)
    assert sum(name.endswith(".pt.trace.json") for name in names) == 1


def test_stacks(tmp_path: Path) -> None:
    traced(1, with_stack=True).export_stacks(str(tmp_path / "stacks.txt"))
    lines = (tmp_path / "stacks.txt").read_text().splitlines()
    assert lines and all(line.rsplit(" ", 1)[1].isdigit() and ";" in line for line in lines)


def test_ranges_as_decorators_and_without_a_profiler() -> None:
    @record_function("double")
    def double(n: int) -> int:
        return double(n - 1) * 2 if n else 1

    assert double(3) == 8
    with profile() as found:
        double(3)
    assert [event.name for event in found.events()] == ["double"] * 4
    with pytest.raises(AssertionError), profile() as running:
        running.events()


def test_the_older_names() -> None:
    with ours.autograd.profiler.profile(record_shapes=True) as found, ours.autograd.profiler.record_function("sum"):
        ours.ones(4).sum().item()
    assert {"sum", "flush"} <= {event.key for event in found.key_averages()}
    assert "Self CPU time total" in found.table() and found.self_cpu_time_total > 0
    with ours.autograd.profiler.profile(enabled=False) as nothing:
        ours.ones(4).sum().item()
    with pytest.raises(RuntimeError, match="didn't finish"):
        nothing.key_averages()


def test_under_the_alias(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(
        "import torch\nimport torch.autograd.profiler as older\n"
        "from torch.profiler import profile, record_function, ProfilerActivity\n"
        "import torch.profiler.profiler\n"
        "with profile(activities=[ProfilerActivity.CPU]) as p, record_function('a'):\n"
        "    torch.ones(3).sum().item()\n"
        "print(sorted({e.key for e in p.key_averages()})[:1], older.record_function is record_function)\n"
        "print(torch.autograd.profiler is older, torch.profiler.profile is profile)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "rushlight", str(tmp_path / "program.py")], capture_output=True, text=True, timeout=120
    )
    assert done.stdout == "['a'] True\nTrue True\n", done.stderr
