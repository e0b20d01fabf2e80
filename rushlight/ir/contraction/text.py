"""Reads back what a contraction prints."""

from __future__ import annotations

import re

from ...errors import InternalError
from ..affine import Axis
from .form import Contraction, Guard

_WHOLE = re.compile(r"out\[(.*?)\] = (?:sum\[(.*?)\] )?(in0\[.*?)(?: where (.*))?")
_GUARD = re.compile(r"0 <= (.*) < (\d+)")
_FRACTION = re.compile(r"\(?(.*?)\)?(?:/(\d+))?")
_TERM = re.compile(r"([+-]?)(?:(\d+)\*)?([or]\d+|\d+)")


def parse(text: str) -> Contraction:
    """The contraction that prints as `text`.

    >>> parse("out[o0:2] = sum[r0:3] in0[o0, (2*o0 - r0 + 1)/2]")
    out[o0:2] = sum[r0:3] in0[o0, (2*o0 - r0 + 1)/2]
    """
    whole = _WHOLE.fullmatch(text)
    if whole is None:
        raise InternalError(f"not a contraction: {text!r}")
    output, summed, reads, guards = whole.groups()
    extents = dict(_loop(item) for item in _listed(output) + _listed(summed or ""))
    numbers = {name: number for number, name in enumerate(extents)}

    def guard(item: str) -> Guard:
        match = _GUARD.fullmatch(item)
        if match is None:
            raise InternalError(f"not a guard: {item!r}")
        return _axis(match[1], numbers), int(match[2])

    return Contraction(
        list(extents.values()),
        range(len(_listed(output))),
        [[_axis(item, numbers) for item in _listed(inside)] for inside in re.findall(r"in\d+\[(.*?)\]", reads)],
        [guard(item) for item in guards.split(" and ")] if guards else (),
    )


def _listed(text: str) -> list[str]:
    return text.split(", ") if text else []


def _loop(item: str) -> tuple[str, int]:
    name, _, extent = item.partition(":")
    return name, int(extent)


def _axis(text: str, numbers: dict[str, int]) -> Axis:
    fraction = _FRACTION.fullmatch(text)
    assert fraction is not None  # the pattern matches anything
    numerator, denominator = fraction.groups()
    offset, terms = 0, []
    for sign, factor, atom in _TERM.findall(numerator.replace(" ", "")):
        value = int(sign + (factor or "1"))
        if atom in numbers:
            terms.append((numbers[atom], value))
        elif atom.isdigit():
            offset = value * int(atom)
        else:
            raise InternalError(f"unknown loop {atom!r} in {text!r}")
    return Axis(terms, offset, int(denominator or 1))
