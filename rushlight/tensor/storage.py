"""The one mutable thing: a `Storage` is a cell with a node; in-place ops put another node in.

`Source` says how a handle reads the cell where that is not plain: as a leaf whose gradient is wanted, or detached.
Memory shared with NumPy is `exposed`: reads of it run at once (the owner may change it any time), writes go through to it.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import InternalError
from ..ir import view
from ..ir.graph import Node, Side, input_node, mode, standing_for
from ..runtime import executor
from ..runtime.watch import Watching

FEW = 1 << 15  # bytes of exposed memory that are copied when they are read


class Exporter:
    """Holds an exposed array for NumPy; while any array made from it lives, so does this, and the storage stays exposed."""

    __slots__ = ("__array_interface__", "array", "__weakref__")

    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        self.__array_interface__ = array.__array_interface__


class Written(NamedTuple):
    """What was written last to a storage, to places that are data (`writing.py`)."""

    version: int  # of the storage, since then
    writes: int  # of this kind since its value was known
    steps: tuple[Any, ...]  # of the part
    value: Node | None  # None where who reads the part must not get it


class Storage:
    """A cell: the node that is its present value, and how often it was rebound."""

    __slots__ = ("node", "version", "buffer", "exporter", "aliases", "placed", "written", "seen", "__weakref__")

    def __init__(self, node: Node) -> None:
        self.node = node
        self.version = 0
        # `wrap` in tensor.py fills one in, too.
        self.buffer: np.ndarray | None = None  # the memory shared with NumPy
        self.exporter: weakref.ref[Exporter] | None = None  # None while exposed: exposed for ever
        self.aliases: Sequence[weakref.ref[Node]] = ()  # nodes whose value is the shared memory
        self.placed: Node | None = None  # the present value, if its memory is this storage's alone
        self.written: Written | None = None
        self.seen: Node | None = None  # of exposed memory: what it held when it was read last

    def read(self) -> Node:
        """The present value, when the storage may be exposed."""
        buffer = self.buffer
        if buffer is None:
            return self.node
        if self.exporter is not None and self.exporter() is None:
            self.buffer = self.exporter = None  # nobody else sees the memory any more
            self.aliases = ()
            return self.node
        if buffer.nbytes <= FEW and not self.node.tracked and Watching.watcher is None:
            return self._as_it_is(buffer)
        executor.hurry(buffer)
        return self.node

    def _as_it_is(self, buffer: np.ndarray) -> Node:
        """What little memory holds now, copied: nothing has to run at once then, and a step that begins with it is one program.

        The same node as long as it holds the same, so that who reads it twice reads one value.
        """
        now, seen = np.array(buffer, order="C"), self.seen
        if seen is None or seen.value is None or seen.value.tobytes() != now.tobytes():
            seen = self.seen = input_node(now, self.node.type)
        return seen

    def shared(self) -> np.ndarray | None:
        """The memory, while NumPy shares it."""
        return self.buffer if self.exporter is None or self.exporter() is not None else None

    def touch(self) -> None:
        """Counts an in-place op that left the value as it was."""
        self.version += 1

    def replace(self, node: Node) -> None:
        """Puts a value of another shape in (`out=` that is resized): memory shared before stays with whoever has it."""
        self.version += 1
        self.node, self.buffer = node, None

    def forget(self, node: Node) -> None:
        """Puts the same value in without its history."""
        self.node = node

    def rebind(self, node: Node) -> None:
        """Puts another value in. Where the memory is shared, the value is computed and written through at once."""
        self.version += 1
        if self.buffer is None:
            self.node = owned(node) if executor.Haste.wanted else node
            return
        value = executor.value_of(node)
        for reference in self.aliases:
            alias = reference()
            if alias is not None:
                alias.value = np.array(self.buffer)
        np.copyto(self.buffer, value)
        fresh = input_node(self.buffer, node.type)
        self.aliases = [weakref.ref(fresh)]
        if node.tracked:
            grafted = view.graft(fresh, node)
            grafted.label = node.label
            self.node = grafted
            executor.value_of(grafted)
            self.aliases = [*self.aliases, weakref.ref(grafted)]
        else:
            self.node = fresh

    def share(self, buffer: np.ndarray) -> None:
        """Makes `buffer`, which holds the present value, the storage's memory."""
        self.buffer = buffer
        if self.node.tracked:
            self.node.value = buffer
        else:
            self.node = input_node(buffer, self.node.type)
        self.aliases = [weakref.ref(self.node)]
        self.exporter = None

    def expose(self) -> np.ndarray:
        """The storage's memory as an array that sees later writes, and whose writes the storage sees."""
        exporter = self.exporter() if self.exporter is not None else None
        if self.buffer is None or (self.exporter is not None and exporter is None):
            value = executor.value_of(self.node)
            self.share(np.array(value, order="C"))
            assert self.buffer is not None
            exporter = Exporter(self.buffer)
            self.exporter = weakref.ref(exporter)
        elif self.exporter is None:
            return self.buffer
        if exporter is None:
            raise InternalError("exposed storage without exporter")
        return np.asarray(exporter)


