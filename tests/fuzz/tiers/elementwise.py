"""Proposals: scalar functions, choices, casts, broadcasting, views."""

from __future__ import annotations

from math import prod

import numpy as np

from rushlight.dtype import ALL, BOOL, COMPLEX, INTEGER, bool_, uint16, uint32, uint64
from rushlight.ir import activation, op, scalar, view
from rushlight.ir.graph import Node
from rushlight.ir.type import Shape, Type
from tests.ir import layer_samples, op_samples

from .builder import FLOATS, INTEGERS, Builder, proposal

SMOOTH = "exp exp2 expm1 sin cos tanh sigmoid erf erfc atan asinh sinh cosh square neg abs".split()
DOMAINS = "sqrt rsqrt log log2 log10 log1p reciprocal asin acos atanh acosh tan".split()
STEPPED = "floor ceil trunc rint sign".split()
ASKING = "isnan isinf signbit logical_not".split()
ARITHMETIC = "add sub mul".split()
COMPARING = "eq ne lt le gt ge".split()
PAIRS = "maximum minimum fmax fmin".split()
POLED = "div rem fmod floor_divide truncate_divide pow copysign atan2 hypot logaddexp heaviside".split()
LOGIC = "logical_and logical_or logical_xor".split()
BITS = "bitwise_and bitwise_or bitwise_xor shift_left shift_right".split()
ACTIVATIONS = "relu relu gelu gelu_tanh silu mish log_sigmoid hardsigmoid hardswish".split()


@proposal(12)
def unary(b: Builder) -> Node | None:
    roll = b.draw.random()
    if roll < 0.6:
        x = b.floating()
        return x and op.registry[b.one(SMOOTH)](x)
    if roll < 0.75:
        x = b.floating(certain=True)
        return x and op.registry[b.one(DOMAINS)](x)
    if roll < 0.85:
        x = b.floating(certain=True)
        return x and op.registry[b.one(STEPPED + ASKING)](x)
    x = b.pick(lambda n: n.type.dtype.category in (INTEGER, BOOL))
    if x is None:
        return None
    names = ASKING if x.type.dtype is bool_ else "neg abs square sign bitwise_not logical_not isnan signbit".split()
    return op.registry[b.one(names)](x)


@proposal(14)
def binary(b: Builder) -> Node | None:
    x = b.floating() if b.chance(0.8) else b.pick(lambda n: n.type.dtype.category in (INTEGER, BOOL, COMPLEX))
    if x is None:
        return None
    kind = x.type.dtype.category
    y = b.like(x)
    if b.chance(0.5):
        x, y = y, x
    if kind == BOOL:
        return op.registry[b.one(LOGIC + ["add", "mul", "eq", "lt", "maximum", "bitwise_and", "bitwise_xor"])](x, y)
    if kind == INTEGER:
        if b.chance(0.25):
            y = b.input(
                Type.of(y.type.shape, y.type.dtype), array=np.full(y.type.shape, b.integer(1, 5), y.type.dtype.storage)
            )
            return op.registry[b.one("floor_divide truncate_divide rem fmod pow".split() + BITS[3:])](x, y)
        return op.registry[b.one(ARITHMETIC * 2 + PAIRS + COMPARING + BITS + ["gcd", "lcm"] + LOGIC)](x, y)
    if kind == COMPLEX:
        return op.registry[b.one([*ARITHMETIC, "mul", "div", "eq", "ne"])](x, y)
    if b.chance(0.6):
        return op.registry[b.one(ARITHMETIC * 2 + PAIRS)](x, y)
    return op.registry[b.one(POLED + COMPARING + LOGIC + ["nextafter", "div", "div"])](x, y)


@proposal(6)
def chain(b: Builder) -> Node | None:
    """Several scalar functions one after another, some values used twice."""
    x = b.floating()
    if x is None:
        return None
    for _ in range(b.integer(2, 6)):
        roll = b.draw.random()
        if roll < 0.4:
            x = op.registry[b.one([*ARITHMETIC, "maximum"])](x, x if b.chance(0.2) else b.like(x))
        elif roll < 0.5:
            x = scalar.mul(x, scalar.number(b.one((2, 0.5, -1, 0.25, 3.0)), x.type.dtype))
        else:
            x = op.registry[b.one("tanh sigmoid neg relu abs square exp sin".split())](x)
        if not b.add(x):
            return None
    return x


@proposal(5)
def activations(b: Builder) -> Node | None:
    x = b.floating()
    if x is None:
        return None
    name = b.one(ACTIVATIONS + [*layer_samples._SETTINGS, "prelu", "glu", "squared_error", "smooth_l1", "huber"])
    if name in ("prelu", "glu", "squared_error", "logits_loss"):
        return op.registry[name](x, b.like(x))
    settings = [activation.fixed(v, x.type.dtype) for v in layer_samples._SETTINGS.get(name, ())]
    if name in ("smooth_l1", "huber"):
        return op.registry[name](x, b.like(x), scalar.number(1, x.type.dtype))
    return op.registry[name](x, *settings)


