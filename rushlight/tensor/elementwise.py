"""Elementwise functions: arithmetic, comparison, rounding, exponentials, trigonometry, choice.

Most are one line in a table: a scalar op of `ir/scalar.py` with the rule for its dtypes. `promoted` computes in the common dtype,
`floating` in a floating one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import dtype as dtypes
from ..dtype import BOOL, COMPLEX, FLOATING, INTEGER, bool_, dtype, promote_types
from ..ir import scalar
from ..ir.graph import Node, mode
from ..ir.op import Op
from ..ir.type import Type
from .promotion import Defaults, Number, _as_node, floating, is_number, operating_dtype, promoted
from .public import method, public, scalar_name, store
from .public import name as set_label
from .tensor import Tensor, node_of, wrap

# ---- families ----


def _check_tensor(op: str, value: Any) -> None:
    if not isinstance(value, Tensor):
        raise TypeError(f"{op}(): argument 'input' (position 1) must be Tensor, not {type(value).__name__}")


def _check_operands(op: str, input: Any, other: Any, tensors: str, second: str = "other") -> None:
    """TypeError where PyTorch's signature wants a tensor: as "first", as "both", or as "any" of the operands."""
    first, last = isinstance(input, Tensor), isinstance(other, Tensor)
    if tensors == "any" and (first or last):
        return
    if not first:
        raise TypeError(f"{op}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    if tensors == "both" and not last:
        raise TypeError(f"{op}(): argument '{second}' (position 2) must be Tensor, not {type(other).__name__}")


def _once_rounded(*nodes: Node) -> list[Node]:
    """Half-precision operands in float32, in which PyTorch computes what it rounds but once; others as they are."""
    if nodes[0].type.dtype in (dtypes.float16, dtypes.bfloat16):
        return [scalar.cast(node, dtype=dtypes.float32) for node in nodes]
    return list(nodes)


def _unary(
    own: str,
    op: Op,
    label: str | None,
    *,
    to_float: bool = False,
    integers_stay: bool = False,
    alias: tuple[str, ...] = (),
    inplace: bool = True,
    complex_ok: bool = True,
    bool_ok: bool = True,
) -> Callable[..., Tensor]:
    """A function of one tensor. `to_float` computes integers in the default dtype; `integers_stay` returns them unchanged."""

    def function(input: Tensor) -> Tensor:
        _check_tensor(own, input)
        kind = input.dtype
        if not complex_ok and kind.category == COMPLEX:
            raise NotImplementedError(f"{own} is not supported for complex inputs: {kind}")
        if not bool_ok and kind.category == BOOL:
            raise NotImplementedError(f"\"{own}_cpu\" not implemented for 'Bool'")
        node = node_of(input)
        if kind.category < FLOATING:
            if to_float:
                node = scalar.cast(node, dtype=Defaults.dtype)
            elif integers_stay:
                return wrap(node)
        return wrap(op(node))

    function.__name__ = function.__qualname__ = own
    function.__doc__ = f"Elementwise `{own}`, as `torch.{own}`."
    return public(label, inplace=inplace, alias=alias)(function)


_unary("sqrt", scalar.sqrt, "Sqrt", to_float=True)
_unary("rsqrt", scalar.rsqrt, "Rsqrt", to_float=True)
_unary("exp", scalar.exp, "Exp", to_float=True)
_unary("exp2", scalar.exp2, "Exp2", to_float=True)
_unary("expm1", scalar.expm1, "Expm1", to_float=True)
_unary("log", scalar.log, "Log", to_float=True)
_unary("log2", scalar.log2, "Log2", to_float=True)
_unary("log10", scalar.log10, "Log10", to_float=True)
_unary("log1p", scalar.log1p, "Log1P", to_float=True)
_unary("sin", scalar.sin, "Sin", to_float=True)
_unary("cos", scalar.cos, "Cos", to_float=True)
_unary("tan", scalar.tan, "Tan", to_float=True)
_unary("asin", scalar.asin, "Asin", to_float=True, alias=("arcsin",))
_unary("acos", scalar.acos, "Acos", to_float=True, alias=("arccos",))
_unary("atan", scalar.atan, "Atan", to_float=True, alias=("arctan",))
_unary("sinh", scalar.sinh, "Sinh", to_float=True)
_unary("cosh", scalar.cosh, "Cosh", to_float=True)
tanh = _unary("tanh", scalar.tanh, "Tanh", to_float=True)
_unary("asinh", scalar.asinh, "Asinh", to_float=True, alias=("arcsinh",))
_unary("acosh", scalar.acosh, "Acosh", to_float=True, alias=("arccosh",))
_unary("atanh", scalar.atanh, "Atanh", to_float=True, alias=("arctanh",))
sigmoid = _unary("sigmoid", scalar.sigmoid, "Sigmoid", to_float=True)
_unary("erf", scalar.erf, "Erf", to_float=True, complex_ok=False)
_unary("erfc", scalar.erfc, "Erfc", to_float=True, complex_ok=False)
_unary("erfinv", scalar.erfinv, "Erfinv", to_float=True, complex_ok=False)
_unary("lgamma", scalar.lgamma, "Lgamma", to_float=True, complex_ok=False)
_unary("digamma", scalar.digamma, "Digamma", to_float=True, complex_ok=False)
_unary("reciprocal", scalar.reciprocal, "Reciprocal", to_float=True)
_unary("floor", scalar.floor, "Floor", integers_stay=True, complex_ok=False, bool_ok=False)
_unary("ceil", scalar.ceil, "Ceil", integers_stay=True, complex_ok=False, bool_ok=False)
_unary("trunc", scalar.trunc, "Trunc", integers_stay=True, complex_ok=False, bool_ok=False, alias=("fix",))
_unary("sign", scalar.sign, "Sign", complex_ok=False)
_unary("sgn", scalar.sign, "Sgn")
_unary("signbit", scalar.signbit, None, inplace=False, complex_ok=False)
_unary("isnan", scalar.isnan, None, inplace=False)
_unary("isinf", scalar.isinf, None, inplace=False)


@public(None, inplace=True)
def bitwise_not(input: Tensor) -> Tensor:
    """Every bit (or bool) reversed."""
    _check_tensor("bitwise_not", input)
    if input.dtype.category > INTEGER:
        raise TypeError(
            "~ (operator.invert) is only implemented on integer and Boolean-type tensors — bitwise_not of "
            f"{scalar_name(input.dtype)}"
        )
    return wrap(scalar.bitwise_not(node_of(input)))


@public("Neg", inplace=True, alias=("negative",))
def neg(input: Tensor) -> Tensor:
    """-input; not for bool."""
    _check_tensor("neg", input)
    if input.dtype is bool_:
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the `~` or "
            "`logical_not()` operator instead."
        )
    return wrap(scalar.neg(node_of(input)))


