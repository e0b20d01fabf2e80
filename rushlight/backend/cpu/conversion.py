"""Conversions between dtypes, lane by lane, with the results of `cast`'s record."""

from __future__ import annotations

from ...dtype import BOOL, FLOATING, bool_, dtype, float64, int8, int16, int32, uint16
from .assembly import Function, constant, vector
from .values import Value, register_element, register_type

ElementType = dtype


def cast(function: Function, value: Value, target: ElementType) -> Value:
    """The value in another dtype. To bfloat16 and float16 it is not yet rounded: `round_to` ends the op."""
    type, width, source = register_type(target, value.width), value.width, value.dtype
    if source is target:
        return value
    if target is bool_:
        return Value(_nonzero(function, value), target, width)
    if source.category == FLOATING and target.category == FLOATING:
        return Value(_between_floats(function, value, target), target, width)
    if target.category == FLOATING:
        operation = "sitofp" if source.is_signed else "uitofp"
        return Value(function.convert(operation, value.type, value.text, type), target, width)
    if source.category == FLOATING:
        return Value(_to_integer(function, value, target), target, width)
    if source.category == BOOL or target.itemsize > source.itemsize:
        return Value(
            function.convert("sext" if source.is_signed else "zext", value.type, value.text, type), target, width
        )
    if target.itemsize < source.itemsize:
        return Value(function.convert("trunc", value.type, value.text, type), target, width)
    return Value(value.text, target, width)


def _nonzero(function: Function, value: Value) -> str:
    """NaN is true."""
    operation = "fcmp une" if value.dtype.category == FLOATING else "icmp ne"
    return function.binary(operation, value.type, value.text, constant(value.type, 0))


def _between_floats(function: Function, value: Value, target: ElementType) -> str:
    type = register_type(target, value.width)
    if register_element(value.dtype) == register_element(target):
        return value.text
    return function.convert("fpext" if target is float64 else "fptrunc", value.type, value.text, type)


def _to_integer(function: Function, value: Value, target: ElementType) -> str:
    """As x86 does it: what does not fit an int32, or an int64 for the other targets, becomes the least one; narrower ones are cut."""
    bits = 32 if target in (int8, int16, int32, uint16) else 64
    wide = vector(f"i{bits}", value.width)
    low, high = constant(value.type, -(2.0 ** (bits - 1))), constant(value.type, 2.0 ** (bits - 1))
    above = function.binary("fcmp oge", value.type, value.text, low)
    if value.dtype is float64 and bits == 32:  # numbers less than one below the least are cut to it
        above = function.binary("fcmp ogt", value.type, value.text, constant(value.type, -(2.0**31) - 1))
    fits = function.binary("and", value.mask, above, function.binary("fcmp olt", value.type, value.text, high))
    safe = function.select(value.type, fits, value.text, constant(value.type, 0))
    number = function.convert("fptosi", value.type, safe, wide)
    number = function.select(wide, fits, number, constant(wide, -(2 ** (bits - 1))))
    if 8 * target.itemsize == bits:
        return number
    return function.convert("trunc", wide, number, register_type(target, value.width))
