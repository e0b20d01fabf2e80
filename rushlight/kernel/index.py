"""Index arithmetic in a normal form: sums of loops, quotients and remainders with integer factors.

The op records' `at` builds indices with the operators of `ir.expr`; `normal` turns them into an `Index`, in which what a reshape took
apart is put together again (`d·(x // d) + x % d` is x), quotients that bounds decide are gone, and equal indices are equal objects
by value. So whether a chain of views reads memory one element after another can be seen from one factor.

>>> i, j = loop(0, 6), loop(1, 4)
>>> normal((i * 4 + j) // 4), normal((i * 4 + j) % 4)
(i0, i1)
>>> k = loop(0, 24)
>>> normal(k // 8 * 8 + (k // 4) % 2 * 4 + k % 4)
i0
"""

from __future__ import annotations

from math import gcd
from typing import Any

from ..errors import InternalError
from ..ir.expr import Apply, Expr, Literal, Load


class Atom:
    """What an index is a sum of; `low` and `high` bound its value."""

    __slots__ = ("key", "low", "high")
    key: tuple[Any, ...]
    low: int
    high: int

    def __init__(self, key: tuple[Any, ...], low: int, high: int) -> None:
        self.key = key
        self.low = low
        self.high = high

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Atom) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        kind, *rest = self.key
        if kind == "loop":
            return f"i{rest[0]}"
        if kind == "data":
            return f"[{rest[0]!r}]"
        return f"({rest[0]!r} {'//' if kind == 'div' else '%'} {rest[1]})"


class Index(Expr):
    """`constant` + the sum of factor · atom; compares by value."""

    __slots__ = ("terms", "constant", "_hash")
    terms: tuple[tuple[Atom, int], ...]
    constant: int

    def __init__(self, terms: tuple[tuple[Atom, int], ...], constant: int) -> None:
        self.terms = terms
        self.constant = constant
        self._hash = hash((terms, constant))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Index) and self.constant == other.constant and self.terms == other.terms

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        parts = [f"{factor if factor != 1 else ''}{'*' if factor != 1 else ''}{atom!r}" for atom, factor in self.terms]
        if self.constant or not parts:
            parts.append(str(self.constant))
        return " + ".join(parts)

    @property
    def low(self) -> int:
        return self.constant + sum(f * (a.low if f > 0 else a.high) for a, f in self.terms)

    @property
    def high(self) -> int:
        return self.constant + sum(f * (a.high if f > 0 else a.low) for a, f in self.terms)

    def loops(self) -> set[int]:
        """The loops it depends on, those inside data not counted (see `data`)."""
        found: set[int] = set()
        for atom, _ in self.terms:
            if atom.key[0] == "loop":
                found.add(atom.key[1])
            elif atom.key[0] in ("div", "rem"):
                found |= atom.key[1].loops()
        return found

    def data(self) -> list[Expr]:
        """The expressions over elements that it depends on."""
        found: list[Expr] = []
        for atom, _ in self.terms:
            if atom.key[0] == "data":
                found.append(atom.key[1])
            elif atom.key[0] in ("div", "rem"):
                found += atom.key[1].data()
        return found

    def factor(self, axis: int) -> int | None:
        """How it moves with a loop: the factor; None where it does not move evenly."""
        factor = 0
        for atom, f in self.terms:
            if atom.key[0] == "loop":
                factor += f if atom.key[1] == axis else 0
            elif _moves(atom.key[1], axis):
                return None
        return factor

    def affine(self) -> bool:
        """Whether it is a sum of loops alone."""
        return all(atom.key[0] == "loop" for atom, _ in self.terms)


def _moves(part: Expr, axis: int) -> bool:
    """Whether something may change with a loop."""
    if isinstance(part, Index):
        return axis in part.loops() or any(_moves(data, axis) for data in part.data())
    if isinstance(part, Load):
        return any(_moves(index, axis) for index in part.index)
    if isinstance(part, Apply):
        return any(_moves(argument, axis) for argument in part.arguments)
    return not isinstance(part, Literal)


def fixed(value: int) -> Index:
    return Index((), int(value))


ZERO = fixed(0)


def loop(axis: int, extent: int) -> Index:
    """The index along a loop; of one turn, 0."""
    return ZERO if extent == 1 else Index(((Atom(("loop", axis, extent), 0, max(extent - 1, 0)), 1),), 0)


def data(expression: Expr, extent: int) -> Index:
    """An index read from memory, within [0, extent)."""
    return Index(((Atom(("data", expression), 0, max(extent - 1, 0)), 1),), 0)


def _order(term: tuple[Atom, int]) -> tuple[int, str]:
    return -abs(term[1]), repr(term[0]) if term[0].key[0] != "data" else f"~{id(term[0].key[1])}"


def _sum(parts: list[tuple[Index, int]], constant: int = 0) -> Index:
    """constant + the sum of factor · index, put together."""
    terms: dict[Atom, int] = {}
    for index, factor in parts:
        constant += index.constant * factor
        for atom, f in index.terms:
            terms[atom] = terms.get(atom, 0) + f * factor
    rejoined = True
    while rejoined:
        rejoined = False
        for atom, factor in list(terms.items()):
            if atom.key[0] != "rem" or not factor:
                continue
            whole, divisor = atom.key[1], atom.key[2]
            quotient = divide(whole, divisor)
            if quotient.constant or len(quotient.terms) != 1 or quotient.terms[0][1] != 1:
                continue
            other = quotient.terms[0][0]
            if terms.get(other, 0) == factor * divisor:
                del terms[atom], terms[other]
                constant += whole.constant * factor
                for inner, f in whole.terms:
                    terms[inner] = terms.get(inner, 0) + f * factor
                rejoined = True
                break
    return Index(tuple(sorted(((a, f) for a, f in terms.items() if f), key=_order)), constant)