@public(alias=())
def positive(input: Tensor) -> Tensor:
    """The input itself; not for bool."""
    if input.dtype is bool_:
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


@public("Abs", inplace=True, alias=("absolute",))
def abs_(input: Tensor) -> Tensor:
    """The absolute value; of complex numbers the size, as a real tensor."""
    _check_tensor("abs", input)
    if input.dtype is bool_:
        return wrap(node_of(input))
    return wrap(scalar.abs_(node_of(input)))


@public("Pow", inplace=True)
def square(input: Tensor) -> Tensor:
    """input * input."""
    _check_tensor("square", input)
    node = node_of(input)
    if input.dtype is bool_:
        return wrap(scalar.cast(node, dtype=dtypes.int64))
    return wrap(scalar.square(node))


@public("Round", inplace=True)
def round_(input: Tensor, *, decimals: int = 0) -> Tensor:
    """The nearest integer (halves to even), or the nearest number with `decimals` digits."""
    _check_tensor("round", input)
    node = node_of(input)
    if input.dtype.category == INTEGER:
        return wrap(node)
    if input.dtype.category == BOOL or input.dtype.is_complex:
        raise NotImplementedError(f"\"round_cpu\" not implemented for '{scalar_name(input.dtype)}'")
    if not decimals:
        return wrap(scalar.rint(node))
    factor = scalar.number(float(10 ** abs(decimals)), input.dtype)
    if decimals > 0:
        return wrap(scalar.div(scalar.rint(scalar.mul(node, factor)), factor))
    return wrap(scalar.mul(scalar.rint(scalar.div(node, factor)), factor))


