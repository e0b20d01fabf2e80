"""Reading and writing at affine addresses, a vector of neighbouring turns of some loops at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ....dtype import dtype as ElementType
from ....dtype import int32, int64
from ....ir.affine import Axis
from ..assembly import Function, Int, constant, lanes, vector
from ..values import Value, broadcast, gather, load, memory_element, store

Values = Mapping[int, Int]  # loop -> its turn; of a loop that lanes lie along, the first lane's


@dataclass(frozen=True)
class Lanes:
    """How the lanes of a vector lie along loops.

    Args:
        width: how many there are.
        steps: for each loop that lanes lie along, how far each lane is from the first.
        mask: which count (an LLVM value), if not all.
    """

    width: int = 1
    steps: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    mask: str | None = None

    @staticmethod
    def along(loop: int, width: int, mask: str | None = None) -> Lanes:
        return Lanes(width, {loop: tuple(range(width))}, mask)

    def offsets(self, axis: Axis) -> tuple[int, ...]:
        """How far the numerator of each lane is from the first lane's."""
        found = [0] * self.width
        for loop, value in axis.terms:
            for lane, step in enumerate(self.steps.get(loop, ())):
                found[lane] += value * step
        return tuple(found)


def numerator(function: Function, axis: Axis, values: Values) -> Int:
    """The numerator of an address at a turn of the loops."""
    total: Int = axis.offset
    for loop, factor in axis.terms:
        total = function.add(total, function.mul(values[loop], factor))
    return total


def read(function: Function, dtype: ElementType, base: str, axis: Axis, values: Values, at: Lanes) -> Value:
    """The elements of an array at an address without a denominator. Lanes outside the mask are not read."""
    place = function.pointer(base, numerator(function, axis, values), memory_element(dtype))
    return read_from(function, dtype, place, at.offsets(axis), at.mask)


def read_from(
    function: Function, dtype: ElementType, place: str, offsets: tuple[int, ...], mask: str | None = None
) -> Value:
    """The elements so far from `place`; 0 in lanes outside the mask."""
    width = len(offsets)
    if width == 1 or offsets == tuple(range(width)):
        return load(function, dtype, place, width, mask)
    if len(set(offsets)) == 1:
        same = broadcast(function, load(function, dtype, place, 1, _any(function, mask, width)), width)
        if mask is None:
            return same
        return Value(function.select(same.type, mask, same.text, constant(same.type, 0)), dtype, width)
    index = Value(lanes(vector("i32", width), offsets), int32, width)
    return gather(function, dtype, place, index, width, mask)


def write(function: Function, value: Value, base: str, axis: Axis, values: Values, at: Lanes) -> None:
    """Writes the lanes that count to an array at an address without a denominator."""
    element = memory_element(value.dtype)
    place = function.pointer(base, numerator(function, axis, values), element)
    offsets = at.offsets(axis)
    if at.width == 1 or offsets == tuple(range(at.width)):
        store(function, value, place, at.mask)
        return
    for lane, offset in enumerate(offsets):
        one = Value(function.emit(f"extractelement {value.type} {value.text}, i64 {lane}"), value.dtype, 1)
        spot = function.pointer(place, offset, element)
        if at.mask is None:
            store(function, one, spot)
        else:
            counts = function.emit(f"extractelement <{at.width} x i1> {at.mask}, i64 {lane}")
            with function.when(counts):
                store(function, one, spot)


def _any(function: Function, mask: str | None, width: int) -> str | None:
    if mask is None:
        return None
    return function.emit(f"call i1 @{_declare_any(function, width)}(<{width} x i1> {mask})")


def _declare_any(function: Function, width: int) -> str:
    name = f"llvm.vector.reduce.or.v{width}i1"
    function.module.declarations[name] = f"declare i1 @{name}(<{width} x i1>)"
    return name


def first(function: Function, count: Int, width: int) -> str:
    """The mask of the first `count` lanes, for a count that is known when the kernel runs."""
    type = vector("i64", width)
    have = function.splat(type, str(count)) if isinstance(count, str) else constant(type, count)
    return function.emit(f"icmp slt {type} {lanes(type, range(width))}, {have}")


def both(function: Function, a: str | None, b: str | None, width: int) -> str | None:
    """Where both masks hold; None stands for all lanes."""
    if a is None or b is None:
        return b if a is None else a
    return function.binary("and", vector("i1", width), a, b)


def inside(function: Function, axis: Axis, extent: int, values: Values, at: Lanes) -> str:
    """The mask of lanes whose address is integral and in [0, extent)."""
    type, found = _spread(function, axis, values, at)
    result = function.emit(f"icmp ult {type} {found}, {constant(type, extent * axis.denominator)}")
    if axis.denominator != 1:
        left = function.emit(f"urem {type} {found}, {constant(type, axis.denominator)}")
        whole = function.emit(f"icmp eq {type} {left}, {constant(type, 0)}")
        result = function.binary("and", vector("i1", at.width), result, whole)
    return result


def quotient(function: Function, axis: Axis, values: Values, at: Lanes) -> Value:
    """The address in lanes where it is integral and not negative; anything elsewhere."""
    type, found = _spread(function, axis, values, at)
    if axis.denominator != 1:
        found = function.emit(f"udiv {type} {found}, {constant(type, axis.denominator)}")
    return Value(found, int64, at.width)


def _spread(function: Function, axis: Axis, values: Values, at: Lanes) -> tuple[str, str]:
    """The numerator in each lane, and its type."""
    type, start, offsets = vector("i64", at.width), numerator(function, axis, values), at.offsets(axis)
    base = constant(type, start) if isinstance(start, int) else function.splat(type, start)
    if not any(offsets):
        return type, base
    return type, function.binary("add", type, base, lanes(type, offsets))
