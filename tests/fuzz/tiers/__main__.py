"""`python -m tests.fuzz.tiers search FIRST COUNT` compares the tiers on that many graphs; `show SEED` looks at one.

`worker` and `crash` are what `search` starts.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import os
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import judge
from .case import Case
from .compiling import compiled, guarded_memory, in_little_memory, surroundings, thread_counts_agree
from .generate import generate
from .search import INSTRUCTION_SETS, Chunk, Record, run_chunk

TIERS: dict[str, judge.Tier] = {
    "compiled": compiled,
    "interpreted": judge.interpreted,
    "elements": judge.by_element,
}
CHUNK = 100
# Of so many graphs one is run with other numbers of threads, in guarded memory, in as little memory as can be.
THREADS_EVERY, GUARD_EVERY, LITTLE_EVERY = 4, 2, 3


def examine(case: Case, tier: str) -> str | None:
    """What differs, looked at in the ways that the seed asks for."""
    if tier != "compiled":
        return judge.differs(case, TIERS[tier])
    checks = (thread_counts_agree,) if case.seed % THREADS_EVERY == 0 and case.raises is None else ()
    way = compiled if case.seed % LITTLE_EVERY else in_little_memory
    if case.seed % GUARD_EVERY:
        return judge.differs(case, way, checks)
    with guarded_memory() as made:
        return judge.differs(case, way, checks) or surroundings(made)


def _say(**said: object) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


def worker(first: int, count: int, tier: str) -> None:
    """Says in lines of JSON which seed it is at, what differs, and in the end that it is done."""
    met: dict[str, int] = {}  # kinds of differences, with the seed that is reduced
    for seed in range(first, first + count):
        _say(seed=seed)
        case = generate(seed)
        _say(ops=Counter(case.names()))
        why = examine(case, tier)
        if why is None:
            continue
        like = met.setdefault(judge.kind(case, why), seed)
        if like == seed:
            _say(seed=seed, report=judge.report(case, why, lambda candidate: examine(candidate, tier)))
        else:
            _say(seed=seed, report=f"seed {seed}: like seed {like}: {why}")
    _say(end=True)


def isolated(case: Case, differ: Callable[[Case], str | None]) -> str | None:
    """What differs, found in a child process; a crash is a difference."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        faulthandler.disable()
        os.write(write, (differ(case) or "").encode()[:4096])
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as answer:
        said = answer.read().decode(errors="replace")
    _, status = os.waitpid(child, 0)
    return f"crashes with signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else said or None


def crash(seed: int, tier: str) -> str:
    """The report of a seed that may crash."""

    def differ(case: Case) -> str | None:
        return isolated(case, lambda candidate: examine(candidate, tier))

    case = generate(seed)
    why = differ(case)
    return f"seed {seed} does not differ\n{case.text()}" if why is None else judge.report(case, why, differ)


def search(first: int, count: int, tier: str, workers: int, path: Path) -> int:
    """Runs chunks in worker processes, says how far it is, and what differs in the end. 1 if anything does."""
    record = Record(path)
    sets = ("", *INSTRUCTION_SETS) if tier == "compiled" else ("",)  # every other chunk or so for the host
    chunks = [
        Chunk(start, min(CHUNK, first + count - start), sets[number % len(sets)], tier)
        for number, start in enumerate(range(first, first + count, CHUNK))
    ]
    left = [chunk for chunk in chunks if not record.has(chunk)]
    done, began = len(chunks) - len(left), time.monotonic()
    with ThreadPoolExecutor(workers) as pool:
        for number, outcome in enumerate(pool.map(run_chunk, left), 1):
            record.add(outcome)
            rate = number * CHUNK / (time.monotonic() - began)
            failed = sum(len(each.failures) for each in record.outcomes)
            print(
                f"{(done + number) * CHUNK} graphs, {failed} differ, {rate:.1f} a second", file=sys.stderr, flush=True
            )
    print(record.summary())
    return 1 if any(outcome.failures for outcome in record.outcomes) else 0


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.tiers")
    parser.add_argument("word", choices=("search", "show", "worker", "crash"))
    parser.add_argument("first", type=int, nargs="?", default=0)
    parser.add_argument("count", type=int, nargs="?", default=1)
    parser.add_argument("--tier", choices=tuple(TIERS), default="compiled")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--record", type=Path, default=Path("build/fuzz.jsonl"))
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    faulthandler.enable()
    if given.word == "worker":
        worker(given.first, given.count, given.tier)
    elif given.word == "search":
        return search(given.first, given.count, given.tier, given.workers, given.record)
    else:
        for seed in range(given.first, given.first + given.count):
            if given.word == "show":
                print(generate(seed).text())
            print(crash(seed, given.tier))
    return 0


if __name__ == "__main__":
    sys.exit(main())