@public("Frac", inplace=True)
def frac(input: Tensor) -> Tensor:
    """The part after the point."""
    node = node_of(input)
    return wrap(scalar.sub(node, scalar.trunc(node)))


@public("Logit", inplace=True)
def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """log(x / (1 - x)), with x first clamped to [eps, 1 - eps]."""
    (x,) = floating(input, op="logit")
    if eps is not None:
        x = scalar.minimum(scalar.maximum(x, scalar.number(eps, x.type.dtype)), scalar.number(1 - eps, x.type.dtype))
    else:  # outside [0, 1] the gradient is NaN too
        one, nan = scalar.number(1, x.type.dtype), scalar.number(float("nan"), x.type.dtype)
        outside = scalar.logical_or(scalar.lt(x, scalar.number(0, x.type.dtype)), scalar.gt(x, one))
        x = scalar.mul(x, scalar.select(outside, nan, one))
    return wrap(scalar.log(scalar.div(x, scalar.sub(scalar.number(1, x.type.dtype), x))))


# ---- two operands ----


def _binary(
    own: str,
    op: Op,
    label: str | None,
    *,
    to_float: bool = False,
    alias: tuple[str, ...] = (),
    inplace: bool = True,
    method: bool = True,
    no_complex: type[Exception] | None = None,
    tensors: str = "both",
    second: str = "other",
) -> Callable[..., Tensor]:
    prepare = floating if to_float else promoted

    def function(input: Any, other: Any) -> Tensor:
        _check_operands(own, input, other, tensors, second)
        a, b = prepare(input, other, op=own)
        if no_complex and a.type.dtype.is_complex:
            raise no_complex(
                f"{own} not implemented for complex tensors."
                if no_complex is RuntimeError
                else f"\"{own}_cpu\" not implemented for '{scalar_name(a.type.dtype)}'"
            )
        return wrap(op(a, b))

    function.__name__ = function.__qualname__ = own
    function.__doc__ = f"Elementwise `{own}` with broadcasting, as `torch.{own}`."
    return public(label, inplace=inplace, alias=alias, method=method)(function)


_binary("atan2", scalar.atan2, "Atan2", to_float=True, alias=("arctan2",), no_complex=NotImplementedError)
_binary("hypot", scalar.hypot, "Hypot", no_complex=NotImplementedError)
_binary("maximum", scalar.maximum, "Maximum", inplace=False, no_complex=RuntimeError)
_binary("minimum", scalar.minimum, "Minimum", inplace=False, no_complex=RuntimeError)
_binary("fmax", scalar.fmax, "Fmax", inplace=False, no_complex=RuntimeError)
_binary("fmin", scalar.fmin, "Fmin", inplace=False, no_complex=RuntimeError)
_binary("eq", scalar.eq, None, tensors="first")
_binary("ne", scalar.ne, None, tensors="first", alias=("not_equal",))
_binary("lt", scalar.lt, None, tensors="first", alias=("less",), no_complex=NotImplementedError)
_binary("le", scalar.le, None, tensors="first", alias=("less_equal",), no_complex=NotImplementedError)
_binary("gt", scalar.gt, None, tensors="first", alias=("greater",), no_complex=NotImplementedError)
_binary("ge", scalar.ge, None, tensors="first", alias=("greater_equal",), no_complex=NotImplementedError)
_binary("logical_and", scalar.logical_and, None)
_binary("logical_or", scalar.logical_or, None)
_binary("logical_xor", scalar.logical_xor, None)
_binary("gcd", scalar.gcd, None)
_binary("lcm", scalar.lcm, None)
_binary("copysign", scalar.copysign, "Copysign", to_float=True, tensors="first")
_binary("nextafter", scalar.nextafter, "Nextafter")
_binary("heaviside", scalar.heaviside, None, second="values")


