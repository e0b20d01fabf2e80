"""Numbers of float32 as sums of two or three of bfloat16, so that matrix registers multiply them.

The first part is a number's upper half, cut off; the second the nearest bfloat16 to what is left; the third the rest, which fits. Products of
parts are exact in float32, and those are summed that are not below the last part's last place (`matrix.PRODUCTS`). Of three parts the sums are as near
as those of multiply-adds, with six products (Henry, Tang and Heinecke, "Leveraging the bfloat16 artificial intelligence datatype for
higher-precision computations", ARITH 2019); of two they have 16 bits, with three.

That holds while nothing leaves the normal numbers, which matrix registers take for 0 or round to infinity. So each panel has its range behind
it: the greatest absolute value, and the least one that is not 0, less one in the last place, as bits. A tile of two panels whose ranges
are in doubt is looked at when it is done, and computed once more, term by term in float32, where the doubt is not settled.
"""

from __future__ import annotations

from ..assembly import Function, Int, constant, vector
from .matrix import SIDE

FLOATS = vector("float", SIDE)
BITS = vector("i32", SIDE)
UPPER, HALF, MAGNITUDE = 0xFFFF0000, 0x8000, 0x7FFFFFFF
NONE = 0xFFFFFFFF  # the least of no numbers
MANTISSA, BIAS = 23, 127


def bits_of(exponent: int) -> int:
    """The bits of a power of two."""
    return exponent + BIAS << MANTISSA


# Sums of products of numbers up to GREATEST stay finite for any number of terms. From LEAST on a number's third part is normal; where also two
# factors' least numbers have a product from LEAST_PRODUCT on, what falls below the normal numbers is less than the rounding of any sum.
GREATEST, LEAST, LEAST_PRODUCT = bits_of(50), bits_of(-102), -100
# Of factors up to GREATEST, what is lost below the normal numbers is at most 2^-75 for each term: nothing to a sum from here on, times terms.
LEAST_SUM = -48


def parted(function: Function, value: str, parts: int) -> list[str]:
    """The parts of floats, each in the upper half of its lane's bits; the lower halves are of no account."""
    bits = function.convert("bitcast", FLOATS, value, BITS)
    upper = function.binary("and", BITS, bits, constant(BITS, UPPER))
    left = function.binary("fsub", FLOATS, value, function.convert("bitcast", BITS, upper, FLOATS))
    rest = function.convert("bitcast", FLOATS, left, BITS)
    nearest = function.binary("add", BITS, rest, constant(BITS, HALF))
    nearest = function.binary("and", BITS, nearest, constant(BITS, UPPER))
    if parts == 2:
        return [bits, nearest]
    last = function.binary("fsub", FLOATS, left, function.convert("bitcast", BITS, nearest, FLOATS))
    return [bits, nearest, function.convert("bitcast", FLOATS, last, BITS)]


def widen(function: Function, extremes: tuple[str, str], value: str) -> tuple[str, str]:
    """The greatest and the least with more floats."""
    high, low = extremes
    bits = function.convert("bitcast", FLOATS, value, BITS)
    size = function.binary("and", BITS, bits, constant(BITS, MAGNITUDE))
    below = function.binary("sub", BITS, size, constant(BITS, 1))  # of 0 the greatest number there is
    high = function.intrinsic("llvm.umax", BITS, [(BITS, high), (BITS, size)])
    return high, function.intrinsic("llvm.umin", BITS, [(BITS, low), (BITS, below)])


NOTHING = constant(BITS, 0), constant(BITS, NONE)  # extremes of no numbers


def load_range(function: Function, place: str) -> tuple[str, str]:
    """The extremes that are written down somewhere."""
    return function.load(BITS, place, 4), function.load(BITS, function.pointer(place, SIDE, "i32"), 4)


def store_range(function: Function, place: str, extremes: tuple[str, str]) -> None:
    for number, value in enumerate(extremes):
        function.store(BITS, value, function.pointer(place, number * SIDE, "i32"), 4)


def close_range(function: Function, place: str) -> None:
    """Makes one number each of the lanes' extremes, in the first lanes."""
    high, low = load_range(function, place)
    for number, (name, value) in enumerate((("umax", high), ("umin", low))):
        one = function.call(f"llvm.vector.reduce.{name}.v{SIDE}i32", "i32", [(BITS, value)])
        function.store("i32", one, function.pointer(place, number * SIDE, "i32"), 4)


def doubts(function: Function, row: str, lane: str) -> tuple[str, str]:
    """From two closed ranges: whether their products are in doubt, and whether a number is too great for the sums to settle it (both i1)."""
    highs, lows = [], []
    for place in (row, lane):
        highs.append(function.load("i32", place, 4))
        lows.append(function.load("i32", function.pointer(place, SIDE, "i32"), 4))
    greatest = _of_two(function, "umax", *highs)
    least = _of_two(function, "umin", *lows)
    exponents = [function.emit(f"lshr i32 {low}, {MANTISSA}") for low in lows]
    product = function.emit(f"add i32 {exponents[0]}, {exponents[1]}")
    great = function.emit(f"icmp ugt i32 {greatest}, {GREATEST}")
    small = function.emit(f"icmp ult i32 {least}, {LEAST}")
    together = function.emit(f"icmp ult i32 {product}, {2 * BIAS + LEAST_PRODUCT}")
    either = function.emit(f"or i1 {small}, {together}")
    return function.emit(f"or i1 {great}, {either}"), great


def _of_two(function: Function, name: str, a: str, b: str) -> str:
    return function.intrinsic(f"llvm.{name}", "i32", [("i32", a), ("i32", b)])


def least_sum(function: Function, sums: list[str], masks: list[str | None]) -> str:
    """The least absolute value of vectors of sums, as bits (an i32); lanes outside a mask are left out."""
    low = constant(BITS, NONE)
    for value, mask in zip(sums, masks, strict=True):
        size = function.convert("bitcast", FLOATS, value, BITS)
        size = function.binary("and", BITS, size, constant(BITS, MAGNITUDE))
        if mask is not None:
            size = function.select(BITS, mask, size, constant(BITS, NONE))
        low = function.intrinsic("llvm.umin", BITS, [(BITS, low), (BITS, size)])
    return function.call(f"llvm.vector.reduce.umin.v{SIDE}i32", "i32", [(BITS, low)])


def settled_from(depth: Int) -> int:
    """Bits of the least sum that settles a doubt, for so many terms."""
    assert isinstance(depth, int)
    return bits_of(LEAST_SUM + depth.bit_length())
