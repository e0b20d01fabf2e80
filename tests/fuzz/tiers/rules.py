"""From what is known of operands to what is known of a result: one rule for each family of ops.

The reference is the record's own `eval` in float64. How far a right computation may be from it:

* What only moves or chooses elements does not round. `+ - * /` and the square root round once, correctly. Other functions may
  be off by some units in the last place (`ULPS`), and formulas of several steps by as many units of their greatest term (`scales.py`).
* A sum or a contraction of n terms may be added in any order: n units of the sum of absolute values. Where all terms are
  multiples of one power of two and their sum fits the mantissa, every order gives the same number, and that is asked for.
* An error of an operand is carried on by evaluating at both ends of its range.
* What depends on a branch (comparisons, places of extremes, order, conversion to integers) takes only operands that are certain: else
  the node is `Rejected`, and nothing that is compared stands on it.
* A number that may or may not overflow, and whatever comes of it, may be anything.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import prod
from typing import Any

import numpy as np

from rushlight.dtype import COMPLEX, FLOATING, bfloat16
from rushlight.dtype import dtype as ElementType
from rushlight.ir.graph import Signature
from rushlight.ir.op import bind
from rushlight.ir.type import TupleType, Type

from . import scales
from .facts import FORMATS, TINY, WIDE, Array, Fact, Format, known, memory, rounded

Facts = tuple[Any, ...]  # of operands: a Fact, or a tuple of them for an op with several results
Rule = Callable[[Signature, Facts], Any]


class Rejected(Exception):
    """Nothing certain can be said of a node. `cause`: what its evaluation raised, if it did."""

    def __init__(self, why: str, cause: Exception | None = None) -> None:
        super().__init__(why)
        self.cause = cause


# ---- evaluation in wide arithmetic ----


def _wide_type(type: Any) -> Any:
    if isinstance(type, TupleType):
        return TupleType.of(*map(_wide_type, type.parts))
    return type.with_dtype(WIDE.get(type.dtype, type.dtype))


def _wide_attributes(attributes: dict[str, Any]) -> dict[str, Any]:
    return {k: WIDE.get(v, v) if isinstance(v, ElementType) else v for k, v in attributes.items()}


def wide(signature: Signature, arrays: list[Any]) -> Any:
    """The record's `eval` on wide arrays."""
    try:
        with np.errstate(all="ignore"):
            value = signature.op.eval(_wide_type(signature.type), *arrays, **_wide_attributes(signature.attributes))
    except Exception as error:  # the user's error, whatever its class
        raise Rejected(f"{signature.op.name} raises", error) from error
    return value if isinstance(value, tuple) else np.asarray(value)


def format_of(signature: Signature) -> Format:
    """The coarser of the formats of the result and of the operands, as the arithmetic of a mixed op may be in either."""
    kinds = [t.dtype for t in (signature.type, *signature.operands) if not isinstance(t, TupleType)]
    found = [FORMATS[kind] for kind in kinds if kind in FORMATS]
    own = FORMATS.get(signature.type.dtype)
    working = max(f.working for f in found)
    if own is None:
        return max(found, key=lambda f: f.unit)
    return Format(own.unit, own.tiny, own.largest, working)


def settle(signature: Signature, value: Array, error: Array, single: bool = False) -> Fact:
    """The fact of a floating result, with what overflow does. `single`: one step, which overflows to infinity if at all."""
    form, kind = FORMATS[signature.type.dtype], signature.type.dtype
    value = np.broadcast_to(value, signature.type.shape).astype(WIDE[kind].storage, copy=False)
    error = np.where(np.isnan(error), np.inf, np.broadcast_to(error, signature.type.shape)) * (1 + 2 * form.unit)
    with np.errstate(all="ignore"):
        size = np.abs(value)
        finite = np.isfinite(value)
        error = np.where(finite, error, np.where(np.isinf(error), np.inf, 0.0))
        over = finite & (size + error > form.largest * (1 - form.unit))
        if over.any():
            surely = over & (size - error > form.largest * 1.01) & single & (value.dtype.kind == "f")
            value = np.where(surely, np.copysign(np.inf, value.real), value)
            error = np.where(surely, 0.0, np.where(over, np.inf, error))
    return Fact(signature.type, value, error)


def _values(operands: Facts) -> list[Any]:
    return [tuple(f.value for f in o) if isinstance(o, tuple) else o.value for o in operands]


