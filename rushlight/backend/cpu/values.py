"""Values in registers: lanes of a dtype, and how they are read from and written to arrays.

In registers a bool is an i1; bfloat16 and float16 are float32, decoded where they are loaded and encoded where they are stored.
An op of such a dtype computes in float32 and ends with `round_to`. Integers have no sign in LLVM: the dtype says how to read them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...dtype import COMPLEX, bfloat16, bool_, dtype, float16, float32, float64
from ...kernel.functions import Unsupported
from .assembly import Function, constant, suffix, vector

ElementType = dtype


@dataclass(frozen=True)
class Value:
    """An LLVM value of `width` lanes; of one lane it is a scalar.

    `rounded` tells of one of half precision that it has been rounded to it: storing it is then no more than a shift.
    """

    text: str
    dtype: ElementType
    width: int
    rounded: bool = False

    @property
    def type(self) -> str:
        return register_type(self.dtype, self.width)

    @property
    def mask(self) -> str:
        """The type of one bit for each lane."""
        return vector("i1", self.width)


def register_element(dtype: ElementType) -> str:
    """The LLVM type of one lane in a register."""
    if dtype.category == COMPLEX:
        raise Unsupported(f"{dtype.name} has no native form")
    if dtype is bool_:
        return "i1"
    if dtype in (float32, bfloat16, float16):
        return "float"
    return "double" if dtype is float64 else f"i{8 * dtype.itemsize}"


def memory_element(dtype: ElementType) -> str:
    """The LLVM type of one element in memory."""
    if dtype in (bool_, bfloat16, float16):
        return f"i{8 * dtype.itemsize}"
    return register_element(dtype)


def register_type(dtype: ElementType, width: int) -> str:
    return vector(register_element(dtype), width)


def literal(value: Any, dtype: ElementType, width: int) -> Value:
    """A number in each lane; integers wrap, as in a conversion of an array."""
    with np.errstate(all="ignore"):
        number = np.asarray(value).astype(dtype.compute)[()].item()
    return Value(constant(register_type(dtype, width), number), dtype, width)


def broadcast(function: Function, value: Value, width: int) -> Value:
    """A scalar in each lane."""
    if value.width == width:
        return value
    if value.width != 1:
        raise ValueError(f"broadcast: a value of {value.width} lanes cannot become one of {width}; give a scalar")
    if value.text[0] not in "%@":  # a constant
        text = f"splat ({register_element(value.dtype)} {value.text})"
        return Value(text, value.dtype, width)
    return Value(function.splat(register_type(value.dtype, width), value.text), value.dtype, width, value.rounded)


# ---- memory ----


def load(function: Function, dtype: ElementType, address: str, width: int, mask: str | None = None) -> Value:
    """Neighbouring elements from an address on. Lanes where the mask is false are 0 and are not read."""
    element = memory_element(dtype)
    if mask is None:
        bits = function.load(vector(element, width), address, dtype.itemsize)
    elif width == 1:
        one = function.masked_load(f"<1 x {element}>", address, _single(function, mask), dtype.itemsize)
        bits = function.emit(f"extractelement <1 x {element}> {one}, i64 0")
    else:
        bits = function.masked_load(vector(element, width), address, mask, dtype.itemsize)
    return _decoded(function, bits, dtype, width)


def store(function: Function, value: Value, address: str, mask: str | None = None) -> None:
    """Writes the lanes to neighbouring elements from an address on; only those where the mask is true."""
    element, size = memory_element(value.dtype), value.dtype.itemsize
    bits = _encoded(function, value)
    if mask is None:
        function.store(vector(element, value.width), bits, address, size)
    elif value.width == 1:
        one = function.emit(f"insertelement <1 x {element}> poison, {element} {bits}, i64 0")
        function.masked_store(f"<1 x {element}>", one, address, _single(function, mask), size)
    else:
        function.masked_store(vector(element, value.width), bits, address, mask, size)


def gather(
    function: Function, dtype: ElementType, base: str, index: Value, width: int, mask: str | None = None
) -> Value:
    """The elements at places `index` (integers, in elements) from `base`. Lanes where the mask is false are 0 and are not read."""
    element = memory_element(dtype)
    index = broadcast(function, index, width)
    if width == 1:
        place = function.emit(f"getelementptr inbounds {element}, ptr {base}, {index.type} {index.text}")
        return load(function, dtype, place, 1, mask)
    places = function.emit(f"getelementptr inbounds {element}, ptr {base}, {index.type} {index.text}")
    type, chosen = vector(element, width), mask or constant(vector("i1", width), True)
    name = f"llvm.masked.gather.{suffix(type)}.v{width}p0"
    function.module.declarations[name] = f"declare {type} @{name}(<{width} x ptr>, <{width} x i1>, {type})"
    arguments = f"<{width} x ptr> align {dtype.itemsize} {places}, <{width} x i1> {chosen}, {type} zeroinitializer"
    return _decoded(function, function.emit(f"call {type} @{name}({arguments})"), dtype, width)


def _single(function: Function, mask: str) -> str:
    return function.emit(f"insertelement <1 x i1> poison, i1 {mask}, i64 0")


# ---- between memory and registers ----


def _decoded(function: Function, bits: str, dtype: ElementType, width: int) -> Value:
    """What was loaded, in its form in registers."""
    memory, target = vector(memory_element(dtype), width), register_type(dtype, width)
    if dtype is bool_:
        return Value(function.emit(f"icmp ne {memory} {bits}, {constant(memory, 0)}"), dtype, width)
    if dtype is float16 and function.module.halves:
        half = vector("half", width)
        number = function.convert("fpext", half, function.convert("bitcast", memory, bits, half), target)
        return Value(number, dtype, width, True)
    if dtype in (bfloat16, float16):
        wide = function.convert("zext", memory, bits, vector("i32", width))
        make = _Words(function, width)
        word = make.shift_left(wide, 16) if dtype is bfloat16 else make.from_half(wide)
        return Value(function.convert("bitcast", vector("i32", width), word, target), dtype, width, True)
    return Value(bits, dtype, width)


def _encoded(function: Function, value: Value) -> str:
    """A value in its form in memory."""
    if value.dtype is bool_:
        return function.convert("zext", value.mask, value.text, vector("i8", value.width))
    if value.dtype is float16 and function.module.halves:
        return function.convert(
            "bitcast", vector("half", value.width), _narrowed(function, value), vector("i16", value.width)
        )
    if value.dtype in (bfloat16, float16):
        make = _Words(function, value.width)
        bits = function.convert("bitcast", value.type, value.text, make.type)
        narrow = value.dtype is bfloat16
        exact = bits if value.rounded or not narrow else make.rounded_to_bfloat16(bits)
        word = make.shift_right(exact, 16) if narrow else make.to_half(bits)
        return function.convert("trunc", make.type, word, vector("i16", value.width))
    return value.text


def round_to(function: Function, value: Value, dtype: ElementType) -> Value:
    """The value with the precision of `dtype`, still in its form in registers: what ends an op of bfloat16 or float16."""
    if dtype not in (bfloat16, float16) or value.rounded and value.dtype is dtype:
        return value
    if dtype is float16 and function.module.halves:
        narrow = _narrowed(function, value)
        text = function.convert("fpext", vector("half", value.width), narrow, vector("float", value.width))
        return Value(text, dtype, value.width, True)
    make = _Words(function, value.width)
    bits = function.convert("bitcast", value.type, value.text, make.type)
    bits = make.rounded_to_bfloat16(bits) if dtype is bfloat16 else make.from_half(make.to_half(bits))
    return Value(function.convert("bitcast", make.type, bits, vector("float", value.width)), dtype, value.width, True)


def _narrowed(function: Function, value: Value) -> str:
    """Float32 lanes as LLVM's `half`, rounded to nearest, ties to even."""
    return function.convert("fptrunc", vector("float", value.width), value.text, vector("half", value.width))


