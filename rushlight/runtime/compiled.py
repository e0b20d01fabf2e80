"""A compiled plan: a trace expanded, fused, laid out in memory and run as native programs, with an interpreted step where an op has no kernel.

A plan is compiled for the strides that its inputs have. A kernel that meets what only the interpreter can tell (an index out of range, an
integer division by zero) says so, and the whole plan is then interpreted, which raises the user's error.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np

from ..backend.cpu.build import COUNTS, Compiled, Counts, compiled, host_machine
from ..backend.cpu.generate import request
from ..backend.cpu.pool import maker, take
from ..backend.cpu.program import Program, Step
from ..ir.op import bind
from ..ir.type import Type
from ..kernel.buffer import Buffer, Shape
from ..kernel.contraction import Contract
from ..kernel.nest import Nest
from ..passes.donation import LEAST_BYTES, Donations, find
from ..passes.expand import from_key
from ..passes.fuse import Fusion
from ..passes.lower import Launch, Lowering, Place, expense
from ..passes.memory import Layout, lay_out
from ..passes.rematerialise import Chooser, delayed, lives_of, rewritten
from ..passes.support import native
from .lending import is_free
from .overwriting import Overwriting

Array = np.ndarray


LODGING = 8 << 20  # bytes of gradients from which they share a block with what dies before they are written
MUCH = 16 << 20  # bytes of a plan's values from which it is looked at what need not be kept
ALONE = 40_000.0  # vector operations of a program that one thread does sooner than it would wake the others


def work(kernel: Any) -> float:
    """Vector operations of a kernel, roughly."""
    if isinstance(kernel, Nest):
        return prod(kernel.extents) / 16 * sum(1 + expense(s.value) for s in kernel.statements())
    if isinstance(kernel, Contract):
        return prod(kernel.spec.loops) / 16
    return ALONE  # a template: enough to be worth it


def strides_key(inputs: Sequence[Any]) -> tuple[Any, ...]:
    """What of the inputs a compiled plan depends on beside its trace."""
    try:
        return tuple([array.strides for array in inputs])
    except AttributeError:  # a value of several parts
        return tuple([getattr(array, "strides", None) for array in inputs])


@dataclass
class Native:
    """Steps that run as one native call."""

    program: Program
    outside: list[Place]  # its external buffers in order
    fresh: list[int]  # values that get new memory
    launches: list[Launch]
    memory: Layout  # where the others lie
    sizes: dict[int, int]  # their bytes
    over: dict[int, int]  # for values that get new memory, the inputs that they may be written over
    guests: list[int]  # values of its own that lie in the late results' block
    makers: dict[int, Callable[[], Array]]  # of the new memory
    block: Any = None  # a weak reference to the block that the last run made
    apart: bool = False  # whether somebody was seen to keep such a block: each late result then gets memory of its own


@dataclass
class Interpreted:
    """One op evaluated by its record."""

    evaluate: Callable[..., Any]
    operands: list[int]
    result: int


class CompiledPlan:
    """For one (structure, live set, strides of the inputs)."""

    def __init__(self, key: tuple[int, ...], live: tuple[int, ...], inputs: Sequence[Any]) -> None:
        self.graph, self.layout = from_key(key, live)
        self.live = live
        buffers = self._lower(inputs, set())
        if sum(self.graph.types[value].nbytes for value in self.lowering.stored) >= MUCH:
            buffers = self._compute_again(inputs) or buffers
        self.views = self.lowering.views
        self.fusion.elements.forget()
        self.segments: list[Native | Interpreted] = []
        self.kernels = Counts()  # how it came by its kernels
        self._make_segments(_scheduled(self.launches, set(buffers)))
        self._drops = self._last_uses()

    def _lower(self, inputs: Sequence[Any], again: set[int]) -> set[int]:
        """Makes the graph's launches, for inputs with these strides; `again` are values computed again for late readers."""
        graph = self.graph
        found = {value: _buffer(graph.types[value], array) for value, array in zip(graph.inputs, inputs, strict=True)}
        found |= {value: _buffer(graph.types[value], array) for value, array in graph.constants.items()}
        buffers = {value: buffer for value, buffer in found.items() if buffer is not None}
        self.fusion = Fusion(graph, native, {value: buffer.strides for value, buffer in buffers.items()}, again)
        self.lowering = Lowering(self.fusion, buffers)
        self.launches = delayed(self.lowering.launches, again)
        return set(found)

    def _compute_again(self, inputs: Sequence[Any]) -> set[int] | None:
        """Has values computed again that cost more to keep, where the peak is lower then."""
        before = self.graph, self.layout, self.fusion, self.lowering, self.launches
        chooser = Chooser(self.fusion, self.lowering)
        peak, _ = chooser.plan.peak()
        chosen = chooser.choose()
        if not chosen:
            return None
        self.graph, number, again = rewritten(self.graph, chosen)
        self.layout = [tuple(number[v] for v in one) if isinstance(one, tuple) else number[one] for one in self.layout]
        found = self._lower(inputs, again)
        lives = lives_of(self.launches, self.lowering, self.graph)
        if lives.peak()[0] < peak:
            return found
        self.graph, self.layout, self.fusion, self.lowering, self.launches = before
        return None

    def _make_segments(self, runs: list[list[Launch]]) -> None:
        outside = set(self.graph.outputs) | {base for base, *_ in self.views.values()}
        for run in runs:
            if run[0].kernel is None:
                outside.update(place.value for place in run[0].operands)
                outside.update(run[0].results)
        made_in = {value: number for number, run in enumerate(runs) for launch in run for value in launch.results}
        for number, run in enumerate(runs):
            for launch in run:
                outside.update(place.value for place in launch.operands if made_in.get(place.value, -1) != number)
        for number, run in enumerate(runs):
            if run[0].kernel is None:
                self.segments.append(self._interpreted(run[0]))
            else:
                self.segments.append(self._native(run, outside, number == len(runs) - 1))

    def _interpreted(self, launch: Launch) -> Interpreted:
        signature = self.graph.signatures[launch.value]
        assert signature is not None
        return Interpreted(bind(signature), list(self.graph.operands[launch.value]), launch.value)

    def _native(self, run: list[Launch], outside: set[int], last: bool) -> Native:
        donations = self._donations(run, outside, last)
        run = donations.launches
        sizes = {
            value: self.lowering.buffers[value].size * self.lowering.buffers[value].dtype.itemsize
            for launch in run for value in launch.results if value not in outside
        }  # fmt: skip
        steps = [([place.value for place in launch.operands], list(launch.results)) for launch in run]
        kernels = self._compiled(run)
        late = self._late(run, donations, sizes)
        memory = lay_out(steps, sizes, [kernel.parallel for kernel in kernels], donations.over, donations.first, late)
        guests = [value for value in memory.lodged if value not in late]
        places = list(dict.fromkeys(p for launch in run for p in (*launch.operands, *map(Place, launch.results))))
        outer = [place for place in places if place.value not in memory.offsets]
        inside = memory.offsets.keys() | set(guests)
        fresh = [value for launch in run for value in launch.results if value not in inside]
        program = self._program(run, kernels, places, memory, donations.first)
        lent = {result: value for result, value in donations.over.items() if value not in sizes}
        types = self.graph.types
        makers = {value: maker(types[value].shape, types[value].dtype.storage) for value in fresh}
        return Native(program, outer, fresh, run, memory, sizes, lent, guests, makers)

    def _late(self, run: list[Launch], donations: Donations, sizes: dict[int, int]) -> dict[int, int]:
        """Gradients that one step makes together with the new parameter: they live as long as each other, and are written late."""
        found = {}
        for launch in run:
            value = launch.value  # of a contraction, the sums themselves
            updates = any(one in donations.over and one not in sizes for one in launch.results)
            if updates and isinstance(launch.kernel, Contract) and value in launch.results:
                bytes = self.lowering.buffers[value].size * self.lowering.buffers[value].dtype.itemsize
                if value not in donations.over and value not in sizes and bytes >= LEAST_BYTES:
                    found[value] = bytes
        return found if sum(found.values()) >= LODGING else {}

    def _donations(self, run: list[Launch], outside: set[int], last: bool) -> Donations:
        """What a program may write over: values of its own, and the plan's last program the inputs."""
        graph = self.graph
        kept = set(graph.outputs) | {base for base, *_ in self.views.values()}
        lent = set(graph.inputs) - kept if last else set()
        inside = {value for launch in run for value in launch.results} - outside
        risks = [kernel.risk for kernel in self._compiled(run)]
        return find(run, self.lowering.buffers, lent, kept, inside, risks)

    def _compiled(self, run: list[Launch]) -> list[Compiled]:
        machine, before = host_machine(), replace(COUNTS)
        kernels = compiled([request(launch.kernel, machine) for launch in run], machine)
        self.kernels.compiled += COUNTS.compiled - before.compiled
        self.kernels.loaded += COUNTS.loaded - before.loaded
        self.kernels.found += COUNTS.found - before.found
        return kernels

    def _program(
        self, run: list[Launch], kernels: list[Compiled], places: list[Place], memory: Layout, stop: int
    ) -> Program:
        return _program(run, kernels, places, memory, stop)

    def _last_uses(self) -> list[list[int]]:
        """For each segment the values that no later one reads."""
        kept = set(self.graph.outputs) | {base for base, *_ in self.views.values()} | set(self.graph.constants)
        last: dict[int, int] = {}
        for number, segment in enumerate(self.segments):
            if isinstance(segment, Native):
                used = [place.value for place in segment.outside]
            else:
                used = [self.lowering._base(v) for v in segment.operands]
            for value in used:
                last[value] = number
        drops: list[list[int]] = [[] for _ in self.segments]
        for value, number in last.items():
            if value not in kept:
                drops[number].append(value)
        return drops

    def run(self, inputs: list[Any], lending: bool = False) -> list[Any] | None:
        """The values of the live slots; None where a kernel met what only the interpreter can tell.

        `lending`: inputs that nobody else holds may be written over, by a run that does not end so.
        """
        values: dict[int, Any] = dict(self.graph.constants)
        values.update(zip(self.graph.inputs, inputs, strict=True))
        inputs.clear()
        types = self.graph.types
        for segment, drops in zip(self.segments, self._drops, strict=True):
            if isinstance(segment, Native):
                lent = {r: i for r, i in segment.over.items() if is_free(values, i)} if lending and segment.over else {}
                if segment.guests:
                    self._lodge(segment, values)
                for value in segment.fresh:
                    type = types[value]
                    if value in values:
                        continue
                    if value in lent:
                        found = values[lent[value]]
                        values[value] = found if found.shape == type.shape else found.reshape(type.shape)
                    else:
                        values[value] = segment.makers[value]()
                arrays = [
                    values[p.value] if not p.offset else moved(values[p.value], p.offset) for p in segment.outside
                ]
                if lent:  # it is the last segment
                    results = self._results(values)
                    Overwriting.begin(segment.program, self.live, results)
                    return None if segment.program.run(arrays) else results
                if segment.program.run(arrays):
                    return None
            else:
                with np.errstate(all="ignore"):
                    found = segment.evaluate(*[self._operand(values, v) for v in segment.operands])
                # Kernels expect what others compute to be contiguous.
                values[segment.result] = found if isinstance(found, tuple) else np.asarray(found, order="C")
            for value in drops:
                del values[value]
        return self._results(values)

    def _lodge(self, segment: Native, values: dict[int, Any]) -> None:
        """Puts late results and their guests into one block. Where the last run's is still held, whoever holds it gets no second one."""
        memory = segment.memory
        if segment.block is not None and segment.block() is not None:
            segment.apart = True
        block = take((memory.lodging,), np.dtype(np.uint8))
        for value in segment.guests:
            values[value] = np.ndarray((1,), np.uint8, block, memory.lodged[value])
        if segment.apart:
            return
        for value in memory.lodged.keys() - set(segment.guests):
            type = self.graph.types[value]
            values[value] = np.ndarray(type.shape, type.dtype.storage, block, memory.lodged[value])
        segment.block = weakref.ref(block)

    def _results(self, values: dict[int, Any]) -> list[Any]:
        return [
            tuple(self._operand(values, v) for v in one) if isinstance(one, tuple) else self._operand(values, one)
            for one in self.layout
        ]

    def _operand(self, values: dict[int, Any], value: int) -> Any:
        """The array of a value: of a view, made from its base."""
        found = values.get(value)
        if found is not None:
            return found
        alias, type = self.fusion.alias(value), self.graph.types[value]
        assert alias is not None and isinstance(type, Type)
        base, strides, offset = alias
        array = values[base]
        size = array.itemsize
        return view_of(array, type.shape, tuple(s * size for s in strides), offset * size)