def _demand(signature: Signature, operands: Facts, exact: bool = False) -> None:
    """Rejected unless every operand is certain (exact: to the signs of zeros)."""
    for each in operands:
        for fact in each if isinstance(each, tuple) else (each,):
            if not (fact.exact if exact else fact.certain):
                raise Rejected(f"{signature.op.name} of what is rounded")


def _plain(signature: Signature, value: Array) -> Fact:
    """The fact of a result that is not floating."""
    return Fact(signature.type, np.asarray(value).astype(signature.type.dtype.storage, copy=False), None)


# ---- what moves elements ----


def _errors(operands: Facts) -> list[Any]:
    """The operands with their bounds in place of their values."""

    def one(fact: Any) -> Any:
        if isinstance(fact, tuple):
            return tuple(map(one, fact))
        return fact.value if fact.error is None else fact.error.astype(fact.value.dtype)

    return [one(fact) for fact in operands]


def moving(signature: Signature, operands: Facts) -> Any:
    """Bounds go where their elements go."""
    value, error = wide(signature, _values(operands)), None
    if any(not isinstance(f, Fact) or f.floating for f in operands):
        error = wide(signature, _errors(operands))

    def made(type: Type, value: Array, error: Any) -> Fact:
        if type.dtype not in FORMATS:
            return Fact(type, np.asarray(value), None)
        return Fact(type, np.asarray(value), np.abs(error))

    if isinstance(signature.type, TupleType):
        return tuple(map(made, signature.type.parts, value, error if error is not None else value))
    return made(signature.type, value, error)


# ---- elementwise ----

CHOOSING = frozenset(
    "neg abs maximum minimum fmax fmin floor ceil trunc rint sign copysign relu relu_gradient threshold threshold_gradient "
    "hardtanh hardtanh_gradient hardshrink hardshrink_gradient softshrink_gradient conj real imag make_complex heaviside".split()
)
ORDERING = frozenset(
    "maximum minimum fmax fmin relu hardtanh max min max_pool scatter".split()
)  # of 0 and -0 either may win
CORRECT = frozenset("add sub mul div square reciprocal sqrt leaky_relu leaky_relu_gradient prelu softshrink".split())
SIGNED = frozenset(
    "div reciprocal copysign signbit atan2 pow rsqrt angle sqrt nextafter xlogy xlog1py floor_divide lgamma".split()
)
# Not continuous where operands are rounded at all; and those that have poles at 0, across which no two ends tell anything.
STEEP = frozenset("fmod rem floor_divide truncate_divide heaviside".split())
POLED = frozenset(
    "div reciprocal rsqrt log log2 log10 pow atan2 angle copysign lgamma digamma polygamma entr xlogy".split()
)
ULPS = {
    **dict.fromkeys(
        "exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan rsqrt hypot atan2 logaddexp".split(), 4.0
    ),
    **dict.fromkeys("sinh cosh tanh asinh acosh atanh sigmoid erf erfc pow".split(), 8.0),
    **dict.fromkeys("fmod rem floor_divide truncate_divide".split(), 1.0),
    "squared_error": 4.0,
    "squared_error_gradient": 4.0,
}


def _distance(a: Array, b: Array) -> Array:
    """How far apart values are: 0 where both are the same, NaN included; infinite where only one is finite."""
    if a.dtype.kind not in "fc":
        return np.where(a == b, 0.0, np.inf)
    with np.errstate(all="ignore"):
        apart = np.abs(a - b)
    return np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.where(np.isnan(apart), np.inf, apart))


def spread(signature: Signature, centre: Array, values: list[Array], errors: list[Any]) -> Array:
    """How far a result moves when operands go to the ends of their ranges."""
    ends = [place for place, error in enumerate(errors) if error is not None and error.any()]
    if len(ends) > 4:
        raise Rejected(f"{signature.op.name}: {len(ends)} operands are rounded")
    found = np.zeros(np.shape(centre))
    directions = [(-1.0, 1.0, 1j, -1j) if values[place].dtype.kind == "c" else (-1.0, 1.0) for place in ends]
    for signs in product(*directions):
        moved = list(values)
        for sign, place in zip(signs, ends, strict=True):
            with np.errstate(all="ignore"):
                moved[place] = values[place] + sign * np.where(np.isinf(errors[place]), 0, errors[place])
        found = np.maximum(found, _distance(np.asarray(wide(signature, moved)), centre)) if ends else found
    for place in ends:
        anything = np.isinf(errors[place])
        if signature.op.name in POLED:
            anything = anything | (np.abs(values[place]) <= errors[place]) & (errors[place] > TINY)
        # A power of what is negative: NaN between whole exponents, and either sign at them.
        if signature.op.name == "pow" and place == 1:
            anything = anything | np.signbit(values[0].real) & (errors[place] > 0)
        if anything.any():
            found = np.where(np.broadcast_to(anything, found.shape), np.inf, found)
    return found