def add(a: Index, b: Index, factor: int = 1) -> Index:
    """a + factor · b"""
    return _sum([(a, 1), (b, factor)])


def scale(a: Index, factor: int) -> Index:
    return _sum([(a, factor)])


def _parted(index: Index, divisor: int) -> tuple[Index, Index]:
    """quotient and rest with index = divisor · quotient + rest, by the factors that divide; rest's constant is in [0, divisor)."""
    even = [(a, f // divisor) for a, f in index.terms if f % divisor == 0]
    odd = [(a, f) for a, f in index.terms if f % divisor]
    quotient = _sum([(Index((term,), 0), 1) for term in even], index.constant // divisor)
    return quotient, _sum([(Index((term,), 0), 1) for term in odd], index.constant % divisor)


def divide(index: Index, divisor: int) -> Index:
    """The floor of index / divisor, for a positive divisor."""
    if divisor == 1:
        return index
    quotient, rest = _parted(index, divisor)
    low, high = rest.low // divisor, rest.high // divisor
    if low == high:
        return add(quotient, fixed(low))
    common = divisor
    for _, factor in rest.terms:
        common = gcd(common, factor)
    if common > 1:  # floor((g·x + c) / (g·d)) = floor((x + floor(c / g)) / d)
        smaller = Index(tuple((a, f // common) for a, f in rest.terms), rest.constant // common)
        return add(quotient, divide(smaller, divisor // common))
    if not rest.constant and len(rest.terms) == 1 and rest.terms[0][1] == 1 and rest.terms[0][0].key[0] == "div":
        inner = rest.terms[0][0].key
        return add(quotient, divide(inner[1], inner[2] * divisor))
    if low < 0:  # a quotient of what is not negative is cheaper
        rest = Index(rest.terms, rest.constant - low * divisor)
    atom = Atom(("div", rest, divisor), max(low, 0), high - min(low, 0))
    return add(quotient, Index(((atom, 1),), min(low, 0)))


def remainder(index: Index, divisor: int) -> Index:
    """index - divisor · floor(index / divisor), for a positive divisor."""
    if divisor == 1:
        return ZERO
    _, rest = _parted(index, divisor)
    low, high = rest.low // divisor, rest.high // divisor
    if low == high:
        return add(rest, fixed(-low * divisor))
    if low < 0:
        rest = add(rest, fixed(-low * divisor))
    return Index(((Atom(("rem", rest, divisor), 0, divisor - 1), 1),), 0)


def normal(expression: Expr, extent: int | None = None) -> Index:
    """The normal form. What is no index arithmetic is data, which `extent` bounds."""
    if isinstance(expression, Index):
        return expression
    if isinstance(expression, Literal):
        return fixed(int(expression.value))
    if isinstance(expression, Apply):
        name, arguments = expression.function, expression.arguments
        if name == "index_add":
            return add(normal(arguments[0]), normal(arguments[1]))
        if name == "index_sub":
            return add(normal(arguments[0]), normal(arguments[1]), -1)
        if name == "index_mul":
            a, b = normal(arguments[0]), normal(arguments[1])
            a, b = (a, b) if not b.terms else (b, a)
            if b.terms:
                raise InternalError(f"a product of indices: {expression!r}")
            return scale(a, b.constant)
        if name in ("index_div", "index_rem"):
            divisor = normal(arguments[1])
            if divisor.terms or divisor.constant < 1:
                raise InternalError(f"an index divided by {divisor!r}")
            return (divide if name == "index_div" else remainder)(normal(arguments[0]), divisor.constant)
    return data(expression, extent if extent is not None else 1 << 62)


def condition(expression: Expr) -> Expr:
    """A condition over indices with what bounds decide taken out: Literal(True), Literal(False) or what is left."""
    if not isinstance(expression, Apply):
        return expression
    if expression.function == "index_and":
        left, right = condition(expression.arguments[0]), condition(expression.arguments[1])
        for one, other in ((left, right), (right, left)):
            if isinstance(one, Literal):
                return other if one.value else one
        return Apply("index_and", left, right)
    if expression.function not in ("index_ge", "index_lt", "index_eq"):
        return expression
    difference = add(normal(expression.arguments[0]), normal(expression.arguments[1]), -1)
    low, high = difference.low, difference.high
    if expression.function == "index_eq":
        if low > 0 or high < 0:
            return Literal(False)
        return Literal(True) if low == high == 0 else Apply("index_eq", difference, ZERO)
    if expression.function == "index_ge":
        if low >= 0 or high < 0:
            return Literal(low >= 0)
        return Apply("index_ge", difference, ZERO)
    if high < 0 or low >= 0:
        return Literal(high < 0)
    return Apply("index_lt", difference, ZERO)


def substitute(index: Index, places: dict[int, Index]) -> Index:
    """The index with other indices in the place of loops. Data are left alone: an index with data must not be substituted."""
    parts: list[tuple[Index, int]] = []
    for atom, factor in index.terms:
        kind = atom.key[0]
        if kind == "loop":
            parts.append((places[atom.key[1]], factor))
        elif kind == "data":
            raise InternalError(f"{index!r} holds data")
        else:
            inner = substitute(atom.key[1], places)
            parts.append(((divide if kind == "div" else remainder)(inner, atom.key[2]), factor))
    return _sum(parts, index.constant)
