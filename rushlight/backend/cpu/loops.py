"""How a nest runs: loops that can be one are merged, and one axis becomes the lanes.

*Down*: the lanes are neighbouring rows, each with its own folds. *Across*: the lanes are neighbouring elements of a row, whose partial
folds are combined at the end of each sweep.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...ir.expr import Apply, Expr, Load
from ...kernel.index import Index, loop
from ...kernel.nest import Fold, Nest, Tally, Write, walk
from ..machine import Machine
from .expression import flat_index


@dataclass
class Schedule:
    """Extents by axis number; `rows` and `inner` in the order of the loops, the lane axis last among its own."""

    extents: dict[int, int]
    rows: list[int]
    inner: list[int]
    lane: int | None
    width: int
    loads: dict[int, Index]  # flat addresses, by the load's identity
    writes: dict[int, Index]  # by the statement's identity

    @property
    def down(self) -> bool:
        return self.lane is not None and self.lane in self.rows


def schedule(nest: Nest, machine: Machine) -> Schedule:
    """The loops of a nest on a machine."""
    loads: dict[int, Index] = {}
    rigid: set[int] = set()
    for expression in _parts(nest):
        if isinstance(expression, Load):
            loads[id(expression)] = flat_index(expression.index, nest.operands[expression.operand])
        elif isinstance(expression, Apply) and expression.function.startswith(("index_", "place")):
            for argument in expression.arguments:
                rigid |= argument.loops() if isinstance(argument, Index) else set()
    writes = {
        id(s): flat_index(s.index, nest.results[s.result]) for s in nest.statements() if isinstance(s, Write | Tally)
    }
    for statement in nest.statements():
        if isinstance(statement, Tally):
            rigid.add(nest.rows[-1])
        if isinstance(statement, Fold) and statement.combine.startswith("arg"):
            rigid |= set(nest.inner)
    plan = Schedule(
        dict(enumerate(nest.extents)), list(nest.rows), list(nest.inner), None, _width(nest, machine), loads, writes
    )
    for flat in [*loads.values(), *writes.values()]:
        rigid |= {axis for axis in flat.loops() if flat.factor(axis) is None}
    for axes in (plan.rows, plan.inner):
        _merge(plan, axes, rigid)
    tallied = any(isinstance(statement, Tally) for statement in nest.statements())
    plan.lane = _lane(plan, plan.inner if tallied else [*plan.rows, *plan.inner])
    for axes in (plan.rows, plan.inner):
        if plan.lane in axes:
            axes.remove(plan.lane)
            axes.append(plan.lane)
    return plan


def _parts(nest: Nest) -> Iterator[Expr]:
    seen: set[int] = set()
    for statement in nest.statements():
        yield from walk(statement.value, seen)


def _width(nest: Nest, machine: Machine) -> int:
    """As many lanes as a vector has of the narrowest elements that are computed with, of 4 bytes at least."""
    sizes = [buffer.dtype.itemsize for buffer in (*nest.operands, *nest.results)]
    return machine.width(min(8, max(4, min(sizes, default=4))))


def _merge(plan: Schedule, axes: list[int], rigid: set[int]) -> None:
    """Neighbouring loops that every address goes through as if they were one become one."""
    place = 0
    while place + 1 < len(axes):
        outer, inner = axes[place], axes[place + 1]
        flats = [*plan.loads.values(), *plan.writes.values()]
        fits = outer not in rigid and inner not in rigid
        if not fits or any(f.factor(outer) != plan.extents[inner] * (f.factor(inner) or 0) for f in flats):
            place += 1
            continue
        plan.extents[inner] *= plan.extents.pop(outer)
        for table in (plan.loads, plan.writes):
            for key, flat in table.items():
                table[key] = _merged(flat, outer, inner, plan.extents[inner])
        del axes[place]
        place = max(place - 1, 0)


def _merged(flat: Index, outer: int, inner: int, extent: int) -> Index:
    """`flat` without the outer loop, the inner one as long as both."""
    terms = []
    for atom, factor in flat.terms:
        if atom.key[:2] == ("loop", outer):
            continue
        terms.append((loop(inner, extent).terms[0][0], factor) if atom.key[:2] == ("loop", inner) else (atom, factor))
    return Index(tuple(terms), flat.constant)


def _lane(plan: Schedule, axes: list[int]) -> int | None:
    """The axis whose neighbours lie together most often: gathers and scattered writes count against it, and so do few turns."""
    best: tuple[float, int] | None = None
    for axis in axes:
        score = 0.0
        for flat in plan.loads.values():
            factor = flat.factor(axis)
            score += 1.0 if factor == 1 else 0.3 if factor == 0 else -2.0
        for flat in plan.writes.values():
            factor = flat.factor(axis)
            score += 1.5 if factor == 1 else -0.5 if factor == 0 else -6.0
        extent = plan.extents[axis]
        score -= 2.0 * max(0.0, 1.0 - extent / plan.width) * (1 + len(plan.loads))
        if axis in plan.inner:
            score -= 0.5 if extent < 4 * plan.width else 0.0
        if best is None or score > best[0] or (score == best[0] and axis in plan.rows):
            best = (score, axis)
    return None if best is None else best[1]
