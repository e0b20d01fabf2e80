"""What graphs hold, and for how long: loops that add up losses, deep graphs, freed values."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from typing import Any

import pytest

import rushlight
from rushlight.ir.graph import Node

from .programs import alike, leaf, saving_exponential


def live_nodes() -> int:
    gc.collect()
    return sum(type(each) is Node for each in gc.get_objects())


def training_step(t: Any, w: Any, x: Any) -> Any:
    loss = ((x @ w).tanh() ** 2).mean()
    loss.backward()
    with t.no_grad():
        w -= 0.1 * w.grad
    w.grad = None
    return loss


@pytest.mark.parametrize("add", ["item", "detached", "loss"])
def test_adding_up_losses_stays_bounded(add: str) -> None:
    """`total += loss` keeps each step's last node, as in PyTorch, and no more of it."""
    t = rushlight
    w, x = t.randn(4, 2, requires_grad=True), t.randn(8, 4)
    total: Any = 0.0
    counts = []
    for step in range(31):
        loss = training_step(t, w, x)
        total += loss.item() if add == "item" else loss.detach() if add == "detached" else loss
        if step in (10, 30):
            float(total)
            counts.append(live_nodes())
    grown = (counts[1] - counts[0]) / 20
    assert grown < 0.5 if add != "loss" else grown < 20


def test_values_are_freed_after_backward() -> None:
    t = rushlight
    w, x = t.randn(4, 2, requires_grad=True), t.randn(8, 4)
    hidden = (x @ w).tanh()
    hidden.sum().item()
    inner = weakref.ref(hidden._storage.node)
    loss = (hidden**2).sum() * 1
    loss.item()
    del hidden
    assert inner() is not None
    loss.backward()
    assert inner() is None
    assert loss.grad_fn.next_functions[0][0].name() == "SumBackward0"


def test_retained_values_stay() -> None:
    t = rushlight
    w = t.randn(4, requires_grad=True)
    hidden = w.tanh()
    inner = weakref.ref(hidden._storage.node)
    loss = (hidden**2).sum()
    del hidden
    loss.backward(retain_graph=True)
    gc.collect()
    assert inner() is not None
    loss.backward()
    assert inner() is None


def test_graph_dies_without_backward() -> None:
    t = rushlight
    w = t.randn(4, requires_grad=True)
    before = live_nodes()
    gc.disable()
    try:
        loss = (w.tanh() ** 2).sum()
        node = weakref.ref(loss._storage.node)
        del loss
        assert node() is None  # by reference counts alone
    finally:
        gc.enable()
    assert live_nodes() <= before + 1


def test_custom_function_dies_by_reference_counts() -> None:
    t = rushlight
    exponential = saving_exponential(t)
    w = t.randn(4, requires_grad=True)
    gc.disable()
    try:
        y = exponential.apply(w)
        node = weakref.ref(y._storage.node)
        del y
        assert node() is None
    finally:
        gc.enable()


@alike
def test_deep_graphs(t: Any) -> Any:
    """10,000 ops one after the other: backward is no recursion."""
    x = leaf(t, 1.0, 2.0)
    y = x
    for _ in range(10_000):
        y = y * 1.0001
    y.sum().backward()
    return y, x.grad


@alike
def test_deep_graph_of_in_place_ops(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    y = x * 1
    for _ in range(1_000):
        y += 0.001
        y[0] *= 0.9999
    y.sum().backward()
    return y, x.grad


# With a stack of a megabyte, an eighth of the usual, a chain of this length overflows it where a link takes 50 bytes.
FREEING = """
import threading
import rushlight as t

def chain():
    x = t.ones(1, requires_grad=True)
    y = x
    for _ in range({count}):
        y = y + 1.0
    {last}
    del y
    print("freed")

threading.stack_size(2**20)
thread = threading.Thread(target=chain)
thread.start()
thread.join()
"""


@pytest.mark.parametrize(("count", "last"), [(100_000, "pass"), (20_000, "y.sum().backward()")])
def test_freeing_a_long_chain(count: int, last: str) -> None:
    """In a process of its own, since what goes wrong would be an overflow of the stack."""
    source = FREEING.format(count=count, last=last)
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == "freed\n", done.stderr
    assert done.returncode == 0


@alike
def test_second_backward_after_part_was_freed(t: Any) -> Any:
    """A gradient by a middle value needs nothing of what is below it, though that is freed."""
    x = leaf(t, 1.0, 2.0)
    middle = x.exp()
    (middle * middle).sum().backward()
    first = x.grad.clone()
    (by_middle,) = t.autograd.grad((middle**3).sum(), middle)
    scale = leaf(t, 2.0)
    (by_scale,) = t.autograd.grad((middle * scale).sum(), scale)
    return first, by_middle, by_scale


@alike
def test_views_used_in_every_step(t: Any) -> Any:
    """What keeps no values can be made once and gone through in each step."""
    w = t.arange(6.0).requires_grad_()
    rows, both = w.view(2, 3), t.cat([w, -w])
    halves = (w + 1).sum() + w.mean()
    losses = []
    for step in range(3):
        loss = (rows**2).sum() * (step + 1) + (both * both).sum() + halves * halves
        loss.backward()
        losses.append(loss.item())
    return losses, w.grad
