"""The flush: runs the pending trace and gives every node that is still referenced its value."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import config
from ..ir.graph import Node, trace
from . import cache, events, tier
from .overwriting import Overwriting
from .watch import Watching


def flush() -> None:
    """Runs everything pending. Errors found only now (data-dependent ones) are raised here, and leave the rest usable.

    On Ctrl-C the trace stays as it is: nothing is lost, the next flush runs it again.
    """
    with trace.lock:
        if not trace.pending:
            return
        trace.literals.clear()  # else they would be wanted
        nodes = [None if reference is None else reference() for reference in trace.references]
        if Overwriting.ended():
            _finish_interrupted(nodes)
            return
        live = tuple([slot for slot, node in enumerate(nodes) if node is not None and node.value is None])
        plan = cache.find((tuple(trace.key), live))
        heard = events.heard()
        started = time.perf_counter() if heard else 0.0
        failure: BaseException | None = None
        try:
            # Who watches tells inputs and results apart by where they lie.
            values = tier.run(plan, list(trace.inputs), Watching.watcher is None)
        except BaseException as error:
            if Overwriting.ended():
                values, failure = list(Overwriting.results), error
            elif isinstance(error, Exception):
                values, failure = plan.run_what_can(trace.inputs)
                failure = failure or error
            else:
                raise
        _hand_out(nodes, live, values)
        if Watching.watcher is not None:
            Watching.watcher.flushed(plan, [nodes[slot] for slot in live], values)  # type: ignore[misc]
        if heard:
            seconds = time.perf_counter() - started
            events.emit("flush", steps=len(plan.steps), plan=plan, started=started, seconds=seconds)
        trace.reset()
        Overwriting.clear()
        if failure is not None:
            raise failure


def _hand_out(nodes: Sequence[Node | None], live: Sequence[int], values: Sequence[Any]) -> None:
    for slot, value in zip(live, values, strict=True):
        node = nodes[slot]
        if node is not None:
            node.value = value
            if not node.tracked:
                node.operands = ()


def _finish_interrupted(nodes: list[Node | None]) -> None:
    """Hands out the results of a run that wrote over its inputs, where a second interruption kept the flush from it."""
    _hand_out(nodes, Overwriting.live, Overwriting.results)
    grown = len(trace.references) != Overwriting.length
    trace.reset()
    Overwriting.clear()
    if grown:
        raise RuntimeError(
            "a step was interrupted twice while its results were handed out; what was computed since then from values before it is lost"
        )


def value_of(node: Node) -> Any:
    """The array of a node, running what is pending if it must."""
    if Watching.watcher is not None:
        Watching.watcher.read(node)
    if node.value is None:
        flush()
        if node.value is None:
            raise node.missing()
    return node.value


class Haste:
    """Set when an op read memory that others may change: what is pending must run before the user goes on."""

    wanted = False
    memory: list[np.ndarray] = []  # what was read


def hurry(memory: np.ndarray | None = None) -> None:
    """Says that what is pending must run soon; where an op reads memory that others may change, which."""
    Haste.wanted = True
    if memory is not None:
        Haste.memory.append(memory)
    if Watching.watcher is not None:
        Watching.watcher.exposed()


def settled() -> None:
    """Says that what was read has been used already, and that nothing pending depends on it."""
    Haste.wanted = False
    Haste.memory.clear()


def settle() -> None:
    """After each public op: runs the trace if it is long, or if it read memory that others may change."""
    if Haste.wanted:
        settled()
        flush()
    elif trace.pending > config.PENDING or trace.bytes > config.PENDING_BYTES:
        flush()