class _Words:
    """Arithmetic on the bits of float32 lanes: conversions that not every machine has an instruction for."""

    def __init__(self, function: Function, width: int) -> None:
        self.function = function
        self.type = vector("i32", width)
        self.floats = vector("float", width)

    def binary(self, operation: str, a: str, b: int | str) -> str:
        right = constant(self.type, b) if isinstance(b, int) else b
        return self.function.binary(operation, self.type, a, right)

    def shift_left(self, a: str, bits: int) -> str:
        return self.binary("shl", a, bits)

    def shift_right(self, a: str, bits: int) -> str:
        return self.binary("lshr", a, bits)

    def choose(self, predicate: str, a: str, b: int, yes: int | str, no: str) -> str:
        """`yes` where the comparison with a number holds, `no` elsewhere."""
        condition = self.binary(f"icmp {predicate}", a, b)
        return self.function.select(self.type, condition, constant(self.type, yes) if isinstance(yes, int) else yes, no)

    def rounded_to_bfloat16(self, bits: str) -> str:
        """The upper half rounded to nearest, ties to even; the lower half is cleared."""
        odd = self.binary("and", self.shift_right(bits, 16), 1)
        rounded = self.binary("add", self.binary("add", bits, 0x7FFF), odd)
        upper = self.binary("and", rounded, 0xFFFF0000)
        # Rounding must not carry a NaN into infinity.
        number = self.function.convert("bitcast", self.type, bits, self.floats)
        nan = self.function.binary("fcmp uno", self.floats, number, number)
        return self.function.select(self.type, nan, constant(self.type, 0x7FC00000), upper)

    def from_half(self, half: str) -> str:
        """The bits of float32 from those of float16 in the lower half: shifted, the exponent corrected by a product, which is
        exact for subnormal numbers too."""
        function = self.function
        shifted = self.shift_left(self.binary("and", half, 0x7FFF), 13)
        number = function.convert("bitcast", self.type, shifted, self.floats)
        scaled = function.binary("fmul", self.floats, number, constant(self.floats, 2.0**112))
        bits = function.convert("bitcast", self.floats, scaled, self.type)
        special = self.binary("or", shifted, 0x7F800000)
        bits = self.choose("uge", shifted, 0x0F800000, special, bits)
        return self.binary("or", bits, self.shift_left(self.binary("and", half, 0x8000), 16))

    def to_half(self, bits: str) -> str:
        """The bits of float16, rounded to nearest, ties to even. Small numbers are rounded by adding a number whose last place
        is that of the subnormal numbers of float16."""
        function = self.function
        size = self.binary("and", bits, 0x7FFFFFFF)
        odd = self.binary("and", self.shift_right(size, 13), 1)
        normal = self.binary("add", self.binary("add", size, 0xFFF - (112 << 23)), odd)
        result = self.shift_right(normal, 13)
        number = function.convert("bitcast", self.type, size, self.floats)
        moved = function.binary("fadd", self.floats, number, constant(self.floats, 0.5))
        small = self.binary("sub", function.convert("bitcast", self.floats, moved, self.type), 126 << 23)
        result = self.choose("ult", size, 113 << 23, small, result)
        result = self.choose("uge", size, 143 << 23, 0x7C00, result)
        result = self.choose("ugt", size, 0x7F800000, 0x7E00, result)
        return self.binary("or", result, self.binary("and", self.shift_right(bits, 16), 0x8000))