@public("Logaddexp")
def logaddexp(input: Tensor, other: Tensor) -> Tensor:
    """log(exp(input) + exp(other)), free of overflow."""
    _check_operands("logaddexp", input, other, "both")
    a, b = floating(input, other, op="logaddexp")
    return wrap(complex_logaddexp(a, b) if a.type.dtype.is_complex else scalar.logaddexp(a, b))


def complex_logaddexp(a: Node, b: Node) -> Node:
    """The greater by its real part, plus log1p of the rest; equal infinities stay as they are."""
    swap = scalar.lt(scalar.real(a), scalar.real(b))
    high, low = scalar.select(swap, b, a), scalar.select(swap, a, b)
    rest = scalar.sub(low, high)
    one = scalar.number(1, a.type.dtype)
    sum_ = scalar.add(high, scalar.log(scalar.add(one, scalar.exp(rest))))
    same = scalar.logical_and(scalar.isinf(scalar.real(a)), scalar.eq(scalar.real(a), scalar.real(b)))
    return scalar.select(same, high, sum_)


@public(None, inplace=True)
def logical_not(input: Tensor) -> Tensor:
    """Whether each element is zero, as bool."""
    _check_tensor("logical_not", input)
    return wrap(scalar.logical_not(node_of(input)))


@public("Logaddexp2")
def logaddexp2(input: Tensor, other: Tensor) -> Tensor:
    """log2(2^input + 2^other)."""
    _check_operands("logaddexp2", input, other, "both")
    a, b = floating(input, other, op="logaddexp2")
    kind = a.type.dtype
    a, b = _once_rounded(a, b)
    two = scalar.number(0.6931471805599453, a.type.dtype)
    return wrap(scalar.cast(scalar.div(scalar.logaddexp(scalar.mul(a, two), scalar.mul(b, two)), two), dtype=kind))


def _check_alpha(op: str, kind: dtype, alpha: Any) -> None:
    if isinstance(alpha, bool) and kind is not bool_:
        raise RuntimeError("Boolean alpha only supported for Boolean results.")
    if isinstance(alpha, float) and kind.category < FLOATING:
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
    if isinstance(alpha, complex) and not kind.is_complex:
        raise RuntimeError("For non-complex input tensors, argument alpha must not be a complex number.")


def _scaled(op: str, b: Node, alpha: Any) -> Node:
    if type(alpha) is int and alpha == 1:
        return b
    if isinstance(alpha, Tensor):
        alpha = alpha.item()
    _check_alpha(op, b.type.dtype, alpha)
    return scalar.mul(b, scalar.number(alpha, b.type.dtype))


def _with_multiple(op: str, combine: Op, a: Node, b: Node, alpha: Any) -> Node:
    """a ± alpha · b, of real floating numbers rounded once, as PyTorch rounds it."""
    if type(alpha) is int and alpha == 1:
        return combine(a, b)
    if isinstance(alpha, Tensor):
        alpha = alpha.item()
    kind = b.type.dtype
    if kind.category != FLOATING:
        return combine(a, _scaled(op, b, alpha))
    _check_alpha(op, kind, alpha)
    return scalar.add_product(a, b, scalar.number(alpha if combine is scalar.add else -alpha, kind))


def _plus_product(a: Node, b: Node, c: Node) -> Node:
    """a + b·c, of real floating numbers rounded once."""
    if a.type.dtype.category == FLOATING:
        return scalar.add_product(a, b, c)
    return scalar.add(a, scalar.mul(b, c))


