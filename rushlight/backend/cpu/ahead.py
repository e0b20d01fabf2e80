"""What a nest asks memory for before it needs it.

A nest with folds goes through a row several times. The first sweep waits for memory while nothing is computed, the last one waits for
the lines that it writes, and in between memory is idle. So the sweep that reads something of a row for the last time asks for the same of
the next row, and the sweep before the one that writes asks for what will be written. Asking reads nothing: an address that is not there
is passed over. A softmax of 16 MB takes three quarters of the time so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod

from ...ir.expr import Load
from ...kernel.buffer import Buffer
from ...kernel.index import Index
from ...kernel.nest import Nest, Sweep, Write, walk
from ..machine import Machine
from .loops import Schedule

LINE = 64  # bytes


@dataclass(frozen=True)
class Stream:
    """Elements of a buffer that a sweep goes through, a vector after another."""

    buffer: Buffer
    number: int  # of the operand, or of the result
    flat: Index
    written: bool
    near: bool  # whether all that is asked for at a time fits beside the row in the innermost cache


@dataclass
class Ahead:
    """The streams that each sweep (by its identity) asks for."""

    streams: dict[int, list[Stream]] = field(default_factory=dict)

    def of(self, sweep: Sweep) -> list[Stream]:
        return self.streams.get(id(sweep), [])


def ahead(nest: Nest, plan: Schedule, machine: Machine) -> Ahead:
    """What each sweep of a nest asks for: nothing where there is little, which is in a cache already, or where a row is too long to keep."""
    found = Ahead()
    sweeps = [part for part in nest.body if isinstance(part, Sweep)]
    if plan.lane is None or not plan.rows or len(sweeps) < 2:  # one sweep never lets memory rest
        return found
    last: dict[tuple[int, Index], tuple[Sweep, Buffer]] = {}
    for sweep in sweeps:
        for load in _loads(sweep):
            last[load.operand, plan.loads[id(load)]] = sweep, nest.operands[load.operand]
    wanted = [
        (sweep, buffer, number, flat, False)
        for (number, flat), (sweep, buffer) in last.items()
        if set(plan.rows) & flat.loops()
    ]
    for before, sweep in zip(sweeps, sweeps[1:], strict=False):
        for statement in sweep.statements:
            if isinstance(statement, Write):
                buffer = nest.results[statement.result]
                wanted.append((before, buffer, statement.result, plan.writes[id(statement)], True))
    wanted = [one for one in wanted if _is_stream(plan, one[1], one[3], machine)]
    room = sum(_lines(plan, buffer) * LINE for _, buffer, *_ in wanted)
    if 2 * room > machine.l2:
        return found
    for sweep, buffer, number, flat, written in wanted:
        found.streams.setdefault(id(sweep), []).append(Stream(buffer, number, flat, written, 2 * room <= machine.l1))
    return found


def _loads(sweep: Sweep) -> Iterator[Load]:
    seen: set[int] = set()
    for statement in sweep.statements:
        for part in walk(statement.value, seen):
            if isinstance(part, Load):
                yield part


def _is_stream(plan: Schedule, buffer: Buffer, flat: Index, machine: Machine) -> bool:
    """Whether vectors of neighbours are read (written), each once, and all of them are more than a cache holds."""
    if any(atom.key[0] != "loop" for atom, _ in flat.terms) or plan.lane is None or flat.factor(plan.lane) != 1:
        return False
    return prod(plan.extents[axis] for axis in flat.loops()) * buffer.dtype.itemsize > machine.l2


def _lines(plan: Schedule, buffer: Buffer) -> int:
    """Lines that one row (the rows of one vector) takes, about."""
    inner = prod(plan.extents[axis] for axis in plan.inner)
    vector = -(-plan.width * buffer.dtype.itemsize // LINE)
    return inner * vector if plan.down else -(-inner // plan.width) * vector
