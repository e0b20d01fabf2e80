"""Any contraction, as plain loops: a vector of results at a time, or a vector of terms of one sum.

For what is no product of matrices: sums over windows, three factors and more, integers, a matrix times a vector, depthwise
convolutions, odd addresses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

from ....dtype import dtype as ElementType
from ..assembly import Function, Int, constant, suffix, vector
from ..values import gather, register_element
from .frame import Frame, digits
from .lanes import Lanes, Values, both, first, inside, quotient, read
from .summation import Read, Summation

GATHER = 0.2  # how a lane read on its own compares with one of a vector


@dataclass(frozen=True)
class Sweep:
    """A part of the results: `count` turns, each of `lanes` lanes, from `start` on along a loop."""

    loop: int | None
    start: int
    count: int
    width: int
    masked: bool


def emit_general(frame: Frame, summation: Summation) -> None:
    """Adds loops that compute a summation."""
    width = frame.machine.width(max(4, frame.dtype.itemsize) if frame.dtype.is_floating_point else frame.dtype.itemsize)
    lane = best_lane(frame, summation, width)
    if lane is not None and lane in summation.summed:
        _emit_sweep(frame, summation, Sweep(None, 0, 1, 1, False), (lane, width))
        return
    for sweep in sweeps(summation, lane, width, frame.machine.masks):
        _emit_sweep(frame, summation, sweep, None)


def sweeps(summation: Summation, lane: int | None, width: int, masks: bool) -> list[Sweep]:
    """How to go along a loop of the output: whole vectors, and a rest."""
    if lane is None:
        return [Sweep(None, 0, 1, 1, False)]
    extent = summation.extents[lane]
    if masks and extent % width:
        return [Sweep(lane, 0, -(-extent // width), width, True)]
    whole = extent // width
    rest = Sweep(lane, whole * width, extent - whole * width, 1, False)
    return [*([Sweep(lane, 0, whole, width, False)] if whole else []), *([rest] if rest.count else [])]


def best_lane(frame: Frame, summation: Summation, width: int) -> int | None:
    """The loop to put in lanes; None if it is better to compute one number at a time."""
    best, found = 1.5, None
    for loop, extent in summation.extents.items():
        vectors = extent / (-(-extent // width) * width)
        parts = [_smoothness(read, loop) for read in summation.reads]
        if loop in summation.output:
            writes = summation.places[: len(frame.kernel.results)]
            parts += [1.0 if place.coefficient(loop) == 1 else GATHER for place in writes]
        elif any(part < 1 for part in parts) or extent < width or not frame.dtype.is_floating_point:
            continue
        else:
            parts.append(0.8)
        score = vectors * width * sum(parts) / len(parts)
        if score > best:
            best, found = score, loop
    return found


def _smoothness(read: Read, loop: int) -> float:
    """What lanes along a loop cost to read, 1 for neighbours and for one element for all."""
    if any(loop in axis.loops for axis, _ in read.places[1:]):
        return GATHER / 2
    return 1.0 if read.places[0][0].coefficient(loop) in (0, 1) else GATHER


def _emit_sweep(frame: Frame, summation: Summation, sweep: Sweep, dot: tuple[int, int] | None) -> None:
    function = frame.function
    outer = [loop for loop in summation.output if loop != sweep.loop]
    extents = [summation.extents[loop] for loop in outer]
    low, high = frame.share(prod(extents) * sweep.count)
    with function.loop(low, high) as turn:
        *place, step = digits(function, turn.index, [*extents, sweep.count])
        values: dict[int, Int] = dict(zip(outer, place, strict=True))
        at = Lanes()
        if sweep.loop is not None:
            begin = function.add(function.mul(step, sweep.width), sweep.start)
            values[sweep.loop] = begin
            mask = None
            if sweep.masked:
                mask = first(function, function.sub(summation.extents[sweep.loop], begin), sweep.width)
            at = Lanes.along(sweep.loop, sweep.width, mask) if sweep.width > 1 else at
        total = _total(frame, summation, values, at) if dot is None else _dot(frame, summation, values, *dot)
        frame.epilogue.emit(function, total, summation.places, frame.bases, values, at)


# Sums.


def _total(frame: Frame, summation: Summation, values: Values, at: Lanes) -> str:
    """The sum for each lane."""
    type = vector(register_element(frame.dtype), at.width)
    zero = constant(type, 0)
    if not summation.reads:
        return zero
    if not summation.summed:  # the product itself: added to 0, a negative 0 would lose its sign
        return _product(frame, summation, values, at)

    def add(here: Values, total: str) -> str:
        return _add_term(frame, summation, here, at, total)

    return _over(frame.function, summation, _by_stride(summation), values, type, zero, add)


def _over(
    function: Function,
    summation: Summation,
    loops: Sequence[int],
    values: Values,
    type: str,
    start: str,
    body: Callable[[Values, str], str],
) -> str:
    """Carries a value through nested loops."""
    if not loops:
        return body(values, start)
    outer, *rest = loops
    with function.loop(0, summation.extents[outer], carried=[(type, start)]) as turn:
        here = {**values, outer: turn.index}
        turn.next = [_over(function, summation, rest, here, type, turn.carried[0], body)]
    return turn.results[0]


def _dot(frame: Frame, summation: Summation, values: Values, lane: int, width: int) -> str:
    """The sum of all terms, a vector of them at a time along a summed loop."""
    function = frame.function
    element = register_element(frame.dtype)
    type, extent = vector(element, width), summation.extents[lane]
    outer = [loop for loop in _by_stride(summation) if loop != lane]

    def along(here: Values, total: str) -> str:
        whole = extent // width * width
        with function.loop(0, whole, width, carried=[(type, total)]) as turn:
            at = Lanes.along(lane, width)
            turn.next = [_add_term(frame, summation, {**here, lane: turn.index}, at, turn.carried[0])]
        total = turn.results[0]
        if whole != extent and frame.machine.masks:
            mask = first(function, extent - whole, width)
            total = _add_term(frame, summation, {**here, lane: whole}, Lanes.along(lane, width, mask), total)
        elif whole != extent:
            with function.loop(whole, extent, carried=[(element, constant(element, 0))]) as turn:
                turn.next = [_add_term(frame, summation, {**here, lane: turn.index}, Lanes(), turn.carried[0])]
            total = function.binary(
                "fadd",
                type,
                total,
                function.emit(f"insertelement {type} zeroinitializer, {element} {turn.results[0]}, i64 0"),
            )
        return total

    total = _over(function, summation, outer, values, type, constant(type, 0), along)
    arguments = [(element, constant(element, -0.0)), (type, total)]
    return function.call(f"llvm.vector.reduce.fadd.{suffix(type)}", element, arguments, "reassoc")


def _by_stride(summation: Summation) -> list[int]:
    """Summed loops, those that take the longest steps first."""

    def step(loop: int) -> int:
        return max(abs(read.places[0][0].coefficient(loop)) for read in summation.reads)

    return sorted(summation.summed, key=step, reverse=True)


# Terms.


def _add_term(frame: Frame, summation: Summation, values: Values, at: Lanes, total: str) -> str:
    """`total` and the product of what is read, where every condition holds."""
    function, floating = frame.function, frame.dtype.is_floating_point
    type = vector(register_element(frame.dtype), at.width)
    *others, last = _factors(frame, summation, values, at)
    if floating and frame.machine.fma and others:
        return function.fma(type, _multiplied(frame, type, others), last, total)
    return function.binary("fadd" if floating else "add", type, total, _multiplied(frame, type, [*others, last]))


def _product(frame: Frame, summation: Summation, values: Values, at: Lanes) -> str:
    type = vector(register_element(frame.dtype), at.width)
    return _multiplied(frame, type, _factors(frame, summation, values, at))


def _multiplied(frame: Frame, type: str, factors: Sequence[str]) -> str:
    product = factors[0]
    for factor in factors[1:]:
        product = frame.function.binary("fmul" if frame.dtype.is_floating_point else "mul", type, product, factor)
    return product


def _factors(frame: Frame, summation: Summation, values: Values, at: Lanes) -> list[str]:
    """What is read; 0 where a condition does not hold."""
    function = frame.function
    conditions = [*summation.conditions, *(c for read in summation.reads for c in read.conditions)]
    mask = at.mask
    for condition in dict.fromkeys(conditions):
        mask = both(function, mask, inside(function, condition.axis, condition.extent, values, at), at.width)
    here = Lanes(at.width, at.steps, mask)
    return [
        _factor(function, dtype, base, one, values, here)
        for dtype, base, one in zip(frame.dtypes, frame.operands, summation.reads, strict=True)
    ]


def _factor(function: Function, dtype: ElementType, base: str, one: Read, values: Values, at: Lanes) -> str:
    """What one operand gives."""
    if one.integral:
        return read(function, dtype, base, one.address, values, at).text
    (whole, _), *parts = one.places
    index = quotient(function, whole, values, at)
    for axis, stride in parts:
        part = quotient(function, axis, values, at)
        scaled = function.binary("mul", part.type, part.text, constant(part.type, stride))
        index = type(index)(function.binary("add", index.type, index.text, scaled), index.dtype, at.width)
    return gather(function, dtype, base, index, at.width, at.mask).text
