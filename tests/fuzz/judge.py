"""Says what differs between both libraries' runs of a program: values, dtypes, flags.

And what differs between Rushlight's own runs, bit for bit, when values are forced on the way.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch

from tests.conformance.compare import Tolerances, tensor_problem
from tests.conformance.convert import to_oracle
from tests.conformance.subject import subject

from .program import Mismatch, Program, execute, flat, script, shrink

# Rounding grows along a program: (relative, absolute in units of the greatest value met).
ALLOWED = {torch.float64: 1e-9, torch.float32: 2e-5, torch.float16: 2e-2, torch.bfloat16: 1e-1}
ALLOWED |= {torch.complex128: 1e-9, torch.complex64: 2e-5}


def _scale(scope: dict[str, Any], names: list[str]) -> float:
    greatest = 1.0
    for name in names:
        for t in flat(scope[name]):
            if t.is_floating_point() and t.numel():
                finite = t.detach()[torch.isfinite(t.detach())].abs()
                greatest = max(greatest, float(finite.max()) if finite.numel() else 0.0)
    return greatest


def _coarsest(scope: dict[str, Any], names: list[str]) -> float:
    """What rounding the least precise tensor of the program may do to any other."""
    return max((ALLOWED.get(t.dtype, 0.0) for n in names for t in flat(scope[n])), default=0.0)


def _differs(name: str, got: Any, wanted: Any, tolerances: Tolerances) -> str | None:
    ours, theirs = list(flat(got)), list(flat(wanted))
    if len(ours) != len(theirs):
        return f"{name}: {len(ours)} tensors, expected {len(theirs)}"
    for number, (a, e) in enumerate(zip(ours, theirs, strict=True)):
        label = name if len(ours) == 1 else f"{name}[{number}]"
        found = tensor_problem(to_oracle(a), e.detach(), tolerances)
        if found:
            return f"{label}: {found}"
        for flag in ("requires_grad", "is_leaf"):
            if getattr(a, flag) != getattr(e, flag):
                return f"{label}.{flag}: got {getattr(a, flag)}, expected {getattr(e, flag)}"
    return None


def _gradients_differ(name: str, got: Any, wanted: Any, tolerances: Tolerances) -> str | None:
    """For gradients, where None means zero, and where a NaN of PyTorch's may spread less far in ours."""
    if isinstance(wanted, tuple):
        pairs = zip(got, wanted, strict=True)
        return next((found for a, e in pairs if (found := _gradients_differ(name, a, e, tolerances))), None)
    if got is None and wanted is None:
        return None
    ours = torch.zeros_like(wanted) if got is None else to_oracle(got)
    theirs = torch.zeros_like(ours) if wanted is None else wanted.detach()
    if ours.dtype == theirs.dtype and ours.shape == theirs.shape:
        ours = torch.where(torch.isnan(theirs), theirs, ours)
    found = tensor_problem(ours, theirs, tolerances)
    return f"{name}: {found}" if found else None


def differences(program: Program) -> str | None:
    """What the subject does other than PyTorch, or None."""
    wanted = execute(torch, program)
    names, gradients = program.names(), program.gradients()
    unit = _coarsest(wanted, names)
    near = {d: (a, unit * _scale(wanted, names)) for d, a in ALLOWED.items()}
    try:
        got = execute(subject, program)
        for name in names:
            tolerances = Tolerances(near) if name in program.inexact else Tolerances(exact=True)
            differ = _gradients_differ if name in gradients else _differs
            found = differ(name, got.get(name), wanted[name], tolerances)
            if found:
                return found
    except Mismatch as found:
        return str(found)
    except Exception as error:
        return f"looking at the values raised {type(error).__name__}: {error}"
    return None


def _bits(value: Any) -> list[np.ndarray]:
    return [np.asarray(to_oracle(t).float() if "bfloat16" in str(t.dtype) else to_oracle(t)) for t in flat(value)]


def laziness(program: Program, forced: tuple[int, ...]) -> str | None:
    """What changes when all values are looked at behind the statements `forced`, or None."""

    def look(number: int, scope: dict[str, Any]) -> None:
        if number in forced:
            for name in program.names():
                for t in flat(scope.get(name)):
                    t.tolist() if number % 2 else str(t)

    try:
        plain, looked = execute(subject, program), execute(subject, program, look)
        for name in program.names():
            for a, b in zip(_bits(plain[name]), _bits(looked[name]), strict=True):
                if a.dtype != b.dtype or not np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"):
                    return f"{name} is {b.tolist()} when looked at on the way, else {a.tolist()}"
    except Exception as error:
        return f"looking at the values on the way raised {type(error).__name__}: {error}"
    return None


def places(program: Program) -> tuple[int, ...]:
    """Where to look at values on the way, by the program's seed."""
    draw = random.Random(program.seed)
    count = len(program.statements)
    return tuple(range(count)) if draw.random() < 0.3 else tuple(i for i in range(count) if draw.random() < 0.3)


def failure(program: Program) -> str | None:
    """A standalone script that shows what is wrong, or None."""
    why, forced = differences(program), ()
    if why:
        program = shrink(program, differences)
        return script(program, differences(program) or why)
    forced = places(program)
    why = laziness(program, forced)
    if why is None:
        return None
    program = shrink(program, lambda p: laziness(p, tuple(range(len(p.statements)))) or laziness(p, forced))
    everywhere = tuple(range(len(program.statements)))
    forced = everywhere if laziness(program, everywhere) else forced
    return script(program, laziness(program, forced) or why, forced)
