"""2,000 random programs a run; a failure prints a script that shows it by itself."""

from __future__ import annotations

import warnings

import pytest
import torch

from . import graphs, judge, views
from .program import Program, Statement, shrink, valid

PER_TEST = 50
CHUNKS = range(0, 1000, PER_TEST)


def _check(programs: list[Program]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for program in programs:
            script = judge.failure(program)
            if script:
                pytest.fail(f"seed {program.seed}\n{script}", pytrace=False)


@pytest.mark.parametrize("start", CHUNKS)
def test_graphs(start: int) -> None:
    """Expressions and their gradients; and the same bits wherever values are looked at on the way."""
    _check([graphs.generate(seed) for seed in range(start, start + PER_TEST)])


@pytest.mark.parametrize("start", CHUNKS)
def test_views(start: int) -> None:
    """Views and in-place writes through every alias, with gradients; and the same bits with looks on the way."""
    _check([views.generate(seed) for seed in range(start, start + PER_TEST)])


def test_generated_programs_are_rich() -> None:
    """Most programs have gradients, and the statements are many and of all kinds: else the rest tests little."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for generate in (graphs.generate, views.generate):
            programs = [generate(seed) for seed in range(400)]
            text = "\n".join(s.text for p in programs for s in p.statements)
            assert sum(any("grad(" in s.text for s in p.statements) for p in programs) > 160
            assert sum(len(p.statements) for p in programs) > 3200
            assert sum(s.error is not None for p in programs for s in p.statements) > 20
            for word in (".sum(", "[", ".transpose(", "torch.cat(", ".expand(", "bfloat16", "requires_grad"):
                assert word in text, word


def test_shrinking_keeps_the_culprit() -> None:
    lines = ["v0 = torch.ones(3)", "v1 = v0 * 2", "v2 = v0 + 1", "v3 = v1.sum()", "v4 = v2.sum()"]
    program = Program("graphs", 0, [Statement(line, (line[:2],)) for line in lines])
    small = shrink(program, lambda p: "bad" if any(s.text.startswith("v3") for s in p.statements) else None)
    assert [s.text for s in small.statements] == [lines[0], lines[1], lines[3]]
    assert [s.text for s in valid(program.without(0)).statements] == []


def test_script_of_a_failure_runs() -> None:
    program = Program("graphs", 0, [Statement("v0 = torch.ones(2)", ("v0",)), Statement("v0.tolist()")])
    from_script = judge.script(program, "why", (0,))
    assert "def program(torch" in from_script
    compile(from_script, "script", "exec")
    assert torch.equal(judge.execute(torch, program)["v0"], torch.ones(2))