@proposal(2)
def pair_losses(b: Builder) -> Node | None:
    shape, dtype = b.home, b.one(FLOATS)
    x, y = (b.input(Type.of(shape, dtype), "unit") for _ in range(2))
    name = b.one("binary_cross_entropy logits_loss divergence squared_error huber".split())
    extra = [scalar.number(1, dtype)] if name == "huber" else []
    return op.registry[name](x, y, *extra)


@proposal(4)
def select(b: Builder) -> Node | None:
    x = b.pick()
    if x is None:
        return None
    y = b.like(x)
    conditions = [n for n in b.nodes if n.type.dtype is bool_ and _fits(n.type.shape, x.type.shape)]
    condition = b.one(conditions) if conditions else b.input(Type.of(x.type.shape[-1:], bool_))
    return scalar.select(condition, x, y)


def _fits(a: Shape, b: Shape) -> bool:
    return len(a) <= len(b) and all(m in (1, n) for m, n in zip(reversed(a), reversed(b), strict=False))


@proposal(7)
def cast(b: Builder) -> Node | None:
    x = b.pick(lambda n: n.type.dtype.category != COMPLEX)
    if x is None:
        return None
    certain = b.fact(x).certain
    kinds = [*FLOATS, *FLOATS, *((*INTEGERS, bool_) if certain else ())]
    if b.chance(0.1) and certain:
        kinds = [kind for kind in ALL if kind.category != COMPLEX and kind not in (uint16, uint32, uint64)]
    return scalar.cast(x, dtype=b.one(kinds))


@proposal(2)
def complex_parts(b: Builder) -> Node | None:
    x = b.pick(lambda n: n.type.dtype.category == COMPLEX)
    if x is not None and x.type.dtype.category == COMPLEX:
        return op.registry[b.one("real imag conj abs neg".split())](x)
    x = b.pick(lambda n: n.type.dtype.name in ("float32", "float64"))
    return x and scalar.make_complex(x, b.like(x))


@proposal(2)
def constants(b: Builder) -> Node | None:
    dtype = b.one((*FLOATS, *INTEGERS, bool_))
    return scalar.constant(value=b.one((0, 1, 2, -1, 0.5)[: 5 if dtype in FLOATS else 3]), shape=b.home, dtype=dtype)


@proposal(1)
def bitcast(b: Builder) -> Node | None:
    x = b.pick(lambda n: n.type.dtype.itemsize in (4, 8) and n.type.dtype.category != COMPLEX)
    if x is None:
        return None
    same = [
        k for k in ALL if k.itemsize == x.type.dtype.itemsize and k.category < COMPLEX and k not in (uint32, uint64)
    ]
    return op.registry["bitcast"](x, dtype=b.one(same))


# ---- views ----


def _factored(b: Builder, size: int) -> Shape:
    """A random shape of so many elements."""
    parts: list[int] = []
    rest = size
    for _ in range(b.integer(0, 3)):
        divisors = [d for d in range(1, min(rest, 130) + 1) if rest % d == 0] if rest else [0, 1, 3]
        d = int(b.one(divisors))
        parts.append(d)
        rest = rest // d if d else 0
        if not size:
            rest = 0
    parts.insert(b.integer(0, len(parts)), rest)
    return tuple(parts)


@proposal(16)
def views(b: Builder) -> Node | None:
    """One to four views on top of each other."""
    x = b.pick()
    for _ in range(b.integer(1, 4)):
        if x is None:
            return None
        x = b.one(_VIEWS)(b, x)
        if x is not None and x not in b.nodes and not b.add(x):
            return None
    return x


def _reshape(b: Builder, x: Node) -> Node | None:
    shape = _factored(b, x.type.size)
    return view.reshape(x, shape) if prod(shape) == x.type.size else None


def _permute(b: Builder, x: Node) -> Node:
    return view.permute(x, tuple(int(a) for a in b.draw.permutation(x.type.ndim)))


def _expand(b: Builder, x: Node) -> Node | None:
    lead = tuple(b.one((1, 2, 3, 5)) for _ in range(b.integer(0, 2)))
    shape = (*lead, *[b.one((1, 2, 7, 17)) if e == 1 else e for e in x.type.shape])
    return view.expand(x, shape) if prod(shape) <= b.limit and len(shape) < 7 else None


def region(b: Builder, shape: Shape) -> tuple[Shape, Shape, Shape]:
    """A random slice: start, stop, step."""
    start, stop, step = [], [], []
    for extent in shape:
        lo = b.integer(0, extent) if b.chance(0.5) else 0
        hi = b.integer(lo, extent) if b.chance(0.5) else extent
        start.append(lo)
        stop.append(hi)
        step.append(b.one((1, 1, 1, 2, 3)))
    return tuple(start), tuple(stop), tuple(step)


def _slice(b: Builder, x: Node) -> Node:
    return view.slice_(x, *region(b, x.type.shape))


