"""One recorded run, told as what a repetition does: where each input of its plans comes from, and where the results go.

An input comes from a tensor that can be reached (an argument, a parameter, a state, a gradient), from a draw, from an optimizer's
numbers, from an earlier plan, or is a constant. What cannot be told refuses the recording: it is never guessed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from ..ir.graph import Node, Side, input_node, mode
from ..ir.lasting import is_lasting
from ..nn.modules import hooks as module_hooks
from ..optim import optimizer
from ..runtime import executor
from ..tensor import Tensor
from ..tensor.geometry import strided
from ..tensor.promotion import Defaults
from .census import SPARSE, Census, Refused
from .recorder import Number, Recorder
from .structure import ATOMS, rebuilt

# Dicts of the hooks of all modules and optimizers.
HOOKS = [
    value
    for module in (module_hooks, optimizer)
    for name, value in vars(module).items()
    if name.startswith("_global") and isinstance(value, dict)
]

Origin = tuple[
    Any, ...
]  # ("slot", i), ("draw", i), ("number", update, parameter, place), ("made", segment, i), ("constant", text)


class Handle(NamedTuple):
    """A tensor that a run makes: which of its storages it reads, and how."""

    storage: Any  # ("slot", i) or ("new", i)
    steps: tuple[Any, ...]
    detached: bool


class Slots:
    """All tensors that can be reached, with what was so before the run."""

    def __init__(self, given: list[Tensor], census: Census) -> None:
        self.given, self.census = len(given), census
        tensors = [*given, *census.named_tensors(), *census.tensors]
        if any([tensor.layout is not strided for tensor in tensors]):
            raise Refused(SPARSE)
        self.graded = [i for i, tensor in enumerate(tensors) if tensor._grad is not None]
        self.owners = len(tensors)
        self.tensors: list[Tensor] = [*tensors, *[tensors[i]._grad for i in self.graded]]  # type: ignore[list-item]
        if any([tensor.layout is not strided for tensor in self.tensors]):
            raise Refused(SPARSE)
        self._make_distinct()
        self.storages = [tensor._storage for tensor in self.tensors]
        self.nodes = [storage.node for storage in self.storages]
        self.versions = [storage.version for storage in self.storages]
        self.handles = [(tensor._storage, tensor._steps, tensor._source) for tensor in self.tensors]
        self.grads = [tensor._grad for tensor in tensors]
        first: dict[int, int] = {}
        self.pattern = [first.setdefault(id(storage), i) for i, storage in enumerate(self.storages)]
        self.of_node = {id(node): self.pattern[i] for i, node in enumerate(self.nodes)}
        self.of_array = {id(node.value): self.pattern[i] for i, node in enumerate(self.nodes)}
        self.of_tensor: dict[int, int] = {}
        for i, tensor in enumerate(self.tensors):
            self.of_tensor.setdefault(id(tensor), i)

    def _make_distinct(self) -> None:
        """Storages that came to share a node or an array (`a.copy_(b)`) get one each, so that an input tells which was read."""
        seen: set[int] = set()
        for storage in {id(tensor._storage): tensor._storage for tensor in self.tensors}.values():
            node = storage.node
            if not node.tracked and storage.buffer is None and isinstance(node.value, np.ndarray):
                if id(node) in seen or id(node.value) in seen:
                    node = storage.node = input_node(node.value.view(), node.type)
                seen.update((id(node), id(node.value)))


@dataclass(frozen=True)
class Leaf:
    """A part of a result: a tensor ("slot" or "new", and its number), a number ("item"), an "atom", or an "object" of before."""

    kind: str
    what: Any  # what tells it from others
    value: Any = field(default=None, compare=False)


class Recording:
    """What a run was."""

    def __init__(self, slots: Slots, recorder: Recorder, result: Any) -> None:
        self.slots, self.recorder = slots, recorder
        self.objects: list[Any] = []  # the arguments that are compared by identity
        self.setting = (mode.tracking, mode.inference, mode.autocast, Defaults.dtype)
        self.constants: dict[Origin, Any] = {}
        self._constant_nodes: set[int] = set()
        self._keep: list[Any] = []  # what the numbers above are of
        self._made = {id(n): (s, i) for s, seg in enumerate(recorder.segments) for i, n in enumerate(seg.made)}
        self._made_arrays = {
            id(n.value): (s, i) for s, seg in enumerate(recorder.segments) for i, n in enumerate(seg.made)
        }
        self._drawn = {id(node): i for i, (node, _) in enumerate(recorder.draws)}
        self._items: list[Origin] = []  # of numbers that are returned
        self.storage_types: list[Any] = []
        self.storages: list[tuple[Origin, Any]] = []  # new ones: origin of the value, the ghost of a tracked node
        self.handles: list[Handle] = []
        self._handle_of: dict[int, int] = {}
        self._storage_of: dict[int, int] = {}
        self.inputs = [
            [self._input(node, array) for node, array in zip(seg.entered, seg.arrays, strict=True)]
            for seg in recorder.segments
        ]
        self.rebound: list[tuple[int, Origin | None, int]] = []  # slot, value's origin, versions that went by
        self.graded: list[tuple[int, Any]] = []  # slot, None or a tensor's reference
        self._effects()
        self.result = rebuilt(result, self._leaf)

    def key(self) -> Any:
        """What two recordings must have in common."""
        plans = [id(seg.plan) for seg in self.recorder.segments]
        patterns = [[id(s) == id(u.settings[0]) for s in u.settings] for u in self.recorder.updates]
        return (
            plans, self.inputs, self.rebound, self.graded, self.handles_key(), self.result, self.slots.pattern[: self.slots.given],
            [each for each, _ in self.storages], self.setting, patterns, len(self.recorder.draws), self.slots.graded,
        )  # fmt: skip

    def used_slots(self) -> set[int]:
        """The slots that it reads or writes."""
        origins = [*chain.from_iterable(self.inputs), *(o for o, _ in self.storages), *self._items]
        origins += [origin for _, origin, _ in self.rebound if origin is not None]
        used = {origin[1] for origin in origins if origin[0] == "slot"} | {slot for slot, _, _ in self.rebound}
        used |= {handle.storage[1] for handle in self.handles if handle.storage[0] == "slot"}
        return used

    def handles_key(self) -> Any:
        return [(h.storage, [repr(type(step)) for step in h.steps], h.detached) for h in self.handles]

    def shares_constants(self, other: Recording) -> bool:
        """Whether both runs read the very same node from a place unknown: a tensor, which may change."""
        return not self._constant_nodes.isdisjoint(other._constant_nodes)

    # ---- where values come from ----

    def _input(self, node: Node | None, array: Any) -> Origin:
        return self._constant(None, array) if node is None else self._origin(node, array)

    def _origin(self, node: Node, array: Any = None) -> Origin:
        bottom = node
        while True:
            found = self._found(bottom)
            if found is not None:
                return found
            if bottom.op_name not in ("leaf", "stop") or not bottom.operands:
                break
            bottom = bottom.operands[0]
        value = node.value if array is None else array
        made, slot = self._made_arrays.get(id(value)), self.slots.of_array.get(id(value))
        if made is not None:
            return ("made", *made)
        if slot is not None:
            return ("slot", slot)
        if value is None:
            raise Refused("a value that it makes is not known at its end")
        return self._constant(node, value)

    def _found(self, node: Node) -> Origin | None:
        number = id(node)
        if number in self.slots.of_node:
            return ("slot", self.slots.of_node[number])
        if number in self._made:
            return ("made", *self._made[number])
        if number in self._drawn:
            return ("draw", self._drawn[number])
        if number in self.recorder.numbers:
            return ("number", *self.recorder.numbers[number][0])
        return None

    def _constant(self, node: Node | None, array: Any) -> Origin:
        if isinstance(array, tuple):
            raise Refused("a constant of several parts enters it")
        if node is not None and not is_lasting(node):
            self._keep.append(node)
            self._constant_nodes.add(id(node))
        origin = ("constant", array.shape, str(array.dtype), array.tobytes())
        self.constants.setdefault(origin, array)
        return origin

    # ---- what it did ----

    def _effects(self) -> None:
        slots = self.slots
        counts = {id(count._storage) for count in self.recorder.counts}
        for i, (tensor, (storage, steps, source)) in enumerate(zip(slots.tensors, slots.handles, strict=True)):
            if tensor._storage is not storage or tensor._steps is not steps or tensor._source is not source:
                raise Refused(
                    "it makes a tensor stand for other memory (data, requires_grad_, detach_, set)", lasting=False
                )
            if slots.pattern[i] != i or id(storage) in counts:
                continue
            versions = storage.version - slots.versions[i]
            if storage.node is not slots.nodes[i]:
                if storage.node.tracked:
                    raise Refused("it leaves a tensor of before with a history")
                self.rebound.append((i, self._origin(storage.node), versions))
            elif versions:
                self.rebound.append((i, None, versions))
        for i, before in enumerate(slots.grads):
            now = slots.tensors[i]._grad
            if now is not before:
                self.graded.append((i, None if now is None else self._tensor(now)))

    def _leaf(self, value: Any) -> Any:
        """A leaf of the result, as what makes it anew."""
        if isinstance(value, Number):
            self._items.append(self._origin(value.node))
            return Leaf("item", self._items[-1], value.tensor.dtype)
        if isinstance(value, Tensor):
            return Leaf(*self._tensor(value))
        if type(value) in ATOMS:
            return Leaf("atom", (type(value), repr(value)), value)
        if id(value) in self.slots.census.known:
            return Leaf("object", id(value), value)
        raise Refused(f"it returns an object that it makes ({type(value).__name__})")

    def _tensor(self, tensor: Tensor) -> tuple[str, int]:
        if tensor.layout is not strided:
            raise Refused(SPARSE)
        known = self.slots.of_tensor.get(id(tensor))
        if known is not None:
            return ("slot", known)
        found = self._handle_of.get(id(tensor))
        if found is None:
            source = tensor._source
            if type(tensor) is not Tensor or tensor.__dict__ or (source is not None and source.leaf is not None):
                raise Refused("it makes a parameter, or a tensor with attributes")
            detached = source is not None and source.detached
            made = Handle(self._storage(tensor, detached), tensor._steps, detached)
            found = self._handle_of[id(tensor)] = len(self.handles)
            self._keep.append(tensor)
            self.handles.append(made)
        return ("new", found)

    def _storage(self, tensor: Tensor, detached: bool) -> tuple[str, int]:
        """Which storage a tensor reads; its value's history is needed where a tensor that is not detached reads it."""
        storage = tensor._storage
        for i, known in enumerate(self.slots.storages):
            if known is storage:
                return ("slot", i)
        found = self._storage_of.get(id(storage))
        if found is None:
            if storage.buffer is not None:
                raise Refused("it returns memory shared with NumPy")
            node = storage.node
            ghost = ghost_of(node) if node.tracked and not detached else None
            found = self._storage_of[id(storage)] = len(self.storages)
            self.storages.append((self._origin(node), ghost))
            self.storage_types.append(node.type)
        elif storage.node.tracked and not detached and self.storages[found][1] is None:
            self.storages[found] = (self.storages[found][0], ghost_of(storage.node))
        return ("new", found)


