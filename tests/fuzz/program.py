"""A random program is text: statements over tensors v0, v1, …; the same text runs in both libraries.

What a statement does is found out by running it in PyTorch, so a generator only proposes; proposals that PyTorch
refuses are dropped, or kept as statements that must raise the same class.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from math import inf, nan
from types import CodeType, ModuleType
from typing import Any

import torch


@dataclass(frozen=True)
class Statement:
    """A line of the program. `error`: the class it raises in PyTorch. `names`: the variables it assigns."""

    text: str
    names: tuple[str, ...] = ()
    error: str | None = None

    def code(self) -> CodeType:
        """The compiled line."""
        return compile(self.text, "<program>", "exec")


@dataclass
class Program:
    """Statements, the seed they came from, and the variables whose values come from rounding (inexact)."""

    kind: str
    seed: int
    statements: list[Statement] = field(default_factory=list)
    inexact: set[str] = field(default_factory=set)

    def without(self, index: int) -> Program:
        """The program less one statement."""
        return replace(self, statements=self.statements[:index] + self.statements[index + 1 :])

    def gradients(self) -> set[str]:
        """The variables that hold gradients."""
        found = (s for s in self.statements if "autograd.grad(" in s.text or s.text.endswith(".grad"))
        return {name for statement in found for name in statement.names}

    def names(self) -> list[str]:
        """All variables, in order of first assignment."""
        return list(dict.fromkeys(n for s in self.statements for n in s.names))


def namespace(lib: ModuleType) -> dict[str, Any]:
    """What a program sees: the library as `torch`, and the two odd numbers."""
    return {"torch": lib, "inf": inf, "nan": nan}


class Mismatch(Exception):
    """The subject did other than PyTorch; the text says what."""


def execute(lib: ModuleType, program: Program, after: Callable[[int, dict[str, Any]], None] | None = None) -> dict:
    """Runs the program; `after` is called behind each statement with its number and the variables."""
    scope = namespace(lib)
    for number, statement in enumerate(program.statements):
        try:
            exec(statement.code(), scope)
        except Exception as error:
            names = {c.__name__ for c in type(error).__mro__}
            if statement.error not in names or names & {"NotThereYet", "InternalError"}:
                raise Mismatch(f"`{statement.text}` raised {type(error).__name__}: {error}") from error
        else:
            if statement.error is not None:
                raise Mismatch(f"`{statement.text}` did not raise {statement.error}")
        if after is not None:
            after(number, scope)
    return scope


def valid(program: Program) -> Program:
    """The program less the statements that no longer do in PyTorch what they are said to."""
    scope = namespace(torch)
    kept = []
    for statement in program.statements:
        try:
            exec(statement.code(), scope)
            fits = statement.error is None
        except Exception as error:
            fits = type(error).__name__ == statement.error
        if fits:
            kept.append(statement)
    return replace(program, statements=kept)


def shrink(program: Program, fails: Callable[[Program], str | None], budget: int = 300) -> Program:
    """A shorter program that fails too, found by leaving statements out, the last first."""
    best, tries, again = program, 0, True
    while again and tries < budget:
        again = False
        for index in reversed(range(len(best.statements))):
            if index >= len(best.statements) or tries >= budget:
                continue
            tries += 1
            candidate = valid(best.without(index))
            if candidate.statements and fails(candidate):
                best, again = candidate, True
    return best


SCRIPT = '''"""{kind} program, seed {seed}: {why}"""
from math import inf, nan

import torch as pytorch
import rushlight

FORCED = {forced!r}  # after these statements, all values are looked at


def program(torch, forced=()):
{body}
    return [(k, v) for k, v in list(locals().items()) if k.startswith("v")]


for (name, expected), (_, got), (_, again) in zip(program(pytorch), program(rushlight), program(rushlight, FORCED)):
    print(name, "PyTorch:", expected, "Rushlight:", got, "Rushlight, forced:", again, sep="\\n")
'''


def script(program: Program, why: str, forced: tuple[int, ...] = ()) -> str:
    """A standalone script that shows what the program does in both libraries."""
    lines = []
    for number, statement in enumerate(program.statements):
        if statement.error:
            lines.append(f"    try:\n        {statement.text}\n    except {statement.error} as error:\n        pass")
        else:
            lines.append(f"    {statement.text}")
        if number in forced:
            lines.append(
                f"    if {number} in forced:\n        print([v for k, v in locals().items() if k.startswith('v')])"
            )
    return SCRIPT.format(kind=program.kind, seed=program.seed, why=why, forced=forced, body="\n".join(lines))


class Builder:
    """Grows a program by trying proposals in PyTorch."""

    LARGEST = 200  # elements
    MAGNITUDE = 1e4

    def __init__(self, kind: str, seed: int) -> None:
        self.random = random.Random(f"{kind} {seed}")
        self.program = Program(kind, seed)
        self.scope = namespace(torch)
        self.count = 0

    def tensors(self, want: Callable[[torch.Tensor], bool] = lambda t: True) -> list[str]:
        """The variables that hold a fitting tensor."""
        return [n for n in self.program.names() if torch.is_tensor(self.scope[n]) and want(self.scope[n])]

    def pick(self, want: Callable[[torch.Tensor], bool] = lambda t: True, exact: bool = False) -> str | None:
        """One of them, later ones more likely; with `exact`, only values whose rounding no library may choose."""
        names = [n for n in self.tensors(want) if not (exact and n in self.program.inexact)]
        return self.random.choice(names[-6:] if self.random.random() < 0.7 else names) if names else None

    def value(self, name: str) -> torch.Tensor:
        """The tensor PyTorch has for a variable."""
        return self.scope[name]

    def fresh(self) -> str:
        """A new variable's name."""
        self.count += 1
        return f"v{self.count - 1}"

    def too_big(self, value: Any) -> bool:
        """Whether a result would make rounding errors, or the program, grow."""
        if isinstance(value, (tuple, list)):
            return any(self.too_big(v) for v in value)
        if not torch.is_tensor(value):
            return False
        if value.numel() > self.LARGEST:
            return True
        if value.is_floating_point() or value.is_complex():
            finite = value.detach().abs()
            finite = finite[torch.isfinite(finite)]
            return bool(finite.numel()) and float(finite.max()) > self.MAGNITUDE
        return bool(value.numel()) and int(value.detach().to(torch.int64).abs().max()) > 10**6

    def add(self, text: str, names: tuple[str, ...] = (), inexact: bool = False, keep_error: float = 0.0) -> bool:
        """Appends a statement if PyTorch takes it; keeps one that it refuses with this probability."""
        statement = Statement(text, names)
        before = {n: self.scope.get(n) for n in names}
        try:
            exec(statement.code(), self.scope)
        except (RuntimeError, IndexError, TypeError, ValueError, NotImplementedError) as error:
            # Which dtypes a kernel has, what shares memory, and what is contiguous may differ.
            excused = any(word in str(error) for word in ("memory", "view size is not compatible", "ZeroDivision"))
            comparable = not isinstance(error, NotImplementedError) and not excused
            if self.random.random() < keep_error and comparable:
                self.program.statements.append(replace(statement, names=(), error=type(error).__name__))
            return False
        if any(self.too_big(self.scope[n]) for n in names):
            self.scope.update(before)
            return False
        self.program.statements.append(statement)
        if inexact:
            self.program.inexact.update(names)
        return True


def literal(value: Any) -> str:
    """Python text of a nest of numbers."""
    if isinstance(value, list):
        return "[" + ", ".join(literal(v) for v in value) + "]"
    return repr(value)


def flat(value: Any) -> Iterator[Any]:
    """The tensors of a nest."""
    if isinstance(value, (list, tuple)):
        for v in value:
            yield from flat(v)
    elif hasattr(value, "dtype") and not isinstance(value, ModuleType):
        yield value