@public("Add", inplace=True)
def add(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """input + alpha * other, with broadcasting and promotion.

    >>> import rushlight as torch
    >>> torch.add(torch.tensor([1, 2]), 0.5)
    tensor([1.5000, 2.5000])
    """
    a, b = promoted(input, other, op="add")
    return wrap(_with_multiple("add", scalar.add, a, b, alpha))


def _refuse_bool(op: str, a: Node, b: Node, operands: tuple[Any, Any]) -> None:
    first, second = operands
    one = first.dtype is bool_ if isinstance(first, Tensor) else isinstance(first, bool)
    other = second.dtype is bool_ if isinstance(second, Tensor) else isinstance(second, bool)
    if not (one or other):
        return
    if one and other:
        raise RuntimeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator instead."
        )
    raise RuntimeError(
        "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, use the `~` or "
        "`logical_not()` operator instead."
    )


@public("Sub", inplace=True, alias=("subtract",))
def sub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """input - alpha * other; not for bool."""
    a, b = promoted(input, other, op="sub")
    _refuse_bool("sub", a, b, (input, other))
    return wrap(_with_multiple("sub", scalar.sub, a, b, alpha))


@public("Rsub", inplace=False)
def rsub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """other - alpha * input."""
    _check_operands("rsub", input, other, "first")
    a, b = promoted(input, other, op="rsub")
    _refuse_bool("rsub", a, b, (input, other))
    result = _with_multiple("rsub", scalar.sub, b, a, alpha)
    if not isinstance(other, Tensor):
        result.label = "RsubBackward1"
    return wrap(result)


@public("Mul", inplace=True, alias=("multiply",))
def mul(input: Any, other: Any) -> Tensor:
    """input * other, with broadcasting and promotion."""
    a, b = promoted(input, other, op="mul")
    return wrap(scalar.mul(a, b))


def _refuse_zero(op: str, a: Node, other: Any) -> None:
    """An integer over the number 0 is refused at the call; over a tensor's zeros when it is run."""
    if is_number(other) and other == 0 and a.type.dtype.category == INTEGER:
        raise RuntimeError(f"ZeroDivisionError — {op}: an integer by 0")


def _divide(op: str, input: Any, other: Any, rounding_mode: str | None) -> Tensor:
    if rounding_mode is None:
        a, b = floating(input, other, op=op)
        return wrap(scalar.div(a, b))
    if rounding_mode not in ("floor", "trunc"):
        raise RuntimeError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'"
        )
    a, b = promoted(input, other, op=op)
    _refuse_zero(op, a, other)
    if a.type.dtype is bool_ or a.type.dtype.is_complex:
        raise NotImplementedError(f"\"div_{rounding_mode}\" not implemented for '{scalar_name(a.type.dtype)}'")
    result = (scalar.floor_divide if rounding_mode == "floor" else scalar.truncate_divide)(a, b)
    # Tracked as PyTorch tracks it: the gradient of a rounded quotient is zero.
    if mode.tracking and (a.tracked or b.tracked):
        never = scalar.full(False, Type.of((), bool_))
        result = scalar.select(never, scalar.add(a, b), result)
    return wrap(result)


@public("Div", inplace=True, alias=("divide",))
def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """input / other; with `rounding_mode` 'floor' or 'trunc' the rounded quotient."""
    return _divide("div", input, other, rounding_mode)


@public("Div", inplace=True)
def true_divide(input: Any, other: Any) -> Tensor:
    """input / other in a floating dtype."""
    return _divide("true_divide", input, other, None)


@public(None, inplace=True)
def floor_divide(input: Any, other: Any) -> Tensor:
    """The quotient rounded down."""
    return _divide("floor_divide", input, other, "floor")


@public("Remainder", inplace=True)
def remainder(input: Any, other: Any) -> Tensor:
    """The remainder with the divisor's sign."""
    _check_operands("remainder", input, other, "any")
    return _remainder("remainder", scalar.rem, input, other)


@public("Fmod", inplace=True)
def fmod(input: Any, other: Any) -> Tensor:
    """The remainder with the dividend's sign."""
    _check_operands("fmod", input, other, "first")
    return _remainder("fmod", scalar.fmod, input, other)