class Deferred(Storage):
    """A cell whose first value is recorded when somebody first reads it; until then the trace has nothing of it."""

    __slots__ = ("_node", "_make", "_tracking")

    def __init__(self, make: Callable[[], Node]) -> None:
        self._node: Node | None = None
        self._make: Callable[[], Node] | None = make
        self._tracking = mode.tracking
        super().__init__(None)  # type: ignore[arg-type]

    @property
    def node(self) -> Node:  # type: ignore[override]
        if self._make is not None:
            make, self._make = self._make, None
            former = mode.tracking, mode.depth
            mode.tracking, mode.depth = self._tracking, 0
            try:
                self._node = make()
            except BaseException:
                self._make = make
                raise
            finally:
                mode.tracking, mode.depth = former
        return self._node  # type: ignore[return-value]

    @node.setter
    def node(self, value: Node) -> None:
        if value is not None:
            self._node, self._make = value, None

    def untouched(self) -> bool:
        """Whether nobody has read it yet, or written to it."""
        return self._make is not None


def address(storage: Storage) -> int:
    """Where the present value lies; it stays there until the storage is written to.

    Two storages may have one value (a clone that nobody wrote to): the first question gives this one memory of its own, since
    addresses tell programs what is shared.
    """
    if storage.shared() is None and storage.placed is not storage.node:
        storage.share(np.array(executor.value_of(storage.node), order="C"))
        storage.buffer = None
        storage.aliases = ()
        storage.placed = storage.node
    memory = storage.shared()
    if memory is None:
        memory = executor.value_of(storage.node)
    return int(memory.__array_interface__["data"][0])


def owned(node: Node) -> Node:
    """The node with a value of its own, once it was computed from memory that NumPy shares; for what is to be a tensor's value.

    A clone, a view of a view, the concatenation of one part are that memory itself: what its owner writes there later must not be
    seen in them.
    """
    memory = list(executor.Haste.memory)
    executor.settle()
    value = node.value
    if value is None or not any(np.may_share_memory(value, each) for each in memory):
        return node
    if not node.tracked:
        return input_node(np.array(value), node.type)
    node.value = np.array(value)
    return node


def rebind_all(storages: Sequence[Storage], nodes: Sequence[Node]) -> None:
    """`rebind` of storages whose memory is not shared: an optimizer's step has dozens of them."""
    for storage, node in zip(storages, nodes, strict=True):
        storage.version += 1
        storage.node = node


class Source:
    """How a family of handles reads its storage: as a leaf that requires grad, or detached from history."""

    __slots__ = ("leaf", "detached", "hooks", "_node", "_base", "_version", "__weakref__")

    def __init__(self, leaf: Any = None, detached: bool = False) -> None:
        self.leaf: Any = leaf  # weak reference to the leaf tensor, or None
        self.detached = detached
        self.hooks: dict[int, Any] | None = None
        self._node: Any = None
        self._base: Any = None  # of the storage, when the leaf's node was made
        self._version = -1

    def read(self, storage: Storage) -> Node:
        """What a handle without view steps reads."""
        node = storage.node if storage.buffer is None else storage.read()
        if self.leaf is not None:
            return self.leaf_node(node, storage)
        return view.stop(node) if node.tracked else node

    def leaf_node(self, node: Node, storage: Storage) -> Node:
        """The leaf over a value, the same while one version of it is in use."""
        if self._version == storage.version and self._node is not None:
            cached = self._node()
            # Where NumPy shared the memory since, the storage has another node. (A view's own is made anew at each reading.)
            if cached is not None and (
                self._base() is storage.node if storage.buffer is None else cached.operands[0] is node
            ):
                return cached  # type: ignore[no-any-return]
        if node.value is not None and storage.buffer is None:
            made = standing_for(view.leaf, node)
        else:
            made = view.leaf(node)
            made.tracked = True
            made.operands = (node,)
        side = made.side = Side()
        side.leaf, side.hooks = self.leaf, self.hooks
        self._node, self._base, self._version = weakref.ref(made), weakref.ref(storage.node), storage.version
        return made


def new_source(storage: Storage, source: Source | None) -> Source | None:
    """The source of a view being made: under `no_grad` it is detached from what its base has of history."""
    if mode.tracking or (source is None and not storage.node.tracked):
        return source
    return source if source is not None and source.detached else Source(detached=True)
