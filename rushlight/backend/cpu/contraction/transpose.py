"""Transposing square blocks in registers."""

from __future__ import annotations

from collections.abc import Sequence

from ....dtype import dtype as ElementType
from ..assembly import Function, Module, suffix, vector
from ..values import load, memory_element, register_element
from .lanes import both, first


def transposed(function: Function, type: str, rows: Sequence[str]) -> list[str]:
    """A square of vectors turned: in each round blocks of twice the size change places across the diagonal."""
    width = len(rows)
    current = list(rows)
    distance = 1
    while distance < width:
        following = list(current)
        low = [lane if not lane & distance else width + (lane ^ distance) for lane in range(width)]
        high = [lane | distance if not lane & distance else width + lane for lane in range(width)]
        for number in range(width):
            if not number & distance:
                a, b = current[number], current[number | distance]
                following[number] = function.shuffle(type, a, b, low)
                following[number | distance] = function.shuffle(type, a, b, high)
        current = following
        distance *= 2
    return current


def block(module: Module, name: str, dtype: ElementType, width: int, masked: bool) -> str:
    """Writes, once, a function that turns a block; returns its name.

    `block(source, pitch, target, pitch of the target, rows, columns)` makes target[j][i] = source[i][j], decoded. Unmasked, all
    rows and columns of the square are read and written; masked, only so many are read, and written are all lanes of the
    first `columns` lines.
    """
    name = f"{name}_{'masked' if masked else 'whole'}"
    if module.has(name):
        return name
    parameters = [("ptr", "source"), ("i64", "pitch"), ("ptr", "target"), ("i64", "step"), ("i64", "rows")]
    function = Function(module, name, [*parameters, ("i64", "columns")])
    element = register_element(dtype)
    type, size = vector(element, width), int(suffix(element)[1:]) // 8
    columns = first(function, "%columns", width) if masked else None
    rows, place = [], "%source"
    for number in range(width):
        if masked:
            here = function.compare("sgt", "%rows", number)
            mask = both(function, columns, function.splat(vector("i1", width), here), width)
            rows.append(load(function, dtype, place, width, mask).text)
        else:
            rows.append(load(function, dtype, place, width).text)
        place = function.pointer(place, "%pitch", memory_element(dtype))
    place = "%target"
    for number, row in enumerate(transposed(function, type, rows)):
        if masked:
            with function.when(function.compare("sgt", "%columns", number)):
                function.store(type, row, place, size)
        else:
            function.store(type, row, place, size)
        place = function.pointer(place, "%step", element)
    function.end()
    return name
