"""A region of a factor copied with its margins, so that it can be read without conditions and windows may overlap.

A convolution reads each element of its input once for each tap; a copy with a margin of zeros costs one pass, and no more than the
region is kept, so that it stays in the second cache.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import gcd, prod

from ....ir.affine import Axis
from ..assembly import Function, Int, vector
from ..values import register_element
from .frame import Frame
from .lanes import Lanes, Values, both, first, inside, numerator, read
from .summation import Condition, Read, Window

SLACK = (
    16  # elements between the parts of a copy that different threads write: the last vector of a line reaches beyond it
)


@dataclass(frozen=True)
class Along:
    """One axis of the copy: a window of the operand, or a loop.

    Args:
        size: its extent in the copy.
        step: elements of the operand from one to the next.
        window: what it is a window of; its coordinate counts `unit`s from the least numerator in the region.
        loop: the loop that it is.
    """

    size: int
    step: int
    window: Window | None = None
    unit: int = 1
    reach: int = 0  # of the loops that lead backwards: how far the least numerator is from the origin's
    loop: int | None = None

    def moves_with(self, loop: int) -> bool:
        return loop == self.loop if self.window is None else loop in self.window.axis.loops


@dataclass(frozen=True)
class Stage:
    """How a region is laid out.

    Args:
        axes: of the copy, the slowest first.
        pitches: elements of the copy from one to the next along each.
        address: where an element is in the copy, as a sum of the factor's loops; from the origin of the region on.
    """

    axes: tuple[Along, ...]
    pitches: tuple[int, ...]
    address: Axis

    @property
    def size(self) -> int:
        return self.pitches[0] * self.axes[0].size


def stage_of(
    read: Read,
    spans: Mapping[int, int],
    units: Sequence[int],
    lane: int | None = None,
    needless: Sequence[Condition] = (),
) -> Stage | None:
    """A copy of a region; None where the read is not made of windows and single loops.

    Args:
        spans: how far the region reaches along each loop.
        units: loops that the region has one turn of.
        lane: a loop whose turns shall lie side by side in the copy.
        needless: conditions that what reads the copy keeps by itself; with no loop left out, their windows need no margins.
    """
    conditions = {window.condition for window in read.windows}
    if any(condition not in conditions for condition in read.conditions):
        return None
    rest = dict(read.address.terms)
    axes: list[Along] = []
    taken: set[int] = set()
    for window in read.windows:
        terms = [(loop, value) for loop, value in window.axis.terms if loop in spans]
        if any(loop in taken for loop, _ in terms):
            return None
        taken |= {loop for loop, _ in terms}
        for loop, value in window.axis.terms:
            rest[loop] = rest.get(loop, 0) - value * window.stride
        moving = [(loop, value) for loop, value in terms if spans[loop] > 1]
        unit = gcd(*[value for _, value in moving]) or 1
        size = sum(abs(value) * (spans[loop] - 1) for loop, value in moving) // unit + 1
        reach = sum(value * (spans[loop] - 1) for loop, value in moving if value < 0)
        if window.condition in needless and unit == 1 and not units:
            low = max(0, window.axis.offset + reach)
            size = min(window.extent, window.axis.offset + reach + size) - low
            reach = low - window.axis.offset
        axes.append(Along(size, window.stride * unit, window, unit, reach))
    for loop, value in rest.items():
        if not value or loop in units:
            continue
        if loop in taken:
            return None
        axes.append(Along(spans[loop], value, loop=loop))
    axes.sort(key=lambda along: (lane is not None and along.moves_with(lane), -abs(along.step)))
    pitches = [prod(along.size for along in axes[place + 1 :]) for place in range(len(axes))]
    if len(pitches) > 1:
        pitches[0] += SLACK
    return Stage(tuple(axes), tuple(pitches), _address(axes, pitches, spans))


def _address(axes: Sequence[Along], pitches: Sequence[int], spans: Mapping[int, int]) -> Axis:
    factors: dict[int, int] = {}
    offset = 0
    for along, pitch in zip(axes, pitches, strict=True):
        if along.window is None:
            assert along.loop is not None
            factors[along.loop] = pitch
        else:
            for loop, value in along.window.axis.terms:
                if spans.get(loop, 1) > 1:
                    factors[loop] = value // along.unit * pitch
            offset -= along.reach // along.unit * pitch
    return Axis(factors, offset)


def emit_stage(
    frame: Frame,
    one: Read,
    stage: Stage,
    number: int,
    target: str,
    origin: Values,
    bounds: tuple[Int, Int] | None = None,
    turns: Mapping[int | None, Int] | None = None,
) -> None:
    """Copies the region whose loops begin at `origin`.

    Args:
        number: which operand it is of.
        bounds: what of its slowest axis.
        turns: how many turns of loops that are axes, where that is known only when the kernel runs.
    """
    names = {place: -1 - place for place in range(len(stage.axes))}
    terms = list(one.address.terms)
    shift = one.address.offset
    conditions: list[Condition | None] = []
    for place, along in enumerate(stage.axes):
        terms.append((names[place], along.step))
        if along.window is None:
            conditions.append(None)
            continue
        window = along.window
        shift += along.reach * window.stride
        axis = Axis([*window.axis.terms, (names[place], along.unit)], window.axis.offset + along.reach)
        conditions.append(Condition(axis, window.extent) if window.condition in one.conditions else None)
    limits: list[tuple[Int, Int]] = [(0, along.size) for along in stage.axes]
    for place, along in enumerate(stage.axes):
        if turns and along.loop in turns:
            limits[place] = (0, turns[along.loop])
    if bounds is not None:
        limits[0] = bounds
    _Copy(frame, stage, Axis(terms, shift), conditions, number, target, limits).along(0, dict(origin), 0, None)


@dataclass(frozen=True)
class _Copy:
    """Loops over the axes of a copy, which are loops -1, -2, … here."""

    frame: Frame
    stage: Stage
    address: Axis
    conditions: Sequence[Condition | None]
    number: int
    target: str
    limits: Sequence[tuple[Int, Int]]

    def along(self, place: int, values: dict[int, Int], line: Int, sound: str | None) -> None:
        """Goes along the axes from `place` on, from the element `line` of the copy; `sound` tells whether the axes before are inside."""
        function, name = self.frame.function, -1 - place
        if place == len(self.stage.axes) - 1:
            self._line(values, line, sound)
            return
        with function.loop(*self.limits[place]) as turn:
            here = {**values, name: turn.index}
            test = sound
            condition = self.conditions[place]
            if condition is not None:
                holds = function.compare("ult", numerator(function, condition.axis, here), condition.extent)
                test = holds if test is None else function.binary("and", "i1", test, holds)
            following = function.add(line, function.mul(turn.index, self.stage.pitches[place]))
            self.along(place + 1, here, following, test)

    def _line(self, values: dict[int, Int], line: Int, sound: str | None) -> None:
        """Copies along the last axis by vectors, which may write beyond a line into the next."""
        frame, function, width = self.frame, self.frame.function, self.frame.width
        place = len(self.stage.axes) - 1
        along, name, condition = self.stage.axes[place], -1 - place, self.conditions[place]
        at, bounds = Lanes.along(name, width), self.limits[place]
        with function.loop(*bounds, width) as turn:
            here = {**values, name: turn.index}
            mask = None
            if bounds != (0, along.size) or along.size % width:
                mask = first(function, function.sub(bounds[1], turn.index), width)
            if condition is not None:
                mask = both(function, mask, inside(function, condition.axis, condition.extent, here, at), width)
            if sound is not None:
                mask = both(function, mask, function.splat(vector("i1", width), sound), width)
            base, dtype = frame.operands[self.number], frame.dtypes[self.number]
            value = read(function, dtype, base, self.address, here, Lanes(width, at.steps, mask))
            spot = function.pointer(self.target, function.add(line, turn.index), register_element(frame.dtype))
            function.store(vector(frame.element, width), value.text, spot, frame.size)


def relative(function: Function, stage: Stage, values: Values, origin: Values) -> Int:
    """Where in the copy the element at `values` is; summed loops at 0, and loops at 0 that `origin` lacks."""
    total: Int = stage.address.offset
    for loop, factor in stage.address.terms:
        if loop in values:
            total = function.add(total, function.mul(function.sub(values[loop], origin.get(loop, 0)), factor))
    return total
