"""The trace, its plans and their cache: what is kept, what is shared, what is found again."""

from __future__ import annotations

import gc

import numpy as np
import pytest

import rushlight as torch
from rushlight import config
from rushlight.errors import InternalError
from rushlight.ir.graph import trace
from rushlight.ir.text import read, show
from rushlight.ir.verify import verify
from rushlight.runtime import cache, events, executor
from rushlight.runtime.plan import typed


def _pending() -> tuple[list, tuple[int, ...]]:
    live = tuple(i for i, r in enumerate(trace.references) if r is not None and r() is not None)
    return typed(tuple(trace.key)), live


def test_a_graph_prints_as_text_that_reads_back() -> None:
    executor.flush()
    x = torch.arange(6.0).reshape(2, 3)
    y = (x @ x.T).softmax(1)[:, :1] * 0.3 + x.sum(1, keepdim=True)
    entries, live = _pending()
    text = show(entries, live)
    again, returned = read(text)
    assert show(again, returned) == text
    verify(again, returned)
    assert y.shape == (2, 1)


def test_verify_names_a_broken_line() -> None:
    entries, live = read("%0 = input float32[2]\n%1 = neg(%0) : float32[2]\nreturn %1")
    with pytest.raises(InternalError, match="%1"):
        verify([entries[0], (entries[1][0], entries[1][1], (5,))], live)


def test_a_loop_finds_its_plan_again_whatever_its_numbers() -> None:
    executor.flush()
    hits, misses = [], []
    stop = events.subscribe(
        lambda event, facts: (hits if event == "plan hit" else misses if event == "plan miss" else []).append(1)
    )
    try:
        for step in range(4):
            x = torch.full((3,), 0.1 * step + 3)
            (x * (0.37 + step) - 2.5).sum().item()
    finally:
        stop()
    assert len(misses) <= 1 and len(hits) >= 3


def test_values_are_freed_when_nothing_needs_them() -> None:
    x = torch.ones(1000)
    y = (x * 2 + 1).exp().sum()
    y.item()
    assert trace.pending == 0 and not trace.inputs
    node = y._storage.node
    assert node.operands == () and node.value.size == 1


def test_the_pending_trace_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "PENDING", 4096)
    total = torch.zeros(())
    longest = 0
    for _ in range(10_000):
        total = total + 1
        longest = max(longest, trace.pending)
    assert longest <= 4200
    assert total.item() == 10_000


def test_pending_bytes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "PENDING_BYTES", 2 << 30)
    x = torch.zeros(1 << 20)
    longest = 0
    for _ in range(1200):  # 4 MB a result
        x = x + 1
        longest = max(longest, trace.bytes)
    assert longest <= config.PENDING_BYTES + x.nbytes
    assert x[0].item() == 1200


def test_a_failed_step_leaves_the_rest_usable() -> None:
    good = torch.ones(2) + 1
    index = torch.tensor([0, 1]) + 5
    bad = torch.zeros(3)[index]
    with pytest.raises(IndexError, match="out of bounds"):
        bad.tolist()
    assert good.tolist() == [2, 2]
    with pytest.raises(RuntimeError, match="missing"):
        (bad + 1).tolist()


def test_an_interrupt_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    y = torch.ones(2) * 3

    def interrupted(self: object, inputs: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("rushlight.runtime.plan.Plan.run", interrupted)
        with pytest.raises(KeyboardInterrupt):
            y.tolist()
    assert y.tolist() == [3, 3]


def test_the_plan_cache_is_bounded() -> None:
    for n in range(cache.CAPACITY + 40):
        torch.ones(n + 1).neg().sum().item()
    assert cache.size() <= cache.CAPACITY


def test_nodes_die_with_their_tensors() -> None:
    x = torch.ones(3, requires_grad=True)

    def steps() -> None:
        for _ in range(50):
            loss = (x * x).sum()
            loss.backward()
            x.grad = None
            loss.item()
        gc.collect()

    steps()  # in which the plan is made, and compiled
    from_before = len(gc.get_objects())
    steps()
    assert len(gc.get_objects()) - from_before < 2000


def test_numpy_memory_is_shared_both_ways() -> None:
    array = np.zeros(3, np.float32)
    t = torch.from_numpy(array)
    later = t + 1
    array[0] = 5
    t[1] = 7
    assert later.tolist() == [1, 1, 1]
    assert array.tolist() == [5, 7, 0] and t.tolist() == [5, 7, 0]
    view = (t * 1).numpy()
    view[:] = 0
    assert t.tolist() == [5, 7, 0]
