"""`rushlight.memory`."""

from __future__ import annotations

import pytest

import rushlight as torch
from rushlight import config, memory
from rushlight.runtime import cache, executor
from rushlight.runtime.compiled import Native

from .programs import training_step


def test_a_step_is_planned_and_not_run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(config, "TIER", "auto")
    step = training_step()
    step()
    state = [p.clone() for p in step.net.parameters()]
    stream = torch.get_rng_state()

    def printing() -> None:
        print(step())
        torch.rand(3)

    need = memory.peak(printing)
    assert all(torch.equal(a, b) for a, b in zip(state, step.net.parameters(), strict=True))
    assert torch.equal(stream, torch.get_rng_state())
    assert capfd.readouterr().out == ""
    assert need.bytes == need.most.bytes == max(plan.bytes for plan in need.plans)
    assert "peak" in str(need) and "arena" in str(need)


def test_the_arena_is_the_one_that_programs_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "TIER", "compile")
    executor.flush()
    cache.clear()
    x = torch.randn(300, 200)
    x.sum().item()

    def function() -> torch.Tensor:
        return torch.softmax(torch.softmax(x @ x.t(), 1) @ x, 0)

    need = memory.peak(function)
    cache.clear()
    result = function()
    executor.flush()
    programs = [
        segment.program
        for plan in cache._plans.values()
        for variant in plan.variants.values()
        for segment in variant.segments
        if isinstance(segment, Native)
    ]
    assert need.arena == max(program._need for program in programs)
    assert need.results == result.numel() * 4 and need.inputs == x.numel() * 4


def test_more_than_there_is_memory() -> None:
    def function() -> torch.Tensor:
        return torch.exp(torch.empty(1 << 36) * 2)  # 256 GB each

    assert memory.peak(function).bytes >= 1 << 38


def test_results_of_earlier_flushes_count() -> None:
    def function() -> torch.Tensor:
        kept = torch.ones(1 << 20) + torch.ones(1)
        kept.sum().item()
        return torch.zeros(1 << 20).add_(1).sum().item() + kept.numel()

    assert any(plan.elsewhere == 4 << 20 for plan in memory.peak(function).plans)


def test_errors_come_back() -> None:
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        memory.peak(lambda: torch.ones(2, 3) @ torch.ones(2, 3))

    class Unpicklable(Exception):
        pass

    def failing() -> None:
        raise Unpicklable("no")

    with pytest.raises(RuntimeError, match="Unpicklable: no"):
        memory.peak(failing)


def test_what_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "TIER", "compile")
    x = torch.ones(1 << 18)
    executor.flush()
    before = memory.allocated()
    y = (x * 3).exp()
    executor.flush()
    assert memory.allocated() >= before + (1 << 20)
    assert memory.reserved() >= memory.allocated()
    del y
    assert memory.allocated() == before and memory.statistics()["kept"] >= 1 << 20
    memory.trim()
    assert memory.statistics()["kept"] == 0
