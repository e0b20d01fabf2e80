"""Programs written as text, a line each, for tests that compare hundreds of small ones with PyTorch.

`t` is the library, `np` NumPy. Statements are parted by `;`; the last, an expression, is what is compared.
"""

from __future__ import annotations

import ast
import copy
import io
import math
import operator
import pickle
from typing import Any

import numpy as np
import pytest
import torch

import rushlight
from tests.both import Program, Raised, assert_alike, run

torch.set_num_threads(1)


def written(source: str) -> Program:
    """The program of a text."""
    tree = ast.parse(source.strip(), "<program>")
    last = tree.body.pop()
    assert isinstance(last, ast.Expr), f"ends without an expression: {source}"
    statements = compile(tree, "<program>", "exec")
    result = compile(ast.Expression(last.value), "<program>", "eval")

    def program(t: Any) -> Any:
        scope = {"t": t, "np": np, "copy": copy, "io": io, "math": math, "operator": operator, "pickle": pickle}
        exec(statements, scope)
        return eval(result, scope)

    return program


def check_written(source: str, rtol: float = 0.0, atol: float = 0.0) -> None:
    """Both libraries give the same, or raise the same class of error in the same words."""
    program = written(source)
    assert_alike(run(program, rushlight), run(program, torch), rtol, atol)


def check_refused(source: str) -> None:
    """Both libraries raise an error of the same class; ours says something of its own."""
    program = written(source)
    ours, theirs = (run(lambda t: repr(program(t)), library) for library in (rushlight, torch))  # repr runs what waits
    assert isinstance(theirs, Raised), f"PyTorch gives {theirs!r}"
    assert isinstance(ours, Raised), f"PyTorch raises {theirs}, we give {ours!r}"
    assert ours.kind == theirs.kind, f"{ours} is not {theirs}"
    assert len(ours.text) > 10, f"says nothing: {ours}"


def programs(text: str) -> Any:
    """A decorator that runs a test for each line of a text."""
    return pytest.mark.parametrize("source", [line.strip() for line in text.strip().splitlines() if line.strip()])