def _flip(b: Builder, x: Node) -> Node:
    return view.flip(x, axes=tuple(a for a in range(x.type.ndim) if b.chance(0.5)))


def _pad(b: Builder, x: Node) -> Node | None:
    low, high = (tuple(b.one((0, 0, 1, 2)) for _ in x.type.shape) for _ in range(2))
    interior = tuple(b.one((0, 0, 0, 1, 2)) for _ in x.type.shape)
    grown = prod(e * (g + 1) + lo + hi for e, lo, hi, g in zip(x.type.shape, low, high, interior, strict=True))
    return view.pad(x, low, high, interior) if grown <= 2 * b.limit else None


def _concatenate(b: Builder, x: Node) -> Node | None:
    if not x.type.ndim:
        return None
    axis = b.integer(0, x.type.ndim - 1)

    def fits(n: Node) -> bool:
        if n.type.dtype is not x.type.dtype or n.type.ndim != x.type.ndim:
            return False
        return all(a == axis or e == f for a, (e, f) in enumerate(zip(n.type.shape, x.type.shape, strict=True)))

    others = [n for n in b.nodes if fits(n)]
    parts = tuple(b.one(others) for _ in range(b.integer(1, 3)))
    return view.concatenate((x, *parts), axis) if x.type.size * (len(parts) + 1) <= 2 * b.limit else None


def _update(b: Builder, x: Node) -> Node:
    start, stop, step = region(b, x.type.shape)
    shape = tuple(-(-(hi - lo) // by) for lo, hi, by in zip(start, stop, step, strict=True))
    others = [n for n in b.nodes if n.type is x.type.with_shape(shape)]
    value = b.one(others) if others and b.chance(0.6) else b.input(x.type.with_shape(shape))
    return view.update(x, value, start, stop, step)


def _window(b: Builder, x: Node) -> Node | None:
    rank = min(b.integer(1, 2), x.type.ndim)
    if not rank:
        return None
    size, stride, dilation = (tuple(b.integer(1, 3) for _ in range(rank)) for _ in range(3))
    counts = [
        (e - (k - 1) * d - 1) // s + 1 for e, k, s, d in zip(x.type.shape[-rank:], size, stride, dilation, strict=True)
    ]
    if min(counts) < 1 or prod(x.type.shape[:-rank]) * prod(counts) * prod(size) > 2 * b.limit:
        return None
    return view.window(x, size=size, stride=stride, dilation=dilation)


def _keep(b: Builder, x: Node) -> Node:
    return op.registry[b.one(("identity", "stop", "leaf"))](x)


_VIEWS = (
    _reshape,
    _reshape,
    _permute,
    _permute,
    _expand,
    _slice,
    _slice,
    _flip,
    _pad,
    _concatenate,
    _update,
    _window,
    _keep,
)


@proposal(2)
def graft(b: Builder) -> Node | None:
    x = b.pick()
    if x is None:
        return None
    same = [n for n in b.nodes if n.type is x.type]
    return view.graft(x, b.one(same)) if same else None


@proposal(2)
def fold(b: Builder) -> Node | None:
    rank = b.integer(1, 2)
    spatial = tuple(b.integer(3, 12) for _ in range(rank))
    size, stride, dilation = (tuple(b.integer(1, 2) for _ in range(rank)) for _ in range(3))
    counts = tuple((e - (k - 1) * d - 1) // s + 1 for e, k, s, d in zip(spatial, size, stride, dilation, strict=True))
    x = b.input(Type.of((2, *counts, *size), b.one(FLOATS)))
    return view.fold(x, shape=(2, *spatial), size=size, stride=stride, dilation=dilation)


def _samples() -> dict[str, list[op_samples.Sample]]:
    """The samples of all ops, by name. Some are drawn at each call: here from a state of its own, so that they are always the same."""
    fixed = {*layer_samples.LAYERS, *op_samples.STRUCTURED} - {"bitcast"}
    drawn = {*op_samples._UNARY, *op_samples._BINARY, *op_samples._BITS, *op_samples._COMPLEX} - fixed
    generator = op_samples._draw.bit_generator
    before = generator.state
    generator.state = np.random.PCG64(0).state
    try:
        return {name: layer_samples.samples(name) for name in sorted(fixed | drawn)}
    finally:
        generator.state = before


_SAMPLES = _samples()


@proposal(4)
def sampled(b: Builder) -> Node | None:
    """Any record at all, at one of its samples, in double or single precision."""
    name = b.one(_SAMPLES)
    sample = b.one(_SAMPLES[name])
    kind = b.one(("f8", "f4", "f4"))
    operands = []
    for array in sample.operands:
        array = np.asarray(array)
        if array.dtype.kind == "f" and kind == "f4":
            array = array.astype("f4")
        elif array.dtype.kind == "c" and kind == "f4":
            array = array.astype("c8")
        operands.append(b.input(op_samples.type_of(array), array=array))
    attributes = {k: FLOATS[0] if v is FLOATS[1] and kind == "f4" else v for k, v in sample.attributes.items()}
    return op.registry[name](*operands, **attributes)
