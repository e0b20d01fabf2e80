"""A contraction rewritten for its operands' shapes, before anything is computed.

A summed loop may be replaced by an address it is in, which clears a denominator; equations among guards are solved;
guards that a read implies go. Then an output loop that is read through a window ("output = address + tap") may become a
*fold*: the contraction is computed for each (address, tap), and the results are added where they belong. For the
gradient of a strided convolution or a transposed convolution this avoids inserted zeros, for one with many output
channels a large copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod

from ..affine import Axis
from .form import Contraction, Shape

FOLD_STEPS = 1024  # at most so many taps
_STEP = 4000  # what one step of a Python loop costs, in elements copied
_MULTIPLY = 0.1  # what one multiply-add of a matrix product costs, in elements copied
_ADD = 2.0  # what adding one element to where it belongs costs, in elements copied
LONG = 8  # a loop from which it pays to have it innermost


@dataclass
class Problem:
    """A contraction with loops that keep their numbers while they come and go, and shapes for its operands."""

    extents: dict[int, int]
    output: list[int]
    maps: list[list[Axis]]
    shapes: list[Shape]
    guards: list[tuple[Axis, int]]

    @classmethod
    def of(cls, contraction: Contraction, shapes: Sequence[Shape]) -> Problem:
        return cls(
            dict(enumerate(contraction.loops)),
            list(contraction.output),
            [list(axes) for axes in contraction.maps],
            list(shapes),
            list(contraction.guards),
        )

    def reads(self) -> list[tuple[Axis, int]]:
        return [
            (axis, extent)
            for axes, shape in zip(self.maps, self.shapes, strict=True)
            for axis, extent in zip(axes, shape, strict=True)
        ]

    def is_zero(self) -> bool:
        """Whether it is plain that no term counts."""
        if 0 in self.extents.values():
            return True
        limits = self.reads() + self.guards
        return any(extent == 0 or axis.never_within(extent, self.extents) for axis, extent in limits)

    def new_loop(self, extent: int) -> int:
        loop = max(self.extents, default=-1) + 1
        self.extents[loop] = extent
        return loop

    def substitute(self, loop: int, solution: Axis) -> None:
        """Puts `solution` for a loop everywhere; a guard keeps the loop in its range."""
        self.maps = [[axis.substitute(loop, solution) for axis in axes] for axes in self.maps]
        self.guards = [(axis.substitute(loop, solution), extent) for axis, extent in self.guards]
        self.guards.append((solution, self.extents.pop(loop)))

    def copy(self) -> Problem:
        return Problem(
            dict(self.extents), list(self.output), [list(m) for m in self.maps], list(self.shapes), list(self.guards)
        )

    def drop_guards(self) -> None:
        """Drops guards that always hold or that a read implies."""
        reads: dict[Axis, int] = {}
        for axis, extent in self.reads():
            reads[axis] = min(extent, reads.get(axis, extent))
        self.guards = [
            (axis, extent)
            for axis, extent in dict.fromkeys(self.guards)
            if not axis.always_within(extent, self.extents) and not reads.get(axis, extent + 1) <= extent
        ]

    def drop_short_loops(self) -> None:
        """Loops of extent 1 stand at 0."""
        names = {loop: loop for loop, extent in self.extents.items() if extent != 1}
        self.maps = [[axis.rename(names) for axis in axes] for axes in self.maps]
        self.guards = [(axis.rename(names), extent) for axis, extent in self.guards]
        self.output = [loop for loop in self.output if loop in names]
        self.extents = {loop: self.extents[loop] for loop in names}


def simplify(problem: Problem) -> Problem:
    """Fewer guards, fewer denominators, no loop of extent 1, for a problem that is not plainly zero."""
    while True:
        problem.drop_short_loops()
        problem.drop_guards()
        if problem.is_zero():
            return problem
        if solve_equation(problem):
            continue
        better = _sum_over_address(problem)
        if better is None:
            return problem
        problem = better


def solve_equation(problem: Problem) -> bool:
    """Solves a guard of extent 1, which says "numerator = 0", for a summed loop."""
    for number, (axis, extent) in enumerate(problem.guards):
        for loop, value in axis.terms:
            if extent == 1 and abs(value) == 1 and loop not in problem.output:
                del problem.guards[number]
                rest = [(other, -value * factor) for other, factor in axis.terms if other != loop]
                problem.substitute(loop, Axis(rest, -value * axis.offset))
                return True
    return False


def _sum_over_address(problem: Problem) -> Problem | None:
    """Sums over an address instead of a loop in it, if that clears a denominator or is shorter, with no new guard."""
    for axis, extent in problem.reads():
        for loop, value in axis.terms:
            gains = axis.denominator > 1 or extent < problem.extents[loop]
            if not gains or abs(value) != 1 or loop in problem.output:
                continue
            changed = problem.copy()
            changed.substitute(loop, axis.solve(loop, changed.new_loop(extent)))
            changed.drop_guards()
            if len(changed.guards) <= len(problem.guards):
                return changed
    return None


@dataclass(frozen=True)
class Folded:
    """An output loop, of this extent, as a function of what replaces it: `output = position(address, taps)`."""

    address: int
    position: Axis
    extent: int


@dataclass
class Fold:
    """How to add up what the core computes: for each point of the taps (loop -> extent) a piece of the result.

    output: the loops of the problem's output, a folded one under its address's number.
    result: the same, in the order in which they are added up.
    """

    output: list[int]
    result: list[int]
    taps: dict[int, int] = field(default_factory=dict)
    folded: dict[int, Folded] = field(default_factory=dict)

    def shape(self, loops: list[int], core: Problem) -> Shape:
        """Extents of loops of the result."""
        return tuple(self.folded[loop].extent if loop in self.folded else core.extents[loop] for loop in loops)


def fold_windows(problem: Problem) -> tuple[Problem, Fold | None]:
    """The problem with windows of output loops folded, if that costs less."""
    core, fold = problem.copy(), Fold(list(problem.output), [])
    for loop in problem.output:
        window = _window_of(core, loop)
        if window is None:
            continue
        axis, extent = window
        address = core.new_loop(extent)
        solution = axis.solve(loop, address)
        fold.folded[address] = Folded(address, solution, core.extents.pop(loop))
        fold.output[fold.output.index(loop)] = address
        fold.taps |= {tap: core.extents[tap] for tap in axis.loops if tap != loop}
        core.maps = [[a.substitute(loop, solution) for a in axes] for axes in core.maps]
    if not fold.folded:
        return problem, None
    used = {loop for axes in core.maps for axis in axes for loop in axis.loops}
    for tap in fold.taps.keys() - used:
        del core.extents[tap]
    _order_fold(core, fold, used)
    if prod(fold.taps.values()) > FOLD_STEPS or _cost(core) + _cost_of_fold(core, fold) >= _cost(problem):
        return problem, None
    return core, fold


def _order_fold(core: Problem, fold: Fold, used: set[int]) -> None:
    """Orders the core's output: (rows, taps), then (addresses, inner), as rows and columns of a matrix product.

    Inner are the other loops of the operand that had the window, if they are long: so what is added lies together.
    """
    window = [any(axis.plain_loop in fold.folded for axis in axes) for axes in core.maps]
    others = {
        loop for axes, has in zip(core.maps, window, strict=True) if not has for axis in axes for loop in axis.loops
    }
    inner = [loop for loop in fold.output if loop in used and loop not in others and loop not in fold.folded]
    turned = sum(prod(shape) for shape, has in zip(core.shapes, window, strict=True) if has)
    added = prod(core.extents[loop] for loop in {*fold.output, *fold.taps} if loop in core.extents)
    if prod(core.extents[loop] for loop in inner) < LONG or added < 2 * turned:
        inner = []
    fold.result = [loop for loop in fold.output if loop not in inner] + inner
    first = min(fold.result.index(address) for address in fold.folded)
    core.output = [*fold.result[:first], *[tap for tap in fold.taps if tap in used], *fold.result[first:]]


def _window_of(problem: Problem, loop: int) -> tuple[Axis, int] | None:
    """The only address, and its extent, that has an output loop, if all its other loops, the taps, are summed."""
    found = [(axis, extent) for axis, extent in problem.reads() if axis.coefficient(loop)]
    if len(found) != 1 or any(axis.coefficient(loop) for axis, _ in problem.guards):
        return None
    axis, extent = found[0]
    taps = [other for other in axis.loops if other != loop]
    if abs(axis.coefficient(loop)) != 1 or not taps or any(tap in problem.output for tap in taps):
        return None
    guarded = {other for guard, _ in problem.guards for other in guard.loops}
    return None if guarded & set(taps) else found[0]


def _cost(problem: Problem) -> float:
    """A rough count: what is multiplied and what must be copied, in elements copied."""
    multiplied = prod(problem.extents.values()) if len(problem.maps) > 1 else 0
    copied = 0
    for axes in problem.maps:
        if any(axis.plain_loop is None for axis in axes):
            copied += prod(problem.extents[loop] for loop in {loop for axis in axes for loop in axis.loops})
    return _MULTIPLY * multiplied + copied


def _cost_of_fold(core: Problem, fold: Fold) -> float:
    return _ADD * prod(core.extents[loop] for loop in core.output) + _STEP * prod(fold.taps.values())


def folded_positions(fold: Fold, core: Problem) -> list[tuple[dict[int, int], dict[int, tuple[slice, slice]]]]:
    """For each point of the taps: for each folded loop where in the core's output, and where in the result."""
    positions = []
    for point in _points(list(fold.taps.values())):
        at = dict(zip(fold.taps, point, strict=True))
        slices = {}
        for address, folded in fold.folded.items():
            axis = folded.position
            start = axis.offset + sum(value * at[loop] for loop, value in axis.terms if loop != address)
            slices[address] = _overlap(start, axis.coefficient(address), core.extents[address], folded.extent)
        if all(source.start < source.stop for source, _ in slices.values()):
            positions.append((at, slices))
    return positions


def _points(extents: list[int]) -> list[tuple[int, ...]]:
    points: list[tuple[int, ...]] = [()]
    for extent in extents:
        points = [(*point, i) for point in points for i in range(extent)]
    return points


def _overlap(start: int, step: int, count: int, extent: int) -> tuple[slice, slice]:
    """Which i in [0, count) have start + step * i in [0, extent), and those positions."""
    if step > 0:
        first, last = max(0, -(start // step)), min(count - 1, (extent - 1 - start) // step)
    else:
        first, last = max(0, -((extent - 1 - start) // -step)), min(count - 1, start // -step)
    low, high = start + step * first, start + step * last
    if first > last:
        return slice(0, 0), slice(0, 0)
    stop = high + (1 if step > 0 else -1)
    return slice(first, last + 1), slice(low, stop if stop >= 0 else None, step)