def _is_dyadic(x: Array) -> Array:
    """Few enough binary digits that sums and products of two are free of rounding."""
    with np.errstate(all="ignore"):
        return (np.abs(x) < 2**15) & (x * 64 == np.rint(x * 64))


def _local(signature: Signature, value: Array, values: list[Array]) -> Array:
    """What the op itself may round, where its operands are as they are."""
    name, form = signature.op.name, format_of(signature)
    size = np.where(np.isfinite(value), np.abs(value), 0.0)
    if name in CHOOSING and not (name in ("abs", "sign") and values[0].dtype.kind == "c"):
        return np.zeros(size.shape)
    if name in CORRECT and value.dtype.kind == "f":
        if form.unit > 2**-50:
            return np.where(np.isfinite(value), _distance(rounded(value, signature.type.dtype), value), 0.0)
        free = _is_dyadic(value) & (name in ("add", "sub", "mul", "square"))
        for each in values:
            free = free & _is_dyadic(each)
        return np.where(free, 0.0, form.unit * size)
    if name in ULPS or name in CORRECT:
        scale = size
        if name == "logaddexp":
            scale = np.maximum(size, np.maximum(*[np.where(np.isfinite(x), np.abs(x), 0) for x in values]))
        least = form.tiny * 2**24 if name == "sigmoid" else form.tiny  # exp(-x) overflows before its inverse is 0
        return (ULPS.get(name, 8.0) * form.working + form.unit) * scale + 4 * least
    scale = scales.scale(name, values, size)
    normal = (
        form.tiny * 2**24 if form.working == form.unit else 2**-126
    )  # an exponential on the way may overflow: its inverse is 0
    return 16 * form.working * scale + normal * scales.general(values, size) + form.unit * size + 4 * form.tiny


def elementwise(signature: Signature, operands: Facts) -> Fact:
    """At both ends of the operands' ranges, and what the op itself rounds."""
    name = signature.op.name
    if name == "select":
        return _select(signature, operands)
    values = _values(operands)
    if name in STEEP:
        _demand(signature, operands)
    ignored = 0 if name in SIGNED else TINY
    errors = [None if f.error is None else np.where(f.error <= ignored, 0.0, f.error) for f in operands]
    value = wide(signature, values)
    if signature.type.dtype not in FORMATS:
        if any(e is not None and e.any() for e in errors) and _ambiguous(signature, value, values, errors):
            raise Rejected(f"{name}: both answers are right")
        return _plain(signature, value)
    if name in scales.TOUCHY:  # ill-conditioned: the operand itself may be off by some units
        working = format_of(signature).working
        errors = [None if e is None else e + 4 * working * np.abs(v) for e, v in zip(errors, values, strict=True)]
    moved = spread(signature, value, values, errors)
    if name in ("sin", "cos"):
        moved = np.where(np.isinf(moved), np.inf, np.where(errors[0] > 1, 2.0, moved * 1.5))
    local = _local(signature, value, values)
    if moved.any() and name in CORRECT:  # an operand that is rounded itself: the result need not be the nearest
        form = format_of(signature)
        local = np.where(moved > 0, form.unit * (np.abs(value) + moved) + form.tiny, local)
    error = moved + np.where(np.isfinite(local), local, 0.0)
    open_zeros = (value == 0) & (error == 0)
    if open_zeros.any() and not all(fact.exact for fact in operands):
        error = np.where(open_zeros, TINY, error)  # 0 times what may have either sign
    if name in ORDERING:
        error = np.where((value == 0) & (error == 0), TINY, error)
    if signature.type.dtype.is_complex or (values and values[0].dtype.kind == "c"):
        error = error * 4
        error = np.where(np.isfinite(value), np.where((value == 0) & (error == 0), TINY, error), np.inf)
    return settle(signature, value, np.where(_open(signature, values), np.inf, error), single=True)


