"""Walks everything and counts: `python -m tests.conformance.report [--tiers auto compile] [--only PATTERN] [--update] [--long]`.

Writes the results of each tier into `build/` (every case) and, after a whole walk of both, `docs/conformance.md` (the
table). `--last` takes the results of the last walk (by this command or by pytest) instead of walking again.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch

from . import known, suite
from .database import DTYPES, KINDS, Case
from .subject import NAME, TIER, TIERS, pin
from .walk import Result

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "docs" / "conformance.md"
COLUMNS = [str(d).removeprefix("torch.") for d in DTYPES] + [*KINDS, "schedules"]
CHUNK = 40  # cases handed to a process at a time


def file_of(tier: str) -> Path:
    """Where the results of a tier's walk lie."""
    return ROOT / "build" / f"conformance-{tier}.json"


def write_results(results: Iterable[Result], tier: str = TIER) -> None:
    """The machine-readable file."""
    path = file_of(tier)
    path.parent.mkdir(exist_ok=True)
    whole = {
        "subject": NAME,
        "tier": tier,
        "pytorch": torch.__version__,
        "missing": suite.missing(),
        "out_of_scope": suite.out_of_scope(),
        "cases": [r.as_dict() for r in sorted(results, key=lambda r: (r.op, r.aspect))],
    }
    path.write_text(json.dumps(whole, indent=1), encoding="utf-8")


def read_results(tier: str) -> list[Result]:
    """The results of the last walk."""
    return [Result(**c) for c in json.loads(file_of(tier).read_text(encoding="utf-8"))["cases"]]


def _run(task: tuple[list[Case], bool]) -> list[Result]:
    chunk, take_all = task
    return [suite.run(case, take_all) for case in chunk]


def walk_all(cases: list[Case], take_all: bool, processes: int, tier: str) -> Iterator[Result]:
    """Results as they come, computed by so many processes in a tier."""
    tasks = [(cases[i : i + CHUNK], take_all) for i in range(0, len(cases), CHUNK)]
    with multiprocessing.get_context("spawn").Pool(processes, pin, (tier,)) as pool:
        for results in pool.imap(_run, tasks):
            yield from results


def status(result: Result) -> str:
    """passing, failing, or empty (PyTorch itself accepts no sample)."""
    return "failing" if result.failures else "passing" if result.samples else "empty"


def counts_table(results: list[Result]) -> list[str]:
    """Cases and samples by aspect, as lines of Markdown."""
    cases: dict[str, Counter[str]] = defaultdict(Counter)
    samples: dict[str, Counter[str]] = defaultdict(Counter)
    for r in results:
        for key in (r.aspect, "all"):
            cases[key][status(r)] += 1
            failing = len({i for i, _ in r.failures})
            samples[key].update(
                passing=r.samples - failing,
                failing=failing,
                near=r.by_accuracy,
                worded=r.other_wording,
                skipped=r.skipped,
            )
    lines = ["| aspect | cases passing | failing | samples passing | failing |", "| --- | ---: | ---: | ---: | ---: |"]
    for key in [*(c for c in COLUMNS if c in cases), "all"]:
        c, s = cases[key], samples[key]
        lines.append(f"| {key} | {c['passing']} | {c['failing']} | {s['passing']} | {s['failing']} |")
    total = samples["all"]
    lines.append("")
    lines.append(
        f"Of the passing samples, {total['near']} are out of PyTorch's tolerance and as near to the double-precision "
        f"result as PyTorch's own; {total['worded']} errors have the right class and other wording than OpInfo's. "
        f"{total['skipped']} samples are left out: PyTorch itself raises, or they are out of scope (sparse tensors of blocks, and batches of sparse matrices)."
    )
    return lines


def op_table(results: list[Result]) -> list[str]:
    """One line an op: what passes of what was tried in each aspect, where anything fails."""
    by_op: dict[str, dict[str, Result]] = defaultdict(dict)
    for r in results:
        by_op[r.op][r.aspect] = r
    lines = ["| op | passing | failing |", "| --- | --- | --- |"]
    for op in sorted(by_op):
        parts: dict[str, list[str]] = {"passing": [], "failing": []}
        for aspect in [c for c in COLUMNS if c in by_op[op]]:
            r = by_op[op][aspect]
            if r.failures:
                parts["failing"].append(f"{aspect} ({len({i for i, _ in r.failures})}/{r.samples})")
            elif r.samples:
                parts["passing"].append(aspect)
        lines.append(f"| `{op}` | {', '.join(parts['passing'])} | {', '.join(parts['failing'])} |")
    return lines


def _totals(results: list[Result]) -> str:
    ops = {r.op for r in results}
    clean = ops - {r.op for r in results if r.failures}
    lacking, outside = suite.missing(), suite.out_of_scope()
    return (
        f"{len(clean)} ops, modules and optimizers pass in everything, {len(ops) - len(clean)} fail in something, "
        f"{len(lacking)} are missing, {len(outside)} are out of scope."
    )


