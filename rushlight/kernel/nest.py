"""A nest: loops over rows, and for each row sweeps over the inner loops with values carried between them.

One vocabulary for everything that is not a contraction, a scan or a sort: an elementwise chain is a nest without inner loops; a sum is a
nest with a fold; softmax is three sweeps over one row (the largest element; the weights and their sum; the quotients).

    nest      = extents, inner axes, operands, results, kept temporaries, body
    body      = (Row | Sweep) …           a Row runs once a row, a Sweep for each element of the inner loops
    statement = Let(temp, value)          a value for this row (in a Row) or this element (in a Sweep)
              | Fold(temp, combine, value)  of a Sweep: combines `value` over the inner loops; the temp is known after the sweep
              | Write(result, index, value)
              | Tally(result, turns, index, value)  of a Sweep: combines `value` over `turns` rows that follow each other, for each element
    value     = an expression of `ir.expr` whose loads are of operands, whose indices are `Index`es over the axes, and which may hold `Temp`s

Rows are independent of each other. A temporary of a sweep that a later sweep reads is *kept* (in scratch memory for one row).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..dtype import dtype as ElementType
from ..ir.expr import Apply, Expr, Literal, Load
from .buffer import Buffer, Shape
from .index import Index

FOLDS = ("sum", "prod", "max", "min", "any", "all", "argmax", "argmin")


class Temp(Expr):
    """A value computed by an earlier statement."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number

    def __repr__(self) -> str:
        return f"t{self.number}"


@dataclass(frozen=True)
class Let:
    temp: int
    dtype: ElementType
    value: Expr


@dataclass(frozen=True)
class Fold:
    """`dtype` is that of the result, `source` that of what is combined; argmax and argmin give the place along the one inner loop."""

    temp: int
    dtype: ElementType
    source: ElementType
    combine: str
    value: Expr


@dataclass(frozen=True)
class Write:
    result: int
    index: tuple[Index, ...]
    value: Expr


@dataclass(frozen=True)
class Tally:
    """A sum over rows beside what is done within each: so rows that are summed both ways are read once. Layer norm both ways takes two
    fifths of the time.

    The innermost loop over rows, whose extent `turns` divides, goes in blocks of so many; `index` is the same for all rows of a block.
    """

    result: int
    turns: int
    index: tuple[Index, ...]
    value: Expr


Statement = Let | Fold | Write | Tally


@dataclass(frozen=True)
class Row:
    statements: tuple[Statement, ...]


@dataclass(frozen=True)
class Sweep:
    statements: tuple[Statement, ...]


@dataclass(frozen=True)
class Nest:
    """See the module's text. `extents` are those of all loops; the axes in `inner` are swept, the others are rows."""

    extents: Shape
    inner: tuple[int, ...]
    operands: tuple[Buffer, ...]
    results: tuple[Buffer, ...]
    kept: tuple[int, ...]
    body: tuple[Row | Sweep, ...]

    @property
    def rows(self) -> tuple[int, ...]:
        return tuple(axis for axis in range(len(self.extents)) if axis not in self.inner)

    def statements(self) -> Iterator[Statement]:
        for part in self.body:
            yield from part.statements

    def key(self) -> str:
        """All of it as text."""
        lines = [
            f"nest {list(self.extents)} inner {list(self.inner)} kept {list(self.kept)}",
            "in " + " ".join(buffer.key() for buffer in self.operands),
            "out " + " ".join(buffer.key() for buffer in self.results),
        ]
        printer = Printer(lines)
        for part in self.body:
            lines.append("row:" if isinstance(part, Row) else "sweep:")
            for statement in part.statements:
                value = printer.name(statement.value)
                if isinstance(statement, Let):
                    lines.append(f"t{statement.temp}:{statement.dtype.name} = {value}")
                elif isinstance(statement, Fold):
                    lines.append(
                        f"t{statement.temp}:{statement.dtype.name} = {statement.combine} {value}:{statement.source.name}"
                    )
                else:
                    index = ", ".join(printer.index(i) for i in statement.index)
                    sums = f"sum over {statement.turns} rows of " if isinstance(statement, Tally) else ""
                    lines.append(f"out{statement.result}[{index}] = {sums}{value}")
        return "\n".join(lines)


class Printer:
    """Prints expressions that share parts in linear space: each shared part gets a line of its own."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.names: dict[int, str] = {}
        self.alive: list[Expr] = []  # so that no identity is reused

    def name(self, expression: Expr) -> str:
        found = self.names.get(id(expression))
        if found is not None:
            return found
        if isinstance(expression, Literal):
            value = expression.value
            return f"{value!r}:{getattr(value, 'dtype', type(value).__name__)}"
        if isinstance(expression, Index):
            return self.index(expression)
        if isinstance(expression, Load):
            text = f"x{expression.operand}[{', '.join(self.name(i) for i in expression.index)}]"
        elif isinstance(expression, Apply):
            text = f"{expression.function}({', '.join(self.name(a) for a in expression.arguments)})"
        else:
            return repr(expression)
        name = f"v{len(self.names)}"
        self.lines.append(f"{name} = {text}")
        self.names[id(expression)] = name
        self.alive.append(expression)
        return name

    def index(self, index: Index) -> str:
        parts = [str(index.constant)]
        for atom, factor in index.terms:
            kind = atom.key[0]
            if kind == "loop":
                parts.append(f"{factor}*i{atom.key[1]}")
            elif kind == "data":
                parts.append(f"{factor}*[{self.name(atom.key[1])}<{atom.high}]")
            else:
                parts.append(f"{factor}*({self.index(atom.key[1])} {kind} {atom.key[2]})")
        return "+".join(parts)


def walk(expression: Expr, seen: set[int] | None = None) -> Iterator[Expr]:
    """Every part of an expression once, its indices' data included."""
    seen = set() if seen is None else seen
    if id(expression) in seen:
        return
    seen.add(id(expression))
    yield expression
    if isinstance(expression, Apply):
        for argument in expression.arguments:
            yield from walk(argument, seen)
    elif isinstance(expression, Load):
        for index in expression.index:
            yield from walk(index, seen)
    elif isinstance(expression, Index):
        for part in expression.data():
            yield from walk(part, seen)