def _remainder(own: str, op: Op, input: Any, other: Any) -> Tensor:
    a, b = promoted(input, other, op=own)
    _refuse_zero(own, a, other)
    kind = a.type.dtype
    if kind.category in (BOOL, COMPLEX):
        raise NotImplementedError(f"\"{own}_cpu\" not implemented for '{scalar_name(kind)}'")
    return wrap(op(a, b))


@public("Pow", inplace=True)
def pow_(input: Any, exponent: Any) -> Tensor:
    """input to the power of exponent; integers to a negative Python power are an error."""
    _check_operands("pow", input, exponent, "any")
    if type(exponent) in (int, float) and exponent == 2 and input.dtype.category >= FLOATING:
        return wrap(scalar.square(node_of(input)))
    a, b = promoted(input, exponent, op="pow")
    kind = a.type.dtype
    if kind.category == INTEGER and is_number(exponent) and exponent < 0:
        raise RuntimeError("Integers to negative integer powers are not allowed.")
    if kind is bool_:
        raise NotImplementedError("\"pow\" not implemented for 'Bool'")
    if is_number(exponent) and exponent == 0 and a.tracked:  # constant, in every order of gradient
        return wrap(scalar.select(scalar.number(False, bool_), a, scalar.full(1, a.type)))
    if is_number(exponent) and exponent == 2:
        return wrap(scalar.square(a))
    if is_number(exponent) and exponent == 0.5 and kind.category >= FLOATING:
        return wrap(scalar.sqrt(a))
    result = scalar.pow(a, b)
    if isinstance(exponent, Tensor):
        result.label = "PowBackward1"
    return wrap(result)


@public("Pow")
def float_power(input: Any, exponent: Any) -> Tensor:
    """`pow` in float64 (complex128 for complex numbers)."""
    _check_operands("float_power", input, exponent, "any")
    kind = promote_types(dtypes.float64, operating_dtype(input, exponent))
    return wrap(scalar.pow(_as_node(input, kind), _as_node(exponent, kind)))


@method
def float_power_(self: Tensor, exponent: Any) -> Tensor:
    """In-place form of `float_power`; the tensor must have the dtype of its result."""
    result = float_power(self, exponent)
    if result.dtype is not self.dtype:
        raise RuntimeError(
            f"the base given to float_power_ has dtype {scalar_name(self.dtype)} but the operation's result requires dtype "
            f"{scalar_name(result.dtype)}"
        )
    return store("float_power_", self, result)


def _bitwise(own: str, op: Op, on_bool: Op | None) -> Callable[..., Tensor]:
    def function(input: Any, other: Any) -> Tensor:
        _check_operands(own, input, other, "any")
        a, b = promoted(input, other, op=own)
        kind = a.type.dtype
        if kind.category > INTEGER or (kind is bool_ and on_bool is None):
            raise NotImplementedError(f"\"{own}_cpu\" not implemented for '{scalar_name(kind)}'")
        return wrap(on_bool(a, b) if kind is bool_ and on_bool else op(a, b))

    function.__name__ = function.__qualname__ = own
    function.__doc__ = f"Elementwise `{own}` of integers (or bools), as `torch.{own}`."
    return public(None, inplace=True)(function)


_bitwise("bitwise_and", scalar.bitwise_and, scalar.logical_and)
_bitwise("bitwise_or", scalar.bitwise_or, scalar.logical_or)
_bitwise("bitwise_xor", scalar.bitwise_xor, scalar.logical_xor)
_bitwise("bitwise_left_shift", scalar.shift_left, None)
_bitwise("bitwise_right_shift", scalar.shift_right, None)

# ---- choice ----


@public("Where", method=False)
def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """`input` where the condition holds, `other` elsewhere; with the condition alone the places where it holds."""
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)  # type: ignore[attr-defined]
    if condition.dtype not in (bool_, dtypes.uint8):
        raise RuntimeError(
            f"where expected condition to be a boolean tensor, but got a tensor with dtype {scalar_name(condition.dtype)}"
        )
    a, b = promoted(input, other, op="where")
    return wrap(scalar.select(scalar.cast(node_of(condition), dtype=bool_), a, b))