def _open(signature: Signature, values: list[Array]) -> Any:
    """Where a formula may leave the format on its way, so that what is infinite meets 0 or infinity: a slope that is so small that it may count as 0,
    times an infinite cotangent; the greatest complex divisors, whose parts are added or squared, and the least."""
    name, form = signature.op.name, format_of(signature)
    if name in ("div", "reciprocal") and signature.type.dtype.is_complex:
        size = np.maximum(np.abs(values[-1].real), np.abs(values[-1].imag))
        return (size > form.largest / 4) | (size < 4 / form.largest)
    if name.endswith("_gradient") and np.isinf(values[0]).any():
        slope = np.abs(wide(signature, [np.ones_like(values[0]), *values[1:]]))
        return np.isinf(values[0]) & (slope < form.tiny * 2**26)
    return False


def _ambiguous(signature: Signature, value: Array, values: list[Array], errors: list[Any]) -> bool:
    """Whether a test of rounded operands may come out either way: at an end of a range, or at a zero or equality inside."""
    name = signature.op.name
    with np.errstate(all="ignore"):
        if name.startswith("logical_"):
            return any(
                e is not None and ((np.abs(v) <= e) & (e > 0)).any() for v, e in zip(values, errors, strict=True)
            )
        if name in ("eq", "ne"):
            reach = errors[0] + errors[1]
            return bool(((np.abs(values[0] - values[1]) <= reach) & (reach > 0)).any())
    return bool(spread(signature, value, values, errors).any())


def _select(signature: Signature, operands: Facts) -> Fact:
    condition, a, b = operands
    value = np.where(condition.value, a.value, b.value)
    if not a.floating:
        return _plain(signature, value)
    return Fact(signature.type, value, np.where(condition.value, a.error, b.error))


def constant(signature: Signature, operands: Facts) -> Fact:
    """What its `eval` gives in the dtype itself."""
    return known(signature.type, bind(signature)())


def cast(signature: Signature, operands: Facts) -> Fact:
    """Rounds once; to integers and bools only what is certain."""
    (fact,) = operands
    target = signature.type.dtype
    if target not in FORMATS:
        _demand(signature, operands)
        return _plain(signature, wide(signature, [fact.value]))
    value = wide(signature, [fact.value])
    error = np.zeros(value.shape) if fact.error is None else fact.error
    form = FORMATS[target]
    if form.unit > 2**-50:
        nearest = rounded(value, target)
        local = np.where(np.isfinite(nearest) & np.isfinite(value), np.abs(nearest - value), 0.0)
        if fact.type.dtype.category < FLOATING and fact.type.dtype.itemsize == 8:
            local = np.where(np.abs(value) > 2**53, form.unit * np.abs(value), local)  # float64 has rounded it already
    else:
        local = np.where(np.abs(value) > 2**53, form.unit * np.abs(value), 0.0) * (fact.type.dtype.category < FLOATING)
    local = np.where(error > 0, form.unit * np.abs(value) + form.tiny, local)
    return settle(signature, value, error + np.where(np.isfinite(local), local, 0.0), single=True)


# ---- sums ----


def _finite(x: Array) -> Array:
    return np.where(np.isfinite(x), np.abs(x), 0.0)


def _quantum(arrays: list[Array]) -> float | None:
    """The power of two that all elements are multiples of, if it is not too small."""
    for quantum in (1.0, 0.25, 2.0**-6):
        if all((np.isfinite(x) & (x == np.rint(x / quantum) * quantum)).all() for x in arrays):
            return quantum
    return None


def _terms(signature: Signature, operands: Facts) -> float:
    """How many terms one element of the result may be a sum of."""
    name, first = signature.op.name, operands[0].type
    if name in ("sum", "prod"):
        return prod([first.shape[axis] for axis in signature.attributes["axes"]])
    if name in ("cumsum", "cumprod"):
        return first.shape[signature.attributes["axis"]]
    if "spec" in signature.attributes:
        spec = signature.attributes["spec"]
        return prod(spec.loops[len(spec.output) :]) + 2
    if name == "fold":
        return prod(signature.attributes["size"])
    return max(f.type.size for f in operands if isinstance(f, Fact)) + 1  # average, and what adds at places


