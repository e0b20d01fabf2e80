"""Quotients and remainders: of integers without a vector instruction for them, of floats exactly."""

from __future__ import annotations

import math

from .assembly import Function, Module, constant, vector
from .lanes import Lanes, shared
from .values import Value

# ---- integers ----


def integer_quotient(function: Function, a: Value, b: str) -> str:
    """a/b rounded towards zero, wrapping; b is not 0. Up to 32 bits by way of floats, whose quotients cut off are exact."""
    type, bits = a.type, 8 * a.dtype.itemsize
    if not a.dtype.is_signed:
        return _unsigned_quotient(function, a, b)
    # Division by -1 may overflow.
    opposite = function.binary("icmp eq", type, b, constant(type, -1))
    divisor = function.select(type, opposite, constant(type, 1), b)
    wide = bits == 64
    quotient = function.binary("sdiv", type, a.text, divisor) if wide else _by_floats(function, a, divisor, "s")
    negative = function.binary("sub", type, constant(type, 0), a.text)
    return function.select(type, opposite, negative, quotient)


def _unsigned_quotient(function: Function, a: Value, b: str) -> str:
    return function.binary("udiv", a.type, a.text, b) if a.dtype.itemsize == 8 else _by_floats(function, a, b, "u")


def _by_floats(function: Function, a: Value, b: str, sign: str) -> str:
    bits = 8 * a.dtype.itemsize
    floats = vector("double" if bits == 32 else "float", a.width)
    dividend, divisor = (function.convert(f"{sign}itofp", a.type, x, floats) for x in (a.text, b))
    quotient = function.binary("fdiv", floats, dividend, divisor)
    return function.convert(f"fpto{sign}i", floats, quotient, a.type)


def integer_remainder(function: Function, a: Value, b: str, quotient: str) -> str:
    return function.binary("sub", a.type, a.text, function.binary("mul", a.type, quotient, b))


def adjusted(function: Function, a: Value, b: str, remainder: str) -> str:
    """The mask of lanes whose remainder is not 0 and has not the divisor's sign: there the quotient was not rounded down."""
    zero = constant(a.type, 0)
    if not a.dtype.is_signed:
        return constant(a.mask, False)
    inexact = function.binary("icmp ne", a.type, remainder, zero)
    differ = function.binary("icmp slt", a.type, function.binary("xor", a.type, remainder, b), zero)
    return function.binary("and", a.mask, inexact, differ)


# ---- floats ----


def fmod(v: Lanes, x: str, y: str) -> str:
    """x - trunc(x/y)·y, exactly, with the sign of x."""
    if v.element == "float":
        wide, converted = v.widened([x, y])
        return wide.narrowed(fmod(wide, *converted), v)
    return shared(v, "fmod", 2, _fmod, [x, y])


def _fmod(v: Lanes, x: str, y: str) -> str:
    """Where the quotient is a whole number of double precision, it is the true one or one more, and the product's two parts give the
    remainder exactly. Elsewhere, digit by digit."""
    a, b = v.abs(x), v.abs(y)
    ratio = v.div(a, b)
    quotient = v.trunc(ratio)
    product, error = v.two_product(quotient, b)
    rest = v.sub(v.sub(a, product), error)
    rest = v.select(v.test("olt", rest, 0.0), v.add(rest, b), rest)
    rest = v.select(v.test("olt", a, b), a, rest)
    far = v.either(v.test("ogt", ratio, 2.0**51), v.test("ogt", a, 2.0**960))
    far = v.either(far, v.test("olt", a, 2.0**-900))  # a product's second part may vanish
    far = v.both(far, v.both(v.test("oge", a, b), v.test("ogt", b, 0.0)))
    far = v.both(far, v.test("olt", a, math.inf))
    function = v.function
    places = [function.stack("double", v.width) for _ in range(3)]
    before, any_far = function.block, v.any(far)
    with function.when(any_far):
        for place, value in zip(places, (a, b, rest), strict=True):
            function.store(v.type, value, place, 8)
        _divide_each(v, places)
        found, inside = function.load(v.type, places[2], 8), function.block
    exact = function.emit(f"phi {v.type} [ {rest}, %{before} ], [ {found}, %{inside} ]")
    return v.copysign(v.select(far, exact, rest), x)


