"""The harness itself: with PyTorch in Rushlight's place all is equal, and a fault put in is found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from .compare import Tolerances, as_accurate, problem
from .database import Case, spread
from .known import Known, find, load, save, updated, verdict
from .walk import Result

ROOT = Path(__file__).parents[2]


def _with_pytorch_as_subject(script: str) -> str:
    environment = {**os.environ, "CONFORMANCE_SUBJECT": "torch", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


OPS = (
    r"^(add|sum|cat|index_put|batch_norm|nn\.functional\.conv2d|max\.binary|linalg\.qr|normal|nn\.Linear|optim\.Adam)-"
)
FAULTS = {
    "value": ("add", "lambda a, b, **k: real(a, b, **k) + 1", "float32", "value at"),
    "dtype": ("add", "lambda a, b, **k: real(a, b, **k).double()", "float32", "dtype"),
    "shape": ("sum", "lambda a, *p, **k: real(a, *p, **k)[None]", "float32", "shape"),
    "gradient": (
        "mul",
        "lambda a, b, **k: real(a, b.detach() if torch.is_tensor(b) else b, **k)",
        "grad-float64",
        "grad",
    ),
    "tangent": (
        "mul",
        "lambda a, b, **k: real(a, b.detach() if torch.is_tensor(b) else b, **k)",
        "forward-float64",
        "value at",
    ),
    "second": ("mul", "lambda a, b, **k: Once.apply(a, b)", "gradgrad-float64", "gradient"),
    "error": ("cat", "raises", "errors", "raised KeyError"),
    "silence": ("cat", "lambda *p, **k: torch.zeros(1)", "errors", "did not raise"),
    "write": (
        "add",
        "lambda a, b, **k: (real(a, b, **k), a.zero_())[0] if torch.is_tensor(a) else 0",
        "float32",
        "input",
    ),
    "out": ("add", "lambda a, b, out=None, **k: real(a, b, **k)", "out", "does not return"),
}
SCRIPT = """
import json, torch
from tests.conformance import database, suite
from tests.conformance.database import Case

class Once(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return a * b

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, g):
        a, b = ctx.saved_tensors
        return (g * b).sum_to_size(a.shape), (g * a).sum_to_size(b.shape)

def raises(*args, **kwargs):
    raise KeyError("no")

whole = [(case, suite.run(case)) for case in suite.cases(OPS)]
found = {"none": [[str(case), result.samples, result.failures] for case, result in whole]}
for kind, (name, fault, aspect, _) in FAULTS.items():
    wrong = eval(fault, {"real": getattr(torch, name), "torch": torch, "Once": Once, "raises": raises})
    database.function_of = lambda name: wrong
    result = suite.run(Case(name, aspect))
    found[kind] = [message for _, message in result.failures]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found() -> dict[str, list[Any]]:
    """What was found for each fault, and without one: [[case, samples, failures], …]. One process does both, since importing takes long."""
    return json.loads(_with_pytorch_as_subject(f"FAULTS, OPS = {FAULTS!r}, {OPS!r}\n{SCRIPT}"))


def test_pytorch_conforms_to_itself(found: dict[str, list[Any]]) -> None:
    assert [(case, failures) for case, _, failures in found["none"] if failures] == []
    counts = [samples for _, samples, _ in found["none"]]
    assert len(counts) > 90 and sum(counts) > 900 and sum(n == 0 for n in counts) < 10


@pytest.mark.parametrize("kind", FAULTS)
def test_fault_is_found(kind: str, found: dict[str, list[Any]]) -> None:
    assert any(FAULTS[kind][3] in message for message in found[kind]), found[kind]


def test_verdict_is_strict() -> None:
    failing = Result("op", "float32", samples=3, failures=[(0, "no"), (2, "no")])
    assert verdict(Result("op", "float32", samples=3), None) is None
    assert "2 of 3" in (verdict(failing, None) or "")
    assert verdict(failing, Known(frozenset({0, 2}), "why")) is None
    assert "beside the known" in (verdict(failing, Known(frozenset({0}), "why")) or "")
    assert "pass now" in (verdict(failing, Known(frozenset({0, 1, 2}), "why")) or "")
    assert "passes now" in (verdict(Result("op", "float32", samples=3), Known(None, "why")) or "")


def test_book_tells_tiers_apart(tmp_path: Path) -> None:
    passing, failing = Result("op", "out", samples=3), Result("op", "out", samples=3, failures=[(0, "no"), (2, "no")])
    case, both = Case("op", "out"), Known(frozenset({0, 2}), "why")
    book = updated({"auto": [failing], "compile": [failing]}, {})
    assert book == {(case, ""): Known(frozenset({0, 2}), "no")}
    book = updated({"auto": [passing]}, {(case, ""): both})
    assert book == {(case, "compile"): both}
    assert find(book, case, "auto") is None and find(book, case, "compile") == both
    save(book, tmp_path / "book.toml")
    assert load(tmp_path / "book.toml") == book
    rounding = {(case, ""): Known(frozenset({0, 2}), "Rounding: last bits")}
    assert updated({"auto": [passing], "compile": [failing]}, rounding) == rounding
    assert updated({"compile": [passing]}, book) == {}


def test_comparison_tells_values_apart() -> None:
    one = torch.tensor([1.0, float("nan")])
    assert problem(one.clone(), one, Tolerances()) is None
    assert problem(one + 1e-4, one, Tolerances())
    assert problem((one,), one, Tolerances())
    assert problem(1, 1.0, Tolerances())
    assert problem([one], [one, one], Tolerances())
    assert problem(one + 1e-6, one, Tolerances(exact=True))


def test_second_judge_wants_accuracy() -> None:
    exact = torch.tensor([1.0], dtype=torch.float64)
    poor = torch.tensor([1.0 + 1e-3])
    assert as_accurate(torch.tensor([1.0]), poor, exact, Tolerances())
    assert not as_accurate(torch.tensor([1.0 + 4e-3]), poor, exact, Tolerances())
    assert not as_accurate(torch.tensor([float("nan")]), poor, exact, Tolerances())


def test_spread_is_even_and_keeps_the_ends() -> None:
    assert spread(3, 5) == [0, 1, 2]
    assert spread(9, 5) == [0, 2, 4, 6, 8]
    assert spread(1000, None) == list(range(1000))
    assert str(Case("add", "float32")) == "add-float32"
