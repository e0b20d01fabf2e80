"""The book of known failures: which samples of which case fail, and why. Nothing else may fail, and none may pass.

`known_failures.toml` holds `[[known]]` tables: `op`, `aspect`, `samples` (their numbers, or "all" of those that a normal
run takes) and `reason`; `tier` too where it is so in that tier alone. `python -m tests.conformance.report --tiers auto
compile --update` rewrites it and keeps the reasons.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path

from .database import Case
from .subject import TIERS
from .walk import Result

FILE = Path(__file__).with_name("known_failures.toml")
HEADING = """# Known failures, strictly: a case listed here must fail in exactly these samples; where a `tier` stands, in that tier alone.
# Rewritten by `python -m tests.conformance.report --tiers auto compile --update`, which keeps the reasons of what stays.
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


Book = dict[tuple[Case, str], Known]  # by case and tier; "" for every tier that has no entry of its own


def load(path: Path = FILE) -> Book:
    """The entries."""
    if not path.exists():
        return {}
    entries = tomllib.loads(path.read_text(encoding="utf-8")).get("known", [])
    return {
        (Case(e["op"], e["aspect"]), e.get("tier", "")): Known(
            None if e["samples"] == "all" else frozenset(e["samples"]), e["reason"]
        )
        for e in entries
    }


def find(book: Book, case: Case, tier: str) -> Known | None:
    """What the book says of a case in a tier."""
    return book.get((case, tier), book.get((case, "")))


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


def _entry(result: Result, old: Known | None) -> Known | None:
    failing = frozenset(index for index, _ in result.failures)
    if old is not None and old.is_rounding and failing <= (old.samples or failing):
        return old
    if not failing:
        return None
    everything = result.aspect not in ("variants", "out") and len(failing) == result.samples
    return Known(None if everything else failing, (old.reason if old else result.failures[0][1])[:200])


def updated(walks: dict[str, list[Result]], old: Book) -> Book:
    """The book after walks in some tiers: an entry names its tier where it is otherwise in another."""
    found: dict[Case, dict[str, Known | None]] = {}
    for tier, results in walks.items():
        for result in results:
            case = Case(result.op, result.aspect)
            by_tier = found.setdefault(case, {t: find(old, case, t) for t in TIERS})
            by_tier[tier] = _entry(result, find(old, case, tier))
    book = {place: known for place, known in old.items() if place[0] not in found}
    for case, by_tier in found.items():
        if len({() if known is None else known.samples for known in by_tier.values()}) == 1:
            by_tier = {"": next(iter(by_tier.values()))}
        book |= {(case, tier): known for tier, known in by_tier.items() if known is not None}
    return book


def save(book: Book, path: Path = FILE) -> None:
    """Writes the book."""
    lines = [HEADING]
    for (case, tier), known in sorted(book.items(), key=lambda item: (str(item[0][0]), item[0][1])):
        numbers = '"all"' if known.samples is None else str(sorted(known.samples))
        where = f"tier = {json.dumps(tier)}\n" if tier else ""
        lines.append(
            f"[[known]]\nop = {json.dumps(case.op)}\naspect = {json.dumps(case.aspect)}\n{where}"
            f"samples = {numbers}\nreason = {json.dumps(known.reason, ensure_ascii=False)}\n"
        )
    path.write_text("\n".join(lines), encoding="utf-8")
