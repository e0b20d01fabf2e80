"""The table, and what is written as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .load import DOUBTFUL
from .rows import MEANS, ROWS, Mean, Row

SCALE = {"ms": 1e3, "s": 1.0, "MiB": 1.0}


def measured(row: Row, result: dict[str, Any]) -> dict[str, Any]:
    """A row of the report. Times are in seconds, memory in MiB."""
    met = None if row.target is None else result["ratio"] <= row.target
    return {"name": row.name, "unit": "MiB" if row.unit == "MiB" else "s", "target": row.target, "met": met, **result}


def unmeasured(row: Row, why: str) -> dict[str, Any]:
    """A row that could not be measured: its target is not met."""
    return {"name": row.name, "target": row.target, "met": None if row.target is None else False, "failed": why}


def mean(wanted: Mean, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The row of a mean. Of fewer rows than are its own it would say something else, so it is then not there."""
    own = [row for row in rows if row["name"].startswith(wanted.prefix)]
    ratios = [row["ratio"] for row in own if "ratio" in row]
    facts = {"name": wanted.name, "target": wanted.target}
    if len(ratios) < len(own):
        return {**facts, "met": False, "failed": f"{len(ratios)} of {len(own)} rows were measured"}
    ratio = sum(ratios) / len(ratios)
    loads = [row["others_load"] for row in own if row["others_load"] is not None]
    return {**facts, "met": ratio <= wanted.target, "ratio": ratio, "others_load": max(loads, default=None)}


def means(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The means all of whose rows were asked for."""
    asked = {row["name"] for row in rows}
    return [
        mean(each, rows) for each in MEANS if asked.issuperset(r.name for r in ROWS if r.name.startswith(each.prefix))
    ]


def doubtful(row: dict[str, Any]) -> bool:
    """Whether other processes worked so much while the row was measured that it says little."""
    return (row.get("others_load") or 0.0) > DOUBTFUL


WIDTH = max(len(row.name) for row in ROWS) + 1
HEAD = f"{'':<{WIDTH}}{'ours':>11}{'PyTorch':>11}     {'ratio':>6}  {'quartiles':<15}{'target':>6}  met"


def _number(value: float) -> str:
    return f"{value:.3f}" if value < 10 else f"{value:.1f}"


def _ratio(value: float) -> str:
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"


def line(row: dict[str, Any], unit: str = "") -> str:
    """A row as text."""
    target = "" if row["target"] is None else f"{row['target']:.2f}"
    met = {None: "", True: "yes", False: "no"}[row["met"]]
    if doubtful(row):
        met += f"? (others {row['others_load']:.0%})"
    if "failed" in row:
        return f"{row['name']:<{WIDTH}}{row['failed']}  (target {target or 'none'})"
    times = quartiles = ""
    if "ours" in row:
        ours, peer = (_number(row[side]["median"] * SCALE[unit]) for side in ("ours", "peer"))
        times = f"{ours:>11}{peer:>11} {unit:<4}"
        quartiles = "–".join(_ratio(value) for value in row["ratio_quartiles"])
    text = f"{row['name']:<{WIDTH}}{times:<27}{_ratio(row['ratio']):>6}  {quartiles:<15}{target:>6}  {met}".rstrip()
    for name, other in row.get("others", {}).items():
        found = other.get("failed") or f"{_number(other['median'] * SCALE[unit])} {unit}"
        text += f"\n    {name}: {found}"
    return text


def heading(machine: dict[str, Any], sides: dict[str, dict[str, Any]], threads: int) -> str:
    """What stands above the table."""
    caches = ", ".join(f"{level} {size}" for level, size in machine["caches"].items())
    libraries = ", ".join(f"{name} {version}" for name, version in machine["libraries"].items())
    ours, peer = sides["ours"], sides["peer"]
    return "\n".join(
        [
            f"{machine['processor']}: {machine['cores']} cores, {machine['threads']} threads; {caches}; load {machine['load']}",
            f"Python {machine['python']}, {libraries}; commit {machine['commit']}",
            f"ours: Rushlight {ours['version']}, tier {ours['tier']}; peer: PyTorch {peer['version']}, eager; {threads} threads; "
            "ratio: ours/PyTorch, below 1 is better",
        ]
    )


def closing(rows: Sequence[dict[str, Any]]) -> str:
    """How many targets are met, and how many rows are in doubt."""
    judged = [row for row in rows if row["target"] is not None]
    met = [row for row in judged if row["met"]]
    text = f"{sum(not doubtful(row) for row in met)} of {len(judged)} targets met"
    doubts = sum(map(doubtful, rows))
    if doubts:
        text += (
            f", {sum(map(doubtful, met))} more in doubt: {doubts} rows were measured while other processes took over {DOUBTFUL:.0%} of the processors' time: "
            "they say little, measure again on a quiet machine"
        )
    return text


def write(path: Path, report: dict[str, Any]) -> None:
    """The report as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
