"""`rushlight.explain`."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import rushlight as torch
from rushlight import config
from rushlight.debug import work
from rushlight.debug.saved import Argument, program
from rushlight.ir.graph import trace
from rushlight.kernel.buffer import Buffer
from rushlight.runtime import cache, events, tier
from rushlight.runtime.compiled import Native

from .programs import training_step


@pytest.fixture(autouse=True)
def as_users_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "TIER", "auto")


def test_a_training_step() -> None:
    step = training_step()
    before = [p.clone() for p in step.net.parameters()]
    found = torch.explain(step, repeat=3)
    assert found.flushes == 1 and not found.interpreted
    names = [kernel.name for kernel in found.kernels]
    assert "linear+bias+relu 32×24·40" in names
    by_name = dict(zip(names, found.kernels, strict=True))
    linear = by_name["linear+bias+relu 32×24·40"]
    assert linear.flops == 2 * 32 * 24 * 40 + 2 * 32 * 40
    assert linear.calls == 1 and linear.seconds > 0
    assert any(line.startswith("programs.py:") for line in linear.lines)
    assert linear.ops[0] == "contract" and {"add", "relu"} <= set(linear.ops)
    assert any(line.endswith("(gradient)") for kernel in found.kernels for line in kernel.lines)
    text = str(found)
    for word in ("GFLOP/s", "of peak", "arena of plan 1", "from the lines", "measured peak", *names):
        assert word in text
    assert any(not torch.equal(a, b) for a, b in zip(before, step.net.parameters(), strict=True))  # it really ran
    assert not events.heard() and type(trace.references) is list


def test_nothing_is_left_behind() -> None:
    step = training_step()
    torch.explain(step, repeat=1)
    variants = [variant for plan in cache._plans.values() for variant in plan.variants.values()]
    programs = [s.program for variant in variants for s in variant.segments if isinstance(s, Native)]
    assert programs and all(program._stamps is None for program in programs)
    assert "timed" not in {step[0].__name__ for plan in cache._plans.values() for step in plan.steps}


def test_plans_that_have_many_like_them_are_compiled_too(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.randn(40, 40)
    monkeypatch.setattr(tier, "SHAPES", -100)
    assert torch.explain(lambda: x.exp(), repeat=1).interpreted == []


def test_a_compiled_function_is_measured_run_by_run() -> None:
    """`compile` runs plans without looking them up."""
    function, x = torch.compile(lambda x: (x * 2).exp().sum()), torch.randn(100, 100)
    for _ in range(5):
        function(x).item()
    for _ in range(2):
        found = torch.explain(function, x, repeat=6)
        assert [kernel.calls for kernel in found.kernels] == [1]
        assert found.kernels[0].seconds > 0


def test_interpreted_steps_have_reasons() -> None:
    x = torch.randn(40, 40)

    def function() -> object:
        return torch.linalg.svdvals(x @ x), torch.fft.fft(x)

    found = torch.explain(function, repeat=2)
    reasons = {step.op: step.reason for step in found.interpreted}
    assert any("no kernel" in reason for reason in reasons.values())
    assert any("complex" in reason for reason in reasons.values())
    assert all(step.lines and step.lines[0].startswith("test_explain.py:") for step in found.interpreted)
    assert "why" in str(found)


def test_without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "TIER", "interp")
    x = torch.randn(64, 64)
    found = torch.explain(lambda: (x + 1).sum(), repeat=2)
    assert not found.kernels and {step.op for step in found.interpreted} >= {"add", "sum"}
    assert all(step.reason == "RUSHLIGHT_TIER=interp" for step in found.interpreted)


def test_arguments_and_errors() -> None:
    x = torch.randn(128, 64)
    found = torch.explain(torch.softmax, x, dim=1, repeat=1)
    assert len(found.kernels) == 1 and "128 rows of 64" in found.kernels[0].name
    with pytest.raises(ValueError, match="repeat=0"):
        torch.explain(lambda: None, repeat=0)
    with pytest.raises(ZeroDivisionError):
        torch.explain(lambda: 1 / 0)
    assert not events.heard() and type(trace.references) is list


def test_a_kernel_runs_from_its_file(tmp_path: Path) -> None:
    weight, index = torch.randn(50, 32), torch.randint(0, 50, (100,))
    found = torch.explain(lambda: torch.nn.functional.embedding(index, weight) * 2, repeat=1)
    path = tmp_path / "kernel.py"
    found.kernels[0].save(path)
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(found.kernels[0].name) and "GB/s" in done.stdout
    assert "only the interpreter" not in done.stdout  # random indices are within the table
    done = subprocess.run([sys.executable, str(path), "--assembly"], capture_output=True, text=True, timeout=120)
    # Code stands in the section .text or, in the large model, .ltext.
    for text in (done.stdout, found.kernels[0].assembly()):
        assert re.search(r"^\t(\.text|\.section\t\.l?text)", text, re.M) and re.search(r"^\tret", text, re.M)


def test_kernels_of_their_own(tmp_path: Path) -> None:
    layer = torch.nn.LSTM(6, 8)
    x = torch.randn(5, 4, 6)
    found = torch.explain(lambda: (layer(x)[0].sum().backward(), torch.cumsum(x, 0), torch.sort(x, 0)), repeat=1)
    names = [kernel.name for kernel in found.kernels]
    for name in ("recurrence 5×4×8", "recurrence_back 5×4×32", "cumsum 5×4×6", "argsort 5×4×6"):
        assert name in names
    kernel = found.kernels[names.index("recurrence 5×4×8")]
    assert kernel.flops == 2 * 5 * 4 * 8 * 32
    kernel.save(tmp_path / "kernel.py")
    done = subprocess.run([sys.executable, str(tmp_path / "kernel.py")], capture_output=True, text=True, timeout=120)
    assert done.stdout.startswith("recurrence 5×4×8: "), done.stderr


def test_a_saved_kernel_computes_what_it_did() -> None:
    x = torch.randn(64, 100)
    kernel = torch.explain(lambda: torch.relu(x * 2 + 1), repeat=1).kernels[0]
    made = kernel.generated()
    facts = (made.name, made.shared, made.per_thread, made.parallel)
    runs, arrays = program(kernel.ir(), facts, kernel.arguments())
    assert not runs.run(arrays)
    operand = next(a for a in arrays[:-1] if a.shape == (64, 100))
    scalars = [float(a) for a in arrays[:-1] if a.shape == ()]
    factor, addend = scalars if len(scalars) == 2 else (2.0, *scalars) if len(scalars) == 1 else (2.0, 1.0)
    np.testing.assert_allclose(arrays[-1], np.maximum(operand * np.float32(factor) + np.float32(addend), 0), rtol=1e-6)


def test_strides_of_saved_operands() -> None:
    kinds = [Argument("float32", "float32", (3, 4), strides) for strides in ((4, 1), (-4, 1), (0, 1), (1, 3))]
    for argument in kinds:
        assert work.touched(Buffer(torch.float32, argument.shape, argument.strides)) == (
            16 if not argument.strides[0] else 48
        )
