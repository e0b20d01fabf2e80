"""What RUSHLIGHT_DEBUG prints."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import rushlight as torch
from rushlight import config
from rushlight.debug import sites
from rushlight.debug.report import Report
from rushlight.ir.graph import trace
from rushlight.ir.text import read
from rushlight.runtime import cache, events, executor


def reported(level: int, monkeypatch: pytest.MonkeyPatch) -> str:
    """What a report says of a program that is run until it is compiled."""
    executor.flush()
    cache.clear()
    monkeypatch.setattr(config, "TIER", "auto")
    text = io.StringIO()
    report = Report(level, text)
    report.start()
    try:
        x = torch.ones(64, 65)
        for _ in range(3):
            torch.softmax(torch.relu(x @ x.t() - 3), 1).tolist()
    finally:
        report.stop()
    return text.getvalue()


def test_levels_add_to_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    first = reported(1, monkeypatch)
    assert "new plan of" in first and "compiled in" in first and "kernels compiled" in first
    assert "interpreted" not in first
    second = reported(2, monkeypatch)
    assert ", interpreted" in second and ", compiled" in second and "%" not in second
    third = reported(3, monkeypatch)
    assert "arena of" in third and "relu" in third and "test_report.py:" in third and "define" not in third
    fourth = reported(4, monkeypatch)
    assert "define void @" in fourth and "---- " in fourth and re.search(r"^\tret", fourth, re.M)


def test_the_graph_still_reads_back(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = reported(3, monkeypatch).splitlines()
    first = next(place for place, line in enumerate(lines) if line.startswith("%0"))
    last = next(place for place, line in enumerate(lines) if line.startswith("return"))
    entries, returned = read("\n".join(line.split("  # ")[0] for line in lines[first : last + 1]))
    assert len(entries) > 4 and returned


def test_lines_are_noted_only_while_somebody_looks() -> None:
    executor.flush()
    assert type(trace.references) is list and not events.heard()
    with sites.noting():
        y = torch.ones(3) + 1
        site = sites.of_trace()[y._storage.node.slot]
        assert Path(site.file) == Path(__file__) and site.function == "add"
    assert type(trace.references) is list and not sites.of_trace()
    assert y.tolist() == [2, 2, 2]


def test_the_variable_starts_it(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("import rushlight as torch\nprint((torch.ones(2) + 1).tolist())\n")
    done = subprocess.run(
        [sys.executable, str(program)],
        env={**os.environ, "RUSHLIGHT_DEBUG": "3"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout == "[2.0, 2.0]\n"
    assert "program.py:2" in done.stderr and "steps in" in done.stderr