def _is_plain_product(signature: Signature, operands: Facts) -> bool:
    """Whether each term of a contraction is one product of two elements: then what is not finite has one meaning."""
    spec = signature.attributes["spec"]
    shapes = [f.type.shape for f in operands if f.type.ndim][-2:]
    if len(spec.maps) != 2 or spec.guards:
        return False
    for axes, shape in zip(spec.maps, shapes, strict=False):
        if len(axes) != len(shape) or not all(a.always_within(e, spec.loops) for a, e in zip(axes, shape, strict=True)):
            return False
    summed = range(len(spec.output), len(spec.loops))
    used = [{loop for axis in axes for loop in axis.loops} for axes in spec.maps]
    return all(loop in loops for loop in summed for loops in used)


def linear(signature: Signature, operands: Facts) -> Any:
    """Sums, contractions, and what adds at places: multilinear in its floating operands."""
    name, form = signature.op.name, format_of(signature)
    floats = [place for place, fact in enumerate(operands) if fact.floating]
    values = _values(operands)
    value = wide(signature, values)
    sizes = [_finite(v) if f.floating else v for f, v in zip(operands, values, strict=True)]
    if name in ("scatter", "put") or signature.type.dtype.category == COMPLEX:
        sizes = [s.astype(v.dtype) for s, v in zip(sizes, values, strict=True)]
    whole = np.abs(wide(signature, sizes))
    error = np.zeros(value.shape)
    if any(operands[place].error.any() for place in floats):
        far = [s + f.error if f.floating else s for f, s in zip(operands, sizes, strict=True)]
        error = _moved(signature, operands, sizes, far)
    terms = _terms(signature, operands)
    quantum = _quantum([values[place] for place in floats]) if not error.any() else None
    products = 2 if "spec" in signature.attributes else 1
    if quantum is not None and name != "average" and whole.max(initial=0) / quantum**products <= 0.5 / form.working:
        local = _distance(rounded(value, signature.type.dtype), value)
        error = np.where(value == 0, TINY, local)
    else:
        error = error + (terms + 2) * form.working * whole + form.unit * np.abs(value) + (terms + 1) * form.tiny
        if "spec" in signature.attributes:
            error = error + _partial(signature, operands, sizes, whole, terms)
    if signature.type.dtype.is_complex:
        error = 4 * error
    divided = name == "average" or signature.attributes.get("by_frequency", False)  # the sum itself may overflow
    error = np.where(whole * (terms if divided else 1) > form.largest / 4, np.inf, error)
    unbounded = any(not np.isfinite(values[place]).all() for place in floats)
    if unbounded and (
        "spec" in signature.attributes and not _is_plain_product(signature, operands) or value.dtype.kind == "c"
    ):
        error = np.full(value.shape, np.inf)
    return settle(signature, value, error)


LEAST_NORMAL = 2.0**-126  # of float32


def _partial(signature: Signature, operands: Facts, sizes: list[Array], whole: Array, terms: float) -> Array:
    """What a contraction may lose on the way: partial products of three factors and more may leave the format, in whatever order they are made,
    and in matrix registers numbers of bfloat16 below float32's least normal one count as 0, in operands and in sums."""
    error = np.zeros(whole.shape)
    if len(signature.attributes["spec"].maps) > 2:
        largest = np.abs(wide(signature, [np.maximum(size, 1) for size in sizes]))
        smallest = np.asarray(prod(float(_least(np.abs(size)).min(initial=1)) for size in sizes))
        error = np.where(_leaves(format_of(signature), largest, smallest), np.inf, error)
    if any(f.floating and f.type.dtype is bfloat16 for f in operands):
        normal = np.abs(wide(signature, [np.where(size < LEAST_NORMAL, 0, size) for size in sizes]))
        error = error + np.abs(whole - normal) + (terms + 1) * LEAST_NORMAL
    return error


def _moved(signature: Signature, operands: Facts, sizes: list[Array], far: list[Array]) -> Array:
    """How much of a multilinear result comes of the operands' errors: for a contraction each operand's, else all together."""
    if "spec" not in signature.attributes:
        return np.abs(
            wide(
                signature,
                [np.zeros_like(s) + f.error if f.floating else s for f, s in zip(operands, sizes, strict=True)],
            )
        )
    with np.errstate(all="ignore"):
        return np.abs(wide(signature, far) - wide(signature, sizes)) * (1 + 2**-20)


