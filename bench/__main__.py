"""`make bench`: every work on Rushlight and on PyTorch, block about in two processes; a table, and JSON under build/.

    python -m bench [name …]    only works whose name holds one of the words
    RUSHLIGHT_PEER=python        the interpreter that has PyTorch, where it is not this one

Two threads unless OMP_NUM_THREADS says otherwise. Ratios below 1 mean that Rushlight is faster.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from .eager import eager_cost
from .works import WORKS

BLOCKS = 9
NAP = 0.012  # between blocks, so that neither side's spinning threads hold the other's core


class Side:
    """A worker process that times blocks."""

    def __init__(self, python: str, side: str) -> None:
        environment = {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2", **os.environ}
        self._process = subprocess.Popen(
            [python, "-m", "bench.worker", side],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def seconds(self, name: str, count: int) -> float:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(f"{name}\t{count}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit(f"bench: the worker ended at {name!r}")
        return float(answer)

    def close(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()


def compare(name: str, count: int, ours: Side, peer: Side) -> dict[str, Any]:
    """Medians of alternating blocks."""
    pairs = []
    for _ in range(BLOCKS):
        first = ours.seconds(name, count)
        time.sleep(NAP)
        second = peer.seconds(name, count)
        time.sleep(NAP)
        pairs.append((first, second))
    mine, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
    return {"work": name, "ours_ms": mine * 1e3, "peer_ms": theirs * 1e3, "ratio": mine / theirs}


def import_time(python: str, module: str) -> float:
    """Median seconds of importing a module in a fresh process."""
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    times = [
        float(subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout) for _ in range(5)
    ]
    return statistics.median(times)


def main() -> None:
    wanted = sys.argv[1:]
    python = os.environ.get("RUSHLIGHT_PEER", sys.executable)
    ours, peer = Side(sys.executable, "ours"), Side(python, "peer")
    rows = []
    print(f"{'work':<34}{'ours ms':>10}{'PyTorch ms':>12}{'ratio':>8}")
    for name, (_, count) in WORKS.items():
        if wanted and not any(word in name for word in wanted):
            continue
        row = compare(name, count, ours, peer)
        rows.append(row)
        print(f"{name:<34}{row['ours_ms']:>10.3f}{row['peer_ms']:>12.3f}{row['ratio']:>8.2f}")
    ours.close()
    peer.close()
    if not wanted:
        mine, theirs = import_time(sys.executable, "rushlight"), import_time(python, "torch")
        rows.append({"work": "import", "ours_ms": mine * 1e3, "peer_ms": theirs * 1e3, "ratio": mine / theirs})
        print(f"{'import':<34}{mine * 1e3:>10.1f}{theirs * 1e3:>12.1f}{mine / theirs:>8.2f}")
        rows.append(eager_cost())
        print(
            "eager cost over {nodes} nodes: {us_per_node:.2f} µs a node to record, infer and key, {us_per_node_with_modules:.2f} µs with "
            "modules and optimizer; PyTorch {peer_us_per_op:.2f} µs an op over {peer_ops}, kernels included".format(
                **rows[-1]
            )
        )
    target = Path("build")
    target.mkdir(exist_ok=True)
    report = {"machine": platform.processor() or platform.machine(), "python": platform.python_version(), "rows": rows}
    (target / "bench.json").write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
