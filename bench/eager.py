"""What the eager path costs: recording, inferring and keying a node of the LeNet step, beside PyTorch's dispatch of an op.

Ours: the nodes of the step recorded, inferred and keyed again from the trace; and, with all that asks for them (modules, argument
checks, the optimizer's Python), the time from the step's start to the call of its plan. PyTorch's: the step on one image, over the
operators dispatched (its kernels' time on one image is in it, so it is an upper bound of the dispatch alone).

    python -m rushlight -m bench.eager ours
    python -m bench.eager peer
"""

from __future__ import annotations

import importlib
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from .programs.training import lenet


def _step() -> Callable[[], Any]:
    """The training step on one image."""
    program = lenet(1)
    return lambda: program.run(*program.arguments).item()


def _ours() -> tuple[float, int]:
    """Median seconds spent before the plan runs, and nodes a step."""
    tier = importlib.import_module("rushlight.runtime.tier")
    graph = importlib.import_module("rushlight.ir.graph")
    step = _step()
    for _ in range(30):  # until the plan is compiled
        step()
    inside: list[float] = []
    nodes: list[int] = []
    run = tier.run

    def timed(plan: Any, inputs: Any) -> Any:
        nodes.append(graph.trace.pending)
        started = time.perf_counter()
        try:
            return run(plan, inputs)
        finally:
            inside.append(time.perf_counter() - started)

    tier.run = timed
    spent, recorded = [], []
    try:
        for _ in range(100):
            inside.clear()
            nodes.clear()
            started = time.perf_counter()
            step()
            spent.append(time.perf_counter() - started - sum(inside))
            recorded.append(sum(nodes))
    finally:
        tier.run = run
    return statistics.median(spent), statistics.mode(recorded)


def _recording() -> float:
    """Median seconds of recording, inferring and keying the step's nodes again, without the modules and functions that ask for them."""
    importlib.import_module("rushlight.nn")
    graph = importlib.import_module("rushlight.ir.graph")
    plan = importlib.import_module("rushlight.runtime.plan")
    cache = importlib.import_module("rushlight.runtime.cache")
    tier = importlib.import_module("rushlight.runtime.tier")
    step = _step()
    for _ in range(3):
        step()
    seen: list[tuple[Any, list[Any]]] = []
    run = tier.run

    def watched(plan: Any, inputs: Any) -> Any:
        seen.append((plan.key, list(inputs)))
        return run(plan, inputs)

    tier.run = watched
    try:
        step()
    finally:
        tier.run = run
    key, inputs = max(seen, key=lambda each: len(each[0]))
    entries, types = plan.entries(key), plan.input_types(key)
    trace = graph.trace
    times = []
    for _ in range(100):
        nodes: list[Any] = []
        waiting = iter([graph.input_node(value, type) for value, type in zip(inputs, types, strict=True)])
        recorded = 0
        started = time.perf_counter()
        for signature, slots in entries:
            if signature is None:
                nodes.append(next(waiting))
                continue
            nodes.append(signature.op(*[nodes[slot] for slot in slots], **signature.attributes))
            recorded += 1
        live = tuple([place for place, each in enumerate(trace.references) if each is not None and each() is not None])
        cache.find((tuple(trace.key), live))
        times.append((time.perf_counter() - started) / recorded)
        trace.reset()
    return statistics.median(times)


def _peer() -> tuple[float, int]:
    """Median seconds of the step on one image, and operators dispatched a step."""
    torch = importlib.import_module("torch")
    mode_type = importlib.import_module("torch.utils._python_dispatch").TorchDispatchMode
    torch.set_num_threads(1)

    class Count(mode_type):  # type: ignore[misc,valid-type]
        ops = 0

        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            Count.ops += 1
            return function(*args, **(kwargs or {}))

    step = _step()
    for _ in range(5):
        step()
    times = []
    for _ in range(100):
        started = time.perf_counter()
        step()
        times.append(time.perf_counter() - started)
    with Count():
        step()
    return statistics.median(times), Count.ops


def main() -> None:
    if sys.argv[1] == "ours":
        seconds, nodes = _ours()
        print(
            f"eager cost: {_recording() * 1e6:.2f} µs a node to record, infer and key, "
            f"{seconds / nodes * 1e6:.2f} µs with modules and optimizer, over {nodes} nodes"
        )
    else:
        seconds, ops = _peer()
        print(f"PyTorch: {seconds / ops * 1e6:.2f} µs an op, kernels included, over {ops} ops")


if __name__ == "__main__":
    main()
