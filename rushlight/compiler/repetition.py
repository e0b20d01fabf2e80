"""A recorded run repeated: values gathered, plans run, results put where the run put them. No op is recorded, no rule asked."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from itertools import repeat
from operator import attrgetter, is_, itemgetter
from typing import Any

import numpy as np

from .. import config
from ..dtype import decode
from ..ir.graph import Node, input_node, mode
from ..ir.type import Type
from ..runtime import events, executor, tier
from ..tensor import Tensor
from ..tensor.layouts import OtherLayout
from ..tensor.promotion import Defaults
from ..tensor.storage import Source, Storage
from ..tensor.tensor import fill_handle
from .recording import Leaf, Origin, Recording
from .structure import rebuilt

_storage, _source, _steps = attrgetter("_storage"), attrgetter("_source"), attrgetter("_steps")
_node, _grad = attrgetter("node"), attrgetter("_grad")
_type, _tracked, _value = attrgetter("type"), attrgetter("tracked"), attrgetter("value")
MISSED = object()  # what a repetition gives where something is not as it was
_new = object.__new__


def _picker(places: list[int]) -> Callable[[list[Any]], list[Any]]:
    """Items of a list at some places, as a list; of many at once in C."""
    if len(places) < 2:
        return lambda pool: [pool[place] for place in places]
    pick = itemgetter(*places)
    return lambda pool: list(pick(pool))


def directly(plan: Any, inputs: list[Any]) -> Any:
    """`runtime.direct.direct`, loaded once a plan has been compiled: it needs the compiler."""
    if not plan.variants:
        return None
    return importlib.import_module("rushlight.runtime.direct").direct(plan, inputs)


class _Numbers:
    """The numbers of a group's update, taken anew from its options."""

    def __init__(self, update: Any, wanted: list[int]) -> None:
        self.group, self.parameters = update.group, update.parameters
        self.options = type(update.optimizer).options
        self.optimizer = update.optimizer
        self._values: list[Any] = []  # of the group
        self._known: Any = None  # the options made of them
        self.record = getattr(self.options(update.group), "update", None)
        first: dict[int, int] = {}
        self.pattern = [first.setdefault(id(s), i) for i, s in enumerate(update.settings)]
        self.wanted = [(i, update.kinds[i]) for i in wanted]

    def _options_now(self) -> Any:
        """The options, those of the step before where the group holds the same."""
        now = [*self.group.values()]
        if self._known is None or len(now) != len(self._values) or not all(map(is_, now, self._values)):
            tensors = any(
                [isinstance(part, Tensor) for value in now for part in (value if type(value) is tuple else (value,))]
            )
            self._values, self._known = now, None
            options = self.options(self.group)
            if not tensors:  # whose values may change in place
                self._known = options
            return options
        self._known.renew()
        return self._known

    def take(self) -> list[Any] | None:
        """The arrays for each wanted parameter, its state advanced; None where the update is another one now."""
        options = self._options_now()
        if options.update is not self.record:
            return None
        state = self.optimizer.state
        settings = [options.at(state.get(parameter)) for parameter in self.parameters]
        if any([settings[i] is not settings[j] for i, j in enumerate(self.pattern)]):
            return None
        return [[node.value for node in settings[i].numbers(kind)] for i, kind in self.wanted]


