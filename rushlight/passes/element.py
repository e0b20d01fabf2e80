"""Element expressions: what one element of a value is, with everything inlined that is not computed on its own.

Inlining is calling the producer's `at` with the consumer's index. Indices are brought into normal form at once, so that a chain of
views ends as one address. Equal (value, index) pairs are one expression, which is computed once wherever it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from ..dtype import bfloat16, float16
from ..ir.expr import Apply, Expr, Literal, Load
from ..ir.type import Type
from ..kernel.index import Index, condition, normal
from .graph import Graph

_CONDITIONS = ("index_and", "index_ge", "index_lt", "index_eq")


class Handle:
    """What `at` gets for an operand: indexing it gives the operand's element, inlined or loaded."""

    __slots__ = ("elements", "value", "type")

    def __init__(self, elements: Elements, value: int, type: Type) -> None:
        self.elements = elements
        self.value = value
        self.type = type

    def __getitem__(self, index: tuple[Expr, ...]) -> Expr:
        places = tuple(normal(i, extent) for i, extent in zip(index, self.type.shape, strict=True))
        return self.elements.of(self.value, places)

    def broadcast(self, index: tuple[Expr, ...]) -> Expr:
        own = index[len(index) - self.type.ndim :]
        return self[tuple(i if e != 1 else Literal(0) for i, e in zip(own, self.type.shape, strict=True))]


class Elements:
    """Makes element expressions; values in `separate` are loaded, all others inlined."""

    def __init__(self, graph: Graph, separate: set[int]) -> None:
        self.graph = graph
        self.separate = separate
        self._known: dict[tuple[int, tuple[Index, ...]], Expr] = {}
        self._bodies: dict[tuple[int, tuple[Index, ...]], Expr] = {}
        self._decisions: dict[int, tuple[Expr, Expr]] = {}  # what was decided stays so: chains of writes stay linear

    def of(self, value: int, index: tuple[Index, ...]) -> Expr:
        """The element of a value at an index: a load where the value is computed on its own."""
        key = (value, index)
        found = self._known.get(key)
        if found is None:
            found = Load(value, index) if value in self.separate else self.body(value, index)
            self._known[key] = found
        return found

    def body(self, value: int, index: tuple[Index, ...]) -> Expr:
        """What computes the element, also where others load it."""
        key = (value, index)
        found = self._bodies.get(key)
        if found is not None:
            return found
        signature = self.graph.signatures[value]
        assert signature is not None and signature.op.at is not None
        handles = [
            Handle(self, operand, type)
            for operand, type in zip(self.graph.operands[value], signature.operands, strict=True)
        ]
        found = self._decided(signature.op.at(index, *handles, type=signature.type, **signature.attributes))
        if signature.type.dtype in (bfloat16, float16) and not signature.op.moves:
            found = Apply(f"round_{signature.type.dtype.name}", found)
        self._bodies[key] = found
        return found

    def _decided(self, expression: Expr) -> Expr:
        """Choices whose condition bounds decide are taken."""
        if not isinstance(expression, Apply) or expression.function not in ("choose", "place"):
            return expression
        known = self._decisions.get(id(expression))
        if known is None:
            found: Expr
            if expression.function == "place":
                found = Apply("place", normal(expression.arguments[0]))
            else:
                test, yes, no = expression.arguments
                test = condition(test)
                if isinstance(test, Literal):
                    found = self._decided(yes if test.value else no)
                else:
                    found = Apply("choose", test, self._decided(yes), self._decided(no))
            known = self._decisions[id(expression)] = expression, found  # the first keeps its identity taken
            self._decisions.setdefault(id(found), (found, found))
        return known[1]

    def forget(self) -> None:
        """Lets go of what was made: once kernels are, it is the larger part of what a plan would hold."""
        self._known.clear()
        self._bodies.clear()
        self._decisions.clear()


def parts(expressions: Sequence[Expr], below: Callable[[Any], Iterable[Any]]) -> Iterator[Any]:
    """The expressions and what lies below them, each object once, last things first."""
    seen: set[int] = set()
    stack: list[Any] = list(reversed(expressions))
    while stack:
        part = stack.pop()
        if id(part) not in seen:
            seen.add(id(part))
            yield part
            stack.extend(below(part))


def below(part: Any) -> Iterable[Any]:
    """What an expression is made of: arguments, and the indices and the data that say where it is read."""
    if isinstance(part, Apply):
        return part.arguments
    if isinstance(part, Load):
        return [index for index in part.index if isinstance(index, Index)]
    return part.data() if isinstance(part, Index) else ()


def loads(expressions: Sequence[Expr]) -> list[Load]:
    """All loads in the expressions, each once."""
    return [part for part in parts(expressions, below) if isinstance(part, Load)]


def functions(expression: Expr) -> set[str]:
    """The names of all scalar functions in an expression, index arithmetic left out."""
    applied = (part.function for part in parts((expression,), below) if isinstance(part, Apply))
    return {function for function in applied if function not in _CONDITIONS}
