"""Forward-mode derivatives: the tangents of the outputs for fixed random tangents of the inputs, in both libraries."""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch.autograd import forward_ad

from . import database, names
from .compare import Tolerances, problem
from .convert import Copier, flat_tensors, is_subject_tensor, to_oracle
from .database import Case
from .subject import lookup, subject
from .walk import Outcome, Result, Sides, attempt, describe, sides_of

CAP = 3

# The derivative of these is defined for Hermitian tangents alone: what becomes of others is a convention.
HERMITIAN = re.compile(r"linalg\.(cholesky|cholesky_ex|eigh)$")


def _tangent(op: str, leaf: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    drawn = torch.randn(leaf.shape, dtype=leaf.dtype, generator=generator)
    return (drawn + drawn.mH) / 2 if HERMITIAN.match(op) else drawn


def _replaced(value: Any, made: dict[int, Any]) -> Any:
    """A structure of inputs with some tensors replaced."""
    if id(value) in made:
        return made[id(value)]
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_replaced(v, made) for v in value))
    if type(value) in (list, tuple):
        return type(value)([_replaced(v, made) for v in value])
    if isinstance(value, dict):
        return {k: _replaced(v, made) for k, v in value.items()}
    return value


def _pushed(
    lib: Any, forward: Any, op: Callable, process: Callable, inputs: Any, pairs: list[tuple[Any, Any]], is_tensor: Any
) -> Outcome:
    """The tangents of the differentiable outputs, zeros where there are none."""

    def call() -> list[Any]:
        with forward.dual_level():
            duals = {id(leaf): forward.make_dual(leaf.detach(), tangent) for leaf, tangent in pairs}
            first, args, kwargs = _replaced(inputs, duals)
            outputs = flat_tensors(process(op(first, *args, **kwargs)), is_tensor)
            parts = [forward.unpack_dual(o) for o in outputs if o.is_floating_point() or o.is_complex()]
            return [lib.zeros_like(p.primal) if p.tangent is None else p.tangent.detach() for p in parts]

    return attempt(lib, call)


def _problem(name: str, sample: Any, sides: Sides, op: Callable, subject_op: Callable) -> str | None:
    """What is wrong, "" if nothing, None if PyTorch has no such derivative."""
    generator = torch.Generator().manual_seed(4)
    leaves = sides.oracle.leaves()
    tangents = [_tangent(name, leaf, generator) for leaf in leaves]
    process = sample.output_process_fn_grad
    pairs = list(zip(leaves, tangents, strict=True))
    wanted = _pushed(torch, forward_ad, op, process, sides.oracle_inputs, pairs, torch.is_tensor)
    if wanted.error is not None or not wanted.value:
        return None
    carry = Copier(to_subject=True)
    ours = [(leaf, carry(tangent)) for leaf, tangent in zip(sides.subject.leaves(), tangents, strict=True)]
    module = lookup("autograd.forward_ad")
    got = _pushed(subject, module, subject_op, names.rebind(process), sides.subject_inputs, ours, is_subject_tensor)
    if got.error is not None:
        return describe(got.error)
    return problem([to_oracle(t) for t in got.value], [t.detach() for t in wanted.value], Tolerances()) or ""


def run(case: Case, take_all: bool = False) -> Result:
    """The result of a case "forward-float64"."""
    result, info, subject_op = Result(case.op, case.aspect), database.ops()[case.op], database.function_of(case.op)
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for index, sample in database.samples(case.op, torch.float64, True, None if take_all else CAP):
            sides = sides_of(sample, result)
            if sides is None or not sides.oracle.leaves():
                continue
            found = _problem(case.op, sample, sides, info.op, subject_op)
            if found is None:
                result.skipped += 1
                continue
            result.samples += 1
            if found:
                result.fail(index, found)
    result.seconds = round(time.perf_counter() - start, 3)
    return result