def ghost_of(node: Node) -> Node:
    """The like of a tracked node that backward has gone through, and of all below it, without values."""
    copies: dict[int, Node] = {}
    spent = False
    order, stack = [], [node]
    while stack:
        each = stack.pop()
        if id(each) not in copies:
            made = Node.__new__(Node)
            made.signature, made.type, made.tracked = each.signature, each.type, each.tracked
            made.value, made.operands, made.slot, made.epoch, made.label = None, (), -1, -1, each.label
            made.side = each.side
            copies[id(each)] = made
            order.append(each)
            spent = spent or (each.side is not None and each.side.released)
            if each.tracked:
                stack.extend(each.operands)
    if not spent:
        raise Refused(
            "its result is to be differentiated outside of it: its graph is recorded anew each time", lasting=False
        )
    for each in order:
        if each.tracked:
            copies[id(each)].operands = tuple([copies[id(operand)] for operand in each.operands])
    top = copies[id(node)]
    if top.side is None:
        top.side = Side()
    top.side.released = True
    return top


def record(
    function: Callable[..., Any], code: Any, args: Any, kwargs: Any, given: list[Tensor], objects: list[Any]
) -> tuple[Any, Recording | Refused]:
    """Runs a function and says what it did; a reason where that cannot be repeated. Hold the trace's lock."""
    executor.flush()
    try:
        slots = _census(function, given, objects)
    except Refused as refused:
        return function(*args, **kwargs), refused
    with Recorder(code) as recorder:
        result = function(*args, **kwargs)
        executor.flush()
    recording: Recording | Refused
    try:
        if recorder.refusals:
            raise recorder.refusals[0]
        before = slots.tensors[slots.given : slots.given + len(slots.census.named)]
        now = slots.census.named_tensors()
        if not slots.census.holds() or any(a is not b for a, b in zip(before, now, strict=True)):
            raise Refused(
                "it changes Python values that it can reach (a list, an attribute, a variable)", lasting=False
            )
        recording = Recording(slots, recorder, result)
        recording.objects = objects
    except Refused as refused:
        recording = refused.with_traceback(None)  # whose frames hold the run's values
    return rebuilt(result, _final), recording


def _final(value: Any) -> Any:
    return value.tensor.item() if isinstance(value, Number) else value


def _census(function: Callable[..., Any], given: list[Tensor], objects: list[Any]) -> Slots:
    census = Census()
    census.visit([function, *HOOKS])
    for each in objects:
        census.visit(each)
    census.keep()
    slots = Slots(given, census)
    if mode.anomaly:
        raise Refused("anomalies are being detected", lasting=False)
    for tensor, storage in zip(slots.tensors, slots.storages, strict=True):
        if storage.node.tracked:
            raise Refused("it can reach a tensor with a history", lasting=False)
        if storage.buffer is not None:
            raise Refused("it can reach a tensor that shares memory with NumPy", lasting=False)
        hooks = tensor._source is not None and tensor._source.hooks
        if hooks or any(name.endswith("hooks") for name in tensor.__dict__):
            raise Refused("a tensor has hooks", lasting=False)
    return slots