def _program(
    run: list[Launch], kernels: list[Compiled], places: list[Place], memory: Layout, stop: int = -1
) -> Program:
    """Launches over a table of places, in native code; from the step `stop` on nothing is run once something has failed."""
    table = {place: number for number, place in enumerate(places)}
    arena = {number: memory.offsets[p.value] + p.offset for p, number in table.items() if p.value in memory.offsets}
    return Program(
        [
            Step(kernel, tuple(table[p] for p in (*launch.operands, *map(Place, launch.results))), barrier, number == stop)
            for number, (kernel, launch, barrier) in enumerate(zip(kernels, run, memory.barriers, strict=True))
        ],
        len(table), arena, memory.bytes, memory.gaps,
        1 if sum(work(launch.kernel) for launch in run) < ALONE else 0,
    )  # fmt: skip


def _buffer(type: Any, array: Any) -> Buffer | None:
    if not isinstance(type, Type):
        return None
    size = type.dtype.itemsize
    return Buffer(type.dtype, type.shape, tuple(stride // size for stride in array.strides))


def moved(array: Array, offset: int) -> Array:
    """A byte at an offset from an array's first element, as an array."""
    return view_of(array, (1,), (array.itemsize,), offset)


def view_of(array: Array, shape: Shape, strides: Shape, offset: int) -> Array:
    """Any elements of an array's memory, in bytes from its first element."""
    if array.size and array.flags.c_contiguous:  # a fifth of the time of the general way
        made = np.ndarray(shape, array.dtype, array, offset, strides)
        made.flags.writeable = False  # nobody's own: its elements may share places
        return made
    interface = dict(array.__array_interface__)
    address, readonly = interface["data"]
    interface.update(data=(address + offset, readonly), shape=shape, strides=strides)
    return np.asarray(_Interface(interface, array))


class _Interface:
    """Memory of another array, seen with other strides; it keeps the other alive."""

    def __init__(self, interface: dict[str, Any], owner: Array) -> None:
        self.__array_interface__ = interface
        self.owner = owner


def _scheduled(launches: list[Launch], known: set[int]) -> list[list[Launch]]:
    """Launches in an order that keeps native ones together: runs of them, and interpreted ones alone."""
    pending, done, runs = list(launches), set(known), []
    while pending:
        run: list[Launch] = []
        left: list[Launch] = []
        for launch in pending:  # they stand in an order in which all could be run
            ready = all(place.value in done for place in launch.operands)
            if launch.kernel is not None and ready:
                run.append(launch)
                done.update(launch.results)
            else:
                left.append(launch)
        if run:
            runs.append(run)
        pending = []
        taken = False
        for launch in left:
            if not taken and launch.kernel is None and all(place.value in done for place in launch.operands):
                runs.append([launch])
                done.update(launch.results)
                taken = True
            else:
                pending.append(launch)
        if not run and not taken:
            raise RuntimeError("launches that wait for each other")
    return runs
