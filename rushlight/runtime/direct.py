"""A compiled plan of one native call, run with nothing in between: for who repeats it with operands known to fit.

Small results live in the arrays of the run before last, where nobody holds those any more: a parameter and its states change places
between two arrays. Bigger ones are left to the pool.
"""

from __future__ import annotations

import sys
from operator import attrgetter, itemgetter
from typing import Any

import numpy as np

from ..backend.cpu.pool import BIG, Array, maker
from ..ir.type import Type
from . import events, tier
from .compiled import CompiledPlan, Native
from .plan import Plan

_strides, _base = attrgetter("strides"), attrgetter("base")
_count = sys.getrefcount


def _held(arrays: list[Array]) -> list[int]:
    """How often each array is referred to, then each one's memory: a view's base is the memory, and not the array that it was made from."""
    return [*map(_count, arrays), *map(_count, map(_base, arrays))]


_UNHELD = _held([maker((1,), np.dtype(np.float32))()])  # by a list alone; it depends on how Python calls


class Direct:
    """A plan's variant for the strides of some inputs."""

    def __init__(self, plan: CompiledPlan, inputs: list[Any]) -> None:
        (segment,) = plan.segments
        assert isinstance(segment, Native)
        graph = plan.graph
        self._program = segment.program
        self._expected = [array.strides for array in inputs]
        place = {value: i for i, value in enumerate(graph.inputs)}
        constants = list(graph.constants)
        place |= {value: len(inputs) + i for i, value in enumerate(constants)}
        place |= {value: len(inputs) + len(constants) + i for i, value in enumerate(segment.fresh)}
        self._constants = [graph.constants[value] for value in constants]
        self._arrange = itemgetter(
            *[place[p.value] for p in segment.outside], 0
        )  # the last so that it is always a tuple
        order = {value: i for i, value in enumerate(segment.fresh)}
        self._outputs = itemgetter(*[order[value] for value in plan.layout if not isinstance(value, tuple)], 0)
        self._makers = [_maker(graph.types[value]) for value in segment.fresh]
        self._small = [i for i, (_, small) in enumerate(self._makers) if small]
        self._spare: list[Array] = [self._makers[i][0]() for i in self._small]
        self._current: list[Array] = [self._makers[i][0]() for i in self._small]
        self._unheld = [_UNHELD[0]] * len(self._small) + [_UNHELD[1]] * len(self._small)

    def run(self, inputs: list[Any]) -> tuple[Any, ...] | None:
        """The values of the live slots; None where the strides are others, or a kernel met what only the interpreter can tell."""
        if [*map(_strides, inputs)] != self._expected:
            return None
        spare, makers = self._spare, self._makers
        held, unheld = _held(spare), self._unheld
        if held != unheld:
            count = len(spare)
            for i in range(count):
                if held[i] != unheld[i] or held[count + i] != unheld[count + i]:
                    spare[i] = makers[self._small[i]][0]()
        if len(spare) == len(makers):
            fresh = spare
        else:
            small = iter(spare)
            fresh = [next(small) if is_small else make() for make, is_small in makers]
        inputs += self._constants
        inputs += fresh
        arrays = list(self._arrange(inputs))
        arrays.pop()
        if self._program.run(arrays):
            return None
        self._spare, self._current = self._current, spare
        return self._outputs(fresh)[:-1]


def _maker(type: Any) -> tuple[Any, bool]:
    assert isinstance(type, Type)
    return maker(type.shape, type.dtype.storage), type.nbytes < BIG


def direct(plan: Plan, inputs: list[Any]) -> Direct | None:
    """How a plan is run directly with such inputs; None where it is not one native call, or is interpreted."""
    if tier.Instead.run is not None or events.heard():
        return None
    try:
        strides = tuple([array.strides for array in inputs])
    except AttributeError:  # a value of several parts
        return None
    found: Any = plan.variants.get(strides)
    if found is None or len(found.segments) != 1 or not isinstance(found.segments[0], Native):
        return None
    segment = found.segments[0]
    known = {*found.graph.inputs, *found.graph.constants, *segment.fresh}
    if any(place.offset or place.value not in known for place in segment.outside):
        return None
    if any(isinstance(value, tuple) or value not in segment.fresh for value in found.layout):
        return None
    return Direct(found, inputs)