def where_method(self: Tensor, condition: Tensor, other: Any = None) -> Tensor:
    """This tensor's elements where the condition holds, those of `other` elsewhere."""
    return where(condition, self, other)


Tensor.where = where_method  # type: ignore[attr-defined]


@public("Clamp", inplace=True, alias=("clip",))
def clamp(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """The input limited to [min, max]; bounds are numbers or tensors, None for no bound."""
    _check_tensor("clamp", input)
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if input.dtype.is_complex:
        raise NotImplementedError("clamp is not supported for complex types")
    bounds = [bound for bound in (min, max) if bound is not None]
    kind = operating_dtype(input, *bounds)
    x = _as_node(input, kind)
    result = _limited(x, None if min is None else _as_node(min, kind), None if max is None else _as_node(max, kind))
    if result is not x and not any(isinstance(bound, Tensor) for bound in bounds):
        result.label = "ClampBackward1"
    return wrap(result)


def _limited(x: Node, low: Node | None, high: Node | None) -> Node:
    """Clamped; the cotangent passes where the input is within the bounds, ends included."""
    result = x if low is None else scalar.maximum(x, low)
    result = result if high is None else scalar.minimum(result, high)
    if not mode.tracking or not (x.tracked or (low is not None and low.tracked) or (high is not None and high.tracked)):
        return result
    picked = x
    if low is not None:
        picked = scalar.select(scalar.lt(x, low), low, picked)
    if high is not None:
        picked = scalar.select(scalar.gt(picked, high), high, picked)
    if x.type.dtype.category >= FLOATING:  # NaN is not within the bounds
        picked = scalar.select(scalar.isnan(x), scalar.number(float("nan"), x.type.dtype), picked)
    for bound in (low, high):
        if bound is not None and bound.type.dtype.category >= FLOATING:
            picked = scalar.select(scalar.ne(bound, bound), bound, picked)
    return picked


@public("ClampMin", inplace=True)
def clamp_min(input: Tensor, min: Any) -> Tensor:
    """`clamp` from below."""
    return clamp(input, min=min)


@public("ClampMax", inplace=True)
def clamp_max(input: Tensor, max: Any) -> Tensor:
    """`clamp` from above."""
    return clamp(input, max=max)


@public("NanToNum", inplace=True)
def nan_to_num(
    input: Tensor, nan: float | None = None, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """NaN and infinities replaced: by 0 and the greatest and least numbers unless told otherwise."""
    node = node_of(input)
    kind = input.dtype
    if kind.category < FLOATING:
        return wrap(node)
    top = _finfo_max(kind)
    inf = float("inf")

    def replaced(x: Node) -> Node:
        real = x.type.dtype
        x = scalar.select(scalar.isnan(x), scalar.number(nan or 0, real), x)
        x = scalar.select(
            scalar.eq(x, scalar.number(inf, real)), scalar.number(top if posinf is None else posinf, real), x
        )
        return scalar.select(
            scalar.eq(x, scalar.number(-inf, real)), scalar.number(-top if neginf is None else neginf, real), x
        )

    if kind.is_complex:
        return wrap(scalar.make_complex(replaced(scalar.real(node)), replaced(scalar.imag(node))))
    return wrap(replaced(node))


def _finfo_max(kind: dtype) -> float:
    return {
        "float16": 65504.0,
        "bfloat16": 3.3895313892515355e38,
        "float32": 3.4028234663852886e38,
        "complex64": 3.4028234663852886e38,
    }.get(kind.name, 1.7976931348623157e308)


@public("Lerp", inplace=True)
def lerp(input: Tensor, end: Tensor, weight: Any) -> Tensor:
    """input + weight * (end - input), computed from the nearer end as PyTorch does."""
    if end.dtype is not input.dtype:
        raise RuntimeError(
            f"expected dtype {scalar_name(input.dtype).lower()} for `end` but got dtype {scalar_name(end.dtype).lower()}"
        )
    a, b = _once_rounded(node_of(input), node_of(end))
    w = _as_node(weight, a.type.dtype)
    gap = scalar.sub(b, a)
    known = not isinstance(weight, Tensor)  # then so is the nearer end; optimizers call this for each parameter
    if not known or abs(weight) < 0.5:
        near = far = _plus_product(a, gap, w)
    if not known or abs(weight) >= 0.5:
        one = w.type.dtype.compute.type(1)
        less = (
            scalar.number((type(one)(weight) - one).item(), w.type.dtype)
            if known
            else scalar.sub(w, scalar.number(1, w.type.dtype))
        )
        far = _plus_product(b, gap, less)
    if known:
        return wrap(scalar.cast(far, dtype=input.dtype))
    size = scalar.abs_(w)
    result = scalar.select(scalar.lt(size, scalar.number(0.5, size.type.dtype)), near, far)
    return wrap(scalar.cast(result, dtype=input.dtype))


@public("Addcmul", inplace=True)
def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Number = 1) -> Tensor:
    """input + value * tensor1 * tensor2."""
    a, b, c = promoted(input, tensor1, tensor2, op="addcmul")
    kind = a.type.dtype
    a, b, c = _once_rounded(a, b, c)
    return wrap(scalar.cast(_plus_product(a, _scaled("addcmul", b, value), c), dtype=kind))


@public("Addcdiv", inplace=True)
def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Number = 1) -> Tensor:
    """input + value * tensor1 / tensor2."""
    if tensor1.dtype.category < FLOATING and tensor2.dtype.category < FLOATING:
        raise RuntimeError(
            "Integer division with addcdiv is no longer supported, and in a future  release addcdiv will perform a true division of "
            "tensor1 and tensor2."
        )
    a, b, c = promoted(input, tensor1, tensor2, op="addcdiv")
    kind = a.type.dtype
    a, b, c = _once_rounded(a, b, c)
    return wrap(scalar.cast(scalar.add(a, scalar.div(_scaled("addcdiv", b, value), c)), dtype=kind))


