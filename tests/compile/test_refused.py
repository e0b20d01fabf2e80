"""What cannot be repeated is run each time, and raises where the whole is asked for."""

from __future__ import annotations

import logging
import random
import time
from typing import Any

import numpy as np
import pytest

import rushlight as torch
from rushlight.errors import CompileError

from .programs import repeats


def control_flow(x: Any) -> Any:
    return x * 2 if x.sum().item() > 0 else x - 1


def truth(x: Any) -> Any:
    return x * 2 if (x.sum() > 0) else x - 1


def printed(x: Any) -> Any:
    print("called")
    return x + 1


def timed(x: Any) -> Any:
    return x + time.perf_counter()


def drawn(x: Any) -> Any:
    return x + random.random()


def drawn_by_numpy(x: Any) -> Any:
    return x + float(np.random.rand())


def seeded(x: Any) -> Any:
    torch.manual_seed(3)
    return x + torch.rand(3)


def read_as_array(x: Any) -> Any:
    return x + float(x.numpy()[0])


@pytest.mark.parametrize(
    "function", [control_flow, truth, printed, timed, drawn, drawn_by_numpy, seeded, read_as_array]
)
def test_effects_that_a_repetition_would_miss(function: Any) -> None:
    with pytest.raises(CompileError, match="cannot be repeated"):
        torch.compile(function, fullgraph=True)(torch.ones(3))
    compiled = torch.compile(function)
    for _ in range(4):
        compiled(torch.ones(3))
    assert repeats(compiled) == 0 and compiled.reason


def test_control_flow_goes_the_right_way() -> None:
    for function in (control_flow, truth):
        compiled = torch.compile(function)
        for sign in (1, 1, 1, -1, 1, -1):
            x = torch.ones(3) * sign
            assert torch.equal(compiled(x), function(x))


def test_prints_are_printed_each_time(capsys: pytest.CaptureFixture[str]) -> None:
    compiled = torch.compile(printed)
    for _ in range(6):
        compiled(torch.ones(3))
    assert capsys.readouterr().out.count("called") == 6


def test_lists_and_counters() -> None:
    seen: list[Any] = []
    count = 0

    def f(x: Any) -> Any:
        nonlocal count
        count += 1
        seen.append(x.sum())
        return x + count

    compiled = torch.compile(f)
    for i in range(20):
        assert compiled(torch.zeros(2)).tolist() == [i + 1.0, i + 1.0]
    assert len(seen) == 20


def test_iterators() -> None:
    batches = iter([torch.full((2,), float(i)) for i in range(8)])

    def f() -> Any:
        return next(batches) + 1

    compiled = torch.compile(f)
    assert [compiled()[0].item() for _ in range(8)] == [float(i + 1) for i in range(8)]


def test_tensors_out_of_sight() -> None:
    class Slotted:
        __slots__ = ("value",)

    hidden = Slotted()
    hidden.value = torch.zeros(2)

    def f(x: Any) -> Any:
        return x + hidden.value

    compiled = torch.compile(f)
    for i in range(6):
        hidden.value = torch.full((2,), float(i))
        assert compiled(torch.zeros(2))[0].item() == i


def test_results_that_are_differentiated_outside() -> None:
    net = torch.nn.Linear(2, 2)
    compiled = torch.compile(net)
    for _ in range(5):
        net.zero_grad()
        compiled(torch.ones(3, 2)).sum().backward()
        assert net.bias.grad.tolist() == [3.0, 3.0]


def test_graphs_that_are_kept() -> None:
    w = torch.ones(2, requires_grad=True)

    def f(x: Any) -> Any:
        loss = (w * x).square().sum()
        (g,) = torch.autograd.grad(loss, w, create_graph=True)
        g.sum().backward()
        return loss.detach()

    compiled = torch.compile(f)
    for i in range(1, 6):
        assert compiled(torch.ones(2)).item() == 2.0
        assert w.grad.tolist() == [2.0 * i, 2.0 * i]


def test_errors_leave_all_as_it_was() -> None:
    fail = False

    def f(x: Any) -> Any:
        y = x + 1
        if fail:
            raise KeyError("mine")
        return y

    compiled = torch.compile(f)
    for _ in range(4):
        assert compiled(torch.ones(1)).item() == 2
    fail = True
    for _ in range(3):
        with pytest.raises(KeyError, match="mine"):
            compiled(torch.ones(1))
    fail = False
    assert [compiled(torch.ones(1)).item() for _ in range(4)] == [2.0] * 4


def test_errors_found_in_a_repetition() -> None:
    table = torch.arange(4.0)

    def f(i: Any) -> Any:
        return table[i]

    compiled = torch.compile(f)
    good = torch.tensor([1, 2])
    for _ in range(5):
        assert compiled(good).tolist() == [1.0, 2.0]
    with pytest.raises(IndexError):
        compiled(torch.tensor([1, 9])).tolist()
    assert compiled(good).tolist() == [1.0, 2.0]


def test_arguments_that_are_new_each_time() -> None:
    def f(x: Any, i: int) -> Any:
        return x + i

    compiled = torch.compile(f)
    for i in range(60):
        assert compiled(torch.zeros(1), i).item() == i
    assert len(compiled._last) <= 18 and repeats(compiled) == 0


def test_objects_in_the_place_of_others() -> None:
    class Config:
        def __init__(self, k: float) -> None:
            self.k = k

    compiled = torch.compile(lambda x, config: x * config.k)
    for i in range(40):
        assert compiled(torch.ones(1), Config(float(i))).item() == i


def test_loggers_and_hooks_of_all_modules(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("compile")

    def f(x: Any) -> Any:
        logger.warning("called")
        return x + 1

    compiled = torch.compile(f)
    for _ in range(5):
        compiled(torch.ones(1))
    assert len(caplog.records) == 5
    net = torch.nn.Linear(2, 2)
    called = torch.compile(lambda x: net(x).detach())
    x = torch.ones(1, 2)
    before = [called(x) for _ in range(4)][-1]
    handle = torch.nn.modules.module.register_module_forward_hook(lambda module, args, result: result * 2)
    try:
        assert all(torch.equal(called(x), before * 2) for _ in range(4))
    finally:
        handle.remove()
    assert torch.equal(called(x), before)


def test_transposed_arguments() -> None:
    compiled = torch.compile(lambda x: x * 2 + 1)
    for i in range(6):
        x = torch.arange(6.0).view(2, 3) + i
        assert torch.equal(compiled(x.t()), x.t() * 2 + 1)
    assert repeats(compiled) == 1
