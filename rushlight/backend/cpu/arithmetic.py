"""Scalar functions on values in registers: what `apply` emits means what the function of that name in `ir.expr.FUNCTIONS` means.

>>> from rushlight.backend.cpu.assembly import Module
>>> from rushlight.backend.machine import of_kind
>>> from rushlight.dtype import float32
>>> module = Module()
>>> f = Function(module, "larger", [("<8 x float>", "x"), ("<8 x float>", "y")], "<8 x float>")
>>> x, y = Value("%x", float32, 8), Value("%y", float32, 8)
>>> f.end(f"ret <8 x float> {apply(f, 'maximum', (x, y), of_kind('avx2', {}, '', '')).text}")
>>> "fcmp ogt <8 x float> %x, %y" in module.text()
True
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache

from ...dtype import BY_NAME, FLOATING, INTEGER, bool_, int32
from ...errors import InternalError
from ...ir.expr import Apply, Expr, Literal, Load
from ...kernel.functions import DEFINITIONS, Unsupported, expand, supported
from ..machine import Machine
from . import elementary
from .assembly import Function, constant, vector
from .conversion import cast
from .division import adjusted, fmod, integer_quotient, integer_remainder
from .lanes import Lanes
from .values import Value, broadcast, literal, register_element

# Their results are one of their arguments, but for the sign: they need no rounding where those have been rounded.
CHOOSING = {"abs", "maximum", "minimum", "neg", "relu", "relu_gradient", "select"}

# Told a mask of lanes that have no value (a division by zero): it reports that the kernel failed.
Fail = Callable[[Value], None]


def apply(
    function: Function, name: str, arguments: Sequence[Value], machine: Machine, fail: Fail | str | None = None
) -> Value:
    """Emits a function of values. Scalars are broadcast to the widest argument; bfloat16 and float16 are not rounded: `round_to` ends
    an op.

    `fail` is called with the mask of lanes that have no value, or is the address of the flag that is set to 1 if there are any.
    """
    width = max(argument.width for argument in arguments)
    operands = [broadcast(function, argument, width) for argument in arguments]
    if not supported(name, [operand.dtype for operand in operands]):
        raise Unsupported(f"{name} of {', '.join(operand.dtype.name for operand in operands)} has no native form")
    if name in DEFINITIONS:
        found = _Expansion(function, machine, fail, operands).value(_definition(name, len(operands)))
        assert isinstance(found, Value)
    else:
        found = _base(function, name, operands, machine, fail)
    if name in CHOOSING and all(operand.rounded for operand in operands if operand.dtype is found.dtype):
        return replace(found, rounded=True)
    return found


@lru_cache(maxsize=512)
def _definition(name: str, count: int) -> Expr:
    return expand(name, *[Load(place, ()) for place in range(count)])


class _Expansion:
    """Emits a definition; an expression that stands in several places is computed once."""

    def __init__(
        self, function: Function, machine: Machine, fail: Fail | str | None, operands: Sequence[Value]
    ) -> None:
        self.function, self.machine, self.fail = function, machine, fail
        self.operands = operands
        self.found: dict[int, Value] = {}

    def value(self, expression: Expr) -> Value:
        if isinstance(expression, Load):
            return self.operands[expression.operand]
        if id(expression) not in self.found:
            assert isinstance(expression, Apply)
            self.found[id(expression)] = self._applied(expression)
        return self.found[id(expression)]

    def _applied(self, expression: Apply) -> Value:
        known = [None if isinstance(a, Literal) else self.value(a) for a in expression.arguments]
        peers = [value for value in known[expression.function in ("select", "choose") :] if value is not None]
        beside = peers[0] if peers else self.operands[-1]
        arguments = [
            literal(argument.value, beside.dtype, beside.width)
            if isinstance(argument, Literal)
            else self.value(argument)
            for argument in expression.arguments
        ]
        return apply(self.function, expression.function, arguments, self.machine, self.fail)


# ---- base functions ----


def _base(function: Function, name: str, operands: Sequence[Value], machine: Machine, fail: Fail | str | None) -> Value:
    first = operands[0]
    if name.startswith("cast_"):
        return cast(function, first, BY_NAME[name.removeprefix("cast_")])
    if name == "select":
        condition, yes, no = operands
        return Value(function.select(yes.type, condition.text, yes.text, no.text), yes.dtype, yes.width)
    if name == "require":
        condition, value = operands
        _report(function, Value(_inverted(function, condition), bool_, condition.width), fail)
        return value
    if name in _COMPARISONS:
        return Value(_compare(function, name, *operands), bool_, first.width)
    if name in _LOGIC:
        return Value(_logic(function, name, [cast(function, x, bool_) for x in operands]), bool_, first.width)
    if name in _PREDICATES:
        return Value(_predicate(function, name, first), bool_, first.width)
    if name == "exponent":
        return Value(_exponent(_lanes(function, first, machine), first.text), int32, first.width)
    if first.dtype.category == FLOATING:
        text = _floating(function, name, operands, machine)
    elif first.dtype.category == INTEGER:
        text = _integer(function, name, operands, fail)
    else:
        text = _boolean(function, name, operands)
    return Value(text, first.dtype, first.width)


def _report(function: Function, failing: Value, fail: Fail | str | None) -> None:
    """Reports the lanes of a mask as failed."""
    if fail is None:
        raise InternalError("this function can fail: `apply` needs to be told whom to tell")
    if callable(fail):
        fail(failing)
        return
    any_failing = failing.text
    if failing.width > 1:
        any_failing = function.call(f"llvm.vector.reduce.or.v{failing.width}i1", "i1", [(failing.type, failing.text)])
    with function.when(any_failing):
        function.store("i64", "1", fail, 8)


def _inverted(function: Function, mask: Value) -> str:
    return function.binary("xor", mask.type, mask.text, constant(mask.type, True))


# ---- comparisons and logic, of any dtype ----

_COMPARISONS = {"eq": "eq", "ne": "ne", "lt": "lt", "le": "le", "gt": "gt", "ge": "ge"}
_LOGIC = {"logical_and": "and", "logical_or": "or", "logical_xor": "xor", "logical_not": ""}
_PREDICATES = ("isnan", "isinf", "signbit")


def _compare(function: Function, name: str, a: Value, b: Value) -> str:
    if a.dtype.category == FLOATING:
        return function.binary(f"fcmp {'u' if name == 'ne' else 'o'}{name}", a.type, a.text, b.text)
    sign = "" if name in ("eq", "ne") else "s" if a.dtype.is_signed else "u"
    return function.binary(f"icmp {sign}{name}", a.type, a.text, b.text)


def _logic(function: Function, name: str, masks: Sequence[Value]) -> str:
    if name == "logical_not":
        return _inverted(function, masks[0])
    return function.binary(_LOGIC[name], masks[0].type, masks[0].text, masks[1].text)


def _predicate(function: Function, name: str, x: Value) -> str:
    if x.dtype.category == FLOATING:
        if name == "isnan":
            return function.binary("fcmp uno", x.type, x.text, x.text)
        if name == "isinf":
            size = function.intrinsic("llvm.fabs", x.type, [(x.type, x.text)])
            return function.binary("fcmp oeq", x.type, size, constant(x.type, math.inf))
        words = vector(f"i{8 * x.dtype.compute.itemsize}", x.width)
        bits = function.convert("bitcast", x.type, x.text, words)
        return function.binary("icmp slt", words, bits, constant(words, 0))
    if name == "signbit" and x.dtype.is_signed:
        return function.binary("icmp slt", x.type, x.text, constant(x.type, 0))
    return constant(x.mask, False)


# ---- floating ----

# None may be joined to a multiply-add: a product that overflows is infinite, also where a sum takes it.
_ROUNDED = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv"}
_INTRINSICS = {
    "abs": "fabs", "floor": "floor", "ceil": "ceil", "trunc": "trunc", "rint": "roundeven", "sqrt": "sqrt",
    "copysign": "copysign",
}  # fmt: skip


def _lanes(function: Function, x: Value, machine: Machine) -> Lanes:
    return Lanes(function, register_element(x.dtype), x.width, machine)


def _floating(function: Function, name: str, operands: Sequence[Value], machine: Machine) -> str:
    first, texts = operands[0], [operand.text for operand in operands]
    if name in _ROUNDED:
        return function.binary(_ROUNDED[name], first.type, *texts)
    if name in _INTRINSICS:
        return function.intrinsic(f"llvm.{_INTRINSICS[name]}", first.type, [(first.type, text) for text in texts])
    v = _lanes(function, first, machine)
    if name == "neg":
        return v.neg(texts[0])
    if name == "pow" and texts[1] in (v.text(1.0), v.text(2.0), v.text(-1.0)):
        return _known_power(v, *texts)
    if name in elementary.NAMES:
        return elementary.elementary(v, name, texts)
    return _FLOATING[name](v, *texts)


def _is_number(x: str) -> bool:
    """Whether it is a constant, which is not NaN."""
    return not x.startswith("%") and "0x7FF8" not in x and "0xFFF8" not in x


def _extreme(beyond: str) -> Callable[[Lanes, str, str], str]:
    """NaN in either operand is the result; of equal ones, the second."""

    def emitted(v: Lanes, a: str, b: str) -> str:
        if _is_number(b):
            return v.select(v.test("u" + beyond, a, b), a, b)
        chosen = v.select(v.test("o" + beyond, a, b), a, b)
        return chosen if _is_number(a) else v.select(v.test("uno", a, a), a, chosen)

    return emitted


def _number_extreme(beyond: str) -> Callable[[Lanes, str, str], str]:
    """A number rather than NaN."""

    def emitted(v: Lanes, a: str, b: str) -> str:
        first = v.either(v.test("o" + beyond, a, b), v.test("uno", b, b))
        return v.select(first, a, b)

    return emitted


def _known_power(v: Lanes, x: str, exponent: str) -> str:
    if exponent == v.text(1.0):
        return x
    return v.mul(x, x) if exponent == v.text(2.0) else v.div(1.0, x)


def _floor_divide(v: Lanes, a: str, b: str) -> str:
    """As NumPy: the dividend less the remainder is divided, so that the result is whole but for rounding."""
    remainder = fmod(v, a, b)
    quotient, ratio = v.div(v.sub(a, remainder), b), v.div(a, b)
    differ = v.function.binary("xor", v.masks, v.test("olt", b, 0.0), v.test("olt", remainder, 0.0))
    upward = v.both(v.test("one", remainder, 0.0), differ)
    quotient = v.select(upward, v.sub(quotient, 1.0), quotient)
    floor = v.floor(quotient)
    floor = v.select(v.test("ogt", v.sub(quotient, floor), 0.5), v.add(floor, 1.0), floor)
    floor = v.select(v.test("oeq", quotient, 0.0), v.copysign(0.0, ratio), floor)
    return v.select(v.test("oeq", b, 0.0), ratio, floor)


def _remainder(v: Lanes, a: str, b: str) -> str:
    """With the sign of the divisor; a zero has that of the dividend."""
    remainder = fmod(v, a, b)
    differ = v.function.binary("xor", v.masks, v.test("olt", b, 0.0), v.test("olt", remainder, 0.0))
    moved = v.both(v.test("one", remainder, 0.0), differ)
    return v.select(moved, v.add(remainder, b), remainder)


def _nextafter(v: Lanes, a: str, b: str) -> str:
    bits = v.to_bits(a)
    away = v.function.binary("xor", v.masks, v.test("olt", a, b), v.test("olt", a, 0.0))
    step = v.function.select(v.words, away, constant(v.words, 1), constant(v.words, -1))
    moved = v.from_bits(v.word("add", bits, step))
    least = v.from_bits(v.word("or", v.word("and", v.to_bits(b), -(2 ** (v.bits - 1))), 1))
    moved = v.select(v.test("oeq", a, 0.0), least, moved)
    return v.select(v.test("une", a, b), v.select(v.test("uno", a, b), v.add(a, b), moved), b)


def _add_product(v: Lanes, a: str, b: str, c: str) -> str:
    """a + b·c, rounded once. Without an instruction for it double precision rounds twice, as PyTorch does on such a machine."""
    if v.machine.fma or v.element == "double":
        return v.fma(b, c, a)
    wide, (a, b, c) = v.widened([a, b, c])
    total, error = wide.two_sum_any(wide.mul(b, c), a)  # the product is exact
    # Rounding to odd (`fused.to_odd`), so that narrowing rounds the exact sum.
    bits = wide.to_bits(total)
    even = v.function.binary("icmp eq", wide.words, wide.word("and", bits, 1), constant(wide.words, 0))
    inexact = wide.both(even, wide.test("one", error, 0.0))
    inward = v.function.binary("xor", wide.masks, wide.test("olt", error, 0.0), wide.test("olt", total, 0.0))
    step = v.function.select(wide.words, inward, constant(wide.words, -1), constant(wide.words, 1))
    odd = v.function.select(wide.words, inexact, wide.word("add", bits, step), bits)
    return wide.narrowed(wide.from_bits(odd), v)


def _taken_apart(v: Lanes, x: str) -> tuple[str, str, str]:
    """The bits of x, or of a subnormal x·2^64; their exponent; and which lanes are zero, infinite or NaN, and so stay."""
    size = v.abs(x)
    least = 2.0 ** (1 - v.bias)
    bits = v.to_bits(v.select(v.test("olt", size, least), v.mul(x, 2.0**64), x))
    whole = (1 << (v.bits - 1 - v.mantissa)) - 1
    exponent = v.word("and", v.word("lshr", bits, v.mantissa), whole)
    stays = v.either(v.test("oeq", size, 0.0), v.test("ueq", size, math.inf))
    return bits, exponent, stays


def _mantissa(v: Lanes, x: str) -> str:
    bits, _, stays = _taken_apart(v, x)
    whole = (1 << (v.bits - 1 - v.mantissa)) - 1
    kept = v.word("and", bits, ~(whole << v.mantissa))
    return v.select(stays, x, v.from_bits(v.word("or", kept, (v.bias - 1) << v.mantissa)))


def _exponent(v: Lanes, x: str) -> str:
    """As int32; 0 of what has none."""
    _, exponent, stays = _taken_apart(v, x)
    moved = v.word("sub", exponent, v.bias - 1)
    less = v.word("sub", exponent, v.bias - 1 + 64)
    subnormal = v.test("olt", v.abs(x), 2.0 ** (1 - v.bias))
    found = v.function.select(v.words, subnormal, less, moved)
    found = v.function.select(v.words, stays, constant(v.words, 0), found)
    return found if v.bits == 32 else v.function.convert("trunc", v.words, found, vector("i32", v.width))


_FLOATING: dict[str, Callable[..., str]] = {
    "maximum": _extreme("gt"),
    "minimum": _extreme("lt"),
    "fmax": _number_extreme("ge"),
    "fmin": _number_extreme("le"),
    "fmod": fmod,
    "rem": _remainder,
    "floor_divide": _floor_divide,
    "truncate_divide": lambda v, a, b: v.trunc(v.div(a, b)),
    "nextafter": _nextafter,
    "add_product": _add_product,
    "mantissa": _mantissa,
}

# ---- integers ----

_PLAIN = {"add": "add", "sub": "sub", "mul": "mul", "bitwise_and": "and", "bitwise_or": "or", "bitwise_xor": "xor"}
_EXTREMES = {"maximum": "max", "fmax": "max", "minimum": "min", "fmin": "min"}
_WHOLE = ("floor", "ceil", "trunc")  # of integers they do nothing


def _integer(function: Function, name: str, operands: Sequence[Value], fail: Fail | str | None) -> str:
    first, texts = operands[0], [operand.text for operand in operands]
    type = first.type
    if name in _PLAIN:
        return function.binary(_PLAIN[name], type, *texts)
    if name in _EXTREMES:
        sign = "s" if first.dtype.is_signed else "u"
        return function.intrinsic(f"llvm.{sign}{_EXTREMES[name]}", type, [(type, text) for text in texts])
    if name in _WHOLE or (name == "abs" and not first.dtype.is_signed):
        return texts[0]
    if name == "neg":
        return function.binary("sub", type, constant(type, 0), texts[0])
    if name == "abs":
        return function.intrinsic("llvm.abs", type, [(type, texts[0]), ("i1", "false")])
    if name == "bitwise_not":
        return function.binary("xor", type, texts[0], constant(type, -1))
    if name in ("shift_left", "shift_right"):
        return _shift(function, name, first, texts[1])
    if name == "pow":
        return _integer_power(function, first, texts[1])
    return _divide(function, name, first, operands[1], fail)


def _shift(function: Function, name: str, a: Value, count: str) -> str:
    """Shifts beyond the width, or by a negative count, leave zeros, or ones of a negative number shifted right."""
    type, bits = a.type, 8 * a.dtype.itemsize
    if name == "shift_right" and a.dtype.is_signed:
        most = constant(type, bits - 1)
        return function.binary(
            "ashr", type, a.text, function.intrinsic("llvm.umin", type, [(type, count), (type, most)])
        )
    beyond = function.binary("icmp uge", type, count, constant(type, bits))
    shifted = function.binary("shl" if name == "shift_left" else "lshr", type, a.text, count)
    return function.select(type, beyond, constant(type, 0), shifted)


def _divide(function: Function, name: str, a: Value, b: Value, fail: Fail | str | None) -> str:
    divisor = b.text
    if divisor.startswith("%") or divisor == constant(b.type, 0):
        zero = function.binary("icmp eq", b.type, divisor, constant(b.type, 0))
        _report(function, Value(zero, bool_, b.width), fail)
        divisor = function.select(b.type, zero, constant(b.type, 1), b.text)
    quotient = integer_quotient(function, a, divisor)
    if name == "truncate_divide":
        return quotient
    remainder = integer_remainder(function, a, divisor, quotient)
    if name == "fmod" or not a.dtype.is_signed:
        return quotient if name == "floor_divide" else remainder
    moved = adjusted(function, a, divisor, remainder)
    if name == "floor_divide":
        return function.binary("add", a.type, quotient, function.convert("sext", a.mask, moved, a.type))
    return function.select(a.type, moved, function.binary("add", a.type, remainder, divisor), remainder)


def _integer_power(function: Function, a: Value, exponent: str) -> str:
    """By squaring, wrapping; a negative exponent leaves 0 of all bases but 1 and -1."""
    type, bits = a.type, 8 * a.dtype.itemsize
    name = f"rushlight_power_i{bits}_{a.width}"
    if not function.module.has(name):
        f = Function(function.module, name, [(type, "base"), (type, "exponent")], type)
        one = constant(type, 1)
        with f.loop(
            0, _used_bits(f, a, "%exponent"), carried=[(type, one), (type, "%base"), (type, "%exponent")]
        ) as loop:
            result, base, rest = loop.carried
            odd = f.convert("trunc", type, rest, a.mask)
            product = f.select(type, odd, f.binary("mul", type, result, base), result)
            loop.next = [product, f.binary("mul", type, base, base), f.binary("lshr", type, rest, one)]
        f.end(f"ret {type} {loop.results[0]}")
    value = function.call(name, type, [(type, a.text), (type, exponent)])
    if not a.dtype.is_signed:
        return value
    # The powers of 1 and -1 depend only on the exponent's last bit.
    negative = function.binary("icmp slt", type, exponent, constant(type, 0))
    unit = function.binary("icmp ule", type, function.binary("add", type, a.text, constant(type, 1)), constant(type, 2))
    zero = function.binary("icmp eq", type, a.text, constant(type, 0))
    unit = function.binary("and", a.mask, unit, function.binary("xor", a.mask, zero, constant(a.mask, True)))
    vanishes = function.binary("and", a.mask, negative, function.binary("xor", a.mask, unit, constant(a.mask, True)))
    return function.select(type, vanishes, constant(type, 0), value)


def _used_bits(f: Function, like: Value, exponent: str) -> str:
    """How many bits the exponents of all lanes have, as an i64."""
    bits = 8 * like.dtype.itemsize
    together = exponent
    if like.width > 1:
        together = f.call(f"llvm.vector.reduce.or.v{like.width}i{bits}", f"i{bits}", [(like.type, exponent)])
    zeros = f.call(f"llvm.ctlz.i{bits}", f"i{bits}", [(f"i{bits}", together), ("i1", "false")])
    used = f.binary("sub", f"i{bits}", str(bits), zeros)
    return used if bits == 64 else f.convert("zext", f"i{bits}", used, "i64")


# ---- bool ----

_BOOLEAN = {
    "add": "or", "mul": "and", "maximum": "or", "fmax": "or", "minimum": "and", "fmin": "and",
    "bitwise_and": "and", "bitwise_or": "or", "bitwise_xor": "xor",
}  # fmt: skip


def _boolean(function: Function, name: str, operands: Sequence[Value]) -> str:
    if name == "abs":
        return operands[0].text
    if name == "bitwise_not":
        return _inverted(function, operands[0])
    return function.binary(_BOOLEAN[name], operands[0].type, operands[0].text, operands[1].text)
