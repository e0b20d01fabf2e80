"""What a contraction is, its derivative, and its meaning by enumeration."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ...errors import InternalError
from ..affine import Axis, loop_axis

Shape = tuple[int, ...]
Map = tuple[Axis, ...]
Guard = tuple[Axis, int]


class Contraction:
    """`out[o] = sum over r of the product over k of in_k[maps[k](o, r)]`; immutable and interned.

    A term counts only where every read is integral and inside its operand, and every guard's address is integral and in
    [0, its extent). (Whether a term that does not count may turn a non-finite factor into NaN is left open.)

    The constructor renumbers loops, so that contractions which differ in names alone are the same object: the output's
    loops come first, in order, then the summed ones as the maps meet them. A loop of extent 1 stands at 0 and falls out
    of every address; guards that always hold are dropped.

    Args:
        loops: the extent of each loop.
        output: the loops that index the output, each once; all others are summed.
        maps: for each operand an address for each of its axes.
        guards: (address, extent) pairs.

    >>> Contraction((2, 4, 3), (0, 1), [[Axis({0: 1}), Axis({2: 1})], [Axis({2: 1}), Axis({1: 1})]])
    out[o0:2, o1:4] = sum[r0:3] in0[o0, r0] * in1[r0, o1]
    """

    __slots__ = ("loops", "output", "maps", "guards", "output_shape", "__weakref__")
    loops: tuple[int, ...]
    output: tuple[int, ...]
    maps: tuple[Map, ...]
    guards: tuple[Guard, ...]
    output_shape: Shape

    _interned: weakref.WeakValueDictionary[Any, Contraction] = weakref.WeakValueDictionary()
    _lock = threading.Lock()

    def __new__(
        cls,
        loops: Sequence[int],
        output: Sequence[int],
        maps: Iterable[Iterable[Axis]],
        guards: Iterable[Guard] = (),
    ) -> Contraction:
        key = _canonical(tuple(loops), tuple(output), tuple(map(tuple, maps)), tuple(guards))
        with cls._lock:
            found = cls._interned.get(key)
            if found is None:
                found = object.__new__(cls)
                for name, value in zip(("loops", "output", "maps", "guards"), key, strict=True):
                    object.__setattr__(found, name, value)
                object.__setattr__(found, "output_shape", found.loops[: len(found.output)])
                cls._interned[key] = found
        return found

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Contraction does not change: {name}")

    def __reduce__(self) -> tuple[Any, ...]:
        return Contraction, (self.loops, self.output, self.maps, self.guards)

    def __repr__(self) -> str:
        rank = len(self.output)

        def name(loop: int) -> str:
            return f"o{loop}" if loop < rank else f"r{loop - rank}"

        def listed(loops: range) -> str:
            return ", ".join(f"{name(loop)}:{self.loops[loop]}" for loop in loops)

        summed = range(rank, len(self.loops))
        reads = [f"in{k}[{', '.join(axis.text(name) for axis in axes)}]" for k, axes in enumerate(self.maps)]
        text = f"out[{listed(range(rank))}] = {f'sum[{listed(summed)}] ' if summed else ''}{' * '.join(reads)}"
        if self.guards:
            text += " where " + " and ".join(f"0 <= {axis.text(name)} < {extent}" for axis, extent in self.guards)
        return text

    def verify(self, shapes: Sequence[Shape]) -> None:
        """Raises an InternalError unless operands of these shapes fit."""
        if len(shapes) != len(self.maps):
            raise InternalError(f"{len(shapes)} operands for {self!r}")
        for k, (axes, shape) in enumerate(zip(self.maps, shapes, strict=True)):
            if len(axes) != len(shape):
                raise InternalError(f"operand {k} of shape {shape} for {self!r}")


def _canonical(
    extents: Shape, output: tuple[int, ...], maps: tuple[Map, ...], guards: tuple[Guard, ...]
) -> tuple[Shape, tuple[int, ...], tuple[Map, ...], tuple[Guard, ...]]:
    """Checked, renumbered and simplified; a fixed point of itself."""
    axes = [axis for one in maps for axis in one] + [axis for axis, _ in guards]
    known = range(len(extents))
    if not maps:
        raise InternalError("a contraction without operands")
    if any(extent < 0 for extent in extents) or not set(output) <= set(known) or len(set(output)) != len(output):
        raise InternalError(f"a contraction with loops {extents} and output loops {output}")
    if any(loop not in known for axis in axes for loop in axis.loops):
        raise InternalError(f"an address names a loop that is not among {len(extents)}")

    order = {loop: number for number, loop in enumerate(output)}
    for axis in axes:
        terms = sorted(axis.terms, key=lambda term: (-abs(term[1]), extents[term[0]], term[0]))
        for loop, _ in terms:
            if extents[loop] != 1:
                order.setdefault(loop, len(order))
    for loop in known:
        if extents[loop] != 1:
            order.setdefault(loop, len(order))
    names = {loop: number for loop, number in order.items() if extents[loop] != 1}
    loops = tuple(extents[loop] for loop in order)
    renamed = tuple(tuple(axis.rename(names) for axis in one) for one in maps)
    return loops, tuple(range(len(output))), renamed, _simplified([(a.rename(names), e) for a, e in guards], loops)


def _simplified(guards: list[Guard], loops: Shape) -> tuple[Guard, ...]:
    if 0 in loops:  # no terms at all
        return ()
    tightest: dict[Axis, int] = {}
    for axis, extent in guards:
        if not axis.always_within(extent, loops):
            tightest[axis] = min(extent, tightest.get(axis, extent))
    return tuple(sorted(tightest.items(), key=lambda guard: (guard[0].terms, guard[0].offset, guard[0].denominator)))


@lru_cache(maxsize=4096)
def vjp(contraction: Contraction, j: int, shape: Shape) -> Contraction:
    """The contraction that maps (g, the other operands) to the cotangent of operand `j`, whose shape is `shape`.

    Each axis of operand j gets an output loop, and the equation "address = that loop" is solved for one loop of the
    address, its pivot, which is then replaced everywhere; a guard keeps the pivot integral and in its range. An
    equation left without a loop to solve for (a constant address, a diagonal) becomes a guard itself. So there is
    always a vjp, and it is again a contraction. Which pivot is a question of cost: the longest loop goes.

    >>> matmul = Contraction((2, 4, 3), (0, 1), [[Axis({0: 1}), Axis({2: 1})], [Axis({2: 1}), Axis({1: 1})]])
    >>> vjp(matmul, 0, (2, 3))
    out[o0:2, o1:3] = sum[r0:4] in0[o0, r0] * in1[o1, r0]
    """
    old = len(contraction.loops)
    extents = contraction.loops + shape
    maps: list[list[Axis]] = [[loop_axis(o) for o in contraction.output]]
    maps += [list(axes) for k, axes in enumerate(contraction.maps) if k != j]
    guards = list(contraction.guards)
    pending = {old + i: axis for i, axis in enumerate(contraction.maps[j])}
    eliminated: set[int] = set()
    while pending:
        address, pivot = _choose_pivot(pending, extents, old)
        axis = pending.pop(address)
        if pivot is None:
            guards.append((axis.equation(address), 1))
            continue
        solution = axis.solve(pivot, address)
        maps = [[read.substitute(pivot, solution) for read in axes] for axes in maps]
        guards = [(guard.substitute(pivot, solution), extent) for guard, extent in guards]
        pending = {other: left.substitute(pivot, solution) for other, left in pending.items()}
        guards.append((solution, extents[pivot]))
        eliminated.add(pivot)

    # g is read at the old output's loops, so it guards those by itself.
    implied = set(zip(maps[0], contraction.output_shape, strict=True))
    guards = [guard for guard in guards if guard not in implied]
    kept = [loop for loop in range(len(extents)) if loop not in eliminated]
    names = {loop: number for number, loop in enumerate(kept)}
    return Contraction(
        [extents[loop] for loop in kept],
        [names[old + i] for i in range(len(shape))],
        [[axis.rename(names) for axis in axes] for axes in maps],
        [(axis.rename(names), extent) for axis, extent in guards],
    )


def _choose_pivot(pending: dict[int, Axis], extents: Shape, old: int) -> tuple[int, int | None]:
    """An equation, by its output loop, and what to solve it for: the longest loop, if possible one no other has."""
    uses: dict[int, int] = {}
    for axis in pending.values():
        for loop in axis.loops:
            uses[loop] = uses.get(loop, 0) + 1
    candidates = [
        ((uses[loop] == 1, extents[loop], -abs(value), -loop), address, loop)
        for address, axis in pending.items()
        for loop, value in axis.terms
        if loop < old
    ]
    if not candidates:
        return next(iter(pending)), None
    _, address, loop = max(candidates)
    return address, loop


def enumerate_contraction(contraction: Contraction, *arrays: np.ndarray) -> np.ndarray:
    """The meaning, term by term, which `evaluate` is tested against. Arithmetic is NumPy's in the operands' dtype."""
    contraction.verify([array.shape for array in arrays])
    loops = contraction.loops
    grid = np.indices(loops, sparse=True)

    def address(axis: Axis, extent: int) -> tuple[np.ndarray, np.ndarray]:
        numerator = np.full(loops, axis.offset)
        for loop, value in axis.terms:
            numerator += value * grid[loop]
        quotient, remainder = np.divmod(numerator, axis.denominator)
        return quotient, (remainder == 0) & (quotient >= 0) & (quotient < extent)

    counts = np.ones(loops, bool)
    for axis, extent in contraction.guards:
        counts &= address(axis, extent)[1]
    product = np.ones(loops, arrays[0].dtype)
    for axes, array in zip(contraction.maps, arrays, strict=True):
        index = []
        for axis, extent in zip(axes, array.shape, strict=True):
            quotient, valid = address(axis, extent)
            counts &= valid
            index.append(np.where(valid, quotient, 0))
        product = product * (array[tuple(index)] if array.size else np.zeros(loops, array.dtype))
    summed = tuple(range(len(contraction.output), len(loops)))
    return np.add.reduce(np.where(counts, product, product.dtype.type(0)), axis=summed, dtype=product.dtype)
