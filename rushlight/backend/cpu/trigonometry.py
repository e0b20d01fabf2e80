"""Sine, cosine, tangent and their inverses, of lanes.

Arguments are reduced by multiples of π/2 in parts of 30 bits, whose products with moderate multiples are exact (Cody and Waite); beyond
that, lane by lane, with as many digits of 2/π as the exponent asks for (Payne and Hanek, SIGNUM Newsletter 18, 1983).
"""

from __future__ import annotations

import math

from ..machine import Machine
from . import coefficients as table
from .assembly import Function, Module
from .lanes import Lanes

HALF_PI = {"float": (1.5707963705062866, -4.371138828673793e-08), "double": (math.pi / 2, 6.123233995736766e-17)}
HALF_PI_PARTS = (1.570796325802803, 9.920935791635221e-10, 5.17018297889025e-19, 2.9038559739793605e-28)
TWO_OVER_PI = 2 / math.pi
LARGEST = 2.0**20  # what is reduced in parts
HALF_PI_PARTS_OF_FLOAT = (
    1.5707963705062866,
    -4.371138828673793e-08,
    -1.7151245100058819e-15,
)  # of 24 bits: for machines with fma
LARGEST_FLOAT = 2.0**15

# 64 zero bits, then 2/π to 1216 bits.
TWO_OVER_PI_BITS: tuple[int, ...] = (
    0x0000000000000000,
    0xA2F9836E4E441529,
    0xFC2757D1F534DDC0,
    0xDB6295993C439041,
    0xFE5163ABDEBBC561,
    0xB7246E3A424DD2E0,
    0x06492EEA09D1921C,
    0xFE1DEB1CB129A73E,
    0xE88235F52EBB4484,
    0xE99C7026B45F7E41,
    0x3991D639835339F4,
    0x9C845F8BBDF9283B,
    0x1FF897FFDE05980F,
    0xEF2F118B5A0A6D1F,
    0x6D367ECF27CB09B7,
    0x4F463F669E5FEA2D,
    0x7527BAC7EBE5F17B,
    0x3D0739F78A5292EA,
    0x6BFB5FB11F8D5D08,
    0x56033046FC7B6BAB,
)


def _reduced(v: Lanes, x: str) -> tuple[str, str, str]:
    """(n, r, low) with x = n·π/2 + r + low and |r| <= π/4, in double lanes; of large x, n is known up to multiples of 4."""
    n = v.rint(v.mul(x, TWO_OVER_PI))
    first = v.fma(n, -HALF_PI_PARTS[0], x)
    product = v.mul(n, HALF_PI_PARTS[1])  # exact, as is the difference before
    second = v.sub(first, product)
    low = v.sub(v.sub(first, second), product)
    low = v.fma(n, -HALF_PI_PARTS[3], v.fma(n, -HALF_PI_PARTS[2], low))
    r, low = v.two_sum(second, low)
    large = v.both(v.test("ogt", v.abs(x), LARGEST), v.test("olt", v.abs(x), math.inf))
    function = v.function
    places = [function.stack("double", v.width) for _ in range(4)]
    before, any_large = function.block, v.any(large)
    with function.when(any_large):
        for place, value in zip(places, (x, n, r, low), strict=True):
            function.store(v.type, value, place, 8)
        _reduce_each(v, places)
        found = [function.load(v.type, place, 8) for place in places[1:]]
        inside = function.block
    n, r, low = (
        function.emit(f"phi {v.type} [ {near}, %{before} ], [ {far}, %{inside} ]")
        for near, far in zip((n, r, low), found, strict=True)
    )
    return n, r, low


def _reduce_each(v: Lanes, places: list[str]) -> None:
    """Reduces the large ones of the numbers in memory."""
    function, name = v.function, "rushlight_reduce_large"
    if not function.module.has(name):
        _reduce_large(function.module, name, v.machine)
    with function.loop(0, v.width) as lane:
        addresses = [("ptr", function.pointer(place, lane.index, "double")) for place in places]
        function.call(name, "void", addresses)


