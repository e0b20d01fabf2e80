"""`make bench`: one table of Rushlight beside PyTorch, each row with a target, and the same as JSON.

    python -m bench [word …]         only rows whose name holds one of the words
    python -m bench --list           the rows and their targets
    RUSHLIGHT_PEER=python            the interpreter that has PyTorch, where it is not this one

`bench/README.md` says how it is measured.
"""

from __future__ import annotations

import argparse
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import machine, report
from .load import Load
from .processes import KINDS
from .rows import MEANS, ROWS, Row
from .sides import FULL, QUICK, Absent, Effort, Failed, Side, command, compare, set_environment

OTHER_PEERS = ("torch.compile", "jax", "tinygrad")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m bench", description="Rushlight beside PyTorch, row by row.")
    parser.add_argument("words", nargs="*", help="only rows whose name holds one of these (case does not count)")
    parser.add_argument("--quick", action="store_true", help="few repetitions: rough numbers")
    parser.add_argument(
        "--json", type=Path, default=Path("build/bench.json"), metavar="FILE", help="default %(default)s"
    )
    parser.add_argument("--threads", type=int, default=2, help="of each side (default %(default)s)")
    parser.add_argument(
        "--peers", action="store_true", help=f"also {', '.join(OTHER_PEERS)} where installed, for information"
    )
    parser.add_argument("--eager", action="store_true", help="also what recording an operation costs")
    parser.add_argument("--list", action="store_true", help="print the rows and their targets, measure nothing")
    return parser.parse_args()


def chosen(words: Sequence[str]) -> list[Row]:
    """The rows whose name holds one of the words; all, where there are none."""
    return [row for row in ROWS if not words or any(word.lower() in row.name.lower() for word in words)]


def other_sides() -> list[Side]:
    """The peers for information that start; the others say why they do not."""
    found = []
    for name in OTHER_PEERS:
        try:
            found.append(Side(name))
        except Failed as failure:
            print(f"without {name}: {failure}")
    return found


def measure(row: Row, sides: Sequence[Side], processors: Sequence[int], effort: Effort) -> dict[str, Any]:
    """The row of the report; what fails says why."""
    ours, peer, *others = sides

    def watch() -> Load:
        return Load(processors, [side.pid for side in sides if side.pid is not None])

    try:
        if row.kind == "block":
            return report.measured(row, compare(row, ours, peer, others, watch, effort))
        load = watch()
        return report.measured(row, {**KINDS[row.kind](row, effort), "others_load": load.of_others()})
    except Absent as absent:
        return report.unmeasured(row, str(absent))
    except Failed as failure:
        return report.unmeasured(row, f"failed: {failure}")


def eager_cost() -> None:
    """Prints what both sides say of it."""
    for side in ("ours", "peer"):
        subprocess.run(command(side, "bench.eager", side), check=True)


def fill(
    results: list[dict[str, Any]], rows: Sequence[Row], sides: Sequence[Side], processors: Sequence[int], effort: Effort
) -> None:
    """Measures the rows and prints each when it is there; `results` holds them, also when this is ended early."""
    print(report.HEAD, flush=True)
    for row in rows:
        results.append(measure(row, sides, processors, effort))
        print(report.line(results[-1], row.unit), flush=True)
    for result in report.means(results):
        results.append(result)
        print(report.line(result))
    print(report.closing(results))


def main() -> None:
    options = arguments()
    rows = chosen(options.words)
    if not rows:
        raise SystemExit(f"bench: no row's name holds any of {options.words}; --list prints them")
    if options.list:
        for each in [*rows, *MEANS]:
            print(f"{each.name:<44}{'' if each.target is None else format(each.target, '.2f')}")
        return
    description = machine.describe()
    processors = machine.pin(options.threads)
    set_environment(options.threads)
    if len(processors) < options.threads:
        print(f"only {len(processors)} processors for {options.threads} threads: more threads than cores time badly")
    try:
        sides = [Side("ours"), Side("peer")]
    except Failed as failure:
        raise SystemExit(f"bench: {failure}") from None
    facts = {side.name: side.facts for side in sides}
    print(report.heading(description, facts, options.threads))
    if options.peers:
        sides += other_sides()
    results: list[dict[str, Any]] = []
    try:
        fill(results, rows, sides, processors, QUICK if options.quick else FULL)
        if options.eager:
            eager_cost()
    except KeyboardInterrupt:
        print(f"ended by Ctrl-C; {options.json} has the rows above")
        raise SystemExit(130) from None
    finally:
        for side in sides:
            side.close()
        facts = {side.name: side.facts for side in sides}
        head = {"machine": description, "sides": facts, "threads": options.threads, "quick": options.quick}
        report.write(options.json, {**head, "settings": settings(), "rows": results})


def settings() -> dict[str, str]:
    """Rushlight's environment variables that were set."""
    return {name: value for name, value in os.environ.items() if name.startswith("RUSHLIGHT_")}


if __name__ == "__main__":
    main()
