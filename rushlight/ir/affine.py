"""Affine addresses with a denominator: how a contraction reads one axis of an operand.

An `Axis` is the address `(sum of coefficient * loop + offset) / denominator`. Where the numerator is not a multiple of
the denominator there is nothing to read. Loops are small integers; an axis does not know their extents, which come as a
tuple.

>>> Axis({0: 2, 3: 1}, -1)
2*l0 + l3 - 1
>>> Axis({0: 4, 1: -2}, 6, -4)
(-2*l0 + l1 - 3)/2
>>> Axis({0: 4}, 8, 4) is Axis({0: 1}, 2)
True
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import gcd

from ..errors import InternalError

Terms = tuple[tuple[int, int], ...]
Extents = Sequence[int] | Mapping[int, int]


class Axis:
    """An address; immutable, normalised and interned, so that equal addresses are the same object.

    Args:
        coefficients: loop -> coefficient; zeros are dropped.
        offset: what the numerator is at the origin of the loops.
        denominator: not zero; a negative one turns every sign.
    """

    __slots__ = ("terms", "offset", "denominator", "__weakref__")
    terms: Terms  # ((loop, coefficient), ...) by loop, no zeros
    offset: int
    denominator: int

    _interned: weakref.WeakValueDictionary[tuple[Terms, int, int], Axis] = weakref.WeakValueDictionary()
    _lock = threading.Lock()

    def __new__(
        cls, coefficients: Mapping[int, int] | Iterable[tuple[int, int]] = (), offset: int = 0, denominator: int = 1
    ) -> Axis:
        if denominator == 0:
            raise InternalError("an axis with denominator 0")
        items = coefficients.items() if isinstance(coefficients, Mapping) else coefficients
        terms = tuple(sorted((loop, value) for loop, value in items if value))
        common = gcd(offset, denominator, *[value for _, value in terms])
        if denominator < 0:
            common = -common
        if common != 1:
            terms = tuple((loop, value // common) for loop, value in terms)
            offset, denominator = offset // common, denominator // common
        key = (terms, offset, denominator)
        with cls._lock:
            found = cls._interned.get(key)
            if found is None:
                found = object.__new__(cls)
                for name, value in zip(("terms", "offset", "denominator"), key, strict=True):
                    object.__setattr__(found, name, value)
                cls._interned[key] = found
        return found

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"an Axis does not change: {name}")

    def __reduce__(self) -> tuple[type[Axis], tuple[Terms, int, int]]:
        return Axis, (self.terms, self.offset, self.denominator)

    def __repr__(self) -> str:
        return self.text(lambda loop: f"l{loop}")

    @property
    def loops(self) -> tuple[int, ...]:
        return tuple(loop for loop, _ in self.terms)

    @property
    def plain_loop(self) -> int | None:
        """The loop, where the address is just that loop."""
        if len(self.terms) == 1 and self.terms[0][1] == 1 and self.offset == 0 and self.denominator == 1:
            return self.terms[0][0]
        return None

    def coefficient(self, loop: int) -> int:
        for found, value in self.terms:
            if found == loop:
                return value
        return 0

    def text(self, name: Callable[[int], str]) -> str:
        """The address with its loops named by `name`; `parse` reads it back."""
        parts = [_signed(value, name(loop)) for loop, value in self.terms]
        if self.offset or not parts:
            parts.append(f"{'-' if self.offset < 0 else '+'} {abs(self.offset)}")
        joined = " ".join(parts)
        numerator = joined[2:] if joined.startswith("+ ") else "-" + joined[2:]
        if self.denominator == 1:
            return numerator
        return f"({numerator})/{self.denominator}" if len(parts) > 1 else f"{numerator}/{self.denominator}"

    # Algebra.

    def substitute(self, loop: int, solution: Axis) -> Axis:
        """This address with `loop` replaced by another address, which is taken to be integral there."""
        factor = self.coefficient(loop)
        if not factor:
            return self
        scale = solution.denominator
        sums = {other: value * scale for other, value in self.terms if other != loop}
        for other, value in solution.terms:
            sums[other] = sums.get(other, 0) + factor * value
        return Axis(sums, self.offset * scale + factor * solution.offset, self.denominator * scale)

    def rename(self, names: Mapping[int, int]) -> Axis:
        """Loops renumbered; a loop that `names` lacks stands at 0 and falls away."""
        return Axis(
            [(names[loop], value) for loop, value in self.terms if loop in names], self.offset, self.denominator
        )

    def solve(self, loop: int, address: int) -> Axis:
        """The loop `loop` as an address: what it must be for this one to equal the loop `address`."""
        factor = self.coefficient(loop)
        sums = {other: -value for other, value in self.terms if other != loop}
        sums[address] = self.denominator
        return Axis(sums, -self.offset, factor)

    def equation(self, address: int) -> Axis:
        """An address that is 0 exactly where this one equals the loop `address`."""
        sums = {loop: -value for loop, value in self.terms}
        sums[address] = self.denominator
        return Axis(sums, -self.offset)

    # Ranges over the box of the loops. All extents are taken to be positive.

    def numerator_bounds(self, extents: Extents) -> tuple[int, int]:
        """Least and greatest numerator."""
        low = high = self.offset
        for loop, value in self.terms:
            reach = value * (extents[loop] - 1)
            low, high = low + min(0, reach), high + max(0, reach)
        return low, high

    def is_never_integral(self) -> bool:
        """Whether no loop values whatever make the numerator a multiple of the denominator."""
        return self.offset % gcd(self.denominator, *[value for _, value in self.terms]) != 0

    def always_within(self, extent: int, extents: Extents) -> bool:
        """Whether every address is integral and in [0, extent)."""
        low, high = self.numerator_bounds(extents)
        return self.denominator == 1 and low >= 0 and high < extent

    def never_within(self, extent: int, extents: Extents) -> bool:
        """Whether it is plain that no address is integral and in [0, extent)."""
        low, high = self.numerator_bounds(extents)
        return self.is_never_integral() or high < 0 or low > (extent - 1) * self.denominator


def loop_axis(loop: int) -> Axis:
    """The address that is just a loop."""
    return Axis(((loop, 1),))


def constant_axis(address: int = 0) -> Axis:
    return Axis((), address)


def _signed(value: int, name: str) -> str:
    sign = "-" if value < 0 else "+"
    return f"{sign} {name}" if abs(value) == 1 else f"{sign} {abs(value)}*{name}"