def _reduce_large(module: Module, name: str, machine: Machine) -> None:
    """Writes the function that reduces one number in memory, if it is large and finite.

    |x| = M·2^E. Of 2/π the bits that make multiples of 4 are left out; 192 others times M give x·2/π modulo 4, of which 128 are kept.
    """
    f = Function(module, name, [("ptr", "x"), ("ptr", "n"), ("ptr", "r"), ("ptr", "low")])
    bits = module.table("rushlight_two_over_pi", "i64", TWO_OVER_PI_BITS)
    x = f.load("double", "%x", 8)
    size = f.intrinsic("llvm.fabs", "double", [("double", x)])
    is_large = f.emit(f"fcmp ogt double {size}, {LARGEST:e}")
    is_finite = f.emit(f"fcmp olt double {size}, 0x7FF0000000000000")
    with f.when(f.binary("and", "i1", is_large, is_finite)):
        word = f.convert("bitcast", "double", size, "i64")
        mantissa = f.binary("or", "i64", f.binary("and", "i64", word, str(2**52 - 1)), str(2**52))
        start = str(f.sub(f.binary("lshr", "i64", word, "52"), 1075 + 2 - 64))
        first, shift = f.binary("lshr", "i64", start, "6"), f.binary("and", "i64", start, "63")
        words = [f.load("i64", f.pointer(bits, f.add(first, place), "i64"), 8) for place in range(4)]
        shifted = [
            f.intrinsic("llvm.fshl", "i64", [("i64", a), ("i64", b), ("i64", shift)])
            for a, b in zip(words, words[1:], strict=False)
        ]
        factor = f.convert("zext", "i64", mantissa, "i128")
        products = [f.binary("mul", "i128", factor, f.convert("zext", "i64", w, "i128")) for w in shifted]
        total = f.binary("add", "i128", f.binary("shl", "i128", products[0], "64"), products[1])
        total = f.binary("add", "i128", total, f.binary("lshr", "i128", products[2], "64"))
        turns = f.binary("lshr", "i128", f.binary("add", "i128", total, str(2**125)), "126")
        rest = f.binary("sub", "i128", total, f.binary("shl", "i128", turns, "126"))
        _store_reduced(Lanes(f, "double", 1, machine), x, f.convert("trunc", "i128", turns, "i64"), rest)
    f.end()


def _store_reduced(v: Lanes, x: str, turns: str, rest: str) -> None:
    """Stores n, r and low from whole turns and the rest, in units of 2^-126, all with the sign of x."""
    f = v.function
    high = f.convert("sitofp", "i64", f.convert("trunc", "i128", f.binary("ashr", "i128", rest, "64"), "i64"), "double")
    low = f.convert("uitofp", "i64", f.convert("trunc", "i128", rest, "i64"), "double")
    fraction, fraction_low = v.two_sum(v.mul(high, 2.0**-62), v.mul(low, 2.0**-126))
    half_pi, half_pi_low = HALF_PI["double"]
    product, error = v.two_product(fraction, v.text(half_pi))
    error = v.add(error, v.fma(fraction, half_pi_low, v.mul(fraction_low, half_pi)))
    r, r_low = v.two_sum(product, error)
    negative = v.test("olt", x, 0.0)
    for value, place in ((f.convert("sitofp", "i64", turns, "double"), "%n"), (r, "%r"), (r_low, "%low")):
        f.store("double", v.select(negative, v.neg(value), value), place, 8)


def _sine_near(v: Lanes, r: str) -> str:
    squared = v.mul(r, r)
    return v.fma(v.mul(r, squared), v.polynomial(squared, table.SIN[v.element]), r)


def _cosine_near(v: Lanes, r: str) -> str:
    squared = v.mul(r, r)
    rest = v.mul(v.mul(squared, squared), v.polynomial(squared, table.COS[v.element]))
    return v.add(1.0, v.fma(squared, -0.5, rest))


def _reduced_any(v: Lanes, x: str) -> tuple[str, str]:
    """(n, r) in the lanes' own type. Of floats the reduction is made in double where there is no fma, and of large ones."""
    if v.element == "double":
        return _reduced(v, x)[:2]
    if not v.machine.fma:
        return _reduced_in_double(v, x)
    n = v.rounded_product(x, TWO_OVER_PI)
    r = x
    for part in HALF_PI_PARTS_OF_FLOAT:
        r = v.fma(n, -part, r)
    function, large = v.function, v.test("ogt", v.abs(x), LARGEST_FLOAT)
    before, any_large = function.block, v.any(large)
    with function.when(any_large):
        # Lanes must not depend on their neighbours: the others keep what they have.
        far_n, far_r = (v.select(large, far, near) for far, near in zip(_reduced_in_double(v, x), (n, r), strict=True))
        inside = function.block
    return (
        function.emit(f"phi {v.type} [ {n}, %{before} ], [ {far_n}, %{inside} ]"),
        function.emit(f"phi {v.type} [ {r}, %{before} ], [ {far_r}, %{inside} ]"),
    )


def _reduced_in_double(v: Lanes, x: str) -> tuple[str, str]:
    wide, (converted,) = v.widened([x])
    n, r, _ = _reduced(wide, converted)
    return wide.narrowed(n, v), wide.narrowed(r, v)


def _odd(v: Lanes, n: str) -> str:
    """The mask of odd ones among integers."""
    return v.function.convert("trunc", v.words, n, v.masks)


def _turned(v: Lanes, quarter: str, r: str) -> str:
    """sin(r + quarter·π/2)."""
    value = v.select(_odd(v, quarter), _cosine_near(v, r), _sine_near(v, r))
    sign = v.word("shl", v.word("and", quarter, 2), v.bits - 2)
    return v.from_bits(v.word("xor", v.to_bits(value), sign))


def sin(v: Lanes, x: str) -> str:
    n, r = _reduced_any(v, x)
    return v.select(v.test("oeq", x, 0.0), x, _turned(v, v.to_integer(n), r))


