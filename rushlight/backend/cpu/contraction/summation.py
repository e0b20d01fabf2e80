"""A contraction as a kernel sees it: loops, and addresses that are affine in them.

The axes of the operands and their strides have become one place in memory for each operand; where an axis may be out of range a
condition says so. Loops that always move together are one. A denominator is dealt with by residues: a loop of which only each d-th
turn reads anything becomes d loops, so that a transposed convolution or the gradient of a strided one is a few plain summations,
each with an output of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import product
from math import gcd, lcm, prod

from ....ir.affine import Axis
from ....ir.contraction.normal import Problem, solve_equation
from ....kernel.buffer import Buffer
from ....kernel.contraction import Contract

MAXIMAL_PHASES = 64  # a contraction of more residues than this is computed with its denominators


@dataclass(frozen=True)
class Condition:
    """A term counts only where the address is integral and in [0, extent)."""

    axis: Axis
    extent: int


@dataclass(frozen=True)
class Window:
    """An axis of an operand that several loops move along, or that has a margin beyond its extent."""

    axis: Axis
    extent: int
    stride: int

    @property
    def condition(self) -> Condition:
        return Condition(self.axis, self.extent)


@dataclass(frozen=True)
class Read:
    """Where an operand is read: the sum of stride * address over `places`; without denominators these are one place of stride 1.

    `windows` say of which axes the place is made, where more than one loop is in an axis; they are in the place already.
    """

    places: tuple[tuple[Axis, int], ...]
    conditions: tuple[Condition, ...]
    windows: tuple[Window, ...] = ()

    @property
    def loops(self) -> frozenset[int]:
        axes = [axis for axis, _ in self.places] + [condition.axis for condition in self.conditions]
        return frozenset(loop for axis in axes for loop in axis.loops)

    @property
    def address(self) -> Axis:
        """The place, of a read without denominators."""
        ((axis, _),) = self.places
        return axis

    @property
    def integral(self) -> bool:
        return len(self.places) == 1 and self.places[0][0].denominator == 1


@dataclass(frozen=True)
class Summation:
    """One output loop nest and the sum for each of its points.

    Args:
        extents: of each loop; none is 0 or 1.
        output: the loops of the output, in its order.
        summed: the others.
        reads: the factors.
        conditions: those that belong to no read.
        places: where the results and what goes with them lie, as sums of output loops.
    """

    extents: Mapping[int, int]
    output: tuple[int, ...]
    summed: tuple[int, ...]
    reads: tuple[Read, ...]
    conditions: tuple[Condition, ...]
    places: tuple[Axis, ...]

    @property
    def points(self) -> int:
        return prod(self.extents[loop] for loop in self.output)

    @property
    def depth(self) -> int:
        return prod(self.extents[loop] for loop in self.summed) if self.reads else 0


def combine(parts: Iterable[tuple[Axis, int]], offset: int = 0) -> Axis:
    """The sum of factor * axis, for axes without denominators."""
    factors: dict[int, int] = {}
    for axis, factor in parts:
        offset += axis.offset * factor
        for loop, value in axis.terms:
            factors[loop] = factors.get(loop, 0) + value * factor
    return Axis(factors, offset)


def summations(kernel: Contract, places: Iterable[Axis]) -> list[Summation]:
    """The contraction as summations whose outputs together are the whole output. Without reads a summation is 0.

    Args:
        places: addresses over the output's axes, carried along (see `Summation`).
    """
    spec = kernel.spec
    if 0 in spec.output_shape:
        return []
    problem = Problem.of(spec, [buffer.shape for buffer in kernel.operands])
    _simplify(problem)
    output = tuple(loop for loop, extent in enumerate(spec.output_shape) if extent != 1)
    names = {loop: loop for loop in output}
    whole = tuple(axis.rename(names) for axis in places)
    if problem.is_zero():
        return [Summation({loop: spec.output_shape[loop] for loop in output}, output, (), (), (), whole)]
    reads = []
    for axes, buffer in zip(problem.maps, kernel.operands, strict=True):
        reads.append(_read(axes, buffer, problem.extents))
    summation = Summation(
        dict(problem.extents),
        output,
        tuple(loop for loop in problem.extents if loop not in output),
        tuple(reads),
        tuple(Condition(axis, extent) for axis, extent in problem.guards),
        whole,
    )
    return _phases(summation)


def _simplify(problem: Problem) -> None:
    """Fewer guards, no loop of one turn, no guard that says "this is 0" and can be solved for a summed loop."""
    while not problem.is_zero():
        problem.drop_short_loops()
        problem.drop_guards()
        if not solve_equation(problem):
            return


def _read(axes: list[Axis], buffer: Buffer, extents: Mapping[int, int]) -> Read:
    conditions = tuple(
        Condition(axis, extent)
        for axis, extent in zip(axes, buffer.shape, strict=True)
        if not axis.always_within(extent, extents)
    )
    pairs = list(zip(axes, buffer.strides, strict=True))
    whole = combine((axis, stride) for axis, stride in pairs if axis.denominator == 1)
    parts = [(axis, stride) for axis, stride in pairs if axis.denominator != 1]
    windows = tuple(
        Window(axis, extent, stride)
        for axis, extent, stride in zip(axes, buffer.shape, buffer.strides, strict=True)
        if len(axis.terms) > 1 or Condition(axis, extent) in conditions
    )
    return Read(((whole, 1), *parts), conditions, windows)


# Residues.


def _phases(summation: Summation) -> list[Summation]:
    """The summation for each residue of its output loops, where denominators then fall away; else itself."""
    axes = [axis for axis in _axes(summation) if axis.denominator != 1]
    moduli: dict[int, int] = {}
    for axis in axes:
        for loop, value in axis.terms:
            period = axis.denominator // gcd(value, axis.denominator)
            moduli[loop] = lcm(moduli.get(loop, 1), period)
    moduli = {loop: modulus for loop, modulus in moduli.items() if modulus > 1}
    if not axes or prod(moduli.values()) > MAXIMAL_PHASES:
        return [summation]
    outer = [loop for loop in moduli if loop in summation.output]
    inner = [loop for loop in moduli if loop not in summation.output]
    result = []
    for residues in product(*[range(moduli[loop]) for loop in outer]):
        given = dict(zip(outer, residues, strict=True))
        found = []
        for others in product(*[range(moduli[loop]) for loop in inner]):
            at = given | dict(zip(inner, others, strict=True))
            if any(_is_excluded(axis, at) for axis in axes):
                continue
            part = _at_residues(summation, moduli, at)
            if part is not None:
                found.append(part)
        if len(found) > 1:
            return [summation]
        if found:
            result.append(found[0])
            continue
        empty = replace(summation, reads=(), conditions=(), summed=())
        part = _at_residues(empty, {loop: moduli[loop] for loop in outer}, given)
        if part is not None:
            result.append(part)
    return result


def _axes(summation: Summation) -> list[Axis]:
    axes = [axis for read in summation.reads for axis, _ in read.places]
    axes += [condition.axis for read in summation.reads for condition in read.conditions]
    axes += [window.axis for read in summation.reads for window in read.windows]
    return axes + [condition.axis for condition in summation.conditions]


def _is_excluded(axis: Axis, at: Mapping[int, int]) -> bool:
    """Whether the address is never integral where these loops have these residues."""
    return (axis.offset + sum(value * at.get(loop, 0) for loop, value in axis.terms)) % axis.denominator != 0


def _at_residues(summation: Summation, moduli: Mapping[int, int], at: Mapping[int, int]) -> Summation | None:
    """The turns `modulus * i + residue` of each loop; None if there are none."""
    extents = {}
    for loop in (*summation.output, *summation.summed):
        count = -(-(summation.extents[loop] - at.get(loop, 0)) // moduli.get(loop, 1))
        if count < 1:
            return None
        extents[loop] = count

    def turn(axis: Axis) -> Axis:
        # A loop that is left with one turn stands at its residue.
        terms = [(loop, value * moduli.get(loop, 1)) for loop, value in axis.terms if extents[loop] > 1]
        offset = axis.offset + sum(value * at.get(loop, 0) for loop, value in axis.terms)
        return Axis(terms, offset, axis.denominator)

    def holds(condition: Condition) -> bool:
        return not condition.axis.always_within(condition.extent, extents)

    def turned(conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
        return tuple(filter(holds, (Condition(turn(c.axis), c.extent) for c in conditions)))

    reads = []
    for read in summation.reads:
        places = [(turn(axis), stride) for axis, stride in read.places]
        whole = combine((axis, stride) for axis, stride in places if axis.denominator == 1)
        parts = [(axis, stride) for axis, stride in places if axis.denominator != 1]
        windows = tuple(Window(turn(w.axis), w.extent, w.stride) for w in read.windows)
        reads.append(Read(((whole, 1), *parts), turned(read.conditions), windows))
    conditions = turned(summation.conditions)
    if any(c.axis.never_within(c.extent, extents) for c in conditions + tuple(c for r in reads for c in r.conditions)):
        return _at_residues(replace(summation, reads=(), conditions=(), summed=()), moduli, at)
    kept = {loop: extent for loop, extent in extents.items() if extent > 1}
    return Summation(
        kept,
        tuple(loop for loop in summation.output if loop in kept),
        tuple(loop for loop in summation.summed if loop in kept),
        tuple(reads),
        conditions,
        tuple(map(turn, summation.places)),
    )


# Loops that move together.


def merged(summation: Summation, group: Iterable[int]) -> tuple[Summation, list[int]]:
    """The summation with loops of a group joined where every address allows it; and what is left of the group."""
    left = list(group)
    done = False
    while not done:
        done = True
        for outer, inner in product(left, left):
            step = summation.extents[inner]
            every = (*_axes(summation), *summation.places)
            if outer != inner and all(axis.coefficient(outer) == axis.coefficient(inner) * step for axis in every):
                summation = _joined(summation, outer, inner)
                left.remove(outer)
                done = False
                break
    return summation, left


def _joined(summation: Summation, outer: int, inner: int) -> Summation:
    """`outer * extent + inner` as the one loop `inner`."""
    extents = dict(summation.extents)
    extents[inner] *= extents.pop(outer)
    names = {loop: loop for loop in extents}
    reads = tuple(
        Read(
            tuple((axis.rename(names), stride) for axis, stride in read.places),
            tuple(Condition(c.axis.rename(names), c.extent) for c in read.conditions),
            tuple(Window(w.axis.rename(names), w.extent, w.stride) for w in read.windows),
        )
        for read in summation.reads
    )
    return replace(
        summation,
        extents=extents,
        output=tuple(loop for loop in summation.output if loop != outer),
        summed=tuple(loop for loop in summation.summed if loop != outer),
        reads=reads,
        conditions=tuple(Condition(c.axis.rename(names), c.extent) for c in summation.conditions),
        places=tuple(axis.rename(names) for axis in summation.places),
    )


def split(summation: Summation, loop: int, turns: int) -> tuple[Summation, int]:
    """The summation with a summed loop as two: `turns` times so many, the outer one with a new number."""
    outer = max(summation.extents) + 1
    step = summation.extents[loop] // turns
    extents = {**summation.extents, loop: step, outer: turns}

    def spread(axis: Axis) -> Axis:
        return Axis([*axis.terms, (outer, axis.coefficient(loop) * step)], axis.offset, axis.denominator)

    reads = tuple(
        Read(
            tuple((spread(axis), stride) for axis, stride in read.places),
            tuple(Condition(spread(c.axis), c.extent) for c in read.conditions),
            tuple(Window(spread(w.axis), w.extent, w.stride) for w in read.windows),
        )
        for read in summation.reads
    )
    conditions = tuple(Condition(spread(c.axis), c.extent) for c in summation.conditions)
    summed = (outer, *summation.summed)
    return replace(summation, extents=extents, summed=summed, reads=reads, conditions=conditions), outer
