"""What dtype an operation computes in: PyTorch's rules for tensors, zero-dimensional tensors and Python numbers.

A category (bool < integer < floating < complex) met only in a lower class of operand (numbers < zero-dimensional < others) lifts the
result to that category's default; otherwise the higher class alone decides.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..dtype import (
    FLOATING,
    INTEGER,
    bool_,
    common_dtype,
    complex64,
    complex128,
    dtype,
    float16,
    float32,
    float64,
    int64,
    promote_types,
)
from ..ir import scalar
from ..ir.graph import Node
from .tensor import Tensor, node_of

Number = bool | int | float | complex


class Defaults:
    """`set_default_dtype`'s state."""

    dtype = float32


def get_default_dtype() -> dtype:
    """The dtype that Python floats become."""
    return Defaults.dtype


def set_default_dtype(d: dtype) -> None:
    """Sets the dtype that Python floats become; a floating one."""
    if not isinstance(d, dtype) or not d.is_floating_point:
        raise TypeError("only floating-point types are supported as the default type")
    Defaults.dtype = d


def default_complex() -> dtype:
    return {float64: complex128, float16: complex64}.get(Defaults.dtype, complex64)


def check_number(value: Any, wanted: dtype) -> Any:
    """The number, where the dtype holds it; RuntimeError where it overflows. Negative ones wrap in unsigned dtypes."""
    if not is_number(value):
        raise TypeError(f"value must be a number or a zero-dimensional Tensor, not {type(value).__name__}")
    kind = "value cannot be converted to type " + _C_NAMES.get(wanted.name, wanted.name + "_t") + " without overflow"
    if isinstance(value, (complex, np.complexfloating)) and not wanted.is_complex:
        if value.imag != 0:
            raise RuntimeError(kind)
        value = value.real
    if wanted.category == INTEGER and not isinstance(value, (bool, np.bool_)):
        limits = np.iinfo(wanted.storage)
        lowest = limits.min if wanted.is_signed else -int(limits.max)
        if not lowest <= value <= limits.max:
            raise RuntimeError(kind)
    elif wanted.category == FLOATING and np.isfinite(value) and abs(value) > _LARGEST.get(wanted.name, np.inf):
        raise RuntimeError(kind)
    return value


_C_NAMES = {"int32": "int", "float32": "float", "float64": "double", "float16": "at::Half", "bfloat16": "at::BFloat16"}
_LARGEST = {"float16": 65504.0, "bfloat16": 3.3895313892515355e38, "float32": 3.4028234663852886e38}


def number_dtype(value: Any) -> dtype:
    """The dtype a Python (or NumPy) number stands for."""
    if isinstance(value, (bool, np.bool_)):
        return bool_
    if isinstance(value, (int, np.integer)):
        return int64
    if isinstance(value, (float, np.floating)):
        return Defaults.dtype
    if isinstance(value, (complex, np.complexfloating)):
        return default_complex()
    raise TypeError(f"expected a tensor or a number, got {type(value).__name__}")


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float, complex, np.number, np.bool_))


def result_type(*operands: Any, **named: Any) -> dtype:
    """The dtype that PyTorch computes these tensors and numbers in, as `torch.result_type`, with its names for them.

    RuntimeError for uint16, uint32 or uint64 beside other integers, as PyTorch has it; operators take them (`operating_dtype`).
    """
    unknown = named.keys() - {"tensor", "other", "scalar", "scalar1", "scalar2"}
    if unknown:
        raise TypeError(f"result_type() got an unexpected keyword argument '{min(unknown)}'")
    operands = (*operands, *named.values())
    if not operands:
        raise TypeError("result_type() takes tensors and numbers, two of them; got none")
    return _meeting(operands, promote_types)


def operating_dtype(*operands: Any) -> dtype:
    """The dtype that an operator computes these tensors and numbers in."""
    return _meeting(operands, common_dtype)


def _meeting(operands: tuple[Any, ...], join: Callable[[dtype, dtype], dtype]) -> dtype:
    classes: list[dtype | None] = [None, None, None]  # dimensioned tensors, zero-dimensional tensors, numbers
    for operand in operands:
        if isinstance(operand, Tensor):
            place, found = (0 if operand._type().shape else 1), operand.dtype
        else:
            place, found = 2, number_dtype(operand)
        have = classes[place]
        classes[place] = found if have is None else join(have, found)
    result: dtype | None = None
    for found_in_class in classes:
        if found_in_class is None:
            continue
        if result is None:
            result = found_in_class
        elif found_in_class.category > result.category:
            result = join(result, found_in_class) if result is bool_ else _lifted(found_in_class, result)
    assert result is not None
    return result


def _lifted(higher: dtype, lower: dtype) -> dtype:
    """A higher category from a lower class: complex keeps the width of a floating result."""
    if higher.is_complex and lower.category == FLOATING:
        return common_dtype(higher, lower) if higher is complex128 and lower is float64 else lower.to_complex()
    return higher


def _as_node(operand: Any, wanted: dtype) -> Node:
    if isinstance(operand, Tensor):
        return scalar.cast(node_of(operand), dtype=wanted)
    return scalar.number(operand, wanted)


def promoted(*operands: Any, op: str = "operation") -> list[Node]:
    """The operands as nodes of their common dtype."""
    first = operands[0]
    if isinstance(first, Tensor):
        if len(operands) == 2:  # nearly all calls are of two tensors of one dtype, or of a floating one with a float
            node, other = node_of(first), operands[1]
            kind = node.type.dtype
            if isinstance(other, Tensor):
                second = node_of(other)
                if second.type.dtype is kind:
                    return [node, second]
            elif type(other) is float and kind.category == FLOATING:
                return [node, scalar.number(other, kind)]
        kind = first.dtype
        for other in operands[1:]:
            if isinstance(other, Tensor):
                if other.dtype is not kind:
                    break
            elif not (type(other) is float and kind.category == FLOATING) and (type(other) is not int or kind is bool_):
                break
        else:
            return [_as_node(operand, kind) for operand in operands]
    _check(op, operands)
    kind = operating_dtype(*operands)
    return [_as_node(operand, kind) for operand in operands]


def _check(op: str, operands: tuple[Any, ...]) -> None:
    for place, operand in enumerate(operands):
        if not isinstance(operand, Tensor) and not is_number(operand):
            raise TypeError(f"{op}(): argument {place + 1} must be Tensor or Number, not {type(operand).__name__}")


def floating(*operands: Any, op: str = "operation") -> list[Node]:
    """Like `promoted`, but integers and bools become the default floating dtype."""
    _check(op, operands)
    kind = operating_dtype(*operands)
    if kind.category < FLOATING:
        kind = Defaults.dtype
    return [_as_node(operand, kind) for operand in operands]