def cos(v: Lanes, x: str) -> str:
    n, r = _reduced_any(v, x)
    return _turned(v, v.word("add", v.to_integer(n), 1), r)


def _sine_and_cosine(v: Lanes, r: str, low: str) -> tuple[tuple[str, str], tuple[str, str]]:
    """Of r + low, each with what its rounding lost."""
    squared = v.mul(r, r)
    cube = v.mul(v.mul(r, squared), v.polynomial(squared, table.SIN[v.element]))
    half = v.mul(squared, 0.5)
    most = v.sub(1.0, half)
    rest = v.mul(v.mul(squared, squared), v.polynomial(squared, table.COS[v.element]))
    rest = v.add(v.sub(v.sub(1.0, most), half), v.sub(rest, v.mul(r, low)))
    return v.two_sum(r, v.fma(low, most, cube)), v.two_sum(most, rest)


def tan(v: Lanes, x: str) -> str:
    """The quotient of sine and cosine, or its inverse, with a step of Newton's that also takes what their roundings lost."""
    n, r, low = _reduced(v, x)
    odd, ((sine, sine_low), (cosine, cosine_low)) = _odd(v, v.to_integer(n)), _sine_and_cosine(v, r, low)
    above, above_low = v.select(odd, cosine, sine), v.select(odd, cosine_low, sine_low)
    below, below_low = v.select(odd, v.neg(sine), cosine), v.select(odd, v.neg(sine_low), cosine_low)
    inverse = v.div(1.0, below)
    quotient = v.mul(above, inverse)
    product, error = v.two_product(quotient, below)
    rest = v.add(v.sub(v.sub(above, product), error), v.sub(above_low, v.mul(quotient, below_low)))
    return v.select(v.test("oeq", x, 0.0), x, v.fma(rest, inverse, quotient))


# ---- inverses ----


def _atan_near(v: Lanes, x: str) -> str:
    """atan(x) for |x| <= 1."""
    squared = v.mul(x, x)
    return v.fma(v.mul(x, squared), v.polynomial(squared, table.ATAN[v.element]), x)


def _asin_near(v: Lanes, x: str, squared: str) -> str:
    """asin(x) for |x| <= 1/2."""
    return v.fma(v.mul(x, squared), v.polynomial(squared, table.ASIN[v.element]), x)


def _from_half_pi(v: Lanes, a: str) -> str:
    high, low = HALF_PI[v.element]
    return v.sub(high, v.sub(a, low))


def _from_pi(v: Lanes, a: str) -> str:
    high, low = HALF_PI[v.element]
    return v.sub(2 * high, v.sub(a, 2 * low))


def atan(v: Lanes, x: str) -> str:
    size = v.abs(x)
    far = v.test("ogt", size, 1.0)
    near = _atan_near(v, v.select(far, v.div(1.0, size), size))
    return v.copysign(v.select(far, _from_half_pi(v, near), near), x)


def atan2(v: Lanes, y: str, x: str) -> str:
    """The angle of (x, y); zeros and infinities as in C."""
    x_size, y_size = v.abs(x), v.abs(y)
    steep = v.test("ogt", y_size, x_size)
    small, large = v.select(steep, x_size, y_size), v.select(steep, y_size, x_size)
    quotient = v.div(small, large)
    quotient = v.select(v.test("oeq", large, 0.0), 0.0, quotient)
    quotient = v.select(v.test("oeq", small, math.inf), 1.0, quotient)
    angle = _atan_near(v, quotient)
    angle = v.select(steep, _from_half_pi(v, angle), angle)
    left = v.word("icmp slt", v.to_bits(x), 0)
    opposite = _from_pi(v, angle)
    unordered = v.test("uno", x, y)
    return v.select(unordered, math.nan, v.copysign(v.select(left, opposite, angle), y))


def _asin_parts(v: Lanes, x: str) -> tuple[str, str, str]:
    """(whether |x| > 1/2, asin(|x|) else, asin(sqrt((1 - |x|)/2)) if so): one polynomial for both."""
    size = v.abs(x)
    far = v.test("ogt", size, 0.5)
    squared = v.select(far, v.mul(v.sub(1.0, size), 0.5), v.mul(x, x))
    root = v.select(far, v.sqrt(squared), size)
    return far, _asin_near(v, root, squared), size


def asin(v: Lanes, x: str) -> str:
    far, near, _ = _asin_parts(v, x)
    return v.copysign(v.select(far, _from_half_pi(v, v.mul(near, 2.0)), near), x)


def acos(v: Lanes, x: str) -> str:
    """π/2 - asin(x); near 1, 2·asin(sqrt((1 - x)/2))."""
    far, near, _ = _asin_parts(v, x)
    double = v.mul(near, 2.0)
    beyond = v.select(v.test("olt", x, 0.0), _from_pi(v, double), double)
    return v.select(far, beyond, _from_half_pi(v, v.copysign(near, x)))
