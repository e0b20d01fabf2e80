"""Elementwise ops: one line each in the table at the end of a family, all of them `map`s over broadcast operands.

Meaning, said once: integers wrap; division and remainder follow PyTorch (`//` floors, `rem` has the divisor's sign, `fmod` the dividend's);
NaN passes through `maximum`, `minimum` and comparisons are false with it; complex cotangents are conjugate (PyTorch's convention).
A scalar function has operands of one dtype; `select` takes a bool first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..dtype import ALL, BOOL, FLOATING, INTEGER, bool_, dtype, encode, int64
from ..errors import InternalError
from ..fused import multiply_add
from . import expr, rounding, special
from .graph import Node, input_node, trace
from .op import NONDIFFERENTIABLE, Cotangents, Op, same_dtype
from .type import Type, broadcast_shapes

# ---- constants: five literals are part of the structure, other numbers are run-time inputs ----

LITERALS = (0, 1, -1, 2, 0.5)
_LITERALS = frozenset(LITERALS)
EXACT = 1 << 11  # integers below it are themselves in every floating dtype that is computed in as it is stored


def _constant_infer(*, value: float, shape: tuple[int, ...], dtype: dtype) -> Type:
    return Type.of(shape, dtype)


def _constant_eval(type: Type, *, value: float, shape: tuple[int, ...], dtype: dtype) -> np.ndarray:
    return np.broadcast_to(
        np.array(value).astype(dtype.compute), shape
    )  # `astype`, so that -1 wraps in unsigned dtypes


constant = Op(
    "constant",
    infer=_constant_infer,
    eval=_constant_eval,
    vjp=NONDIFFERENTIABLE,
    at=lambda index, *, type, value, shape, dtype: expr.Literal(np.array(value).astype(dtype.compute)[()]),
)


def _iota_eval(type: Type, *, shape: tuple[int, ...], axis: int) -> np.ndarray:
    extent = [1] * len(shape)
    extent[axis] = shape[axis]
    return np.broadcast_to(np.arange(shape[axis]).reshape(extent), shape)


# The index along an axis, as int64.
iota = Op(
    "iota",
    infer=lambda *, shape, axis: Type.of(shape, int64),
    eval=_iota_eval,
    vjp=NONDIFFERENTIABLE,
    at=lambda index, *, type, shape, axis: expr.Apply("place", index[axis]),
)
expr.FUNCTIONS["place"] = lambda index: np.asarray(index, np.int64)


def number(value: complex, dtype: dtype) -> Node:
    """A zero-dimensional node of a Python number: a literal where it is one of the five, else a run-time input.

    A trace has each literal once: a node of its own for each use would cost more to record than most ops.
    """
    if value in _LITERALS and (value or type(value) is int):  # -0.0 is none
        key = (value, dtype)
        found = trace.literals.get(key)
        if found is None or found.epoch != trace.epoch or found.value is not None:
            found = trace.literals[key] = constant(value=value, shape=(), dtype=dtype)
        else:
            # A use counts: the bound on what is pending keeps long chains from being one huge kernel.
            trace.pending += 1
        return found
    # By far the most frequent kinds.
    plain = value not in _LITERALS and (
        -1e38 < value < 1e38 if type(value) is float else type(value) is int and -EXACT < value < EXACT
    )
    if plain and dtype.category == FLOATING and dtype.compute is dtype.storage:
        return input_node(np.array(value, dtype.storage), Type.of((), dtype))
    if value in LITERALS and not (value == 0 and np.signbit(np.real(value))):
        return constant(value=abs(value) if value == 0 else value, shape=(), dtype=dtype)
    with np.errstate(all="ignore"):
        array = np.array(value).astype(dtype.compute)
    return input_node(encode(array, dtype), Type.of((), dtype))


def full(value: complex, type: Type) -> Node:
    """A node of the given type with one value everywhere."""
    if value in LITERALS and not (value == 0 and np.signbit(np.real(value))):
        return constant(value=abs(value) if value == 0 else value, shape=type.shape, dtype=type.dtype)
    with np.errstate(all="ignore"):
        array = encode(np.array(value).astype(type.dtype.compute), type.dtype)
    return input_node(np.broadcast_to(array, type.shape), type)


def zeros_like(node: Node) -> Node:
    return full(0, node.type)


# ---- broadcasting's derivative (reduce.py and view.py stand above this file, hence the late binding) ----

sum_to: Callable[[Node, Type], Node]


def _declare_sum_to(function: Callable[[Node, Type], Node]) -> None:
    global sum_to
    sum_to = function


# ---- records ----

Rule = Callable[..., Sequence["Node | None"]]


def _quiet(function: Callable[..., Any]) -> Callable[..., Any]:
    def evaluate(type: Type, *arrays: np.ndarray) -> Any:
        with np.errstate(all="ignore"):
            return function(*arrays)

    return evaluate


def scalar(
    name: str,
    function: Callable[..., Any],
    rule: Rule | str,
    result: dtype | None = None,
    real: bool = False,
    primitives: Callable[..., Node] | None = None,
) -> Op:
    """Makes the record of an elementwise op.

    `rule(g, y, *operands)` gives the cotangents before broadcasting is undone; `result` is the dtype of the result where it is
    not the operands'; `real` makes it the real part's dtype.
    """

    def infer(*types: Type) -> Type:
        same_dtype(name, types)
        _check_supported(name, function, types)
        out = result or (types[0].dtype.to_real() if real else types[0].dtype)
        return Type.of(broadcast_shapes(name, *[t.shape for t in types]), out)

    def vjp(node: Node, g: Node) -> Cotangents:
        assert callable(rule)
        operands = node.operands
        parts = rule(g, node, *operands)
        return tuple(
            [
                part if part is None or part.type is operand.type else sum_to(part, operand.type)
                for part, operand in zip(parts, operands, strict=True)
            ]
        )

    def at(index: tuple[expr.Expr, ...], *operands: expr.Operand, type: Type) -> expr.Expr:
        return expr.Apply(name, *[operand.broadcast(index) for operand in operands])

    expr.FUNCTIONS[name] = function
    cotangents = vjp if callable(rule) else rule
    return Op(name, infer=infer, eval=_quiet(function), vjp=cotangents, at=at, primitives=primitives, elementwise=True)


def _check_supported(name: str, function: Callable[..., Any], types: tuple[Type, ...]) -> None:
    """NotImplementedError at the call where NumPy has no loop for the dtypes: asked with arrays without elements."""
    try:
        with np.errstate(all="ignore"):
            function(*[np.empty(0, type.dtype.compute) for type in types])
    except TypeError:
        raise NotImplementedError(f"\"{name}\" not implemented for '{types[0].dtype.name}'") from None


def cj(x: Node) -> Node:
    """The conjugate where the node is complex."""
    return conj(x) if x.type.dtype.is_complex else x


def _times(g: Node, value: complex) -> Node:
    return mul(g, number(value, g.type.dtype))


# ---- arithmetic ----

neg = scalar("neg", np.negative, lambda g, y, x: (neg(g),))
add = scalar("add", np.add, lambda g, y, a, b: (g, g))
sub = scalar("sub", np.subtract, lambda g, y, a, b: (g, neg(g) if b.tracked else None))
mul = scalar(
    "mul", np.multiply, lambda g, y, a, b: (mul(g, cj(b)) if a.tracked else None, mul(g, cj(a)) if b.tracked else None)
)
add_product = scalar(  # a + b·c, rounded once
    "add_product",
    lambda a, b, c: multiply_add(b, c, a),
    lambda g, y, a, b, c: (
        g if a.tracked else None,
        mul(g, cj(c)) if b.tracked else None,
        mul(g, cj(b)) if c.tracked else None,
    ),
)
div = scalar(
    "div",
    np.true_divide,
    lambda g, y, a, b: (div(g, cj(b)) if a.tracked else None, neg(mul(g, cj(div(y, b)))) if b.tracked else None),
)


def _floor_divide(a: np.ndarray, b: np.ndarray) -> Any:
    if a.dtype.kind in "iu":
        if np.any(b == 0):
            raise RuntimeError("ZeroDivisionError — integer floor division by zero")
        return np.floor_divide(a, b)
    quotient = np.floor_divide(a, b)
    return np.where((b == 0), np.true_divide(a, b), quotient)


def _truncate_divide(a: np.ndarray, b: np.ndarray) -> Any:
    if a.dtype.kind in "iu":
        if np.any(b == 0):
            raise RuntimeError("ZeroDivisionError — integer division by zero")
        quotient = np.floor_divide(a, b)
        inexact = quotient * b != a
        return quotient + (inexact & ((a < 0) != (b < 0))).astype(a.dtype)
    return np.trunc(np.true_divide(a, b))


def _remainder(a: np.ndarray, b: np.ndarray) -> Any:
    if a.dtype.kind in "iu" and np.any(b == 0):
        raise RuntimeError("ZeroDivisionError — integer remainder by zero")
    result = np.remainder(a, b)
    if a.dtype.kind == "f":  # a zero keeps the sign that fmod gives it, which is the dividend's
        return np.where(result == 0, np.copysign(result, a), result)
    return result


def _fmod(a: np.ndarray, b: np.ndarray) -> Any:
    if a.dtype.kind in "iu" and np.any(b == 0):
        raise RuntimeError("ZeroDivisionError — integer fmod by zero")
    return np.fmod(a, b)


floor_divide = scalar("floor_divide", _floor_divide, NONDIFFERENTIABLE)
truncate_divide = scalar("truncate_divide", _truncate_divide, NONDIFFERENTIABLE)
rem = scalar("rem", _remainder, lambda g, y, a, b: (g, neg(mul(g, floor_divide(a, b))) if b.tracked else None))
fmod = scalar("fmod", _fmod, lambda g, y, a, b: (g, neg(mul(g, truncate_divide(a, b))) if b.tracked else None))


def _power(a: np.ndarray, b: np.ndarray) -> Any:
    if a.dtype.kind in "iu":
        # A negative integer exponent truncates towards zero: only the bases 1 and -1 give something else than 0.
        negative = b < 0
        if np.any(negative):
            value = np.power(a, np.where(negative, 0, b).astype(b.dtype))
            odd = (b & 1).astype(bool)
            inverse = np.where(a == 1, 1, np.where(a == -1, np.where(odd, -1, 1), 0)).astype(a.dtype)
            return np.where(negative, inverse, value)
    if a.dtype.kind == "f" and b.ndim == 0 and b == 2:
        return np.multiply(a, a)
    return np.power(a, b)


def _pow_rule(g: Node, y: Node, a: Node, b: Node) -> Sequence[Node | None]:
    base = exponent = None
    zero = number(0, b.type.dtype)
    if a.tracked:
        power = mul(b, pow(a, sub(b, number(1, b.type.dtype))))
        base = mul(g, cj(select(eq(b, zero), number(0, b.type.dtype), power)))
    if b.tracked:
        flat = eq(a, number(0, a.type.dtype))
        if not b.type.dtype.is_complex:  # 0 to a negative power is infinite, and steeply so
            flat = logical_and(flat, ge(b, zero))
        clear = select(flat, number(0, a.type.dtype), mul(y, log(a)))
        exponent = mul(g, cj(clear))
    return base, exponent


pow = scalar("pow", _power, _pow_rule)


def _twice(x: Node) -> Node:
    return add(x, x)


square = scalar("square", np.square, lambda g, y, x: (mul(g, _twice(cj(x))),))
reciprocal = scalar("reciprocal", np.reciprocal, lambda g, y, x: (neg(mul(g, cj(square(y)))),))
sqrt = scalar("sqrt", np.sqrt, lambda g, y, x: (div(g, cj(mul(number(2, g.type.dtype), y))),))
rsqrt = scalar(
    "rsqrt",
    lambda x: np.reciprocal(np.sqrt(x)),
    lambda g, y, x: (_times(mul(g, cj(mul(y, square(y)))), -0.5),),
)

# ---- choice and order ----


def _select_infer(condition: Type, a: Type, b: Type) -> Type:
    if condition.dtype is not bool_:
        raise InternalError(f"select: condition is {condition!r}, not bool")
    same_dtype("select", (a, b))
    return Type.of(broadcast_shapes("where", condition.shape, a.shape, b.shape), a.dtype)


def _select_vjp(node: Node, g: Node) -> Cotangents:
    condition, a, b = node.operands
    zero = number(0, g.type.dtype)
    return (
        None,
        sum_to(select(condition, g, zero), a.type) if a.tracked else None,
        sum_to(select(condition, zero, g), b.type) if b.tracked else None,
    )


expr.FUNCTIONS["select"] = np.where
select = Op(
    "select",
    infer=_select_infer,
    eval=lambda type, c, a, b: np.where(c, a, b),
    vjp=_select_vjp,
    at=lambda index, *operands, type: expr.Apply("select", *[o.broadcast(index) for o in operands]),
)


def _require(type: Type, condition: np.ndarray, value: np.ndarray) -> Any:
    if not np.all(condition):
        raise InternalError("require: a condition that only compiled code asks for does not hold")
    return value


# The value; compiled code fails where the condition does not hold, and the op that was compiled is evaluated to tell the user.
expr.FUNCTIONS["require"] = lambda condition, value: value
require = Op(
    "require",
    infer=lambda condition, value: value,
    eval=_require,
    vjp=NONDIFFERENTIABLE,
    at=lambda index, condition, value, *, type: expr.Apply("require", condition[index], value[index]),
)


def _order_rule(loses: Callable[[Node, Node], Node]) -> Rule:
    """Equal operands have half of the cotangent each; beside a NaN, PyTorch gives the whole to both."""

    def rule(g: Node, y: Node, a: Node, b: Node) -> Sequence[Node | None]:
        zero, half = number(0, g.type.dtype), _times(g, 0.5)
        shared = select(eq(a, b), half, g)
        return select(loses(a, b), zero, shared), select(loses(b, a), zero, shared)

    return rule


def _number_rule(first: Callable[[Node, Node], Node]) -> Rule:
    """Of `fmax` and `fmin`: all of the cotangent goes to one operand, to the first of equal ones."""

    def rule(g: Node, y: Node, a: Node, b: Node) -> Sequence[Node | None]:
        zero, chosen = number(0, g.type.dtype), logical_or(first(a, b), ne(b, b))
        return select(chosen, g, zero), select(chosen, zero, g)

    return rule


maximum = scalar("maximum", np.maximum, _order_rule(lambda a, b: lt(a, b)))
minimum = scalar("minimum", np.minimum, _order_rule(lambda a, b: gt(a, b)))
fmax = scalar("fmax", np.fmax, _number_rule(lambda a, b: ge(a, b)))
fmin = scalar("fmin", np.fmin, _number_rule(lambda a, b: le(a, b)))
eq = scalar("eq", np.equal, NONDIFFERENTIABLE, bool_)
ne = scalar("ne", np.not_equal, NONDIFFERENTIABLE, bool_)
lt = scalar("lt", np.less, NONDIFFERENTIABLE, bool_)
le = scalar("le", np.less_equal, NONDIFFERENTIABLE, bool_)
gt = scalar("gt", np.greater, NONDIFFERENTIABLE, bool_)
ge = scalar("ge", np.greater_equal, NONDIFFERENTIABLE, bool_)
isnan = scalar(
    "isnan", lambda x: np.isnan(x) if x.dtype.kind in "fc" else np.zeros(x.shape, bool), NONDIFFERENTIABLE, bool_
)
isinf = scalar(
    "isinf", lambda x: np.isinf(x) if x.dtype.kind in "fc" else np.zeros(x.shape, bool), NONDIFFERENTIABLE, bool_
)
signbit = scalar("signbit", lambda x: np.signbit(x) if x.dtype.kind == "f" else x < 0, NONDIFFERENTIABLE, bool_)

# ---- logic and bits ----

logical_and = scalar("logical_and", np.logical_and, NONDIFFERENTIABLE, bool_)
logical_or = scalar("logical_or", np.logical_or, NONDIFFERENTIABLE, bool_)
logical_xor = scalar("logical_xor", np.logical_xor, NONDIFFERENTIABLE, bool_)
logical_not = scalar("logical_not", np.logical_not, NONDIFFERENTIABLE, bool_)
bitwise_and = scalar("bitwise_and", np.bitwise_and, NONDIFFERENTIABLE)
bitwise_or = scalar("bitwise_or", np.bitwise_or, NONDIFFERENTIABLE)
bitwise_xor = scalar("bitwise_xor", np.bitwise_xor, NONDIFFERENTIABLE)
bitwise_not = scalar("bitwise_not", np.invert, NONDIFFERENTIABLE)


def _shift(function: Callable[..., Any], overflow: Callable[[np.ndarray], Any]) -> Callable[..., Any]:
    def evaluate(a: np.ndarray, b: np.ndarray) -> Any:
        bits = a.dtype.itemsize * 8
        beyond = (b < 0) | (b >= bits)
        return np.where(beyond, overflow(a), function(a, np.where(beyond, 0, b).astype(b.dtype)))

    return evaluate


shift_left = scalar("shift_left", _shift(np.left_shift, lambda a: np.zeros_like(a)), NONDIFFERENTIABLE)
shift_right = scalar(
    "shift_right", _shift(np.right_shift, lambda a: np.where(a < 0, -1, 0).astype(a.dtype)), NONDIFFERENTIABLE
)
gcd = scalar("gcd", np.gcd, NONDIFFERENTIABLE)
lcm = scalar("lcm", np.lcm, NONDIFFERENTIABLE)

# ---- rounding and sign ----


def _zero_rule(g: Node, y: Node, *operands: Node) -> Sequence[Node | None]:
    return [zeros_like(y) if operand.tracked else None for operand in operands]


floor = scalar("floor", np.floor, _zero_rule)
ceil = scalar("ceil", np.ceil, _zero_rule)
trunc = scalar("trunc", np.trunc, _zero_rule)
rint = scalar("rint", np.rint, _zero_rule)


def _sign(x: np.ndarray) -> Any:
    if x.dtype.kind == "c":
        return np.where(x == 0, 0, x / np.abs(x)).astype(x.dtype)
    if x.dtype == np.bool_:
        return x
    if x.dtype.kind == "f":  # NumPy keeps NaN, PyTorch's sign of NaN is 0... and sgn's too
        return ((x > 0).astype(x.dtype) - (x < 0).astype(x.dtype)).astype(x.dtype)
    return np.sign(x)


def _sign_rule(g: Node, y: Node, x: Node) -> Sequence[Node | None]:
    if not x.type.dtype.is_complex:
        return (zeros_like(x),)
    # d sgn(z): (g/|z| - Re(g·conj(sgn))·sgn/|z|), zero at the origin.
    size = abs_(x)
    size_c = cast(size, dtype=x.type.dtype)
    along = cast(real(mul(g, conj(y))), dtype=x.type.dtype)
    inner = div(sub(g, mul(along, y)), size_c)
    return (select(eq(size, number(0, size.type.dtype)), number(0, x.type.dtype), inner),)


sign = scalar("sign", _sign, _sign_rule)


def _abs_rule(g: Node, y: Node, x: Node) -> Sequence[Node | None]:
    return (mul(cast(g, dtype=x.type.dtype), sign(x)),)


abs_ = scalar("abs", np.absolute, _abs_rule, real=True)
copysign = scalar(
    "copysign",
    np.copysign,
    lambda g, y, a, b: (mul(g, mul(sign(a), sign(y))), zeros_like(g) if b.tracked else None),
)
nextafter = scalar(
    "nextafter",
    np.nextafter,
    lambda g, y, a, b: (select(ne(a, b), g, zeros_like(g)), zeros_like(g) if b.tracked else None),
)
heaviside = scalar("heaviside", lambda x, at_zero: np.where(x == 0, at_zero, x > 0).astype(x.dtype), NONDIFFERENTIABLE)

# ---- exponentials and logarithms ----

exp = scalar("exp", rounding.exp, lambda g, y, x: (mul(g, cj(y)),))
exp2 = scalar("exp2", np.exp2, lambda g, y, x: (_times(mul(g, cj(y)), float(np.log(2))),))
expm1 = scalar("expm1", np.expm1, lambda g, y, x: (mul(g, cj(add(y, number(1, y.type.dtype)))),))
log = scalar("log", rounding.log, lambda g, y, x: (div(g, cj(x)),))
log2 = scalar("log2", np.log2, lambda g, y, x: (_times(div(g, cj(x)), 1 / float(np.log(2))),))
log10 = scalar("log10", np.log10, lambda g, y, x: (_times(div(g, cj(x)), 1 / float(np.log(10))),))
log1p = scalar("log1p", np.log1p, lambda g, y, x: (div(g, cj(add(x, number(1, x.type.dtype)))),))


def _logaddexp_rule(g: Node, y: Node, a: Node, b: Node) -> Sequence[Node | None]:
    def share(x: Node) -> Node:
        # Where y is infinite, y - y is NaN: the share of an infinite operand is 1 among equals.
        return mul(g, exp(select(eq(x, y), number(0, y.type.dtype), sub(x, y))))

    return share(a) if a.tracked else None, share(b) if b.tracked else None


logaddexp = scalar("logaddexp", np.logaddexp, _logaddexp_rule)

# ---- trigonometry ----


def _one(x: Node) -> Node:
    return number(1, x.type.dtype)


sin = scalar("sin", np.sin, lambda g, y, x: (mul(g, cj(cos(x))),))
cos = scalar("cos", np.cos, lambda g, y, x: (neg(mul(g, cj(sin(x)))),))
tan = scalar("tan", np.tan, lambda g, y, x: (mul(g, cj(add(_one(y), square(y)))),))
asin = scalar("asin", np.arcsin, lambda g, y, x: (mul(g, cj(rsqrt(sub(_one(x), square(x))))),))
acos = scalar("acos", np.arccos, lambda g, y, x: (neg(mul(g, cj(rsqrt(sub(_one(x), square(x)))))),))
atan = scalar("atan", np.arctan, lambda g, y, x: (div(g, cj(add(_one(x), square(x)))),))
sinh = scalar("sinh", np.sinh, lambda g, y, x: (mul(g, cj(cosh(x))),))
cosh = scalar("cosh", np.cosh, lambda g, y, x: (mul(g, cj(sinh(x))),))


def _tanh_slope(g: Node, y: Node) -> Node:
    return mul(g, cj(sub(_one(y), square(y))))


def _tanh_rule(g: Node, y: Node, x: Node) -> Sequence[Node | None]:
    return (_tanh_slope(g, y) if y.type.dtype.is_complex else tanh_gradient(g, y),)


# One node where backward would record four; of real numbers.
tanh_gradient = scalar(
    "tanh_gradient",
    lambda g, y: g * (1 - np.square(y)),
    lambda h, r, g, y: (tanh_gradient(h, y), neg(mul(mul(h, g), _twice(y))) if y.tracked else None),
    primitives=_tanh_slope,
)
tanh = scalar("tanh", rounding.tanh, _tanh_rule)
asinh = scalar("asinh", np.arcsinh, lambda g, y, x: (mul(g, cj(rsqrt(add(square(x), _one(x))))),))
acosh = scalar(
    "acosh",
    np.arccosh,
    lambda g, y, x: (mul(g, cj(mul(rsqrt(sub(x, _one(x))), rsqrt(add(x, _one(x)))))),),
)
atanh = scalar("atanh", np.arctanh, lambda g, y, x: (div(g, cj(sub(_one(x), square(x)))),))


def _atan2_rule(g: Node, y: Node, a: Node, b: Node) -> Sequence[Node | None]:
    size = add(square(a), square(b))
    scaled = select(eq(size, number(0, size.type.dtype)), number(0, g.type.dtype), div(g, size))
    return mul(scaled, b), neg(mul(scaled, a))


atan2 = scalar("atan2", np.arctan2, _atan2_rule)


def _hypot_rule(g: Node, y: Node, a: Node, b: Node) -> Sequence[Node | None]:
    return mul(g, div(a, y)), mul(g, div(b, y))


hypot = scalar("hypot", np.hypot, _hypot_rule)


def _sigmoid(x: np.ndarray) -> Any:
    # 1 / (1 + e^-x) overflows to the right limit, 0, where x is very negative.
    return np.reciprocal(1 + rounding.exp(-x))


def _sigmoid_slope(g: Node, y: Node) -> Node:
    return mul(g, cj(mul(y, sub(_one(y), y))))


def _sigmoid_rule(g: Node, y: Node, x: Node) -> Sequence[Node | None]:
    return (_sigmoid_slope(g, y) if y.type.dtype.is_complex else sigmoid_gradient(g, y),)


sigmoid_gradient = scalar(
    "sigmoid_gradient",
    lambda g, y: g * (y * (1 - y)),
    lambda h, r, g, y: (sigmoid_gradient(h, y), mul(mul(h, g), sub(_one(y), _twice(y))) if y.tracked else None),
    primitives=_sigmoid_slope,
)
sigmoid = scalar("sigmoid", _sigmoid, _sigmoid_rule)

# ---- special functions ----

_two_over_root_pi = 2 / float(np.sqrt(np.pi))
erf = scalar("erf", special.erf, lambda g, y, x: (_times(mul(g, exp(neg(square(x)))), _two_over_root_pi),))
erfc = scalar("erfc", special.erfc, lambda g, y, x: (_times(mul(g, exp(neg(square(x)))), -_two_over_root_pi),))
erfinv = scalar("erfinv", special.erfinv, lambda g, y, x: (_times(mul(g, exp(square(y))), 1 / _two_over_root_pi),))
lgamma = scalar("lgamma", special.lgamma, lambda g, y, x: (mul(g, digamma(x)),))


def _polygamma_infer(x: Type, *, order: int) -> Type:
    return x


polygamma = Op(
    "polygamma",
    infer=_polygamma_infer,
    eval=lambda type, x, *, order: special.polygamma(order, x),
    vjp=lambda node, g: (mul(g, polygamma(node.operands[0], order=node.attributes["order"] + 1)),),
    at=lambda index, x, *, type, order: expr.Apply("polygamma", expr.Literal(order), x[index]),
)
expr.FUNCTIONS["polygamma"] = special.polygamma
digamma = scalar("digamma", special.digamma, lambda g, y, x: (mul(g, polygamma(x, order=1)),))

# ---- complex parts ----

conj = scalar("conj", np.conjugate, lambda g, y, x: (conj(g),))


def _complex_of(g: Node, type: Type) -> Node:
    return cast(g, dtype=type.dtype)


real = scalar("real", lambda x: np.real(x).copy(), lambda g, y, x: (_complex_of(g, x.type),), real=True)
imag = scalar(
    "imag",
    lambda x: np.imag(x).copy(),
    lambda g, y, x: (mul(_complex_of(g, x.type), number(1j, x.type.dtype)),),
    real=True,
)


def _angle(x: np.ndarray) -> Any:
    if x.dtype.kind == "c":
        return np.angle(x).astype(np.real(x).dtype)
    return np.where(np.isnan(x), x, np.where(x < 0, np.pi, 0)).astype(x.dtype)


def _angle_rule(g: Node, y: Node, z: Node) -> Sequence[Node | None]:
    if not z.type.dtype.is_complex:
        return (zeros_like(z),)
    size = square(abs_(z))
    scaled = select(eq(size, number(0, size.type.dtype)), number(0, g.type.dtype), div(g, size))
    return (mul(_complex_of(scaled, z.type), mul(z, number(1j, z.type.dtype))),)


angle = scalar("angle", _angle, _angle_rule, real=True)


def _complex_infer(a: Type, b: Type) -> Type:
    same_dtype("complex", (a, b))
    return Type.of(broadcast_shapes("complex", a.shape, b.shape), a.dtype.to_complex())


def _complex_eval(type: Type, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    result = np.empty(type.shape, type.dtype.storage)
    result.real, result.imag = a, b
    return result


expr.FUNCTIONS["make_complex"] = lambda a, b: a + 1j * b
make_complex = Op(
    "make_complex",
    infer=_complex_infer,
    eval=_complex_eval,
    vjp=lambda node, g: (sum_to(real(g), node.operands[0].type), sum_to(imag(g), node.operands[1].type)),
    at=lambda index, *operands, type: expr.Apply("make_complex", *[o.broadcast(index) for o in operands]),
)

# ---- change of dtype ----


def _cast_eval(type: Type, x: np.ndarray, *, dtype: dtype) -> np.ndarray:
    target = dtype.compute
    if x.dtype.kind == "c" and dtype.category != 3:
        x = x.real if dtype is not bool_ else x != 0
    if x.dtype.kind == "f" and dtype.category in (BOOL, INTEGER) and dtype is not bool_:
        # As PyTorch on x86: int64 and uint8 hold what is left of the int64; what does not fit int32 becomes its least number.
        with np.errstate(all="ignore"):
            wide = x.astype(np.int64)
            if target.itemsize < 8 and target != np.uint8 and target != np.uint32:
                wide = np.where(wide == wide.astype(np.int32), wide, -(2**31))
            return wide.astype(target)
    with np.errstate(all="ignore"):
        return x.astype(target)


def _cast_vjp(node: Node, g: Node) -> Cotangents:
    return (cast(g, dtype=node.operands[0].type.dtype),)


def _cast_at(index: tuple[expr.Expr, ...], x: expr.Operand, *, type: Type, dtype: dtype) -> expr.Expr:
    return expr.Apply(f"cast_{dtype.name}", x[index])


def _cast_function(target: dtype) -> Callable[[np.ndarray], np.ndarray]:
    return lambda x: _cast_eval(Type.of(np.shape(x), target), np.asarray(x), dtype=target)


for _target in ALL:
    expr.FUNCTIONS[f"cast_{_target.name}"] = _cast_function(_target)

_cast = Op("cast", infer=lambda x, *, dtype: x.with_dtype(dtype), eval=_cast_eval, vjp=_cast_vjp, at=_cast_at)


def cast(x: Node, *, dtype: dtype) -> Node:
    """The node in another dtype; itself where it has that dtype."""
    return x if x.type.dtype is dtype else _cast(x, dtype=dtype)