def _divide_each(v: Lanes, places: list[str]) -> None:
    function, name = v.function, "rushlight_long_division"
    if not function.module.has(name):
        _long_division(function.module, name)
    with function.loop(0, v.width) as lane:
        a, b, rest = (function.pointer(place, lane.index, "double") for place in places)
        function.call(name, "void", [("ptr", a), ("ptr", b), ("ptr", rest)])


def _mantissa(f: Function, number: str) -> tuple[str, str]:
    """(exponent, 53-bit mantissa) of a finite number > 0, subnormal ones normalized."""
    bits = f.convert("bitcast", "double", number, "i64")
    exponent = f.binary("lshr", "i64", bits, "52")
    fraction = f.binary("and", "i64", bits, str(2**52 - 1))
    subnormal = f.compare("eq", exponent, 0)
    zeros = f.call("llvm.ctlz.i64", "i64", [("i64", fraction), ("i1", "false")])
    shift = f.sub(zeros, 11)
    normalized = f.binary("shl", "i64", fraction, f.binary("and", "i64", str(shift), "63"))
    return (
        f.choose(subnormal, "i64", f.sub(1, shift), exponent),
        f.choose(subnormal, "i64", normalized, f.binary("or", "i64", fraction, str(2**52))),
    )


def _long_division(module: Module, name: str) -> None:
    """Writes the function that sets `rest` to the remainder of a and b in memory, where a >= b > 0 are finite."""
    f = Function(module, name, [("ptr", "a"), ("ptr", "b"), ("ptr", "rest")])
    a, b = f.load("double", "%a", 8), f.load("double", "%b", 8)
    positive = f.binary("and", "i1", f.emit(f"fcmp oge double {a}, {b}"), f.emit(f"fcmp ogt double {b}, 0.0"))
    with f.when(f.binary("and", "i1", positive, f.emit(f"fcmp olt double {a}, 0x7FF0000000000000"))):
        (a_exponent, dividend), (b_exponent, divisor) = _mantissa(f, a), _mantissa(f, b)
        with f.loop(0, f.sub(a_exponent, b_exponent), carried=[("i64", dividend)]) as digits:
            digits.next = [f.binary("shl", "i64", _subtracted(f, digits.carried[0], divisor), "1")]
        rest = _subtracted(f, digits.results[0], divisor)
        f.store("double", _assembled(f, rest, b_exponent), "%rest", 8)
    f.end()


def _subtracted(f: Function, dividend: str, divisor: str) -> str:
    """Less the divisor, where that is not negative."""
    difference = f.sub(dividend, divisor)
    return f.choose(f.compare("slt", difference, 0), "i64", dividend, difference)


def _assembled(f: Function, rest: str, exponent: str) -> str:
    """The number rest·2^(exponent - 1075)."""
    zeros = f.call("llvm.ctlz.i64", "i64", [("i64", rest), ("i1", "false")])
    shift = f.sub(zeros, 11)
    lowered = f.sub(exponent, shift)
    masked = f.binary("and", "i64", str(shift), "63")
    fraction = f.binary("and", "i64", f.binary("shl", "i64", rest, masked), str(2**52 - 1))
    normal = f.binary("or", "i64", fraction, f.binary("shl", "i64", str(lowered), "52"))
    # A subnormal result keeps its digits: they stand as far to the left as the divisor's exponent allows.
    small = f.binary("shl", "i64", rest, str(f.greatest(f.sub(exponent, 1), 0)))
    bits = f.choose(f.compare("sgt", lowered, 0), "i64", normal, small)
    below = f.binary("lshr", "i64", rest, str(f.greatest(f.sub(1, exponent), 0)))
    bits = f.choose(
        f.compare("slt", exponent, 1), "i64", f.choose(f.compare("sgt", lowered, 0), "i64", normal, below), bits
    )
    return f.convert("bitcast", "i64", f.choose(f.compare("eq", rest, 0), "i64", "0", bits), "double")
