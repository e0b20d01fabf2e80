"""Nodes, their interned signatures, and the flat trace in which pending nodes stand in program order.

The trace keeps its own structure as numbers (`Trace.key`), so a node needs its operands only for gradients, and the trace
needs only weak references: whatever is still referenced at a flush is wanted, all else is an intermediate.

Invariants: operands stand before their users; a node's value never changes once it is known; an untracked node has no
operands.
"""

from __future__ import annotations

import itertools
import os
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dtype import FLOATING
from .type import TupleType, Type

if TYPE_CHECKING:
    from .op import Op


class Signature:
    """An op with its attributes at given operand types, and the result type that `infer` found; interned."""

    __slots__ = ("number", "op", "attributes", "operands", "type", "tracks", "bytes", "meta")
    number: int
    op: Op
    attributes: dict[str, Any]
    operands: tuple[Type, ...]
    type: Type
    bytes: int  # of the result
    tracks: bool  # whether gradient can flow through: not to integers and bools
    meta: bool  # whether an operand has no elements: then the result has none, and nothing is ever run


class Side:
    """What few nodes have: set by the tensor layer, outside every key. (What is not set costs nothing: each leaf has a side.)"""

    leaf: Any = None  # weak reference to the leaf tensor whose gradient is accumulated here
    hooks: dict[int, Any] | None = None  # of the tensor: called with the cotangent before it goes on
    backward: Any = None  # replaces the op's vjp: (node, cotangent) -> cotangents
    forward_line: str | None = None  # where the user made it, while anomalies are being detected
    parts: tuple[Node, ...] | None = None  # of a packed cotangent
    rows: tuple[Node, Node] | None = (
        None  # of a table's cotangent that is wanted sparse: the rows added to it, and where each goes
    )
    released = False  # backward went through without retain_graph
    retain: Any = None  # weak reference to the tensor that keeps its gradient though it is no leaf
    before: dict[int, Any] | None = None  # of the gradient function: called with the cotangents of all results
    after: dict[int, Any] | None = None  # called with the operands' cotangents and the node's own
    metadata: dict[str, Any] | None = None


class Node:
    """One value of the graph: an op applied to operands, or an input with a value."""

    __slots__ = ("signature", "operands", "type", "value", "slot", "epoch", "tracked", "label", "side", "__weakref__")
    signature: Signature | None  # None for an input
    operands: tuple[Node, ...]
    type: Type
    value: np.ndarray | None
    slot: int
    epoch: int
    tracked: bool
    label: str | None
    side: Side | None

    @property
    def op_name(self) -> str:
        return "input" if self.signature is None else self.signature.op.name

    @property
    def attributes(self) -> dict[str, Any]:
        return {} if self.signature is None else self.signature.attributes

    def missing(self) -> RuntimeError:
        """What to raise where the value is asked for and there is none."""
        if self.type.meta:
            return NotImplementedError("Cannot copy out of meta tensor; no data!")
        return RuntimeError(f"the result of {self.op_name} is missing: an operation before it failed when it was run")

    def sided(self) -> Side:
        """The side record, made on first use."""
        if self.side is None:
            self.side = Side()
        return self.side

    def __repr__(self) -> str:
        state = "" if self.value is None else " ="
        return f"<{self.op_name} {self.type!r}{state}>"


class Mode(threading.local):
    """Whether new nodes are tracked; each thread has its own, as in PyTorch."""

    tracking = True
    depth = 0  # how deep in public functions the thread is
    inference = False
    autocast: Any = None  # the dtype of the region of `torch.autocast` that the thread is in
    anomaly = False  # whether nodes remember where the user made them, and backward looks for NaN
    check_nan = True
    device: Any = None  # where tensors are made if nothing else is said: None, the CPU, or the device "meta"


