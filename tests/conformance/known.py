"""The book of known failures: which samples of which case fail, and why. Nothing else may fail, and none may pass.

`known_failures.toml` holds one `[[known]]` table a case: `op`, `aspect`, `samples` (their numbers, or "all" of those
that a normal run takes) and `reason`. `python -m tests.conformance.report --update` rewrites it and keeps the reasons.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .database import Case
from .walk import Result

FILE = Path(__file__).with_name("known_failures.toml")
HEADING = """# Known failures, strictly: a case listed here must fail in exactly these samples.
# Rewritten by `python -m tests.conformance.report --update`, which keeps the reasons of what stays.
"""


@dataclass(frozen=True)
class Known:
    """One entry: the numbers of the samples that fail (None: all that were tried), and why."""

    samples: frozenset[int] | None
    reason: str

    @property
    def is_rounding(self) -> bool:
        """Whether it hangs on the last bits of sums, which another processor may have otherwise: then it may pass too."""
        return self.reason.startswith("Rounding")


def load(path: Path = FILE) -> dict[Case, Known]:
    """The entries by case."""
    if not path.exists():
        return {}
    entries = tomllib.loads(path.read_text(encoding="utf-8")).get("known", [])
    return {
        Case(e["op"], e["aspect"]): Known(None if e["samples"] == "all" else frozenset(e["samples"]), e["reason"])
        for e in entries
    }


def verdict(result: Result, known: Known | None) -> str | None:
    """What is wrong with a result in the light of the book, or None if it is as the book says."""
    failing = {index for index, _ in result.failures}
    first = "; ".join(f"sample {index}: {message}" for index, message in result.failures[:3])
    if known is None:
        return f"{len(failing)} of {result.samples} samples fail: {first}" if failing else None
    if known.is_rounding and failing <= (known.samples or failing):
        return None
    if not failing:
        return f"passes now: remove it from {FILE.name} ({known.reason})"
    if known.samples is None or failing == known.samples:
        return None
    fresh, gone = sorted(failing - known.samples), sorted(known.samples - failing)
    if fresh:
        return f"samples {fresh} fail beside the known ones: {first}"
    return f"samples {gone} pass now: remove them from {FILE.name}"


def save(results: Iterable[Result], old: dict[Case, Known], path: Path = FILE) -> None:
    """Writes the failing cases among `results`; entries of cases that were not run stay."""
    ran = {Case(r.op, r.aspect): r for r in results}
    entries: dict[Case, tuple[str, str]] = {}
    for case, known in old.items():
        if case not in ran:
            numbers = '"all"' if known.samples is None else str(sorted(known.samples))
            entries[case] = (numbers, known.reason)
    for case, result in ran.items():
        if result.failures:
            failing = sorted({index for index, _ in result.failures})
            everything = case.aspect not in ("variants", "out") and len(failing) == result.samples
            reason = old[case].reason if case in old else result.failures[0][1]
            entries[case] = ('"all"' if everything else str(failing), reason[:200])
    lines = [HEADING]
    for case in sorted(entries, key=str):
        numbers, reason = entries[case]
        lines.append(
            f"[[known]]\nop = {json.dumps(case.op)}\naspect = {json.dumps(case.aspect)}\n"
            f"samples = {numbers}\nreason = {json.dumps(reason, ensure_ascii=False)}\n"
        )
    path.write_text("\n".join(lines), encoding="utf-8")