def scatter(signature: Signature, operands: Facts) -> Any:
    """By how it reduces: sums, products, extremes, or the last written."""
    how = signature.attributes.get("reduce") or ("add" if signature.attributes["accumulate"] else "set")
    if not operands[0].floating:
        return _plain(signature, wide(signature, _values(operands)))
    if how == "add":
        return linear(signature, operands)
    value, error = wide(signature, _values(operands)), wide(signature, _errors(operands))
    if how == "set":
        return Fact(signature.type, value, error)
    if how in ("max", "min"):
        bound = max(float(operands[0].error.max(initial=0)), float(operands[1].error.max(initial=0)))
        return Fact(signature.type, value, np.full(value.shape, max(bound, TINY)))
    _demand(signature, operands)
    form = format_of(signature)
    terms = operands[2].type.size + 1
    error = terms * (form.working * np.abs(value) + form.tiny) + form.unit * np.abs(value)
    base, source, index = _values(operands)
    largest = wide(signature, [np.maximum(_finite(base), 1), np.maximum(_finite(source), 1), index])
    smallest = wide(signature, [_least(base), _least(source), index])
    return settle(signature, value, np.where(_leaves(form, largest, smallest), np.inf, error))


def _least(x: Array) -> Array:
    """What a factor may make a partial product smaller by."""
    return np.where(x == 0, 1, np.minimum(_finite(x), 1))


def _leaves(form: Format, largest: Array, smallest: Array) -> Array:
    """Whether a partial product may overflow or lose digits to underflow, though the whole one need not."""
    return (largest > form.largest / 4) | (smallest < form.tiny * 2**26)


def factors(signature: Signature, operands: Facts) -> Fact:
    """Products over axes, and running products."""
    (fact,) = operands
    form, terms = format_of(signature), _terms(signature, operands)
    value = wide(signature, [fact.value])
    whole = wide(signature, [_finite(fact.value)])
    far = wide(signature, [_finite(fact.value) + fact.error])
    error = np.abs(far - whole) + terms * form.working * far + form.unit * np.abs(value) + terms * form.tiny
    largest = wide(signature, [np.maximum(_finite(fact.value), 1)])  # of any partial product
    smallest = wide(signature, [_least(fact.value)])
    error = np.where(_leaves(form, largest, smallest), np.inf, error)
    if not np.isfinite(fact.value).all():
        error = np.full(value.shape, np.inf)
    elif not fact.error.any() and _quantum([fact.value]) == 1.0 and largest.max(initial=0) <= 0.5 / form.unit:
        error = np.where(value == 0, TINY, 0.0)
    return settle(signature, value, error)


# ---- order ----


def extreme(signature: Signature, operands: Facts) -> Fact:
    """An extreme is as far off as the farthest of its candidates."""
    (fact,) = operands
    value = wide(signature, [fact.value])
    if not fact.floating:
        return _plain(signature, value)
    bound = float(fact.error.max(initial=0))
    return Fact(signature.type, value, np.where(value == 0, max(bound, TINY), bound))


def places(signature: Signature, operands: Facts) -> Fact:
    """Where something is, or whether it is: only of what is certain."""
    _demand(signature, operands)
    return _plain(signature, wide(signature, _values(operands)))


def opaque(signature: Signature, operands: Facts) -> Any:
    """Ops whose conditioning no rule here knows: of exact operands, to some units of the greatest element."""
    _demand(signature, operands, exact=True)
    arrays = [tuple(map(memory, o)) if isinstance(o, tuple) else memory(o) for o in operands]
    try:
        with np.errstate(all="ignore"):
            got = bind(signature)(*arrays)
    except Exception as error:
        raise Rejected(f"{signature.op.name} raises", error) from error

    def made(type: Type, array: Array) -> Fact:
        fact = known(type, array)
        if fact.error is None:
            return fact
        form = FORMATS[type.dtype]
        size = float(np.where(np.isfinite(fact.value), np.abs(fact.value), 0).max(initial=0))
        return Fact(type, fact.value, np.where(np.isfinite(fact.value), 64 * form.unit * size + 4 * form.tiny, 0.0))

    return (
        tuple(map(made, signature.type.parts, got))
        if isinstance(signature.type, TupleType)
        else made(signature.type, got)
    )


def bits(signature: Signature, operands: Facts) -> Fact:
    """The same bytes as another dtype."""
    _demand(signature, operands, exact=True)
    if operands[0].floating and np.isnan(operands[0].value).any():
        raise Rejected("bitcast: the bits of a NaN are open")
    return known(signature.type, bind(signature)(memory(operands[0])))
