"""How busy other processes keep the processors while a row is measured: where they do, times say little.

Linux only (proc_stat(5), proc_pid_stat(5)); elsewhere nothing is known.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Sequence
from pathlib import Path

STATISTICS = Path("/proc/stat")
DOUBTFUL = 0.1  # the share of the processors' time beyond which a row is marked


def _busy(processors: Sequence[int]) -> float:
    """Seconds that the processors have worked for anybody, other guests of the host included."""
    names = {f"cpu{number}" for number in processors}
    ticks = 0
    for line in STATISTICS.read_text().splitlines():
        name, *fields = line.split()
        if name in names:
            user, nice, system, _idle, _waiting, interrupts, soft_interrupts, stolen = map(int, fields[:8])
            ticks += user + nice + system + interrupts + soft_interrupts + stolen
    return ticks / os.sysconf("SC_CLK_TCK")


def _own(workers: Sequence[int]) -> float:
    """Seconds of this process, of the ended ones that it started, and of the workers that run."""
    seconds = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        usage = resource.getrusage(who)
        seconds += usage.ru_utime + usage.ru_stime
    for pid in workers:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        seconds += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return seconds


class Load:
    """The share of the processors' time that others took since this was made."""

    def __init__(self, processors: Sequence[int], workers: Sequence[int]) -> None:
        self._processors, self._workers = processors, workers
        self._begin = self._now()

    def _now(self) -> tuple[float, float]:
        if not STATISTICS.exists():
            return 0.0, 0.0
        return time.perf_counter(), _busy(self._processors) - _own(self._workers)

    def of_others(self) -> float | None:
        """Between 0 and 1; None where the system does not tell."""
        if not STATISTICS.exists():
            return None
        now, foreign = self._now()
        began, foreign_before = self._begin
        share = (foreign - foreign_before) / max(1e-9, (now - began) * len(self._processors))
        return round(min(1.0, max(0.0, share)), 3)