class Repetition:
    """A recorded run, ready to be repeated."""

    def __init__(self, recording: Recording) -> None:
        slots, recorder = recording.slots, recording.recorder
        self.census, self.setting = slots.census, recording.setting
        self.objects = recording.objects  # whose ids stand in the form, and must stay theirs
        self.given = slots.given
        self.fixed = slots.tensors[slots.given + len(slots.census.named) : slots.owners]
        self.owners, self.graded = slots.owners, slots.graded
        first = slots.owners - len(self.fixed)
        self.ungraded = [i for i in range(first) if slots.grads[i] is None]
        self.fixed_ungraded = [slots.tensors[i] for i in range(first, slots.owners) if slots.grads[i] is None]
        self.pattern = slots.pattern
        self.distinct = slots.pattern == list(range(len(slots.pattern)))
        self._choose(recording)
        self.draws = [draw for _, draw in recorder.draws]
        self._plan_numbers(recorder)
        self._lay_out(recording)
        self.counts = [count._storage for count in recorder.counts]

    # ---- making ----

    def _choose(self, recording: Recording) -> None:
        """Which slots are looked at: not the counts that optimizers advance by themselves, nor gradients that are only replaced."""
        slots, used = recording.slots, recording.used_slots()
        counts = {id(count._storage) for count in recording.recorder.counts}
        start, end = slots.owners - len(self.fixed), slots.owners
        kept = [i for i in range(start, end) if i in used or id(slots.storages[i]) not in counts]
        self.varying = [*range(start), *(i for i in range(end, len(slots.tensors)) if i in used)]
        self.positions = {slot: position for position, slot in enumerate([*self.varying, *kept])}
        self.kept = [slots.tensors[i] for i in kept]
        self.fixed_storages = [slots.storages[i] for i in kept]
        self.fixed_numbers = {*map(id, self.fixed_storages)}
        self.fixed_nodes: list[Any] = [None] * len(kept)
        self.fixed_values: list[Any] = []
        self.fixed_types = [slots.nodes[i].type for i in kept]
        self.fixed_sources, self.fixed_steps = [slots.handles[i][2] for i in kept], [slots.handles[i][1] for i in kept]
        self.fixed_leaves = [source for source in self.fixed_sources if source is not None and source.leaf is not None]
        sources = [slots.handles[i][2] for i in self.varying]
        self.types = [slots.nodes[i].type for i in self.varying]
        self.leaves = [source is not None and source.leaf is not None for source in sources]
        self.steps = [slots.handles[i][1] for i in self.varying]  # of arguments they are compared with the form
        self.named_steps = [(i, slots.handles[i][1]) for i in self.varying if i >= slots.given]

    def _plan_numbers(self, recorder: Any) -> None:
        """Which numbers are taken of which parameter; and those that served several places, which must stay equal."""
        self._places: dict[tuple[int, int, int], int] = {}  # in what the updates give, one after another
        wanted: list[list[int]] = [[] for _ in recorder.updates]
        for claims in recorder.numbers.values():
            for update, parameter, _ in claims:
                if parameter not in wanted[update]:
                    wanted[update].append(parameter)
        self.updates = [_Numbers(u, w) for u, w in zip(recorder.updates, wanted, strict=True)]
        place = 0
        for number, (update, parameters) in enumerate(zip(recorder.updates, wanted, strict=True)):
            for parameter in parameters:
                for i in range(len(update.settings[parameter].numbers(update.kinds[parameter]))):
                    self._places[number, parameter, i] = place
                    place += 1
        self.equal = [
            (self._places[claims[0]], self._places[other])
            for claims in recorder.numbers.values()
            for other in claims[1:]
        ]

    def _lay_out(self, recording: Recording) -> None:
        """The pool: values of slots, draws, numbers, constants, and what each plan makes."""
        slots, recorder = recording.slots, recording.recorder
        self._bases = {"draw": len(self.positions)}
        self._bases["number"] = self._bases["draw"] + len(self.draws)
        base = self._bases["number"] + len(self._places)
        self.constants = list(recording.constants.values())
        self._constants = {origin: base + i for i, origin in enumerate(recording.constants)}
        base += len(self.constants)
        self._made: list[int] = []
        for segment in recorder.segments:
            self._made.append(base)
            base += len(segment.made)
        self.segments = [
            (segment.plan, _picker([self._place(o) for o in inputs]))
            for segment, inputs in zip(recorder.segments, recording.inputs, strict=True)
        ]
        self.ways: list[Any] = [None] * len(self.segments)
        for plan, _ in self.segments:
            tier.hasten(plan)
        self.rebound = [
            (
                i,
                -1 if origin is None else self._place(origin),
                slots.nodes[i].type,
                versions,
                self.positions[i] - len(self.varying),
            )
            for i, origin, versions in recording.rebound
        ]
        self.storages = [
            (self._place(origin), recording.storage_types[i], ghost)
            for i, (origin, ghost) in enumerate(recording.storages)
        ]
        self.handles, self.grads = recording.handles, recording.graded
        self._take_result(recording)

    def _place(self, origin: Origin) -> int:
        kind = origin[0]
        if kind == "constant":
            return self._constants[origin]
        if kind == "made":
            return self._made[origin[1]] + origin[2]
        if kind == "number":
            return self._bases["number"] + self._places[origin[1:]]
        if kind == "slot":
            return self.positions[origin[1]]
        return self._bases[kind] + origin[1]

    def _take_result(self, recording: Recording) -> None:
        def placed(leaf: Leaf) -> Leaf:
            return Leaf("item", self._place(leaf.what), leaf.value) if leaf.kind == "item" else leaf

        self.result = rebuilt(recording.result, placed)
        self.single = self.result if isinstance(self.result, Leaf) else None

    # ---- repeating ----

    def run(self, given: list[Tensor], originals: list[Tensor]) -> Any:
        """What the function returns; MISSED where something is not as it was. Hold the trace's lock."""
        setting = mode.tracking, mode.inference, mode.autocast, Defaults.dtype
        if self.setting != setting or mode.anomaly or not self.census.holds():
            return MISSED
        tensors = [*given, *self.census.named_tensors(), *self.fixed]
        pool = self._gathered(tensors)
        if pool is None:
            return MISSED
        before = [(storage, storage.node, storage.version) for storage in self.counts]
        try:
            if not self._enter_numbers(pool):
                _restore(before)
                return MISSED
            pool += self.constants
            ways, watched = self.ways, events.heard() or tier.Instead.run is not None
            for number, (plan, pick) in enumerate(self.segments):
                inputs = pick(pool)
                way = ways[number]
                made = None if way is None or watched else way.run(inputs)
                if made is None:
                    inputs = pick(pool)
                    made = tier.run(plan, inputs)
                    if not watched and config.TIER != "interp":
                        ways[number] = directly(plan, pick(pool))
                pool += made
        except BaseException:
            _restore(before)
            raise
        return self._finish(pool, tensors, originals)

    def _gathered(self, tensors: list[Any]) -> list[Any] | None:
        """The values of all slots, where they are such as were recorded; the gradients' tensors are added to the list."""
        try:
            if any([tensors[i]._grad is not None for i in self.ungraded]) or not all(
                map(is_, map(_grad, self.fixed_ungraded), repeat(None))
            ):
                return None
            tensors += [tensors[i]._grad for i in self.graded]
            fixed = self._fixed_values()
            others = None if fixed is None else self._varying_values(tensors)
        except (AttributeError, OtherLayout):  # a variable that held a tensor, or a gradient, is gone or sparse
            return None
        return None if fixed is None or others is None else others + fixed

    def _fixed_values(self) -> list[Any] | None:
        """Values of the tensors that are always the same: mostly those that the last repetition left there."""
        if (
            not all(map(is_, map(_storage, self.kept), self.fixed_storages))
            or not all(map(is_, map(_source, self.kept), self.fixed_sources))
            or any([source.hooks for source in self.fixed_leaves])
        ):
            return None
        nodes = [*map(_node, self.fixed_storages)]
        if not all(map(is_, nodes, self.fixed_nodes)):
            if [*map(_steps, self.kept)] != self.fixed_steps:
                return None
            values = _values(self.fixed_storages, nodes, self.fixed_types)
            if values is None:
                return None
            self.fixed_nodes, self.fixed_values = nodes, values
        return self.fixed_values

    def _varying_values(self, tensors: list[Any]) -> list[Any] | None:
        """Values of arguments, of tensors that variables hold, and of gradients."""
        varying = [tensors[i] for i in self.varying]
        for tensor, leaf, steps in zip(varying, self.leaves, self.steps, strict=True):
            source = tensor._source
            if (source is not None and source.leaf is not None) is not leaf or len(tensor._steps) != len(steps):
                return None
            if leaf and (source.hooks or "_post_accumulate_grad_hooks" in tensor.__dict__):
                return None
        if any([tensors[i]._steps is not steps for i, steps in self.named_steps]):
            return None
        storages = [*map(_storage, varying)]
        if self.distinct:
            numbers = {*map(id, storages)}
            if len(numbers) != len(storages) or not numbers.isdisjoint(self.fixed_numbers):
                return None
        elif _pattern(map(_storage, tensors)) != self.pattern:
            return None
        return _values(storages, [*map(_node, storages)], self.types)

    def _enter_numbers(self, pool: list[Any]) -> bool:
        """Adds draws and optimizers' numbers to the pool; False where an update is another one now."""
        numbers: list[Any] = []
        for update in self.updates:
            found = update.take()
            if found is None:
                return False
            for each in found:
                numbers += each
        if self.equal and any([numbers[a] != numbers[b] for a, b in self.equal]):
            return False
        pool += [draw() for draw in self.draws]
        pool += numbers
        return True

    def _finish(self, pool: list[Any], tensors: list[Tensor], originals: list[Tensor]) -> Any:
        """Puts results where the run put them, and returns what it returned."""
        nodes, values = self.fixed_nodes, self.fixed_values
        for slot, place, type, versions, fixed in self.rebound:
            storage = tensors[slot]._storage
            storage.version += versions
            if place >= 0:
                storage.node = node = input_node(pool[place], type)
                if fixed >= 0:
                    nodes[fixed], values[fixed] = node, pool[place]
        storages = []
        for place, type, ghost in self.storages:
            node = input_node(pool[place], type)
            if ghost is not None:
                node.signature, node.label, node.side = ghost.signature, ghost.label, ghost.side
                node.operands, node.tracked = ghost.operands, True
            storages.append(Storage(node))
        made: list[Tensor] = []
        for (kind, number), steps, detached in self.handles:
            tensor: Tensor = _new(Tensor)
            storage = storages[number] if kind == "new" else tensors[number]._storage
            fill_handle(tensor, storage, steps, Source(detached=True) if detached else None)
            made.append(tensor)
        tensors[: self.given] = originals
        for slot, gradient in self.grads:
            tensors[slot]._grad = (
                None if gradient is None else made[gradient[1]] if gradient[0] == "new" else tensors[gradient[1]]
            )

        def part(leaf: Leaf) -> Any:
            kind = leaf.kind
            if kind == "new":
                return made[leaf.what]
            if kind == "slot":
                return tensors[leaf.what]
            return decode(np.asarray(pool[leaf.what]), leaf.value).item() if kind == "item" else leaf.value

        return part(self.single) if self.single is not None else rebuilt(self.result, part)


def _pattern(storages: Any) -> list[int]:
    """For each storage the place where it comes first."""
    first: dict[int, int] = {}
    return [first.setdefault(id(storage), i) for i, storage in enumerate(storages)]


def _values(storages: list[Storage], nodes: list[Node], types: list[Type]) -> list[Any] | None:
    """The values of storages, where those are of their types, without history, and not shared with NumPy."""
    if not all(map(is_, map(_type, nodes), types)) or any(map(_tracked, nodes)):
        return None
    if any([storage.buffer is not None for storage in storages]):
        return None
    values = [*map(_value, nodes)]
    return [executor.value_of(node) for node in nodes] if any([value is None for value in values]) else values


def _restore(before: list[tuple[Storage, Node, int]]) -> None:
    """Puts optimizers' counts back after a run that did not come about."""
    for storage, node, version in before:
        storage.node, storage.version = node, version
