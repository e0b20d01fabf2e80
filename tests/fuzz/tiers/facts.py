"""What is known of a value beforehand: a reference, and how far rounding may take any right computation from it.

A floating value is known as float64 (complex128) and a bound on the distance of each element. A bound of 0 means that only this value
is right, to the sign of a zero; an infinite one that anything is. Integers, bools and NaN are always certain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rushlight.dtype import (
    COMPLEX,
    FLOATING,
    bfloat16,
    complex64,
    complex128,
    decode,
    encode,
    float16,
    float32,
    float64,
)
from rushlight.dtype import dtype as ElementType
from rushlight.ir.type import Type

Array = np.ndarray
TINY = 5e-324  # the bound of a zero whose sign is open


@dataclass(frozen=True)
class Format:
    """A floating dtype's arithmetic: unit roundoff, half of the least positive number, the greatest number."""

    unit: float
    tiny: float
    largest: float
    working: float  # the unit roundoff of what it is computed in


_SINGLE, _DOUBLE = Format(2**-24, 2**-150, float(np.finfo("f4").max), 2**-24), Format(2**-53, TINY, 1.7e308, 2**-53)
FORMATS: dict[ElementType, Format] = {
    float64: _DOUBLE,
    float32: _SINGLE,
    float16: Format(2**-11, 2**-25, 65504.0, 2**-24),
    bfloat16: Format(2**-8, 2**-134, 3.3895313892515355e38, 2**-24),
    complex64: _SINGLE,
    complex128: _DOUBLE,
}
WIDE: dict[ElementType, ElementType] = {
    d: float64 if d.category == FLOATING else complex128 for d in FORMATS if d.category in (FLOATING, COMPLEX)
}


@dataclass(frozen=True)
class Fact:
    """A value: of a floating dtype `value` is wide and `error` bounds each element; else `value` is as in memory, `error` None."""

    type: Type
    value: Array
    error: Array | None

    @property
    def floating(self) -> bool:
        return self.error is not None

    @property
    def certain(self) -> bool:
        """Whether comparisons with it have one answer."""
        return self.error is None or bool((self.error <= TINY).all())

    @property
    def exact(self) -> bool:
        """Whether even the signs of its zeros are known."""
        return self.error is None or not self.error.any()


def known(type: Type, array: Array) -> Fact:
    """An array in memory form as what it is."""
    if type.dtype not in FORMATS:
        return Fact(type, array, None)
    value = np.asarray(decode(array, type.dtype)).astype(WIDE[type.dtype].storage)
    return Fact(type, value, np.zeros(value.shape))


def rounded(value: Array, to: ElementType) -> Array:
    """The nearest numbers of a dtype, wide again."""
    if to not in FORMATS or WIDE[to] is to:
        return value
    with np.errstate(all="ignore"):
        return np.asarray(decode(encode(value.astype(to.compute), to), to)).astype(value.dtype)


def memory(fact: Fact) -> Array:
    """The value as in memory."""
    if fact.error is None:
        return fact.value
    with np.errstate(all="ignore"):
        return encode(fact.value.astype(fact.type.dtype.compute), fact.type.dtype)


def _described(place: tuple[int, ...], got: Any, fact: Fact) -> str:
    bound = "" if fact.error is None else f" ± {fact.error[place]:.3g}"
    wanted = fact.value[place]
    return f"at {list(map(int, place))}: got {got[place]!r}, expected {wanted!r}{bound}"


def difference(got: Any, fact: Fact | tuple[Fact, ...]) -> str | None:
    """Why an array in memory form is not what is known of it, or None."""
    if isinstance(fact, tuple):
        if not isinstance(got, tuple) or len(got) != len(fact):
            return f"got {type(got).__name__}, expected {len(fact)} arrays"
        parts = enumerate(map(difference, got, fact))
        return next((f"part {number}: {found}" for number, found in parts if found), None)
    if not isinstance(got, (np.ndarray, np.generic)):  # NumPy makes scalars of results without dimensions
        return f"got {type(got).__name__}, not an array"
    got = np.asarray(got)
    if got.shape != fact.type.shape or got.dtype != fact.type.dtype.storage:
        return f"got {got.dtype}{list(got.shape)}, expected {fact.type!r}"
    if fact.error is None:
        wrong = got != fact.value
    else:
        got = np.asarray(decode(got, fact.type.dtype)).astype(fact.value.dtype)
        wrong = ~_near(got, fact)
    if not wrong.any():
        return None
    place = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
    return f"{int(wrong.sum())} of {wrong.size} elements differ, the first {_described(place, got, fact)}"


def _near(got: Array, fact: Fact) -> Array:
    value, error = fact.value, fact.error
    assert error is not None
    slack = 2.0 if WIDE[fact.type.dtype] is fact.type.dtype else 1.0 + 2**-20  # the reference is itself rounded
    with np.errstate(all="ignore"):
        near = (got == value) | (np.abs(got - value) <= error * slack) | (np.isnan(got) & np.isnan(value))
        if value.dtype.kind == "f":
            near &= (value != 0) | (error > 0) | (np.signbit(got) == np.signbit(value))
    return near | np.isinf(error)