class Trace:
    """The pending nodes in program order with their structural key.

    `key` holds for each entry either -1 - type number (an input) or a signature number and one slot for each operand.
    """

    # What `references` is made with: a list, or one that notes where each entry comes from (`debug/sites.py`).
    listing: Callable[[], list[weakref.ref[Node] | None]] = list

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.reset()

    def reset(self) -> None:
        self.epoch: int = next(_epochs)  # never one that has been: nodes of a trace set aside keep theirs
        self.key: list[int] = []
        self.references = Trace.listing()
        self.inputs: list[np.ndarray] = []
        self.pending = 0
        self.bytes = 0  # of all pending results
        self.literals: dict[tuple[Any, ...], Node] = {}  # numbers that are part of the structure, each recorded once

    def enter(self, node: Node) -> None:
        """Gives a node from before this trace a slot, as an input."""
        value, references = node.value, self.references
        if value is None:
            raise node.missing()
        node.epoch = self.epoch
        if node.operands and node.operands[0].value is value:
            # A leaf that stands for a value: one input, so that who reads it and who replaces it are seen to speak of the same memory.
            twin = node.operands[0]
            if twin.epoch != self.epoch:
                self.enter(twin)
            node.slot = twin.slot
            return
        node.slot = len(references)
        self.key.append(-1 - node.type.number)
        references.append(None)
        self.inputs.append(value)


mode = Mode()
_epochs = itertools.count(1)
trace = Trace()
_acquire, _release = trace.lock.acquire, trace.lock.release
_new = object.__new__
_reference = weakref.ref
if hasattr(os, "register_at_fork"):
    # A fork while another thread records would leave its copy of the lock locked for ever, and the trace half-written.
    os.register_at_fork(
        before=trace.lock.acquire, after_in_parent=trace.lock.release, after_in_child=trace.lock.release
    )
signatures: list[Signature] = []
_interned: dict[tuple[Any, ...], Signature] = {}


def intern(op: Op, attributes: dict[str, Any], types: tuple[Type, ...], key: tuple[Any, ...]) -> Signature:
    """The signature of an op at given types; runs `infer`, which raises the user's error."""
    meta = any(type.meta for type in types)
    result = op.infer(*[type.plain() for type in types] if meta else types, **attributes)
    if meta:
        result = result.on_meta()
    signature = Signature()
    signature.meta = meta
    signature.number = len(signatures)
    signature.op = op
    signature.attributes = attributes
    signature.operands = types
    signature.type = result
    signature.tracks = op.differentiable and (isinstance(result, TupleType) or result.dtype.category >= FLOATING)
    signature.bytes = result.nbytes
    signatures.append(signature)
    _interned[key] = signature
    return signature


def signature_of(op: Op, types: tuple[Type, ...], attributes: dict[str, Any]) -> Signature:
    """The interned signature of an op at given types."""
    key = (op, *types, *attributes.items())
    found = _interned.get(key)
    return intern(op, attributes, types, key) if found is None else found


def emit(op: Op, /, *operands: Node, **attributes: Any) -> Node:
    """Records one node at the end of the trace; the only constructor of pending nodes.

    This runs a hundred times in a training step, and twice as fast as with a comprehension, a `with` statement and methods.
    """
    count = len(operands)
    key: tuple[Any, ...]
    if count == 2:
        first, second = operands
        key = (op, first.type, second.type)
    elif count == 1:
        (first,) = operands
        key = (op, first.type)
    else:
        key = (op, *[operand.type for operand in operands])
    if attributes:
        key = (*key, *attributes.items())
    signature = _interned.get(key)
    if signature is None:
        signature = intern(op, attributes, tuple([operand.type for operand in operands]), key)
    node: Node = _new(Node)
    node.signature = signature
    node.type = signature.type
    node.value = node.label = node.side = None
    if count == 2:
        tracked = first.tracked or second.tracked
    elif count == 1:
        tracked = first.tracked
    else:
        tracked = True in [operand.tracked for operand in operands]
    if tracked and signature.tracks and mode.tracking:
        node.tracked = True
        node.operands = operands
    else:
        node.tracked = False
        node.operands = ()
    if signature.meta:
        node.slot = node.epoch = -1
        return node
    _acquire()
    try:
        epoch = trace.epoch
        if count == 2:
            if first.epoch != epoch:
                trace.enter(first)
            if second.epoch != epoch:
                trace.enter(second)
            trace.key += (signature.number, first.slot, second.slot)
        elif count == 1:
            if first.epoch != epoch:
                trace.enter(first)
            trace.key += (signature.number, first.slot)
        else:
            for operand in operands:
                if operand.epoch != epoch:
                    trace.enter(operand)
            trace.key += (signature.number, *[operand.slot for operand in operands])
        references = trace.references
        node.slot = len(references)
        node.epoch = epoch
        references.append(_reference(node))
        trace.pending += 1
        trace.bytes += signature.bytes
    finally:
        _release()
    return node


