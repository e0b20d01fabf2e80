"""Writes into a part of a value that is there already: `buffer[i] = row`, as replay buffers, rollouts and lists of losses are filled.

In the trace such a write would be an `update` that copies the whole buffer, and one whose plan has the place in its structure: each row that
is written would be a plan of its own, met once, never compiled, and would push others out of the cache.

* Where the row is known too, it is written at once, into the memory where the buffer lies if nobody else holds that, as Python's counts of
  references tell; else into a copy, which is then the buffer's alone.
* Where the row is still pending, its place is data: a `put` with an index, whose plan serves all places.

A rollout of reinforcement learning that writes four rows in each step takes less than half the time so.
"""

from __future__ import annotations

import sys

import numpy as np

from ..dtype import encode, int64
from ..ir import index, view
from ..ir.graph import Node, input_node, trace
from ..ir.type import Type
from ..runtime.executor import Haste
from ..runtime.lending import is_own
from ..runtime.watch import Watching
from .geometry import contiguous_strides
from .storage import Storage, Written
from .tensor import Tensor
from .views import Permute, Reshape, Slice, Step, Units

_count = sys.getrefcount
FEW = 1 << 12  # elements of a part, each of which may have its place as data
WRITES = 8  # pending writes of such parts that follow each other
_SEEN_THROUGH = (Slice, Reshape, Permute)  # steps whose part of an array is a view of it, where there is one
_CHOOSING = (Slice, Units, Permute)  # steps whose part is one of any strides


def _holders(storage: Storage) -> tuple[int, int, int]:
    """How often a storage's node is held, its array, and the memory that the array lies in."""
    array = storage.node.value
    return _count(storage.node), _count(array), 0 if array.base is None else _count(array.base)  # type: ignore[union-attr]


def _held_by_storage() -> tuple[tuple[int, int, int], ...]:
    """The counts where nobody else holds any of them: of an array that owns its memory, and of one that lies in some."""
    kind = Type.of((4,), int64)
    owner = Storage(input_node(np.empty(4, np.int64), kind))
    guest = Storage(input_node(np.ndarray((4,), np.int64, np.empty(64, np.uint8)), kind))
    return _holders(owner), _holders(guest)


_ALONE = _held_by_storage()


def is_settled(target: Tensor) -> bool:
    """Whether a tensor is a part of a storage whose value is known, has no history, and is not shared with NumPy.

    What is one number everywhere (`torch.zeros(n)`) is made here when an integer first chooses a part of it, since a loop is likely to fill it.
    """
    storage = target._storage
    node = storage.node
    if type(node) is not Node or node.tracked or node.side is not None or not isinstance(node.type, Type):
        return False
    if not target._steps or storage.buffer is not None or Watching.watcher is not None:
        return False
    if node.value is not None:
        return True
    if node.op_name != "constant" or not _chosen_by_integer(target):
        return False
    number = node.signature.attributes["value"]  # type: ignore[union-attr]
    storage.node = input_node(np.array(known_everywhere(number, node.type).value), node.type)
    return True


def _chosen_by_integer(target: Tensor) -> bool:
    return any([isinstance(step, Units) for step in target._steps[1:]])


def known_everywhere(value: complex, type: Type) -> Node:
    """A node of one number everywhere whose value is known: nothing is recorded."""
    with np.errstate(all="ignore"):
        array = encode(np.array(value).astype(type.dtype.compute), type.dtype)
    return input_node(np.broadcast_to(array, type.shape), type)


def write_at_once(target: Tensor, value: Node) -> bool:
    """Writes a value that is known into a part of a settled storage; False where it has to be recorded.

    In-place operations on leaves that require grad have been refused before.
    """
    if type(value) is not Node or value.value is None or value.tracked or not is_settled(target):
        return False
    if not all([isinstance(step, _SEEN_THROUGH) for step in target._steps]):
        return False
    storage = target._storage
    with trace.lock:
        placed, storage.placed = storage.placed is storage.node, None
        alone = _holders(storage) in _ALONE and is_own(storage.node.value)
        array = storage.node.value if alone else np.array(storage.node.value, order="C")
        part = array
        assert part is not None
        try:
            for step in target._steps:
                part = step.expose(part)
        except AttributeError:  # of NumPy: this part is no view of the array
            return False
        part[...] = value.value
        fresh = input_node(array, storage.node.type)  # type: ignore[arg-type]
        if alone and placed:
            storage.placed = fresh
        storage.version += 1
        storage.node = fresh
    return True


def put_at(target: Tensor, value: Node) -> Node | None:
    """The storage's value after a pending value was written to places that are data; None where that is not worth it, or not possible.

    It is for parts that an integer chose, since loops count these: slices mostly stay where they are, and an `update` of one is cheaper.
    A loop whose writes are all pending is another matter: it has a plan for all of them, in which places that are known cost less.
    """
    storage = target._storage
    if value.tracked or not (is_settled(target) or 0 < data_writes(storage) < WRITES):
        return None
    base, steps = storage.node, target._steps
    shape = base.type.shape  # type: ignore[union-attr]
    if not _chosen_by_integer(target):
        return None
    first = steps[0]
    if len(steps) == 2 and isinstance(first, Slice) and steps[1].shape(shape) == shape[1:]:
        place = first.start[0]
        row = (place, *[0] * (len(shape) - 1)), (place + 1, *shape[1:]), (1,) * len(shape)
        if (first.start, first.stop, first.step) == row:
            at = input_node(np.array([place]), Type.of((1,), int64))
            return index.put(base, view.reshape(value, (1, *shape[1:])), at, accumulate=False)
    if value.type.size > FEW or not all([isinstance(step, _CHOOSING) for step in steps]):  # type: ignore[union-attr]
        return None
    places = _places(shape, steps)
    flat = view.reshape(base, (base.type.size,))  # type: ignore[union-attr]
    at = input_node(places, Type.of(places.shape, int64))
    return view.reshape(index.put(flat, view.reshape(value, places.shape), at, accumulate=False), shape)


def _places(shape: tuple[int, ...], steps: tuple[Step, ...]) -> np.ndarray:
    """Where the elements of a part stand in the flattened array."""
    strides, offset = contiguous_strides(shape), 0
    for step in steps:
        strides, offset = step.strides(shape, strides, offset)
        shape = step.shape(shape)
    places = np.full(shape, offset, np.int64)
    for axis, (extent, stride) in enumerate(zip(shape, strides, strict=True)):
        places += (np.arange(extent) * stride).reshape([-1 if a == axis else 1 for a in range(len(shape))])
    return places.reshape(-1)


def data_writes(storage: Storage) -> int:
    """How many of the writes since a storage's value was known went to places that are data, if all did."""
    written = storage.written
    if written is None or written.version != storage.version or storage.node.value is not None:
        return 0
    return written.writes


def remember(target: Tensor, value: Node, before: int) -> None:
    """Notes what `put_at` wrote, after `before` other such writes; who reads that part again gets the value itself."""
    storage = target._storage
    # What is computed of memory that NumPy shares may lie in that memory.
    plain = value.value is None and not Haste.wanted
    storage.written = Written(storage.version, before + 1, target._steps, value if plain else None)