@public(None)
def isfinite(input: Tensor) -> Tensor:
    """Whether each element is neither infinite nor NaN."""
    node = node_of(input)
    return wrap(scalar.logical_not(scalar.logical_or(scalar.isnan(node), scalar.isinf(node))))


@public(None)
def isposinf(input: Tensor) -> Tensor:
    """Whether each element is +inf."""
    return wrap(
        scalar.logical_and(scalar.isinf(node_of(input)), scalar.gt(node_of(input), scalar.number(0, input.dtype)))
    )


@public(None)
def isneginf(input: Tensor) -> Tensor:
    """Whether each element is -inf."""
    return wrap(
        scalar.logical_and(scalar.isinf(node_of(input)), scalar.lt(node_of(input), scalar.number(0, input.dtype)))
    )


@public(None)
def isreal(input: Tensor) -> Tensor:
    """Whether each element has no imaginary part."""
    if not input.dtype.is_complex:
        return wrap(scalar.full(1, input._type().with_dtype(bool_)))
    part = scalar.imag(node_of(input))
    return wrap(scalar.eq(part, scalar.number(0, part.type.dtype)))


@public("Angle")
def angle(input: Tensor) -> Tensor:
    """The angle of complex numbers; 0 or pi for real ones."""
    (x,) = floating(input, op="angle")
    return wrap(scalar.angle(x))


@public(None, out=False)
def conj(input: Tensor) -> Tensor:
    """The complex conjugate."""
    return input if not input.dtype.is_complex else _conjugate(input)


def _conjugate(input: Tensor) -> Tensor:
    result = wrap(scalar.conj(node_of(input)))
    set_label(result, "Conj")
    return result


@public("ConjPhysical", inplace=True)
def conj_physical(input: Tensor) -> Tensor:
    """The complex conjugate."""
    return wrap(scalar.conj(node_of(input))) if input.dtype.is_complex else wrap(node_of(input))