def emit_each(signatures: Sequence[Signature], operand: Node) -> tuple[Node, ...]:
    """Records a node for each signature, all of one operand: `emit` for the results of one node, at half the cost."""
    tracked = operand.tracked and mode.tracking
    nodes: list[Node] = []
    if operand.type.meta:
        return tuple([emit(signature.op, operand, **signature.attributes) for signature in signatures])
    with trace.lock:
        epoch = trace.epoch
        if operand.epoch != epoch:
            trace.enter(operand)
        references, structure, source = trace.references, trace.key, operand.slot
        for signature in signatures:
            node: Node = _new(Node)
            node.signature = signature
            node.type = signature.type
            node.value = node.label = node.side = None
            node.tracked = tracked and signature.tracks
            node.operands = (operand,) if node.tracked else ()
            structure += (signature.number, source)
            node.slot = len(references)
            node.epoch = epoch
            references.append(_reference(node))
            trace.bytes += signature.bytes
            nodes.append(node)
        trace.pending += len(nodes)
    return tuple(nodes)


def emit_parts(signature: Signature, parts: Sequence[Signature], operands: Sequence[Node]) -> list[Node]:
    """Records an entry of a signature known to be its operands', and a node for each part of its result; without parts, its node.

    Untracked. Nobody holds the node of a result that is taken apart, so none is made.
    """
    with trace.lock:
        epoch, references, structure = trace.epoch, trace.references, trace.key
        slots = [signature.number]
        for operand in operands:
            if operand.epoch != epoch:
                trace.enter(operand)
            slots.append(operand.slot)
        structure += slots
        source = len(references)
        references.append(None)
        trace.pending += 1 + len(parts)
        trace.bytes += signature.bytes
        if not parts:
            return [recorded_node(signature, source)]
        nodes = []
        for part in parts:
            structure += (part.number, source)
            slot = len(references)
            references.append(None)
            trace.bytes += part.bytes
            nodes.append(recorded_node(part, slot))
    return nodes


def input_node(value: np.ndarray, type: Type) -> Node:
    """A node with a known value, which must never be written to again."""
    node: Node = _new(Node)
    node.signature = node.label = node.side = None
    node.operands = ()
    node.type = type
    node.value = value
    node.slot = node.epoch = -1
    node.tracked = False
    return node


def meta_node(type: Type) -> Node:
    """A node of a shape and dtype that has no elements: what is computed of it has none either, and is never run."""
    node: Node = input_node(None, type.on_meta())  # type: ignore[arg-type]
    return node


def recorded_node(signature: Signature, slot: int) -> Node:
    """The untracked node of an entry that stands in the trace already, without one."""
    node: Node = _new(Node)
    node.signature = signature
    node.type = signature.type
    node.value = node.label = node.side = None
    node.tracked = False
    node.operands = ()
    node.slot = slot
    node.epoch = trace.epoch
    trace.references[slot] = _reference(node)
    return node


def standing_for(op: Op, operand: Node) -> Node:
    """A tracked node of an op that keeps its operand's value, which is known: there is nothing to record or to run."""
    node: Node = _new(Node)
    node.type = operand.type
    node.signature = _interned.get((op, operand.type)) or signature_of(op, (operand.type,), {})
    node.label = node.side = None
    node.operands = (operand,)
    node.value = operand.value
    node.slot = node.epoch = -1
    node.tracked = True
    return node