TIER_IN_WORDS = {
    "auto": "As users run it: a plan is interpreted first and compiled when it comes again (`RUSHLIGHT_TIER=auto`)",
    "compile": "All plans compiled at once (`RUSHLIGHT_TIER=compile`)",
}


def differences(walks: dict[str, list[Result]]) -> list[str]:
    """The cases whose failing samples are not the same in all tiers."""
    failing: dict[str, dict[str, list[int]]] = defaultdict(dict)
    for tier, results in walks.items():
        for r in results:
            failing[f"{r.op}-{r.aspect}"][tier] = sorted({i for i, _ in r.failures})
    return [
        f"- `{case}` fails in samples " + ", ".join(f"{numbers} ({tier})" for tier, numbers in by_tier.items())
        for case, by_tier in sorted(failing.items())
        if len(set(map(tuple, by_tier.values()))) > 1
    ]


def document(walks: dict[str, list[Result]]) -> str:
    """The page `docs/conformance.md`."""
    lacking, outside = suite.missing(), suite.out_of_scope()
    variants = sorted({name for results in walks.values() for r in results for name in r.missing})
    whys: dict[str, list[str]] = defaultdict(list)
    for name, why in outside.items():
        whys[why].append(name)
    counts = [
        line
        for tier, results in walks.items()
        for line in ("", f"## {TIER_IN_WORDS[tier]}", "", _totals(results), "", *counts_table(results))
    ]
    lines = [
        "# Conformance with PyTorch",
        "",
        f"Generated by `make conformance`; do not edit. Oracle: PyTorch {torch.__version__}, "
        "its OpInfo, ModuleInfo and OptimizerInfo databases.",
        *counts,
        "",
        "## Where the tiers differ",
        "",
        *(differences(walks) or ["Nowhere: the same samples pass and fail."]),
        "",
        "## By op",
        "",
        *op_table(walks[TIERS[0]]),
        "",
        "## Missing",
        "",
        ", ".join(f"`{name}`" for name in sorted(lacking)) or "Nothing.",
        "",
        "Variants of present ops that are missing: " + (", ".join(f"`{v}`" for v in variants) or "none") + ".",
        "",
        "## Out of scope",
        "",
        *(f"- {why}: " + ", ".join(f"`{n}`" for n in sorted(ns)) for why, ns in sorted(whys.items())),
        "",
    ]
    return "\n".join(lines)


def causes(results: list[Result]) -> str:
    """The failures grouped by message with numbers blanked, the most frequent first."""
    groups: dict[str, list[str]] = defaultdict(list)
    example: dict[str, str] = {}
    for r in results:
        for index, message in r.failures:
            key = re.sub(r"-?\d+(\.\d+)?(e[-+]?\d+)?", "#", message)[:120]
            groups[key].append(f"{r.op}-{r.aspect}")
            example.setdefault(key, f"{r.op}-{r.aspect} sample {index}: {message}")
    lines = []
    for key, where in sorted(groups.items(), key=lambda kv: -len(kv[1])):
        distinct = list(dict.fromkeys(where))
        lines.append(f"{len(where)} samples, {len(distinct)} cases: {example[key]}\n    " + " ".join(distinct[:40]))
    return "\n".join(lines)


def _given(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.report", description=__doc__)
    parser.add_argument("--tiers", nargs="+", default=[TIER], choices=("interp", *TIERS), help="which to walk in turn")
    parser.add_argument("--only", default="", metavar="PATTERN", help="cases (op-aspect) that match the pattern")
    parser.add_argument("--long", action="store_true", help="every sample, not a spread")
    parser.add_argument("--update", action="store_true", help="rewrite known_failures.toml")
    parser.add_argument("--last", action="store_true", help="take the results of the last walk")
    parser.add_argument("--causes", action="store_true", help="print the failures grouped by cause")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    return parser.parse_args(arguments)


def _results(given: argparse.Namespace, tier: str) -> list[Result]:
    if given.last:
        return [r for r in read_results(tier) if re.search(given.only, f"{r.op}-{r.aspect}")]
    results = list(walk_all(suite.cases(given.only), given.long, given.processes, tier))
    if not given.only:
        write_results(results, tier)
    return results


def main(arguments: list[str]) -> int:
    """Runs the command; 1 if anything is not as `known_failures.toml` says."""
    given = _given(arguments)
    walks = {tier: _results(given, tier) for tier in given.tiers}
    book = known.load()
    if given.update:
        known.save(known.updated(walks, book))
        book = known.load()
    surprised = False
    for tier, results in walks.items():
        print(f"tier {tier}", *counts_table(results), _totals(results), sep="\n")
        if given.causes:
            print(causes(results))
        for result in [] if given.long else results:
            said = known.verdict(result, known.find(book, Case(result.op, result.aspect), tier))
            if said:
                print(f"{tier}: {result.op}-{result.aspect}: {said}"[:300])
                surprised = True
    if not given.only and NAME == "rushlight" and set(walks) >= set(TIERS):
        TABLE.write_text(document({tier: walks[tier] for tier in TIERS}), encoding="utf-8")
    return 1 if surprised else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
